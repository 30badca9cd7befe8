// SPDX-License-Identifier: Apache-2.0
// Lines that programs print: numbers against the C library, lines taken apart.
// Threading: one task.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/collectors/parse/parse.h"
#include "random.h"

static enum varve_exposition_line parse(const char *text, struct varve_exposition *out)
{
    return varve_parse_exposition(varve_span_of(text), out);
}

// How far a number of more than fifteen digits, or beyond 10^22, may be off, relative.
#define NEAR (LDBL_MANT_DIG > DBL_MANT_DIG ? 3e-16 : 3e-15)

static void expect_near(const char *text)
{
    double value = 0, expected = strtod(text, NULL);
    if (!varve_exposition_number(varve_span_of(text), &value) ||
        fabs(value - expected) > fabs(expected) * NEAR)
        fail_msg("%s is %.17g, not %.17g", text, value, expected);
}

static void expect_number(const char *text, double expected)
{
    double value = 0;
    if (!varve_exposition_number(varve_span_of(text), &value))
        fail_msg("%s is refused", text);
    if (isnan(expected) ? !isnan(value) : value != expected || signbit(value) != signbit(expected))
        fail_msg("%s is %.17g, not %.17g", text, value, expected);
}

static void numbers_are_what_they_say(void **state)
{
    (void)state;
    static const char *const exact[] = {"0",      "-0",       "1",
                                        "+1",     "1200.5",   ".5",
                                        "1.",     "1e3",      "1.5E-3",
                                        "1e+22",  "1e22",     "123456789012345",
                                        "5e-324", "1e-5",     "0.1",
                                        "0e0",    "00012.50", "1e400",
                                        "-1e400", "1e-400",   "0.000000000000000000000001"};
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        expect_number(exact[i], strtod(exact[i], NULL));
    expect_near("1e308");
    expect_number("NaN", (double)NAN);
    expect_number("+Inf", (double)INFINITY);
    expect_number("-Infinity", -(double)INFINITY);
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "-",     "+",    ".",   "e5",    "1e",  "1e+",
                                      "1e--5", "1e+-1", "1x",   "0x1", "1.2.3", "--1", "1,5",
                                      "infin", "nano",  "1e5x", "1_0", "+-1",   "-.",  "1e1.5"};
    double value;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (varve_exposition_number(varve_span_of(bad[i]), &value))
            fail_msg("'%s' was taken for %g", bad[i], value);
}

// Fifteen digits are exact within 10^22; more are nearly so.
static void random_numbers_agree_with_the_library(void **state)
{
    (void)state;
    struct test_random random = random_start("exposition");
    char text[64];
    for (int i = 0; i < 200000; i++) {
        uint64_t mantissa = random_bits(&random) >> random_bits(&random) % 64;
        int exponent = (int)(random_bits(&random) % 601) - 300;
        double value;
        snprintf(text, sizeof text, "%s%llue%d", i % 2 ? "-" : "", (unsigned long long)mantissa,
                 exponent);
        double expected = strtod(text, NULL);
        assert_true(varve_exposition_number(varve_span_of(text), &value));
        bool exact = mantissa < 1000000000000000u && abs(exponent) <= 22;
        if (exact ? value != expected : fabs(value - expected) > fabs(expected) * NEAR)
            fail_msg("%s is %.17g, not %.17g", text, value, expected);
    }
}

static void a_sample_has_series_value_and_time(void **state)
{
    (void)state;
    struct varve_exposition e;
    assert_int_equal(parse("fan_rpm{fan=\"left side\",x=\"}\\\"\"} 1200.5 1700000000123", &e),
                     VARVE_EXPOSITION_SAMPLE);
    assert_true(varve_span_equals(e.name, "fan_rpm"));
    assert_true(varve_span_equals(e.series, "fan_rpm{fan=\"left side\",x=\"}\\\"\"}"));
    assert_true(e.value == 1200.5 && e.has_time && e.time_ms == 1700000000123);
    assert_int_equal(parse("  up\t1 ", &e), VARVE_EXPOSITION_SAMPLE);
    assert_true(varve_span_equals(e.series, "up") && e.value == 1 && !e.has_time);
    assert_int_equal(parse("# TYPE up counter", &e), VARVE_EXPOSITION_TYPE);
    assert_true(varve_span_equals(e.name, "up") && e.counter);
    assert_int_equal(parse("#TYPE up gauge", &e), VARVE_EXPOSITION_TYPE);
    assert_false(e.counter);
    assert_int_equal(parse("# HELP up Whether it is.", &e), VARVE_EXPOSITION_NOTHING);
    assert_int_equal(parse("# UNIT up_seconds seconds", &e), VARVE_EXPOSITION_NOTHING);
    assert_int_equal(parse(" \t", &e), VARVE_EXPOSITION_NOTHING);
}

static void what_is_no_sample_is_garbage(void **state)
{
    (void)state;
    static const char *const bad[] = {"up",       "up x",       "up 1 x",    "up 1 2 3", "{} 1",
                                      "-up 1",    "up{a=\"b 1", "up{a=\"}",  "up{} ",    "up{}1",
                                      "up{a} 1}", "up=1",       "# TYPE up", "1 1x",     "\x01 1"};
    struct varve_exposition e;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (parse(bad[i], &e) != VARVE_EXPOSITION_GARBAGE)
            fail_msg("'%s' is not garbage", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_what_they_say),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(random_numbers_agree_with_the_library),
        cmocka_unit_test(a_sample_has_series_value_and_time),
        cmocka_unit_test(what_is_no_sample_is_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
