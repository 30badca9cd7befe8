// SPDX-License-Identifier: Apache-2.0
// Blocks of a damaged store and of its backup: what begins with a block's magic and has its
// checksum is one, wherever it lies.
//
// Threading: one task, under the instance's lock.

#include "salvage.h"

#include <string.h>

#include "layout.h"
#include "varve/host.h"

struct found {
    struct varve_sqlite_spot spot;
    uint32_t length;
    uint32_t step_ms;
    struct varve_block_key key;
    bool is_raw;
};

static void note_ids(struct varve_sqlite_work *w, uint32_t length)
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
static int find_tier(struct varve_sqlite_work *w, const struct found *f, int64_t *id)
{
    varve_sqlite_work_bind(w->stmt[WORK_TIER_OF], f->step_ms, f->is_raw, 0);
    if (varve_sqlite_work_ask(w, WORK_TIER_OF, id)) {
        return 0;
    }
    varve_sqlite_work_bind(w->stmt[WORK_TIER_LOST], f->step_ms, 0, 0);
    int rc = varve_sqlite_work_run(w, WORK_TIER_LOST);
    *id = sqlite3_last_insert_rowid(w->s->db);
    return rc;
}

static int new_slot(struct varve_sqlite_work *w, const struct found *f, int64_t *slot)
{
    sqlite3_stmt *add = w->s->stmt[STMT_SLOT_ADD];
    int64_t tier, last;
    const int rc = find_tier(w, f, &tier);

    if (rc < 0) {
        return rc;
    }
    varve_sqlite_work_bind(w->stmt[WORK_SLOT_NEXT], tier, 0, 0);
    *slot = varve_sqlite_work_ask(w, WORK_SLOT_NEXT, &last) ? last + 1 : (tier << 32) + 1;
    const unsigned pages = varve_sqlite_slot_pages(w->s->page, f->length);
    (void)sqlite3_bind_int64(add, 1, *slot); // the parameters exist
    (void)sqlite3_bind_int64(add, 2, varve_sqlite_slot_blob(w->s->page, pages));
    return varve_sqlite_run(w->s, STMT_SLOT_ADD, "salvage");
}

// Two blocks of one key: the later one, from the WAL, was put in the other's place.
static int put_block(struct varve_sqlite_work *w, const struct found *f)
{
    sqlite3_stmt *note = w->stmt[WORK_BLOCK_PUT];
    const struct varve_put put = {.block = w->salvage->buf, .length = f->length};
    int64_t slot = 0;
    int rc = new_slot(w, f, &slot);

    rc = rc == 0 ? varve_sqlite_slot_write(w->s, slot, &put) : rc;
    varve_sqlite_work_bind(note, f->step_ms, f->key.start_ms, f->key.seq);
    int64_t old;
    varve_sqlite_work_bind(w->stmt[WORK_BLOCK_GET], f->step_ms, f->key.start_ms, f->key.seq);
    if (rc == 0 && varve_sqlite_work_ask(w, WORK_BLOCK_GET, &old)) {
        (void)sqlite3_bind_int64(w->s->stmt[STMT_SLOT_DROP], 1, old); // exists
        rc = varve_sqlite_run(w->s, STMT_SLOT_DROP, "salvage");
    } else {
        w->salvage->blocks += !w->from_backup;
        w->salvage->restored += w->from_backup;
    }
    (void)sqlite3_bind_int64(note, 4, slot); // exists
    return rc == 0 ? varve_sqlite_work_run(w, WORK_BLOCK_PUT) : rc;
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

int varve_sqlite_salvage_block(struct varve_sqlite_work *w, struct varve_sqlite_spot spot)
{
    struct found f = {.spot = spot, .length = varve_sqlite_pages_block(&w->pages, spot)};
    uint8_t header[VARVE_BLOCK_HEADER];
    int64_t slot;

    if (f.length == 0 || varve_sqlite_pages_read(&w->pages, spot, 4, header, sizeof header) < 0) {
        return 0;
    }
    const bool whole = varve_sqlite_pages_take(&w->pages, spot, f.length, w->salvage->buf);
    read_key(whole ? w->salvage->buf : header, &f);
    const enum varve_sqlite_work_statement which = whole ? WORK_BLOCK_GET : WORK_BAD_PUT;
    varve_sqlite_work_bind(w->stmt[which], f.step_ms, f.key.start_ms, f.key.seq);
    if (!whole) {
        return w->from_backup ? 0 : varve_sqlite_work_run(w, WORK_BAD_PUT);
    }
    if (f.key.end_ms < f.key.start_ms ||
        (varve_sqlite_work_ask(w, WORK_BLOCK_GET, &slot) && w->from_backup)) {
        return 0;
    }
    note_ids(w, f.length);
    return put_block(w, &f);
}
