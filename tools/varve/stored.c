// SPDX-License-Identifier: Apache-2.0
// What an import need not store again; see stored.h.
#include "stored.h"

#include <stdlib.h>

#define WINDOW_MS     600000
#define WINDOW_MIN_MS 60000
#define WINDOW_MAX_MS INT64_C(2592000000)
// Points in a window from which on the next is shorter, and below which it is longer.
#define MANY_POINTS 262144u
#define FEW_POINTS  4096u

struct times {
    int64_t *ms; // in the window, ascending
    size_t count, cap, at;
    int64_t last_ms; // of the import
    bool any;        // last_ms says something
};

struct stored {
    struct varve_source *source;
    int64_t oldest_ms, newest_ms; // that raw held when the import began
    int64_t from_ms, to_ms;       // the window; from behind to: none yet
    int64_t span_ms;
    size_t points; // in it
    struct times times[VARVE_MAX_SERIES];
};

struct stored *stored_new(struct varve_source *source)
{
    static struct varve_stats stats;
    struct stored *s = calloc(1, sizeof *s);
    if (s) {
        bool told = source->ops->stats(source, &stats) == 0 && stats.tier_count > 0;
        s->source = source;
        s->oldest_ms = told ? stats.tiers[0].oldest_ms : INT64_MIN;
        s->newest_ms = told ? stats.tiers[0].newest_ms : INT64_MAX;
        s->from_ms = INT64_MAX;
        s->to_ms = INT64_MIN;
        s->span_ms = WINDOW_MS;
    }
    return s;
}

void stored_free(struct stored *s)
{
    for (size_t i = 0; s && i < VARVE_MAX_SERIES; i++) {
        free(s->times[i].ms);
    }
    free(s);
}

// ---- the window ---------------------------------------------------------------------------------

static int take_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)def;
    return id < VARVE_MAX_SERIES ? 0 : VARVE_E_CORRUPT;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct stored *s = arg;
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    struct times *t = &s->times[id];
    if (t->cap - t->count < n) {
        size_t cap = 2 * t->cap + n;
        int64_t *ms = realloc(t->ms, cap * sizeof *ms);
        if (!ms) {
            return source_fail(s->source, VARVE_E_NO_MEMORY,
                               "not enough memory for what is stored");
        }
        t->ms = ms;
        t->cap = cap;
    }
    for (size_t i = 0; i < n; i++) {
        t->ms[t->count++] = points[i].time_ms;
    }
    s->points += n;
    return 0;
}

static int read_window(struct stored *s, int64_t time_ms)
{
    const struct varve_query_sink sink = {.arg = s,
                                          .begin = take_info,
                                          .series = take_series,
                                          .points = take_points,
                                          .end = take_info};
    for (size_t i = 0; i < VARVE_MAX_SERIES; i++) {
        s->times[i].count = 0;
        s->times[i].at = 0;
    }
    if (s->to_ms >= s->from_ms && s->points > MANY_POINTS && s->span_ms > WINDOW_MIN_MS) {
        s->span_ms /= 2;
    } else if (s->to_ms >= s->from_ms && s->points < FEW_POINTS && s->span_ms < WINDOW_MAX_MS) {
        s->span_ms *= 2;
    }
    s->points = 0;
    s->from_ms = time_ms;
    s->to_ms = time_ms > INT64_MAX - s->span_ms ? INT64_MAX : time_ms + s->span_ms - 1;
    struct varve_query query = {.selector = "", .from_ms = s->from_ms, .to_ms = s->to_ms};
    int rc = s->source->ops->query(s->source, &query, &sink);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc; // no series yet
}

int stored_has(struct stored *s, int series, int64_t time_ms)
{
    struct times *t = &s->times[series];
    bool again = t->any && t->last_ms == time_ms;
    t->any = true;
    t->last_ms = time_ms;
    if (again || time_ms < s->oldest_ms || time_ms > s->newest_ms) {
        return again;
    }
    if (time_ms < s->from_ms || time_ms > s->to_ms) {
        int rc = read_window(s, time_ms);
        if (rc != 0) {
            return rc;
        }
    }
    while (t->at < t->count && t->ms[t->at] < time_ms) {
        t->at++;
    }
    return t->at < t->count && t->ms[t->at] == time_ms;
}
