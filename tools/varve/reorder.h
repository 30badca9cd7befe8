// SPDX-License-Identifier: Apache-2.0
// Putting samples in order of time, with no more memory than their disorder needs.
//
// Samples go in as they come and come out by time, equal times in the order of arrival. A sample is
// let go when nothing older can follow: when it is `lag_ms` older than the newest seen. A file is
// read once beforehand to learn its lag; with REORDER_ALL everything is held until the end.
//
// Threading: one task. Memory comes from malloc.
#ifndef VARVE_REORDER_H
#define VARVE_REORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REORDER_ALL INT64_MAX

struct reorder_sample {
    int64_t time_ms;
    uint64_t arrival;
    double value;
    int series;
};

struct reorder {
    struct reorder_sample *heap; // the oldest first
    size_t count, cap;
    uint64_t arrivals;
    int64_t lag_ms;
    int64_t newest_ms;
};

void reorder_init(struct reorder *r, int64_t lag_ms);
void reorder_free(struct reorder *r);

// Returns 0 or VARVE_E_NO_MEMORY.
int reorder_put(struct reorder *r, int64_t time_ms, int series, double value);
// Takes the next sample that is ready; with `all` any. False when there is none.
bool reorder_take(struct reorder *r, bool all, struct reorder_sample *out);

#endif
