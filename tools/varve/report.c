// SPDX-License-Identifier: Apache-2.0
// What a report has to tell; see report.h.
#include "report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "when.h"

static int out_of_memory(struct varve_source *source)
{
    return source_fail(source, VARVE_E_NO_MEMORY, "out of memory");
}

void report_free(struct report *report)
{
    for (size_t i = 0; report->help && i < report->summary.count; i++) {
        free(report->help[i]);
    }
    free(report->help);
    free(report->strip);
    known_free(&report->rows);
    summary_free(&report->summary);
    *report = (struct report){.selector = NULL};
}

// ---- the period ---------------------------------------------------------------------------------

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

// From the first thing that is stored to the last. A coarser tier counts from where the finer ones
// do not reach: its first cell begins before what it is made of.
static int find_period(struct varve_source *source, const struct varve_query *query, bool from,
                       struct report *r)
{
    static struct varve_stats stats;
    int rc = source->ops->stats(source, &stats);
    int64_t oldest_ms = INT64_MAX, newest_ms = INT64_MIN, now_ms = when_now();
    for (uint32_t i = 0; rc == 0 && i < stats.tier_count; i++) {
        const struct varve_tier_stats *tier = &stats.tiers[i];
        if (tier->oldest_ms <= tier->newest_ms) {
            bool earlier = i == 0 || oldest_ms == INT64_MAX ||
                           tier->oldest_ms <= oldest_ms - tier->tier.step_ms;
            oldest_ms = earlier ? tier->oldest_ms : oldest_ms;
            if (tier->newest_ms > newest_ms) { // the cell's end, then
                newest_ms = tier->newest_ms + (i > 0 ? tier->tier.step_ms - 1 : 0);
            }
        }
    }
    if (rc == 0 && oldest_ms > newest_ms) {
        return source_fail(source, VARVE_E_NOT_FOUND, "nothing is stored yet");
    }
    newest_ms = newest_ms > now_ms && oldest_ms < now_ms ? now_ms : newest_ms; // cells that go on
    r->from_ms = from ? query->from_ms : oldest_ms;
    r->to_ms = query->to_ms < newest_ms ? query->to_ms : newest_ms;
    r->to_ms = r->to_ms > r->from_ms ? r->to_ms : r->from_ms + 1;
    return rc;
}

static size_t columns_of(const struct report *r, int64_t step_ms)
{
    return (size_t)(floor_div(r->to_ms, step_ms) - floor_div(r->from_ms, step_ms) + 1);
}

// The finest of the usual steps that a strip has room for.
static void choose_step(struct report *r)
{
    static const int64_t steps_s[] = {1,    2,    5,     10,    15,    20,    30,
                                      60,   120,  300,   600,   900,   1200,  1800,
                                      3600, 7200, 10800, 14400, 21600, 43200, 86400};
    size_t i = 0, last = sizeof steps_s / sizeof steps_s[0] - 1;
    while (i < last && columns_of(r, steps_s[i] * 1000) > REPORT_COLUMNS) {
        i++;
    }
    r->step_ms = steps_s[i] * 1000;
    while (columns_of(r, r->step_ms) > REPORT_COLUMNS) {
        r->step_ms += steps_s[last] * 1000;
    }
    r->first = floor_div(r->from_ms, r->step_ms);
    r->columns = columns_of(r, r->step_ms);
}

// ---- the strips ---------------------------------------------------------------------------------

static int on_begin(void *arg, const struct varve_query_info *info)
{
    struct report *r = arg;
    (void)snprintf(r->strip_tier, sizeof r->strip_tier, "%s", info->tier_name);
    return 0;
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct report *r = arg;
    (void)id;
    const struct known_name *row = known_has(&r->rows, def->text, strlen(def->text));
    r->at = row ? (size_t)row->id : SIZE_MAX; // it came up since the summary was made
    return 0;
}

static double *column_of(struct report *r, struct report_strip *strip)
{
    return r->pass == VARVE_AGG_MIN   ? strip->min
           : r->pass == VARVE_AGG_MAX ? strip->max
                                      : strip->mean;
}

// A rate over a step that the period only begins or ends in would be too low.
static bool is_drawn(const struct report *r, int64_t time_ms)
{
    return r->pass != VARVE_AGG_RATE ||
           (time_ms >= r->from_ms && time_ms + r->step_ms - 1 <= r->to_ms);
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct report *r = arg;
    (void)id;
    if (r->at == SIZE_MAX || r->summary.row[r->at].counter != (r->pass == VARVE_AGG_RATE)) {
        return 0;
    }
    double *column = column_of(r, &r->strip[r->at]);
    for (size_t i = 0; i < n; i++) {
        int64_t at = floor_div(points[i].time_ms, r->step_ms) - r->first;
        if (at >= 0 && (size_t)at < r->columns && is_drawn(r, points[i].time_ms)) {
            column[at] = points[i].value;
        }
    }
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int fill_strips(struct varve_source *source, struct report *r, struct varve_query query)
{
    static const enum varve_agg passes[] = {VARVE_AGG_AVG, VARVE_AGG_MIN, VARVE_AGG_MAX,
                                            VARVE_AGG_RATE};
    const struct varve_query_sink sink = {
        .arg = r, .begin = on_begin, .series = on_series, .points = on_points, .end = on_end};
    int rc = 0;
    query.step_ms = r->step_ms;
    for (size_t i = 0; rc == 0 && i < sizeof passes / sizeof passes[0]; i++) {
        r->pass = query.agg = passes[i];
        rc = source->ops->query(source, &query, &sink);
    }
    return rc;
}

// ---- the rows -----------------------------------------------------------------------------------

static int by_name(const void *a, const void *b)
{
    const struct summary_row *x = a, *y = b;
    return strcmp(x->series, y->series);
}

static int note_help(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct report *r = arg;
    (void)id;
    const struct known_name *row = known_has(&r->rows, def->text, strlen(def->text));
    if (!row || !def->help || !def->help[0]) {
        return 0;
    }
    r->help[row->id] = strdup(def->help);
    return r->help[row->id] ? 0 : VARVE_E_NO_MEMORY;
}

static int make_room(struct report *r)
{
    size_t count = r->summary.count;
    qsort(r->summary.row, count, sizeof *r->summary.row, by_name);
    r->strip = calloc(count, sizeof *r->strip);
    r->help = calloc(count, sizeof *r->help);
    for (size_t i = 0; r->strip && r->help && i < count; i++) {
        const char *series = r->summary.row[i].series;
        int added = 0;
        struct known_name *name = known_find(&r->rows, series, strlen(series), &added);
        if (!name) {
            return VARVE_E_NO_MEMORY;
        }
        name->id = (int)i;
        for (size_t k = 0; k < REPORT_COLUMNS; k++) {
            r->strip[i].mean[k] = r->strip[i].min[k] = r->strip[i].max[k] = (double)NAN;
        }
    }
    return r->strip && r->help ? 0 : VARVE_E_NO_MEMORY;
}

static int count_event(void *arg, const struct varve_event *event)
{
    struct report *r = arg;
    r->events[(unsigned)event->severity % REPORT_SEVERITIES]++;
    return 0;
}

int report_make(struct varve_source *source, const struct varve_query *query, bool from,
                struct report *report)
{
    struct report *r = report;
    struct varve_query asked = *query;
    *r = (struct report){.selector = query->selector};
    int rc = find_period(source, query, from, r);
    if (rc < 0) {
        return rc;
    }
    choose_step(r);
    asked.from_ms = r->from_ms;
    asked.to_ms = r->to_ms;
    rc = summary_make(source, &asked, &r->summary);
    rc = rc == 0 ? make_room(r) : rc;
    rc = rc == 0 ? source->ops->series(source, query->selector, note_help, r) : rc;
    rc = rc == 0 ? fill_strips(source, r, asked) : rc;
    rc = rc == 0 ? source->ops->events(source, r->from_ms, r->to_ms, count_event, r) : rc;
    return rc == VARVE_E_NO_MEMORY ? out_of_memory(source) : rc;
}
