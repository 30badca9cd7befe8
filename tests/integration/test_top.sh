#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# `varve top` on pseudo terminals: what it shows, its keys, other sizes, terminals without colour and
# without Unicode, a daemon that goes and comes back; and one frame as text.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

conf=$(quick_conf <<'EOF_INI'
[wear]
budget = 100M
[collector load]
[collector memory]
[collector nowhere : thermal]
sys = /nonexistent
[collector broken : exec]
command = /bin/false
interval = 1s
[backend flash : sqlite]
EOF_INI
)
start_daemon "$conf"
now=$(date +%s)
awk -v now="$now" 'BEGIN {
    for (t = now - 1800; t < now + 120; t += 10) { # some of it ahead, so that the last minute is whole
        printf "%d,shape_ratio{n=\"up\"},%.3f\n", t, (t - now + 1800) / 1800
        printf "%d,made_total{n=\"c\"},%d\n", t, (t - now + 1800) * 7
    }
}' | "$varve" import --socket "$socket" - 2>/dev/null

# ---- one frame as text ----------------------------------------------------------------------------
once() {
    env COLUMNS="$1" LC_ALL="$2" "$varve" top --once "${@:3}" --socket "$socket"
}
once 80 C.UTF-8 >"$work/frame"
for text in "samples " "stores   flash works" "of budget" "collect  load  memory" "nowhere (disabled)" "alerts" "HOUR" "WEEK"; do
    grep -qF -- "$text" "$work/frame" || fail "'$text' is not in the frame: $(cat "$work/frame")"
done
alert_of_broken() {
    once 80 C.UTF-8 | grep -qF "warning: collector broken fails"
}
wait_until 10 alert_of_broken || fail "a failing collector is no alert: $(once 80 C)"
once 80 C >"$work/frame"
LC_ALL=C grep -n '[^ -~]' "$work/frame" && fail "not ASCII"
for width in 40 80 200; do
    once "$width" C | awk -v w="$width" 'length > w { print; bad = 1 } END { exit bad }' ||
        fail "wider than $width"
done
[ "$(LINES=12 once 80 C | wc -l)" -le 12 ] || fail "higher than LINES"
once 80 C 'made_total' | grep -qE '^made_total\{n="c"\} +7/s' ||
    fail "a counter's rate of 7 is not shown: $(once 80 C made_total)"
once 80 C 'shape_ratio' | grep -qE '^shape_ratio\{n="up"\} +(0\.99|1\.0|1 ).* +[_.:=+*#-]+' || fail "no sparkline: $(once 80 C shape_ratio)"
once 80 C --sort name | awk '/^SERIES/ { on = 1; next } on { print $1 }' | LC_ALL=C sort -c || fail "not sorted by name"
refuses 2 "is not one of change value name" "$varve" top --once --sort nosuch --socket "$socket"
refuses 2 "between 500ms and 1h" "$varve" top --every 1ms --socket "$socket"
refuses any "column" "$varve" top --once 'a{' --socket "$socket"

# ---- live -----------------------------------------------------------------------------------------
if "$varve" top --socket "$socket" </dev/null >"$work/out" 2>&1; then
    fail "it must not draw where there is no terminal"
fi
grep -qF -- "--once prints one frame" "$work/out" || fail "it does not say what to do: $(cat "$work/out")"
command -v python3 >/dev/null || skip "python3 is missing"
grep -q newterm "$varve" || skip "this build has no ncurses"
cat >"$work/live.py" <<'EOF_PY'
import os
import sys
sys.path.insert(0, sys.argv[1])
from terminal import Terminal
command = [sys.argv[2], "top", "--every", "500ms", "--socket", sys.argv[3]]


def no(text, screen):
    if text in screen:
        raise SystemExit("FAILED: %r is on the screen:\n%s" % (text, screen))


def same(what, value, wanted):
    if value != wanted:
        raise SystemExit("FAILED: %s is %r, not %r" % (what, value, wanted))


with Terminal(command, term="xterm-256color", env={"LC_ALL": "C.UTF-8"}) as t:
    t.wait("^SERIES [0-9]+ +VALUE HOUR +DAY +WEEK")
    t.wait("enter zoom")
    t.wait("nowhere \\(disabled\\)")
    t.wait("[▁▂▃▄▅▆▇█]{5}")
    same("colour", t.colours, True)
    t.keys("/shape_rati")
    t.wait("selector: shape_rati_")
    t.keys("xx\x7f\x7fo{n=\"up\"}\r")
    t.wait("^SERIES 1 shape_ratio")
    t.keys("\r")
    t.wait("^shape_ratio\\{n=\"up\"\\} .*last HOUR")
    t.wait("[⠁-⣿]{3}")
    t.keys("\x1b[C")
    t.wait("last DAY")
    t.keys("\x1bOD\x1bOD")
    t.wait("last WEEK")
    t.resize(132, 40)
    t.wait("(?s)\\Avarve(?:[^\n]*\n){39}left right: range")
    same("lines", len(t.text().split("\n")), 40)
    t.keys("\x1b")
    t.wait("VALUE HOUR {21,}DAY {21,}WEEK")
    t.resize(50, 12)
    t.wait("(?s)^varve.*SERIES 1 shape_ratio\\S* +VALUE HOUR$")
    no("samples", t.text())
    t.resize(80, 24)
    t.wait("samples")
    t.keys("/a{\r")
    t.wait("column [0-9]")
    t.keys("/\x15\r")
    t.wait("^SERIES [0-9]+ +VALUE")
    t.keys("ss")
    t.wait("sort: name")
    t.keys("c")
    t.wait("^broken +collector +(failing|hung)")
    t.keys("e")
    t.wait("NEWEST FIRST")
    t.keys("e+++")
    t.wait("SERIES")
    t.keys("-")
    t.wait("every 1s")
    t.keys(" ")
    t.wait("paused")
    t.keys("q")
    same("exit code", t.ended(), 0)

# A serial console: no colour, no Unicode, 80 x 24.
with Terminal(command, term="vt100", env={"LC_ALL": "C"}) as t:
    t.wait("^SERIES [0-9]+ +VALUE HOUR +DAY +WEEK")
    t.wait("enter zoom")
    same("colour", t.colours, False)
    same("what is not ASCII", [c for c in t.text() if c > "~"], [])
    t.keys("z")
    t.wait("last HOUR")
    same("what is not ASCII", [c for c in t.text() if c > "~"], [])
    open(sys.argv[4] + "/ready", "w").close()
    t.wait("no answer", 30)   # the daemon is stopped
    open(sys.argv[4] + "/seen", "w").close()
    t.wait("(ok|warning)  up [0-9]+(s|ms)  every", 30)  # and started again
    t.keys("q")
    same("exit code", t.ended(), 0)
with Terminal(command, term="nosuch") as t:
    same("exit code", t.ended(), 1)
print("ok")
EOF_PY
python3 "$work/live.py" "$here" "$varve" "$socket" "$work" >"$work/live" 2>&1 &
live=$!
trap '[ "$live" -eq 0 ] || kill "$live" 2>/dev/null || true; clean_up' EXIT
ready_or_over() {
    [ -e "$work/$1" ] || ! kill -0 "$live"
}
wait_until 60 ready_or_over ready
[ -e "$work/ready" ] || fail "$(cat "$work/live")"
stop_daemon
wait_until 40 ready_or_over seen
[ -e "$work/seen" ] || fail "$(cat "$work/live")"
start_daemon "$conf"
wait "$live" || fail "$(cat "$work/live")"
live=0
stop_daemon

# ---- a store without a daemon: what is not known is not made up ------------------------------------
"$varve" top --once --store "sqlite:$work/state/varve.db" >"$work/frame" ||
    fail "no frame of a store: $(cat "$work/frame")"
grep -q '^samples  -/s' "$work/frame" || fail "no samples in $(cat "$work/frame")"
! grep -F NaN "$work/frame" || fail "what is not known has a value"
