// SPDX-License-Identifier: Apache-2.0
// What series were like over a period; see summary.h.
#include "summary.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "when.h"

static uint32_t row_of[VARVE_MAX_SERIES]; // by id: the row and 1; 0: none

static int out_of_memory(struct varve_source *source)
{
    return source_fail(source, VARVE_E_NO_MEMORY, "out of memory");
}

// ---- rows ---------------------------------------------------------------------------------------

static int add_row(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct summary *s = arg;
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    if (s->count == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct summary_row *grown = realloc(s->row, cap * sizeof *grown);
        if (!grown) {
            return VARVE_E_NO_MEMORY;
        }
        s->row = grown;
        s->cap = cap;
    }
    double unknown = (double)NAN;
    struct summary_row *row = &s->row[s->count];
    *row = (struct summary_row){.series = strdup(def->text),
                                .counter = def->kind == VARVE_COUNTER,
                                .min = unknown,
                                .avg = unknown,
                                .max = unknown,
                                .p95 = unknown,
                                .p99 = unknown,
                                .last = unknown,
                                .first_ms = INT64_MIN,
                                .last_ms = INT64_MIN};
    if (!row->series) {
        return VARVE_E_NO_MEMORY;
    }
    (void)snprintf(row->unit, sizeof row->unit, "%s", def->unit ? def->unit : "");
    row_of[id] = (uint32_t)++s->count;
    return 0;
}

void summary_free(struct summary *summary)
{
    for (size_t i = 0; i < summary->count; i++) {
        free(summary->row[i].series);
    }
    free(summary->row);
    free(summary->points);
    free(summary->sorted);
    *summary = (struct summary){.row = NULL};
}

// ---- arithmetic ---------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    if (isnan(x) || isnan(y)) {
        return (isnan(y) ? 1 : 0) - (isnan(x) ? 1 : 0);
    }
    return x < y ? -1 : x > y ? 1 : 0;
}

double summary_quantile(const double *sorted, size_t n, double q)
{
    if (n == 0) {
        return (double)NAN;
    }
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)rank;
    double weight = rank - (double)lower;
    if (weight <= 0 || lower + 1 >= n) {
        return sorted[lower];
    }
    return sorted[lower] * (1 - weight) + sorted[lower + 1] * weight;
}

// The median distance between rows; `fallback_ms` when there is none.
static int64_t usual_distance(struct summary *s, int64_t fallback_ms)
{
    size_t n = 0;
    for (size_t i = 1; i < s->used; i++) {
        s->sorted[n++] = (double)(s->points[i].time_ms - s->points[i - 1].time_ms);
    }
    if (n == 0) {
        return fallback_ms;
    }
    qsort(s->sorted, n, sizeof *s->sorted, by_value);
    int64_t median_ms = (int64_t)s->sorted[n / 2];
    return median_ms > 0 ? median_ms : 1;
}

// A stretch without rows; what a usual distance takes of it is not missing.
static int64_t note_gap(struct summary_row *row, int64_t stretch_ms, int64_t usual_ms)
{
    if (stretch_ms <= 2 * usual_ms) {
        return 0;
    }
    row->gaps++;
    if (stretch_ms > row->longest_gap_ms) {
        row->longest_gap_ms = stretch_ms;
    }
    return stretch_ms - usual_ms;
}

static void find_gaps(struct summary *s, struct summary_row *row)
{
    int64_t usual_ms = usual_distance(s, s->info.tier_step_ms);
    int64_t before_ms = s->from_ms, missing_ms = 0;
    for (size_t i = 0; i < s->used; i++) {
        missing_ms += note_gap(row, s->points[i].time_ms - before_ms, usual_ms);
        before_ms = s->points[i].time_ms;
    }
    missing_ms += note_gap(row, s->to_ms - before_ms, usual_ms);
    int64_t whole_ms = s->to_ms > s->from_ms ? s->to_ms - s->from_ms : 1;
    row->availability = 1 - (double)missing_ms / (double)whole_ms;
    row->first_ms = s->points[0].time_ms;
    row->last_ms = s->points[s->used - 1].time_ms;
}

// Min, max and percentiles of the n values in s->sorted.
static void spread(struct summary *s, struct summary_row *row, size_t n)
{
    qsort(s->sorted, n, sizeof *s->sorted, by_value);
    size_t nans = 0;
    while (nans < n && isnan(s->sorted[nans])) {
        nans++;
    }
    if (nans < n) {
        row->min = s->sorted[nans];
        row->max = s->sorted[n - 1];
    }
    if (s->percentiles) {
        row->p95 = summary_quantile(s->sorted, n, 0.95);
        row->p99 = summary_quantile(s->sorted, n, 0.99);
    }
}

// The sum over the count; the running mean, which is less exact, where the sum would overflow.
static double mean_of(const struct varve_point *points, size_t n)
{
    double sum = 0, mean = 0;
    for (size_t i = 0; i < n; i++) {
        sum += points[i].value;
        mean += (points[i].value - mean) / (double)(i + 1);
    }
    return isinf(sum) && isfinite(mean) ? mean : sum / (double)n;
}

static void summarize_gauge(struct summary *s, struct summary_row *row)
{
    for (size_t i = 0; i < s->used; i++) {
        s->sorted[i] = s->points[i].value;
    }
    row->avg = mean_of(s->points, s->used);
    row->last = s->points[s->used - 1].value;
    spread(s, row, s->used);
}

// Increase by increase, a restart beginning at 0.
static void summarize_counter(struct summary *s, struct summary_row *row)
{
    size_t n = 0;
    row->increase = 0;
    for (size_t i = 1; i < s->used; i++) {
        const struct varve_point *a = &s->points[i - 1], *b = &s->points[i];
        double increase = b->value >= a->value ? b->value - a->value : b->value;
        row->increase += increase;
        if (b->time_ms > a->time_ms) {
            row->last = increase * 1000 / (double)(b->time_ms - a->time_ms);
            s->sorted[n++] = row->last;
        }
    }
    int64_t span_ms = row->last_ms - row->first_ms;
    if (span_ms > 0) {
        row->avg = row->increase * 1000 / (double)span_ms;
    }
    spread(s, row, n);
}

// ---- cells --------------------------------------------------------------------------------------

static double total_of(const struct summary *s)
{
    double total = 0;
    for (size_t i = 0; i < s->used; i++) {
        total += s->points[i].value;
    }
    return total;
}

// Rates of whole cells: the first and the last may be only begun.
static void cells_of_counter(struct summary *s, struct summary_row *row)
{
    double seconds = (double)s->info.tier_step_ms / 1000;
    size_t n = 0;
    row->increase = total_of(s);
    row->avg = row->increase / (seconds * (double)s->used);
    int64_t span_ms = row->last_ms - row->first_ms;
    if (span_ms > 0) {
        row->avg = row->increase * 1000 / (double)(span_ms + s->info.tier_step_ms);
    }
    for (size_t i = 0; i < s->used; i++) {
        bool whole = s->points[i].time_ms >= s->from_ms &&
                     s->points[i].time_ms + s->info.tier_step_ms <= s->to_ms;
        if (whole) {
            row->last = s->points[i].value / seconds;
            s->sorted[n++] = row->last;
        }
    }
    spread(s, row, n);
}

// The smallest of the values times `sign`; a NaN is none, if there is another.
static double smallest(const struct summary *s, double sign)
{
    double found = (double)NAN;
    for (size_t i = 0; i < s->used; i++) {
        double value = sign * s->points[i].value;
        found = value < found || isnan(found) ? value : found;
    }
    return found;
}

static void take_cells(struct summary *s, struct summary_row *row)
{
    const struct varve_point *newest = &s->points[s->used - 1];
    switch (s->pass) {
    case VARVE_AGG_COUNT:
        row->count = (uint64_t)total_of(s);
        find_gaps(s, row);
        break;
    case VARVE_AGG_SUM:
        if (row->counter) {
            cells_of_counter(s, row);
        } else if (row->count > 0) {
            row->avg = total_of(s) / (double)row->count;
        }
        break;
    case VARVE_AGG_MIN:
        row->min = row->counter ? row->min : smallest(s, 1);
        break;
    case VARVE_AGG_MAX:
        row->max = row->counter ? row->max : -smallest(s, -1);
        break;
    default:
        row->last = row->counter ? row->last : newest->value;
        break;
    }
}

// ---- a pass over the rows -----------------------------------------------------------------------

static void close_series(struct summary *s)
{
    if (s->used == 0) {
        return;
    }
    struct summary_row *row = &s->row[s->at];
    if (!s->percentiles) {
        take_cells(s, row);
    } else {
        row->count = s->used;
        find_gaps(s, row);
        if (row->counter) {
            summarize_counter(s, row);
        } else {
            summarize_gauge(s, row);
        }
    }
    s->used = 0;
}

static int on_begin(void *arg, const struct varve_query_info *info)
{
    struct summary *s = arg;
    s->info = *info;
    s->percentiles = info->tier == 0;
    return 0;
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct summary *s = arg;
    close_series(s);
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    int rc = row_of[id] == 0 ? add_row(s, id, def) : 0; // it came up since they were listed
    s->at = row_of[id] - 1;
    return rc;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct summary *s = arg;
    (void)id;
    if (s->room - s->used < n) {
        size_t room = 2 * s->room + n;
        struct varve_point *points_grown = realloc(s->points, room * sizeof *points_grown);
        if (!points_grown) {
            return VARVE_E_NO_MEMORY;
        }
        s->points = points_grown;
        double *sorted_grown = realloc(s->sorted, room * sizeof *sorted_grown);
        if (!sorted_grown) {
            return VARVE_E_NO_MEMORY;
        }
        s->sorted = sorted_grown;
        s->room = room;
    }
    memcpy(s->points + s->used, points, n * sizeof *points);
    s->used += n;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    struct summary *s = arg;
    s->info = *info;
    close_series(s);
    return 0;
}

static int pass(struct varve_source *source, struct summary *s, struct varve_query query,
                enum varve_agg agg)
{
    const struct varve_query_sink sink = {
        .arg = s, .begin = on_begin, .series = on_series, .points = on_points, .end = on_end};
    s->pass = query.agg = agg;
    int rc = source->ops->query(source, &query, &sink);
    return rc == VARVE_E_NO_MEMORY && !source->why[0] ? out_of_memory(source) : rc;
}

// Raw samples need one pass. Of cells each pass gives one figure; the first says which tier it is.
static int make_passes(struct varve_source *source, struct summary *s, struct varve_query query)
{
    static const enum varve_agg rest[] = {VARVE_AGG_COUNT, VARVE_AGG_SUM, VARVE_AGG_MIN,
                                          VARVE_AGG_MAX};
    query.step_ms = 0;
    int rc = pass(source, s, query, VARVE_AGG_LAST);
    query.tier = s->info.tier; // and no other in the passes that follow
    for (size_t i = 0; rc == 0 && !s->percentiles && i < sizeof rest / sizeof *rest; i++) {
        rc = pass(source, s, query, rest[i]);
    }
    return rc;
}

int summary_make(struct varve_source *source, const struct varve_query *query,
                 struct summary *summary)
{
    int64_t now_ms = when_now();
    *summary = (struct summary){.from_ms = query->from_ms,
                                .to_ms = query->to_ms < now_ms ? query->to_ms : now_ms};
    memset(row_of, 0, sizeof row_of);
    int rc = source->ops->series(source, query->selector, add_row, summary);
    if (rc == 0 && summary->count == 0) {
        return source_fail(source, VARVE_E_NOT_FOUND,
                           "no series matches `%s`; `varve series` lists those that there are",
                           query->selector[0] ? query->selector : "*");
    }
    rc = rc == 0 ? make_passes(source, summary, *query) : rc;
    rc = rc == 0 && !summary->percentiles ? summary_sketches(source, summary) : rc;
    for (size_t i = 0; i < summary->count; i++) {
        struct summary_row *row = &summary->row[i];
        if (row->count == 0) {
            row->gaps = 1;
            row->longest_gap_ms = summary->to_ms - summary->from_ms;
        }
    }
    return rc;
}
