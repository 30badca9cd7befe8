// SPDX-License-Identifier: Apache-2.0
// How much flash the raw samples take: every raw block in every persistent store, rounded up to
// whole pages, as stores place blocks. The only file of the simulator that looks into the core: no
// public call gives out blocks.
//
// Threading: one task, between two steps of the host.
#include "core/host_state.h"
#include "run.h"
#include "varve/block.h"

static int measure_one(struct varve_backend *backend, uint32_t page_bytes,
                       struct run_result *result)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    const struct varve_backend_ops *ops = backend->instance.plugin->backend;
    struct varve_block_key key, after;
    const struct varve_block_key *previous = NULL;
    int rc;
    while ((rc = ops->next(&backend->instance, 0, previous, INT64_MIN, &key)) == 0) {
        struct varve_block_info info;
        const int length = ops->get(&backend->instance, 0, &key, block, sizeof block);
        rc = length < 0 ? length : varve_block_open(block, (size_t)length, &info);
        if (rc != 0) {
            return rc;
        }
        const uint64_t pages = (info.length + (uint64_t)page_bytes - 1) / page_bytes;
        result->raw_bytes += pages * page_bytes;
        result->raw_samples += info.rows;
        after = key;
        previous = &after;
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

int run_measure_raw(struct varve_host *host, uint32_t page_bytes, struct run_result *result)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && (backend->conf->tiers & 1u) != 0) {
            rc = measure_one(backend, page_bytes, result);
        }
    }
    return rc;
}
