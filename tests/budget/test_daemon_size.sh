#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the daemon with all plugins takes on 32-bit ARM, dynamically linked and stripped, does not grow
# beyond daemon_size.txt, which has a line for each type of build. Who makes it grow for a reason raises
# the figure; a daemon that got smaller by a twentieth lowers it.
#
#   test_daemon_size.sh <build directory for armhf>
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/varve.XXXXXX")
trap 'rm -rf "$work"' EXIT

type=$(sed -n 's/^CMAKE_BUILD_TYPE:[A-Z]*=//p' "$build/CMakeCache.txt")
limit=$(awk -v type="$type" '$1 == type { print $2 }' "$here/daemon_size.txt")
if [ -z "$limit" ]; then
    echo "there is no budget for builds of type '$type'"
    exit 77
fi
arm-linux-gnueabihf-strip -o "$work/varved" "$build/target/varved"
size=$(stat -c %s "$work/varved")
echo "varved takes $size bytes, of $limit"
[ "$size" -le "$limit" ] && [ "$size" -ge $((limit - limit / 20)) ]
