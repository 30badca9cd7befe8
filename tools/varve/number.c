// SPDX-License-Identifier: Apache-2.0
// Doubles as text, lossless both ways; see number.h.
//
// The fast paths rest on one fact: an integer of at most 15 digits and a power of ten up to 10^22
// are both exact doubles, so their quotient or product, rounded once, is the double nearest to the
// decimal. Everything else goes through the C library.
#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "varve/error.h"

#define EXACT_DIGITS  15
#define EXACT_INTEGER 1e15
#define PLAIN_NAN     UINT64_C(0x7ff8000000000000)
#define NAN_HEAD      "NaN(0x"

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// ---- writing -----------------------------------------------------------------------------------

static size_t put_digits(char *at, uint64_t value)
{
    char reversed[20];
    size_t n = 0;
    do {
        reversed[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < n; i++) {
        at[i] = reversed[n - 1 - i];
    }
    return n;
}

// The value as digits / 10^places if that is exact; 0 when it is not.
static size_t format_decimal(double value, char *buf)
{
    double size = fabs(value);
    for (int places = 0; places <= 6; places += 3) {
        double scaled = rint(size * powers[places]);
        if (scaled >= EXACT_INTEGER) {
            return 0;
        }
        if (scaled / powers[places] != size) {
            continue;
        }
        uint64_t digits = (uint64_t)scaled;
        int left = places;
        while (left > 0 && digits % 10 == 0) {
            digits /= 10;
            left--;
        }
        uint64_t unit = (uint64_t)powers[left];
        size_t n = 0;
        if (signbit(value)) {
            buf[n++] = '-';
        }
        n += put_digits(buf + n, digits / unit);
        if (left > 0) {
            buf[n++] = '.';
            for (uint64_t rest = digits % unit; unit > 1; rest %= unit) {
                unit /= 10;
                buf[n++] = (char)('0' + rest / unit);
            }
        }
        buf[n] = '\0';
        return n;
    }
    return 0;
}

static size_t format_special(double value, char *buf)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    int n;
    if (isinf(value)) {
        n = snprintf(buf, NUMBER_TEXT, "%s", value < 0 ? "-Inf" : "+Inf");
    } else if (bits == PLAIN_NAN) {
        n = snprintf(buf, NUMBER_TEXT, "NaN");
    } else {
        n = snprintf(buf, NUMBER_TEXT, NAN_HEAD "%016llx)", (unsigned long long)bits);
    }
    return (size_t)n;
}

size_t number_format(double value, char buf[NUMBER_TEXT])
{
    if (!isfinite(value)) {
        return format_special(value, buf);
    }
    size_t n = format_decimal(value, buf);
    for (int digits = 15; n == 0 && digits <= 17; digits++) {
        int len = snprintf(buf, NUMBER_TEXT, "%.*g", digits, value);
        if (digits == 17 || strtod(buf, NULL) == value) {
            n = (size_t)len;
        }
    }
    return n;
}

size_t number_format_integer(int64_t value, char buf[NUMBER_TEXT])
{
    size_t n = 0;
    if (value < 0) {
        buf[n++] = '-';
    }
    n += put_digits(buf + n, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    buf[n] = '\0';
    return n;
}

// ---- reading -----------------------------------------------------------------------------------

// digits [. digits] [e digits] with at most 15 significant digits and a small exponent.
static bool parse_exact(const char *at, const char *end, double *out)
{
    bool negative = *at == '-';
    if (*at == '-' || *at == '+') {
        at++;
    }
    uint64_t digits = 0;
    int count = 0;
    int places = 0;
    int seen = 0;
    bool point = false;
    for (; at < end && (*at == '.' || (*at >= '0' && *at <= '9')); at++) {
        if (*at == '.') {
            if (point) {
                return false;
            }
            point = true;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*at - '0');
        seen++;
        count += digits > 0 ? 1 : 0;
        places += point ? 1 : 0;
        if (count > EXACT_DIGITS || places > 22) {
            return false;
        }
    }
    if (at != end || seen == 0) {
        return false;
    }
    double value = (double)digits / powers[places];
    *out = negative ? -value : value;
    return true;
}

// The value of a hexadecimal digit, or -1.
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// `NaN(0x` and 16 digits of hexadecimal and `)`.
static bool parse_nan_bits(const char *text, size_t len, double *out)
{
    size_t head = strlen(NAN_HEAD);
    if (len != head + 17 || strncasecmp(text, NAN_HEAD, head) != 0 || text[len - 1] != ')') {
        return false;
    }
    uint64_t bits = 0;
    for (size_t i = head; i < len - 1; i++) {
        int digit = hex_digit(text[i]);
        if (digit < 0) {
            return false;
        }
        bits = bits << 4 | (uint64_t)digit;
    }
    memcpy(out, &bits, sizeof bits);
    return isnan(*out);
}

static bool only_number_chars(const char *text)
{
    return text[strspn(text, "0123456789+-.eE")] == '\0' || strcasecmp(text, "nan") == 0 ||
           strcasecmp(text + strspn(text, "+-"), "inf") == 0 ||
           strcasecmp(text + strspn(text, "+-"), "infinity") == 0;
}

static int parse_library(const char *text, size_t len, double *out)
{
    char copy[400];
    if (len >= sizeof copy || memchr(text, '\0', len)) {
        return VARVE_E_INVALID;
    }
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (!only_number_chars(copy)) {
        return VARVE_E_INVALID;
    }
    if (strcasecmp(copy, "nan") == 0) {
        uint64_t bits = PLAIN_NAN;
        memcpy(out, &bits, sizeof bits);
        return 0;
    }
    char *end = copy;
    errno = 0;
    *out = strtod(copy, &end);
    bool too_large = errno == ERANGE && fabs(*out) > 1.0;
    return *end == '\0' && end > copy && !too_large ? 0 : VARVE_E_INVALID;
}

int number_parse(const char *text, size_t len, double *out)
{
    if (len == 0) {
        return VARVE_E_INVALID;
    }
    if (parse_exact(text, text + len, out) || parse_nan_bits(text, len, out)) {
        return 0;
    }
    return parse_library(text, len, out);
}

const char *number_short(double value, char buf[NUMBER_TEXT])
{
    static const char units[] = " kMGTPE";
    double scaled = fabs(value);
    size_t unit = 0;
    if (!isfinite(value) || (scaled > 0 && scaled < 1e-3) || scaled >= 1e21) {
        (void)(isfinite(value) ? (size_t)snprintf(buf, NUMBER_TEXT, "%.2e", value)
                               : number_format(value, buf));
        return buf;
    }
    while (scaled >= 9999.5 && units[unit + 1] != '\0') {
        scaled /= 1000;
        unit++;
    }
    char suffix[2] = {units[unit], '\0'};
    (void)snprintf(buf, NUMBER_TEXT, "%s%.4g%s", value < 0 ? "-" : "", scaled,
                   unit > 0 ? suffix : "");
    return buf;
}
