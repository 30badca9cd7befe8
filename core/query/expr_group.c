// SPDX-License-Identifier: Apache-2.0
// Aggregations: slots of the operand gather in groups, known from their labels before anything is
// read. Sums and the like keep a few values a group and step; topk, bottomk and quantile keep every
// operand's value of the slice. See expr_run.h.
#include <math.h>

#include "expr_run.h"
#include "varve/error.h"

struct expr_groups {
    uint32_t count;
    uint32_t members;   // slots of the operand
    bool keeps_members; // topk, bottomk, quantile
    uint16_t *group_of; // by slot of the operand
    uint16_t *first;    // by group: a slot whose labels it has
    double *values;     // rows: by group, or by slot of the operand
    double *weights;    // rows by group: how many values
    double *squares;    // rows by group, for stddev
};

#define LIMIT_64_BITS 9223372036854775808.0

static bool keeps_members(enum expr_aggregation how)
{
    return how == EXPR_AGG_TOPK || how == EXPR_AGG_BOTTOMK || how == EXPR_AGG_QUANTILE;
}

static bool selects(enum expr_aggregation how)
{
    return how == EXPR_AGG_TOPK || how == EXPR_AGG_BOTTOMK;
}

uint32_t expr_group_first(const struct expr *e, uint32_t slot)
{
    return selects(e->is.aggregation) ? slot : e->groups->first[slot];
}

// ---- planning -----------------------------------------------------------------------------------

// The group whose first member is this slot: first[] ascends.
static uint32_t group_led_by(const struct expr_groups *groups, uint32_t leader)
{
    uint32_t low = 0, high = groups->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (groups->first[middle] < leader) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

// Numbers the groups in the order of their first members.
static void number_groups(struct expr_groups *groups, const struct expr_signature *signatures)
{
    // Sorted by hash, then slot: the first of a run leads its group; all members note it.
    uint32_t leader = 0;
    for (uint32_t i = 0; i < groups->members; i++) {
        bool begins = i == 0 || signatures[i].hash != signatures[i - 1].hash;
        leader = begins ? signatures[i].slot : leader;
        groups->group_of[signatures[i].slot] = (uint16_t)leader;
    }
    for (uint32_t slot = 0; slot < groups->members; slot++) {
        if (groups->group_of[slot] == slot) {
            groups->first[groups->count++] = (uint16_t)slot;
        }
    }
    for (uint32_t slot = 0; slot < groups->members; slot++) {
        groups->group_of[slot] = (uint16_t)group_led_by(groups, groups->group_of[slot]);
    }
}

int expr_group_plan(struct expr_run *run, struct expr *e)
{
    struct expr_groups *groups = varve_arena_take_zeroed(run->arena, 1, sizeof *groups);
    uint32_t n = e->a->slots;
    uint16_t *tables =
        varve_arena_take(run->arena, (size_t)2 * n * sizeof *tables, _Alignof(uint16_t));
    if (tables == NULL || groups == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    e->groups = groups;
    groups->members = n;
    groups->keeps_members = keeps_members(e->is.aggregation);
    groups->group_of = tables;
    groups->first = tables + n;
    struct varve_arena before = *run->arena;
    struct expr_signature *signatures =
        varve_arena_take(run->arena, n * sizeof *signatures, _Alignof(struct expr_signature));
    if (signatures == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    for (uint32_t slot = 0; slot < n; slot++) {
        struct varve_labels labels;
        expr_labels(run, e->a, slot, &labels);
        signatures[slot] = (struct expr_signature){
            .hash = expr_labels_hash(&labels, &e->labels, !e->without), .slot = slot};
    }
    expr_signatures_sort(signatures, n);
    number_groups(groups, signatures);
    *run->arena = before;
    e->slots = selects(e->is.aggregation) ? n : groups->count;
    size_t rows = groups->keeps_members ? n : groups->count;
    rows += e->is.aggregation == EXPR_AGG_STDDEV ? 2 * (size_t)groups->count : groups->count;
    run->step_bytes += rows * sizeof(double);
    if (groups->keeps_members && run->sorted_cap < n) {
        run->sorted_cap = n;
    }
    return 0;
}

int expr_group_take(struct expr_run *run, struct expr *e)
{
    struct expr_groups *groups = e->groups;
    size_t steps = run->most_steps, count = groups->count;
    size_t kept = groups->keeps_members ? groups->members : count;
    groups->values = varve_arena_take(run->arena, kept * steps * sizeof(double), _Alignof(double));
    groups->weights =
        varve_arena_take(run->arena, count * steps * sizeof(double), _Alignof(double));
    if (e->is.aggregation == EXPR_AGG_STDDEV) {
        groups->squares =
            varve_arena_take(run->arena, count * steps * sizeof(double), _Alignof(double));
        return groups->squares != NULL ? 0 : VARVE_E_NO_MEMORY;
    }
    return groups->values != NULL && groups->weights != NULL ? 0 : VARVE_E_NO_MEMORY;
}

// ---- sums and the like --------------------------------------------------------------------------

struct place {
    double *value, *weight, *square;
};

static void add(enum expr_aggregation how, const struct place *at, double value)
{
    bool begun = *at->weight > 0;
    double delta = 0;
    *at->weight += 1;
    if (!begun) {
        *at->value = how == EXPR_AGG_GROUP ? 1 : value;
        return;
    }
    switch (how) {
    case EXPR_AGG_SUM:
        *at->value += value;
        break;
    case EXPR_AGG_AVG:
        // A running mean does not overflow where the sum would; infinities must not become NaN.
        delta =
            isinf(*at->value) && (isinf(value) ? (*at->value > 0) == (value > 0) : !isnan(value))
                ? 0
                : (value - *at->value) / *at->weight;
        *at->value += delta;
        break;
    case EXPR_AGG_MIN:
        *at->value = value < *at->value || isnan(*at->value) ? value : *at->value;
        break;
    case EXPR_AGG_MAX:
        *at->value = value > *at->value || isnan(*at->value) ? value : *at->value;
        break;
    case EXPR_AGG_STDDEV:
        delta = value - *at->value;
        *at->value += delta / *at->weight;
        if (at->square != NULL) {
            *at->square += delta * (value - *at->value);
        }
        break;
    default: // count, group
        break;
    }
}

static void add_row(struct expr_run *run, struct expr *e, uint32_t slot, const double *row)
{
    struct expr_groups *groups = e->groups;
    size_t first = (size_t)groups->group_of[slot] * run->most_steps;
    for (uint32_t i = 0; i < run->steps; i++) {
        if (expr_is_absent(row[i])) {
            continue;
        }
        struct place at = {&groups->values[first + i], &groups->weights[first + i],
                           groups->squares != NULL ? &groups->squares[first + i] : NULL};
        add(e->is.aggregation, &at, row[i]);
    }
}

static void clear(struct expr_run *run, struct expr_groups *groups)
{
    size_t n = (size_t)groups->count * run->most_steps;
    memset(groups->weights, 0, n * sizeof(double));
    if (groups->squares != NULL) {
        memset(groups->squares, 0, n * sizeof(double));
    }
}

// ---- choosing among members ---------------------------------------------------------------------

static void sift(double *values, size_t at, size_t n)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && values[child] < values[child + 1];
        if (!(values[at] < values[child])) {
            return;
        }
        double swap = values[at];
        values[at] = values[child];
        values[child] = swap;
    }
}

// NaN comes first, as in Prometheus; returns how many there are.
static size_t nans_first(double *values, size_t n)
{
    size_t nans = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(values[i])) {
            double swap = values[nans];
            values[nans++] = values[i];
            values[i] = swap;
        }
    }
    return nans;
}

double expr_quantile(double *values, size_t n, double q)
{
    if (n == 0 || isnan(q)) {
        return (double)NAN;
    }
    if (q < 0 || q > 1) {
        return q < 0 ? -(double)INFINITY : (double)INFINITY;
    }
    size_t nans = nans_first(values, n), rest = n - nans;
    double *numbers = values + nans;
    for (size_t i = rest / 2; i > 0; i--) {
        sift(numbers, i - 1, rest);
    }
    for (size_t i = rest; i > 1; i--) {
        double swap = numbers[0];
        numbers[0] = numbers[i - 1];
        numbers[i - 1] = swap;
        sift(numbers, 0, i - 1);
    }
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)rank;
    size_t upper = lower + 1 < n ? lower + 1 : n - 1;
    double weight = rank - (double)lower;
    return values[lower] * (1 - weight) + values[upper] * weight;
}

static void quantile_of_group(struct expr_run *run, struct expr *e, uint32_t group, uint32_t step)
{
    struct expr_groups *groups = e->groups;
    size_t n = 0, at = (size_t)group * run->most_steps + step;
    for (uint32_t slot = groups->first[group]; slot < groups->members; slot++) {
        double value = groups->values[(size_t)slot * run->most_steps + step];
        if (groups->group_of[slot] == group && !expr_is_absent(value)) {
            run->sorted[n++] = value;
        }
    }
    groups->weights[at] = n > 0 ? expr_quantile(run->sorted, n, e->b->row[step]) : expr_absent();
}

// Whether value `a` goes before `b`: NaN goes last.
static bool ranks(bool top, double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return !isnan(a);
    }
    return top ? a > b : a < b;
}

// The best of the group that is not chosen yet; members when there is none.
static uint32_t best_left(const struct expr_run *run, const struct expr *e, uint32_t group,
                          uint32_t step, const double *chosen)
{
    const struct expr_groups *groups = e->groups;
    bool top = e->is.aggregation == EXPR_AGG_TOPK;
    uint32_t best = groups->members;
    for (uint32_t slot = groups->first[group]; slot < groups->members; slot++) {
        double value = groups->values[(size_t)slot * run->most_steps + step];
        if (groups->group_of[slot] != group || chosen[slot] > 0 || expr_is_absent(value)) {
            continue;
        }
        if (best == groups->members ||
            ranks(top, value, groups->values[(size_t)best * run->most_steps + step])) {
            best = slot;
        }
    }
    return best;
}

// Leaves the k best of each group and step; the others become absent.
static void choose(struct expr_run *run, struct expr *e, uint32_t step)
{
    struct expr_groups *groups = e->groups;
    double *chosen = run->sorted; // a mark for each member
    double wanted = e->b->row[step];
    memset(chosen, 0, groups->members * sizeof *chosen);
    for (uint32_t group = 0; group < groups->count; group++) {
        for (uint32_t k = 0; k < groups->members && k + 1.0 <= wanted; k++) {
            uint32_t best = best_left(run, e, group, step, chosen);
            if (best == groups->members) {
                break;
            }
            chosen[best] = 1;
        }
    }
    for (uint32_t slot = 0; slot < groups->members; slot++) {
        if (chosen[slot] == 0) {
            groups->values[(size_t)slot * run->most_steps + step] = expr_absent();
        }
    }
}

static void decide(struct expr_run *run, struct expr *e)
{
    for (uint32_t step = 0; step < run->steps; step++) {
        if (selects(e->is.aggregation)) {
            choose(run, e, step);
        } else {
            for (uint32_t group = 0; group < e->groups->count; group++) {
                quantile_of_group(run, e, group, step);
            }
        }
    }
}

// ---- a slice ------------------------------------------------------------------------------------

// How many topk and bottomk leave must be a whole number of 64 bits, fractions cut off, in each
// step, series or not: as in Prometheus.
static int check_wanted(struct expr_run *run, const struct expr *e)
{
    for (uint32_t step = 0; selects(e->is.aggregation) && step < run->steps; step++) {
        double wanted = e->b->row[step];
        if (!(fabs(wanted) < LIMIT_64_BITS) && wanted != -LIMIT_64_BITS) { // NaN is refused as well
            return expr_fail(
                &run->error, e->b->column, "%s takes a number of series that fits 64 bits, not %s",
                expr_aggregation_name(e->is.aggregation), isnan(wanted) ? "NaN" : "more");
        }
    }
    return 0;
}

int expr_group_prepare(struct expr_run *run, struct expr *e)
{
    struct expr_groups *groups = e->groups;
    int rc = check_wanted(run, e);
    clear(run, groups);
    for (uint32_t slot = 0; rc == 0 && slot < groups->members; slot++) {
        if (groups->keeps_members) {
            rc = expr_value(run, e->a, slot, &groups->values[(size_t)slot * run->most_steps]);
        } else {
            rc = expr_value(run, e->a, slot, e->spare);
            if (rc == 0) {
                add_row(run, e, slot, e->spare);
            }
        }
    }
    if (rc == 0 && groups->keeps_members) {
        decide(run, e);
    }
    return rc;
}

static double outcome(const struct expr *e, size_t at)
{
    const struct expr_groups *groups = e->groups;
    switch (e->is.aggregation) {
    case EXPR_AGG_COUNT:
        return groups->weights[at];
    case EXPR_AGG_STDDEV:
        return sqrt(groups->squares[at] / groups->weights[at]);
    default:
        return groups->values[at];
    }
}

int expr_group_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out)
{
    const struct expr_groups *groups = e->groups;
    size_t first = (size_t)slot * run->most_steps;
    for (uint32_t i = 0; i < run->steps; i++) {
        if (e->is.aggregation == EXPR_AGG_QUANTILE) {
            out[i] = groups->weights[first + i];
        } else if (groups->keeps_members) {
            out[i] = groups->values[first + i];
        } else {
            out[i] = groups->weights[first + i] > 0 ? outcome(e, first + i) : expr_absent();
        }
    }
    return 0;
}
