// SPDX-License-Identifier: Apache-2.0
// Backups: a copy by VACUUM INTO, and the verification of such a copy.
//
// VACUUM INTO reads one state of the store, WAL included, and writes it page by page into a new
// file through the store's own VFS, so that its bytes are in the ledger. It needs the store's cache
// and one of the same size for the copy: half of the heap at most, since SQLite moves rows as they
// lie, overflow pages included. The copy has no journal and is synced by the host. Where blocks
// were written behind SQLite's back (inplace.c) its cache is emptied first.
//
// The copy is verified on a connection of its own, with a VFS of its own, as a file that nobody has
// reason to trust: it is a store of this schema, quick_check finds nothing, every block has its
// CRC, every definition and event can be read. A block is taken out of it in the same way.
//
// Threading: backup() under the instance's lock; verify_backup() and backup_block() beside
// everything else, they touch nothing of the instance.

#include <string.h>

#include "layout.h"
#include "store.h"
#include "varve/host.h"
#include "varve/port.h"

// Virtual machine steps of SQLite's between two looks whether to stop: a millisecond or so.
#define STEPS 2000

static int is_stopped(void *arg)
{
    const struct varve_backup *b = arg;
    return b->stopped(b->arg) ? 1 : 0;
}

// ---- the copy -----------------------------------------------------------------------------------

static int vacuum_into(struct varve_sqlite_store *s, const char *path)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, SQL_VACUUM_INTO, -1, &stmt, NULL);

    rc = rc == SQLITE_OK ? sqlite3_bind_text(stmt, 1, path, -1, SQLITE_STATIC) : rc;
    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return rc;
}

// The header of a journal that SQLite has for the copy before it switches the journal off.
static int remove_journal(struct varve_sqlite_store *s, const char *path)
{
    char name[VARVE_PATH_TEXT];
    const bool fits = varve_format(name, sizeof name, "%s-journal", path) < sizeof name;
    int rc = fits ? varve_port_path_remove(name) : VARVE_E_TOO_BIG;

    if (rc < 0 && rc != VARVE_E_NOT_FOUND) {
        varve_instance_fail(s->self, "cannot remove %s: %s", name, varve_strerror(rc));
        return rc;
    }
    return 0;
}

int varve_sqlite_backup(struct varve_instance *self, struct varve_backup *backup)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    if (s->in_txn || s->pending_count > 0) {
        return VARVE_E_BUSY; // what is not committed is no state of the store
    }
    varve_sqlite_reader_close(s);
    varve_sqlite_catch_up(s);
    s->vfs.backup = backup->path;
    sqlite3_progress_handler(s->db, STEPS, is_stopped, backup);
    const int rc = vacuum_into(s, backup->path);
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    s->vfs.backup = NULL;
    const int removed = remove_journal(s, backup->path);
    if ((rc & 0xff) == SQLITE_INTERRUPT) {
        varve_instance_fail(self, "%s: the backup was interrupted", s->path);
        return VARVE_E_CLOSED;
    }
    return rc == SQLITE_OK || rc == SQLITE_DONE ? removed
                                                : varve_sqlite_check(s, rc, "make a backup");
}

// ---- the verification ---------------------------------------------------------------------------

struct verifier {
    struct varve_backup *backup;
    struct varve_ledger_account account; // nothing is written
    struct varve_sqlite_vfs vfs;
    sqlite3 *db;
    sqlite3_blob *blob;
    int64_t page;
    const struct varve_block_key *wanted; // a block to look for; NULL: all are verified
    uint32_t step_ms;                     // of its tier
    bool is_raw;
    uint32_t found; // its length; 0: not found
};

static int refuse(struct verifier *v, int code, const char *what)
{
    if (v->backup->why[0] == '\0') {
        (void)varve_format(v->backup->why, sizeof v->backup->why, "%s: %s", v->backup->path, what);
    }
    return code;
}

// What SQLite said, as varve's code with a sentence.
static int judge(struct verifier *v, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return 0;
    case SQLITE_INTERRUPT:
        return refuse(v, VARVE_E_CLOSED, "the verification was interrupted");
    case SQLITE_NOMEM:
        return refuse(v, VARVE_E_NO_MEMORY, "SQLite needs more memory: raise the option heap");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // a table that is not there
        return refuse(v, VARVE_E_CORRUPT, "is no varve store, or damaged");
    case SQLITE_CANTOPEN:
        return refuse(v, v->vfs.error != 0 ? v->vfs.error : VARVE_E_IO, "cannot be opened");
    default:
        return refuse(v, v->vfs.error != 0 ? v->vfs.error : VARVE_E_IO, sqlite3_errstr(rc));
    }
}

static int connect(struct verifier *v)
{
    int rc = sqlite3_open_v2(v->backup->path, &v->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX,
                             v->vfs.name);

    rc = rc == SQLITE_OK ? sqlite3_db_config(v->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0) : rc;
    rc = rc == SQLITE_OK ? sqlite3_db_config(v->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL) : rc;
    rc = rc == SQLITE_OK ? sqlite3_db_config(v->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL) : rc;
    rc = rc == SQLITE_OK ? varve_sqlite_functions(v->db) : rc;
    if (rc == SQLITE_OK) {
        sqlite3_progress_handler(v->db, STEPS, is_stopped, v->backup);
        rc = sqlite3_exec(v->db, SQL_VERIFY_SETUP, NULL, NULL, NULL);
    }
    return judge(v, rc);
}

static int integer(struct verifier *v, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db, sql, -1, &stmt, NULL);

    rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return judge(v, rc);
}

static int check_kind(struct verifier *v)
{
    int64_t application = 0, version = 0, cut_for = 0;
    int rc = integer(v, SQL_APPLICATION, &application);

    rc = rc == 0 ? integer(v, SQL_VERSION, &version) : rc;
    if (rc == 0 && application != VARVE_SQLITE_APPLICATION) {
        return refuse(v, VARVE_E_CORRUPT, "is no varve store");
    }
    if (rc == 0 && version > VARVE_SQLITE_SCHEMA) {
        return refuse(v, VARVE_E_VERSION, "was made by a later varve");
    }
    rc = rc == 0 ? integer(v, SQL_PAGE_SIZE, &v->page) : rc;
    rc = rc == 0 ? integer(v, SQL_META_PAGE, &cut_for) : rc;
    if (rc == 0 && v->page != cut_for) {
        return refuse(v, VARVE_E_CORRUPT, "its page size was changed");
    }
    return rc;
}

static int quick_check(struct verifier *v)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db, SQL_QUICK_CHECK, -1, &stmt, NULL);
    bool whole = true;

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : NULL;
        if (text != NULL && sqlite3_stricmp(text, "ok") != 0) {
            whole = false;
            (void)refuse(v, VARVE_E_CORRUPT, text);
        }
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    rc = judge(v, rc);
    return rc == 0 && !whole ? VARVE_E_CORRUPT : rc;
}

// Reads all columns of all rows.
static int read_rows(struct verifier *v, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(v->db, sql, -1, &stmt, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(stmt); i++) {
            (void)sqlite3_column_text(stmt, i); // what it says is the core's business
        }
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return judge(v, rc);
}

// Reads the header of the block in the slot that v->blob is at. Returns 0, VARVE_E_NOT_FOUND for a
// free slot, or one with a block of a later varve, which this one leaves alone, or an error.
static int read_header(struct verifier *v, struct varve_block_key *key, uint32_t *length,
                       int64_t *at)
{
    const int64_t bytes = sqlite3_blob_bytes(v->blob);
    *at = varve_sqlite_slot_offset((uint32_t)v->page, bytes);
    const int64_t room = bytes - *at < VARVE_BLOCK_MAX ? bytes - *at : VARVE_BLOCK_MAX;
    if (*at < 0 || room < VARVE_BLOCK_HEADER) {
        return refuse(v, VARVE_E_CORRUPT, "a slot has a size that none can have");
    }
    int rc = judge(v, sqlite3_blob_read(v->blob, v->backup->buf, VARVE_BLOCK_HEADER, (int)*at));
    rc = rc == 0 ? varve_sqlite_slot_header(v->backup->buf, room, key, length) : rc;
    return rc == VARVE_E_VERSION ? VARVE_E_NOT_FOUND : rc;
}

static int read_block(struct verifier *v, uint32_t length, int64_t at,
                      struct varve_block_info *info)
{
    int rc = judge(v, sqlite3_blob_read(v->blob, v->backup->buf, (int)length, (int)at));
    return rc == 0 ? varve_block_open(v->backup->buf, length, info) : rc;
}

static int check_block(struct verifier *v)
{
    struct varve_block_key key = {.seq = 0};
    struct varve_block_info info;
    uint32_t length = 0;
    int64_t at = 0;
    int rc = read_header(v, &key, &length, &at);
    if (rc == VARVE_E_NOT_FOUND) {
        return 0;
    }
    rc = rc == 0 ? read_block(v, length, at, &info) : rc;
    v->backup->blocks += rc == 0;
    return rc == 0 ? 0 : refuse(v, rc, "a block is damaged");
}

// Whether it is the block that is looked for: then it is left in the buffer.
static int look_for_block(struct verifier *v)
{
    struct varve_block_key key = {.seq = 0};
    struct varve_block_info info;
    uint32_t length = 0;
    int64_t at = 0;
    int rc = read_header(v, &key, &length, &at);
    const bool same = rc == 0 && key.start_ms == v->wanted->start_ms &&
                      key.end_ms == v->wanted->end_ms && key.seq == v->wanted->seq;
    if (!same) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    rc = read_block(v, length, at, &info);
    if (rc == 0 && info.step_ms == v->step_ms && (info.columns == 1) == v->is_raw) {
        v->found = info.length;
    }
    return rc;
}

static int look_at_slot(struct verifier *v, sqlite3_int64 row)
{
    int rc = v->blob != NULL ? sqlite3_blob_reopen(v->blob, row)
                             : sqlite3_blob_open(v->db, "main", "slot", "block", row, 0, &v->blob);

    rc = judge(v, rc);
    if (rc == 0 && v->backup->stopped(v->backup->arg)) {
        rc = refuse(v, VARVE_E_CLOSED, "the verification was interrupted");
    }
    if (rc != 0) {
        return rc;
    }
    return v->wanted == NULL ? check_block(v) : look_for_block(v);
}

static int look_at_slots(struct verifier *v)
{
    sqlite3_stmt *stmt = NULL;
    int rc = judge(v, sqlite3_prepare_v2(v->db, SQL_SLOT_ROWS, -1, &stmt, NULL));
    int step = SQLITE_ROW;

    while (rc == 0 && step == SQLITE_ROW && v->found == 0) {
        step = sqlite3_step(stmt);
        rc = judge(v, step);
        if (rc == 0 && step == SQLITE_ROW) {
            rc = look_at_slot(v, sqlite3_column_int64(stmt, 0));
        }
    }
    (void)sqlite3_blob_close(v->blob); // for reading: nothing can be lost
    v->blob = NULL;
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return rc;
}

// Rows of schema 1 have no checksum.
static int check_names(struct verifier *v)
{
    int64_t damaged = 0;
    int rc = varve_sqlite_has_crc(v->db) ? integer(v, SQL_SERIES_BAD, &damaged) : 0;
    return rc == 0 && damaged > 0 ? refuse(v, VARVE_E_CORRUPT, "the name of a series is damaged")
                                  : rc;
}

static void close_backup(struct verifier *v)
{
    (void)sqlite3_close(v->db); // nothing is open on it
    varve_sqlite_vfs_unregister(&v->vfs);
}

static int open_backup(struct verifier *v)
{
    v->backup->why[0] = '\0';
    int rc = judge(v, varve_sqlite_vfs_register(&v->vfs, &v->account, true));

    if (rc != 0) {
        return rc;
    }
    rc = connect(v);
    rc = rc == 0 ? check_kind(v) : rc;
    if (rc != 0) {
        close_backup(v);
    }
    return rc;
}

int varve_sqlite_verify_backup(struct varve_instance *self, struct varve_backup *backup)
{
    struct verifier v = {.backup = backup};
    (void)self; // see above

    backup->blocks = 0;
    int rc = open_backup(&v);
    if (rc != 0) {
        return rc;
    }
    rc = quick_check(&v);
    rc = rc == 0 ? look_at_slots(&v) : rc;
    rc = rc == 0 ? read_rows(&v, SQL_SERIES_ROWS) : rc;
    rc = rc == 0 ? check_names(&v) : rc;
    rc = rc == 0 ? read_rows(&v, SQL_EVENT_ROWS) : rc;
    close_backup(&v);
    return rc;
}

int varve_sqlite_backup_block(struct varve_instance *self, struct varve_backup *backup, bool is_raw,
                              uint32_t step_ms, const struct varve_block_key *key)
{
    struct verifier v = {.backup = backup, .wanted = key, .step_ms = step_ms, .is_raw = is_raw};
    (void)self; // see above

    int rc = open_backup(&v);
    if (rc != 0) {
        return rc;
    }
    rc = look_at_slots(&v);
    close_backup(&v);
    if (rc != 0) {
        return rc;
    }
    return v.found > 0 ? (int)v.found : VARVE_E_NOT_FOUND;
}
