#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Who may do what: modules, programs and configurations that others can write are refused; the
# socket has the mode that was asked for; only root and the daemon's user may change something; a
# daemon started as root becomes another user. What needs a second user is left out where the test
# does not run as root.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

logged() {
    grep -qF -- "$1" "$work/varved.log"
}

# ---- what others can write is refused
mkdir "$work/modules"
conf=$(quick_conf <<'EOF_INI'
[collector uptime]
interval = 1s
[backend flash : sqlite]
EOF_INI
)
touch "$work/modules/odd.so"
chmod 0666 "$work/modules/odd.so"
shows "module odd.so is refused: everybody may write to $work/modules/odd.so: chmod o-w" \
    "$varved" --check-config -c "$conf" --plugin-dir "$work/modules"
chmod 0777 "$work/modules"
shows "no module of $work/modules is loaded: everybody may write to $work/modules" \
    "$varved" --check-config -c "$conf" --plugin-dir "$work/modules"
chmod o+w "$conf"
refuses 2 'refused: everybody may write to' "$varved" --check-config -c "$conf"
refuses any 'refused: everybody may write to' "$varve" config check "$conf"
chmod o-w "$conf"
mkdir -m 0777 "$work/parts"
chmod 0777 "$work/parts"
sed 's/^\[varve\]/&\ninclude = parts/' "$conf" >"$work/including.ini"
refuses 2 'refused: everybody may write to' "$varved" --check-config -c "$work/including.ini"

printf '#!/bin/sh\necho "x 1"\n' >"$work/program"
chmod 0757 "$work/program"
mkdir "$work/open"
cp "$work/program" "$work/open/program"
chmod 0755 "$work/open/program"
chmod 0777 "$work/open"
cat >>"$conf" <<EOF_INI
[collector own : exec]
command = $work/program
[collector placed : exec]
command = $work/open/program
EOF_INI
start_daemon "$conf"
logged "own: disabled: permission denied: everybody may write to $work/program" ||
    fail "a program that everybody may write is run"
logged "placed: disabled: permission denied: everybody may write to $work/open" ||
    fail "a program in a directory that everybody may write is run"

# ---- the socket and the store
[ "$(stat -c %a "$socket")" = 660 ] || fail "the socket has mode $(stat -c %a "$socket")"
[ "$(stat -c %a "$VARVE_STATE/varve.db")" = 640 ] || fail "the store may be read by others"
shows '' "$varve" flush --socket "$socket"

# A backup that is no file, or lies elsewhere by a detour, is not even opened.
mkfifo "$work/pipe"
refuses any 'a backup is a regular file' "$varve" backup restore "$work/pipe" --socket "$socket"
stop_daemon
start_daemon "$conf" --set varve.socket_mode=0600
[ "$(stat -c %a "$socket")" = 600 ] || fail "socket_mode is not kept"
stop_daemon
refuses 1 'there is no group' "$varved" -c "$conf" --set varve.socket_group=no_such_group
refuses 1 'there is no user' "$varved" -c "$conf" --set varve.user=no_such_user

# ---- another user
if [ "$(id -u)" -ne 0 ] || ! command -v setpriv >/dev/null; then
    echo "left out: what needs a second user (root and setpriv)"
    exit 0
fi
cp "$varve" "$work/varve" # others may not come as far as the build directory
chmod 0755 "$work/varve"
varve=$work/varve
as_other() { # <user> <group> <command...>
    local user=$1 group=$2
    shift 2
    setpriv --reuid="$user" --regid="$group" --clear-groups -- "$@"
}
rm -rf "$VARVE_STATE"
chmod 0755 "$work"
start_daemon "$conf" --set varve.user=nobody --set varve.group=adm --set varve.socket_mode=0666 \
    --set varve.socket_group=4
[ "$(stat -c %U "/proc/$daemon")" = nobody ] || fail "the daemon is still root"
grep -qE '^CapEff:\s*0+$' "/proc/$daemon/status" || fail "capabilities are left"
[ "$(stat -c %U "$VARVE_STATE")" = nobody ] || fail "the state directory was not handed over"
[ "$(stat -c %a "$socket")" = 666 ] || fail "socket_mode is not kept"
[ "$(stat -c %g "$socket")" = 4 ] || fail "socket_group is not kept"
chmod o+x "$VARVE_STATE" # so that others come as far as the socket
shows '' "$varve" flush --socket "$socket"
as_other nobody 65534 "$varve" flush --socket "$socket" || fail "the daemon's own user may not flush"
shows uptime_seconds as_other daemon daemon "$varve" series --socket "$socket"
for what in flush 'backup now' 'prune --before -1h --yes' 'prune --before -1h --dry-run'; do
    # shellcheck disable=SC2086 # words
    refuses any "only root and the daemon's user may do this" \
        as_other daemon daemon "$varve" $what --socket "$socket"
done
echo 'ts,series,value' >"$work/import.csv"
chmod 0644 "$work/import.csv"
refuses any "only root and the daemon's user" \
    as_other daemon daemon "$varve" import "$work/import.csv" --socket "$socket"
logged 'asked for what it may not do (5 refusals so far)' || fail "refusals are not counted"
stop_daemon

start_daemon "$conf" --set varve.user=nobody --set varve.group=adm --set varve.socket_mode=0666 \
    --set varve.socket_group=4 --set varve.control=group
shows '' as_other daemon 4 "$varve" flush --socket "$socket"
shows '' setpriv --reuid=daemon --regid=daemon --groups=4 -- "$varve" flush --socket "$socket"
refuses any "the socket's group may do this" as_other daemon daemon "$varve" flush --socket "$socket"
stop_daemon
start_daemon "$conf" --set varve.user=nobody --set varve.socket_mode=0666 --set varve.control=all
shows '' as_other daemon daemon "$varve" flush --socket "$socket"
stop_daemon

# What root has made before is handed over, and what root makes later is the daemon's: a store that was
# restored, a backup, a fresh directory.
open_as_nobody() { # <what was done>
    start_daemon "$conf" --set varve.user=nobody
    "$varve" stats --socket "$socket" --format json | grep -q '"state":0' || fail "$1: the store cannot be opened"
    shows '' "$varve" backup now --socket "$socket"
    stop_daemon
}
rm -rf "$VARVE_STATE"
start_daemon "$conf"
shows '' "$varve" backup now --socket "$socket"
stop_daemon
ln -s /etc/passwd "$VARVE_STATE/link"
open_as_nobody 'begun by root'
[ "$(stat -c %U /etc/passwd)" = root ] || fail "what a link leads to was handed over"
[ "$(stat -c %U "$VARVE_STATE"/backup/*.db | sort -u)" = nobody ] || fail "root's backups were not handed over"
shows '' "$varve" backup now --store "sqlite:$VARVE_STATE/varve.db"
[ -z "$(find "$VARVE_STATE" -type f -user root)" ] || fail "root's tool leaves files of root"
shows restored "$varve" backup restore latest --store "sqlite:$VARVE_STATE/varve.db"
open_as_nobody 'restored by root'
shows '' "$varve" backup archive "$work/history.tar.gz" --store "sqlite:$VARVE_STATE/varve.db"
rm -rf "$VARVE_STATE"
shows restored env VARVE_STATE="$VARVE_STATE" "$varve" backup unpack "$work/history.tar.gz" -c "$conf"
open_as_nobody 'unpacked by root'
# The daemon that runs cannot come to what root unpacks: it gets a copy where it can.
mkdir -m 0700 "$work/private"
start_daemon "$conf" --set varve.user=nobody
shows restored env TMPDIR="$work/private" "$varve" backup unpack "$work/history.tar.gz" --socket "$socket"
stop_daemon
[ -z "$(find "$VARVE_STATE" -name '*.lent' -o -type f -user root)" ] || fail "a restore leaves: $(ls -l "$VARVE_STATE")"

# A module of a third user could make the daemon do what it wants.
mkdir "$work/foreign"
chown daemon "$work/foreign"
shows "no module of $work/foreign is loaded: $work/foreign belongs to user" \
    "$varved" --check-config -c "$conf" --plugin-dir "$work/foreign"
