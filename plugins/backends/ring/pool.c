// SPDX-License-Identifier: Apache-2.0
// Blocks in pages, and the order of the slots; see ring.h. Free pages are a chain like those of
// blocks: a block takes its pages from the front, linked as they are, so that the links of a block
// are never written while it lives. Pages from `fresh` on have never been used and are not linked
// yet, so that memory which is not needed is never touched.
//
// Threading: the instance's lock.

#include "ring.h"

#include <string.h>

void ring_write(const struct ring *r, void *to, const void *from, size_t bytes)
{
    if (r->retain) {
        varve_port_retained_write(to, from, bytes);
    } else if (from != NULL) {
        memcpy(to, from, bytes);
    } else {
        memset(to, 0, bytes);
    }
}

static void link_page(const struct ring *r, uint32_t page, uint32_t next)
{
    ring_write(r, &r->pages[page].next, &next, sizeof next);
}

static bool is_seen(const uint8_t *seen, uint32_t page)
{
    return seen != NULL && (seen[page / 8] >> (page % 8) & 1u) != 0;
}

void ring_free_pages(struct ring *r, const uint8_t *seen)
{
    r->free_first = RING_NONE;
    r->free_count = r->page_count;
    r->fresh = r->page_count;
    while (r->fresh > 0 && !is_seen(seen, r->fresh - 1)) {
        r->fresh--;
    }
    if (r->fresh < r->page_count) {
        r->free_first = r->fresh++;
        link_page(r, r->free_first, RING_NONE);
    }
    for (uint32_t page = r->fresh; page-- > 0;) {
        if (is_seen(seen, page)) {
            r->free_count--;
        } else if (page != r->free_first) {
            link_page(r, page, r->free_first);
            r->free_first = page;
        }
    }
}

// Takes the first free page; there is one.
static uint32_t take_page(struct ring *r)
{
    const uint32_t page = r->free_first;
    if (r->pages[page].next == RING_NONE && r->fresh < r->page_count) {
        link_page(r, r->fresh, RING_NONE);
        link_page(r, page, r->fresh++);
    }
    r->free_first = r->pages[page].next;
    r->free_count--;
    return page;
}

// ---- the order ----------------------------------------------------------------------------------

static bool before(const struct ring_slot *s, unsigned tier, int64_t start_ms, uint32_t seq)
{
    if (s->tier != tier) {
        return s->tier < tier;
    }
    if (s->start_ms != start_ms) {
        return s->start_ms < start_ms;
    }
    return s->seq < seq;
}

uint32_t ring_find(const struct ring *r, unsigned tier, int64_t start_ms, uint32_t seq)
{
    uint32_t low = 0;
    uint32_t high = r->count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (before(ring_at(r, middle), tier, start_ms, seq)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool ring_is_at(const struct ring *r, uint32_t at, unsigned tier, const struct varve_block_key *key)
{
    if (at >= r->count) {
        return false;
    }
    const struct ring_slot *s = ring_at(r, at);
    return s->tier == tier && s->start_ms == key->start_ms && s->seq == key->seq;
}

// ---- blocks -------------------------------------------------------------------------------------

// Fills pages from the front of the free ones. Returns the first.
static uint32_t fill_pages(struct ring *r, const uint8_t *block, uint32_t length)
{
    const uint32_t first = r->free_first;

    for (uint32_t done = 0; done < length && r->free_first < r->page_count;) {
        const uint32_t left = length - done;
        const uint32_t n = left < RING_PAYLOAD ? left : (uint32_t)RING_PAYLOAD;
        ring_write(r, r->pages[take_page(r)].bytes, block + done, n);
        done += n;
    }
    return first;
}

void ring_insert(struct ring *r, uint32_t at, unsigned tier, const struct varve_block_key *key,
                 const void *block, uint32_t length, uint32_t generation)
{
    const uint32_t number = r->order[r->count];
    struct ring_slot slot = {.start_ms = key->start_ms,
                             .end_ms = key->end_ms,
                             .seq = key->seq,
                             .length = length,
                             .generation = generation,
                             .tier = tier};

    slot.first = fill_pages(r, block, length);
    if (r->retain) {
        ring_retain_seal(r, &slot, block);
    }
    ring_write(r, &r->slots[number], &slot, sizeof slot);
    memmove(&r->order[at + 1], &r->order[at], (r->count - at) * sizeof *r->order);
    r->order[at] = number;
    r->count++;
}

void ring_remove(struct ring *r, uint32_t at, bool wipe)
{
    const uint32_t number = r->order[at];
    const struct ring_slot slot = r->slots[number];
    uint32_t last = slot.first;

    ring_write(r, &r->slots[number], NULL, sizeof slot);
    for (uint32_t n = ring_pages_for(slot.length); n > 0 && last < r->page_count; n--) {
        if (wipe) {
            ring_write(r, r->pages[last].bytes, NULL, RING_PAYLOAD);
        }
        r->free_count++;
        if (n > 1) {
            last = r->pages[last].next;
        }
    }
    link_page(r, last, r->free_first);
    r->free_first = slot.first;
    r->count--;
    memmove(&r->order[at], &r->order[at + 1], (r->count - at) * sizeof *r->order);
    r->order[r->count] = number;
}

void ring_copy(const struct ring *r, const struct ring_slot *slot, void *buf)
{
    uint32_t page = slot->first;

    for (uint32_t done = 0; done < slot->length && page < r->page_count;) {
        const uint32_t left = slot->length - done;
        const uint32_t n = left < RING_PAYLOAD ? left : (uint32_t)RING_PAYLOAD;
        memcpy((uint8_t *)buf + done, r->pages[page].bytes, n);
        done += n;
        page = r->pages[page].next;
    }
}
