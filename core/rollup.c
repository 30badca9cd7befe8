// SPDX-License-Identifier: Apache-2.0
// Cascaded rollup cells; see rollup.h.
#include "rollup.h"

#include "varve/error.h"

#ifdef VARVE_WITHOUT_RECOVERY
static bool take_done(struct varve_rollup *rollup, size_t level, struct varve_arena *arena,
                      uint32_t series_cap)
{
    (void)rollup;
    (void)level;
    (void)arena;
    (void)series_cap;
    return true;
}

static bool is_done(const struct varve_rollup *rollup, size_t level, varve_series_id id,
                    int64_t start_ms)
{
    (void)rollup;
    (void)level;
    (void)id;
    (void)start_ms;
    return false;
}
#else
static bool take_done(struct varve_rollup *rollup, size_t level, struct varve_arena *arena,
                      uint32_t series_cap)
{
    int64_t *done_ms = varve_arena_take(arena, series_cap * sizeof *done_ms, 8);
    for (uint32_t id = 0; done_ms != NULL && id < series_cap; id++) {
        done_ms[id] = INT64_MIN;
    }
    rollup->done_ms[level] = done_ms;
    return done_ms != NULL;
}

// Stored before the restart that is being recovered from.
static bool is_done(const struct varve_rollup *rollup, size_t level, varve_series_id id,
                    int64_t start_ms)
{
    return start_ms < rollup->done_ms[level][id];
}
#endif

int varve_rollup_init(struct varve_rollup *rollup, struct varve_arena *arena,
                      const struct varve_tier *tiers, size_t tier_count, uint32_t series_cap)
{
    *rollup = (struct varve_rollup){.levels = tier_count - 1};
    rollup->counters = varve_arena_take_zeroed(arena, series_cap, sizeof *rollup->counters);
    bool complete = rollup->counters != NULL;
    for (size_t level = 0; level < rollup->levels; level++) {
        rollup->step_ms[level] = tiers[level + 1].step_ms;
        rollup->open[level] =
            varve_arena_take_zeroed(arena, series_cap, sizeof *rollup->open[level]);
        complete =
            take_done(rollup, level, arena, series_cap) && complete && rollup->open[level] != NULL;
    }
    return complete ? 0 : VARVE_E_NO_MEMORY;
}

int64_t varve_bucket(int64_t time_ms, int64_t step_ms)
{
    int64_t phase = time_ms % step_ms;
    return time_ms - phase - (phase < 0 ? step_ms : 0);
}

// The same for a time that is likely to be in the bucket that begins at `likely_ms`: divisions of
// 64 bits are felt.
static int64_t bucket_near(int64_t time_ms, int64_t step_ms, int64_t likely_ms)
{
    bool is_there = (uint64_t)time_ms - (uint64_t)likely_ms < (uint64_t)step_ms;
    return is_there ? likely_ms : varve_bucket(time_ms, step_ms);
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

// An older sample is late, and what it says is in the growth of those that came before it - unless
// it is much older and still more: then it is the clock that went back, and the counter that went
// on. (A smaller step makes no difference for long.)
static bool is_late(const struct varve_counter_state *state, int64_t time_ms, double value)
{
    return time_ms < state->time_ms &&
           (state->time_ms - time_ms < VARVE_COUNTER_LATE_MS || !(value > state->value));
}

static inline double increase_of(struct varve_counter_state *state, int64_t time_ms, double value)
{
    if (state->known && is_late(state, time_ms, value)) {
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
                       const struct varve_cell *cell, const struct varve_sketch *sketch)
{
    rollup->sink(rollup->sink_arg, level, id, cell, sketch);
    if (level + 1 < rollup->levels) {
        varve_rollup_cell(rollup, level + 1, id, cell, sketch);
    }
}

struct varve_cell varve_open_read(const struct varve_open_cell *open)
{
    return (struct varve_cell){.start_ms = open->start_ms,
                               .count = open->count,
                               .min = varve_value_read(open->min),
                               .max = varve_value_read(open->max),
                               .sum = varve_value_read(open->sum),
                               .last = varve_value_read(open->last)};
}

static void open_write(struct varve_open_cell *open, const struct varve_cell *cell,
                       uint32_t newest_ms)
{
    *open = (struct varve_open_cell){.start_ms = cell->start_ms,
                                     .count = cell->count,
                                     .newest_ms = newest_ms,
                                     .min = (varve_value)cell->min,
                                     .max = (varve_value)cell->max,
                                     .sum = (varve_value)cell->sum,
                                     .last = (varve_value)cell->last};
}

static void close_open(struct varve_rollup *rollup, size_t level, varve_series_id id)
{
    struct varve_cell closed = varve_open_read(&rollup->open[level][id]);
    rollup->open[level][id].count = 0;
    close_cell(rollup, level, id, &closed, varve_sketches_open(rollup->sketches, level, id));
}

static void merge_sketch(struct varve_sketch *open, const struct varve_sketch *sketch)
{
    if (open != NULL && sketch != NULL) {
        varve_sketch_merge(open, sketch);
    }
}

// As varve_cell_merge(); and late rows count like all others, but an older value than the newest
// known one is not the last one.
static void merge_cell(struct varve_open_cell *open, const struct varve_cell *cell,
                       uint32_t newest_ms)
{
    open->count += cell->count;
    open->sum = (varve_value)(varve_value_read(open->sum) + cell->sum);
    if (newest_ms >= open->newest_ms) {
        open->newest_ms = newest_ms;
        open->last = (varve_value)cell->last;
    }
    if (cell->min < open->min || open->min != open->min) {
        open->min = (varve_value)cell->min;
    }
    if (cell->max > open->max || open->max != open->max) {
        open->max = (varve_value)cell->max;
    }
}

// Merges a cell whose start is on this level's grid and whose newest row is `newest_ms` later.
static void merge_open(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell, uint32_t newest_ms,
                       const struct varve_sketch *sketch)
{
    struct varve_open_cell *open = &rollup->open[level][id];
    struct varve_sketch *open_sketch = varve_sketches_open(rollup->sketches, level, id);
    if (is_done(rollup, level, id, cell->start_ms)) {
        return;
    }
    if (open->count > 0 && cell->start_ms == open->start_ms) {
        merge_cell(open, cell, newest_ms);
        merge_sketch(open_sketch, sketch);
    } else if (open->count > 0 && cell->start_ms < open->start_ms) {
        close_cell(rollup, level, id, cell, sketch);
    } else {
        if (open->count > 0) {
            close_open(rollup, level, id);
        }
        open_write(open, cell, newest_ms);
        if (open_sketch != NULL) {
            varve_sketch_clear(open_sketch);
        }
        merge_sketch(open_sketch, sketch);
    }
}

void varve_rollup_cell(struct varve_rollup *rollup, size_t level, varve_series_id id,
                       const struct varve_cell *cell, const struct varve_sketch *sketch)
{
    struct varve_cell coarse = *cell;
    coarse.start_ms =
        bucket_near(cell->start_ms, rollup->step_ms[level], rollup->open[level][id].start_ms);
    merge_open(rollup, level, id, &coarse, (uint32_t)(cell->start_ms - coarse.start_ms), sketch);
}

static double sum_of_increases(struct varve_counter_state *state, const struct varve_point *points,
                               size_t n)
{
    struct varve_counter_state now = *state;
    double sum = increase_of(&now, points[0].time_ms, points[0].value);
    for (size_t i = 1; i < n; i++) {
        sum += increase_of(&now, points[i].time_ms, points[i].value);
    }
    *state = now;
    return sum;
}

// The same as varve_cell_merge() does with each row's cell, row by row, as doubles would round
// differently in another order, but without a branch for processors to guess: what is a minimum is
// random. NaN in front is replaced first: then it cannot replace.
static void add_values(struct varve_cell *cell, const struct varve_point *points, size_t n)
{
    double min = cell->min, max = cell->max, sum = cell->sum;
    size_t i = 0;
    for (; i < n && min != min; i++) {
        min = max = points[i].value;
        sum += points[i].value;
    }
    for (; i < n; i++) {
        double value = points[i].value;
        min = value < min ? value : min;
        max = value > max ? value : max;
        sum += value;
    }
    cell->min = min;
    cell->max = max;
    cell->sum = sum;
}

// The cell of points that are all in one bucket.
static struct varve_cell cell_of_run(int64_t start_ms, enum varve_kind kind,
                                     struct varve_counter_state *counter,
                                     const struct varve_point *points, size_t n)
{
    struct varve_cell cell = varve_cell_of(start_ms, points[0].value, points[0].value);
    add_values(&cell, points + 1, n - 1);
    if (kind == VARVE_COUNTER) {
        cell.sum = sum_of_increases(counter, points, n);
    }
    cell.count = (uint32_t)n;
    cell.last = points[n - 1].value;
    return cell;
}

static const struct varve_sketch *sketch_of_run(struct varve_rollup *rollup, varve_series_id id,
                                                const struct varve_point *points, size_t n)
{
    struct varve_sketch *sketch = varve_sketches_incoming(rollup->sketches, id);
    for (size_t i = 0; sketch != NULL && i < n; i++) {
        varve_sketch_add(sketch, points[i].value);
    }
    return sketch;
}

// How many of the points, in time order, are before the end of the first one's bucket: as many as
// `likely`, or they are counted.
static size_t run_length(const struct varve_point *points, size_t n, int64_t end_ms, size_t likely)
{
    if (likely > 0 && likely < n && points[likely - 1].time_ms < end_ms &&
        points[likely].time_ms >= end_ms) {
        return likely;
    }
    size_t i = 1;
    while (i < n && points[i].time_ms < end_ms) {
        i++;
    }
    return i;
}

void varve_rollup_points(struct varve_rollup *rollup, varve_series_id id, enum varve_kind kind,
                         const struct varve_point *points, size_t n)
{
    int64_t step_ms = rollup->step_ms[0], start_ms = 0;
    size_t run = 0;
    for (size_t at = 0; rollup->levels > 0 && at < n;) {
        start_ms = bucket_near(points[at].time_ms, step_ms, start_ms + step_ms);
        run = run_length(points + at, n - at, start_ms + step_ms, run);
        struct varve_cell cell =
            cell_of_run(start_ms, kind, &rollup->counters[id], points + at, run);
        const struct varve_sketch *sketch = sketch_of_run(rollup, id, points + at, run);
        at += run;
        merge_open(rollup, 0, id, &cell, (uint32_t)(points[at - 1].time_ms - start_ms), sketch);
    }
}

void varve_rollup_close(struct varve_rollup *rollup, size_t levels, uint32_t series_count,
                        int64_t time_ms)
{
    for (size_t level = 0; level < levels; level++) {
        for (uint32_t id = 0; id < series_count; id++) {
            const struct varve_open_cell *open = &rollup->open[level][id];
            if (open->count > 0 && open->start_ms + rollup->step_ms[level] <= time_ms) {
                close_open(rollup, level, (varve_series_id)id);
            }
        }
    }
}

void varve_rollup_close_after(struct varve_rollup *rollup, size_t levels, uint32_t series_count,
                              int64_t time_ms)
{
    for (size_t level = 0; level < levels; level++) {
        for (uint32_t id = 0; id < series_count; id++) {
            const struct varve_open_cell *open = &rollup->open[level][id];
            if (open->count > 0 && open->start_ms > time_ms) {
                close_open(rollup, level, (varve_series_id)id);
            }
        }
    }
}

int64_t varve_rollup_oldest(const struct varve_rollup *rollup, size_t level, uint32_t series_count)
{
    int64_t oldest_ms = INT64_MAX;
    for (uint32_t id = 0; id < series_count; id++) {
        const struct varve_open_cell *open = &rollup->open[level][id];
        oldest_ms = open->count > 0 && open->start_ms < oldest_ms ? open->start_ms : oldest_ms;
    }
    return oldest_ms;
}

#ifndef VARVE_WITHOUT_RECOVERY
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
                close_open(rollup, level, (varve_series_id)id);
            }
        }
    }
}
#endif
