// SPDX-License-Identifier: Apache-2.0
// What operators do to the ring: blocks replaced or removed by a prune, and a check of them all.
//
// Threading: the instance's lock.
#include "ring.h"

// The new block is there before the old one goes, unless the ring is full: then a reset at that
// very moment costs the block.
int ring_replace(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                 const void *block, uint32_t length)
{
    struct ring *r = ring_of(self);
    const uint32_t at = ring_find(r, tier, key->start_ms, key->seq);
    const uint32_t pages = ring_pages_for(length);

    if (!ring_is_at(r, at, tier, key)) {
        return VARVE_E_NOT_FOUND;
    }
    if (block == NULL) {
        ring_remove(r, at, true);
        return 0;
    }
    if (pages > r->free_count + ring_pages_for(ring_at(r, at)->length)) {
        return VARVE_E_TOO_BIG;
    }
    struct varve_block_info info;
    struct varve_block_key left = *key;
    left.end_ms = varve_block_open(block, length, &info) == 0 ? info.key.end_ms : key->end_ms;
    const bool first = r->count == r->cap || pages > r->free_count;
    if (first) {
        ring_remove(r, at, true);
    }
    ring_insert(r, at, tier, &left, block, length, r->generation);
    if (!first) {
        ring_remove(r, at + 1, true);
    }
    return 0;
}

// Reads every block; with `retain` also tells how many were dropped when the memory was taken over.
int ring_check(struct varve_instance *self, struct varve_check *check)
{
    const struct ring *r = ring_of(self);

    for (uint32_t i = 0; i < r->count; i++) {
        const struct ring_slot *s = ring_at(r, i);
        struct varve_block_info info;
        ring_copy(r, s, check->buf);
        if (varve_block_open(check->buf, s->length, &info) == 0) {
            check->tiers[s->tier].blocks++;
            check->tiers[s->tier].bytes += s->length;
        } else {
            check->tiers[s->tier].damaged++;
            check->say(check->arg, "a block in the ring is damaged");
        }
    }
    check->records = r->series;
    check->damaged = check->repaired = r->damaged;
    return 0;
}
