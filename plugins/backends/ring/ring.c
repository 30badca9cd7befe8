// SPDX-License-Identifier: Apache-2.0
// The ring backend: blocks of all tiers in one piece of memory, for boards without flash to spare
// and for tiers that need not survive. This file has the policy and the operations; ring.h the
// layout of the memory.
//
// Who goes when there is no room: first blocks that have expired (each tier's last
// expire_before_ms), whichever ended first; then the oldest block of the tier that holds the most
// bytes, the new block counted with its own, among the tiers that have more than one. A flood of
// one tier so pushes out its own past, never the few blocks of a coarse tier. What was pushed out
// stays out when the transaction is aborted, and what was replaced stays replaced; the blocks of
// the transaction go.
//
// Nothing survives the power, and events are not kept here.
//
// Threading: the instance's lock.

#include <string.h>

#include "ring.h"
#include "varve/host.h"

extern const struct varve_plugin varve_backend_ring;

// With `retain`, the part of the memory that the names of series get.
#define DICTIONARY_SHARE 8

#ifndef VARVE_WITHOUT_INIH
static const struct varve_option option_table[] = {
    {"size", VARVE_OPT_SIZE, offsetof(struct ring_options, size), "1M", 4096, INT64_C(1) << 30,
     NULL, "memory for blocks and their index, in bytes"},
    {"blocks", VARVE_OPT_INT, offsetof(struct ring_options, blocks), "512", 4, 1000000, NULL,
     "blocks that are held at most, 52 bytes of memory each"},
    {"retain", VARVE_OPT_BOOL, offsetof(struct ring_options, retain), "no", 0, 0, NULL,
     "keep the memory over a restart or crash of the program and a warm reset of the device; a "
     "power cut or a reboot of Linux clears it"},
    VARVE_OPTIONS_END,
};
#endif

// ---- eviction -----------------------------------------------------------------------------------

// The expired block that ended first; r->count when none has expired.
static uint32_t find_expired(const struct ring *r)
{
    uint32_t found = r->count;

    for (uint32_t i = 0; i < r->count; i++) {
        const struct ring_slot *s = ring_at(r, i);
        if (s->end_ms < r->expire_before_ms[s->tier] &&
            (found == r->count || s->end_ms < ring_at(r, found)->end_ms)) {
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
    for (uint32_t i = 0; i < r->count; i++) {
        held[ring_at(r, i)->tier] += ring_at(r, i)->length;
        blocks[ring_at(r, i)->tier]++;
    }
    for (size_t t = 0; t < VARVE_MAX_TIERS; t++) {
        held[t] = blocks[t] > 1 ? held[t] : 0;
    }
}

// The oldest block of the tier that holds the most bytes; tiers with one block give it last.
static uint32_t find_oldest_of_largest(const struct ring *r, const struct varve_put *put)
{
    size_t held[VARVE_MAX_TIERS];
    unsigned largest = ring_at(r, 0)->tier; // only tiers that have a block to give

    weigh(r, put, held);
    for (uint32_t i = 0; i < r->count; i++) {
        if (held[ring_at(r, i)->tier] > held[largest]) {
            largest = ring_at(r, i)->tier;
        }
    }
    return ring_find(r, largest, INT64_MIN, 0);
}

// Bytes of the tier's blocks.
static size_t tier_bytes(const struct ring *r, unsigned tier)
{
    size_t bytes = 0;

    for (uint32_t i = ring_find(r, tier, INT64_MIN, 0); i < r->count && ring_at(r, i)->tier == tier;
         i++) {
        bytes += ring_at(r, i)->length;
    }
    return bytes;
}

// Keeps a tier within its cap: its oldest blocks go.
static void hold_cap(struct ring *r, const struct varve_put *put)
{
    size_t held = put->cap_bytes > 0 ? tier_bytes(r, put->tier) : 0;

    while (held > 0 && held + put->length > put->cap_bytes) {
        const uint32_t oldest = ring_find(r, put->tier, INT64_MIN, 0);
        held -= ring_at(r, oldest)->length;
        ring_remove(r, oldest, false);
    }
}

static void make_room(struct ring *r, const struct varve_put *put)
{
    hold_cap(r, put);
    while (r->count > 0 && (r->count == r->cap || r->free_count < ring_pages_for(put->length))) {
        uint32_t victim = find_expired(r);
        if (victim == r->count) {
            victim = find_oldest_of_largest(r, put);
        }
        ring_remove(r, victim, false);
    }
}

// ---- open and close -----------------------------------------------------------------------------

// Divides the memory, see ring.h.
static void lay_out(struct ring *r, uint8_t *memory, size_t bytes)
{
    const size_t fixed = sizeof *r->header + r->cap * sizeof *r->slots;

    r->header = (struct ring_header *)(void *)memory;
    r->slots = (struct ring_slot *)(void *)(memory + sizeof *r->header);
    r->dictionary = memory + fixed;
    r->dictionary_bytes = r->retain ? bytes / DICTIONARY_SHARE / 8 * 8 : 0;
    r->pages = (struct ring_page *)(void *)(r->dictionary + r->dictionary_bytes);
    r->page_count = (uint32_t)((bytes - fixed - r->dictionary_bytes) / sizeof *r->pages);
}

static void begin_empty(struct ring *r)
{
    for (uint32_t i = 0; i < r->cap; i++) {
        r->order[i] = i;
    }
    ring_free_pages(r, NULL);
}

static int take_memory(struct ring *r, size_t bytes)
{
    void *memory = NULL;
    int rc = 0;

    if (r->retain) {
        rc = ring_retain_open(r, bytes, &memory);
        r->seen = varve_instance_take(r->self, bytes / RING_PAGE / 8 + 1, 1);
    } else {
        memory = varve_instance_take(r->self, bytes, _Alignof(struct ring_slot));
    }
    r->order = varve_instance_take(r->self, r->cap * sizeof *r->order, _Alignof(uint32_t));
    if (rc == 0 && (memory == NULL || r->order == NULL || (r->retain && r->seen == NULL))) {
        varve_instance_fail(r->self, "no memory for %zu bytes (option size)", bytes);
        rc = VARVE_E_NO_MEMORY;
    }
    if (rc == 0) {
        lay_out(r, memory, bytes);
    }
    return rc;
}

static void ring_close(struct varve_instance *self)
{
    struct ring *r = ring_of(self); // the arena stays with the host

    if (r->attached) {
        varve_port_retained_close(&r->kept);
        r->attached = false;
    }
}

static int ring_open(struct varve_instance *self, unsigned flags)
{
    const struct ring_options *o = self->options;
    struct ring *r = ring_of(self);
    const size_t index = sizeof *r->header + (size_t)o->blocks * sizeof *r->slots;

    memset(r, 0, sizeof *r);
    r->self = self;
    r->cap = (uint32_t)o->blocks;
    r->retain = o->retain && (flags & VARVE_BACKEND_READ_ONLY) == 0; // else an empty one is as good
    if ((size_t)o->size * (DICTIONARY_SHARE - 1) / DICTIONARY_SHARE < index + RING_PAGE) {
        varve_instance_fail(self, "size %lld has no room for the index of %lld blocks: %zu bytes",
                            (long long)o->size, (long long)o->blocks, index);
        return VARVE_E_INVALID;
    }
    for (size_t i = 0; i < VARVE_MAX_TIERS; i++) {
        r->expire_before_ms[i] = INT64_MIN;
    }
    int rc = take_memory(r, (size_t)o->size);
    if (rc < 0) {
        ring_close(self);
        return rc;
    }
    if (r->retain && (flags & VARVE_BACKEND_ANEW) != 0) {
        ring_retain_format(r);
    } else if (r->retain) {
        ring_retain_load(r);
    } else {
        begin_empty(r);
    }
    return 0;
}

// ---- writing ------------------------------------------------------------------------------------

static int ring_event(struct varve_instance *self, const struct varve_event *event)
{
    (void)self; // not kept here
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
    if (ring_pages_for(put->length) > r->page_count) {
        varve_instance_fail(self,
                            "a block of %u bytes does not fit in %u pages of %u: raise the "
                            "option size",
                            put->length, r->page_count, (unsigned)RING_PAYLOAD);
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
    uint32_t at = ring_find(r, put->tier, put->key.start_ms, put->key.seq);
    if (ring_is_at(r, at, put->tier, &put->key)) {
        ring_remove(r, at, false); // put again
    }
    r->expire_before_ms[put->tier] = put->expire_before_ms;
    make_room(r, put);
    at = ring_find(r, put->tier, put->key.start_ms, put->key.seq);
    ring_insert(r, at, put->tier, &put->key, put->block, put->length, r->generation + 1);
    return 0;
}

static bool is_pending(const struct ring *r, uint32_t at)
{
    return ring_at(r, at)->generation == r->generation + 1;
}

static int ring_commit(struct varve_instance *self)
{
    struct ring *r = ring_of(self);

    if (r->retain) {
        ring_retain_commit(r);
    } else {
        r->generation++;
    }
    return 0;
}

static void ring_abort(struct varve_instance *self)
{
    struct ring *r = ring_of(self);

    for (uint32_t i = r->count; i > 0; i--) {
        if (is_pending(r, i - 1)) {
            ring_remove(r, i - 1, false);
        }
    }
}

// ---- reading ------------------------------------------------------------------------------------

static int ring_next(struct varve_instance *self, unsigned tier,
                     const struct varve_block_key *after, int64_t from_ms,
                     struct varve_block_key *out)
{
    const struct ring *r = ring_of(self);
    uint32_t i = after == NULL ? ring_find(r, tier, INT64_MIN, 0)
                               : ring_find(r, tier, after->start_ms, after->seq);

    if (after != NULL && ring_is_at(r, i, tier, after)) {
        i++;
    }
    for (; i < r->count && ring_at(r, i)->tier == tier; i++) {
        const struct ring_slot *s = ring_at(r, i);
        if (s->end_ms >= from_ms) {
            *out = (struct varve_block_key){s->start_ms, s->end_ms, s->seq};
            return 0;
        }
    }
    return VARVE_E_NOT_FOUND;
}

static int ring_get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                    void *buf, size_t cap)
{
    const struct ring *r = ring_of(self);
    const uint32_t at = ring_find(r, tier, key->start_ms, key->seq);

    if (!ring_is_at(r, at, tier, key)) {
        return VARVE_E_NOT_FOUND;
    }
    const struct ring_slot *s = ring_at(r, at);
    if (s->length > cap) {
        return VARVE_E_TOO_BIG;
    }
    ring_copy(r, s, buf);
    return (int)s->length;
}

static void ring_stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    const struct ring *r = ring_of(self);

    out->persistent = false;
    out->blocks = r->count;
    out->stored_bytes = (uint64_t)(r->page_count - r->free_count) * RING_PAGE;
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
    .load_series = ring_load_series,
    .stats = ring_stats,
#ifndef VARVE_WITHOUT_RING_UPKEEP
    .replace = ring_replace,
    .check = ring_check,
#endif
};

const struct varve_plugin varve_backend_ring = {
    VARVE_PLUGIN_HEADER,
    .name = "ring",
    .summary = VARVE_SUMMARY("history in RAM, oldest out; gone after a power cut, with retain not "
                             "before"),
    .kind = VARVE_BACKEND,
#ifndef VARVE_WITHOUT_INIH
    .options = option_table,
#endif
    .options_size = sizeof(struct ring_options),
    .state_size = sizeof(struct ring),
    .backend = &ops,
};

VARVE_PLUGIN(varve_backend_ring);
