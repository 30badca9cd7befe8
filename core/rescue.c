// SPDX-License-Identifier: Apache-2.0
// Blocks that were kept in memory over a crash, but that no persistent store has: they were on
// their way when the process died. They are put into the outbox again, so that a power cut later
// does not cost them after all, and so that the marks in their headers are true of the stores, too.
//
// Such a block has a higher number than the newest one of its tier in any persistent store.
//
// While the host is made; one task.
#include "host_state.h"

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

static bool holds(const struct varve_backend *backend, unsigned tier)
{
    return (backend->conf->tiers >> tier & 1u) != 0;
}

// Number of the block that would come next in one store.
static uint32_t next_number(struct varve_backend *backend, unsigned tier)
{
    struct varve_block_key key = {.seq = 0};
    uint32_t next = 0;
    bool started = false;
    while (ops_of(backend)->next(&backend->instance, tier, started ? &key : NULL, INT64_MIN,
                                 &key) == 0) {
        next = key.seq >= next ? key.seq + 1 : next;
        started = true;
    }
    return next;
}

// Who wants the tier's blocks, and from which number on nobody has them.
static uint32_t wanted_by(struct varve_host *host, unsigned tier, uint32_t *from_seq)
{
    uint32_t mask = 0;
    *from_seq = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && holds(backend, tier) && varve_backend_is_open(backend)) {
            uint32_t next = next_number(backend, tier);
            *from_seq = next > *from_seq ? next : *from_seq;
            mask |= 1u << b;
        }
    }
    return mask;
}

static uint32_t rescue_from(struct varve_host *host, struct varve_backend *backend, unsigned tier,
                            uint32_t wanted, uint32_t from_seq)
{
    struct varve_block_key key = {.seq = 0};
    uint32_t blocks = 0;
    bool started = false;
    while (ops_of(backend)->next(&backend->instance, tier, started ? &key : NULL, INT64_MIN,
                                 &key) == 0) {
        struct varve_outbox_entry entry = {
            .wanted = wanted, .expire_before_ms = INT64_MIN, .tier = (uint8_t)tier};
        int rc = key.seq < from_seq ? 0
                                    : ops_of(backend)->get(&backend->instance, tier, &key,
                                                           host->read_block, VARVE_BLOCK_MAX);
        if (rc > 0 && varve_block_open(host->read_block, (size_t)rc, &entry.info) == 0) {
            blocks += varve_outbox_add(&host->outbox, &entry, host->read_block) == 0;
        }
        started = true;
    }
    return blocks;
}

void varve_rescue(struct varve_host *host)
{
    uint32_t blocks = 0;
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        uint32_t from_seq;
        uint32_t wanted = wanted_by(host, tier, &from_seq);
        for (size_t b = 0; b < host->backend_count && wanted != 0; b++) {
            struct varve_backend *backend = &host->backends[b];
            bool writes = (host->flags & VARVE_HOST_READ_ONLY) == 0;
            if (writes && !backend->persistent && holds(backend, tier)) {
                blocks += rescue_from(host, backend, tier, wanted, from_seq);
            }
        }
    }
    if (blocks > 0) {
        varve_log(VARVE_NOTICE, "recover", "%u blocks that only memory had kept go to the stores",
                  blocks);
    }
}
