// SPDX-License-Identifier: Apache-2.0
// One step of a prune: walks some blocks of the union of all stores, in key order, makes what is to
// be left of each (prune_block.c, without any lock), and then replaces them, one transaction in
// each store, under its lock. So a store is locked as long as for a flush, and collecting never
// waits. A block that comes or goes in between is not missed: new ones have higher numbers than the
// prune asks for, and one that has expired meanwhile is VARVE_E_NOT_FOUND, which is as good.
//
// The outbox is a store like the others here: blocks that no backend takes are in RAM only.
//
// Threading: one task; takes each lock briefly, one after the other.
#include "host_state.h"
#include "prune.h"
#include "text.h"
#include "varve/prune.h"

// Blocks that a step looks at, and replaces, at most.
#define STEP_BLOCKS 16u

// A block to replace: with `block`, or if that is NULL with nothing.
struct change {
    struct varve_block_key key;
    const void *block;
    const void *empty; // if `block` is NULL: what stands for the newest block; NULL: not known
    uint32_t length;   // of `block`
};

struct work {
    struct varve_host *host;
    struct varve_prune *prune;
    struct varve_prune_cut cut;
    uint8_t *read; // VARVE_BLOCK_MAX
    uint8_t *out;  // blocks that were made
    size_t cap, used;
    struct change changes[STEP_BLOCKS];
    size_t count;
};

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

// ---- the outbox as a store ----------------------------------------------------------------------

// Under store_lock.
static struct varve_outbox_entry *find_waiting(struct varve_host *host, unsigned tier,
                                               const struct varve_block_key *key)
{
    for (uint32_t i = 0; i < host->outbox.count; i++) {
        struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i);
        if (entry->tier == tier && entry->info.key.start_ms == key->start_ms &&
            entry->info.key.seq == key->seq) {
            return entry;
        }
    }
    return NULL;
}

// It is passed over from now on, and leaves its place when its turn comes: no tier has that number.
static void hide(struct varve_outbox_entry *entry)
{
    entry->tier = UINT8_MAX;
    entry->wanted = 1;
    entry->pending = 0;
}

// A block that is being stored stays, and one that no store has and that would take more room.
static int replace_waiting(struct varve_host *host, unsigned tier, const struct change *change)
{
    int rc = 0;
    varve_port_mutex_lock(&host->store_lock);
    struct varve_outbox_entry *entry = find_waiting(host, tier, &change->key);
    if (entry != NULL) {
        uint8_t *bytes = host->outbox.buf + entry->offset;
        bool stored = entry->wanted != 0 && entry->pending == 0;
        bool fits = change->length <= entry->info.length;
        if (entry->pins > 0 || (!fits && !stored)) {
            rc = VARVE_E_BUSY;
        } else {
            memset(bytes, 0, entry->info.length);
        }
        if (rc == 0 && (change->block == NULL || stored)) {
            hide(entry);
        } else if (rc == 0) {
            memcpy(bytes, change->block, change->length);
            rc = varve_block_open(bytes, change->length, &entry->info);
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
    return rc;
}

// ---- walking ------------------------------------------------------------------------------------

static bool holds(struct varve_backend *backend, unsigned tier, const struct varve_block_key *key)
{
    struct varve_block_key before = *key, found;
    before.start_ms -= key->seq == 0 ? 1 : 0;
    before.seq--;
    int rc = varve_backend_next(backend, tier, &before, INT64_MIN, &found);
    return rc == 0 && found.start_ms == key->start_ms && found.seq == key->seq;
}

static int read_waiting(struct work *work, unsigned tier, const struct varve_block_key *key,
                        struct varve_block_info *info)
{
    struct varve_host *host = work->host;
    varve_port_mutex_lock(&host->store_lock);
    const struct varve_outbox_entry *entry = find_waiting(host, tier, key);
    if (entry != NULL) {
        memcpy(work->read, host->outbox.buf + entry->offset, entry->info.length);
        *info = entry->info;
    }
    varve_port_mutex_unlock(&host->store_lock);
    return entry != NULL ? 0 : VARVE_E_NOT_FOUND;
}

// A whole copy of the block, from a backend that takes part or the outbox; *copies is the number of
// backends that have one.
static int read_block(struct work *work, unsigned tier, const struct varve_block_key *key,
                      struct varve_block_info *info, uint32_t *copies)
{
    int rc = VARVE_E_NOT_FOUND;
    *copies = 0;
    for (size_t b = 0; b < work->host->backend_count; b++) {
        if (varve_prune_takes(work->prune, work->host, b, tier) &&
            holds(&work->host->backends[b], tier, key)) {
            rc = rc != 0
                     ? varve_prune_get_block(&work->host->backends[b], tier, key, work->read, info)
                     : rc;
            ++*copies;
        }
    }
    return rc == VARVE_E_NOT_FOUND ? read_waiting(work, tier, key, info) : rc;
}

static void count_loss(struct varve_prune_tier *out, const struct varve_prune_loss *loss)
{
    out->rows += loss->rows;
    out->oldest_ms = loss->oldest_ms < out->oldest_ms ? loss->oldest_ms : out->oldest_ms;
    out->newest_ms = loss->newest_ms > out->newest_ms ? loss->newest_ms : out->newest_ms;
}

// A block that cannot be read goes as well if all of it is too old.
static void look_at_damaged(struct work *work, unsigned tier, const struct varve_block_key *key)
{
    struct varve_prune_tier *out = &work->prune->report.tiers[tier];
    if (work->cut.matched == NULL && key->start_ms >= work->cut.go_from_ms &&
        key->end_ms < work->cut.keep_from_ms) {
        out->removed++;
        work->changes[work->count++] = (struct change){.key = *key};
    } else {
        out->damaged++;
    }
}

static void add_change(struct work *work, unsigned tier, const struct varve_block_info *info,
                       uint32_t length, uint32_t copies)
{
    struct varve_prune_tier *out = &work->prune->report.tiers[tier];
    struct change *change = &work->changes[work->count++];
    uint8_t *made = work->out + work->used;
    *change = (struct change){.key = info->key, .length = length};
    if (length > 0) {
        change->block = made;
        work->used += length;
        out->rewritten++;
    } else {
        change->empty = made;
        work->used += (size_t)varve_block_empty(made, info);
        out->removed++;
    }
    uint32_t less = info->length > length ? info->length - length : 0;
    out->bytes += (uint64_t)less * (copies > 0 ? copies : 1);
}

// One that an earlier prune emptied because it was the newest then, and that nothing needs any
// more: behind a moment it would be history from the future for ever.
static bool is_left_over(const struct work *work, unsigned tier,
                         const struct varve_block_info *info)
{
    const struct varve_prune *prune = work->prune;
    bool needed = prune->after_ms == INT64_MIN || info->rows > 0 ||
                  info->key.start_ms < work->cut.go_from_ms ||
                  info->key.end_ms >= work->cut.keep_from_ms;
    for (size_t b = 0; b < work->host->backend_count; b++) {
        needed |= varve_prune_takes(prune, work->host, b, tier) &&
                  prune->newest_seq[b][tier] == info->key.seq;
    }
    return !needed;
}

// What is to become of one block.
static void look_at(struct work *work, unsigned tier, const struct varve_block_key *key)
{
    struct varve_prune_tier *out = &work->prune->report.tiers[tier];
    struct varve_block_info info = {.rows = 0};
    struct varve_prune_loss loss = {.oldest_ms = INT64_MAX, .newest_ms = INT64_MIN};
    uint32_t copies;
    int rc = read_block(work, tier, key, &info, &copies);
    if (rc == 0 && !is_left_over(work, tier, &info)) {
        rc = varve_prune_block(&work->cut, work->read, &info, work->out + work->used,
                               work->cap - work->used, &loss);
    }
    if (rc >= 0) {
        add_change(work, tier, &info, (uint32_t)rc, copies);
        count_loss(out, &loss);
    } else if (rc == VARVE_E_FULL) {
        out->kept++;
    } else if (rc != VARVE_E_NOT_FOUND) {
        look_at_damaged(work, tier, key);
    }
}

// The next block of the tier that has something to lose, or VARVE_E_NOT_FOUND: they are sorted by
// start, what begins later has nothing to lose.
static int next_block(struct varve_host *host, const struct varve_prune *prune,
                      struct varve_block_cursor *cursor)
{
    *cursor = (struct varve_block_cursor){.tier = prune->tier,
                                          .from_ms = prune->after_ms,
                                          .seq_limit = prune->seq_limit[prune->tier],
                                          .key = prune->key,
                                          .started = prune->started};
    int rc = prune->report.tiers[prune->tier].selected ? varve_store_next(host, cursor)
                                                       : VARVE_E_NOT_FOUND;
    bool ends = rc == 0 && cursor->key.start_ms >= prune->keep_from_ms[prune->tier];
    return ends ? VARVE_E_NOT_FOUND : rc;
}

// Walks on until a step's worth of one tier's blocks was looked at. Returns 0, VARVE_E_NOT_FOUND at
// the end of all, or the error of a store.
static int walk(struct work *work)
{
    struct varve_prune *prune = work->prune;
    struct varve_block_cursor cursor;
    for (uint32_t looked = 0; looked < STEP_BLOCKS; looked++) {
        if (work->cap - work->used < VARVE_BLOCK_MAX) {
            return 0; // the next may not fit
        }
        int rc = next_block(work->host, prune, &cursor);
        if (rc == VARVE_E_NOT_FOUND) {
            bool over = work->count == 0;
            prune->tier += over ? 1 : 0;
            prune->started = over ? false : prune->started;
            return over && prune->tier == work->host->tier_count ? rc : 0;
        }
        if (rc != 0) {
            return rc;
        }
        work->cut.go_from_ms = prune->after_ms;
        work->cut.keep_from_ms = prune->keep_from_ms[prune->tier];
        prune->key = cursor.key;
        prune->started = true;
        look_at(work, prune->tier, &cursor.key);
    }
    return 0;
}

// ---- replacing ----------------------------------------------------------------------------------

static int replace_one(struct varve_backend *backend, struct work *work, size_t b, unsigned tier,
                       const struct change *change)
{
    bool newest = change->block == NULL && change->key.seq == work->prune->newest_seq[b][tier];
    if (newest && change->empty == NULL) {
        return 0; // damaged: there is no header to keep
    }
    const void *block = newest ? change->empty : change->block;
    uint32_t length = newest ? VARVE_BLOCK_HEADER : change->length;
    int rc = ops_of(backend)->replace(&backend->instance, tier, &change->key, block, length);
    if (rc == VARVE_E_TOO_BIG) {
        work->prune->report.tiers[tier].kept++;
        return 0;
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

static int replace_in(struct work *work, size_t b, unsigned tier)
{
    struct varve_backend *backend = &work->host->backends[b];
    varve_port_mutex_lock(&backend->lock);
    if (!varve_backend_is_open(backend)) {
        varve_port_mutex_unlock(&backend->lock);
        return VARVE_E_CLOSED; // it turned out to be damaged meanwhile
    }
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < work->count; i++) {
        rc = replace_one(backend, work, b, tier, &work->changes[i]);
    }
    rc = rc == 0 ? ops_of(backend)->commit(&backend->instance) : rc;
    if (rc != 0) {
        ops_of(backend)->abort(&backend->instance);
    }
    uint64_t flash = varve_ledger_flash_bytes(&backend->account);
    atomic_store(&backend->flash_kib, (uint32_t)(flash / 1024));
    varve_port_mutex_unlock(&backend->lock);
    return rc;
}

static int replace_all(struct work *work, char *why, size_t why_cap)
{
    struct varve_host *host = work->host;
    unsigned tier = work->prune->tier;
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        if (varve_prune_takes(work->prune, host, b, tier)) {
            rc = replace_in(work, b, tier);
            if (rc != 0) {
                const char *reason = varve_instance_reason(&host->backends[b].instance)->text;
                (void)varve_format(why, why_cap, "backend %s: %s", host->backends[b].instance.name,
                                   reason[0] != '\0' ? reason : varve_strerror(rc));
            }
        }
    }
    for (size_t i = 0; rc == 0 && i < work->count; i++) {
        int waiting = replace_waiting(host, tier, &work->changes[i]);
        work->prune->report.tiers[tier].kept += waiting == VARVE_E_BUSY;
    }
    return rc;
}

static void take_memory(struct work *work, void *memory, size_t bytes)
{
    struct varve_arena arena = {.base = memory, .size = bytes};
    work->cut.rows = varve_arena_take(&arena, VARVE_PRUNE_ROW_BYTES, 8);
    work->cut.scratch = varve_arena_take(&arena, VARVE_PRUNE_ROW_BYTES, 8);
    work->read = varve_arena_take(&arena, VARVE_BLOCK_MAX, 8);
    work->out = arena.base + arena.used;
    work->cap = arena.size - arena.used;
}

int varve_prune_some(struct varve_host *host, struct varve_prune *prune, void *memory, size_t bytes,
                     char *why, size_t why_cap)
{
    struct work work = {.host = host,
                        .prune = prune,
                        .cut = {.matched = prune->every_series ? NULL : prune->matched,
                                .touched = prune->touched,
                                .series_count = prune->series_count}};
    take_memory(&work, memory, bytes);
    int rc = walk(&work);
    if (rc != 0) {
        (void)varve_format(why, why_cap, "%s", varve_strerror(rc));
        return rc;
    }
    if (!prune->apply || work.count == 0) {
        return 0;
    }
    rc = replace_all(&work, why, why_cap);
    varve_store_changed(host); // some may have been replaced before it failed
    return rc;
}
