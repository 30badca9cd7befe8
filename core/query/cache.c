// SPDX-License-Identifier: Apache-2.0
// Decoded rows of earlier queries; see cache.h.
//
// Positions count bytes since the ring was empty: what lies more than the ring's length behind its
// head is overwritten. A record does not go around the ring's end. The index is a hash table of two
// places for each key, in front of the ring; what it forgets is merely not found.
#include "cache.h"

#include <string.h>

struct record {
    struct varve_cache_key key;
    uint32_t rows; // behind it
};

#define RECORD_BYTES ((sizeof(struct record) + 7u) & ~(size_t)7)
// A place in the index for so many bytes: a record of a dozen points.
#define BYTES_PER_PLACE 256u

// The places of the index: a power of two, at least 2.
static size_t place_count(size_t bytes)
{
    size_t count = 2;
    while (count * 2 * BYTES_PER_PLACE <= bytes) {
        count *= 2;
    }
    return count;
}

// Positions of records by hash, plus 1; 0: none.
static uint64_t *index_of(const struct varve_row_cache *cache)
{
    return (uint64_t *)(void *)cache->memory;
}

static uint8_t *ring_of(const struct varve_row_cache *cache, size_t *bytes)
{
    size_t index = place_count(cache->bytes) * sizeof(uint64_t);
    *bytes = (cache->bytes - index) & ~(size_t)7;
    return cache->memory + index;
}

static bool same_key(const struct varve_cache_key *a, const struct varve_cache_key *b)
{
    return a->start_ms == b->start_ms && a->seq == b->seq && a->id == b->id && a->tier == b->tier &&
           a->only_last == b->only_last;
}

// The finalizer of splitmix64 over all that differs.
static uint64_t hash_of(const struct varve_cache_key *key)
{
    uint64_t z = (uint64_t)key->start_ms * 31 + key->seq;
    z = z * 31 + key->id + ((uint64_t)key->tier << 16) + ((uint64_t)key->only_last << 24);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// Under the lock: forgets all if it was never used or what is stored has changed. False: there is
// no cache.
static bool is_usable(struct varve_host *host)
{
    struct varve_row_cache *cache = &host->row_cache;
    uint32_t changes = atomic_load(&host->store_changes);
    if (cache->bytes < BYTES_PER_PLACE) {
        return false;
    }
    if (!cache->begun || cache->changes != changes) {
        memset(index_of(cache), 0, place_count(cache->bytes) * sizeof(uint64_t));
        cache->begun = true;
        cache->changes = changes;
        cache->head = 0;
    }
    return true;
}

// The record at an index' place; NULL if it is gone.
static struct record *record_at(const struct varve_row_cache *cache, uint64_t place)
{
    size_t bytes;
    uint8_t *ring = ring_of(cache, &bytes);
    bool gone = place == 0 || cache->head - (place - 1) > bytes;
    return gone ? NULL : (struct record *)(void *)(ring + (place - 1) % bytes);
}

static const struct record *find(const struct varve_row_cache *cache,
                                 const struct varve_cache_key *key)
{
    const uint64_t *index = index_of(cache);
    size_t mask = place_count(cache->bytes) - 1, at = (size_t)hash_of(key) & mask;
    for (size_t way = 0; way < 2; way++) {
        const struct record *record = record_at(cache, index[at ^ way]);
        if (record != NULL && same_key(&record->key, key)) {
            return record;
        }
    }
    return NULL;
}

static int64_t time_of(const uint8_t *row)
{
    int64_t time_ms;
    memcpy(&time_ms, row, sizeof time_ms);
    return time_ms;
}

// Rows are nearly always in time order, so that those of the range are one run.
static int copy_rows(const struct record *record, int64_t from_ms, int64_t to_ms, uint8_t *out,
                     size_t row_bytes, size_t cap)
{
    const uint8_t *rows = (const uint8_t *)record + RECORD_BYTES;
    size_t count = 0, i = 0;
    while (i < record->rows) {
        size_t begin = i;
        while (i < record->rows && time_of(rows + i * row_bytes) >= from_ms &&
               time_of(rows + i * row_bytes) <= to_ms) {
            i++;
        }
        if (i - begin > cap - count) {
            return VARVE_E_FULL;
        }
        memcpy(out + count * row_bytes, rows + begin * row_bytes, (i - begin) * row_bytes);
        count += i - begin;
        i += i < record->rows; // one that is outside
    }
    return (int)count;
}

int varve_cache_get(struct varve_host *host, const struct varve_cache_key *key, int64_t from_ms,
                    int64_t to_ms, void *out, size_t row_bytes, size_t cap)
{
    int rc = VARVE_E_NOT_FOUND;
    varve_port_mutex_lock(&host->cache_lock);
    if (is_usable(host)) {
        struct varve_row_cache *cache = &host->row_cache;
        const struct record *record = find(cache, key);
        if (record != NULL) {
            rc = copy_rows(record, from_ms, to_ms, out, row_bytes, cap);
        }
        cache->hits += record != NULL;
        cache->misses += record == NULL;
    }
    varve_port_mutex_unlock(&host->cache_lock);
    return rc;
}

// Room for a record behind the newest one, at the ring's begin if its end is too near; NULL if the
// ring is too small. *place is what the index says of it.
static struct record *make_room(struct varve_row_cache *cache, size_t need, uint64_t *place)
{
    size_t bytes;
    uint8_t *ring = ring_of(cache, &bytes);
    size_t left = bytes - (size_t)(cache->head % bytes);
    if (need > bytes) {
        return NULL;
    }
    cache->head += left < need ? left : 0;
    *place = cache->head + 1;
    struct record *record = (struct record *)(void *)(ring + cache->head % bytes);
    cache->head += need;
    return record;
}

// In the place of a record that is gone, or of the older one.
static void enter(struct varve_row_cache *cache, const struct varve_cache_key *key, uint64_t place)
{
    uint64_t *index = index_of(cache);
    size_t mask = place_count(cache->bytes) - 1, at = (size_t)hash_of(key) & mask;
    index[index[at] <= index[at ^ 1] ? at : at ^ 1] = place;
}

size_t varve_cache_put(struct varve_host *host, const struct varve_cache_key *key, uint32_t changes,
                       const void *rows, size_t row_bytes, size_t count)
{
    size_t need = RECORD_BYTES + ((count * row_bytes + 7u) & ~(size_t)7), taken = 0;
    varve_port_mutex_lock(&host->cache_lock);
    struct varve_row_cache *cache = &host->row_cache;
    uint64_t place;
    if (is_usable(host) && cache->changes == changes && find(cache, key) == NULL) {
        struct record *record = make_room(cache, need, &place);
        if (record != NULL) {
            *record = (struct record){.key = *key, .rows = (uint32_t)count};
            memcpy((uint8_t *)record + RECORD_BYTES, rows, count * row_bytes);
            enter(cache, key, place);
            taken = need;
        }
    }
    varve_port_mutex_unlock(&host->cache_lock);
    return taken;
}
