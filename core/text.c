// SPDX-License-Identifier: Apache-2.0
// Text without libc: the printf subset behind logs, errors and JSON, the appender, globs, and the
// edit distance behind "did you mean". Numbers read from text are core/parse.c's.
//
// Threading: no state; any context.
#include "core/text.h"

#include <limits.h>
#include <string.h>

struct sink {
    char *buf;
    size_t cap;
    size_t len; // of the whole text, whether it fits or not
};

enum length {
    LENGTH_INT,
    LENGTH_LONG,
    LENGTH_LONG_LONG,
    LENGTH_SIZE,
};

struct spec {
    bool left;
    bool zero;
    bool has_precision;
    size_t width;
    size_t precision;
    enum length length;
    char conversion;
};

static void put(struct sink *s, char c)
{
    if (s->len + 1 < s->cap) {
        s->buf[s->len] = c;
    }
    s->len++;
}

static void put_many(struct sink *s, char c, size_t n)
{
    while (n-- > 0) {
        put(s, c);
    }
}

static void put_bytes(struct sink *s, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put(s, bytes[i]);
    }
}

static size_t padding(const struct spec *spec, size_t length)
{
    return spec->width > length ? spec->width - length : 0;
}

static void put_padded(struct sink *s, const struct spec *spec, const char *bytes, size_t n)
{
    size_t pad = padding(spec, n);
    if (!spec->left) {
        put_many(s, ' ', pad);
    }
    put_bytes(s, bytes, n);
    if (spec->left) {
        put_many(s, ' ', pad);
    }
}

static void put_number(struct sink *s, const struct spec *spec, uint64_t value, bool negative)
{
    char digits[24];
    size_t at = sizeof digits;
    const uint64_t base = spec->conversion == 'x' || spec->conversion == 'X' ? 16 : 10;
    const char *alphabet = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        digits[--at] = alphabet[value % base];
        value /= base;
    } while (value != 0);
    if (spec->zero && !spec->left) {
        size_t shown = sizeof digits - at + (negative ? 1 : 0);
        put_many(s, '-', negative ? 1 : 0);
        put_many(s, '0', padding(spec, shown));
        put_bytes(s, digits + at, sizeof digits - at);
        return;
    }
    if (negative) {
        digits[--at] = '-';
    }
    put_padded(s, spec, digits + at, sizeof digits - at);
}

static void put_signed(struct sink *s, const struct spec *spec, va_list *args)
{
    int64_t value;
    switch (spec->length) {
    case LENGTH_LONG:
        value = va_arg(*args, long);
        break;
    case LENGTH_LONG_LONG:
        value = va_arg(*args, long long);
        break;
    case LENGTH_SIZE:
        value = (int64_t)va_arg(*args, size_t);
        break;
    default:
        value = va_arg(*args, int);
        break;
    }
    put_number(s, spec, value < 0 ? 0u - (uint64_t)value : (uint64_t)value, value < 0);
}

static void put_unsigned(struct sink *s, const struct spec *spec, va_list *args)
{
    uint64_t value;
    switch (spec->length) {
    case LENGTH_LONG:
        value = va_arg(*args, unsigned long);
        break;
    case LENGTH_LONG_LONG:
        value = va_arg(*args, unsigned long long);
        break;
    case LENGTH_SIZE:
        value = va_arg(*args, size_t);
        break;
    default:
        value = va_arg(*args, unsigned);
        break;
    }
    put_number(s, spec, value, false);
}

// With a precision the bytes need not end in a NUL.
static void put_string(struct sink *s, const struct spec *spec, const char *text)
{
    text = text != NULL ? text : "(null)";
    size_t n = 0;
    while ((!spec->has_precision || n < spec->precision) && text[n] != '\0') {
        n++;
    }
    put_padded(s, spec, text, n);
}

static const char *read_count(const char *p, size_t *count, bool *negative, va_list *args)
{
    *negative = false;
    *count = 0;
    if (*p == '*') {
        int given = va_arg(*args, int);
        *negative = given < 0;
        *count = given < 0 ? 0u - (size_t)given : (size_t)given;
        return p + 1;
    }
    for (; *p >= '0' && *p <= '9'; p++) {
        *count = *count * 10 + (size_t)(*p - '0');
    }
    return p;
}

static const char *read_length(const char *p, enum length *length)
{
    *length = LENGTH_INT;
    if (*p == 'z') {
        *length = LENGTH_SIZE;
        return p + 1;
    }
    if (*p != 'l') {
        return p;
    }
    *length = p[1] == 'l' ? LENGTH_LONG_LONG : LENGTH_LONG;
    return p + (p[1] == 'l' ? 2 : 1);
}

// Reads what follows a '%'; returns the position behind the conversion character.
static const char *read_spec(const char *p, struct spec *spec, va_list *args)
{
    bool negative;
    memset(spec, 0, sizeof *spec);
    for (; *p == '-' || *p == '0'; p++) {
        spec->left = spec->left || *p == '-';
        spec->zero = spec->zero || *p == '0';
    }
    p = read_count(p, &spec->width, &negative, args);
    spec->left = spec->left || negative;
    if (*p == '.') {
        p = read_count(p + 1, &spec->precision, &negative, args);
        spec->has_precision = !negative;
    }
    p = read_length(p, &spec->length);
    spec->conversion = *p;
    return *p != '\0' ? p + 1 : p;
}

static bool put_spec(struct sink *s, const struct spec *spec, va_list *args)
{
    char c;
    switch (spec->conversion) {
    case '%':
        put(s, '%');
        return true;
    case 'c':
        c = (char)va_arg(*args, int);
        put_padded(s, spec, &c, 1);
        return true;
    case 's':
        put_string(s, spec, va_arg(*args, const char *));
        return true;
    case 'd':
    case 'i':
        put_signed(s, spec, args);
        return true;
    case 'u':
    case 'x':
    case 'X':
        put_unsigned(s, spec, args);
        return true;
    default:
        return false;
    }
}

size_t varve_vformat(char *buf, size_t cap, const char *format, va_list list)
{
    struct sink s = {buf, cap, 0};
    // A copy, as the address of a parameter is not that of a va_list where the type is an array.
    va_list args;
    va_copy(args, list);
    for (const char *p = format; *p != '\0';) {
        struct spec spec;
        if (*p != '%') {
            put(&s, *p++);
            continue;
        }
        const char *next = read_spec(p + 1, &spec, &args);
        if (!put_spec(&s, &spec, &args)) {
            put_bytes(&s, p, strlen(p));
            break;
        }
        p = next;
    }
    va_end(args);
    if (cap > 0) {
        buf[s.len < cap ? s.len : cap - 1] = '\0';
    }
    return s.len;
}

size_t varve_format(char *buf, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t length = varve_vformat(buf, cap, format, args);
    va_end(args);
    return length;
}

#ifndef VARVE_WITHOUT_TEXTS
void varve_explain(char *why, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)varve_vformat(why, cap, format, args); // a long one is cut
    va_end(args);
}
#endif

// ---- appender -----------------------------------------------------------------------------------

void varve_text_init(struct varve_text *t, char *buf, size_t cap)
{
    *t = (struct varve_text){.buf = buf, .cap = cap};
    buf[0] = '\0';
}

void varve_text_add(struct varve_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    size_t room = t->cap - t->len;
    size_t length = varve_vformat(t->buf + t->len, room, format, args);
    va_end(args);
    t->cut = t->cut || length >= room;
    t->len += length < room ? length : room - 1;
}

void varve_text_bytes(struct varve_text *t, const char *bytes, size_t n)
{
    size_t room = t->cap - t->len - 1;
    size_t fits = n < room ? n : room;
    memcpy(t->buf + t->len, bytes, fits);
    t->len += fits;
    t->buf[t->len] = '\0';
    t->cut = t->cut || fits < n;
}

// ---- matching -----------------------------------------------------------------------------------

bool varve_glob(const char *pattern, const char *text)
{
    const char *star = NULL; // behind the last star seen; only that one needs to be tried again
    const char *retry = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            retry = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool is_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool varve_text_is_name(const char *text, size_t cap)
{
    size_t n = 0;
    while (is_alphanumeric(text[n]) || (n > 0 && (text[n] == '_' || text[n] == '-'))) {
        n++;
    }
    return n > 0 && n < cap && text[n] == '\0';
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

// Optimal string alignment over three rows of the usual table.
unsigned varve_text_distance(const char *a, const char *b)
{
    uint8_t rows[3][VARVE_DISTANCE_MAX];
    size_t na = strlen(a);
    size_t nb = strlen(b);
    if (na >= VARVE_DISTANCE_MAX || nb >= VARVE_DISTANCE_MAX) {
        return UINT_MAX;
    }
    for (size_t j = 0; j <= nb; j++) {
        rows[0][j] = (uint8_t)j;
    }
    for (size_t i = 1; i <= na; i++) {
        uint8_t *row = rows[i % 3];
        const uint8_t *above = rows[(i - 1) % 3];
        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= nb; j++) {
            unsigned cost = a[i - 1] == b[j - 1] ? 0 : 1;
            unsigned best = least(above[j] + 1u, row[j - 1] + 1u);
            best = least(best, above[j - 1] + cost);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = least(best, rows[(i - 2) % 3][j - 2] + 1u);
            }
            row[j] = (uint8_t)best;
        }
    }
    return rows[na % 3][nb];
}

// A third of the letters may be wrong: "cup" suggests "cpu", "xyz" suggests nothing.
void varve_nearest_offer(struct varve_nearest *nearest, const char *candidate)
{
    unsigned allowed = (unsigned)(strlen(nearest->wanted) + 2) / 3;
    unsigned distance = varve_text_distance(nearest->wanted, candidate);
    if (distance > allowed || (nearest->best != NULL && distance >= nearest->distance)) {
        return;
    }
    nearest->best = candidate;
    nearest->distance = distance;
}
