// SPDX-License-Identifier: Apache-2.0
// From a regular expression to its program: recursive descent; see regex.h. The method is
// Thompson's, in the form of R. Cox, "Regular Expression Matching: the Virtual Machine Approach",
// 2009.
#include <string.h>

#include "regex_program.h"
#include "varve/error.h"

#define DEPTH_MAX        24u // groups in each other
#define ALTERNATIVES_MAX 256u
#define REPEAT_MAX       1000u // as RE2
#define WORK_MAX         20000u // atoms looked at: repetitions of nothing make no code, but take time
#define ENDLESS          UINT32_MAX

struct compiler {
    const char *text, *end, *at;
    struct regex *out;
    struct instruction code[REGEX_CODE_MAX];
    struct range ranges[REGEX_CODE_MAX];
    uint32_t code_count, range_count;
    unsigned depth, alternatives, work;
    const char *why;
};

static int fail(struct compiler *c, const char *why)
{
    c->why = why;
    return VARVE_E_INVALID;
}

static int too_big(struct compiler *c)
{
    c->why = "the regular expression is too large";
    return VARVE_E_TOO_BIG;
}

static int emit(struct compiler *c, enum opcode op, uint32_t x, uint32_t y)
{
    if (c->code_count == REGEX_CODE_MAX) {
        return too_big(c);
    }
    c->code[c->code_count++] =
        (struct instruction){.op = (uint8_t)op, .x = (uint16_t)x, .y = (uint16_t)y};
    return 0;
}

// Makes room for `n` instructions at `at`; everything behind moves, jumps there included.
static int insert(struct compiler *c, uint32_t at, uint32_t n)
{
    if (c->code_count + n > REGEX_CODE_MAX) {
        return too_big(c);
    }
    memmove(&c->code[at + n], &c->code[at], (c->code_count - at) * sizeof *c->code);
    c->code_count += n;
    for (uint32_t i = at + n; i < c->code_count; i++) {
        struct instruction *in = &c->code[i];
        if (in->op == OP_SPLIT || in->op == OP_JUMP) {
            in->x = (uint16_t)(in->x + (in->x >= at ? n : 0));
            in->y = (uint16_t)(in->y + (in->y >= at ? n : 0));
        }
    }
    return 0;
}

static int add_range(struct compiler *c, uint32_t low, uint32_t high)
{
    if (c->range_count == REGEX_CODE_MAX) {
        return too_big(c);
    }
    c->ranges[c->range_count++] = (struct range){low, high};
    return 0;
}

// \d, \w, \s as ranges; 0 when it is none of them.
static int add_perl_class(struct compiler *c, char letter)
{
    int rc = 0;
    switch (letter) {
    case 'd':
        return add_range(c, '0', '9');
    case 'w':
        rc = add_range(c, '0', '9');
        rc = rc == 0 ? add_range(c, 'A', 'Z') : rc;
        rc = rc == 0 ? add_range(c, '_', '_') : rc;
        return rc == 0 ? add_range(c, 'a', 'z') : rc;
    default: // s
        rc = add_range(c, '\t', '\n');
        rc = rc == 0 ? add_range(c, '\f', '\r') : rc;
        return rc == 0 ? add_range(c, ' ', ' ') : rc;
    }
}

static bool is_word(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9');
}

// Behind a backslash: a character that stands for itself or a control character.
static int escaped_char(struct compiler *c, uint32_t *out)
{
    if (c->at == c->end) {
        return fail(c, "a backslash at the end");
    }
    char letter = *c->at;
    static const char controls[] = "n\nt\tr\rf\fv\va\a";
    for (size_t i = 0; controls[i] != '\0'; i += 2) {
        if (controls[i] == letter) {
            c->at++;
            *out = (uint8_t)controls[i + 1];
            return 0;
        }
    }
    if (is_word(letter)) {
        return fail(c,
                    "this escape is not supported (\\d \\w \\s \\n \\t \\r and punctuation are)");
    }
    *out = regex_next_char(&c->at, c->end);
    return 0;
}

static int class_item(struct compiler *c)
{
    uint32_t low, high;
    if (*c->at == '[' && c->at + 1 < c->end && c->at[1] == ':') {
        return fail(c, "classes such as [:alpha:] are not supported; use a-zA-Z");
    }
    if (*c->at == '\\' && c->at + 1 < c->end && strchr("dws", c->at[1]) != NULL) {
        c->at += 2;
        return add_perl_class(c, c->at[-1]);
    }
    int rc = 0;
    if (*c->at == '\\') {
        c->at++;
        rc = escaped_char(c, &low);
    } else {
        low = regex_next_char(&c->at, c->end);
    }
    high = low;
    if (rc == 0 && c->at + 1 < c->end && c->at[0] == '-' && c->at[1] != ']') {
        c->at++;
        if (*c->at == '\\') {
            c->at++;
            rc = escaped_char(c, &high);
        } else {
            high = regex_next_char(&c->at, c->end);
        }
    }
    if (rc == 0 && high < low) {
        return fail(c, "a range that ends before it begins");
    }
    return rc == 0 ? add_range(c, low, high) : rc;
}

// Behind the opening bracket.
static int compile_class(struct compiler *c)
{
    uint32_t first = c->range_count;
    bool negated = c->at < c->end && *c->at == '^';
    c->at += negated;
    bool begun = false;
    int rc = 0;
    while (rc == 0 && c->at < c->end && (*c->at != ']' || !begun)) {
        rc = class_item(c);
        begun = true;
    }
    if (rc == 0 && c->at == c->end) {
        return fail(c, "a class without its closing ]");
    }
    c->at++;
    rc = rc == 0 ? emit(c, OP_RANGES, first, c->range_count - first) : rc;
    if (rc == 0) {
        c->code[c->code_count - 1].negated = negated;
    }
    return rc;
}

static int emit_char(struct compiler *c, uint32_t code)
{
    int rc = add_range(c, code, code);
    return rc == 0 ? emit(c, OP_RANGES, c->range_count - 1, 1) : rc;
}

static int compile_escape(struct compiler *c)
{
    uint32_t first = c->range_count, code;
    if (c->at < c->end && strchr("dwsDWS", *c->at) != NULL) {
        char letter = *c->at++;
        bool negated = letter < 'a';
        int rc = add_perl_class(c, negated ? (char)(letter + ('a' - 'A')) : letter);
        rc = rc == 0 ? emit(c, OP_RANGES, first, c->range_count - first) : rc;
        if (rc == 0) {
            c->code[c->code_count - 1].negated = negated;
        }
        return rc;
    }
    int rc = escaped_char(c, &code);
    return rc == 0 ? emit_char(c, code) : rc;
}

static int compile_alternatives(struct compiler *c);

// Behind the opening parenthesis.
static int compile_group(struct compiler *c)
{
    if (c->end - c->at >= 2 && c->at[0] == '?') {
        if (c->at[1] != ':') {
            return fail(c, "flags such as (?i) and named groups are not supported");
        }
        c->at += 2;
    }
    if (++c->depth > DEPTH_MAX) {
        return fail(c, "too many groups in each other");
    }
    int rc = compile_alternatives(c);
    c->depth--;
    if (rc == 0 && (c->at == c->end || *c->at != ')')) {
        return fail(c, "a group without its closing )");
    }
    c->at++;
    return rc;
}

static int compile_atom(struct compiler *c)
{
    if (++c->work > WORK_MAX) {
        return too_big(c);
    }
    switch (*c->at) {
    case '(':
        c->at++;
        return compile_group(c);
    case '[':
        c->at++;
        return compile_class(c);
    case '\\':
        c->at++;
        return compile_escape(c);
    case '.':
        c->at++;
        if (add_range(c, '\n', '\n') != 0 || emit(c, OP_RANGES, c->range_count - 1, 1) != 0) {
            return VARVE_E_TOO_BIG;
        }
        c->code[c->code_count - 1].negated = true;
        return 0;
    case '^':
        c->at++;
        return emit(c, OP_START, 0, 0);
    case '$':
        c->at++;
        return emit(c, OP_END, 0, 0);
    case '*':
    case '+':
    case '?':
        return fail(c, "nothing stands before this repetition");
    default:
        return emit_char(c, regex_next_char(&c->at, c->end));
    }
}

// Reads {n}, {n,} or {n,m}; false when it is none of them and so a literal brace, as in RE2.
static bool read_counts(const char **at, const char *end, unsigned *least, unsigned *most)
{
    const char *p = *at + 1;
    unsigned value[2] = {0, 0};
    bool given[2] = {false, false}, comma = false;
    for (; p < end && *p != '}'; p++) {
        if (*p == ',' && !comma) {
            comma = true;
        } else if (*p >= '0' && *p <= '9') {
            value[comma] =
                value[comma] > REPEAT_MAX ? value[comma] : value[comma] * 10 + (unsigned)(*p - '0');
            given[comma] = true;
        } else {
            return false;
        }
    }
    if (p == end || !given[0]) {
        return false;
    }
    *least = value[0];
    *most = given[1] ? value[1] : value[0];
    *most = comma && !given[1] ? ENDLESS : *most;
    *at = p + 1;
    return true;
}

// The code from `first` on becomes optional, or repeated.
static int wrap(struct compiler *c, uint32_t first, char how)
{
    int rc = 0;
    if (how == '+') {
        return emit(c, OP_SPLIT, first, c->code_count + 1);
    }
    rc = insert(c, first, 1);
    rc = rc == 0 && how == '*' ? emit(c, OP_JUMP, first, first) : rc;
    if (rc == 0) {
        c->code[first] = (struct instruction){
            .op = OP_SPLIT, .x = (uint16_t)(first + 1), .y = (uint16_t)c->code_count};
    }
    return rc;
}

static int again(struct compiler *c, const char *atom)
{
    const char *behind = c->at;
    c->at = atom;
    int rc = compile_atom(c);
    c->at = behind;
    return rc;
}

// The atom was compiled once, from `first` on.
static int repeat_counted(struct compiler *c, const char *atom, uint32_t first, unsigned least,
                          unsigned most)
{
    bool endless = most == ENDLESS;
    if (least > REPEAT_MAX || (most > REPEAT_MAX && !endless)) {
        return fail(c, "a repetition of more than 1000");
    }
    if (most < least) {
        return fail(c, "a repetition that ends before it begins");
    }
    if (most == 0) {
        c->code_count = first;
        return 0;
    }
    if (least == 0 && endless) {
        return wrap(c, first, '*');
    }
    int rc = 0;
    for (unsigned i = 1; rc == 0 && i < least; i++) {
        first = c->code_count;
        rc = again(c, atom);
    }
    if (rc == 0 && endless) {
        return wrap(c, first, '+');
    }
    if (rc == 0 && least == 0) {
        rc = wrap(c, first, '?');
        least = 1;
    }
    for (unsigned i = least; rc == 0 && i < most; i++) {
        first = c->code_count;
        rc = again(c, atom);
        rc = rc == 0 ? wrap(c, first, '?') : rc;
    }
    return rc;
}

static int compile_repeated(struct compiler *c)
{
    const char *atom = c->at;
    uint32_t first = c->code_count;
    int rc = compile_atom(c);
    bool repeated = false;
    while (rc == 0 && c->at < c->end) {
        unsigned least, most;
        const char *at = c->at;
        if (strchr("*+?", *at) != NULL && *at != '\0') {
            c->at++;
            rc = repeated ? fail(c, "a repetition of a repetition") : wrap(c, first, *at);
        } else if (*at == '{' && read_counts(&c->at, c->end, &least, &most)) {
            rc = repeated ? fail(c, "a repetition of a repetition")
                          : repeat_counted(c, atom, first, least, most);
        } else {
            break;
        }
        repeated = true;
        c->at += rc == 0 && c->at < c->end && *c->at == '?'; // lazy: it matches the same values
    }
    return rc;
}

static int compile_sequence(struct compiler *c)
{
    int rc = 0;
    while (rc == 0 && c->at < c->end && *c->at != '|' && *c->at != ')') {
        rc = compile_repeated(c);
    }
    return rc;
}

static int compile_alternatives(struct compiler *c)
{
    uint32_t first = c->code_count;
    int rc = compile_sequence(c);
    if (rc != 0 || c->at == c->end || *c->at != '|') {
        return rc;
    }
    c->at++;
    // SPLIT first+1, right; left; JUMP end; right. The end is known when the rest is compiled.
    rc = insert(c, first, 1);
    uint32_t jump = c->code_count;
    rc = rc == 0 ? emit(c, OP_JUMP, 0, 0) : rc;
    if (rc == 0) {
        c->code[first] = (struct instruction){
            .op = OP_SPLIT, .x = (uint16_t)(first + 1), .y = (uint16_t)c->code_count};
        if (++c->alternatives > ALTERNATIVES_MAX) {
            return too_big(c);
        }
        rc = compile_alternatives(c);
    }
    if (rc == 0) {
        c->code[jump].x = (uint16_t)c->code_count;
        c->code[jump].y = (uint16_t)c->code_count;
    }
    return rc;
}

static const struct regex *keep(const struct compiler *c, struct varve_arena *arena)
{
    struct regex *regex = varve_arena_take_zeroed(arena, 1, sizeof *regex);
    size_t n = c->code_count;
    if (regex == NULL) {
        return NULL;
    }
    regex->code_count = c->code_count;
    regex->range_count = c->range_count;
    regex->code = varve_arena_take(arena, n * sizeof *regex->code, _Alignof(struct instruction));
    regex->ranges = varve_arena_take(arena, (c->range_count + 1) * sizeof *regex->ranges,
                                     _Alignof(struct range));
    regex->threads = varve_arena_take(arena, 4 * n * sizeof *regex->threads, _Alignof(uint16_t));
    regex->mark = varve_arena_take_zeroed(arena, n, sizeof *regex->mark);
    if (regex->code == NULL || regex->ranges == NULL || regex->threads == NULL ||
        regex->mark == NULL) {
        return NULL;
    }
    memcpy(regex->code, c->code, n * sizeof *regex->code);
    memcpy(regex->ranges, c->ranges, c->range_count * sizeof *regex->ranges);
    return regex;
}

int regex_compile(const char *pattern, size_t length, struct varve_arena *arena,
                  const struct regex **out, const char **why, size_t *at)
{
    // The compiler's own tables lie at the far end meanwhile: what is kept has its own size.
    struct varve_arena rest = *arena;
    size_t wanted = sizeof(struct compiler) + _Alignof(max_align_t);
    if (arena->size < wanted || arena->used > arena->size - wanted) {
        return VARVE_E_NO_MEMORY;
    }
    rest.size = (arena->size - sizeof(struct compiler)) & ~(_Alignof(max_align_t) - 1);
    struct compiler *c = (struct compiler *)(void *)(arena->base + rest.size);
    memset(c, 0, sizeof *c);
    c->text = c->at = pattern;
    c->end = pattern + length;
    int rc = compile_alternatives(c);
    if (rc == 0 && c->at < c->end) {
        rc = fail(c, "a ) without its group");
    }
    rc = rc == 0 ? emit(c, OP_MATCH, 0, 0) : rc;
    *why = c->why;
    *at = (size_t)(c->at - pattern);
    if (rc != 0) {
        return rc;
    }
    *out = keep(c, &rest);
    rest.size = arena->size;
    *arena = rest;
    return *out != NULL ? 0 : VARVE_E_NO_MEMORY;
}
