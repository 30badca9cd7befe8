// SPDX-License-Identifier: Apache-2.0
// Lives by other clocks, on the simulated device: one without a clock of its own that reboots a
// thousand times (VARVE_TEST_LONG=1; else 200) has all but a window for each cut, a suspend and a
// leap second are no steps, and who waits for the time has time to rest.
//
// The value of a sample is the true time at which it was taken, in milliseconds, which the device
// does not know.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "ports/sim/sim.h"
#include "varve/query.h"

#define TRUE_MS   INT64_C(1775001600000) // 2026-04-01
#define STEP_MS   10000
#define MINUTE    6 // rows
#define FLUSH_MS  60000
#define STEPS_MAX 1000
#define ROWS_MAX  60000

extern const struct varve_plugin varve_backend_sqlite;
static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};

static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static int series;
static uint8_t memory[6u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static int64_t true_ms; // what time it is

static struct {
    int64_t taken_ms[ROWS_MAX];
    bool may_be_lost[ROWS_MAX], found[ROWS_MAX];
    size_t count;
} pushed;

static int make(void **state)
{
    char why[128];
    struct varve_sim_device device;
    (void)state;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 32u << 20;
    device.erase_block_bytes = 64u << 10;
    assert_int_equal(varve_sim_make(&device, TRUE_MS, why, sizeof why), 0);
    assert_int_equal(varve_port_path_make_dir("/state"), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    const int rc =
        varve_conf_parse(&conf, "ini",
                         "[varve]\nstate = /state\nflush = 1m\nseries = 32\nwindow = 2048\n"
                         "cells = 2048\noutbox = 256K\n[tiers]\nraw = 10s keep 7d\n"
                         "minute = 1m keep 30d window 5m\n"
                         "[backend flash : sqlite]\npath = test.db\nheap = 256K\n");
    if (rc != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s", conf.errors[0]);
    }
    pushed.count = 0;
    true_ms = TRUE_MS;
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    varve_sim_destroy();
    return 0;
}

static void open_host(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    const struct varve_series_def def = {"true_time", "", "", VARVE_GAUGE};
    if (varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                        sizeof why) != 0) {
        fail_msg("the host does not start: %s", why);
    }
    series = varve_series_add(host, &def);
    assert_true(series >= 0);
}

static void run(size_t rows)
{
    for (; rows > 0; rows--) {
        varve_sim_advance(STEP_MS);
        true_ms += STEP_MS;
        assert_true(pushed.count < ROWS_MAX);
        pushed.may_be_lost[pushed.count] = false;
        pushed.taken_ms[pushed.count++] = true_ms;
        assert_int_equal(varve_push(host, series, (double)true_ms), 0);
        int steps = 0;
        while (varve_host_step(host) == 0) {
            assert_true(++steps < STEPS_MAX);
        }
    }
}

static void stop_host(void)
{
    assert_int_equal(varve_host_shutdown(host), 0);
}

// The next start, with this on the clock.
static void boot(int64_t wall_ms)
{
    true_ms += 5000;
    varve_sim_boot(5000);
    varve_sim_set_wall(wall_ms);
    open_host();
}

// ---- what is there ------------------------------------------------------------------------------

static struct {
    size_t count;
    size_t wrong_time;   // rows whose time is not that at which they were taken
    size_t too_late;     // but later
    size_t out_of_order; // rows that were taken before one with an earlier time
    int64_t taken_ms;    // of the row before
    size_t missing, missing_too_many;
    double counted; // by cells
} seen;

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int on_raw(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        seen.count++;
        seen.wrong_time += points[i].time_ms != (int64_t)points[i].value;
        const int64_t taken_ms = (int64_t)points[i].value;
        seen.too_late += points[i].time_ms > taken_ms;
        seen.out_of_order += taken_ms < seen.taken_ms;
        seen.taken_ms = taken_ms;
        const int64_t *row =
            bsearch(&taken_ms, pushed.taken_ms, pushed.count, sizeof taken_ms, compare_times);
        assert_non_null(row);
        assert_false(pushed.found[row - pushed.taken_ms]); // once
        pushed.found[row - pushed.taken_ms] = true;
    }
    return 0;
}

static int on_counts(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        seen.counted += points[i].value;
    }
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    assert_int_equal(info->damaged_blocks, 0);
    return 0;
}

static void look_at(int tier)
{
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_query query = {.selector = "true_time",
                                      .from_ms = INT64_MIN,
                                      .to_ms = INT64_MAX,
                                      .tier = tier,
                                      .agg = tier == 0 ? VARVE_AGG_AUTO : VARVE_AGG_COUNT};
    const struct varve_query_sink sink = {
        .series = on_series, .points = tier == 0 ? on_raw : on_counts, .end = on_end};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
}

// Every row that was not in the window of a cut is there once, and each that is there in one cell.
static void check(void)
{
    memset(&seen, 0, sizeof seen);
    memset(pushed.found, 0, sizeof pushed.found);
    look_at(0);
    look_at(1);
    for (size_t i = 0; i < pushed.count; i++) {
        if (!pushed.found[i]) {
            seen.missing++;
            seen.missing_too_many += !pushed.may_be_lost[i];
        }
    }
    assert_int_equal(seen.missing_too_many, 0);
    assert_int_equal(seen.count + seen.missing, pushed.count);
    assert_true(seen.counted == (double)seen.count);
}

// ---- lives --------------------------------------------------------------------------------------

// A suspend moves both clocks at once, a leap second the wall clock by less than a step.
static void a_suspend_and_a_leap_second_are_no_steps(void **state)
{
    struct varve_stats stats;
    (void)state;
    open_host();
    run(3 * MINUTE);
    varve_sim_advance(8 * INT64_C(3600000));
    true_ms += 8 * INT64_C(3600000);
    run(3 * MINUTE);
    varve_sim_set_wall(varve_port_wall_ms() - 1000);
    run(3 * MINUTE);
    varve_host_stats(host, &stats);
    assert_int_equal(stats.clock_steps, 0);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    check();
    stop_host();
}

// Milliseconds since boot pass 32 bits, as those of a clock do that counts in them.
static void the_boot_clock_passes_32_bits(void **state)
{
    const int64_t wrap_ms = INT64_C(1) << 32;
    struct varve_stats stats;
    (void)state;
    open_host();
    run(3 * MINUTE);
    const int64_t jump_ms = wrap_ms - varve_port_boot_ms() - 3 * FLUSH_MS;
    varve_sim_advance(jump_ms);
    true_ms += jump_ms;
    run(10 * MINUTE);
    assert_true(varve_port_boot_ms() > wrap_ms);
    varve_host_stats(host, &stats);
    assert_int_equal(stats.clock_steps, 0);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    check();
    assert_int_equal(seen.missing + seen.wrong_time, 0);
    stop_host();
}

// A window that is over cannot be closed before there is a clock: no reason to come back at once.
static void a_host_that_waits_for_the_time_rests(void **state)
{
    (void)state;
    varve_sim_set_wall(0);
    open_host();
    run(10 * MINUTE);
    assert_true(varve_host_step(host) > 0);
    varve_sim_set_wall(true_ms);
    run(1);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    check();
    stop_host();
}

static void reboots_without_a_clock_cost_a_window_per_cut(void **state)
{
    const int reboots = getenv("VARVE_TEST_LONG") != NULL ? 1000 : 200;
    size_t cuts = 0;
    (void)state;
    open_host();
    for (int i = 0; i < reboots; i++) {
        run(2 * MINUTE + (size_t)i % 7);
        if (i % 3 != 0) {
            stop_host();
        } else {
            cuts++;
            for (size_t r = pushed.count;
                 r-- > 0 && pushed.taken_ms[r] > true_ms - FLUSH_MS - 2 * STEP_MS;) {
                pushed.may_be_lost[r] = true;
            }
            varve_sim_cut();
            (void)varve_host_shutdown(host); // gives back its memory; cannot write
        }
        boot(i % 2 == 0 ? 0 : 946684800000);
        run(3);
        varve_sim_set_wall(true_ms);
    }
    run(MINUTE);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    check();
    assert_int_equal(seen.wrong_time, 0);
    assert_true(seen.missing <= cuts * (FLUSH_MS / STEP_MS + 2));
    print_message("%d reboots: %zu rows, %zu lost by %zu cuts\n", reboots, pushed.count,
                  seen.missing, cuts);
    stop_host();
}

// A boot that never learns the time: an orderly stop stores what it collected behind what was there
// before. Once that is a fresh store, and then one with history; nothing is lost, and no row is
// later than it was.
static void a_stop_without_a_clock_loses_nothing(void **state)
{
    (void)state;
    varve_sim_set_wall(0);
    open_host();
    for (int i = 0; i < 4; i++) {
        run(3 * MINUTE + 1);
        stop_host();
        boot(0);
        varve_sim_set_wall(i == 1 ? true_ms : 0);
    }
    assert_int_equal(pushed.count, 4 * (3 * MINUTE + 1));
    check();
    assert_int_equal(seen.missing, 0);
    assert_int_equal(seen.wrong_time, 3 * (3 * MINUTE + 1));
    assert_int_equal(seen.too_late, 0);
    assert_int_equal(seen.out_of_order, 0);
    stop_host();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_suspend_and_a_leap_second_are_no_steps),
        TEST(the_boot_clock_passes_32_bits),
        TEST(a_host_that_waits_for_the_time_rests),
        TEST(reboots_without_a_clock_cost_a_window_per_cut),
        TEST(a_stop_without_a_clock_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
