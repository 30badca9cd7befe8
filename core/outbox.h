// SPDX-License-Identifier: Apache-2.0
// The outbox: encoded blocks in RAM until every backend that wants them has made them durable.
//
// First in, first out, in one circular byte buffer. When a slow or failed backend holds everything
// up, the oldest blocks are given up and counted against it; collecting goes on.
//
// Under the host's store lock; a pinned block's bytes stay valid outside it.
#ifndef VARVE_CORE_OUTBOX_H
#define VARVE_CORE_OUTBOX_H

#include "arena.h"
#include "varve/block.h"

struct varve_outbox_entry {
    struct varve_block_info info;
    uint32_t offset;          // of the bytes in the buffer
    uint32_t wanted;          // bit per backend that keeps this tier
    uint32_t pending;         // bit per backend that has not stored it yet
    uint32_t pins;            // backends that are storing it right now
    int64_t expire_before_ms; // as in struct varve_put
    uint8_t tier;
};

struct varve_outbox {
    uint8_t *buf;
    uint32_t cap;
    struct varve_outbox_entry entries[VARVE_OUTBOX_ENTRIES];
    uint32_t first; // index of the oldest entry
    uint32_t count;
    uint32_t head;                         // where the next block goes in buf
    uint64_t given_up[VARVE_MAX_BACKENDS]; // blocks dropped before the backend had them
};

int varve_outbox_init(struct varve_outbox *outbox, struct varve_arena *arena, uint32_t bytes);

// Copies a block in, giving up the oldest ones for it. Returns 0, or VARVE_E_FULL when the room is
// pinned or the block larger than the buffer (then it counts as given up).
int varve_outbox_add(struct varve_outbox *outbox, const struct varve_outbox_entry *entry,
                     const void *block);

// Forgets the oldest blocks as far as every backend that wanted them has them. Blocks that no
// backend wanted exist here only and stay as long as there is room.
void varve_outbox_release(struct varve_outbox *outbox);

// The i-th oldest entry, i < count.
struct varve_outbox_entry *varve_outbox_at(struct varve_outbox *outbox, uint32_t i);

// Blocks and bytes that some backend still waits for.
uint32_t varve_outbox_pending(struct varve_outbox *outbox, uint32_t mask, uint32_t *bytes);

#endif
