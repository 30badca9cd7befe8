// SPDX-License-Identifier: Apache-2.0
// What the two halves of the parser share: expr_parse.c (calls, aggregations, operators) and
// expr_selector.c (selectors and what stands behind them). Each function reads from the current
// token on and leaves the first one that is not its own; all return 0, VARVE_E_INVALID with the
// reason in the parser's error, or VARVE_E_NO_MEMORY.
//
// Threading: a parser belongs to one task.
#ifndef VARVE_CORE_QUERY_EXPR_PARSER_H
#define VARVE_CORE_QUERY_EXPR_PARSER_H

#include "expr_lex.h"

struct parser {
    struct lexer lexer;
    struct varve_arena *arena;
    const struct expr_error *error;
    unsigned depth; // of calls
};

// Fails: `what` was expected at the current token.
int parse_wanted(const struct parser *p, const char *what);

// Goes on to the next token.
int parse_advance(struct parser *p);

// Goes behind `sign`, which must be the current token.
int parse_expect(struct parser *p, const char *sign);

// A node of the tree over `a` and `b` (NULL: none), from the arena.
int parse_make(struct parser *p, enum expr_kind kind, uint32_t column, struct expr *a,
               struct expr *b, struct expr **out);

// `name`, `name{...}` or `{...}`; the name, if any (else of length 0), is read already.
int parse_selector(struct parser *p, struct varve_span name, uint32_t column, struct expr **out);

// Any number of [range], offset and @ behind `e`.
int parse_suffixes(struct parser *p, struct expr *e);

#endif
