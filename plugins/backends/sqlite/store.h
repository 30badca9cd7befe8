// SPDX-License-Identifier: Apache-2.0
// What the files of the sqlite backend share: the instance's state and the calls between them.
//
// Threading: everything runs under the instance's lock.
#ifndef VARVE_SQLITE_STORE_H
#define VARVE_SQLITE_STORE_H

#include <sqlite3.h>

#include "index.h"
#include "sql.h"
#include "varve/plugin.h"
#include "vfs.h"

enum {
    VARVE_SQLITE_WAL = 0,
    VARVE_SQLITE_INPLACE = 1
};

// Blocks that wait for their headers; a transaction of the host's has no more.
#define VARVE_SQLITE_PENDING 16u

// A block in its slot whose header commit() will write.
struct varve_sqlite_pending {
    uint32_t page; // number of the slot's first overflow page
    uint8_t header[VARVE_BLOCK_HEADER];
};

struct varve_sqlite_options {
    const char *path;
    int64_t page;
    int64_t heap;
    int64_t journal; // VARVE_SQLITE_WAL, VARVE_SQLITE_INPLACE
    int64_t sync;    // 0: full, 1: off
    int64_t checkpoint_ms;
    int64_t wal_limit;
    int64_t blocks;
    int64_t events_keep_ms;
    int64_t events_max;
};

// A tier of the host and where it is in the store.
struct varve_sqlite_tier {
    struct varve_tier tier;
    int64_t id;   // row of table tier; 0: not in the store (read-only)
    int64_t last; // number of its last slot
    uint64_t cap; // bytes, as the host said last; 0: no cap
};

struct varve_sqlite_store {
    struct varve_instance *self;
    const struct varve_sqlite_options *options;
    struct varve_sqlite_vfs vfs;
    sqlite3 *db;
    sqlite3_stmt *stmt[STMT_COUNT];
    sqlite3_blob *reader; // kept between reads, so that a query opens it once
    char path[VARVE_PATH_TEXT];
    bool heap;      // this instance is counted as a user of SQLite's heap
    bool vfs_known; // the VFS is registered
    bool existed;   // there was a file before this open
    bool as_is;     // damage is not looked for
    bool building;  // the file is being made by a salvage; its host will sync it
    bool read_only;
    bool in_txn;
    bool stale;       // the index does not show what is committed
    bool full_logged; // "the index is full" has been said
    bool wipe_due;    // the WAL holds blocks that were removed; see prune.c
    uint32_t page;    // bytes of a database page

    struct varve_sqlite_tier tiers[VARVE_MAX_TIERS];
    size_t tier_count;
    struct varve_sqlite_index index;
    uint32_t damaged; // slots whose header cannot be read; they are used again

    // inplace.c
    uint32_t slot_root; // root page of table slot
    bool behind;        // SQLite's cache has not seen the latest blocks
    struct varve_sqlite_pending pending[VARVE_SQLITE_PENDING];
    size_t pending_count;

    int wal_frames;             // in the WAL after the last commit
    int64_t checkpoint_boot_ms; // time of the last one, or of the first maintain()
    bool events_due;            // pruning by age is due
    int64_t event_count;
    int64_t now_ms; // the host's trusted time, learnt from puts; INT64_MIN: unknown
};

static inline struct varve_sqlite_store *varve_sqlite_of(struct varve_instance *self)
{
    return (struct varve_sqlite_store *)self->state;
}

// ---- sqlite.c -----------------------------------------------------------------------------------

// Turns a SQLite code into varve's and keeps "PATH: cannot DOING: ..." as the reason; 0 for success
// (SQLITE_OK, SQLITE_ROW and SQLITE_DONE).
int varve_sqlite_check(struct varve_sqlite_store *s, int rc, const char *doing);

// Runs a statement that gives no rows and resets it.
int varve_sqlite_run(struct varve_sqlite_store *s, enum varve_sqlite_statement which,
                     const char *doing);

// Opens the transaction when none is open.
int varve_sqlite_begin(struct varve_sqlite_store *s);

// A new store at s->path, without an index, for a salvage to fill. varve_sqlite_close() it in any
// case.
int varve_sqlite_make(struct varve_sqlite_store *s);
void varve_sqlite_close(struct varve_instance *self);

int varve_sqlite_commit(struct varve_instance *self);
void varve_sqlite_abort(struct varve_instance *self);

// ---- dictionary.c -------------------------------------------------------------------------------

// A row of table series; the texts need no NUL.
struct varve_sqlite_series {
    int64_t id, kind;
    const char *text, *unit, *help;
    size_t text_length, unit_length, help_length; // bytes
};
uint32_t varve_sqlite_series_crc(const struct varve_sqlite_series *series);
// Makes the functions known that SQL_* use; on each connection. Returns SQLite's code.
int varve_sqlite_functions(sqlite3 *db);
// Whether table series has checksums: it has since schema 2.
bool varve_sqlite_has_crc(sqlite3 *db);
// How many rows of the dictionary have a wrong one.
int varve_sqlite_bad_names(struct varve_sqlite_store *s, int64_t *count);

// ---- schema.c -----------------------------------------------------------------------------------

// Refuses a file that is no store, before SQLite touches it. Returns 0 (a store, or nothing yet),
// VARVE_E_CORRUPT, VARVE_E_VERSION, VARVE_E_NOT_FOUND (read-only), or what the port said.
int varve_sqlite_peek(struct varve_sqlite_store *s);

// Whose database it is, by the first 72 bytes of its file.
uint32_t varve_sqlite_application(const uint8_t *header);

// Brings an older store that is open for writing up to date; behind varve_sqlite_schema().
int varve_sqlite_upgrade(struct varve_sqlite_store *s);

// Makes or checks the schema and switches to EXCLUSIVE and WAL.
int varve_sqlite_schema(struct varve_sqlite_store *s);

// Matches the host's tiers with the stored ones; fills s->tiers.
int varve_sqlite_tiers(struct varve_sqlite_store *s);

// The tiers that the store has in use, in order; returns their number.
int varve_sqlite_stored_tiers(struct varve_sqlite_store *s, struct varve_sqlite_tier *out,
                              size_t cap);

// Whether an idle rollback journal keeps its content; without WAL only.
int varve_sqlite_journal_keep(struct varve_sqlite_store *s, bool keep);

// One integer from a query without parameters.
int varve_sqlite_integer(struct varve_sqlite_store *s, const char *sql, int64_t *out);

// ---- slots.c ------------------------------------------------------------------------------------

// Takes the memory of the index and fills it.
int varve_sqlite_slots_open(struct varve_sqlite_store *s);
// Reads the index again when it does not show what is committed.
int varve_sqlite_refresh(struct varve_sqlite_store *s);
void varve_sqlite_reader_close(struct varve_sqlite_store *s);

int varve_sqlite_put(struct varve_instance *self, const struct varve_put *put);
// One bounded step towards the tiers' caps: 0 when all are held, VARVE_E_AGAIN after a step.
int varve_sqlite_slots_trim(struct varve_sqlite_store *s);
int varve_sqlite_next(struct varve_instance *self, unsigned tier,
                      const struct varve_block_key *after, int64_t from_ms,
                      struct varve_block_key *out);
int varve_sqlite_get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                     void *buf, size_t cap);

// Writes a block into the slot of that row, in the open transaction.
int varve_sqlite_slot_write(struct varve_sqlite_store *s, sqlite3_int64 row,
                            const struct varve_put *put);

// Copies the slot's block, e->length bytes, as SQLite (or its pages) have it now, and checks it.
// Returns its length, VARVE_E_CORRUPT, or an error of reading.
int varve_sqlite_slot_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf);

// Makes the slot free, in the open transaction. The index does not know yet: set s->stale.
int varve_sqlite_slot_clear(struct varve_sqlite_store *s, const struct varve_sqlite_entry *e);

// ---- prune.c ------------------------------------------------------------------------------------

int varve_sqlite_replace(struct varve_instance *self, unsigned tier,
                         const struct varve_block_key *key, const void *block, uint32_t length);
// After the last replacement: nothing of the old blocks stays in the WAL.
int varve_sqlite_wipe(struct varve_sqlite_store *s);

// ---- check.c ------------------------------------------------------------------------------------

int varve_sqlite_check_store(struct varve_instance *self, struct varve_check *check);
// What SQLite's quick_check says; `say` NULL: only whether it says anything. Returns how many lines
// that are, or an error.
int varve_sqlite_quick_check(struct varve_sqlite_store *s, struct varve_check *check);
// The row of a slot in table slot.
sqlite3_int64 varve_sqlite_row(const struct varve_sqlite_store *s, unsigned tier, int64_t slot);

// ---- backup.c -----------------------------------------------------------------------------------

int varve_sqlite_backup(struct varve_instance *self, struct varve_backup *backup);
int varve_sqlite_verify_backup(struct varve_instance *self, struct varve_backup *backup);
int varve_sqlite_backup_block(struct varve_instance *self, struct varve_backup *backup, bool is_raw,
                              uint32_t step_ms, const struct varve_block_key *key);

// ---- salvage.c ----------------------------------------------------------------------------------

int varve_sqlite_salvage(struct varve_instance *self, struct varve_salvage *salvage);

// ---- inplace.c ----------------------------------------------------------------------------------

// Whether a block of so many pages can go into the slot without SQLite.
bool varve_sqlite_inplace_can(const struct varve_sqlite_store *s,
                              const struct varve_sqlite_entry *e, unsigned pages);
// Writes the block, without its header until the commit.
int varve_sqlite_inplace_write(struct varve_sqlite_store *s, struct varve_sqlite_entry *e,
                               const struct varve_put *put);
int varve_sqlite_inplace_commit(struct varve_sqlite_store *s);
void varve_sqlite_inplace_abort(struct varve_sqlite_store *s);
// SQLite is about to write to the slot itself: forgets where its pages are.
void varve_sqlite_inplace_forget(struct varve_sqlite_store *s, struct varve_sqlite_entry *e);
// The first `len` bytes of the slot's block.
int varve_sqlite_inplace_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf,
                              uint32_t len);
// Before SQLite reads or writes: makes it read again what was written without it.
void varve_sqlite_catch_up(struct varve_sqlite_store *s);

// ---- direct.c -----------------------------------------------------------------------------------

// Reads and checks the block where it was seen last; false when it has to be asked for.
bool varve_sqlite_direct_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf,
                              size_t cap);
// Notes where the block that others have just read lies, and its CRC; `header` is its own.
void varve_sqlite_direct_learn(struct varve_sqlite_store *s, struct varve_sqlite_entry *e,
                               const uint8_t *header);

// ---- dictionary.c, events.c ---------------------------------------------------------------------

int varve_sqlite_define(struct varve_instance *self, varve_series_id id,
                        const struct varve_series_def *def);
int varve_sqlite_load_series(struct varve_instance *self,
                             int (*visit)(void *arg, varve_series_id id,
                                          const struct varve_series_def *def),
                             void *arg);

int varve_sqlite_event(struct varve_instance *self, const struct varve_event *event);
int varve_sqlite_load_events(struct varve_instance *self, int64_t from_ms, int64_t to_ms,
                             int (*visit)(void *arg, const struct varve_event *event), void *arg);
int varve_sqlite_events_count(struct varve_sqlite_store *s);
// One bounded step of pruning: 0 when nothing is left, VARVE_E_AGAIN after a step.
int varve_sqlite_events_prune(struct varve_sqlite_store *s);

#endif
