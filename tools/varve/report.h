// SPDX-License-Identifier: Apache-2.0
// What a report has to tell: the summary of a period, what each series looked like, how many events
// there were.
//
// Owns what is asked and kept: a strip of at most REPORT_COLUMNS points a series, whatever the
// period. Leaves the figures to summary.h and how it looks to report_html.h.
//
// Threading: one report at a time, one task. Memory is malloc's.
#ifndef VARVE_REPORT_H
#define VARVE_REPORT_H

#include "known.h"
#include "summary.h"

#define REPORT_COLUMNS    120u
#define REPORT_SEVERITIES 6u // of enum varve_severity

// A point for each step; NaN where there is none. Counters have their rate as mean, and no band.
struct report_strip {
    double mean[REPORT_COLUMNS], min[REPORT_COLUMNS], max[REPORT_COLUMNS];
};

struct report {
    const char *selector;
    struct summary summary;     // in the order of names
    struct report_strip *strip; // of each of its rows
    char **help;                // likewise; may be NULL
    int64_t from_ms, to_ms;
    int64_t step_ms, first; // a strip begins at first * step_ms
    size_t columns;
    char strip_tier[VARVE_TIER_NAME]; // that answered
    uint64_t events[REPORT_SEVERITIES];
    // while it is made
    struct known rows; // by name
    size_t at;
    enum varve_agg pass;
};

// `query` says selector, range and tier; without `from` the range begins with what there is, and it
// always ends there. Returns 0, VARVE_E_NOT_FOUND when no series matches or nothing is stored, or
// another error with source->why. Free it in any case.
int report_make(struct varve_source *source, const struct varve_query *query, bool from,
                struct report *report);
void report_free(struct report *report);

#endif
