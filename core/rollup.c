// SPDX-License-Identifier: Apache-2.0
// Cascaded rollup cells; see rollup.h.
#include "rollup.h"

#include "varve/error.h"

int varve_rollup_init(struct varve_rollup *rollup, struct varve_arena *arena,
                      const struct varve_tier *tiers, size_t tier_count, uint32_t series_cap)
{
    *rollup = (struct varve_rollup){.levels = tier_count - 1};
    rollup->counters = varve_arena_take_zeroed(arena, series_cap, sizeof *rollup->counters);
    bool complete = rollup->counters != NULL;
    for (size_t level = 0; level < rollup->levels; level++) {
        rollup->step_ms[level] = tiers[level + 1].step_ms;
        rollup->open[level] = varve_arena_take_zeroed(arena, series_cap, sizeof(struct varve_cell));
        rollup->newest_ms[level] = varve_arena_take_zeroed(arena, series_cap, sizeof(uint32_t));
        rollup->done_ms[level] = varve_arena_take(arena, series_cap * sizeof(int64_t), 8);
        complete = complete && rollup->open[level] != NULL && rollup->newest_ms[level] != NULL &&
                   rollup->done_ms[level] != NULL;
        for (uint32_t id = 0; complete && id < series_cap; id++) {
            rollup->done_ms[level][id] = INT64_MIN;
        }
    }
    return complete ? 0 : VARVE_E_NO_MEMORY;
}

int64_t varve_bucket(int64_t time_ms, int64_t step_ms)
{
    int64_t phase = time_ms % step_ms;
    return time_ms - phase - (phase < 0 ? step_ms : 0);
}

void varve_cell_merge(struct varve_cell *into, const struct varve_cell *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->last = from->last;
    // A NaN never replaces a number: comparisons with it are false.
    if (from->min < into->min || into->min != into->min) {
        into->min = from->min;
    }
    if (from->max > into->max || into->max != into->max) {
        into->max = from->max;
    }
}

struct varve_cell varve_cell_of(int64_t start_ms, double value, double sum)
{
    return (struct varve_cell){
        .start_ms = start_ms, .count = 1, .min = value, .max = value, .sum = sum, .last = value};
}

static inline double increase_of(struct varve_counter_state *state, int64_t time_ms, double value)
{
    if (state->known && time_ms < state->time_ms) {
        return 0;
    }
    double increase = 0;
    if (state->known) {
        increase = value >= state->value ? value - state->value : value;
    }
    *state = (struct varve_counter_state){.value = value, .time_ms = time_ms, .known = true};
    return increase;
}

double varve_counter_increase(struct varve_counter_state *state, int64_t time_ms, double value)
{
    return increase_of(state, time_ms, value);
}

static void close_cell(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell)
{
    rollup->sink(rollup->sink_arg, level, id, cell);
    if (level + 1 < rollup->levels) {
        varve_rollup_cell(rollup, level + 1, id, cell);
    }
}

// Late rows count like all others, but an older value than the newest known is not the last one.
static void merge_last(struct varve_cell *open, uint32_t *newest_ms, const struct varve_cell *cell,
                       uint32_t cell_newest_ms)
{
    double last = open->last;
    varve_cell_merge(open, cell);
    if (cell_newest_ms < *newest_ms) {
        open->last = last;
    } else {
        *newest_ms = cell_newest_ms;
    }
}

// Merges a cell whose start is on this level's grid and whose newest row is `newest_ms` later.
static void merge_open(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell, uint32_t newest_ms)
{
    struct varve_cell *open = &rollup->open[level][id];
    if (cell->start_ms < rollup->done_ms[level][id]) {
        return; // stored before the restart that is being recovered from
    }
    if (open->count > 0 && cell->start_ms == open->start_ms) {
        merge_last(open, &rollup->newest_ms[level][id], cell, newest_ms);
    } else if (open->count > 0 && cell->start_ms < open->start_ms) {
        close_cell(rollup, level, id, cell);
    } else {
        struct varve_cell closed = *open;
        *open = *cell;
        rollup->newest_ms[level][id] = newest_ms;
        if (closed.count > 0) {
            close_cell(rollup, level, id, &closed);
        }
    }
}

void varve_rollup_cell(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell)
{
    struct varve_cell coarse = *cell;
    coarse.start_ms = varve_bucket(cell->start_ms, rollup->step_ms[level]);
    merge_open(rollup, level, id, &coarse, (uint32_t)(cell->start_ms - coarse.start_ms));
}

// Merges a sample into a cell; the same as varve_cell_merge() of its cell, but without a branch for
// processors to guess: what is a minimum is random.
static inline void merge_sample(struct varve_cell *cell, double value, double sum)
{
    bool no_min = cell->min != cell->min, no_max = cell->max != cell->max;
    cell->count++;
    cell->sum += sum;
    cell->last = value;
    cell->min = value < cell->min ? value : cell->min;
    cell->max = value > cell->max ? value : cell->max;
    if (no_min || no_max) { // only numbers replaced so far, but a NaN must be
        cell->min = no_min ? value : cell->min;
        cell->max = no_max ? value : cell->max;
    }
}

void varve_rollup_points(struct varve_rollup *rollup, varve_series_id id, enum varve_kind kind,
                         const struct varve_point *points, size_t n)
{
    struct varve_cell run = {.count = 0}; // points of one bucket, merged where nobody else looks
    struct varve_counter_state counter = rollup->counters[id];
    uint32_t newest_ms = 0;
    for (size_t i = 0; rollup->levels > 0 && i < n; i++) {
        const struct varve_point *p = &points[i];
        double sum = kind == VARVE_COUNTER ? increase_of(&counter, p->time_ms, p->value) : p->value;
        bool same = run.count > 0 && p->time_ms >= run.start_ms &&
                    p->time_ms - run.start_ms < rollup->step_ms[0];
        if (same) {
            merge_sample(&run, p->value, sum);
        } else {
            if (run.count > 0) {
                merge_open(rollup, 0, id, &run, newest_ms);
            }
            run = varve_cell_of(varve_bucket(p->time_ms, rollup->step_ms[0]), p->value, sum);
        }
        newest_ms = (uint32_t)(p->time_ms - run.start_ms);
    }
    rollup->counters[id] = counter;
    if (run.count > 0) {
        merge_open(rollup, 0, id, &run, newest_ms);
    }
}

void varve_rollup_close(struct varve_rollup *rollup, size_t levels, uint32_t series_count,
                        int64_t time_ms)
{
    for (size_t level = 0; level < levels; level++) {
        for (uint32_t id = 0; id < series_count; id++) {
            struct varve_cell closed = rollup->open[level][id];
            if (closed.count > 0 && closed.start_ms + rollup->step_ms[level] <= time_ms) {
                rollup->open[level][id].count = 0;
                close_cell(rollup, level, (varve_series_id)id, &closed);
            }
        }
    }
}

int64_t varve_rollup_oldest(const struct varve_rollup *rollup, size_t level, uint32_t series_count)
{
    int64_t oldest_ms = INT64_MAX;
    for (uint32_t id = 0; id < series_count; id++) {
        const struct varve_cell *open = &rollup->open[level][id];
        oldest_ms = open->count > 0 && open->start_ms < oldest_ms ? open->start_ms : oldest_ms;
    }
    return oldest_ms;
}

static bool is_counted(const struct varve_rollup *rollup, size_t level, varve_series_id id)
{
    bool counted = false;
    for (size_t coarser = level + 1; coarser < rollup->levels; coarser++) {
        counted |= rollup->done_ms[coarser][id] > rollup->open[level][id].start_ms;
    }
    return counted && rollup->open[level][id].count > 0;
}

void varve_rollup_close_counted(struct varve_rollup *rollup, uint32_t series_count)
{
    for (size_t level = 0; level < rollup->levels; level++) {
        for (uint32_t id = 0; id < series_count; id++) {
            if (is_counted(rollup, level, (varve_series_id)id)) {
                struct varve_cell closed = rollup->open[level][id];
                rollup->open[level][id].count = 0;
                close_cell(rollup, level, (varve_series_id)id, &closed);
            }
        }
    }
}
