// SPDX-License-Identifier: Apache-2.0
// Numbers as text, JSON, tables and dotted names: what the tool writes.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "tools/client/names.h"
#include "tools/varve/args.h"
#include "tools/varve/html.h"
#include "tools/varve/json.h"
#include "tools/varve/number.h"
#include "tools/varve/table.h"
#include "varve/error.h"

static void expect_round_trip(double value)
{
    char text[NUMBER_TEXT];
    double back = 0;
    size_t len = number_format(value, text);
    assert_int_equal(len, strlen(text));
    if (number_parse(text, len, &back) != 0 || bits_of_double(back) != bits_of_double(value)) {
        fail_msg("%016llx became %s", (unsigned long long)bits_of_double(value), text);
    }
}

static void expect_text(double value, const char *expected)
{
    char text[NUMBER_TEXT];
    (void)number_format(value, text);
    assert_string_equal(text, expected);
    expect_round_trip(value);
}

// ---- numbers ------------------------------------------------------------------------------------

static void numbers_are_as_short_as_they_can_be(void **state)
{
    (void)state;
    expect_text(0.1, "0.1");
    expect_text(-0.0, "-0");
    expect_text(42, "42");
    expect_text(-17.25, "-17.25");
    expect_text(0.1 + 0.2, "0.30000000000000004");
    expect_text(1e15, "1e+15");
    expect_text(999999999999999, "999999999999999");
    expect_text(1e-7, "1e-07");
    expect_text(INFINITY, "+Inf");
    expect_text(-INFINITY, "-Inf");
    expect_text(double_of_bits(UINT64_C(0x7ff8000000000000)), "NaN");
    expect_text(double_of_bits(UINT64_C(0xfff8000000000abc)), "NaN(0xfff8000000000abc)");
}

static void every_double_comes_back_bit_for_bit(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    for (int i = 0; i < 100000; i++) {
        expect_round_trip(double_of_bits(random_bits(&random)));
        expect_round_trip((double)random_below(&random, 100000000) / 1000.0);
    }
    expect_round_trip(5e-324);
    expect_round_trip(1.7976931348623157e308);
}

// The fast path and the C library must agree on every decimal.
static void reading_agrees_with_the_c_library(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    char text[64];
    for (int i = 0; i < 100000; i++) {
        int places = (int)random_below(&random, 21);
        int n = snprintf(text, sizeof text, "%s%u%07u%s%0*u", i % 3 ? "" : "-",
                         random_below(&random, 10000000), random_below(&random, 10000000),
                         places ? "." : "", places ? places : 1, random_below(&random, 100));
        double got = 0;
        assert_int_equal(number_parse(text, (size_t)n, &got), 0);
        if (bits_of_double(got) != bits_of_double(strtod(text, NULL))) {
            fail_msg("%s", text);
        }
    }
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      " ",
                                      "-",
                                      ".",
                                      "1.2.3",
                                      "0x10",
                                      "1e",
                                      "1e400",
                                      "abc",
                                      "nan(1)",
                                      "infinit",
                                      "1 ",
                                      "--1",
                                      "NaN(0x7ff00000000000)",
                                      "NaN(0x0000000000000001)"};
    double value;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(number_parse(bad[i], strlen(bad[i]), &value), VARVE_E_INVALID);
    }
    assert_int_equal(number_parse("1\0002", 3, &value), VARVE_E_INVALID);
    static const char *const good[] = {"nan", "NAN", "inf", "-Infinity", "+1", "1.", ".5", "1E5"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(number_parse(good[i], strlen(good[i]), &value), 0);
    }
}

// ---- JSON and tables ----------------------------------------------------------------------------

static char *written;
static size_t written_len;

static FILE *open_written(void)
{
    FILE *out = open_memstream(&written, &written_len);
    assert_non_null(out);
    return out;
}

static void expect_written(FILE *out, const char *expected)
{
    assert_int_equal(fclose(out), 0);
    assert_string_equal(written, expected);
    free(written);
}

static void json_escapes_and_has_null_for_what_it_cannot_say(void **state)
{
    (void)state;
    FILE *out = open_written();
    json_text(out, "a\"b\\c\n\x01\xc3\xa9");
    json_number(out, NAN);
    json_number(out, -INFINITY);
    json_number(out, 2.5);
    expect_written(out, "\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\"nullnull2.5");
}

static void absent_times_are_null_in_json_and_empty_in_csv(void **state)
{
    (void)state;
    struct varve_tier_stats tier = {.oldest_ms = INT64_MAX, .newest_ms = 5, .blocks = 3};
    memcpy(tier.tier.name, "raw", 4);
    FILE *out = open_written();
    json_fields(out, varve_tier_fields, &tier);
    (void)fputc('|', out);
    csv_field_values(out, varve_tier_fields, &tier);
    (void)fputc('|', out);
    csv_field_names(out, varve_tier_fields);
    expect_written(
        out, "\"name\":\"raw\",\"step_ms\":0,\"keep_ms\":0,\"window_ms\":0,"
             "\"oldest_ms\":null,\"newest_ms\":5,\"blocks\":3,\"future_blocks\":0,\"future_ms\":0"
             "|raw,0,0,0,,5,3,0,0|name,step_ms,keep_ms,window_ms,oldest_ms,newest_ms,blocks,"
             "future_blocks,future_ms");
}

static void table_columns_are_as_wide_as_their_widest_cell(void **state)
{
    (void)state;
    static const char *const header[] = {"NAME", ">N", "NOTE"};
    struct table table;
    table_init(&table, header, 3);
    table_cell(&table, "%s", "longer");
    table_cell(&table, "%d", 5);
    table_cell(&table, "%s", "");
    table_cell(&table, "%s", "\xc3\xa9");
    table_cell(&table, "%s", "");
    table_cell(&table, "%s", "x");
    FILE *out = tmpfile();
    char text[128] = "";
    assert_non_null(out);
    assert_true(table_print(&table, out));
    rewind(out);
    assert_true(fread(text, 1, sizeof text - 1, out) > 0);
    (void)fclose(out); // a temporary file
    assert_string_equal(text, "NAME    N  NOTE\nlonger  5\n\xc3\xa9          x\n");
}

static void bytes_have_binary_units(void **state)
{
    (void)state;
    char text[32];
    assert_string_equal(bytes_text(1023, text, sizeof text), "1023 B");
    assert_string_equal(bytes_text(1536, text, sizeof text), "1.5 KiB");
    assert_string_equal(bytes_text(3 * 1024.0 * 1024, text, sizeof text), "3.0 MiB");
}

static void numbers_for_people_are_short(void **state)
{
    (void)state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0, "0"},
        {-0.25, "-0.25"},
        {1234.5, "1234"},
        {9999, "9999"},
        {9999.6, "10k"},
        {-24859332608, "-24.86G"},
        {1e-4, "1.00e-04"},
        {0.001, "0.001"},
        {1e20, "100E"},
        {1e300, "1.00e+300"},
        {(double)INFINITY, "+Inf"},
        {(double)NAN, "NaN"},
        {1.7e7, "17M"},
    };
    char text[NUMBER_TEXT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(number_short(cases[i].value, text), cases[i].text);
        assert_true(strlen(text) <= 9);
    }
}

// ---- names --------------------------------------------------------------------------------------

static void dotted_names_go_into_a_label_and_back(void **state)
{
    (void)state;
    char series[VARVE_SERIES_TEXT];
    char name[VARVE_SERIES_TEXT];
    assert_int_equal(varve_name_to_series("web/host-1:cpu.load", series, sizeof series), 0);
    assert_string_equal(series, "dotted{path=\"web/host-1:cpu.load\"}");
    assert_string_equal(varve_name_from_series(series, name, sizeof name), "web/host-1:cpu.load");
}

static void legal_names_and_labelled_ones_stay(void **state)
{
    (void)state;
    static const char *const names[] = {"load1",
                                        "ns:total",
                                        "up{a=\"b.c\"}",
                                        "dotted{path=\"plain\"}",
                                        "dotted{path=\"a.b\",x=\"1\"}",
                                        "dotted{path=\"a b.c\"}"};
    char out[VARVE_SERIES_TEXT];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(varve_name_to_series(names[i], out, sizeof out), 0);
        assert_string_equal(out, names[i]);
        assert_string_equal(varve_name_from_series(names[i], out, sizeof out), names[i]);
    }
}

static void a_selection_takes_dotted_names_and_says_where_it_fails(void **state)
{
    (void)state;
    struct varve_selection selection;
    char why[160] = "";
    assert_int_equal(varve_selection_init(&selection, "a.b", why, sizeof why), 0);
    assert_true(varve_selection_match(&selection, "dotted{path=\"a.b\"}"));
    assert_false(varve_selection_match(&selection, "dotted{path=\"a.c\"}"));
    assert_int_equal(varve_selection_init(&selection, "", why, sizeof why), 0);
    assert_true(varve_selection_match(&selection, "anything"));
    assert_true(varve_selection_init(&selection, "cpu{", why, sizeof why) < 0);
    assert_non_null(strstr(why, "column 5"));
}

// ---- HTML ---------------------------------------------------------------------------------------

static void html_is_nothing_but_text(void **state)
{
    (void)state;
    char *out = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&out, &len);
    assert_non_null(to);
    html_text(to, "<a b=\"c\">'&amp;\n\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x8d");
    html_text(to, "\x01|\x7f|\xc2\x85|\xff|\xc3|\xed\xa0\x80");
    assert_int_equal(fclose(to), 0);
    assert_string_equal(out, "&lt;a b=&quot;c&quot;&gt;&#39;&amp;amp;\n\xc3\xa9 \xe2\x82\xac "
                             "\xf0\x9f\x8c\x8d"
                             "\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd|"
                             "\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_as_short_as_they_can_be),
        cmocka_unit_test(every_double_comes_back_bit_for_bit),
        cmocka_unit_test(reading_agrees_with_the_c_library),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_for_people_are_short),
        cmocka_unit_test(json_escapes_and_has_null_for_what_it_cannot_say),
        cmocka_unit_test(absent_times_are_null_in_json_and_empty_in_csv),
        cmocka_unit_test(table_columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(bytes_have_binary_units),
        cmocka_unit_test(dotted_names_go_into_a_label_and_back),
        cmocka_unit_test(legal_names_and_labelled_ones_stay),
        cmocka_unit_test(html_is_nothing_but_text),
        cmocka_unit_test(a_selection_takes_dotted_names_and_says_where_it_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
