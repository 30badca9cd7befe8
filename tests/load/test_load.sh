#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Load on the real daemon by a module collector: 10,000 samples a second, bursts of a million within
# a second. Whatever is dropped is counted: what was pushed is what is stored and what was dropped,
# to the sample, in the daemon's figures and in the rows of the store.
#
# 15 s at 10,000 a second, with VARVE_TEST_LONG=1 ten minutes and an hour's soak at 1,000 a second
# (VARVE_SOAK=<seconds> for another time). Prints what it measured.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/../integration/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$top/tests/integration/data.sh"

mkdir "$work/modules"
"${VARVE_CC:-cc}" -std=c11 -O2 -shared -fPIC -DVARVE_MODULE -I"$top/include" \
    -o "$work/modules/load.so" "$top/tests/load/load.c" || fail "the module cannot be built"

# start_load <name> <series> <samples> <runs> <interval> [varved option...]
start_load() {
    local conf=$work/$1.ini
    cat >"$conf" <<EOF_INI
[varve]
state = \${VARVE_STATE}
clock = trust
flush = 10s
[tiers]
raw = 1s keep 2h
minute = 1m keep 24h
[collector load : load_test]
series = $2
samples = $3
runs = $4
interval = $5
deadline = 1m
[backend flash : sqlite]
EOF_INI
    shift 5
    rm -rf "$VARVE_STATE"
    : >"$work/varved.log"
    start_daemon "$conf" --plugin-dir "$work/modules" "$@"
}

of_process() { # <VmRSS and the like>
    sed -nE "s/^$1:\s*([0-9]+).*/\1/p" "/proc/$daemon/status"
}
open_files() {
    find "/proc/$daemon/fd" -mindepth 1 | wc -l
}
cpu_ms() {
    awk -v tick="$(getconf CLK_TCK)" '{ print int(($14 + $15) * 1000 / tick) }' "/proc/$daemon/stat"
}
all_there() { # <pushed>
    [ $(($(figure samples_session) + $(figure dropped) + $(figure rejected))) -ge "$1" ]
}

# settle <pushed> <name>: waits for all of it, stops, and counts
settle() {
    local samples dropped rows said cpu rss
    wait_until 120 all_there "$1" ||
        fail "$2: $(figure samples_session) taken and $(figure dropped) dropped of $1"
    ask flush || fail "$2: no flush"
    samples=$(figure samples_session)
    dropped=$(figure dropped)
    cpu=$(cpu_ms)
    rss=$(of_process VmRSS)
    [ "$(figure rejected)" -eq 0 ] || fail "$2: $(figure rejected) rejected"
    [ $((samples + dropped)) -eq "$1" ] ||
        fail "$2: $1 pushed, but $samples taken and $dropped dropped"
    stop_daemon
    said=$(sed -n 's/^load: //p' "$work/varved.log")
    rows=$("$varve" query 'load*' --tier raw --agg count --step 1h --from -1d --format csv \
        --store "sqlite:$VARVE_STATE/varve.db" | awk -F, 'NR > 1 { n += $NF } END { print n + 0 }')
    [ "${said%% refused*}" = "pushed $1" ] || fail "$2: the collector $said, expected $1"
    [ "$rows" -eq "$samples" ] || fail "$2: $samples samples were taken, $rows are stored"
    printf '%s: pushed %s = stored %s + dropped %s; %s ms CPU, %s kB resident\n' \
        "$2" "$1" "$rows" "$dropped" "$cpu" "$rss"
}

# lives <seconds> <name>: memory and files after a tenth of the time are those at the end of it. The
# first tenth fills windows and caches for the first time.
lives() {
    local began rss files
    sleep $(($1 / 10))
    rss=$(of_process VmRSS)
    files=$(open_files)
    began=$SECONDS
    while [ $((SECONDS - began)) -lt $(($1 * 9 / 10)) ]; do
        daemon_is_gone && fail "$2: the daemon is gone"
        sleep 1
    done
    printf '%s: %s kB resident after a tenth, %s kB at the end; %s files, %s files\n' \
        "$2" "$rss" "$(of_process VmRSS)" "$files" "$(open_files)"
    [ "$(open_files)" -eq "$files" ] || fail "$2: files are left open"
    [ -n "${VARVE_SANITIZE:-}" ] || [ "$(of_process VmRSS)" -le $((rss + 1024)) ] ||
        fail "$2: memory grows"
}

# ---- 10,000 a second: ten runs a second of ten samples of a hundred series
seconds=15
[ -z "${VARVE_TEST_LONG:-}" ] || seconds=600
start_load steady 100 10 $((seconds * 10)) 100ms
lives "$seconds" "steady, $seconds s"
settle $((seconds * 10000)) "steady, $seconds s"
[ "$(sed -nE 's/.*refused ([0-9]+)/\1/p' "$work/varved.log")" -eq 0 ] ||
    [ -n "${VARVE_SANITIZE:-}" ] || printf 'steady: the ring was full now and then\n'

# ---- a million in one run, once a second: the ring as it is by default overflows
start_load burst 250 4000 3 1s
settle 3000000 "bursts"
start_load wide 250 4000 3 1s --set varve.ring=131072 --set varve.window=65536
settle 3000000 "bursts, ring of 131072"

# ---- an hour at 1,000 a second, with queries in between
if [ -n "${VARVE_TEST_LONG:-}" ]; then
    seconds=${VARVE_SOAK:-3600}
    start_load soak 100 1 $((seconds * 10)) 100ms
    while sleep 5 && ask query 'load*' --from -10s --agg avg --step 1s && ask stats; do :; done \
        >/dev/null 2>&1 &
    reader=$!
    lives "$seconds" "soak, $seconds s"
    kill "$reader"
    wait "$reader" || true
    settle $((seconds * 1000)) "soak, $seconds s"
fi
