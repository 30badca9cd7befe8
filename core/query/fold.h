// SPDX-License-Identifier: Apache-2.0
// Folding the rows of one series into the points of an answer: one aggregation over buckets of a
// step, or row by row. Stateless apart from the struct; one task.
#ifndef VARVE_CORE_QUERY_FOLD_H
#define VARVE_CORE_QUERY_FOLD_H

#include "../rollup.h"
#include "varve/query.h"

#define VARVE_FOLD_POINTS 256u // points handed to the sink in one go

struct varve_fold {
    enum varve_agg agg; // never VARVE_AGG_AUTO
    enum varve_kind kind;
    bool cells;      // rows are struct varve_cell
    int64_t step_ms; // 0: raw rows one by one
    int64_t from_ms; // earlier rows only prepare differences
    int (*emit)(void *arg, const struct varve_point *points, size_t n);
    void *emit_arg;

    struct varve_cell bucket; // open while count > 0
    double total;             // of the bucket's raw values
    struct varve_counter_state counter;
    struct varve_point previous; // newest point before the current one
    bool has_previous;
    struct varve_point out[VARVE_FOLD_POINTS];
    size_t count;
};

// What `auto` means for a series.
enum varve_agg varve_fold_agg(enum varve_agg asked, enum varve_kind kind);

// Whether the aggregation can be answered for a series from this kind of rows.
bool varve_fold_defined(enum varve_agg agg, enum varve_kind kind, bool cells);

// Whether points depend on the row before them.
bool varve_fold_needs_previous(enum varve_agg agg, enum varve_kind kind, bool cells);

// Takes rows in time order. Returns 0 or what emit() returned.
int varve_fold_rows(struct varve_fold *fold, const void *rows, size_t n);

// Closes the last bucket and hands over what is left.
int varve_fold_end(struct varve_fold *fold);

#endif
