// SPDX-License-Identifier: Apache-2.0
// Pruning a host's history: what goes, what stays, and that the next process goes on from it.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_fixture.h"
#include "tests/unit/random.h"
#include "varve/expr.h"
#include "varve/prune.h"

#define STEP_MS   5000
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define N         1400 // just under two hours: all of it is kept

static struct fixture f;
static struct varve_prune prune;
static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_point points[N];

static int try_range(const char *selector, int64_t after_ms, int64_t before_ms, int tier,
                     bool apply)
{
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_prune_request request = {.selector = selector,
                                                .after_ms = after_ms,
                                                .before_ms = before_ms,
                                                .tier = tier,
                                                .apply = apply,
                                                .by = "me"};
    int rc = varve_prune_begin(f.host, &prune, &request, memory, sizeof memory, why, sizeof why);
    for (int steps = 0; rc == 0 && !prune.report.done; steps++) {
        rc = varve_prune_step(f.host, &prune, memory, sizeof memory, why, sizeof why);
        assert_true(steps < 10000);
    }
    return rc;
}

static int try_prune(const char *selector, int64_t before_ms, int tier, bool apply)
{
    return try_range(selector, 0, before_ms, tier, apply);
}

static void run_prune(const char *selector, int64_t before_ms, int tier)
{
    assert_int_equal(try_prune(selector, before_ms, tier, true), 0);
}

static void import_all(const char *const *names, size_t count)
{
    for (size_t i = 0; i < N; i++) {
        points[i].time_ms = fixture_start_ms() + (int64_t)i * STEP_MS;
        points[i].value = (double)(i * 7 % 100) / 4;
    }
    for (size_t s = 0; s < count; s++) {
        int id = fixture_series(&f, names[s], VARVE_GAUGE);
        assert_int_equal(varve_host_import(f.host, id, points, N), 0);
    }
}

static void check_raw(const char *selector, size_t from, size_t to)
{
    struct answer answer = fixture_query(&f, selector, 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.count, to - from);
    assert_memory_equal(answer.points, points + from, (to - from) * sizeof *points);
    assert_int_equal(answer.info.damaged_blocks, 0);
    answer_free(&answer);
}

static void start(const char *const *names, size_t count)
{
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    import_all(names, count);
}

// Also behind a case that failed.
static int end(void **state)
{
    (void)state;
    fixture_end(&f);
    return 0;
}

// ---- what goes and what stays -------------------------------------------------------------------

static const char *const two[] = {"a", "b{x=\"1\"}"};

static void rows_before_a_moment_go_in_every_tier(void **state)
{
    (void)state;
    const size_t cut = 407; // within a block and within a minute
    start(two, 2);
    const int64_t before_ms = points[cut].time_ms - 1;
    const int64_t first_ms = before_ms - before_ms % MINUTE_MS; // this minute covers it
    const size_t first = (size_t)((first_ms - points[0].time_ms) / STEP_MS);
    run_prune("", before_ms, VARVE_PRUNE_ALL_TIERS);
    for (int round = 0; round < 2; round++) {
        for (size_t s = 0; s < 2; s++) {
            check_raw(two[s], cut, N);
            fixture_check_tier(&f, two[s], 1, points + first, N - first);
            fixture_check_tier(&f, two[s], 2, points, N); // hours and the day cover the moment
            fixture_check_tier(&f, two[s], 3, points, N);
        }
        fixture_close(&f);
        fixture_open(&f, 0);
    }
}

static void rows_from_a_moment_on_go_in_every_tier(void **state)
{
    (void)state;
    const size_t cut = 720; // where an hour begins, whose cell is in progress
    start(two, 2);
    const int64_t after_ms = points[cut].time_ms;
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, false), 0);
    assert_int_equal(prune.report.tiers[0].rows, 2 * (N - cut));
    assert_int_equal(prune.report.tiers[0].oldest_ms, after_ms);
    check_raw("a", 0, N); // nothing has gone yet
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, true), 0);
    for (int round = 0; round < 3; round++) {
        for (size_t s = 0; s < 2; s++) {
            check_raw(two[s], 0, cut);
            for (int tier = 1; tier < (round == 0 ? 3 : 4); tier++) {
                fixture_check_tier(&f, two[s], tier, points, cut); // the day has its old cell yet
            }
        }
        fixture_close(&f);
        fixture_open(&f, 0);
    }
    // What comes then is as if nothing had been there.
    for (size_t s = 0; s < 2; s++) {
        const int id = fixture_series(&f, two[s], VARVE_GAUGE);
        assert_int_equal(varve_host_import(f.host, id, points + cut, N - cut), 0);
        check_raw(two[s], 0, N);
        for (int tier = 1; tier < 4; tier++) {
            fixture_check_tier(&f, two[s], tier, points, N);
        }
    }
}

// The newest block is emptied only; once it is not the newest, it can go.
static void what_an_earlier_prune_had_to_leave_goes_later(void **state)
{
    (void)state;
    start(two, 1);
    const int64_t after_ms = points[720].time_ms;
    const struct varve_point early = {.time_ms = points[100].time_ms + 1, .value = 1};
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, true), 0);
    const int id = fixture_series(&f, two[0], VARVE_GAUGE);
    assert_int_equal(varve_host_import(f.host, id, &early, 1), 0);
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, false), 0);
    assert_int_equal(prune.report.tiers[0].removed, 1);
    assert_int_equal(prune.report.tiers[0].rows, 0);
    assert_int_equal(prune.report.tiers[0].oldest_ms, INT64_MAX);
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, true), 0);
    assert_int_equal(try_range("", after_ms, INT64_MAX, VARVE_PRUNE_ALL_TIERS, false), 0);
    assert_int_equal(prune.report.tiers[0].removed, 0);
}

static void rows_between_two_moments_go_and_only_those_of_the_series_that_match(void **state)
{
    (void)state;
    start(two, 2);
    assert_int_equal(
        try_range("a", points[120].time_ms, points[360].time_ms, VARVE_PRUNE_ALL_TIERS, true), 0);
    assert_int_equal(prune.report.series, 1);
    assert_int_equal(prune.report.tiers[0].rows, 240);
    assert_int_equal(prune.report.tiers[1].rows, 20);
    for (int round = 0; round < 2; round++) {
        check_raw(two[1], 0, N);
        fixture_check_tier(&f, two[1], 1, points, N);
        struct answer answer = fixture_query(&f, "a", 0, VARVE_AGG_AUTO, 0);
        assert_int_equal(answer.count, N - 240);
        assert_memory_equal(answer.points, points, 120 * sizeof *points);
        assert_memory_equal(answer.points + 120, points + 360, (N - 360) * sizeof *points);
        answer_free(&answer);
        fixture_close(&f);
        fixture_open(&f, 0);
    }
    assert_int_equal(try_range("a", points[120].time_ms, INT64_MAX, 0, true), VARVE_E_INVALID);
}

static void the_report_says_what_went(void **state)
{
    (void)state;
    start(two, 2);
    assert_int_equal(try_prune("", points[600].time_ms, VARVE_PRUNE_ALL_TIERS, false), 0);
    const struct varve_prune_report plan = prune.report;
    check_raw("a", 0, N); // nothing has gone yet
    run_prune("", points[600].time_ms, VARVE_PRUNE_ALL_TIERS);
    assert_memory_equal(&plan, &prune.report, sizeof plan);
    assert_int_equal(plan.series, 2);
    assert_int_equal(plan.tiers[0].rows, 2 * 600);
    assert_int_equal(plan.tiers[0].oldest_ms, points[0].time_ms);
    assert_int_equal(plan.tiers[0].newest_ms, points[599].time_ms);
    assert_true(plan.tiers[0].removed >= 10); // of five minutes each
    assert_int_equal(plan.tiers[1].rows, 2 * 50);
    assert_int_equal(plan.tiers[3].rows, 0);
    assert_int_equal(plan.tiers[0].needed_ms, INT64_MAX);
    assert_true(plan.tiers[0].bytes > 0);
}

static void only_the_series_that_match_lose_rows(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "net{if=\"0\"}", "net{if=\"1\"}", "z"};
    start(names, 4);
    run_prune("net{if=\"1\"}", points[1000].time_ms, 0);
    assert_int_equal(prune.report.series, 1);
    assert_int_equal(prune.report.tiers[0].rows, 1000);
    assert_int_equal(prune.report.tiers[1].rows, 0);
    for (int round = 0; round < 2; round++) {
        check_raw("a", 0, N);
        check_raw("net{if=\"0\"}", 0, N);
        check_raw("net{if=\"1\"}", 1000, N);
        check_raw("z", 0, N);
        fixture_check_tier(&f, "net{if=\"1\"}", 1, points, N);
        fixture_close(&f);
        fixture_open(&f, 0);
    }
}

static int count_kind(void *arg, const struct varve_event *event)
{
    int *counts = arg;
    if (strcmp(event->kind, "prune") == 0) {
        counts[0]++;
        assert_true(event->has_value && event->value == 100);
        assert_non_null(strstr(event->message, "me removed 100 rows of 1 series"));
    }
    counts[1] += strcmp(event->kind, "prune_begin") == 0;
    return 0;
}

// ---- sketches -----------------------------------------------------------------------------------

#define MINUTES (N * STEP_MS / MINUTE_MS)

// The quantiles of whole minutes, by the minute that they are of; NaN: there is none.
struct quantiles {
    double of[MINUTES];
    bool sketched;
};

static int no_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int take_quantiles(void *arg, varve_series_id id, const struct varve_point *point, size_t n)
{
    struct quantiles *q = arg;
    (void)id;
    for (size_t i = 0; i < n; i++) {
        int64_t minute = (point[i].time_ms - fixture_start_ms()) / MINUTE_MS - 1; // it ended there
        assert_in_range(minute, 0, MINUTES - 1);
        q->of[minute] = point[i].value;
    }
    return 0;
}

static int take_sketched(void *arg, const struct varve_query_info *info)
{
    ((struct quantiles *)arg)->sketched = info->sketched && !info->unsketched;
    return 0;
}

static struct quantiles quantiles_of(const char *series)
{
    char text[128], why[VARVE_MESSAGE_TEXT] = "";
    struct quantiles q = {.sketched = false};
    const struct varve_query_sink sink = {.arg = &q,
                                          .begin = take_sketched,
                                          .series = no_series,
                                          .points = take_quantiles,
                                          .end = take_sketched};
    (void)snprintf(text, sizeof text, "quantile_over_time(0.9, %s[1m])", series);
    const struct varve_expr_query query = {.text = text,
                                           .from_ms = fixture_start_ms() + MINUTE_MS,
                                           .to_ms = fixture_start_ms() + MINUTES * MINUTE_MS,
                                           .step_ms = MINUTE_MS,
                                           .tier = 1};
    for (size_t i = 0; i < MINUTES; i++) {
        q.of[i] = (double)NAN;
    }
    if (varve_expr_run(f.host, &query, &sink, memory, sizeof memory, why, sizeof why) != 0) {
        fail_msg("%s: %s", text, why);
    }
    return q;
}

static void check_quantiles(const char *series, const struct quantiles *before, size_t from)
{
    struct quantiles now = quantiles_of(series);
    assert_true(now.sketched);
    for (size_t i = 0; i < MINUTES; i++) {
        if (i < from ? !isnan(now.of[i]) : !(now.of[i] == before->of[i])) {
            fail_msg("%s, minute %zu: %g, was %g", series, i, now.of[i], before->of[i]);
        }
    }
}

// Blocks of cells carry the sketches of their series behind them: what stays keeps its own.
static void sketches_of_the_cells_that_stay_stay(void **state)
{
    (void)state;
    static const struct varve_series_rule rule = {.pattern = "lat*", .percentiles = true};
    static const char *const names[] = {"lat_a", "lat_b", "plain"};
    const size_t cut = 31;
    fixture_init(&f, "all");
    f.conf.rules[f.conf.rule_count++] = &rule;
    fixture_open(&f, 0);
    import_all(names, 3);
    assert_int_equal(varve_host_flush(f.host, 10000), 0);
    const struct quantiles a = quantiles_of("lat_a"), b = quantiles_of("lat_b");
    assert_true(a.sketched && b.sketched);
    assert_false(isnan(a.of[0]) || isnan(b.of[MINUTES - 2]));
    run_prune("lat_a", fixture_start_ms() + (int64_t)cut * MINUTE_MS, 1);
    for (int round = 0; round < 2; round++) {
        check_quantiles("lat_a", &a, cut);
        check_quantiles("lat_b", &b, 0);
        fixture_close(&f);
        fixture_open(&f, 0);
    }
}

static void events_keep_who_removed_what(void **state)
{
    (void)state;
    int counts[2] = {0, 0};
    start(two, 2);
    run_prune("a", points[100].time_ms, 0);
    assert_int_equal(try_prune("a", points[200].time_ms, 0, false), 0); // asks only
    fixture_close(&f);
    fixture_open(&f, 0);
    assert_int_equal(varve_host_events(f.host, INT64_MIN, INT64_MAX, count_kind, counts), 0);
    assert_int_equal(counts[0], 1);
    assert_int_equal(counts[1], 1);
}

static void what_makes_no_sense_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    start(two, 2);
    assert_int_equal(try_prune("a{", INT64_MAX, -1, true), VARVE_E_INVALID);
    assert_int_equal(try_prune("none", INT64_MAX, -1, true), VARVE_E_NOT_FOUND);
    assert_int_equal(try_prune("", INT64_MAX, 4, true), VARVE_E_INVALID);
    assert_int_equal(try_prune("", INT64_MAX, -2, true), VARVE_E_INVALID);
    assert_int_equal(try_prune("", INT64_MIN, -1, true), 0);
    assert_int_equal(prune.report.tiers[0].rows + prune.report.tiers[3].rows, 0);
    check_raw("a", 0, N);
    fixture_close(&f);
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    assert_int_equal(try_prune("", INT64_MAX, -1, true), VARVE_E_READ_ONLY);
    assert_int_equal(try_prune("", points[600].time_ms, -1, false), 0);
    assert_int_equal(prune.report.tiers[0].rows, 2 * 600);
    check_raw("a", 0, N);
}

// ---- nothing is missing for the next process
// -----------------------------------------------------

// The same host without and with a prune, then more samples: cells in progress are the same.
static void cells_in_progress_survive_a_prune_of_all_and_a_restart(void **state)
{
    (void)state;
    enum {
        FIRST = 1000
    };
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    import_all(two, 0);
    int gauge = fixture_series(&f, "a", VARVE_GAUGE);
    int counter = fixture_series(&f, "c_total", VARVE_COUNTER);
    struct varve_point grows[N];
    for (size_t i = 0; i < N; i++) {
        grows[i] = (struct varve_point){points[i].time_ms, (double)i};
    }
    assert_int_equal(varve_host_import(f.host, gauge, points, FIRST), 0);
    assert_int_equal(varve_host_import(f.host, counter, grows, FIRST), 0);
    run_prune("", INT64_MAX - 1, VARVE_PRUNE_ALL_TIERS);
    assert_true(prune.report.tiers[0].rows > 1500);
    assert_true(prune.report.tiers[0].needed_ms < points[FIRST - 1].time_ms);
    fixture_close(&f);
    fixture_open(&f, 0);
    assert_int_equal(varve_host_import(f.host, gauge, points + FIRST, N - FIRST), 0);
    assert_int_equal(varve_host_import(f.host, counter, grows + FIRST, N - FIRST), 0);
    fixture_check_tier(&f, "a", 3, points, N); // the day in progress
    const size_t hour = 720;                   // the second hour was in progress
    fixture_check_tier(&f, "a", 2, points, N);
    struct answer answer = fixture_query(&f, "c_total", 2, VARVE_AGG_SUM, 0);
    assert_int_equal(answer.count, 2);
    assert_true(answer.points[1].value == (double)(N - hour));
    answer_free(&answer);
}

static void totals_and_numbers_go_on_after_everything_was_pruned(void **state)
{
    (void)state;
    struct varve_stats stats;
    fixture_init(&f, "raw"); // no coarser tier needs its rows
    fixture_open(&f, 0);
    import_all(two, 2);
    run_prune("", INT64_MAX - 1, VARVE_PRUNE_ALL_TIERS);
    assert_int_equal(prune.report.tiers[0].rows, 2 * N);
    struct answer answer = fixture_query(&f, "a", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.count, 0);
    answer_free(&answer);
    fixture_close(&f);
    fixture_open(&f, 0);
    varve_host_stats(f.host, &stats);
    assert_int_equal(stats.samples, 2 * N);
    assert_int_equal(stats.tiers[0].blocks, 1); // emptied, for its header
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    assert_int_equal(varve_host_import(f.host, id, points, N), 0);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    check_raw("a", 0, N);
    run_prune("", points[N / 2].time_ms, VARVE_PRUNE_ALL_TIERS);
    check_raw("a", N / 2, N);
}

// ---- against a model ----------------------------------------------------------------------------

#define SERIES 3
#define PARTS  14

static void random_prunes_leave_what_a_model_says(void **state)
{
    (void)state;
    static const char *const names[SERIES] = {"m{n=\"0\"}", "m{n=\"1\"}", "m{n=\"2\"}"};
    struct test_random random = random_start(__func__);
    size_t from[SERIES] = {0};
    fixture_init(&f, "raw");
    fixture_open(&f, 0);
    import_all(names, 0);
    for (size_t part = 0; part < PARTS; part++) {
        const size_t at = part * (N / PARTS);
        for (size_t s = 0; s < SERIES; s++) {
            int id = fixture_series(&f, names[s], VARVE_GAUGE);
            assert_int_equal(varve_host_import(f.host, id, points + at, N / PARTS), 0);
        }
        const size_t cut = random_below(&random, (uint32_t)(at + N / PARTS));
        const uint32_t which = random_below(&random, SERIES + 1);
        run_prune(which < SERIES ? names[which] : "*", points[cut].time_ms, 0);
        for (size_t s = 0; s < SERIES; s++) {
            from[s] = (which == s || which == SERIES) && cut > from[s] ? cut : from[s];
            check_raw(names[s], from[s], at + N / PARTS);
        }
        if (random_below(&random, 3) == 0) {
            fixture_close(&f);
            fixture_open(&f, 0);
        }
    }
    for (size_t s = 0; s < SERIES; s++) {
        check_raw(names[s], from[s], N);
    }
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_before_a_moment_go_in_every_tier),
        TEST(rows_from_a_moment_on_go_in_every_tier),
        TEST(what_an_earlier_prune_had_to_leave_goes_later),
        TEST(rows_between_two_moments_go_and_only_those_of_the_series_that_match),
        TEST(the_report_says_what_went),
        TEST(only_the_series_that_match_lose_rows),
        TEST(sketches_of_the_cells_that_stay_stay),
        TEST(events_keep_who_removed_what),
        TEST(what_makes_no_sense_is_refused_and_changes_nothing),
        TEST(cells_in_progress_survive_a_prune_of_all_and_a_restart),
        TEST(totals_and_numbers_go_on_after_everything_was_pruned),
        TEST(random_prunes_leave_what_a_model_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
