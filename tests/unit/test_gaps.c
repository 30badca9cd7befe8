// SPDX-License-Identifier: Apache-2.0
// Age as retention counts it: without gaps, in whatever order history is found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/gaps.h"
#include "random.h"

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define NOW  (INT64_C(20500) * DAY)

static struct varve_gaps gaps;

static void without_gaps_age_is_what_the_clock_says(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 7 * DAY);
    varve_gaps_cover(&gaps, NOW - 10 * DAY, NOW - HOUR);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 7 * DAY);
}

static void time_off_does_not_count(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW - 100 * DAY, NOW - 50 * DAY);
    // As long as there is nothing newer, and when there is.
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 57 * DAY);
    varve_gaps_cover(&gaps, NOW - 2 * DAY, NOW);
    assert_int_equal(gaps.count, 1);
    assert_int_equal(varve_gaps_before(&gaps, NOW, DAY), NOW - DAY);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 55 * DAY);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 2 * DAY), NOW - 2 * DAY);
}

static void a_clock_that_is_ahead_makes_nothing_old(void **state)
{
    const int64_t ahead = NOW + 7 * 365 * DAY;
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW - 90 * DAY, NOW);
    assert_int_equal(varve_gaps_before(&gaps, ahead, 90 * DAY), NOW - 90 * DAY);
    varve_gaps_cover(&gaps, ahead, ahead + DAY / 2);
    assert_int_equal(varve_gaps_before(&gaps, ahead + DAY / 2, 90 * DAY), NOW - 89 * DAY - DAY / 2);
    // The clock is right again, and what came from the future lies ahead.
    assert_int_equal(varve_gaps_before(&gaps, NOW + HOUR, 90 * DAY), NOW + HOUR - 90 * DAY);
    varve_gaps_cover(&gaps, NOW, NOW + 3 * DAY);
    assert_int_equal(gaps.count, 1);
    assert_int_equal(gaps.gap[0].from_ms, NOW + 3 * DAY);
    assert_int_equal(varve_gaps_before(&gaps, NOW + 3 * DAY, 90 * DAY), NOW - 87 * DAY);
    // Off for long, with the future still in the store.
    assert_int_equal(varve_gaps_before(&gaps, NOW + 53 * DAY, 90 * DAY), NOW - 87 * DAY);
}

static void history_may_be_found_in_any_order(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    for (int round = 0; round < 500; round++) {
        struct varve_gaps other;
        int64_t from[40], to[40];
        int64_t at = NOW;
        const int count = round % 2 == 0 ? VARVE_GAPS_MAX + 1 : 40; // all of its gaps are known
        for (int i = 0; i < count; i++) {
            from[i] = at + (random_below(&r, 8) == 0 ? random_between(&r, 2, 900) * DAY : 1000);
            to[i] = at = from[i] + random_between(&r, 0, DAY);
        }
        varve_gaps_init(&gaps, 90 * DAY);
        varve_gaps_init(&other, 90 * DAY);
        for (int i = 0; i < count; i++) {
            varve_gaps_cover(&gaps, from[i], to[i]);
        }
        for (int i = count - 1; i > 0; i--) {
            const uint32_t k = random_below(&r, (uint32_t)i + 1);
            const int64_t swap_from = from[i], swap_to = to[i];
            from[i] = from[k], to[i] = to[k];
            from[k] = swap_from, to[k] = swap_to;
        }
        for (int i = 0; i < count; i++) {
            varve_gaps_cover(&other, from[i], to[i]);
        }
        if (count <= (int)VARVE_GAPS_MAX + 1) {
            assert_int_equal(other.count, gaps.count);
            assert_memory_equal(gaps.gap, other.gap, gaps.count * sizeof *gaps.gap);
        }
        assert_in_range(other.count, gaps.count < 2 ? gaps.count : 1, VARVE_GAPS_MAX);
        assert_int_equal(gaps.newest_ms, other.newest_ms);
        // Never more than the age itself, however much is known.
        const int64_t age = random_between(&r, 0, 2000) * DAY;
        assert_true(varve_gaps_before(&other, at, age) <= at - age);
    }
}

static void the_longest_gaps_are_known_and_that_of_today(void **state)
{
    int64_t at = NOW;
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    for (int64_t i = 1; i <= 20; i++) {
        varve_gaps_cover(&gaps, at, at + 10 * DAY);
        at += (10 + (i % 2 == 0 ? 2 : 100)) * DAY;
    }
    varve_gaps_cover(&gaps, at, at + DAY);
    assert_int_equal(gaps.count, VARVE_GAPS_MAX);
    for (size_t i = 0; i < gaps.count; i++) {
        const bool today = i == gaps.count - 1;
        assert_int_equal(gaps.gap[i].to_ms - gaps.gap[i].from_ms, (today ? 2 : 100) * DAY);
    }
}

// An hour, or a quarter of the shortest keep.
static void a_gap_is_long_for_the_tier_that_keeps_least(void **state)
{
    static const struct {
        int64_t keep_ms, longest_ms; // that is none
    } cases[] = {{90 * DAY, HOUR}, {4 * HOUR, HOUR}, {2 * HOUR, HOUR / 2}, {HOUR / 2, HOUR / 8}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t next = NOW + cases[i].longest_ms;
        varve_gaps_init(&gaps, cases[i].keep_ms);
        assert_false(varve_gaps_before_next(&gaps, NOW));
        varve_gaps_cover(&gaps, NOW - 10 * DAY, NOW);
        assert_false(varve_gaps_before_next(&gaps, next));
        assert_true(varve_gaps_before_next(&gaps, next + 1));
        assert_int_equal(varve_gaps_before(&gaps, next + 1, cases[i].keep_ms),
                         NOW - cases[i].keep_ms);
        varve_gaps_cover(&gaps, next + 1, next + 1);
        assert_int_equal(gaps.count, 1);
    }
}

// A day's cell begins before the gap of that day and is one with it; that of the day behind a gap
// begins in it. Neither says that there was something.
static void cells_do_not_fill_the_gaps_of_finer_tiers(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW - 30 * DAY, NOW + 8 * HOUR);
    varve_gaps_cover(&gaps, NOW + 20 * HOUR, NOW + 22 * HOUR);                // the same day
    varve_gaps_cover(&gaps, NOW + DAY + 10 * HOUR, NOW + 3 * DAY);            // the next one
    varve_gaps_cover_cells(&gaps, NOW - 40 * DAY, NOW, DAY);                  // ends in the first
    varve_gaps_cover_cells(&gaps, NOW + DAY, NOW + 3 * DAY, DAY);             // begins in the other
    varve_gaps_cover_cells(&gaps, NOW - 2 * DAY, NOW + 2 * DAY, HOUR);        // reaches over both
    varve_gaps_cover_cells(&gaps, NOW + 8 * HOUR - 1, NOW + 20 * HOUR, HOUR); // over one
    assert_int_equal(gaps.count, 2);
    assert_int_equal(gaps.gap[0].from_ms, NOW + 8 * HOUR);
    assert_int_equal(gaps.gap[0].to_ms, NOW + 20 * HOUR);
    assert_int_equal(gaps.gap[1].from_ms, NOW + 22 * HOUR);
    assert_int_equal(gaps.gap[1].to_ms, NOW + DAY + 10 * HOUR);
    assert_int_equal(gaps.oldest_ms, NOW - 40 * DAY);
    assert_int_equal(gaps.newest_ms, NOW + 3 * DAY);
}

// Where finer tiers were not stored for a while.
static void cells_fill_gaps_that_they_lie_in(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW, NOW + HOUR);
    varve_gaps_cover(&gaps, NOW + 30 * HOUR, NOW + 31 * HOUR);
    varve_gaps_cover_cells(&gaps, NOW + 11 * HOUR, NOW + 20 * HOUR, HOUR);
    assert_int_equal(gaps.count, 2);
    assert_int_equal(gaps.gap[0].to_ms, NOW + 11 * HOUR);
    assert_int_equal(gaps.gap[1].from_ms, NOW + 21 * HOUR - 1);
    varve_gaps_cover_cells(&gaps, NOW - 5 * HOUR, NOW + 10 * HOUR, HOUR); // up to the one before
    varve_gaps_cover_cells(&gaps, NOW + 21 * HOUR, NOW + 40 * HOUR, HOUR);
    assert_int_equal(gaps.count, 0);
    assert_int_equal(gaps.newest_ms, NOW + 40 * HOUR);
}

// Day after day, and what is older than all that is finer: no gap between.
static void cells_follow_each_other(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW + 10 * HOUR, NOW + 2 * DAY + HOUR);
    for (int64_t day = -10; day <= 5; day++) {
        varve_gaps_cover_cells(&gaps, NOW + day * DAY, NOW + day * DAY, DAY);
    }
    assert_int_equal(gaps.count, 0);
    assert_int_equal(gaps.oldest_ms, NOW - 10 * DAY);
    assert_int_equal(gaps.newest_ms, NOW + 5 * DAY);
    varve_gaps_cover_cells(&gaps, NOW - 20 * DAY, NOW - 14 * DAY, DAY);
    assert_int_equal(gaps.count, 1);
    assert_int_equal(gaps.gap[0].from_ms, NOW - 13 * DAY - 1);
    assert_int_equal(gaps.gap[0].to_ms, NOW - 10 * DAY);
}

// What keeps hours needs the gap of today, what keeps months none of an evening last month.
static void short_gaps_that_are_long_ago_are_forgotten_first(void **state)
{
    int64_t at = NOW;
    (void)state;
    varve_gaps_init(&gaps, 6 * HOUR);
    varve_gaps_cover(&gaps, at - 100 * DAY, at);
    for (int i = 0; i < 20; i++) {
        at += 14 * HOUR;
        varve_gaps_cover(&gaps, at, at + 10 * HOUR);
        at += 10 * HOUR;
    }
    varve_gaps_cover(&gaps, at + 12 * HOUR, at + 12 * HOUR);
    assert_int_equal(gaps.count, VARVE_GAPS_MAX);
    assert_int_equal(varve_gaps_before(&gaps, at + 12 * HOUR, 6 * HOUR), at - 6 * HOUR);
    // In 2033, too.
    varve_gaps_cover(&gaps, at + 2000 * DAY, at + 2000 * DAY + HOUR);
    varve_gaps_cover(&gaps, at + 2000 * DAY + 15 * HOUR, at + 2000 * DAY + 15 * HOUR);
    assert_int_equal(varve_gaps_before(&gaps, at + 2000 * DAY + 15 * HOUR, 6 * HOUR),
                     at - 5 * HOUR);
}

// Minutes in each of thirty years, in whatever order, make nothing old.
static void gaps_with_next_to_no_history_between_count_as_one(void **state)
{
    const int64_t minutes = HOUR / 6, year = 365 * DAY;
    (void)state;
    varve_gaps_init(&gaps, 2 * HOUR);
    varve_gaps_cover(&gaps, NOW - 90 * DAY, NOW);
    for (int64_t i = 1; i <= 30; i++) {
        const int64_t at = NOW + i * 7 % 31 * year;
        varve_gaps_cover(&gaps, at, at + minutes);
        assert_in_range(gaps.count, 1, VARVE_GAPS_MAX);
        const int64_t before = varve_gaps_before(&gaps, at + minutes, 60 * DAY);
        assert_in_range(before, NOW - 60 * DAY, NOW - 60 * DAY + 30 * minutes);
    }
    assert_int_equal(gaps.newest_ms, NOW + 30 * year + minutes);
}

static void absurd_times_are_passed_over(void **state)
{
    (void)state;
    varve_gaps_init(&gaps, 90 * DAY);
    varve_gaps_cover(&gaps, NOW, NOW + 1);
    varve_gaps_cover(&gaps, INT64_MIN, INT64_MAX);
    varve_gaps_cover(&gaps, -1, NOW);
    varve_gaps_cover(&gaps, NOW, INT64_MAX);
    varve_gaps_cover(&gaps, NOW + 5, NOW + 4);
    assert_int_equal(gaps.oldest_ms, NOW);
    assert_int_equal(gaps.newest_ms, NOW + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_gaps_age_is_what_the_clock_says),
        cmocka_unit_test(time_off_does_not_count),
        cmocka_unit_test(a_clock_that_is_ahead_makes_nothing_old),
        cmocka_unit_test(history_may_be_found_in_any_order),
        cmocka_unit_test(the_longest_gaps_are_known_and_that_of_today),
        cmocka_unit_test(a_gap_is_long_for_the_tier_that_keeps_least),
        cmocka_unit_test(cells_do_not_fill_the_gaps_of_finer_tiers),
        cmocka_unit_test(cells_fill_gaps_that_they_lie_in),
        cmocka_unit_test(cells_follow_each_other),
        cmocka_unit_test(short_gaps_that_are_long_ago_are_forgotten_first),
        cmocka_unit_test(gaps_with_next_to_no_history_between_count_as_one),
        cmocka_unit_test(absurd_times_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
