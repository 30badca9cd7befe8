// SPDX-License-Identifier: Apache-2.0
// An answer put in order; see gather.h.
#include "gather.h"

#include <stdlib.h>
#include <string.h>

#include "varve/error.h"

struct gathered {
    struct varve_series_def def;
    char *text, *unit; // of def
    struct varve_point *points;
    size_t count, cap;
};

struct gather {
    const struct varve_query_sink *to;
    struct gathered *series[VARVE_MAX_SERIES];
    varve_series_id order[VARVE_MAX_SERIES]; // as they were announced
    size_t count;
};

struct gather *gather_new(const struct varve_query_sink *to)
{
    struct gather *g = calloc(1, sizeof *g);
    if (g) {
        g->to = to;
    }
    return g;
}

void gather_free(struct gather *gather)
{
    for (size_t i = 0; gather && i < gather->count; i++) {
        struct gathered *series = gather->series[gather->order[i]];
        free(series->text);
        free(series->unit);
        free(series->points);
        free(series);
    }
    free(gather);
}

static int gather_begin(void *arg, const struct varve_query_info *info)
{
    struct gather *g = arg;
    return g->to->begin(g->to->arg, info);
}

static int gather_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct gather *g = arg;
    if (id >= VARVE_MAX_SERIES || g->series[id]) {
        return VARVE_E_CORRUPT; // each is announced once
    }
    struct gathered *series = calloc(1, sizeof *series);
    char *text = strdup(def->text), *unit = strdup(def->unit);
    if (!series || !text || !unit) {
        free(series);
        free(text);
        free(unit);
        return VARVE_E_NO_MEMORY;
    }
    series->text = text;
    series->unit = unit;
    series->def =
        (struct varve_series_def){.text = text, .unit = unit, .help = "", .kind = def->kind};
    g->series[id] = series;
    g->order[g->count++] = id;
    return 0;
}

static int gather_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct gather *g = arg;
    struct gathered *series = id < VARVE_MAX_SERIES ? g->series[id] : NULL;
    if (!series) {
        return VARVE_E_CORRUPT;
    }
    if (series->cap - series->count < n) {
        size_t cap = 2 * series->cap + n;
        struct varve_point *grown = realloc(series->points, cap * sizeof *grown);
        if (!grown) {
            return VARVE_E_NO_MEMORY;
        }
        series->points = grown;
        series->cap = cap;
    }
    memcpy(series->points + series->count, points, n * sizeof *points);
    series->count += n;
    return 0;
}

static int gather_end(void *arg, const struct varve_query_info *info)
{
    struct gather *g = arg;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < g->count; i++) {
        varve_series_id id = g->order[i];
        const struct gathered *series = g->series[id];
        rc = g->to->series(g->to->arg, id, &series->def);
        rc = rc == 0 ? g->to->points(g->to->arg, id, series->points, series->count) : rc;
    }
    return rc == 0 ? g->to->end(g->to->arg, info) : rc;
}

struct varve_query_sink gather_sink(struct gather *gather)
{
    return (struct varve_query_sink){
        .arg = gather,
        .begin = gather_begin,
        .series = gather_series,
        .points = gather_points,
        .end = gather_end,
    };
}
