#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The image `history`: the same table on every board, to the byte, and status 0; but for log lines,
# which not all boards have, and the memory that is used. A fault would say so and exit with another.
#
#   test_history.sh <build directory of a board>
# shellcheck source=tests/firmware/lib.sh
. "$(dirname "$0")/lib.sh"

run_image history | grep -vE '^(memory|info|notice) ' | diff "$here/history.txt" -
