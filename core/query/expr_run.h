// SPDX-License-Identifier: Apache-2.0
// A running expression: what the parts of the evaluator share.
//
// Which series can come out of each node is known before anything is read, because labels are known
// from the series table: each node has a number of slots, and a slot's labels follow from those of
// its operands. Time goes by in slices of some steps. In each slice a node is first prepared (what
// it has to know of all its operand's slots is computed then: groups, the one side of a match) and
// then asked for its slots one by one: a row of one value a step, ABSENT where there is none. So
// memory depends on groups and the steps of a slice, not on the range.
//
// Threading: a run belongs to one task.
#ifndef VARVE_CORE_QUERY_EXPR_RUN_H
#define VARVE_CORE_QUERY_EXPR_RUN_H

#include "expr.h"
#include "rows.h"
#include "varve/expr.h"

struct expr_window;

struct expr_run {
    struct varve_host *host;
    const struct varve_expr_query *query;
    const struct varve_query_sink *sink;
    struct varve_arena *arena;
    struct expr_error error;
    struct expr *root;
    struct varve_rows rows;
    struct varve_query_info info;
    uint32_t series_count; // known when the run began
    bool cells;            // the tier holds cells
    int64_t tier_step_ms;
    int64_t lookback_ms;
    int64_t start_ms, end_ms, step_ms; // of the evaluation; one step: start_ms == end_ms

    int64_t at_ms;  // first step of the slice
    uint32_t steps; // in the slice
    uint32_t most_steps;
    size_t step_bytes;           // memory that a step of a slice takes
    struct expr_window *windows; // one a step, for the function that runs
    double *sorted;              // room for quantiles
    size_t sorted_cap;
    struct varve_sketch *sketch; // of one window of quantile_over_time; NULL: the rows are samples
};

// No value: what Prometheus marks the end of a series with, and so never a value.
#define EXPR_ABSENT_BITS UINT64_C(0x7ff0000000000002)

static inline double expr_absent(void)
{
    double value;
    const uint64_t bits = EXPR_ABSENT_BITS;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline bool expr_is_absent(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits == EXPR_ABSENT_BITS;
}

// ---- expr_labels.c: labels of slots -------------------------------------------------------------

// Borrowed from the series table. A name of length 0: there is none.
void expr_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                 struct varve_labels *out);
// Leaves the labels that are listed in `names`, or those that are not; the name stays.
void expr_labels_keep(struct varve_labels *labels, const struct expr_names *names, bool listed);
// Over the labels that are listed (`listed`) or those that are not, empty ones aside; the name only
// when it is listed as __name__.
uint64_t expr_labels_hash(const struct varve_labels *labels, const struct expr_names *names,
                          bool listed);
// Over all of them, name included.
uint64_t expr_labels_hash_all(const struct varve_labels *labels);
bool expr_selector_match(const struct expr_selector *selector, const char *series_text);

// A slot by its hash.
struct expr_signature {
    uint64_t hash;
    uint32_t slot;
};
// By hash, then slot.
void expr_signatures_sort(struct expr_signature *signatures, size_t n);
// The first with this hash; n when there is none.
size_t expr_signatures_find(const struct expr_signature *signatures, size_t n, uint64_t hash);

// ---- expr_plan.c --------------------------------------------------------------------------------

// Counts and describes the slots of all nodes. VARVE_E_NO_MEMORY, VARVE_E_TOO_BIG (said).
int expr_plan(struct expr_run *run, struct expr *e);
// Takes the memory of slices of run->most_steps steps.
int expr_take_rows(struct expr_run *run, struct expr *e);
// The argument that is a range vector, or NULL.
const struct expr *expr_matrix_of(const struct expr *e);

// ---- expr_eval.c: one slice ---------------------------------------------------------------------

int expr_prepare(struct expr_run *run, struct expr *e);
int expr_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out);

// ---- expr_leaf.c: from rows to values -----------------------------------------------------------

size_t expr_window_bytes(void);
// A function over one series. `parameter` is a row, for quantile_over_time.
int expr_leaf(struct expr_run *run, enum expr_function function,
              const struct expr_selector *selector, const double *parameter, varve_series_id id,
              double *out);
// Whether the function can be had of the series from cells.
bool expr_leaf_defined(const struct expr_run *run, enum expr_function function, varve_series_id id);
// The time at which a selector is read for the step at time_ms.
int64_t expr_leaf_time(const struct expr_run *run, const struct expr_selector *selector,
                       int64_t time_ms);
// How far back it reads from there.
int64_t expr_leaf_span(const struct expr_run *run, const struct expr_selector *selector);

// ---- expr_instant.c -----------------------------------------------------------------------------

// Takes what is kept for each slot from slice to slice. VARVE_E_NO_MEMORY.
int expr_instant_plan(struct expr_run *run, struct expr *e);
int expr_instant(struct expr_run *run, const struct expr_selector *selector, uint32_t slot,
                 double *out);

// ---- expr_group.c, expr_match.c -----------------------------------------------------------------

int expr_group_plan(struct expr_run *run, struct expr *e);
int expr_group_take(struct expr_run *run, struct expr *e);
int expr_group_prepare(struct expr_run *run, struct expr *e);
int expr_group_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out);
uint32_t expr_group_first(const struct expr *e, uint32_t slot);
double expr_quantile(double *values, size_t n, double q); // sorts them

int expr_match_plan(struct expr_run *run, struct expr *e);
int expr_match_take(struct expr_run *run, struct expr *e);
int expr_match_prepare(struct expr_run *run, struct expr *e);
int expr_match_value(struct expr_run *run, struct expr *e, uint32_t slot, double *out);
void expr_match_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                       struct varve_labels *out);

// Applies an operator; ABSENT when a comparison leaves the left value out.
double expr_operate(const struct expr *e, double left, double right);

#endif
