// SPDX-License-Identifier: Apache-2.0
// Gaps in history, and age as retention counts it.
//
// A clock can be plausible and wrong: a device without an RTC that boots in 2033 has seven years of
// nothing behind its newest row. Were age what the clock says, all history would be too old at
// once. So retention counts the time that there is history of, and leaves gaps out, whether the
// device was off or its clock ahead: the two look alike. "Keep 90 days" then keeps what 90 days of
// running made, at most, and no step of a clock expires anything at once.
//
// A gap is what is longer than an hour, or, where a tier keeps less than four hours, than a quarter
// of that: a clock that is ahead by less takes no more than that from any tier.
//
// Nothing of it is stored: the blocks tell what there is history of. Rows tell it best. A cell says
// that there is a row in it, not where, and blocks of cells may reach over gaps: they fill none
// that finer tiers show, unless a cell of theirs lies in it. So tiers are to be told from the
// finest on, and a gap that only cells know is found if it is longer than their blocks.
//
// Only so many gaps are known. Where there are more, two become one that have next to no history
// between them, as a clock leaves that is wrong anew at each boot; else those are known that make
// the most of a difference: long ones, and of these the late ones. One that is not known counts as
// long as it was.
//
// One task, under the host's store lock.
#ifndef VARVE_CORE_GAPS_H
#define VARVE_CORE_GAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARVE_GAPS_MAX 8u

struct varve_gap {
    int64_t from_ms, to_ms; // end of the history before it, begin of that behind it
};

struct varve_gaps {
#ifndef VARVE_WITHOUT_GAPS
    struct varve_gap gap[VARVE_GAPS_MAX + 1]; // in the order of time; one place is spare
    size_t count;
    int64_t more_than_ms; // a gap is longer than this
#endif
    int64_t oldest_ms, newest_ms; // of all history; oldest after newest: there is none
};

// No history yet; of the tiers, that which keeps the least keeps this.
void varve_gaps_init(struct varve_gaps *gaps, int64_t shortest_keep_ms);
// No history yet, to be told again.
void varve_gaps_reset(struct varve_gaps *gaps);

// There are rows from from_ms to to_ms, both inclusive, Unix ms.
void varve_gaps_cover(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms);
// There are cells of step_ms, from that which starts at from_ms to that which starts at to_ms.
void varve_gaps_cover_cells(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms,
                            int64_t step_ms);

// Whether there is a gap behind all history if the next row is at from_ms.
bool varve_gaps_before_next(const struct varve_gaps *gaps, int64_t from_ms);

// When it was, at now_ms, that what is age_ms (>= 0) old was made.
int64_t varve_gaps_before(const struct varve_gaps *gaps, int64_t now_ms, int64_t age_ms);

#endif
