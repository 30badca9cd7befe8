#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The daemon allocates nothing once it has started: it runs under the allocation guard with all
# collectors, takes 100,000 samples through its socket, flushes and answers. The guard itself is
# tested in tests/budget.
# shellcheck source=tests/integration/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=tests/integration/data.sh
. "$(dirname "$0")/data.sh"

[ -z "${VARVE_SANITIZE:-}" ] || skip "sanitizers bring an allocator of their own"
case ${VARVE_TOOLCHAIN:-} in
*musl*) skip "the guard looks into glibc" ;;
esac
"${VARVE_CC:-cc}" -std=c11 -O2 -fno-builtin -fPIC -shared "$top/tests/budget/alloc_guard.c" \
    -o "$work/alloc_guard.so" -ldl || fail "the guard cannot be built"

conf=$work/board.ini
sed 's/^raw = .*/raw = 1s keep 2h/; s/^interval = .*/interval = 1s/; s/^flush = .*/flush = 2s/' \
    "$top/boards/linux-generic/board.ini" >"$conf"
generate "$(($(date +%s) - 3600))" 2000 50 >"$work/import.csv"

# Only the daemon is preloaded, not the shell and the tools.
LD_PRELOAD=$work/alloc_guard.so "$varved" -c "$conf" >"$work/varved.log" 2>&1 </dev/null &
daemon=$!
wait_until 30 logged 'alloc_guard: armed' || fail "the daemon does not start under the guard"

ask import "$work/import.csv" 2>/dev/null || fail "the import fails"
for _ in 1 2 3 4 5; do
    ask query '*' --from -10m >/dev/null
    ask query 'made*' --from -1h --tier minute --agg avg --format json >/dev/null
    ask series >/dev/null
    ask stats >/dev/null
    ask events >/dev/null
    ask plugins >/dev/null
    ask config show >/dev/null
    sleep 1
done
ask flush
kill -USR1 "$daemon"
wait_until 15 logged 'flushed:' || fail "no flush"
refuses 3 'no series matches' "$varve" query nothing --socket "$socket"
samples=$(figure samples_session)
blocks=$(figure 'backends[].blocks_put')
sleep 1
stop_daemon
[ "$samples" -ge 100000 ] || fail "only $samples samples were taken"

allocations=$(sed -n 's/^alloc_guard: \([0-9]*\) allocations$/\1/p' "$work/varved.log")
printf '%s samples, %s blocks stored, %s allocations\n' "$samples" "$blocks" "$allocations"
[ -n "$allocations" ] || fail "the guard did not report"
[ "$allocations" -eq 0 ] || fail "$allocations allocations after start-up"

# And it would have been seen: with a task in it that allocates now and then, the daemon reports some.
cat >"$work/planted.c" <<'EOF'
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>
static void *volatile sink;
static void *allocate(void *unused)
{
    for (;;) {
        (void)usleep(50000);
        sink = malloc(16);
        free(sink);
    }
    return unused;
}
__attribute__((constructor)) static void start(void)
{
    pthread_t thread;
    (void)pthread_create(&thread, NULL, allocate, NULL);
}
EOF
"${VARVE_CC:-cc}" -D_DEFAULT_SOURCE -O2 -fno-builtin -fPIC -shared "$work/planted.c" \
    -o "$work/planted.so" -pthread || fail "the planted fault cannot be built"
LD_PRELOAD="$work/alloc_guard.so $work/planted.so" "$varved" -c "$conf" >"$work/varved.log" 2>&1 \
    </dev/null &
daemon=$!
wait_until 30 logged 'alloc_guard: armed' || fail "the daemon does not start with a planted fault"
sleep 1 # in which some are made
stop_daemon
allocations=$(sed -n 's/^alloc_guard: \([0-9]*\) allocations$/\1/p' "$work/varved.log")
[ "${allocations:-0}" -gt 0 ] || fail "the guard does not see allocations in the daemon"
