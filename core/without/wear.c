// SPDX-License-Identifier: Apache-2.0
// In the place of the governor: level 1 for ever. What goes to flash is counted by the ledger, and
// the total is in each block; nothing is limited, forecast, or told by reason after a restart.
//
// Threading: as the functions that these stand for.
#include "core/host_state.h"

bool varve_wear_keeps(const struct varve_host *host, size_t tier)
{
    return tier >= host->base_tier;
}

int64_t varve_wear_window_ms(const struct varve_host *host)
{
    return host->tiers[0].window_ms;
}

int64_t varve_wear_cell_window_ms(const struct varve_host *host, size_t tier)
{
    return host->tiers[tier].window_ms;
}

bool varve_wear_raises_at(struct varve_host *host, int64_t unix_ms)
{
    (void)host;
    (void)unix_ms;
    return false;
}

void varve_wear_raise(struct varve_host *host)
{
    (void)host;
}

bool varve_wear_paused(const struct varve_host *host)
{
    (void)host;
    return false;
}

void varve_wear_tick(struct varve_host *host, int64_t now_ms)
{
    (void)host;
    (void)now_ms;
}

void varve_wear_note_day(struct varve_host *host, struct varve_backend *backend)
{
    (void)host;
    (void)backend;
}

void varve_wear_note_stop(struct varve_host *host)
{
    (void)host;
}

// An orderly stop at a high level, by a build that has them, may have left a cell that no finer
// rows may be added to: coarser tiers go on where that cell ends.
void varve_wear_recover(struct varve_host *host)
{
    struct varve_wear_state *wear = &host->wear;
    wear->configured_base = host->base_tier;
    wear->wanted_base = host->base_tier;
    wear->governor.level = VARVE_WEAR_NORMAL;
}

void varve_wear_stats(struct varve_host *host, struct varve_stats *out)
{
    out->wear_level = host->wear.governor.level;
    out->wear_capacity_bytes = (uint64_t)host->conf->wear.capacity;
    out->wear_endurance = (uint64_t)host->conf->wear.endurance;
    out->wear_amplification = (uint32_t)host->conf->wear.amplification;
    out->wear_lifetime_ms = host->conf->wear.lifetime_ms;
}
