// SPDX-License-Identifier: Apache-2.0
// What `varve top` knows; see top.h.
//
// Each refresh asks for the condition, the newest values and the last hour of all series that the
// filter takes; once a minute for the last day and week as well. A sparkline's buckets are on the
// grid of their step, so they meet the cells of tiers.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"
#include "when.h"

#define HISTORY_MS 60000
// What is older is not a series' present value.
#define NEWEST_MS 600000
#define DAY_MS    86400000
#define MINUTE_MS 60000

static const int64_t step_ms[TOP_RANGES] = {150000, 3600000, 25200000};

int64_t top_range_ms(enum top_range range)
{
    return step_ms[range] * (int64_t)TOP_BUCKETS;
}

const struct top_series *top_selected(const struct top *top)
{
    return top->selected < top->count ? top->series[top->order[top->selected]] : NULL;
}

// ---- series -------------------------------------------------------------------------------------

static void free_series(struct top *top, size_t id)
{
    if (top->series[id]) {
        free(top->series[id]->text);
        free(top->series[id]);
        top->series[id] = NULL;
    }
}

void top_free(struct top *top)
{
    for (size_t id = 0; id < VARVE_MAX_SERIES; id++) {
        free_series(top, id);
    }
    free(top->points);
}

static void clear_range(struct top_series *series, enum top_range range)
{
    for (size_t i = 0; i < TOP_BUCKETS; i++) {
        series->spark[range][i] = (double)NAN;
    }
    series->before[range] = (double)NAN;
}

// Ids are those of one source; another store may give one to another series.
static int meet_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct top *top = arg;
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    struct top_series *series = top->series[id];
    if (!series || strcmp(series->text, def->text) != 0) {
        free_series(top, id);
        series = calloc(1, sizeof *series);
        char *text = strdup(def->text);
        if (!series || !text) {
            free(series);
            free(text);
            return VARVE_E_NO_MEMORY;
        }
        series->text = text;
        series->counter = def->kind == VARVE_COUNTER;
        (void)snprintf(series->unit, sizeof series->unit, "%s", def->unit ? def->unit : "");
        top->series[id] = series;
        top->history_ms = 0;
        for (int range = 0; range < TOP_RANGES; range++) {
            clear_range(series, (enum top_range)range);
        }
    }
    series->seen = true;
    series->value = (double)NAN;
    top->order[top->count++] = id;
    return 0;
}

// ---- values -------------------------------------------------------------------------------------

struct reading {
    struct top *top;
    enum top_range range;
    int64_t first_ms; // of the bucket before the first one that is shown
};

static int on_begin(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)def;
    return id < VARVE_MAX_SERIES ? 0 : VARVE_E_CORRUPT;
}

static int on_newest(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reading *reading = arg;
    struct top_series *series = reading->top->series[id];
    if (series && n > 0 && !series->counter) {
        series->value = points[n - 1].value;
    }
    return 0;
}

// A counter's rate over the last whole minute.
static int on_rates(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reading *reading = arg;
    struct top_series *series = reading->top->series[id];
    for (size_t i = 0; series && series->counter && i < n; i++) {
        if (points[i].time_ms + MINUTE_MS <= reading->top->now_ms) {
            series->value = points[i].value;
        }
    }
    return 0;
}

// A counter's rate in the bucket that begins at start_ms and ends with `value`.
static double rate_of(const struct top *top, struct top_series *series, enum top_range range,
                      int64_t start_ms, double value)
{
    double before = series->before[range];
    int64_t end_ms = start_ms + step_ms[range];
    double seconds = (double)((end_ms < top->now_ms ? end_ms : top->now_ms) - start_ms) / 1000;
    double increase = value >= before ? value - before : value;
    series->before[range] = value;
    return isnan(before) || seconds < 5 ? (double)NAN : increase / seconds;
}

static int on_buckets(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reading *reading = arg;
    struct top_series *series = reading->top->series[id];
    for (size_t i = 0; series && i < n; i++) {
        int64_t at = (points[i].time_ms - reading->first_ms) / step_ms[reading->range];
        double value = points[i].value;
        if (series->counter) {
            value = rate_of(reading->top, series, reading->range, points[i].time_ms, value);
        }
        if (at >= 1 && at <= (int64_t)TOP_BUCKETS) {
            series->spark[reading->range][at - 1] = value;
        }
    }
    return 0;
}

static int query(struct top *top, struct varve_source *source, struct varve_query *query,
                 struct reading *reading,
                 int (*points)(void *, varve_series_id, const struct varve_point *, size_t))
{
    const struct varve_query_sink sink = {
        .arg = reading, .begin = on_begin, .series = on_series, .points = points, .end = on_begin};
    query->selector = top->filter;
    query->to_ms = top->now_ms;
    query->tier = VARVE_TIER_AUTO;
    int rc = source->ops->query(source, query, &sink);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

static int ask_range(struct top *top, struct varve_source *source, enum top_range range)
{
    int64_t step = step_ms[range];
    struct reading reading = {
        .top = top, .range = range, .first_ms = (top->now_ms / step - (int64_t)TOP_BUCKETS) * step};
    struct varve_query ask = {.from_ms = reading.first_ms, .step_ms = step};
    for (size_t i = 0; i < top->count; i++) {
        clear_range(top->series[top->order[i]], range);
    }
    return query(top, source, &ask, &reading, on_buckets);
}

static int ask_newest(struct top *top, struct varve_source *source)
{
    struct reading reading = {.top = top};
    struct varve_query ask = {
        .from_ms = top->now_ms - NEWEST_MS, .step_ms = NEWEST_MS, .agg = VARVE_AGG_LAST};
    struct varve_query rates = {.from_ms = (top->now_ms / MINUTE_MS - 2) * MINUTE_MS,
                                .step_ms = MINUTE_MS,
                                .agg = VARVE_AGG_RATE};
    int rc = query(top, source, &ask, &reading, on_newest);
    return rc == 0 ? query(top, source, &rates, &reading, on_rates) : rc;
}

// ---- order --------------------------------------------------------------------------------------

static void judge_change(struct top_series *series)
{
    double sum = 0, newest = (double)NAN;
    size_t n = 0;
    for (size_t i = 0; i < TOP_BUCKETS; i++) {
        double value = series->spark[TOP_HOUR][i];
        bool known = isfinite(value);
        sum += known ? value : 0;
        n += known;
        newest = known ? value : newest;
    }
    if (series->counter && isnan(series->value)) {
        series->value = newest; // it comes less often than once a minute
    }
    double mean = n > 0 ? sum / (double)n : (double)NAN;
    double distance = fabs(series->value - mean);
    series->change = distance > 0      ? distance / (fabs(mean) > 0 ? fabs(mean) : distance)
                     : isnan(distance) ? (double)NAN
                                       : 0;
}

static const struct top *sorting; // qsort() has no argument for it

static double key_of(const struct top_series *series)
{
    return sorting->sort == TOP_BY_CHANGE  ? series->change
           : sorting->sort == TOP_BY_VALUE ? series->value
                                           : 0;
}

static int by_sort(const void *a, const void *b)
{
    varve_series_id one, other;
    memcpy(&one, a, sizeof one);
    memcpy(&other, b, sizeof other);
    const struct top_series *x = sorting->series[one], *y = sorting->series[other];
    double p = key_of(x), q = key_of(y);
    if (isnan(p) != isnan(q)) {
        return isnan(p) ? 1 : -1; // what is not known goes last
    }
    if (p != q && !isnan(p)) {
        return p > q ? -1 : 1;
    }
    return strcmp(x->text, y->text);
}

// The same series stays selected where it is still there.
static void sort_series(struct top *top, const char *selected)
{
    sorting = top;
    if (top->count > 0) {
        qsort(top->order, top->count, sizeof *top->order, by_sort);
    }
    for (size_t i = 0; selected[0] && i < top->count; i++) {
        if (strcmp(top->series[top->order[i]]->text, selected) == 0) {
            top->selected = i;
        }
    }
    if (top->selected >= top->count) {
        top->selected = top->count > 0 ? top->count - 1 : 0;
    }
}

// ---- the plot -----------------------------------------------------------------------------------

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct top *top = arg;
    (void)id;
    if (top->points_cap - top->points_used < n) {
        size_t cap = 2 * top->points_cap + n;
        struct varve_point *grown = realloc(top->points, cap * sizeof *grown);
        if (!grown) {
            return VARVE_E_NO_MEMORY;
        }
        top->points = grown;
        top->points_cap = cap;
    }
    memcpy(top->points + top->points_used, points, n * sizeof *points);
    top->points_used += n;
    return 0;
}

static int ask_plot(struct top *top, struct varve_source *source)
{
    const struct top_series *series = top_selected(top);
    const struct varve_query_sink sink = {
        .arg = top, .begin = on_begin, .series = on_series, .points = on_points, .end = on_begin};
    int64_t step = top_range_ms(top->range) / 240;
    top->points_used = 0;
    if (top->view != TOP_ZOOM || !series) {
        return 0;
    }
    top->plot_to_ms = top->now_ms;
    top->plot_from_ms = top->now_ms - top_range_ms(top->range);
    struct varve_query ask = {.selector = series->text,
                              .from_ms = top->plot_from_ms,
                              .to_ms = top->plot_to_ms,
                              .step_ms = step,
                              .tier = VARVE_TIER_AUTO,
                              .agg = series->counter ? VARVE_AGG_RATE : VARVE_AGG_AVG};
    int rc = source->ops->query(source, &ask, &sink);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

// ---- a refresh ----------------------------------------------------------------------------------

static void count_samples(struct top *top)
{
    const struct varve_stats *s = &top->condition.stats;
    double seconds = (double)(s->wall_ms - top->samples_ms) / 1000;
    bool known = top->samples_ms != 0 && s->samples >= top->samples_before;
    if (known && seconds >= 0 && seconds < 2) {
        return; // too short to tell
    }
    top->samples_per_s = known ? (double)(s->samples - top->samples_before) / seconds
                         : s->uptime_ms > 0
                             ? (double)s->samples_session * 1000 / (double)s->uptime_ms
                             : (double)NAN;
    top->samples_before = s->samples;
    top->samples_ms = s->wall_ms;
}

static int ask_series(struct top *top, struct varve_source *source)
{
    char selected[VARVE_SERIES_TEXT];
    const struct top_series *before = top_selected(top);
    (void)snprintf(selected, sizeof selected, "%s", before ? before->text : "");
    top->count = 0;
    int rc = source->ops->series(source, top->filter, meet_series, top);
    if (rc == VARVE_E_INVALID) {
        (void)snprintf(top->filter_why, sizeof top->filter_why, "%s", source->why);
        return 0;
    }
    top->filter_why[0] = '\0';
    rc = rc == 0 ? ask_range(top, source, TOP_HOUR) : rc;
    if (rc == 0 && top->now_ms - top->history_ms >= HISTORY_MS) {
        top->history_ms = top->now_ms;
        rc = ask_range(top, source, TOP_DAY);
        rc = rc == 0 ? ask_range(top, source, TOP_WEEK) : rc;
    }
    rc = rc == 0 ? ask_newest(top, source) : rc;
    for (size_t i = 0; i < top->count; i++) {
        judge_change(top->series[top->order[i]]);
    }
    sort_series(top, selected);
    return rc;
}

int top_ask(struct top *top, struct varve_source *source)
{
    top->now_ms = when_now();
    int rc = condition_ask(source, top->now_ms - DAY_MS, &top->condition);
    if (rc == 0) {
        count_samples(top);
        rc = ask_series(top, source);
    }
    rc = rc == 0 ? ask_plot(top, source) : rc;
    (void)snprintf(top->why, sizeof top->why, "%s",
                   rc == 0          ? ""
                   : source->why[0] ? source->why
                                    : varve_strerror(rc));
    return rc;
}
