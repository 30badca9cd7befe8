// SPDX-License-Identifier: Apache-2.0
// Planning: which series each node of an expression can give, and the memory that its slices take.
// See expr_run.h.
#include "expr_run.h"
#include "varve/error.h"

const struct expr *expr_matrix_of(const struct expr *e)
{
    if (e->kind != EXPR_CALL) {
        return NULL;
    }
    if (e->a != NULL && e->a->type == EXPR_MATRIX) {
        return e->a;
    }
    return e->b != NULL && e->b->type == EXPR_MATRIX ? e->b : NULL;
}

// Keeps the series that match and that the function can be had of.
static int plan_selector(struct expr_run *run, struct expr *e, enum expr_function function)
{
    struct expr_selector *selector = e->selector;
    uint32_t skipped = 0, matched = 0;
    selector->ids = varve_arena_take(run->arena, 0, _Alignof(uint16_t));
    for (uint32_t id = 0; id < run->series_count; id++) {
        if (!expr_selector_match(selector, run->host->series.series[id].text)) {
            continue;
        }
        matched++;
        if (!expr_leaf_defined(run, function, (varve_series_id)id)) {
            skipped++;
            continue;
        }
        uint16_t *place = varve_arena_take(run->arena, sizeof *place, _Alignof(uint16_t));
        if (place == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        *place = (uint16_t)id;
        e->slots++;
    }
    run->info.series += matched;
    run->info.skipped_series += skipped;
    return 0;
}

static int plan_call(struct expr_run *run, struct expr *e)
{
    const struct expr *matrix = expr_matrix_of(e);
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        struct expr *argument = i == 0 ? e->a : e->b;
        if (argument != NULL) {
            rc = argument == matrix ? plan_selector(run, argument, e->is.function)
                                    : expr_plan(run, argument);
        }
    }
    const struct expr *over = matrix != NULL ? matrix : e->a;
    e->slots = e->type == EXPR_SCALAR || over == NULL ? 1 : over->slots;
    return rc;
}

static int plan_binary(struct expr_run *run, struct expr *e)
{
    int rc = expr_plan(run, e->a);
    rc = rc == 0 ? expr_plan(run, e->b) : rc;
    if (rc == 0 && e->a->type == EXPR_VECTOR && e->b->type == EXPR_VECTOR) {
        return expr_match_plan(run, e);
    }
    e->slots = e->a->type == EXPR_VECTOR ? e->a->slots : e->b->slots;
    return rc;
}

int expr_plan(struct expr_run *run, struct expr *e)
{
    int rc = 0;
    run->step_bytes += 2 * sizeof *e->row;
    switch (e->kind) {
    case EXPR_NUMBER:
        e->slots = 1;
        return 0;
    case EXPR_SELECTOR:
        rc = plan_selector(run, e, EXPR_FN_INSTANT);
        return rc == 0 ? expr_instant_plan(run, e) : rc;
    case EXPR_CALL:
        return plan_call(run, e);
    case EXPR_BINARY:
        return plan_binary(run, e);
    case EXPR_AGGREGATE:
        rc = expr_plan(run, e->a);
        rc = rc == 0 && e->b != NULL ? expr_plan(run, e->b) : rc;
        return rc == 0 ? expr_group_plan(run, e) : rc;
    case EXPR_NEGATE:
        break;
    }
    rc = expr_plan(run, e->a);
    e->slots = e->a->slots;
    return rc;
}

int expr_take_rows(struct expr_run *run, struct expr *e)
{
    if (e->kind == EXPR_SELECTOR) {
        return 0; // it goes straight to whoever asks
    }
    e->row = varve_arena_take(run->arena, 2 * run->most_steps * sizeof *e->row, _Alignof(double));
    e->spare = e->row != NULL ? e->row + run->most_steps : NULL;
    int rc = e->row == NULL ? VARVE_E_NO_MEMORY : 0;
    rc = rc == 0 && e->groups != NULL ? expr_group_take(run, e) : rc;
    rc = rc == 0 && e->matching != NULL ? expr_match_take(run, e) : rc;
    rc = rc == 0 && e->a != NULL ? expr_take_rows(run, e->a) : rc;
    return rc == 0 && e->b != NULL ? expr_take_rows(run, e->b) : rc;
}
