// SPDX-License-Identifier: Apache-2.0
// Option tables: parsing by type into the field, ranges, error texts, printing back, and the check
// that a table itself is sound.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/option.h"

struct fields {
    bool flag;
    int64_t number;
    int64_t duration_ms;
    int64_t size_bytes;
    const char *text;
    int64_t choice;
};

static const char *const choices[] = {"red", "green", NULL};

enum {
    FLAG,
    NUMBER,
    DURATION,
    SIZE,
    TEXT,
    CHOICE
};

#define FIELD(name) offsetof(struct fields, name)
static const struct varve_option table[] = {
    {"flag", VARVE_OPT_BOOL, FIELD(flag), "no", 0, 0, NULL, "A flag."},
    {"number", VARVE_OPT_INT, FIELD(number), "7", -10, 10, NULL, "A number."},
    {"duration", VARVE_OPT_DURATION, FIELD(duration_ms), "5s", 1000, 86400000, NULL, "A time."},
    {"size", VARVE_OPT_SIZE, FIELD(size_bytes), "64K", 1024, INT64_MAX, NULL, "A size."},
    {"text", VARVE_OPT_STRING, FIELD(text), NULL, 0, 0, NULL, "A text."},
    {"choice", VARVE_OPT_CHOICE, FIELD(choice), "green", 0, 0, choices, "A colour."},
    VARVE_OPTIONS_END,
};

static void values_are_stored_in_their_field_only(void **state)
{
    (void)state;
    char why[256];
    struct fields f, untouched;
    memset(&f, 0x55, sizeof f);
    memset(&untouched, 0x55, sizeof untouched);
    assert_int_equal(varve_option_set(&table[NUMBER], &f, "-10", why, sizeof why), 0);
    assert_int_equal(f.number, -10);
    f.number = untouched.number;
    assert_memory_equal(&f, &untouched, sizeof f);
    assert_int_equal(varve_option_set(&table[DURATION], &f, "2h", why, sizeof why), 0);
    assert_int_equal(f.duration_ms, 7200000);
    assert_int_equal(varve_option_set(&table[SIZE], &f, "1G", why, sizeof why), 0);
    assert_int_equal(f.size_bytes, 1 << 30);
    assert_int_equal(varve_option_set(&table[CHOICE], &f, "green", why, sizeof why), 0);
    assert_int_equal(f.choice, 1);
    const char *text = "any text";
    assert_int_equal(varve_option_set(&table[TEXT], &f, text, why, sizeof why), 0);
    assert_ptr_equal(f.text, text);
}

static void booleans_have_four_spellings(void **state)
{
    (void)state;
    static const char *const yes[] = {"yes", "on", "true", "1"};
    static const char *const no[] = {"no", "off", "false", "0"};
    char why[256];
    struct fields f = {0};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(varve_option_set(&table[FLAG], &f, yes[i], why, sizeof why), 0);
        assert_true(f.flag);
        assert_int_equal(varve_option_set(&table[FLAG], &f, no[i], why, sizeof why), 0);
        assert_false(f.flag);
    }
}

static void refused_values_leave_the_field_and_say_what_was_expected(void **state)
{
    (void)state;
    static const struct {
        int option;
        const char *text;
        const char *why;
    } cases[] = {
        {FLAG, "Yes", "expected yes or no; got 'Yes'"},
        {NUMBER, "11", "expected a whole number, between -10 and 10; got '11'"},
        {NUMBER, "-11", "expected a whole number, between -10 and 10; got '-11'"},
        {NUMBER, "", "expected a whole number, between -10 and 10; got ''"},
        {DURATION, "5 seconds",
         "expected a duration such as 5s or 2h, between 1s and 1d; got '5 seconds'"},
        {DURATION, "999ms", "expected a duration such as 5s or 2h, between 1s and 1d; got '999ms'"},
        {DURATION, "25h", "expected a duration such as 5s or 2h, between 1s and 1d; got '25h'"},
        {SIZE, "1023", "expected a size such as 64K or 8M, at least 1K; got '1023'"},
        {CHOICE, "blue", "expected one of red, green; got 'blue'"},
        {CHOICE, "", "expected one of red, green; got ''"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char why[256] = "";
        struct fields f, untouched;
        memset(&f, 0x55, sizeof f);
        memset(&untouched, 0x55, sizeof untouched);
        assert_int_equal(
            varve_option_set(&table[cases[i].option], &f, cases[i].text, why, sizeof why),
            VARVE_E_INVALID);
        assert_string_equal(why, cases[i].why);
        assert_memory_equal(&f, &untouched, sizeof f);
    }
}

static void printed_values_are_read_back_the_same(void **state)
{
    (void)state;
    static const char *const values[] = {"yes", "-3", "90s", "1536K", "some text", "red"};
    char why[256], shown[64];
    struct fields f = {0};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(varve_option_set(&table[i], &f, values[i], why, sizeof why), 0);
        assert_int_equal(varve_option_print(&table[i], &f, shown, sizeof shown), strlen(values[i]));
        assert_string_equal(shown, values[i]);
    }
    f.text = NULL;
    assert_int_equal(varve_option_print(&table[TEXT], &f, shown, sizeof shown), 0);
}

static void rows_are_found_by_name_and_counted(void **state)
{
    (void)state;
    assert_ptr_equal(varve_option_find(table, "size"), &table[SIZE]);
    assert_null(varve_option_find(table, "siz"));
    assert_null(varve_option_find(NULL, "size"));
    assert_int_equal(varve_option_count(table), 6);
    assert_int_equal(varve_option_count(NULL), 0);
}

static void unsound_rows_are_named(void **state)
{
    (void)state;
    static const char *const empty[] = {NULL};
    static const struct {
        struct varve_option option;
        const char *why;
    } cases[] = {
        {{"a", (enum varve_option_type)99, 0, "1", 0, 0, NULL, "x"},
         "option 'a' has an unknown type"},
        {{"a", VARVE_OPT_INT, 0, "1", 0, 0, NULL, NULL}, "option 'a' has no help text"},
        {{"a", VARVE_OPT_INT, 9, "1", 0, 0, NULL, "x"},
         "option 'a' lies outside the options struct"},
        {{"a", VARVE_OPT_INT, SIZE_MAX, "1", 0, 0, NULL, "x"},
         "option 'a' lies outside the options struct"},
        {{"a", VARVE_OPT_INT, 0, "1", 5, 4, NULL, "x"},
         "option 'a' has a range that is upside down"},
        {{"a", VARVE_OPT_CHOICE, 0, "1", 0, 0, NULL, "x"}, "option 'a' has no choices"},
        {{"a", VARVE_OPT_CHOICE, 0, "1", 0, 0, empty, "x"}, "option 'a' has no choices"},
        {{"a", VARVE_OPT_INT, 0, "11", 1, 10, NULL, "x"},
         "the default of option 'a': expected a whole number, between 1 and 10; got '11'"},
    };
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(varve_option_check(&cases[i].option, 16, why, sizeof why),
                         VARVE_E_INVALID);
        assert_string_equal(why, cases[i].why);
    }
    for (size_t i = 0; table[i].name != NULL; i++) {
        assert_int_equal(varve_option_check(&table[i], sizeof(struct fields), why, sizeof why), 0);
    }
    static const struct varve_option last = {"a", VARVE_OPT_INT, 8, "1", 0, 0, NULL, "x"};
    assert_int_equal(varve_option_check(&last, 16, why, sizeof why), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_stored_in_their_field_only),
        cmocka_unit_test(booleans_have_four_spellings),
        cmocka_unit_test(refused_values_leave_the_field_and_say_what_was_expected),
        cmocka_unit_test(printed_values_are_read_back_the_same),
        cmocka_unit_test(rows_are_found_by_name_and_counted),
        cmocka_unit_test(unsound_rows_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
