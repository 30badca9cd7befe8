// SPDX-License-Identifier: Apache-2.0
// The series table: one id per series however it is spelled, every refusal counted, the cap and the
// pool reached without a scratch.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/series.h"
#include "varve/error.h"

static struct varve_series_table table;
static struct varve_arena arena;

static void make_table(uint32_t cap)
{
    const size_t bytes = 1 << 20;
    arena = (struct varve_arena){.base = malloc(bytes + cap * 256u), .size = bytes + cap * 256u};
    assert_non_null(arena.base);
    assert_int_equal(varve_series_table_init(&table, &arena, cap), 0);
}

static int free_table(void **state)
{
    (void)state;
    free(arena.base);
    arena.base = NULL;
    return 0;
}

static int add(const char *text)
{
    struct varve_series_def def = {.text = text};
    return varve_series_table_add(&table, &def);
}

static void any_spelling_has_the_same_id(void **state)
{
    (void)state;
    make_table(16);
    assert_int_equal(add("a{x=\"1\",y=\"2\"}"), 0);
    assert_int_equal(add("b"), 1);
    assert_int_equal(add(" a { y = \"2\", x=\"1\", }"), 0);
    assert_int_equal(add("a{x=\"1\",y=\"2\",z=\"\"}"), 0);
    assert_int_equal(add("b{}"), 1);
    assert_int_equal(add("a"), 2);
    assert_int_equal(add("a{x=\"1\"}"), 3);
    assert_int_equal(varve_series_count(&table), 4);
    assert_int_equal(varve_series_table_find(&table, "a{x=\"1\",y=\"2\"}"), 0);
    assert_int_equal(varve_series_table_find(&table, "c"), VARVE_E_NOT_FOUND);
    assert_int_equal(table.refused, 0);
}

static void definition_comes_back(void **state)
{
    (void)state;
    make_table(16);
    struct varve_series_def def = {
        .text = "b{k=\"v\"}", .unit = "By", .help = "Bytes.", .kind = VARVE_COUNTER};
    struct varve_series_def got;
    assert_int_equal(varve_series_table_add(&table, &def), 0);
    varve_series_table_get(&table, 0, &got);
    assert_string_equal(got.text, "b{k=\"v\"}");
    assert_string_equal(got.unit, "By");
    assert_string_equal(got.help, "Bytes.");
    assert_int_equal(got.kind, VARVE_COUNTER);
    assert_int_equal(add("plain"), 1);
    varve_series_table_get(&table, 1, &got);
    assert_string_equal(got.unit, "");
    assert_string_equal(got.help, "");
    assert_int_equal(got.kind, VARVE_GAUGE);
}

// The texts handed in may vanish; what differs only in help shares it.
static void texts_are_copied_and_help_is_shared(void **state)
{
    (void)state;
    make_table(16);
    char text[32] = "a", help[32] = "Some help.", unit[8] = "s";
    struct varve_series_def def = {.text = text, .help = help, .unit = unit}, one, two;
    assert_int_equal(varve_series_table_add(&table, &def), 0);
    strncpy(text, "b", sizeof text);
    assert_int_equal(varve_series_table_add(&table, &def), 1);
    memset(text, '#', sizeof text - 1);
    memset(help, '#', sizeof help - 1);
    memset(unit, '#', sizeof unit - 1);
    varve_series_table_get(&table, 0, &one);
    varve_series_table_get(&table, 1, &two);
    assert_string_equal(one.text, "a");
    assert_string_equal(one.help, "Some help.");
    assert_string_equal(one.unit, "s");
    assert_ptr_equal(one.help, two.help);
}

static void every_refusal_is_counted(void **state)
{
    (void)state;
    make_table(2);
    char unit[VARVE_UNIT_TEXT + 1], text[VARVE_SERIES_TEXT + 1];
    memset(unit, 'u', VARVE_UNIT_TEXT);
    unit[VARVE_UNIT_TEXT] = '\0';
    memset(text, 't', VARVE_SERIES_TEXT);
    text[VARVE_SERIES_TEXT] = '\0';
    struct varve_series_def long_unit = {.text = "a", .unit = unit};
    assert_int_equal(add("9"), VARVE_E_INVALID);
    assert_int_equal(add(""), VARVE_E_INVALID);
    assert_int_equal(add(text), VARVE_E_TOO_BIG);
    assert_int_equal(varve_series_table_add(&table, &long_unit), VARVE_E_TOO_BIG);
    assert_int_equal(table.refused, 4);
    assert_int_equal(varve_series_count(&table), 0);
    unit[VARVE_UNIT_TEXT - 1] = '\0';
    assert_int_equal(varve_series_table_add(&table, &long_unit), 0);
    assert_int_equal(add("b"), 1);
    assert_int_equal(add("c"), VARVE_E_FULL);
    assert_int_equal(add("c"), VARVE_E_FULL);
    assert_int_equal(add("a"), 0); // a known series is not refused by the cap
    assert_int_equal(table.refused, 6);
    assert_int_equal(varve_series_table_find(&table, "c"), VARVE_E_NOT_FOUND);
}

static void longest_text_is_kept_whole(void **state)
{
    (void)state;
    make_table(16);
    char text[VARVE_SERIES_TEXT];
    struct varve_series_def got;
    memset(text, 't', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    assert_int_equal(add(text), 0);
    varve_series_table_get(&table, 0, &got);
    assert_string_equal(got.text, text);
}

static void text_number(char text[64], uint32_t i)
{
    snprintf(text, 64, "metric_%u{device=\"d%u\"}", i % 97, i);
}

static void every_id_up_to_the_highest_cap_is_found_again(void **state)
{
    (void)state;
    make_table(VARVE_MAX_SERIES);
    char text[64];
    for (uint32_t i = 0; i < VARVE_MAX_SERIES; i++) {
        text_number(text, i);
        assert_int_equal(add(text), i);
    }
    assert_int_equal(add("one_more"), VARVE_E_FULL);
    assert_int_equal(table.refused, 1);
    for (uint32_t i = 0; i < VARVE_MAX_SERIES; i++) {
        struct varve_series_def got;
        text_number(text, i);
        assert_int_equal(varve_series_table_find(&table, text), i);
        varve_series_table_get(&table, (varve_series_id)i, &got);
        assert_string_equal(got.text, text);
    }
}

// Texts longer than the average use the pool up before the cap is reached.
static void exhausted_pool_refuses_and_keeps_what_it_has(void **state)
{
    (void)state;
    make_table(64);
    char text[VARVE_SERIES_TEXT];
    int added = 0, id = 0;
    for (; id >= 0 && added < 64; added += id >= 0) {
        memset(text, 'x', sizeof text - 1);
        snprintf(text + 200, sizeof text - 200, "%d", added);
        id = add(text);
    }
    assert_int_equal(id, VARVE_E_FULL);
    assert_in_range(added, 20, 63);
    assert_int_equal(varve_series_count(&table), added);
    assert_int_equal(table.refused, 1);
    assert_true(table.pool_used <= table.pool_cap);
    for (int i = 0; i < added; i++) {
        memset(text, 'x', sizeof text - 1);
        snprintf(text + 200, sizeof text - 200, "%d", i);
        assert_int_equal(varve_series_table_find(&table, text), i);
    }
    assert_int_equal(add("short"), added);
}

static void memory_too_small_is_said_at_any_size(void **state)
{
    (void)state;
    make_table(32);
    size_t need = arena.used;
    for (size_t size = 0; size < need; size += 37) {
        struct varve_arena small = {.base = arena.base, .size = size};
        assert_int_equal(varve_series_table_init(&table, &small, 32), VARVE_E_NO_MEMORY);
        assert_true(small.used <= size);
        assert_true(small.wanted >= need); // what it would need
    }
    struct varve_arena exact = {.base = arena.base, .size = need};
    assert_int_equal(varve_series_table_init(&table, &exact, 32), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(any_spelling_has_the_same_id, free_table),
        cmocka_unit_test_teardown(definition_comes_back, free_table),
        cmocka_unit_test_teardown(texts_are_copied_and_help_is_shared, free_table),
        cmocka_unit_test_teardown(every_refusal_is_counted, free_table),
        cmocka_unit_test_teardown(longest_text_is_kept_whole, free_table),
        cmocka_unit_test_teardown(every_id_up_to_the_highest_cap_is_found_again, free_table),
        cmocka_unit_test_teardown(exhausted_pool_refuses_and_keeps_what_it_has, free_table),
        cmocka_unit_test_teardown(memory_too_small_is_said_at_any_size, free_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
