// SPDX-License-Identifier: Apache-2.0
// Selectors of an expression: name, matchers, range, offset, @. See expr_parser.h.
#include "expr_parser.h"
#include "varve/error.h"

// ---- matchers -----------------------------------------------------------------------------------

static int compile_regex(struct parser *p, struct expr_matcher *matcher, const struct token *value)
{
    const char *why = NULL;
    size_t at = 0;
    int rc = regex_compile(matcher->value, matcher->length, p->arena, &matcher->regex, &why, &at);
    // The place in the text is known only where no escape came before it; the string's begin is.
    return rc == 0 || rc == VARVE_E_NO_MEMORY
               ? rc
               : expr_fail(p->error, value->column, "regular expression, character %zu: %s", at + 1,
                           why);
}

static int match_operator(struct parser *p, enum expr_match *how)
{
    static const char *const signs[] = {"=", "!=", "=~", "!~"};
    for (int i = 0; i < 4; i++) {
        if (lex_is(&p->lexer, signs[i])) {
            *how = (enum expr_match)i;
            return parse_advance(p);
        }
    }
    return parse_wanted(p, "one of = != =~ !~");
}

static int parse_matcher(struct parser *p, struct expr_selector *selector)
{
    struct expr_matcher *matcher = varve_arena_take_zeroed(p->arena, 1, sizeof *matcher);
    if (matcher == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    if (p->lexer.token.kind != TOKEN_NAME) {
        return parse_wanted(p, "a label name");
    }
    matcher->key = p->lexer.token.text;
    int rc = parse_advance(p);
    rc = rc == 0 ? match_operator(p, &matcher->how) : rc;
    if (rc == 0 && p->lexer.token.kind != TOKEN_STRING) {
        return parse_wanted(p, "a label value in quotes");
    }
    if (rc != 0) {
        return rc;
    }
    struct token value = p->lexer.token;
    matcher->value = value.string;
    matcher->length = value.string_length;
    matcher->next = selector->matchers;
    selector->matchers = matcher;
    if (matcher->how >= EXPR_MATCH_RE) {
        rc = compile_regex(p, matcher, &value);
    }
    return rc == 0 ? parse_advance(p) : rc;
}

static int parse_matchers(struct parser *p, struct expr_selector *selector)
{
    int rc = parse_advance(p);
    while (rc == 0 && !lex_is(&p->lexer, "}")) {
        rc = parse_matcher(p, selector);
        if (rc == 0 && !lex_is(&p->lexer, "}")) {
            rc = lex_is(&p->lexer, ",") ? parse_advance(p) : parse_wanted(p, ", or }");
        }
    }
    return rc == 0 ? parse_advance(p) : rc;
}

static bool matches_empty(const struct expr_matcher *m)
{
    switch (m->how) {
    case EXPR_MATCH_EQ:
        return m->length == 0;
    case EXPR_MATCH_NE:
        return m->length != 0;
    case EXPR_MATCH_RE:
        return regex_match(m->regex, "", 0);
    case EXPR_MATCH_NRE:
        break;
    }
    return !regex_match(m->regex, "", 0);
}

int parse_selector(struct parser *p, struct varve_span name, uint32_t column, struct expr **out)
{
    int rc = parse_make(p, EXPR_SELECTOR, column, NULL, NULL, out);
    struct expr_selector *selector =
        varve_arena_take_zeroed(p->arena, 1, sizeof(struct expr_selector));
    if (rc != 0 || selector == NULL) {
        return rc != 0 ? rc : VARVE_E_NO_MEMORY;
    }
    selector->name = name;
    (*out)->selector = selector;
    if (lex_is(&p->lexer, "{")) {
        rc = parse_matchers(p, selector);
    }
    if (rc != 0) {
        return rc; // a regular expression may not have been compiled
    }
    bool narrow = name.len > 0;
    for (const struct expr_matcher *m = selector->matchers; m != NULL; m = m->next) {
        narrow = narrow || !matches_empty(m);
        if (name.len > 0 && span_is(m->key, "__name__")) {
            return expr_fail(p->error, column, "the metric name is given twice");
        }
    }
    return narrow ? 0
                  : expr_fail(p->error, column,
                              "a selector needs a name or a label that is not empty");
}

// ---- range, offset, @ ---------------------------------------------------------------------------

static bool is_bare(const struct expr *e)
{
    return e->kind == EXPR_SELECTOR && !e->enclosed;
}

static int parse_range(struct parser *p, struct expr *e)
{
    uint32_t column = p->lexer.token.column;
    int rc = parse_advance(p);
    if (rc == 0 && p->lexer.token.kind != TOKEN_DURATION) {
        return parse_wanted(p, "a duration such as 5m");
    }
    int64_t range_ms = p->lexer.token.ms;
    rc = rc == 0 ? parse_advance(p) : rc;
    if (rc == 0 && lex_is(&p->lexer, ":")) {
        return expr_fail(p->error, column, "subqueries ([5m:1m]) are not supported");
    }
    rc = rc == 0 ? parse_expect(p, "]") : rc;
    if (rc != 0) {
        return rc;
    }
    bool plain = is_bare(e) && e->selector->range_ms == 0 && !e->selector->has_offset &&
                 e->selector->at == EXPR_AT_NONE;
    if (!plain || range_ms == 0) {
        return expr_fail(p->error, column,
                         plain ? "a range must be longer than zero"
                               : "a range stands directly behind a selector; subqueries are not "
                                 "supported");
    }
    e->selector->range_ms = range_ms;
    return 0;
}

static int parse_offset(struct parser *p, struct expr *e)
{
    uint32_t column = p->lexer.token.column;
    int rc = parse_advance(p);
    bool back = rc == 0 && lex_is(&p->lexer, "-");
    rc = back ? parse_advance(p) : rc;
    if (rc == 0 && p->lexer.token.kind != TOKEN_DURATION) {
        return parse_wanted(p, "a duration such as 5m");
    }
    if (rc == 0 && (!is_bare(e) || e->selector->has_offset)) {
        return expr_fail(p->error, column, "offset stands once, directly behind a selector");
    }
    if (rc != 0) {
        return rc;
    }
    e->selector->has_offset = true;
    e->selector->offset_ms = back ? -p->lexer.token.ms : p->lexer.token.ms;
    return parse_advance(p);
}

static int parse_at_time(struct parser *p, struct expr_selector *selector)
{
    bool negative = lex_is(&p->lexer, "-");
    int rc = negative ? parse_advance(p) : 0;
    if (rc != 0) {
        return rc;
    }
    double seconds = p->lexer.token.number;
    if (p->lexer.token.kind != TOKEN_NUMBER) {
        return parse_wanted(p, "a time in seconds, start() or end()");
    }
    if (!(seconds < 1e12)) {
        return expr_fail(p->error, p->lexer.token.column, "no such time");
    }
    selector->at = EXPR_AT_TIME;
    selector->at_ms = (int64_t)(seconds * 1000 + 0.5) * (negative ? -1 : 1);
    return parse_advance(p);
}

static int parse_at(struct parser *p, struct expr *e)
{
    uint32_t column = p->lexer.token.column;
    int rc = parse_advance(p);
    if (rc == 0 && (!is_bare(e) || e->selector->at != EXPR_AT_NONE)) {
        return expr_fail(p->error, column, "@ stands once, directly behind a selector");
    }
    bool start = lex_is_word(&p->lexer, "start"), end = lex_is_word(&p->lexer, "end");
    if (rc != 0 || (!start && !end)) {
        return rc != 0 ? rc : parse_at_time(p, e->selector);
    }
    e->selector->at = start ? EXPR_AT_START : EXPR_AT_END;
    rc = parse_advance(p);
    rc = rc == 0 ? parse_expect(p, "(") : rc;
    return rc == 0 ? parse_expect(p, ")") : rc;
}

int parse_suffixes(struct parser *p, struct expr *e)
{
    int rc = 0;
    for (;;) {
        if (rc == 0 && lex_is(&p->lexer, "[")) {
            rc = parse_range(p, e);
        } else if (rc == 0 && lex_is_word(&p->lexer, "offset")) {
            rc = parse_offset(p, e);
        } else if (rc == 0 && lex_is(&p->lexer, "@")) {
            rc = parse_at(p, e);
        } else {
            return rc;
        }
    }
}
