#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Every board's configuration is accepted by the daemon that this build makes.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

count=0
for ini in "$top"/boards/*/board.ini; do
    "$varved" --check-config -c "$ini" </dev/null || fail "$ini is not accepted"
    count=$((count + 1))
done
[ "$count" -gt 0 ] || fail "no board found in $top/boards"

# The same check refuses a configuration with a mistake, naming file, line and key.
printf '[varve]\nflsh = 5m\n' >"$work/bad.ini"
refuses any 'bad.ini:2' "$varved" --check-config -c "$work/bad.ini"
refuses any 'flush' "$varved" --check-config -c "$work/bad.ini"
printf '%d boards accepted\n' "$count"
