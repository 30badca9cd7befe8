// SPDX-License-Identifier: Apache-2.0
// Rows of earlier queries as they were decoded, so that a question that is asked again and again,
// as dashboards do, reads and decodes each block once.
//
// A ring of records in a fixed piece of the host's memory ([varve] query_cache): the newest takes
// the place of the oldest. A record has all rows of one series in one block. Blocks do not change
// while they keep their key, but for those that are pruned or mended and stores that are opened
// late; then varve_store_changed() makes all be forgotten.
//
// Any task: calls hold a lock of the host's while some rows are copied.
#ifndef VARVE_CORE_QUERY_CACHE_H
#define VARVE_CORE_QUERY_CACHE_H

#include "../host_state.h"

// Which rows: those of a series in a block.
struct varve_cache_key {
    int64_t start_ms; // of the block
    uint32_t seq;     // of the block
    varve_series_id id;
    uint8_t tier;
    bool only_last; // of cells, `min`, `max` and `sum` were left out
};

// Copies the rows in [from_ms, to_ms] to `out`, which has room for `cap` rows of `row_bytes`, each
// of which begins with its time. Returns how many, VARVE_E_FULL when there are more, or
// VARVE_E_NOT_FOUND.
int varve_cache_get(struct varve_host *host, const struct varve_cache_key *key, int64_t from_ms,
                    int64_t to_ms, void *out, size_t row_bytes, size_t cap);

// Keeps rows, unless stores have changed since `changes` was read of the host. Returns the bytes
// that it took: 0 when it did not.
size_t varve_cache_put(struct varve_host *host, const struct varve_cache_key *key, uint32_t changes,
                       const void *rows, size_t row_bytes, size_t count);

#endif
