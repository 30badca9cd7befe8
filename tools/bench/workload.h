// SPDX-License-Identifier: Apache-2.0
// The reference workload: 85 resources with three series each - cpu (percent, one decimal), memory
// (a slow random walk in bytes) and disk (a slow counter in bytes) - every 5 s. The same seed gives
// the same samples. Other numbers of resources give workloads of the same kind.
#ifndef VARVE_BENCH_WORKLOAD_H
#define VARVE_BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKLOAD_RESOURCES 85u
#define WORKLOAD_SERIES    (3u * WORKLOAD_RESOURCES)
#define WORKLOAD_STEP_MS   5000
// Most resources that a workload can have.
#define WORKLOAD_RESOURCES_MAX 1366u

struct workload {
    uint64_t random;
    size_t resources;
    bool bounded; // see workload_init_size()
    double cpu[WORKLOAD_RESOURCES_MAX];
    double memory[WORKLOAD_RESOURCES_MAX];
    double disk[WORKLOAD_RESOURCES_MAX];
};

// The next number of splitmix64 (Steele, Lea, Flood 2014).
uint64_t workload_random(uint64_t *state);

// WORKLOAD_RESOURCES resources.
void workload_init(struct workload *w, uint64_t seed);
// 1 .. WORKLOAD_RESOURCES_MAX resources, for any length of time: the mean of the cpu series turns
// back at 0 and 100. Without that it wanders off after some days, and values stick at the limit: a
// year would look cheaper than it is.
void workload_init_size(struct workload *w, uint64_t seed, size_t resources);

// The text form of series 0 .. 3 * resources - 1; returns 1 for counters, 0 for gauges.
int workload_series(size_t index, char *buf, size_t cap);

// The next value of every series: 3 * resources of them.
void workload_next(struct workload *w, double *values);

#endif
