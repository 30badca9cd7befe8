// SPDX-License-Identifier: Apache-2.0
// Times as people write and read them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "random.h"
#include "tools/varve/when.h"
#include "varve/error.h"

#define NOW INT64_C(1795200000000) // 2026-11-20T18:40:00Z

static void in_zone(const char *zone)
{
    assert_int_equal(setenv("TZ", zone, 1), 0);
    tzset();
}

static void expect_time(const char *text, int64_t ms)
{
    int64_t got = 0;
    if (when_parse(text, NOW, &got) != 0 || got != ms) {
        fail_msg("%s: got %lld, expected %lld", text, (long long)got, (long long)ms);
    }
}

static void expect_refused(const char *text)
{
    int64_t got;
    if (when_parse(text, NOW, &got) != VARVE_E_INVALID) {
        fail_msg("%s was taken for %lld", text, (long long)got);
    }
}

static void relative_times_count_from_now(void **state)
{
    (void)state;
    expect_time("now", NOW);
    expect_time("-2h", NOW - 7200000);
    expect_time("now-2h", NOW - 7200000);
    expect_time("now+90s", NOW + 90000);
    expect_time("-500ms", NOW - 500);
}

static void unix_time_is_seconds_or_milliseconds_by_size(void **state)
{
    (void)state;
    expect_time("0", 0);
    expect_time("1795200000", NOW);
    expect_time("1795200000.1239", NOW + 123);
    expect_time("1795200000123", NOW + 123);
    expect_time("99999999999", INT64_C(99999999999000));
    expect_time("100000000000", INT64_C(100000000000));
}

static void rfc_3339_with_zone_needs_no_local_zone(void **state)
{
    (void)state;
    in_zone("Asia/Kolkata");
    expect_time("2026-11-20T18:40:00Z", NOW);
    expect_time("2026-11-20t18:40:00.250z", NOW + 250);
    expect_time("2026-11-20T20:40:00+02:00", NOW);
    expect_time("2026-11-20 13:10:00-0530", NOW);
    expect_time("1970-01-01T00:00:00Z", 0);
    expect_time("1969-12-31T23:59:59Z", -1000);
    expect_time("2024-02-29T00:00:00Z", INT64_C(1709164800000));
    in_zone("UTC");
}

static void without_a_zone_it_is_local_time(void **state)
{
    (void)state;
    in_zone("<+02>-2");
    expect_time("2026-11-20T20:40:00", NOW);
    expect_time("2026-11-20 20:40", NOW);
    expect_time("2026-11-21", NOW + 4800000 + 7200000);
    in_zone("UTC");
    expect_time("2026-11-20 18:40:00.5", NOW + 500);
}

static void what_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "soon",
                                      "-1x",
                                      "now-",
                                      "now 2h",
                                      "12.",
                                      "1.2.3",
                                      "1e9",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-11-20T",
                                      "2026-11-20T25:00:00Z",
                                      "2026-11-20T18:40:00X",
                                      "2026-11-20T18:40:00Zz",
                                      "2026-1-1",
                                      "999999999999999999999",
                                      "-",
                                      "2026-11-20T18:40:00+99:00"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        expect_refused(bad[i]);
    }
}

static void what_is_shown_reads_back_as_the_same_time(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    char text[WHEN_TEXT];
    for (int i = 0; i < 2000; i++) {
        int64_t ms =
            (int64_t)random_below(&random, 2000000000) * 1000 + random_below(&random, 2) * 123;
        expect_time(when_format(ms, text, sizeof text), ms);
    }
    assert_string_equal(when_format(INT64_MAX, text, sizeof text), "-");
    assert_string_equal(when_format(-1, text, sizeof text), "1969-12-31 23:59:59.999");
}

static void spans_are_short(void **state)
{
    (void)state;
    char text[WHEN_TEXT];
    assert_string_equal(when_span(0, text, sizeof text), "0ms");
    assert_string_equal(when_span(120, text, sizeof text), "120ms");
    assert_string_equal(when_span(5000, text, sizeof text), "5s");
    assert_string_equal(when_span(7500000, text, sizeof text), "2h 5m");
    assert_string_equal(when_span(90 * INT64_C(86400000), text, sizeof text), "90d");
}

int main(void)
{
    in_zone("UTC");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relative_times_count_from_now),
        cmocka_unit_test(unix_time_is_seconds_or_milliseconds_by_size),
        cmocka_unit_test(rfc_3339_with_zone_needs_no_local_zone),
        cmocka_unit_test(without_a_zone_it_is_local_time),
        cmocka_unit_test(what_is_no_time_is_refused),
        cmocka_unit_test(what_is_shown_reads_back_as_the_same_time),
        cmocka_unit_test(spans_are_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
