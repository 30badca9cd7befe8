// SPDX-License-Identifier: Apache-2.0
// What a salvage has seen, in tables of the new store that it drops at the end: so the memory is
// SQLite's bounded heap however large the store is.
//
//   w_frame   the newest whole frame of each page of the WAL     w_loose   frames that are not
//   whole w_block   the blocks that were taken over                    w_bad     those that were
//   damaged w_name    the dictionary of the backup
//
// Threading: one task, under the instance's lock.

#include "salvage.h"

// A row whose checksum was found right takes the place of one that has none, and of no other.
#define SIGNED_WINS(table)                                                                         \
    " ON CONFLICT(id) DO UPDATE SET text=excluded.text,kind=excluded.kind,unit=excluded.unit,"     \
    "help=excluded.help,crc=excluded.crc WHERE " #table                                            \
    ".crc IS NULL AND excluded.crc IS NOT NULL"

static const char *const texts[WORK_COUNT] = {
    [WORK_FRAME_PUT] = "INSERT OR REPLACE INTO w_frame VALUES(?1,?2)",
    [WORK_FRAME_GET] = "SELECT frame FROM w_frame WHERE page=?1",
    [WORK_LOOSE_PUT] = "INSERT INTO w_loose VALUES(?1)",
    [WORK_LOOSE_NEXT] = "SELECT min(frame) FROM w_loose WHERE frame>?1",
    [WORK_BLOCK_PUT] = "INSERT OR REPLACE INTO w_block VALUES(?1,?2,?3,?4)",
    [WORK_BLOCK_GET] = "SELECT slot FROM w_block WHERE step=?1 AND start=?2 AND seq=?3",
    [WORK_BAD_PUT] = "INSERT OR IGNORE INTO w_bad VALUES(?1,?2,?3)",
    // A raw tier and one of cells may have the same step: raw is the first.
    [WORK_TIER_OF] = "SELECT id FROM tier WHERE step_ms=?1 ORDER BY position IS NULL,"
                     " (position=0)<>?2, id LIMIT 1",
    [WORK_TIER_PUT] = "INSERT INTO tier(name,step_ms,keep_ms,window_ms,position)"
                      " SELECT ?1,?2,?3,?4,?5 WHERE NOT EXISTS"
                      " (SELECT 1 FROM tier WHERE name=?1 AND step_ms=?2)",
    [WORK_TIER_LOST] = "INSERT INTO tier(name,step_ms,keep_ms,window_ms,position)"
                       " VALUES('',?1,0,0,NULL)",
    [WORK_SLOT_NEXT] = "SELECT max(id) FROM slot WHERE id BETWEEN ?1<<32 AND (?1<<32)+4294967295",
    [WORK_SERIES_PUT] = "INSERT INTO series VALUES(?1,?2,?3,?4,?5,?6)" SIGNED_WINS(series),
    [WORK_NAME_PUT] = "INSERT INTO w_name VALUES(?1,?2,?3,?4,?5,?6)" SIGNED_WINS(w_name),
    [WORK_EVENT_PUT] = "INSERT OR IGNORE INTO event VALUES(?1,?2,?3,?4,?5,?6,?7)",
};

#define SQL_BUILD                                                                                  \
    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"                                      \
    "CREATE TABLE w_frame(page INTEGER PRIMARY KEY, frame INTEGER);"                               \
    "CREATE TABLE w_loose(frame INTEGER PRIMARY KEY);"                                             \
    "CREATE TABLE w_block(step, start, seq, slot, PRIMARY KEY(step,start,seq)) WITHOUT ROWID;"     \
    "CREATE TABLE w_bad(step, start, seq, PRIMARY KEY(step,start,seq)) WITHOUT ROWID;"             \
    "CREATE TABLE w_name(id INTEGER PRIMARY KEY, text, kind, unit, help, crc);"
#define SQL_BUILT                                                                                  \
    "DROP TABLE w_frame; DROP TABLE w_loose; DROP TABLE w_block; DROP TABLE w_bad;"                \
    "DROP TABLE w_name; COMMIT"

int varve_sqlite_work_execute(struct varve_sqlite_work *w, const char *sql)
{
    return varve_sqlite_check(w->s, sqlite3_exec(w->s->db, sql, NULL, NULL, NULL), "salvage");
}

int varve_sqlite_work_begin(struct varve_sqlite_work *w)
{
    int made = varve_sqlite_work_execute(w, SQL_BUILD);
    int rc = SQLITE_OK;

    if (made < 0) {
        return made;
    }
    for (size_t i = 0; rc == SQLITE_OK && i < WORK_COUNT; i++) {
        rc = sqlite3_prepare_v2(w->s->db, texts[i], -1, &w->stmt[i], NULL);
    }
    return varve_sqlite_check(w->s, rc, "salvage");
}

void varve_sqlite_work_end(struct varve_sqlite_work *w)
{
    for (size_t i = 0; i < WORK_COUNT; i++) {
        (void)sqlite3_finalize(w->stmt[i]); // repeats the code of step
        w->stmt[i] = NULL;
    }
}

void varve_sqlite_work_bind(sqlite3_stmt *stmt, int64_t a, int64_t b, int64_t c)
{
    (void)sqlite3_bind_int64(stmt, 1, a); // one that has fewer parameters refuses the others
    (void)sqlite3_bind_int64(stmt, 2, b);
    (void)sqlite3_bind_int64(stmt, 3, c);
}

int varve_sqlite_work_run(struct varve_sqlite_work *w, enum varve_sqlite_work_statement which)
{
    int rc = varve_sqlite_check(w->s, sqlite3_step(w->stmt[which]), "salvage");

    (void)sqlite3_reset(w->stmt[which]); // repeats the code of step
    return rc;
}

bool varve_sqlite_work_ask(struct varve_sqlite_work *w, enum varve_sqlite_work_statement which,
                           int64_t *out)
{
    sqlite3_stmt *stmt = w->stmt[which];
    const bool found =
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL;

    *out = found ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt); // repeats the code of step
    return found;
}

int varve_sqlite_work_finish(struct varve_sqlite_work *w)
{
    varve_sqlite_work_end(w);
    return varve_sqlite_work_execute(w, SQL_BUILT);
}
