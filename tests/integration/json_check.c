// SPDX-License-Identifier: Apache-2.0
// A strict JSON checker (RFC 8259) for the tests of what the tool prints, so that a machine needs
// no other program for it.
//
//   json_check [-p PATH] [PATH...] <document
//
// Fails with the line and column when standard input is not exactly one JSON value, or when a PATH
// does not occur in it. `results[].series` is the member `series` of any element of `results`. -p
// prints each scalar found at its PATH, one per line, strings with their quotes.
//
// Not checked: that the keys of an object differ.
//
// Threading: one task.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX      64
#define PATH_MAX_BYTES 512u

struct document {
    char *text;
    size_t len;
    size_t at;
    char path[PATH_MAX_BYTES]; // of the value that is being read
    size_t path_len;
    int depth;
    const char *print; // NULL: nothing
    char **wanted;
    int wanted_count;
    bool *seen;
};

static bool value(struct document *d);

static bool fail(const struct document *d, const char *why)
{
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < d->at && i < d->len; i++) {
        column = d->text[i] == '\n' ? 1 : column + 1;
        line += d->text[i] == '\n' ? 1 : 0;
    }
    (void)fprintf(stderr, "json_check: line %zu, column %zu: %s\n", line, column, why);
    return false;
}

// The next byte, or -1 at the end.
static int peek(const struct document *d)
{
    return d->at < d->len ? (unsigned char)d->text[d->at] : -1;
}

static bool take(struct document *d, int wanted)
{
    if (peek(d) != wanted) {
        return false;
    }
    d->at++;
    return true;
}

static void space(struct document *d)
{
    while (peek(d) == ' ' || peek(d) == '\t' || peek(d) == '\n' || peek(d) == '\r') {
        d->at++;
    }
}

// ---- strings -----------------------------------------------------------------------------------

static bool is_hex(int c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool escape(struct document *d)
{
    int c = peek(d);
    if (c != 'u') {
        d->at++;
        return (c > 0 && strchr("\"\\/bfnrt", c)) || fail(d, "no such escape");
    }
    d->at++;
    for (int i = 0; i < 4; i++) {
        if (!is_hex(peek(d))) {
            return fail(d, "\\u needs four hexadecimal digits");
        }
        d->at++;
    }
    return true;
}

// One character of more than a byte: shortest form, no surrogates, at most U+10FFFF.
static bool utf8(struct document *d)
{
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    int c = peek(d);
    int len = 2 + (c >= 0xe0 ? 1 : 0) + (c >= 0xf0 ? 1 : 0);
    unsigned long code = (unsigned long)c & (0x7fu >> len);
    if (c < 0xc2 || c > 0xf4) {
        return fail(d, "no UTF-8");
    }
    d->at++;
    for (int i = 1; i < len; i++, d->at++) {
        if ((peek(d) & 0xc0) != 0x80 || peek(d) < 0) {
            return fail(d, "no UTF-8");
        }
        code = code << 6 | ((unsigned long)peek(d) & 0x3fu);
    }
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return (code >= least[len] && code <= 0x10ffff && !surrogate) || fail(d, "no UTF-8");
}

static bool string(struct document *d)
{
    if (!take(d, '"')) {
        return fail(d, "expected a string");
    }
    while (!take(d, '"')) {
        int c = peek(d);
        bool good = true;
        if (c < 0x20) {
            return fail(d, c < 0 ? "a string is not closed" : "a control character in a string");
        }
        if (c >= 0x80) {
            good = utf8(d);
        } else if (take(d, '\\')) {
            good = escape(d);
        } else {
            d->at++;
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

// ---- other scalars -----------------------------------------------------------------------------

static bool digits(struct document *d)
{
    size_t first = d->at;
    while (peek(d) >= '0' && peek(d) <= '9') {
        d->at++;
    }
    return d->at > first || fail(d, "expected a digit");
}

static bool number(struct document *d)
{
    (void)take(d, '-'); // may be absent
    if (!take(d, '0') && !digits(d)) {
        return false;
    }
    if (take(d, '.') && !digits(d)) {
        return false;
    }
    if (take(d, 'e') || take(d, 'E')) {
        if (!take(d, '+')) {
            (void)take(d, '-'); // may be absent
        }
        return digits(d);
    }
    return true;
}

static bool word(struct document *d, const char *text)
{
    size_t len = strlen(text);
    if (d->len - d->at < len || memcmp(d->text + d->at, text, len) != 0) {
        return fail(d, "no JSON value");
    }
    d->at += len;
    return true;
}

static bool scalar(struct document *d)
{
    switch (peek(d)) {
    case '"':
        return string(d);
    case 't':
        return word(d, "true");
    case 'f':
        return word(d, "false");
    case 'n':
        return word(d, "null");
    default:
        return number(d);
    }
}

// ---- containers and paths ----------------------------------------------------------------------

static bool extend_path(struct document *d, const char *text, size_t len)
{
    if (d->path_len + len >= sizeof d->path) {
        return fail(d, "too deep a path");
    }
    memcpy(d->path + d->path_len, text, len);
    d->path_len += len;
    d->path[d->path_len] = '\0';
    return true;
}

static void cut_path(struct document *d, size_t len)
{
    d->path_len = len;
    d->path[len] = '\0';
}

static bool member(struct document *d)
{
    size_t kept = d->path_len;
    size_t first = d->at + 1;
    if (!string(d) || (kept > 0 && !extend_path(d, ".", 1)) ||
        !extend_path(d, d->text + first, d->at - 1 - first)) {
        return false;
    }
    space(d);
    if (!take(d, ':')) {
        return fail(d, "expected a colon");
    }
    bool good = value(d);
    cut_path(d, kept);
    return good;
}

static bool element(struct document *d)
{
    size_t kept = d->path_len;
    bool good = extend_path(d, "[]", 2) && value(d);
    cut_path(d, kept);
    return good;
}

static bool container(struct document *d, int close, bool (*item)(struct document *))
{
    d->at++;
    space(d);
    if (take(d, close)) {
        return true;
    }
    do {
        space(d);
        if (!item(d)) {
            return false;
        }
        space(d);
    } while (take(d, ','));
    return take(d, close) || fail(d, "expected a comma or the closing bracket");
}

static void note(struct document *d, size_t first, bool is_scalar)
{
    for (int i = 0; i < d->wanted_count; i++) {
        d->seen[i] = d->seen[i] || strcmp(d->wanted[i], d->path) == 0;
    }
    if (is_scalar && d->print && strcmp(d->print, d->path) == 0) {
        (void)printf("%.*s\n", (int)(d->at - first), d->text + first);
    }
}

static bool value(struct document *d)
{
    space(d);
    size_t first = d->at;
    int c = peek(d);
    bool good;
    if (++d->depth > DEPTH_MAX) {
        return fail(d, "nested too deeply");
    }
    if (c == '{') {
        good = container(d, '}', member);
    } else if (c == '[') {
        good = container(d, ']', element);
    } else {
        good = scalar(d);
    }
    d->depth--;
    if (good) {
        note(d, first, c != '{' && c != '[');
    }
    return good;
}

// ---- the program -------------------------------------------------------------------------------

static bool read_input(struct document *d)
{
    size_t cap = 0;
    size_t got;
    do {
        if (d->len == cap) {
            cap = cap ? cap * 2 : 65536;
            char *larger = realloc(d->text, cap);
            if (!larger) {
                return fail(d, "not enough memory");
            }
            d->text = larger;
        }
        got = fread(d->text + d->len, 1, cap - d->len, stdin);
        d->len += got;
    } while (got > 0);
    return ferror(stdin) == 0 || fail(d, "cannot read");
}

static bool check(struct document *d)
{
    if (!value(d)) {
        return false;
    }
    space(d);
    if (d->at != d->len) {
        return fail(d, "text behind the value");
    }
    bool all = true;
    for (int i = 0; i < d->wanted_count; i++) {
        if (!d->seen[i]) {
            (void)fprintf(stderr, "json_check: %s does not occur\n", d->wanted[i]);
            all = false;
        }
    }
    return all;
}

int main(int argc, char **argv)
{
    static struct document d;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "-p") == 0) {
        d.print = argv[2];
        first = 3;
    }
    d.wanted = argv + first;
    d.wanted_count = argc - first;
    d.seen = calloc((size_t)argc, sizeof *d.seen);
    bool good = d.seen && read_input(&d) && check(&d);
    free(d.seen);
    free(d.text);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
