#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Plugins that block, in the real daemon: a backend that does not come back from put() is reported,
# the other one goes on, and the service manager is told nothing until it is back. A collector that
# hangs is reported and allows no reload until it is back.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"

modules=$work/modules
mkdir "$modules"
cat >"$work/blocky.c" <<'EOF_C'
// A backend that keeps nothing, and blocks in put() while the file BLOCK is there.
#include <unistd.h>
#include "varve/plugin.h"
static int opened(struct varve_instance *self, unsigned flags)
{
    return self != 0 && flags == 0 ? 0 : 0;
}
static void nothing(struct varve_instance *self)
{
    (void)self;
}
static int define(struct varve_instance *self, varve_series_id id,
                  const struct varve_series_def *def)
{
    return self && def && id < 65535 ? 0 : 0;
}
static int put(struct varve_instance *self, const struct varve_put *what)
{
    (void)what;
    while (self && access(BLOCK, F_OK) == 0)
        usleep(20000);
    return 0;
}
static int event(struct varve_instance *self, const struct varve_event *what)
{
    return self && what ? 0 : 0;
}
static int commit(struct varve_instance *self)
{
    return self ? 0 : 0;
}
static int next(struct varve_instance *self, unsigned tier, const struct varve_block_key *after,
                int64_t from_ms, struct varve_block_key *out)
{
    return self && tier && after && from_ms && out ? VARVE_E_NOT_FOUND : VARVE_E_NOT_FOUND;
}
static int get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
               void *buf, size_t cap)
{
    return self && tier && key && buf && cap ? VARVE_E_NOT_FOUND : VARVE_E_NOT_FOUND;
}
static void stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    out->persistent = self != 0;
}
static const struct varve_backend_ops ops = {
    .open = opened, .close = nothing, .define = define, .put = put, .event = event,
    .commit = commit, .abort = nothing, .next = next, .get = get, .stats = stats};
const struct varve_plugin varve_backend_blocky = {
    VARVE_PLUGIN_HEADER, .name = "blocky", .summary = "Blocks.", .kind = VARVE_BACKEND,
    .state_size = 8, .backend = &ops};
VARVE_PLUGIN(varve_backend_blocky);
EOF_C
cat >"$work/stubborn.c" <<'EOF_C'
// A collector that does not come back while the file HANG is there.
#include <unistd.h>
#include "varve/plugin.h"
static int init(struct varve_instance *self)
{
    return self ? 0 : -1;
}
static int collect(struct varve_instance *self)
{
    while (self && access(HANG, F_OK) == 0)
        usleep(20000);
    return 0;
}
static const struct varve_collector_ops ops = {.init = init, .collect = collect};
const struct varve_plugin varve_collector_stubborn = {
    VARVE_PLUGIN_HEADER, .name = "stubborn", .summary = "Hangs.", .kind = VARVE_COLLECTOR,
    .state_size = 8, .collector = &ops};
VARVE_PLUGIN(varve_collector_stubborn);
EOF_C
for name in blocky stubborn; do
    "${VARVE_CC:-cc}" -std=c11 -D_DEFAULT_SOURCE -shared -fPIC -DVARVE_MODULE -I"$top/include" \
        "-DBLOCK=\"$work/block\"" "-DHANG=\"$work/hang\"" -o "$modules/$name.so" "$work/$name.c" ||
        fail "$name.c cannot be built"
done

# The service manager's side: one line for each message.
cat >"$work/manager.py" <<'EOF_PY'
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
with open(sys.argv[2], "w") as out:
    while True:
        out.write(s.recv(4096).decode() + "\n")
        out.flush()
EOF_PY
python3 "$work/manager.py" "$work/notify" "$work/told" &
manager=$!
wait_until 20 test -S "$work/notify" || fail "the service manager does not listen"

told() {
    grep -c "^$1" "$work/told" || true
}
told_more_than() {
    [ "$(told "$1")" -gt "$2" ]
}
logged() {
    grep -qF -- "$1" "$work/varved.log"
}
has_event() {
    ask_events | grep -q ",$1,"
}
ask_events() {
    "$varve" events --format csv --socket "$socket"
}
written_since() {
    find "$VARVE_STATE" -name 'varve.db*' -newer "$1" | grep -q .
}

conf=$(quick_conf <<'EOF_INI'
[collector uptime]
interval = 1s
[collector odd : stubborn]
interval = 1s
deadline = 300ms
[backend slow : blocky]
[backend flash : sqlite]
EOF_INI
)
NOTIFY_SOCKET=$work/notify WATCHDOG_USEC=400000 start_daemon "$conf" --plugin-dir "$modules" \
    --set varve.stuck=1s
wait_until 20 told_more_than READY=1 0 || fail "the manager is not told that the daemon is ready"
wait_until 20 told_more_than WATCHDOG=1 3 || fail "the watchdog is not fed"

# ---- a backend blocks
touch "$work/block"
wait_until 30 logged 'slow: storing takes longer' || fail "a stuck backend is not reported"
wait_until 30 logged 'stuck: backend slow' || fail "the daemon does not notice a stuck backend"
told_more_than STATUS=stuck 0 || fail "the manager is not told why"
fed=$(told WATCHDOG=1)
touch "$work/mark"
wait_until 30 written_since "$work/mark" || fail "the other backend does not go on"
[ "$(told WATCHDOG=1)" -eq "$fed" ] || fail "the watchdog is fed while a backend is stuck"
rm "$work/block"
wait_until 30 logged 'slow: goes on storing' || fail "the end is not reported"
wait_until 30 told_more_than WATCHDOG=1 "$fed" || fail "the watchdog is not fed any more"
wait_until 10 has_event store_stuck || fail "no event store_stuck: $(ask_events)"
wait_until 10 has_event store_back || fail "no event store_back: $(ask_events)"

# ---- a collector hangs
touch "$work/hang"
wait_until 30 has_event collector_hung || fail "a hanging collector is not reported"
before=$(told WATCHDOG=1)
wait_until 20 told_more_than WATCHDOG=1 "$before" || fail "a collector stops the watchdog"
kill -HUP "$daemon"
wait_until 20 logged 'collector odd hangs: nothing was changed' ||
    fail "the configuration is read again under a hanging collector"
rm "$work/hang"
wait_until 30 has_event collector_back || fail "its return is not reported"
kill -HUP "$daemon"
wait_until 30 logged 'running with the new configuration' || fail "no reload afterwards"
stop_daemon
[ "$(told STOPPING=1)" -eq 1 ] || fail "the manager is not told of the stop"
kill "$manager"
