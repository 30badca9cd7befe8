// SPDX-License-Identifier: Apache-2.0
// The slots: a block per row, written over the oldest expired one.
//
// Choice of a slot: the one that holds a block of the same key (a repeated put); else the oldest
// that has expired and is large enough; else the oldest that has expired, made larger; else a new
// one. So a tier has as many slots as its retention needs and the file stays one size. Only when
// the index is full is a block overwritten that has not expired: the oldest of the tier.
//
// The index is rebuilt by reading the header of each block: one leaf page per eight slots and one
// overflow page each. A slot with a damaged header is free again; one with a block of a later
// format is left alone.
//
// Threading: the instance's lock.

#include "layout.h"
#include "store.h"
#include "varve/host.h"

#define SLOTS_AHEAD 16u
#define SLOTS_SHARE 64u // one part in so many of the index's room, which all tiers share
#define SLOT_BITS   32  // slot.id = tier.id << SLOT_BITS | number

sqlite3_int64 varve_sqlite_row(const struct varve_sqlite_store *s, unsigned tier, int64_t slot)
{
    return s->tiers[tier].id << SLOT_BITS | slot;
}

// ---- blob handles -------------------------------------------------------------------------------

void varve_sqlite_reader_close(struct varve_sqlite_store *s)
{
    (void)sqlite3_blob_close(s->reader); // a handle for reading: nothing can be lost
    s->reader = NULL;
}

// Points the reading handle at a row.
static int reader_open(struct varve_sqlite_store *s, sqlite3_int64 row)
{
    if (s->reader != NULL && sqlite3_blob_reopen(s->reader, row) == SQLITE_OK) {
        return 0;
    }
    varve_sqlite_reader_close(s); // a handle that failed cannot be used again
    int rc = sqlite3_blob_open(s->db, "main", "slot", "block", row, 0, &s->reader);
    if (rc != SQLITE_OK) {
        s->reader = NULL;
    }
    return varve_sqlite_check(s, rc, "open a slot");
}

int varve_sqlite_slot_write(struct varve_sqlite_store *s, sqlite3_int64 row,
                            const struct varve_put *put)
{
    sqlite3_blob *blob = NULL;
    int rc = sqlite3_blob_open(s->db, "main", "slot", "block", row, 1, &blob);

    if (rc == SQLITE_OK) {
        const int64_t offset = varve_sqlite_slot_offset(s->page, sqlite3_blob_bytes(blob));
        rc = sqlite3_blob_write(blob, put->block, (int)put->length, (int)offset);
    }
    int closed = sqlite3_blob_close(blob);
    return varve_sqlite_check(s, rc != SQLITE_OK ? rc : closed, "write a block");
}

// ---- the index ----------------------------------------------------------------------------------

static int read_header(struct varve_sqlite_store *s, sqlite3_int64 row, int64_t offset,
                       uint8_t header[VARVE_BLOCK_HEADER])
{
    int rc = reader_open(s, row);

    if (rc < 0) {
        return rc;
    }
    return varve_sqlite_check(
        s, sqlite3_blob_read(s->reader, header, VARVE_BLOCK_HEADER, (int)offset), "read a slot");
}

// A row that SQLite takes for sound and varve cannot have made: a slot of another size, a block of
// another tier. What looks free there may not be.
static int refuse_row(struct varve_sqlite_store *s, sqlite3_int64 row)
{
    varve_instance_fail(s->self, "%s: row %lld of the slots is damaged", s->path, (long long)row);
    return VARVE_E_CORRUPT;
}

// Makes the entry of one stored slot. Returns 0, VARVE_E_AGAIN for a slot to leave alone, or an
// error of reading.
static int read_entry(struct varve_sqlite_store *s, unsigned tier, sqlite3_int64 row, int64_t blob,
                      struct varve_sqlite_entry *e)
{
    const int64_t offset = varve_sqlite_slot_offset(s->page, blob);
    const int64_t room = blob - offset;
    uint8_t header[VARVE_BLOCK_HEADER];

    *e = (struct varve_sqlite_entry){.slot = (uint32_t)row, .tier = (uint8_t)tier};
    e->pages = (uint16_t)(room / (s->page - 4));
    if (!s->as_is && (room <= 0 || room % (s->page - 4) != 0)) {
        return refuse_row(s, row);
    }
    varve_sqlite_vfs_watch(&s->vfs);
    int rc = room < VARVE_BLOCK_HEADER ? VARVE_E_AGAIN : read_header(s, row, offset, header);
    if (rc < 0) {
        return rc;
    }
    rc = varve_sqlite_slot_header(header, room, &e->key, &e->length);
    if (rc == VARVE_E_VERSION) {
        return VARVE_E_AGAIN; // a later varve's: not ours to overwrite
    }
    if (rc < 0) { // free, or damaged and of no use to anybody
        s->damaged += rc == VARVE_E_CORRUPT;
        e->key = (struct varve_block_key){INT64_MIN, INT64_MIN, 0};
        e->length = 0;
        return 0;
    }
    if (!s->as_is && varve_sqlite_slot_step(header) != s->tiers[tier].tier.step_ms) {
        return refuse_row(s, row);
    }
    varve_sqlite_direct_learn(s, e, header);
    return 0;
}

static int load_slot(struct varve_sqlite_store *s, unsigned tier, sqlite3_int64 row, int64_t blob)
{
    struct varve_sqlite_entry entry;

    s->tiers[tier].last = (uint32_t)row;
    int rc = read_entry(s, tier, row, blob, &entry);
    if (rc < 0) {
        return rc == VARVE_E_AGAIN ? 0 : rc;
    }
    if (s->index.count == s->index.cap) {
        varve_instance_fail(s->self, "%s: has more slots than its index", s->path);
        return VARVE_E_FULL;
    }
    varve_sqlite_index_insert(&s->index, &entry);
    return 0;
}

static int load_tier(struct varve_sqlite_store *s, unsigned tier)
{
    sqlite3_stmt *list = s->stmt[STMT_SLOT_LIST];
    int result = 0;
    int rc;

    s->tiers[tier].last = 0;
    (void)sqlite3_bind_int64(list, 1, varve_sqlite_row(s, tier, 0)); // the parameters exist
    (void)sqlite3_bind_int64(list, 2, varve_sqlite_row(s, tier, UINT32_MAX));
    while ((rc = sqlite3_step(list)) == SQLITE_ROW && result == 0) {
        result = load_slot(s, tier, sqlite3_column_int64(list, 0), sqlite3_column_int64(list, 1));
    }
    if (result == 0) {
        result = varve_sqlite_check(s, rc, "list the slots");
    }
    (void)sqlite3_reset(list); // repeats the code of step
    return result;
}

static int load_index(struct varve_sqlite_store *s)
{
    varve_sqlite_catch_up(s);
    s->index.count = 0;
    s->index.blocks = 0;
    s->damaged = 0;
    for (unsigned t = 0; t < s->tier_count; t++) {
        int rc = s->tiers[t].id == 0 ? 0 : load_tier(s, t);
        if (rc < 0) {
            return rc;
        }
    }
    varve_sqlite_reader_close(s);
    s->stale = false;
    return 0;
}

// After an abort the index is read again, at the first call that needs it.
int varve_sqlite_refresh(struct varve_sqlite_store *s)
{
    return s->stale ? load_index(s) : 0;
}

int varve_sqlite_slots_open(struct varve_sqlite_store *s)
{
    int64_t slots;
    int rc = varve_sqlite_integer(s, SQL_SLOT_COUNT, &slots);

    if (rc < 0) {
        return rc;
    }
    const int64_t grown = slots + slots / 4;
    s->index.cap = (size_t)(grown > s->options->blocks ? grown : s->options->blocks);
    s->index.entries = varve_instance_take(s->self, s->index.cap * sizeof *s->index.entries,
                                           _Alignof(struct varve_sqlite_entry));
    if (s->index.entries == NULL) {
        varve_instance_fail(s->self, "no memory for an index of %zu blocks (option blocks)",
                            s->index.cap);
        return VARVE_E_NO_MEMORY;
    }
    rc = load_index(s);
    if (rc == 0 && s->damaged > 0) {
        varve_log(VARVE_WARNING, s->self->name, "%s: %u damaged slots will be used again", s->path,
                  s->damaged);
    }
    return rc;
}

// ---- writing ------------------------------------------------------------------------------------

// The index is full: the oldest block of the tier gives way, expired or not.
static int find_victim(struct varve_sqlite_store *s, const struct varve_put *put, size_t *at)
{
    *at = varve_sqlite_index_find(&s->index, put->tier, INT64_MIN, 0);
    if (put->expire_before_ms == INT64_MIN || *at == s->index.count ||
        s->index.entries[*at].tier != put->tier) {
        varve_instance_fail(s->self,
                            "%s: holds %zu blocks, all that its index has room for: raise "
                            "the option blocks",
                            s->path, s->index.count);
        return VARVE_E_FULL;
    }
    if (!s->full_logged) {
        s->full_logged = true;
        varve_log(VARVE_WARNING, s->self->name,
                  "%s: %zu blocks fill the index: the oldest are overwritten before they expire; "
                  "raise the option blocks",
                  s->path, s->index.count);
    }
    return 0;
}

// Bytes of the tier's slots.
static uint64_t tier_bytes(struct varve_sqlite_store *s, unsigned tier)
{
    uint64_t pages = 0;
    size_t i = varve_sqlite_index_find(&s->index, tier, INT64_MIN, 0);

    for (; i < s->index.count && s->index.entries[i].tier == tier; i++) {
        pages += s->index.entries[i].pages;
    }
    return pages * s->page;
}

// Whether one slot more would exceed the cap of a tier that has a block to give.
static bool at_cap(struct varve_sqlite_store *s, const struct varve_put *put, unsigned pages)
{
    const uint64_t held = put->cap_bytes > 0 ? tier_bytes(s, put->tier) : 0;

    s->tiers[put->tier].cap = put->cap_bytes;
    return held > 0 && held + (uint64_t)pages * s->page > put->cap_bytes;
}

// Decides where the block goes: an entry to overwrite, or VARVE_SQLITE_NONE for a new slot.
static int choose(struct varve_sqlite_store *s, const struct varve_put *put, unsigned pages,
                  size_t *at)
{
    *at = varve_sqlite_index_block(&s->index, put->tier, &put->key);
    if (*at == VARVE_SQLITE_NONE) {
        *at = varve_sqlite_index_expired(&s->index, put->tier, put->expire_before_ms, pages);
    }
    if (*at == VARVE_SQLITE_NONE && at_cap(s, put, pages)) {
        *at = varve_sqlite_index_find(&s->index, put->tier, INT64_MIN, 0);
    }
    if (*at == VARVE_SQLITE_NONE && s->index.count == s->index.cap) {
        return find_victim(s, put, at);
    }
    return 0;
}

// A cap that was lowered: the oldest slots go, one at a time. Their pages are used again by what
// grows; the file keeps its size.
int varve_sqlite_slots_trim(struct varve_sqlite_store *s)
{
    unsigned tier = 0;
    int rc = varve_sqlite_refresh(s);

    while (tier < s->tier_count &&
           (s->tiers[tier].cap == 0 || tier_bytes(s, tier) <= s->tiers[tier].cap)) {
        tier++;
    }
    if (rc < 0 || tier == s->tier_count) {
        return rc;
    }
    const size_t at = varve_sqlite_index_find(&s->index, tier, INT64_MIN, 0);
    rc = varve_sqlite_begin(s);
    (void)sqlite3_bind_int64(s->stmt[STMT_SLOT_DROP], 1,
                             varve_sqlite_row(s, tier, s->index.entries[at].slot)); // exists
    rc = rc == 0 ? varve_sqlite_run(s, STMT_SLOT_DROP, "remove a slot") : rc;
    rc = rc == 0 ? varve_sqlite_commit(s->self) : rc;
    if (rc < 0) {
        varve_sqlite_abort(s->self);
        return rc;
    }
    varve_sqlite_index_remove(&s->index, at);
    return VARVE_E_AGAIN;
}

// How many slots are made at a time. Without SQLite's help only an expired or free slot can be
// written, so there make enough for a while.
static unsigned slots_ahead(struct varve_sqlite_store *s, const struct varve_put *put,
                            unsigned pages)
{
    const uint64_t slot_bytes = (uint64_t)pages * s->page;
    const uint64_t held = put->cap_bytes > 0 ? tier_bytes(s, put->tier) : 0;
    const size_t share = 1 + (s->index.cap - s->index.count) / SLOTS_SHARE;
    const size_t wanted = s->options->journal == VARVE_SQLITE_INPLACE ? SLOTS_AHEAD : 1;

    const size_t count = share < wanted ? share : wanted;

    if (put->cap_bytes > 0 && held + count * slot_bytes > put->cap_bytes) {
        return 1 + (unsigned)(put->cap_bytes > held ? (put->cap_bytes - held) / slot_bytes / 2 : 0);
    }
    return (unsigned)count;
}

// Makes a slot, or makes an existing one larger, filled with zeros.
static int make_room(struct varve_sqlite_store *s, enum varve_sqlite_statement which,
                     sqlite3_int64 row, unsigned pages)
{
    (void)sqlite3_bind_int64(s->stmt[which], 1, row); // the parameters exist
    (void)sqlite3_bind_int64(s->stmt[which], 2, varve_sqlite_slot_blob(s->page, pages));
    return varve_sqlite_run(s, which, "make a slot");
}

static int overwrite_by_sqlite(struct varve_sqlite_store *s, const struct varve_put *put,
                               unsigned pages, sqlite3_int64 row, struct varve_sqlite_entry *entry)
{
    int rc = varve_sqlite_begin(s);

    varve_sqlite_inplace_forget(s, entry);
    if (rc == 0 && entry->pages < pages) {
        rc = make_room(s, STMT_SLOT_GROW, row, pages);
        entry->pages = (uint16_t)pages;
    }
    return rc == 0 ? varve_sqlite_slot_write(s, row, put) : rc;
}

// Writes the block into the slot at `at` of the index and moves its entry to the new key.
static int overwrite(struct varve_sqlite_store *s, const struct varve_put *put, unsigned pages,
                     size_t at)
{
    struct varve_sqlite_entry entry = s->index.entries[at];
    const sqlite3_int64 row = varve_sqlite_row(s, put->tier, entry.slot);
    int rc = 0;

    if (varve_sqlite_inplace_can(s, &entry, pages)) {
        rc = varve_sqlite_inplace_write(s, &entry, put);
    } else {
        rc = overwrite_by_sqlite(s, put, pages, row, &entry);
    }
    if (rc == 0) {
        varve_sqlite_index_remove(&s->index, at);
        entry.key = put->key;
        entry.length = put->length;
        entry.crc = varve_sqlite_slot_crc(put->block);
        varve_sqlite_index_insert(&s->index, &entry);
    }
    return rc;
}

// Slots for the blocks to come.
static int append_free(struct varve_sqlite_store *s, unsigned tier, unsigned pages, unsigned count)
{
    struct varve_sqlite_entry entry = {
        .key = {INT64_MIN, INT64_MIN, 0}, .pages = (uint16_t)pages, .tier = (uint8_t)tier};
    int rc = 0;

    for (; rc == 0 && count > 0; count--) {
        entry.slot = (uint32_t)(s->tiers[tier].last + 1);
        rc = make_room(s, STMT_SLOT_ADD, varve_sqlite_row(s, tier, entry.slot), pages);
        if (rc == 0) {
            s->tiers[tier].last = entry.slot;
            varve_sqlite_index_insert(&s->index, &entry);
        }
    }
    return rc;
}

static int append(struct varve_sqlite_store *s, const struct varve_put *put, unsigned pages)
{
    const struct varve_sqlite_entry entry = {.key = put->key,
                                             .slot = (uint32_t)(s->tiers[put->tier].last + 1),
                                             .length = put->length,
                                             .pages = (uint16_t)pages,
                                             .tier = (uint8_t)put->tier};
    const sqlite3_int64 row = varve_sqlite_row(s, put->tier, entry.slot);
    const unsigned count = slots_ahead(s, put, pages);
    int rc = varve_sqlite_begin(s);

    if (rc == 0) {
        rc = make_room(s, STMT_SLOT_ADD, row, pages);
    }
    if (rc == 0) {
        rc = varve_sqlite_slot_write(s, row, put);
    }
    if (rc == 0) {
        s->tiers[put->tier].last = entry.slot;
        varve_sqlite_index_insert(&s->index, &entry);
    }
    return rc == 0 ? append_free(s, put->tier, pages, count - 1) : rc;
}

static int check_put(struct varve_sqlite_store *s, const struct varve_put *put)
{
    if (put->tier >= s->tier_count || put->length < VARVE_BLOCK_HEADER ||
        put->key.end_ms < put->key.start_ms) {
        varve_instance_fail(s->self, "a block of %u bytes for tier %u is none", put->length,
                            put->tier);
        return VARVE_E_INVALID;
    }
    if (put->length > VARVE_BLOCK_MAX) {
        varve_instance_fail(s->self, "a block of %u bytes is too large", put->length);
        return VARVE_E_TOO_BIG;
    }
    return 0;
}

int varve_sqlite_put(struct varve_instance *self, const struct varve_put *put)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    size_t at;
    int rc = check_put(s, put);

    if (rc == 0) {
        rc = s->options->journal == VARVE_SQLITE_INPLACE && !s->read_only ? 0
                                                                          : varve_sqlite_begin(s);
    }
    if (rc == 0) {
        rc = varve_sqlite_refresh(s);
    }
    if (rc < 0) {
        return rc;
    }
    const unsigned pages = varve_sqlite_slot_pages(s->page, put->length);
    rc = choose(s, put, pages, &at);
    if (rc == 0) {
        rc = at == VARVE_SQLITE_NONE ? append(s, put, pages) : overwrite(s, put, pages, at);
    }
    if (rc == 0 && put->expire_before_ms != INT64_MIN) {
        s->now_ms = put->expire_before_ms + s->tiers[put->tier].tier.keep_ms;
    }
    return rc;
}

int varve_sqlite_slot_clear(struct varve_sqlite_store *s, const struct varve_sqlite_entry *e)
{
    static const uint8_t zeros[VARVE_BLOCK_HEADER];
    const struct varve_put put = {.block = zeros, .length = sizeof zeros};
    int rc = varve_sqlite_begin(s);

    return rc == 0 ? varve_sqlite_slot_write(s, varve_sqlite_row(s, e->tier, e->slot), &put) : rc;
}

// ---- reading ------------------------------------------------------------------------------------

int varve_sqlite_next(struct varve_instance *self, unsigned tier,
                      const struct varve_block_key *after, int64_t from_ms,
                      struct varve_block_key *out)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    int rc = varve_sqlite_refresh(s);

    if (rc < 0) {
        return rc;
    }
    size_t i = after == NULL
                   ? varve_sqlite_index_find(&s->index, tier, INT64_MIN, 0)
                   : varve_sqlite_index_find(&s->index, tier, after->start_ms, after->seq);
    for (; i < s->index.count && s->index.entries[i].tier == tier; i++) {
        const struct varve_sqlite_entry *e = &s->index.entries[i];
        const bool same =
            after != NULL && e->key.start_ms == after->start_ms && e->key.seq == after->seq;
        if (!same && e->length > 0 && e->key.end_ms >= from_ms) {
            *out = e->key;
            return 0;
        }
    }
    return VARVE_E_NOT_FOUND;
}

static int read_by_sqlite(struct varve_sqlite_store *s, const struct varve_sqlite_entry *e,
                          void *buf)
{
    varve_sqlite_catch_up(s);
    int rc = reader_open(s, varve_sqlite_row(s, e->tier, e->slot));

    if (rc < 0) {
        return rc;
    }
    const int64_t offset = varve_sqlite_slot_offset(s->page, sqlite3_blob_bytes(s->reader));
    return varve_sqlite_check(s, sqlite3_blob_read(s->reader, buf, (int)e->length, (int)offset),
                              "read a block");
}

int varve_sqlite_slot_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf)
{
    struct varve_block_key key;
    uint32_t length;
    // In a transaction the file is not what SQLite knows.
    const bool by_sqlite = s->options->journal != VARVE_SQLITE_INPLACE || s->read_only || s->in_txn;
    int rc =
        by_sqlite ? read_by_sqlite(s, e, buf) : varve_sqlite_inplace_read(s, e, buf, e->length);

    if (rc < 0) {
        return rc;
    }
    rc = varve_sqlite_slot_header(buf, e->length, &key, &length);
    if (rc < 0 || length != e->length || key.start_ms != e->key.start_ms || key.seq != e->key.seq ||
        !varve_block_is_whole(buf, length)) {
        varve_instance_fail(s->self, "%s: slot %u does not hold the block it should", s->path,
                            e->slot);
        return VARVE_E_CORRUPT;
    }
    return (int)e->length;
}

int varve_sqlite_get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                     void *buf, size_t cap)
{
    struct varve_sqlite_store *s = varve_sqlite_of(self);
    int rc = varve_sqlite_refresh(s);

    if (rc < 0) {
        return rc;
    }
    const size_t at = varve_sqlite_index_block(&s->index, tier, key);
    if (at == VARVE_SQLITE_NONE) {
        return VARVE_E_NOT_FOUND;
    }
    struct varve_sqlite_entry *e = &s->index.entries[at];
    if (e->length > cap) {
        return VARVE_E_TOO_BIG;
    }
    if (varve_sqlite_direct_read(s, e, buf, cap)) {
        return (int)e->length;
    }
    varve_sqlite_vfs_watch(&s->vfs);
    rc = varve_sqlite_slot_read(s, e, buf);
    if (rc > 0) {
        varve_sqlite_direct_learn(s, e, buf);
    }
    return rc;
}
