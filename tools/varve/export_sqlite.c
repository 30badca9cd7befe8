// SPDX-License-Identifier: Apache-2.0
// `varve export --format sqlite`; see export_sqlite.h.
//
// A query gives one figure of a cell. So each tier is asked once for each: the count makes the row,
// the others fill it in, all of them in the order of the file's key. A daemon's cells change until
// they have ended, so of those only ended ones are taken.
//
// Owns what is asked. Leaves the file to sqlite_file.h.
#include "export_sqlite.h"

#include "commands.h"

#ifdef VARVE_SQLITE

#include "sqlite_file.h"

// Which figure a pass over a tier brings, the first for the row itself.
static const struct pass {
    enum varve_agg agg;
    enum sqlite_statement put;
} passes[] = {{VARVE_AGG_COUNT, SQLITE_PUT_CELL},
              {VARVE_AGG_MIN, SQLITE_SET_MIN},
              {VARVE_AGG_MAX, SQLITE_SET_MAX},
              {VARVE_AGG_SUM, SQLITE_SET_SUM},
              {VARVE_AGG_LAST, SQLITE_SET_LAST}};

struct transfer {
    struct sqlite_file file;
    const struct varve_tier *tier; // of cells; NULL: raw
    enum sqlite_statement put;
    int64_t ended_ms; // cells that end later are left out
    int64_t last_ms;  // of the series
    uint64_t points;  // rows of samples and cells
    uint64_t twice;   // samples of a series and time that was there
    uint32_t damaged; // blocks
};

// ---- what a query brings ------------------------------------------------------------------------

// Ids begin with 1, as people expect them.
static int64_t row_id(varve_series_id id)
{
    return (int64_t)id + 1;
}

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct transfer *t = arg;
    t->last_ms = INT64_MIN;
    return sqlite_file_series(&t->file, row_id(id), def);
}

static int take_sample(struct transfer *t, varve_series_id id, const struct varve_point *point)
{
    bool again = point->time_ms == t->last_ms;
    t->last_ms = point->time_ms;
    t->twice += again ? 1 : 0;
    t->points += again ? 0 : 1;
    return sqlite_file_sample(&t->file, row_id(id), point);
}

static int take_cell(struct transfer *t, varve_series_id id, const struct varve_point *point)
{
    if (point->time_ms > t->ended_ms - t->tier->step_ms) {
        return 0;
    }
    t->points += t->put == SQLITE_PUT_CELL ? 1 : 0;
    return sqlite_file_cell(&t->file, t->put, row_id(id), t->tier->name, point);
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct transfer *t = arg;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = t->tier ? take_cell(t, id, &points[i]) : take_sample(t, id, &points[i]);
    }
    return rc;
}

static int take_info(void *arg, const struct varve_query_info *info)
{
    struct transfer *t = arg;
    t->damaged = info->damaged_blocks > t->damaged ? info->damaged_blocks : t->damaged;
    return 0;
}

static int ask(struct transfer *t, struct varve_source *source, const struct varve_query *query)
{
    const struct varve_query_sink sink = {.arg = t,
                                          .begin = take_info,
                                          .series = take_series,
                                          .points = take_points,
                                          .end = take_info};
    return source->ops->query(source, query, &sink);
}

// ---- the parts ----------------------------------------------------------------------------------

static int put_cells(struct transfer *t, struct varve_source *source, struct varve_query query)
{
    int rc = sqlite_file_tier(&t->file, t->tier);
    for (size_t i = 0; rc == 0 && i < sizeof passes / sizeof passes[0]; i++) {
        query.agg = passes[i].agg;
        t->put = passes[i].put;
        rc = ask(t, source, &query);
    }
    return rc;
}

static int put_tiers(struct transfer *t, struct varve_source *source, struct varve_query query,
                     const struct varve_stats *stats)
{
    int wanted = query.tier;
    int rc = 0;
    for (int i = 0; rc == 0 && i < (int)stats->tier_count; i++) {
        if (wanted != VARVE_TIER_AUTO && wanted != i) {
            continue;
        }
        query.tier = i;
        query.agg = VARVE_AGG_LAST;
        t->tier = i > 0 ? &stats->tiers[i].tier : NULL;
        rc = t->tier ? put_cells(t, source, query) : ask(t, source, &query);
    }
    return rc;
}

static int put_event(void *arg, const struct varve_event *event)
{
    struct transfer *t = arg;
    return sqlite_file_event(&t->file, event);
}

static int put_all(struct transfer *t, struct varve_source *source, const struct varve_query *query)
{
    static struct varve_stats stats;
    int rc = source->ops->stats(source, &stats);
    t->ended_ms = source_is_remote(source) ? stats.wall_ms : INT64_MAX;
    rc = rc == 0 ? source->ops->series(source, query->selector, take_series, t) : rc;
    rc = rc == 0 ? put_tiers(t, source, *query, &stats) : rc;
    return rc == 0 ? source->ops->events(source, query->from_ms, query->to_ms, put_event, t) : rc;
}

// ---- the command --------------------------------------------------------------------------------

static void tell(const struct transfer *t)
{
    if (t->twice > 0) {
        (void)complain(0, "%llu samples had the series and time of another; the last one is kept",
                       (unsigned long long)t->twice);
    }
    if (t->damaged > 0) {
        (void)complain(0, "%u damaged blocks were passed over; what they held is missing",
                       t->damaged);
    }
}

// Of failures the file's own says more than what the source makes of it.
static int finish_export(struct transfer *t, struct varve_source *source,
                         const struct varve_query *query, int rc)
{
    explain_unknown(source, query->selector, rc);
    if (t->file.rc != 0) {
        (void)source_fail(source, rc, "cannot write %s: %s", t->file.whole.path, t->file.why);
    }
    int code = finish(source, rc);
    if (code != DONE) {
        sqlite_file_abandon(&t->file);
        return code;
    }
    tell(t);
    return sqlite_file_end(&t->file) == 0 ? DONE : FAILED;
}

int export_sqlite(const struct args *args, const struct varve_query *query)
{
    static struct transfer t;
    struct varve_source source;
    struct varve_query asked = *query;
    t = (struct transfer){.last_ms = INT64_MIN};
    if (sqlite_file_begin(&t.file, args->value[OPT_OUTPUT]) < 0) {
        return FAILED;
    }
    int code = open_source(&source, args);
    if (code != DONE) {
        sqlite_file_abandon(&t.file);
        return code;
    }
    code = read_tier(args, &source, &asked.tier);
    if (code != DONE) {
        (void)source_close(&source); // opened for reading
        sqlite_file_abandon(&t.file);
        return code;
    }
    code = finish_export(&t, &source, query, put_all(&t, &source, &asked));
    return judge_points(args, query, t.points, 0, code);
}

#else

int export_sqlite(const struct args *args, const struct varve_query *query)
{
    (void)args;
    (void)query;
    return complain(FAILED, "this build has no SQLite; export as csv, and let sqlite3 import that");
}

#endif
