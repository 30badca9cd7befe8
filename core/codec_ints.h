// SPDX-License-Identifier: Apache-2.0
// The encoder's view of a column: doubles (or counts) in an array of structs, read as scaled
// integers, and the encoder's choices about them.
//
// Columns are looked at in pieces of VARVE_CODEC_ROWS rows. The integers of a column that is no
// longer than one piece are kept by the caller; those of a longer one are computed anew at every
// look.
//
// Stateless; any context. Inside the codec only; the format is in codec.h.
#ifndef VARVE_CORE_CODEC_INTS_H
#define VARVE_CORE_CODEC_INTS_H

#include <math.h>
#include <string.h>

#include "bytes.h"
#include "codec_column.h"
#include "varve/block.h"
#include "varve/limits.h"

// Whether there is no search for codes (core/without/codec_search.c), for less program at the cost
// of time: codes are dense, with a sign, without shift and centre, and integers are computed anew
// at every look.
#ifdef VARVE_WITHOUT_CODEC_SEARCH
#define VARVE_CODEC_PLAIN 1
#else
#define VARVE_CODEC_PLAIN 0
#endif

struct varve_ints {
    const uint8_t *first; // the field in the first struct
    size_t stride;        // bytes from struct to struct
    size_t n;
    double scale;                  // 10^k
    double half;                   // what rounds: 0.5, or 0 where k is 0
    bool is_u32;                   // uint32_t instead of double
    uint8_t reference;             // enum varve_reference
    const struct varve_ints *cell; // all columns, for the reference
    const int64_t *kept;           // the integers without reference, by row, or NULL
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
    double rounding = copysign(half, value);
    return (int64_t)(scaled + rounding);
}

// Goes along the column.
struct varve_walk {
    uint64_t d, step; // of the row before
};

// The residual of a row as an unsigned integer, by a code whose order is not constant; `coded` is
// the row's integer less its reference.
static inline uint64_t varve_residual(uint64_t coded, const struct varve_column_code *code,
                                      struct varve_walk *walk)
{
    uint64_t d = coded - code->first;
    d = VARVE_CODEC_PLAIN ? d : (uint64_t)((int64_t)d >> code->shift);
    uint64_t step = d - walk->d;
    uint64_t r = VARVE_CODEC_PLAIN ? step : step - code->centre;
    if (code->order == VARVE_ORDER_VALUE) {
        r = d;
    } else if (code->order == VARVE_ORDER_SECOND_DIFFERENCE) {
        r = step - walk->step;
    }
    *walk = (struct varve_walk){.d = d, .step = step};
    return !VARVE_CODEC_PLAIN && code->is_unsigned ? r : varve_zigzag((int64_t)r);
}

// Before the first row that has a residual.
static inline struct varve_walk varve_walk_start(const struct varve_column_code *code)
{
    return (struct varve_walk){.d = 0, .step = code->centre};
}

// Looks at doubles at scale k.
void varve_ints_set_scale(struct varve_ints *c, unsigned k);
// The smallest scale from `k` on at which all values are integers but for corrections of at most
// `ulps`, or VARVE_SCALE_XOR. Unless there may be corrections, `room` for c->n integers, or NULL,
// gets them, and *filled says whether it has them all.
unsigned varve_ints_find_scale(const struct varve_ints *c, unsigned k, int64_t ulps, int64_t *room,
                               bool *filled);
// The correction of row i.
int64_t varve_ints_ulps(const struct varve_ints *c, size_t i);
// Fills in `corrected` and q.
void varve_ints_plan_ulps(const struct varve_ints *c, struct varve_column_code *code);

// Computes the integers of a column of at most VARVE_CODEC_ROWS rows for good.
void varve_ints_keep(struct varve_ints *c, int64_t *kept);
// The integers of rows [at, at + count) less their reference: what the body codes. They are in
// `out`, or where they are kept.
const int64_t *varve_ints_coded(const struct varve_ints *c, size_t at, size_t count, int64_t *out);

// Roughly how many bits the column takes; to compare references.
uint64_t varve_ints_estimate(const struct varve_ints *c);

// Fills in the body of the header: the cheapest code that is found. Returns the bits it costs, or
// about that. *found is what to remember of it, but for the reference.
uint64_t varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code,
                         struct varve_code_hint *found);
// The same by what was remembered (hint NULL: nothing). False, and the code is as it was: the
// column is not like the one before, or it is time to search again. `residuals`, or NULL, has room
// for those of a column that is one piece; *taken says whether they are there. It may be where the
// integers are kept.
bool varve_ints_plan_again(const struct varve_ints *c, struct varve_column_code *code,
                           struct varve_code_hint *hint, uint64_t *residuals, bool *taken);

#endif
