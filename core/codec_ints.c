// SPDX-License-Identifier: Apache-2.0
// Doubles as scaled integers; see codec_ints.h.
#include "codec_ints.h"

#include "bits.h"

// 2^62 for integers. For decimals m stays below 2^50, so that value * 10^k, with the errors of the
// value and of the product, is within a quarter of m and rounds to it: a value that is a decimal at
// one scale then is one at every finer scale within the range.
static double range_of(unsigned k)
{
    return k == 0 ? 4611686018427387904.0 : 1125899906842624.0 / varve_powers_of_ten[k];
}

void varve_ints_set_scale(struct varve_ints *c, unsigned k)
{
    c->scale = varve_powers_of_ten[k];
    c->half = k == 0 ? 0 : 0.5;
}

uint64_t varve_referred_at(const struct varve_ints *c, size_t i)
{
    const struct varve_ints *cell = c->cell;
    size_t before = i > 0 ? i - 1 : 0;
    switch (c->reference) {
    case VARVE_REFERENCE_LAST:
        return varve_int_at(&cell[VARVE_COLUMN_LAST], i);
    case VARVE_REFERENCE_LAST_BEFORE:
        return varve_int_at(&cell[VARVE_COLUMN_LAST], before);
    case VARVE_REFERENCE_MIN:
        return varve_int_at(&cell[VARVE_COLUMN_MIN], i);
    case VARVE_REFERENCE_MIDRANGE:
        return varve_midrange(varve_int_at(&cell[VARVE_COLUMN_COUNT], i),
                              varve_int_at(&cell[VARVE_COLUMN_MIN], i),
                              varve_int_at(&cell[VARVE_COLUMN_MAX_OF_CELL], i));
    case VARVE_REFERENCE_GROWTH:
        return i == 0 ? varve_int_at(&cell[VARVE_COLUMN_MAX_OF_CELL], i) -
                            varve_int_at(&cell[VARVE_COLUMN_MIN], i)
                      : varve_int_at(&cell[VARVE_COLUMN_LAST], i) -
                            varve_int_at(&cell[VARVE_COLUMN_LAST], before);
    default:
        return 0;
    }
}

static int64_t ulps_between(double value, double scale, double half)
{
    double near = (double)varve_scaled(value, scale, half) / scale;
    return (int64_t)(varve_double_bits(value) - varve_double_bits(near));
}

int64_t varve_ints_ulps(const struct varve_ints *c, size_t i)
{
    return ulps_between(varve_double_at(c, i), c->scale, c->half);
}

// The comparisons are false for a NaN.
static bool fits(double value, unsigned k, int64_t ulps)
{
    double range = range_of(k);
    if (!(value > -range && value < range)) {
        return false;
    }
    int64_t off = ulps_between(value, varve_powers_of_ten[k], k == 0 ? 0 : 0.5);
    return off >= -ulps && off <= ulps;
}

// The values already seen need not be looked at again when the scale grows, as long as they stay in
// range.
unsigned varve_ints_find_scale(const struct varve_ints *c, unsigned k, int64_t ulps)
{
    double largest = 0;
    for (size_t i = 0; i < c->n; i++) {
        double value = varve_double_at(c, i);
        while (!fits(value, k, ulps)) {
            if (k++ == VARVE_SCALE_MAX) {
                return VARVE_SCALE_XOR;
            }
        }
        double size = value < 0 ? -value : value;
        largest = size > largest ? size : largest;
    }
    return largest < range_of(k) ? k : VARVE_SCALE_XOR;
}

void varve_ints_plan_ulps(const struct varve_ints *c, struct varve_column_code *code)
{
    uint64_t sum = 0, n = 0;
    for (; n < c->n; n++) {
        sum += varve_zigzag(varve_ints_ulps(c, n));
    }
    code->corrected = sum != 0;
    // The parameter of a geometric distribution with this mean.
    uint64_t mean = n > 0 ? (sum + n / 2) / n : 0;
    code->ulps_p = (uint8_t)(mean < 2 ? 0 : varve_bit_length(mean) - 1);
}

uint64_t varve_ints_estimate(const struct varve_ints *c)
{
    uint64_t first = varve_coded_at(c, 0), before = first, values = 0, differences = 0;
    for (size_t i = 1; i < c->n; i++) {
        uint64_t x = varve_coded_at(c, i);
        values += varve_bit_length(varve_zigzag((int64_t)(x - first)));
        differences += varve_bit_length(varve_zigzag((int64_t)(x - before)));
        before = x;
    }
    return varve_number_cost(first) + (values < differences ? values : differences);
}
