#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The runbook, played: each state that tools/RUNBOOK.md has a section for is brought about in a real
# daemon, the event it names must come, and the commands of the section must work there. Every event
# that the sources can raise must be in the runbook.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

book=$top/tools/RUNBOOK.md
export PATH=$build:$PATH
mkdir "$work/scratch"

# ---- no event is missing --------------------------------------------------------------------------

# An event's kind stands behind its severity.
severity='VARVE_(CRITICAL|ERROR|WARNING|NOTICE|INFO)'
kinds=$(cat "$top"/core/*.c "$top"/plugins/*/*.c "$top"/plugins/*/*/*.c "$top"/tools/varved/*.c |
    tr '\n' ' ' | grep -oE "${severity}[^;]{0,60}\"[a-z]+_[a-z_]+\"" | sed 's/"$//; s/.*"//' | sort -u)
[ "$(wc -l <<<"$kinds")" -ge 20 ] || fail "the sources raise only these events: $kinds"
for kind in $kinds; do
    grep -qF "\`$kind\`" "$book" || fail "tools/RUNBOOK.md does not know the event $kind"
done

# ---- sections -------------------------------------------------------------------------------------

# commands_of <section> <fence>: the commands of the blocks fenced so
commands_of() {
    awk -v section="## $1" -v fence="\`\`\`$2" '
        /^## / { here = ($0 == section) }
        /^```/ { inside = (here && $0 == fence); next }
        inside && /^\$ / { print substr($0, 3) }
    ' "$book"
}

# play <section> [<fence>]: runs them; finding nothing is an answer
play() {
    local commands=$work/commands line rc
    commands_of "$1" "${2:-console}" >"$commands"
    [ -s "$commands" ] || fail "no commands under '$1'"
    while IFS= read -r line; do
        printf '+ %s\n' "$line"
        rc=0
        (cd "$work/scratch" && bash -eo pipefail -c "$line" </dev/null) >"$work/said" 2>&1 || rc=$?
        cat "$work/said"
        [ "$rc" -eq 0 ] || [ "$rc" -eq 3 ] || fail "'$1': exit code $rc: $line"
    done <"$commands"
}

has_event() {
    "$varve" events --socket "$socket" | grep -qE " $1 "
}

wait_for() {
    wait_until 60 has_event "$1" || fail "no event $1: $("$varve" events --socket "$socket")"
}

write_conf() {
    {
        printf '[varve]\nstate = %s\nflush = 1s\nclock = trust\n' "$VARVE_STATE"
        printf '[tiers]\nraw = 1s keep 1h\nminute = 1m keep 1d\n'
        printf '[collector uptime]\ninterval = 1s\n[backend flash : sqlite]\n'
        printf '%s\n' "$@"
    } >"$work/runbook.ini"
}

# ---- a collector that fails, one that hangs; series refused; a clock that is right
printf '#!/bin/sh\nexit 3\n' >"$work/fails"
printf '#!/bin/sh\necho "a 1"\necho "b 2"\necho "c 3"\necho "d 4"\n' >"$work/floods"
chmod 0755 "$work/fails" "$work/floods"
write_conf '[collector broken : exec]' "command = $work/fails" 'interval = 1s' \
    '[collector many : exec]' "command = $work/floods" 'interval = 1s' 'max_series = 3'
start_daemon "$work/runbook.ini"
wait_for collector_failed
play 'A collector fails or hangs'
grep -q collector_failed "$work/said" || fail "the failure is not shown"
says_why() {
    "$varve" plugins --socket "$socket" | grep -q '^broken .* failing .*exit code 3'
}
wait_until 20 says_why || fail "plugins does not say why a collector fails"
wait_for collector_limited
play 'Samples or series are refused'
play 'The clock is wrong'
# What a clock that was two hours ahead leaves: the next start finds it.
printf 'ts,series,value\n%s,from_the_future,1\n' "$(($(date +%s) + 7200))" >"$work/future.csv"
"$varve" import "$work/future.csv" --socket "$socket" >/dev/null
stop_daemon
start_daemon "$work/runbook.ini"
wait_for history_ahead
"$varve" stats --socket "$socket" | grep -q '^future  *raw: 1 blocks from ' ||
    fail "history in the future is not listed"
"$varve" health --socket "$socket" | grep -q 'lie in the future' || fail "health says nothing of it"
play 'The clock is wrong'
"$varve" query from_the_future --from now --to 2100-01-01 --socket "$socket" >/dev/null 2>&1 &&
    fail "history in the future is still there"
stop_daemon
rm -rf "$VARVE_STATE"

# ---- a backup without a place to go
echo 'no directory' >"$work/file"
write_conf '[backup]' "dir = $work/file/backup"
start_daemon "$work/runbook.ini"
"$varve" backup now --socket "$socket" >/dev/null 2>&1 && fail "a backup without a directory"
wait_for backup_failed
play 'A backup fails'
rm "$work/file"
mkdir "$work/file"
play 'A backup fails' 'console after'
stop_daemon

# ---- a budget that is too small
write_conf '[wear]' 'budget = 64K'
start_daemon "$work/runbook.ini"
wait_for wear_level
play 'Flash must be saved'
grep -q wear_level "$work/said" || fail "the governor's change is not shown"
stop_daemon

# ---- a store that was damaged while nobody looked
write_conf ''
start_daemon "$work/runbook.ini"
sleep 3
stop_daemon
play 'A store was damaged' 'console stopped'
dd if=/dev/urandom of="$VARVE_STATE/varve.db" bs=1 seek=20 count=60 conv=notrunc status=none
start_daemon "$work/runbook.ini"
wait_for store_salvaged
play 'A store was damaged'
stop_daemon

# ---- a full disk, where this test may mount one
disk=$work/disk
mkdir "$disk"
if ! mount -t tmpfs -o size=2m varve-runbook "$disk" 2>/dev/null; then
    printf 'no full disk: this user cannot mount one\n'
    exit 0
fi
# shellcheck disable=SC2329 # called by the trap
unmount() {
    local rc=$?
    umount -l "$disk"
    (exit "$rc")
    clean_up
}
trap unmount EXIT
export VARVE_STATE=$disk/state
socket=$work/full.sock # not on the full disk
export VARVE_SOCKET=$socket
mkdir "$VARVE_STATE"
write_conf ''
start_daemon "$work/runbook.ini" --set "varve.socket=$socket"
dd if=/dev/zero of="$disk/filler" bs=4k status=none 2>/dev/null || true
for i in $(seq 400); do
    printf '%d,filler{n="%d"},%d\n' "$(($(date +%s) - 30))" "$i" "$i"
done >"$work/filler.csv"
"$varve" import --socket "$socket" --format csv - <"$work/filler.csv" >/dev/null 2>&1 || true
wait_for store_error
play 'A store cannot be written'
rm "$disk/filler"
play 'A store cannot be written' 'console after'
wait_for store_ok
stop_daemon
