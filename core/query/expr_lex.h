// SPDX-License-Identifier: Apache-2.0
// Words of an expression: names, numbers, durations, strings, signs.
//
// Threading: a lexer belongs to one task.
#ifndef VARVE_CORE_QUERY_EXPR_LEX_H
#define VARVE_CORE_QUERY_EXPR_LEX_H

#include "expr.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME,     // letters, digits, _ and :
    TOKEN_NUMBER,   // `number`
    TOKEN_DURATION, // `ms`
    TOKEN_STRING,   // `string`, without quotes and escapes
    TOKEN_SIGN,     // one of ( ) { } [ ] , @ + - * / % ^ == != <= < >= > = =~ !~ :
};

struct token {
    enum token_kind kind;
    struct varve_span text; // as written
    uint32_t column;
    double number;
    int64_t ms;
    const char *string;
    size_t string_length;
};

struct lexer {
    const char *text, *at;
    struct varve_arena *arena; // for strings
    const struct expr_error *error;
    struct token token; // the current one
};

// Reads the next token. Returns 0, VARVE_E_INVALID or VARVE_E_NO_MEMORY.
int lex_next(struct lexer *lexer);

static inline bool lex_is(const struct lexer *lexer, const char *sign)
{
    return lexer->token.kind == TOKEN_SIGN && span_is(lexer->token.text, sign);
}

// Whether the current token is this word, in any case.
bool lex_is_word(const struct lexer *lexer, const char *word);

#endif
