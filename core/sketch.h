// SPDX-License-Identifier: Apache-2.0
// Sketches: how many samples were of about which value, so that percentiles of any merged range are
// known within 1 % of the value, in a few hundred bytes (as DDSketch, Masson et al., VLDB 2019).
//
// Values are counted in buckets. The key of a positive value with biased exponent e and fraction f
// of its double (0 <= f < 1) is 1 + 35 e + i, i being the largest whole number with 2^(i/35) - 1 <=
// f, that rounded down to 32 binary digits: a bucket's ends are 2 % apart, and its harmonic mean is
// within 1 % of all that is in it. 0 and -0 have key 0, a negative value the key of its magnitude,
// negated; infinities have the key 71646 and its negative, every NaN -71647: they come first, as in
// Prometheus. Below 2^-1022 the error is 2^-1027 at most, not 1 %.
//
// When there are more buckets than room, the lowest two become one, with the key of the upper: the
// upper percentiles stay right. VARVE_SKETCH_BUCKETS of them span a factor of 6e8 without a gap.
//
// In bytes: varint number of buckets, zigzag varint key of the first less 1, and then for each, in
// the order of keys, varint(2 * (key - key before - 1) + more), and varint(count - 2) if `more` is
// 1 (otherwise the count is 1).
//
// Plain data; any task, each sketch in one at a time.
#ifndef VARVE_CORE_SKETCH_H
#define VARVE_CORE_SKETCH_H

#include "varve/types.h"

#define VARVE_SKETCH_KEY_INF 71646
#define VARVE_SKETCH_KEY_NAN (-(VARVE_SKETCH_KEY_INF + 1))

struct varve_sketch_bucket {
    int32_t key;
    uint32_t count;
};

struct varve_sketch {
    uint32_t used;                                            // buckets
    uint32_t collapsed;                                       // buckets that became part of others
    struct varve_sketch_bucket buckets[VARVE_SKETCH_BUCKETS]; // by key
};

static inline void varve_sketch_clear(struct varve_sketch *sketch)
{
    sketch->used = sketch->collapsed = 0;
}

void varve_sketch_add(struct varve_sketch *sketch, double value);

// Adds what `from` counted; in whatever order sketches are merged, the result is the same as long
// as there is room.
void varve_sketch_merge(struct varve_sketch *into, const struct varve_sketch *from);

// Samples in it.
uint64_t varve_sketch_count(const struct varve_sketch *sketch);

// The quantile q (0 .. 1, else infinite) as Prometheus has it, between the two nearest ranks. NaN
// for none.
double varve_sketch_quantile(const struct varve_sketch *sketch, double q);

// Bytes that the sketch takes.
size_t varve_sketch_size(const struct varve_sketch *sketch);
// Writes it to `out` of at least that many. Returns their number.
size_t varve_sketch_put(uint8_t *out, const struct varve_sketch *sketch);
// Adds a sketch of `bytes` bytes, which may be hostile. Returns 0 or VARVE_E_CORRUPT, and then part
// of it may have been added.
int varve_sketch_get(const uint8_t *in, size_t bytes, struct varve_sketch *into);

#endif
