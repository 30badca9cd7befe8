// SPDX-License-Identifier: Apache-2.0
// Parsers of what the kernel tells about flash wear. Threading: one task.
#include "fixture_text.h"

#include <math.h>

static double life(const char *text, unsigned type)
{
    double ratio = (double)NAN;
    return varve_sys_emmc_life(varve_span_of(text), type, &ratio) ? ratio : (double)NAN;
}

static double pre_eol(const char *text)
{
    double level = (double)NAN;
    return varve_sys_emmc_pre_eol(varve_span_of(text), &level) ? level : (double)NAN;
}

static double written(const char *text)
{
    double bytes = (double)NAN;
    return varve_sys_block_written(varve_span_of(text), &bytes) ? bytes : (double)NAN;
}

static void life_is_the_upper_bound_of_its_tenth(void **state)
{
    (void)state;
    assert_true(life("0x01 0x02\n", 0) == 0.1);
    assert_true(life("0x01 0x02\n", 1) == 0.2);
    assert_true(life("0x0a 0x0A\n", 0) == 1.0);
    assert_true(life("0x0b 0x01", 0) == 1.1); // exceeded
}

static void a_device_that_does_not_say_has_no_figure(void **state)
{
    (void)state;
    static const char *const bad[] = {"0x00 0x00", "0x0c",  "0xff",  "",      "\n",
                                      "1",         "0x",    "0x1g",  "0x001", "N/A",
                                      "-0x01",     "0x 01", "0x0A0", "10 %"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(isnan(life(bad[i], 0)));
        assert_true(isnan(pre_eol(bad[i])));
    }
    assert_true(isnan(life("0x01", 1))); // there is no second one
}

static void pre_eol_has_three_levels(void **state)
{
    (void)state;
    assert_true(pre_eol("0x01\n") == 1);
    assert_true(pre_eol("0x03\n") == 3);
    assert_true(isnan(pre_eol("0x04\n")));
}

static void written_bytes_are_the_seventh_column_in_sectors(void **state)
{
    (void)state;
    assert_true(written("  1  2  3  4  5  6  7  8  9 10 11\n") == 7 * 512.0);
    assert_true(isnan(written("1 2 3 4 5 6\n")));
    assert_true(isnan(written("1 2 3 4 5 6 x\n")));
    assert_true(isnan(written("1 2 3 4 5 6 99999999999999999999\n")));
}

static void counts_are_one_decimal_number(void **state)
{
    (void)state;
    double value = 5;
    assert_true(varve_sys_count(varve_span_of("37\n"), &value));
    assert_true(value == 37);
    assert_false(varve_sys_count(varve_span_of("3 7\n"), &value));
    assert_false(varve_sys_count(varve_span_of("-1\n"), &value));
    assert_false(varve_sys_count(varve_span_of(""), &value));
    assert_true(value == 37);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_is_the_upper_bound_of_its_tenth),
        cmocka_unit_test(a_device_that_does_not_say_has_no_figure),
        cmocka_unit_test(pre_eol_has_three_levels),
        cmocka_unit_test(written_bytes_are_the_seventh_column_in_sectors),
        cmocka_unit_test(counts_are_one_decimal_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
