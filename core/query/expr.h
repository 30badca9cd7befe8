// SPDX-License-Identifier: Apache-2.0
// Expressions of the PromQL subset: the tree that the parser makes and everybody else reads.
//
// Everything lies in one arena of the caller's and nothing is given back. A tree is at most
// EXPR_DEPTH_MAX deep, so that whoever walks it may recurse.
//
//   text ─ expr_lex ─ expr_parse ─▶ tree ─ expr_check ─▶ typed ─ expr_plan ─▶ slots ─ expr_run
//
// Threading: a tree belongs to one task.
#ifndef VARVE_CORE_QUERY_EXPR_H
#define VARVE_CORE_QUERY_EXPR_H

#include "../arena.h"
#include "../label.h"
#include "regex.h"

#define EXPR_DEPTH_MAX 48u
#define EXPR_TEXT_MAX  4096u // bytes of an expression

enum expr_kind {
    EXPR_NUMBER,
    EXPR_SELECTOR,
    EXPR_CALL,
    EXPR_AGGREGATE,
    EXPR_BINARY,
    EXPR_NEGATE,
};

enum expr_type {
    EXPR_SCALAR,
    EXPR_VECTOR,
    EXPR_MATRIX, // a selector with a range
};

// name, arguments (v vector, m matrix, s scalar, ? the rest is optional), result type
#define EXPR_FUNCTIONS(X)                                                                          \
    X(RATE, "rate", "m", EXPR_VECTOR)                                                              \
    X(IRATE, "irate", "m", EXPR_VECTOR)                                                            \
    X(INCREASE, "increase", "m", EXPR_VECTOR)                                                      \
    X(DELTA, "delta", "m", EXPR_VECTOR)                                                            \
    X(DERIV, "deriv", "m", EXPR_VECTOR)                                                            \
    X(RESETS, "resets", "m", EXPR_VECTOR)                                                          \
    X(CHANGES, "changes", "m", EXPR_VECTOR)                                                        \
    X(AVG_OVER, "avg_over_time", "m", EXPR_VECTOR)                                                 \
    X(MIN_OVER, "min_over_time", "m", EXPR_VECTOR)                                                 \
    X(MAX_OVER, "max_over_time", "m", EXPR_VECTOR)                                                 \
    X(SUM_OVER, "sum_over_time", "m", EXPR_VECTOR)                                                 \
    X(COUNT_OVER, "count_over_time", "m", EXPR_VECTOR)                                             \
    X(LAST_OVER, "last_over_time", "m", EXPR_VECTOR)                                               \
    X(STDDEV_OVER, "stddev_over_time", "m", EXPR_VECTOR)                                           \
    X(PRESENT_OVER, "present_over_time", "m", EXPR_VECTOR)                                         \
    X(QUANTILE_OVER, "quantile_over_time", "sm", EXPR_VECTOR)                                      \
    X(ABS, "abs", "v", EXPR_VECTOR)                                                                \
    X(CEIL, "ceil", "v", EXPR_VECTOR)                                                              \
    X(FLOOR, "floor", "v", EXPR_VECTOR)                                                            \
    X(ROUND, "round", "v?s", EXPR_VECTOR)                                                          \
    X(CLAMP_MIN, "clamp_min", "vs", EXPR_VECTOR)                                                   \
    X(CLAMP_MAX, "clamp_max", "vs", EXPR_VECTOR)                                                   \
    X(SCALAR, "scalar", "v", EXPR_SCALAR)                                                          \
    X(TIME, "time", "", EXPR_SCALAR)

enum expr_function {
#define EXPR_ENUM(id, name, arguments, type) EXPR_FN_##id,
    EXPR_FUNCTIONS(EXPR_ENUM)
#undef EXPR_ENUM
    EXPR_FN_COUNT,
    EXPR_FN_INSTANT = EXPR_FN_COUNT, // a selector without a range
};

// name, whether it takes a parameter
#define EXPR_AGGREGATIONS(X)                                                                       \
    X(SUM, "sum", false)                                                                           \
    X(AVG, "avg", false)                                                                           \
    X(MIN, "min", false)                                                                           \
    X(MAX, "max", false)                                                                           \
    X(COUNT, "count", false)                                                                       \
    X(STDDEV, "stddev", false)                                                                     \
    X(GROUP, "group", false)                                                                       \
    X(TOPK, "topk", true)                                                                          \
    X(BOTTOMK, "bottomk", true)                                                                    \
    X(QUANTILE, "quantile", true)

enum expr_aggregation {
#define EXPR_ENUM(id, name, parameter) EXPR_AGG_##id,
    EXPR_AGGREGATIONS(EXPR_ENUM)
#undef EXPR_ENUM
    EXPR_AGG_KINDS,
};

// text, precedence
#define EXPR_OPERATORS(X)                                                                          \
    X(OR, "or", 1)                                                                                 \
    X(AND, "and", 2)                                                                               \
    X(UNLESS, "unless", 2)                                                                         \
    X(EQ, "==", 3)                                                                                 \
    X(NE, "!=", 3)                                                                                 \
    X(LE, "<=", 3)                                                                                 \
    X(LT, "<", 3)                                                                                  \
    X(GE, ">=", 3)                                                                                 \
    X(GT, ">", 3)                                                                                  \
    X(ADD, "+", 4)                                                                                 \
    X(SUB, "-", 4)                                                                                 \
    X(MUL, "*", 5)                                                                                 \
    X(DIV, "/", 5)                                                                                 \
    X(MOD, "%", 5)                                                                                 \
    X(POW, "^", 6)

enum expr_operator {
#define EXPR_ENUM(id, text, precedence) EXPR_OP_##id,
    EXPR_OPERATORS(EXPR_ENUM)
#undef EXPR_ENUM
    EXPR_OP_COUNT,
};

static inline bool expr_is_set_operator(enum expr_operator op)
{
    return op <= EXPR_OP_UNLESS;
}

static inline bool expr_is_comparison(enum expr_operator op)
{
    return op >= EXPR_OP_EQ && op <= EXPR_OP_GT;
}

enum expr_match {
    EXPR_MATCH_EQ,
    EXPR_MATCH_NE,
    EXPR_MATCH_RE,
    EXPR_MATCH_NRE,
};

struct expr_matcher {
    struct varve_span key;
    enum expr_match how;
    const char *value;         // without escapes
    size_t length;             // of value; it may hold any byte but NUL
    const struct regex *regex; // for =~ and !~
    struct expr_matcher *next;
};

// Label names as written.
struct expr_names {
    struct varve_span *at;
    size_t count;
};

enum expr_at {
    EXPR_AT_NONE,
    EXPR_AT_TIME,
    EXPR_AT_START,
    EXPR_AT_END,
};

struct expr_newest;

struct expr_selector {
    struct varve_span name; // may be empty
    struct expr_matcher *matchers;
    int64_t range_ms; // 0: instant
    int64_t offset_ms;
    enum expr_at at;
    int64_t at_ms;
    bool has_offset;
    // The plan: the series that match, and of an instant selector what the last slice saw of each.
    uint16_t *ids;
    struct expr_newest *newest;
};

struct expr_groups;
struct expr_matching;

struct expr {
    enum expr_kind kind;
    enum expr_type type;
    bool enclosed;   // in parentheses: no range, offset or @ behind it
    uint32_t column; // 0-based, in the text
    uint32_t depth;
    union {
        enum expr_function function;
        enum expr_aggregation aggregation;
        enum expr_operator op;
    } is;
    double number;
    struct expr_selector *selector;
    struct expr *a, *b; // operands; of an aggregation `a` is what it is over, `b` its parameter

    // aggregations: by or without; binary operators: on or ignoring
    struct expr_names labels;
    bool by;           // by, on
    bool without;      // without
    bool returns_bool; // comparisons
    bool many;         // group_left or group_right
    bool many_right;
    struct expr_names include;

    // The plan: how many series may come out, and what is kept from slice to slice.
    uint32_t slots;
    struct expr_groups *groups;
    struct expr_matching *matching;
    double *row;   // of a number: its value at each step of the slice
    double *spare; // room for another
};

// Where it went wrong; the text is the caller's.
struct expr_error {
    char *why;
    size_t cap;
    const char *text; // the expression
};

// Says what is wrong at a column (0-based). Returns VARVE_E_INVALID.
int expr_fail(const struct expr_error *error, size_t column, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Parses and checks the types. Returns 0, VARVE_E_INVALID or VARVE_E_NO_MEMORY with the reason in
// `error`.
int expr_parse(const char *text, struct varve_arena *arena, const struct expr_error *error,
               struct expr **out);

// Types of operands and arguments; sets `type` in every node.
int expr_check(struct expr *e, const struct expr_error *error);

// Names. -1 when there is none; *refused says that Prometheus knows it and varve does not.
int expr_function_find(struct varve_span name, bool *refused);
int expr_aggregation_find(struct varve_span name, bool *refused);
const char *expr_function_name(enum expr_function function);
const char *expr_function_arguments(enum expr_function function);
enum expr_type expr_function_type(enum expr_function function);
const char *expr_aggregation_name(enum expr_aggregation aggregation);
bool expr_aggregation_has_parameter(enum expr_aggregation aggregation);
const char *expr_operator_text(enum expr_operator op);
unsigned expr_operator_precedence(enum expr_operator op);

static inline bool span_is(struct varve_span span, const char *text)
{
    return strlen(text) == span.len && memcmp(span.at, text, span.len) == 0;
}

#endif
