// SPDX-License-Identifier: Apache-2.0
// How far back each tier reaches, and which ones reach far enough for a query. Any task.
#ifndef VARVE_CORE_QUERY_TIER_H
#define VARVE_CORE_QUERY_TIER_H

#include "../host_state.h"

struct varve_tier_reach {
    size_t count;
    int64_t oldest_ms[VARVE_MAX_TIERS]; // INT64_MAX: it is empty, or was not asked
    int64_t newest_ms[VARVE_MAX_TIERS]; // INT64_MIN
    // By when every tier would have begun that holds all there is: a coarse tier's first cell may
    // begin up to a step before the first sample.
    int64_t first_ms;
};

// Looks at one tier, or at all of them (VARVE_TIER_AUTO).
void varve_tier_reach(struct varve_host *host, int tier, struct varve_tier_reach *out);

// Whether the tier has all that there is from from_ms on.
bool varve_tier_reaches(const struct varve_host *host, const struct varve_tier_reach *reach,
                        unsigned tier, int64_t from_ms);

// The finest tier that does; raw when there is none.
unsigned varve_tier_finest(const struct varve_host *host, const struct varve_tier_reach *reach,
                           int64_t from_ms);

#endif
