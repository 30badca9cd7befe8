// SPDX-License-Identifier: Apache-2.0
// Clocks that are wrong, on a simulated device whose true time only the test knows: a thousand
// boots without an RTC, some of which never learn the time, ended by power cuts and by orderly
// stops; a clock that is stepped again and again; a boot years ahead. Every row carries its true
// time as its value, so that each one that is read back says itself whether its time is right.
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
#include "varve/conf.h"
#include "varve/host.h"
#include "varve/query.h"
#include "varve/stats.h"

#define TRUE_MS   INT64_C(1780000000000) // when the device is made; later than any clock's floor
#define ROW_MS    INT64_C(10000)
#define MINUTE_MS INT64_C(60000)
#define FLUSH_MS  (5 * MINUTE_MS)
#define MARGIN_MS (2 * ROW_MS) // until the keeper has noticed that a window is over
#define ROWS_MAX  8192

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static int series;
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static struct {
    int64_t true_ms[ROWS_MAX]; // of each row that was pushed, ascending
    bool promised[ROWS_MAX];   // must be there in the end
    bool there[ROWS_MAX];
    size_t count;
} rows;
static int64_t true_ms;  // now
static int64_t ahead_ms; // rows stored by a clock that was wrong by so much are no failure
static size_t ahead;     // of these
static bool expires;     // cells go by slots of their own: do not compare them with the rows

// ---- the device ---------------------------------------------------------------------------------

static int make_with(const char *ini)
{
    char why[128];
    struct varve_sim_device device;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 256u << 20;
    assert_int_equal(varve_sim_make(&device, 0, why, sizeof why), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    assert_int_equal(varve_conf_parse(&conf, "ini", ini), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    memset(&rows, 0, sizeof rows);
    true_ms = TRUE_MS;
    ahead_ms = 0;
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
    varve_sim_destroy();
    return 0;
}

static void start_host(void)
{
    static const struct varve_series_def def = {"true_ms", "ms", "", VARVE_GAUGE};
    char why[256] = "";
    if (varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                        sizeof why) != 0) {
        fail_msg("the host does not start: %s", why);
    }
    series = varve_series_add(host, &def);
    assert_true(series >= 0);
}

// Switches on, with a wall clock that shows `wall_ms`.
static void boot(int64_t off_ms, int64_t wall_ms)
{
    varve_sim_boot(off_ms);
    true_ms += off_ms;
    varve_sim_set_wall(wall_ms);
    start_host();
}

static void step(void)
{
    for (int i = 0; i < 1000 && varve_host_step(host) == 0; i++) {
    }
}

static void run(int64_t ms)
{
    for (const int64_t end_ms = true_ms + ms; true_ms < end_ms;) {
        varve_sim_advance(ROW_MS);
        true_ms += ROW_MS;
        assert_true(rows.count < ROWS_MAX);
        rows.true_ms[rows.count++] = true_ms;
        assert_int_equal(varve_push(host, series, (double)true_ms), 0);
        step();
    }
}

static void learn_the_time(void)
{
    varve_sim_set_wall(true_ms);
    step();
}

// All that was pushed from row `first` on and before `until_ms` must be there in the end.
static void promise(size_t first, int64_t until_ms)
{
    for (size_t i = first; i < rows.count && rows.true_ms[i] < until_ms; i++) {
        rows.promised[i] = true;
    }
}

static void stop_in_order(size_t first)
{
    assert_int_equal(varve_host_shutdown(host), 0);
    promise(first, INT64_MAX);
}

static void cut_the_power(size_t first)
{
    varve_sim_cut();
    (void)varve_host_shutdown(host); // gives back what is outside the device; it cannot write
    promise(first, true_ms - FLUSH_MS - MARGIN_MS);
}

// ---- what is there ------------------------------------------------------------------------------

static int compare_times(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg, (void)id, (void)def;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    assert_int_equal(info->damaged_blocks, 0);
    return 0;
}

// Every row is one that was pushed, once, under its true time.
static int on_rows(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)arg, (void)id;
    for (size_t i = 0; i < n; i++) {
        const int64_t pushed_ms = (int64_t)points[i].value;
        const int64_t *row =
            bsearch(&pushed_ms, rows.true_ms, rows.count, sizeof pushed_ms, compare_times);
        assert_non_null(row);
        if (ahead_ms != 0 && points[i].time_ms == pushed_ms + ahead_ms) {
            ahead++;
            continue;
        }
        assert_int_equal(points[i].time_ms, pushed_ms);
        assert_false(rows.there[row - rows.true_ms]);
        rows.there[row - rows.true_ms] = true;
    }
    return 0;
}

static int on_counts(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    size_t *total = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        *total += (size_t)points[i].value;
    }
    return 0;
}

static void ask(int tier, enum varve_agg agg,
                int (*on_points)(void *, varve_series_id, const struct varve_point *, size_t),
                void *arg)
{
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_query query = {
        .selector = "true_ms", .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = tier, .agg = agg};
    const struct varve_query_sink sink = {
        .arg = arg, .series = on_series, .points = on_points, .end = on_end};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
}

// Returns how many rows are there.
static size_t check(void)
{
    size_t there = 0, counted = 0;
    ahead = 0;
    memset(rows.there, 0, sizeof rows.there);
    ask(0, VARVE_AGG_AUTO, on_rows, NULL);
    for (size_t i = 0; i < rows.count; i++) {
        there += rows.there[i];
        if (rows.promised[i] && !rows.there[i]) {
            fail_msg("row %zu, true time %lld, is lost", i, (long long)rows.true_ms[i]);
        }
    }
    ask(1, VARVE_AGG_COUNT, on_counts, &counted);
    if (!expires) {
        assert_int_equal(counted, there + ahead);
    }
    return there;
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
    start_host();
    learn_the_time();
    for (int i = 0; i < 300; i++) {
        const size_t first = rows.count;
        const int64_t span = spans[random_below(&r, 4)];
        run(random_between(&r, 0, 2 * MINUTE_MS));
        varve_sim_set_wall(true_ms + random_between(&r, -span, span));
        step();
        run(random_between(&r, 0, MINUTE_MS));
        learn_the_time(); // before the window closes
        assert_int_equal(varve_host_flush(host, 1000), 0);
        promise(first, INT64_MAX);
    }
    (void)check();
    struct varve_stats stats;
    varve_host_stats(host, &stats);
    assert_true(stats.clock_steps > 300);
    assert_int_equal(varve_host_shutdown(host), 0);
}

// The clock of openwrt/packages#10536: the device boots in 2033, stores some windows there, and
// learns the time. History from before stays, collecting goes on, and so it does after a restart
// and a power cut, with the rows from the future still in the store.
static void a_boot_years_ahead_neither_blocks_nor_expires_anything(void **state)
{
    (void)state;
    start_host();
    learn_the_time();
    run(60 * MINUTE_MS);
    stop_in_order(0);

    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    boot(1000, true_ms + 1000 + ahead_ms);
    run(4 * FLUSH_MS);
    size_t first = rows.count;
    learn_the_time();
    run(60 * MINUTE_MS);
    cut_the_power(first);
    for (int i = 0; i < 20; i++) {
        first = rows.count;
        boot(1000, 0);
        learn_the_time();
        assert_in_range(check(), 360 + 270, rows.count);
        assert_in_range(ahead, 3 * FLUSH_MS / ROW_MS, 4 * FLUSH_MS / ROW_MS);
        run(20 * MINUTE_MS);
        if (i % 2 == 0) {
            cut_the_power(first);
        } else {
            stop_in_order(first);
        }
    }
    start_host();
    (void)check();
    assert_int_equal(varve_host_shutdown(host), 0);
}

// Two hours are kept. While the clock is years ahead they go by as always: rows that are an hour
// old stay for another hour, and then only as many of them go as come, in slots that are used
// again.
static void a_clock_years_ahead_expires_by_the_hours_that_it_runs(void **state)
{
    (void)state;
    start_host();
    learn_the_time();
    run(60 * MINUTE_MS);
    stop_in_order(0);

    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    boot(1000, true_ms + 1000 + ahead_ms);
    run(25 * MINUTE_MS);
    cut_the_power(rows.count);
    boot(1000, true_ms + 1000 + ahead_ms);
    run(25 * MINUTE_MS);
    assert_in_range(check(), 360, rows.count);

    const size_t first = rows.count;
    run(3 * 60 * MINUTE_MS);
    memset(rows.promised, 0, first * sizeof *rows.promised);
    expires = true;
    assert_in_range(check(), 0, 60); // a slot that was made ahead
    learn_the_time();
    run(20 * MINUTE_MS);
    assert_in_range(check(), 90, rows.count); // and what came from the future blocks nothing
    assert_int_equal(varve_host_shutdown(host), 0);
}

// Two hours are kept, and the clock is ahead by more than that, but by less than a day: once by a
// step, once from the boot on. What was stored before stays, also over a restart, and goes when the
// device has run for two hours more.
static void a_clock_half_a_day_ahead_expires_nothing_before_its_time(void **state)
{
    (void)state;
    start_host();
    learn_the_time();
    run(60 * MINUTE_MS);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    ahead_ms = 12 * 60 * MINUTE_MS;
    varve_sim_set_wall(true_ms + ahead_ms);
    step();
    run(10 * MINUTE_MS);
    learn_the_time();
    run(10 * MINUTE_MS);
    promise(0, TRUE_MS + 60 * MINUTE_MS);
    expires = true;
    assert_in_range(check(), 360, rows.count);
    stop_in_order(rows.count);

    boot(1000, true_ms + 1000 + ahead_ms);
    assert_in_range(check(), 360, rows.count);
    run(10 * MINUTE_MS);
    assert_in_range(check(), 360, rows.count);
    cut_the_power(rows.count);
    boot(1000, true_ms + 1000);
    run(10 * MINUTE_MS);
    assert_in_range(check(), 360, rows.count);

    const size_t old = rows.count;
    run(3 * 60 * MINUTE_MS);
    memset(rows.promised, 0, old * sizeof *rows.promised);
    assert_int_equal(varve_host_flush(host, 1000), 0);
    (void)check();
    size_t kept = 0;
    for (size_t i = 0; i < old; i++) {
        kept += rows.there[i];
    }
    assert_in_range(kept, 0, 60); // slots that were made ahead
    assert_int_equal(varve_host_shutdown(host), 0);
}

static size_t blocks_of_minutes(void)
{
    struct varve_stats stats;
    varve_host_stats(host, &stats);
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
        others[i] = varve_series_add(host, &def);
    }
    for (int row = 0; row < 360; row++) {
        for (int i = 0; i < 15; i++) {
            assert_int_equal(varve_push(host, others[i], row), 0);
        }
        run(ROW_MS);
    }
    return blocks_of_minutes() - before;
}

// What lies in the future must not close the windows of today, before a restart or behind it: each
// block costs flash.
static void windows_close_in_their_time_when_there_are_rows_from_the_future(void **state)
{
    (void)state;
    start_host();
    learn_the_time();
    const size_t usual = run_an_hour();
    assert_in_range(usual, 1, 3);
    ahead_ms = 7 * 365 * 86400 * INT64_C(1000);
    varve_sim_set_wall(true_ms + ahead_ms);
    assert_in_range(run_an_hour(), usual, usual + 1);
    learn_the_time();
    assert_in_range(run_an_hour(), usual, usual + 1);
    assert_in_range(run_an_hour(), usual, usual + 1);
    stop_in_order(0);
    boot(1000, true_ms + 1000);
    assert_in_range(run_an_hour(), usual, usual + 1);
    cut_the_power(rows.count);
    boot(1000, true_ms + 1000);
    assert_in_range(run_an_hour(), usual, usual + 1);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static int on_sums(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    double *total = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        *total += points[i].value;
    }
    return 0;
}

// A row every ROW_MS of a counter that grows by one each time; returns its value.
static double count_up(int counter, double value, int64_t ms)
{
    for (int64_t left_ms = ms; left_ms > 0; left_ms -= ROW_MS) {
        varve_sim_advance(ROW_MS);
        true_ms += ROW_MS;
        assert_int_equal(varve_push(host, counter, ++value), 0);
        step();
    }
    return value;
}

static double grown(void)
{
    char why[VARVE_MESSAGE_TEXT];
    double total = 0;
    const struct varve_query query = {.selector = "grows_total",
                                      .from_ms = INT64_MIN,
                                      .to_ms = INT64_MAX,
                                      .tier = 1,
                                      .agg = VARVE_AGG_SUM};
    const struct varve_query_sink sink = {
        .arg = &total, .series = on_series, .points = on_sums, .end = on_end};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
    return total;
}

// Windows that closed while the clock was ahead stay where they are; what a counter grows by since
// is counted all the same, by hours and by years, forward and back.
static void counters_grow_on_when_the_clock_is_stepped(void **state)
{
    (void)state;
    static const struct varve_series_def def = {"grows_total", "1", "", VARVE_COUNTER};
    static const int64_t spans[] = {90 * 1000, 2 * 3600 * 1000, 7 * 365 * 86400 * INT64_C(1000)};
    start_host();
    const int counter = varve_series_add(host, &def);
    double value = 0;
    learn_the_time();
    value = count_up(counter, value, 12 * MINUTE_MS);
    for (size_t i = 0; i < 3; i++) {
        varve_sim_set_wall(true_ms + spans[i]);
        step();
        value = count_up(counter, value, 12 * MINUTE_MS);
        learn_the_time(); // back again
        value = count_up(counter, value, 12 * MINUTE_MS);
        varve_sim_set_wall(true_ms - spans[i % 2]);
        step();
        value = count_up(counter, value, 12 * MINUTE_MS);
        learn_the_time();
        value = count_up(counter, value, 12 * MINUTE_MS);
    }
    assert_int_equal(varve_host_flush(host, 1000), 0);
    assert_float_equal(grown(), value - 1, 0.5); // nothing before the first
    assert_int_equal(varve_host_shutdown(host), 0);
    start_host();
    assert_float_equal(grown(), value - 1, 0.5);
    assert_int_equal(varve_host_shutdown(host), 0);
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
