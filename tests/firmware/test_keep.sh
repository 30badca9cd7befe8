#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The image `keep` loses nothing, and never has more on its stack than tools/size_report says that it
# can: the deepest way through the call graph, main() and an interrupt on top.
#
#   test_keep.sh <build directory of a board>
# shellcheck source=tests/firmware/lib.sh
. "$(dirname "$0")/lib.sh"

output=$(run_image keep)
printf '%s\n' "$output"
used=$(sed -nE 's/^stack ([0-9]+) of [0-9]+ bytes$/\1/p' <<<"$output")
# The last two columns are those of the loop, with its budget, and of the start.
# shellcheck disable=SC2016 # Markdown
row=$("$top/tools/size_report" "$build" 2>/dev/null | grep '| `keep` |' | tr -d ',')
deepest=$(awk -F '|' '{ print ($6 + 0 > $7 + 0 ? $6 + 0 : $7 + 0) }' <<<"$row")
echo "used $used bytes, at most $deepest by the call graph"
# Besides: main() and what called it, and the registers and handler of one interrupt, with those of
# floating point.
[ "$used" -gt 1000 ] && [ "$used" -le $((deepest + 400)) ]
# The stack that the board sets aside holds that.
reserved=$(sed -nE 's/^stack [0-9]+ of ([0-9]+) bytes$/\1/p' <<<"$output")
[ $((deepest + 400)) -le "$reserved" ]
