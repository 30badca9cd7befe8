// SPDX-License-Identifier: Apache-2.0
// In the place of gaps: all history is one piece, and age is what the clock says.
//
// Threading: as the functions that these stand for.
#include "core/gaps.h"

void varve_gaps_init(struct varve_gaps *gaps, int64_t shortest_keep_ms)
{
    (void)shortest_keep_ms;
    varve_gaps_reset(gaps);
}

void varve_gaps_reset(struct varve_gaps *gaps)
{
    *gaps = (struct varve_gaps){.oldest_ms = INT64_MAX, .newest_ms = INT64_MIN};
}

void varve_gaps_cover(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    gaps->oldest_ms = from_ms < gaps->oldest_ms ? from_ms : gaps->oldest_ms;
    gaps->newest_ms = to_ms > gaps->newest_ms ? to_ms : gaps->newest_ms;
}

void varve_gaps_cover_cells(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms,
                            int64_t step_ms)
{
    (void)step_ms;
    varve_gaps_cover(gaps, from_ms, to_ms);
}

bool varve_gaps_before_next(const struct varve_gaps *gaps, int64_t from_ms)
{
    (void)gaps;
    (void)from_ms;
    return false;
}

int64_t varve_gaps_before(const struct varve_gaps *gaps, int64_t now_ms, int64_t age_ms)
{
    (void)gaps;
    return now_ms < INT64_MIN + age_ms ? INT64_MIN : now_ms - age_ms;
}
