// SPDX-License-Identifier: Apache-2.0
// Pictures made of characters; see chart.h.
#include "chart.h"

#include <langinfo.h>
#include <math.h>
#include <string.h>

#define DOTS_X 2u // in a character
#define DOTS_Y 4u

bool chart_unicode(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void widen(struct chart_range *range, double value)
{
    if (isfinite(value)) {
        range->min = value < range->min || isnan(range->min) ? value : range->min;
        range->max = value > range->max || isnan(range->max) ? value : range->max;
    }
}

struct chart_range chart_range_of(const struct varve_point *points, size_t n)
{
    struct chart_range range = {(double)NAN, (double)NAN};
    for (size_t i = 0; i < n; i++) {
        widen(&range, points[i].value);
    }
    return range;
}

struct chart_range chart_range_of_values(const double *values, size_t n)
{
    struct chart_range range = {(double)NAN, (double)NAN};
    for (size_t i = 0; i < n; i++) {
        widen(&range, values[i]);
    }
    return range;
}

int64_t chart_usual_gap(const struct varve_point *points, size_t n)
{
    return n > 1 ? 3 * ((points[n - 1].time_ms - points[0].time_ms) / (int64_t)(n - 1)) : 0;
}

// Where `part` lies in `whole`, scaled to 0 .. count - 1. Halves, so that no difference overflows.
static size_t scaled(double value, struct chart_range range, size_t count)
{
    double whole = range.max / 2 - range.min / 2;
    double part = value / 2 - range.min / 2;
    if (!(whole > 0)) {
        return 0;
    }
    double at = part / whole * (double)(count - 1) + 0.5;
    return at < 0 ? 0 : at >= (double)count ? count - 1 : (size_t)at;
}

static size_t column_of(int64_t time_ms, int64_t from_ms, int64_t to_ms, size_t count)
{
    double at = (double)(time_ms - from_ms) / (double)(to_ms - from_ms) * (double)count;
    return at >= (double)count ? count - 1 : (size_t)at;
}

void chart_columns(const struct varve_point *points, size_t n, int64_t from_ms, int64_t to_ms,
                   double *columns, size_t count)
{
    size_t seen[CHART_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < count; i++) {
        columns[i] = (double)NAN;
    }
    for (size_t i = 0; i < n && to_ms > from_ms; i++) {
        bool within = points[i].time_ms >= from_ms && points[i].time_ms < to_ms;
        if (!within || !isfinite(points[i].value)) {
            continue;
        }
        size_t at = column_of(points[i].time_ms, from_ms, to_ms, count);
        double before = seen[at] > 0 ? columns[at] : 0;
        seen[at]++;
        columns[at] = before + (points[i].value - before) / (double)seen[at];
    }
}

void chart_hold(double *columns, size_t count)
{
    size_t first = count, last = count, known = 0;
    for (size_t i = 0; i < count; i++) {
        if (!isnan(columns[i])) {
            first = known == 0 ? i : first;
            last = i;
            known++;
        }
    }
    size_t gap = known > 1 ? 3 * ((last - first) / (known - 1)) : 0;
    size_t before = first;
    for (size_t i = first; known > 1 && i <= last; i++) {
        if (isnan(columns[i])) {
            continue;
        }
        for (size_t k = before + 1; i - before <= gap && k < i; k++) {
            columns[k] = columns[before];
        }
        before = i;
    }
}

// ---- a line of bars -----------------------------------------------------------------------------

void chart_spark(const double *values, size_t n, struct chart_range range, bool unicode, char *line,
                 size_t cap)
{
    static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const marks[] = {"_", ".", ":", "-", "=", "+", "*", "#"};
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        bool shown = isfinite(values[i]) && isfinite(range.min);
        size_t level = shown ? scaled(values[i], range, 8) : 0;
        const char *text = !shown ? " " : unicode ? bars[level] : marks[level];
        size_t len = strlen(text);
        if (used + len >= cap) {
            break;
        }
        memcpy(line + used, text, len);
        used += len;
    }
    line[used] = '\0';
}

// ---- a field of dots ----------------------------------------------------------------------------

// Bits as braille has them: three rows of two, and then the fourth.
static void set_dot(struct chart_field *field, size_t x, size_t y)
{
    static const unsigned char bits[DOTS_Y][DOTS_X] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    unsigned char *dots = &field->dots[y / DOTS_Y][x / DOTS_X];
    *dots = (unsigned char)(*dots | bits[y % DOTS_Y][x % DOTS_X]);
}

struct dot {
    size_t x, y;
};

static double clamped(double y, double one, double other)
{
    double low = one < other ? one : other, high = one < other ? other : one;
    return y < low ? low : y > high ? high : y;
}

// Column by column; each takes the way from half a column before it to half a column behind.
static void join(struct chart_field *field, struct dot a, struct dot b)
{
    double from = (double)a.y, to = (double)b.y;
    double climb = b.x > a.x ? (to - from) / (double)(b.x - a.x) : 2 * (to - from);
    for (size_t x = a.x; x <= b.x; x++) {
        double middle = from + climb * (double)(x - a.x);
        double one = clamped(middle - climb / 2, from, to);
        double other = clamped(middle + climb / 2, from, to);
        double low = one < other ? one : other, high = one < other ? other : one;
        set_dot(field, x, (size_t)(clamped(middle, from, to) + 0.5));
        for (size_t y = (size_t)(low + 0.5); (double)y + 0.5 <= high; y++) {
            set_dot(field, x, y);
        }
    }
    set_dot(field, b.x, b.y);
}

void chart_plot(struct chart_field *field, const struct varve_point *points, size_t n)
{
    bool open = false;
    struct dot before = {0, 0};
    int64_t before_ms = 0;
    memset(field->dots, 0, sizeof field->dots);
    if (!isfinite(field->range.min) || field->to_ms <= field->from_ms) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        const struct varve_point *p = &points[i];
        if (!isfinite(p->value) || p->time_ms < field->from_ms || p->time_ms > field->to_ms) {
            open = false;
            continue;
        }
        size_t up = scaled(p->value, field->range, field->height * DOTS_Y);
        struct dot dot = {
            column_of(p->time_ms, field->from_ms, field->to_ms, field->width * DOTS_X),
            field->height * DOTS_Y - 1 - up};
        open = open && p->time_ms - before_ms <= field->gap_ms;
        join(field, open ? before : dot, dot);
        before = dot;
        before_ms = p->time_ms;
        open = true;
    }
}

// The upper half of a character's dots, the lower, or both.
static char in_ascii(unsigned char dots)
{
    bool upper = (dots & 0x1bu) != 0, lower = (dots & 0xe4u) != 0;
    return upper && lower ? ':' : upper ? '\'' : lower ? '.' : ' ';
}

void chart_line(const struct chart_field *field, size_t y, char *line, size_t cap)
{
    size_t used = 0;
    for (size_t x = 0; x < field->width && used + 4 <= cap; x++) {
        unsigned char dots = field->dots[y][x];
        if (dots == 0 || !field->unicode) {
            line[used++] = in_ascii(dots);
            continue;
        }
        line[used++] = (char)0xe2; // U+2800 and the bits
        line[used++] = (char)(0xa0 | (dots >> 6));
        line[used++] = (char)(0x80 | (dots & 0x3f));
    }
    line[used] = '\0';
}
