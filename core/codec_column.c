// SPDX-License-Identifier: Apache-2.0
// What is shared by the column codec's files; see codec_column.h, bits.h and codec.h.
#include "codec_column.h"

#include <float.h>

#include "bits.h"

// Scaled integers are divided in double arithmetic on every machine, or not at all: an encoder with
// wider intermediate results would believe in decimals that other machines do not reproduce.
#if FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1
#error "the codec needs doubles that are rounded to double: on x86, -msse2 -mfpmath=sse"
#endif

const uint8_t varve_number_bits[16] = {0, 2, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 33, 38, 48, 64};

const double varve_powers_of_ten[VARVE_SCALE_MAX + 1] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

#define NONE    VARVE_REFERENCE_NONE
#define DAMAGED VARVE_REFERENCE_DAMAGED

const uint8_t varve_references[VARVE_CELL_COLUMNS][4] = {
    [VARVE_COLUMN_COUNT] = {NONE, DAMAGED, DAMAGED, DAMAGED},
    [VARVE_COLUMN_LAST] = {NONE, DAMAGED, DAMAGED, DAMAGED},
    [VARVE_COLUMN_MIN] = {NONE, VARVE_REFERENCE_LAST, VARVE_REFERENCE_LAST_BEFORE, DAMAGED},
    [VARVE_COLUMN_MAX_OF_CELL] = {NONE, VARVE_REFERENCE_LAST, VARVE_REFERENCE_MIN, DAMAGED},
    [VARVE_COLUMN_SUM] = {NONE, VARVE_REFERENCE_MIDRANGE, VARVE_REFERENCE_GROWTH, DAMAGED},
};

uint64_t varve_get_rice_slowly(struct varve_bit_reader *r, unsigned p)
{
    varve_refill_bits(r);
    unsigned ones = (unsigned)__builtin_clzll(~r->acc | 1);
    if (ones >= VARVE_RICE_ESCAPE) {
        (void)varve_get_bits(r, VARVE_RICE_ESCAPE); // the ones themselves
        unsigned length = (unsigned)varve_get_bits(r, 6) + 1;
        return varve_get_long_bits(r, length);
    }
    if (r->have < ones + 1) {
        r->broken = true;
        return 0;
    }
    r->acc <<= ones + 1;
    r->have -= ones + 1;
    return (uint64_t)ones << p | varve_get_long_bits(r, p);
}
