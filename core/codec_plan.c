// SPDX-License-Identifier: Apache-2.0
// The choice of a column's code. A survey of the column in small integers (codec_view.h) tells a
// few candidates; what the residuals of each add up to tells roughly what it costs; those that come
// near the cheapest are costed exactly, bit by bit, and the cheapest is taken. See codec_ints.h.
//
// Most columns of a series are as its column before: with a hint the code that was found then is
// costed alone, and taken unless it has become dearer, until it is time to search again.
//
// Stateless, the hints are the caller's; any context.
#include <stdbool.h>
#include <stddef.h>

#include "bits.h"
#include "codec.h"
#include "codec_trial.h"

// ---- the survey ---------------------------------------------------------------------------------

static varve_signed_lanes choose(varve_signed_lanes which, varve_signed_lanes a,
                                 varve_signed_lanes b)
{
    return (a & which) | (b & ~which);
}

// What the entries of one kind have in common, by lanes. The sum of a piece fits a lane.
struct lanes_range {
    varve_signed_lanes min, max, sum;
};

_Static_assert((UINT64_C(2) << VARVE_VIEW_BITS) * VARVE_CODEC_ROWS < INT32_MAX, "a lane's sum");

static inline void add_lanes(struct lanes_range *r, varve_signed_lanes v)
{
    r->min = choose(v < r->min, v, r->min);
    r->max = choose(v > r->max, v, r->max);
    r->sum += v;
}

// Of the piece that is in the view; the vectors' repeated entries are left out.
static void add_range(struct varve_range *r, const struct varve_view *view,
                      enum varve_view_kind kind)
{
    const int32_t *entries = view->entries[kind];
    size_t count = varve_view_count(view, kind);
    struct lanes_range lanes = {
        .min = {INT32_MAX, INT32_MAX, INT32_MAX, INT32_MAX},
        .max = {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN},
    };
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        add_lanes(&lanes, (varve_signed_lanes)varve_lanes_at(entries + i));
    }
    for (unsigned i = 0; i < VARVE_LANES; i++) {
        r->min = lanes.min[i] < r->min ? lanes.min[i] : r->min;
        r->max = lanes.max[i] > r->max ? lanes.max[i] : r->max;
        r->sum += lanes.sum[i];
    }
    r->sum -= (int64_t)varve_lanes_surplus(count) * entries[count - 1];
}

// Of one kind, or of all.
static void take_survey(struct varve_search *s, enum varve_view_kind kind)
{
    struct varve_view *view = &s->view;
    s->values = s->steps = (struct varve_range){.min = INT32_MAX, .max = INT32_MIN};
    s->still = s->straight = 0;
    for (size_t at = 0; at < view->ints->n; at += VARVE_CODEC_ROWS) {
        varve_view_take(view, at);
        if (kind == VARVE_VIEW_VALUES || kind == VARVE_VIEW_KINDS) {
            add_range(&s->values, view, VARVE_VIEW_VALUES);
        }
        if (kind == VARVE_VIEW_STEPS || kind == VARVE_VIEW_KINDS) {
            add_range(&s->steps, view, VARVE_VIEW_STEPS);
        }
        s->still += varve_view_equal(view, VARVE_VIEW_STEPS, 0);
        s->straight += view->bends ? varve_view_equal(view, VARVE_VIEW_BENDS, 0) : 0;
    }
}

// The mean without the least and the largest.
static int32_t mean_of(const struct varve_range *r, size_t n)
{
    if (n < 4) {
        return n > 0 ? (int32_t)(r->sum / (int64_t)n) : 0;
    }
    return (int32_t)((r->sum - r->min - r->max) / ((int64_t)n - 2));
}

// Boyer and Moore's majority vote.
static int32_t majority(struct varve_view *view, enum varve_view_kind kind)
{
    int32_t best = 0;
    size_t lead = 0;
    for (size_t at = 0; at < view->ints->n; at += VARVE_CODEC_ROWS) {
        varve_view_take(view, at);
        size_t count = varve_view_count(view, kind);
        for (size_t i = 0; i < count; i++) {
            int32_t x = view->entries[kind][i];
            best = lead == 0 ? x : best;
            lead += x == best ? 1 : SIZE_MAX;
        }
    }
    return best;
}

// ---- the choice ---------------------------------------------------------------------------------

static bool is_idle(const struct varve_search *s)
{
    return s->still * 2 >= s->view.ints->n;
}

static bool is_proposed(const struct varve_search *s, const struct varve_candidate *other)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct varve_candidate *c = &s->candidates[i];
        if (c->kind == other->kind && c->base == other->base &&
            c->is_unsigned == other->is_unsigned && c->sparse == other->sparse) {
            return true;
        }
    }
    return false;
}

// The entry of the value 0, if it is one.
static bool has_zero(const struct varve_view *view, int32_t *entry)
{
    int64_t zero = -((int64_t)view->first >> view->shift);
    int64_t limit = INT64_C(1) << VARVE_VIEW_BITS;
    *entry = (int32_t)zero;
    return !view->wide && zero >= -limit && zero <= limit;
}

static int32_t usual(struct varve_search *s, enum varve_view_kind kind)
{
    return kind == VARVE_VIEW_STEPS && is_idle(s) ? 0 : majority(&s->view, kind);
}

// Fills in the base; false: there is none.
static bool find_base(struct varve_search *s, struct varve_candidate *c)
{
    bool steps = c->kind == VARVE_VIEW_STEPS, wide = s->view.wide;
    const struct varve_range *range = steps ? &s->steps : &s->values;
    c->base = 0;
    switch (c->choice) {
    case VARVE_BASE_MEAN:
        c->base = c->kind == VARVE_VIEW_BENDS ? 0 : mean_of(range, s->view.ints->n - steps);
        return true;
    case VARVE_BASE_LEAST:
        c->base = range->min;
        c->is_unsigned = true;
        return true;
    case VARVE_BASE_ZERO:
        if (steps ? wide : !has_zero(&s->view, &c->base)) {
            return false;
        }
        c->is_unsigned = c->base <= range->min;
        return true;
    case VARVE_BASE_TYPICAL: // the lenses of a wide column have taken it off
        c->base = wide ? 0 : (int32_t)varve_view_typical(&s->view, steps);
        return true;
    case VARVE_BASE_USUAL:
        break;
    }
    if ((steps ? s->view.step.drop : s->view.value.drop) != 0) {
        return false;
    }
    c->base = usual(s, c->kind);
    c->is_unsigned = range->min >= c->base;
    c->sparse = true;
    return true;
}

static void propose(struct varve_search *s, enum varve_view_kind kind, enum varve_base choice)
{
    struct varve_candidate c = {.kind = kind, .choice = choice};
    if (find_base(s, &c) && !is_proposed(s, &c)) {
        s->candidates[s->count++] = c;
    }
}

// One candidate of each kind, and sparse ones where there is something usual.
static void propose_kinds(struct varve_search *s)
{
    bool idle = is_idle(s), turns = s->steps.min < 0 && s->steps.max > 0;
    propose(s, VARVE_VIEW_VALUES, VARVE_BASE_MEAN);
    propose(s, VARVE_VIEW_STEPS, VARVE_BASE_MEAN);
    propose(s, VARVE_VIEW_BENDS, VARVE_BASE_MEAN);
    if (idle || s->straight * 8 > s->view.ints->n) {
        propose(s, VARVE_VIEW_STEPS, VARVE_BASE_USUAL);
    }
    if (idle && turns) {
        propose(s, VARVE_VIEW_VALUES, VARVE_BASE_USUAL);
    }
}

// The same kind from other bases: the typical one where outliers have led the mean astray.
static void propose_bases(struct varve_search *s, enum varve_view_kind kind, bool outliers)
{
    propose(s, kind, VARVE_BASE_LEAST);
    propose(s, kind, VARVE_BASE_ZERO);
    if (outliers) {
        propose(s, kind, VARVE_BASE_TYPICAL);
    }
}

// How much better another base may be: so many bits, and one for each 16 rows.
#define BASE_BITS 16u

// Of the kinds that look best.
static void propose_variants(struct varve_search *s)
{
    uint64_t best = UINT64_MAX;
    size_t count = s->count;
    for (size_t i = 0; i < count; i++) {
        best = s->candidates[i].estimate < best ? s->candidates[i].estimate : best;
    }
    uint64_t limit = best + BASE_BITS + s->view.ints->n / 16;
    for (size_t i = 0; i < count; i++) {
        const struct varve_candidate *c = &s->candidates[i];
        if (c->estimate <= limit && !c->sparse && c->kind != VARVE_VIEW_BENDS) {
            propose_bases(s, c->kind, c->outliers);
        }
    }
}

// ---- what is remembered -------------------------------------------------------------------------

// In place of a kind.
#define KIND_CONSTANT VARVE_VIEW_KINDS
// Columns from one search to the next: half as many cost 1 % of the time, twice as many win 0.3 %.
#define HINT_LIFE 32u
// A bit has so many units of cost.
#define COST_UNIT 16u
// What a row may cost more than when the search was made, a 16th of that aside.
#define TOLERATED 4u

static struct varve_code_hint remember(const struct varve_search *s)
{
    uint64_t cost = s->cost * (COST_UNIT + 1) / s->view.ints->n;
    return (struct varve_code_hint){
        .kind = s->best->kind & 3u,
        .base = s->best->choice & 7u,
        .left = s->view.wide ? 0 : HINT_LIFE,
        .cost = cost < UINT16_MAX ? cost & UINT16_MAX : UINT16_MAX,
        .idle = is_idle(s),
    };
}

// ---- the search ---------------------------------------------------------------------------------

// A candidate that is estimated to cost more than the best one so far is tried all the same if it
// is by no more than so many bits.
#define PROMISING_BITS 2u

static void try_promising(struct varve_search *s)
{
    for (;;) {
        struct varve_candidate *next = &s->candidates[0];
        for (size_t i = 1; i < s->count; i++) {
            next = s->candidates[i].estimate < next->estimate ? &s->candidates[i] : next;
        }
        bool hopeless = s->cost != UINT64_MAX && next->estimate > s->cost + PROMISING_BITS;
        if (next->estimate == UINT64_MAX || hopeless) {
            return;
        }
        varve_search_try(s, next);
        next->estimate = UINT64_MAX; // has been tried
    }
}

// Opens a search, and says whether there is something to search for: a constant column has its
// code.
static bool begin(struct varve_search *s, const struct varve_ints *c,
                  struct varve_column_code *code, bool bends)
{
    s->code = code;
    s->cost = UINT64_MAX;
    s->count = 0;
    s->best = s->folded = NULL;
    if (!varve_view_open(&s->view, c, bends)) {
        code->order = VARVE_ORDER_CONSTANT;
        code->first = s->view.first;
        s->cost = varve_number_cost(code->first);
        return false;
    }
    return true;
}

uint64_t varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code,
                         struct varve_code_hint *found)
{
    struct varve_search s;
    if (!begin(&s, c, code, true)) {
        *found = (struct varve_code_hint){.kind = KIND_CONSTANT, .left = HINT_LIFE};
        return s.cost;
    }
    take_survey(&s, VARVE_VIEW_KINDS);
    propose_kinds(&s);
    varve_search_estimate(&s, 0);
    size_t kinds = s.count;
    propose_variants(&s);
    varve_search_estimate(&s, kinds);
    try_promising(&s);
    *found = remember(&s);
    return s.cost;
}

bool varve_codec_uses_hints(void)
{
    return true;
}

bool varve_ints_plan_again(const struct varve_ints *c, struct varve_column_code *code,
                           struct varve_code_hint *hint, uint64_t *residuals, bool *taken)
{
    struct varve_search s;
    struct varve_column_code again = *code;
    *taken = false;
    if (hint == NULL || hint->left == 0) {
        return false;
    }
    hint->left--;
    if (begin(&s, c, &again, hint->kind == VARVE_VIEW_BENDS)) {
        if (hint->kind == KIND_CONSTANT || s.view.wide) {
            return false;
        }
        take_survey(&s, (enum varve_view_kind)hint->kind);
        if (is_idle(&s) != hint->idle) {
            return false;
        }
        propose(&s, (enum varve_view_kind)hint->kind, (enum varve_base)hint->base);
        varve_search_estimate(&s, 0);
        if (s.count > 0) {
            varve_search_try(&s, &s.candidates[0]);
        }
        if (s.cost > (uint64_t)(hint->cost + TOLERATED) * c->n / COST_UNIT) {
            return false;
        }
        *taken = residuals != NULL && varve_search_residuals(&s, residuals);
    }
    *code = again;
    return true;
}
