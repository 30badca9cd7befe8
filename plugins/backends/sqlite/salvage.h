// SPDX-License-Identifier: Apache-2.0
// A salvage on its way: what its files share. salvage.c has the whole of it.
//
//   salvage.c         the walk over a damaged file and a backup, and the new store
//   salvage_notes.c   what has been seen: tables of the new store that go away at the end
//   salvage_rows.c    rows of the dictionary, of events and tiers
//   salvage_blocks.c  blocks
//
// Threading: one task, under the instance's lock.
#ifndef VARVE_SQLITE_SALVAGE_H
#define VARVE_SQLITE_SALVAGE_H

#include "pages.h"
#include "records.h"
#include "store.h"

enum varve_sqlite_work_statement {
    WORK_FRAME_PUT,
    WORK_FRAME_GET,
    WORK_LOOSE_PUT,
    WORK_LOOSE_NEXT,
    WORK_BLOCK_PUT,
    WORK_BLOCK_GET,
    WORK_BAD_PUT,
    WORK_TIER_OF,
    WORK_TIER_PUT,
    WORK_TIER_LOST,
    WORK_SLOT_NEXT,
    WORK_SERIES_PUT,
    WORK_NAME_PUT,
    WORK_EVENT_PUT,
    WORK_COUNT
};

struct varve_sqlite_work {
    struct varve_sqlite_store *s; // the new store
    struct varve_salvage *salvage;
    struct varve_sqlite_options options; // the store's, with the page size of the old one
    struct varve_sqlite_pages pages;     // of the file that is read
    sqlite3_stmt *stmt[WORK_COUNT];
    bool from_backup;
    bool own_tiers; // the host has none of its own
    int last_id;    // the highest series id that a block uses
    uint32_t rows;  // that were recognised
};

// ---- salvage_notes.c ----------------------------------------------------------------------------

// Makes the tables and the statements; the latter are given back by the second, in any case.
int varve_sqlite_work_begin(struct varve_sqlite_work *w);
void varve_sqlite_work_end(struct varve_sqlite_work *w);
// Removes the tables and commits.
int varve_sqlite_work_finish(struct varve_sqlite_work *w);
int varve_sqlite_work_execute(struct varve_sqlite_work *w, const char *sql);
void varve_sqlite_work_bind(sqlite3_stmt *stmt, int64_t a, int64_t b, int64_t c);
int varve_sqlite_work_run(struct varve_sqlite_work *w, enum varve_sqlite_work_statement which);
// The integer that a statement gives; false when there is no row, or NULL in it.
bool varve_sqlite_work_ask(struct varve_sqlite_work *w, enum varve_sqlite_work_statement which,
                           int64_t *out);

// ---- salvage_rows.c, salvage_blocks.c -----------------------------------------------------------

// Takes a row over if it is one of ours; `arg` is the struct varve_sqlite_work.
int varve_sqlite_salvage_row(void *arg, const struct varve_sqlite_record *r);
// Whether the backup that rows were taken of is of this store's own past; then its names count.
int varve_sqlite_salvage_names(struct varve_sqlite_work *w, bool *related);
// Every id that a block may use stays taken, and every row has its checksum.
int varve_sqlite_salvage_lost(struct varve_sqlite_work *w);

// Takes a block over if one begins at that spot and is whole.
int varve_sqlite_salvage_block(struct varve_sqlite_work *w, struct varve_sqlite_spot spot);

#endif
