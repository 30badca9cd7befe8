#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The daemon's life on the profile for Linux: it collects, answers in every format, flushes and reads
# its configuration again on signals, keeps a second daemon off, stores everything on SIGTERM and
# continues where it stopped. The tool finds it, or the store when it is down.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

conf=$work/board.ini

log_lines() {
    grep -cF -- "$1" "$work/varved.log" || true
}

# json <paths that must occur>... -- <command>...
json() {
    local paths=()
    while [ "$1" != -- ]; do
        paths+=("$1")
        shift
    done
    shift
    "$@" --format json | "$json_check" "${paths[@]}" || fail "bad JSON: $*"
}

# csv <header> <command>...: a header, at least a row, all rows with as many fields
csv() {
    local header=$1 output
    shift
    output=$("$@" --format csv)
    [ "$(head -n 1 <<<"$output")" = "$header" ] || fail "the CSV header is not $header: $output"
    [ "$(wc -l <<<"$output")" -gt 1 ] || fail "no rows: $*"
    # Quoted fields become one letter.
    # shellcheck disable=SC2001 # a pattern of the shell cannot say that
    sed 's/"\([^"]\|""\)*"/q/g' <<<"$output" | awk -F , '
        NR == 1 { n = NF }
        NF != n { print "line " NR " has " NF " fields, not " n ": " $0; bad = 1 }
        END { exit bad }' || fail "ragged CSV: $*"
}

# The flush is far away, so that nothing is stored unless something asks for it.
sed 's/^raw = .*/raw = 1s keep 2h/; s/^interval = .*/interval = 1s/; s/^flush = .*/flush = 1h/' \
    "$top/boards/linux-generic/board.ini" >"$conf"
start_daemon "$conf"

# ---- the banner
wait_until 15 logged 'Ctrl-C stores what is in memory and stops.' || fail "there is no banner"
wait_until 15 has_figure samples_session 200 || fail "the collectors produce nothing"
for text in 'collects   cpu memory load' "stores in  $VARVE_STATE/varve.db (sqlite)" \
    "socket     $socket" 'Try in another terminal:'; do
    logged "$text" || fail "the banner does not say: $text"
done
[[ $(grep 'keeps .* series' "$work/varved.log") =~ keeps\ ([0-9]+)\ series ]]
[ "${BASH_REMATCH[1]}" -ge 10 ] || fail "the banner counts ${BASH_REMATCH[1]} series"
# Under an emulator the program is not where one would start it.
grep -A 3 '^Try in' "$work/varved.log" | grep '^  ' | sed "s#$build/target/#$build/#" \
    >"$work/commands"
[ "$(wc -l <"$work/commands")" -eq 3 ] || fail "the banner suggests: $(cat "$work/commands")"
bash -eu "$work/commands" >/dev/null || fail "what the banner suggests does not work"

# ---- every answer in every format
for series in load1 memory_free_bytes 'cpu_*' 'memory_*_bytes' 'varve_*'; do
    shows '' ask query "$series" --from -1m
done
shows load1 ask query load1
json tier results 'results[].series' 'results[].points[][]' -- ask query load1
[ "$(ask query load1 --format json | "$json_check" -p tier)" = '"raw"' ]
json 'results[].points[][]' -- ask query '*' --from -5m --tier minute --agg max
json 'results[].points[][]' -- ask query 'cpu_seconds_total{mode="user"}' --agg rate --step 2s
csv ts,series,value ask query 'cpu_*'
shows load1 ask series
shows load1 ask series 'load?'
json 'series[].series' 'series[].kind' -- ask series
csv series,kind,unit,help ask series
shows 'TIER' ask stats
json series samples dropped stored_bytes flash_bytes flash_bytes_per_sample 'tiers[].name' \
    'tiers[].oldest_ms' 'tiers[].newest_ms' 'tiers[].blocks' 'backends[].where' -- ask stats
csv name,value ask stats
shows 'started' ask events
json 'events[].time_ms' 'events[].severity' 'events[].message' -- ask events
[[ $(ask events --format csv) == time_ms,severity,* ]] || fail "events as CSV"
shows running ask plugins
json 'plugins[].name' 'plugins[].state' -- ask plugins
[[ $(ask plugins --format csv) == name,* ]] || fail "plugins as CSV"
[ "$(figure dropped)" -eq 0 ] || fail "samples were dropped"

# ---- finding the daemon
shows load1 "$varve" series
shows load1 env -u VARVE_STATE "VARVE_SOCKET=$socket" "$varve" series
shows load1 env VARVE_STATE=/nonexistent "VARVE_SOCKET=$socket" "$varve" series
refuses 4 'no daemon answers at /nonexistent/varved.sock' env VARVE_STATE=/nonexistent \
    "$varve" series
refuses 4 'varved running?' "$varve" series --socket "$work/nobody.sock"

# ---- one store, one daemon
refuses 3 "another varved answers at $socket; stop it first" "$varved" -c "$conf"
refuses 3 "another process has $VARVE_STATE/varve.db open" "$varved" -c "$conf" \
    --set "varve.socket=$work/other.sock"
refuses 4 "ask it instead: varve --socket $socket" "$varve" stats --store \
    "sqlite:$VARVE_STATE/varve.db"
refuses 4 "ask it instead: varve --socket $socket" "$varve" import --store \
    "sqlite:$VARVE_STATE/varve.db" - <<<'1,a,1'
[ ! -e "$work/other.sock" ] || fail "a daemon that did not start left its socket"
daemon_answers >/dev/null || fail "a second daemon's attempt harmed the first"

# ---- SIGUSR1 flushes
[ "$(figure 'backends[].blocks')" -eq 0 ] || fail "something was flushed before its time"
waiting=$(figure window_samples)
kill -USR1 "$daemon"
wait_until 15 has_figure 'backends[].blocks' 1 || fail "SIGUSR1 does not flush"
wait_until 15 logged 'flushed: everything in memory is stored' || fail "the flush is not logged"
[ "$(figure window_samples)" -lt "$waiting" ] || fail "what was flushed is still in the window"

# ---- SIGHUP: a configuration that is valid, one that is not, a valid one again
ask export >"$work/before"
sed -i 's/^flush = .*/flush = 30m/; /^\[collector uptime\]/,/^interval/d' "$conf"
kill -HUP "$daemon"
wait_until 20 logged 'running with the new configuration' || fail "SIGHUP does not reload"
wait_until 10 daemon_answers || fail "the daemon does not answer after a reload"
shows 'flush = 30m' ask config show
if ask plugins | grep '^uptime .*running'; then
    fail "a collector that was taken out of the configuration still runs"
fi
ask export >"$work/after"
contains_all "$work/after" "$work/before"

cp "$conf" "$work/valid.ini"
printf 'flsh = 1m\n[collector lod]\n' >>"$conf"
line=$(grep -n '^flsh' "$conf" | cut -d : -f 1)
kill -HUP "$daemon"
wait_until 20 logged 'the configuration is not valid; nothing was changed' ||
    fail "SIGHUP with a broken configuration is not reported"
logged "$conf:$line" || fail "the log does not name the line that is wrong"
logged 'did you mean' || fail "the log does not say what may have been meant"
samples=$(figure samples)
wait_until 10 has_figure samples "$((samples + 10))" || fail "a broken configuration stops all"
shows 'flush = 30m' ask config show
cp "$work/valid.ini" "$conf"
kill -HUP "$daemon"
reloaded_twice() {
    [ "$(log_lines 'running with the new configuration')" -eq 2 ] && daemon_answers
}
wait_until 20 reloaded_twice || fail "no reload after the configuration was repaired"

# ---- SIGTERM stores everything
samples=$(figure samples)
wait_until 10 has_figure samples "$((samples + 10))" || fail "nothing is collected any more"
ask export >"$work/before"
[ "$(figure window_samples)" -gt 0 ] || fail "there is nothing in RAM that SIGTERM could store"
stop_daemon
[ ! -e "$socket" ] || fail "the socket is still there"

# ---- the tool reads the store itself, and changes nothing
sum=$(cksum "$VARVE_STATE"/*)
store=sqlite:$VARVE_STATE/varve.db
"$varve" export --store "$store" >"$work/after"
contains_all "$work/after" "$work/before"
stored=$(figure_of "$store" samples)
no_duplicates "$work/after"
[ "$(rows "$work/after")" -eq "$stored" ] ||
    fail "$stored samples were accepted, $(rows "$work/after") are stored"
shows load1 "$varve" query load1
shows 'reading the store itself' "$varve" series
shows 'started' env -u VARVE_STATE "$varve" events --store "$store"
json tier -- "$varve" query load1 --tier minute --store "$store"
refuses any 'nothing to flush' "$varve" flush
[ "$(cksum "$VARVE_STATE"/*)" = "$sum" ] || fail "reading a store changed it"

# ---- and the daemon continues
start_daemon "$conf"
[ "$(figure samples)" -ge "$stored" ] || fail "the count of samples starts anew"
wait_until 15 has_figure samples_session 50 || fail "nothing is collected after a restart"
ask export >"$work/restarted"
contains_all "$work/restarted" "$work/after"
[ "$(ask events --format csv | grep -c ',start,')" -ge 2 ] || fail "the first start is forgotten"
stop_daemon

# ---- rollups tell of the same samples as raw, over stops, reloads and flushes
for tier in minute hour day; do
    tier_agrees "$tier" --store "$store"
done
