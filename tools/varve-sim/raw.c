// SPDX-License-Identifier: Apache-2.0
// How much flash the raw samples take: every raw block that the host's stores hold, rounded up to
// whole pages, as stores place blocks. The only file of the simulator that looks into the core: no
// public call gives out blocks.
//
// Threading: one task, between two steps of the host.
#include "core/host_state.h"
#include "run.h"
#include "varve/block.h"

int run_measure_raw(struct varve_host *host, uint32_t page_bytes, struct run_result *result)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    struct varve_block_cursor cursor = {.tier = 0, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    int rc;
    while ((rc = varve_store_next(host, &cursor)) == 0) {
        struct varve_block_info info;
        rc = varve_store_get(host, 0, &cursor.key, block, sizeof block, &info);
        if (rc != 0) {
            return rc;
        }
        const uint64_t pages = (info.length + (uint64_t)page_bytes - 1) / page_bytes;
        result->raw_bytes += pages * page_bytes;
        result->raw_samples += info.rows;
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}
