# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What the integration tests share: a scratch directory, the daemon's life, waiting, checking.
#
#   . "$(dirname "$0")/lib.sh"      with the build directory as the script's first argument
#   start_daemon FILE.ini           waits until it answers; its output is in $work/varved.log
#   stop_daemon                     SIGTERM, and the exit code must be 0
#   kill_daemon                     SIGKILL
#
# Everything lies below $work, which goes away at the end together with the daemon; $VARVE_STATE is
# $work/state and $socket the daemon's socket there. When a check fails the log is printed.
set -euo pipefail
umask 022 # what everybody may write is refused

# shellcheck disable=SC2034 # used by the scripts
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$(cd "${1:-$top/build}" && pwd)
varved=$build/varved
varve=$build/varve
work=$(mktemp -d "${TMPDIR:-/tmp}/varve.XXXXXX")
export VARVE_STATE=$work/state
socket=$VARVE_STATE/varved.sock
daemon=

mkdir -p "$VARVE_STATE"

# shellcheck disable=SC2329 # called by the trap
clean_up() {
    local rc=$?
    trap - EXIT
    if [ -n "$daemon" ]; then
        kill -KILL "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    if [ "$rc" -ne 0 ] && [ "$rc" -ne 77 ] && [ -s "$work/varved.log" ]; then
        printf -- '---- the daemon said:\n'
        tail -n 60 "$work/varved.log"
    fi
    rm -rf "$work"
    exit "$rc"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

fail() {
    printf 'FAILED: %s\n' "$*"
    exit 1
}

skip() {
    printf 'skipped: %s\n' "$*"
    exit 77
}

# has_zlib <store>: whether this build reads and writes gzip; a build without says so
has_zlib() {
    [[ $("$varve" export --store "$1" --format csv --gzip 2>&1 >/dev/null) != *'has no zlib'* ]]
}

# wait_until <seconds> <command...>: retries until the command succeeds; 1 when it never does.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

daemon_answers() {
    kill -0 "$daemon" && "$varve" stats --socket "$socket"
}

daemon_is_gone() {
    ! kill -0 "$daemon"
}

daemon_answers_or_is_gone() {
    daemon_answers || daemon_is_gone
}

# start_daemon <configuration> [varved option...]
start_daemon() {
    [ -z "$daemon" ] || fail "start_daemon: one is running"
    "$varved" -c "$@" >>"$work/varved.log" 2>&1 </dev/null &
    daemon=$!
    wait_until 30 daemon_answers_or_is_gone || fail "the daemon does not answer at $socket"
    daemon_answers >/dev/null 2>&1 || fail "the daemon does not start"
}

stop_daemon() {
    local pid=$daemon rc=0
    kill -TERM "$pid"
    wait_until 30 daemon_is_gone || fail "the daemon does not stop"
    wait "$pid" || rc=$?
    daemon=
    [ "$rc" -eq 0 ] || fail "the daemon stopped with exit code $rc"
}

kill_daemon() {
    kill -KILL "$daemon"
    wait "$daemon" 2>/dev/null || true
    daemon=
}

# refuses <exit code or "any"> <text> <command...>: must fail and say so
refuses() {
    local code=$1 text=$2 rc=0 output
    shift 2
    output=$("$@" 2>&1 </dev/null) || rc=$?
    [ "$rc" -ne 0 ] || fail "succeeded, but must not: $*"
    [ "$rc" -lt 126 ] || fail "died with $rc: $*: $output"
    [ "$code" = any ] || [ "$rc" -eq "$code" ] || fail "exit code $rc, not $code: $*: $output"
    grep -qF -- "$text" <<<"$output" || fail "'$text' is not in what it said: $*: $output"
}

# shows <text> <command...>: must succeed and print the text
shows() {
    local text=$1 rc=0 output
    shift
    output=$("$@" 2>&1 </dev/null) || rc=$?
    [ "$rc" -eq 0 ] || fail "exit code $rc: $*: $output"
    grep -qF -- "$text" <<<"$output" || fail "'$text' is not in what it said: $*: $output"
}

# A configuration with few collectors and quick flushes; prints its path. Further lines from stdin.
quick_conf() {
    {
        cat <<'EOF'
[varve]
state = ${VARVE_STATE}
flush = 2s
clock = trust
[tiers]
raw = 1s keep 1h
minute = 1m keep 24h
EOF
        cat
    } >"$work/quick.ini"
    printf '%s\n' "$work/quick.ini"
}
