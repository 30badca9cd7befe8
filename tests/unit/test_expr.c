// SPDX-License-Identifier: Apache-2.0
// Evaluating expressions: tiers, memory, staleness. Values against Prometheus: tests/oracle.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "tests/unit/host_fixture.h"
#include "varve/error.h"
#include "varve/expr.h"

#define ROWS     2160 // three hours
#define STEP_MS  5000
#define MINUTE   60000
#define HOUR     3600000
#define RESULTS  4096
#define SERIES_N 8

static struct fixture f;
static uint8_t memory[VARVE_EXPR_MEMORY] __attribute__((aligned(16)));

// What an expression gave, in the order in which it came.
static struct {
    struct varve_query_info info;
    struct varve_point points[RESULTS];
    varve_series_id ids[RESULTS];
    size_t count;
    char texts[SERIES_N][VARVE_SERIES_TEXT];
    size_t series;
    char why[VARVE_MESSAGE_TEXT];
} got;

static int begin(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    got.info = *info;
    return 0;
}

static int series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    assert_true(got.series < SERIES_N);
    snprintf(got.texts[got.series++], VARVE_SERIES_TEXT, "%s", def->text);
    return 0;
}

static int points(void *arg, varve_series_id id, const struct varve_point *p, size_t n)
{
    (void)arg;
    assert_true(got.count + n <= RESULTS);
    for (size_t i = 0; i < n; i++) {
        got.ids[got.count] = id;
        got.points[got.count++] = p[i];
    }
    return 0;
}

static int run(const char *text, int64_t from_ms, int64_t to_ms, int64_t step_ms, int tier,
               size_t bytes)
{
    const struct varve_query_sink sink = {
        .begin = begin, .series = series, .points = points, .end = begin};
    const struct varve_expr_query query = {
        .text = text, .from_ms = from_ms, .to_ms = to_ms, .step_ms = step_ms, .tier = tier};
    memset(&got, 0, sizeof got);
    return varve_expr_run(f.host, &query, &sink, memory, bytes, got.why, sizeof got.why);
}

static void ask(const char *text, int64_t from_ms, int64_t to_ms, int64_t step_ms, int tier)
{
    if (run(text, from_ms, to_ms, step_ms, tier, sizeof memory) != 0) {
        fail_msg("`%s`: %s", text, got.why);
    }
}

static double value_at(size_t i)
{
    return (double)(i % 50);
}

// Rows begin half a step after the grid, so that none is on the edge of a window.
static int64_t row_ms(size_t i)
{
    return fixture_start_ms() + (int64_t)i * STEP_MS + STEP_MS / 2;
}

static int setup(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int a = fixture_series(&f, "a{x=\"1\"}", VARVE_GAUGE);
    int b = fixture_series(&f, "a{x=\"2\"}", VARVE_GAUGE);
    int c = fixture_series(&f, "c_total", VARVE_COUNTER);
    int stale = fixture_series(&f, "stale", VARVE_GAUGE);
    const uint64_t bits = UINT64_C(0x7ff0000000000002);
    double marker;
    memcpy(&marker, &bits, sizeof marker);
    for (size_t i = 0; i < ROWS; i++) {
        struct varve_point p = {row_ms(i), value_at(i)};
        struct varve_point q = {row_ms(i), i == 100 ? marker : (double)i};
        struct varve_point count = {row_ms(i), (double)(i * 3 % 1000)};
        assert_int_equal(varve_host_import(f.host, a, &p, 1), 0);
        assert_int_equal(varve_host_import(f.host, b, &p, 1), 0);
        assert_int_equal(varve_host_import(f.host, c, &count, 1), 0);
        if (i <= 100) {
            assert_int_equal(varve_host_import(f.host, stale, &q, 1), 0);
        }
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    fixture_end(&f);
    return 0;
}

// Whole minutes, so that the minute tier may serve it; from raw it must be the same.
static void aligned_windows_are_exact_on_a_tier(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "max_over_time(a{x=\"1\"}[10m])",     "min_over_time(a{x=\"1\"}[10m])",
        "avg_over_time(a{x=\"1\"}[10m])",     "sum_over_time(a{x=\"1\"}[10m])",
        "count_over_time(a{x=\"1\"}[10m])",   "last_over_time(a{x=\"1\"}[10m])",
        "present_over_time(a{x=\"1\"}[10m])", "count_over_time(c_total[10m])",
    };
    static struct varve_point raw[RESULTS];
    int64_t from = fixture_start_ms() + HOUR, to = from + HOUR;
    for (size_t t = 0; t < sizeof texts / sizeof *texts; t++) {
        ask(texts[t], from, to, 10 * MINUTE, 0);
        size_t count = got.count;
        assert_true(count >= 7);
        memcpy(raw, got.points, sizeof raw);
        ask(texts[t], from, to, 10 * MINUTE, VARVE_TIER_AUTO);
        assert_int_equal(got.info.tier, 1);
        assert_false(got.info.approximate);
        assert_int_equal(got.count, count);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(got.points[i].time_ms, raw[i].time_ms);
            assert_true(got.points[i].value - raw[i].value < 1e-9);
            assert_true(raw[i].value - got.points[i].value < 1e-9);
        }
    }
}

static void what_a_tier_does_not_keep_is_said(void **state)
{
    (void)state;
    int64_t to = fixture_start_ms() + 2 * HOUR;
    ask("stddev_over_time(a[10m])", to - HOUR, to, 10 * MINUTE, VARVE_TIER_AUTO);
    assert_int_equal(got.info.tier, 0);
    ask("stddev_over_time(a[10m])", to - HOUR, to, 10 * MINUTE, 1);
    assert_true(got.info.approximate);
    ask("max_over_time(a[90s])", to - HOUR, to, 10 * MINUTE, 1);
    assert_true(got.info.approximate);
    ask("sum_over_time(c_total[10m])", to, to, 0, 1);
    assert_int_equal(got.count, 0);
    assert_int_equal(got.info.skipped_series, 1);
    // The increase is that of the cells: 3 a row, resets allowed for.
    ask("increase(c_total[10m])", to, to, 0, 1);
    assert_true(got.info.approximate);
    assert_int_equal(got.count, 1);
    assert_true(got.points[0].value > 350 && got.points[0].value < 370);
}

static void a_range_vector_gives_its_samples(void **state)
{
    (void)state;
    ask("a{x=\"1\"}[1m]", 0, row_ms(1000), 0, 0);
    assert_int_equal(got.count, 13); // both ends belong to it
    assert_int_equal(got.points[12].time_ms, row_ms(1000));
    assert_true(got.points[12].value == value_at(1000));
    assert_int_equal(run("a[1m]", 0, row_ms(10), MINUTE, 0, sizeof memory), VARVE_E_INVALID);
}

static void a_marker_ends_a_series_and_is_no_sample(void **state)
{
    (void)state;
    ask("stale + 0", 0, row_ms(99), 0, 0);
    assert_int_equal(got.count, 1);
    ask("stale + 0", 0, row_ms(100), 0, 0);
    assert_int_equal(got.count, 0);
    ask("count_over_time(stale[1m])", 0, row_ms(100), 0, 0);
    assert_true(got.points[0].value == 12);
}

static void the_lookback_can_be_chosen(void **state)
{
    (void)state;
    int64_t end = row_ms(ROWS - 1);
    ask("sum(a)", 0, end + 299000, 0, 0);
    assert_int_equal(got.count, 1);
    ask("sum(a)", 0, end + 301000, 0, 0);
    assert_int_equal(got.count, 0);
}

// Slices are shorter with less memory; the answer is the same, or it says that it does not fit.
static void memory_decides_how_not_what(void **state)
{
    (void)state;
    static struct varve_point all[RESULTS];
    static const char text[] = "sum by (x) (rate(c_total[5m]) * on () group_right a) + 1";
    int64_t from = fixture_start_ms() + HOUR, to = from + HOUR;
    ask(text, from, to, MINUTE, 0);
    size_t count = got.count;
    memcpy(all, got.points, sizeof all);
    assert_int_equal(count, 2 * 61);
    int fitted = 0;
    for (size_t bytes = VARVE_BLOCK_MAX; bytes < sizeof memory; bytes += 3001) {
        int rc = run(text, from, to, MINUTE, 0, bytes);
        assert_true(rc == 0 || rc == VARVE_E_NO_MEMORY);
        if (rc != 0) {
            continue;
        }
        fitted++;
        double sum = 0, expected = 0; // series may come in other turns
        for (size_t i = 0; i < count; i++) {
            sum += got.points[i].value;
            expected += all[i].value;
        }
        assert_int_equal(got.count, count);
        assert_true(sum - expected < 1e-6 && expected - sum < 1e-6);
    }
    assert_true(fitted > 10);
}

static void series_that_lose_their_difference_are_refused(void **state)
{
    (void)state;
    int64_t at = row_ms(50);
    assert_int_equal(run("{__name__=~\"c_total|stale\"} + 0", 0, at, 0, 0, sizeof memory),
                     VARVE_E_INVALID);
    assert_non_null(strstr(got.why, "same labels"));
    assert_int_equal(run("a + on () a", 0, at, 0, 0, sizeof memory), VARVE_E_INVALID);
    assert_non_null(strstr(got.why, "column 3"));
}

static void topk_takes_a_number_of_series(void **state)
{
    (void)state;
    int64_t at = row_ms(ROWS - 1);
    static const char *const refused[] = {"topk(NaN, a)", "bottomk(0 / 0, a)", "topk(Inf, a)",
                                          "topk(-1e19, a)", "topk(scalar(nosuch), nosuch)"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        assert_int_equal(run(refused[i], at, at, 0, 0, sizeof memory), VARVE_E_INVALID);
        assert_non_null(strstr(got.why, "takes a number of series"));
        assert_int_equal(got.count, 0);
    }
    assert_int_equal(run("topk(NaN, a)", at, at, 0, 0, sizeof memory), VARVE_E_INVALID);
    assert_string_equal(got.why,
                        "column 6: topk takes a number of series that fits 64 bits, not NaN");
    ask("topk(9e18, a)", at, at, 0, 0);
    assert_int_equal(got.count, 2);
    ask("bottomk(-9e18, a)", at, at, 0, 0);
    assert_int_equal(got.count, 0);
}

static void ranges_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    assert_int_equal(run("a + 0", 0, INT64_MAX, 1, 0, sizeof memory), VARVE_E_INVALID);
    assert_int_equal(run("a + 0", INT64_MIN, 0, 1, 0, sizeof memory), VARVE_E_INVALID);
    assert_int_equal(run("a + 0", 1, 0, 1, 0, sizeof memory), VARVE_E_INVALID);
    assert_int_equal(run("a + 0", 0, HOUR, 1, 0, sizeof memory), VARVE_E_INVALID);
    assert_non_null(strstr(got.why, "larger step"));
    assert_int_equal(run("a + 0", 0, HOUR, MINUTE, 9, sizeof memory), VARVE_E_INVALID);
    assert_int_equal(run("a + 0", 0, HOUR, MINUTE, 0, 100), VARVE_E_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligned_windows_are_exact_on_a_tier),
        cmocka_unit_test(what_a_tier_does_not_keep_is_said),
        cmocka_unit_test(a_range_vector_gives_its_samples),
        cmocka_unit_test(a_marker_ends_a_series_and_is_no_sample),
        cmocka_unit_test(the_lookback_can_be_chosen),
        cmocka_unit_test(memory_decides_how_not_what),
        cmocka_unit_test(series_that_lose_their_difference_are_refused),
        cmocka_unit_test(topk_takes_a_number_of_series),
        cmocka_unit_test(ranges_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
