// SPDX-License-Identifier: Apache-2.0
// In the place of recovery, and of stores that are opened later: every start begins anew, with
// stores that keep their blocks in memory. One that cannot be opened stops the start, and so does
// one that has history from before.
//
// Threading: as the functions that these stand for.
#include "core/host_state.h"
#include "core/text.h"

int varve_recover_init(struct varve_host *host)
{
    (void)host;
    return 0;
}

int varve_recover(struct varve_host *host, char *why, size_t why_cap)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        if (host->backends[b].persistent) {
            varve_explain(why, why_cap, "backend %s: this build cannot recover",
                          host->backends[b].instance.name);
            return VARVE_E_UNSUPPORTED;
        }
    }
    host->newest_ms = INT64_MIN;
    host->base_tier = host->tier_count;
    varve_pipeline_init_gaps(host);
    varve_pipeline_plan(host);
    varve_cells_note_series(host);
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        host->upto_ms[tier] = host->mark_ms[tier] = INT64_MIN;
    }
    return 0;
}

bool varve_can_wait(const struct varve_host *host, int rc)
{
    (void)host;
    (void)rc;
    return false;
}

bool varve_backend_gives_up(const struct varve_backend *backend)
{
    (void)backend;
    return true;
}

int64_t varve_backend_try_open(struct varve_host *host, struct varve_backend *backend,
                               int64_t now_ms)
{
    (void)host;
    (void)backend;
    (void)now_ms;
    return INT64_MAX; // not without a start
}

bool varve_backend_is_gone(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    (void)host;
    (void)backend;
    (void)now_ms;
    return false;
}

void varve_backend_doubt(struct varve_host *host, struct varve_backend *backend, int rc,
                         int64_t now_ms)
{
    (void)host;
    (void)backend;
    (void)rc;
    (void)now_ms;
}

void varve_backends_forget(struct varve_host *host)
{
    (void)host; // there is no next host that they would be handed over to
}

void varve_handover_pack(struct varve_host *host, struct varve_handover *handover)
{
    (void)host;
    (void)handover;
}

int varve_host_take_over(struct varve_host *host, const struct varve_handover *handover,
                         const void *memory, size_t bytes)
{
    (void)host;
    (void)memory;
    (void)bytes;
    return handover->bytes == 0 ? 0 : VARVE_E_UNSUPPORTED;
}
