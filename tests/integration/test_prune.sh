#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The operator removes history: a plan that changes nothing, the question, the removal by a daemon
# that collects on, of some series and of all, on a stopped store; what is gone is in no file, and
# what is left survives SIGKILL and restarts.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

series=4
span=36000
from=$((($(date +%s) - 172800) / 86400 * 86400)) # two days ago or more: whole cells of a day
cut=$((from + 20000))

write_conf() {
    cat >"$work/prune.ini" <<INI
[varve]
state = \${VARVE_STATE}
flush = 5m
clock = trust
[tiers]
raw = 5s keep 10d
minute = 1m keep 10d
hour = 1h keep 30d
[backend flash : sqlite]
journal = $1
[collector uptime]
interval = 1s
INI
}

# left <selector> <tier>: rows that are there
left() {
    ask export "$1" --tier "$2" --agg "$([ "$2" = raw ] && echo auto || echo count)" 2>/dev/null |
        tail -n +2 | wc -l
}

# is_left <selector> <tier> <rows> <when>
is_left() {
    [ "$(left "$1" "$2")" -eq "$3" ] || fail "$1 has $(left "$1" "$2") rows in $2, not $3: $4"
}

prune_by_daemon() {
    write_conf "$1"
    rm -rf "$VARVE_STATE" && mkdir -p "$VARVE_STATE"
    start_daemon "$work/prune.ini"
    generate "$from" "$span" "$series" 5 >"$work/in.csv"
    ask import --format csv - <"$work/in.csv" >/dev/null 2>&1
    ask export made >"$work/before.csv"

    # ---- a plan changes nothing
    ask prune --before "$cut" --dry-run --format json 'made{n="01"}' >"$work/plan"
    [ "$("$json_check" -p series series <"$work/plan")" -eq 1 ] || fail "the plan: $(cat "$work/plan")"
    refuses 2 'there is no terminal to ask on' "$varve" prune --before "$cut" --socket "$socket"
    refuses 2 '--before TIME is missing' "$varve" prune --yes --socket "$socket"
    refuses 2 'there is no tier' "$varve" prune --before now --tier week --yes --socket "$socket"
    refuses 3 'no series matches' "$varve" prune nothing --before now --yes --socket "$socket"
    ask export made >"$work/same.csv"
    cmp "$work/before.csv" "$work/same.csv" || fail "a plan or a refusal changed something"

    # ---- one series, one tier
    shows 'removed rows of 1 series' "$varve" prune --before "$cut" --tier raw 'made{n="01"}' --yes \
        --socket "$socket"
    is_left 'made{n="00"}' raw $((span / 5)) "another series"
    is_left 'made{n="01"}' raw $(((span - 20000) / 5)) "the series"
    is_left 'made{n="01"}' minute $((span / 60)) "another tier"

    # ---- all of them, every tier; the daemon collects on
    shows "removed rows of $series series" "$varve" prune --before "$cut" --yes --socket "$socket" 'made'
    for n in 00 01 02 03; do
        is_left "made{n=\"$n\"}" raw $(((span - 20000) / 5)) "all tiers"
        is_left "made{n=\"$n\"}" minute $(((span - 20000) / 60 + 1)) "all tiers"
        is_left "made{n=\"$n\"}" hour 5 "all tiers"
    done
    ask events --format csv >"$work/events"
    grep -q "uid $(id -u), pid .* removed" "$work/events" || fail "no event: $(cat "$work/events")"
    [ "$(figure 'backends[].state')" -eq 0 ] || fail "the store does not work"

    # ---- SIGKILL, and a start with what is left
    ask export made >"$work/after.csv"
    kill_daemon
    shows '0 damaged units' "$varve" check --store "sqlite:$VARVE_STATE/varve.db"
    start_daemon "$work/prune.ini"
    ask export made >"$work/again.csv"
    cmp "$work/after.csv" "$work/again.csv" || fail "after SIGKILL something else is left"
    is_left 'made{n="02"}' minute $(((span - 20000) / 60 + 1)) "after SIGKILL"
    is_left 'made{n="02"}' hour 5 "after SIGKILL"
    stop_daemon
    [ "$(sqlite3 "$VARVE_STATE/varve.db" 'PRAGMA integrity_check')" = ok ] || fail "it is damaged"
}

prune_by_daemon wal
prune_by_daemon inplace

# ---- a stopped store
store=sqlite:$VARVE_STATE/varve.db
"$varve" export --store "$store" made >"$work/before.csv"
shows 'this would remove rows of 4 series' "$varve" prune --before $((cut + 5000)) --dry-run \
    --store "$store"
"$varve" export --store "$store" made >"$work/same.csv"
cmp "$work/before.csv" "$work/same.csv" || fail "a plan changed a stopped store"
shows 'removed rows of 4 series' "$varve" prune --before $((cut + 5000)) --yes --store "$store" made
[ "$("$varve" export --store "$store" 'made{n="03"}' | tail -n +2 | wc -l)" -eq \
    $(((span - 25000) / 5)) ] || fail "the stopped store has something else"
shows '0 damaged units' "$varve" check --store "$store"
refuses 4 'there is no store' "$varve" prune --before now --yes --store "sqlite:$work/none.db"

# ---- the question, on a terminal
if command -v script >/dev/null; then
    ask_it() {
        printf '%s\n' "$1" | script -qec "$varve prune --before now --store $store made" /dev/null
    }
    ask_it no >"$work/said" || true
    grep -q 'nothing was removed' "$work/said" || fail "no is not taken for no: $(cat "$work/said")"
    [ "$("$varve" export --store "$store" made | tail -n +2 | wc -l)" -gt 0 ] || fail "no removed it"
    ask_it yes >"$work/said" || fail "yes fails: $(cat "$work/said")"
    grep -q 'removed rows of 4 series' "$work/said" || fail "yes removes nothing: $(cat "$work/said")"
fi

# ---- the daemon of that store starts, and goes on
start_daemon "$work/prune.ini"
ask import --format csv - < <(generate "$((from + span))" 600 "$series" 5) >/dev/null 2>&1
ask export 'made{n="00"}' --tier hour --agg count | grep -q "^$((from + span))000,.*,120\$" ||
    fail "the hour after the prune: $(ask export 'made{n="00"}' --tier hour --agg count)"
stop_daemon
printf 'prune: removed what was asked for, kept the rest\n'
