// SPDX-License-Identifier: Apache-2.0
// A prune on the simulated device, the power cut at one flash operation after the other: whatever
// the moment, each block is the old or the new one, the host starts again, no row is lost that was
// to stay, and the same prune finishes the work.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "ports/sim/sim.h"
#include "varve/prune.h"
#include "varve/query.h"

#define WALL_MS INT64_C(1767312000000) // 2026-01-02, a day's beginning
#define STEP_MS 5000
#define N       1000
#define SERIES  3
#define CUT     620

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_prune prune;

static void make_device(const char *journal)
{
    char why[128], setting[64];
    struct varve_sim_device device;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 32u << 20;
    device.erase_block_bytes = 64u << 10;
    assert_int_equal(varve_sim_make(&device, WALL_MS + N * STEP_MS, why, sizeof why), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    varve_conf_default_tiers(&conf);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "sqlite", "flash"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.state=/state"), 0);
    (void)snprintf(setting, sizeof setting, "backend flash.journal=%s", journal);
    assert_int_equal(varve_conf_set(&conf, setting), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
}

static void open_host(void)
{
    char why[256] = "";
    int rc = varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                             sizeof why);
    if (rc != 0) {
        fail_msg("the host does not start after the cut: %d %s", rc, why);
    }
}

static struct varve_point point(size_t i, int series)
{
    return (struct varve_point){WALL_MS + (int64_t)i * STEP_MS, (double)(i * 7 % 100) / 4 + series};
}

static void fill(void)
{
    char text[16];
    open_host();
    for (int s = 0; s < SERIES; s++) {
        (void)snprintf(text, sizeof text, "m%d", s);
        const struct varve_series_def def = {text, "", "", VARVE_GAUGE};
        assert_int_equal(varve_series_add(host, &def), s);
    }
    for (size_t i = 0; i < N; i++) {
        for (int s = 0; s < SERIES; s++) {
            const struct varve_point p = point(i, s);
            assert_int_equal(varve_host_import(host, s, &p, 1), 0);
        }
    }
    assert_int_equal(varve_host_flush(host, 1000), 0);
}

// Rows of the series before CUT go.
static int run_prune(const char *selector)
{
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_prune_request request = {.selector = selector,
                                                .before_ms = point(CUT, 0).time_ms,
                                                .tier = VARVE_PRUNE_ALL_TIERS,
                                                .apply = true,
                                                .by = "me"};
    int rc = varve_prune_begin(host, &prune, &request, work, sizeof work, why, sizeof why);
    while (rc == 0 && !prune.report.done) {
        rc = varve_prune_step(host, &prune, work, sizeof work, why, sizeof why);
    }
    return rc;
}

// ---- what is there ------------------------------------------------------------------------------

struct seen {
    size_t count;
    size_t late; // rows from CUT on
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
    struct seen *seen = arg;
    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)((points[i].time_ms - WALL_MS) / STEP_MS);
        const struct varve_point wanted = point(at, id);
        assert_memory_equal(&points[i], &wanted, sizeof wanted);
        seen->late += at >= CUT;
    }
    seen->count += n;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    assert_int_equal(info->damaged_blocks, 0);
    return 0;
}

static size_t rows_of(const char *series)
{
    char why[VARVE_MESSAGE_TEXT];
    struct seen seen = {0};
    const struct varve_query query = {
        .selector = series, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {
        .arg = &seen, .series = on_series, .points = on_points, .end = on_end};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
    assert_int_equal(seen.late, N - CUT);
    return seen.count;
}

static int add_counts(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    for (size_t i = 0; i < n; i++) {
        *(double *)arg += points[i].value;
    }
    return 0;
}

// Samples that the day's cell counts.
static double day_counts(const char *series)
{
    char why[VARVE_MESSAGE_TEXT];
    double total = 0;
    const struct varve_query query = {.selector = series,
                                      .from_ms = INT64_MIN,
                                      .to_ms = INT64_MAX,
                                      .tier = 3,
                                      .agg = VARVE_AGG_COUNT};
    const struct varve_query_sink sink = {
        .arg = &total, .series = on_series, .points = add_counts, .end = on_end};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
    return total;
}

static void check_all(bool whole)
{
    for (int s = 0; s < SERIES; s++) {
        char text[16];
        (void)snprintf(text, sizeof text, "m%d", s);
        const size_t rows = rows_of(text);
        const bool loses = s == 1;
        assert_in_range(rows, loses ? N - CUT : N, loses && whole ? N - CUT : N);
        assert_true(day_counts(text) == N);
    }
}

// ---- every cut ----------------------------------------------------------------------------------

static void cut_everywhere(const char *journal)
{
    unsigned cuts = 0;
    for (uint64_t operation = 1;; operation++) {
        make_device(journal);
        fill();
        varve_sim_cut_at(varve_sim_operations() + operation);
        int rc = run_prune("m1");
        const bool off = varve_sim_is_off();
        if (!off) {
            varve_sim_cut_at(0);
            assert_int_equal(rc, 0);
            check_all(true);
            assert_int_equal(varve_host_shutdown(host), 0);
            varve_sim_destroy();
            break;
        }
        (void)varve_host_shutdown(host); // it cannot write any more
        varve_sim_boot(1000);
        open_host();
        check_all(false);
        assert_int_equal(run_prune("m1"), 0);
        check_all(true);
        assert_int_equal(varve_host_shutdown(host), 0);
        varve_sim_destroy();
        cuts++;
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 15);
}

static void every_cut_leaves_a_whole_store_under_a_wal(void **state)
{
    (void)state;
    cut_everywhere("wal");
}

static void every_cut_leaves_a_whole_store_in_place(void **state)
{
    (void)state;
    cut_everywhere("inplace");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_leaves_a_whole_store_under_a_wal),
        cmocka_unit_test(every_cut_leaves_a_whole_store_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
