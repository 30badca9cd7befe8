// SPDX-License-Identifier: Apache-2.0
// Queries: one selector over one range, from RAM and every backend's blocks, each row once.
//
// SELECTOR is `name`, `name{label="value",other!="value"}` or `{label="value"}`; the name may hold
// `*` and `?`; "" and `*` mean every series. A dotted name such as `web.cpu.load` (characters
// [A-Za-z0-9_.:/-] and at least one that no metric name may have) means `dotted{path="..."}`.
//
// The range is inclusive. On a rollup tier it begins with the cell that holds its first moment.
//
// Aggregation: with a step, rows fall into buckets aligned to multiples of the step and each bucket
// gives one point at its start. Without a step each row gives one point: raw values as they are,
// cells at their start. `auto` is avg for gauges and last for counters.
#ifndef VARVE_QUERY_H
#define VARVE_QUERY_H

#include "varve/host.h"

#ifdef __cplusplus
extern "C" {
#endif

enum varve_agg {
    VARVE_AGG_AUTO,
    VARVE_AGG_AVG, // gauges only: series of counters are left out and counted
    VARVE_AGG_MIN,
    VARVE_AGG_MAX,
    VARVE_AGG_SUM, // counters: the increase, resets allowed for
    VARVE_AGG_COUNT,
    VARVE_AGG_LAST,
    VARVE_AGG_RATE, // per second; counters: increase over time; gauges: change over time
};

#define VARVE_TIER_AUTO (-1)

struct varve_query {
    const char *selector;
    int64_t from_ms; // inclusive
    int64_t to_ms;   // inclusive
    int64_t step_ms; // 0: as stored
    int tier;        // index, or VARVE_TIER_AUTO: the finest that reaches back to from_ms and is
                     // not needlessly finer than the step
    enum varve_agg agg;
    bool by_time; // deliver block by block, series interleaved (export); needs step 0 and
                  // agg auto or last on raw. Otherwise series by series
};

// What the answer was made from; complete in end(), in begin() without the counts.
struct varve_query_info {
    int tier;
    char tier_name[VARVE_TIER_NAME];
    int64_t tier_step_ms;
    int64_t from_ms, to_ms, step_ms;
    int64_t oldest_ms;       // of the tier; INT64_MAX: it is empty
    uint32_t series;         // matched
    uint32_t skipped_series; // matched, but the aggregation is not defined for them
    uint64_t rows_read;
    uint64_t points;         // delivered
    uint32_t damaged_blocks; // passed over
    bool approximate;        // of an expression: cells gave less than samples would have
    bool sketched;           // a quantile over cells is from their sketches: within 1 %
    bool unsketched;         // one had to take each cell's last value for its samples
};

// Receives the answer. Callbacks return non-zero to stop; the query then returns that value.
struct varve_query_sink {
    void *arg;
    int (*begin)(void *arg, const struct varve_query_info *info);
    // Before a series' first points.
    int (*series)(void *arg, varve_series_id id, const struct varve_series_def *def);
    // One or more times per series, in time order.
    int (*points)(void *arg, varve_series_id id, const struct varve_point *points, size_t n);
    int (*end)(void *arg, const struct varve_query_info *info);
};

// Least size of the memory that a query works in, and a comfortable one, in bytes.
#define VARVE_QUERY_MEMORY_MIN (2u * VARVE_BLOCK_MAX + VARVE_QUERY_ROOM)
#define VARVE_QUERY_MEMORY     (2u * VARVE_BLOCK_MAX + (256u * 1024u))

// Runs a query in `memory` of the caller's. Returns 0, a sink's value, VARVE_E_INVALID with the
// reason and the column in `why` for a bad selector or range, VARVE_E_NOT_FOUND when no series
// matches. Any task; several may query at once, each with its own memory.
int varve_query_run(struct varve_host *host, const struct varve_query *query,
                    const struct varve_query_sink *sink, void *memory, size_t bytes, char *why,
                    size_t why_cap);

// Text of an aggregation ("avg") and back; VARVE_E_NOT_FOUND for an unknown one.
const char *varve_agg_name(enum varve_agg agg);
int varve_agg_find(const char *name);

#ifdef __cplusplus
}
#endif
#endif
