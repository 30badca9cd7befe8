// SPDX-License-Identifier: Apache-2.0
// Words of an expression; see expr_lex.h.
#include "expr_lex.h"

#include <math.h>

#include "varve/error.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static size_t column_of(const struct lexer *lexer, const char *at)
{
    return (size_t)(at - lexer->text);
}

bool lex_is_word(const struct lexer *lexer, const char *word)
{
    const struct varve_span *text = &lexer->token.text;
    if (lexer->token.kind != TOKEN_NAME || strlen(word) != text->len) {
        return false;
    }
    for (size_t i = 0; i < text->len; i++) {
        if (lower(text->at[i]) != word[i]) {
            return false;
        }
    }
    return true;
}

static void skip_blanks(struct lexer *lexer)
{
    for (;;) {
        while (*lexer->at == ' ' || *lexer->at == '\t' || *lexer->at == '\n' ||
               *lexer->at == '\r') {
            lexer->at++;
        }
        if (*lexer->at != '#') {
            return;
        }
        while (*lexer->at != '\0' && *lexer->at != '\n') {
            lexer->at++;
        }
    }
}

// ---- numbers ------------------------------------------------------------------------------------

// 10^exponent times an integer of at most 19 digits: exact where both fit a double, as they do for
// what people write (15 digits, exponents up to 22); within one unit in the last place otherwise.
static double scale(uint64_t mantissa, int exponent)
{
    double value = (double)mantissa;
    double power = 1, base = 10;
    bool down = exponent < 0;
    unsigned n = down ? (unsigned)-exponent : (unsigned)exponent;
    if (down && n > 300) { // a power that is no double any more, though the value may be
        value /= 1e300;
        n -= 300;
    }
    for (; n > 0; n >>= 1) {
        power *= n & 1u ? base : 1;
        base *= base;
    }
    return down ? value / power : value * power;
}

static const char *read_hex(const char *at, double *out)
{
    double value = 0;
    for (;; at++) {
        char c = lower(*at);
        if (is_digit(c)) {
            value = value * 16 + (c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value * 16 + (c - 'a' + 10);
        } else {
            *out = value;
            return at;
        }
    }
}

static const char *read_exponent(const char *at, int *exponent)
{
    const char *p = at;
    if (lower(*p) != 'e') {
        return at;
    }
    p++;
    bool down = *p == '-';
    p += *p == '-' || *p == '+';
    if (!is_digit(*p)) {
        return at;
    }
    int value = 0;
    for (; is_digit(*p); p++) {
        value = value < 1000 ? value * 10 + (*p - '0') : value;
    }
    *exponent += down ? -value : value;
    return p;
}

static const char *read_decimal(const char *at, double *out)
{
    uint64_t mantissa = 0;
    int exponent = 0;
    bool fraction = false;
    for (; is_digit(*at) || (*at == '.' && !fraction); at++) {
        if (*at == '.') {
            fraction = true;
        } else if (mantissa < UINT64_C(1000000000000000000)) {
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
            exponent -= fraction;
        } else {
            exponent += !fraction;
        }
    }
    at = read_exponent(at, &exponent);
    int bounded = exponent > 400 ? 400 : exponent;
    *out = mantissa == 0 ? 0 : scale(mantissa, bounded < -400 ? -400 : bounded);
    return at;
}

// The unit at `at` and how many ms it has; NULL when there is none.
static const char *read_unit(const char *at, int64_t *factor)
{
    if (at[0] == 'm' && at[1] == 's') {
        *factor = 1;
        return at + 2;
    }
    static const char letters[] = "smhdwy";
    static const int64_t factors[] = {1000,     60000,     3600000,
                                      86400000, 604800000, INT64_C(31536000000)};
    const char *found = *at != '\0' ? strchr(letters, *at) : NULL;
    if (found == NULL) {
        return NULL;
    }
    *factor = factors[found - letters];
    return at + 1;
}

// 1h30m and so on, each unit at most a thousand years; NULL when it is no duration.
static const char *read_duration(const char *at, int64_t *ms)
{
    int64_t total = 0;
    do {
        int64_t number = 0, factor;
        if (!is_digit(*at)) {
            return NULL;
        }
        for (; is_digit(*at); at++) {
            number = number < INT64_C(100000000000) ? number * 10 + (*at - '0') : number;
        }
        at = read_unit(at, &factor);
        if (at == NULL || number > INT64_C(31536000000000) / factor) {
            return NULL;
        }
        total += number * factor;
    } while (is_digit(*at) && total < INT64_C(31536000000000));
    *ms = total;
    return at;
}

static int lex_number(struct lexer *lexer)
{
    struct token *token = &lexer->token;
    const char *start = lexer->at;
    bool hex = start[0] == '0' && lower(start[1]) == 'x';
    const char *end = hex ? NULL : read_duration(start, &token->ms);
    token->kind = TOKEN_DURATION;
    if (end == NULL) {
        token->kind = TOKEN_NUMBER;
        end = hex ? read_hex(start + 2, &token->number) : read_decimal(start, &token->number);
    }
    bool letter = is_letter(*end) && *end != ':'; // [5m:1m] is refused as what it is
    if (letter || is_digit(*end) || *end == '.' || (hex && end == start + 2)) {
        return expr_fail(lexer->error, column_of(lexer, start),
                         "this is neither a number nor a duration (1h30m, 500ms, up to 1000y)");
    }
    lexer->at = end;
    return 0;
}

// ---- strings ------------------------------------------------------------------------------------

static int hex_digit(char c)
{
    c = lower(c);
    if (is_digit(c)) {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// Behind a backslash. Returns how many bytes were read, 0 when it is no escape that is known.
static size_t unescape(const char *at, char *out)
{
    static const char pairs[] = "n\nt\tr\r\\\\\"\"''a\ab\bf\fv\v";
    for (size_t i = 0; pairs[i] != '\0'; i += 2) {
        if (pairs[i] == *at) {
            *out = pairs[i + 1];
            return 1;
        }
    }
    if (*at == 'x' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
        *out = (char)(hex_digit(at[1]) * 16 + hex_digit(at[2]));
        return *out != '\0' ? 3 : 0;
    }
    return 0;
}

static int lex_string(struct lexer *lexer)
{
    struct token *token = &lexer->token;
    char quote = *lexer->at;
    const char *start = lexer->at, *p = start + 1;
    const char *close = p;
    while (*close != '\0' && *close != quote) {
        close += *close == '\\' && quote != '`' && close[1] != '\0' ? 2 : 1;
    }
    if (*close == '\0') {
        return expr_fail(lexer->error, column_of(lexer, start), "a string without its closing %c",
                         quote);
    }
    size_t longest = (size_t)(close - p);
    char *out = varve_arena_take(lexer->arena, longest + 1, 1);
    size_t n = 0;
    if (out == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    while (p < close) {
        if (*p != '\\' || quote == '`') {
            out[n++] = *p++;
            continue;
        }
        size_t read = unescape(p + 1, &out[n++]);
        if (read == 0) {
            return expr_fail(lexer->error, column_of(lexer, p),
                             "this escape is not supported (\\\\ \\\" \\n \\t \\r \\x41 are)");
        }
        p += 1 + read;
    }
    out[n] = '\0';
    token->kind = TOKEN_STRING;
    token->string = out;
    token->string_length = n;
    lexer->at = close + 1;
    return 0;
}

// ---- all of them --------------------------------------------------------------------------------

static int lex_sign(struct lexer *lexer)
{
    static const char *const signs[] = {"==", "!=", "=~", "!~", "<=", ">=", "<", ">",
                                        "=",  "(",  ")",  "{",  "}",  "[",  "]", ",",
                                        "@",  "+",  "-",  "*",  "/",  "%",  "^", ":"};
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        size_t length = strlen(signs[i]);
        if (strncmp(lexer->at, signs[i], length) == 0) {
            lexer->token.kind = TOKEN_SIGN;
            lexer->at += length;
            return 0;
        }
    }
    return expr_fail(lexer->error, column_of(lexer, lexer->at), "unexpected character");
}

int lex_next(struct lexer *lexer)
{
    skip_blanks(lexer);
    struct token *token = &lexer->token;
    const char *start = lexer->at;
    *token = (struct token){.column = (uint32_t)column_of(lexer, start)};
    token->text.at = start;
    int rc = 0;
    if (*start == '\0') {
        token->kind = TOKEN_END;
    } else if (is_letter(*start) && !(*start == ':' && !is_letter(start[1]))) {
        token->kind = TOKEN_NAME;
        while (is_letter(*lexer->at) || is_digit(*lexer->at)) {
            lexer->at++;
        }
    } else if (is_digit(*start) || (*start == '.' && is_digit(start[1]))) {
        rc = lex_number(lexer);
    } else if (*start == '"' || *start == '\'' || *start == '`') {
        rc = lex_string(lexer);
    } else {
        rc = lex_sign(lexer);
    }
    token->text.len = (size_t)(lexer->at - start);
    if (rc == 0 && (lex_is_word(lexer, "inf") || lex_is_word(lexer, "nan"))) {
        token->number = lower(*start) == 'i' ? (double)INFINITY : (double)NAN;
        token->kind = TOKEN_NUMBER;
    }
    return rc;
}
