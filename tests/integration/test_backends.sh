#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Several backends at once, each with its own tiers: raw and minutes in RAM, minutes, hours and days
# in SQLite without a journal. Queries merge them; SIGKILL costs what was in RAM only, and everything
# coarser agrees with what is left; a changed list of tiers takes effect at a reload and rewrites
# nothing.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

series=10
span=18000
from=$((($(date +%s) - 86400) / 86400 * 86400)) # a day's beginning, so that one day holds it all

# write_conf <line of [tiers]>...
write_conf() {
    cat >"$work/backends.ini" <<INI
[varve]
state = \${VARVE_STATE}
flush = 5m
clock = trust
[tiers]
raw = 5s keep 6h
$(printf '%s\n' "$@")
[backend memory : ring]
size = 4M
tiers = raw minute
[backend flash : sqlite]
journal = inplace
tiers = $(printf '%s ' "$@" | grep -oE '(minute|quarter|hour|day) =' | tr -d '=\n')
INI
}

# total <tier>: samples counted in the tier's cells
total() {
    ask export --tier "$1" --agg count | awk -F , 'NR > 1 { n += $NF } END { print n + 0 }'
}

# wanted <seconds>: samples of all series in so much time
wanted() {
    echo $(($1 * series / 5))
}

counts() {
    [ "$(total "$1")" -eq "$2" ] || fail "tier $1 counts $(total "$1") samples, not $2 ($3)"
}

write_conf 'minute = 1m keep 2d' 'hour = 1h keep 7d' 'day = 1d keep 90d'
generate "$from" "$span" "$series" 5 >"$work/in.csv"
start_daemon "$work/backends.ini"
ask import --format csv - <"$work/in.csv" >/dev/null 2>&1

# ---- all of it is there, wherever it is
ask export >"$work/out.csv"
no_duplicates "$work/out.csv"
[ "$(rows "$work/out.csv")" -eq "$(wanted "$span")" ] || fail "raw has $(rows "$work/out.csv") rows"
for tier in minute hour day; do
    tier_agrees "$tier" --socket "$socket"
done

# ---- an orderly stop keeps what SQLite keeps; RAM is empty
stop_daemon
start_daemon "$work/backends.ini"
[ "$(ask export | tail -n +2 | wc -l)" -eq 0 ] || fail "raw samples in RAM survived a restart"
for tier in minute hour day; do
    counts "$tier" "$(wanted "$span")" "after a restart"
done

# ---- SIGKILL after a flush: the open minute is lost, and nothing else
generate $((from + span)) 3600 "$series" 5 >"$work/more.csv"
ask import --format csv - <"$work/more.csv" >/dev/null 2>&1
ask flush >/dev/null
kill_daemon
start_daemon "$work/backends.ini"
for tier in minute hour day; do
    counts "$tier" "$(wanted $((span + 3600 - 60)))" "after SIGKILL"
done
[ "$(sqlite3 "$VARVE_STATE/varve.db" 'PRAGMA integrity_check' 2>&1 | tail -n 1)" != ok ] ||
    fail "a live store can be opened by others"

# ---- another list of tiers: the new one is made from what is finer, the others stay
write_conf 'minute = 1m keep 3d' 'quarter = 15m keep 30d cap 1M' 'hour = 1h keep 30d' 'day = 1d keep 365d'
kill -HUP "$daemon"
has_quarters() {
    ask export --tier quarter --agg count >/dev/null
}
wait_until 20 has_quarters || fail "the new tier is not there"
for tier in minute quarter hour day; do
    counts "$tier" "$(wanted $((span + 3600 - 60)))" "after the reload"
done
stop_daemon
[ "$(sqlite3 "$VARVE_STATE/varve.db" 'PRAGMA integrity_check')" = ok ] || fail "the database is damaged"
start_daemon "$work/backends.ini"
for tier in minute quarter hour day; do
    counts "$tier" "$(wanted $((span + 3600 - 60)))" "after the reload and a restart"
done
stop_daemon
