#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Storage that fails under the real daemon, on a real filesystem in an image, for each way to store:
# a card that is not there at the start, one that goes read-only for good and is mounted again, a
# full disk, and another program that wants the database. Collecting goes on, the state is seen,
# storing resumes by itself, and in the end there are as many samples as were taken.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

parts=(wal inplace rotate needs_sqlite needs_rotate moved mounted_sqlite mounted_rotate lock)

# They wait for most of their time, so that all run at once: each in a process, with mounts of its own.
run_parts() {
    local part probe device rc=0
    local -A pid
    command -v mkfs.ext4 >/dev/null || skip "there is no mkfs.ext4"
    probe="mount -t tmpfs none '$work' && truncate -s 1M '$work/image' && losetup -f '$work/image' --show"
    device=$(unshare -m sh -c "$probe" 2>/dev/null) || skip "images cannot be mounted here"
    losetup -d "$device" || true
    for part in "${parts[@]}"; do
        unshare --mount --fork --kill-child=TERM bash "$0" "$build" "$part" >"$work/$part.log" 2>&1 &
        pid[$part]=$!
    done
    for part in "${parts[@]}"; do
        if ! wait "${pid[$part]}"; then
            printf -- '---- %s:\n' "$part"
            cat "$work/$part.log"
            rc=1
        fi
    done
    return "$rc"
}

if [ -z "${2:-}" ]; then
    run_parts || fail "see above"
    exit
fi

card=$work/card
mkdir "$card"
trap 'rc=$?; umount -l "$card" 2>/dev/null || true; set +e; (exit "$rc"); clean_up' EXIT

mount_card() {
    mount -o loop,errors=remount-ro "$work/image" "$card"
}

# The image is mounted again once nobody has a file open on what was there.
remount_card() {
    umount "$card" 2>/dev/null || umount -l "$card"
    sleep 0.2
    [ -z "$(losetup -j "$work/image")" ] && mount_card
}

state_is() {
    "$varve" stats --socket "$socket" --format json | grep -q "\"state\":$1"
}

# fails_and_collects <code>: the state says so, and queries are answered from RAM.
fails_and_collects() {
    wait_until 20 state_is "$1" || fail "$name: the state does not become $1"
    shows store_error "$varve" events --socket "$socket"
    local before
    before=$(rows_now) || true # none yet
    sleep 1
    [ "$(rows_now)" -gt "$before" ] || fail "$name: it collects no longer"
}

collects() {
    [ "$(rows_now)" -gt 1 ] # the first line is a heading
}

rows_now() {
    "$varve" query load1 --from -1h --socket "$socket" --format csv 2>/dev/null | wc -l
}

# Whether the store has met a full disk; what it had allocated is used up sooner with more windows.
is_full() {
    "$varve" flush --socket "$socket" >/dev/null || true # which fails in the end
    state_is -11
}

works() {
    "$varve" flush --socket "$socket" && state_is 0
}

# rows_in <store>: that there are; samples_in <store>: that were taken since it was made, it says.
rows_in() {
    "$varve" export --store "$1" | tail -n +2 | wc -l
}
samples_in() {
    "$varve" stats --store "$1" --format json | sed -n 's/.*"samples":\([0-9]*\),.*/\1/p' | head -n 1
}

# As many rows in the store as it says were taken since it was made, and no time twice.
all_there() {
    local samples rows twice
    samples=$(samples_in "$1")
    rows=$("$varve" export --store "$1" | tail -n +2 | sort | tee "$work/rows" | wc -l)
    twice=$(cut -d, -f1,2 "$work/rows" | uniq -d | wc -l)
    [ "$rows" -gt 0 ] || fail "$name: nothing is there"
    [ "$rows" = "$samples" ] || fail "$name: $rows rows of $samples samples"
    [ "$twice" -eq 0 ] || fail "$name: $twice rows are there twice"
}

# try <name> <store for the tool> <backend's plugin> <its options>
try() {
    name=$1
    printf '%s\n' '[varve]' "state = $VARVE_STATE" 'flush = 1s' '[tiers]' 'raw = 200ms keep 2h' \
        'minute = 1m keep 1d' '[collector load]' "[backend flash : $3]" "$4" >"$work/$name.ini"
    truncate -s 12M "$work/image"
    mkfs.ext4 -q -F "$work/image"
    mount_card
    mkdir "$card/varve"
    umount "$card"
    mount -t tmpfs -o ro none "$card" # a mount point without its card, not to be written
    start_daemon "$work/$name.ini"
    fails_and_collects -12
    umount "$card"
    mount_card
    wait_until 20 works || fail "$name: the store that came late is not used"
    shows store_opened "$varve" events --socket "$socket"

    dd if=/dev/zero of="$card/others" bs=4k 2>/dev/null || true # to the last byte
    if [ "$name" != inplace ]; then # whose slots may have room
        wait_until 20 is_full || fail "$name: the disk is full, and it does not notice"
        fails_and_collects -11
    fi
    rm "$card/others"
    wait_until 20 works || fail "$name: it does not resume on a disk with room"

    mount -o remount,abort "$card" # what ext4 does with a failing card
    wait_until 20 state_is "-1[02]" || fail "$name: nothing fails on a dead filesystem"
    wait_until 40 remount_card || fail "$name: it does not let go of a dead filesystem"
    wait_until 40 works || fail "$name: it does not resume on a new mount"
    stop_daemon
    all_there "$2"
    "$varve" check --store "$2" >/dev/null || fail "$name: the store is damaged"
    umount "$card"
}

# A card that is not mounted is waited for, and no store made below its mount point; a store that
# is moved away is noticed, and waited for as well.
try_needs() {
    name=needs-$1
    printf '%s\n' '[varve]' "state = $VARVE_STATE" 'flush = 1s' '[tiers]' 'raw = 200ms keep 2h' \
        'minute = 1m keep 1d' '[collector load]' "[backend flash : $3]" "needs = $card/varve" \
        "$4" >"$work/$name.ini"
    truncate -s 12M "$work/image"
    mkfs.ext4 -q -F "$work/image"
    start_daemon "$work/$name.ini"
    fails_and_collects -2
    shows 'is its medium mounted' "$varve" events --socket "$socket"
    [ -z "$(ls "$card")" ] || fail "$name: it has made something below the mount point"
    mount_card
    mkdir "$card/varve"
    wait_until 20 works || fail "$name: the store on the card is not used"

    mv "$card/varve" "$card/elsewhere"
    wait_until 30 state_is -2 || fail "$name: it does not notice that its store was moved away"
    shows 'is not there any more' "$varve" events --socket "$socket"
    [ ! -e "$card/varve" ] || fail "$name: it has begun another store"
    sleep 1
    mv "$card/elsewhere" "$card/varve"
    wait_until 40 works || fail "$name: it does not resume"
    stop_daemon
    all_there "$2"
    "$varve" check --store "$2" >/dev/null || fail "$name: the store is damaged"
    umount "$card"
}

# Without a `needs` a store that was moved away is begun anew where it belongs.
try_moved() {
    name=moved
    printf '%s\n' '[varve]' "state = $VARVE_STATE" 'flush = 1s' '[tiers]' 'raw = 200ms keep 2h' \
        '[collector load]' '[backend flash : sqlite]' "path = $work/place/v.db" >"$work/moved.ini"
    start_daemon "$work/moved.ini"
    wait_until 20 collects || fail "moved: it does not collect"
    wait_until 20 works || fail "moved: it does not store"
    mv "$work/place" "$work/moved"
    wait_until 30 test -s "$work/place/v.db" || fail "moved: no store is begun"
    wait_until 20 works || fail "moved: it does not resume"
    shows 'is not there any more' "$varve" events --socket "$socket"
    sleep 1.5
    stop_daemon
    for place in place moved; do
        "$varve" check --store "sqlite:$work/$place/v.db" >/dev/null || fail "moved: $place is damaged"
        shows 'load1' "$varve" series --store "sqlite:$work/$place/v.db"
    done
}

# is_another <count>: how often another store was found in the place of that which was open
is_another() {
    [ "$("$varve" events --socket "$socket" | grep -c 'is another one now')" -eq "$1" ]
}

# A filesystem that is mounted over a store in use, empty or with a store of its own, is noticed and
# used, and so is what is below when it is unmounted again. Nothing is lost between them.
try_mounted() {
    name=mounted-$1
    printf '%s\n' '[varve]' "state = $VARVE_STATE" 'flush = 1s' '[tiers]' 'raw = 200ms keep 2h' \
        '[collector load]' "[backend flash : $1]" "$3" >"$work/$name.ini"
    local before=0 below above samples
    truncate -s 12M "$work/image"
    mkfs.ext4 -q -F "$work/image"
    if [ "$1" = sqlite ]; then
        mount_card
        start_daemon "$work/$name.ini"
        wait_until 20 collects || fail "$name: it does not collect"
        stop_daemon
        before=$(rows_in "$2")
        umount "$card"
    fi
    start_daemon "$work/$name.ini"
    wait_until 20 collects || fail "$name: it does not collect"
    wait_until 20 works || fail "$name: it does not store below the mount point"
    mount_card
    wait_until 30 is_another 1 || fail "$name: it does not notice the mount"
    wait_until 20 works || fail "$name: it does not use what is mounted"
    sleep 1.5
    works || fail "$name: it does not stay with what is mounted"
    umount -l "$card" # the daemon has files open on it
    wait_until 30 is_another 2 || fail "$name: it does not notice that nothing is mounted any more"
    wait_until 20 works || fail "$name: it does not go on below the mount point"
    stop_daemon
    "$varve" check --store "$2" >/dev/null || fail "$name: the store below is damaged"
    below=$(rows_in "$2")
    samples=$(samples_in "$2")
    mount_card
    "$varve" check --store "$2" >/dev/null || fail "$name: the store above is damaged"
    above=$(rows_in "$2")
    umount "$card"
    [ "$above" -gt "$before" ] || fail "$name: nothing was stored on what was mounted"
    [ "$((below + above - before))" -eq "$samples" ] ||
        fail "$name: $below rows below and $above - $before above of $samples samples"
}

# Who comes second is refused, at once, and the first notices nothing.
try_lock() {
    name=lock
    printf '%s\n' '[varve]' "state = $VARVE_STATE" 'flush = 1s' '[tiers]' 'raw = 200ms keep 2h' \
        '[collector load]' '[backend flash : sqlite]' "path = $work/lock.db" >"$work/lock.ini"
    start_daemon "$work/lock.ini"
    wait_until 20 collects || fail "lock: it does not collect"
    refuses any locked sqlite3 "$work/lock.db" 'BEGIN EXCLUSIVE; SELECT 1;'
    works || fail "lock: the daemon is disturbed"
    stop_daemon
    { echo 'BEGIN EXCLUSIVE; SELECT 1;'; sleep 3; } | sqlite3 "$work/lock.db" >"$work/begun" &
    wait_until 5 grep -q 1 "$work/begun" || true
    refuses 3 "another process has" "$varved" -c "$work/lock.ini"
    wait
    start_daemon "$work/lock.ini"
    stop_daemon
    all_there "sqlite:$work/lock.db"
}

sqlite="path = $card/varve/v.db"
rotate=$(printf 'path = %s\nsegment = 64K\nsize = 2M' "$card/varve/segments")
case $2 in
wal) try wal "sqlite:$card/varve/v.db" sqlite "$sqlite" ;;
inplace) try inplace "sqlite:$card/varve/v.db" sqlite "$(printf '%s\njournal = inplace' "$sqlite")" ;;
rotate) try rotate "rotate:$card/varve/segments" rotate "$rotate" ;;
needs_sqlite) try_needs sqlite "sqlite:$card/varve/v.db" sqlite "$sqlite" ;;
needs_rotate) try_needs rotate "rotate:$card/varve/segments" rotate "$rotate" ;;
moved) try_moved ;;
mounted_sqlite) try_mounted sqlite "sqlite:$card/v.db" "path = $card/v.db" ;;
mounted_rotate) try_mounted rotate "rotate:$card" "$(printf 'path = %s\nsegment = 64K\nsize = 2M' "$card")" ;;
lock) try_lock ;;
*) fail "no part is called $2" ;;
esac
