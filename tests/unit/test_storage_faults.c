// SPDX-License-Identifier: Apache-2.0
// Storage that fails at the N-th call, for every N, once or until it is mended, on the simulated
// device: collecting goes on in RAM, the state says so, storing resumes by itself, and after a
// flush and a power cut every sample that was pushed is there, bit by bit, once, and counted in its
// cell.
//
// Each try is a life of its own: two minutes without a fault, four with, two after it is mended.
// The power cut at the end is what tells of data that a failed sync dropped and nobody wrote again.
// A database that another process has locked is not among the faults: the lock is taken when the
// store is opened, and kept.
//
// VARVE_TEST_LONG=1 tries every N; otherwise TRIES of each kind, evenly spread.
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
#include "tests/unit/random.h"
#include "varve/query.h"

#define WALL_MS   INT64_C(1775001600000) // 2026-04-01
#define STEP_MS   500
#define MINUTE    (60000 / STEP_MS) // rows
#define HEALTHY   (2 * MINUTE)
#define FAILING   (4 * MINUTE)
#define MENDED    (2 * MINUTE)
#define N         (HEALTHY + FAILING + MENDED)
#define SERIES    12
#define TRIES     12
#define STEPS_MAX 1000

extern const struct varve_plugin varve_backend_sqlite;
extern const struct varve_plugin varve_backend_rotate;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, &varve_backend_rotate,
                                                     NULL};

static const char *const wal = "[backend flash : sqlite]\npath = test.db\njournal = wal\n"
                               "heap = 256K\nwal_limit = 512K\ncheckpoint = 1m\n";
static const char *const inplace =
    "[backend flash : sqlite]\npath = test.db\njournal = inplace\nheap = 256K\n";
static const char *const rotate =
    "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 1M\n";

#define CHANGES (VARVE_SIM_WRITE | VARVE_SIM_SIZE | VARVE_SIM_NAME | VARVE_SIM_SYNC_DIR)
#define ALL     (CHANGES | VARVE_SIM_OPEN | VARVE_SIM_READ | VARVE_SIM_SYNC | VARVE_SIM_LOCK)

static const struct kind {
    const char *name;
    unsigned calls;
    int error;
    bool halfway;
} kinds[] = {
    {"full disk", VARVE_SIM_WRITE | VARVE_SIM_SIZE, VARVE_E_NO_SPACE, false},
    {"short write", VARVE_SIM_WRITE, VARVE_E_NO_SPACE, true},
    {"write error", VARVE_SIM_WRITE | VARVE_SIM_SIZE, VARVE_E_IO, false},
    {"failed sync", VARVE_SIM_SYNC, VARVE_E_IO, false},
    {"failed sync that drops", VARVE_SIM_SYNC, VARVE_E_IO, true},
    {"read error", VARVE_SIM_READ, VARVE_E_IO, false},
    {"read-only remount", CHANGES, VARVE_E_READ_ONLY, false},
    {"vanished directory", VARVE_SIM_OPEN | VARVE_SIM_NAME | VARVE_SIM_SYNC_DIR, VARVE_E_NOT_FOUND,
     false},
    {"pulled card", ALL, VARVE_E_IO, true},
};

static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static uint8_t memory[6u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_point pushed[SERIES][N];
static char now_trying[128];

// ---- a life -------------------------------------------------------------------------------------

static void make_device(const char *backend)
{
    char why[128], ini[1024];
    struct varve_sim_device device;
    varve_sim_set_failure(NULL);
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 8u << 20;
    device.erase_block_bytes = 64u << 10;
    assert_int_equal(varve_sim_make(&device, WALL_MS, why, sizeof why), 0);
    assert_int_equal(varve_port_path_make_dir("/state"), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    (void)snprintf(ini, sizeof ini,
                   "[varve]\nstate = /state\nflush = 15s\nseries = 32\nwindow = 2048\n"
                   "cells = 2048\noutbox = 256K\n[tiers]\nraw = 2s keep 1h\n"
                   "minute = 1m keep 1d window 2m\n%s",
                   backend);
    if (varve_conf_parse(&conf, "ini", ini) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s", conf.errors[0]);
    }
}

static void open_host(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "", text[16];
    int rc = varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                             sizeof why);
    if (rc != 0) {
        fail_msg("%s: the host does not start: %d %s", now_trying, rc, why);
    }
    for (int s = 0; s < SERIES; s++) {
        (void)snprintf(text, sizeof text, "m%d", s);
        const struct varve_series_def def = {text, "", "", VARVE_GAUGE};
        assert_int_equal(varve_series_add(host, &def), s);
    }
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

static void run(size_t from, size_t rows)
{
    for (size_t i = from; i < from + rows; i++) {
        varve_sim_advance(STEP_MS);
        for (int s = 0; s < SERIES; s++) {
            pushed[s][i].time_ms = varve_port_wall_ms();
            assert_int_equal(varve_push(host, s, pushed[s][i].value), 0);
        }
        step_host();
    }
}

// ---- what is there ------------------------------------------------------------------------------

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int on_raw(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    size_t *count = arg;
    for (size_t i = 0; i < n; i++) {
        if (*count + i >= N || memcmp(&points[i], &pushed[id][*count + i], sizeof *points) != 0) {
            fail_msg("%s: row %zu of series %d is not what was pushed", now_trying, *count + i,
                     (int)id);
        }
    }
    *count += n;
    return 0;
}

static int on_counts(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    for (size_t i = 0; i < n; i++) {
        *(size_t *)arg += (size_t)points[i].value;
    }
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

static size_t count_of(const char *series, int tier)
{
    char why[VARVE_MESSAGE_TEXT];
    size_t count = 0;
    const struct varve_query query = {.selector = series,
                                      .from_ms = INT64_MIN,
                                      .to_ms = INT64_MAX,
                                      .tier = tier,
                                      .agg = tier == 0 ? VARVE_AGG_AUTO : VARVE_AGG_COUNT};
    const struct varve_query_sink sink = {.arg = &count,
                                          .series = on_series,
                                          .points = tier == 0 ? on_raw : on_counts,
                                          .end = on_end};
    const int rc = varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why);
    if (rc != 0) {
        fail_msg("%s: query: %s", now_trying, why);
    }
    return count;
}

static void check_all_there(void)
{
    char series[16];
    for (int s = 0; s < SERIES; s++) {
        (void)snprintf(series, sizeof series, "m%d", s);
        for (int tier = 0; tier < 2; tier++) {
            const size_t count = count_of(series, tier);
            if (count != N) {
                fail_msg("%s: tier %d of %s has %zu of %d", now_trying, tier, series, count, N);
            }
        }
    }
}

static struct varve_stats stats_now(void)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    return stats;
}

static int on_event(void *arg, const struct varve_event *event)
{
    bool *told = arg;
    *told = *told || strcmp(event->kind, "store_error") == 0;
    return 0;
}

// Also where stored events cannot be read: then the answer is an error, behind those in memory.
static bool is_told(void)
{
    bool told = false;
    (void)varve_host_events(host, INT64_MIN, INT64_MAX, on_event, &told);
    return told;
}

// ---- tries --------------------------------------------------------------------------------------

// Returns how many calls there were that could have failed.
static uint64_t try_one(const char *backend, const struct varve_sim_failure *failure)
{
    make_device(backend);
    open_host();
    run(0, HEALTHY);
    varve_sim_set_failure(failure);
    run(HEALTHY, FAILING);
    const uint64_t calls = varve_sim_failure_calls();
    const bool failed_to_the_end = failure->at != 0 && failure->count == 0 && calls > failure->at;
    if (failed_to_the_end && (failure->calls & VARVE_SIM_WRITE) != 0 &&
        stats_now().backends[0].state == 0) {
        fail_msg("%s: the state says that all is well", now_trying);
    }
    if (failed_to_the_end && (failure->calls & VARVE_SIM_WRITE) != 0 && !is_told()) {
        fail_msg("%s: no event tells of it", now_trying);
    }
    varve_sim_set_failure(NULL);
    run(HEALTHY + FAILING, MENDED);
    if (stats_now().backends[0].state != 0) {
        fail_msg("%s: storing has not resumed", now_trying);
    }
    assert_int_equal(stats_now().dropped, 0);
    assert_int_equal(stats_now().backends[0].blocks_dropped, 0);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    varve_sim_cut();
    (void)varve_host_shutdown(host); // gives back its memory; cannot write
    varve_sim_boot(60000);
    open_host();
    check_all_there();
    assert_int_equal(varve_host_shutdown(host), 0);
    return calls;
}

static void try_kind(const char *name, const char *backend, const struct kind *kind)
{
    struct varve_sim_failure failure = {
        .calls = kind->calls, .error = kind->error, .halfway = kind->halfway};
    (void)snprintf(now_trying, sizeof now_trying, "%s, no fault", name);
    const uint64_t calls = try_one(backend, &failure);
    const uint64_t tries = getenv("VARVE_TEST_LONG") != NULL || calls < TRIES ? calls : TRIES;
    for (uint64_t i = 0; i < 2 * tries; i++) {
        failure.count = i % 2; // 0: until it is mended
        failure.at = 1 + i / 2 * calls / tries;
        (void)snprintf(now_trying, sizeof now_trying, "%s, %s, %s from call %llu of %llu", name,
                       kind->name, failure.count == 1 ? "once" : "for good",
                       (unsigned long long)failure.at, (unsigned long long)calls);
        (void)try_one(backend, &failure);
    }
    print_message("%s, %s: %llu of %llu calls, once and for good\n", name, kind->name,
                  (unsigned long long)tries, (unsigned long long)calls);
}

static void try_backend(const char *name, const char *backend)
{
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        try_kind(name, backend, &kinds[k]);
    }
    varve_sim_destroy();
}

static void sqlite_with_a_wal_loses_nothing(void **state)
{
    (void)state;
    try_backend("wal", wal);
}

static void sqlite_in_place_loses_nothing(void **state)
{
    (void)state;
    try_backend("inplace", inplace);
}

static void segments_lose_nothing(void **state)
{
    (void)state;
    try_backend("rotate", rotate);
}

static int make_values(void **state)
{
    struct test_random random = {.state = 1};
    (void)state;
    for (int s = 0; s < SERIES; s++) {
        for (size_t i = 0; i < N; i++) {
            pushed[s][i].value = (double)random_bits(&random) / 3.7e12;
        }
    }
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sqlite_with_a_wal_loses_nothing),
        cmocka_unit_test(sqlite_in_place_loses_nothing),
        cmocka_unit_test(segments_lose_nothing),
    };
    return cmocka_run_group_tests(tests, make_values, NULL);
}
