// SPDX-License-Identifier: Apache-2.0
// Random numbers for tests: a new seed for each run, printed, and taken from VARVE_SEED instead
// when that is set, so that a failure can be repeated. The generator is SplitMix64 (Steele, Lea,
// Flood, OOPSLA 2014). One task.
#ifndef VARVE_TESTS_RANDOM_H
#define VARVE_TESTS_RANDOM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct test_random {
    uint64_t state;
};

static inline uint64_t random_bits(struct test_random *r)
{
    uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// A generator for the test `name`, whose seed is printed.
static inline struct test_random random_start(const char *name)
{
    const char *wanted = getenv("VARVE_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct test_random r = {.state = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30};
    uint64_t seed = wanted != NULL ? strtoull(wanted, NULL, 0) : random_bits(&r) >> 32;
    printf("%s: VARVE_SEED=%llu\n", name, (unsigned long long)seed);
    return (struct test_random){.state = seed};
}

// 0 .. limit - 1; limit > 0.
static inline uint32_t random_below(struct test_random *r, uint32_t limit)
{
    return (uint32_t)((random_bits(r) >> 32) * limit >> 32);
}

// low .. high, both included.
static inline int64_t random_between(struct test_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(random_bits(r) % (uint64_t)(high - low + 1));
}

static inline double double_of_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint64_t bits_of_double(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

#endif
