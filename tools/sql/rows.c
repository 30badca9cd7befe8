// SPDX-License-Identifier: Apache-2.0
// varve_points and varve_cells: rows of series, read piece by piece as SQLite asks for them.
//
// A cursor has memory of its own (VARVE_QUERY_MEMORY), whatever the range; blocks that it has read
// stay there for the next range of a join.
//
// Threading: that of the connection.
#include <string.h>

#include "plan.h"

enum {
    POINT_SERIES,
    POINT_TIME,
    POINT_VALUE,
    POINT_SELECTOR,
    POINT_TIER,
    POINT_MS,
    POINT_ID,
    POINT_NAME,
    POINT_LABELS,
};

enum {
    CELL_SERIES,
    CELL_TIER,
    CELL_TIME,
    CELL_STEP,
    CELL_COUNT,
    CELL_MIN,
    CELL_MAX,
    CELL_SUM,
    CELL_AVG,
    CELL_LAST,
    CELL_SELECTOR,
    CELL_MS,
    CELL_ID,
    CELL_NAME,
    CELL_LABELS,
};

static const struct sql_column point_columns[] = {
    [POINT_SERIES] = {"series TEXT", SQL_SERIES},
    [POINT_TIME] = {"time REAL", SQL_TIME},
    [POINT_VALUE] = {"value REAL", SQL_PLAIN},
    [POINT_SELECTOR] = {"selector TEXT HIDDEN", SQL_SELECTOR},
    [POINT_TIER] = {"tier TEXT HIDDEN", SQL_TIER},
    [POINT_MS] = {"ms INTEGER HIDDEN", SQL_MS},
    [POINT_ID] = {"id INTEGER HIDDEN", SQL_ID},
    [POINT_NAME] = {"name TEXT HIDDEN", SQL_NAME},
    [POINT_LABELS] = {"labels TEXT HIDDEN", SQL_PLAIN},
};

static const struct sql_column cell_columns[] = {
    [CELL_SERIES] = {"series TEXT", SQL_SERIES},
    [CELL_TIER] = {"tier TEXT", SQL_TIER},
    [CELL_TIME] = {"time REAL", SQL_TIME},
    [CELL_STEP] = {"step REAL", SQL_PLAIN},
    [CELL_COUNT] = {"count INTEGER", SQL_PLAIN},
    [CELL_MIN] = {"min REAL", SQL_PLAIN},
    [CELL_MAX] = {"max REAL", SQL_PLAIN},
    [CELL_SUM] = {"sum REAL", SQL_PLAIN},
    [CELL_AVG] = {"avg REAL", SQL_PLAIN},
    [CELL_LAST] = {"last REAL", SQL_PLAIN},
    [CELL_SELECTOR] = {"selector TEXT HIDDEN", SQL_SELECTOR},
    [CELL_MS] = {"ms INTEGER HIDDEN", SQL_MS},
    [CELL_ID] = {"id INTEGER HIDDEN", SQL_ID},
    [CELL_NAME] = {"name TEXT HIDDEN", SQL_NAME},
    [CELL_LABELS] = {"labels TEXT HIDDEN", SQL_PLAIN},
};

#define ROW_ORDERS                                                                                 \
    (1u << SQL_ORDER_TIME | 1u << SQL_ORDER_TIME_DESC | 1u << SQL_ORDER_SERIES |                   \
     1u << SQL_ORDER_SERIES_TIME_DESC)

const struct sql_kind sql_points_kind = {
    .name = "varve_points",
    .columns = point_columns,
    .column_count = sizeof point_columns / sizeof *point_columns,
    .orders = ROW_ORDERS,
    .has_tiers = true,
    .wants_tier = true,
    .fallback_rows = 100000,
};

const struct sql_kind sql_cells_kind = {
    .name = "varve_cells",
    .columns = cell_columns,
    .column_count = sizeof cell_columns / sizeof *cell_columns,
    .orders = ROW_ORDERS,
    .has_tiers = true,
    .fallback_rows = 10000,
};

struct rows_cursor {
    sqlite3_vtab_cursor base;
    struct sql_ask ask;
    void *memory;
    struct varve_scan *scan; // NULL: nothing was asked yet
    struct varve_scan_piece piece;
    size_t at;     // of the piece
    unsigned tier; // that is read
    bool backwards;
    bool done;
    bool entered;
};

static struct sql_table *table_of(sqlite3_vtab_cursor *cursor)
{
    return (struct sql_table *)(void *)cursor->pVtab;
}

static bool is_points(const struct sql_table *table)
{
    return table->kind == &sql_points_kind;
}

static int rows_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct rows_cursor *c = sqlite3_malloc64(sizeof *c);
    if (c == NULL) {
        return SQLITE_NOMEM;
    }
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

// What was passed over is told once, on the log: an answer has no room for it.
static void add_figures(const struct rows_cursor *c, struct sql_state *state)
{
    struct varve_scan_figures figures;
    varve_scan_figures(c->scan, &figures);
    state->read.rows += figures.rows;
    state->read.bytes += figures.bytes;
    state->read.blocks += figures.blocks;
    if (figures.damaged > 0 && state->read.damaged == 0) {
        varve_log(VARVE_WARNING, "sql",
                  "damaged blocks were passed over; `varve check` finds them");
    }
    state->read.damaged += figures.damaged;
}

static int rows_close(sqlite3_vtab_cursor *cursor)
{
    struct rows_cursor *c = (struct rows_cursor *)(void *)cursor;
    struct sql_table *table = table_of(cursor);
    if (c->scan != NULL) {
        add_figures(c, table->state);
    }
    if (c->entered) {
        sql_leave(table);
    }
    sql_ask_free(&c->ask);
    sqlite3_free(c->memory);
    sqlite3_free(c);
    return SQLITE_OK;
}

// ---- reading ------------------------------------------------------------------------------------

static int store_failed(struct sql_table *table, int rc)
{
    const char *where = table->state->store->where;
    return rc == VARVE_E_NO_MEMORY
               ? SQLITE_NOMEM
               : sql_fail(&table->base, "%s: %s: %s", table->kind->name, where, varve_strerror(rc));
}

static int begin_tier(struct rows_cursor *c, unsigned tier)
{
    static const enum varve_scan_order scan_orders[SQL_ORDERS] = {
        [SQL_ORDER_NONE] = VARVE_SCAN_BY_BLOCK,
        [SQL_ORDER_TIME] = VARVE_SCAN_BY_SERIES,
        [SQL_ORDER_TIME_DESC] = VARVE_SCAN_BACKWARDS,
        [SQL_ORDER_SERIES] = VARVE_SCAN_BY_SERIES,
        [SQL_ORDER_SERIES_TIME_DESC] = VARVE_SCAN_BACKWARDS,
    };
    const struct varve_scan_range range = {.tier = tier,
                                           .from_ms = c->ask.from_ms,
                                           .to_ms = c->ask.to_ms,
                                           .ids = c->ask.ids,
                                           .count = c->ask.count,
                                           .order = scan_orders[c->ask.order]};
    c->tier = tier;
    c->backwards = range.order == VARVE_SCAN_BACKWARDS;
    return varve_scan_begin(c->scan, &range);
}

// The first tier from `tier` on that is asked for; the number of tiers when there is none.
static unsigned next_tier(const struct rows_cursor *c, const struct sql_state *state, unsigned tier)
{
    while (tier < state->tier_count && (c->ask.tiers >> tier & 1u) == 0) {
        tier++;
    }
    return tier;
}

static int next_piece(struct rows_cursor *c)
{
    struct sql_table *table = table_of(&c->base);
    const struct sql_state *state = table->state;
    int rc;
    while ((rc = varve_scan_next(c->scan, &c->piece)) == 0) {
        unsigned tier = next_tier(c, state, c->tier + 1);
        if (tier >= state->tier_count) {
            c->done = true;
            return SQLITE_OK;
        }
        rc = begin_tier(c, tier);
        if (rc < 0) {
            break;
        }
    }
    c->at = c->backwards && rc > 0 ? c->piece.n - 1 : 0;
    return rc > 0 ? SQLITE_OK : store_failed(table, rc);
}

// What a query with the tier left open would be answered from: its sink stops it there.
static int note_tier(void *arg, const struct varve_query_info *info)
{
    *(int *)arg = info->tier;
    return 1;
}

static int choose_tier(struct rows_cursor *c, unsigned *tier)
{
    struct sql_table *table = table_of(&c->base);
    char why[STORE_WHY] = "";
    int chosen = 0;
    const struct varve_query_sink sink = {.arg = &chosen, .begin = note_tier};
    const struct varve_query query = {.selector = "",
                                      .from_ms = c->ask.from_ms,
                                      .to_ms = c->ask.to_ms < c->ask.from_ms ? c->ask.from_ms
                                                                             : c->ask.to_ms,
                                      .tier = VARVE_TIER_AUTO};
    c->scan = NULL; // it gives its memory to the query
    int rc = varve_query_run(table->state->store->host, &query, &sink, c->memory,
                             VARVE_QUERY_MEMORY, why, sizeof why);
    *tier = (unsigned)chosen;
    return rc == 1 || rc == VARVE_E_NOT_FOUND ? SQLITE_OK : store_failed(table, rc);
}

// Which tiers there are is known only now: for points one, raw unless another is asked for.
static int first_tier(struct rows_cursor *c, unsigned *tier)
{
    struct sql_table *table = table_of(&c->base);
    struct sql_ask *ask = &c->ask;
    *tier = 0;
    if (!is_points(table)) {
        ask->tiers &= ~1u;
    } else if (ask->tier_auto) {
        int rc = choose_tier(c, tier);
        ask->tiers &= 1u << *tier;
        return rc;
    } else if (!ask->tier_given) {
        ask->tiers = 1u;
    } else if (ask->tiers == 0) {
        return sql_fail(&table->base,
                        "%s: no such tier; SELECT varve_status() lists them, 'auto' is the finest "
                        "that reaches back far enough",
                        table->kind->name);
    }
    *tier = next_tier(c, table->state, 0);
    return SQLITE_OK;
}

static int make_scan(struct rows_cursor *c)
{
    if (c->scan != NULL) {
        return SQLITE_OK;
    }
    int rc = varve_scan_init(&c->scan, table_of(&c->base)->state->store->host, c->memory,
                             VARVE_QUERY_MEMORY);
    return rc == 0 ? SQLITE_OK : SQLITE_NOMEM;
}

// A cursor takes its memory, and holds the store, from its first use on.
static int prepare(struct rows_cursor *c)
{
    struct sql_table *table = table_of(&c->base);
    int rc = c->entered ? SQLITE_OK : sql_enter(table);
    c->entered |= rc == SQLITE_OK;
    if (rc == SQLITE_OK && c->memory == NULL) {
        c->memory = sqlite3_malloc64(VARVE_QUERY_MEMORY);
        rc = c->memory != NULL ? SQLITE_OK : SQLITE_NOMEM;
    }
    return rc;
}

static int rows_filter(sqlite3_vtab_cursor *cursor, int count, const char *plan, int argc,
                       sqlite3_value **argv)
{
    struct rows_cursor *c = (struct rows_cursor *)(void *)cursor;
    struct sql_table *table = table_of(cursor);
    unsigned tier = 0;
    (void)count; // the same as argc
    c->done = false;
    int rc = prepare(c);
    rc = rc == SQLITE_OK ? sql_ask_decode(&c->ask, table, plan, argc, argv) : rc;
    rc = rc == SQLITE_OK ? first_tier(c, &tier) : rc;
    rc = rc == SQLITE_OK ? make_scan(c) : rc;
    if (rc != SQLITE_OK) {
        return rc;
    }
    if (tier >= table->state->tier_count || c->ask.count == 0 || c->ask.from_ms > c->ask.to_ms) {
        c->done = true;
        return SQLITE_OK;
    }
    int begun = begin_tier(c, tier);
    return begun < 0 ? store_failed(table, begun) : next_piece(c);
}

static int rows_next(sqlite3_vtab_cursor *cursor)
{
    struct rows_cursor *c = (struct rows_cursor *)(void *)cursor;
    if (c->backwards ? c->at > 0 : c->at + 1 < c->piece.n) {
        c->at += c->backwards ? (size_t)-1 : 1;
        return SQLITE_OK;
    }
    return next_piece(c);
}

static int rows_eof(sqlite3_vtab_cursor *cursor)
{
    return ((struct rows_cursor *)(void *)cursor)->done;
}

static int64_t time_of(const struct rows_cursor *c)
{
    return c->piece.points != NULL ? c->piece.points[c->at].time_ms
                                   : c->piece.cells[c->at].start_ms;
}

// The same for a row whatever was asked, as SQLite wants it for OR: 3 bits for the tier, 44 for the
// time, enough until 2527, and 16 for the series.
static int rows_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *row)
{
    const struct rows_cursor *c = (const struct rows_cursor *)(const void *)cursor;
    uint64_t time = (uint64_t)time_of(c) & ((UINT64_C(1) << 44) - 1);
    *row = (sqlite3_int64)((uint64_t)c->tier << 60 | time << 16 | c->piece.id);
    return SQLITE_OK;
}

// ---- columns ------------------------------------------------------------------------------------

static void result_series(sqlite3_context *context, const struct sql_series *series)
{
    sqlite3_result_text(context, series->text, -1, SQLITE_TRANSIENT);
}

static void result_tier(sqlite3_context *context, const struct rows_cursor *c,
                        const struct sql_state *state)
{
    sqlite3_result_text(context, state->tiers[c->tier].name, -1, SQLITE_TRANSIENT);
}

// As `varve query` gives it: of cells a gauge's average, a counter's last value.
static double point_value(const struct rows_cursor *c, const struct sql_series *series)
{
    if (c->piece.points != NULL) {
        return c->piece.points[c->at].value;
    }
    const struct varve_cell *cell = &c->piece.cells[c->at];
    return series->def.kind == VARVE_COUNTER ? cell->last : cell->sum / cell->count;
}

static int point_column(struct rows_cursor *c, sqlite3_context *context, int column)
{
    const struct sql_state *state = table_of(&c->base)->state;
    const struct sql_series *series = &state->series[c->piece.id];
    switch (column) {
    case POINT_SERIES:
        result_series(context, series);
        break;
    case POINT_TIME:
        sql_result_time(context, time_of(c));
        break;
    case POINT_VALUE:
        sqlite3_result_double(context, point_value(c, series));
        break;
    case POINT_TIER:
        result_tier(context, c, state);
        break;
    case POINT_MS:
        sqlite3_result_int64(context, time_of(c));
        break;
    case POINT_ID:
        sqlite3_result_int64(context, c->piece.id);
        break;
    case POINT_NAME:
        sql_result_name(context, series);
        break;
    case POINT_LABELS:
        sql_result_labels(context, series);
        break;
    case POINT_SELECTOR: // as it was asked; NULL without one
        sqlite3_result_text(context, c->ask.selector, -1, SQLITE_TRANSIENT);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

// A counter's sum is its increase: what its average would be, nobody asks.
static void result_average(sqlite3_context *context, const struct sql_series *series,
                           const struct varve_cell *cell)
{
    if (series->def.kind != VARVE_COUNTER) {
        sqlite3_result_double(context, cell->sum / cell->count);
    }
}

static int cell_column(struct rows_cursor *c, sqlite3_context *context, int column)
{
    const struct sql_state *state = table_of(&c->base)->state;
    const struct sql_series *series = &state->series[c->piece.id];
    const struct varve_cell *cell = &c->piece.cells[c->at];
    switch (column) {
    case CELL_SERIES:
        result_series(context, series);
        break;
    case CELL_TIER:
        result_tier(context, c, state);
        break;
    case CELL_TIME:
        sql_result_time(context, cell->start_ms);
        break;
    case CELL_STEP:
        sql_result_time(context, state->tiers[c->tier].step_ms);
        break;
    case CELL_COUNT:
        sqlite3_result_int64(context, cell->count);
        break;
    case CELL_MIN:
        sqlite3_result_double(context, cell->min);
        break;
    case CELL_MAX:
        sqlite3_result_double(context, cell->max);
        break;
    case CELL_SUM:
        sqlite3_result_double(context, cell->sum);
        break;
    case CELL_AVG:
        result_average(context, series, cell);
        break;
    case CELL_LAST:
        sqlite3_result_double(context, cell->last);
        break;
    case CELL_MS:
        sqlite3_result_int64(context, cell->start_ms);
        break;
    case CELL_ID:
        sqlite3_result_int64(context, c->piece.id);
        break;
    case CELL_NAME:
        sql_result_name(context, series);
        break;
    case CELL_LABELS:
        sql_result_labels(context, series);
        break;
    case CELL_SELECTOR: // as it was asked; NULL without one
        sqlite3_result_text(context, c->ask.selector, -1, SQLITE_TRANSIENT);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

static int rows_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    struct rows_cursor *c = (struct rows_cursor *)(void *)cursor;
    return is_points(table_of(cursor)) ? point_column(c, context, column)
                                       : cell_column(c, context, column);
}

const sqlite3_module sql_rows_module = {
    .xConnect = sql_connect,
    .xBestIndex = sql_best_index,
    .xDisconnect = sql_disconnect,
    .xOpen = rows_open,
    .xClose = rows_close,
    .xFilter = rows_filter,
    .xNext = rows_next,
    .xEof = rows_eof,
    .xColumn = rows_column,
    .xRowid = rows_rowid,
};
