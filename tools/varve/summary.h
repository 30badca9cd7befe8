// SPDX-License-Identifier: Apache-2.0
// What series were like over a period: count, min, avg, max, percentiles, last, availability, gaps.
//
// Owns the arithmetic on what a source gives. On raw samples all of it is exact. On a tier of cells
// count, min, avg, max and last are exact, gaps are no finer than a cell, and percentiles are those
// of sketches, within 1 %, where a series of gauges has them for the whole period: else there are
// none. A counter is told as its rate per second between rows - samples, or cells - and as
// its increase; its avg is the increase over the time from its first row to its last.
//
// A gap is a time of more than two usual distances between rows without one; usual is the median of
// the period, or the tier's step. Availability is the part of the period that is in no gap: what
// was before a series' first row counts as missing.
//
// Threading: one task, one summary at a time. Memory is malloc's.
#ifndef VARVE_SUMMARY_H
#define VARVE_SUMMARY_H

#include "source.h"

struct summary_row {
    char *series;
    char unit[VARVE_UNIT_TEXT];
    bool counter;
    uint64_t count; // samples
    // NaN: not known
    double min, avg, max, p95, p99, last;
    double increase; // of a counter
    int64_t first_ms, last_ms;
    double availability; // 0 .. 1
    uint32_t gaps;
    int64_t longest_gap_ms;
};

struct summary {
    struct varve_query_info info;
    int64_t from_ms, to_ms;
    bool percentiles; // there are: the rows are samples
    size_t sketched;  // rows that have them from sketches
    struct summary_row *row;
    size_t count;
    // while it is made
    size_t cap;
    size_t at;           // the row whose points come
    enum varve_agg pass; // what the points are
    struct varve_point *points;
    double *sorted;
    size_t used, room;
};

// `query` says selector, range and tier. Series without rows in the range are there, with a count
// of 0. Returns 0, VARVE_E_NOT_FOUND when no series matches, or another error with source->why.
int summary_make(struct varve_source *source, const struct varve_query *query,
                 struct summary *summary);
void summary_free(struct summary *summary);

// Asks for the percentiles of rows that came from cells. Returns 0 or an error with source->why.
int summary_sketches(struct varve_source *source, struct summary *s);

// The quantile q (0 .. 1) of n sorted values, as Prometheus has it: between the two nearest ranks.
double summary_quantile(const double *sorted, size_t n, double q);

#endif
