// SPDX-License-Identifier: Apache-2.0
// What the files of the ring share: the layout of its memory, and the calls between them.
//
// The memory, in order; with `retain` it outlives the process, see retain.c:
//
//   header      what the memory is laid out for, and the generation that is committed
//   slots       one for each block: key, where the block begins, CRCs; a slot of zeros is free
//   dictionary  with `retain` only: definitions of series, one after the other
//   pages       of RING_PAGE bytes; a block is a chain of them, as is the rest that is free
//
// Blocks never move. A block is complete before its slot is written, and its slot is cleared before
// its pages are used again, so that at any moment each slot is whole, free, or damaged for its CRC
// to tell. A slot counts when its generation is committed: one small write commits a transaction.
//
// Threading: the instance's lock.
#ifndef VARVE_RING_H
#define VARVE_RING_H

#include "varve/plugin.h"
#include "varve/port.h"

#define RING_PAGE    256u // bytes, with the number of the next one
#define RING_PAYLOAD (RING_PAGE - sizeof(uint32_t))
#define RING_NONE    UINT32_MAX

struct ring_options {
    int64_t size;
    int64_t blocks;
    bool retain;
};

// The two marks are written in turn: one that was cut has a wrong CRC, then the other one counts.
struct ring_mark {
    uint32_t generation;
    uint32_t crc;
};

struct ring_header {
    uint32_t magic;
    uint32_t layout; // CRC-32C of all that the layout depends on
    uint32_t crc;    // of these two
    uint32_t unused;
    struct ring_mark marks[2];
};

struct ring_slot {
    int64_t start_ms;
    int64_t end_ms;
    uint32_t seq;
    uint32_t length; // bytes of the block; 0: the slot is free
    uint32_t first;  // page
    uint32_t generation;
#ifndef VARVE_WITHOUT_RING_RETAIN
    uint32_t block_crc;
    uint32_t series; // definitions in the dictionary that the block may refer to
#endif
    uint32_t tier;
#ifndef VARVE_WITHOUT_RING_RETAIN
    uint32_t crc; // of all above
#endif
};

struct ring_page {
    uint32_t next;
    uint8_t bytes[RING_PAYLOAD];
};

struct ring {
    struct varve_instance *self;
    struct varve_port_retained kept; // with `retain`
    bool retain;
    bool attached; // `kept` is open
    struct ring_header *header;
    struct ring_slot *slots;
    uint8_t *dictionary;
    size_t dictionary_bytes, dictionary_used;
    uint32_t series;      // definitions in it
    bool dictionary_full; // what came later is not in it
    struct ring_page *pages;
    uint32_t page_count, free_first, free_count;
    uint32_t fresh;  // pages from this one on are free and not linked yet
    uint32_t *order; // slots in use, sorted by tier, start, seq; behind them the free ones
    uint32_t count, cap;
    uint8_t *seen;       // with `retain`: bit per page, while the memory is checked
    uint32_t generation; // that is committed
    uint32_t damaged;    // blocks that were dropped when the memory was taken over
    int64_t expire_before_ms[VARVE_MAX_TIERS];
};

static inline struct ring *ring_of(struct varve_instance *self)
{
    return (struct ring *)self->state;
}

static inline struct ring_slot *ring_at(const struct ring *r, uint32_t i)
{
    return &r->slots[r->order[i]];
}

static inline uint32_t ring_pages_for(uint32_t length)
{
    return (uint32_t)((length + RING_PAYLOAD - 1) / RING_PAYLOAD);
}

// ---- pool.c: blocks in pages --------------------------------------------------------------------

// Writes to the ring's memory; NULL: zeros. Calls take effect in their order, also if a reset comes
// in between.
void ring_write(const struct ring *r, void *to, const void *from, size_t bytes);
// Everything free: all slots but those of `order`, and all pages that are not `seen` (NULL: all).
void ring_free_pages(struct ring *r, const uint8_t *seen);

// The first entry of the order that is not before (tier, start, seq).
uint32_t ring_find(const struct ring *r, unsigned tier, int64_t start_ms, uint32_t seq);
bool ring_is_at(const struct ring *r, uint32_t at, unsigned tier,
                const struct varve_block_key *key);
// Puts a block where there is room for it, at `at` of the order.
void ring_insert(struct ring *r, uint32_t at, unsigned tier, const struct varve_block_key *key,
                 const void *block, uint32_t length, uint32_t generation);
// `wipe`: its bytes, too.
void ring_remove(struct ring *r, uint32_t at, bool wipe);
void ring_copy(const struct ring *r, const struct ring_slot *slot, void *buf);

// ---- upkeep.c -----------------------------------------------------------------------------------

// Operations of the backend, see struct varve_backend_ops.
int ring_replace(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                 const void *block, uint32_t length);
int ring_check(struct varve_instance *self, struct varve_check *check);

// ---- retain.c: memory that is kept --------------------------------------------------------------

// Opens the memory of `bytes` bytes.
int ring_retain_open(struct ring *r, size_t bytes, void **memory);
// Takes over what is in it, or begins anew.
void ring_retain_load(struct ring *r);
void ring_retain_commit(struct ring *r);
// Forgets everything.
void ring_retain_format(struct ring *r);
// Gives the slot of a block what it is checked by when the memory is taken over.
void ring_retain_seal(const struct ring *r, struct ring_slot *slot, const void *block);

// ---- dictionary.c -------------------------------------------------------------------------------

void ring_dictionary_load(struct ring *r);
int ring_define(struct varve_instance *self, varve_series_id id,
                const struct varve_series_def *def);
int ring_load_series(struct varve_instance *self,
                     int (*visit)(void *arg, varve_series_id id,
                                  const struct varve_series_def *def),
                     void *arg);

#endif
