// SPDX-License-Identifier: Apache-2.0
// An index in RAM of where frames lie: a sorted array of fixed size. One is kept for blocks, one
// for events, one for definitions (whose key is the series id).
//
// Threading: the instance's lock.
#ifndef VARVE_ROTATE_INDEX_H
#define VARVE_ROTATE_INDEX_H

#include "frame.h"

struct rotate_entry {
    struct varve_block_key key;
    uint32_t unit; // of the medium
    uint32_t offset;
    uint32_t length; // of the payload when decoded, bytes
    uint32_t stored; // of the payload as stored, bytes
    uint32_t crc;    // of the payload as stored
    uint8_t tier;    // of the host
    uint8_t coding;
};

// Sorted by tier, start, seq.
struct rotate_index {
    struct rotate_entry *entries;
    size_t count;
    size_t cap;
    size_t refused; // insertions that pushed out another or found no room since the last reset
};

#define ROTATE_NONE SIZE_MAX

// The first entry that is not before (tier, start, seq); index->count when there is none.
size_t rotate_index_find(const struct rotate_index *index, unsigned tier, int64_t start_ms,
                         uint32_t seq);
// The entry of exactly this key, or ROTATE_NONE.
size_t rotate_index_exact(const struct rotate_index *index, unsigned tier,
                          const struct varve_block_key *key);
// There must be room.
void rotate_index_insert(struct rotate_index *index, const struct rotate_entry *entry);
void rotate_index_remove(struct rotate_index *index, size_t at);
// Removes every entry that lies in the unit.
void rotate_index_forget(struct rotate_index *index, uint32_t unit);
// The entry to give up when the index is full: of the tier, the one that ended first if that was
// before expire_before_ms; else the oldest of the tier with the most entries. ROTATE_NONE when the
// index is empty.
size_t rotate_index_victim(const struct rotate_index *index, unsigned tier,
                           int64_t expire_before_ms);

#endif
