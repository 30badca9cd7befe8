// SPDX-License-Identifier: Apache-2.0
// The reference workload: 85 resources with three series each - cpu (percent, one decimal), memory
// (a slow random walk in bytes) and disk (a slow counter in bytes) - every 5 s. The same seed gives
// the same samples.
#ifndef VARVE_BENCH_WORKLOAD_H
#define VARVE_BENCH_WORKLOAD_H

#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_RESOURCES 85u
#define WORKLOAD_SERIES    (3u * WORKLOAD_RESOURCES)
#define WORKLOAD_STEP_MS   5000

struct workload {
    uint64_t random;
    double cpu[WORKLOAD_RESOURCES];
    double memory[WORKLOAD_RESOURCES];
    double disk[WORKLOAD_RESOURCES];
};

void workload_init(struct workload *w, uint64_t seed);

// The text form of series 0 .. WORKLOAD_SERIES - 1; returns 1 for counters, 0 for gauges.
int workload_series(size_t index, char *buf, size_t cap);

// The next value of every series.
void workload_next(struct workload *w, double values[WORKLOAD_SERIES]);

#endif
