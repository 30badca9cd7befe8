// SPDX-License-Identifier: Apache-2.0
// Types: what each part of an expression gives, and whether its operands fit. Any context.
#include "expr.h"

static const char *const type_names[] = {"a number", "an instant vector", "a range vector"};

static int wrong_type(const struct expr *e, const struct expr_error *error, const char *what,
                      enum expr_type wanted)
{
    const char *hint = "";
    if (wanted == EXPR_MATRIX) {
        hint = "; a range such as [5m] behind the selector is missing";
    } else if (e->type == EXPR_MATRIX) {
        hint = "; use it in a function such as rate() or avg_over_time()";
    }
    return expr_fail(error, e->column, "%s takes %s, not %s%s", what, type_names[wanted],
                     type_names[e->type], hint);
}

static int check_call(struct expr *e, const struct expr_error *error)
{
    const char *wants = expr_function_arguments(e->is.function);
    const struct expr *arguments[] = {e->a, e->b};
    size_t n = 0;
    e->type = expr_function_type(e->is.function);
    for (; *wants != '\0' && n < 2; wants++) {
        if (*wants == '?') {
            continue;
        }
        enum expr_type wanted = *wants == 's'   ? EXPR_SCALAR
                                : *wants == 'v' ? EXPR_VECTOR
                                                : EXPR_MATRIX;
        const struct expr *given = arguments[n++];
        if (given != NULL && given->type != wanted) {
            return wrong_type(given, error, expr_function_name(e->is.function), wanted);
        }
    }
    return 0;
}

static int check_aggregation(struct expr *e, const struct expr_error *error)
{
    const char *name = expr_aggregation_name(e->is.aggregation);
    e->type = EXPR_VECTOR;
    if (e->a->type != EXPR_VECTOR) {
        return wrong_type(e->a, error, name, EXPR_VECTOR);
    }
    return e->b == NULL || e->b->type == EXPR_SCALAR ? 0
                                                     : wrong_type(e->b, error, name, EXPR_SCALAR);
}

static int check_binary(struct expr *e, const struct expr_error *error)
{
    const char *text = expr_operator_text(e->is.op);
    bool scalars = e->a->type == EXPR_SCALAR && e->b->type == EXPR_SCALAR;
    bool vectors = e->a->type == EXPR_VECTOR && e->b->type == EXPR_VECTOR;
    e->type = scalars ? EXPR_SCALAR : EXPR_VECTOR;
    if (e->a->type == EXPR_MATRIX || e->b->type == EXPR_MATRIX) {
        return wrong_type(e->a->type == EXPR_MATRIX ? e->a : e->b, error, text, EXPR_VECTOR);
    }
    if (expr_is_set_operator(e->is.op) && !vectors) {
        return expr_fail(error, e->column, "%s stands between two instant vectors", text);
    }
    if (scalars && expr_is_comparison(e->is.op) && !e->returns_bool) {
        return expr_fail(error, e->column,
                         "between two numbers a comparison is written %s bool: there is no series "
                         "to leave out",
                         text);
    }
    if ((e->by || e->without) && !vectors) {
        return expr_fail(error, e->column, "on and ignoring stand between two instant vectors");
    }
    return 0;
}

int expr_check(struct expr *e, const struct expr_error *error)
{
    bool no_left = e->kind == EXPR_NUMBER || e->kind == EXPR_SELECTOR ||
                   (e->kind == EXPR_CALL && e->a == NULL);
    int rc = no_left ? 0 : expr_check(e->a, error);
    bool right = e->kind == EXPR_BINARY || (!no_left && e->b != NULL);
    rc = rc == 0 && right ? expr_check(e->b, error) : rc;
    if (rc != 0) {
        return rc;
    }
    switch (e->kind) {
    case EXPR_NUMBER:
        e->type = EXPR_SCALAR;
        return 0;
    case EXPR_SELECTOR:
        e->type = e->selector->range_ms > 0 ? EXPR_MATRIX : EXPR_VECTOR;
        return 0;
    case EXPR_CALL:
        return check_call(e, error);
    case EXPR_AGGREGATE:
        return check_aggregation(e, error);
    case EXPR_BINARY:
        return check_binary(e, error);
    case EXPR_NEGATE:
        break;
    }
    e->type = e->a->type;
    return e->type == EXPR_MATRIX ? wrong_type(e->a, error, "-", EXPR_VECTOR) : 0;
}
