// SPDX-License-Identifier: Apache-2.0
// Rollup: raw points into cells, cells into coarser cells, each series and tier on its own.
//
// Every series has one open cell per rollup tier. A point goes into the open cell of the finest
// tier; when its time belongs to a later bucket the cell is closed: handed to the sink and merged
// into the next tier, and so on (a cascade, so that most points touch one cell only). Rows older
// than the open cell become a cell of their own that merges with its siblings when it is read.
// `last` of an open cell is from its newest row (tiers above the first: from its newest finer
// cell), however late older ones come; among siblings it is the last one's that was stored.
//
// Counters: a cell's sum is the increase since the previous sample, whatever bucket that was in; a
// smaller value means that the counter restarted from zero. When the clock goes back by hours it
// grows on from there, as a restart finds it in the blocks, too.
//
// One task, under the host's store lock.
#ifndef VARVE_CORE_ROLLUP_H
#define VARVE_CORE_ROLLUP_H

#include "arena.h"
#include "sketches.h"
#include "value.h"
#include "varve/types.h"

// Receives closed cells. `level` counts rollup tiers from 0 (tier 1). `sketch` is of the cell's
// samples, or NULL where the series asks for none.
typedef void (*varve_cell_sink)(void *arg, size_t level, varve_series_id id,
                                const struct varve_cell *cell, const struct varve_sketch *sketch);

// The counter's value at its newest sample.
struct varve_counter_state {
    double value;
    int64_t time_ms;
    bool known;
} VARVE_COMPACT;

struct varve_open_cell {
    int64_t start_ms;
    uint32_t count;     // 0: none is open
    uint32_t newest_ms; // where in the cell `last` is from
    varve_value min, max, sum, last;
};

// As queries see it.
struct varve_cell varve_open_read(const struct varve_open_cell *open);

struct varve_rollup {
    size_t levels;                                 // rollup tiers
    int64_t step_ms[VARVE_MAX_TIERS];              // by level
    struct varve_open_cell *open[VARVE_MAX_TIERS]; // by level, then by series id
#ifndef VARVE_WITHOUT_RECOVERY
    int64_t *done_ms[VARVE_MAX_TIERS]; // by level, then id: cells that start before this are stored
#endif
    struct varve_counter_state *counters; // by series id
    varve_cell_sink sink;
    void *sink_arg;
    struct varve_sketches *sketches; // NULL: no series has any
};

// `tiers` are all tiers, raw first. Returns 0 or VARVE_E_NO_MEMORY.
int varve_rollup_init(struct varve_rollup *rollup, struct varve_arena *arena,
                      const struct varve_tier *tiers, size_t tier_count, uint32_t series_cap);

// Feeds points of one series in time order.
void varve_rollup_points(struct varve_rollup *rollup, varve_series_id id, enum varve_kind kind,
                         const struct varve_point *points, size_t n);

// Feeds a cell of `level` - 1, and its sketch or NULL, into `level`, as the cascade does.
void varve_rollup_cell(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell, const struct varve_sketch *sketch);

// Closes the open cells of all series, in the first `levels` levels, whose bucket ends at or before
// `time_ms`.
void varve_rollup_close(struct varve_rollup *rollup, size_t levels, uint32_t series_count,
                        int64_t time_ms);

// Closes those that begin after `time_ms`.
void varve_rollup_close_after(struct varve_rollup *rollup, size_t levels, uint32_t series_count,
                              int64_t time_ms);

// Start of the level's oldest open cell; INT64_MAX: none is open.
int64_t varve_rollup_oldest(const struct varve_rollup *rollup, size_t level, uint32_t series_count);

// At the end of a recovery: closes the open cells that a stored coarser cell has counted already
// (`done_ms`), so that they do not reach it again when they close later.
void varve_rollup_close_counted(struct varve_rollup *rollup, uint32_t series_count);

// Start of the bucket of `step_ms` that holds the time; right for negative times too.
int64_t varve_bucket(int64_t time_ms, int64_t step_ms);

// Merges `from` into `into`, which keeps its start; `from` is the newer one.
void varve_cell_merge(struct varve_cell *into, const struct varve_cell *from);

// The cell of one sample; `sum` is varve_counter_increase() for counters and the value
// itself for gauges.
struct varve_cell varve_cell_of(int64_t start_ms, double value, double sum);

// How much a counter grew from its state to `value` at time_ms, and the new state. An older sample
// than the newest known one counts as no growth, but for one that shows that the clock went back:
// it is older by VARVE_COUNTER_LATE_MS at least, and larger.
#define VARVE_COUNTER_LATE_MS INT64_C(600000)
double varve_counter_increase(struct varve_counter_state *state, int64_t time_ms, double value);

#endif
