// SPDX-License-Identifier: Apache-2.0
// Parsers of /sys/class/thermal and /sys/class/hwmon. Threading: one task.
#include "fixture_text.h"

#include <math.h>

static double celsius(const char *text, enum varve_thermal_scale *scale)
{
    double c = (double)NAN;
    return varve_sys_celsius(varve_span_of(text), scale, &c) ? c : (double)NAN;
}

static void millidegrees_are_the_rule(void **state)
{
    (void)state;
    enum varve_thermal_scale scale = VARVE_THERMAL_AUTO;
    assert_true(celsius("48686\n", &scale) == 48.686);
    assert_int_equal(scale, VARVE_THERMAL_MILLI);
    assert_true(celsius("-1500\n", &scale) == -1.5);
    assert_true(celsius("0", &scale) == 0.0);
}

static void small_numbers_are_degrees_until_a_large_one_was_seen(void **state)
{
    (void)state;
    enum varve_thermal_scale scale = VARVE_THERMAL_AUTO;
    assert_true(celsius("58\n", &scale) == 58.0);
    assert_int_equal(scale, VARVE_THERMAL_AUTO);
    assert_true(celsius("-20", &scale) == -20.0);
    assert_true(celsius("999", &scale) == 0.999); // no board is that hot
    assert_true(celsius("1000", &scale) == 1.0);
    assert_true(celsius("58", &scale) == 0.058); // a cold sensor of millidegrees stays cold
}

static void a_fixed_scale_is_obeyed(void **state)
{
    (void)state;
    enum varve_thermal_scale milli = VARVE_THERMAL_MILLI, degrees = VARVE_THERMAL_DEGREES;
    assert_true(celsius("58", &milli) == 0.058);
    assert_true(celsius("1100", &degrees) == 1100.0);
    assert_true(isnan(celsius("48686", &degrees))); // above any temperature
    assert_int_equal(degrees, VARVE_THERMAL_DEGREES);
}

static void what_is_no_temperature_is_refused_and_teaches_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {"-274000", "2147483647", "-2147483648",
                                      "",        "\n",         "N/A",
                                      "48.6",    "1e3",        "99999999999999999999"};
    enum varve_thermal_scale scale = VARVE_THERMAL_AUTO;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(isnan(celsius(bad[i], &scale)));
        assert_int_equal(scale, VARVE_THERMAL_AUTO);
    }
}

static void mirrors_of_zones_are_recognised(void **state)
{
    (void)state;
    assert_true(varve_sys_is_mirror(varve_span_of("cpu-thermal"), varve_span_of("cpu_thermal")));
    assert_true(varve_sys_is_mirror(varve_span_of("acpitz"), varve_span_of("acpitz")));
    assert_false(varve_sys_is_mirror(varve_span_of("cpu-thermal"), varve_span_of("gpu_thermal")));
    assert_false(varve_sys_is_mirror(varve_span_of("cpu"), varve_span_of("cpu_thermal")));
}

static void names_are_first_lines_without_blanks_at_the_end(void **state)
{
    (void)state;
    assert_true(
        varve_span_equals(varve_sys_line(varve_span_of("Package id 0 \n")), "Package id 0"));
    assert_true(varve_span_equals(varve_sys_line(varve_span_of("a\nb\n")), "a"));
    assert_int_equal(varve_sys_line(varve_span_of("")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(millidegrees_are_the_rule),
        cmocka_unit_test(small_numbers_are_degrees_until_a_large_one_was_seen),
        cmocka_unit_test(a_fixed_scale_is_obeyed),
        cmocka_unit_test(what_is_no_temperature_is_refused_and_teaches_nothing),
        cmocka_unit_test(mirrors_of_zones_are_recognised),
        cmocka_unit_test(names_are_first_lines_without_blanks_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
