// SPDX-License-Identifier: Apache-2.0
// Age as retention counts it: a gap of more than a day is a day, in whatever order history is
// found.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/gaps.h"
#include "random.h"

#define DAY INT64_C(86400000)
#define NOW (INT64_C(20500) * DAY)

static struct varve_gaps gaps;

static void without_gaps_age_is_what_the_clock_says(void **state)
{
    (void)state;
    varve_gaps_init(&gaps);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 7 * DAY);
    varve_gaps_cover(&gaps, NOW - 10 * DAY, NOW - DAY);
    assert_int_equal(varve_gaps_before(&gaps, NOW, 7 * DAY), NOW - 7 * DAY);
}

static void time_off_does_not_count(void **state)
{
    (void)state;
    varve_gaps_init(&gaps);
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
    varve_gaps_init(&gaps);
    varve_gaps_cover(&gaps, NOW - 90 * DAY, NOW);
    assert_int_equal(varve_gaps_before(&gaps, ahead, 90 * DAY), NOW - 90 * DAY);
    varve_gaps_cover(&gaps, ahead, ahead + DAY / 2);
    assert_int_equal(varve_gaps_before(&gaps, ahead + DAY / 2, 90 * DAY), NOW - 89 * DAY - DAY / 2);
    // The clock is right again, and what came from the future lies ahead.
    assert_int_equal(varve_gaps_before(&gaps, NOW + DAY, 90 * DAY), NOW - 89 * DAY);
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
        for (int i = 0; i < 40; i++) {
            from[i] = at + (random_below(&r, 8) == 0 ? random_between(&r, 2, 900) * DAY : 1000);
            to[i] = at = from[i] + random_between(&r, 0, DAY);
        }
        varve_gaps_init(&gaps);
        varve_gaps_init(&other);
        for (int i = 0; i < 40; i++) {
            varve_gaps_cover(&gaps, from[i], to[i]);
        }
        for (int i = 39; i > 0; i--) {
            const uint32_t k = random_below(&r, (uint32_t)i + 1);
            const int64_t swap_from = from[i], swap_to = to[i];
            from[i] = from[k], to[i] = to[k];
            from[k] = swap_from, to[k] = swap_to;
        }
        for (int i = 0; i < 40; i++) {
            varve_gaps_cover(&other, from[i], to[i]);
        }
        if (gaps.count < VARVE_GAPS_MAX && other.count == gaps.count) {
            assert_memory_equal(gaps.gap, other.gap, gaps.count * sizeof *gaps.gap);
        }
        assert_in_range(other.count, gaps.count < 2 ? gaps.count : 1, VARVE_GAPS_MAX);
        assert_int_equal(gaps.newest_ms, other.newest_ms);
        // Never more than the age itself, however much is known.
        const int64_t age = random_between(&r, 0, 2000) * DAY;
        assert_true(varve_gaps_before(&other, at, age) <= at - age);
    }
}

static void the_longest_gaps_are_known(void **state)
{
    int64_t at = NOW;
    (void)state;
    varve_gaps_init(&gaps);
    for (int64_t i = 1; i <= 20; i++) {
        varve_gaps_cover(&gaps, at, at + DAY);
        at += DAY + (i % 2 == 0 ? 2 : 100) * DAY;
    }
    varve_gaps_cover(&gaps, at, at + DAY);
    assert_int_equal(gaps.count, VARVE_GAPS_MAX);
    for (size_t i = 0; i < gaps.count; i++) {
        assert_int_equal(gaps.gap[i].to_ms - gaps.gap[i].from_ms, 100 * DAY);
    }
}

static void absurd_times_are_passed_over(void **state)
{
    (void)state;
    varve_gaps_init(&gaps);
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
        cmocka_unit_test(the_longest_gaps_are_known),
        cmocka_unit_test(absurd_times_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
