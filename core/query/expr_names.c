// SPDX-License-Identifier: Apache-2.0
// What functions, aggregations and operators there are, and which ones Prometheus has that varve
// has not: those are refused by name. Stateless; any context.
#include "expr.h"

static const struct {
    const char *name;
    const char *arguments;
    enum expr_type type;
} functions[] = {
#define EXPR_ROW(id, name, arguments, type) {name, arguments, type},
    EXPR_FUNCTIONS(EXPR_ROW)
#undef EXPR_ROW
};

static const struct {
    const char *name;
    bool parameter;
} aggregations[] = {
#define EXPR_ROW(id, name, parameter) {name, parameter},
    EXPR_AGGREGATIONS(EXPR_ROW)
#undef EXPR_ROW
};

static const struct {
    const char *text;
    unsigned precedence;
} operators[] = {
#define EXPR_ROW(id, text, precedence) {text, precedence},
    EXPR_OPERATORS(EXPR_ROW)
#undef EXPR_ROW
};

static const char *const refused_functions[] = {
    "absent",
    "absent_over_time",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atanh",
    "clamp",
    "cos",
    "cosh",
    "day_of_month",
    "day_of_week",
    "day_of_year",
    "days_in_month",
    "deg",
    "double_exponential_smoothing",
    "exp",
    "histogram_avg",
    "histogram_count",
    "histogram_fraction",
    "histogram_quantile",
    "histogram_stddev",
    "histogram_stdvar",
    "histogram_sum",
    "holt_winters",
    "hour",
    "idelta",
    "info",
    "label_join",
    "label_replace",
    "ln",
    "log10",
    "log2",
    "mad_over_time",
    "minute",
    "month",
    "pi",
    "predict_linear",
    "rad",
    "sgn",
    "sin",
    "sinh",
    "sort",
    "sort_by_label",
    "sort_by_label_desc",
    "sort_desc",
    "sqrt",
    "stdvar_over_time",
    "tan",
    "tanh",
    "timestamp",
    "vector",
    "year",
};

static const char *const refused_aggregations[] = {
    "count_values",
    "limit_ratio",
    "limitk",
    "stdvar",
};

static bool is_refused(struct varve_span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (span_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

int expr_function_find(struct varve_span name, bool *refused)
{
    for (int i = 0; i < EXPR_FN_COUNT; i++) {
        if (span_is(name, functions[i].name)) {
            return i;
        }
    }
    *refused =
        is_refused(name, refused_functions, sizeof refused_functions / sizeof *refused_functions);
    return -1;
}

int expr_aggregation_find(struct varve_span name, bool *refused)
{
    for (int i = 0; i < EXPR_AGG_KINDS; i++) {
        if (span_is(name, aggregations[i].name)) {
            return i;
        }
    }
    *refused = is_refused(name, refused_aggregations,
                          sizeof refused_aggregations / sizeof *refused_aggregations);
    return -1;
}

const char *expr_function_name(enum expr_function function)
{
    return functions[function].name;
}

const char *expr_function_arguments(enum expr_function function)
{
    return functions[function].arguments;
}

enum expr_type expr_function_type(enum expr_function function)
{
    return functions[function].type;
}

const char *expr_aggregation_name(enum expr_aggregation aggregation)
{
    return aggregations[aggregation].name;
}

bool expr_aggregation_has_parameter(enum expr_aggregation aggregation)
{
    return aggregations[aggregation].parameter;
}

const char *expr_operator_text(enum expr_operator op)
{
    return operators[op].text;
}

unsigned expr_operator_precedence(enum expr_operator op)
{
    return operators[op].precedence;
}
