#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# History in RAM that outlives the daemon: SIGKILL and an orderly stop leave the ring as it was, under
# the right names; what only it has reaches a store that comes later; another size begins empty and
# says so; two daemons do not share it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

# The ring's memory is a file in RAM outside $work: its name tells which is ours.
ring=kept$$
forget_ring() {
    rm -f /dev/shm/varve-*-"$ring" /run/varve-*-"$ring"
}
trap 'forget_ring; clean_up' EXIT
[ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ] || skip "/dev/shm is no tmpfs"

# write_conf <size> <further lines>
write_conf() {
    cat >"$work/retain.ini" <<INI
[varve]
state = \${VARVE_STATE}
flush = 5m
clock = trust
[tiers]
raw = 5s keep 6h
minute = 1m keep 2d
[backend $ring : ring]
size = $1
retain = yes
${2:-}
INI
}

same() {
    ask export >"$work/now.csv"
    cmp "$work/all.csv" "$work/now.csv" || fail "$1: the history is another"
}

from=$((($(date +%s) - 14400) / 3600 * 3600))
write_conf 2M
start_daemon "$work/retain.ini"
logged 'begins empty: nothing was kept' || fail "it does not say that it is empty"
generate "$from" 7200 10 5 >"$work/in.csv"
ask import --format csv - <"$work/in.csv" >/dev/null 2>&1
ask export >"$work/all.csv"
[ "$(rows "$work/all.csv")" -eq 14400 ] || fail "imported $(rows "$work/all.csv") rows"

# ---- SIGKILL, twice, then an orderly stop
for _ in 1 2; do
    kill_daemon
    start_daemon "$work/retain.ini"
    same "after SIGKILL"
done
logged 'blocks were kept in memory; 0 half-written' || fail "it does not say what it kept"
stop_daemon
start_daemon "$work/retain.ini"
same "after a stop"
tier_agrees minute --socket "$socket"

# ---- one at a time
refuses 3 "another process has this ring's memory" "$varved" -c "$work/retain.ini" --state "$VARVE_STATE" --set varve.socket=other.sock

# ---- a store that comes later gets what only the ring has
kill_daemon
write_conf 2M "[backend flash : sqlite]"
start_daemon "$work/retain.ini"
same "with a store"
ask flush
kill_daemon
"$varve" export --store "sqlite:$VARVE_STATE/varve.db" >"$work/now.csv"
cmp "$work/all.csv" "$work/now.csv" || fail "the store did not get what the ring had"

# ---- another size begins empty, and the store has it all
write_conf 1M "[backend flash : sqlite]"
start_daemon "$work/retain.ini"
logged 'begins empty: what was kept is of other sizes' || fail "it does not say why it is empty"
same "with another size"
stop_daemon

# ---- memory of another store's series is not mixed in
rm -f "$VARVE_STATE"/varve.db*
"$varve" import --store "sqlite:$VARVE_STATE/varve.db" - 2>/dev/null <<<"$((from + 60)),other,1" ||
    fail "cannot make another store"
generate "$from" 600 2 5 >"$work/in.csv"
write_conf 512K ""
start_daemon "$work/retain.ini"
ask import --format csv - <"$work/in.csv" >/dev/null 2>&1
kill_daemon
write_conf 512K "[backend flash : sqlite]"
start_daemon "$work/retain.ini"
logged 'what was kept in memory belongs to another store' || fail "it mixes two stores"
[ "$(ask series --format csv | tail -n +2 | wc -l)" -eq 1 ] || fail "series: $(ask series)"
stop_daemon
printf 'retain: the ring outlives its daemon\n'
