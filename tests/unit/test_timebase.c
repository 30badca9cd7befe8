// SPDX-License-Identifier: Apache-2.0
// The timebase: nothing is stamped before the clock is plausible, small deviations are followed
// silently, steps are reported with their size, an implausible clock never takes a good one's
// place.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/timebase.h"

#define WALL (VARVE_CLOCK_FLOOR_MS + INT64_C(86400000))

static struct varve_timebase timebase;
static int64_t step;

static enum varve_clock_change update(int64_t boot_ms, int64_t wall_ms)
{
    step = 12345;
    return varve_timebase_update(&timebase, boot_ms, wall_ms, &step);
}

static int start(void **state)
{
    (void)state;
    timebase = (struct varve_timebase){.offset_ms = 0};
    return 0;
}

static int start_trusted(void **state)
{
    start(state);
    return update(1000, WALL) == VARVE_CLOCK_TRUSTED ? 0 : -1;
}

static void clock_before_the_floor_is_not_trusted(void **state)
{
    (void)state;
    assert_int_equal(update(1000, 0), VARVE_CLOCK_SAME);
    assert_int_equal(update(2000, 946684800000), VARVE_CLOCK_SAME);
    assert_int_equal(update(3000, VARVE_CLOCK_FLOOR_MS - 1), VARVE_CLOCK_SAME);
    assert_false(timebase.trusted);
    assert_int_equal(step, 0);
    assert_int_equal(update(4000, VARVE_CLOCK_FLOOR_MS), VARVE_CLOCK_TRUSTED);
    assert_true(timebase.trusted);
    assert_int_equal(step, 0);
    assert_int_equal(timebase.steps, 0); // being set for the first time is no step
    assert_int_equal(varve_timebase_unix(&timebase, 4000), VARVE_CLOCK_FLOOR_MS);
    assert_int_equal(varve_timebase_unix(&timebase, 1000), VARVE_CLOCK_FLOOR_MS - 3000);
}

static void trust_is_announced_once(void **state)
{
    (void)state;
    assert_int_equal(update(2000, WALL + 1000), VARVE_CLOCK_SAME);
    assert_int_equal(update(9000, WALL + 8000), VARVE_CLOCK_SAME);
    assert_int_equal(timebase.offset_ms, WALL - 1000);
}

static void clock_that_is_trusted_by_order_may_show_anything(void **state)
{
    (void)state;
    timebase.trust_always = true;
    assert_int_equal(update(1000, 0), VARVE_CLOCK_TRUSTED);
    assert_int_equal(varve_timebase_unix(&timebase, 1500), 500);
    assert_int_equal(update(2000, 5001000), VARVE_CLOCK_STEPPED);
    assert_int_equal(step, 5000000);
}

static void reading_noise_does_not_move_the_offset(void **state)
{
    (void)state;
    const int64_t offset = timebase.offset_ms;
    for (int64_t i = 0; i < 100; i++) {
        int64_t noise = i % 2 == 0 ? VARVE_CLOCK_NOISE_MS : -VARVE_CLOCK_NOISE_MS;
        assert_int_equal(update(2000 + i, WALL + 1000 + i + noise), VARVE_CLOCK_SAME);
        assert_int_equal(timebase.offset_ms, offset);
    }
}

static void slewing_is_followed_without_a_word(void **state)
{
    (void)state;
    for (int64_t i = 1; i <= 1000; i++) {
        int64_t boot = 1000 + i * 1000, wall = WALL + i * 1000 + i * 7; // 0.7 %
        assert_int_equal(update(boot, wall), VARVE_CLOCK_SAME);
        assert_int_equal(step, 0);
        int64_t error = wall - varve_timebase_unix(&timebase, boot);
        assert_in_range(error + VARVE_CLOCK_NOISE_MS, 0, 2 * VARVE_CLOCK_NOISE_MS);
    }
    assert_int_equal(timebase.steps, 0);
}

static void deviation_at_the_limits_is_noise_slew_or_step(void **state)
{
    (void)state;
    const int64_t sizes[] = {VARVE_CLOCK_NOISE_MS + 1, VARVE_CLOCK_STEP_MS,
                             VARVE_CLOCK_STEP_MS + 1};
    for (int i = 0; i < 6; i++) {
        int64_t deviation = i % 2 == 0 ? sizes[i / 2] : -sizes[i / 2];
        bool stepped = i / 2 == 2;
        start_trusted(state);
        assert_int_equal(update(2000, WALL + 1000 + deviation),
                         stepped ? VARVE_CLOCK_STEPPED : VARVE_CLOCK_SAME);
        assert_int_equal(step, stepped ? deviation : 0);
        assert_int_equal(timebase.steps, stepped);
        assert_int_equal(varve_timebase_unix(&timebase, 2000), WALL + 1000 + deviation);
    }
}

static void steps_forward_and_back_have_their_size(void **state)
{
    (void)state;
    const int64_t year = INT64_C(31536000000);
    assert_int_equal(update(2000, WALL + 1000 + year), VARVE_CLOCK_STEPPED);
    assert_int_equal(step, year);
    assert_int_equal(update(3000, WALL + 2000), VARVE_CLOCK_STEPPED);
    assert_int_equal(step, -year);
    assert_int_equal(timebase.steps, 2);
    assert_int_equal(timebase.offset_ms, WALL - 1000);
}

static void implausible_clock_does_not_replace_a_good_one(void **state)
{
    (void)state;
    assert_int_equal(update(2000, 0), VARVE_CLOCK_SAME);
    assert_int_equal(step, 0);
    assert_true(timebase.trusted);
    assert_int_equal(varve_timebase_unix(&timebase, 2000), WALL + 1000);
    assert_int_equal(update(3000, WALL + 2000), VARVE_CLOCK_SAME);
    assert_int_equal(timebase.steps, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(clock_before_the_floor_is_not_trusted, start),
        cmocka_unit_test_setup(trust_is_announced_once, start_trusted),
        cmocka_unit_test_setup(clock_that_is_trusted_by_order_may_show_anything, start),
        cmocka_unit_test_setup(reading_noise_does_not_move_the_offset, start_trusted),
        cmocka_unit_test_setup(slewing_is_followed_without_a_word, start_trusted),
        cmocka_unit_test_setup(deviation_at_the_limits_is_noise_slew_or_step, start),
        cmocka_unit_test_setup(steps_forward_and_back_have_their_size, start_trusted),
        cmocka_unit_test_setup(implausible_clock_does_not_replace_a_good_one, start_trusted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
