// SPDX-License-Identifier: Apache-2.0
// The encoder's view of a column: doubles (or counts) in an array of structs, read as scaled
// integers that are computed anew at every look, and the encoder's choices about them.
//
// Stateless; any context. Inside the codec only; the format is in codec.h.
#ifndef VARVE_CORE_CODEC_INTS_H
#define VARVE_CORE_CODEC_INTS_H

#include <string.h>

#include "bytes.h"
#include "codec_column.h"

struct varve_ints {
    const uint8_t *first; // the field in the first struct
    size_t stride;        // bytes from struct to struct
    size_t n;
    double scale;                  // 10^k
    double half;                   // what rounds: 0.5, or 0 where k is 0
    bool is_u32;                   // uint32_t instead of double
    uint8_t reference;             // enum varve_reference
    const struct varve_ints *cell; // all columns, for the reference
    const uint64_t *coded;         // what varve_coded_at() returns, by row, or NULL
};

static inline double varve_double_at(const struct varve_ints *c, size_t i)
{
    double value;
    memcpy(&value, c->first + i * c->stride, sizeof value);
    return value;
}

static inline uint64_t varve_double_bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// The nearest integer to value * 10^k, halves away from zero. The value is within the scale's
// range.
static inline int64_t varve_scaled(double value, double scale, double half)
{
    double scaled = value * scale;
    double rounding = value < 0 ? -half : half;
    return (int64_t)(scaled + rounding);
}

static inline uint64_t varve_int_at(const struct varve_ints *c, size_t i)
{
    if (!c->is_u32) {
        return (uint64_t)varve_scaled(varve_double_at(c, i), c->scale, c->half);
    }
    uint32_t count;
    memcpy(&count, c->first + i * c->stride, sizeof count);
    return count;
}

uint64_t varve_referred_at(const struct varve_ints *c, size_t i);

// The integer less its reference: what the body of the column codes.
static inline uint64_t varve_coded_at(const struct varve_ints *c, size_t i)
{
    if (c->coded != NULL) {
        return c->coded[i];
    }
    uint64_t m = varve_int_at(c, i);
    return c->reference == VARVE_REFERENCE_NONE ? m : m - varve_referred_at(c, i);
}

// Goes along the column.
struct varve_walk {
    uint64_t d, step; // of the row before
};

// The residual of row i as an unsigned integer, by a code whose order is not constant.
static inline uint64_t varve_residual_at(const struct varve_ints *c,
                                         const struct varve_column_code *code, size_t i,
                                         struct varve_walk *walk)
{
    uint64_t d = (uint64_t)((int64_t)(varve_coded_at(c, i) - code->first) >> code->shift);
    uint64_t step = d - walk->d;
    uint64_t r = step - code->centre;
    if (code->order == VARVE_ORDER_VALUE) {
        r = d;
    } else if (code->order == VARVE_ORDER_SECOND_DIFFERENCE) {
        r = step - walk->step;
    }
    *walk = (struct varve_walk){.d = d, .step = step};
    return code->is_unsigned ? r : varve_zigzag((int64_t)r);
}

// Before the first row that has a residual.
static inline struct varve_walk varve_walk_start(const struct varve_column_code *code)
{
    return (struct varve_walk){.d = 0, .step = code->centre};
}

static inline size_t varve_first_residual(const struct varve_column_code *code)
{
    return code->order == VARVE_ORDER_VALUE ? 0 : 1;
}

// Looks at doubles at scale k.
void varve_ints_set_scale(struct varve_ints *c, unsigned k);
// The smallest scale from `k` on at which all values are integers but for corrections of at most
// `ulps`, or VARVE_SCALE_XOR.
unsigned varve_ints_find_scale(const struct varve_ints *c, unsigned k, int64_t ulps);
// The correction of row i.
int64_t varve_ints_ulps(const struct varve_ints *c, size_t i);
// Fills in `corrected` and q.
void varve_ints_plan_ulps(const struct varve_ints *c, struct varve_column_code *code);
// Fills in the body of the header: the cheapest of the orders, by the bits they cost.
void varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code);
// Roughly how many bits the column takes; to compare references.
uint64_t varve_ints_estimate(const struct varve_ints *c);

#endif
