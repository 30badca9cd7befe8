#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Executes the documentation. In README.md (and those of the folders below tools/ and boards/) every
# line that starts with `$ ` in a block fenced as ```console is run, in order, one shell per file, in
# a scratch directory with the programs in PATH and a daemon running; a command that fails fails the
# test. A line that ends in `\` goes on in the next. What follows a command is sample output and not
# compared. Commands that cannot run here (tools/run, installing) belong in blocks fenced as ```sh.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

# commands_of <file>
commands_of() {
    awk '
        /^```/ { inside = ($0 == "```console"); more = 0; next }
        inside && more { print; more = /\\$/; next }
        inside && /^\$ / { print substr($0, 3); more = /\\$/ }
    ' "$1"
}

# run_commands <file>: each must succeed
run_commands() {
    commands_of "$1" >"$work/commands.sh"
    [ -s "$work/commands.sh" ] || return 0
    printf -- '---- %s: %d lines of commands\n' "${1#"$top"/}" "$(wc -l <"$work/commands.sh")"
    if ! (cd "$work/scratch" && bash -exo pipefail "$work/commands.sh" </dev/null); then
        fail "a command of ${1#"$top"/} does not work as documented"
    fi
}

export PATH=$build:$PATH
mkdir "$work/scratch"
# The profile of the quick start, in a hurry, so that there is history to ask for after seconds.
start_daemon "$top/boards/linux-generic/board.ini" --set varve.flush=2s \
    --set 'tiers.raw=1s keep 2h' --set 'collector uptime.interval=1s' \
    --set 'collector self.interval=1s' --set 'collector thermal.interval=1s'
sleep 4

total=0
for file in "$top/README.md" "$top"/tools/*/README.md "$top"/boards/*/README.md; do
    [ -e "$file" ] || continue
    case $file in
    */varve-sim/*) [ -x "$build/varve-sim" ] || continue ;; # it runs on development machines
    esac
    run_commands "$file"
    total=$((total + $(commands_of "$file" | wc -l)))
done
[ "$total" -ge 3 ] || fail "only $total documented commands found; README.md must show how to use it"
stop_daemon
