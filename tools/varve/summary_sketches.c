// SPDX-License-Identifier: Apache-2.0
// Percentiles of a summary from the sketches of cells; see summary.h.
#include <math.h>
#include <stdio.h>

#include "summary.h"

struct quantile {
    double value;
    bool sketched;
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
    (void)id;
    (void)def;
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct quantile *quantile = arg;
    (void)id;
    quantile->value = points[n - 1].value;
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    struct quantile *quantile = arg;
    quantile->sketched = info->sketched && !info->unsketched;
    return 0;
}

static int64_t cell_of(int64_t time_ms, int64_t step_ms)
{
    int64_t behind = time_ms % step_ms;
    return time_ms - behind - (behind < 0 ? step_ms : 0);
}

// Over the same cells as the other figures. *out stays as it is where there are no sketches.
static int ask(struct varve_source *source, const struct summary *s, const char *series,
               const char *q, double *out)
{
    char text[VARVE_SERIES_TEXT + 96];
    int64_t step_ms = s->info.tier_step_ms;
    int64_t from_ms = s->info.from_ms > s->from_ms ? s->info.from_ms : s->from_ms;
    int64_t begin_ms = cell_of(from_ms, step_ms), end_ms = cell_of(s->to_ms, step_ms) + step_ms;
    struct quantile quantile = {.value = (double)NAN};
    const struct varve_query_sink sink = {.arg = &quantile,
                                          .begin = on_begin,
                                          .series = on_series,
                                          .points = on_points,
                                          .end = on_end};
    (void)snprintf(text, sizeof text, "quantile_over_time(%s, %s[%lldms])", q, series,
                   (long long)(end_ms - begin_ms));
    const struct varve_expr_query query = {
        .text = text, .from_ms = end_ms, .to_ms = end_ms, .tier = s->info.tier};
    int rc = source->ops->expr(source, &query, &sink);
    *out = rc == 0 && quantile.sketched ? quantile.value : *out;
    return rc;
}

// A counter is told as its rate, and sketches are of its values.
int summary_sketches(struct varve_source *source, struct summary *s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->count; i++) {
        struct summary_row *row = &s->row[i];
        if (row->counter || row->count == 0) {
            continue;
        }
        rc = ask(source, s, row->series, "0.95", &row->p95);
        if (rc == 0 && !isnan(row->p95)) {
            rc = ask(source, s, row->series, "0.99", &row->p99);
            s->sketched++;
        }
    }
    return rc == VARVE_E_UNSUPPORTED ? 0 : rc; // a daemon without expressions
}
