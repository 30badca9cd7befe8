// SPDX-License-Identifier: Apache-2.0
// Expressions: a subset of PromQL over the history that a host has.
//
//   selectors     name{label="v", l!="v", l=~"regex", l!~"regex"}, [5m], offset 1h, @ 1700000000,
//                 @ start(), @ end()
//   functions     rate irate increase delta deriv resets changes {avg,min,max,sum,count,last,
//                 stddev,present}_over_time quantile_over_time abs ceil floor round clamp_min
//                 clamp_max scalar time
//   aggregations  sum avg min max count stddev group topk bottomk quantile, by and without
//   operators     + - * / % ^ == != < <= > >= (bool) and or unless, on, ignoring, group_left,
//                 group_right
//
// They mean what they mean in Prometheus 2: windows hold both of their ends, an instant selector
// takes the newest sample of the last five minutes (the lookback), rates are extrapolated. All else
// is refused by name, with the column.
//
// One tier serves a query: the finest that reaches back far enough, or a coarser one whose cells
// give the same (see varve_query_info). On a tier of cells a window holds the cells that lie wholly
// in it. Then avg, min, max, sum, count, last and present over windows that begin and end where
// cells do are exact (sum and avg: of gauges; a cell keeps a counter's increase instead). rate and
// increase of counters come from the cells' increases, everything else takes each cell's last value
// as a sample at its end: info.approximate says so.
#ifndef VARVE_EXPR_H
#define VARVE_EXPR_H

#include "varve/query.h"

#ifdef __cplusplus
extern "C" {
#endif

#define VARVE_EXPR_LOOKBACK_MS 300000
#define VARVE_EXPR_POINTS_MAX  11000 // steps in one query, as in Prometheus

struct varve_expr_query {
    const char *text;
    int64_t from_ms;     // of the first step
    int64_t to_ms;       // no step is later; without a step: the one time
    int64_t step_ms;     // 0: at to_ms only
    int64_t lookback_ms; // 0: VARVE_EXPR_LOOKBACK_MS
    int tier;            // index, or VARVE_TIER_AUTO
};

// Memory that an expression works in, in bytes: everything, the blocks it reads included.
#define VARVE_EXPR_MEMORY (VARVE_BLOCK_MAX + (128u * 1024u))

// Evaluates an expression in `memory` of the caller's. The sink gets each result series once, in
// series(), and then its points in time order, possibly in several pieces between which points of
// other series come. The text of a result has no name where Prometheus drops it: `{a="b"}`, or `{}`
// for a number. A range vector (without a step) gives its samples.
//
// Returns 0, a sink's value, VARVE_E_INVALID with reason and column in `why`, VARVE_E_NO_MEMORY
// when the expression needs more than `bytes` (said in `why`), VARVE_E_UNSUPPORTED in a build
// without it (VARVE_PROMQL=OFF), or an error of a store. Any task; several at once, each with
// memory of its own.
int varve_expr_run(struct varve_host *host, const struct varve_expr_query *query,
                   const struct varve_query_sink *sink, void *memory, size_t bytes, char *why,
                   size_t why_cap);

#ifdef __cplusplus
}
#endif
#endif
