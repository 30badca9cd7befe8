// SPDX-License-Identifier: Apache-2.0
// The schema: what a store is, how a new one is made, how an old one is recognised, and its tiers.
//
// A file that is not ours is refused before SQLite opens it, by its first 100 bytes: SQLite itself
// would roll back journals and checkpoint WALs of databases that belong to others. For that to be
// possible the schema of a new store is made in one transaction under a rollback journal, so that
// the application id is in the file before anything else; only then WAL is switched on. A cut in
// between leaves an empty file, or one that SQLite rolls back to an empty file.
//
// EXCLUSIVE comes before WAL, so that the index of the WAL is on the heap and no -shm file is made.
//
// Tiers are matched by name and step. A tier that the configuration no longer has loses its
// position and keeps its slots; it is there again when the configuration names it again.
//
// Threading: at open, one task.

#include <string.h>

#include "store.h"
#include "varve/host.h"

#define FILE_HEADER 100
#define MIN_CACHE   16  // pages
#define SCHEMA_MAX  255 // a number above is damage, not a later varve's

#define JOURNAL_KEPT (256 * 1024) // bytes of an idle rollback journal

// ---- recognising a store ------------------------------------------------------------------------

static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

uint32_t varve_sqlite_application(const uint8_t *header)
{
    return big_endian(header + 68);
}

static int refuse_foreign(struct varve_sqlite_store *s, const char *what)
{
    varve_instance_fail(s->self, "%s is %s: move it away or choose another path", s->path, what);
    return VARVE_E_CORRUPT;
}

static int refuse_newer(struct varve_sqlite_store *s, int64_t version)
{
    varve_instance_fail(s->self,
                        "%s was made by a later varve (schema %lld, this one knows %d): update "
                        "varve or choose another path",
                        s->path, (long long)version, VARVE_SQLITE_SCHEMA);
    return VARVE_E_VERSION;
}

static int refuse_damaged(struct varve_sqlite_store *s, const char *how)
{
    varve_instance_fail(s->self, "%s: %s: varve check --repair salvages what can be read", s->path,
                        how);
    return VARVE_E_CORRUPT;
}

// Whether the header is one that varve lets SQLite make: some of its bytes, were they wrong, would
// change how SQLite takes the whole file.
static bool is_sound(const uint8_t h[FILE_HEADER], uint32_t page, int64_t size)
{
    static const uint8_t fractions[] = {0, 64, 32, 32}; // no reserved bytes, then constants
    const bool versions = h[18] >= 1 && h[18] <= 2 && h[19] >= 1 && h[19] <= 2;

    return page >= 512 && (page & (page - 1)) == 0 && versions &&
           memcmp(h + 20, fractions, sizeof fractions) == 0 && big_endian(h + 44) <= 4 &&
           big_endian(h + 52) == 0 && big_endian(h + 56) <= 1 && big_endian(h + 64) == 0 &&
           (int64_t)big_endian(h + 28) * page <= size;
}

// A rollback journal that SQLite has not played back: until it has, the file is what a power cut
// left in the midst of a transaction, and says nothing of damage.
static bool has_hot_journal(const struct varve_sqlite_store *s)
{
    static const uint8_t magic[] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    char path[VARVE_PATH_TEXT];
    uint8_t begin[sizeof magic];
    struct varve_file file;

    if (varve_format(path, sizeof path, "%s-journal", s->path) >= sizeof path ||
        varve_file_open(&file, s->self->account, path, 0) < 0) {
        return false;
    }
    const int64_t n = varve_file_read(&file, 0, begin, sizeof begin);
    varve_file_close(&file);
    return n == (int64_t)sizeof begin && memcmp(begin, magic, sizeof magic) == 0;
}

static int judge_header(struct varve_sqlite_store *s, const uint8_t h[FILE_HEADER], int64_t n,
                        int64_t size)
{
    static const uint8_t zeros[FILE_HEADER];
    static const char magic[16] = "SQLite format 3";
    const size_t part = n < (int64_t)sizeof magic ? (size_t)n : sizeof magic;
    const bool is_begun = memcmp(h, magic, part) == 0;

    if (memcmp(h, zeros, (size_t)n) == 0 || (n < FILE_HEADER && is_begun)) {
        return 0; // cut while it was made: SQLite rolls it back, or says that it is no database
    }
    if (!is_begun) {
        return refuse_foreign(s, "not a SQLite database");
    }
    if (varve_sqlite_application(h) != VARVE_SQLITE_APPLICATION) {
        return refuse_foreign(s, "a SQLite database, but not a varve store");
    }
    const uint32_t version = big_endian(h + 60); // a WAL may hold a later one: check_schema()
    if (version > VARVE_SQLITE_SCHEMA && version <= SCHEMA_MAX) {
        return refuse_newer(s, version);
    }
    s->page = h[16] == 0 && h[17] == 1 ? 65536 : (uint32_t)h[16] << 8 | h[17];
    const bool sound = n == FILE_HEADER && version <= SCHEMA_MAX && is_sound(h, s->page, size);
    return sound || s->as_is || has_hot_journal(s) ? 0 : refuse_damaged(s, "has a damaged header");
}

// SQLite removes the WAL of an empty database.
static bool has_wal(const struct varve_sqlite_store *s)
{
    char path[VARVE_PATH_TEXT];

    return varve_format(path, sizeof path, "%s-wal", s->path) < sizeof path &&
           varve_port_path_exists(path) == 0;
}

static void pass_over(const char *name, void *arg)
{
    (void)name;
    (void)arg;
}

int varve_sqlite_peek(struct varve_sqlite_store *s)
{
    struct varve_file file;
    uint8_t header[FILE_HEADER];
    int rc = varve_file_open(&file, s->self->account, s->path, 0);

    if (rc == VARVE_E_NOT_FOUND && !s->read_only) {
        return 0;
    }
    if (rc < 0) {
        varve_instance_fail(s->self, "%s: cannot open the store: %s", s->path, varve_strerror(rc));
        return rc;
    }
    const int64_t n = varve_file_read(&file, 0, header, sizeof header);
    const int64_t size = varve_file_size(&file);
    varve_file_close(&file);
    if (n < 0) {
        varve_instance_fail(s->self, "%s cannot be read (%s): is it a file? choose another path",
                            s->path, varve_strerror((int)n));
        // A directory is in the way, which no waiting mends.
        return varve_port_dir_list(s->path, "", pass_over, NULL) < 0 ? (int)n : VARVE_E_EXISTS;
    }
    if (n == 0 && s->read_only) {
        varve_instance_fail(s->self, "%s: is empty", s->path);
        return VARVE_E_NOT_FOUND;
    }
    s->existed = n > 0;
    if (n == 0) {
        return s->as_is || !has_wal(s) ? 0 : refuse_damaged(s, "is empty, but its WAL is not");
    }
    return judge_header(s, header, n, size);
}

// ---- making and checking ------------------------------------------------------------------------

int varve_sqlite_integer(struct varve_sqlite_store *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        rc = sqlite3_step(stmt);
    }
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return varve_sqlite_check(s, rc, "read the store");
}

static int execute(struct varve_sqlite_store *s, const char *sql, const char *doing)
{
    return varve_sqlite_check(s, sqlite3_exec(s->db, sql, NULL, NULL, NULL), doing);
}

static int setup(struct varve_sqlite_store *s)
{
    char sql[sizeof SQL_SETUP + 32];
    int64_t cache = s->options->heap / 4 / (s->options->page + 320);

    if (cache < MIN_CACHE) {
        cache = MIN_CACHE;
    }
    (void)sqlite3_snprintf(sizeof sql, sql, SQL_SETUP, (int)s->options->page, (int)cache);
    return execute(s, sql, "set up");
}

static int create(struct varve_sqlite_store *s)
{
    char sql[sizeof SQL_CREATE + 32];

    if (s->read_only) {
        varve_instance_fail(s->self, "%s: is empty", s->path);
        return VARVE_E_NOT_FOUND;
    }
    (void)sqlite3_snprintf(sizeof sql, sql, SQL_CREATE, VARVE_SQLITE_APPLICATION,
                           VARVE_SQLITE_SCHEMA, (int)s->options->page);
    return execute(s, sql, "make the store");
}

static int check_schema(struct varve_sqlite_store *s)
{
    int64_t application = 0;
    int64_t version = 0;
    int rc = varve_sqlite_integer(s, SQL_APPLICATION, &application);

    if (rc == 0) {
        rc = varve_sqlite_integer(s, SQL_VERSION, &version);
    }
    if (rc < 0) {
        return rc;
    }
    if (application != VARVE_SQLITE_APPLICATION || version < 1) {
        return refuse_foreign(s, "not a varve store");
    }
    if (version > SCHEMA_MAX) {
        return refuse_damaged(s, "has a damaged header");
    }
    return version > VARVE_SQLITE_SCHEMA ? refuse_newer(s, version) : 0;
}

static int check_page(struct varve_sqlite_store *s)
{
    int64_t page = 0;
    int64_t cut_for = 0;
    int rc = varve_sqlite_integer(s, SQL_PAGE_SIZE, &page);

    if (rc == 0) {
        rc = varve_sqlite_integer(s, SQL_META_PAGE, &cut_for);
    }
    if (rc == 0 && (cut_for < 512 || cut_for > 65536 || (cut_for & (cut_for - 1)) != 0)) {
        return refuse_damaged(s, "does not say which page size its slots are for");
    }
    if (rc == 0 && page != cut_for) {
        varve_instance_fail(s->self,
                            "%s: its page size was changed from %lld to %lld, its slots cannot be "
                            "read: change it back by VACUUM",
                            s->path, (long long)cut_for, (long long)page);
        return VARVE_E_INVALID; // nothing is lost, it only lies elsewhere
    }
    s->page = (uint32_t)page;
    return rc;
}

static int switch_to_rollback(struct varve_sqlite_store *s)
{
    char sql[sizeof SQL_PERSIST + 16];
    int64_t root = 0;
    (void)sqlite3_snprintf(sizeof sql, sql, SQL_PERSIST, JOURNAL_KEPT);
    int rc = execute(s, sql, "switch to a rollback journal");

    rc = rc == 0 ? varve_sqlite_integer(s, SQL_SLOT_ROOT, &root) : rc;
    s->slot_root = (uint32_t)root;
    return rc;
}

int varve_sqlite_journal_keep(struct varve_sqlite_store *s, bool keep)
{
    char sql[sizeof SQL_JOURNAL_LIMIT + 16];

    if (s->options->journal != VARVE_SQLITE_INPLACE) {
        return 0;
    }
    (void)sqlite3_snprintf(sizeof sql, sql, SQL_JOURNAL_LIMIT, keep ? JOURNAL_KEPT : 0);
    return execute(s, sql, "set up its journal");
}

static int go_durable(struct varve_sqlite_store *s)
{
    int chunk = (int)s->page * 64;
    int rc = s->options->journal == VARVE_SQLITE_INPLACE ? switch_to_rollback(s)
                                                         : execute(s, SQL_WAL, "switch to WAL");

    if (rc == 0) {
        rc = execute(s, s->options->sync == 0 ? SQL_DURABLE : SQL_VOLATILE, "set up");
    }
    if (rc == 0) {
        rc = varve_sqlite_check(
            s, sqlite3_file_control(s->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &chunk), "set up");
    }
    return rc;
}

int varve_sqlite_schema(struct varve_sqlite_store *s)
{
    int64_t empty = 0;
    int rc = s->existed ? execute(s, SQL_EXCLUSIVE, "set up") : 0; // before a look into a WAL

    if (rc == 0) {
        rc = setup(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_integer(s, SQL_IS_EMPTY, &empty);
    }
    if (rc == 0 && empty != 0) {
        rc = create(s);
    }
    if (rc == 0) {
        rc = check_schema(s);
    }
    if (rc == 0) {
        rc = check_page(s);
    }
    if (rc == 0) {
        rc = execute(s, SQL_EXCLUSIVE, "set up");
    }
    return rc == 0 && !s->read_only && !s->building ? go_durable(s) : rc;
}

// Not earlier than damage has been looked for. Rows without a checksum come from a salvage, too.
int varve_sqlite_upgrade(struct varve_sqlite_store *s)
{
    int64_t bare = 0;
    int rc = 0;

    if (s->read_only) {
        return 0;
    }
    if (!varve_sqlite_has_crc(s->db)) {
        rc = execute(s, SQL_UPGRADE, "bring the store up to date");
        if (rc < 0) {
            (void)sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL); // fails if SQLite did it
            return s->as_is ? 0 : rc;
        }
        varve_log(VARVE_NOTICE, s->self->name, "%s: brought up to schema %d", s->path,
                  VARVE_SQLITE_SCHEMA);
        return 0;
    }
    rc = varve_sqlite_integer(s, SQL_SERIES_BARE, &bare);
    return rc == 0 && bare != 0 ? execute(s, SQL_SERIES_SIGN, "sign the dictionary") : rc;
}

// ---- tiers --------------------------------------------------------------------------------------

// Runs one statement of the tier list for the tier at `position`; *id, if wanted, gets the first
// column of its row, 0 when there is none.
static int tier_statement(struct varve_sqlite_store *s, const char *sql,
                          const struct varve_tier *tier, int64_t position, int64_t *id)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);

    if (rc == SQLITE_OK) { // a statement that has not all of the parameters refuses the others
        (void)sqlite3_bind_text(stmt, 1, tier->name, -1, SQLITE_STATIC);
        (void)sqlite3_bind_int64(stmt, 2, tier->step_ms);
        (void)sqlite3_bind_int64(stmt, 3, tier->keep_ms);
        (void)sqlite3_bind_int64(stmt, 4, tier->window_ms);
        (void)sqlite3_bind_int64(stmt, 5, position);
        rc = sqlite3_step(stmt);
    }
    if (id != NULL) {
        *id = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return varve_sqlite_check(s, rc, "match the tiers");
}

// Finds the tier at `position` in the store and, in a writable one, brings it up to date.
static int match_tier(struct varve_sqlite_store *s, size_t position)
{
    struct varve_sqlite_tier *t = &s->tiers[position];
    const int64_t at = (int64_t)position;
    int rc = s->read_only ? 0 : tier_statement(s, SQL_TIER_ADOPT, &t->tier, at, NULL);

    rc = rc == 0 ? tier_statement(s, SQL_TIER_FIND, &t->tier, at, &t->id) : rc;

    if (rc < 0 || s->read_only) {
        return rc;
    }
    if (t->id == 0) {
        rc = tier_statement(s, SQL_TIER_ADD, &t->tier, at, NULL);
        t->id = sqlite3_last_insert_rowid(s->db);
    } else {
        rc = tier_statement(s, SQL_TIER_CHANGE, &t->tier, at, NULL);
    }
    return rc == 0 ? tier_statement(s, SQL_TIER_RETIRE, &t->tier, at, NULL) : rc;
}

// The number of a tier is the upper half of its slots' ids: only damage makes it larger than that.
static int check_number(struct varve_sqlite_store *s, const struct varve_sqlite_tier *t)
{
    if (t->id >= 0 && t->id <= INT32_MAX) {
        return 0;
    }
    varve_instance_fail(s->self, "%s: is damaged: the tier %s has the number %lld", s->path,
                        t->tier.name, (long long)t->id);
    return VARVE_E_CORRUPT;
}

// A tier that is lost would be made anew, and its slots be nobody's.
static int check_slots_have_tiers(struct varve_sqlite_store *s)
{
    int64_t orphans = 0;
    int rc = s->as_is ? 0 : varve_sqlite_integer(s, SQL_ORPHANS, &orphans);

    return rc == 0 && orphans > 0 ? refuse_damaged(s, "has blocks of a tier that is missing") : rc;
}

static int match_tiers(struct varve_sqlite_store *s)
{
    const struct varve_tier none = {.name = ""};
    int rc = s->read_only ? 0 : varve_sqlite_begin(s);

    rc = rc == 0 ? check_slots_have_tiers(s) : rc;
    for (size_t i = 0; rc == 0 && i < s->tier_count; i++) {
        rc = match_tier(s, i);
        rc = rc == 0 ? check_number(s, &s->tiers[i]) : rc;
    }
    if (rc == 0 && !s->read_only) {
        rc = tier_statement(s, SQL_TIER_CUT, &none, (int64_t)s->tier_count, NULL);
    }
    if (rc == 0 && !s->read_only) {
        rc = varve_sqlite_run(s, STMT_COMMIT, "store the tiers");
        s->in_txn = rc != 0;
    }
    return rc;
}

// Reads one row of the tier list.
static void column_tier(sqlite3_stmt *stmt, struct varve_sqlite_tier *t)
{
    const char *name = (const char *)sqlite3_column_text(stmt, 0);

    memset(t, 0, sizeof *t);
    (void)sqlite3_snprintf(sizeof t->tier.name, t->tier.name, "%s", name);
    t->tier.step_ms = sqlite3_column_int64(stmt, 1);
    t->tier.keep_ms = sqlite3_column_int64(stmt, 2);
    t->tier.window_ms = sqlite3_column_int64(stmt, 3);
    t->id = sqlite3_column_int64(stmt, 4);
}

int varve_sqlite_stored_tiers(struct varve_sqlite_store *s, struct varve_sqlite_tier *out,
                              size_t cap)
{
    sqlite3_stmt *stmt = NULL;
    size_t n = 0;
    int rc = sqlite3_prepare_v2(s->db, SQL_TIER_LIST, -1, &stmt, NULL);

    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(stmt);
        if (rc == SQLITE_ROW && n < cap) {
            column_tier(stmt, &out[n++]);
        }
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    rc = varve_sqlite_check(s, rc, "read the tiers");
    return rc < 0 ? rc : (int)n;
}

int varve_sqlite_tiers(struct varve_sqlite_store *s)
{
    const struct varve_tier *wanted = NULL;

    s->tier_count = varve_instance_tiers(s->self, &wanted);
    for (size_t i = 0; i < s->tier_count; i++) {
        s->tiers[i] = (struct varve_sqlite_tier){.tier = wanted[i]};
    }
    if (s->tier_count > 0) {
        return match_tiers(s);
    }
    int n = varve_sqlite_stored_tiers(s, s->tiers, VARVE_MAX_TIERS);
    if (n == 0) {
        varve_instance_fail(s->self, "%s: has no tiers yet", s->path);
        return VARVE_E_NOT_FOUND;
    }
    s->tier_count = n < 0 ? 0 : (size_t)n;
    int rc = n < 0 ? n : 0;
    for (size_t i = 0; rc == 0 && i < s->tier_count; i++) {
        rc = check_number(s, &s->tiers[i]);
    }
    return rc;
}
