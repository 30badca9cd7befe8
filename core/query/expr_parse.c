// SPDX-License-Identifier: Apache-2.0
// From the text of an expression to its tree: recursive descent, precedence climbing for binary
// operators. What Prometheus knows and varve does not is refused by its name.
//
// Threading: none of it is shared.
#include "../text.h"
#include "expr_parser.h"
#include "varve/error.h"

static int parse_expression(struct parser *p, unsigned precedence, struct expr **out);

int expr_fail(const struct expr_error *error, size_t column, const char *format, ...)
{
    if (error->cap == 0) {
        return VARVE_E_INVALID;
    }
    struct varve_text text;
    varve_text_init(&text, error->why, error->cap);
    varve_text_add(&text, "column %zu: ", column + 1);
    va_list args;
    va_start(args, format);
    (void)varve_vformat(error->why + text.len, error->cap - text.len, format, args);
    va_end(args);
    return VARVE_E_INVALID;
}

// ---- helpers ------------------------------------------------------------------------------------

int parse_wanted(const struct parser *p, const char *what)
{
    const struct token *token = &p->lexer.token;
    if (token->kind == TOKEN_END) {
        return expr_fail(p->error, token->column, "the expression ends where %s is expected", what);
    }
    return expr_fail(p->error, token->column, "expected %s, not `%.*s`", what,
                     token->text.len > 40 ? 40 : (int)token->text.len, token->text.at);
}

int parse_advance(struct parser *p)
{
    return lex_next(&p->lexer);
}

int parse_expect(struct parser *p, const char *sign)
{
    return lex_is(&p->lexer, sign) ? parse_advance(p) : parse_wanted(p, sign);
}

int parse_make(struct parser *p, enum expr_kind kind, uint32_t column, struct expr *a,
               struct expr *b, struct expr **out)
{
    struct expr *e = varve_arena_take_zeroed(p->arena, 1, sizeof *e);
    if (e == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    uint32_t depth_a = a != NULL ? a->depth : 0, depth_b = b != NULL ? b->depth : 0;
    e->kind = kind;
    e->column = column;
    e->a = a;
    e->b = b;
    e->depth = 1 + (depth_a > depth_b ? depth_a : depth_b);
    *out = e;
    return e->depth <= EXPR_DEPTH_MAX
               ? 0
               : expr_fail(p->error, column, "more than %u levels of nesting", EXPR_DEPTH_MAX);
}

// ---- lists of labels ----------------------------------------------------------------------------

static int add_name(struct parser *p, struct expr_names *names, size_t *cap)
{
    const struct token *token = &p->lexer.token;
    if (token->kind != TOKEN_NAME || memchr(token->text.at, ':', token->text.len) != NULL) {
        return parse_wanted(p, "a label name");
    }
    if (names->count == *cap) {
        return expr_fail(p->error, token->column, "more than %zu labels in one list", *cap);
    }
    names->at[names->count++] = token->text;
    return parse_advance(p);
}

// (a, b, c)
static int parse_names(struct parser *p, struct expr_names *names)
{
    size_t cap = VARVE_MAX_LABELS;
    int rc = parse_expect(p, "(");
    names->count = 0;
    names->at = varve_arena_take_zeroed(p->arena, cap, sizeof *names->at);
    rc = rc == 0 && names->at == NULL ? VARVE_E_NO_MEMORY : rc;
    while (rc == 0 && !lex_is(&p->lexer, ")")) {
        rc = add_name(p, names, &cap);
        if (rc == 0 && !lex_is(&p->lexer, ")")) {
            rc = parse_expect(p, ",");
        }
    }
    return rc == 0 ? parse_advance(p) : rc;
}

// ---- calls and aggregations ---------------------------------------------------------------------

// Up to two arguments in parentheses; b stays NULL where there is one.
static int parse_arguments(struct parser *p, struct expr **a, struct expr **b, unsigned *count)
{
    struct expr **places[] = {a, b};
    int rc = parse_expect(p, "(");
    *count = 0;
    while (rc == 0 && !lex_is(&p->lexer, ")")) {
        struct expr *ignored;
        uint32_t column = p->lexer.token.column;
        rc = parse_expression(p, 1, *count < 2 ? places[*count] : &ignored);
        if (rc == 0 && ++*count > 2) {
            return expr_fail(p->error, column, "no function takes a third argument");
        }
        if (rc == 0 && !lex_is(&p->lexer, ")")) {
            rc = lex_is(&p->lexer, ",") ? parse_advance(p) : parse_wanted(p, ", or )");
        }
    }
    return rc == 0 ? parse_advance(p) : rc;
}

static int parse_call(struct parser *p, int function, uint32_t column, struct expr **out)
{
    struct expr *a = NULL, *b = NULL;
    unsigned count;
    int rc = parse_arguments(p, &a, &b, &count);
    const char *wants = expr_function_arguments((enum expr_function)function);
    size_t most = strlen(wants) - (strchr(wants, '?') != NULL);
    size_t least = strcspn(wants, "?");
    if (rc == 0 && (count < least || count > most)) {
        return expr_fail(p->error, column, "%s takes %zu arguments, not %u",
                         expr_function_name((enum expr_function)function), most, count);
    }
    rc = rc == 0 ? parse_make(p, EXPR_CALL, column, a, b, out) : rc;
    if (rc == 0) {
        (*out)->is.function = (enum expr_function)function;
    }
    return rc;
}

static int parse_grouping(struct parser *p, struct expr *e)
{
    e->by = lex_is_word(&p->lexer, "by");
    e->without = !e->by;
    int rc = parse_advance(p);
    return rc == 0 ? parse_names(p, &e->labels) : rc;
}

static bool at_grouping(const struct parser *p)
{
    return lex_is_word(&p->lexer, "by") || lex_is_word(&p->lexer, "without");
}

static int parse_aggregation(struct parser *p, int aggregation, uint32_t column, struct expr **out)
{
    enum expr_aggregation how = (enum expr_aggregation)aggregation;
    struct expr grouping = {0}, *a = NULL, *b = NULL;
    unsigned count = 0, most = expr_aggregation_has_parameter(how) ? 2 : 1;
    int rc = at_grouping(p) ? parse_grouping(p, &grouping) : 0;
    rc = rc == 0 ? parse_arguments(p, &a, &b, &count) : rc;
    if (rc == 0 && count != most) {
        return expr_fail(p->error, column, "%s takes %u argument%s, not %u",
                         expr_aggregation_name(how), most, most > 1 ? "s" : "", count);
    }
    if (rc == 0 && at_grouping(p)) {
        rc = grouping.by || grouping.without ? parse_wanted(p, "one by or without")
                                             : parse_grouping(p, &grouping);
    }
    struct expr *over = most == 2 ? b : a, *parameter = most == 2 ? a : NULL;
    rc = rc == 0 ? parse_make(p, EXPR_AGGREGATE, column, over, parameter, out) : rc;
    if (rc == 0) {
        (*out)->is.aggregation = how;
        (*out)->labels = grouping.labels;
        (*out)->by = grouping.by;
        (*out)->without = grouping.without;
    }
    return rc;
}

// A name: of a function, an aggregation or a metric, by what comes behind it.
static int parse_named(struct parser *p, struct expr **out)
{
    struct varve_span name = p->lexer.token.text;
    uint32_t column = p->lexer.token.column;
    int rc = parse_advance(p);
    if (rc != 0) {
        return rc;
    }
    bool call = lex_is(&p->lexer, "("), refused = false;
    int found = call || at_grouping(p) ? expr_aggregation_find(name, &refused) : -1;
    if (found >= 0) {
        return parse_aggregation(p, found, column, out);
    }
    if (refused) {
        return expr_fail(p->error, column, "the aggregation %.*s is not supported", (int)name.len,
                         name.at);
    }
    if (!call) {
        return parse_selector(p, name, column, out);
    }
    found = expr_function_find(name, &refused);
    if (found < 0) {
        return expr_fail(p->error, column,
                         refused ? "the function %.*s is not supported"
                                 : "there is no function `%.*s`",
                         name.len > 60 ? 60 : (int)name.len, name.at);
    }
    return parse_call(p, found, column, out);
}

// ---- operators ----------------------------------------------------------------------------------

static int parse_primary(struct parser *p, struct expr **out)
{
    const struct token *token = &p->lexer.token;
    int rc = 0;
    if (token->kind == TOKEN_NAME) {
        return parse_named(p, out);
    }
    if (token->kind == TOKEN_NUMBER) {
        rc = parse_make(p, EXPR_NUMBER, token->column, NULL, NULL, out);
        if (rc == 0) {
            (*out)->number = token->number;
            rc = parse_advance(p);
        }
        return rc;
    }
    if (lex_is(&p->lexer, "(")) {
        rc = parse_advance(p);
        rc = rc == 0 ? parse_expression(p, 1, out) : rc;
        if (rc == 0) {
            (*out)->enclosed = true;
        }
        return rc == 0 ? parse_expect(p, ")") : rc;
    }
    if (lex_is(&p->lexer, "{")) {
        return parse_selector(p, (struct varve_span){.at = "", .len = 0}, token->column, out);
    }
    if (token->kind == TOKEN_STRING) {
        return expr_fail(p->error, token->column,
                         "a string stands only behind a label: {label=\"value\"}");
    }
    return parse_wanted(p, "a selector, a function or a number");
}

static int parse_unary(struct parser *p, struct expr **out)
{
    uint32_t column = p->lexer.token.column;
    bool minus = lex_is(&p->lexer, "-");
    if (!minus && !lex_is(&p->lexer, "+")) {
        int rc = parse_primary(p, out);
        return rc == 0 ? parse_suffixes(p, *out) : rc;
    }
    int rc = parse_advance(p);
    struct expr *operand = NULL;
    rc = rc == 0 ? parse_expression(p, expr_operator_precedence(EXPR_OP_POW), &operand) : rc;
    if (rc == 0 && !minus) {
        *out = operand;
        return 0;
    }
    return rc == 0 ? parse_make(p, EXPR_NEGATE, column, operand, NULL, out) : rc;
}

// The operator at hand; EXPR_OP_COUNT when it is none.
static enum expr_operator operator_at(const struct parser *p)
{
    for (int i = 0; i < EXPR_OP_COUNT; i++) {
        const char *text = expr_operator_text((enum expr_operator)i);
        if (lex_is(&p->lexer, text) || lex_is_word(&p->lexer, text)) {
            return (enum expr_operator)i;
        }
    }
    return EXPR_OP_COUNT;
}

static int parse_include(struct parser *p, struct expr *e)
{
    uint32_t column = p->lexer.token.column;
    e->many = true;
    e->many_right = lex_is_word(&p->lexer, "group_right");
    if (expr_is_set_operator(e->is.op)) {
        return expr_fail(p->error, column, "and, or and unless take no group_left or group_right");
    }
    int rc = parse_advance(p);
    return rc == 0 && lex_is(&p->lexer, "(") ? parse_names(p, &e->include) : rc;
}

// bool, on, ignoring, group_left, group_right
static int parse_modifiers(struct parser *p, struct expr *e)
{
    int rc = 0;
    if (lex_is_word(&p->lexer, "bool")) {
        if (!expr_is_comparison(e->is.op)) {
            return expr_fail(p->error, p->lexer.token.column, "bool stands behind a comparison");
        }
        e->returns_bool = true;
        rc = parse_advance(p);
    }
    bool on = lex_is_word(&p->lexer, "on");
    if (rc == 0 && (on || lex_is_word(&p->lexer, "ignoring"))) {
        e->by = on;
        e->without = !on;
        rc = parse_advance(p);
        rc = rc == 0 ? parse_names(p, &e->labels) : rc;
        if (rc == 0 &&
            (lex_is_word(&p->lexer, "group_left") || lex_is_word(&p->lexer, "group_right"))) {
            rc = parse_include(p, e);
        }
    }
    return rc;
}

static int parse_operation(struct parser *p, enum expr_operator op, struct expr **left)
{
    struct expr *right = NULL, how = {.is.op = op}, *e;
    uint32_t column = p->lexer.token.column;
    int rc = parse_advance(p);
    rc = rc == 0 ? parse_modifiers(p, &how) : rc;
    unsigned precedence = expr_operator_precedence(op) + (op != EXPR_OP_POW); // ^ binds right
    rc = rc == 0 ? parse_expression(p, precedence, &right) : rc;
    rc = rc == 0 ? parse_make(p, EXPR_BINARY, column, *left, right, &e) : rc;
    if (rc == 0) {
        how.kind = e->kind;
        how.column = column;
        how.a = e->a;
        how.b = e->b;
        how.depth = e->depth;
        *e = how;
        *left = e;
    }
    return rc;
}

static int parse_expression(struct parser *p, unsigned precedence, struct expr **out)
{
    if (++p->depth > EXPR_DEPTH_MAX) {
        return expr_fail(p->error, p->lexer.token.column, "more than %u levels of nesting",
                         EXPR_DEPTH_MAX);
    }
    int rc = parse_unary(p, out);
    while (rc == 0) {
        enum expr_operator op = operator_at(p);
        if (op == EXPR_OP_COUNT || expr_operator_precedence(op) < precedence) {
            break;
        }
        rc = parse_operation(p, op, out);
    }
    p->depth--;
    return rc;
}

int expr_parse(const char *text, struct varve_arena *arena, const struct expr_error *error,
               struct expr **out)
{
    struct parser p = {.arena = arena, .error = error};
    p.lexer = (struct lexer){.text = text, .at = text, .arena = arena, .error = error};
    if (strlen(text) > EXPR_TEXT_MAX) {
        return expr_fail(error, EXPR_TEXT_MAX, "an expression of more than %u characters",
                         EXPR_TEXT_MAX);
    }
    int rc = parse_advance(&p);
    rc = rc == 0 ? parse_expression(&p, 1, out) : rc;
    if (rc == 0 && lex_is_word(&p.lexer, "atan2")) {
        return expr_fail(error, p.lexer.token.column, "the operator atan2 is not supported");
    }
    if (rc == 0 && p.lexer.token.kind != TOKEN_END) {
        return parse_wanted(&p, "an operator or the end");
    }
    if (rc == VARVE_E_NO_MEMORY) {
        (void)expr_fail(error, p.lexer.token.column, "the expression is larger than its memory");
    }
    return rc == 0 ? expr_check(*out, error) : rc;
}
