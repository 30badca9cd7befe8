// SPDX-License-Identifier: Apache-2.0
// Operators between vectors: one side is kept in memory for the slice, the other streams past it
// and finds its partners by the hash of the labels they match on. See expr_run.h.
//
// The side that streams is the left one, or the many side of group_right; for `or` it is the right
// one, whose series come out where no left one has their labels.
#include "expr_run.h"
#include "varve/error.h"

#define NONE UINT32_MAX

// One series of the result: a slot of the side that streams, and a run of partners.
struct pair {
    uint16_t slot;
    uint16_t partners; // 0: none
    uint32_t first;    // among the signatures
};

struct expr_matching {
    struct expr *stream, *kept;
    struct expr_signature *signatures; // of the kept side, sorted
    struct pair *pairs;
    uint32_t pair_count;
    double *values;  // rows of the kept side, by slot
    uint8_t *taken;  // one-to-one: by signature and step, whether a partner was found
    double *spare;   // the row of the slot that streamed last
    uint32_t spared; // that slot
};

static bool is_or(const struct expr *e)
{
    return e->is.op == EXPR_OP_OR;
}

// ---- planning -----------------------------------------------------------------------------------

static int sign(struct expr_run *run, struct expr *e)
{
    struct expr_matching *m = e->matching;
    uint32_t n = m->kept->slots;
    m->signatures =
        varve_arena_take(run->arena, n * sizeof *m->signatures, _Alignof(struct expr_signature));
    if (m->signatures == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    for (uint32_t slot = 0; slot < n; slot++) {
        struct varve_labels labels;
        expr_labels(run, m->kept, slot, &labels);
        m->signatures[slot] = (struct expr_signature){
            .hash = expr_labels_hash(&labels, &e->labels, e->by), .slot = slot};
    }
    expr_signatures_sort(m->signatures, n);
    return 0;
}

static int add_pair(struct expr_run *run, struct expr_matching *m, uint32_t slot, size_t first,
                    size_t partners)
{
    struct pair *pair = varve_arena_take(run->arena, sizeof *pair, _Alignof(struct pair));
    if (pair == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    *pair = (struct pair){
        .slot = (uint16_t)slot, .partners = (uint16_t)partners, .first = (uint32_t)first};
    m->pair_count++;
    return m->pair_count < UINT16_MAX ? 0 : VARVE_E_NO_MEMORY;
}

// With labels to include each partner gives a series of its own.
static int pair_up(struct expr_run *run, struct expr *e)
{
    struct expr_matching *m = e->matching;
    size_t n = m->kept->slots;
    int rc = 0;
    m->pairs = varve_arena_take(run->arena, 0, _Alignof(struct pair));
    for (uint32_t slot = 0; rc == 0 && slot < m->stream->slots; slot++) {
        struct varve_labels labels;
        expr_labels(run, m->stream, slot, &labels);
        uint64_t hash = expr_labels_hash(&labels, &e->labels, e->by);
        size_t first = expr_signatures_find(m->signatures, n, hash), partners = 0;
        while (first + partners < n && m->signatures[first + partners].hash == hash) {
            partners++;
        }
        if (e->include.count == 0) {
            bool lonely = partners == 0 && !expr_is_set_operator(e->is.op);
            rc = lonely ? 0 : add_pair(run, m, slot, first, partners);
        }
        for (size_t i = 0; rc == 0 && e->include.count > 0 && i < partners; i++) {
            rc = add_pair(run, m, slot, first + i, 1);
        }
    }
    return rc;
}

int expr_match_plan(struct expr_run *run, struct expr *e)
{
    struct expr_matching *m = varve_arena_take_zeroed(run->arena, 1, sizeof *m);
    if (m == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    bool swap = is_or(e) || e->many_right;
    e->matching = m;
    m->stream = swap ? e->b : e->a;
    m->kept = swap ? e->a : e->b;
    int rc = sign(run, e);
    rc = rc == 0 ? pair_up(run, e) : rc;
    e->slots = m->pair_count + (is_or(e) ? m->kept->slots : 0);
    run->step_bytes += m->kept->slots * (sizeof(double) + 1);
    return rc == 0 && e->slots >= UINT16_MAX ? VARVE_E_NO_MEMORY : rc;
}

int expr_match_take(struct expr_run *run, struct expr *e)
{
    struct expr_matching *m = e->matching;
    size_t n = (size_t)m->kept->slots * run->most_steps;
    m->values = varve_arena_take(run->arena, n * sizeof *m->values, _Alignof(double));
    m->taken = varve_arena_take(run->arena, n, 1);
    m->spare = e->spare;
    return m->values != NULL && m->taken != NULL ? 0 : VARVE_E_NO_MEMORY;
}

// ---- labels -------------------------------------------------------------------------------------

// Takes the listed labels from the one side: they come instead of the many side's own.
static void include(const struct expr *e, const struct varve_labels *one, struct varve_labels *out)
{
    expr_labels_keep(out, &e->include, false);
    struct varve_labels taken = *one;
    expr_labels_keep(&taken, &e->include, true);
    for (size_t i = 0; i < taken.count && out->count < VARVE_MAX_LABELS; i++) {
        size_t at = out->count++;
        for (; at > 0; at--) { // sorted by key
            const struct varve_span *a = &out->label[at - 1].key, *b = &taken.label[i].key;
            int order = memcmp(a->at, b->at, a->len < b->len ? a->len : b->len);
            if (order < 0 || (order == 0 && a->len <= b->len)) {
                break;
            }
            out->label[at] = out->label[at - 1];
        }
        out->label[at] = taken.label[i];
    }
}

void expr_match_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                       struct varve_labels *out)
{
    const struct expr_matching *m = e->matching;
    if (is_or(e) && slot < m->kept->slots) {
        expr_labels(run, m->kept, slot, out);
        return;
    }
    const struct pair *pair = &m->pairs[slot - (is_or(e) ? m->kept->slots : 0)];
    expr_labels(run, m->stream, pair->slot, out);
    if (expr_is_set_operator(e->is.op)) {
        return;
    }
    if (!expr_is_comparison(e->is.op) || e->returns_bool || (e->by && !e->many)) {
        out->name = (struct varve_span){.at = "", .len = 0};
    }
    if (!e->many) {
        expr_labels_keep(out, &e->labels, e->by);
    } else if (e->include.count > 0) {
        struct varve_labels one;
        expr_labels(run, m->kept, m->signatures[pair->first].slot, &one);
        include(e, &one, out);
    }
}

// ---- a slice ------------------------------------------------------------------------------------

static int refuse_duplicates(struct expr_run *run, const struct expr *e)
{
    const struct expr_matching *m = e->matching;
    bool right = m->kept == e->b;
    for (uint32_t i = 1; i < m->kept->slots; i++) {
        const struct expr_signature *a = &m->signatures[i - 1], *b = &m->signatures[i];
        for (uint32_t k = 0; a->hash == b->hash && k < run->steps; k++) {
            bool both = !expr_is_absent(m->values[(size_t)a->slot * run->most_steps + k]) &&
                        !expr_is_absent(m->values[(size_t)b->slot * run->most_steps + k]);
            if (both) {
                return expr_fail(&run->error, e->column,
                                 "several series on the %s have the labels that are matched on; "
                                 "one must be left on one side (on, ignoring, group_%s, sum by)",
                                 right ? "right" : "left", right ? "right" : "left");
            }
        }
    }
    return 0;
}

int expr_match_prepare(struct expr_run *run, struct expr *e)
{
    struct expr_matching *m = e->matching;
    int rc = 0;
    for (uint32_t slot = 0; rc == 0 && slot < m->kept->slots; slot++) {
        rc = expr_value(run, m->kept, slot, &m->values[(size_t)slot * run->most_steps]);
    }
    memset(m->taken, 0, (size_t)m->kept->slots * run->most_steps);
    m->spared = NONE;
    return rc == 0 && !expr_is_set_operator(e->is.op) ? refuse_duplicates(run, e) : rc;
}

// The partner that has a value at this step, by its place among the signatures; NONE: no such.
static uint32_t partner_at(const struct expr_run *run, const struct expr_matching *m,
                           const struct pair *pair, uint32_t step)
{
    for (uint32_t i = pair->first; i < pair->first + pair->partners; i++) {
        if (!expr_is_absent(m->values[(size_t)m->signatures[i].slot * run->most_steps + step])) {
            return i;
        }
    }
    return NONE;
}

static int combine(struct expr_run *run, struct expr *e, const struct pair *pair, uint32_t step,
                   double *value)
{
    struct expr_matching *m = e->matching;
    uint32_t partner = expr_is_absent(*value) ? NONE : partner_at(run, m, pair, step);
    if (expr_is_set_operator(e->is.op)) {
        bool wanted = e->is.op == EXPR_OP_AND ? partner != NONE : partner == NONE;
        *value = wanted ? *value : expr_absent();
        return 0;
    }
    if (partner == NONE) {
        *value = expr_absent();
        return 0;
    }
    double other = m->values[(size_t)m->signatures[partner].slot * run->most_steps + step];
    *value = e->many_right ? expr_operate(e, other, *value) : expr_operate(e, *value, other);
    if (e->many || expr_is_absent(*value)) {
        return 0;
    }
    uint8_t *taken = &m->taken[(size_t)pair->first * run->most_steps + step];
    if (*taken != 0) {
        return expr_fail(&run->error, e->column,
                         "several series on the left match one on the right: say group_left (or "
                         "match on more labels)");
    }
    *taken = 1;
    return 0;
}

int expr_match_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out)
{
    struct expr_matching *m = e->matching;
    uint32_t kept = is_or(e) ? m->kept->slots : 0;
    if (slot < kept) {
        memcpy(out, &m->values[(size_t)slot * run->most_steps], run->steps * sizeof *out);
        return 0;
    }
    const struct pair *pair = &m->pairs[slot - kept];
    int rc = 0;
    if (m->spared != pair->slot) {
        rc = expr_value(run, m->stream, pair->slot, m->spare);
        m->spared = pair->slot;
    }
    for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
        out[i] = m->spare[i];
        rc = combine(run, e, pair, i, &out[i]);
    }
    return rc;
}
