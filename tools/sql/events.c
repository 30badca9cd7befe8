// SPDX-License-Identifier: Apache-2.0
// varve_events: what happened, in order of time, a page of events at a time.
//
// A page begins at the time of the last event of the one before, and leaves out as many of that
// time as have been seen.
//
// Threading: that of the connection.
#include <string.h>

#include "client/names.h"
#include "plan.h"

#define PAGE 64u

enum {
    EVENT_TIME,
    EVENT_SEVERITY,
    EVENT_SOURCE,
    EVENT_KIND,
    EVENT_VALUE,
    EVENT_MESSAGE,
    EVENT_PAYLOAD,
    EVENT_MS,
};

static const struct sql_column columns[] = {
    [EVENT_TIME] = {"time REAL", SQL_TIME},        [EVENT_SEVERITY] = {"severity TEXT", SQL_PLAIN},
    [EVENT_SOURCE] = {"source TEXT", SQL_PLAIN},   [EVENT_KIND] = {"kind TEXT", SQL_PLAIN},
    [EVENT_VALUE] = {"value REAL", SQL_PLAIN},     [EVENT_MESSAGE] = {"message TEXT", SQL_PLAIN},
    [EVENT_PAYLOAD] = {"payload TEXT", SQL_PLAIN}, [EVENT_MS] = {"ms INTEGER HIDDEN", SQL_MS},
};

const struct sql_kind sql_events_kind = {
    .name = "varve_events",
    .columns = columns,
    .column_count = sizeof columns / sizeof *columns,
    .orders = 1u << SQL_ORDER_TIME,
    .fallback_rows = 1000,
};

struct events_cursor {
    sqlite3_vtab_cursor base;
    struct sql_ask ask;
    struct varve_event page[PAGE];
    size_t count, at;
    size_t seen;    // at ask.from_ms, in former pages
    size_t to_skip; // of them, while a page is filled
    bool last;      // nothing is behind the page
    bool entered;
    int64_t row_ms;   // of the event at `at`
    unsigned ordinal; // of the event among those of that time
};

static int events_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    struct events_cursor *c = sqlite3_malloc64(sizeof *c);
    if (c == NULL) {
        return SQLITE_NOMEM;
    }
    memset(c, 0, sizeof *c);
    *out = &c->base;
    return SQLITE_OK;
}

static int events_close(sqlite3_vtab_cursor *cursor)
{
    struct events_cursor *c = (struct events_cursor *)(void *)cursor;
    if (c->entered) {
        sql_leave((struct sql_table *)(void *)cursor->pVtab);
    }
    sql_ask_free(&c->ask);
    sqlite3_free(c);
    return SQLITE_OK;
}

static int put_event(void *arg, const struct varve_event *event)
{
    struct events_cursor *c = arg;
    if (event->time_ms == c->ask.from_ms && c->to_skip > 0) {
        c->to_skip--;
        return 0;
    }
    if (c->count == PAGE) {
        c->last = false;
        return 1;
    }
    c->page[c->count++] = *event;
    return 0;
}

static int read_page(struct events_cursor *c)
{
    struct sql_table *table = (struct sql_table *)(void *)c->base.pVtab;
    c->count = 0;
    c->at = 0;
    c->last = true;
    c->to_skip = c->seen;
    int rc = c->ask.from_ms > c->ask.to_ms
                 ? 0
                 : varve_host_events(table->state->store->host, c->ask.from_ms, c->ask.to_ms,
                                     put_event, c);
    return rc >= 0 ? SQLITE_OK
                   : sql_fail(&table->base, "varve_events: %s: %s", table->state->store->where,
                              varve_strerror(rc));
}

static int next_page(struct events_cursor *c)
{
    int64_t last_ms = c->page[c->count - 1].time_ms;
    size_t same = 0;
    while (same < c->count && c->page[c->count - 1 - same].time_ms == last_ms) {
        same++;
    }
    c->seen = last_ms == c->ask.from_ms ? c->seen + same : same;
    c->ask.from_ms = last_ms;
    return read_page(c);
}

static int events_filter(sqlite3_vtab_cursor *cursor, int count, const char *plan, int argc,
                         sqlite3_value **argv)
{
    struct events_cursor *c = (struct events_cursor *)(void *)cursor;
    struct sql_table *table = (struct sql_table *)(void *)cursor->pVtab;
    (void)count; // the same as argc
    int rc = c->entered ? SQLITE_OK : sql_enter(table);
    c->entered |= rc == SQLITE_OK;
    c->seen = 0;
    rc = rc == SQLITE_OK ? sql_ask_decode(&c->ask, table, plan, argc, argv) : rc;
    rc = rc == SQLITE_OK ? read_page(c) : rc;
    c->ordinal = 0;
    c->row_ms = c->count > 0 ? c->page[0].time_ms : 0;
    return rc;
}

static int events_next(sqlite3_vtab_cursor *cursor)
{
    struct events_cursor *c = (struct events_cursor *)(void *)cursor;
    c->at++;
    int rc = c->at == c->count && !c->last ? next_page(c) : SQLITE_OK;
    if (rc == SQLITE_OK && c->at < c->count) {
        int64_t time_ms = c->page[c->at].time_ms;
        c->ordinal = time_ms == c->row_ms ? c->ordinal + 1 : 0;
        c->row_ms = time_ms;
    }
    return rc;
}

static int events_eof(sqlite3_vtab_cursor *cursor)
{
    const struct events_cursor *c = (const struct events_cursor *)(const void *)cursor;
    return c->at >= c->count;
}

// The same for an event whatever was asked: its time, and its number among those of that time.
static int events_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *row)
{
    const struct events_cursor *c = (const struct events_cursor *)(const void *)cursor;
    *row = (sqlite3_int64)((uint64_t)c->row_ms << 16 | (c->ordinal & 0xffffu));
    return SQLITE_OK;
}

static void result_text(sqlite3_context *context, const char *text)
{
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

static int events_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
    const struct events_cursor *c = (const struct events_cursor *)(const void *)cursor;
    const struct varve_event *event = &c->page[c->at];
    switch (column) {
    case EVENT_TIME:
        sql_result_time(context, event->time_ms);
        break;
    case EVENT_SEVERITY:
        result_text(context, varve_severity_name(event->severity));
        break;
    case EVENT_SOURCE:
        result_text(context, event->source);
        break;
    case EVENT_KIND:
        result_text(context, event->kind);
        break;
    case EVENT_VALUE:
        if (event->has_value) {
            sqlite3_result_double(context, event->value);
        }
        break;
    case EVENT_MESSAGE:
        result_text(context, event->message);
        break;
    case EVENT_PAYLOAD:
        if (event->payload[0] != '\0') {
            result_text(context, event->payload);
        }
        break;
    case EVENT_MS:
        sqlite3_result_int64(context, event->time_ms);
        break;
    default:
        break;
    }
    return SQLITE_OK;
}

const sqlite3_module sql_events_module = {
    .xConnect = sql_connect,
    .xBestIndex = sql_best_index,
    .xDisconnect = sql_disconnect,
    .xOpen = events_open,
    .xClose = events_close,
    .xFilter = events_filter,
    .xNext = events_next,
    .xEof = events_eof,
    .xColumn = events_column,
    .xRowid = events_rowid,
};
