// SPDX-License-Identifier: Apache-2.0
// Numbers as pictures made of characters: a line of bars, and a field of dots.
//
// Owns which character stands for what, in Unicode (block elements, braille) and, where the locale
// is not UTF-8, in ASCII. Leaves where the points come from and what stands around the picture to
// others.
//
// Threading: no state.
#ifndef VARVE_CHART_H
#define VARVE_CHART_H

#include <stdbool.h>
#include <stddef.h>

#include "varve/types.h"

// Most columns and lines of a picture.
#define CHART_COLUMNS_MAX 240u
#define CHART_LINES_MAX   64u
// Bytes that a line of that many characters takes, with its NUL.
#define CHART_LINE(columns) (3u * (columns) + 1u)

// Whether the locale of the terminal has Unicode. LC_CTYPE must have been set.
bool chart_unicode(void);

struct chart_range {
    double min, max; // of the finite values; NaN: there is none
};

struct chart_range chart_range_of(const struct varve_point *points, size_t n);

struct chart_range chart_range_of_values(const double *values, size_t n);

// The longest time between two points that are still joined: three usual distances.
int64_t chart_usual_gap(const struct varve_point *points, size_t n);

// The points of [from_ms, to_ms) in `columns` parts of it, the mean of each; NaN where there is
// none. Infinities are left out.
void chart_columns(const struct varve_point *points, size_t n, int64_t from_ms, int64_t to_ms,
                   double *columns, size_t count);

// Where points are rarer than columns: a column's value stays until the next that has one, but not
// across more than three usual distances.
void chart_hold(double *columns, size_t count);

// One character for each value, the higher the larger, within `range`; blank for NaN.
void chart_spark(const double *values, size_t n, struct chart_range range, bool unicode, char *line,
                 size_t cap);

// A field of `width` * `height` characters (at most the caps above), points joined by lines but
// not across more than `gap_ms`.
struct chart_field {
    size_t width, height;
    int64_t from_ms, to_ms, gap_ms;
    struct chart_range range;
    bool unicode;
    unsigned char dots[CHART_LINES_MAX][CHART_COLUMNS_MAX]; // a bit for each of 2 * 4 dots
};

void chart_plot(struct chart_field *field, const struct varve_point *points, size_t n);
// The y-th line from the top.
void chart_line(const struct chart_field *field, size_t y, char *line, size_t cap);

#endif
