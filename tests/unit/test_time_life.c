// SPDX-License-Identifier: Apache-2.0
// Lives by other clocks, on the simulated device: one without a clock of its own that reboots a
// thousand times (VARVE_TEST_LONG=1; else 200) has all but a window for each cut, a suspend and a
// leap second are no steps, and who waits for the time has time to rest.
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
#include "tests/unit/clock_device.h"
#include "varve/host.h"
#include "varve/stats.h"

#define MINUTE   6 // rows
#define FLUSH_MS 60000

static struct clock_device d;
static bool may_be_lost[DEVICE_ROWS], found[DEVICE_ROWS];

static int make(void **state)
{
    (void)state;
    device_make(&d, "[varve]\nstate = /state\nflush = 1m\nseries = 32\nwindow = 2048\n"
                    "cells = 2048\noutbox = 256K\n[tiers]\nraw = 10s keep 7d\n"
                    "minute = 1m keep 30d window 5m\n"
                    "[backend flash : sqlite]\npath = test.db\nheap = 256K\n");
    memset(may_be_lost, 0, sizeof may_be_lost);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    device_destroy(&d);
    return 0;
}

// The next start, with this on the clock.
static void boot(int64_t wall_ms)
{
    device_boot(&d, 5000, wall_ms);
}

static void run(size_t rows)
{
    device_run(&d, (int64_t)rows * DEVICE_ROW_MS);
}

// ---- what is there ------------------------------------------------------------------------------

static struct {
    size_t count;
    size_t wrong_time;   // rows whose time is not that at which they were taken
    size_t too_late;     // but later
    size_t out_of_order; // rows that were taken before one with an earlier time
    size_t before;       // the row before
    size_t missing, missing_too_many;
} seen;

static int on_raw(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        const size_t row = device_row(&d, points[i].value);
        const int64_t taken_ms = d.taken_ms[row];
        seen.count++;
        seen.wrong_time += points[i].time_ms != taken_ms;
        seen.too_late += points[i].time_ms > taken_ms;
        seen.out_of_order += row < seen.before;
        seen.before = row;
        assert_false(found[row]); // once
        found[row] = true;
    }
    return 0;
}

// Every row that was not in the window of a cut is there once, and each that is there in one cell.
static void check(void)
{
    memset(&seen, 0, sizeof seen);
    memset(found, 0, sizeof found);
    device_ask(&d, "true_ms", 0, VARVE_AGG_AUTO, on_raw, NULL);
    for (size_t i = 0; i < d.count; i++) {
        if (!found[i]) {
            seen.missing++;
            seen.missing_too_many += !may_be_lost[i];
        }
    }
    assert_int_equal(seen.missing_too_many, 0);
    assert_int_equal(seen.count + seen.missing, d.count);
    assert_int_equal(device_sum(&d, "true_ms", 1, VARVE_AGG_COUNT), seen.count);
}

// ---- lives --------------------------------------------------------------------------------------

// A suspend moves both clocks at once, a leap second the wall clock by less than a step.
static void a_suspend_and_a_leap_second_are_no_steps(void **state)
{
    struct varve_stats stats;
    (void)state;
    device_start(&d);
    run(3 * MINUTE);
    device_pass(&d, 8 * INT64_C(3600000));
    run(3 * MINUTE);
    varve_sim_set_wall(varve_port_wall_ms() - 1000);
    run(3 * MINUTE);
    varve_host_stats(d.host, &stats);
    assert_int_equal(stats.clock_steps, 0);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    check();
    device_stop(&d);
}

// Milliseconds since boot pass 32 bits, as those of a clock do that counts in them.
static void the_boot_clock_passes_32_bits(void **state)
{
    const int64_t wrap_ms = INT64_C(1) << 32;
    struct varve_stats stats;
    (void)state;
    device_start(&d);
    run(3 * MINUTE);
    const int64_t jump_ms = wrap_ms - varve_port_boot_ms() - 3 * FLUSH_MS;
    device_pass(&d, jump_ms);
    run(10 * MINUTE);
    assert_true(varve_port_boot_ms() > wrap_ms);
    varve_host_stats(d.host, &stats);
    assert_int_equal(stats.clock_steps, 0);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    check();
    assert_int_equal(seen.missing + seen.wrong_time, 0);
    device_stop(&d);
}

// A window that is over cannot be closed before there is a clock: no reason to come back at once.
static void a_host_that_waits_for_the_time_rests(void **state)
{
    (void)state;
    varve_sim_set_wall(0);
    device_start(&d);
    run(10 * MINUTE);
    assert_true(varve_host_step(d.host) > 0);
    device_learn_the_time(&d);
    run(1);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    check();
    device_stop(&d);
}

static void reboots_without_a_clock_cost_a_window_per_cut(void **state)
{
    const int reboots = getenv("VARVE_TEST_LONG") != NULL ? 1000 : 200;
    size_t cuts = 0;
    (void)state;
    device_start(&d);
    for (int i = 0; i < reboots; i++) {
        run(2 * MINUTE + (size_t)i % 7);
        if (i % 3 != 0) {
            device_stop(&d);
        } else {
            cuts++;
            for (size_t r = d.count;
                 r-- > 0 && d.taken_ms[r] > d.true_ms - FLUSH_MS - 2 * DEVICE_ROW_MS;) {
                may_be_lost[r] = true;
            }
            device_cut(&d);
        }
        boot(i % 2 == 0 ? 0 : 946684800000);
        run(3);
        device_learn_the_time(&d);
    }
    run(MINUTE);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    check();
    assert_int_equal(seen.wrong_time, 0);
    assert_true(seen.missing <= cuts * (FLUSH_MS / DEVICE_ROW_MS + 2));
    print_message("%d reboots: %zu rows, %zu lost by %zu cuts\n", reboots, d.count, seen.missing,
                  cuts);
    device_stop(&d);
}

// A boot that never learns the time: an orderly stop stores what it collected behind what was there
// before. Once that is a fresh store, and then one with history; nothing is lost, and no row is
// later than it was.
static void a_stop_without_a_clock_loses_nothing(void **state)
{
    (void)state;
    varve_sim_set_wall(0);
    device_start(&d);
    for (int i = 0; i < 4; i++) {
        run(3 * MINUTE + 1);
        device_stop(&d);
        boot(0);
        varve_sim_set_wall(i == 1 ? d.true_ms : 0);
    }
    assert_int_equal(d.count, 4 * (3 * MINUTE + 1));
    check();
    assert_int_equal(seen.missing, 0);
    assert_int_equal(seen.wrong_time, 3 * (3 * MINUTE + 1));
    assert_int_equal(seen.too_late, 0);
    assert_int_equal(seen.out_of_order, 0);
    device_stop(&d);
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
