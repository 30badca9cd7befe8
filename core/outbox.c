// SPDX-License-Identifier: Apache-2.0
// Blocks in RAM that wait for backends; see outbox.h.
#include "outbox.h"

int varve_outbox_init(struct varve_outbox *outbox, struct varve_arena *arena, uint32_t bytes)
{
    *outbox = (struct varve_outbox){.cap = bytes};
    outbox->buf = varve_arena_take(arena, bytes, 8);
    return outbox->buf != NULL ? 0 : VARVE_E_NO_MEMORY;
}

struct varve_outbox_entry *varve_outbox_at(struct varve_outbox *outbox, uint32_t i)
{
    return &outbox->entries[(outbox->first + i) % VARVE_OUTBOX_ENTRIES];
}

static void count_given_up(struct varve_outbox *outbox, uint32_t pending)
{
    for (unsigned b = 0; b < VARVE_MAX_BACKENDS; b++) {
        outbox->given_up[b] += (pending >> b) & 1u;
    }
}

static bool is_stored(const struct varve_outbox_entry *entry)
{
    return entry->wanted != 0 && entry->pending == 0 && entry->pins == 0;
}

void varve_outbox_release(struct varve_outbox *outbox)
{
    while (outbox->count > 0 && is_stored(varve_outbox_at(outbox, 0))) {
        outbox->first = (outbox->first + 1) % VARVE_OUTBOX_ENTRIES;
        outbox->count--;
    }
    // Empty, it starts again at the front, so that memory it never needs is never touched.
    if (outbox->count == 0) {
        outbox->head = 0;
    }
}

// How many of the oldest blocks must go before [at, at + length) and an entry are free.
static uint32_t in_the_way(struct varve_outbox *outbox, uint32_t at, uint32_t length)
{
    uint32_t drop = outbox->count == VARVE_OUTBOX_ENTRIES ? 1 : 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct varve_outbox_entry *entry = varve_outbox_at(outbox, i);
        if (at < entry->offset + entry->info.length && entry->offset < at + length) {
            drop = i + 1;
        }
    }
    return drop;
}

// Gives up the oldest `drop` blocks: all of them, or none when one is pinned.
static int drop_oldest(struct varve_outbox *outbox, uint32_t drop)
{
    for (uint32_t i = 0; i < drop; i++) {
        if (varve_outbox_at(outbox, i)->pins > 0) {
            return VARVE_E_FULL;
        }
    }
    for (uint32_t i = 0; i < drop; i++) {
        count_given_up(outbox, varve_outbox_at(outbox, i)->pending);
    }
    outbox->first = (outbox->first + drop) % VARVE_OUTBOX_ENTRIES;
    outbox->count -= drop;
    return 0;
}

// Moves the head to where `length` bytes are free; leaves everything as it is when there is no such
// place.
static int make_room(struct varve_outbox *outbox, uint32_t length)
{
    if (length > outbox->cap) {
        return VARVE_E_FULL;
    }
    uint32_t at = outbox->head + length > outbox->cap ? 0 : outbox->head;
    int rc = drop_oldest(outbox, in_the_way(outbox, at, length));
    outbox->head = rc == 0 ? at : outbox->head;
    return rc;
}

int varve_outbox_add(struct varve_outbox *outbox, const struct varve_outbox_entry *entry,
                     const void *block)
{
    int rc = make_room(outbox, entry->info.length);
    if (rc != 0) {
        count_given_up(outbox, entry->wanted);
        return rc;
    }
    struct varve_outbox_entry *added = varve_outbox_at(outbox, outbox->count++);
    *added = *entry;
    added->offset = outbox->head;
    added->pending = entry->wanted;
    added->pins = 0;
    memcpy(outbox->buf + outbox->head, block, entry->info.length);
    outbox->head += entry->info.length;
    return 0;
}

uint32_t varve_outbox_pending(struct varve_outbox *outbox, uint32_t mask, uint32_t *bytes)
{
    uint32_t blocks = 0;
    *bytes = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        const struct varve_outbox_entry *entry = varve_outbox_at(outbox, i);
        if ((entry->pending & mask) != 0) {
            blocks++;
            *bytes += entry->info.length;
        }
    }
    return blocks;
}
