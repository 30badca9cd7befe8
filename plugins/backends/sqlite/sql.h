// SPDX-License-Identifier: Apache-2.0
// Every SQL text of the backend.
//
//   meta    facts about the store that must not change: the page size its slots are cut for
//   tier    one row per tier ever seen; `position` is the index in the current tier list, NULL for
//           tiers that the configuration no longer has (their slots stay as they are)
//   slot    id = tier.id * 2^32 + number of the slot; see slots.c for the layout of a block
//   series  the dictionary; `crc` is that of the row, see dictionary.c
//   event   id = time_ms * 1024 + running number within that ms: time order without an index
#ifndef VARVE_SQLITE_SQL_H
#define VARVE_SQLITE_SQL_H

#define VARVE_SQLITE_APPLICATION 0x76617276 // "varv", PRAGMA application_id
// PRAGMA user_version. 1 had no crc in table series: such a store is brought up to date when it is
// opened for writing, and read as it is.
#define VARVE_SQLITE_SCHEMA 2

// Before anything is read. %d: page size. SQLite ignores page_size and auto_vacuum when the
// database exists.
#define SQL_SETUP                                                                                  \
    "PRAGMA page_size=%d; PRAGMA auto_vacuum=NONE; PRAGMA secure_delete=OFF;"                      \
    "PRAGMA temp_store=MEMORY; PRAGMA cache_size=%d; PRAGMA trusted_schema=OFF;"

#define SQL_EXCLUSIVE "PRAGMA locking_mode=EXCLUSIVE"
#define SQL_WAL       "PRAGMA journal_mode=WAL"
#define SQL_PERSIST                                                                                \
    "PRAGMA journal_mode=PERSIST; PRAGMA journal_size_limit=%d" // %d: bytes that are kept of it
#define SQL_JOURNAL_LIMIT "PRAGMA journal_size_limit=%d"
#define SQL_WIPE_FREED    "PRAGMA secure_delete=ON"
#define SQL_KEEP_FREED    "PRAGMA secure_delete=OFF"
#define SQL_DURABLE       "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=FULL"
#define SQL_VOLATILE      "PRAGMA wal_autocheckpoint=0; PRAGMA synchronous=OFF"

#define SQL_IS_EMPTY     "SELECT count(*)=0 FROM sqlite_schema"
#define SQL_APPLICATION  "PRAGMA application_id"
#define SQL_VERSION      "PRAGMA user_version"
#define SQL_PAGE_SIZE    "PRAGMA page_size"
#define SQL_META_PAGE    "SELECT value FROM meta WHERE key='page'"
#define SQL_SLOT_COUNT   "SELECT count(*) FROM slot"
#define SQL_SERIES_COUNT "SELECT count(*) FROM series"
#define SQL_ORPHANS      "SELECT EXISTS(SELECT 1 FROM slot WHERE (id>>32) NOT IN (SELECT id FROM tier))"
#define SQL_QUICK_CHECK  "PRAGMA quick_check(20)"
#define SQL_VACUUM_INTO  "VACUUM main INTO ?1"
#define SQL_SLOT_ROOT    "SELECT rootpage FROM sqlite_schema WHERE type='table' AND name='slot'"

// On a connection that verifies a backup: EXCLUSIVE, so that a file that claims to have a WAL needs
// no shared memory.
#define SQL_VERIFY_SETUP                                                                           \
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA cache_size=16;"               \
    "PRAGMA trusted_schema=OFF; PRAGMA query_only=ON;"
#define SQL_SLOT_ROWS   "SELECT id FROM slot"
#define SQL_SERIES_ROWS "SELECT id,text,kind,unit,help FROM series"
#define SQL_EVENT_ROWS  "SELECT id,severity,value,source,kind,message,payload FROM event"

// %d: application id, schema version, page size.
#define SQL_CREATE                                                                                 \
    "BEGIN IMMEDIATE;"                                                                             \
    "PRAGMA application_id=%d; PRAGMA user_version=%d;"                                            \
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"                                \
    "CREATE TABLE tier(id INTEGER PRIMARY KEY, name TEXT NOT NULL, step_ms INTEGER NOT NULL,"      \
    " keep_ms INTEGER NOT NULL, window_ms INTEGER NOT NULL, position INTEGER);"                    \
    "CREATE TABLE slot(id INTEGER PRIMARY KEY, block BLOB NOT NULL);"                              \
    "CREATE TABLE series(id INTEGER PRIMARY KEY, text TEXT NOT NULL, kind INTEGER NOT NULL,"       \
    " unit TEXT NOT NULL, help TEXT NOT NULL, crc INTEGER);"                                       \
    "CREATE TABLE event(id INTEGER PRIMARY KEY, severity INTEGER NOT NULL, value REAL,"            \
    " source TEXT NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL, payload TEXT NOT NULL);"    \
    "INSERT INTO meta VALUES('page',%d);"                                                          \
    "COMMIT"

// The dictionary. SQL_SERIES_CRC calls the function of dictionary.c; a row of schema 1 has no crc
// yet.
#define SQL_SERIES_CRC  "varve_series_crc(id,text,kind,unit,help)"
#define SQL_HAS_CRC     "SELECT crc FROM series LIMIT 0"
#define SQL_SERIES_BAD  "SELECT count(*) FROM series WHERE crc<>" SQL_SERIES_CRC
#define SQL_SERIES_BARE "SELECT EXISTS(SELECT 1 FROM series WHERE crc IS NULL)"
#define SQL_SERIES_SIGN "UPDATE series SET crc=" SQL_SERIES_CRC " WHERE crc IS NULL"
#define SQL_UPGRADE                                                                                \
    "BEGIN IMMEDIATE; ALTER TABLE series ADD COLUMN crc INTEGER;" SQL_SERIES_SIGN                  \
    "; PRAGMA user_version=2; COMMIT"
#define SQL_SERIES_PUT_1                                                                           \
    "INSERT INTO series(id,text,kind,unit,help) VALUES(?1,?2,?3,?4,?5) ON CONFLICT(id) DO"         \
    " UPDATE SET text=?2,kind=?3,unit=?4,help=?5"
#define SQL_SERIES_LIST_1 "SELECT id,text,kind,unit,help,0 FROM series"

// Used once, at open. Those that find nothing to change write nothing.
#define SQL_TIER_FIND "SELECT id FROM tier WHERE name=?1 AND step_ms=?2"
// One that a salvage found blocks of, but no name for.
#define SQL_TIER_ADOPT                                                                             \
    "UPDATE tier SET name=?1 WHERE name='' AND step_ms=?2 AND NOT EXISTS"                          \
    " (SELECT 1 FROM tier WHERE name=?1 AND step_ms=?2)"
#define SQL_TIER_ADD                                                                               \
    "INSERT INTO tier(name,step_ms,keep_ms,window_ms,position) VALUES(?1,?2,?3,?4,?5)"
#define SQL_TIER_CHANGE                                                                            \
    "UPDATE tier SET keep_ms=?3,window_ms=?4,position=?5 WHERE name=?1 AND step_ms=?2"             \
    " AND (keep_ms IS NOT ?3 OR window_ms IS NOT ?4 OR position IS NOT ?5)"
#define SQL_TIER_RETIRE                                                                            \
    "UPDATE tier SET position=NULL WHERE position=?5 AND NOT (name=?1 AND step_ms=?2)"
#define SQL_TIER_CUT "UPDATE tier SET position=NULL WHERE position>=?5"
#define SQL_TIER_LIST                                                                              \
    "SELECT name,step_ms,keep_ms,window_ms,id FROM tier WHERE position IS NOT NULL"                \
    " ORDER BY position"

// Prepared at open, kept until close.
#define VARVE_SQLITE_STATEMENTS(X)                                                                 \
    X(STMT_BEGIN, "BEGIN IMMEDIATE")                                                               \
    X(STMT_COMMIT, "COMMIT")                                                                       \
    X(STMT_ROLLBACK, "ROLLBACK")                                                                   \
    X(STMT_SLOT_ADD, "INSERT INTO slot(id,block) VALUES(?1,zeroblob(?2))")                         \
    X(STMT_SLOT_GROW, "UPDATE slot SET block=zeroblob(?2) WHERE id=?1")                            \
    X(STMT_SLOT_DROP, "DELETE FROM slot WHERE id=?1")                                              \
    X(STMT_SLOT_LIST, "SELECT id,length(block) FROM slot WHERE id BETWEEN ?1 AND ?2")              \
    X(STMT_SERIES_PUT, "INSERT INTO series(id,text,kind,unit,help,crc) VALUES(?1,?2,?3,?4,?5,"     \
                       "varve_series_crc(?1,?2,?3,?4,?5)) ON CONFLICT(id) DO"                      \
                       " UPDATE SET text=?2,kind=?3,unit=?4,help=?5,crc=excluded.crc")             \
    X(STMT_SERIES_LIST, "SELECT id,text,kind,unit,help,crc<>" SQL_SERIES_CRC " FROM series")       \
    X(STMT_EVENT_LAST, "SELECT max(id) FROM event WHERE id BETWEEN ?1 AND ?2")                     \
    X(STMT_EVENT_PUT, "INSERT OR REPLACE INTO event VALUES(?1,?2,?3,?4,?5,?6,?7)")                 \
    X(STMT_EVENT_LIST,                                                                             \
      "SELECT id,severity,value,source,kind,message,payload FROM event WHERE id BETWEEN ?1 AND ?2" \
      " ORDER BY id")                                                                              \
    X(STMT_EVENT_COUNT, "SELECT count(*) FROM event")                                              \
    X(STMT_EVENT_NTH, "SELECT id FROM event ORDER BY id LIMIT 1 OFFSET ?1")                        \
    X(STMT_EVENT_PRUNE, "DELETE FROM event WHERE id<=?1")

enum varve_sqlite_statement {
#define VARVE_SQLITE_STATEMENT_ENUM(name, text) name,
    VARVE_SQLITE_STATEMENTS(VARVE_SQLITE_STATEMENT_ENUM)
#undef VARVE_SQLITE_STATEMENT_ENUM
    STMT_COUNT
};

#endif
