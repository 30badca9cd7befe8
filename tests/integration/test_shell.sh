#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Comfort in the shell: completion knows commands, options, their values and the names of now, also
# through bash; each command's help has an example; the manual pages have every command and every
# option of the configuration, and roff takes them as they are.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

start_daemon "$(quick_conf <<'EOF_INI'
[collector load]
interval = 1s
[collector cpu]
interval = 1s
[backend flash : sqlite]
EOF_INI
)"
has_load() {
    "$varve" series load1
}
wait_until 10 has_load || fail "no series"

# offers <expected, joined by blanks> <words...>
offers() {
    local wanted=$1 output
    shift
    output=$("$varve" complete -- "$@" | tr '\n' ' ')
    [ "$output" = "$wanted " ] || fail "complete $* gives '$output', not '$wanted'"
}
offers "series" se
offers "stats" st
offers "events" ev
offers "--lookback --limit" query --l
offers "spark" query load1 --format sp
offers "json" stats --format j
offers "minute" query --tier m
offers "mode" series --by m
offers "load1 load5 load15" series load
offers 'cpu_seconds_total{mode="idle"}' query 'cpu_seconds_total{mode="id'
offers "check" config ch
offers "summary" help su
[ -z "$("$varve" complete -- export --output '')" ] || fail "a file's name is for the shell to complete"
[ -z "$(VARVE_STATE=/nonexistent "$varve" complete -- query lo 2>/dev/null)" ] || fail "nobody is there to ask"

# ---- through bash ---------------------------------------------------------------------------------
through_bash() {
    PATH=$build:$PATH bash -c '. "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _varve
        printf "%s " "${COMPREPLY[@]}"' - "$top/tools/packaging/completion/varve.bash" "$@"
}
[ "$(through_bash varve query --tier mi)" = "minute " ] || fail "bash: $(through_bash varve query --tier mi)"
[ "$(through_bash varve query "'cpu_seconds_total{mode=\"id")" = 'cpu_seconds_total{mode="idle"} ' ] ||
    fail "bash does not complete a quoted series"

# ---- help and manual ------------------------------------------------------------------------------
"$varve" --help | awk '/^Commands:/ { on = 1; next } on && /^$/ { exit } on && !/^  (help|version) / { print $1 }' >"$work/commands"
[ "$(wc -l <"$work/commands")" -ge 15 ] || fail "commands: $(cat "$work/commands")"
"$varve" man varve >"$work/varve.1"
"$varve" man varve.ini >"$work/varve.ini.5"
"$varved" --help | "$varve" man varved >"$work/varved.8"
while read -r command; do
    "$varve" help "$command" | grep -E '^Examples?:' >/dev/null || fail "$command has no example"
    grep -qE "^\.SS varve $command( |$)" "$work/varve.1" || fail "the manual has no $command"
done <"$work/commands"
"$varve" config manual | grep -oE '^ *[a-z_]+ = ' | sort -u | while read -r key _; do
    grep -q "$key" "$work/varve.ini.5" || fail "the manual has no option $key"
done
[ "$("$varve" config manual | wc -l)" -eq "$(awk '/^\.nf/ { on = 1; next } /^\.fi/ { exit } on' "$work/varve.ini.5" | wc -l)" ] ||
    fail "varve.ini(5) is not the whole manual of the configuration"
grep -q 'check\\-config' "$work/varved.8" || fail "varved(8) has no --check-config"
refuses 2 "is not one of varve, varved, varve.ini" "$varve" man nosuch
if command -v groff >/dev/null; then
    for page in varve.1 varve.ini.5 varved.8; do
        [ -z "$(groff -man -Tutf8 -ww "$work/$page" 2>&1 >/dev/null)" ] || fail "groff complains about $page"
    done
    groff -man -Tascii "$work/varve.1" | grep -q "varve query load1" || fail "no example in varve(1)"
fi
stop_daemon
