// SPDX-License-Identifier: Apache-2.0
// Rows of one series in a time range, from RAM and blocks, in order and each once.
//
// Works in memory of the query's: room for the rows, the same again for sorting, and the blocks
// read last, so that reading the next series costs no second read. One reader belongs to one task.
#ifndef VARVE_CORE_QUERY_ROWS_H
#define VARVE_CORE_QUERY_ROWS_H

#include "../host_state.h"

#define VARVE_ROWS_CACHE 2u // blocks kept

struct varve_cached_block {
    bool valid;
    struct varve_block_info info;
    uint8_t *buf; // VARVE_BLOCK_MAX
};

struct varve_rows {
    struct varve_host *host;
    unsigned tier;
    size_t row_bytes; // of struct varve_point (tier 0) or struct varve_cell
    size_t cap;       // rows
    void *rows;
    void *scratch;
    struct varve_cached_block cache[VARVE_ROWS_CACHE];
    size_t oldest_slot; // of the cache
    int64_t span_ms;    // how much time fitted into `rows` lately
    uint32_t damaged;   // blocks passed over
    uint64_t read;      // rows
};

// Receives rows in time order: n of struct varve_point or struct varve_cell. Non-zero stops.
typedef int (*varve_rows_fn)(void *arg, const void *rows, size_t n);

// Takes what it needs from `arena`; the row memory gets all that is left. VARVE_E_NO_MEMORY.
int varve_rows_init(struct varve_rows *reader, struct varve_host *host, unsigned tier,
                    struct varve_arena *arena);

// Hands all rows of the series in [from_ms, to_ms] to `use`, in as many pieces as memory demands.
// Returns 0, what `use` returned, or an error of a store.
int varve_rows_scan(struct varve_rows *reader, varve_series_id id, int64_t from_ms, int64_t to_ms,
                    varve_rows_fn use, void *arg);

#endif
