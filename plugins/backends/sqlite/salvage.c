// SPDX-License-Identifier: Apache-2.0
// Salvage: a new store out of what can be read in a damaged one, and the rest from a backup.
//
// SQLite is not asked to open the damaged file: one wrong byte on the page of a root would hide all
// that is below it. Every page is looked at instead (pages.c). What begins with a block's magic and
// has its checksum is a block, whether the tree still leads to it or not; what is a leaf of a table
// gives the rows that add up (records.c), and their columns tell the table. Blocks on pages that
// were given back are history, too: they have expired, and are the first to be overwritten.
//
// In order: rows of the damaged store, rows of the backup, blocks of the damaged store, blocks of
// the backup that are missing. The dictionary has no checksum. Where store and backup disagree on a
// name and agree on most, the backup is right, which was verified when it was made; where they
// disagree on most, it belongs to another history (an older backup was restored since) and nothing
// is taken from it. An id that blocks use and no row explains stays taken, so that no other series
// gets their history.
//
// The new store is made without journal or syncs in a file of its own, which the host syncs and
// puts in place. What has been seen is noted in tables of that file, so that the memory is
// SQLite's bounded heap however large the store is.
//
// Threading: the instance's lock; the store is closed.

#include <string.h>

#include "layout.h"
#include "pages.h"
#include "records.h"
#include "store.h"
#include "varve/host.h"

enum work_statement {
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
    [WORK_SERIES_PUT] = "INSERT OR IGNORE INTO series VALUES(?1,?2,?3,?4,?5)",
    [WORK_NAME_PUT] = "INSERT OR IGNORE INTO w_name VALUES(?1,?2,?3,?4,?5)",
    [WORK_EVENT_PUT] = "INSERT OR IGNORE INTO event VALUES(?1,?2,?3,?4,?5,?6,?7)",
};

#define SQL_BUILD                                                                                  \
    "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN;"                                      \
    "CREATE TABLE w_frame(page INTEGER PRIMARY KEY, frame INTEGER);"                               \
    "CREATE TABLE w_loose(frame INTEGER PRIMARY KEY);"                                             \
    "CREATE TABLE w_block(step, start, seq, slot, PRIMARY KEY(step,start,seq)) WITHOUT ROWID;"     \
    "CREATE TABLE w_bad(step, start, seq, PRIMARY KEY(step,start,seq)) WITHOUT ROWID;"             \
    "CREATE TABLE w_name(id INTEGER PRIMARY KEY, text, kind, unit, help);"
#define SQL_BUILT                                                                                  \
    "DROP TABLE w_frame; DROP TABLE w_loose; DROP TABLE w_block; DROP TABLE w_bad;"                \
    "DROP TABLE w_name; COMMIT"
#define SQL_AGREE "SELECT count(*) FROM series JOIN w_name USING(id) WHERE series.text=w_name.text"
#define SQL_DISAGREE                                                                               \
    "SELECT count(*) FROM series JOIN w_name USING(id) WHERE series.text<>w_name.text"
#define SQL_TAKE_NAMES                                                                             \
    "INSERT INTO series SELECT * FROM w_name WHERE true ON CONFLICT(id) DO UPDATE SET"             \
    " text=excluded.text,kind=excluded.kind,unit=excluded.unit,help=excluded.help"
#define SQL_LOST                                                                                   \
    "SELECT count(*) FROM w_bad WHERE NOT EXISTS (SELECT 1 FROM w_block WHERE"                     \
    " w_block.step=w_bad.step AND w_block.start=w_bad.start AND w_block.seq=w_bad.seq)"
#define SQL_RECORDS "SELECT (SELECT count(*) FROM series)+(SELECT count(*) FROM event)"
#define SQL_LOST_NAMES                                                                             \
    "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i<?1)"                     \
    " INSERT OR IGNORE INTO series"                                                                \
    " SELECT i,'varve_lost_series{id=\"'||i||'\"}',0,'','' FROM n"

struct work {
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

// ---- statements ---------------------------------------------------------------------------------

static int execute(struct work *w, const char *sql)
{
    return varve_sqlite_check(w->s, sqlite3_exec(w->s->db, sql, NULL, NULL, NULL), "salvage");
}

static int prepare(struct work *w)
{
    int rc = SQLITE_OK;

    for (size_t i = 0; rc == SQLITE_OK && i < WORK_COUNT; i++) {
        rc = sqlite3_prepare_v2(w->s->db, texts[i], -1, &w->stmt[i], NULL);
    }
    return varve_sqlite_check(w->s, rc, "salvage");
}

static void finalize(struct work *w)
{
    for (size_t i = 0; i < WORK_COUNT; i++) {
        (void)sqlite3_finalize(w->stmt[i]); // repeats the code of step
        w->stmt[i] = NULL;
    }
}

static void bind3(sqlite3_stmt *stmt, int64_t a, int64_t b, int64_t c)
{
    (void)sqlite3_bind_int64(stmt, 1, a); // one that has fewer parameters refuses the others
    (void)sqlite3_bind_int64(stmt, 2, b);
    (void)sqlite3_bind_int64(stmt, 3, c);
}

static int run(struct work *w, enum work_statement which)
{
    int rc = varve_sqlite_check(w->s, sqlite3_step(w->stmt[which]), "salvage");

    (void)sqlite3_reset(w->stmt[which]); // repeats the code of step
    return rc;
}

// The integer that a statement gives; false when there is no row, or NULL in it.
static bool ask(struct work *w, enum work_statement which, int64_t *out)
{
    sqlite3_stmt *stmt = w->stmt[which];
    const bool found =
        sqlite3_step(stmt) == SQLITE_ROW && sqlite3_column_type(stmt, 0) != SQLITE_NULL;

    *out = found ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt); // repeats the code of step
    return found;
}

// ---- rows ---------------------------------------------------------------------------------------

static bool is_text(const struct varve_sqlite_column *c, uint32_t least, uint32_t cap)
{
    if (c->kind != VARVE_SQLITE_TEXT || c->length < least || c->length >= cap) {
        return false;
    }
    for (uint32_t i = 0; i < c->length; i++) {
        if ((unsigned char)c->text[i] < ' ' && c->text[i] != '\n' && c->text[i] != '\t') {
            return false;
        }
    }
    return true;
}

static bool is_integer(const struct varve_sqlite_column *c, int64_t least, int64_t most)
{
    return c->kind == VARVE_SQLITE_INTEGER && c->integer >= least && c->integer <= most;
}

static void bind_text(sqlite3_stmt *stmt, int at, const struct varve_sqlite_column *c)
{
    (void)sqlite3_bind_text(stmt, at, c->text, (int)c->length, SQLITE_STATIC);
}

static int put_series(struct work *w, const struct varve_sqlite_record *r)
{
    const enum work_statement which = w->from_backup ? WORK_NAME_PUT : WORK_SERIES_PUT;

    if (r->row < 0 || r->row >= (int64_t)VARVE_MAX_SERIES ||
        !is_text(&r->column[1], 1, VARVE_SERIES_TEXT) || !is_integer(&r->column[2], 0, 1) ||
        !is_text(&r->column[3], 0, VARVE_UNIT_TEXT) ||
        !is_text(&r->column[4], 0, VARVE_SQLITE_RECORD_MAX)) {
        return 0;
    }
    (void)sqlite3_bind_int64(w->stmt[which], 1, r->row); // the parameters exist
    bind_text(w->stmt[which], 2, &r->column[1]);
    (void)sqlite3_bind_int64(w->stmt[which], 3, r->column[2].integer);
    bind_text(w->stmt[which], 4, &r->column[3]);
    bind_text(w->stmt[which], 5, &r->column[4]);
    w->rows++;
    return run(w, which);
}

static int put_event(struct work *w, const struct varve_sqlite_record *r)
{
    sqlite3_stmt *stmt = w->stmt[WORK_EVENT_PUT];
    const struct varve_sqlite_column *value = &r->column[2];

    if (!is_integer(&r->column[1], VARVE_CRITICAL, VARVE_DEBUG) ||
        value->kind > VARVE_SQLITE_REAL || !is_text(&r->column[3], 0, VARVE_NAME_TEXT) ||
        !is_text(&r->column[4], 0, VARVE_NAME_TEXT) ||
        !is_text(&r->column[5], 0, VARVE_MESSAGE_TEXT) ||
        !is_text(&r->column[6], 0, VARVE_PAYLOAD_TEXT)) {
        return 0;
    }
    (void)sqlite3_bind_int64(stmt, 1, r->row); // the parameters exist
    (void)sqlite3_bind_int64(stmt, 2, r->column[1].integer);
    (void)(value->kind == VARVE_SQLITE_NULL ? sqlite3_bind_null(stmt, 3)
                                            : sqlite3_bind_double(stmt, 3, value->real));
    for (int i = 3; i < 7; i++) {
        bind_text(stmt, i + 1, &r->column[i]);
    }
    w->rows++;
    return run(w, WORK_EVENT_PUT);
}

static int put_tier(struct work *w, const struct varve_sqlite_record *r)
{
    sqlite3_stmt *stmt = w->stmt[WORK_TIER_PUT];
    const struct varve_sqlite_column *position = &r->column[5];
    const bool placed = is_integer(position, 0, VARVE_MAX_TIERS - 1);

    if (!is_text(&r->column[1], 1, VARVE_TIER_NAME) || !is_integer(&r->column[2], 1, INT64_MAX) ||
        !is_integer(&r->column[3], 0, INT64_MAX) || !is_integer(&r->column[4], 0, INT64_MAX) ||
        (!placed && position->kind != VARVE_SQLITE_NULL)) {
        return 0;
    }
    bind_text(stmt, 1, &r->column[1]); // the parameters exist
    for (int i = 2; i < 5; i++) {
        (void)sqlite3_bind_int64(stmt, i, r->column[i].integer);
    }
    (void)(placed && w->own_tiers ? sqlite3_bind_int64(stmt, 5, position->integer)
                                  : sqlite3_bind_null(stmt, 5));
    w->rows++;
    return run(w, WORK_TIER_PUT);
}

static int put_record(void *arg, const struct varve_sqlite_record *r)
{
    struct work *w = arg;

    if (r->column[0].kind != VARVE_SQLITE_NULL) { // the row's own id is not stored twice
        return 0;
    }
    switch (r->count) {
    case 5:
        return put_series(w, r);
    case 6:
        return put_tier(w, r);
    case 7:
        return put_event(w, r);
    default:
        return 0;
    }
}

// ---- blocks -------------------------------------------------------------------------------------

struct found {
    struct varve_sqlite_spot spot;
    uint32_t length;
    uint32_t step_ms;
    struct varve_block_key key;
    bool is_raw;
};

static void note_ids(struct work *w, uint32_t length)
{
    const void *buf = w->salvage->buf;
    struct varve_block_info info;

    if (varve_block_peek(buf, length, &info) == 0) {
        for (int id = -1; (id = varve_block_next_id(buf, &info, id)) >= 0;) {
            w->last_id = id > w->last_id ? id : w->last_id;
        }
    }
}

// The store's number of the tier that a block belongs to.
static int find_tier(struct work *w, const struct found *f, int64_t *id)
{
    bind3(w->stmt[WORK_TIER_OF], f->step_ms, f->is_raw, 0);
    if (ask(w, WORK_TIER_OF, id)) {
        return 0;
    }
    bind3(w->stmt[WORK_TIER_LOST], f->step_ms, 0, 0);
    int rc = run(w, WORK_TIER_LOST);
    *id = sqlite3_last_insert_rowid(w->s->db);
    return rc;
}

static int new_slot(struct work *w, const struct found *f, int64_t *slot)
{
    sqlite3_stmt *add = w->s->stmt[STMT_SLOT_ADD];
    int64_t tier, last;
    const int rc = find_tier(w, f, &tier);

    if (rc < 0) {
        return rc;
    }
    bind3(w->stmt[WORK_SLOT_NEXT], tier, 0, 0);
    *slot = ask(w, WORK_SLOT_NEXT, &last) ? last + 1 : (tier << 32) + 1;
    const unsigned pages = varve_sqlite_slot_pages(w->s->page, f->length);
    (void)sqlite3_bind_int64(add, 1, *slot); // the parameters exist
    (void)sqlite3_bind_int64(add, 2, varve_sqlite_slot_blob(w->s->page, pages));
    return varve_sqlite_run(w->s, STMT_SLOT_ADD, "salvage");
}

// Two blocks of one key: the later one, from the WAL, was put in the other's place.
static int put_block(struct work *w, const struct found *f)
{
    sqlite3_stmt *note = w->stmt[WORK_BLOCK_PUT];
    const struct varve_put put = {.block = w->salvage->buf, .length = f->length};
    int64_t slot = 0;
    int rc = new_slot(w, f, &slot);

    rc = rc == 0 ? varve_sqlite_slot_write(w->s, slot, &put) : rc;
    bind3(note, f->step_ms, f->key.start_ms, f->key.seq);
    int64_t old;
    bind3(w->stmt[WORK_BLOCK_GET], f->step_ms, f->key.start_ms, f->key.seq);
    if (rc == 0 && ask(w, WORK_BLOCK_GET, &old)) {
        (void)sqlite3_bind_int64(w->s->stmt[STMT_SLOT_DROP], 1, old); // exists
        rc = varve_sqlite_run(w->s, STMT_SLOT_DROP, "salvage");
    } else {
        w->salvage->blocks += !w->from_backup;
        w->salvage->restored += w->from_backup;
    }
    (void)sqlite3_bind_int64(note, 4, slot); // exists
    return rc == 0 ? run(w, WORK_BLOCK_PUT) : rc;
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t i64_at(const uint8_t *p)
{
    return (int64_t)((uint64_t)u32_at(p) | (uint64_t)u32_at(p + 4) << 32);
}

// What a header says, of this format or a later one.
static void read_key(const uint8_t *header, struct found *f)
{
    f->is_raw = header[6] == 1;
    f->step_ms = u32_at(header + 20);
    f->key =
        (struct varve_block_key){i64_at(header + 24), i64_at(header + 32), u32_at(header + 16)};
}

static int take_block(struct work *w, struct varve_sqlite_spot spot)
{
    struct found f = {.spot = spot, .length = varve_sqlite_pages_block(&w->pages, spot)};
    uint8_t header[VARVE_BLOCK_HEADER];
    int64_t slot;

    if (f.length == 0 || varve_sqlite_pages_read(&w->pages, spot, 4, header, sizeof header) < 0) {
        return 0;
    }
    const bool whole = varve_sqlite_pages_take(&w->pages, spot, f.length, w->salvage->buf);
    read_key(whole ? w->salvage->buf : header, &f);
    const enum work_statement which = whole ? WORK_BLOCK_GET : WORK_BAD_PUT;
    bind3(w->stmt[which], f.step_ms, f.key.start_ms, f.key.seq);
    if (!whole) {
        return w->from_backup ? 0 : run(w, WORK_BAD_PUT);
    }
    if (f.key.end_ms < f.key.start_ms || (ask(w, WORK_BLOCK_GET, &slot) && w->from_backup)) {
        return 0;
    }
    note_ids(w, f.length);
    return put_block(w, &f);
}

// ---- the walk over a file -----------------------------------------------------------------------

// Notes for each page of the WAL its newest whole frame, and the frames that are not whole.
static int map_wal(struct work *w)
{
    struct varve_sqlite_wal *wal = &w->pages.wal;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < wal->end; i++) {
        const uint32_t page = varve_sqlite_wal_page(wal, i);
        if (page != 0 && varve_sqlite_wal_is_whole(wal, i)) {
            bind3(w->stmt[WORK_FRAME_PUT], page, i, 0);
            rc = run(w, WORK_FRAME_PUT);
        } else {
            bind3(w->stmt[WORK_LOOSE_PUT], i, 0, 0);
            rc = run(w, WORK_LOOSE_PUT);
        }
    }
    w->pages.newest = wal->end > 0 ? w->stmt[WORK_FRAME_GET] : NULL;
    return rc;
}

typedef int (*look_fn)(struct work *w, struct varve_sqlite_spot spot);

static int look_for_rows(struct work *w, struct varve_sqlite_spot spot)
{
    int rc = varve_sqlite_records_visit(&w->pages, spot, w->salvage->buf, put_record, w);
    return rc == VARVE_E_CORRUPT ? 0 : rc;
}

// Pages of the file that no newer frame stands for, then the frames in their order, then those that
// are not whole: of two blocks with one key the last one stays.
static int walk(struct work *w, look_fn look)
{
    struct varve_sqlite_wal *wal = &w->pages.wal;
    int64_t loose = -1;
    int rc = 0;

    for (uint32_t i = 1; rc == 0 && i <= w->pages.count; i++) {
        const struct varve_sqlite_spot spot = varve_sqlite_pages_find(&w->pages, i);
        rc = spot.in_wal ? 0 : look(w, spot);
    }
    for (uint32_t i = 0; rc == 0 && i < wal->end; i++) {
        const uint32_t page = varve_sqlite_wal_page(wal, i);
        const struct varve_sqlite_spot spot = varve_sqlite_pages_find(&w->pages, page);
        rc = page != 0 && spot.in_wal && spot.number == i ? look(w, spot) : 0;
    }
    for (;;) {
        bind3(w->stmt[WORK_LOOSE_NEXT], loose, 0, 0);
        if (rc != 0 || wal->end == 0 || !ask(w, WORK_LOOSE_NEXT, &loose)) {
            return rc;
        }
        rc = look(w, (struct varve_sqlite_spot){(uint32_t)loose, true});
    }
}

// ---- the backup ---------------------------------------------------------------------------------

static bool never(void *arg)
{
    (void)arg;
    return false;
}

// The newest backup that is whole.
static bool choose_backup(struct work *w, char path[VARVE_PATH_TEXT])
{
    struct varve_salvage *salvage = w->salvage;

    while (salvage->next_backup != NULL && salvage->next_backup(salvage->arg, path)) {
        struct varve_backup backup = {.path = path, .buf = salvage->buf, .stopped = never};
        if (varve_sqlite_verify_backup(w->s->self, &backup) == 0) {
            return true;
        }
        varve_log(VARVE_WARNING, w->s->self->name, "not restored from: %s", backup.why);
    }
    return false;
}

static int open_backup(struct work *w, const char *path)
{
    varve_sqlite_pages_close(&w->pages);
    w->from_backup = true;
    return varve_sqlite_pages_open(&w->pages, w->s->self->account, path, w->s->page,
                                   w->salvage->buf);
}

// Whether the backup is of this store's own past; then its names count.
static int take_names(struct work *w, bool *related)
{
    int64_t agree = 0, disagree = 0;
    int rc = varve_sqlite_integer(w->s, SQL_AGREE, &agree);

    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_DISAGREE, &disagree) : rc;
    *related = disagree <= agree;
    return rc == 0 && *related ? execute(w, SQL_TAKE_NAMES) : rc;
}

static int rows_of_backup(struct work *w, const char *path, bool *related)
{
    int rc = open_backup(w, path);

    rc = rc == 0 ? walk(w, look_for_rows) : rc;
    rc = rc == 0 ? take_names(w, related) : rc;
    return rc;
}

static int blocks_of_backup(struct work *w, const char *path)
{
    int rc = open_backup(w, path);
    return rc == 0 ? walk(w, take_block) : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

// Opens the damaged file with its WAL, and keeps everybody else away from it.
static int open_damaged(struct work *w, const char *path, struct varve_file *lock)
{
    struct varve_ledger_account *account = w->s->self->account;
    int rc = varve_file_open(lock, account, path, VARVE_OPEN_WRITE);

    if (rc < 0) {
        return rc;
    }
    rc = varve_sqlite_vfs_lock(lock, true);
    rc = rc == 0 ? varve_sqlite_pages_open(&w->pages, account, path, (uint32_t)w->options.page,
                                           w->salvage->buf)
                 : rc;
    rc = rc == 0 ? varve_sqlite_wal_open(&w->pages.wal, account, path, w->pages.page) : rc;
    if (rc == 0 && w->pages.wal.there && w->pages.wal.page != w->pages.page) {
        varve_sqlite_wal_close(&w->pages.wal); // of something else
    }
    if (rc < 0) {
        varve_file_close(lock);
    }
    return rc;
}

// A file in which nothing is ours is replaced only where one of ours must have been: it says that
// it is varve's, or it is not another database, and is blank or there are backups of it.
static bool is_ours(struct work *w, bool has_backup)
{
    uint8_t head[72];
    const struct varve_sqlite_spot first = {.number = 1};
    static const uint8_t zeros[sizeof head];

    if (w->rows > 0 || w->salvage->blocks > 0) {
        return true;
    }
    if (varve_sqlite_pages_read(&w->pages, first, 0, head, sizeof head) < 0) {
        return false;
    }
    if (memcmp(head, "SQLite format 3", 16) == 0) {
        return varve_sqlite_application(head) == VARVE_SQLITE_APPLICATION;
    }
    return has_backup || memcmp(head, zeros, sizeof head) == 0;
}

// Every id that a block may use stays taken.
static int name_the_lost(struct work *w)
{
    sqlite3_stmt *stmt = NULL;
    int rc = w->last_id < 0 ? SQLITE_DONE
                            : sqlite3_prepare_v2(w->s->db, SQL_LOST_NAMES, -1, &stmt, NULL);

    if (rc == SQLITE_OK) {
        (void)sqlite3_bind_int64(stmt, 1, w->last_id); // the parameter exists
        rc = sqlite3_step(stmt);
        w->salvage->names_lost = (uint32_t)sqlite3_changes(w->s->db);
    }
    (void)sqlite3_finalize(stmt); // repeats the code of step
    return varve_sqlite_check(w->s, rc, "salvage");
}

static int finish(struct work *w)
{
    int64_t lost = 0, records = 0;
    int rc = name_the_lost(w);

    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_LOST, &lost) : rc;
    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_RECORDS, &records) : rc;
    w->salvage->lost = (uint32_t)lost;
    w->salvage->records = (uint32_t)records;
    finalize(w);
    return rc == 0 ? execute(w, SQL_BUILT) : rc;
}

// What could not be read may be whole.
static int unread(const struct work *w)
{
    const int failed = w->pages.failed != 0 ? w->pages.failed : w->pages.wal.failed;

    if (failed == 0 || w->salvage->gives_up) {
        return 0;
    }
    varve_instance_fail(w->s->self, "the damaged store cannot be read: %s", varve_strerror(failed));
    return failed;
}

static int fill(struct work *w)
{
    char backup[VARVE_PATH_TEXT];
    bool related = false;
    int rc = execute(w, SQL_BUILD);

    rc = rc == 0 ? prepare(w) : rc;
    rc = rc == 0 ? map_wal(w) : rc;
    rc = rc == 0 ? walk(w, look_for_rows) : rc;
    rc = rc == 0 ? walk(w, take_block) : rc;
    rc = rc == 0 ? unread(w) : rc;
    const bool has_backup = rc == 0 && choose_backup(w, backup);
    if (rc == 0 && !is_ours(w, has_backup)) {
        return VARVE_E_NOT_FOUND;
    }
    rc = has_backup ? rows_of_backup(w, backup, &related) : rc;
    rc = rc == 0 && related ? blocks_of_backup(w, backup) : rc;
    return rc == 0 ? finish(w) : rc;
}

// Makes the new store, with the page size of the old one and the host's tiers.
static int build(struct work *w)
{
    int rc = varve_sqlite_make(w->s);

    if (rc == 0) {
        w->own_tiers = w->s->tier_count == 0;
        rc = fill(w);
    }
    finalize(w);
    varve_sqlite_pages_close(&w->pages);
    return rc;
}

int varve_sqlite_salvage(struct varve_instance *self, struct varve_salvage *salvage)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    struct work w = {.s = s, .salvage = salvage, .last_id = -1};
    char damaged[VARVE_PATH_TEXT];
    struct varve_file lock;

    salvage->blocks = salvage->restored = salvage->lost = 0;
    salvage->records = salvage->names_lost = 0;
    (void)varve_format(damaged, sizeof damaged, "%s", s->path); // of that size
    w.options = *(const struct varve_sqlite_options *)self->options;
    memset(s, 0, sizeof *s);
    s->self = self;
    int rc = open_damaged(&w, damaged, &lock);
    if (rc < 0) {
        (void)varve_format(s->path, sizeof s->path, "%s", damaged);
        return rc;
    }
    w.options.page = w.pages.page;
    s->options = &w.options;
    s->building = true;
    (void)varve_format(s->path, sizeof s->path, "%s", salvage->into); // the host's, of that size
    rc = build(&w);
    varve_sqlite_close(self);
    varve_file_close(&lock);
    (void)varve_format(s->path, sizeof s->path, "%s", damaged);
    return rc;
}
