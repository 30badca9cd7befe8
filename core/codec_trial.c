// SPDX-License-Identifier: Apache-2.0
// What candidates for a column's code cost; see codec_trial.h.
#include "codec_trial.h"

#include "bits.h"

// ---- residuals ----------------------------------------------------------------------------------

static uint32_t folded_one(uint32_t r)
{
    return r << 1 ^ (0 - (r >> 31));
}

// With `sign` all ones the sign is folded in, with zero there is none.
static varve_lanes folded(varve_lanes r, uint32_t sign)
{
    return (r + (r & sign)) ^ ((varve_lanes)((varve_signed_lanes)r < 0) & sign);
}

// Brings the residuals of the rows from `at` on into s->residuals; returns how many.
static size_t fold(struct varve_search *s, const struct varve_candidate *c, size_t at)
{
    varve_view_take(&s->view, at);
    size_t count = varve_view_count(&s->view, c->kind);
    if (s->folded == c && s->folded_at == at) {
        return count;
    }
    const int32_t *entries = s->view.entries[c->kind];
    uint32_t base = (uint32_t)c->base, sign = c->is_unsigned ? 0 : UINT32_MAX;
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_lanes u = folded(varve_lanes_at(entries + i) - base, sign);
        memcpy(s->residuals + i, &u, sizeof u);
    }
    memset(s->residuals + count, 0, VARVE_LANES * sizeof *s->residuals);
    s->folded = c;
    s->folded_at = at;
    return count;
}

// ---- what they add up to ------------------------------------------------------------------------

// Of signed residuals. A sum of up to VARVE_CODEC_ROWS fits in 32 bits.
static void add_signed(const int32_t *entries, size_t count, struct varve_candidate *c)
{
    uint32_t base = (uint32_t)c->base;
    varve_lanes sum = {0}, any = {0};
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_lanes u = folded(varve_lanes_at(entries + i) - base, UINT32_MAX);
        sum += u;
        any |= u;
    }
    uint32_t last = folded_one((uint32_t)entries[count - 1] - base);
    c->sum += varve_lanes_sum(sum) - varve_lanes_surplus(count) * last;
    c->any |= any[0] | any[1] | any[2] | any[3];
}

// Where there are no signs the survey tells it all.
static void add_unsigned(const struct varve_search *s, struct varve_candidate *c)
{
    const struct varve_range *range = c->kind == VARVE_VIEW_VALUES ? &s->values : &s->steps;
    c->sum = (uint64_t)(range->sum - (int64_t)c->n * c->base);
    c->any = (uint32_t)range->max - (uint32_t)c->base;
}

static void add_up_all(struct varve_search *s, size_t from)
{
    for (size_t i = from; i < s->count; i++) {
        struct varve_candidate *c = &s->candidates[i];
        c->n = (uint32_t)s->view.ints->n - (c->kind != VARVE_VIEW_VALUES);
        if (c->is_unsigned) {
            add_unsigned(s, c);
        }
    }
    for (size_t at = 0; at < s->view.ints->n; at += VARVE_CODEC_ROWS) {
        varve_view_take(&s->view, at);
        for (size_t i = from; i < s->count; i++) {
            struct varve_candidate *c = &s->candidates[i];
            if (!c->is_unsigned) {
                add_signed(s->view.entries[c->kind], varve_view_count(&s->view, c->kind), c);
            }
            if (c->sparse) {
                c->zeros += (uint32_t)varve_view_equal(&s->view, c->kind, c->base);
            }
        }
    }
}

// ---- Rice codes ---------------------------------------------------------------------------------

// Parameters that are tried in one pass.
#define TRIED 3u

// What the codes of some residuals come to, by parameter.
struct tally {
    unsigned lowest; // parameter
    uint32_t ones[TRIED];
    uint32_t escapes[TRIED];
};

// `less` is 1 for sparse candidates: residuals that are not zero count less 1.
static varve_lanes quotients_at(const uint32_t *u, uint32_t less, unsigned p)
{
    varve_lanes x = varve_lanes_at(u);
    return (x - ((varve_lanes)(x != 0) & less)) >> p;
}

// Where no residual is so long that it escapes, as is usual.
static void tally_short(const uint32_t *u, size_t count, uint32_t less, struct tally *tally)
{
    varve_lanes ones[TRIED] = {{0}};
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_lanes x = quotients_at(u + i, less, tally->lowest);
        for (unsigned k = 0; k < TRIED; k++, x >>= 1) {
            ones[k] += x;
        }
    }
    for (unsigned k = 0; k < TRIED; k++) {
        tally->ones[k] += varve_lanes_sum(ones[k]);
    }
}

static void tally_any(const uint32_t *u, size_t count, uint32_t less, struct tally *tally)
{
    varve_lanes ones[TRIED] = {{0}}, escapes[TRIED] = {{0}};
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_lanes x = quotients_at(u + i, less, tally->lowest);
        for (unsigned k = 0; k < TRIED; k++, x >>= 1) {
            varve_lanes escaped =
                (varve_lanes)((varve_signed_lanes)x >= (int32_t)VARVE_RICE_ESCAPE);
            ones[k] += x & ~escaped;
            escapes[k] -= escaped;
        }
    }
    for (unsigned k = 0; k < TRIED; k++) {
        tally->ones[k] += varve_lanes_sum(ones[k]);
        tally->escapes[k] += varve_lanes_sum(escapes[k]);
    }
}

// Bits of `count` codes; escapes are taken to be as long as the longest residual.
static uint64_t cost_of(const struct varve_candidate *c, const struct tally *tally, unsigned k,
                        uint64_t count)
{
    unsigned p = tally->lowest + k;
    uint64_t cost = count * (p + 1) + tally->ones[k];
    if (tally->escapes[k] > 0) {
        cost += tally->escapes[k] * (VARVE_RICE_ESCAPE + 5 + varve_bit_length(c->any) - p);
    }
    return cost;
}

// The parameter that suits residuals of this mean, or nearly: the length of three quarters of it,
// less 1. Without a division, which small machines lack.
static unsigned likely_parameter(uint64_t sum, uint64_t count)
{
    uint64_t share = sum - sum / 4;
    unsigned length = varve_bit_length(share), least = varve_bit_length(count);
    if (length <= least) {
        return 0;
    }
    unsigned p = length - least;
    return count << p <= share ? p : p - 1;
}

// What so many residuals of a sum cost with parameter p without escapes, about: quotients lose
// nearly half a unit each by being cut.
static uint64_t likely_cost(uint64_t sum, uint64_t count, unsigned p)
{
    uint64_t cut = (count << p) - count;
    return count * (p + 1) + ((sum > cut / 2 ? sum - cut / 2 : 0) >> p);
}

// The cheapest parameter for `count` residuals from `lowest` on, or, while the lowest is the
// cheapest, below: the cost has one minimum, or about that.
static uint64_t best_parameter(struct varve_search *s, const struct varve_candidate *c,
                               uint64_t count, unsigned lowest, unsigned *best)
{
    uint64_t cost = UINT64_MAX;
    for (;;) {
        struct tally tally = {.lowest = lowest};
        void (*tally_piece)(const uint32_t *, size_t, uint32_t, struct tally *) =
            c->any >> lowest < VARVE_RICE_ESCAPE ? tally_short : tally_any;
        for (size_t at = 0; at < s->view.ints->n; at += VARVE_CODEC_ROWS) {
            size_t n = fold(s, c, at);
            tally_piece(s->residuals, n, c->sparse, &tally);
        }
        for (unsigned k = TRIED; k-- > 0;) {
            uint64_t one = cost_of(c, &tally, k, count);
            if (one <= cost) {
                cost = one;
                *best = lowest + k;
            }
        }
        if (*best > lowest || lowest == 0) {
            return cost;
        }
        lowest = lowest > TRIED ? lowest - TRIED : 0;
    }
}

// Golomb's rule for runs of a given mean, for powers of two: 1 from a mean of 1.6 on, 2 from 3.6 on
// and so forth.
static unsigned run_parameter(uint32_t zeros, uint32_t runs)
{
    unsigned length = varve_bit_length((5 * (uint64_t)zeros + 2 * runs) / (5 * (uint64_t)runs));
    return length == 0 ? 0 : length - 1;
}

// The residuals that are not 0, as bits.
static uint64_t others_of(const uint32_t *u, size_t count)
{
    const varve_lanes bits = {1, 2, 4, 8};
    uint64_t mask = 0;
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        mask |= (uint64_t)varve_lanes_sum((varve_lanes)(varve_lanes_at(u + i) != 0) & bits) << i;
    }
    return mask;
}

// Runs of zeros as Rice codes.
static uint64_t runs_cost(struct varve_search *s, const struct varve_candidate *c, unsigned z)
{
    uint64_t cost = 0, run = 0;
    for (size_t at = 0; at < s->view.ints->n; at += VARVE_CODEC_ROWS) {
        size_t count = fold(s, c, at), next = 0;
        for (uint64_t mask = others_of(s->residuals, count); mask != 0; mask &= mask - 1) {
            size_t i = (size_t)__builtin_ctzll(mask);
            cost += varve_rice_cost(run + i - next, z);
            run = 0;
            next = i + 1;
        }
        run += count - next;
    }
    return cost + (run > 0 ? varve_rice_cost(run, z) : 0);
}

// ---- candidates ---------------------------------------------------------------------------------

static uint64_t through(const struct varve_lens *lens, int32_t entry)
{
    return lens->base + ((uint64_t)(int64_t)entry << lens->drop);
}

static uint64_t first_of(const struct varve_search *s, const struct varve_candidate *c)
{
    uint64_t base = c->kind == VARVE_VIEW_VALUES ? through(&s->view.value, c->base) : 0;
    return s->view.first + (base << s->view.shift);
}

static uint64_t centre_of(const struct varve_search *s, const struct varve_candidate *c)
{
    if (c->kind == VARVE_VIEW_VALUES) {
        return 0;
    }
    return c->kind == VARVE_VIEW_STEPS ? through(&s->view.step, c->base)
                                       : varve_view_opening(&s->view);
}

// The header of a candidate but for p and z.
static void describe(const struct varve_search *s, const struct varve_candidate *c,
                     struct varve_column_code *code)
{
    static const uint8_t orders[VARVE_VIEW_KINDS] = {VARVE_ORDER_VALUE, VARVE_ORDER_DIFFERENCE,
                                                     VARVE_ORDER_SECOND_DIFFERENCE};
    code->first = first_of(s, c);
    code->centre = centre_of(s, c);
    code->order = orders[c->kind];
    code->shift = (uint8_t)s->view.shift;
    code->sparse = c->sparse;
    code->is_unsigned = c->is_unsigned;
}

// Low bits of the residuals that the view does not show.
static unsigned dropped(const struct varve_search *s, const struct varve_candidate *c)
{
    return c->kind == VARVE_VIEW_VALUES ? s->view.value.drop : s->view.step.drop;
}

// What the header takes beyond what each has.
static uint64_t fixed_cost(const struct varve_search *s, const struct varve_candidate *c)
{
    uint64_t centre = centre_of(s, c);
    return varve_number_cost(first_of(s, c)) + (c->sparse ? 4 : 0) +
           (centre != 0 ? varve_number_cost(centre) : 0);
}

static void estimate(const struct varve_search *s, struct varve_candidate *c)
{
    uint32_t count = c->sparse ? c->n - c->zeros : c->n;
    uint64_t sum = c->sparse ? c->sum - count : c->sum;
    unsigned p = likely_parameter(sum, count);
    uint64_t cost = likely_cost(sum, count, p), next = likely_cost(sum, count, p + 1);
    cost = cost < next ? cost : next;
    c->saturated = s->view.wide && varve_bit_length(c->any) > VARVE_VIEW_BITS;
    c->outliers = c->saturated || varve_bit_length(c->any) > p + 4;
    if (c->outliers) {
        cost = 0; // it may be anything
    }
    if (c->sparse) {
        unsigned z = run_parameter(c->zeros, count + 1);
        cost += (count + 1) * (uint64_t)(z + 1) + (c->zeros >> z);
    }
    c->fixed = fixed_cost(s, c);
    c->estimate = cost + c->fixed + (uint64_t)dropped(s, c) * count;
}

void varve_search_estimate(struct varve_search *s, size_t from)
{
    if (from < s->count) {
        add_up_all(s, from);
    }
    for (size_t i = from; i < s->count; i++) {
        estimate(s, &s->candidates[i]);
    }
}

// ---- trials -------------------------------------------------------------------------------------

// What the true residuals of a code come to.
struct account {
    uint64_t count, lengths; // without zeros, and less 1, if sparse
    uint64_t cost[2];        // with the code's p, and one more
};

static void add_residual(struct account *a, const struct varve_column_code *code, uint64_t u)
{
    if (code->sparse && u-- == 0) {
        return;
    }
    a->count++;
    a->lengths += varve_bit_length(u);
    a->cost[0] += varve_rice_cost(u, code->p);
    a->cost[1] += varve_rice_cost(u, code->p + 1u);
}

static struct account account_for(struct varve_search *s, const struct varve_column_code *code)
{
    struct account a = {0};
    struct varve_walk walk = varve_walk_start(code);
    size_t n = s->view.ints->n, skip = code->order != VARVE_ORDER_VALUE;
    for (size_t at = 0; at < n; at += VARVE_CODEC_ROWS) {
        size_t count = n - at < VARVE_CODEC_ROWS ? n - at : VARVE_CODEC_ROWS;
        const int64_t *m = varve_ints_coded(s->view.ints, at, count, s->view.buffer);
        for (size_t i = at == 0 ? skip : 0; i < count; i++) {
            add_residual(&a, code, varve_residual((uint64_t)m[i], code, &walk));
        }
    }
    return a;
}

// The parameter and cost of residuals that are longer than the view shows: by their mean length,
// which outliers do not lead astray. Geometric ones are best coded with the length less 0.75.
static uint64_t true_cost(struct varve_search *s, const struct varve_candidate *c, unsigned *p)
{
    struct varve_column_code code = {0};
    describe(s, c, &code);
    struct account a = account_for(s, &code);
    uint64_t quarters = a.count > 0 ? 4 * a.lengths / a.count : 0;
    code.p = (uint8_t)(quarters < 3 ? 0 : (quarters - 3) / 4 < 62 ? (quarters - 3) / 4 : 62);
    a = account_for(s, &code);
    *p = code.p + (a.cost[1] < a.cost[0] ? 1u : 0u);
    return a.cost[1] < a.cost[0] ? a.cost[1] : a.cost[0];
}

// The same for those that it shows but for low bits.
static uint64_t shown_cost(struct varve_search *s, const struct varve_candidate *c, unsigned *p)
{
    uint64_t count = c->sparse ? c->n - c->zeros : c->n;
    unsigned drop = dropped(s, c);
    unsigned likely = likely_parameter(c->sparse ? c->sum - count : c->sum, count);
    uint64_t cost = best_parameter(s, c, count, likely > 0 ? likely - 1 : 0, p);
    *p += drop;
    return cost + drop * count;
}

void varve_search_try(struct varve_search *s, const struct varve_candidate *c)
{
    unsigned p = 0, z = 0;
    uint64_t cost = c->fixed;
    if (c->sparse) {
        z = run_parameter(c->zeros, c->n - c->zeros + 1);
        cost += runs_cost(s, c, z);
    }
    cost += c->saturated ? true_cost(s, c, &p) : shown_cost(s, c, &p);
    if (cost < s->cost) {
        s->cost = cost;
        s->best = c;
        describe(s, c, s->code);
        s->code->p = (uint8_t)p;
        s->code->z = (uint8_t)z;
    }
}

bool varve_search_residuals(const struct varve_search *s, uint64_t *out)
{
    const struct varve_view *view = &s->view;
    if (s->best == NULL || s->folded != s->best || view->wide || view->count < view->ints->n) {
        return false;
    }
    size_t count = varve_view_count(view, s->best->kind);
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_wide_lanes u =
            __builtin_convertvector(varve_lanes_at(s->residuals + i), varve_wide_lanes);
        memcpy(out + i, &u, sizeof u);
    }
    return true;
}
