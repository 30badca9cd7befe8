#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Backups with the real programs: by schedule, on request, at stop; SIGKILL in the midst of one;
# restoring with the daemon running and without it, a damaged store included; archives. Prints the
# longest time between two samples of a collector that runs every second while a store of some MiB
# is copied.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

series=60
span=90000
[ -z "${VARVE_SANITIZE:-}" ] || span=20000 # with a sanitizer a million samples take a minute
from=$(($(date +%s) - span - 600))
backups=$VARVE_STATE/backup

# write_conf <line of [backup]>...
write_conf() {
    cat >"$work/backup.ini" <<INI
[varve]
state = \${VARVE_STATE}
flush = 1m
clock = trust
[tiers]
raw = 1s keep 26h
minute = 1m keep 2d
[collector uptime]
interval = 1s
[backup]
$(printf '%s\n' "$@")
[backend recent : ring]
size = 256K
tiers = minute
[backend flash : sqlite]
INI
}

backup() {
    "$varve" backup "$@"
}

count_backups() {
    find "$backups" -name 'varve-*.db' 2>/dev/null | wc -l
}

none_is_unfinished() {
    [ "$(find "$backups" -name '*.tmp*' | wc -l)" -eq 0 ]
}

all_are_whole() {
    backup list --format csv >"$work/list"
    ! grep -q ',no,' "$work/list" || fail "a backup is not whole: $(cat "$work/list")"
    [ "$(wc -l <"$work/list")" -gt 1 ] || fail "no backup is listed"
}

# imported: rows of the imported series
imported() {
    "$varve" export "$@" | grep -vc uptime_seconds
}

has_two() {
    [ "$(count_backups)" -eq 2 ] && [ "$(find "$backups" -newer "$work/mark" | wc -l)" -ge 2 ]
}

# ---- nothing there yet; mistakes are told
write_conf 'keep = 2'
start_daemon "$work/backup.ini"
refuses 3 'there is no backup yet' "$varve" backup list
refuses 3 'there is no backup yet' "$varve" backup restore latest
refuses 2 'none of now' "$varve" backup later
refuses 2 'takes no file' "$varve" backup now x
refuses 2 'needs a file' "$varve" backup archive
refuses 1 'no varve store' "$varve" backup restore "$work/backup.ini"

# ---- a store of some MiB, and the longest gap while it is copied
generate "$from" "$span" "$series" 5 >"$work/in.csv"
ask import --format csv - <"$work/in.csv" >/dev/null 2>&1
rows=$(imported --socket "$socket")
gap_from=$(date +%s)
for _ in 1 2 3 4 5; do
    made=$(backup now)
    sleep 1
done
ask flush >/dev/null
ask export uptime_seconds --from "$gap_from" >"$work/gap.csv"
gap=$(awk -F , 'NR > 2 && $1 - last > most { most = $1 - last } { last = $1 } END { print most + 0 }' "$work/gap.csv")
took=$(ask stats --format json | grep -o '"backup_took_ms":[1-9][0-9]*' | cut -d : -f 2)
printf 'longest gap of a 1 s collector: %s ms; the last backup: %s bytes in %s ms\n' \
    "$gap" "$(stat -c %s "$made")" "$took"
[ "$(wc -l <"$work/gap.csv")" -gt 3 ] || fail "nothing was collected: $(cat "$work/gap.csv")"
[ "$gap" -le 10000 ] || fail "collecting paused for $gap ms while backups were made"
[ "$(stat -c %s "$made")" -gt 1000000 ] || fail "the store is too small to say anything"
[ "$(count_backups)" -eq 2 ] || fail "$(count_backups) backups, not 2, are kept"
all_are_whole
shows backup_ok ask events
shows 'backup     flash: 20' ask stats
bytes=$(ask stats --format json | grep -o '"flash_bytes_backup":[1-9][0-9]*' | cut -d : -f 2)
[ "$bytes" -ge $((5 * $(stat -c %s "$made"))) ] || fail "the ledger has $bytes bytes of backups"

# ---- restored while the daemon runs: what came later is in the store that is kept
generate $((from + span)) 300 "$series" 5 >"$work/more.csv"
ask import --format csv - <"$work/more.csv" >/dev/null 2>&1
more=$(imported --socket "$socket")
[ "$more" -gt "$rows" ] || fail "nothing was added"
backup restore latest >"$work/restored"
[ "$(imported --socket "$socket")" -eq "$rows" ] || fail "not what the backup had"
kept=$(sed -n 's/^the store that it replaced is //p' "$work/restored")
[ "$(imported --store "sqlite:$kept")" -eq "$more" ] || fail "the replaced store lacks something"
shows 'uptime_seconds' ask export uptime_seconds

# ---- SIGKILL in the midst of a backup
for pause in 0.01 0.02 0.03 0.05 0.08; do
    backup now >"$work/now" 2>&1 &
    now=$!
    sleep "$pause"
    kill_daemon
    wait "$now" || true
    start_daemon "$work/backup.ini"
    none_is_unfinished || fail "something unfinished is left: $(ls "$backups")"
    all_are_whole
    [ "$(imported --socket "$socket")" -eq "$rows" ] || fail "the store lost something"
done

printf 'restarts that found an unfinished backup: %s of 5\n' \
    "$(grep -c 'left unfinished' "$work/varved.log")"

# ---- at stop, and on a stopped store
write_conf 'keep = 3' 'at_stop = yes'
kill -HUP "$daemon"
wait_until 20 grep -q 'running with the new configuration' "$work/varved.log" || fail "no reload"
touch "$work/mark"
stop_daemon
[ "$(find "$backups" -name 'varve-*.db' -newer "$work/mark" | wc -l)" -eq 1 ] || fail "none at stop"
all_are_whole 2>/dev/null
latest=$(backup now 2>/dev/null)
[ "$(imported --store "sqlite:$latest")" -eq "$rows" ] || fail "the backup lacks something"
backup verify 2>/dev/null | grep -qF "$latest is whole" || fail "verify takes another"
[ "$(count_backups)" -eq 3 ] || fail "$(count_backups) backups, not 3, are kept"

# ---- a damaged backup is refused, and changes nothing
cp "$latest" "$work/damaged.db"
dd if=/dev/urandom of="$work/damaged.db" bs=4096 seek=50 count=100 conv=notrunc status=none
refuses 1 'not restored' "$varve" backup restore "$work/damaged.db" -c "$work/backup.ini"
[ "$(imported --store "sqlite:$VARVE_STATE/varve.db")" -eq "$rows" ] ||
    fail "the store was changed"

# ---- a damaged store is replaced, and kept; so is one that is gone
dd if=/dev/urandom of="$VARVE_STATE/varve.db" bs=4096 count=100 conv=notrunc status=none
shows 'kept as it is' "$varve" backup restore latest -c "$work/backup.ini"
[ "$(imported --store "sqlite:$VARVE_STATE/varve.db")" -eq "$rows" ] || fail "not restored"
rm "$VARVE_STATE/varve.db"
backup restore latest -c "$work/backup.ini" >"$work/restored"
! grep -q replaced "$work/restored" || fail "nothing can have been replaced"
[ "$(imported --store "sqlite:$VARVE_STATE/varve.db")" -eq "$rows" ] || fail "not restored"

# ---- archives: to a fresh device, with the configuration
backup archive "$work/a.tar.gz" -c "$work/backup.ini" 2>/dev/null
[ "$(tar tzf "$work/a.tar.gz" | sort | tr '\n' ' ')" = 'varve.db varve.ini ' ] || fail "not an archive"
backup archive - -c "$work/backup.ini" 2>/dev/null >"$work/b.tar.gz"
mkdir "$work/etc"

# on <state directory> <command...>: on another device
on() {
    env "PATH=$build:$PATH" "VARVE_STATE=$work/$1" "${@:2}"
}

# has_all <state directory>
has_all() {
    [ "$(imported --store "sqlite:$work/$1/varve.db")" -eq "$rows" ] || fail "$1 lacks something"
}

on fresh "$varve" backup unpack - -c "$work/etc/varve.ini" <"$work/b.tar.gz" >/dev/null
cmp "$work/etc/varve.ini" "$work/backup.ini" || fail "another configuration"
has_all fresh
echo '; mine' >>"$work/etc/varve.ini"
on fresh "$varve" backup unpack "$work/a.tar.gz" -c "$work/etc/varve.ini" >/dev/null
grep -q mine "$work/etc/varve.ini" || fail "a configuration that is there was overwritten"

# ---- the hooks for OpenWrt: the same, by its own calls
hooks=$top/tools/packaging/openwrt
archive=$work/history.tar.gz

# upgrade <list only, 0 or 1>
upgrade() {
    # shellcheck disable=SC2016 # expanded by the shell that sources the hook
    on state env "CONF_BACKUP_LIST=$1" "VARVE_ARCHIVE=$archive" "VARVE_CONF=$work/backup.ini" \
        sh -c '. "$0" && $sysupgrade_init_conffiles "$1"' "$hooks/upgrade.sh" "$work/conffiles"
}

first_boot() {
    on upgraded env "VARVE_ARCHIVE=$archive" "VARVE_CONF=$work/etc/new.ini" "$hooks/restore.sh"
}

upgrade 1
[ ! -e "$archive" ] || fail "an archive was made for a list alone"
upgrade 0 2>/dev/null
grep -qxF "$archive" "$work/conffiles" || fail "the archive is not kept"
first_boot >/dev/null || fail "the hook does not restore"
[ ! -e "$archive" ] || fail "the archive is still there"
has_all upgraded
first_boot || fail "without an archive it must do nothing"

echo none >"$work/none"
refuses 1 'tar failed' "$varve" backup unpack "$work/none" -c "$work/backup.ini"

# ---- two stores: both are copied, one is archived, and that is said
printf 'heap = 1M\n[backend more : sqlite]\npath = more.db\ntiers = minute\n' >>"$work/backup.ini"
start_daemon "$work/backup.ini"
[ "$(backup now | grep -cE '/(varve|more)-[0-9]{8}T[0-9]{6}Z.db$')" -eq 2 ] || fail "not both stores are copied"
shows 'this one is left out' "$varve" backup archive "$work/two.tar.gz"
shows 'restored' "$varve" backup unpack "$work/two.tar.gz"
[ "$(imported --socket "$socket" --tier raw)" -eq "$rows" ] || fail "not the first store was archived"
stop_daemon

# ---- by schedule
rm -f "$backups"/*
write_conf 'every = 1s' 'keep = 2'
start_daemon "$work/backup.ini"
touch "$work/mark"
wait_until 60 has_two || fail "no backups by schedule: $(ls "$backups")"
all_are_whole
stop_daemon
