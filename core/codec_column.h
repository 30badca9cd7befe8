// SPDX-License-Identifier: Apache-2.0
// Columns as encoder and decoder both see them: scales, references, and the header of a column of
// integers. Inside the codec only; the format is in codec.h.
#ifndef VARVE_CORE_CODEC_COLUMN_H
#define VARVE_CORE_CODEC_COLUMN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VARVE_SCALE_MAX = 6,
    VARVE_SCALE_XOR = 7,  // not integers
    VARVE_ULPS_MAX = 1024 // largest correction that an encoder makes
};

// The columns of cells in the order of the format; points have the one in front.
enum varve_cell_column {
    VARVE_COLUMN_COUNT,
    VARVE_COLUMN_LAST,
    VARVE_COLUMN_MIN,
    VARVE_COLUMN_MAX_OF_CELL,
    VARVE_COLUMN_SUM,
    VARVE_CELL_COLUMNS
};

enum varve_reference {
    VARVE_REFERENCE_NONE,
    VARVE_REFERENCE_LAST,
    VARVE_REFERENCE_LAST_BEFORE,
    VARVE_REFERENCE_MIN,
    VARVE_REFERENCE_MIDRANGE,
    VARVE_REFERENCE_GROWTH,
    VARVE_REFERENCE_DAMAGED
};

// By column and number in the header.
extern const uint8_t varve_references[VARVE_CELL_COLUMNS][4];
extern const double varve_powers_of_ten[VARVE_SCALE_MAX + 1];

enum varve_order {
    VARVE_ORDER_VALUE,
    VARVE_ORDER_DIFFERENCE,
    VARVE_ORDER_SECOND_DIFFERENCE,
    VARVE_ORDER_CONSTANT
};

// The header of one column, as far as it has one.
struct varve_column_code {
    uint8_t scale;     // k, or VARVE_SCALE_XOR
    bool corrected;    // ulps follow each integer
    uint8_t ulps_p;    // q
    uint8_t reference; // number in the header, see varve_references
    uint8_t order;     // enum varve_order
    uint8_t shift;     // s
    bool sparse;
    bool is_unsigned;
    uint8_t p, z;
    uint64_t first, centre;
};

// The window of significant bits that both sides of an XOR column remember.
struct varve_xor_window {
    uint64_t previous; // bits of the row before
    unsigned leading;
    unsigned length; // 0: none yet
};

static inline uint64_t varve_midrange(uint64_t count, uint64_t min, uint64_t max)
{
    return (uint64_t)((int64_t)(count * (min + max)) >> 1);
}

#endif
