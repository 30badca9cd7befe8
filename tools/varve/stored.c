// SPDX-License-Identifier: Apache-2.0
// What an import need not store again; see stored.h.
#include "stored.h"

#include <stdlib.h>
#include <string.h>

#define WINDOW_MS     600000
#define WINDOW_MIN_MS 60000
#define WINDOW_MAX_MS INT64_C(2592000000)
// Points in a window from which on the next is shorter, and below which it is longer.
#define MANY_POINTS 262144u
#define FEW_POINTS  4096u

// Of one series in the window: times of samples or, further back than raw, starts of cells.
struct times {
    int64_t *ms; // ascending
    double *counts;
    size_t count, cap, at;
    int64_t last_ms; // of the import
    bool any;        // last_ms says something
};

// What has the say about a time: raw, or the finest tier that has not given the time up.
struct reach {
    int64_t from_ms; // a cell begins there
    int64_t step_ms; // of a cell
};

struct stored {
    struct varve_source *source;
    struct reach reach[VARVE_MAX_TIERS];
    int tiers;
    int64_t raw_oldest_ms, newest_ms; // when the import began
    int tier;                         // of the window
    int64_t from_ms, to_ms;           // the window; from behind to: none yet
    int64_t span_ms;
    size_t points; // in it
    struct times times[VARVE_MAX_SERIES];
};

static int64_t floor_to(int64_t ms, int64_t step_ms)
{
    int64_t rest = ms % step_ms;
    return ms - (rest < 0 ? rest + step_ms : rest);
}

// Where a tier begins to have the say: at its oldest row, or before, where its age lets it keep
// what there is not.
static struct reach reach_of(const struct varve_tier_stats *tier, bool raw)
{
    int64_t step_ms = raw || tier->tier.step_ms <= 0 ? 1 : tier->tier.step_ms;
    struct reach reach = {.from_ms = INT64_MAX, .step_ms = step_ms};
    if (tier->oldest_ms <= tier->newest_ms) {
        int64_t kept_ms = tier->newest_ms - tier->tier.keep_ms;
        int64_t from_ms = kept_ms < tier->oldest_ms ? kept_ms : tier->oldest_ms;
        reach.from_ms = floor_to(from_ms, step_ms) + (from_ms % step_ms != 0 ? step_ms : 0);
    }
    return reach;
}

struct stored *stored_new(struct varve_source *source)
{
    static struct varve_stats stats;
    struct stored *s = calloc(1, sizeof *s);
    if (s) {
        bool told = source->ops->stats(source, &stats) == 0 && stats.tier_count > 0;
        s->source = source;
        s->tiers = told ? (int)stats.tier_count : 1;
        s->reach[0] = (struct reach){.from_ms = INT64_MIN, .step_ms = 1};
        for (int i = 0; told && i < s->tiers; i++) {
            s->reach[i] = reach_of(&stats.tiers[i], i == 0);
        }
        s->raw_oldest_ms = told ? stats.tiers[0].oldest_ms : INT64_MIN;
        s->newest_ms = INT64_MIN;
        for (int i = 0; told && i < s->tiers; i++) {
            int64_t end_ms = stats.tiers[i].newest_ms;
            s->newest_ms = end_ms > s->newest_ms ? end_ms : s->newest_ms;
        }
        s->newest_ms = told ? s->newest_ms : INT64_MAX;
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
        free(s->times[i].counts);
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

static int make_room(struct stored *s, struct times *t, size_t n)
{
    if (t->cap - t->count >= n) {
        return 0;
    }
    size_t cap = 2 * t->cap + n;
    int64_t *ms = realloc(t->ms, cap * sizeof *ms);
    if (!ms) {
        return source_fail(s->source, VARVE_E_NO_MEMORY, "not enough memory for what is stored");
    }
    t->ms = ms;
    double *counts = realloc(t->counts, cap * sizeof *counts);
    if (!counts) {
        return source_fail(s->source, VARVE_E_NO_MEMORY, "not enough memory for what is stored");
    }
    t->counts = counts;
    t->cap = cap;
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct stored *s = arg;
    int rc = id < VARVE_MAX_SERIES ? make_room(s, &s->times[id], n) : VARVE_E_CORRUPT;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct times *t = &s->times[id];
        t->ms[t->count] = points[i].time_ms;
        t->counts[t->count++] = points[i].value;
    }
    s->points += rc == 0 ? n : 0;
    return rc;
}

// Of the cells in `points` those that hold more than raw has, which `times` counts now, stay: they
// take the place of raw's in `times`, which are behind them in time or the same.
static int take_cells(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct stored *s = arg;
    int rc = id < VARVE_MAX_SERIES ? make_room(s, &s->times[id], n) : VARVE_E_CORRUPT;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct times *t = &s->times[id];
        while (t->at < t->count && t->ms[t->at] < points[i].time_ms) {
            t->at++;
        }
        bool same = t->at < t->count && t->ms[t->at] == points[i].time_ms;
        if (same && t->counts[t->at] < points[i].value) {
            t->counts[t->at] = 0; // marked: samples of it are gone
        } else if (!same) {
            size_t behind = t->count - t->at;
            memmove(&t->ms[t->at + 1], &t->ms[t->at], behind * sizeof *t->ms);
            memmove(&t->counts[t->at + 1], &t->counts[t->at], behind * sizeof *t->counts);
            t->ms[t->at] = points[i].time_ms;
            t->counts[t->at] = 0;
            t->count++;
        }
    }
    s->points += rc == 0 ? n : 0;
    return rc;
}

static int ask(struct stored *s, const struct varve_query *query,
               int (*take)(void *, varve_series_id, const struct varve_point *, size_t))
{
    const struct varve_query_sink sink = {
        .arg = s, .begin = take_info, .series = take_series, .points = take, .end = take_info};
    int rc = s->source->ops->query(s->source, query, &sink);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc; // no series yet
}

// The window begins where a cell begins, and ends where one ends, or the next finer tier begins.
static void place_window(struct stored *s, int64_t time_ms)
{
    int64_t step_ms = s->reach[s->tier].step_ms;
    bool any = s->to_ms >= s->from_ms;
    if (any && s->points > MANY_POINTS && s->span_ms > WINDOW_MIN_MS) {
        s->span_ms /= 2;
    } else if (any && s->points < FEW_POINTS && s->span_ms < WINDOW_MAX_MS) {
        s->span_ms *= 2;
    }
    int64_t span_ms = s->span_ms < step_ms ? step_ms : floor_to(s->span_ms, step_ms);
    s->from_ms = floor_to(time_ms, step_ms);
    s->to_ms = s->from_ms > INT64_MAX - span_ms ? INT64_MAX : s->from_ms + span_ms - 1;
    for (int finer = 0; finer < s->tier; finer++) {
        int64_t end_ms = s->reach[finer].from_ms;
        s->to_ms = time_ms < end_ms && s->to_ms >= end_ms ? end_ms - 1 : s->to_ms;
    }
}

static int read_window(struct stored *s, int64_t time_ms)
{
    for (size_t i = 0; i < VARVE_MAX_SERIES; i++) {
        s->times[i].count = 0;
        s->times[i].at = 0;
    }
    place_window(s, time_ms);
    s->points = 0;
    struct varve_query query = {.selector = "", .from_ms = s->from_ms, .to_ms = s->to_ms};
    if (s->tier == 0) {
        return ask(s, &query, take_points);
    }
    int64_t step_ms = s->reach[s->tier].step_ms;
    query.agg = VARVE_AGG_COUNT;
    query.step_ms = step_ms;
    query.to_ms = floor_to(s->to_ms, step_ms) + step_ms - 1; // the whole last cell
    int rc = query.to_ms >= s->raw_oldest_ms ? ask(s, &query, take_points) : 0;
    query.tier = s->tier;
    rc = rc == 0 ? ask(s, &query, take_cells) : rc;
    for (size_t i = 0; i < VARVE_MAX_SERIES; i++) {
        s->times[i].at = 0;
    }
    return rc;
}

// The finest tier that reaches back to a time; -1: nothing of it is stored.
static int tier_of(const struct stored *s, int64_t time_ms)
{
    int tier = 0;
    while (tier < s->tiers && time_ms < s->reach[tier].from_ms) {
        tier++;
    }
    return tier < s->tiers ? tier : -1;
}

int stored_has(struct stored *s, int series, int64_t time_ms)
{
    struct times *t = &s->times[series];
    bool again = t->any && t->last_ms == time_ms;
    int tier = tier_of(s, time_ms);
    t->any = true;
    t->last_ms = time_ms;
    if (again || tier < 0 || floor_to(time_ms, s->reach[tier].step_ms) > s->newest_ms) {
        return again;
    }
    if (time_ms < s->from_ms || time_ms > s->to_ms || tier != s->tier) {
        s->tier = tier;
        int rc = read_window(s, time_ms);
        if (rc != 0) {
            return rc;
        }
    }
    int64_t at_ms = floor_to(time_ms, s->reach[tier].step_ms);
    while (t->at < t->count && t->ms[t->at] < at_ms) {
        t->at++;
    }
    bool there = t->at < t->count && t->ms[t->at] == at_ms;
    return there && (tier == 0 || t->counts[t->at] == 0);
}
