#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# History under FreeRTOS, on the kernel itself: the image `tasks` loses nothing of what its tasks and an
# interrupt push, and finds it again when the board has a chip. Needs a build with the kernel.
#
#   test_tasks.sh <build directory of a board>
set -euo pipefail
build=$(cd "$1" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/varve.XXXXXX")
trap 'rm -rf "$work"' EXIT
chip=$work/chip.img

qemu=("$build/tasks")
if grep -q '^VARVE_BOARD:[A-Z]*=freertos-cm4$' "$build/CMakeCache.txt"; then
    head -c 1048576 /dev/zero | tr '\0' '\377' >"$chip"
    qemu+=(-drive "file=$chip,if=mtd,format=raw")
fi

# run <pulses that are there before>
run() {
    timeout 300 "${qemu[@]}" </dev/null | tee "$work/out"
    grep -q "^found $1 pulses" "$work/out"
    grep -q '^pushed 1440 rows of sensors and 7200 pulses, refused 0$' "$work/out"
    grep -qE '^kept [0-9]+ pulses, wrong 0$' "$work/out"
}

run 0
if [ -e "$chip" ]; then
    run 7200
    if grep -q warning "$work/out"; then
        exit 1
    fi
fi
