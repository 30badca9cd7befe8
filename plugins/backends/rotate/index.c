// SPDX-License-Identifier: Apache-2.0
// The index of frames; see index.h.
//
// Threading: the instance's lock.

#include "index.h"

#include <string.h>

static bool before(const struct rotate_entry *e, unsigned tier, int64_t start_ms, uint32_t seq)
{
    if (e->tier != tier) {
        return e->tier < tier;
    }
    if (e->key.start_ms != start_ms) {
        return e->key.start_ms < start_ms;
    }
    return e->key.seq < seq;
}

size_t rotate_index_find(const struct rotate_index *index, unsigned tier, int64_t start_ms,
                         uint32_t seq)
{
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (before(&index->entries[middle], tier, start_ms, seq)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

size_t rotate_index_exact(const struct rotate_index *index, unsigned tier,
                          const struct varve_block_key *key)
{
    const size_t at = rotate_index_find(index, tier, key->start_ms, key->seq);

    if (at == index->count) {
        return ROTATE_NONE;
    }
    const struct rotate_entry *e = &index->entries[at];
    const bool same = e->tier == tier && e->key.start_ms == key->start_ms && e->key.seq == key->seq;
    return same ? at : ROTATE_NONE;
}

void rotate_index_insert(struct rotate_index *index, const struct rotate_entry *entry)
{
    const size_t at = rotate_index_find(index, entry->tier, entry->key.start_ms, entry->key.seq);

    memmove(&index->entries[at + 1], &index->entries[at],
            (index->count - at) * sizeof *index->entries);
    index->entries[at] = *entry;
    index->count++;
}

void rotate_index_remove(struct rotate_index *index, size_t at)
{
    index->count--;
    memmove(&index->entries[at], &index->entries[at + 1],
            (index->count - at) * sizeof *index->entries);
}

void rotate_index_forget(struct rotate_index *index, uint32_t unit)
{
    size_t kept = 0;

    for (size_t i = 0; i < index->count; i++) {
        if (index->entries[i].unit != unit) {
            index->entries[kept++] = index->entries[i];
        }
    }
    index->count = kept;
}

// Of the tier, the entry that ended first; ROTATE_NONE when it has none.
static size_t first_ended(const struct rotate_index *index, unsigned tier)
{
    size_t found = ROTATE_NONE;

    for (size_t i = rotate_index_find(index, tier, INT64_MIN, 0);
         i < index->count && index->entries[i].tier == tier; i++) {
        if (found == ROTATE_NONE ||
            index->entries[i].key.end_ms < index->entries[found].key.end_ms) {
            found = i;
        }
    }
    return found;
}

size_t rotate_index_victim(const struct rotate_index *index, unsigned tier,
                           int64_t expire_before_ms)
{
    const size_t ended = first_ended(index, tier);
    size_t best = ROTATE_NONE;
    size_t most = 0;

    if (ended != ROTATE_NONE && index->entries[ended].key.end_ms < expire_before_ms) {
        return ended;
    }
    for (size_t i = 0; i < index->count;) { // one step for each tier
        const size_t end = rotate_index_find(index, index->entries[i].tier + 1u, INT64_MIN, 0);
        if (end - i > most) {
            most = end - i;
            best = i;
        }
        i = end;
    }
    return best;
}
