// SPDX-License-Identifier: Apache-2.0
// Lines that a program prints for the collector exec: `name{label="value"} number [time]`, and
// `# TYPE name counter`; the text format of Prometheus, as far as it is about single samples. The
// tool's import takes the same lines apart, and reads numbers itself.
//
// Whether name and labels are valid is the series table's business; here they only have to end
// where they should: a brace within quotes ends nothing.
//
// Threading: pure functions; any context.
#include "parse.h"

#include <math.h>
#include <string.h>

#define EXACT_DIGITS 15u // 10^15 < 2^53
#define EXACT_POWER  22  // 10^22 is exact in a double
#define MAX_DIGITS   19u // 10^19 < 2^64
#define MAX_EXPONENT 9999

static struct varve_span behind(struct varve_span span, size_t n)
{
    return (struct varve_span){span.at + n, span.len - n};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// ---- numbers

struct decimal {
    uint64_t mantissa;
    unsigned digits; // significant ones in it
    int exponent;    // of ten
};

// Digits with at most one point; returns how many characters, 0 when there is no digit.
static size_t take_digits(struct varve_span text, struct decimal *d)
{
    size_t i = 0, digits = 0;
    bool point = false;
    for (; i < text.len && (is_digit(text.at[i]) || (text.at[i] == '.' && !point)); i++) {
        if (text.at[i] == '.') {
            point = true;
            continue;
        }
        digits++;
        bool fits = d->digits < MAX_DIGITS;
        d->mantissa = fits ? d->mantissa * 10 + (uint64_t)(text.at[i] - '0') : d->mantissa;
        d->digits += fits && d->mantissa > 0;
        d->exponent += (fits ? 0 : 1) - (point ? 1 : 0);
        if (d->exponent > MAX_EXPONENT || d->exponent < -MAX_EXPONENT)
            return 0;
    }
    return digits > 0 ? i : 0;
}

static bool take_exponent(struct varve_span text, struct decimal *d)
{
    int64_t exponent;
    if (text.len == 0)
        return true;
    if (text.at[0] != 'e' && text.at[0] != 'E')
        return false;
    text = behind(text, 1);
    bool plus = text.len > 0 && text.at[0] == '+';
    if (plus)
        text = behind(text, 1);
    if (text.len == 0 || (!is_digit(text.at[0]) && (plus || text.at[0] != '-')) ||
        !varve_scan_i64(text, &exponent))
        return false;
    if (exponent > MAX_EXPONENT || exponent < -MAX_EXPONENT)
        exponent = exponent > 0 ? MAX_EXPONENT : -MAX_EXPONENT; // infinite or zero either way
    d->exponent += (int)exponent;
    return true;
}

static long double power_of_ten(unsigned n)
{
    long double power = 1, square = 10;
    for (; n > 0; n >>= 1) {
        power *= (n & 1u) != 0 ? square : 1;
        square *= square;
    }
    return power;
}

// Up to 15 digits and 10^22 the one operation is rounded correctly (Clinger 1990); beyond, the last
// bit of a double may differ from the nearest, and the last four where a long double is no longer
// than a double (32-bit ARM).
static double value_of(const struct decimal *d)
{
    unsigned power = (unsigned)(d->exponent < 0 ? -d->exponent : d->exponent);
    if (d->mantissa == 0)
        return 0;
    if (d->digits <= EXACT_DIGITS && power <= EXACT_POWER) {
        double exact = (double)power_of_ten(power);
        return d->exponent < 0 ? (double)d->mantissa / exact : (double)d->mantissa * exact;
    }
    long double scaled = (long double)d->mantissa;
    if (d->exponent >= 0)
        return (double)(scaled * power_of_ten(power));
    unsigned half = power / 2; // in two steps: the power alone may be out of range
    return (double)(scaled / power_of_ten(half) / power_of_ten(power - half));
}

static bool equals_ignoring_case(struct varve_span span, const char *lower)
{
    for (size_t i = 0; i < span.len; i++) {
        char c = span.at[i];
        c = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
        if (lower[i] == '\0' || c != lower[i])
            return false;
    }
    return lower[span.len] == '\0';
}

bool varve_exposition_number(struct varve_span token, double *value)
{
    bool negative = token.len > 0 && token.at[0] == '-';
    struct decimal d = {.mantissa = 0};
    if (negative || (token.len > 0 && token.at[0] == '+'))
        token = behind(token, 1);
    if (equals_ignoring_case(token, "nan")) {
        *value = (double)NAN;
        return true;
    }
    if (equals_ignoring_case(token, "inf") || equals_ignoring_case(token, "infinity")) {
        *value = negative ? -(double)INFINITY : (double)INFINITY;
        return true;
    }
    size_t n = take_digits(token, &d);
    if (n == 0 || !take_exponent(behind(token, n), &d))
        return false;
    *value = negative ? -value_of(&d) : value_of(&d);
    return true;
}

// ---- lines

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == ':';
}

// Length of `{...}`, quotes respected; 0 when it does not end.
static size_t labels_length(struct varve_span text)
{
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.at[i] == '\\')
            i++;
        else if (text.at[i] == '"')
            quoted = !quoted;
        else if (!quoted && text.at[i] == '}')
            return i + 1;
    }
    return 0;
}

static bool take_series(struct varve_span *rest, struct varve_exposition_text *out)
{
    size_t n = 0;
    while (n < rest->len && is_name_char(rest->at[n]))
        n++;
    if (n == 0)
        return false;
    out->name = (struct varve_span){rest->at, n};
    if (n < rest->len && rest->at[n] == '{') {
        size_t labels = labels_length(behind(*rest, n));
        if (labels == 0)
            return false;
        n += labels;
    }
    out->series = (struct varve_span){rest->at, n};
    *rest = behind(*rest, n);
    return rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t');
}

static enum varve_exposition_line split_comment(struct varve_span rest,
                                                struct varve_exposition_text *out)
{
    struct varve_span word;
    if (!varve_scan_token(&rest, &word))
        return VARVE_EXPOSITION_NOTHING;
    bool type = varve_span_equals(word, "TYPE");
    bool unit = varve_span_equals(word, "UNIT");
    if (!type && !unit && !varve_span_equals(word, "HELP"))
        return VARVE_EXPOSITION_NOTHING;
    if (!varve_scan_token(&rest, &out->name))
        return type ? VARVE_EXPOSITION_GARBAGE : VARVE_EXPOSITION_NOTHING;
    if (!type) {
        out->rest = rest;
        return unit ? VARVE_EXPOSITION_UNIT : VARVE_EXPOSITION_HELP;
    }
    return varve_scan_token(&rest, &out->type) ? VARVE_EXPOSITION_TYPE : VARVE_EXPOSITION_GARBAGE;
}

enum varve_exposition_line varve_split_exposition(struct varve_span line,
                                                  struct varve_exposition_text *out)
{
    *out = (struct varve_exposition_text){.name = {NULL, 0}};
    while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t'))
        line = behind(line, 1);
    if (line.len == 0)
        return VARVE_EXPOSITION_NOTHING;
    if (line.at[0] == '#')
        return split_comment(behind(line, 1), out);
    if (!take_series(&line, out) || !varve_scan_token(&line, &out->number))
        return VARVE_EXPOSITION_GARBAGE;
    (void)varve_scan_token(&line, &out->time); // may be missing
    out->rest = line;
    return VARVE_EXPOSITION_SAMPLE;
}

static bool take_sample(struct varve_exposition_text *text, struct varve_exposition *out)
{
    struct varve_span more;
    if (!varve_exposition_number(text->number, &out->value) || varve_scan_token(&text->rest, &more))
        return false;
    out->has_time = text->time.len > 0;
    return !out->has_time || varve_scan_i64(text->time, &out->time_ms);
}

enum varve_exposition_line varve_parse_exposition(struct varve_span line,
                                                  struct varve_exposition *out)
{
    struct varve_exposition_text text;
    enum varve_exposition_line kind = varve_split_exposition(line, &text);
    *out = (struct varve_exposition){.series = text.series};
    if (kind == VARVE_EXPOSITION_TYPE || kind == VARVE_EXPOSITION_SAMPLE)
        out->name = text.name;
    if (kind == VARVE_EXPOSITION_TYPE)
        out->counter = varve_span_equals(text.type, "counter");
    if (kind == VARVE_EXPOSITION_SAMPLE && !take_sample(&text, out))
        return VARVE_EXPOSITION_GARBAGE;
    bool describes = kind == VARVE_EXPOSITION_HELP || kind == VARVE_EXPOSITION_UNIT;
    return describes ? VARVE_EXPOSITION_NOTHING : kind;
}
