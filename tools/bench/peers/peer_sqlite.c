// SPDX-License-Identifier: Apache-2.0
// Contestants: SQLite with a row per sample, as programs commonly do it, and as well as that can be
// done.
//
//   naive  a row id and three indexes, a commit per row of samples (5 s), WAL, synchronous=NORMAL,
//          expired rows deleted once an hour
//   tuned  WITHOUT ROWID, time first in the key, a commit every 5 min, WAL, synchronous=FULL (the
//          same loss bound as varve), expired rows deleted in the same commit
#include <sqlite3.h>
#include <stdio.h>

#include "peer.h"

static const char naive_schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
    "CREATE TABLE samples(id INTEGER PRIMARY KEY, ts INTEGER, series INTEGER, value REAL);"
    "CREATE INDEX by_ts ON samples(ts); CREATE INDEX by_series ON samples(series);"
    "CREATE INDEX by_both ON samples(series, ts)";
static const char tuned_schema[] =
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=OFF;"
    "CREATE TABLE samples(ts INTEGER, series INTEGER, value REAL, PRIMARY KEY(ts, series))"
    " WITHOUT ROWID";
static const char insert_sql[] = "INSERT INTO samples(ts, series, value) VALUES(?,?,?)";
static const char expire_sql[] = "DELETE FROM samples WHERE ts < ?";
static const char raw_sql[] = "SELECT ts, value FROM samples WHERE series = ? AND ts BETWEEN ? AND "
                              "? ORDER BY ts";
static const char minutes_sql[] =
    "SELECT ts / 60000 * 60000, avg(value) FROM samples WHERE series = ? AND "
    "ts BETWEEN ? AND ? GROUP BY 1";
// With the time first in the key there is no index by series: each time of the grid is looked up.
static const char tuned_raw_sql[] =
    "WITH RECURSIVE t(ts) AS (SELECT (SELECT ts FROM samples WHERE ts >= ?2 ORDER BY ts LIMIT 1) "
    "UNION "
    "ALL "
    "SELECT (SELECT s.ts FROM samples s WHERE s.ts > t.ts ORDER BY s.ts LIMIT 1) FROM t WHERE t.ts "
    "IS NOT NULL AND t.ts < ?3) SELECT s.ts, s.value FROM t JOIN samples s ON s.ts = t.ts AND "
    "s.series = ?1 WHERE t.ts <= ?3";
static const char tuned_minutes_sql[] =
    "WITH RECURSIVE t(ts) AS (SELECT (SELECT ts FROM samples WHERE ts >= ?2 ORDER BY ts LIMIT 1) "
    "UNION "
    "ALL "
    "SELECT (SELECT s.ts FROM samples s WHERE s.ts > t.ts ORDER BY s.ts LIMIT 1) FROM t WHERE t.ts "
    "IS NOT NULL AND t.ts < ?3) SELECT s.ts / 60000 * 60000, avg(s.value) FROM t JOIN samples s ON "
    "s.ts = "
    "t.ts AND s.series = ?1 WHERE t.ts <= ?3 GROUP BY 1";

static sqlite3 *db;
static sqlite3_stmt *insert, *expire, *raw, *minutes;
static uint32_t series;
static bool tuned, in_transaction;
static int64_t keep_ms, commit_due_ms, expire_due_ms;

static void run_sql(const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        die(sql, why != NULL ? why : "failed");
    }
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
    return statement;
}

static void run_once(sqlite3_stmt *statement)
{
    if (sqlite3_step(statement) != SQLITE_DONE) {
        die(sqlite3_sql(statement), sqlite3_errmsg(db));
    }
    (void)sqlite3_reset(statement); // its result is that of the step
}

static void open_database(const struct rows *rows, const struct peer_setup *setup, bool well)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/samples.db", setup->dir);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die(path, sqlite3_errmsg(db));
    }
    tuned = well;
    series = rows->series;
    keep_ms = setup->keep_ms;
    run_sql(tuned ? tuned_schema : naive_schema);
    insert = prepare(insert_sql);
    expire = prepare(expire_sql);
    raw = prepare(tuned ? tuned_raw_sql : raw_sql);
    minutes = prepare(tuned ? tuned_minutes_sql : minutes_sql);
    commit_due_ms = rows->first_ms;
    expire_due_ms = rows->first_ms;
}

static void open_naive(const struct rows *rows, const struct peer_setup *setup)
{
    open_database(rows, setup, false);
}

static void open_tuned(const struct rows *rows, const struct peer_setup *setup)
{
    open_database(rows, setup, true);
}

static void commit(void)
{
    if (in_transaction) {
        run_sql("COMMIT");
        in_transaction = false;
    }
}

static void expire_rows(int64_t time_ms)
{
    if (time_ms >= expire_due_ms) {
        (void)sqlite3_bind_int64(expire, 1, time_ms - keep_ms); // the index is right
        run_once(expire);
        expire_due_ms = time_ms + (tuned ? 300000 : 3600000);
    }
}

static void insert_row(int64_t time_ms, const double *values)
{
    if (!in_transaction) {
        run_sql("BEGIN");
        in_transaction = true;
    }
    expire_rows(time_ms);
    (void)sqlite3_bind_int64(insert, 1, time_ms);
    for (uint32_t i = 0; i < series; i++) {
        if (values[i] == values[i]) { // not a NaN: there is a sample
            (void)sqlite3_bind_int64(insert, 2, i);
            (void)sqlite3_bind_double(insert, 3, values[i]);
            run_once(insert);
        }
    }
    if (time_ms >= commit_due_ms) {
        commit();
        commit_due_ms = time_ms + (tuned ? 300000 : 0);
    }
}

static size_t read_series(const struct peer_query *q, struct peer_points *out)
{
    sqlite3_stmt *statement = q->minutes ? minutes : raw;
    size_t points = 0;
    int rc;
    (void)sqlite3_bind_int64(statement, 1, q->series);
    (void)sqlite3_bind_int64(statement, 2, q->from_ms);
    (void)sqlite3_bind_int64(statement, 3, q->to_ms);
    while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
        points++;
        peer_point(out, sqlite3_column_int64(statement, 0), sqlite3_column_double(statement, 1));
    }
    if (rc != SQLITE_DONE) {
        die(sqlite3_sql(statement), sqlite3_errmsg(db));
    }
    (void)sqlite3_reset(statement);
    return points;
}

static uint64_t number(const char *sql)
{
    sqlite3_stmt *statement = prepare(sql);
    if (sqlite3_step(statement) != SQLITE_ROW) {
        die(sql, sqlite3_errmsg(db));
    }
    uint64_t value = (uint64_t)sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement); // its result is that of the step
    return value;
}

// The database with its indexes and free pages, without the WAL.
static void measure_raw(struct peer_raw *out)
{
    out->bytes = number("PRAGMA page_count") * number("PRAGMA page_size");
    out->samples = number("SELECT count(*) FROM samples");
}

static void close_database(void)
{
    (void)sqlite3_finalize(insert);
    (void)sqlite3_finalize(expire);
    (void)sqlite3_finalize(raw);
    (void)sqlite3_finalize(minutes);
    if (sqlite3_close(db) != SQLITE_OK) {
        die("samples.db", sqlite3_errmsg(db));
    }
}

const struct peer peer_sqlite_naive = {.name = "sqlite-naive",
                                       .open = open_naive,
                                       .row = insert_row,
                                       .settle = commit,
                                       .read = read_series,
                                       .raw = measure_raw,
                                       .close = close_database};
const struct peer peer_sqlite_tuned = {.name = "sqlite-tuned",
                                       .open = open_tuned,
                                       .row = insert_row,
                                       .settle = commit,
                                       .read = read_series,
                                       .raw = measure_raw,
                                       .close = close_database};
