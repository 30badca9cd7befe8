// SPDX-License-Identifier: Apache-2.0
// A column in small integers, for choosing its code: values, steps and bends (differences of steps)
// in 32 bits each, whatever they are in the column, so that a choice takes a few plain passes over
// short arrays, which compilers turn into vector code.
//
// What the rows have in common is taken off: row 0, and a power of two. If values or steps still
// need more than VARVE_VIEW_BITS, a typical one is taken off, low bits that do not matter are
// dropped, and outliers saturate: the choice may then be off, but the code is exact whatever it is.
//
// Stateless; any context. Inside the codec only.
#ifndef VARVE_CORE_CODEC_VIEW_H
#define VARVE_CORE_CODEC_VIEW_H

#include "codec_ints.h"

// Entries are within +-2^VARVE_VIEW_BITS, steps and bends within two and four times that.
#define VARVE_VIEW_BITS 22u

// Entries are looked at in vectors of so many; the last one is repeated as often behind it.
#define VARVE_LANES     4u
#define VARVE_VIEW_ROOM (VARVE_CODEC_ROWS + VARVE_LANES)

_Static_assert(VARVE_CODEC_ROWS % VARVE_LANES == 0 && VARVE_CODEC_ROWS <= 64, "see limits.h");

// A compiler's vector: plain registers where the machine has no others.
typedef uint32_t varve_lanes __attribute__((vector_size(VARVE_LANES * sizeof(uint32_t))));
typedef int32_t varve_signed_lanes __attribute__((vector_size(VARVE_LANES * sizeof(int32_t))));
// The same of the integers themselves.
typedef uint64_t varve_wide_lanes __attribute__((vector_size(VARVE_LANES * sizeof(uint64_t))));

static inline varve_lanes varve_lanes_at(const void *p)
{
    varve_lanes lanes;
    memcpy(&lanes, p, sizeof lanes);
    return lanes;
}

// How many of `count` entries in whole vectors are repeated ones.
static inline uint32_t varve_lanes_surplus(size_t count)
{
    return (uint32_t)(0 - count) % VARVE_LANES;
}

static inline uint32_t varve_lanes_sum(varve_lanes lanes)
{
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

enum varve_view_kind {
    VARVE_VIEW_VALUES,
    VARVE_VIEW_STEPS, // from row 1 on
    VARVE_VIEW_BENDS, // from row 1 on, where it is 0
    VARVE_VIEW_KINDS
};

// What an entry means: base + (entry << drop), after the shift that is common to all rows.
struct varve_lens {
    uint64_t base;
    unsigned drop;
};

struct varve_view {
    const struct varve_ints *ints;
    const int64_t *coded; // the integers of a column that is one piece, or NULL
    uint64_t first;       // row 0
    unsigned shift;       // of all rows less row 0
    bool wide;            // the lenses are needed
    bool bends;           // and the bends
    struct varve_lens value, step;
    size_t at, count;        // rows of the piece that is in the arrays; count 0: none is
    int32_t before, stepped; // value and step of the row before the piece
    int32_t entries[VARVE_VIEW_KINDS][VARVE_VIEW_ROOM];
    int64_t buffer[VARVE_CODEC_ROWS];
};

// False for a constant column. Without `bends` the array of these stays empty.
bool varve_view_open(struct varve_view *view, const struct varve_ints *ints, bool bends);
// Fills the arrays from row `at` on, a multiple of VARVE_CODEC_ROWS. Pieces are taken in order.
void varve_view_take(struct varve_view *view, size_t at);
// The median of a few evenly spread rows' values or steps, after the shift.
uint64_t varve_view_typical(const struct varve_view *view, bool steps);
// The first step, after the shift.
uint64_t varve_view_opening(const struct varve_view *view);

// Entries of a kind in the piece.
static inline size_t varve_view_count(const struct varve_view *view, enum varve_view_kind kind)
{
    return view->count - (kind != VARVE_VIEW_VALUES && view->at == 0);
}

// How many entries of the piece are equal to this one.
size_t varve_view_equal(const struct varve_view *view, enum varve_view_kind kind, int32_t entry);

#endif
