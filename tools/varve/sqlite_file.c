// SPDX-License-Identifier: Apache-2.0
// History as a plain SQLite file; see sqlite_file.h.
//
// The file is made under a temporary name in one transaction without a journal: what fails is
// thrown away as a whole, so nothing has to be rolled back. Pages that do not fit into the cache go
// to the file early, so memory is bounded.
#include "sqlite_file.h"

#ifdef VARVE_SQLITE

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "args.h"
#include "client/names.h"
#include "labels.h"

#define APPLICATION 0x76617278 // "varx", PRAGMA application_id
// Where it stands in a file's header, big-endian; see SQLite's file format.
#define APPLICATION_AT 68
#define HEADER_BYTES   100

// Without foreign keys: SQLite for the smallest devices does not know them (tools/sysroot).
static const char schema[] =
    "PRAGMA application_id=1986097784;" // APPLICATION
    "PRAGMA user_version=1;"
    "PRAGMA journal_mode=OFF;"
    "PRAGMA synchronous=OFF;"
    "PRAGMA cache_size=-8192;"
    "BEGIN;"
    "CREATE TABLE tiers (name TEXT PRIMARY KEY, step_ms INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL, labels TEXT NOT NULL,"
    " unit TEXT NOT NULL, kind TEXT NOT NULL, help TEXT NOT NULL, UNIQUE (name, labels));"
    "CREATE TABLE samples (series_id INTEGER NOT NULL, time_ms INTEGER NOT NULL,"
    " value REAL, PRIMARY KEY (series_id, time_ms)) WITHOUT ROWID;"
    "CREATE TABLE cells (series_id INTEGER NOT NULL,"
    " tier TEXT NOT NULL, time_ms INTEGER NOT NULL, count INTEGER NOT NULL,"
    " min REAL, max REAL, sum REAL, last REAL,"
    " PRIMARY KEY (series_id, tier, time_ms)) WITHOUT ROWID;"
    "CREATE TABLE events (id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, severity TEXT NOT NULL,"
    " source TEXT NOT NULL, kind TEXT NOT NULL, value REAL, message TEXT NOT NULL,"
    " payload TEXT NOT NULL);"
    "CREATE INDEX events_by_time ON events (time_ms);";

#define SET_CELL(column)                                                                           \
    "UPDATE cells SET " column "=?4 WHERE series_id=?1 AND tier=?2 AND time_ms=?3"

static const char *const statements[SQLITE_STATEMENTS] = {
    [SQLITE_PUT_TIER] = "INSERT INTO tiers VALUES (?1, ?2)",
    [SQLITE_PUT_SERIES] = "INSERT OR IGNORE INTO series VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [SQLITE_PUT_SAMPLE] = "INSERT OR REPLACE INTO samples VALUES (?1, ?2, ?3)",
    [SQLITE_PUT_CELL] = "INSERT OR REPLACE INTO cells (series_id, tier, time_ms, count)"
                        " VALUES (?1, ?2, ?3, ?4)",
    [SQLITE_SET_MIN] = SET_CELL("min"),
    [SQLITE_SET_MAX] = SET_CELL("max"),
    [SQLITE_SET_SUM] = SET_CELL("sum"),
    [SQLITE_SET_LAST] = SET_CELL("last"),
    [SQLITE_PUT_EVENT] = "INSERT INTO events (time_ms, severity, source, kind, value, message,"
                         " payload) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
};

// ---- life ---------------------------------------------------------------------------------------

static int keep(struct sqlite_file *file, int rc)
{
    if (rc != SQLITE_OK && rc != SQLITE_DONE && file->rc == 0) {
        file->rc = rc;
        (void)snprintf(file->why, sizeof file->why, "%s",
                       file->db ? sqlite3_errmsg(file->db) : sqlite3_errstr(rc));
    }
    return file->rc;
}

// Whether there is no file, an empty one, or an export: all else has another owner.
static int may_replace(const char *path)
{
    unsigned char header[HEADER_BYTES] = {0};
    struct stat st;
    if (stat(path, &st) != 0) {
        return errno == ENOENT ? 0 : complain(-1, "cannot write %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode)) {
        return complain(-1, "%s is no file; an SQLite file has to be one", path);
    }
    FILE *in = fopen(path, "r");
    if (!in) {
        return complain(-1, "cannot read %s: %s", path, strerror(errno));
    }
    size_t n = fread(header, 1, sizeof header, in);
    (void)fclose(in); // only read
    const unsigned char *at = header + APPLICATION_AT;
    uint32_t id = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    if (n == 0 || (n == sizeof header && id == APPLICATION)) {
        return 0;
    }
    return complain(-1, "%s is there, and no SQLite file that was exported; choose another name",
                    path);
}

static int prepare(struct sqlite_file *file)
{
    int rc = sqlite3_exec(file->db, schema, NULL, NULL, NULL);
    for (int i = 0; rc == SQLITE_OK && i < SQLITE_STATEMENTS; i++) {
        rc = sqlite3_prepare_v2(file->db, statements[i], -1, &file->statement[i], NULL);
    }
    return rc;
}

int sqlite_file_begin(struct sqlite_file *file, const char *path)
{
    *file = (struct sqlite_file){.rc = 0};
    if (may_replace(path) < 0 || whole_file_begin(&file->whole, path) < 0) {
        return -1;
    }
    int rc = sqlite3_open_v2(file->whole.temp, &file->db, SQLITE_OPEN_READWRITE, NULL);
    rc = rc == SQLITE_OK ? prepare(file) : rc;
    if (keep(file, rc) != 0) {
        (void)complain(0, "cannot write %s: %s", path, file->why);
        sqlite_file_abandon(file);
        return -1;
    }
    return 0;
}

static int close_db(struct sqlite_file *file)
{
    for (int i = 0; i < SQLITE_STATEMENTS; i++) {
        (void)sqlite3_finalize(file->statement[i]); // its error was told when it ran
        file->statement[i] = NULL;
    }
    int rc = sqlite3_close(file->db);
    file->db = NULL;
    return rc;
}

int sqlite_file_end(struct sqlite_file *file)
{
    if (file->rc == 0) {
        (void)keep(file, sqlite3_exec(file->db, "COMMIT", NULL, NULL, NULL));
    }
    (void)keep(file, close_db(file));
    if (file->rc != 0) {
        whole_file_abandon(&file->whole);
        return complain(-1, "cannot write %s: %s", file->whole.path, file->why);
    }
    return whole_file_end(&file->whole);
}

void sqlite_file_abandon(struct sqlite_file *file)
{
    (void)close_db(file); // the file goes anyway
    whole_file_abandon(&file->whole);
}

// ---- rows ---------------------------------------------------------------------------------------

static void put_text(struct sqlite3_stmt *s, int column, const char *text)
{
    (void)sqlite3_bind_text(s, column, text ? text : "", -1, SQLITE_STATIC); // step() tells
}

static int run(struct sqlite_file *file, struct sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    (void)keep(file, rc);
    (void)sqlite3_reset(s); // says the same
    return rc == SQLITE_DONE ? 0 : VARVE_E_IO;
}

int sqlite_file_tier(struct sqlite_file *file, const struct varve_tier *tier)
{
    struct sqlite3_stmt *s = file->statement[SQLITE_PUT_TIER];
    put_text(s, 1, tier->name);
    (void)sqlite3_bind_int64(s, 2, tier->step_ms);
    return run(file, s);
}

int sqlite_file_series(struct sqlite_file *file, int64_t id, const struct varve_series_def *def)
{
    struct sqlite3_stmt *s = file->statement[SQLITE_PUT_SERIES];
    struct varve_labels labels;
    char *json = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&json, &len);
    if (!out) {
        return keep(file, SQLITE_NOMEM) == 0 ? 0 : VARVE_E_IO;
    }
    bool valid = varve_labels_parse(def->text, &labels, NULL, NULL) == 0; // the core made it
    if (valid) {
        (void)fputc('{', out);
        labels_json(out, &labels);
        (void)fputc('}', out);
    }
    if (fclose(out) != 0 || !valid) {
        free(json);
        (void)keep(file, SQLITE_NOMEM);
        return VARVE_E_IO;
    }
    (void)sqlite3_bind_int64(s, 1, id);
    (void)sqlite3_bind_text(s, 2, labels.name.at, (int)labels.name.len, SQLITE_STATIC);
    put_text(s, 3, json);
    put_text(s, 4, def->unit);
    put_text(s, 5, def->kind == VARVE_COUNTER ? "counter" : "gauge");
    put_text(s, 6, def->help);
    int rc = run(file, s);
    free(json);
    return rc;
}

int sqlite_file_sample(struct sqlite_file *file, int64_t id, const struct varve_point *point)
{
    struct sqlite3_stmt *s = file->statement[SQLITE_PUT_SAMPLE];
    (void)sqlite3_bind_int64(s, 1, id);
    (void)sqlite3_bind_int64(s, 2, point->time_ms);
    (void)sqlite3_bind_double(s, 3, point->value);
    return run(file, s);
}

int sqlite_file_cell(struct sqlite_file *file, enum sqlite_statement put, int64_t id,
                     const char *tier, const struct varve_point *point)
{
    struct sqlite3_stmt *s = file->statement[put];
    (void)sqlite3_bind_int64(s, 1, id);
    put_text(s, 2, tier);
    (void)sqlite3_bind_int64(s, 3, point->time_ms);
    if (put == SQLITE_PUT_CELL) {
        (void)sqlite3_bind_int64(s, 4, (sqlite3_int64)point->value); // a count
    } else {
        (void)sqlite3_bind_double(s, 4, point->value);
    }
    return run(file, s);
}

int sqlite_file_event(struct sqlite_file *file, const struct varve_event *event)
{
    struct sqlite3_stmt *s = file->statement[SQLITE_PUT_EVENT];
    (void)sqlite3_bind_int64(s, 1, event->time_ms);
    put_text(s, 2, varve_severity_name(event->severity));
    put_text(s, 3, event->source);
    put_text(s, 4, event->kind);
    if (event->has_value) {
        (void)sqlite3_bind_double(s, 5, event->value);
    } else {
        (void)sqlite3_bind_null(s, 5);
    }
    put_text(s, 6, event->message);
    put_text(s, 7, event->payload);
    return run(file, s);
}

#endif
