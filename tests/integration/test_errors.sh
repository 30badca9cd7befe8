#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What goes wrong is told with what to do about it, ends with a code that is not 0, and loses
# nothing: configurations, selectors, times, stores that cannot be read, places that cannot be
# written, a disk that is full.
# shellcheck disable=SC2016 # backquotes are part of messages
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

# ---- configurations. bad <text> <text of the message>...: the line with the fault is the last one
bad() {
    local text=$1 line what
    shift
    printf '%b\n' "$text" >"$work/bad.ini"
    line=$(wc -l <"$work/bad.ini")
    for what in "bad.ini:$line" "$@"; do
        refuses 2 "$what" "$varved" --check-config -c "$work/bad.ini"
        refuses 2 "$what" "$varved" -c "$work/bad.ini"
        refuses any "$what" "$varve" config check "$work/bad.ini"
    done
}

bad '[varve]\nflsh = 1m' 'flsh' 'did you mean' 'flush'
bad '[varve]\nflush = soon' 'flush' 'soon'
bad '[varve]\nflush = 5' 'flush'
bad '[tiers]\nraw = 5s' 'raw'
bad '[vavre]' 'vavre' 'did you mean' 'varve'
bad '[collector memry]' 'memry' 'did you mean' 'memory'
bad '[backend flash : sqlit]' 'sqlit' 'did you mean' 'sqlite'
bad '[collector cpu]\nintervall = 5s' 'intervall' 'did you mean' 'interval'
bad '[varve' "expected ']'"
refuses 2 'did you mean' "$varved" -c "$top/boards/linux-generic/board.ini" --set varve.flsh=1m
refuses 2 "$work/absent.ini" "$varved" -c "$work/absent.ini"
refuses any "$work/absent.ini" "$varve" config check "$work/absent.ini"
refuses 2 '' "$varved" -c "$work"
refuses 2 'Try `varved --help`' "$varved" --no-such-option

# ---- the command line and what is asked for
store=sqlite:$work/good.db
now=$(date +%s)
generate "$((now - 4300))" 600 3 >"$work/good.csv"
"$varve" import --store "$store" "$work/good.csv" 2>/dev/null
"$varve" export --store "$store" >"$work/good.out"
refuses 2 'varve --help' "$varve" frobnicate
refuses 2 'did you mean query' "$varve" qury
refuses 2 'did you mean --from' "$varve" query made --form -1h --store "$store"
refuses 2 'EXPRESSION is missing' "$varve" query
refuses 3 'no series matches `nothing`' "$varve" query nothing --store "$store"
refuses 3 'has no points in that range' "$varve" query made --store "$store" --from -10m
for selector in 'made{' 'made{n}' 'made{n="0' 'made{=}' 'made{n="0"}x'; do
    refuses any '' "$varve" query "$selector" --store "$store"
done
for time in yesterday 2025-02-30 2025-13-01 -1x 12:00 '' 99999999999999999999; do
    refuses 2 '--from' "$varve" query made --store "$store" "--from=$time"
done
refuses 2 '--from is later than --to' "$varve" query made --store "$store" --from now --to -1h
refuses 2 'is no span' "$varve" query made --store "$store" --step fast
refuses 2 'is not one of' "$varve" query made --store "$store" --agg median
refuses 2 'is not one of' "$varve" query made --store "$store" --format xml
refuses 2 'there is no tier `week`' "$varve" query made --store "$store" --tier week
refuses 2 'is not KIND:PATH' "$varve" stats --store "$work/good.db"
refuses 4 'no backend `postgres`' "$varve" stats --store postgres:x
refuses 2 'give one' "$varve" stats --store "$store" --socket "$socket"

# ---- stores that cannot be read: told, and left as they are
conf=$(quick_conf <<'EOF'
[collector load]
interval = 1s
[backend flash : sqlite]
path = varve.db
EOF
)
# unreadable <what> <text>: the store at $VARVE_STATE/varve.db
unreadable() {
    local sum
    sum=$(cksum "$VARVE_STATE"/varve.db 2>&1 || true)
    refuses 1 "$2" timeout 20 "$varved" -c "$conf"
    refuses 1 "$VARVE_STATE/varve.db" timeout 20 "$varved" -c "$conf"
    refuses 4 "$2" "$varve" stats --store "sqlite:$VARVE_STATE/varve.db"
    refuses 4 "$2" "$varve" import --store "sqlite:$VARVE_STATE/varve.db" "$work/good.csv"
    [ "$(cksum "$VARVE_STATE"/varve.db 2>&1 || true)" = "$sum" ] || fail "$1: it was changed"
    rm -rf "${VARVE_STATE:?}"/*
}

mkdir "$VARVE_STATE/varve.db"
unreadable "a directory" "choose another path"
head -c 20000 /dev/zero | tr '\0' 'x' >"$VARVE_STATE/varve.db"
unreadable "garbage" "is not a SQLite database: move it away"
printf 'SQLite format 3' >"$VARVE_STATE/varve.db"
unreadable "the first bytes of a database" "is not a database)"
head -c 12288 "$work/good.db" >"$VARVE_STATE/varve.db"
# A store that was cut.
refuses 4 "varve check --repair" "$varve" stats --store "sqlite:$VARVE_STATE/varve.db"
"$varve" check --repair -c "$conf" || fail "a store that was cut is not salvaged"
ls "$VARVE_STATE"/varve-damaged-*Z.db || fail "the damaged file is not kept"
shows store_salvaged "$varve" events --store "sqlite:$VARVE_STATE/varve.db"
rm -rf "${VARVE_STATE:?}"/*
if command -v sqlite3 >/dev/null; then
    sqlite3 "$VARVE_STATE/varve.db" 'CREATE TABLE of_somebody_else(x)'
    unreadable "somebody else's database" "not a varve store: move it away"
    cp "$work/good.db" "$VARVE_STATE/varve.db"
    version=$(sqlite3 "$VARVE_STATE/varve.db" 'PRAGMA user_version')
    sqlite3 "$VARVE_STATE/varve.db" "PRAGMA user_version = $((version + 1))"
    unreadable "a store of a later varve" 'made by a later varve'
fi
refuses 4 'there is no store' "$varve" stats --store "sqlite:$work/absent.db"
[ ! -e "$work/absent.db" ] || fail "reading made a store"
"$varve" export --store "$store" | cmp -s - "$work/good.out" || fail "the good store was harmed"

# ---- places that cannot be written
echo 'in the way' >"$work/file"
refuses 1 "cannot make the state directory $work/file/state" "$varved" -c "$conf" \
    --state "$work/file/state"
refuses 1 "$work/file" "$varved" -c "$conf" --state "$work/file"
refuses 4 "$work/file/x.db" "$varve" import --store "sqlite:$work/file/x.db" "$work/good.csv"
refuses any 'longer than the system allows' "$varved" -c "$conf" \
    --set "varve.socket=$work/$(printf 'x%.0s' $(seq 110))"
echo 'no socket' >"$socket"
refuses 1 "cannot listen on $socket: " timeout 20 "$varved" -c "$conf"
refuses 1 'move away what is there' timeout 20 "$varved" -c "$conf"
[ "$(cat "$socket")" = 'no socket' ] || fail "a file at the place of the socket was removed"
rm -rf "${VARVE_STATE:?}"/*

# ---- a full disk: told, and what was stored before is still there afterwards
mkdir "$work/small"
if ! mount -t tmpfs -o size=1m varve-test "$work/small" 2>/dev/null; then
    echo 'left out: the full disk, since nothing can be mounted here'
    exit 0
fi
# shellcheck disable=SC2329 # called by the trap
unmount_and_clean_up() {
    local rc=$?
    if [ -n "$daemon" ]; then
        kill -KILL "$daemon" 2>/dev/null || true
        wait "$daemon" 2>/dev/null || true
    fi
    daemon=
    umount "$work/small" || umount -l "$work/small" || true
    (exit "$rc") || clean_up
    clean_up
}
trap unmount_and_clean_up EXIT

small=sqlite:$work/small/varve.db
"$varve" import --store "$small" "$work/good.csv" 2>/dev/null || fail "1 MiB is too small"
"$varve" export --store "$small" >"$work/before"
awk -v from="$((now - 3400))" 'BEGIN {
    srand(3)
    for (t = 0; t < 3300; t++)
        for (s = 0; s < 50; s++)
            printf "%.0f000,noise%02d,%.17g\n", from + t, s, rand()
}' >"$work/noise.csv" # what cannot be compressed; recent, so that all of it is kept
rc=0
timeout 60 "$varve" import --store "$small" "$work/noise.csv" 2>"$work/full.log" || rc=$?
[ "$rc" -eq 1 ] || fail "an import onto a full disk ends with $rc: $(cat "$work/full.log")"
grep -qi 'space\|full' "$work/full.log" || fail "not a word of space: $(cat "$work/full.log")"
"$varve" export --store "$small" 'made*' >"$work/after" || fail "the store is unreadable"
contains_all "$work/after" "$work/before"

# A daemon goes on collecting, says what is wrong, and stores what it kept once there is room.
rm -f "$work/small"/*
start_daemon "$conf" --state "$work/small" --set "varve.socket=$socket"
wait_until 15 has_figure 'backends[].blocks' 1 || fail "nothing is stored"
dd if=/dev/zero of="$work/small/fill" bs=4096 2>/dev/null || true
ask import "$work/noise.csv" >"$work/full.log" 2>&1 && fail "an import without space succeeds"
wait_until 20 logged 'cannot store' || fail "the full disk is not logged"
samples=$(figure samples)
wait_until 10 has_figure samples "$((samples + 4))" || fail "a full disk stops collecting"
ask export 'load*' >"$work/before"
rm "$work/small/fill"
wait_until 90 logged 'storing works again' || fail "with room again nothing is stored"
ask export 'load*' >"$work/after"
contains_all "$work/after" "$work/before"
stop_daemon
