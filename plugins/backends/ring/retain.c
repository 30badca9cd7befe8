// SPDX-License-Identifier: Apache-2.0
// retain = yes: the ring's memory outlives the process, not the power.
//
// The port gives it: memory that nobody clears at a warm reset. Nothing in it is taken on trust.
// What it was laid out for must be what this ring wants, or the ring begins empty. Then each slot:
// its CRC, its generation, its chain of pages, which no other block may use, the CRC of the block,
// and that all its series are in the dictionary. What fails is dropped and counted; what was put
// but not committed is dropped, too. Of two blocks with one key - a replacement was cut - the
// shorter one stays: replacing only takes away.
//
// Threading: the instance's lock.

#include "ring.h"

#include <string.h>

#include "varve/crc32c.h"
#include "varve/host.h"

#define MAGIC 0x474e5256u // "VRNG"; changes with the layout of ring.h

// ---- what the memory is for ---------------------------------------------------------------------

static uint32_t layout_of(const struct ring *r)
{
    const struct varve_tier *tiers;
    const size_t count = varve_instance_tiers(r->self, &tiers);
    const char *dir = varve_instance_state_dir(r->self);
    const uint32_t sizes[] = {r->page_count, r->cap, (uint32_t)r->dictionary_bytes, RING_PAGE,
                              (uint32_t)sizeof(struct ring_slot)};
    uint32_t crc = varve_crc32c(0, sizes, sizeof sizes);

    crc = varve_crc32c(crc, dir, strlen(dir));
    crc = varve_crc32c(crc, r->self->name, strlen(r->self->name));
    for (size_t t = 0; t < count; t++) {
        crc = varve_crc32c(crc, tiers[t].name, strlen(tiers[t].name));
        crc = varve_crc32c(crc, &tiers[t].step_ms, sizeof tiers[t].step_ms);
    }
    return crc;
}

static uint32_t header_crc(const struct ring_header *header)
{
    return varve_crc32c(0, header, offsetof(struct ring_header, crc));
}

// Names the memory: a ring of another state directory has another one.
static void name_memory(const struct ring *r, char *name, size_t cap)
{
    const char *dir = varve_instance_state_dir(r->self);
    const unsigned id = varve_crc32c(0, dir, strlen(dir));

    (void)varve_format(name, cap, "%u-%s", id, r->self->name); // the header tells them apart
}

int ring_retain_open(struct ring *r, size_t bytes, void **memory)
{
    char name[2 * VARVE_NAME_TEXT];

    name_memory(r, name, sizeof name);
    int rc = varve_port_retained_open(&r->kept, name, bytes);
    if (rc < 0) {
        varve_instance_fail(r->self, "retain: %s",
                            rc == VARVE_E_UNSUPPORTED ? "this device has no memory that is kept"
                            : rc == VARVE_E_BUSY      ? "another process has this ring's memory"
                                                      : varve_strerror(rc));
        return rc;
    }
    r->attached = true;
    *memory = r->kept.memory;
    return 0;
}

// ---- beginning anew -----------------------------------------------------------------------------

static void write_mark(struct ring *r, uint32_t generation)
{
    struct ring_mark mark = {.generation = generation};

    mark.crc = varve_crc32c(0, &mark.generation, sizeof mark.generation);
    ring_write(r, &r->header->marks[generation % 2], &mark, sizeof mark);
    r->generation = generation;
}

void ring_retain_format(struct ring *r)
{
    struct ring_header header = {.magic = MAGIC, .layout = layout_of(r)};

    ring_write(r, r->header, NULL, sizeof header); // until it is complete it is none
    ring_write(r, r->slots, NULL, r->cap * sizeof *r->slots);
    ring_write(r, r->dictionary, NULL, r->dictionary_bytes);
    ring_free_pages(r, NULL);
    for (uint32_t i = 0; i < r->cap; i++) {
        r->order[i] = i;
    }
    r->count = 0;
    r->series = 0;
    r->dictionary_used = 0;
    r->dictionary_full = false;
    header.crc = header_crc(&header);
    ring_write(r, r->header, &header, offsetof(struct ring_header, marks));
    write_mark(r, 1);
}

void ring_retain_commit(struct ring *r)
{
    write_mark(r, r->generation + 1);
}

// ---- slots --------------------------------------------------------------------------------------

static uint32_t slot_crc(const struct ring_slot *slot)
{
    return varve_crc32c(0, slot, offsetof(struct ring_slot, crc));
}

static uint32_t block_crc(const struct ring *r, const struct ring_slot *slot)
{
    uint32_t crc = 0;
    uint32_t page = slot->first;

    for (uint32_t done = 0; done < slot->length && page < r->page_count;) {
        const uint32_t left = slot->length - done;
        const uint32_t n = left < RING_PAYLOAD ? left : (uint32_t)RING_PAYLOAD;
        crc = varve_crc32c(crc, r->pages[page].bytes, n);
        done += n;
        page = r->pages[page].next;
    }
    return crc;
}

void ring_retain_seal(const struct ring *r, struct ring_slot *slot, const void *block)
{
    slot->series = r->dictionary_full ? UINT32_MAX : r->series;
    slot->block_crc = varve_crc32c(0, block, slot->length);
    slot->crc = slot_crc(slot);
}

// ---- taking over --------------------------------------------------------------------------------

static bool is_mark(const struct ring_mark *mark)
{
    return mark->crc == varve_crc32c(0, &mark->generation, sizeof mark->generation);
}

// The later of the marks that are whole.
static bool read_generation(struct ring *r)
{
    const struct ring_mark *marks = r->header->marks;
    const bool first = is_mark(&marks[0]);
    const bool second = is_mark(&marks[1]);

    if (first && second) {
        const bool later = (int32_t)(marks[1].generation - marks[0].generation) > 0;
        r->generation = marks[later ? 1 : 0].generation;
    } else if (first || second) {
        r->generation = marks[second ? 1 : 0].generation;
    }
    return first || second;
}

static bool is_free(const struct ring_slot *slot)
{
    static const struct ring_slot none;

    return memcmp(slot, &none, sizeof none) == 0;
}

// Whether the slot has a block, as far as it says itself.
static bool is_whole(const struct ring *r, const struct ring_slot *slot)
{
    return slot->crc == slot_crc(slot) && slot->tier < VARVE_MAX_TIERS &&
           slot->length >= VARVE_BLOCK_HEADER && ring_pages_for(slot->length) <= r->page_count &&
           slot->start_ms <= slot->end_ms && slot->series <= r->series;
}

// Takes the pages of a block, or none when one is taken or not there.
static bool take_pages(struct ring *r, const struct ring_slot *slot)
{
    const uint32_t count = ring_pages_for(slot->length);
    uint32_t page = slot->first;
    uint32_t n = 0;

    for (; n < count && page < r->page_count && (r->seen[page / 8] >> (page % 8) & 1u) == 0; n++) {
        r->seen[page / 8] |= (uint8_t)(1u << (page % 8));
        page = r->pages[page].next;
    }
    const bool all = n == count && block_crc(r, slot) == slot->block_crc;
    for (page = slot->first; !all && n > 0; n--) {
        r->seen[page / 8] &= (uint8_t) ~(1u << (page % 8));
        page = r->pages[page].next;
    }
    return all;
}

static void give_pages(struct ring *r, const struct ring_slot *slot)
{
    uint32_t page = slot->first;

    for (uint32_t n = ring_pages_for(slot->length); n > 0; n--) {
        r->seen[page / 8] &= (uint8_t) ~(1u << (page % 8));
        page = r->pages[page].next;
    }
}

static void drop(struct ring *r, uint32_t number)
{
    ring_write(r, &r->slots[number], NULL, sizeof *r->slots);
}

// Brings a block into the order. Of two with one key the shorter one stays.
static void admit(struct ring *r, uint32_t number)
{
    const struct ring_slot *slot = &r->slots[number];
    const struct varve_block_key key = {slot->start_ms, slot->end_ms, slot->seq};
    const uint32_t at = ring_find(r, slot->tier, slot->start_ms, slot->seq);

    if (ring_is_at(r, at, slot->tier, &key)) {
        const uint32_t other = r->order[at];
        const uint32_t longer = r->slots[other].length > slot->length ? other : number;
        give_pages(r, &r->slots[longer]);
        r->order[at] = longer == other ? number : other;
        drop(r, longer);
        return;
    }
    memmove(&r->order[at + 1], &r->order[at], (r->count - at) * sizeof *r->order);
    r->order[at] = number;
    r->count++;
}

static void load_slots(struct ring *r)
{
    for (uint32_t number = 0; number < r->cap; number++) {
        const struct ring_slot *slot = &r->slots[number];
        if (is_free(slot)) {
            continue;
        }
        if (is_whole(r, slot) && slot->generation != r->generation + 1 && take_pages(r, slot)) {
            admit(r, number);
        } else {
            r->damaged++;
            drop(r, number);
        }
    }
}

// Behind the slots in use come the free ones.
static void list_free_slots(struct ring *r)
{
    uint32_t at = r->count;

    for (uint32_t number = 0; number < r->cap; number++) {
        if (r->slots[number].length == 0) {
            r->order[at++] = number;
        }
    }
}

void ring_retain_load(struct ring *r)
{
    const struct ring_header *header = r->header;
    const char *why = NULL;

    if (header->magic != MAGIC || header->crc != header_crc(header)) {
        why = "nothing was kept";
    } else if (header->layout != layout_of(r)) {
        why = "what was kept is of other sizes, tiers or another state directory";
    } else if (!read_generation(r)) {
        why = "what was kept is damaged";
    }
    if (why != NULL) {
        varve_log(VARVE_INFO, r->self->name, "begins empty: %s", why);
        ring_retain_format(r);
        return;
    }
    memset(r->seen, 0, r->page_count / 8 + 1);
    ring_dictionary_load(r);
    load_slots(r);
    list_free_slots(r);
    ring_free_pages(r, r->seen);
    varve_log(r->damaged > 0 ? VARVE_WARNING : VARVE_INFO, r->self->name,
              "%u blocks were kept in memory; %u half-written or damaged ones were dropped",
              r->count, r->damaged);
}
