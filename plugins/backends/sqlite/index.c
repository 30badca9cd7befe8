// SPDX-License-Identifier: Apache-2.0
// The RAM index of the slots; index.h says what it holds. A few thousand entries of 48 bytes in one
// sorted array: moving them is cheaper than any pointer structure, and costs nothing per sample.
//
// Threading: the instance's lock.

#include <string.h>

#include "index.h"

static bool before(const struct varve_sqlite_entry *e, unsigned tier, int64_t start_ms,
                   uint32_t seq)
{
    if (e->tier != tier) {
        return e->tier < tier;
    }
    if (e->key.start_ms != start_ms) {
        return e->key.start_ms < start_ms;
    }
    return e->key.seq < seq;
}

// Whether `at` is the first entry that is not before the key.
static bool is_first(const struct varve_sqlite_index *index, size_t at, unsigned tier,
                     int64_t start_ms, uint32_t seq)
{
    return at < index->count && !before(&index->entries[at], tier, start_ms, seq) &&
           (at == 0 || before(&index->entries[at - 1], tier, start_ms, seq));
}

// A reader goes from block to block: the same place as before, or the next one.
size_t varve_sqlite_index_find(struct varve_sqlite_index *index, unsigned tier, int64_t start_ms,
                               uint32_t seq)
{
    for (size_t at = index->found; at < index->found + 2; at++) {
        if (is_first(index, at, tier, start_ms, seq)) {
            index->found = at;
            return at;
        }
    }
    size_t low = 0;
    size_t high = index->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (before(&index->entries[middle], tier, start_ms, seq)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    index->found = low;
    return low;
}

size_t varve_sqlite_index_block(struct varve_sqlite_index *index, unsigned tier,
                                const struct varve_block_key *key)
{
    const size_t at = varve_sqlite_index_find(index, tier, key->start_ms, key->seq);

    if (at == index->count || index->entries[at].length == 0 || index->entries[at].tier != tier ||
        index->entries[at].key.start_ms != key->start_ms ||
        index->entries[at].key.seq != key->seq) {
        return VARVE_SQLITE_NONE;
    }
    return at;
}

size_t varve_sqlite_index_expired(struct varve_sqlite_index *index, unsigned tier,
                                  int64_t before_ms, unsigned pages)
{
    size_t oldest = VARVE_SQLITE_NONE;
    size_t i = varve_sqlite_index_find(index, tier, INT64_MIN, 0);

    for (; i < index->count && index->entries[i].tier == tier; i++) {
        const struct varve_sqlite_entry *e = &index->entries[i];
        if (e->length > 0 && e->key.start_ms >= before_ms) {
            break; // sorted by start: none of the rest has ended
        }
        if (e->length > 0 && e->key.end_ms >= before_ms) {
            continue;
        }
        if (e->pages >= pages) {
            return i;
        }
        oldest = oldest == VARVE_SQLITE_NONE ? i : oldest;
    }
    return oldest;
}

void varve_sqlite_index_insert(struct varve_sqlite_index *index,
                               const struct varve_sqlite_entry *entry)
{
    size_t at = varve_sqlite_index_find(index, entry->tier, entry->key.start_ms, entry->key.seq);

    memmove(&index->entries[at + 1], &index->entries[at],
            (index->count - at) * sizeof *index->entries);
    index->entries[at] = *entry;
    index->count++;
    index->blocks += entry->length > 0;
}

void varve_sqlite_index_remove(struct varve_sqlite_index *index, size_t at)
{
    index->blocks -= index->entries[at].length > 0;
    index->count--;
    memmove(&index->entries[at], &index->entries[at + 1],
            (index->count - at) * sizeof *index->entries);
}
