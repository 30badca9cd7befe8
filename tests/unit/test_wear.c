// SPDX-License-Identifier: Apache-2.0
// The wear governor on a virtual ledger and a virtual clock: nothing is written, no time passes.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <math.h>

#include "core/wear.h"
#include "tests/unit/random.h"

#define MINUTE   INT64_C(60000)
#define HOUR     (60 * MINUTE)
#define DAY      (24 * HOUR)
#define MIB      (UINT64_C(1) << 20)
#define BUDGET   (10 * MIB)
#define ONE_YEAR INT64_C(31536000000)

static struct varve_wear_governor g;

static void lifetime_and_endurance_give_a_daily_budget(void **state)
{
    (void)state;
    struct varve_wear_conf conf = {.capacity = INT64_C(8) << 30,
                                   .endurance = 3000,
                                   .amplification = 4,
                                   .lifetime_ms = 10 * ONE_YEAR};
    double expected = 8.0 * 1073741824.0 * 3000 / 4 / 3650;
    assert_true(fabs((double)varve_wear_budget(&conf) - expected) <= 1);
    conf.budget = 12345;
    assert_int_equal(varve_wear_budget(&conf), 12345);
}

static void without_capacity_or_endurance_there_is_no_budget(void **state)
{
    (void)state;
    struct varve_wear_conf conf = {.capacity = 1 << 20, .amplification = 1, .lifetime_ms = DAY};
    assert_int_equal(varve_wear_budget(&conf), 0);
    conf = (struct varve_wear_conf){.endurance = 1000, .amplification = 1, .lifetime_ms = DAY};
    assert_int_equal(varve_wear_budget(&conf), 0);
    varve_wear_start(&g, 0, 0);
    varve_wear_add(&g, 0, UINT64_C(1) << 60);
    assert_false(varve_wear_decide(&g, MINUTE));
    assert_int_equal(g.level, VARVE_WEAR_NORMAL);
}

static void the_largest_settings_do_not_overflow(void **state)
{
    (void)state;
    struct varve_wear_conf conf = {.capacity = INT64_C(1) << 50,
                                   .endurance = 100000000,
                                   .amplification = 1,
                                   .lifetime_ms = DAY};
    assert_int_equal(varve_wear_budget(&conf), UINT64_C(1) << 50);
    varve_wear_start(&g, varve_wear_budget(&conf), 0);
    varve_wear_add(&g, 0, UINT64_C(1) << 62);
    assert_true(varve_wear_decide(&g, 0));
    assert_int_equal(g.level, VARVE_WEAR_RAM_ONLY);
}

static void the_forecast_is_what_is_left_over_what_is_written_a_day(void **state)
{
    (void)state;
    struct varve_wear_conf conf = {
        .capacity = INT64_C(1) << 30, .endurance = 1000, .amplification = 2};
    double life = 1073741824.0 * 1000 / 2;
    uint64_t half = (uint64_t)(life / 2);
    double per_day = life / 2 / (4 * 365.25);
    assert_true(fabs(varve_wear_years(&conf, half, per_day) - 4.0) < 1e-6);
    assert_true(fabs(varve_wear_years(&conf, 0, per_day) - 8.0) < 1e-6);
    assert_true(varve_wear_years(&conf, (uint64_t)(life * 2), per_day) == 0);
    assert_true(varve_wear_years(&conf, 0, 0) == VARVE_WEAR_FOREVER);
    conf.endurance = 0;
    assert_true(varve_wear_years(&conf, 0, per_day) == 0);
}

// Writes `per_day` bytes a day, minute by minute.
static int64_t write_for(int64_t now_ms, int64_t span_ms, uint64_t per_day)
{
    for (int64_t end_ms = now_ms + span_ms; now_ms < end_ms; now_ms += MINUTE) {
        varve_wear_add(&g, now_ms, per_day / (24 * 60));
        (void)varve_wear_decide(&g, now_ms); // the level is looked at afterwards
    }
    return now_ms;
}

static void a_device_within_its_budget_stays_at_normal(void **state)
{
    (void)state;
    varve_wear_start(&g, BUDGET, 0);
    (void)write_for(0, 60 * DAY, BUDGET * 7 / 10);
    assert_int_equal(g.level, VARVE_WEAR_NORMAL);
    assert_int_equal(g.changes, 0);
}

static void a_burst_within_the_day_is_let_through(void **state)
{
    (void)state;
    varve_wear_start(&g, BUDGET, 0);
    varve_wear_add(&g, HOUR, BUDGET / 2);
    assert_false(varve_wear_decide(&g, HOUR));
    assert_int_equal(g.level, VARVE_WEAR_NORMAL);
}

static void levels_are_entered_at_their_thresholds(void **state)
{
    (void)state;
    static const struct {
        uint32_t permille;
        unsigned level;
    } cases[] = {{799, 1}, {800, 2}, {899, 2}, {900, 3}, {969, 3}, {970, 4}, {999, 4}, {1000, 5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        varve_wear_start(&g, 1000000, 0);
        varve_wear_add(&g, 0, cases[i].permille * UINT64_C(1000));
        (void)varve_wear_decide(&g, 1); // the level is looked at
        assert_int_equal(g.level, cases[i].level);
    }
}

static void a_flood_goes_to_ram_at_once(void **state)
{
    (void)state;
    varve_wear_start(&g, BUDGET, 0);
    varve_wear_add(&g, 0, BUDGET + 1);
    assert_true(varve_wear_decide(&g, 1));
    assert_int_equal(g.level, VARVE_WEAR_RAM_ONLY);
    assert_int_equal(g.changes, 1);
}

static void the_way_back_is_one_level_an_hour_once_the_window_has_passed(void **state)
{
    (void)state;
    varve_wear_start(&g, BUDGET, 0);
    varve_wear_add(&g, 0, BUDGET);
    assert_true(varve_wear_decide(&g, 1));
    unsigned level = g.level;
    int64_t changed_ms = 1;
    for (int64_t now_ms = MINUTE; now_ms < 12 * HOUR; now_ms += MINUTE) {
        if (varve_wear_decide(&g, now_ms)) {
            assert_int_equal(g.level, level - 1);
            assert_true(now_ms - changed_ms >= VARVE_WEAR_DWELL_MS);
            assert_true(now_ms >= 6 * HOUR); // the fast window remembers six hours
            level = g.level;
            changed_ms = now_ms;
        }
    }
    assert_int_equal(g.level, VARVE_WEAR_NORMAL);
}

static void a_level_is_not_left_before_its_lower_threshold(void **state)
{
    (void)state;
    varve_wear_start(&g, 1000000, 0);
    varve_wear_add(&g, 0, 100000);
    varve_wear_add(&g, 2 * HOUR, 750000);
    assert_true(varve_wear_decide(&g, 2 * HOUR));
    assert_int_equal(g.level, VARVE_WEAR_LONG_WINDOWS);
    assert_false(varve_wear_decide(&g, 7 * HOUR)); // 750: below 800, not below 700
    assert_int_equal(varve_wear_fast_permille(&g), 750);
    assert_true(varve_wear_decide(&g, 9 * HOUR)); // 0
    assert_int_equal(g.level, VARVE_WEAR_NORMAL);
}

// A device that writes whatever its level allows, in single writes of at most `piece` bytes.
static uint64_t demand(unsigned level, uint64_t piece)
{
    static const uint64_t percent[] = {0, 100, 80, 50, 4, 0};
    return piece * percent[level] / 100;
}

static void no_week_exceeds_its_budget_by_more_than_one_write(void **state)
{
    (void)state;
    static uint64_t written[60 * 24 * 12]; // by 5 minutes
    const size_t week = 7 * 24 * 12;
    struct test_random random = random_start("no_week_exceeds_its_budget_by_more_than_one_write");
    uint64_t most_piece = 0, sum = 0, six_hours = 0;
    unsigned seen = 0;
    varve_wear_start(&g, BUDGET, 0);
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        int64_t now_ms = (int64_t)i * 5 * MINUTE;
        bool flood = i / 1000 % 3 == 1;
        uint64_t piece = random_below(&random, (uint32_t)(flood ? MIB : BUDGET / 100));
        (void)varve_wear_decide(&g, now_ms); // as before each transaction
        seen |= 1u << g.level;
        written[i] = demand(g.level, piece);
        varve_wear_add(&g, now_ms, written[i]);
        most_piece = written[i] > most_piece ? written[i] : most_piece;
        sum += written[i] - (i >= week ? written[i - week] : 0);
        six_hours += written[i] - (i >= 72 ? written[i - 72] : 0);
        assert_true(sum <= 7 * BUDGET + most_piece);
        assert_true(six_hours <= BUDGET + most_piece);
    }
    assert_int_equal(seen, 0x3e); // all five levels were taken
}

static void what_was_written_before_the_boot_still_counts(void **state)
{
    (void)state;
    varve_wear_start(&g, BUDGET, 5 * MINUTE);
    varve_wear_add(&g, -3 * DAY, 6 * BUDGET);
    varve_wear_add(&g, -8 * DAY, 100 * BUDGET); // older than any window
    assert_int_equal(varve_wear_sum(&g.slow), 6 * BUDGET);
    assert_int_equal(varve_wear_sum(&g.fast), 0);
    assert_true(varve_wear_decide(&g, 6 * MINUTE));
    assert_int_equal(g.level, VARVE_WEAR_LONG_WINDOWS); // 857
    assert_true(varve_wear_decide(&g, 5 * DAY));
    assert_int_equal(varve_wear_sum(&g.slow), 0);
}

static void months_begin_on_the_first(void **state)
{
    (void)state;
    assert_int_equal(varve_wear_month_start(INT64_C(1709164800000)), // 2024-02-29
                     INT64_C(1706745600000));
    assert_int_equal(varve_wear_month_start(INT64_C(1709251200000)), // 2024-03-01
                     INT64_C(1709251200000));
    assert_int_equal(varve_wear_month_start(INT64_C(1798761599999)), // 2026-12-31 23:59:59.999
                     INT64_C(1796083200000));
    assert_int_equal(varve_wear_month_start(0), 0);
    assert_int_equal(varve_wear_day_start(DAY + 1), DAY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lifetime_and_endurance_give_a_daily_budget),
        cmocka_unit_test(without_capacity_or_endurance_there_is_no_budget),
        cmocka_unit_test(the_largest_settings_do_not_overflow),
        cmocka_unit_test(the_forecast_is_what_is_left_over_what_is_written_a_day),
        cmocka_unit_test(a_device_within_its_budget_stays_at_normal),
        cmocka_unit_test(a_burst_within_the_day_is_let_through),
        cmocka_unit_test(levels_are_entered_at_their_thresholds),
        cmocka_unit_test(a_flood_goes_to_ram_at_once),
        cmocka_unit_test(the_way_back_is_one_level_an_hour_once_the_window_has_passed),
        cmocka_unit_test(a_level_is_not_left_before_its_lower_threshold),
        cmocka_unit_test(no_week_exceeds_its_budget_by_more_than_one_write),
        cmocka_unit_test(what_was_written_before_the_boot_still_counts),
        cmocka_unit_test(months_begin_on_the_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
