#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The wall clock of the real daemon is stepped, as NTP does it: by seconds, hours and years, forward
# and back, to before 1970 and from there. Each row holds the uptime that it was taken at, so that it
# says itself by which clock it was stamped. In the end every sample is there, under the true time or
# one that the clock has shown; what was stored in the future is listed, and goes when it is asked to.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

[ -z "${VARVE_SANITIZE:-}" ] || skip "sanitizers want to be loaded first"
case ${VARVE_TOOLCHAIN:-} in
?*) skip "the clock is shifted under the machine's own libc only" ;;
esac
"${VARVE_CC:-cc}" -std=c11 -O2 -fPIC -shared "$here/clock_shift.c" -o "$work/clock_shift.so" -ldl ||
    fail "the clock cannot be built"
export VARVE_TEST_CLOCK=$work/clock

# set_clock <ms>: so far from the true time, from now on
set_clock() {
    printf '%-32s' "$1" | dd of="$VARVE_TEST_CLOCK" conv=notrunc status=none
}

# Only the daemon sees the shifted clock.
start_shifted() {
    LD_PRELOAD=$work/clock_shift.so "$varved" -c "$1" >>"$work/varved.log" 2>&1 </dev/null &
    daemon=$!
    wait_until 30 daemon_answers || fail "the daemon does not answer"
}

steps_are() {
    "$varve" stats --socket "$socket" --format json | grep -q "\"clock_steps\":$1[,}]"
}

cat >"$work/clock.ini" <<'INI'
[varve]
state = ${VARVE_STATE}
flush = 1s
[tiers]
raw = 200ms keep 2d
minute = 1m keep 4d
[collector uptime]
interval = 200ms
[backend flash : sqlite]
INI
year=$((365 * 86400 * 1000))
store=sqlite:$VARVE_STATE/varve.db

# ---- booted in 1970: nothing is stored before the clock is plausible
set_clock "-$(date +%s)000"
start_shifted "$work/clock.ini"
sleep 1.5
"$varve" stats --socket "$socket" | grep -q 'not trusted yet' || fail "a clock of 1970 is trusted"
[ "$("$varve" stats --socket "$socket" --format json | grep -o '"blocks":[0-9]*' | head -n 1)" = '"blocks":0' ] ||
    fail "something is stored by a clock of 1970"
set_clock 0
wait_until 10 sh -c "'$varve' events --socket '$socket' | grep -q clock_trusted" || fail "the time is not learnt"

# ---- steps, each long enough for windows to close by the clock that is wrong
count=0
for shift in 5070 -5130 7200000 -7200000 $((7 * year)); do
    for to in "$shift" 0; do
        set_clock "$to"
        count=$((count + 1))
        wait_until 10 steps_are "$count" || fail "step $count, to $to ms, is not noticed"
        sleep 1.5
    done
done
# Before 2026: no clock to believe; what it was before goes on.
set_clock "-$((7 * year))"
sleep 1.5
steps_are "$count" || fail "a clock of seven years ago is believed"
set_clock 0
sleep 1.5
steps_are "$count" || fail "a clock that came back counts as a step"
"$varve" flush --socket "$socket"
shows 'history_ahead' "$varve" events --socket "$socket"
shows 'clock_step' "$varve" events --socket "$socket"
"$varve" stats --socket "$socket" | grep -q '^future  *raw: ' || fail "the future is not listed"
[ "$("$varve" query uptime_seconds --tier raw --from -1s --socket "$socket" --format csv | wc -l)" -gt 2 ] ||
    fail "what is collected now is hidden"
stop_daemon

# ---- what is there
# rows <name>: those of the store as "time minus uptime, in ms" and "uptime", by uptime
rows() {
    "$varve" export --store "$store" --from 2000-01-01 --to 2100-01-01 |
        awk -F , 'NR > 1 { printf "%.0f %s\n", $1 - $3 * 1000, $3 }' |
        sort -k 2n >"$work/$1"
}
boot=$(awk -v now="$(date +%s%3N)" '{ printf "%.0f", now - $1 * 1000 }' /proc/uptime)
# by <ms> <file>: how many rows were stamped by a clock that was so far ahead
by() {
    awk -v at="$((boot + $1))" '$1 > at - 400 && $1 < at + 400' "$work/$2" | wc -l
}

rows all
samples=$("$varve" stats --store "$store" --format json | sed -n 's/.*"samples":\([0-9]*\),.*/\1/p' | head -n 1)
[ "$(wc -l <"$work/all")" -eq "$samples" ] || fail "$(wc -l <"$work/all") rows of $samples samples"
[ "$(cut -d ' ' -f 2 "$work/all" | uniq -d | wc -l)" -eq 0 ] || fail "a sample is there twice"
known=0
for shift in 0 5070 -5130 7200000 -7200000 $((7 * year)); do
    found=$(by "$shift" all)
    [ "$found" -gt 2 ] || fail "$found rows by a clock $shift ms ahead"
    known=$((known + found))
done
[ "$known" -eq "$samples" ] || fail "$((samples - known)) rows have a time that no clock has shown"
true_rows=$(by 0 all)
"$varve" check --store "$store" | grep -q '^future' || fail "check does not list the future"

# ---- and it goes when it is asked to, but for what is not the future
"$varve" prune --store "$store" --future --yes >/dev/null
rows left
[ "$(by $((7 * year)) left)" -eq 0 ] || fail "what is years ahead is still there"
[ "$(by 7200000 left)" -eq 0 ] || fail "what is hours ahead is still there"
[ "$(by 0 left)" -eq "$true_rows" ] || fail "the present has gone as well"
start_daemon "$work/clock.ini"
sleep 1
stop_daemon
rows after
[ "$(by 0 after)" -gt "$true_rows" ] || fail "nothing is stored any more"
"$varve" check --store "$store" >/dev/null || fail "the store is damaged"
printf '%s samples over %s steps, %s of them by the true clock\n' "$samples" "$count" "$true_rows"
