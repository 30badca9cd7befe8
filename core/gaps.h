// SPDX-License-Identifier: Apache-2.0
// Gaps in history, and age as retention counts it.
//
// A clock can be plausible and wrong: a device without an RTC that boots in 2033 has seven years of
// nothing behind its newest row. Were age what the clock says, all history would be too old at
// once. So retention counts the time that there is history of; a gap of more than a day counts as
// one day, whether the device was off or its clock ahead. "Keep 90 days" then keeps what 90 days of
// running made, at most, and no step of a clock expires anything at once.
//
// Nothing of it is stored: the blocks tell what there is history of. Only so many gaps are known,
// the longest ones; a gap that is not known counts as long as it was.
//
// One task, under the host's store lock.
#ifndef VARVE_CORE_GAPS_H
#define VARVE_CORE_GAPS_H

#include <stddef.h>
#include <stdint.h>

#define VARVE_GAPS_MAX 8u
// A gap is longer than this.
#define VARVE_GAP_MS INT64_C(86400000)

struct varve_gap {
    int64_t from_ms, to_ms; // end of the history before it, begin of that behind it
};

struct varve_gaps {
#ifndef VARVE_WITHOUT_GAPS
    struct varve_gap gap[VARVE_GAPS_MAX + 1]; // in the order of time; one place is spare
    size_t count;
#endif
    int64_t oldest_ms, newest_ms; // of all history; oldest after newest: there is none
};

void varve_gaps_init(struct varve_gaps *gaps);

// There is history from from_ms to to_ms, both inclusive, Unix ms.
void varve_gaps_cover(struct varve_gaps *gaps, int64_t from_ms, int64_t to_ms);

// When it was, at now_ms, that what is age_ms (>= 0) old was made.
int64_t varve_gaps_before(const struct varve_gaps *gaps, int64_t now_ms, int64_t age_ms);

#endif
