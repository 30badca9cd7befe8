// SPDX-License-Identifier: Apache-2.0
// Gaps in history; see gaps.h.
#include "gaps.h"

#include <stdbool.h>
#include <string.h>

void varve_gaps_init(struct varve_gaps *gaps)
{
    *gaps = (struct varve_gaps){.oldest_ms = INT64_MAX, .newest_ms = INT64_MIN};
}

static int64_t length_of(const struct varve_gap *gap)
{
    return gap->to_ms - gap->from_ms;
}

static void forget(struct varve_gaps *gaps, size_t i)
{
    gaps->count--;
    memmove(&gaps->gap[i], &gaps->gap[i + 1], (gaps->count - i) * sizeof *gaps->gap);
}

static void forget_shortest(struct varve_gaps *gaps)
{
    size_t shortest = 0;
    for (size_t i = 1; i < gaps->count; i++) {
        shortest = length_of(&gaps->gap[i]) < length_of(&gaps->gap[shortest]) ? i : shortest;
    }
    forget(gaps, shortest);
}

// Puts a gap at its place, unless it is too short to be one.
static void add(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    const struct varve_gap gap = {from_ms, to_ms};
    size_t at = 0;
    if (length_of(&gap) <= VARVE_GAP_MS) {
        return;
    }
    while (at < gaps->count && gaps->gap[at].from_ms < from_ms) {
        at++;
    }
    memmove(&gaps->gap[at + 1], &gaps->gap[at], (gaps->count - at) * sizeof gap);
    gaps->gap[at] = gap;
    if (++gaps->count > VARVE_GAPS_MAX) {
        forget_shortest(gaps);
    }
}

// What is left of a gap in which there turned out to be history.
static void divide(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    for (size_t i = 0; i < gaps->count;) {
        const struct varve_gap gap = gaps->gap[i];
        if (to_ms <= gap.from_ms || from_ms >= gap.to_ms) {
            i++;
            continue;
        }
        forget(gaps, i);
        add(gaps, gap.from_ms, from_ms); // both lie before all that has not been looked at,
        add(gaps, to_ms, gap.to_ms);     // or do not overlap
    }
}

// The year 9999: what is later is damage, and would overflow.
#define LAST_MS INT64_C(253402300799999)

void varve_gaps_cover(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    if (from_ms < 0 || to_ms < from_ms || to_ms > LAST_MS) {
        return;
    }
    if (gaps->oldest_ms > gaps->newest_ms) {
        gaps->oldest_ms = from_ms;
        gaps->newest_ms = to_ms;
        return;
    }
    divide(gaps, from_ms, to_ms);
    if (from_ms > gaps->newest_ms) {
        add(gaps, gaps->newest_ms, from_ms);
    }
    if (to_ms < gaps->oldest_ms) {
        add(gaps, to_ms, gaps->oldest_ms);
    }
    gaps->oldest_ms = from_ms < gaps->oldest_ms ? from_ms : gaps->oldest_ms;
    gaps->newest_ms = to_ms > gaps->newest_ms ? to_ms : gaps->newest_ms;
}

// Goes back from *at_ms over the gap between from_ms and to_ms, if *left_ms reaches so far. False:
// it does not, and what is still left is counted from *at_ms.
static bool goes_over(int64_t from_ms, int64_t to_ms, int64_t *at_ms, int64_t *left_ms)
{
    to_ms = to_ms < *at_ms ? to_ms : *at_ms;
    if (to_ms - from_ms <= VARVE_GAP_MS) {
        return true; // none as yet, or in the future
    }
    if (*at_ms - to_ms >= *left_ms) {
        return false;
    }
    *left_ms -= *at_ms - to_ms;
    *at_ms = from_ms;
    return true;
}

int64_t varve_gaps_before(const struct varve_gaps *gaps, int64_t now_ms, int64_t age_ms)
{
    int64_t at_ms = now_ms, left_ms = age_ms;
    bool on =
        gaps->oldest_ms > gaps->newest_ms || goes_over(gaps->newest_ms, now_ms, &at_ms, &left_ms);
    for (size_t i = gaps->count; on && i-- > 0;) {
        on = goes_over(gaps->gap[i].from_ms, gaps->gap[i].to_ms, &at_ms, &left_ms);
    }
    return at_ms - left_ms;
}
