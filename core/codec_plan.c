// SPDX-License-Identifier: Apache-2.0
// The choice of a column's code. A survey of the column in small integers (codec_view.h) tells a
// few candidates; what the residuals of each add up to tells roughly what it costs; those that come
// near the cheapest are costed exactly, bit by bit, and the cheapest is taken. See codec_ints.h.
//
// Stateless; any context.
#include <stdbool.h>
#include <stddef.h>

#include "bits.h"
#include "codec_trial.h"

// ---- the survey ---------------------------------------------------------------------------------

static varve_signed_lanes choose(varve_signed_lanes which, varve_signed_lanes a,
                                 varve_signed_lanes b)
{
    return (a & which) | (b & ~which);
}

static void widen(struct varve_range *r, varve_signed_lanes min, varve_signed_lanes max)
{
    for (unsigned i = 0; i < VARVE_LANES; i++) {
        r->min = min[i] < r->min ? min[i] : r->min;
        r->max = max[i] > r->max ? max[i] : r->max;
    }
}

// Entries may be as large as there are, so that four of them do not fit a lane together.
typedef int64_t wide_lanes __attribute__((vector_size(sizeof(int64_t) * VARVE_LANES)));

static void survey_entries(struct varve_range *r, const int32_t *x, size_t count)
{
    varve_signed_lanes min = (varve_signed_lanes)varve_lanes_at(x), max = min;
    wide_lanes sum = {0};
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_signed_lanes v = (varve_signed_lanes)varve_lanes_at(x + i);
        min = choose(v < min, v, min);
        max = choose(v > max, v, max);
        sum += __builtin_convertvector(v, wide_lanes);
    }
    widen(r, min, max);
    r->sum += sum[0] + sum[1] + sum[2] + sum[3];
    r->sum -= (int64_t)varve_lanes_surplus(count) * x[count - 1];
}

static void take_survey(struct varve_search *s)
{
    struct varve_view *view = &s->view;
    s->values = s->steps = (struct varve_range){.min = INT32_MAX, .max = INT32_MIN};
    s->still = s->straight = 0;
    for (size_t at = 0; at < view->ints->n; at += VARVE_CODEC_ROWS) {
        varve_view_take(view, at);
        size_t count = varve_view_count(view, VARVE_VIEW_STEPS);
        survey_entries(&s->values, view->entries[VARVE_VIEW_VALUES], view->count);
        survey_entries(&s->steps, view->entries[VARVE_VIEW_STEPS], count);
        s->still += varve_view_equal(view, VARVE_VIEW_STEPS, 0);
        s->straight += varve_view_equal(view, VARVE_VIEW_BENDS, 0);
    }
}

// The mean without the least and the largest.
static int32_t mean_of(const struct varve_range *r, size_t n)
{
    if (n < 4) {
        return (int32_t)(r->sum / (int64_t)n);
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

static bool is_proposed(const struct varve_search *s, enum varve_view_kind kind, int32_t base,
                        bool is_unsigned, bool sparse)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct varve_candidate *c = &s->candidates[i];
        if (c->kind == kind && c->base == base && c->is_unsigned == is_unsigned &&
            c->sparse == sparse) {
            return true;
        }
    }
    return false;
}

static void propose(struct varve_search *s, enum varve_view_kind kind, int32_t base,
                    bool is_unsigned, bool sparse)
{
    if (!is_proposed(s, kind, base, is_unsigned, sparse)) {
        s->candidates[s->count++] = (struct varve_candidate){
            .kind = kind, .base = base, .is_unsigned = is_unsigned, .sparse = sparse};
    }
}

// The entry of the value 0, if it is one.
static bool has_zero(const struct varve_view *view, int32_t *entry)
{
    int64_t zero = -((int64_t)view->first >> view->shift);
    int64_t limit = INT64_C(1) << VARVE_VIEW_BITS;
    *entry = (int32_t)zero;
    return !view->wide && zero >= -limit && zero <= limit;
}

// One candidate of each kind, and sparse ones where there is something usual.
static void propose_kinds(struct varve_search *s)
{
    size_t n = s->view.ints->n;
    bool idle = s->still * 2 >= n, turns = s->steps.min < 0 && s->steps.max > 0;
    propose(s, VARVE_VIEW_VALUES, mean_of(&s->values, n), false, false);
    propose(s, VARVE_VIEW_STEPS, mean_of(&s->steps, n - 1), false, false);
    propose(s, VARVE_VIEW_BENDS, 0, false, false);
    if (s->view.step.drop == 0 && (idle || s->straight * 8 > n)) {
        int32_t usual = idle ? 0 : majority(&s->view, VARVE_VIEW_STEPS);
        propose(s, VARVE_VIEW_STEPS, usual, s->steps.min >= usual, true);
    }
    if (s->view.value.drop == 0 && idle && turns) {
        int32_t usual = majority(&s->view, VARVE_VIEW_VALUES);
        propose(s, VARVE_VIEW_VALUES, usual, s->values.min >= usual, true);
    }
}

// The same kind from other bases: the least, for residuals without a sign; zero, which costs less
// to name; a typical entry, where outliers have led the mean astray.
static void propose_bases(struct varve_search *s, enum varve_view_kind kind, bool outliers)
{
    bool steps = kind == VARVE_VIEW_STEPS;
    int32_t least = steps ? s->steps.min : s->values.min, zero = 0;
    propose(s, kind, least, true, false);
    if (steps ? !s->view.wide : has_zero(&s->view, &zero)) {
        propose(s, kind, zero, zero <= least, false);
    }
    if (outliers) { // the lenses of a wide column have taken it off
        uint64_t base = s->view.wide ? 0 : varve_view_typical(&s->view, steps);
        propose(s, kind, (int32_t)base, false, false);
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

uint64_t varve_ints_plan(const struct varve_ints *c, struct varve_column_code *code)
{
    struct varve_search s;
    s.code = code;
    s.cost = UINT64_MAX;
    s.count = 0;
    s.folded = NULL;
    if (!varve_view_open(&s.view, c)) {
        code->order = VARVE_ORDER_CONSTANT;
        code->first = s.view.first;
        return varve_number_cost(code->first);
    }
    take_survey(&s);
    propose_kinds(&s);
    varve_search_estimate(&s, 0);
    size_t kinds = s.count;
    propose_variants(&s);
    varve_search_estimate(&s, kinds);
    try_promising(&s);
    return s.cost;
}
