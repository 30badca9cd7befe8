// SPDX-License-Identifier: Apache-2.0
// A counter of 32 bits as one of 64: over its end, and over several of its turns.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ports/common/wide_tick.h"
#include "random.h"

#define TURN (UINT64_C(1) << 32)

static void it_goes_on_over_the_end(void **state)
{
    struct varve_wide_tick tick = {0, 0};
    (void)state;
    assert_int_equal(varve_wide_tick(&tick, 0), 0);
    assert_int_equal(varve_wide_tick(&tick, UINT32_MAX - 1), UINT32_MAX - 1);
    assert_int_equal(varve_wide_tick(&tick, UINT32_MAX), UINT32_MAX);
    assert_int_equal(varve_wide_tick(&tick, UINT32_MAX), UINT32_MAX); // twice in one tick
    assert_int_equal(varve_wide_tick(&tick, 0), TURN);
    assert_int_equal(varve_wide_tick(&tick, 1), TURN + 1);
}

static void many_turns_are_counted(void **state)
{
    struct test_random r = random_start(__func__);
    struct varve_wide_tick tick = {0, 0};
    uint64_t now = 0;
    (void)state;
    while (now < 50 * TURN) {
        now += (uint64_t)random_between(&r, 0, UINT32_MAX); // less than a turn
        assert_int_equal(varve_wide_tick(&tick, (uint32_t)now), now);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_goes_on_over_the_end),
        cmocka_unit_test(many_turns_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
