// SPDX-License-Identifier: Apache-2.0
// Rows of one series in a time range; see rows.h.
#include "rows.h"

#include "cache.h"

int varve_rows_init(struct varve_rows *reader, struct varve_host *host, unsigned tier,
                    struct varve_arena *arena, size_t pool_bytes, size_t row_bytes)
{
    int64_t newest_ms;
    *reader = (struct varve_rows){
        .host = host, .tier = tier, .span_ms = INT64_MAX, .pool_bytes = pool_bytes};
    reader->row_bytes = tier == 0 ? sizeof(struct varve_point) : sizeof(struct varve_cell);
    reader->pool = varve_arena_take(arena, pool_bytes, 8);
    if (reader->pool == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    size_t left = row_bytes > 0 ? row_bytes : arena->size - arena->used;
    reader->cap = left < 64 ? 0 : (left - 32) / 2 / reader->row_bytes;
    if (reader->cap < 16) {
        return VARVE_E_NO_MEMORY;
    }
    reader->rows = varve_arena_take(arena, reader->cap * reader->row_bytes, 8);
    reader->scratch = varve_arena_take(arena, reader->cap * reader->row_bytes, 8);
    reader->changes = atomic_load(&host->store_changes);
    varve_live_range(host, tier, &reader->live_from_ms, &newest_ms);
    return reader->scratch != NULL ? 0 : VARVE_E_NO_MEMORY;
}

// ---- blocks -------------------------------------------------------------------------------------

static bool same_key(const struct varve_block_key *a, const struct varve_block_key *b)
{
    return a->start_ms == b->start_ms && a->seq == b->seq;
}

static void evict_all(struct varve_rows *reader)
{
    reader->evictions += reader->cached > 0;
    reader->cached = 0;
    reader->pool_used = 0;
}

// Gets a block into what is left of the pool; VARVE_E_TOO_BIG when it does not fit there.
static int fetch(struct varve_rows *reader, const struct varve_block_key *key)
{
    struct varve_block_info info;
    size_t room = reader->pool_bytes - reader->pool_used;
    uint8_t *buf = reader->pool + reader->pool_used;
    int rc = varve_store_get(reader->host, reader->tier, key, buf, room, &info);
    if (rc == 0) {
        reader->pool_used += (info.length + 7u) & ~(size_t)7;
        reader->pool_used =
            reader->pool_used < reader->pool_bytes ? reader->pool_used : reader->pool_bytes;
        varve_block_reader_init(&reader->cache[reader->cached++], buf, &info);
        reader->loaded += info.length;
        reader->blocks++;
    }
    return rc;
}

static int load_block(struct varve_rows *reader, const struct varve_block_key *key,
                      struct varve_block_reader **out)
{
    for (size_t i = reader->cached; i > 0; i--) {
        if (same_key(&reader->cache[i - 1].info.key, key)) {
            *out = &reader->cache[i - 1];
            return 0;
        }
    }
    if (reader->cached == VARVE_ROWS_CACHE || reader->pool_used == reader->pool_bytes) {
        evict_all(reader);
    }
    int rc = fetch(reader, key);
    if (rc == VARVE_E_TOO_BIG && reader->pool_used > 0) {
        evict_all(reader);
        rc = fetch(reader, key);
    }
    *out = rc == 0 ? &reader->cache[reader->cached - 1] : NULL;
    return rc;
}

static int decode(struct varve_rows *reader, struct varve_block_reader *block, varve_series_id id,
                  int64_t from_ms, int64_t to_ms, size_t count, size_t room)
{
    void *out = (uint8_t *)reader->rows + count * reader->row_bytes;
    return reader->tier == 0
               ? varve_block_read_points(block, id, from_ms, to_ms, out, room)
               : varve_block_read_cells(block, id, from_ms, to_ms, reader->only_last, out, room);
}

// Leaves out rows outside the range; returns how many stay. Both kinds of rows begin with their
// time.
static size_t drop_others(const struct varve_rows *reader, void *rows, size_t count,
                          int64_t from_ms, int64_t to_ms)
{
    uint8_t *to = rows, *from = rows;
    size_t kept = 0;
    for (size_t i = 0; i < count; i++, from += reader->row_bytes) {
        int64_t time_ms;
        memcpy(&time_ms, from, sizeof time_ms);
        if (time_ms >= from_ms && time_ms <= to_ms) {
            if (to != from) {
                memcpy(to, from, reader->row_bytes);
            }
            to += reader->row_bytes;
            kept++;
        }
    }
    return kept;
}

// One query has most of the cache, no more: else what it puts there would push out what it has just
// put, and be pushed out before it is asked again.
static bool uses_cache(const struct varve_rows *reader)
{
    size_t bytes = reader->host->row_cache.bytes;
    return !reader->asks_once && reader->cache_used < bytes - bytes / 4;
}

// All of the series' rows in the block go to the cache, those of the range behind the `count` rows.
static int decode_and_keep(struct varve_rows *reader, struct varve_block_reader *block,
                           const struct varve_cache_key *key, int64_t from_ms, int64_t to_ms,
                           size_t count, size_t room)
{
    uint8_t *rows = (uint8_t *)reader->rows + count * reader->row_bytes;
    int n = decode(reader, block, key->id, INT64_MIN, INT64_MAX, count, room);
    if (n == VARVE_E_FULL) {
        return decode(reader, block, key->id, from_ms, to_ms, count, room);
    }
    if (n < 0) {
        return n;
    }
    reader->cache_used +=
        varve_cache_put(reader->host, key, reader->changes, rows, reader->row_bytes, (size_t)n);
    return (int)drop_others(reader, rows, (size_t)n, from_ms, to_ms);
}

// The series' rows of one block, behind the `count` that there are; returns how many, or an error.
static int read_block(struct varve_rows *reader, const struct varve_block_key *block_key,
                      varve_series_id id, int64_t from_ms, int64_t to_ms, size_t count, size_t room)
{
    const struct varve_cache_key key = {.start_ms = block_key->start_ms,
                                        .seq = block_key->seq,
                                        .id = id,
                                        .tier = (uint8_t)reader->tier,
                                        .only_last = reader->only_last};
    struct varve_block_reader *block;
    bool cached = uses_cache(reader);
    int n = cached ? varve_cache_get(reader->host, &key, from_ms, to_ms,
                                     (uint8_t *)reader->rows + count * reader->row_bytes,
                                     reader->row_bytes, room)
                   : VARVE_E_NOT_FOUND;
    if (n != VARVE_E_NOT_FOUND) {
        reader->cache_used += n > 0 ? (size_t)n * reader->row_bytes : 0;
        return n;
    }
    int rc = load_block(reader, block_key, &block);
    if (rc != 0) {
        return rc;
    }
    return cached ? decode_and_keep(reader, block, &key, from_ms, to_ms, count, room)
                  : decode(reader, block, id, from_ms, to_ms, count, room);
}

// Returns the number of rows now in memory, at most `cap`, or an error. When they do not all fit,
// *to_ms comes down to before the first block that is left out: blocks come in the order of their
// starts, so that no other has older rows.
static int read_blocks(struct varve_rows *reader, varve_series_id id, int64_t from_ms,
                       int64_t *to_ms, size_t cap, uint32_t seq_limit)
{
    struct varve_block_cursor cursor = {
        .tier = reader->tier, .from_ms = from_ms, .seq_limit = seq_limit};
    size_t count = 0;
    int rc;
    while ((rc = varve_store_next(reader->host, &cursor)) == 0 && cursor.key.start_ms <= *to_ms) {
        int n = read_block(reader, &cursor.key, id, from_ms, *to_ms, count, cap - count);
        if (n == VARVE_E_NOT_FOUND) {
            continue; // expired and overwritten since it was found
        }
        if (n == VARVE_E_CORRUPT || n == VARVE_E_VERSION || n == VARVE_E_INVALID) {
            reader->damaged++;
            continue;
        }
        if (n == VARVE_E_FULL && cursor.key.start_ms > from_ms) {
            *to_ms = cursor.key.start_ms - 1;
            return (int)drop_others(reader, reader->rows, count, INT64_MIN, *to_ms);
        }
        if (n < 0) {
            return n;
        }
        count += (size_t)n;
    }
    return rc == 0 || rc == VARVE_E_NOT_FOUND ? (int)count : rc;
}

// Whether each row is later than the one before it, as those of one block are: then there is
// nothing to sort and no two cells to merge.
static bool ascends(const struct varve_rows *reader, size_t count)
{
    const uint8_t *row = reader->rows;
    int64_t before_ms = INT64_MIN;
    for (size_t i = 0; i < count; i++, row += reader->row_bytes) {
        int64_t time_ms;
        memcpy(&time_ms, row, sizeof time_ms);
        if (i > 0 && time_ms <= before_ms) {
            return false;
        }
        before_ms = time_ms;
    }
    return true;
}

// Rows in RAM are copied first, since a window that closes meanwhile makes a block of them; which
// blocks then belong to the answer is known by their number. *to_ms gets how far the answer goes.
static int read_range(struct varve_rows *reader, varve_series_id id, int64_t from_ms,
                      int64_t *to_ms)
{
    uint32_t seq_limit = UINT32_MAX;
    int live = *to_ms < reader->live_from_ms
                   ? 0
                   : varve_live_rows(reader->host, reader->tier, id, from_ms, *to_ms,
                                     reader->scratch, reader->cap, &seq_limit);
    if (live < 0) {
        return live;
    }
    int stored = read_blocks(reader, id, from_ms, to_ms, reader->cap - (size_t)live, seq_limit);
    if (stored < 0) {
        return stored;
    }
    size_t newest = drop_others(reader, reader->scratch, (size_t)live, INT64_MIN, *to_ms);
    size_t count = newest + (size_t)stored;
    memcpy((uint8_t *)reader->rows + (size_t)stored * reader->row_bytes, reader->scratch,
           newest * reader->row_bytes);
    reader->read += count;
    if (ascends(reader, count)) {
        return (int)count;
    }
    varve_sort_rows(reader->rows, reader->row_bytes, count, reader->scratch);
    return (int)(reader->tier == 0 ? count : varve_merge_cells(reader->rows, count));
}

int varve_rows_read(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t *to_ms)
{
    for (;;) {
        int64_t end_ms = *to_ms - from_ms > reader->span_ms ? from_ms + reader->span_ms : *to_ms;
        int n = read_range(reader, id, from_ms, &end_ms);
        if (n == VARVE_E_FULL && end_ms > from_ms) { // too much of it is in one block, or in RAM
            reader->span_ms = (end_ms - from_ms) / 2;
            continue;
        }
        *to_ms = end_ms;
        return n;
    }
}

int varve_rows_scan(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t to_ms,
                    varve_rows_fn use, void *arg)
{
    int64_t at_ms = from_ms;
    while (at_ms <= to_ms) {
        int64_t end_ms = to_ms;
        int n = varve_rows_read(reader, id, at_ms, &end_ms);
        int rc = n > 0 ? use(arg, reader->rows, (size_t)n) : n;
        if (rc != 0) {
            return rc;
        }
        if (end_ms == to_ms) {
            break;
        }
        at_ms = end_ms + 1;
    }
    return 0;
}

int64_t varve_rows_slice_end(struct varve_host *host, unsigned tier, int64_t from_ms, int64_t to_ms)
{
    struct varve_block_cursor cursor = {.tier = tier, .from_ms = from_ms, .seq_limit = UINT32_MAX};
    bool any = varve_store_next(host, &cursor) == 0;
    return any && cursor.key.end_ms < to_ms ? cursor.key.end_ms : to_ms;
}

// ---- sketches -----------------------------------------------------------------------------------

static int merge_stored(void *arg, int64_t start_ms, const uint8_t *sketch, size_t bytes)
{
    (void)start_ms;
    return varve_sketch_get(sketch, bytes, arg);
}

int varve_rows_sketch(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t to_ms,
                      struct varve_sketch *into)
{
    struct varve_block_cursor cursor = {.tier = reader->tier, .from_ms = from_ms};
    int rc;
    (void)varve_live_sketch(reader->host, reader->tier, id, from_ms, to_ms, into,
                            &cursor.seq_limit);
    while ((rc = varve_store_next(reader->host, &cursor)) == 0 && cursor.key.start_ms <= to_ms) {
        struct varve_block_reader *block;
        rc = load_block(reader, &cursor.key, &block);
        rc = rc == 0 ? varve_block_sketches(block->buf, &block->info, id, from_ms, to_ms,
                                            merge_stored, into)
                     : rc;
        if (rc == VARVE_E_CORRUPT || rc == VARVE_E_VERSION || rc == VARVE_E_INVALID) {
            reader->damaged++;
        } else if (rc != 0 && rc != VARVE_E_NOT_FOUND) {
            return rc;
        }
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}
