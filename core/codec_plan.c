// SPDX-License-Identifier: Apache-2.0
// The choice of a column's code: three looks at the integers. The first finds what they have in
// common: a power of two, a mean, a usual value. The second adds up, for each of a few candidates,
// how long the residuals are, which tells the likely ones and two Rice parameters to try for each;
// unlike a sum of the residuals, it is not led astray by a few outliers. The third adds up the
// exact cost of the likely ones, and the cheapest is taken. See codec_ints.h.
//
// Stateless; any context.
#include <stdbool.h>
#include <stddef.h>

#include "bits.h"
#include "codec_ints.h"

enum candidate {
    MEAN_VALUE,        // dense residuals about the mean
    USUAL_VALUE,       // sparse ones about the most frequent value
    MEAN_DIFFERENCE,   // dense ones about the mean slope
    LEAST_DIFFERENCE,  // dense, unsigned: busy counters
    USUAL_DIFFERENCE,  // sparse: idle counters, ramps, steps
    SECOND_DIFFERENCE, // dense
    CANDIDATES
};

// Columns up to this length are kept on the stack while they are looked at.
#define KEPT_ROWS 64u
// Rows that are looked at for a typical value.
#define SAMPLE_ROWS 9u

// What the residuals of all candidates are taken from; all after the shift.
struct survey {
    uint64_t first;
    unsigned shift;
    uint64_t mean, usual;            // of the values, less the first: typical, most frequent
    uint64_t slope, least, stepping; // of the differences: typical, minimum, most frequent
    uint64_t opening;                // the first difference
    bool rising;                     // no difference is less than the most frequent one
    bool has_usual[CANDIDATES];      // of the sparse candidates: the usual one is usual indeed
};

// Boyer-Moore majority vote.
struct vote {
    uint64_t best;
    uint32_t lead;
};

static inline void cast_vote(struct vote *vote, uint64_t x)
{
    vote->best = vote->lead == 0 ? x : vote->best;
    vote->lead += vote->best == x ? 1 : UINT32_MAX;
}

static uint64_t shifted(uint64_t x, unsigned shift)
{
    return (uint64_t)((int64_t)x >> shift);
}

static int64_t coded_less_first(const struct varve_ints *c, const struct survey *s, size_t i)
{
    return (int64_t)shifted(varve_coded_at(c, i) - s->first, s->shift);
}

static void sort(int64_t *values, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        int64_t value = values[i];
        size_t at = i;
        for (; at > 0 && values[at - 1] > value; at--) {
            values[at] = values[at - 1];
        }
        values[at] = value;
    }
}

// The mean of the middle third of a few evenly spread rows' values, or, from row 1 on, differences
// from the row before: unlike the mean of all, no outlier or reset leads it astray. It may be off;
// then the code is longer, and no more.
static uint64_t typical(const struct varve_ints *c, const struct survey *s, bool differences)
{
    int64_t sample[SAMPLE_ROWS] = {0};
    size_t rows = differences ? c->n - 1 : c->n;
    size_t taken = rows < SAMPLE_ROWS ? rows : SAMPLE_ROWS;
    for (size_t k = 0; k < taken; k++) {
        size_t i = k * rows / taken + differences;
        uint64_t d = (uint64_t)coded_less_first(c, s, i);
        sample[k] = (int64_t)(differences ? d - (uint64_t)coded_less_first(c, s, i - 1) : d);
    }
    sort(sample, taken);
    int64_t middle = sample[taken / 2];
    uint64_t off = 0;
    int64_t count = 0;
    for (size_t k = taken / 3; k < taken - taken / 3; k++, count++) {
        off += (uint64_t)sample[k] - (uint64_t)middle;
    }
    return (uint64_t)middle + (uint64_t)(count > 0 ? (int64_t)off / count : 0);
}

// False for a constant column.
static bool take_survey(const struct varve_ints *c, struct survey *s)
{
    uint64_t any = 0, before = 0, opening = 0;
    int64_t least = INT64_MAX;
    struct vote values = {0}, differences = {0};
    s->first = varve_coded_at(c, 0);
    for (size_t i = 0; i < c->n; i++) {
        uint64_t d = varve_coded_at(c, i) - s->first;
        int64_t step = (int64_t)(d - before);
        any |= d;
        cast_vote(&values, d);
        if (i > 0) {
            opening = i == 1 ? d : opening;
            least = step < least ? step : least;
            cast_vote(&differences, (uint64_t)step);
        }
        before = d;
    }
    if (any == 0) {
        return false;
    }
    s->shift = (unsigned)__builtin_ctzll(any);
    s->mean = typical(c, s, false);
    s->usual = shifted(values.best, s->shift);
    s->slope = typical(c, s, true);
    s->opening = shifted(opening, s->shift);
    s->least = shifted((uint64_t)least, s->shift);
    s->stepping = shifted(differences.best, s->shift);
    s->has_usual[USUAL_VALUE] = values.lead > c->n / 8;
    s->has_usual[USUAL_DIFFERENCE] = differences.lead > c->n / 8;
    s->rising = (int64_t)s->least >= (int64_t)s->stepping;
    return true;
}

static inline uint64_t fold(uint64_t residual)
{
    return varve_zigzag((int64_t)residual);
}

// The residuals of row i as unsigned integers, one per candidate.
static inline void residuals(const struct varve_ints *c, const struct survey *s, size_t i,
                             struct varve_walk *walk, uint64_t u[CANDIDATES])
{
    uint64_t d = shifted(varve_coded_at(c, i) - s->first, s->shift);
    uint64_t step = d - walk->d;
    u[MEAN_VALUE] = fold(d - s->mean);
    u[USUAL_VALUE] = fold(d - s->usual);
    u[MEAN_DIFFERENCE] = fold(step - s->slope);
    u[LEAST_DIFFERENCE] = step - s->least;
    u[USUAL_DIFFERENCE] = s->rising ? step - s->stepping : fold(step - s->stepping);
    u[SECOND_DIFFERENCE] = fold(step - walk->step);
    *walk = (struct varve_walk){.d = d, .step = step};
}

// Only the candidates of order 0 have a residual in row 0.
enum {
    CANDIDATES_OF_ROW_0 = USUAL_VALUE + 1
};

static const bool is_sparse[CANDIDATES] = {[USUAL_VALUE] = true, [USUAL_DIFFERENCE] = true};

// A candidate's residuals.
struct sizes {
    uint64_t bits; // length of all together; of the sparse candidates, of u - 1
    size_t zeros;  // of the sparse candidates: residuals that are part of a run
    size_t others;
};

static inline void add_size(struct sizes *sizes, unsigned k, uint64_t u)
{
    if (is_sparse[k] && u == 0) {
        sizes->zeros++;
    } else {
        sizes->bits += varve_bit_length(u - is_sparse[k]);
        sizes->others++;
    }
}

static void add_sizes(const struct varve_ints *c, const struct survey *s,
                      struct sizes sizes[CANDIDATES])
{
    struct varve_walk walk = {0, 0};
    uint64_t u[CANDIDATES];
    residuals(c, s, 0, &walk, u);
    for (unsigned k = 0; k < CANDIDATES_OF_ROW_0; k++) {
        add_size(&sizes[k], k, u[k]);
    }
    walk.step = s->opening;
    for (size_t i = 1; i < c->n; i++) {
        residuals(c, s, i, &walk, u);
        for (unsigned k = 0; k < CANDIDATES; k++) {
            if (!is_sparse[k] || s->has_usual[k]) {
                add_size(&sizes[k], k, u[k]);
            }
        }
    }
}

// The parameters of a candidate: p or p + 1, whichever is cheaper, and z.
struct bid {
    uint8_t p, z;
    uint64_t cost[2]; // bits, with p and with p + 1
};

// Residuals of this mean length are best coded with p or p + 1: geometric ones with the length less
// 0.75, even ones with the length less 0.5, or so.
static unsigned lower_parameter(const struct sizes *sizes)
{
    uint64_t quarters = sizes->others > 0 ? 4 * sizes->bits / sizes->others : 0;
    uint64_t p = quarters < 3 ? 0 : (quarters - 3) / 4;
    return p < 62 ? (unsigned)p : 62;
}

// Golomb's rule for runs of a given mean, for powers of two: 1 from a mean of 1.6 on, 2 from 3.6 on
// and so forth.
static unsigned run_parameter(const struct sizes *sizes)
{
    size_t runs = sizes->others + 1;
    unsigned length = varve_bit_length((5 * sizes->zeros + 2 * runs) / (5 * runs));
    return length == 0 ? 0 : length - 1;
}

static inline void add_cost(struct bid *bid, uint64_t u)
{
    bid->cost[0] += varve_rice_cost(u, bid->p);
    bid->cost[1] += varve_rice_cost(u, bid->p + 1u);
}

static void add_run(struct bid *bid, size_t *zeros)
{
    unsigned cost = varve_rice_cost(*zeros, bid->z);
    bid->cost[0] += cost;
    bid->cost[1] += cost;
    *zeros = 0;
}

static void cost_dense(const struct varve_ints *c, const struct varve_column_code *code,
                       struct bid *bid)
{
    struct varve_walk walk = varve_walk_start(code);
    for (size_t i = varve_first_residual(code); i < c->n; i++) {
        add_cost(bid, varve_residual_at(c, code, i, &walk));
    }
}

static void cost_sparse(const struct varve_ints *c, const struct varve_column_code *code,
                        struct bid *bid)
{
    struct varve_walk walk = varve_walk_start(code);
    size_t zeros = 0;
    for (size_t i = varve_first_residual(code); i < c->n; i++) {
        uint64_t u = varve_residual_at(c, code, i, &walk);
        if (u == 0) {
            zeros++;
            continue;
        }
        add_run(bid, &zeros);
        add_cost(bid, u - 1);
    }
    if (zeros > 0) {
        add_run(bid, &zeros);
    }
}

// The header of a candidate but for p and z.
static void describe(const struct survey *s, unsigned k, struct varve_column_code *code)
{
    const uint64_t centres[CANDIDATES] = {
        [MEAN_DIFFERENCE] = s->slope,
        [LEAST_DIFFERENCE] = s->least,
        [USUAL_DIFFERENCE] = s->stepping,
        [SECOND_DIFFERENCE] = s->opening,
    };
    static const uint8_t orders[CANDIDATES] = {
        [MEAN_VALUE] = VARVE_ORDER_VALUE,
        [USUAL_VALUE] = VARVE_ORDER_VALUE,
        [MEAN_DIFFERENCE] = VARVE_ORDER_DIFFERENCE,
        [LEAST_DIFFERENCE] = VARVE_ORDER_DIFFERENCE,
        [USUAL_DIFFERENCE] = VARVE_ORDER_DIFFERENCE,
        [SECOND_DIFFERENCE] = VARVE_ORDER_SECOND_DIFFERENCE,
    };
    uint64_t base = k == MEAN_VALUE ? s->mean : k == USUAL_VALUE ? s->usual : 0;
    code->first = s->first + (base << s->shift);
    code->centre = centres[k];
    code->order = orders[k];
    code->shift = (uint8_t)s->shift;
    code->sparse = is_sparse[k];
    code->is_unsigned = k == LEAST_DIFFERENCE || (k == USUAL_DIFFERENCE && s->rising);
}

static uint64_t header_cost(const struct varve_column_code *code)
{
    return varve_number_cost(code->first) + (code->sparse ? 4 : 0) +
           (code->centre != 0 ? varve_number_cost(code->centre) : 0);
}

// Takes candidate k if it costs less than *best bits.
static void consider(const struct varve_ints *c, const struct survey *s, unsigned k,
                     const struct sizes *sizes, uint64_t *best, struct varve_column_code *code)
{
    struct varve_column_code this = *code;
    struct bid bid = {.p = (uint8_t)lower_parameter(sizes), .z = (uint8_t)run_parameter(sizes)};
    describe(s, k, &this);
    if (this.sparse) {
        cost_sparse(c, &this, &bid);
    } else {
        cost_dense(c, &this, &bid);
    }
    bool wider = bid.cost[1] < bid.cost[0];
    uint64_t cost = bid.cost[wider] + header_cost(&this);
    if (cost < *best) {
        *best = cost;
        *code = this;
        code->p = (uint8_t)(bid.p + wider);
        code->z = bid.z;
    }
}

static unsigned likeliest_dense(const struct survey *s, const struct sizes sizes[CANDIDATES])
{
    unsigned likeliest = MEAN_VALUE;
    uint64_t best = UINT64_MAX;
    for (unsigned k = 0; k < CANDIDATES; k++) {
        struct varve_column_code code = {0};
        describe(s, k, &code);
        uint64_t bits = sizes[k].bits + header_cost(&code);
        if (!is_sparse[k] && bits < best) {
            best = bits;
            likeliest = k;
        }
    }
    return likeliest;
}

static void plan(const struct varve_ints *c, struct varve_column_code *code)
{
    struct survey survey = {0};
    struct sizes sizes[CANDIDATES] = {{0}};
    uint64_t best = UINT64_MAX;
    if (!take_survey(c, &survey)) {
        code->order = VARVE_ORDER_CONSTANT;
        code->first = survey.first;
        return;
    }
    add_sizes(c, &survey, sizes);
    unsigned dense = likeliest_dense(&survey, sizes);
    consider(c, &survey, dense, &sizes[dense], &best, code);
    for (unsigned k = 0; k < CANDIDATES; k++) {
        if (survey.has_usual[k]) {
            consider(c, &survey, k, &sizes[k], &best, code);
        }
    }
}

// Short columns, and most are, are not computed anew at every look.
void varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code)
{
    uint64_t coded[KEPT_ROWS] = {0};
    struct varve_ints kept = *c;
    if (c->n > 0 && c->n <= KEPT_ROWS) {
        for (size_t i = 0; i < c->n; i++) {
            coded[i] = varve_coded_at(c, i);
        }
        kept.coded = coded;
    }
    plan(&kept, code);
}
