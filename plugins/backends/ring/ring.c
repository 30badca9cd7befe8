// SPDX-License-Identifier: Apache-2.0
// The ring backend: blocks of all tiers in one static arena, for boards without flash to spare and
// for tiers that need not survive.
//
// The arena begins with the index, an array sorted by tier, start and sequence number; the rest
// holds the blocks, back to back in the order in which they came. A block that goes leaves no hole:
// what lies behind it moves down, so that any room left is in one piece.
//
// Who goes when there is no room: first blocks that have expired (each tier's last
// expire_before_ms), whichever ended first; then the oldest block of the tier that holds the most
// bytes, the new block counted with its own, among the tiers that have more than one. A flood of
// one tier so pushes out its own past, never the few blocks of a coarse tier. What was pushed out
// stays out when the transaction is aborted; the blocks of the transaction go.
//
// Nothing survives the process: there is no dictionary, and events are not kept here.
//
// Threading: the instance's lock.

#include <string.h>

#include "varve/host.h"
#include "varve/plugin.h"

extern const struct varve_plugin varve_backend_ring;

struct options {
    int64_t size;
    int64_t blocks;
};

static const struct varve_option option_table[] = {
    {"size", VARVE_OPT_SIZE, offsetof(struct options, size), "1M", 4096, INT64_C(1) << 30, NULL,
     "memory for blocks and their index, in bytes"},
    {"blocks", VARVE_OPT_INT, offsetof(struct options, blocks), "512", 4, 1000000, NULL,
     "blocks that are held at most, 40 bytes of the memory each"},
    VARVE_OPTIONS_END,
};

struct entry {
    struct varve_block_key key;
    uint32_t offset; // in the data area
    uint32_t length; // bytes
    uint8_t tier;
    bool pending; // not committed
};

struct ring {
    struct entry *entries; // sorted by tier, start, seq
    size_t count;
    size_t cap;
    uint8_t *data;
    size_t bytes; // of the data area
    size_t used;
    int64_t expire_before_ms[VARVE_MAX_TIERS];
};

static struct ring *ring_of(struct varve_instance *self)
{
    return (struct ring *)self->state;
}

// ---- the index ----------------------------------------------------------------------------------

static bool before(const struct entry *e, unsigned tier, int64_t start_ms, uint32_t seq)
{
    if (e->tier != tier) {
        return e->tier < tier;
    }
    if (e->key.start_ms != start_ms) {
        return e->key.start_ms < start_ms;
    }
    return e->key.seq < seq;
}

// The first entry that is not before (tier, start, seq).
static size_t find(const struct ring *r, unsigned tier, int64_t start_ms, uint32_t seq)
{
    size_t low = 0;
    size_t high = r->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (before(&r->entries[middle], tier, start_ms, seq)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool is_at(const struct ring *r, size_t at, unsigned tier, const struct varve_block_key *key)
{
    const struct entry *e = &r->entries[at];

    return at < r->count && e->tier == tier && e->key.start_ms == key->start_ms &&
           e->key.seq == key->seq;
}

static void remove_at(struct ring *r, size_t at)
{
    const struct entry gone = r->entries[at];
    const size_t end = (size_t)gone.offset + gone.length;

    memmove(r->data + gone.offset, r->data + end, r->used - end);
    r->used -= gone.length;
    r->count--;
    memmove(&r->entries[at], &r->entries[at + 1], (r->count - at) * sizeof *r->entries);
    for (size_t i = 0; i < r->count; i++) {
        if (r->entries[i].offset > gone.offset) {
            r->entries[i].offset -= gone.length;
        }
    }
}

// ---- eviction -----------------------------------------------------------------------------------

// The expired block that ended first; r->count when none has expired.
static size_t find_expired(const struct ring *r)
{
    size_t found = r->count;

    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        if (e->key.end_ms < r->expire_before_ms[e->tier] &&
            (found == r->count || e->key.end_ms < r->entries[found].key.end_ms)) {
            found = i;
        }
    }
    return found;
}

// What each tier would hold with the new block, in bytes; 0 for a tier with a single block.
static void weigh(const struct ring *r, const struct varve_put *put, size_t held[VARVE_MAX_TIERS])
{
    size_t blocks[VARVE_MAX_TIERS] = {0};

    memset(held, 0, VARVE_MAX_TIERS * sizeof *held);
    held[put->tier] = put->length;
    blocks[put->tier] = 1;
    for (size_t i = 0; i < r->count; i++) {
        held[r->entries[i].tier] += r->entries[i].length;
        blocks[r->entries[i].tier]++;
    }
    for (size_t t = 0; t < VARVE_MAX_TIERS; t++) {
        held[t] = blocks[t] > 1 ? held[t] : 0;
    }
}

// The oldest block of the tier that holds the most bytes; tiers with one block give it last.
static size_t find_oldest_of_largest(const struct ring *r, const struct varve_put *put)
{
    size_t held[VARVE_MAX_TIERS];
    unsigned largest = r->entries[0].tier; // only tiers that have a block to give

    weigh(r, put, held);
    for (size_t i = 0; i < r->count; i++) {
        if (held[r->entries[i].tier] > held[largest]) {
            largest = r->entries[i].tier;
        }
    }
    return find(r, largest, INT64_MIN, 0);
}

// Bytes of the tier's blocks.
static size_t tier_bytes(const struct ring *r, unsigned tier)
{
    size_t bytes = 0;

    for (size_t i = find(r, tier, INT64_MIN, 0); i < r->count && r->entries[i].tier == tier; i++) {
        bytes += r->entries[i].length;
    }
    return bytes;
}

// Keeps a tier within its cap: its oldest blocks go.
static void hold_cap(struct ring *r, const struct varve_put *put)
{
    size_t held = put->cap_bytes > 0 ? tier_bytes(r, put->tier) : 0;

    while (held > 0 && held + put->length > put->cap_bytes) {
        const size_t oldest = find(r, put->tier, INT64_MIN, 0);
        held -= r->entries[oldest].length;
        remove_at(r, oldest);
    }
}

static void make_room(struct ring *r, const struct varve_put *put)
{
    hold_cap(r, put);
    while (r->count == r->cap || r->bytes - r->used < put->length) {
        size_t victim = find_expired(r);
        if (victim == r->count) {
            victim = find_oldest_of_largest(r, put);
        }
        remove_at(r, victim);
    }
}

// ---- operations ---------------------------------------------------------------------------------

static int ring_open(struct varve_instance *self, unsigned flags)
{
    (void)flags; // an empty ring is as good read-only
    const struct options *o = self->options;
    struct ring *r = ring_of(self);
    const size_t index = (size_t)o->blocks * sizeof *r->entries;

    memset(r, 0, sizeof *r);
    if ((size_t)o->size < index + VARVE_BLOCK_HEADER) {
        varve_instance_fail(self, "size %lld has no room for the index of %lld blocks: %zu bytes",
                            (long long)o->size, (long long)o->blocks, index);
        return VARVE_E_INVALID;
    }
    uint8_t *arena = varve_instance_take(self, (size_t)o->size, _Alignof(struct entry));
    if (arena == NULL) {
        varve_instance_fail(self, "no memory for %lld bytes (option size)", (long long)o->size);
        return VARVE_E_NO_MEMORY;
    }
    r->entries = (struct entry *)(void *)arena;
    r->cap = (size_t)o->blocks;
    r->data = arena + index;
    r->bytes = (size_t)o->size - index;
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        r->expire_before_ms[i] = INT64_MIN;
    }
    return 0;
}

static void ring_close(struct varve_instance *self)
{
    (void)self; // the arena stays with the host
}

static int ring_define(struct varve_instance *self, varve_series_id id,
                       const struct varve_series_def *def)
{
    (void)self; // the host knows its series as long as this ring lives
    (void)id;
    (void)def;
    return 0;
}

static int ring_event(struct varve_instance *self, const struct varve_event *event)
{
    (void)self; // likewise
    (void)event;
    return 0;
}

static int check_put(struct varve_instance *self, const struct varve_put *put)
{
    const struct ring *r = ring_of(self);

    if (put->tier >= VARVE_MAX_TIERS || put->length < VARVE_BLOCK_HEADER ||
        put->key.end_ms < put->key.start_ms) {
        varve_instance_fail(self, "a block of %u bytes for tier %u is none", put->length,
                            put->tier);
        return VARVE_E_INVALID;
    }
    if (put->length > r->bytes) {
        varve_instance_fail(self, "a block of %u bytes does not fit in %zu: raise the option size",
                            put->length, r->bytes);
        return VARVE_E_TOO_BIG;
    }
    return 0;
}

static int ring_put(struct varve_instance *self, const struct varve_put *put)
{
    struct ring *r = ring_of(self);
    int rc = check_put(self, put);

    if (rc < 0) {
        return rc;
    }
    size_t at = find(r, put->tier, put->key.start_ms, put->key.seq);
    if (is_at(r, at, put->tier, &put->key)) {
        remove_at(r, at); // put again
    }
    r->expire_before_ms[put->tier] = put->expire_before_ms;
    make_room(r, put);
    at = find(r, put->tier, put->key.start_ms, put->key.seq);
    memmove(&r->entries[at + 1], &r->entries[at], (r->count - at) * sizeof *r->entries);
    r->entries[at] = (struct entry){.key = put->key,
                                    .offset = (uint32_t)r->used,
                                    .length = put->length,
                                    .tier = (uint8_t)put->tier,
                                    .pending = true};
    memcpy(r->data + r->used, put->block, put->length);
    r->used += put->length;
    r->count++;
    return 0;
}

static int ring_commit(struct varve_instance *self)
{
    struct ring *r = ring_of(self);

    for (size_t i = 0; i < r->count; i++) {
        r->entries[i].pending = false;
    }
    return 0;
}

static void ring_abort(struct varve_instance *self)
{
    struct ring *r = ring_of(self);

    for (size_t i = r->count; i > 0; i--) {
        if (r->entries[i - 1].pending) {
            remove_at(r, i - 1);
        }
    }
}

static int ring_next(struct varve_instance *self, unsigned tier,
                     const struct varve_block_key *after, int64_t from_ms,
                     struct varve_block_key *out)
{
    const struct ring *r = ring_of(self);
    size_t i =
        after == NULL ? find(r, tier, INT64_MIN, 0) : find(r, tier, after->start_ms, after->seq);

    if (after != NULL && is_at(r, i, tier, after)) {
        i++;
    }
    for (; i < r->count && r->entries[i].tier == tier; i++) {
        if (r->entries[i].key.end_ms >= from_ms) {
            *out = r->entries[i].key;
            return 0;
        }
    }
    return VARVE_E_NOT_FOUND;
}

static int ring_get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                    void *buf, size_t cap)
{
    const struct ring *r = ring_of(self);
    const size_t at = find(r, tier, key->start_ms, key->seq);

    if (!is_at(r, at, tier, key)) {
        return VARVE_E_NOT_FOUND;
    }
    const struct entry *e = &r->entries[at];
    if (e->length > cap) {
        return VARVE_E_TOO_BIG;
    }
    memcpy(buf, r->data + e->offset, e->length);
    return (int)e->length;
}

static void ring_stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    const struct ring *r = ring_of(self);

    out->persistent = false;
    out->blocks = (uint32_t)r->count;
    out->stored_bytes = r->used;
    out->where[0] = '\0';
}

static const struct varve_backend_ops ops = {
    .open = ring_open,
    .close = ring_close,
    .define = ring_define,
    .put = ring_put,
    .event = ring_event,
    .commit = ring_commit,
    .abort = ring_abort,
    .next = ring_next,
    .get = ring_get,
    .stats = ring_stats,
};

const struct varve_plugin varve_backend_ring = {
    VARVE_PLUGIN_HEADER,
    .name = "ring",
    .summary = "history in RAM, oldest out; gone after a restart",
    .kind = VARVE_BACKEND,
    .options = option_table,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct ring),
    .backend = &ops,
};

VARVE_PLUGIN(varve_backend_ring);
