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

static int64_t ulps_between(double value, double scale, double half)
{
    double near = (double)varve_scaled(value, scale, half) / scale;
    return (int64_t)(varve_double_bits(value) - varve_double_bits(near));
}

int64_t varve_ints_ulps(const struct varve_ints *c, size_t i)
{
    return ulps_between(varve_double_at(c, i), c->scale, c->half);
}

// ---- scales -------------------------------------------------------------------------------------

// Where the search for a scale is.
struct search {
    const struct varve_ints *ints;
    size_t i;      // the first row that has not been seen to fit
    int64_t *room; // for the integers of all rows, or NULL
};

// What is read of the column is at hand in the loops below: they write integers, which the compiler
// cannot tell from the column's own fields.
static double double_in(const uint8_t *field)
{
    double value;
    memcpy(&value, field, sizeof value);
    return value;
}

// Goes on to the first row that is not an integer. Comparisons are false for a NaN.
static void skip_whole(struct search *s)
{
    const struct varve_ints *c = s->ints;
    const uint8_t *field = c->first + s->i * c->stride, *end = c->first + c->n * c->stride;
    int64_t none = 0, *room = s->room != NULL ? s->room + s->i : &none;
    size_t stride = c->stride, step = s->room != NULL;
    double range = range_of(0);
    for (; field != end; field += stride, room += step) {
        double value = double_in(field);
        if (!(fabs(value) < range)) {
            break;
        }
        int64_t m = (int64_t)value;
        if (varve_double_bits((double)m) != varve_double_bits(value)) {
            break;
        }
        *room = m;
    }
    s->i = (size_t)(field - c->first) / stride;
}

// To the first that is no decimal of scale k.
static void skip_decimals(struct search *s, unsigned k)
{
    const struct varve_ints *c = s->ints;
    const uint8_t *field = c->first + s->i * c->stride, *end = c->first + c->n * c->stride;
    int64_t none = 0, *room = s->room != NULL ? s->room + s->i : &none;
    size_t stride = c->stride, step = s->room != NULL;
    double range = range_of(k), scale = varve_powers_of_ten[k];
    for (; field != end; field += stride, room += step) {
        double value = double_in(field);
        if (!(fabs(value) < range)) {
            break;
        }
        int64_t m = varve_scaled(value, scale, 0.5);
        if (varve_double_bits((double)m / scale) != varve_double_bits(value)) {
            break;
        }
        *room = m;
    }
    s->i = (size_t)(field - c->first) / stride;
}

static bool is_near(double value, unsigned k, int64_t ulps)
{
    if (!(fabs(value) < range_of(k))) {
        return false;
    }
    int64_t off = ulps_between(value, varve_powers_of_ten[k], k == 0 ? 0 : 0.5);
    return off >= -ulps && off <= ulps;
}

// To the first that misses one by more than so many ulps.
static void skip_near(struct search *s, unsigned k, int64_t ulps)
{
    for (; s->i < s->ints->n; s->i++) {
        double value = varve_double_at(s->ints, s->i);
        if (!is_near(value, k, ulps)) {
            return;
        }
    }
}

// Whether the first `count` values are.
static bool are_in_range(const struct varve_ints *c, size_t count, unsigned k)
{
    double range = range_of(k);
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        all &= fabs(varve_double_at(c, i)) < range;
    }
    return all;
}

// The values already seen need not be looked at again when the scale grows, as long as they stay in
// range.
unsigned varve_ints_find_scale(const struct varve_ints *c, unsigned k, int64_t ulps, int64_t *room,
                               bool *filled)
{
    struct search s = {.ints = c, .room = room};
    for (;; k++) {
        size_t coarser = s.i; // rows that were seen to fit at another scale
        *filled = !VARVE_CODEC_PLAIN && coarser == 0 && room != NULL && ulps == 0;
        if (ulps != 0 || VARVE_CODEC_PLAIN) {
            skip_near(&s, k, ulps);
        } else if (k == 0) {
            skip_whole(&s);
        } else {
            skip_decimals(&s, k);
        }
        if (s.i == c->n) {
            return are_in_range(c, coarser, k) ? k : VARVE_SCALE_XOR;
        }
        if (k == VARVE_SCALE_MAX) {
            return VARVE_SCALE_XOR;
        }
    }
}

void varve_ints_plan_ulps(const struct varve_ints *c, struct varve_column_code *code)
{
    uint64_t sum = 0;
    size_t n = 0;
    for (; n < c->n; n++) {
        sum += varve_zigzag(varve_ints_ulps(c, n));
    }
    code->corrected = sum != 0;
    // The parameter of a geometric distribution with this mean.
    uint64_t mean = n > 0 ? (sum + n / 2) / n : 0;
    code->ulps_p = (uint8_t)(mean < 2 ? 0 : varve_bit_length(mean) - 1);
}

// ---- integers -----------------------------------------------------------------------------------

static void load_counts(const struct varve_ints *c, size_t at, size_t count, int64_t *out)
{
    const uint8_t *field = c->first + at * c->stride;
    for (size_t i = 0; i < count; i++, field += c->stride) {
        uint32_t value;
        memcpy(&value, field, sizeof value);
        out[i] = value;
    }
}

static void load_doubles(const struct varve_ints *c, size_t at, size_t count, int64_t *out)
{
    const uint8_t *field = c->first + at * c->stride;
    double scale = c->scale, half = c->half;
    for (size_t i = 0; i < count; i++, field += c->stride) {
        double value;
        memcpy(&value, field, sizeof value);
        out[i] = varve_scaled(value, scale, half);
    }
}

static void load(const struct varve_ints *c, size_t at, size_t count, int64_t *out)
{
    if (c->is_u32) {
        load_counts(c, at, count, out);
    } else {
        load_doubles(c, at, count, out);
    }
}

void varve_ints_keep(struct varve_ints *c, int64_t *kept)
{
    load(c, 0, c->n, kept);
    c->kept = kept;
}

static uint64_t int_at(const struct varve_ints *c, size_t i)
{
    int64_t m;
    load(c, i, 1, &m);
    return (uint64_t)m;
}

static uint64_t referred_at(const struct varve_ints *cell, uint8_t reference, size_t i)
{
    size_t before = i > 0 ? i - 1 : 0;
    switch (reference) {
    case VARVE_REFERENCE_LAST:
        return int_at(&cell[VARVE_COLUMN_LAST], i);
    case VARVE_REFERENCE_LAST_BEFORE:
        return int_at(&cell[VARVE_COLUMN_LAST], before);
    case VARVE_REFERENCE_MIN:
        return int_at(&cell[VARVE_COLUMN_MIN], i);
    case VARVE_REFERENCE_MIDRANGE:
        return varve_midrange(int_at(&cell[VARVE_COLUMN_COUNT], i),
                              int_at(&cell[VARVE_COLUMN_MIN], i),
                              int_at(&cell[VARVE_COLUMN_MAX_OF_CELL], i));
    case VARVE_REFERENCE_GROWTH:
        return i == 0
                   ? int_at(&cell[VARVE_COLUMN_MAX_OF_CELL], i) - int_at(&cell[VARVE_COLUMN_MIN], i)
                   : int_at(&cell[VARVE_COLUMN_LAST], i) - int_at(&cell[VARVE_COLUMN_LAST], before);
    default:
        return 0;
    }
}

static uint64_t growth(const int64_t *last, const int64_t *min, const int64_t *max, size_t i)
{
    return i == 0 ? (uint64_t)max[0] - (uint64_t)min[0] : (uint64_t)last[i] - (uint64_t)last[i - 1];
}

// The references of rows that are kept, in plain loops: they are asked for most.
static void subtract_kept(const struct varve_ints *c, size_t at, size_t count, int64_t *out)
{
    const int64_t *n = c->cell[VARVE_COLUMN_COUNT].kept, *last = c->cell[VARVE_COLUMN_LAST].kept;
    const int64_t *min = c->cell[VARVE_COLUMN_MIN].kept;
    const int64_t *max = c->cell[VARVE_COLUMN_MAX_OF_CELL].kept, *own = c->kept;
    size_t end = at + count;
    for (size_t i = at; c->reference == VARVE_REFERENCE_LAST && i < end; i++) {
        *out++ = (int64_t)((uint64_t)own[i] - (uint64_t)last[i]);
    }
    for (size_t i = at; c->reference == VARVE_REFERENCE_LAST_BEFORE && i < end; i++) {
        *out++ = (int64_t)((uint64_t)own[i] - (uint64_t)last[i > 0 ? i - 1 : 0]);
    }
    for (size_t i = at; c->reference == VARVE_REFERENCE_MIN && i < end; i++) {
        *out++ = (int64_t)((uint64_t)own[i] - (uint64_t)min[i]);
    }
    for (size_t i = at; c->reference == VARVE_REFERENCE_MIDRANGE && i < end; i++) {
        *out++ = (int64_t)((uint64_t)own[i] -
                           varve_midrange((uint64_t)n[i], (uint64_t)min[i], (uint64_t)max[i]));
    }
    for (size_t i = at; c->reference == VARVE_REFERENCE_GROWTH && i < end; i++) {
        *out++ = (int64_t)((uint64_t)own[i] - growth(last, min, max, i));
    }
}

const int64_t *varve_ints_coded(const struct varve_ints *c, size_t at, size_t count, int64_t *out)
{
    const bool kept = !VARVE_CODEC_PLAIN && c->kept != NULL;
    if (kept && c->reference == VARVE_REFERENCE_NONE) {
        return c->kept + at;
    }
    if (kept) {
        subtract_kept(c, at, count, out);
        return out;
    }
    load(c, at, count, out);
    for (size_t i = 0; c->reference != VARVE_REFERENCE_NONE && i < count; i++) {
        out[i] = (int64_t)((uint64_t)out[i] - referred_at(c->cell, c->reference, at + i));
    }
    return out;
}

// Rows that an estimate is made from.
#define ESTIMATE_ROWS 24u

// As long as all values, or all differences, less that of row 0; by some rows in the middle.
uint64_t varve_ints_estimate(const struct varve_ints *c)
{
    int64_t buffer[ESTIMATE_ROWS] = {0};
    size_t count = c->n < ESTIMATE_ROWS ? c->n : ESTIMATE_ROWS;
    if (count == 0) {
        return 0;
    }
    const int64_t *m = varve_ints_coded(c, (c->n - count) / 2, count, buffer);
    uint64_t first = (uint64_t)m[0], before = first, values = 0, differences = 0;
    for (size_t i = 1; i < count; i++) {
        uint64_t x = (uint64_t)m[i];
        values += varve_bit_length(varve_zigzag((int64_t)(x - first)));
        differences += varve_bit_length(varve_zigzag((int64_t)(x - before)));
        before = x;
    }
    uint64_t least = values < differences ? values : differences;
    return varve_number_cost(first) + least * c->n / count;
}
