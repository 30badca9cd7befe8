// SPDX-License-Identifier: Apache-2.0
// Whole numbers, durations and sizes: from text and back, exactly. Every printed value is read back
// as the same number; anything else than number and unit is refused rather than half read.
//
// Threading: no state; any context.
#include "core/text.h"

#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1},
    {"s", 1000},
    {"m", 60000},
    {"h", 3600000},
    {"d", 86400000},
    {"w", 604800000},
    {"y", INT64_C(31536000000)}, // 365 days
};

static const struct unit size_units[] = {
    {"", 1},
    {"K", INT64_C(1) << 10},
    {"M", INT64_C(1) << 20},
    {"G", INT64_C(1) << 30},
    {"T", INT64_C(1) << 40},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// Reads digits up to `limit`; returns the position behind them, or NULL when there are none or the
// number is larger.
static const char *read_digits(const char *text, uint64_t limit, uint64_t *value)
{
    const char *p = text;
    *value = 0;
    for (; *p >= '0' && *p <= '9'; p++) {
        unsigned digit = (unsigned)(*p - '0');
        if (*value > (limit - digit) / 10) {
            return NULL;
        }
        *value = *value * 10 + digit;
    }
    return p != text ? p : NULL;
}

int varve_parse_int(const char *text, int64_t *value)
{
    uint64_t magnitude;
    bool negative = *text == '-';
    const char *digits = negative || *text == '+' ? text + 1 : text;
    uint64_t limit = negative ? UINT64_C(1) << 63 : (uint64_t)INT64_MAX;
    const char *end = read_digits(digits, limit, &magnitude);
    if (end == NULL || *end != '\0') {
        return VARVE_E_INVALID;
    }
    // Negated below zero by way of -1, as INT64_MIN has no positive counterpart.
    *value = negative && magnitude != 0 ? -(int64_t)(magnitude - 1) - 1 : (int64_t)magnitude;
    return 0;
}

static int parse_with_unit(const char *text, const struct unit *units, size_t n, int64_t *value)
{
    uint64_t number;
    const char *end = read_digits(text, (uint64_t)INT64_MAX, &number);
    if (end == NULL) {
        return VARVE_E_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(end, units[i].name) == 0) {
            if ((int64_t)number > INT64_MAX / units[i].factor) {
                return VARVE_E_INVALID;
            }
            *value = (int64_t)number * units[i].factor;
            return 0;
        }
    }
    return VARVE_E_INVALID;
}

int varve_parse_duration(const char *text, int64_t *ms)
{
    if (strcmp(text, "0") == 0) {
        *ms = 0; // the only number that needs no unit
        return 0;
    }
    return parse_with_unit(text, duration_units, COUNT(duration_units), ms);
}

int varve_parse_size(const char *text, int64_t *bytes)
{
    return parse_with_unit(text, size_units, COUNT(size_units), bytes);
}

static size_t format_with_unit(char *buf, size_t cap, const struct unit *units, size_t n,
                               int64_t value)
{
    size_t i = n - 1;
    while (i > 0 && value % units[i].factor != 0) {
        i--;
    }
    return varve_format(buf, cap, "%lld%s", (long long)(value / units[i].factor), units[i].name);
}

size_t varve_format_duration(char *buf, size_t cap, int64_t ms)
{
    // Weeks and years are read but not written: "7d" is what people write, and a retention of 365d
    // should read back as it was given.
    return ms == 0 ? varve_format(buf, cap, "0s")
                   : format_with_unit(buf, cap, duration_units, COUNT(duration_units) - 2, ms);
}

size_t varve_format_size(char *buf, size_t cap, int64_t bytes)
{
    return bytes == 0 ? varve_format(buf, cap, "0")
                      : format_with_unit(buf, cap, size_units, COUNT(size_units), bytes);
}
