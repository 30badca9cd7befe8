#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at random moments, while history comes in through the socket as fast as it goes and live
# samples are collected. After each: the store opens without help; what was confirmed, and what was
# collected earlier than the flush window, is there; of an import that was cut off there is a
# beginning without holes; nothing is invented or there twice; the tiers count what raw holds.
# VARVE_TEST_SEED repeats a run; VARVE_TEST_LONG=1 takes 200 rounds instead of 10.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

seed=${VARVE_TEST_SEED:-$((RANDOM * 7 + $$))}
rounds=10
[ "${VARVE_TEST_LONG:-}" != 1 ] || rounds=200
printf 'seed %s, %s rounds\n' "$seed" "$rounds"
RANDOM=$seed

series=20
span=600 # of the history imported in one round, in s
flush_ms=1000
base=$(($(date +%s) / 60 * 60 - (rounds + 1) * span))
store=sqlite:$VARVE_STATE/varve.db
cat >"$work/crash.ini" <<'EOF'
[varve]
state = ${VARVE_STATE}
flush = 1s
clock = trust
[tiers]
raw = 1s keep 3d
minute = 1m keep 30d
hour = 1h keep 90d
[collector load]
interval = 1s
[collector memory]
interval = 1s
[backend flash : sqlite]
path = varve.db
EOF

as_exported() {
    sed 's/made{n="\(..\)"}/"made{n=""\1""}"/; s/\(\.[0-9]*[1-9]\)0*$/\1/' | LC_ALL=C sort
}

# made <round>: the stored part of the round's history
made() {
    "$varve" export 'made*' --store "$store" --from "$((base + $1 * span))" \
        --to "$((base + ($1 + 1) * span - 1))" 2>/dev/null | tail -n +2 | LC_ALL=C sort || true
}

# check_import <round> <confirmed>: nothing invented, nothing twice, no holes, all if confirmed
check_import() {
    local last_ms
    as_exported <"$work/round.csv" >"$work/expected"
    made "$1" >"$work/made"
    contains_all "$work/expected" "$work/made"
    [ -z "$(uniq -d "$work/made")" ] || fail "imported samples came up twice"
    if [ "$2" = yes ]; then
        contains_all "$work/made" "$work/expected"
    elif [ -s "$work/made" ]; then
        last_ms=$(tail -n 1 "$work/made" | cut -d , -f 1)
        awk -F , -v end="$((last_ms - flush_ms))" '$1 <= end' "$work/expected" >"$work/beginning"
        contains_all "$work/made" "$work/beginning"
    fi
}

# check_live <Unix ms>: of what was exported before the crash, all before this time is there
check_live() {
    local rc=0
    "$varve" export 'load*' --store "$store" >"$work/live.after" 2>/dev/null || rc=$?
    # 3: killed before the first flush, no such series is stored yet
    [ "$rc" -eq 0 ] || [ "$rc" -eq 3 ] || fail "export after the crash: exit code $rc"
    awk -F , -v end="$1" 'NR > 1 && $1 <= end' "$work/live" >"$work/live.due"
    contains_all "$work/live.after" "$work/live.due"
    no_duplicates "$work/live.after"
}

confirmed_rounds=0
for ((round = 0; round < rounds; round++)); do
    generate "$((base + round * span))" "$span" "$series" >"$work/round.csv"
    start_daemon "$work/crash.ini"
    sleep "$((RANDOM % 4 / 3)).$((RANDOM % 10))"
    (ask import "$work/round.csv" >/dev/null 2>&1 && echo yes >"$work/confirmed.$round") &
    importer=$!
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    ask export 'load*' >"$work/live" 2>/dev/null || printf 'ts,series,value\n' >"$work/live"
    asked_ms=$(date +%s%3N)
    kill_daemon
    wait "$importer" 2>/dev/null || true

    confirmed=no
    if [ -e "$work/confirmed.$round" ]; then
        confirmed=yes
        confirmed_rounds=$((confirmed_rounds + 1))
    fi
    check_import "$round" "$confirmed"
    # The window, and a second for the keeper to notice and the store to commit.
    check_live "$((asked_ms - flush_ms - 1000))"
    tier_agrees minute --store "$store"
    printf 'round %d: import confirmed: %s, %d of %d samples stored\n' "$round" "$confirmed" \
        "$(wc -l <"$work/made")" "$(wc -l <"$work/expected")"
    cp "$work/made" "$work/made.$round"
done

# ---- nothing got lost later, and the daemon goes on as if nothing had been
start_daemon "$work/crash.ini"
wait_until 10 has_figure samples_session 10 || fail "nothing is collected"
stop_daemon
for ((round = 0; round < rounds; round++)); do
    made "$round" >"$work/made"
    cmp -s "$work/made" "$work/made.$round" || fail "history of round $round changed later"
done
for tier in minute hour; do
    tier_agrees "$tier" --store "$store"
done

# ---- late rows: history that is older than what is rolled up already, confirmed, then a crash
export VARVE_STATE=$work/late
socket=$VARVE_STATE/varved.sock
store=sqlite:$VARVE_STATE/varve.db
sed 's/^raw = .*/raw = 1s keep 4h/; s/^minute = .*/minute = 1m keep 1d/' "$work/crash.ini" \
    >"$work/late.ini"
now=$(date +%s)
generate "$((now - 7200))" 1200 2 >"$work/old.csv"
generate "$((now - 900))" 600 3 | sed 's/made/late/' >"$work/late.csv"
start_daemon "$work/late.ini"
ask import "$work/old.csv" 2>/dev/null
wait_until 15 has_figure 'backends[].blocks' 10 || fail "nothing is stored"
sleep 1.5 # live samples move the mark of the minute tier to now
ask import "$work/late.csv" 2>/dev/null
kill_daemon
for selector in 'made*' 'late*' 'load*'; do
    for tier in minute hour; do
        tier_agrees "$tier" "$selector" --store "$store"
    done
done
[ "$("$varve" export 'late*' --store "$store" | wc -l)" -eq 1801 ] || fail "late rows are lost"
