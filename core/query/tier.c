// SPDX-License-Identifier: Apache-2.0
// How far back tiers reach; see tier.h.
#include "tier.h"

#include "varve/query.h"

void varve_tier_reach(struct varve_host *host, int tier, struct varve_tier_reach *out)
{
    out->count = host->tier_count;
    out->first_ms = INT64_MAX;
    for (unsigned i = 0; i < host->tier_count; i++) {
        out->oldest_ms[i] = INT64_MAX;
        out->newest_ms[i] = INT64_MIN;
        if (tier != VARVE_TIER_AUTO && tier != (int)i) {
            continue;
        }
        (void)varve_store_range(host, i, &out->oldest_ms[i], &out->newest_ms[i]);
        int64_t step_ms = host->tiers[i].step_ms;
        if (out->oldest_ms[i] != INT64_MAX && out->oldest_ms[i] + step_ms < out->first_ms) {
            out->first_ms = out->oldest_ms[i] + step_ms;
        }
    }
}

bool varve_tier_reaches(const struct varve_host *host, const struct varve_tier_reach *reach,
                        unsigned tier, int64_t from_ms)
{
    return reach->oldest_ms[tier] <= reach->first_ms ||
           reach->oldest_ms[tier] - host->tiers[tier].step_ms <= from_ms;
}

unsigned varve_tier_finest(const struct varve_host *host, const struct varve_tier_reach *reach,
                           int64_t from_ms)
{
    for (unsigned tier = 0; tier < reach->count; tier++) {
        if (varve_tier_reaches(host, reach, tier, from_ms)) {
            return tier;
        }
    }
    return 0;
}
