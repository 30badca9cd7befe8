# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Runs an image of the build given as the script's first argument.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # used by the scripts
top=$(cd "$here/../.." && pwd)
build=$(cd "$1" && pwd)

run_image() {
    "$build/$1" </dev/null
}
