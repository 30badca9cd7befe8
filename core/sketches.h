// SPDX-License-Identifier: Apache-2.0
// The sketches of the series that ask for percentiles: of open cells, one for each rollup tier and
// series, and of closed cells that wait for their block, as bytes in one pool for each tier.
//
// A series has a place here from when it is first looked at, and keeps it; one that finds none is
// counted, and has no percentiles on rollups. A host with VARVE_HOST_SKETCHES gives places to the
// series that stored blocks have sketches of, too. A pool that is full closes its tier's window, as
// one that is out of rows does. No memory is taken when no [series] asks.
//
// The keeper's task, or the one that makes the host; under store_lock.
#ifndef VARVE_CORE_SKETCHES_H
#define VARVE_CORE_SKETCHES_H

#include "arena.h"
#include "sketch.h"

struct varve_block_info;
struct varve_conf;
struct varve_series_table;

struct varve_sketches {
    uint32_t cap;   // series
    uint32_t count; // that have a place
#ifndef VARVE_WITHOUT_SKETCHES
    uint32_t seen;                              // series ids below this were looked at
    uint16_t *place_of;                         // by id: the place and 1; 0: none
    uint32_t tiers;                             // rollup tiers
    uint32_t pool_bytes;                        // of each tier
    struct varve_sketch *open[VARVE_MAX_TIERS]; // by level, then by place: of the open cell
    struct varve_sketch *incoming;              // of what is being rolled up
    struct varve_sketch *merged;                // of a cell on its way into a block
    uint8_t *pool[VARVE_MAX_TIERS];             // by level: records, one behind the other
    uint32_t used[VARVE_MAX_TIERS];             // bytes of it
    uint8_t *tail;                              // pool_bytes: of the chunk that is being made
    bool takes_found;
#endif
    uint64_t refused;   // series that found no place
    uint64_t collapsed; // buckets, see sketch.h
};

// Takes what `conf` asks for; `takes_found`: also for the series that have
// sketches in stored blocks. Returns 0 or
// VARVE_E_NO_MEMORY.
int varve_sketches_init(struct varve_sketches *sketches, struct varve_arena *arena,
                        const struct varve_conf *conf, uint32_t series_cap, bool takes_found);

// Gives the series a place if it has sketches in this block, where such are to be kept.
void varve_sketches_find(struct varve_sketches *sketches, const void *block,
                         const struct varve_block_info *info, varve_series_id id);

// The sketch in the block of the series' cell cells[row], until the next call; NULL: the series
// asks for none. Where a cell is there in parts, the first of them brings the sketches of all.
const struct varve_sketch *varve_sketches_stored(struct varve_sketches *sketches, const void *block,
                                                 const struct varve_block_info *info,
                                                 varve_series_id id, const struct varve_cell *cells,
                                                 size_t row);

// Looks at the series that are new.
void varve_sketches_note(struct varve_sketches *sketches, const struct varve_conf *conf,
                         const struct varve_series_table *series);

// Whether a series has a place, so that blocks have to have room for tails.
bool varve_sketches_any(const struct varve_sketches *sketches);

// That of the series' open cell; NULL: it asks for none. `sketches` may be NULL.
struct varve_sketch *varve_sketches_open(struct varve_sketches *sketches, size_t level,
                                         varve_series_id id);

// An empty one for what is to be rolled up, until the next call; NULL: the series asks for none.
struct varve_sketch *varve_sketches_incoming(struct varve_sketches *sketches, varve_series_id id);

// Whether the pool of the level has room for the sketch of a closed cell (NULL: none).
bool varve_sketches_fit(const struct varve_sketches *sketches, size_t level,
                        const struct varve_sketch *sketch);
// Whether it should be emptied before more is rolled up.
bool varve_sketches_half_full(const struct varve_sketches *sketches, size_t level);
// Puts it there.
void varve_sketches_keep(struct varve_sketches *sketches, size_t level, varve_series_id id,
                         int64_t start_ms, const struct varve_sketch *sketch);
// The window is empty again.
void varve_sketches_reset(struct varve_sketches *sketches, size_t level);

// Takes the sketches of the series' cells out of the pool and makes the tail of their chunk (see
// varve/block.h) of them, in a block that begins at base_ms. Returns its bytes, which hold until
// the next call, and their number.
const uint8_t *varve_sketches_tail(struct varve_sketches *sketches, size_t level,
                                   varve_series_id id, const struct varve_cell *cells, size_t n,
                                   int64_t base_ms, int64_t step_ms, size_t *bytes);

// Adds what the pool has of the series and the range.
void varve_sketches_collect(const struct varve_sketches *sketches, size_t level, varve_series_id id,
                            int64_t from_ms, int64_t to_ms, struct varve_sketch *into);

#endif
