// SPDX-License-Identifier: Apache-2.0
// Clocks that are wrong, on a simulated device whose true time only the test knows: a thousand
// boots without an RTC, some of which never learn the time, ended by power cuts and by orderly
// stops; a clock that is stepped again and again; a boot years ahead.
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
#include "tests/unit/clock_device.h"
#include "tests/unit/random.h"
#include "varve/host.h"
#include "varve/stats.h"

#define MINUTE_MS INT64_C(60000)
#define FLUSH_MS  (5 * MINUTE_MS)
#define MARGIN_MS (2 * DEVICE_ROW_MS) // until the keeper has noticed that a window is over

static struct clock_device d;
static bool there[DEVICE_ROWS];
static int64_t ahead_ms; // rows stored by a clock that was wrong by so much are no failure
static size_t ahead;     // of these
static bool expires;     // cells go by slots of their own: do not compare them with the rows

static int make_with(const char *ini)
{
    device_make(&d, ini);
    ahead_ms = 0;
    d.loss_ms = FLUSH_MS + MARGIN_MS;
    expires = false;
    return 0;
}

static int make(void **state)
{
    (void)state;
    return make_with("[varve]\nstate = /state\nflush = 5m\n"
                     "[tiers]\nraw = 10s keep 60d\nminute = 1m keep 60d\n"
                     "[backend flash : sqlite]\njournal = inplace\n");
}

static int make_with_short_tiers(void **state)
{
    (void)state;
    return make_with("[varve]\nstate = /state\nflush = 5m\n"
                     "[tiers]\nraw = 10s keep 2h\nminute = 1m keep 2h\n"
                     "[backend flash : sqlite]\njournal = inplace\n");
}

// Raw stays in RAM, with room for some minutes of it: cells make up the window.
static int make_with_rollups_only(void **state)
{
    (void)state;
    return make_with("[varve]\nstate = /state\nflush = 30m\nwindow = 256\n"
                     "[tiers]\nraw = 10s keep 2h\nminute = 1m keep 60d\nhour = 1h keep 60d\n"
                     "[backend flash : sqlite]\njournal = inplace\ntiers = minute hour\n");
}

static int destroy(void **state)
{
    (void)state;
    device_destroy(&d);
    return 0;
}

// Every row is one that was pushed, once, under its true time.
static int on_rows(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg, (void)id;
    for (size_t i = 0; i < n; i++) {
        const size_t row = device_row(&d, points[i].value);
        if (ahead_ms != 0 && points[i].time_ms == d.taken_ms[row] + ahead_ms) {
            ahead++;
            continue;
        }
        assert_int_equal(points[i].time_ms, d.taken_ms[row]);
        assert_false(there[row]);
        there[row] = true;
    }
    return 0;
}

// Returns how many rows are there.
static size_t check(void)
{
    size_t count = 0;
    ahead = 0;
    memset(there, 0, sizeof there);
    device_ask(&d, "true_ms", 0, VARVE_AGG_AUTO, on_rows, NULL);
    for (size_t i = 0; i < d.count; i++) {
        count += there[i];
        if (d.promised[i] && !there[i]) {
            fail_msg("row %zu, true time %lld, is lost", i, (long long)d.taken_ms[i]);
        }
    }
    const double counted = device_sum(&d, "true_ms", 1, VARVE_AGG_COUNT);
    if (!expires) {
        assert_int_equal(counted, count + ahead);
    }
    return count;
}

// ---- tests --------------------------------------------------------------------------------------

// NTP, a person and a GPS receiver that disagree: seconds, hours and years, forward and back. What
// waits in RAM follows the clock, so rows are right whose window closes while the clock is.
static void rows_that_wait_follow_every_step(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static const int64_t spans[] = {2000, 3600 * 1000, 86400 * INT64_C(1000),
                                    5 * 365 * 86400 * INT64_C(1000)};
    device_start(&d);
    device_learn_the_time(&d);
    for (int i = 0; i < 300; i++) {
        const size_t first = d.count;
        const int64_t span = spans[random_below(&r, 4)];
        device_run(&d, random_between(&r, 0, 2 * MINUTE_MS));
        varve_sim_set_wall(d.true_ms + random_between(&r, -span, span));
        device_step(&d);
        device_run(&d, random_between(&r, 0, MINUTE_MS));
        device_learn_the_time(&d); // before the window closes
        assert_int_equal(varve_host_flush(d.host, 1000), 0);
        device_promise(&d, first, INT64_MAX);
    }
    (void)check();
    struct varve_stats stats;
    varve_host_stats(d.host, &stats);
    assert_true(stats.clock_steps > 300);
    device_stop(&d);
}

// The clock of openwrt/packages#10536: the device boots in 2033, stores some windows there, and
// learns the time. History from before stays, collecting goes on, and so it does after a restart
// and a power cut, with the rows from the future still in the store.
static void a_boot_years_ahead_neither_blocks_nor_expires_anything(void **state)
{
    (void)state;
    device_start(&d);
    device_learn_the_time(&d);
    device_run(&d, 60 * MINUTE_MS);
    device_stop_keeps(&d, 0);

    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    device_boot(&d, 1000, d.true_ms + 1000 + ahead_ms);
    device_run(&d, 4 * FLUSH_MS);
    size_t first = d.count;
    device_learn_the_time(&d);
    device_run(&d, 60 * MINUTE_MS);
    device_cut_keeps(&d, first);
    for (int i = 0; i < 20; i++) {
        first = d.count;
        device_boot(&d, 1000, 0);
        device_learn_the_time(&d);
        assert_in_range(check(), 360 + 270, d.count);
        assert_in_range(ahead, 3 * FLUSH_MS / DEVICE_ROW_MS, 4 * FLUSH_MS / DEVICE_ROW_MS);
        device_run(&d, 20 * MINUTE_MS);
        if (i % 2 == 0) {
            device_cut_keeps(&d, first);
        } else {
            device_stop_keeps(&d, first);
        }
    }
    device_start(&d);
    (void)check();
    device_stop(&d);
}

// Two hours are kept. While the clock is years ahead they go by as always: rows that are an hour
// old stay for another hour, and then only as many of them go as come, in slots that are used
// again.
static void a_clock_years_ahead_expires_by_the_hours_that_it_runs(void **state)
{
    (void)state;
    device_start(&d);
    device_learn_the_time(&d);
    device_run(&d, 60 * MINUTE_MS);
    device_stop_keeps(&d, 0);

    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    device_boot(&d, 1000, d.true_ms + 1000 + ahead_ms);
    device_run(&d, 25 * MINUTE_MS);
    device_cut_keeps(&d, d.count);
    device_boot(&d, 1000, d.true_ms + 1000 + ahead_ms);
    device_run(&d, 25 * MINUTE_MS);
    assert_in_range(check(), 360, d.count);

    const size_t first = d.count;
    device_run(&d, 3 * 60 * MINUTE_MS);
    memset(d.promised, 0, first);
    expires = true;
    assert_in_range(check(), 0, 60); // a slot that was made ahead
    device_learn_the_time(&d);
    device_run(&d, 20 * MINUTE_MS);
    assert_in_range(check(), 90, d.count); // and what came from the future blocks nothing
    device_stop(&d);
}

// Two hours are kept, and the clock is ahead by more than that, but by less than a day: once by a
// step, once from the boot on. What was stored before stays, also over a restart, and goes when the
// device has run for two hours more.
static void a_clock_half_a_day_ahead_expires_nothing_before_its_time(void **state)
{
    (void)state;
    device_start(&d);
    device_learn_the_time(&d);
    device_run(&d, 60 * MINUTE_MS);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    ahead_ms = 12 * 60 * MINUTE_MS;
    varve_sim_set_wall(d.true_ms + ahead_ms);
    device_step(&d);
    device_run(&d, 10 * MINUTE_MS);
    device_learn_the_time(&d);
    device_run(&d, 10 * MINUTE_MS);
    device_promise(&d, 0, DEVICE_TRUE_MS + 60 * MINUTE_MS);
    expires = true;
    assert_in_range(check(), 360, d.count);
    device_stop_keeps(&d, d.count);

    device_boot(&d, 1000, d.true_ms + 1000 + ahead_ms);
    assert_in_range(check(), 360, d.count);
    device_run(&d, 10 * MINUTE_MS);
    assert_in_range(check(), 360, d.count);
    device_cut_keeps(&d, d.count);
    device_boot(&d, 1000, d.true_ms + 1000);
    device_run(&d, 10 * MINUTE_MS);
    assert_in_range(check(), 360, d.count);

    const size_t old = d.count;
    device_run(&d, 3 * 60 * MINUTE_MS);
    memset(d.promised, 0, old);
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    (void)check();
    size_t kept = 0;
    for (size_t i = 0; i < old; i++) {
        kept += there[i];
    }
    assert_in_range(kept, 0, 60); // slots that were made ahead
    device_stop(&d);
}

static size_t blocks_of_minutes(void)
{
    struct varve_stats stats;
    varve_host_stats(d.host, &stats);
    return stats.tiers[1].blocks;
}

// Returns the blocks of minutes that an hour of 16 series makes.
static size_t run_an_hour(void)
{
    const size_t before = blocks_of_minutes();
    int others[15];
    for (int i = 0; i < 15; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "other_%d", i);
        const struct varve_series_def def = {name, "", "", VARVE_GAUGE};
        others[i] = varve_series_add(d.host, &def);
    }
    for (int row = 0; row < 360; row++) {
        for (int i = 0; i < 15; i++) {
            assert_int_equal(varve_push(d.host, others[i], row), 0);
        }
        device_run(&d, DEVICE_ROW_MS);
    }
    return blocks_of_minutes() - before;
}

// What lies in the future must not close the windows of today, before a restart or behind it: each
// block costs flash.
static void windows_close_in_their_time_when_there_are_rows_from_the_future(void **state)
{
    (void)state;
    device_start(&d);
    device_learn_the_time(&d);
    const size_t usual = run_an_hour();
    assert_in_range(usual, 1, 3);
    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    varve_sim_set_wall(d.true_ms + ahead_ms);
    assert_in_range(run_an_hour(), usual, usual + 1);
    device_learn_the_time(&d);
    assert_in_range(run_an_hour(), usual, usual + 1);
    assert_in_range(run_an_hour(), usual, usual + 1);
    device_stop_keeps(&d, 0);
    device_boot(&d, 1000, d.true_ms + 1000);
    assert_in_range(run_an_hour(), usual, usual + 1);
    device_cut_keeps(&d, d.count);
    device_boot(&d, 1000, d.true_ms + 1000);
    assert_in_range(run_an_hour(), usual, usual + 1);
    device_stop(&d);
}

// A row every DEVICE_ROW_MS of a counter that grows by one each time; returns its value.
static double count_up(int counter, double value, int64_t ms)
{
    for (int64_t left_ms = ms; left_ms > 0; left_ms -= DEVICE_ROW_MS) {
        device_pass(&d, DEVICE_ROW_MS);
        assert_int_equal(varve_push(d.host, counter, ++value), 0);
        device_step(&d);
    }
    return value;
}

static double grown(void)
{
    return device_sum(&d, "grows_total", 1, VARVE_AGG_SUM);
}

// Windows that closed while the clock was ahead stay where they are; what a counter grows by since
// is counted all the same, by hours and by years, forward and back.
static void counters_grow_on_when_the_clock_is_stepped(void **state)
{
    (void)state;
    static const struct varve_series_def def = {"grows_total", "1", "", VARVE_COUNTER};
    static const int64_t spans[] = {90 * 1000, 2 * 3600 * 1000, 7 * 365 * 86400 * INT64_C(1000)};
    device_start(&d);
    const int counter = varve_series_add(d.host, &def);
    double value = 0;
    device_learn_the_time(&d);
    value = count_up(counter, value, 12 * MINUTE_MS);
    for (size_t i = 0; i < 3; i++) {
        varve_sim_set_wall(d.true_ms + spans[i]);
        device_step(&d);
        value = count_up(counter, value, 12 * MINUTE_MS);
        device_learn_the_time(&d); // back again
        value = count_up(counter, value, 12 * MINUTE_MS);
        varve_sim_set_wall(d.true_ms - spans[i % 2]);
        device_step(&d);
        value = count_up(counter, value, 12 * MINUTE_MS);
        device_learn_the_time(&d);
        value = count_up(counter, value, 12 * MINUTE_MS);
    }
    assert_int_equal(varve_host_flush(d.host, 1000), 0);
    assert_float_equal(grown(), value - 1, 0.5); // nothing before the first
    device_stop(&d);
    device_start(&d);
    assert_float_equal(grown(), value - 1, 0.5);
    device_stop(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_that_wait_follow_every_step, make, destroy),
        cmocka_unit_test_setup_teardown(counters_grow_on_when_the_clock_is_stepped, make, destroy),
        cmocka_unit_test_setup_teardown(a_boot_years_ahead_neither_blocks_nor_expires_anything,
                                        make, destroy),
        cmocka_unit_test_setup_teardown(a_clock_years_ahead_expires_by_the_hours_that_it_runs,
                                        make_with_short_tiers, destroy),
        cmocka_unit_test_setup_teardown(a_clock_half_a_day_ahead_expires_nothing_before_its_time,
                                        make_with_short_tiers, destroy),
        cmocka_unit_test_setup_teardown(
            windows_close_in_their_time_when_there_are_rows_from_the_future, make_with_rollups_only,
            destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
