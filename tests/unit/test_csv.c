// SPDX-License-Identifier: Apache-2.0
// CSV lines, samples out of them, and putting samples in order of time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "random.h"
#include "tools/varve/csv.h"
#include "tools/varve/known.h"
#include "tools/varve/reorder.h"
#include "tools/varve/samples.h"
#include "varve/error.h"

static FILE *file;
static struct sample_reader reader;

// Opens a text as a file of samples.
static void open_text(const char *text, size_t len)
{
    file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    rewind(file);
    samples_open(&reader, file);
}

static int close_file(void **state)
{
    (void)state;
    if (file) {
        (void)fclose(file); // a temporary file
    }
    file = NULL;
    return 0;
}

static void expect_sample(int64_t time_ms, const char *series, double value)
{
    struct sample sample;
    assert_int_equal(samples_next(&reader, &sample), 1);
    assert_true(sample.time_ms == time_ms);
    assert_int_equal(sample.series.len, strlen(series));
    assert_memory_equal(sample.series.at, series, sample.series.len);
    assert_true(sample.value == value);
}

static void expect_refusal(uint64_t line, const char *part)
{
    struct sample sample;
    assert_int_equal(samples_next(&reader, &sample), VARVE_E_INVALID);
    assert_true(reader.csv.lines.line == line);
    assert_non_null(strstr(reader.csv.why, part));
}

static void expect_end(void)
{
    struct sample sample;
    assert_int_equal(samples_next(&reader, &sample), 0);
}

#define OPEN(text) open_text(text, sizeof text - 1)

// ---- samples ------------------------------------------------------------------------------------

static void seconds_milliseconds_and_dates_are_told_apart(void **state)
{
    (void)state;
    OPEN("1700000000,a,1\n1700000000123,a,2\n1700000000.25,a,3\n2023-11-14T22:13:20Z,a,4\n");
    expect_sample(1700000000000, "a", 1);
    expect_sample(1700000000123, "a", 2);
    expect_sample(1700000000250, "a", 3);
    expect_sample(1700000000000, "a", 4);
    expect_end();
}

static void a_header_names_the_columns_in_any_order(void **state)
{
    (void)state;
    OPEN("\xEF\xBB\xBFValue,site,Timestamp,name\r\n5,x,1700000000,a\r\n6,y,1700000001,b\r\n");
    expect_sample(1700000000000, "a", 5);
    expect_sample(1700000001000, "b", 6);
    expect_end();
}

static void without_a_header_the_first_line_counts(void **state)
{
    (void)state;
    OPEN("\n\n1700000000,a,1");
    expect_sample(1700000000000, "a", 1);
    expect_end();
}

static void quoted_and_bare_labels_read_the_same(void **state)
{
    (void)state;
    OPEN("1,\"up{a=\"\"x,y\"\",b=\"\"2\"\"}\",1\n2,up{a=\"x,y\",b=\"}2\"},2\n3 , up , 3 \n");
    expect_sample(1000, "up{a=\"x,y\",b=\"2\"}", 1);
    expect_sample(2000, "up{a=\"x,y\",b=\"}2\"}", 2);
    expect_sample(3000, "up", 3);
    expect_end();
}

static void bad_lines_cost_only_themselves(void **state)
{
    (void)state;
    OPEN("ts,series,value\n1,\"a,1\n2,a,2\n3,a\n4,,4\nx,a,5\n6,a,abc\n7,\"a\"b,7\n8,a{,8\n9,a,9\n");
    expect_refusal(2, "quote is not closed");
    expect_sample(2000, "a", 2);
    expect_refusal(4, "expected ts,series,value");
    expect_refusal(5, "series is empty");
    expect_refusal(6, "time");
    expect_refusal(7, "value");
    expect_refusal(8, "behind a closing quote");
    expect_sample(8000, "a{", 8);
    expect_sample(9000, "a", 9);
    expect_end();
}

static void a_line_too_long_is_refused_and_the_next_one_read(void **state)
{
    (void)state;
    size_t len = 200000;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text + len - 9, "\n5,a,5\n6,", 9);
    open_text(text, len);
    free(text);
    expect_refusal(1, "longer than");
    expect_sample(5000, "a", 5);
    expect_refusal(3, "expected ts,series,value");
    expect_end();
}

static void bytes_of_any_kind_are_read_to_their_end(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    static const char alphabet[] = "1,\"{}\n\r=a.eN \t";
    char text[600];
    for (int round = 0; round < 3000; round++) {
        size_t len = random_below(&random, sizeof text);
        for (size_t i = 0; i < len; i++) {
            text[i] = random_below(&random, 20) == 0
                          ? (char)random_below(&random, 256)
                          : alphabet[random_below(&random, sizeof alphabet - 1)];
        }
        open_text(text, len);
        struct sample sample;
        int got;
        size_t lines = 0;
        while ((got = samples_next(&reader, &sample)) != 0) {
            assert_true(got == 1 || got == VARVE_E_INVALID);
            assert_true(lines++ <= len);
        }
        (void)close_file(NULL);
    }
}

// ---- writing ------------------------------------------------------------------------------------

static void what_is_written_reads_back(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "a,b", "say \"hi\"", "up{a=\"1\",b=\"\\\"2\"}"};
    file = tmpfile();
    assert_non_null(file);
    for (size_t i = 0; i < 4; i++) {
        (void)fprintf(file, "%zu,", i + 1);
        csv_write(file, names[i]);
        (void)fprintf(file, ",%zu\n", i);
    }
    rewind(file);
    samples_open(&reader, file);
    for (size_t i = 0; i < 4; i++) {
        expect_sample((int64_t)(i + 1) * 1000, names[i], (double)i);
    }
    expect_end();
}

// ---- order --------------------------------------------------------------------------------------

static void samples_in_order_pass_through_at_once(void **state)
{
    (void)state;
    struct reorder order;
    struct reorder_sample out;
    reorder_init(&order, 0);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(reorder_put(&order, i / 10, i, i), 0);
        assert_true(reorder_take(&order, false, &out));
        assert_int_equal(out.series, i);
        assert_int_equal(order.count, 0);
    }
    reorder_free(&order);
}

static void a_lag_holds_back_no_more_than_it_must(void **state)
{
    (void)state;
    struct reorder order;
    struct reorder_sample out;
    reorder_init(&order, 10);
    assert_int_equal(reorder_put(&order, 100, 1, 0), 0);
    assert_false(reorder_take(&order, false, &out));
    assert_int_equal(reorder_put(&order, 95, 2, 0), 0);
    assert_false(reorder_take(&order, false, &out));
    assert_int_equal(reorder_put(&order, 110, 3, 0), 0);
    assert_true(reorder_take(&order, false, &out));
    assert_int_equal(out.series, 2);
    assert_true(reorder_take(&order, false, &out));
    assert_int_equal(out.series, 1);
    assert_false(reorder_take(&order, false, &out));
    assert_true(reorder_take(&order, true, &out));
    assert_int_equal(out.series, 3);
    reorder_free(&order);
}

static void shuffled_samples_come_out_sorted_and_equal_times_as_they_came(void **state)
{
    (void)state;
    struct test_random random = random_start(__func__);
    struct reorder order;
    struct reorder_sample out;
    struct reorder_sample last = {.time_ms = INT64_MIN};
    reorder_init(&order, REORDER_ALL);
    for (int i = 0; i < 20000; i++) {
        assert_int_equal(reorder_put(&order, (int64_t)random_below(&random, 500), i, 0), 0);
        assert_false(reorder_take(&order, false, &out));
    }
    size_t count = 0;
    while (reorder_take(&order, true, &out)) {
        bool later = out.time_ms > last.time_ms;
        assert_true(later || (out.time_ms == last.time_ms && out.series > last.series));
        last = out;
        count++;
    }
    assert_int_equal(count, 20000);
    reorder_free(&order);
}

static void names_keep_their_ids_while_the_table_grows(void **state)
{
    (void)state;
    struct known known = {0};
    char name[32];
    int added;
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof name, "series%d", i);
        struct known_name *entry = known_find(&known, name, (size_t)n, &added);
        assert_non_null(entry);
        assert_true(added);
        entry->id = i;
    }
    for (int i = 0; i < 5000; i++) {
        int n = snprintf(name, sizeof name, "series%d", i);
        struct known_name *entry = known_find(&known, name, (size_t)n, &added);
        assert_non_null(entry);
        assert_false(added);
        assert_int_equal(entry->id, i);
    }
    known_free(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(seconds_milliseconds_and_dates_are_told_apart, close_file),
        cmocka_unit_test_teardown(a_header_names_the_columns_in_any_order, close_file),
        cmocka_unit_test_teardown(without_a_header_the_first_line_counts, close_file),
        cmocka_unit_test_teardown(quoted_and_bare_labels_read_the_same, close_file),
        cmocka_unit_test_teardown(bad_lines_cost_only_themselves, close_file),
        cmocka_unit_test_teardown(a_line_too_long_is_refused_and_the_next_one_read, close_file),
        cmocka_unit_test_teardown(bytes_of_any_kind_are_read_to_their_end, close_file),
        cmocka_unit_test_teardown(what_is_written_reads_back, close_file),
        cmocka_unit_test(samples_in_order_pass_through_at_once),
        cmocka_unit_test(a_lag_holds_back_no_more_than_it_must),
        cmocka_unit_test(shuffled_samples_come_out_sorted_and_equal_times_as_they_came),
        cmocka_unit_test(names_keep_their_ids_while_the_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
