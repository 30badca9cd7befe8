// SPDX-License-Identifier: Apache-2.0
// The reference workload; see workload.h.
#include "workload.h"

#include <math.h>
#include <stdio.h>

uint64_t workload_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double uniform(struct workload *w)
{
    return (double)(workload_random(&w->random) >> 11) / 9007199254740992.0;
}

void workload_init(struct workload *w, uint64_t seed)
{
    workload_init_size(w, seed, WORKLOAD_RESOURCES);
    w->bounded = false;
}

void workload_init_size(struct workload *w, uint64_t seed, size_t resources)
{
    w->random = seed;
    w->resources = resources;
    w->bounded = true;
    for (size_t r = 0; r < resources; r++) {
        w->cpu[r] = 5 + 40 * uniform(w);
        w->memory[r] = floor(64e6 + 4e9 * uniform(w));
        w->disk[r] = floor(1e9 * uniform(w));
    }
}

int workload_series(size_t index, char *buf, size_t cap)
{
    static const char *const names[] = {"cpu_percent", "memory_bytes", "disk_bytes_total"};
    (void)snprintf(buf, cap, "%s{resource=\"r%02zu\"}", names[index % 3], index / 3);
    return index % 3 == 2;
}

static double turned_back(double mean)
{
    if (mean < 0) {
        return -mean;
    }
    return mean > 100 ? 200 - mean : mean;
}

void workload_next(struct workload *w, double *values)
{
    for (size_t r = 0; r < w->resources; r++) {
        double cpu = w->cpu[r] + 8 * (uniform(w) - 0.5);
        w->cpu[r] += 0.4 * (uniform(w) - 0.5);
        w->cpu[r] = w->bounded ? turned_back(w->cpu[r]) : w->cpu[r];
        if (uniform(w) < 0.4) {
            w->memory[r] += 4096 * floor(9 * uniform(w) - 4);
        }
        if (uniform(w) < 0.3) {
            w->disk[r] += 512 * floor(16 * uniform(w));
        }
        values[3 * r] = round(10 * fmin(fmax(cpu, 0), 100)) / 10;
        values[3 * r + 1] = w->memory[r];
        values[3 * r + 2] = w->disk[r];
    }
}
