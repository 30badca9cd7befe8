// SPDX-License-Identifier: Apache-2.0
// Scanning helpers: lines, tokens, numbers, globs. Threading: one task.
#include "fixture_text.h"

#include <string.h>

static struct varve_span span(const char *text)
{
    return varve_span_of(text);
}

static void lines_end_at_newline_crlf_or_end_of_text(void **state)
{
    (void)state;
    struct varve_span rest = span("one\ntwo\r\n\nlast"), line;
    assert_true(varve_scan_line(&rest, &line) && varve_span_equals(line, "one"));
    assert_true(varve_scan_line(&rest, &line) && varve_span_equals(line, "two"));
    assert_true(varve_scan_line(&rest, &line) && line.len == 0);
    assert_true(varve_scan_line(&rest, &line) && varve_span_equals(line, "last"));
    assert_false(varve_scan_line(&rest, &line));
}

static void tokens_are_separated_by_spaces_and_tabs(void **state)
{
    (void)state;
    struct varve_span rest = span(" \ta  bc\t"), token;
    assert_true(varve_scan_token(&rest, &token) && varve_span_equals(token, "a"));
    assert_true(varve_scan_token(&rest, &token) && varve_span_equals(token, "bc"));
    assert_false(varve_scan_token(&rest, &token));
}

static void unsigned_numbers_reach_2_to_64_and_no_further(void **state)
{
    (void)state;
    uint64_t v = 7;
    assert_true(varve_scan_u64(span("18446744073709551615"), &v));
    assert_true(v == UINT64_MAX);
    assert_true(varve_scan_u64(span("00000000000000000000000000042"), &v));
    assert_int_equal(v, 42);
    static const char *const bad[] = {"18446744073709551616",
                                      "99999999999999999999999",
                                      "",
                                      "-1",
                                      "+1",
                                      "1x",
                                      "x1",
                                      "0x10",
                                      "1 2"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(varve_scan_u64(span(bad[i]), &v));
    assert_false(varve_scan_u64((struct varve_span){"1\0002", 3}, &v));
}

static void signed_numbers_take_a_minus(void **state)
{
    (void)state;
    int64_t v;
    assert_true(varve_scan_i64(span("-274000"), &v) && v == -274000);
    assert_true(varve_scan_i64(span("9223372036854775807"), &v) && v == INT64_MAX);
    assert_false(varve_scan_i64(span("9223372036854775808"), &v));
    assert_false(varve_scan_i64(span("-"), &v));
    assert_false(varve_scan_i64(span("--1"), &v));
}

static void number_lists_stop_at_the_first_other_token(void **state)
{
    (void)state;
    struct varve_span rest = span(" 1 22 x 3"), token;
    uint64_t v[4];
    assert_int_equal(varve_scan_u64s(&rest, v, 4), 2);
    assert_int_equal(v[1], 22);
    assert_true(varve_scan_token(&rest, &token) && varve_span_equals(token, "x"));
    rest = span("1 2 3");
    assert_int_equal(varve_scan_u64s(&rest, v, 2), 2);
}

// strtod() rounds correctly, so equality with it over many numbers shows that this does too.
static void decimals_are_rounded_as_strtod_rounds_them(void **state)
{
    (void)state;
    unsigned seed = 20200731u, differ = 0;
    print_message("seed %u\n", seed);
    for (unsigned i = 0; i < 200000; i++) {
        char text[32];
        seed = seed * 1664525u + 1013904223u;
        unsigned whole = seed >> (seed & 31u);
        seed = seed * 1664525u + 1013904223u;
        snprintf(text, sizeof text, "%u.%0*u", whole, (int)(i % 5 + 1), (seed >> 8) % 10);
        double v = -1.0;
        assert_true(varve_scan_decimal(span(text), &v));
        differ += v != strtod(text, NULL);
    }
    assert_int_equal(differ, 0);
    double v;
    assert_true(varve_scan_decimal(span("350735.47"), &v) && v == 350735.47);
    assert_true(varve_scan_decimal(span("0.00"), &v) && v == 0.0);
    assert_true(varve_scan_decimal(span("123456789012345"), &v) && v == 123456789012345.0);
    assert_true(varve_scan_decimal(span("0.000000000000000001"), &v) && v == 1e-18);
}

static void decimals_that_cannot_be_exact_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      ".5",
                                      "-1.0",
                                      "1e5",
                                      "nan",
                                      "inf",
                                      "1..2",
                                      "1.2.3",
                                      "1234567890123456",
                                      "0.0000000000000000001",
                                      "1,5",
                                      "1.5 "};
    double v;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (varve_scan_decimal(span(bad[i]), &v))
            fail_msg("%s was taken for %g", bad[i], v);
}

static void copies_fit_or_leave_an_empty_text(void **state)
{
    (void)state;
    char buf[4] = "zzz";
    assert_true(varve_span_copy(span("abc"), buf, sizeof buf));
    assert_string_equal(buf, "abc");
    assert_false(varve_span_copy(span("abcd"), buf, sizeof buf));
    assert_string_equal(buf, "");
}

static void a_cut_text_keeps_its_whole_lines(void **state)
{
    (void)state;
    assert_int_equal(varve_scan_whole_lines("ab\ncd\ne", 7), 6);
    assert_int_equal(varve_scan_whole_lines("ab\ncd\n", 6), 6);
    assert_int_equal(varve_scan_whole_lines("abcd", 4), 0);
    assert_int_equal(varve_scan_whole_lines("", 0), 0);
}

static void globs_match_lists_of_names(void **state)
{
    (void)state;
    static const char list[] = "lo, veth* , wlan?.sta*1";
    assert_true(varve_glob_list(list, span("lo")));
    assert_true(varve_glob_list(list, span("veth")));
    assert_true(varve_glob_list(list, span("veth12ab")));
    assert_true(varve_glob_list(list, span("wlan0.sta1")));
    assert_true(varve_glob_list(list, span("wlan0.sta1x1")));
    assert_false(varve_glob_list(list, span("wlan0.sta2")));
    assert_false(varve_glob_list(list, span("loo")));
    assert_false(varve_glob_list(list, span("eth0")));
    assert_false(varve_glob_list(list, span("")));
    assert_false(varve_glob_list("", span("lo")));
    assert_false(varve_glob_list(" ,, ", span("lo")));
    assert_true(varve_glob_list("*", span("/any/path")));
}

static void a_glob_of_many_stars_does_not_hang(void **state)
{
    (void)state;
    char name[4096];
    memset(name, 'a', sizeof name);
    assert_false(
        varve_glob_list("*a*a*a*a*a*a*a*a*a*a*a*a*a*b", (struct varve_span){name, sizeof name}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_at_newline_crlf_or_end_of_text),
        cmocka_unit_test(tokens_are_separated_by_spaces_and_tabs),
        cmocka_unit_test(unsigned_numbers_reach_2_to_64_and_no_further),
        cmocka_unit_test(signed_numbers_take_a_minus),
        cmocka_unit_test(number_lists_stop_at_the_first_other_token),
        cmocka_unit_test(decimals_are_rounded_as_strtod_rounds_them),
        cmocka_unit_test(decimals_that_cannot_be_exact_are_refused),
        cmocka_unit_test(copies_fit_or_leave_an_empty_text),
        cmocka_unit_test(a_cut_text_keeps_its_whole_lines),
        cmocka_unit_test(globs_match_lists_of_names),
        cmocka_unit_test(a_glob_of_many_stars_does_not_hang),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
