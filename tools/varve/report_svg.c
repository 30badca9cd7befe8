// SPDX-License-Identifier: Apache-2.0
// A report's pictures; see report_svg.h. Coordinates have one decimal: a tenth of a pixel.
#include "report_svg.h"

#include <math.h>
#include <string.h>

#include "args.h"
#include "chart.h"
#include "client/names.h"
#include "html.h"

// Of the picture; the style scales it. A margin keeps thick lines inside.
#define WIDTH  240.0
#define HEIGHT 40.0
#define MARGIN 2.0

struct scale {
    double low, high; // values at the bottom and the top
    double step;      // between two columns
};

// ---- strips -------------------------------------------------------------------------------------

static void widen(struct scale *scale, const double *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i])) {
            scale->low = fmin(scale->low, values[i]);
            scale->high = fmax(scale->high, values[i]);
        }
    }
}

static double x_of(const struct scale *scale, size_t column)
{
    return MARGIN + scale->step * (double)column;
}

// A constant lies in the middle. Halves, because the difference of large values may be infinite.
static double y_of(const struct scale *scale, double value)
{
    double range = scale->high / 2 - scale->low / 2;
    double part = range > 0 ? (value / 2 - scale->low / 2) / range : 0.5;
    return HEIGHT - MARGIN - part * (HEIGHT - 2 * MARGIN);
}

// Which columns have something to draw, and how far apart two may be that are joined.
struct drawn {
    size_t at[REPORT_COLUMNS];
    size_t count;
    int64_t gap;
};

static struct drawn choose(const double *values, const double *others, size_t n)
{
    struct varve_point points[REPORT_COLUMNS];
    struct drawn d = {.count = 0};
    for (size_t i = 0; i < n; i++) {
        if (isfinite(values[i]) && isfinite(others[i])) {
            points[d.count] = (struct varve_point){.time_ms = (int64_t)i};
            d.at[d.count++] = i;
        }
    }
    d.gap = chart_usual_gap(points, d.count);
    return d;
}

// The first of the drawn columns behind `from` that is not joined.
static size_t run_end(const struct drawn *d, size_t from)
{
    size_t end = from + 1;
    while (end < d->count && (int64_t)(d->at[end] - d->at[end - 1]) <= d->gap) {
        end++;
    }
    return end;
}

static void put_point(FILE *out, char command, const struct scale *scale, size_t column,
                      double value)
{
    (void)fprintf(out, "%c%.1f %.1f", command, x_of(scale, column), y_of(scale, value));
}

// A run of one is a line without length, which round ends make a dot.
static void put_line(FILE *out, const struct scale *scale, const double *values, size_t n)
{
    struct drawn d = choose(values, values, n);
    (void)fputs("<path class=\"line\" d=\"", out); // the stream keeps its error
    for (size_t i = 0, end; i < d.count; i = end) {
        end = run_end(&d, i);
        for (size_t k = i; k < end; k++) {
            put_point(out, k == i ? 'M' : 'L', scale, d.at[k], values[d.at[k]]);
        }
        (void)fputs(end == i + 1 ? "h0" : "", out);
    }
    (void)fputs("\"/>", out);
}

// Along the maxima and back along the minima.
static void put_band(FILE *out, const struct scale *scale, const struct report_strip *strip,
                     size_t n)
{
    struct drawn d = choose(strip->min, strip->max, n);
    (void)fputs("<path class=\"band\" d=\"", out);
    for (size_t i = 0, end; i < d.count; i = end) {
        end = run_end(&d, i);
        for (size_t k = i; k < end; k++) {
            put_point(out, k == i ? 'M' : 'L', scale, d.at[k], strip->max[d.at[k]]);
        }
        for (size_t k = end; k > i; k--) {
            put_point(out, 'L', scale, d.at[k - 1], strip->min[d.at[k - 1]]);
        }
        (void)fputc('Z', out);
    }
    (void)fputs("\"/>", out);
}

void report_svg_strip(FILE *out, const struct report *report, size_t row)
{
    const struct report_strip *strip = &report->strip[row];
    size_t n = report->columns;
    struct scale scale = {.low = (double)INFINITY,
                          .high = -(double)INFINITY,
                          .step = n > 1 ? (WIDTH - 2 * MARGIN) / (double)(n - 1) : 0};
    widen(&scale, strip->mean, n);
    widen(&scale, strip->min, n);
    widen(&scale, strip->max, n);
    (void)fprintf(out,
                  "<svg class=\"strip\" viewBox=\"0 0 %.0f %.0f\" preserveAspectRatio=\"none\" "
                  "role=\"img\" aria-label=\"",
                  WIDTH, HEIGHT);
    html_text(out, report->summary.row[row].series);
    (void)fputs("\">", out);
    if (scale.low <= scale.high) {
        if (!report->summary.row[row].counter) {
            put_band(out, &scale, strip, n);
        }
        put_line(out, &scale, strip->mean, n);
    }
    (void)fputs("</svg>", out);
}

// ---- marks --------------------------------------------------------------------------------------

void report_svg_begin_marks(FILE *out, const struct report *report)
{
    (void)report;
    (void)fprintf(out, "<svg class=\"marks\" viewBox=\"0 0 1000 24\" preserveAspectRatio=\"none\" "
                       "role=\"img\" aria-label=\"events over the period\">"
                       "<path class=\"axis\" d=\"M0 23H1000\"/>");
}

void report_svg_mark(FILE *out, const struct report *report, const struct varve_event *event)
{
    double part =
        (double)(event->time_ms - report->from_ms) / (double)(report->to_ms - report->from_ms);
    (void)fprintf(out, "<path class=\"mark %s\" d=\"M%.1f %dV23\"/>",
                  varve_severity_name(event->severity), part * 1000,
                  event->severity <= VARVE_WARNING ? 2 : 12);
}

void report_svg_end_marks(FILE *out)
{
    (void)fputs("</svg>", out);
}
