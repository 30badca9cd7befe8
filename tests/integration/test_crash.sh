#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SIGKILL at random moments, while history comes in through the socket as fast as it goes and live
# samples are collected. After each: the store opens without help; what was confirmed - an import, a
# flush -, and what was collected earlier than the flush window, is there; of an import that was cut
# off there is a beginning without holes; nothing is invented or there twice; the tiers count what
# raw holds. VARVE_TEST_SEED repeats a run; VARVE_TEST_LONG=1 takes 200 rounds instead of 8, or 3
# under the thread sanitizer.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

seed=${VARVE_TEST_SEED:-$((RANDOM * 7 + $$))}
rounds=8
import_ms=300 # it is killed within
if [ "${VARVE_SANITIZE:-}" = thread ]; then
    rounds=3
    import_ms=1500
fi
[ "${VARVE_TEST_LONG:-}" != 1 ] || rounds=200
printf 'seed %s, %s rounds\n' "$seed" "$rounds"
RANDOM=$seed

series=20
span=300 # of the history imported in one round, in s, and so many blocks
flush_ms=1000
# The index has room for 4096 blocks, and what it costs to open a store grows with their number: a
# new one after some rounds.
rounds_of_store=5
base=$(($(date +%s) / 60 * 60 - (rounds + 1) * span))
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
interval = 100ms
[collector memory]
interval = 100ms
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

sleep_ms() {
    sleep "$(($1 / 1000)).$(printf '%03d' $(($1 % 1000)))"
}

# begin_store <number>: another state directory
begin_store() {
    export VARVE_STATE=$work/state.$1
    socket=$VARVE_STATE/varved.sock
    store=sqlite:$VARVE_STATE/varve.db
    mkdir "$VARVE_STATE"
}

# crash <round>: imports, collects and kills. What was exported just before is in $work/live, and was
# flushed in every other round; live_due_ms: what is older than that must be there.
crash() {
    ask export 'load*' >"$work/live" 2>/dev/null || printf 'ts,series,value\n' >"$work/live"
    # The window, and a second for the keeper to notice and the store to commit.
    live_due_ms=$(($(date +%s%3N) - flush_ms - 1000))
    if [ $((RANDOM % 2)) -eq 0 ] && ask flush; then
        live_due_ms=$(date +%s%3N)
    fi
    (ask import "$work/round.csv" >/dev/null 2>&1 && echo yes >"$work/confirmed.$1") &
    local importer=$!
    sleep_ms $((RANDOM % import_ms))
    kill_daemon
    wait "$importer" 2>/dev/null || true
}

play_round() {
    local round=$1 confirmed=no
    generate "$((base + round * span))" "$span" "$series" >"$work/round.csv"
    start_daemon "$work/crash.ini"
    sleep_ms $((RANDOM % 1500))
    crash "$round"
    [ ! -e "$work/confirmed.$round" ] || confirmed=yes
    check_import "$round" "$confirmed"
    check_live "$live_due_ms"
    tier_agrees minute --store "$store"
    printf 'round %d: import confirmed: %s, %d of %d samples stored\n' "$round" "$confirmed" \
        "$(wc -l <"$work/made")" "$(wc -l <"$work/expected")"
    cp "$work/made" "$work/made.$round"
}

# end_store <first round> <last round>: nothing got lost later, and the daemon goes on as if nothing
# had been
end_store() {
    local round tier
    start_daemon "$work/crash.ini"
    wait_until 60 has_figure samples_session 10 || fail "nothing is collected"
    stop_daemon
    for ((round = $1; round <= $2; round++)); do
        made "$round" >"$work/made"
        cmp -s "$work/made" "$work/made.$round" || fail "history of round $round changed later"
    done
    for tier in minute hour; do
        tier_agrees "$tier" --store "$store"
    done
    rm -rf "$VARVE_STATE"
}

for ((first = 0; first < rounds; first += rounds_of_store)); do
    last=$((first + rounds_of_store < rounds ? first + rounds_of_store - 1 : rounds - 1))
    begin_store "$first"
    for ((round = first; round <= last; round++)); do
        play_round "$round"
    done
    end_store "$first" "$last"
done

# ---- late rows: history that is older than what is rolled up already, confirmed, then a crash
begin_store late
sed 's/^flush = .*/flush = 10s/; s/^raw = .*/raw = 1s keep 4h/; s/^minute = .*/minute = 1m keep 1d/' "$work/crash.ini" \
    >"$work/late.ini"
now=$(date +%s)
generate "$((now - 7200))" 1200 2 >"$work/old.csv"
generate "$((now - 900))" 600 3 | sed 's/made/late/' >"$work/late.csv"
start_daemon "$work/late.ini"
ask import "$work/old.csv" 2>/dev/null
wait_until 60 has_figure 'backends[].blocks' 10 || fail "nothing is stored"
wait_until 60 has_figure samples_session 2405 || fail "nothing is collected"
ask flush # live samples move the mark of the minute tier to now
ask import "$work/late.csv" 2>/dev/null
kill_daemon
for selector in 'made*' 'late*' 'load*'; do
    for tier in minute hour; do
        tier_agrees "$tier" "$selector" --store "$store"
    done
done
[ "$("$varve" export 'late*' --store "$store" | wc -l)" -eq 1801 ] || fail "late rows are lost"
