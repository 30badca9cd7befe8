#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The collector exec with programs of every kind: one that works, and those that hang, refuse to
# die, crash, flood, print garbage or bytes of all kinds, leave children that hold the pipe open, or
# are not there. What works goes on meanwhile; nothing of what was started is left; the daemon
# allocates nothing for any of it.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# program <name>: a shell script from stdin
program() {
    {
        echo '#!/bin/sh'
        cat
    } >"$work/$1"
    chmod +x "$work/$1"
}
mark=9$$1 # seconds that nobody else sleeps: to find what is left
program good <<'EOF_SH'
echo '# HELP fan_rpm Speed of a fan.'
echo "fan_rpm{fan=\"$1\"} 1200.5"
echo '# TYPE starts counter'
echo 'starts 3'
echo 'requests_total{code="200",path="a b}"} 1.5e3'
echo "old_value -0.25 $(($(date +%s) - 30))000"
printf 'without_newline 1'
EOF_SH
program environment <<'EOF_SH'
echo "words $#"
echo "variables $(env | grep -cvE '^(PWD|_|SHLVL|OLDPWD)=')"
[ "$PATH:$LC_ALL:$MODE:$PWD" = /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:C:x:/ ] &&
    echo 'clean 1'
echo "open_files $(ls /proc/self/fd | wc -l)"
[ "$1" = 'a b' ] && [ "$2" = '$HOME;id' ] && echo 'no_shell 1'
cat
EOF_SH
program hangs <<EOF_SH
echo before_the_hang 1
exec sleep $mark
EOF_SH
program stubborn <<EOF_SH
trap '' TERM
echo stubborn 1
while :; do sleep $mark; done
EOF_SH
program crashes <<'EOF_SH'
echo 'before_the_crash 1'
echo 'cannot read /dev/fan' >&2
printf 'half_a_li'
kill -SEGV $$
EOF_SH
program fails <<'EOF_SH'
echo 'no such device' >&2
exit 3
EOF_SH
program floods <<'EOF_SH'
while :; do echo 'flood 1'; done
EOF_SH
program floods_errors <<'EOF_SH'
while :; do echo 'something is wrong'; done >&2
EOF_SH
program garbage <<'EOF_SH'
echo 'this is no sample'
printf 'evil \033[31m%%s%%n 1 2 3\n'
echo 'name{unclosed="x 1'
echo 'name{a="b"} nonsense'
head -c 2000 /dev/zero | tr '\0' a
echo
echo 'fine_all_the_same 1'
EOF_SH
program binary <<'EOF_SH'
head -c 20000 /dev/urandom
echo
echo 'after_the_noise 1'
EOF_SH
program children <<EOF_SH
sleep $mark &
echo 'parent 1'
EOF_SH
program noise <<'EOF_SH'
head -c 20000 /dev/urandom
EOF_SH
program many <<'EOF_SH'
i=0
while [ $i -lt 2000 ]; do echo "many{n=\"$i\"} 1"; i=$((i + 1)); done
EOF_SH
printf 'not a script' >"$work/no_format"
chmod +x "$work/no_format"
printf '#!/bin/sh\n' >"$work/not_executable"

collector() { # <name> [arguments] [timeout]
    printf '[collector %s : exec]\ncommand = %s/%s %s\ninterval = 1s\ntimeout = %s\n' \
        "$1" "$work" "$1" "${2:-}" "${3:-500ms}"
}
conf=$(quick_conf <<EOF_INI
$(collector good '"left side"' 5s)
$(collector environment "'a b' '\$HOME;id'" 5s)
env = MODE=x
$(for name in hangs stubborn crashes fails floods floods_errors garbage binary children \
    no_format not_executable missing; do collector "$name"; done)
$(collector many '' 5s)
max_series = 100
[collector uptime]
interval = 1s
[backend flash : sqlite]
EOF_INI
)
"${VARVE_CC:-cc}" -std=c11 -O2 -fno-builtin -fPIC -shared "$top/tests/budget/alloc_guard.c" \
    -o "$work/alloc_guard.so" -ldl || fail "the guard cannot be built"
preload=$work/alloc_guard.so
[ -z "${VARVE_SANITIZE:-}${VARVE_TOOLCHAIN:-}" ] || preload=
LD_PRELOAD=$preload "$varved" -c "$conf" --set varve.log_level=debug >"$work/varved.log" 2>&1 \
    </dev/null &
daemon=$!
wait_until 60 daemon_answers || fail "the daemon does not answer"

field() { # <collector> <column of the CSV>
    "$varve" plugins --format csv --socket "$socket" |
        awk -F, -v name="$1" -v column="$2" 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i }
            $1 == name { print $at[column] }'
}
ran() {
    [ "$(field "$1" runs)" -ge "${2:-2}" ]
}
latest() {
    "$varve" query "$1" --from -2m --format csv --socket "$socket" 2>/dev/null | tail -n 1 |
        cut -d , -f 2- | tr -d '\r'
}
has_sample() {
    latest "$1" | grep -q ','
}
value_is() {
    "$varve" query "$1" --from -2m --format csv --socket "$socket" | tail -n +2 |
        grep -qE "(,|^)$2(,|$)" || fail "$1 is not $2: $(latest "$1")"
}
says() { # <collector> <text>: in an event
    "$varve" events --format csv --socket "$socket" | grep -F ",$1," | grep -qF -- "$2"
}

for name in good environment hangs stubborn crashes fails floods floods_errors garbage binary \
    children many no_format; do
    wait_until 120 ran "$name" || fail "$name was not run twice"
done

# ---- what works
wait_until 20 has_sample without_newline || fail "the last line is lost without its newline"
value_is 'fan_rpm' 1200.5
value_is 'requests_total' 1500
value_is 'old_value' -0.25
shows 'counter' "$varve" series starts --socket "$socket"
shows 'counter' "$varve" series requests_total --socket "$socket"
shows 'fan="left side"' "$varve" series 'fan_rpm' --socket "$socket"
value_is words 2
value_is clean 1
value_is no_shell 1
value_is variables 3
value_is open_files 4 # in, out, error, and the directory that ls reads
runs=$(field good runs)
wait_until 30 ran good $((runs + 3)) || fail "the good one does not go on"

# ---- what does not
says hangs 'took longer than 500 ms and was ended' || fail "a hanging program: $(field hangs state)"
says stubborn 'took longer than 500 ms' || fail "one that ignores SIGTERM"
says crashes 'was ended by signal 11: cannot read /dev/fan' || fail "a crash is not told of"
says fails 'exit code 3: no such device' || fail "an exit code is not told of"
says floods 'printed more than 65536 bytes' || fail "a flood is not told of"
says floods_errors 'took longer than 500 ms and was ended: something is wrong' || fail "errors"
says no_format 'cannot be run' || fail "a file of no format"
says not_executable 'cannot be run' || fail "a file that may not be executed"
[ "$(field missing state)" = disabled ] || fail "a program that is not there"
[ "$(field garbage state)" = running ] || fail "garbage between samples is a failure"
[ "$(field many series)" -eq 100 ] || fail "max_series does not bound it"
[ "$(field many refused_series)" -ge 1900 ] || fail "what max_series refuses is not counted"
for series in before_the_hang stubborn before_the_crash flood fine_all_the_same after_the_noise parent; do
    wait_until 20 has_sample "$series" || fail "$series was printed and is not there"
done
if has_sample half_a_li; then fail "half a line was taken"; fi
[ "$(grep -c "garbage: printed a line that" "$work/varved.log")" -eq 1 ] ||
    fail "garbage is not reported once"
grep -qF "floods: printed a line that repeats a series: 'flood 1'" "$work/varved.log" ||
    fail "a series that comes twice is not reported"
wait_until 20 has_sample 'exec_refused_lines_total{collector="garbage"}' || fail "not counted"
if LC_ALL=C grep -q '[^[:print:][:space:]]' "$work/varved.log"; then
    fail "raw bytes of a program are in the log"
fi
wait_until 20 says hangs 'ended' # and its interval grows:
[ "$(field hangs runs)" -lt "$(field uptime runs)" ] || fail "one that hangs does not back off"

# ---- stopping does not wait for programs, and nothing of them is left
program hangs <<EOF_SH
exec sleep $mark
EOF_SH
stop_daemon
if pgrep -f "sleep $mark" >/dev/null; then
    fail "left behind: $(pgrep -af "sleep $mark")"
fi
if [ -n "$preload" ]; then
    allocations=$(sed -n 's/^alloc_guard: \([0-9]*\) allocations$/\1/p' "$work/varved.log")
    [ "$allocations" = 0 ] || fail "$allocations allocations while programs were run"
fi

# ---- a command that is no path, and one that does not end
conf=$(quick_conf <<'EOF_INI'
[collector relative : exec]
command = sh -c true
[collector open : exec]
command = /bin/echo 'never closed
EOF_INI
)
start_daemon "$conf"
grep -qF "relative: disabled: invalid argument: command must begin with the program's whole path" \
    "$work/varved.log" || fail "a command without a path"
grep -qF 'open: disabled: invalid argument: command has a quote that does not end' \
    "$work/varved.log" || fail "a quote that does not end"
stop_daemon
