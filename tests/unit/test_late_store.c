// SPDX-License-Identifier: Apache-2.0
// A store that cannot be opened at the start, on the simulated device, for each kind of fault and
// from several calls on: the host starts, collects in RAM, says so, opens the store when it can,
// and hands over to a host that has it. Afterwards every row is there, bit by bit and once, and the
// cells are those of a life without a fault, counters included; series were registered in another
// order meanwhile, and some are new.
//
// VARVE_TEST_LONG=1 begins the fault at every call; otherwise at TRIES of each kind.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ports/sim/sim.h"
#include "varve/query.h"

#define WALL_MS   INT64_C(1775001600000) // 2026-04-01
#define STEP_MS   500
#define MINUTE    (60000 / STEP_MS) // rows
#define EARLIER   (MINUTE + MINUTE / 2)
#define FAILING   (2 * MINUTE)
#define MENDED    (3 * MINUTE)
#define N         (EARLIER + FAILING + MENDED)
#define OLD       8 // series that the store knows
#define SERIES    10
#define TRIES     3
#define CELLS     64
#define AGGS      4
#define STEPS_MAX 1000

extern const struct varve_plugin varve_backend_sqlite;
extern const struct varve_plugin varve_backend_rotate;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, &varve_backend_rotate,
                                                     NULL};

static const char *const stores[][2] = {
    {"wal", "[backend flash : sqlite]\npath = test.db\nheap = 256K\nwal_limit = 512K\n"},
    {"inplace", "[backend flash : sqlite]\npath = test.db\njournal = inplace\nheap = 256K\n"},
    {"rotate", "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 1M\n"},
};

#define CHANGES (VARVE_SIM_WRITE | VARVE_SIM_SIZE | VARVE_SIM_NAME | VARVE_SIM_SYNC_DIR)
#define ALL     (CHANGES | VARVE_SIM_OPEN | VARVE_SIM_READ | VARVE_SIM_SYNC | VARVE_SIM_LOCK)

static const struct kind {
    const char *name;
    unsigned calls;
    int error;
} kinds[] = {
    {"full disk", VARVE_SIM_WRITE | VARVE_SIM_SIZE, VARVE_E_NO_SPACE},
    {"read error", VARVE_SIM_READ, VARVE_E_IO},
    {"read-only", CHANGES, VARVE_E_READ_ONLY},
    {"vanished directory", VARVE_SIM_OPEN | VARVE_SIM_NAME | VARVE_SIM_SYNC_DIR, VARVE_E_NOT_FOUND},
    {"no permission", VARVE_SIM_OPEN, VARVE_E_DENIED},
    {"pulled card", ALL, VARVE_E_IO},
};

static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static uint8_t memory[8u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_point pushed[SERIES][N];
static int ids[SERIES];
static bool reversed; // the order in which series are registered
static unsigned hand_overs;
static char now_trying[128];

// What a life leaves in the minute tier.
struct cells {
    struct varve_point points[SERIES][AGGS][CELLS];
    size_t count[SERIES][AGGS];
};
static struct cells wanted, found;

// ---- a life -------------------------------------------------------------------------------------

static void make_device(const char *backends)
{
    char why[128], ini[1024];
    struct varve_sim_device device;
    varve_sim_set_failure(NULL);
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 8u << 20;
    device.erase_block_bytes = 64u << 10;
    assert_int_equal(varve_sim_make(&device, WALL_MS, why, sizeof why), 0);
    assert_int_equal(varve_port_path_make_dir("/state"), 0);
    varve_sim_log_level(getenv("V") ? VARVE_DEBUG : VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    (void)snprintf(ini, sizeof ini,
                   "[varve]\nstate = /state\nflush = 15s\nseries = 32\nwindow = 2048\n"
                   "cells = 2048\noutbox = 256K\n[tiers]\nraw = 2s keep 1h\n"
                   "minute = 1m keep 1d window 2m\n%s",
                   backends);
    if (varve_conf_parse(&conf, "ini", ini) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s", conf.errors[0]);
    }
}

static void register_one(int s)
{
    char text[16];
    (void)snprintf(text, sizeof text, "m%d", s);
    const struct varve_series_def def = {text, "By", "", s % 2 ? VARVE_COUNTER : VARVE_GAUGE};
    ids[s] = varve_series_add(host, &def);
    assert_true(ids[s] >= 0);
}

static void register_series(int count)
{
    for (int s = 0; s < count; s++) {
        register_one(reversed ? count - 1 - s : s);
    }
}

static void open_host(const struct varve_handover *handover)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    int rc = varve_host_init(&host, &conf, memory, sizeof memory - handover->bytes,
                             VARVE_HOST_NO_COLLECTORS | VARVE_HOST_WAIT, why, sizeof why);
    if (rc != 0) {
        fail_msg("%s: the host does not start: %d %s", now_trying, rc, why);
    }
    rc = varve_host_take_over(host, handover, memory, sizeof memory);
    if (rc != 0) {
        fail_msg("%s: not taken over: %d", now_trying, rc);
    }
}

static void resume(int count)
{
    struct varve_handover handover;
    (void)varve_host_hand_over(host, &handover); // the error of the store that is not open
    open_host(&handover);
    assert_int_equal(varve_host_waits(host), VARVE_WAITS_NOT);
    register_series(count);
    hand_overs++;
}

// As far as there is something to do at once: a host that would never rest is hanging.
static void step_host(void)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        if (varve_host_step(host) > 0) {
            return;
        }
    }
    fail_msg("%s: the host always has something to do at once", now_trying);
}

static void run(size_t from, size_t rows, int count)
{
    for (size_t i = from; i < from + rows; i++) {
        varve_sim_advance(STEP_MS);
        for (int s = 0; s < count; s++) {
            pushed[s][i].time_ms = varve_port_wall_ms();
            assert_int_equal(varve_push(host, ids[s], pushed[s][i].value), 0);
        }
        step_host();
        if (varve_host_waits(host) == VARVE_WAITS_READY) {
            resume(count);
        }
    }
}

// ---- what is there ------------------------------------------------------------------------------

struct answer {
    struct varve_point *points;
    size_t count, cap;
};

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *answer = arg;
    (void)id;
    if (answer->count + n > answer->cap) {
        fail_msg("%s: more rows than were pushed", now_trying);
    }
    memcpy(answer->points + answer->count, points, n * sizeof *points);
    answer->count += n;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    if (info->damaged_blocks != 0) {
        fail_msg("%s: %u damaged blocks", now_trying, (unsigned)info->damaged_blocks);
    }
    return 0;
}

static size_t ask(int series, int tier, enum varve_agg agg, struct varve_point *points, size_t cap)
{
    char why[VARVE_MESSAGE_TEXT], text[16];
    struct answer answer = {.points = points, .cap = cap};
    (void)snprintf(text, sizeof text, "m%d", series);
    const struct varve_query query = {
        .selector = text, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = tier, .agg = agg};
    const struct varve_query_sink sink = {
        .arg = &answer, .series = on_series, .points = on_points, .end = on_end};
    const int rc = varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why);
    if (rc != 0) {
        fail_msg("%s: query: %s", now_trying, why);
    }
    return answer.count;
}

static void check_rows(void)
{
    static struct varve_point rows[N];
    for (int s = 0; s < SERIES; s++) {
        const size_t from = s < OLD ? 0 : EARLIER;
        const size_t n = ask(s, 0, VARVE_AGG_AUTO, rows, N);
        if (n != N - from || memcmp(rows, &pushed[s][from], n * sizeof *rows) != 0) {
            fail_msg("%s: m%d has %zu rows of %zu, or others", now_trying, s, n, N - from);
        }
    }
}

static void read_cells(struct cells *cells)
{
    static const enum varve_agg aggs[AGGS] = {VARVE_AGG_COUNT, VARVE_AGG_SUM, VARVE_AGG_MAX,
                                              VARVE_AGG_LAST};
    memset(cells, 0, sizeof *cells);
    for (int s = 0; s < SERIES; s++) {
        for (int a = 0; a < AGGS; a++) {
            cells->count[s][a] = ask(s, 1, aggs[a], cells->points[s][a], CELLS);
        }
    }
}

static struct varve_stats stats_now(void)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    return stats;
}

static int count_opened(void *arg, const struct varve_event *event)
{
    *(unsigned *)arg += strcmp(event->kind, "store_error") == 0;
    return 0;
}

// ---- tries --------------------------------------------------------------------------------------

// Returns how many calls there were that could have failed while the store was opened.
static uint64_t try_one(const char *backends, const struct varve_sim_failure *failure)
{
    static const struct varve_handover nothing;
    make_device(backends);
    reversed = false;
    hand_overs = 0;
    open_host(&nothing);
    register_series(OLD);
    run(0, EARLIER, OLD);
    assert_int_equal(varve_host_shutdown(host), 0);
    varve_sim_boot(60000);
    reversed = true;
    varve_sim_set_failure(failure);
    open_host(&nothing);
    const uint64_t calls = varve_sim_failure_calls();
    const bool waits = varve_host_waits(host) == VARVE_WAITS;
    register_series(SERIES);
    run(EARLIER, FAILING, SERIES);
    if (waits) {
        unsigned told = 0;
        assert_int_equal(varve_host_events(host, INT64_MIN, INT64_MAX, count_opened, &told), 0);
        assert_true(told > 0);
        assert_true(stats_now().backends[0].state != 0);
        assert_true(stats_now().backends[0].where[0] != '\0');
        assert_int_equal(varve_host_flush(host, 1000), stats_now().backends[0].state);
        assert_true(ask(0, 0, VARVE_AGG_AUTO, (struct varve_point[N]){{0}}, N) >= FAILING - 4);
    }
    varve_sim_set_failure(NULL);
    run(EARLIER + FAILING, MENDED, SERIES);
    assert_int_equal(hand_overs, waits ? 1 : 0);
    assert_int_equal(stats_now().backends[0].state, 0);
    assert_int_equal(stats_now().dropped, 0);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    varve_sim_cut();
    (void)varve_host_shutdown(host); // gives back its memory; cannot write
    varve_sim_boot(60000);
    open_host(&nothing);
    check_rows();
    read_cells(failure->at == 0 ? &wanted : &found);
    if (failure->at != 0 && memcmp(&wanted, &found, sizeof wanted) != 0) {
        fail_msg("%s: the cells are not those of a life without a fault", now_trying);
    }
    assert_int_equal(varve_host_shutdown(host), 0);
    return calls;
}

static void try_store(const char *name, const char *backends)
{
    unsigned waited = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        struct varve_sim_failure failure = {.calls = kinds[k].calls, .error = kinds[k].error};
        (void)snprintf(now_trying, sizeof now_trying, "%s, no fault", name);
        const uint64_t calls = try_one(backends, &failure);
        const uint64_t tries = getenv("VARVE_TEST_LONG") != NULL || calls < TRIES ? calls : TRIES;
        for (uint64_t i = 0; i < tries; i++) {
            failure.at = 1 + i * calls / tries;
            (void)snprintf(now_trying, sizeof now_trying, "%s, %s from call %llu of %llu", name,
                           kinds[k].name, (unsigned long long)failure.at,
                           (unsigned long long)calls);
            (void)try_one(backends, &failure);
            waited += hand_overs;
        }
    }
    print_message("%s: waited for %u times\n", name, waited);
    assert_true(waited > 4);
    varve_sim_destroy();
}

static void a_store_that_comes_late_gets_everything(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
        try_store(stores[i][0], stores[i][1]);
    }
}

// ---- one of two ---------------------------------------------------------------------------------

static const char *const both = "[backend one : sqlite]\npath = test.db\nheap = 256K\n"
                                "[backend two : rotate]\npath = segments\nsegment = 64K\n";

static void configure_one(const char *name)
{
    for (size_t i = 0; i < conf.instance_count; i++) {
        conf.instances[i].enabled = name == NULL || strcmp(conf.instances[i].name, name) == 0;
    }
}

// Only the call number `at` fails. Returns how many calls there were; *waited: a bit per backend.
static uint64_t try_both(uint64_t at, unsigned *waited)
{
    static const struct varve_handover nothing;
    const struct varve_sim_failure failure = {
        .calls = ALL, .error = VARVE_E_IO, .at = at, .count = 1};
    make_device(both);
    reversed = false;
    hand_overs = 0;
    open_host(&nothing);
    register_series(OLD);
    run(0, EARLIER, OLD);
    assert_int_equal(varve_host_shutdown(host), 0);
    varve_sim_boot(60000);
    reversed = true;
    varve_sim_set_failure(&failure);
    open_host(&nothing);
    const uint64_t calls = varve_sim_failure_calls();
    *waited = 0;
    for (unsigned b = 0; b < 2; b++) {
        *waited |= (stats_now().backends[b].state != 0 ? 1u : 0u) << b;
    }
    register_series(SERIES);
    run(EARLIER, N - EARLIER, SERIES);
    for (unsigned b = 0; b < 2; b++) {
        assert_int_equal(stats_now().backends[b].state, 0);
        assert_int_equal(stats_now().backends[b].blocks_dropped, 0);
    }
    assert_int_equal(hand_overs, *waited == 3 ? 1 : 0);
    assert_int_equal(varve_host_shutdown(host), 0);
    for (int b = 0; b < 2 && *waited != 3; b++) { // each of them has everything
        configure_one(b == 0 ? "one" : "two");
        open_host(&nothing);
        check_rows();
        assert_int_equal(varve_host_shutdown(host), 0);
    }
    configure_one(NULL);
    return calls;
}

static void one_of_two_stores_that_comes_late_gets_everything(void **state)
{
    (void)state;
    unsigned waited, seen[4] = {0};
    const uint64_t calls = try_both(0, &waited);
    const uint64_t step = getenv("VARVE_TEST_LONG") != NULL ? 1 : 1 + calls / 16;
    for (uint64_t at = 1; at <= calls; at += step) {
        (void)snprintf(now_trying, sizeof now_trying, "call %llu of %llu", (unsigned long long)at,
                       (unsigned long long)calls);
        (void)try_both(at, &waited);
        seen[waited]++;
    }
    print_message("neither waited %u times, the first %u, the second %u, both %u\n", seen[0],
                  seen[1], seen[2], seen[3]);
    assert_true(seen[1] > 0 && seen[2] > 0);
    varve_sim_destroy();
}

static int make_values(void **state)
{
    (void)state;
    for (int s = 0; s < SERIES; s++) {
        for (size_t i = 0; i < N; i++) {
            const size_t steps = i * (size_t)(s + 3);
            pushed[s][i].value = (double)(s % 2 ? steps : steps * 7919 % 1009);
        }
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_store_that_comes_late_gets_everything),
        cmocka_unit_test(one_of_two_stores_that_comes_late_gets_everything),
    };
    return cmocka_run_group_tests_name("late_store", tests, make_values, NULL);
}
