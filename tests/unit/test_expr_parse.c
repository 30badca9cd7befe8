// SPDX-License-Identifier: Apache-2.0
// Expressions: what is refused, at which column, and that any depth and length ends in an error.
// How accepted ones are understood is the oracle's to say (tests/oracle).
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "core/query/expr.h"
#include "varve/error.h"

static uint8_t memory[131072] __attribute__((aligned(16)));
static char why[VARVE_MESSAGE_TEXT];

static int parse_in(const char *text, size_t bytes, struct expr **out)
{
    struct varve_arena arena = {.base = memory, .size = bytes};
    const struct expr_error error = {.why = why, .cap = sizeof why, .text = text};
    why[0] = '\0';
    return expr_parse(text, &arena, &error, out);
}

static struct expr *parsed(const char *text)
{
    struct expr *e = NULL;
    if (parse_in(text, sizeof memory, &e) != 0) {
        fail_msg("`%s`: %s", text, why);
    }
    return e;
}

static void refused(const char *text, int column, const char *reason)
{
    struct expr *e;
    int at = 0;
    assert_int_equal(parse_in(text, sizeof memory, &e), VARVE_E_INVALID);
    if (sscanf(why, "column %d:", &at) != 1 || at != column || strstr(why, reason) == NULL) {
        fail_msg("`%s`: `%s`, not column %d and `%s`", text, why, column, reason);
    }
}

static void errors_point_at_the_column(void **state)
{
    (void)state;
    refused("", 1, "ends where a selector");
    refused("sum by (", 9, "ends where a label name");
    refused("rate(x)", 6, "a range such as [5m]");
    refused("1 + x[5m]", 5, "takes an instant vector, not a range vector");
    refused("x{a=1}", 5, "a label value in quotes");
    refused("x{a=\"b\"", 8, ", or }");
    refused("x{a=\"b}", 5, "closing \"");
    refused("x{a=\"\\q\"}", 6, "escape");
    refused("x{a=~\"(\"}", 6, "regular expression, character 2");
    refused("{a=\"\"}", 1, "needs a name or a label");
    refused("x{__name__=\"y\"}", 1, "given twice");
    refused("x[0s]", 2, "longer than zero");
    refused("x[5]", 3, "a duration");
    refused("x[5m", 5, "]");
    refused("x offset y", 10, "a duration");
    refused("x @ y", 5, "a time in seconds");
    refused("x y", 3, "an operator or the end");
    refused("x $", 3, "unexpected character");
    refused("5x", 1, "neither a number nor a duration");
    refused("round(x, 1, 2)", 13, "third argument");
    refused("abs(x, 1)", 1, "takes 1 arguments, not 2");
    refused("topk(x)", 1, "takes 2 arguments, not 1");
    refused("topk(x, x)", 6, "topk takes a number");
    refused("1 > 2", 3, "> bool");
    refused("x + bool 1", 5, "bool stands behind a comparison");
    refused("x and 1", 3, "between two instant vectors");
    refused("x + on (a) 1", 3, "on and ignoring");
    refused("x and on (a) group_left x", 14, "take no group_left");
    refused("(x)[5m]", 4, "directly behind a selector");
    refused("\"a\" + 1", 1, "a string stands only");
}

static void what_prometheus_has_more_is_refused_by_name(void **state)
{
    (void)state;
    refused("absent(x)", 1, "the function absent is not supported");
    refused("1 + histogram_quantile(0.9, x)", 5, "histogram_quantile is not supported");
    refused("count_values(\"a\", x)", 1, "the aggregation count_values is not supported");
    refused("rate(x[5m:1m])", 7, "subqueries");
    refused("x atan2 x", 3, "the operator atan2 is not supported");
    refused("nosuch(x)", 1, "there is no function `nosuch`");
}

static void operators_bind_as_in_prometheus(void **state)
{
    (void)state;
    struct expr *e = parsed("a or b and c == d + e * f ^ g ^ h");
    static const enum expr_operator order[] = {EXPR_OP_OR,  EXPR_OP_AND, EXPR_OP_EQ, EXPR_OP_ADD,
                                               EXPR_OP_MUL, EXPR_OP_POW, EXPR_OP_POW};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++, e = e->b) {
        assert_int_equal(e->kind, EXPR_BINARY);
        assert_int_equal(e->is.op, order[i]);
    }
    e = parsed("-a ^ 2 - b - c"); // ((-(a ^ 2)) - b) - c
    assert_int_equal(e->a->is.op, EXPR_OP_SUB);
    assert_int_equal(e->a->a->kind, EXPR_NEGATE);
    assert_int_equal(e->a->a->a->is.op, EXPR_OP_POW);
}

static void numbers_and_durations_are_read_exactly(void **state)
{
    (void)state;
    assert_true(parsed("0.1")->number == 0.1);
    assert_true(parsed("123456.789e-3")->number == 123.456789);
    assert_true(parsed("1e22")->number == 1e22);
    assert_true(parsed("0x1F")->number == 31);
    assert_true(parsed("5e-324")->number >= 0);
    assert_int_equal(parsed("x[1h30m]")->selector->range_ms, 5400000);
    assert_int_equal(parsed("x offset -1w1ms")->selector->offset_ms, -604800001);
    assert_int_equal(parsed("x @ 1.5")->selector->at_ms, 1500);
}

static void depth_length_and_memory_are_bounded(void **state)
{
    (void)state;
    static char text[8192];
    struct expr *e;
    memset(text, '(', 2000);
    assert_int_equal(parse_in(text, sizeof memory, &e), VARVE_E_INVALID);
    memset(text, '-', 2000);
    assert_int_equal(parse_in(text, sizeof memory, &e), VARVE_E_INVALID);
    for (size_t i = 0; i < 2000; i++) {
        text[i] = i % 2 == 0 ? 'a' : '+'; // leans to the left
    }
    assert_int_equal(parse_in(text, sizeof memory, &e), VARVE_E_INVALID);
    assert_non_null(strstr(why, "levels of nesting"));
    memset(text, 'a', sizeof text - 1);
    assert_int_equal(parse_in(text, sizeof memory, &e), VARVE_E_INVALID);
    for (size_t bytes = 0; bytes < 4096; bytes += 64) {
        int rc = parse_in("sum by (a) (rate(x{a=\"b\",c!=\"d\"}[5m])) / 2", bytes, &e);
        assert_true(rc == 0 || rc == VARVE_E_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_point_at_the_column),
        cmocka_unit_test(what_prometheus_has_more_is_refused_by_name),
        cmocka_unit_test(operators_bind_as_in_prometheus),
        cmocka_unit_test(numbers_and_durations_are_read_exactly),
        cmocka_unit_test(depth_length_and_memory_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
