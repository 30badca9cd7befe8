#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `varve wear` of a running daemon and of the store that it leaves; a budget that a daemon keeps to.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

conf=$(quick_conf <<'EOF'
[wear]
capacity = 4G
endurance = 3000
lifetime = 10y
[collector cpu]
[backend flash : sqlite]
path = varve.db
EOF
)

total() {
    "$varve" wear --format csv "$@" | sed -n 's/^flash_bytes,//p'
}

has_written() {
    [ "$(total --socket "$socket")" -gt 0 ]
}

start_daemon "$conf"
wait_until 20 has_written || fail "nothing was counted"
shows 'level      1 of 5: normal' "$varve" wear --socket "$socket"
shows 'budget     841.6 MiB a day' "$varve" wear --socket "$socket"
"$varve" wear --format json --socket "$socket" >"$work/wear.json"
"$build/tests/json_check" <"$work/wear.json" >/dev/null || fail "not JSON: $(cat "$work/wear.json")"
before=$(total --socket "$socket")
stop_daemon

# The total goes on, and the reasons are known without the configuration, too.
[ "$(total -c "$conf")" -ge "$before" ] || fail "the total went back"
[ "$(total --store "sqlite:$VARVE_STATE/varve.db")" -ge "$before" ] || fail "the total went back"
journal=$("$varve" wear --format csv --store "sqlite:$VARVE_STATE/varve.db" |
    sed -n 's/^backend\..*\.journal,//p')
[ "$journal" -gt 0 ] || fail "the reasons are not known after a stop"

# A budget that the store has used up already: nothing is written but at the stop, and it is said.
start_daemon "$conf" --set wear.budget=64K --set varve.flush=1s
wait_until 30 shows '5 of 5: RAM only' "$varve" wear --socket "$socket" ||
    fail "the budget of 64 KiB does not end in RAM"
shows 'flash writes: RAM only' "$varve" wear --socket "$socket"
refuses any 'over the budget' "$varve" flush --socket "$socket"
stop_daemon
printf 'wear: %s bytes before the restart\n' "$before"
