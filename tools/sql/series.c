// SPDX-License-Identifier: Apache-2.0
// varve_series: what is known of each series, a row each.
//
// Threading: that of the connection.
#include <string.h>

#include "plan.h"

enum {
    SERIES_SERIES,
    SERIES_NAME,
    SERIES_LABELS,
    SERIES_KIND,
    SERIES_UNIT,
    SERIES_HELP,
    SERIES_SELECTOR,
    SERIES_ID,
};

static const struct sql_column columns[] = {
    [SERIES_SERIES] = {"series TEXT", SQL_SERIES},
    [SERIES_NAME] = {"name TEXT", SQL_NAME},
    [SERIES_LABELS] = {"labels TEXT", SQL_PLAIN},
    [SERIES_KIND] = {"kind TEXT", SQL_PLAIN},
    [SERIES_UNIT] = {"unit TEXT", SQL_PLAIN},
    [SERIES_HELP] = {"help TEXT", SQL_PLAIN},
    [SERIES_SELECTOR] = {"selector TEXT HIDDEN", SQL_SELECTOR},
    [SERIES_ID] = {"id INTEGER HIDDEN", SQL_ID},
};

const struct sql_kind sql_series_kind = {
    .name = "varve_series",
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
    .orders = 1u << SQL_ORDER_SERIES,
    .fallback_rows = 1,
};

struct series_cursor {
    sqlite3_vtab_cursor base;
    struct sql_ask ask;
    size_t at; // of ask.ids
    bool entered;
};

static int series_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct series_cursor *c = sqlite3_malloc64(sizeof *c);
    if (c == NULL) {
        return SQLITE_NOMEM;
    }
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

static int series_close(sqlite3_vtab_cursor *cursor)
{
    struct series_cursor *c = (struct series_cursor *)(void *)cursor;
    if (c->entered) {
        sql_leave((struct sql_table *)(void *)cursor->pVtab);
    }
    sql_ask_free(&c->ask);
    sqlite3_free(c);
    return SQLITE_OK;
}

static int series_filter(sqlite3_vtab_cursor *cursor, int count, const char *plan, int argc,
                         sqlite3_value **argv)
{
    struct series_cursor *c = (struct series_cursor *)(void *)cursor;
    struct sql_table *table = (struct sql_table *)(void *)cursor->pVtab;
    (void)count; // the same as argc
    int rc = c->entered ? SQLITE_OK : sql_enter(table);
    c->entered |= rc == SQLITE_OK;
    c->at = 0;
    return rc == SQLITE_OK ? sql_ask_decode(&c->ask, table, plan, argc, argv) : rc;
}

static int series_next(sqlite3_vtab_cursor *cursor)
{
    ((struct series_cursor *)(void *)cursor)->at++;
    return SQLITE_OK;
}

static int series_eof(sqlite3_vtab_cursor *cursor)
{
    const struct series_cursor *c = (const struct series_cursor *)(const void *)cursor;
    return c->at >= c->ask.count;
}

static int series_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *row)
{
    const struct series_cursor *c = (const struct series_cursor *)(const void *)cursor;
    *row = c->ask.ids[c->at];
    return SQLITE_OK;
}

static int series_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    const struct series_cursor *c = (const struct series_cursor *)(const void *)cursor;
    const struct sql_state *state = ((struct sql_table *)(void *)cursor->pVtab)->state;
    varve_series_id id = c->ask.ids[c->at];
    const struct sql_series *series = &state->series[id];
    switch (column) {
    case SERIES_SERIES:
        sqlite3_result_text(context, series->text, -1, SQLITE_TRANSIENT);
        break;
    case SERIES_NAME:
        sql_result_name(context, series);
        break;
    case SERIES_LABELS:
        sql_result_labels(context, series);
        break;
    case SERIES_KIND:
        sqlite3_result_text(context, series->def.kind == VARVE_COUNTER ? "counter" : "gauge", -1,
                            SQLITE_STATIC);
        break;
    case SERIES_UNIT:
        sqlite3_result_text(context, series->def.unit, -1, SQLITE_TRANSIENT);
        break;
    case SERIES_HELP:
        sqlite3_result_text(context, series->def.help, -1, SQLITE_TRANSIENT);
        break;
    case SERIES_ID:
        sqlite3_result_int64(context, id);
        break;
    case SERIES_SELECTOR: // as it was asked; NULL without one
        sqlite3_result_text(context, c->ask.selector, -1, SQLITE_TRANSIENT);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

const sqlite3_module sql_series_module = {
    .xConnect = sql_connect,
    .xBestIndex = sql_best_index,
    .xDisconnect = sql_disconnect,
    .xOpen = series_open,
    .xClose = series_close,
    .xFilter = series_filter,
    .xNext = series_next,
    .xEof = series_eof,
    .xColumn = series_column,
    .xRowid = series_rowid,
};
