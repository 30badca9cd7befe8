// SPDX-License-Identifier: Apache-2.0
// The sqlite backend: descriptor, options, open and close, transactions, housekeeping.
//
// One database file per instance. Blocks lie in fixed slots that are overwritten in place
// (slots.c), the dictionary and events in ordinary tables, everything goes through the ledger
// (vfs.c) and lives on a bounded heap (heap.c). A commit is one WAL commit with one sync. The WAL
// is copied back by own RESTART checkpoints, rarely, so that a page that is written again and again
// reaches the database once; the WAL file keeps its size until the store is closed, when SQLite
// checkpoints and removes it.
//
// A store that is opened for writing is looked at first: its header, its WAL, SQLite's quick_check.
// One that is damaged is refused with VARVE_E_CORRUPT, and the host has it salvaged (salvage.c).
//
// Left to others: what is in a block (core), when to flush and what has expired (host).
//
// Threading: the instance's lock; open and close of several hosts must not overlap (heap.c).

#include <string.h>

#include "heap.h"
#include "pages.h"
#include "store.h"
#include "varve/host.h"

extern const struct varve_plugin varve_backend_sqlite;

#define FRAME_HEADER 24 // bytes before each page in the WAL
#define WAL_PATIENCE 2  // commit() checkpoints itself at so many times wal_limit

static const char *const journals[] = {"wal", "inplace", NULL};
static const char *const syncs[] = {"full", "off", NULL};

#define FIELD(name) offsetof(struct varve_sqlite_options, name)
#define KIB         INT64_C(1024)
#define MIB         (1024 * KIB)
#define HOUR        INT64_C(3600000)
#define DAY         (24 * HOUR)

static const struct varve_option options[] = {
    {"path", VARVE_OPT_STRING, FIELD(path), "varve.db", 0, 0, NULL,
     "the database file; a relative path starts in the state directory"},
    {"page", VARVE_OPT_SIZE, FIELD(page), "4K", 512, 65536, NULL,
     "page size of a new database, a power of two: the page of the flash, in bytes"},
    {"heap", VARVE_OPT_SIZE, FIELD(heap), "512K", 128 * KIB, 64 * MIB, NULL,
     "memory that SQLite works in, for all stores of the program, in bytes"},
    {"journal", VARVE_OPT_CHOICE, FIELD(journal), "wal", 0, 0, journals,
     "how a commit is made safe: by a WAL, or by overwriting expired slots where they are, without "
     "a journal, half as many bytes"},
    {"sync", VARVE_OPT_CHOICE, FIELD(sync), "full", 0, 0, syncs,
     "full: a commit survives a power cut; off: for tests only, a power cut can lose everything"},
    {"checkpoint", VARVE_OPT_DURATION, FIELD(checkpoint_ms), "12h", 60000, 30 * DAY, NULL,
     "time after which the WAL is copied into the database"},
    {"wal_limit", VARVE_OPT_SIZE, FIELD(wal_limit), "4M", 64 * KIB, 1024 * MIB, NULL,
     "size of the WAL at which it is copied earlier, in bytes"},
    {"blocks", VARVE_OPT_INT, FIELD(blocks), "4096", 16, 1000000, NULL,
     "blocks that the index in memory has room for, 48 bytes each; a larger store gets more"},
    {"events_keep", VARVE_OPT_DURATION, FIELD(events_keep_ms), "90d", HOUR, 36500 * DAY, NULL,
     "age after which events are removed"},
    {"events_max", VARVE_OPT_INT, FIELD(events_max), "10000", 64, 10000000, NULL,
     "events that are kept at most"},
    VARVE_OPTIONS_END,
};

// ---- errors and statements ----------------------------------------------------------------------

// What the file layer said, where SQLite only knows that it failed.
static int file_error(struct varve_sqlite_store *s, int otherwise)
{
    const int code = s->vfs.error;

    s->vfs.error = 0;
    return code != 0 ? code : otherwise;
}

static int error_of(struct varve_sqlite_store *s, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return VARVE_E_NO_SPACE;
    case SQLITE_READONLY:
        return VARVE_E_READ_ONLY;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return VARVE_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // the texts are right: it is the schema that is not
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return VARVE_E_CORRUPT;
    case SQLITE_NOMEM:
        return VARVE_E_NO_MEMORY;
    case SQLITE_TOOBIG:
        return VARVE_E_TOO_BIG;
    case SQLITE_CANTOPEN:
        return file_error(s, VARVE_E_IO);
    case SQLITE_IOERR:
        return rc == SQLITE_IOERR_SHORT_READ ? VARVE_E_CORRUPT : file_error(s, VARVE_E_IO);
    default:
        return VARVE_E_IO;
    }
}

int varve_sqlite_check(struct varve_sqlite_store *s, int rc, const char *doing)
{
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE) {
        return 0;
    }
    const int code = error_of(s, rc);
    if (code == VARVE_E_BUSY) {
        varve_instance_fail(
            s->self, "another process has %s open: stop it, or ask it through its socket", s->path);
    } else if (rc == SQLITE_READONLY_ROLLBACK) {
        varve_instance_fail(s->self,
                            "%s: a transaction that was cut off has to be rolled back first: start "
                            "the daemon once, or open it for writing",
                            s->path);
    } else if (code == VARVE_E_NO_MEMORY) {
        varve_instance_fail(s->self,
                            "%s: cannot %s: SQLite needs more memory: raise the option "
                            "heap",
                            s->path, doing);
    } else if (code == VARVE_E_CORRUPT) {
        varve_instance_fail(s->self,
                            "%s: cannot %s: the database is damaged (%s): varve check --repair "
                            "salvages what can be read",
                            s->path, doing, sqlite3_errstr(rc));
    } else {
        varve_instance_fail(s->self, "%s: cannot %s: %s: %s (SQLite %d)", s->path, doing,
                            varve_strerror(code), sqlite3_errstr(rc), rc);
    }
    return code;
}

int varve_sqlite_run(struct varve_sqlite_store *s, enum varve_sqlite_statement which,
                     const char *doing)
{
    int rc = varve_sqlite_check(s, sqlite3_step(s->stmt[which]), doing);

    (void)sqlite3_reset(s->stmt[which]); // repeats the code of step
    return rc;
}

static int prepare(struct varve_sqlite_store *s)
{
    static const char *const texts[STMT_COUNT] = {
#define VARVE_SQLITE_STATEMENT_TEXT(name, text) [name] = (text),
        VARVE_SQLITE_STATEMENTS(VARVE_SQLITE_STATEMENT_TEXT)
#undef VARVE_SQLITE_STATEMENT_TEXT
    };
    const bool signs = varve_sqlite_has_crc(s->db); // else it is of schema 1
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < STMT_COUNT; i++) {
        const char *text = texts[i];
        text = i == STMT_SERIES_PUT && !signs ? SQL_SERIES_PUT_1 : text;
        text = i == STMT_SERIES_LIST && !signs ? SQL_SERIES_LIST_1 : text;
        rc = sqlite3_prepare_v3(s->db, text, -1, SQLITE_PREPARE_PERSISTENT, &s->stmt[i], NULL);
    }
    return varve_sqlite_check(s, rc, "prepare its statements");
}

// ---- open and close -----------------------------------------------------------------------------

static int resolve_path(struct varve_sqlite_store *s)
{
    const char *path = s->options->path;
    const bool absolute = path[0] == '/';
    const size_t n =
        varve_format(s->path, sizeof s->path, "%s%s%s",
                     absolute ? "" : varve_instance_state_dir(s->self), absolute ? "" : "/", path);

    if (path[0] == '\0' || n >= sizeof s->path) {
        varve_instance_fail(s->self, "path is %s", path[0] == '\0' ? "empty" : "too long");
        return VARVE_E_INVALID;
    }
    return 0;
}

static int make_dir(struct varve_sqlite_store *s)
{
    char dir[VARVE_PATH_TEXT];
    const char *slash = strrchr(s->path, '/');

    if (s->read_only || slash == NULL || slash == s->path) {
        return 0;
    }
    const size_t n = (size_t)(slash - s->path);
    memcpy(dir, s->path, n);
    dir[n] = '\0';
    int rc = varve_port_path_make_dir(dir);
    if (rc < 0) {
        varve_instance_fail(s->self, "cannot make the directory %s: %s", dir, varve_strerror(rc));
    }
    return rc;
}

static int check_options(struct varve_sqlite_store *s)
{
    const int64_t page = s->options->page;

    if ((page & (page - 1)) != 0) {
        varve_instance_fail(s->self, "page is %lld: a power of two is needed", (long long)page);
        return VARVE_E_INVALID;
    }
    return 0;
}

static int start_sqlite(struct varve_sqlite_store *s)
{
    int rc = varve_sqlite_heap_acquire(s->self, (size_t)s->options->heap);

    if (rc < 0) {
        return rc;
    }
    s->heap = true;
    rc = varve_sqlite_vfs_register(&s->vfs, s->self->account, s->read_only);
    s->vfs_known = rc == SQLITE_OK;
    return varve_sqlite_check(s, rc, "register its file layer");
}

static int connect(struct varve_sqlite_store *s)
{
    const int flags =
        s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    int rc = sqlite3_open_v2(s->path, &s->db, flags | SQLITE_OPEN_NOMUTEX, s->vfs.name);

    if (rc == SQLITE_OK) {
        (void)sqlite3_extended_result_codes(s->db, 1); // always SQLITE_OK
        rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0);
    }
    // A store has neither; in a hostile file a view under a table's name can run for ever.
    if (rc == SQLITE_OK) {
        rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    }
    if (rc == SQLITE_OK) { // until the store is known to be ours
        rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    if (rc == SQLITE_OK) {
        rc = varve_sqlite_functions(s->db);
    }
    return varve_sqlite_check(s, rc, "open the store");
}

static int on_wal(void *arg, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    ((struct varve_sqlite_store *)arg)->wal_frames = frames;
    return SQLITE_OK;
}

// Damage that SQLite sees in the structure of the file. Blocks have checksums of their own.
static int look_for_damage(struct varve_sqlite_store *s)
{
    const int lines = s->as_is || !s->existed ? 0 : varve_sqlite_quick_check(s, NULL);

    if (lines > 0) {
        varve_instance_fail(s->self, "%s: quick_check finds it damaged", s->path);
        return VARVE_E_CORRUPT;
    }
    int64_t names = 0;
    const int rc = lines < 0 || s->as_is ? lines : varve_sqlite_bad_names(s, &names);
    if (names > 0) {
        varve_instance_fail(s->self, "%s: the names of %lld series are damaged", s->path,
                            (long long)names);
        return VARVE_E_CORRUPT;
    }
    return rc;
}

static int load(struct varve_sqlite_store *s)
{
    int rc = varve_sqlite_schema(s);

    if (rc == 0) {
        rc = look_for_damage(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_upgrade(s);
    }
    if (rc == 0) {
        rc = prepare(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_tiers(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_slots_open(s);
    }
    return rc == 0 ? varve_sqlite_events_count(s) : rc;
}

void varve_sqlite_close(struct varve_instance *self)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    varve_sqlite_reader_close(s);
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(s->stmt[i]); // repeats the code of the last step
        s->stmt[i] = NULL;
    }
    if (sqlite3_close(s->db) != SQLITE_OK) { // an open transaction is rolled back
        varve_log(VARVE_ERROR, self->name, "%s: cannot be closed: %s", s->path,
                  sqlite3_errmsg(s->db));
    }
    s->db = NULL;
    if (s->vfs_known) {
        varve_sqlite_vfs_unregister(&s->vfs);
    }
    if (s->heap) {
        varve_sqlite_heap_release();
    }
    s->vfs_known = false;
    s->heap = false;
}

// Before SQLite cuts the WAL off behind the first frame that is damaged. Not while another process
// writes to it: then connect() tells who is in the way.
static int look_at_wal(struct varve_sqlite_store *s)
{
    struct varve_ledger_account *account = s->self->account;
    const uint32_t page = s->page != 0 ? s->page : (uint32_t)s->options->page;
    struct varve_sqlite_wal wal;
    struct varve_file lock;

    if (s->as_is || !s->existed || varve_file_open(&lock, account, s->path, VARVE_OPEN_WRITE) < 0) {
        return 0;
    }
    int rc = varve_sqlite_vfs_lock(&lock, true);
    rc = rc == 0 ? varve_sqlite_wal_open(&wal, account, s->path, page) : rc;
    const bool damaged = rc == 0 && wal.damaged;
    if (rc == 0) {
        varve_sqlite_wal_close(&wal);
    }
    varve_file_close(&lock);
    if (damaged) {
        varve_instance_fail(s->self, "%s-wal is damaged", s->path);
    }
    return damaged ? VARVE_E_CORRUPT : 0;
}

// A salvage that was interrupted when the new store was whole already.
static int look_for_salvaged(struct varve_sqlite_store *s)
{
    char path[VARVE_PATH_TEXT];

    if (s->as_is || varve_format(path, sizeof path, "%s" VARVE_SALVAGED, s->path) >= sizeof path ||
        varve_port_path_exists(path) != 0) {
        return 0;
    }
    varve_instance_fail(s->self, "%s is to take its place", path);
    return VARVE_E_CORRUPT;
}

int varve_sqlite_make(struct varve_sqlite_store *s)
{
    int rc = start_sqlite(s);

    s->vfs.backup = s->path; // written once, and synced by the host
    rc = rc == 0 ? connect(s) : rc;
    rc = rc == 0 ? varve_sqlite_schema(s) : rc;
    rc = rc == 0 ? prepare(s) : rc;
    const struct varve_tier *wanted = NULL;
    return rc == 0 && varve_instance_tiers(s->self, &wanted) > 0 ? varve_sqlite_tiers(s) : rc;
}

static int open_store(struct varve_sqlite_store *s)
{
    int rc = check_options(s);

    if (rc == 0) {
        rc = resolve_path(s);
    }
    if (rc == 0) {
        rc = make_dir(s);
    }
    if (rc == 0) {
        rc = look_for_salvaged(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_peek(s);
    }
    if (rc == 0) {
        rc = look_at_wal(s);
    }
    if (rc == 0) {
        rc = start_sqlite(s);
    }
    if (rc == 0) {
        rc = connect(s);
    }
    return rc == 0 ? load(s) : rc;
}

static int store_open(struct varve_instance *self, unsigned flags)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    memset(s, 0, sizeof *s);
    s->self = self;
    s->options = self->options;
    s->read_only = (flags & VARVE_BACKEND_READ_ONLY) != 0;
    s->as_is = s->read_only || (flags & VARVE_BACKEND_AS_IS) != 0;
    s->events_due = true;
    s->now_ms = INT64_MIN;
    int rc = open_store(s);
    if (rc < 0) {
        varve_sqlite_close(self);
        return rc;
    }
    (void)sqlite3_wal_hook(s->db, on_wal, s); // gives back the argument of the one before
    if (!s->read_only) {
        rc = varve_sqlite_check(
            s, sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL), "set up");
    }
    return rc;
}

// ---- transactions -------------------------------------------------------------------------------

int varve_sqlite_begin(struct varve_sqlite_store *s)
{
    if (s->in_txn) {
        return 0;
    }
    if (s->read_only) {
        varve_instance_fail(s->self, "%s: is open for reading only", s->path);
        return VARVE_E_READ_ONLY;
    }
    varve_sqlite_reader_close(s);
    varve_sqlite_catch_up(s);
    int rc = varve_sqlite_run(s, STMT_BEGIN, "begin to write");
    s->in_txn = rc == 0;
    return rc;
}

static int checkpoint(struct varve_sqlite_store *s)
{
    varve_sqlite_reader_close(s); // a reader would keep the WAL from being restarted
    int rc = varve_sqlite_check(
        s, sqlite3_wal_checkpoint_v2(s->db, "main", SQLITE_CHECKPOINT_RESTART, NULL, NULL),
        "checkpoint");
    if (rc == 0) {
        s->wal_frames = 0;
    }
    return rc;
}

static int64_t wal_bytes(const struct varve_sqlite_store *s)
{
    return (int64_t)s->wal_frames * (s->page + FRAME_HEADER);
}

int varve_sqlite_commit(struct varve_instance *self)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    if (!s->in_txn) {
        return varve_sqlite_inplace_commit(s);
    }
    varve_sqlite_reader_close(s);
    int rc = varve_sqlite_run(s, STMT_COMMIT, "commit");
    if (rc < 0) {
        return rc; // still in the transaction: the host aborts
    }
    s->in_txn = false;
    rc = varve_sqlite_inplace_commit(s);
    if (rc < 0) {
        return rc;
    }
    // A long import leaves no idle moment for maintain(). The data is safe whatever comes of this.
    if (wal_bytes(s) >= WAL_PATIENCE * s->options->wal_limit && checkpoint(s) < 0) {
        varve_log(VARVE_WARNING, self->name, "%s: the WAL has %lld bytes and cannot be copied back",
                  s->path, (long long)wal_bytes(s));
    }
    return 0;
}

void varve_sqlite_abort(struct varve_instance *self)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    if (!s->in_txn && s->pending_count == 0) {
        return;
    }
    varve_sqlite_reader_close(s);
    varve_sqlite_inplace_abort(s);
    if (sqlite3_get_autocommit(s->db) == 0) {
        // What fails here has failed before; SQLite recovers from its journal at the next use.
        (void)varve_sqlite_run(s, STMT_ROLLBACK, "roll back");
    }
    s->in_txn = false;
    s->stale = true;
    (void)varve_sqlite_events_count(s); // only decides when to prune
}

// ---- the rest -----------------------------------------------------------------------------------

static int store_maintain(struct varve_instance *self, int64_t now_boot_ms)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    if (s->read_only || s->in_txn || s->pending_count > 0) {
        return 0;
    }
    if (s->checkpoint_boot_ms == 0) {
        s->checkpoint_boot_ms = now_boot_ms;
    }
    int rc = s->wipe_due ? varve_sqlite_wipe(s) : 0;
    rc = rc == 0 ? varve_sqlite_slots_trim(s) : rc;
    rc = rc == 0 ? varve_sqlite_events_prune(s) : rc;
    if (rc != 0) {
        return rc;
    }
    const bool due = now_boot_ms - s->checkpoint_boot_ms >= s->options->checkpoint_ms;
    if (!due && wal_bytes(s) < s->options->wal_limit) {
        return 0;
    }
    rc = s->wal_frames > 0 ? checkpoint(s) : 0;
    if (rc < 0) {
        return rc;
    }
    s->checkpoint_boot_ms = now_boot_ms;
    s->events_due = due;
    return due ? VARVE_E_AGAIN : 0;
}

static int store_load_tiers(struct varve_instance *self, struct varve_tier *out, size_t cap)
{
    struct varve_sqlite_tier stored[VARVE_MAX_TIERS];
    int n = varve_sqlite_stored_tiers(varve_sqlite_of(self), stored, VARVE_MAX_TIERS);

    n = n > (int)cap ? (int)cap : n;
    for (int i = 0; i < n; i++) {
        out[i] = stored[i].tier;
    }
    return n;
}

static void store_stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);

    out->persistent = true;
    out->blocks = (uint32_t)s->index.blocks;
    out->stored_bytes = varve_sqlite_vfs_bytes(&s->vfs);
    out->heap_bytes = (uint64_t)sqlite3_memory_used(); // of all instances
    (void)varve_format(out->where, sizeof out->where, "%s", s->path);
}

// What an overflow page holds beside the number of the next one.
static uint32_t store_page_payload(struct varve_instance *self)
{
    return varve_sqlite_of(self)->page - 4;
}

static const struct varve_backend_ops ops = {
    .open = store_open,
    .close = varve_sqlite_close,
    .define = varve_sqlite_define,
    .put = varve_sqlite_put,
    .event = varve_sqlite_event,
    .commit = varve_sqlite_commit,
    .abort = varve_sqlite_abort,
    .next = varve_sqlite_next,
    .get = varve_sqlite_get,
    .get_checks = true,
    .replace = varve_sqlite_replace,
    .load_series = varve_sqlite_load_series,
    .load_events = varve_sqlite_load_events,
    .load_tiers = store_load_tiers,
    .maintain = store_maintain,
    .stats = store_stats,
    .check = varve_sqlite_check_store,
    .page_payload = store_page_payload,
    .backup = varve_sqlite_backup,
    .verify_backup = varve_sqlite_verify_backup,
    .backup_block = varve_sqlite_backup_block,
    .salvage = varve_sqlite_salvage,
};

const struct varve_plugin varve_backend_sqlite = {
    VARVE_PLUGIN_HEADER,
    .name = "sqlite",
    .summary = "history in one SQLite database, in slots that are overwritten in place",
    .kind = VARVE_BACKEND,
    .options = options,
    .options_size = sizeof(struct varve_sqlite_options),
    .state_size = sizeof(struct varve_sqlite_store),
    .backend = &ops,
};

VARVE_PLUGIN(varve_backend_sqlite);
