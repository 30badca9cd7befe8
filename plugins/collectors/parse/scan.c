// SPDX-License-Identifier: Apache-2.0
// Implements parse/scan.h. Owns no state; leaves the meaning of the texts to the parsers.
//
// Threading: pure functions; any context.
#include "scan.h"

#include <string.h>

#define MAX_DIGITS 15u // 10^15 < 2^53: every mantissa is exact in a double
#define MAX_PLACES 18u

struct varve_span varve_span_of(const char *text)
{
    return (struct varve_span){text, strlen(text)};
}

bool varve_span_equals(struct varve_span span, const char *text)
{
    return strlen(text) == span.len && memcmp(span.at, text, span.len) == 0;
}

bool varve_span_starts(struct varve_span span, const char *prefix)
{
    size_t len = strlen(prefix);
    return span.len >= len && memcmp(span.at, prefix, len) == 0;
}

bool varve_span_copy(struct varve_span span, char *buf, size_t cap)
{
    bool fits = span.len < cap;
    size_t len = fits ? span.len : 0;
    if (cap == 0)
        return false;
    memcpy(buf, span.at, len);
    buf[len] = '\0';
    return fits;
}

static void skip(struct varve_span *rest, size_t n)
{
    rest->at += n;
    rest->len -= n;
}

bool varve_scan_line(struct varve_span *rest, struct varve_span *line)
{
    if (rest->len == 0)
        return false;
    const char *newline = memchr(rest->at, '\n', rest->len);
    size_t len = newline ? (size_t)(newline - rest->at) : rest->len;
    *line = (struct varve_span){rest->at, len};
    skip(rest, newline ? len + 1 : len);
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool varve_scan_token(struct varve_span *rest, struct varve_span *token)
{
    size_t n = 0;
    while (rest->len > 0 && is_blank(*rest->at))
        skip(rest, 1);
    while (n < rest->len && !is_blank(rest->at[n]))
        n++;
    *token = (struct varve_span){rest->at, n};
    skip(rest, n);
    return n > 0;
}

bool varve_scan_u64(struct varve_span token, uint64_t *value)
{
    uint64_t v = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (!is_digit(token.at[i]))
            return false;
        uint64_t digit = (uint64_t)(token.at[i] - '0');
        if (v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return token.len > 0;
}

bool varve_scan_i64(struct varve_span token, int64_t *value)
{
    uint64_t magnitude;
    bool negative = token.len > 0 && token.at[0] == '-';
    if (negative)
        skip(&token, 1);
    if (!varve_scan_u64(token, &magnitude) || magnitude > INT64_MAX)
        return false;
    *value = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

size_t varve_scan_u64s(struct varve_span *rest, uint64_t *values, size_t cap)
{
    size_t n = 0;
    while (n < cap) {
        struct varve_span ahead = *rest;
        struct varve_span token;
        if (!varve_scan_token(&ahead, &token) || !varve_scan_u64(token, &values[n]))
            break;
        *rest = ahead;
        n++;
    }
    return n;
}

static double power_of_ten(unsigned n)
{
    double p = 1.0;
    while (n-- > 0)
        p *= 10.0; // exact up to 10^22
    return p;
}

bool varve_scan_decimal(struct varve_span token, double *value)
{
    uint64_t mantissa = 0;
    unsigned significant = 0, places = 0;
    bool point = false;
    if (token.len == 0 || !is_digit(token.at[0]) || !is_digit(token.at[token.len - 1]))
        return false;
    for (size_t i = 0; i < token.len; i++) {
        char c = token.at[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(c))
            return false;
        mantissa = mantissa * 10 + (uint64_t)(c - '0');
        significant += mantissa > 0;
        places += point;
        if (significant > MAX_DIGITS || places > MAX_PLACES)
            return false;
    }
    *value = (double)mantissa / power_of_ten(places);
    return true;
}

size_t varve_scan_whole_lines(const char *text, size_t len)
{
    while (len > 0 && text[len - 1] != '\n')
        len--;
    return len;
}

// Greedy with one point to return to: linear for one star, at most |pattern| * |name| steps.
static bool glob(struct varve_span pattern, struct varve_span name)
{
    size_t p = 0, n = 0, star = SIZE_MAX, retry = 0;
    while (n < name.len) {
        if (p < pattern.len && pattern.at[p] == '*') {
            star = p++;
            retry = n;
        } else if (p < pattern.len && (pattern.at[p] == '?' || pattern.at[p] == name.at[n])) {
            p++;
            n++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            n = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.at[p] == '*')
        p++;
    return p == pattern.len;
}

bool varve_glob_list(const char *patterns, struct varve_span name)
{
    struct varve_span rest = varve_span_of(patterns);
    while (rest.len > 0) {
        size_t n = 0;
        while (n < rest.len && !is_blank(rest.at[n]) && rest.at[n] != ',')
            n++;
        if (n > 0 && glob((struct varve_span){rest.at, n}, name))
            return true;
        skip(&rest, n < rest.len ? n + 1 : n);
    }
    return false;
}
