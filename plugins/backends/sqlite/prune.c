// SPDX-License-Identifier: Apache-2.0
// Replacing stored blocks for `varve prune`, and making sure that what was removed is gone from the
// files.
//
// Under either journal a replacement is an ordinary transaction of SQLite's: the block is written
// over the old one, where it is, and the rest of its slot with zeros. So a power cut leaves each
// block as it was or as it is to be. (Overwriting without a journal, as inplace.c does for new
// blocks, is safe for free slots only.)
//
// A slot's old bytes are then in two more places: the WAL, or the rollback journal, which keeps its
// content between transactions. The journal is cut to nothing by the commit itself. The WAL is
// copied back and cut to nothing once, by maintain() after the last replacement: in the meantime
// many replacements go to the database together.
//
// Not wiped are pages that slots gave back when they grew: what is in them had expired before.
//
// Threading: the instance's lock.

#include <string.h>

#include "layout.h"
#include "store.h"

#define ZEROS 1024

static int write_slot(sqlite3_blob *blob, uint32_t page, const void *block, uint32_t length)
{
    static const uint8_t zeros[ZEROS];
    const int size = sqlite3_blob_bytes(blob);
    int at = (int)varve_sqlite_slot_offset(page, size);
    int rc = length > 0 ? sqlite3_blob_write(blob, block, (int)length, at) : SQLITE_OK;

    for (at += (int)length; rc == SQLITE_OK && at < size; at += ZEROS) {
        rc = sqlite3_blob_write(blob, zeros, size - at < ZEROS ? size - at : ZEROS, at);
    }
    return rc;
}

// Overwrites the whole slot, in the open transaction.
static int overwrite(struct varve_sqlite_store *s, const struct varve_sqlite_entry *e,
                     const void *block, uint32_t length)
{
    const sqlite3_int64 row = varve_sqlite_row(s, e->tier, e->slot);
    sqlite3_blob *blob = NULL;
    int rc = sqlite3_blob_open(s->db, "main", "slot", "block", row, 1, &blob);

    if (rc == SQLITE_OK) {
        rc = write_slot(blob, s->page, block, length);
    }
    int closed = sqlite3_blob_close(blob);
    return varve_sqlite_check(s, rc != SQLITE_OK ? rc : closed, "replace a block");
}

// A block can take more bytes with fewer rows. SQLite then gives back the slot's pages, as zeros.
static int grow(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, uint32_t length)
{
    const unsigned pages = varve_sqlite_slot_pages(s->page, length);
    sqlite3_stmt *stmt = s->stmt[STMT_SLOT_GROW];

    if (pages <= e->pages) {
        return 0;
    }
    int rc = sqlite3_exec(s->db, SQL_WIPE_FREED, NULL, NULL, NULL);
    (void)sqlite3_bind_int64(stmt, 1, varve_sqlite_row(s, e->tier, e->slot)); // exist
    (void)sqlite3_bind_int64(stmt, 2, varve_sqlite_slot_blob(s->page, pages));
    int run = rc == SQLITE_OK ? varve_sqlite_run(s, STMT_SLOT_GROW, "make a slot larger") : 0;
    int off = sqlite3_exec(s->db, SQL_KEEP_FREED, NULL, NULL, NULL);
    e->pages = (uint16_t)pages;
    rc = rc == SQLITE_OK ? off : rc;
    return run < 0 ? run : varve_sqlite_check(s, rc, "set up");
}

static void update_index(struct varve_sqlite_store *s, size_t at, struct varve_sqlite_entry entry,
                         const uint8_t *block, uint32_t length)
{
    varve_sqlite_index_remove(&s->index, at);
    entry.length = 0;
    if (length == 0 || varve_sqlite_slot_header(block, length, &entry.key, &entry.length) < 0) {
        entry.key = (struct varve_block_key){INT64_MIN, INT64_MIN, 0};
    }
    entry.crc = entry.length > 0 ? varve_sqlite_slot_crc(block) : 0;
    entry.place = 0; // direct.c looks again
    entry.flags = 0;
    varve_sqlite_index_insert(&s->index, &entry);
}

int varve_sqlite_replace(struct varve_instance *self, unsigned tier,
                         const struct varve_block_key *key, const void *block, uint32_t length)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    const uint32_t bytes = block == NULL ? 0 : length;
    int rc = varve_sqlite_refresh(s);
    const size_t at = rc == 0 ? varve_sqlite_index_block(&s->index, tier, key) : VARVE_SQLITE_NONE;

    if (at == VARVE_SQLITE_NONE) {
        return rc == 0 ? VARVE_E_NOT_FOUND : rc;
    }
    struct varve_sqlite_entry entry = s->index.entries[at];
    rc = block != NULL && (bytes < VARVE_BLOCK_HEADER || bytes > VARVE_BLOCK_MAX)
             ? VARVE_E_INVALID
             : varve_sqlite_journal_keep(s, false);
    rc = rc == 0 ? varve_sqlite_begin(s) : rc;
    if (rc == 0) {
        varve_sqlite_inplace_forget(s, &entry);
        s->wipe_due = true;
        rc = grow(s, &entry, bytes);
    }
    rc = rc == 0 ? overwrite(s, &entry, block, bytes) : rc;
    if (rc == 0) {
        update_index(s, at, entry, block, bytes);
    }
    return rc;
}

int varve_sqlite_wipe(struct varve_sqlite_store *s)
{
    int rc = varve_sqlite_journal_keep(s, true);

    if (rc == 0 && s->options->journal == VARVE_SQLITE_WAL) {
        varve_sqlite_reader_close(s); // a reader would keep the WAL from being cut
        rc = varve_sqlite_check(
            s, sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
            "wipe the WAL");
        s->wal_frames = rc == 0 ? 0 : s->wal_frames;
    }
    s->wipe_due = rc != 0;
    return rc;
}
