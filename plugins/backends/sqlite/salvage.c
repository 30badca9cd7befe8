// SPDX-License-Identifier: Apache-2.0
// Salvage: a new store out of what can be read in a damaged one, and the rest from a backup.
//
// SQLite is not asked to open the damaged file: one wrong byte on the page of a root would hide all
// that is below it. Every page is looked at instead (pages.c). What begins with a block's magic and
// has its checksum is a block, whether the tree still leads to it or not; what is a leaf of a table
// gives the rows that add up (records.c), and their columns tell the table (salvage_rows.c). Blocks
// on pages that were given back are history, too: they have expired, and are the first to be
// overwritten.
//
// In order: rows of the damaged store, rows of the backup, blocks of the damaged store, blocks of
// the backup that are missing. Where store and backup disagree on most names, it belongs to another
// history (an older backup was restored since) and nothing is taken from it. An id that blocks use
// and no row explains stays taken, so that no other series gets their history.
//
// The new store is made without journal or syncs in a file of its own, which the host syncs and
// puts in place. What has been seen is noted in tables of that file, so that the memory is
// SQLite's bounded heap however large the store is.
//
// Threading: the instance's lock; the store is closed.

#include "salvage.h"

#include <string.h>

#include "varve/host.h"

#define SQL_LOST                                                                                   \
    "SELECT count(*) FROM w_bad WHERE NOT EXISTS (SELECT 1 FROM w_block WHERE"                     \
    " w_block.step=w_bad.step AND w_block.start=w_bad.start AND w_block.seq=w_bad.seq)"
#define SQL_RECORDS "SELECT (SELECT count(*) FROM series)+(SELECT count(*) FROM event)"

// ---- the walk over a file -----------------------------------------------------------------------

// Notes for each page of the WAL its newest whole frame, and the frames that are not whole.
static int map_wal(struct varve_sqlite_work *w)
{
    struct varve_sqlite_wal *wal = &w->pages.wal;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < wal->end; i++) {
        const uint32_t page = varve_sqlite_wal_page(wal, i);
        if (page != 0 && varve_sqlite_wal_is_whole(wal, i)) {
            varve_sqlite_work_bind(w->stmt[WORK_FRAME_PUT], page, i, 0);
            rc = varve_sqlite_work_run(w, WORK_FRAME_PUT);
        } else {
            varve_sqlite_work_bind(w->stmt[WORK_LOOSE_PUT], i, 0, 0);
            rc = varve_sqlite_work_run(w, WORK_LOOSE_PUT);
        }
    }
    w->pages.newest = wal->end > 0 ? w->stmt[WORK_FRAME_GET] : NULL;
    return rc;
}

typedef int (*look_fn)(struct varve_sqlite_work *w, struct varve_sqlite_spot spot);

static int look_for_rows(struct varve_sqlite_work *w, struct varve_sqlite_spot spot)
{
    int rc =
        varve_sqlite_records_visit(&w->pages, spot, w->salvage->buf, varve_sqlite_salvage_row, w);
    return rc == VARVE_E_CORRUPT ? 0 : rc;
}

// Pages of the file that no newer frame stands for, then the frames in their order, then those that
// are not whole: of two blocks with one key the last one stays.
static int walk(struct varve_sqlite_work *w, look_fn look)
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
        varve_sqlite_work_bind(w->stmt[WORK_LOOSE_NEXT], loose, 0, 0);
        if (rc != 0 || wal->end == 0 || !varve_sqlite_work_ask(w, WORK_LOOSE_NEXT, &loose)) {
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
static bool choose_backup(struct varve_sqlite_work *w, char path[VARVE_PATH_TEXT])
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

static int open_backup(struct varve_sqlite_work *w, const char *path)
{
    varve_sqlite_pages_close(&w->pages);
    w->from_backup = true;
    return varve_sqlite_pages_open(&w->pages, w->s->self->account, path, w->s->page,
                                   w->salvage->buf);
}

static int rows_of_backup(struct varve_sqlite_work *w, const char *path, bool *related)
{
    int rc = open_backup(w, path);

    rc = rc == 0 ? walk(w, look_for_rows) : rc;
    rc = rc == 0 ? varve_sqlite_salvage_names(w, related) : rc;
    return rc;
}

static int blocks_of_backup(struct varve_sqlite_work *w, const char *path)
{
    int rc = open_backup(w, path);
    return rc == 0 ? walk(w, varve_sqlite_salvage_block) : rc;
}

// ---- the whole ----------------------------------------------------------------------------------

// Opens the damaged file with its WAL, and keeps everybody else away from it.
static int open_damaged(struct varve_sqlite_work *w, const char *path, struct varve_file *lock)
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
    if (rc < 0) {
        varve_file_close(lock);
        return rc;
    }
    varve_sqlite_pages_agree(&w->pages, w->salvage->buf);
    return 0;
}

// A file in which nothing is ours is replaced only where one of ours must have been: it says that
// it is varve's, or it is not another database, and is blank or there are backups of it.
static bool is_ours(struct varve_sqlite_work *w, bool has_backup)
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

static int finish(struct varve_sqlite_work *w)
{
    int64_t lost = 0, records = 0;
    int rc = varve_sqlite_salvage_lost(w);

    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_LOST, &lost) : rc;
    rc = rc == 0 ? varve_sqlite_integer(w->s, SQL_RECORDS, &records) : rc;
    w->salvage->lost = (uint32_t)lost;
    w->salvage->records = (uint32_t)records;
    return rc == 0 ? varve_sqlite_work_finish(w) : rc;
}

// What could not be read may be whole.
static int unread(const struct varve_sqlite_work *w)
{
    const int failed = w->pages.failed != 0 ? w->pages.failed : w->pages.wal.failed;

    if (failed == 0 || w->salvage->gives_up) {
        return 0;
    }
    varve_instance_fail(w->s->self, "the damaged store cannot be read: %s", varve_strerror(failed));
    return failed;
}

static int fill(struct varve_sqlite_work *w)
{
    char backup[VARVE_PATH_TEXT];
    bool related = false;
    int rc = varve_sqlite_work_begin(w);

    rc = rc == 0 ? map_wal(w) : rc;
    rc = rc == 0 ? walk(w, look_for_rows) : rc;
    rc = rc == 0 ? walk(w, varve_sqlite_salvage_block) : rc;
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
static int build(struct varve_sqlite_work *w)
{
    int rc = varve_sqlite_make(w->s);

    if (rc == 0) {
        w->own_tiers = w->s->tier_count == 0;
        rc = fill(w);
    }
    varve_sqlite_work_end(w);
    varve_sqlite_pages_close(&w->pages);
    return rc;
}

int varve_sqlite_salvage(struct varve_instance *self, struct varve_salvage *salvage)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    struct varve_sqlite_work w = {.s = s, .salvage = salvage, .last_id = -1};
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
