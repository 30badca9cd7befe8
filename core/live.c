// SPDX-License-Identifier: Apache-2.0
// Rows that are in RAM only, as a query sees them: the raw window; cell windows; and for a rollup
// tier also what has not been closed yet - the open cells of this tier and of all finer ones, and
// the raw window, each as a contribution to a cell of the tier. Under store_lock.
#include "host_state.h"

// Where rows are copied to.
struct target {
    void *rows;
    size_t cap;
    size_t count;
    int64_t from_ms, to_ms;
    bool full;
};

static void add_point(struct target *t, int64_t time_ms, double value)
{
    if (time_ms < t->from_ms || time_ms > t->to_ms) {
        return;
    }
    if (t->count == t->cap) {
        t->full = true;
        return;
    }
    struct varve_point *points = t->rows;
    points[t->count++] = (struct varve_point){.time_ms = time_ms, .value = value};
}

static void add_cell(struct target *t, const struct varve_cell *cell, int64_t step_ms)
{
    struct varve_cell coarse = *cell;
    coarse.start_ms = varve_bucket(cell->start_ms, step_ms);
    coarse.seq = UINT32_MAX; // newer than all blocks
    if (cell->count == 0 || coarse.start_ms < t->from_ms || coarse.start_ms > t->to_ms) {
        return;
    }
    struct varve_cell *cells = t->rows;
    // Contributions to one cell come one after the other, in time order.
    if (t->count > 0 && cells[t->count - 1].start_ms == coarse.start_ms) {
        varve_cell_merge(&cells[t->count - 1], &coarse);
    } else if (t->count == t->cap) {
        t->full = true;
    } else {
        cells[t->count++] = coarse;
    }
}

static void raw_as_points(const struct varve_host *host, varve_series_id id, struct target *t)
{
    const struct varve_window *window = &host->windows[0];
    for (uint32_t i = 0; i < window->count; i++) {
        const struct varve_sample *row = &window->rows.raw[i];
        if (row->id == id) {
            add_point(t, varve_raw_row_ms(&host->timebase, row), varve_value_read(row->value));
        }
    }
}

static void raw_as_cells(const struct varve_host *host, varve_series_id id, int64_t step_ms,
                         struct target *t)
{
    const struct varve_window *window = &host->windows[0];
    struct varve_counter_state counter = host->rollup.counters[id];
    bool is_counter = host->series.series[id].kind == VARVE_COUNTER;
    for (uint32_t i = 0; i < window->count; i++) {
        const struct varve_sample *row = &window->rows.raw[i];
        if (row->id != id) {
            continue;
        }
        int64_t time_ms = varve_raw_row_ms(&host->timebase, row);
        double value = varve_value_read(row->value);
        double sum = is_counter ? varve_counter_increase(&counter, time_ms, value) : value;
        struct varve_cell cell = varve_cell_of(time_ms, value, sum);
        add_cell(t, &cell, step_ms);
    }
}

static void cells_of_tier(const struct varve_host *host, unsigned tier, varve_series_id id,
                          struct target *t)
{
    const struct varve_window *window = &host->windows[tier];
    int64_t step_ms = host->tiers[tier].step_ms;
    for (uint32_t i = 0; i < window->count; i++) {
        if (window->rows.cells[i].id == id) {
            struct varve_cell cell = varve_window_cell(window, i);
            add_cell(t, &cell, step_ms);
        }
    }
    for (unsigned level = tier; level >= 1; level--) {
        struct varve_cell open = varve_open_read(&host->rollup.open[level - 1][id]);
        add_cell(t, &open, step_ms);
    }
    raw_as_cells(host, id, step_ms, t);
}

int varve_live_rows(struct varve_host *host, unsigned tier, varve_series_id id, int64_t from_ms,
                    int64_t to_ms, void *rows, size_t cap, uint32_t *seq_limit)
{
    struct target t = {.rows = rows, .cap = cap, .from_ms = from_ms, .to_ms = to_ms};
    varve_port_mutex_lock(&host->store_lock);
    *seq_limit = host->next_seq[tier];
    if (tier == 0 && (host->timebase.trusted || host->windows[0].first_boot_ms == INT64_MAX)) {
        raw_as_points(host, id, &t);
    } else if (tier > 0) {
        cells_of_tier(host, tier, id, &t);
    }
    varve_port_mutex_unlock(&host->store_lock);
    return t.full ? VARVE_E_FULL : (int)t.count;
}

static void open_sketches(struct varve_host *host, unsigned tier, varve_series_id id,
                          int64_t from_ms, int64_t to_ms, struct varve_sketch *into)
{
    int64_t step_ms = host->tiers[tier].step_ms;
    for (unsigned level = 0; level < tier; level++) {
        const struct varve_open_cell *open = &host->rollup.open[level][id];
        int64_t start_ms = varve_bucket(open->start_ms, step_ms);
        if (open->count > 0 && start_ms >= from_ms && start_ms <= to_ms) {
            varve_sketch_merge(into, varve_sketches_open(&host->sketches, level, id));
        }
    }
}

static void raw_into_sketch(const struct varve_host *host, unsigned tier, varve_series_id id,
                            int64_t from_ms, int64_t to_ms, struct varve_sketch *into)
{
    const struct varve_window *window = &host->windows[0];
    for (uint32_t i = 0; i < window->count; i++) {
        const struct varve_sample *row = &window->rows.raw[i];
        int64_t time_ms = varve_raw_row_ms(&host->timebase, row);
        int64_t start_ms = varve_bucket(time_ms, host->tiers[tier].step_ms);
        if (row->id == id && start_ms >= from_ms && start_ms <= to_ms) {
            varve_sketch_add(into, varve_value_read(row->value));
        }
    }
}

bool varve_live_sketch(struct varve_host *host, unsigned tier, varve_series_id id, int64_t from_ms,
                       int64_t to_ms, struct varve_sketch *into, uint32_t *seq_limit)
{
    varve_port_mutex_lock(&host->store_lock);
    varve_cells_note_series(host);
    *seq_limit = host->next_seq[tier];
    bool has = varve_sketches_open(&host->sketches, 0, id) != NULL;
    if (has) {
        varve_sketches_collect(&host->sketches, tier - 1, id, from_ms, to_ms, into);
        open_sketches(host, tier, id, from_ms, to_ms, into);
    }
    raw_into_sketch(host, tier, id, from_ms, to_ms, into); // whether or not it asks
    varve_port_mutex_unlock(&host->store_lock);
    return has;
}

// A range of times; none yet: oldest_ms is after newest_ms.
struct range {
    int64_t oldest_ms, newest_ms;
};

static void widen(struct range *range, int64_t time_ms)
{
    range->oldest_ms = time_ms < range->oldest_ms ? time_ms : range->oldest_ms;
    range->newest_ms = time_ms > range->newest_ms ? time_ms : range->newest_ms;
}

static void widen_by_raw(const struct varve_host *host, struct range *range)
{
    const struct varve_window *window = &host->windows[0];
    for (uint32_t i = 0; i < window->count; i++) {
        widen(range, varve_raw_row_ms(&host->timebase, &window->rows.raw[i]));
    }
}

static void widen_by_cells(const struct varve_host *host, unsigned tier, struct range *range)
{
    const struct varve_window *window = &host->windows[tier];
    for (uint32_t i = 0; i < window->count; i++) {
        widen(range, varve_window_cell(window, i).start_ms);
    }
    uint32_t series_count = varve_series_count(&host->series);
    for (unsigned level = 0; level < tier; level++) {
        for (uint32_t id = 0; id < series_count; id++) {
            const struct varve_open_cell *open = &host->rollup.open[level][id];
            if (open->count > 0) {
                widen(range, open->start_ms);
            }
        }
    }
}

void varve_live_range(struct varve_host *host, unsigned tier, int64_t *oldest_ms,
                      int64_t *newest_ms)
{
    struct range range = {INT64_MAX, INT64_MIN};
    varve_port_mutex_lock(&host->store_lock);
    if (host->timebase.trusted || host->windows[0].first_boot_ms == INT64_MAX) {
        widen_by_raw(host, &range);
    }
    if (tier > 0) {
        widen_by_cells(host, tier, &range);
    }
    varve_port_mutex_unlock(&host->store_lock);
    // A row is in its cell, and the oldest row in the oldest one: two divisions, not one a row.
    bool cells = tier > 0 && range.oldest_ms <= range.newest_ms;
    int64_t step_ms = cells ? host->tiers[tier].step_ms : 1;
    *oldest_ms = cells ? varve_bucket(range.oldest_ms, step_ms) : range.oldest_ms;
    *newest_ms = cells ? varve_bucket(range.newest_ms, step_ms) : range.newest_ms;
}
