// SPDX-License-Identifier: Apache-2.0
// The RAM index of the slots: one array, sorted by tier, start and sequence number.
//
// It says which block is in which slot. A slot without a block stands in it with length 0 and the
// lowest key, so that it is the first to be used. It is rebuilt from the blocks' headers at open.
//
// Threading: the instance's lock.
#ifndef VARVE_SQLITE_INDEX_H
#define VARVE_SQLITE_INDEX_H

#include "varve/block.h"

#define VARVE_SQLITE_NONE SIZE_MAX

enum {
    VARVE_SQLITE_IN_WAL = 1u,    // `place` is in the WAL
    VARVE_SQLITE_SCATTERED = 2u, // the pages at `place` do not follow each other
};

struct varve_sqlite_entry {
    struct varve_block_key key;
    uint32_t slot;   // number within the tier
    uint32_t length; // bytes of the block; 0: the slot is free
    uint32_t first;  // number of its first overflow page; 0: not looked up yet
    uint32_t place;  // direct.c: where its first page was read last; 0: not known
    uint32_t crc;    // of the block, where `place` is known
    uint16_t pages;  // capacity: overflow pages
    uint8_t tier;    // index in the host's list
    uint8_t flags;   // VARVE_SQLITE_*, of direct.c
};

struct varve_sqlite_index {
    struct varve_sqlite_entry *entries;
    size_t count;
    size_t cap;
    size_t blocks; // entries with a block
    size_t found;  // where varve_sqlite_index_find() was last
};

// The first entry that is not before (tier, start, seq); index->count when there is none.
size_t varve_sqlite_index_find(struct varve_sqlite_index *index, unsigned tier, int64_t start_ms,
                               uint32_t seq);

// The entry of the block with exactly this key, or VARVE_SQLITE_NONE.
size_t varve_sqlite_index_block(struct varve_sqlite_index *index, unsigned tier,
                                const struct varve_block_key *key);

// The oldest slot of the tier that is free or whose block ends before before_ms, preferring one of
// at least `pages` pages; or VARVE_SQLITE_NONE.
size_t varve_sqlite_index_expired(struct varve_sqlite_index *index, unsigned tier,
                                  int64_t before_ms, unsigned pages);

// Puts an entry in its place. The caller has made sure that there is room.
void varve_sqlite_index_insert(struct varve_sqlite_index *index,
                               const struct varve_sqlite_entry *entry);

void varve_sqlite_index_remove(struct varve_sqlite_index *index, size_t at);

#endif
