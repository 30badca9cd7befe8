// SPDX-License-Identifier: Apache-2.0
// Rows of one series in a time range, from RAM and blocks, in order and each once.
//
// Works in memory of the query's: room for the rows, the same again for sorting, and a pool of the
// blocks read last, so that reading the next series costs no second read. One reader belongs to one
// task.
#ifndef VARVE_CORE_QUERY_ROWS_H
#define VARVE_CORE_QUERY_ROWS_H

#include "../host_state.h"

#define VARVE_ROWS_CACHE 12u // blocks kept, if they fit into the pool

struct varve_rows {
    struct varve_host *host;
    unsigned tier;
    bool only_last;   // of cells, `min`, `max` and `sum` do not matter; may change between scans
    size_t row_bytes; // of struct varve_point (tier 0) or struct varve_cell
    size_t cap;       // rows
    void *rows;
    void *scratch;
    struct varve_block_reader cache[VARVE_ROWS_CACHE];
    size_t cached;     // blocks in it
    uint8_t *pool;     // their bytes, one behind the other
    size_t pool_bytes; // at least VARVE_BLOCK_MAX
    size_t pool_used;
    uint32_t evictions;   // how often the pool was full and begun anew
    uint64_t loaded;      // bytes of blocks that went into it
    uint32_t blocks;      // that did
    int64_t live_from_ms; // older rows were in no window when the reader was made
    int64_t span_ms;      // how much time fitted into `rows` lately
    uint32_t damaged;     // blocks passed over
    uint64_t read;        // rows
    bool asks_once;       // nobody will ask for the same again soon: nothing is kept
    size_t cache_used;    // bytes that came out of the host's cache or went there
    uint32_t changes;     // the host's store_changes when the reader was made
};

// Receives rows in time order: n of struct varve_point or struct varve_cell. Non-zero stops.
typedef int (*varve_rows_fn)(void *arg, const void *rows, size_t n);

// Takes a pool of `pool_bytes` (>= VARVE_BLOCK_MAX) from `arena`, and for the rows `row_bytes` or,
// where that is 0, all that is left. VARVE_E_NO_MEMORY.
int varve_rows_init(struct varve_rows *reader, struct varve_host *host, unsigned tier,
                    struct varve_arena *arena, size_t pool_bytes, size_t row_bytes);

// Reads what memory holds of the series' rows in [from_ms, *to_ms] to `rows`; *to_ms gets how far
// it went. Returns their number, which may be 0 all the same, VARVE_E_FULL when there are too many
// of one moment, or an error of a store.
int varve_rows_read(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t *to_ms);

// Where the first block from from_ms on ends, if that is before to_ms; else to_ms. What is read of
// all series up to there needs few blocks.
int64_t varve_rows_slice_end(struct varve_host *host, unsigned tier, int64_t from_ms,
                             int64_t to_ms);

// Hands all rows of the series in [from_ms, to_ms] to `use`, in as many pieces as memory demands.
// Returns 0, what `use` returned, or an error of a store.
int varve_rows_scan(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t to_ms,
                    varve_rows_fn use, void *arg);

// Adds the sketches of the series' cells in [from_ms, to_ms] to `into`: of all of them that have
// one. Returns 0, or an error of a store.
int varve_rows_sketch(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t to_ms,
                      struct varve_sketch *into);

#endif
