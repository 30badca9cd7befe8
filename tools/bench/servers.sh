# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Peers of varve that the benchmarks run: their packages, the server that runs, and why one is left
# out. Sourced behind tools/lib.sh, with `install` (1: what is missing is installed) and `work` (a
# directory).
server='' skipped=()

# have <program> <package>: installs the package by name when the program is missing. Its service
# is not started: RUNLEVEL=1 keeps invoke-rc.d from it.
have() {
    command -v "$1" >/dev/null && return 0
    # shellcheck disable=SC2154 # of whoever sources this
    [ "$install" -eq 1 ] || return 1
    # shellcheck disable=SC2154 # likewise
    (RUNLEVEL=1 install_packages "$2") >"$work/install.log" 2>&1 && command -v "$1" >/dev/null
}

# A port of 127.0.0.1 that nothing listens on.
free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 10000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    printf '%s\n' "$port"
}

# start_server <directory> <command...>: in that directory; its log is server.log in $work
start_server() {
    (cd "$1" && exec "${@:2}") >"$work/server.log" 2>&1 </dev/null &
    server=$!
}

stop_server() {
    [ -n "$server" ] || return 0
    kill -TERM "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    server=
}

# skip <name> <why>: for the end of the table, and now
skip() {
    local why=${2//$work\//}
    skipped+=("$1: $why")
    printf '==> %s: skipped: %s\n' "$1" "$why" >&2
}
