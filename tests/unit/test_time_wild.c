// SPDX-License-Identifier: Apache-2.0
// Lives under a clock that is set to anything at any time, on a simulated device, with orderly
// stops and power cuts: rows have a time that the clock has shown, and each is there and counted
// once.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "core/timebase.h"
#include "ports/sim/sim.h"
#include "tests/unit/clock_device.h"
#include "tests/unit/random.h"
#include "varve/host.h"
#include "varve/stats.h"

#define MINUTE_MS INT64_C(60000)
#define FLUSH_MS  (5 * MINUTE_MS)
#define MARGIN_MS (2 * DEVICE_ROW_MS) // until the keeper has noticed that a window is over
#define OFFSETS   4096
#define NOISE_MS  20 // by which a clock may be off without being followed
#define YEAR_MS   (365 * 86400 * INT64_C(1000))
#define BUILD_MS  (VARVE_CLOCK_FLOOR_MS + 30 * 86400 * INT64_C(1000)) // of a clock kept nowhere

static struct clock_device d;
static bool there[DEVICE_ROWS];
static bool assumed[DEVICE_ROWS]; // was taken in a boot that never learnt the time
static int64_t shown_ms[OFFSETS]; // by how much the clock was ahead, each time that it was set
static size_t shown;

static int make_with(const char *ini, int64_t loss_ms)
{
    device_make(&d, ini);
    d.loss_ms = loss_ms;
    memset(assumed, 0, sizeof assumed);
    shown = 0;
    return 0;
}

static int make(void **state)
{
    (void)state;
    return make_with("[varve]\nstate = /state\nflush = 5m\n"
                     "[tiers]\nraw = 10s keep 60d\nminute = 1m keep 60d\n"
                     "[backend flash : sqlite]\njournal = inplace\n",
                     FLUSH_MS + MARGIN_MS);
}

// A cell more is lost.
static int make_with_cells(void **state)
{
    (void)state;
    return make_with("[varve]\nstate = /state\nflush = 5m\n"
                     "[tiers]\nraw = 10s keep 2h\nminute = 1m keep 60d\nhour = 1h keep 90d\n"
                     "[backend flash : sqlite]\njournal = inplace\ntiers = minute hour\n",
                     FLUSH_MS + MARGIN_MS + MINUTE_MS);
}

static int destroy(void **state)
{
    (void)state;
    device_destroy(&d);
    return 0;
}

static bool was_shown(int64_t offset_ms)
{
    for (size_t i = 0; i < shown; i++) {
        if (offset_ms >= shown_ms[i] - NOISE_MS && offset_ms <= shown_ms[i] + NOISE_MS) {
            return true;
        }
    }
    return false;
}

// Sets the clock, or the one of the next boot, in off_ms.
static int64_t show(int64_t wall_ms, int64_t off_ms)
{
    assert_true(shown < OFFSETS);
    shown_ms[shown++] = wall_ms - d.true_ms - off_ms;
    return wall_ms;
}

static int on_rows(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg, (void)id;
    for (size_t i = 0; i < n; i++) {
        const size_t row = device_row(&d, points[i].value);
        assert_true(assumed[row] || was_shown(points[i].time_ms - d.taken_ms[row]));
        assert_false(there[row]);
        there[row] = true;
    }
    return 0;
}

// Returns how many rows are there.
static size_t check(void)
{
    size_t count = 0;
    memset(there, 0, sizeof there);
    device_ask(&d, "true_ms", 0, VARVE_AGG_AUTO, on_rows, NULL);
    for (size_t i = 0; i < d.count; i++) {
        count += there[i];
        if (d.promised[i] && !there[i]) {
            fail_msg("row %zu, true time %lld, is lost", i, (long long)d.taken_ms[i]);
        }
    }
    assert_int_equal(device_sum(&d, "true_ms", 1, VARVE_AGG_COUNT), count);
    return count;
}

// A clock that is another year at each boot, as a dead battery leaves it, and once each day: more
// gaps than are known. The hour from before is in its store all the time.
static void a_clock_that_is_wrong_anew_at_each_boot_expires_nothing(void **state)
{
    (void)state;
    device_start(&d);
    device_learn_the_time(&d);
    device_run(&d, 60 * MINUTE_MS);
    device_stop_keeps(&d, 0);
    (void)show(d.true_ms, 0);
    for (int i = 1; i <= 30; i++) {
        const size_t first = d.count;
        const int64_t year = (i * 7) % 30;
        const int64_t wall_ms = d.true_ms + 1000 + year * 365 * 86400 * INT64_C(1000);
        device_boot(&d, 1000, show(wall_ms, 1000));
        device_run(&d, 2 * FLUSH_MS);
        (void)check();
        device_cut_keeps(&d, first);
    }
    device_boot(&d, 1000, d.true_ms + 1000);
    device_run(&d, 2 * FLUSH_MS);
    (void)check();
    device_stop(&d);
}

static int64_t any_clock(struct test_random *r, int64_t off_ms)
{
    static const int64_t spans[] = {5000, 3600 * 1000, 86400 * INT64_C(1000), 12 * YEAR_MS};
    const int64_t now_ms = d.true_ms + off_ms;
    switch (random_below(r, 8)) {
    case 0:
        return random_between(r, 0, 1000000); // 1970
    case 1:
        return BUILD_MS;
    case 2:
        return now_ms + 7 * YEAR_MS; // 2033
    case 3:
    case 4:
        return now_ms;
    default:
        break;
    }
    const int64_t span = spans[random_below(r, 4)];
    const int64_t wall_ms = now_ms + random_between(r, -span, span);
    return wall_ms < VARVE_CLOCK_FLOOR_MS ? BUILD_MS : wall_ms;
}

// Lives with a clock that does whatever it likes, in whatever order, with stops, and with cuts if
// there are.
static void live_wild(struct test_random *r, bool has_cuts, size_t (*look)(void))
{
    const int boots = getenv("VARVE_TEST_LONG") != NULL ? 400 : 60;
    device_start(&d);
    (void)show(d.true_ms, 0);
    device_learn_the_time(&d);
    for (int boot = 0; boot < boots; boot++) {
        const size_t first = d.count;
        struct varve_stats stats;
        for (uint32_t steps = random_below(r, 4); steps-- > 0;) {
            device_run(&d, random_between(r, 0, 3 * FLUSH_MS));
            varve_sim_set_wall(show(any_clock(r, 0), 0));
            device_step(&d);
        }
        device_run(&d, random_between(r, 0, 3 * FLUSH_MS));
        varve_host_stats(d.host, &stats);
        (void)look();
        if (!has_cuts || random_below(r, 2) == 0) {
            memset(assumed + first, !stats.clock_trusted, d.count - first);
            device_stop_keeps(&d, first);
        } else {
            device_cut_keeps(&d, stats.clock_trusted ? first : d.count);
        }
        const int64_t off_ms = random_between(r, 1000, 3600 * 1000);
        device_boot(&d, off_ms, show(any_clock(r, off_ms), off_ms));
        (void)look();
    }
    device_stop(&d);
}

// Each row is there once, under a time that the clock has shown, and counted once.
static void a_life_under_wild_clocks_loses_nothing(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    live_wild(&r, true, check);
}

static size_t count_cells(void)
{
    const size_t counted = (size_t)device_sum(&d, "true_ms", 1, VARVE_AGG_COUNT);
    struct varve_stats stats;
    varve_host_stats(d.host, &stats);
    if (stats.clock_trusted) { // else some wait for their time
        assert_int_equal(counted, d.count);
    }
    assert_int_equal(device_sum(&d, "true_ms", 2, VARVE_AGG_COUNT), counted);
    return counted;
}

static size_t count_promised_cells(void)
{
    const double counted = device_sum(&d, "true_ms", 1, VARVE_AGG_COUNT);
    size_t least = 0;
    for (size_t i = 0; i < d.count; i++) {
        least += d.promised[i];
    }
    assert_in_range(counted, least, d.count);
    assert_int_equal(device_sum(&d, "true_ms", 2, VARVE_AGG_COUNT), counted);
    return (size_t)counted;
}

// The same where cells are all that is stored: counted once in each tier.
static void a_life_under_wild_clocks_is_counted_without_raw(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    live_wild(&r, false, count_cells);
}

static void cuts_under_wild_clocks_cost_a_window_without_raw(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    live_wild(&r, true, count_promised_cells);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_clock_that_is_wrong_anew_at_each_boot_expires_nothing,
                                        make, destroy),
        cmocka_unit_test_setup_teardown(a_life_under_wild_clocks_loses_nothing, make, destroy),
        cmocka_unit_test_setup_teardown(a_life_under_wild_clocks_is_counted_without_raw,
                                        make_with_cells, destroy),
        cmocka_unit_test_setup_teardown(cuts_under_wild_clocks_cost_a_window_without_raw,
                                        make_with_cells, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
