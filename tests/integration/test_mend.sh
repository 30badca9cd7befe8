#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# One damaged block in a store that is sound otherwise: recovery or a query meets it, the daemon
# restores it from the backup, and answers are as before. Without a daemon `varve check --repair`
# does.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

conf=$(quick_conf <<'EOF'
[collector uptime]
interval = 1s
[backend flash : sqlite]
EOF
)
store=$VARVE_STATE/varve.db

# damage: a byte in the second block of the store
damage() {
    local at
    at=$(grep -obUa VRVB "$store" | sed -n 2p | cut -d: -f1)
    [ -n "$at" ] || fail 'the store has no second block'
    dd if=/dev/urandom of="$store" bs=1 seek=$((at + 84)) count=8 conv=notrunc status=none
}

query() {
    "$varve" query 'uptime_seconds' --tier raw --from -10m --format json "$@"
}

restored() {
    "$varve" events --socket "$socket" | grep -q block_restored
}

start_daemon "$conf"
sleep 8
"$varve" backup now --socket "$socket" >/dev/null
stop_daemon
# What was collected since is not asked for: it has no backup.
to=$(date +%s)
query --store "sqlite:$store" --to "$((to - 3))" >"$work/before.json"
grep -q '"damaged_blocks":0' "$work/before.json" || fail 'the store is damaged already'
[ "$(wc -c <"$work/before.json")" -gt 200 ] || fail 'there is no history'

damage
start_daemon "$conf"
query --socket "$socket" >"$work/first.json"
wait_until 10 restored || fail 'the block is not restored'
query --socket "$socket" --to "$((to - 3))" >"$work/after.json"
cmp "$work/before.json" "$work/after.json" || fail 'a query answers something else'
shows '1 damaged blocks restored' "$varve" stats --socket "$socket"
"$varve" backup now --socket "$socket" >/dev/null
stop_daemon

damage
refuses 1 'damaged' "$varve" check --store "sqlite:$store"
shows '1 blocks restored from elsewhere' "$varve" check --store "sqlite:$store" --repair
query --store "sqlite:$store" --to "$((to - 3))" >"$work/after.json"
cmp "$work/before.json" "$work/after.json" || fail 'a query answers something else after the repair'
printf 'a damaged block was restored under the daemon, and by a repair\n'
