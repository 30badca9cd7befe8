// SPDX-License-Identifier: Apache-2.0
// Rollup against an oracle that keeps every sample and works each cell of each tier out from
// scratch. Values are small integers, so that sums are exact in any order.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "core/rollup.h"
#include "random.h"
#include "varve/error.h"

#define SERIES     3u
#define LEVELS     3u
#define CELLS      8192u
#define SAMPLES    4096u
#define ARENA_SIZE 65536u

static const struct varve_tier tiers[LEVELS + 1] = {
    {.name = "raw", .step_ms = 5000},
    {.name = "minute", .step_ms = 60000},
    {.name = "hour", .step_ms = 3600000},
    {.name = "day", .step_ms = 86400000},
};

// ---- what comes out -----------------------------------------------------------------------------

struct closed {
    size_t level;
    varve_series_id id;
    struct varve_cell cell;
};

static struct closed closed[CELLS];
static size_t closed_count;
static struct varve_rollup rollup;
static _Alignas(16) uint8_t memory[ARENA_SIZE];

static void collect(void *arg, size_t level, varve_series_id id, const struct varve_cell *cell,
                    const struct varve_sketch *sketch)
{
    assert_null(sketch);
    assert_ptr_equal(arg, &rollup);
    assert_true(closed_count < CELLS);
    assert_int_equal(cell->start_ms % tiers[level + 1].step_ms, 0);
    assert_true(cell->count > 0);
    closed[closed_count++] = (struct closed){.level = level, .id = id, .cell = *cell};
}

static int start(void **state)
{
    (void)state;
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    memset(memory, 0xa5, sizeof memory);
    int rc = varve_rollup_init(&rollup, &arena, tiers, LEVELS + 1, SERIES);
    rollup.sink = collect;
    rollup.sink_arg = &rollup;
    closed_count = 0;
    return rc;
}

// All siblings of one cell merged in the order in which they were closed, as a reader does.
static bool merged(size_t level, varve_series_id id, int64_t start_ms, struct varve_cell *out)
{
    out->count = 0;
    for (size_t i = 0; i < closed_count; i++) {
        const struct closed *c = &closed[i];
        if (c->level != level || c->id != id || c->cell.start_ms != start_ms) {
            continue;
        }
        if (out->count == 0) {
            *out = c->cell;
        } else {
            varve_cell_merge(out, &c->cell);
        }
    }
    return out->count > 0;
}

// ---- the oracle ---------------------------------------------------------------------------------

struct sample {
    varve_series_id id;
    struct varve_point point;
    double increase;
};

static struct sample samples[SAMPLES];
static size_t sample_count;

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t q = t / step;
    return (q * step > t ? q - 1 : q) * step;
}

static struct varve_cell true_cell(varve_series_id id, int64_t start_ms, int64_t step_ms)
{
    struct varve_cell cell = {.start_ms = start_ms, .min = NAN, .max = NAN};
    int64_t newest_ms = INT64_MIN;
    for (size_t i = 0; i < sample_count; i++) {
        const struct sample *s = &samples[i];
        if (s->id != id || floor_to(s->point.time_ms, step_ms) != start_ms) {
            continue;
        }
        cell.count++;
        cell.min = fmin(cell.min, s->point.value);
        cell.max = fmax(cell.max, s->point.value);
        cell.sum += s->increase;
        cell.last = s->point.time_ms >= newest_ms ? s->point.value : cell.last;
        newest_ms = s->point.time_ms >= newest_ms ? s->point.time_ms : newest_ms;
    }
    return cell;
}

static bool same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void expect_cell(const struct varve_cell *got, const struct varve_cell *want, bool with_last)
{
    assert_int_equal(got->start_ms, want->start_ms);
    assert_int_equal(got->count, want->count);
    assert_true(same(got->min, want->min));
    assert_true(same(got->max, want->max));
    assert_true(same(got->sum, want->sum));
    if (with_last) {
        assert_true(same(got->last, want->last));
    }
}

// Every cell of every tier is there and true, and nothing else is.
static void expect_truth(bool with_last)
{
    for (size_t level = 0; level < LEVELS; level++) {
        int64_t step_ms = tiers[level + 1].step_ms;
        uint64_t counted = 0;
        for (size_t i = 0; i < sample_count; i++) {
            int64_t start_ms = floor_to(samples[i].point.time_ms, step_ms);
            struct varve_cell got, want = true_cell(samples[i].id, start_ms, step_ms);
            assert_true(merged(level, samples[i].id, start_ms, &got));
            expect_cell(&got, &want, with_last);
        }
        for (size_t i = 0; i < closed_count; i++) {
            counted += closed[i].level == level ? closed[i].cell.count : 0;
        }
        assert_int_equal(counted, sample_count);
    }
}

static void feed(varve_series_id id, enum varve_kind kind, const struct varve_point *points,
                 const double *increases, size_t n)
{
    assert_true(sample_count + n <= SAMPLES);
    for (size_t i = 0; i < n; i++) {
        samples[sample_count++] = (struct sample){
            .id = id, .point = points[i], .increase = increases ? increases[i] : points[i].value};
    }
    varve_rollup_points(&rollup, id, kind, points, n);
}

// Windows of each series in turn, as the pipeline feeds them. `late_one_in` > 0: that often a
// window goes back in time.
static void feed_gauges(struct test_random *r, int64_t from_ms, unsigned late_one_in, bool nans)
{
    int64_t now_ms[SERIES] = {from_ms, from_ms, from_ms};
    sample_count = 0;
    for (int window = 0; window < 40; window++) {
        for (varve_series_id id = 0; id < SERIES; id++) {
            struct varve_point points[30];
            size_t n = random_below(r, 31);
            bool late = late_one_in > 0 && random_below(r, late_one_in) == 0;
            int64_t t = late ? now_ms[id] - random_below(r, 2 * 86400000) : now_ms[id];
            for (size_t i = 0; i < n; i++) {
                double value = (double)random_between(r, -1000, 1000);
                points[i] =
                    (struct varve_point){t, nans && random_below(r, 9) == 0 ? (double)NAN : value};
                t += random_below(r, 40) == 0 ? random_below(r, 40000000) : random_below(r, 20000);
            }
            now_ms[id] = late ? now_ms[id] : t;
            feed(id, VARVE_GAUGE, points, NULL, n);
        }
    }
    varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX / 2);
}

static void every_cell_of_every_tier_is_true(void **state)
{
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 8; round++) {
        start(state);
        feed_gauges(&r, INT64_C(1800000000000) + random_below(&r, 100000000), 0, false);
        expect_truth(true);
    }
}

static void times_before_1970_are_as_good_as_any(void **state)
{
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 4; round++) {
        start(state);
        feed_gauges(&r, -random_between(&r, 0, 200000000), 0, false);
        expect_truth(true);
    }
}

// What a late row says about min, max, sum and count is never lost.
static void late_rows_are_counted_in_every_tier(void **state)
{
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 8; round++) {
        start(state);
        feed_gauges(&r, INT64_C(1800000000000), 4, false);
        expect_truth(false);
    }
}

static void nan_spoils_the_sum_but_not_the_extremes(void **state)
{
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 4; round++) {
        start(state);
        feed_gauges(&r, INT64_C(1800000000000), 0, true);
        expect_truth(true);
    }
}

// ---- counters -----------------------------------------------------------------------------------

// The oracle counts what it adds to the counter itself; after a reset it counts from zero.
static void counters_add_up_over_resets_and_gaps(void **state)
{
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 8; round++) {
        double value = random_below(&r, 1000);
        int64_t t = INT64_C(1800000000000);
        bool first = true;
        start(state);
        sample_count = 0;
        for (int window = 0; window < 60; window++) {
            struct varve_point points[30];
            double increases[30];
            size_t n = random_below(&r, 31);
            for (size_t i = 0; i < n; i++) {
                double grown = random_below(&r, 100), before = value;
                bool reset = random_below(&r, 50) == 0 && before > 100;
                value = reset ? grown : value + grown;
                increases[i] = first ? 0 : grown;
                first = false;
                points[i] = (struct varve_point){t, value};
                t += random_below(&r, 30) == 0 ? random_below(&r, 50000000) : 5000;
            }
            feed(1, VARVE_COUNTER, points, increases, n);
        }
        varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX / 2);
        expect_truth(true);
    }
}

static void late_counter_rows_add_nothing(void **state)
{
    (void)state;
    struct varve_counter_state counter = {.known = false};
    assert_true(varve_counter_increase(&counter, 1000, 50) == 0);
    assert_true(varve_counter_increase(&counter, 2000, 70) == 20);
    assert_true(varve_counter_increase(&counter, 1500, 60) == 0);
    assert_true(varve_counter_increase(&counter, 2000, 75) == 5);
    assert_true(varve_counter_increase(&counter, 3000, 4) == 4); // restarted
    assert_true(varve_counter_increase(&counter, 4000, 4) == 0);
    assert_true(varve_counter_increase(&counter, 5000, 10) == 6);
}

// ---- `last` with late rows ----------------------------------------------------------------------

static void late_row_does_not_become_the_last_of_an_open_cell(void **state)
{
    (void)state;
    const int64_t base = INT64_C(1800000000000);
    const struct varve_point on_time[] = {{base + 30000, 3}, {base + 40000, 4}};
    const struct varve_point late[] = {{base + 10000, 1}, {base + 20000, 2}};
    sample_count = 0;
    feed(0, VARVE_GAUGE, on_time, NULL, 2);
    feed(0, VARVE_GAUGE, late, NULL, 2);
    varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX / 2);
    expect_truth(true);
}

static void late_cell_does_not_become_the_last_of_a_coarser_one(void **state)
{
    (void)state;
    const int64_t base = INT64_C(1800000000000);
    const struct varve_point on_time[] = {
        {base, 1}, {base + 59 * 60000, 59}, {base + 61 * 60000, 61}};
    const struct varve_point late[] = {{base + 2 * 60000, 2}};
    const struct varve_point newer[] = {{base + 59 * 60000 + 50000, 60}};
    sample_count = 0;
    feed(0, VARVE_GAUGE, on_time, NULL, 3);
    feed(0, VARVE_GAUGE, newer, NULL, 1); // late, but the newest of its hour
    feed(0, VARVE_GAUGE, late, NULL, 1);
    varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX / 2);
    expect_truth(true);
}

// ---- closing ------------------------------------------------------------------------------------

static void cells_close_when_their_time_is_over(void **state)
{
    (void)state;
    const struct varve_point point = {.time_ms = 90000, .value = 7};
    varve_rollup_points(&rollup, 0, VARVE_GAUGE, &point, 1);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 119999);
    assert_int_equal(closed_count, 0);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 120000);
    assert_int_equal(closed_count, 1);
    assert_int_equal(closed[0].cell.start_ms, 60000);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 3599999);
    assert_int_equal(closed_count, 1);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 3600000);
    assert_int_equal(closed_count, 2);
    assert_int_equal(closed[1].level, 1);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 86400000);
    assert_int_equal(closed_count, 3);
    assert_int_equal(closed[2].level, 2);
    varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX / 2);
    assert_int_equal(closed_count, 3); // each once
}

static void series_beyond_the_count_stay_open(void **state)
{
    (void)state;
    const struct varve_point point = {.time_ms = 0, .value = 7};
    varve_rollup_points(&rollup, 2, VARVE_GAUGE, &point, 1);
    varve_rollup_close(&rollup, rollup.levels, 2, INT64_MAX / 2);
    assert_int_equal(closed_count, 0);
    varve_rollup_close(&rollup, rollup.levels, 3, INT64_MAX / 2);
    assert_int_equal(closed_count, LEVELS);
}

static void cells_that_are_stored_already_are_not_made_again(void **state)
{
    (void)state;
    const struct varve_point points[] = {{59999, 1}, {60000, 2}, {120000, 3}};
    rollup.done_ms[0][1] = 60000;
    varve_rollup_points(&rollup, 1, VARVE_GAUGE, points, 3);
    varve_rollup_close(&rollup, rollup.levels, SERIES, 180000);
    assert_int_equal(closed_count, 2);
    assert_int_equal(closed[0].cell.start_ms, 60000);
    assert_int_equal(closed[1].cell.start_ms, 120000);
}

static void raw_only_needs_no_rollup(void **state)
{
    (void)state;
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    const struct varve_point point = {.time_ms = 5, .value = 1};
    assert_int_equal(varve_rollup_init(&rollup, &arena, tiers, 1, SERIES), 0);
    varve_rollup_points(&rollup, 0, VARVE_GAUGE, &point, 1);
    varve_rollup_close(&rollup, rollup.levels, SERIES, INT64_MAX);
    assert_int_equal(closed_count, 0);
}

static void memory_too_small_is_said_at_any_size(void **state)
{
    (void)state;
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    assert_int_equal(varve_rollup_init(&rollup, &arena, tiers, LEVELS + 1, SERIES), 0);
    size_t need = arena.used;
    for (size_t size = 0; size < need; size++) {
        struct varve_arena small = {.base = memory, .size = size};
        assert_int_equal(varve_rollup_init(&rollup, &small, tiers, LEVELS + 1, SERIES),
                         VARVE_E_NO_MEMORY);
        assert_true(small.wanted >= need);
    }
}

// ---- cells --------------------------------------------------------------------------------------

static void buckets_are_right_on_both_sides_of_1970(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    assert_int_equal(varve_bucket(0, 60000), 0);
    assert_int_equal(varve_bucket(59999, 60000), 0);
    assert_int_equal(varve_bucket(-1, 60000), -60000);
    assert_int_equal(varve_bucket(-60000, 60000), -60000);
    for (int i = 0; i < 10000; i++) {
        int64_t t = random_between(&r, -(INT64_C(1) << 50), INT64_C(1) << 50);
        int64_t step = 1 + (int64_t)random_below(&r, 1u << 30);
        int64_t start_ms = varve_bucket(t, step);
        assert_true(start_ms <= t && t - start_ms < step);
        assert_int_equal(start_ms % step, 0);
    }
}

static struct varve_cell random_cell(struct test_random *r)
{
    double value = (double)random_between(r, -50, 50);
    return varve_cell_of(0, random_below(r, 6) == 0 ? (double)NAN : value, value);
}

static void merging_is_associative(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int i = 0; i < 10000; i++) {
        struct varve_cell a = random_cell(&r), b = random_cell(&r), c = random_cell(&r);
        struct varve_cell left = a, right = b;
        varve_cell_merge(&left, &b);
        varve_cell_merge(&left, &c);
        varve_cell_merge(&right, &c);
        struct varve_cell all = a;
        varve_cell_merge(&all, &right);
        expect_cell(&all, &left, true);
        assert_int_equal(all.count, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(every_cell_of_every_tier_is_true, start),
        cmocka_unit_test_setup(times_before_1970_are_as_good_as_any, start),
        cmocka_unit_test_setup(late_rows_are_counted_in_every_tier, start),
        cmocka_unit_test_setup(nan_spoils_the_sum_but_not_the_extremes, start),
        cmocka_unit_test_setup(counters_add_up_over_resets_and_gaps, start),
        cmocka_unit_test_setup(late_counter_rows_add_nothing, start),
        cmocka_unit_test_setup(late_row_does_not_become_the_last_of_an_open_cell, start),
        cmocka_unit_test_setup(late_cell_does_not_become_the_last_of_a_coarser_one, start),
        cmocka_unit_test_setup(cells_close_when_their_time_is_over, start),
        cmocka_unit_test_setup(series_beyond_the_count_stay_open, start),
        cmocka_unit_test_setup(cells_that_are_stored_already_are_not_made_again, start),
        cmocka_unit_test_setup(raw_only_needs_no_rollup, start),
        cmocka_unit_test_setup(memory_too_small_is_said_at_any_size, start),
        cmocka_unit_test_setup(buckets_are_right_on_both_sides_of_1970, start),
        cmocka_unit_test_setup(merging_is_associative, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
