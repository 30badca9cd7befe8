// SPDX-License-Identifier: Apache-2.0
// One slice of an expression: functions of values, operators with numbers, and who is asked for
// what. Aggregations are in expr_group.c, operators between vectors in expr_match.c.
#include <math.h>

#include "expr_run.h"

double expr_operate(const struct expr *e, double left, double right)
{
    bool holds = false;
    switch (e->is.op) {
    case EXPR_OP_ADD:
        return left + right;
    case EXPR_OP_SUB:
        return left - right;
    case EXPR_OP_MUL:
        return left * right;
    case EXPR_OP_DIV:
        return left / right;
    case EXPR_OP_MOD:
        return fmod(left, right);
    case EXPR_OP_POW:
        return pow(left, right);
    case EXPR_OP_EQ:
        holds = left == right;
        break;
    case EXPR_OP_NE:
        holds = left != right;
        break;
    case EXPR_OP_LE:
        holds = left <= right;
        break;
    case EXPR_OP_LT:
        holds = left < right;
        break;
    case EXPR_OP_GE:
        holds = left >= right;
        break;
    case EXPR_OP_GT:
        holds = left > right;
        break;
    default:
        break; // and, or, unless look at no values
    }
    if (e->returns_bool) {
        return holds ? 1 : 0;
    }
    return holds ? left : expr_absent();
}

// ---- numbers ------------------------------------------------------------------------------------

// scalar(): the value where there is exactly one.
static int scalar_row(struct expr_run *run, struct expr *e)
{
    int rc = 0;
    double *found = e->row;
    for (uint32_t i = 0; i < run->steps; i++) {
        found[i] = expr_absent();
    }
    for (uint32_t slot = 0; rc == 0 && slot < e->a->slots; slot++) {
        double *values = e->spare;
        rc = expr_value(run, e->a, slot, values);
        for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
            if (!expr_is_absent(values[i])) {
                found[i] = expr_is_absent(found[i]) ? values[i] : (double)NAN;
            }
        }
    }
    for (uint32_t i = 0; i < run->steps; i++) {
        found[i] = expr_is_absent(found[i]) ? (double)NAN : found[i];
    }
    return rc;
}

static int number_row(struct expr_run *run, struct expr *e)
{
    if (e->kind == EXPR_CALL && e->a != NULL) { // time() has no argument
        return scalar_row(run, e);
    }
    for (uint32_t i = 0; i < run->steps; i++) {
        if (e->kind == EXPR_NUMBER) {
            e->row[i] = e->number;
        } else if (e->kind == EXPR_CALL) { // time()
            e->row[i] = (double)(run->at_ms + i * run->step_ms) / 1000;
        } else if (e->kind == EXPR_NEGATE) {
            e->row[i] = -e->a->row[i];
        } else {
            e->row[i] = expr_operate(e, e->a->row[i], e->b->row[i]);
        }
    }
    return 0;
}

int expr_prepare(struct expr_run *run, struct expr *e)
{
    bool no_left = e->kind == EXPR_NUMBER || e->kind == EXPR_SELECTOR ||
                   (e->kind == EXPR_CALL && e->a == NULL);
    int rc = no_left ? 0 : expr_prepare(run, e->a);
    bool right = e->kind == EXPR_BINARY || (!no_left && e->b != NULL);
    rc = rc == 0 && right ? expr_prepare(run, e->b) : rc;
    if (rc == 0 && e->type == EXPR_SCALAR) {
        return number_row(run, e);
    }
    if (rc == 0 && e->groups != NULL) {
        return expr_group_prepare(run, e);
    }
    return rc == 0 && e->matching != NULL ? expr_match_prepare(run, e) : rc;
}

// ---- vectors ------------------------------------------------------------------------------------

// As Go's math.Max and math.Min: NaN when either is.
static double larger(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double smaller(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}

static double apply(enum expr_function function, double value, double parameter)
{
    switch (function) {
    case EXPR_FN_ABS:
        return fabs(value);
    case EXPR_FN_CEIL:
        return ceil(value);
    case EXPR_FN_FLOOR:
        return floor(value);
    case EXPR_FN_ROUND: // halves go up, as in Prometheus
        return floor(value * (1 / parameter) + 0.5) / (1 / parameter);
    case EXPR_FN_CLAMP_MIN:
        return larger(value, parameter);
    case EXPR_FN_CLAMP_MAX:
        return smaller(value, parameter);
    default:
        return value;
    }
}

static int call_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out)
{
    const struct expr *matrix = expr_matrix_of(e);
    if (matrix != NULL) {
        const double *parameter = matrix == e->b ? e->a->row : NULL;
        return expr_leaf(run, e->is.function, matrix->selector, parameter,
                         matrix->selector->ids[slot], out);
    }
    int rc = expr_value(run, e->a, slot, out);
    for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
        double parameter = e->b != NULL ? e->b->row[i] : 1;
        out[i] = expr_is_absent(out[i]) ? out[i] : apply(e->is.function, out[i], parameter);
    }
    return rc;
}

// One operand is a vector, the other a number. A comparison keeps the vector's value.
static int operator_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out)
{
    bool left = e->a->type == EXPR_VECTOR;
    const double *numbers = left ? e->b->row : e->a->row;
    int rc = expr_value(run, left ? e->a : e->b, slot, out);
    for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
        double value = out[i];
        if (expr_is_absent(value)) {
            continue;
        }
        out[i] = left ? expr_operate(e, value, numbers[i]) : expr_operate(e, numbers[i], value);
        bool kept = expr_is_comparison(e->is.op) && !e->returns_bool && !expr_is_absent(out[i]);
        out[i] = kept ? value : out[i];
    }
    return rc;
}

int expr_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out)
{
    if (e->type == EXPR_SCALAR) {
        memcpy(out, e->row, run->steps * sizeof *out);
        return 0;
    }
    switch (e->kind) {
    case EXPR_SELECTOR:
        return expr_instant(run, e->selector, slot, out);
    case EXPR_CALL:
        return call_value(run, e, slot, out);
    case EXPR_AGGREGATE:
        return expr_group_value(run, e, slot, out);
    case EXPR_BINARY:
        return e->matching != NULL ? expr_match_value(run, e, slot, out)
                                   : operator_value(run, e, slot, out);
    case EXPR_NEGATE:
    case EXPR_NUMBER:
        break;
    }
    int rc = expr_value(run, e->a, slot, out);
    for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
        out[i] = expr_is_absent(out[i]) ? out[i] : -out[i];
    }
    return rc;
}
