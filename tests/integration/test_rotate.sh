#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A daemon that keeps everything in segments: import, restart, SIGKILL, reading with and without the
# daemon; `varve check` on both kinds of stores, whole and damaged, and its repair.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

segments=$VARVE_STATE/segments
store=rotate:$segments
from=$((($(date +%s) - 3000) / 60 * 60))

conf=$(
    quick_conf <<'EOF'
[collector load]
interval = 1s
[backend usb : rotate]
path = segments
EOF
)

# import_made <from> <seconds>: through the daemon; adds what was imported to $work/sent.csv
import_made() {
    generate "$1" "$2" 10 5 >"$work/made.csv"
    "$varve" import --socket "$socket" "$work/made.csv" 2>"$work/import.log" ||
        fail "import: $(cat "$work/import.log")"
    sed 's/made{n="\(..\)"}/"made{n=""\1""}"/; s/\(\.[0-9]*[1-9]\)0*$/\1/' "$work/made.csv" \
        >>"$work/sent.csv"
}

# all_there <option of varve>...: what was imported can be read, each sample once
all_there() {
    "$varve" export made "$@" >"$work/out.csv" || fail "export $*"
    contains_all "$work/out.csv" "$work/sent.csv"
    no_duplicates "$work/out.csv"
}

# ---- import, read, stop, read
start_daemon "$conf"
shows rotate "$varve" stats --socket "$socket"
import_made "$from" 600
all_there --socket "$socket"
refuses 4 'the daemon' "$varve" check --store "$store"
refuses 1 'stop it first' "$varve" check --socket "$socket"
refuses 3 'another process' "$varved" -c "$conf" --set "varve.socket=$work/second.sock"
for what in now list verify 'restore latest'; do
    # shellcheck disable=SC2086 # two words
    refuses 1 'only sqlite can; the directory of a rotate store is copied' \
        "$varve" backup $what --socket "$socket"
done
stop_daemon
for what in now list verify 'restore latest'; do
    # shellcheck disable=SC2086
    refuses 1 'only sqlite stores have; copy the directory' "$varve" backup $what --store "$store"
    # shellcheck disable=SC2086
    refuses 1 'only sqlite stores have; copy the directory' "$varve" backup $what -c "$conf"
done
cp -a "$segments" "$work/copy" # what that says to do instead
all_there --store "rotate:$work/copy"
rm -r "$segments"
cp -a "$work/copy" "$segments" # and back
all_there --store "$store"
shows started "$varve" events --store "$store"
shows ' 0 damaged units' "$varve" check --store "$store"

# ---- restart: it goes on where it stopped
start_daemon "$conf"
all_there --socket "$socket"
import_made "$((from + 600))" 600
"$varve" flush --socket "$socket"
kill_daemon
all_there --store "$store"

# ---- SIGKILL at any moment: what was acknowledged is there, and nothing is damaged
for round in 1 2 3; do
    start_daemon "$conf"
    import_made "$((from + 700 + 500 * round))" 300
    "$varve" flush --socket "$socket"
    generate "$((from + 1000 + 500 * round))" 200 10 1 |
        "$varve" import --socket "$socket" - >/dev/null 2>&1 &
    importer=$!
    sleep "0.$round"
    kill_daemon
    wait "$importer" || true
    shows ' 0 damaged units' "$varve" check --store "$store" --repair
    all_there --store "$store"
done

# ---- without a daemon, over several segments
generate "$from" 9000 20 5 >"$work/long.csv"
"$varve" import --store "rotate:$work/direct" --keep-all "$work/long.csv" 2>/dev/null ||
    fail "the import into a store"
[ "$("$varve" export --store "rotate:$work/direct" | wc -l)" -eq 36001 ] || fail "not all is there"
for tier in minute hour; do
    tier_agrees "$tier" --store "rotate:$work/direct"
done

# ---- a damaged frame: told, removed on demand, nothing else is missing
before=$("$varve" check --store "$store" --format csv | grep '^raw,')
victim=
for file in "$segments"/*.seg; do
    # The first page boundary at which a frame of a raw block (kind 4, tier 0) begins.
    for ((page = 1; page * 4096 < $(stat -c %s "$file"); page++)); do
        head=$(od -An -tx1 -j $((page * 4096)) -N 7 "$file" | tr -d ' \n')
        if [ "$head" = 56525646010400 ]; then
            victim=$file
            at=$((page * 4096 + 200))
            break 2
        fi
    done
done
[ -n "$victim" ] || fail "there is no raw block in $segments"
printf 'damage' | dd of="$victim" bs=1 seek="$at" conv=notrunc status=none
sums() {
    (cd "$segments" && cksum ./*.seg)
}
sums >"$work/sums"
refuses 1 'damaged' "$varve" check --store "$store"
shows '"damaged":1' bash -c "'$varve' check --store '$store' --format json || true"
sums | cmp - "$work/sums" || fail "a check without --repair has written"
shows '1 of them removed' "$varve" check --store "$store" --repair
shows ' 0 damaged units' "$varve" check --store "$store"
after=$("$varve" check --store "$store" --format csv | grep '^raw,')
[ "$(cut -d , -f 2 <<<"$after")" -eq $(($(cut -d , -f 2 <<<"$before") - 1)) ] ||
    fail "there were $before, there are $after"
start_daemon "$conf"
wait_until 10 ask query load1 --from -1m || fail "the daemon does not collect into the repaired store"
stop_daemon

# ---- the same for sqlite
generate "$from" 600 10 5 >"$work/made.csv"
"$varve" import --store "sqlite:$work/v.db" "$work/made.csv" 2>/dev/null
shows ' 0 damaged units' "$varve" check --store "sqlite:$work/v.db"
at=$(LC_ALL=C grep -obUa 'VRVB' "$work/v.db" | head -n 1 | cut -d : -f 1)
[ -n "$at" ] || fail "there is no block in the database"
printf 'damage' | dd of="$work/v.db" bs=1 seek=$((at + 100)) conv=notrunc status=none
refuses 1 'damaged' "$varve" check --store "sqlite:$work/v.db"
shows '1 of them removed' "$varve" check --store "sqlite:$work/v.db" --repair
shows ' 0 damaged units' "$varve" check --store "sqlite:$work/v.db"
refuses 4 'there is no store' "$varve" check --store "rotate:$work/nowhere" --repair
[ ! -e "$work/nowhere" ] || fail "a check has made a store"
