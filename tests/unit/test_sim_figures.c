// SPDX-License-Identifier: Apache-2.0
// What varve-sim feeds and forecasts: the workload in any size and for any time, and the lifetime
// on cases worked out by hand.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>
#include <string.h>

#include "tools/bench/workload.h"
#include "tools/varve-sim/report.h"

#define YEAR_MS INT64_C(31557600000)

static struct workload a, b;
static double values_a[3 * WORKLOAD_RESOURCES_MAX], values_b[3 * WORKLOAD_RESOURCES_MAX];

static void the_same_seed_gives_the_same_workload(void **state)
{
    (void)state;
    workload_init_size(&a, 5, 7);
    workload_init_size(&b, 5, 7);
    for (int i = 0; i < 1000; i++) {
        workload_next(&a, values_a);
        workload_next(&b, values_b);
        assert_memory_equal(values_a, values_b, 21 * sizeof *values_a);
    }
    workload_init_size(&b, 6, 7);
    workload_next(&a, values_a);
    workload_next(&b, values_b);
    assert_memory_not_equal(values_a, values_b, 21 * sizeof *values_a);
}

static void counters_never_go_back_and_percent_stays_in_range(void **state)
{
    (void)state;
    workload_init_size(&a, 1, WORKLOAD_RESOURCES_MAX);
    workload_next(&a, values_a);
    for (int i = 0; i < 300; i++) {
        workload_next(&a, values_b);
        for (size_t r = 0; r < WORKLOAD_RESOURCES_MAX; r++) {
            assert_true(values_b[3 * r] >= 0 && values_b[3 * r] <= 100);
            assert_true(values_b[3 * r + 2] >= values_a[3 * r + 2]);
        }
        memcpy(values_a, values_b, sizeof values_a);
    }
}

// After 60 days of 5 s steps the cpu series still move.
static void a_long_workload_does_not_stick_at_a_limit(void **state)
{
    (void)state;
    size_t stuck = 0;
    workload_init_size(&a, 3, 10);
    for (int i = 0; i < 60 * 17280; i++) {
        workload_next(&a, values_a);
    }
    for (int i = 0; i < 1000; i++) {
        workload_next(&a, values_b);
        for (size_t r = 0; r < 10; r++) {
            stuck += values_b[3 * r] == values_a[3 * r] ? 1 : 0;
        }
        memcpy(values_a, values_b, sizeof values_a);
    }
    assert_in_range(stuck, 1, 2000); // of 10,000
}

// 100 blocks of 64 KiB, 1,000 cycles each, 10 cycles' worth programmed in a year: 100 years. The
// most worn block decides when it is worse, and has enough erases to tell.
static void lifetime_is_the_shorter_of_volume_and_worst_block(void **state)
{
    (void)state;
    const struct varve_sim_device device = {.erase_block_bytes = 65536, .endurance = 1000};
    struct varve_sim_counters flash = {.blocks = 100, .device_bytes = UINT64_C(100) * 65536 * 10};
    assert_true(fabs(report_lifetime_years(&device, &flash, YEAR_MS) - 100) < 1e-9);
    flash.max_block_erases = 15;
    assert_true(fabs(report_lifetime_years(&device, &flash, YEAR_MS) - 100) < 1e-9);
    flash.max_block_erases = 20;
    assert_true(fabs(report_lifetime_years(&device, &flash, YEAR_MS) - 50) < 1e-9);
    assert_true(fabs(report_lifetime_years(&device, &flash, YEAR_MS / 10) - 5) < 1e-9);
    flash.device_bytes = 0;
    assert_true(isinf(report_lifetime_years(&device, &flash, YEAR_MS)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_seed_gives_the_same_workload),
        cmocka_unit_test(counters_never_go_back_and_percent_stays_in_range),
        cmocka_unit_test(a_long_workload_does_not_stick_at_a_limit),
        cmocka_unit_test(lifetime_is_the_shorter_of_volume_and_worst_block),
    };
    return cmocka_run_group_tests_name("sim_figures", tests, NULL, NULL);
}
