// SPDX-License-Identifier: Apache-2.0
// Gaps in history; see gaps.h.
#include "gaps.h"

#include <string.h>

// A gap is longer than this, or than this part of the shortest keep.
#define GAP_MS   INT64_C(3600000)
#define GAP_PART 4
// Of a gap, what is next to nothing.
#define NOTHING_PART 16

void varve_gaps_init(struct varve_gaps *gaps, int64_t shortest_keep_ms)
{
    int64_t part_ms = shortest_keep_ms / GAP_PART;
    gaps->more_than_ms = part_ms < GAP_MS ? part_ms : GAP_MS;
    varve_gaps_reset(gaps);
}

void varve_gaps_reset(struct varve_gaps *gaps)
{
    gaps->count = 0;
    gaps->oldest_ms = INT64_MAX;
    gaps->newest_ms = INT64_MIN;
}

static bool is_empty(const struct varve_gaps *gaps)
{
    return gaps->oldest_ms > gaps->newest_ms;
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

// Forgets the gap without which age is least wrong for what it is: that which is the shortest
// compared with the history behind it. An hour of history is still to come.
static void forget_least(struct varve_gaps *gaps)
{
    const int64_t last_ms = gaps->gap[gaps->count - 1].to_ms;
    int64_t behind_ms = GAP_MS, begin_ms = last_ms > gaps->newest_ms ? last_ms : gaps->newest_ms;
    size_t least = 0;
    double least_share = 0;
    for (size_t i = gaps->count; i-- > 0;) {
        const struct varve_gap *gap = &gaps->gap[i];
        behind_ms += begin_ms - gap->to_ms;
        begin_ms = gap->from_ms;
        const double share = (double)length_of(gap) / (double)behind_ms;
        if (i == gaps->count - 1 || share < least_share) {
            least = i;
            least_share = share;
        }
    }
    forget(gaps, least);
}

// Makes one of two gaps between which there is the least history, if that is next to nothing
// compared with each of them.
static bool join_two(struct varve_gaps *gaps)
{
    int64_t least_ms = INT64_MAX;
    size_t at = 0;
    for (size_t i = 0; i + 1 < gaps->count; i++) {
        const struct varve_gap *a = &gaps->gap[i], *b = a + 1;
        const int64_t length_ms = length_of(a) < length_of(b) ? length_of(a) : length_of(b);
        const int64_t between_ms = b->from_ms - a->to_ms;
        if (between_ms < least_ms && between_ms <= length_ms / NOTHING_PART) {
            least_ms = between_ms;
            at = i;
        }
    }
    if (least_ms == INT64_MAX) {
        return false;
    }
    gaps->gap[at].to_ms = gaps->gap[at + 1].to_ms;
    forget(gaps, at + 1);
    return true;
}

// Puts a gap at its place, unless it is too short to be one.
static void add(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    const struct varve_gap gap = {from_ms, to_ms};
    size_t at = 0;
    if (length_of(&gap) <= gaps->more_than_ms) {
        return;
    }
    while (at < gaps->count && gaps->gap[at].from_ms < from_ms) {
        at++;
    }
    memmove(&gaps->gap[at + 1], &gaps->gap[at], (gaps->count - at) * sizeof gap);
    gaps->gap[at] = gap;
    if (++gaps->count > VARVE_GAPS_MAX && !join_two(gaps)) {
        forget_least(gaps);
    }
}

// Puts what there turned out to be history of between what is left of a gap. Gaps before it stay
// where they are, or two of them become one, or one goes: who looks at each begins with the last.
static void divide(struct varve_gaps *gaps, size_t i, int64_t from_ms, int64_t to_ms)
{
    const struct varve_gap gap = gaps->gap[i];
    forget(gaps, i);
    add(gaps, gap.from_ms, from_ms);
    add(gaps, to_ms, gap.to_ms);
}

// The year 9999: what is later is damage, and would overflow.
#define LAST_MS INT64_C(253402300799999)

static bool is_sane(int64_t from_ms, int64_t to_ms)
{
    return from_ms >= 0 && to_ms >= from_ms && to_ms <= LAST_MS;
}

// Extends what is known by rows, or by cells of step_ms > 1. What is finer ends, or begins, in the
// midst of a cell: that is no gap.
static void extend(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms, int64_t step_ms)
{
    if (is_empty(gaps)) {
        gaps->oldest_ms = from_ms;
    } else if (from_ms > gaps->newest_ms) {
        add(gaps, gaps->newest_ms + step_ms - 1, from_ms);
    } else if (to_ms < gaps->oldest_ms) {
        add(gaps, to_ms + step_ms - 1, gaps->oldest_ms - gaps->oldest_ms % step_ms);
    }
    gaps->oldest_ms = from_ms < gaps->oldest_ms ? from_ms : gaps->oldest_ms;
    gaps->newest_ms = to_ms > gaps->newest_ms ? to_ms : gaps->newest_ms;
}

void varve_gaps_cover(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms)
{
    if (!is_sane(from_ms, to_ms)) {
        return;
    }
    for (size_t i = gaps->count; i-- > 0;) {
        const struct varve_gap *gap = &gaps->gap[i];
        if (from_ms < gap->to_ms && to_ms > gap->from_ms) {
            divide(gaps, i, from_ms, to_ms);
        }
    }
    extend(gaps, from_ms, to_ms, 1);
}

// Whether all of a cell lies in the gap, and so the row that it is made of.
static bool lies_in(const struct varve_gap *gap, int64_t start_ms, int64_t step_ms)
{
    return start_ms >= gap->from_ms && start_ms + step_ms - 1 <= gap->to_ms;
}

void varve_gaps_cover_cells(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms,
                            int64_t step_ms)
{
    if (!is_sane(from_ms, to_ms)) {
        return;
    }
    for (size_t i = gaps->count; i-- > 0;) {
        const struct varve_gap *gap = &gaps->gap[i];
        if (lies_in(gap, from_ms, step_ms) || lies_in(gap, to_ms, step_ms)) {
            divide(gaps, i, from_ms, to_ms + step_ms - 1);
        }
    }
    extend(gaps, from_ms, to_ms, step_ms);
}

bool varve_gaps_before_next(const struct varve_gaps *gaps, int64_t from_ms)
{
    return !is_empty(gaps) && from_ms - gaps->newest_ms > gaps->more_than_ms;
}

// Goes back from *at_ms over a gap, if *left_ms reaches so far. False: it does not, and what is
// still left is counted from *at_ms.
static bool goes_over(const struct varve_gaps *gaps, const struct varve_gap *gap, int64_t *at_ms,
                      int64_t *left_ms)
{
    const int64_t from_ms = gap->from_ms, to_ms = gap->to_ms < *at_ms ? gap->to_ms : *at_ms;
    if (to_ms - from_ms <= gaps->more_than_ms) {
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
    const struct varve_gap last = {is_empty(gaps) ? now_ms : gaps->newest_ms, now_ms};
    int64_t at_ms = now_ms, left_ms = age_ms;
    bool on = goes_over(gaps, &last, &at_ms, &left_ms);
    for (size_t i = gaps->count; on && i-- > 0;) {
        on = goes_over(gaps, &gaps->gap[i], &at_ms, &left_ms);
    }
    return at_ms - left_ms;
}
