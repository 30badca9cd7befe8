// SPDX-License-Identifier: Apache-2.0
// Cell windows: closed cells of the rollup tiers, on their way into blocks.
//
// Where the next finer tier is stored, a tier's cells can wait long: after a crash they are rebuilt
// from it (recover.c), so that an hour of minutes makes one block. Recovery goes by the marks in
// the tier's newest block: up to which time, and up to which block of the next finer tier,
// everything is in this tier's blocks. So when a window closes nothing of it may be left over, and
// the windows of all finer tiers close before it: a cell that is in a stored hour, but in no stored
// minute, would be counted again. For the same reason a window is not closed in the midst of
// rolling up, unless it is too small for a raw window's cells; such a block carries no new mark.
//
// Late rows make cells from before the mark. They wait like others as long as the rows that they
// come from stay stored.
//
// The keeper's task, or the one that makes the host; under store_lock.
#include "host_state.h"

#include "varve/block.h"

// Rows of one chunk that fit into the scratch memory.
#define SCRATCH_CELLS (VARVE_SCRATCH_BYTES / sizeof(struct varve_cell))

static size_t gather(const struct varve_host *host, const struct varve_window *window,
                     uint32_t from, uint32_t to)
{
    struct varve_cell *cells = host->cell_scratch;
    size_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        cells[n++] = varve_window_cell(window, host->cell_order.index[i]);
    }
    varve_sort_rows(cells, sizeof *cells, n, host->sort_scratch);
    return varve_merge_cells(cells, n);
}

// Gives the chunk of the n cells in the scratch memory their sketches.
static void use_tail(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                     varve_series_id id, size_t n)
{
    size_t bytes;
    const uint8_t *tail =
        varve_sketches_tail(&host->sketches, tier - 1, id, host->cell_scratch, n,
                            w->info.key.start_ms, host->tiers[tier].step_ms, &bytes);
    varve_block_use_tail(w, tail, bytes);
}

// `whole`: not in the midst of rolling up.
static void close_window(struct varve_host *host, size_t tier, bool whole)
{
    struct varve_window *window = &host->windows[tier];
    struct varve_block_writer w;
    uint32_t series_count = varve_series_count(&host->series);
    if (window->count == 0) {
        return;
    }
    varve_order_rows(&host->cell_order, window->rows.cells, sizeof *window->rows.cells,
                     offsetof(struct varve_cell_row, id), window->count, series_count);
    varve_emit_begin(host, &w, tier, window->first_unix_ms);
    for (uint32_t id = 0; id < series_count; id++) {
        uint32_t end = host->cell_order.start[id + 1];
        for (uint32_t at = host->cell_order.start[id]; at < end;) {
            uint32_t take = end - at < SCRATCH_CELLS ? end - at : (uint32_t)SCRATCH_CELLS;
            size_t n = gather(host, window, at, at + take);
            use_tail(host, &w, tier, (varve_series_id)id, n);
            varve_emit_rows(host, &w, tier, (varve_series_id)id, host->cell_scratch, n);
            at += take;
        }
    }
    (void)(whole ? varve_emit_last(host, &w, tier) : varve_emit_part(host, &w, tier));
    varve_window_reset(window);
    varve_sketches_reset(&host->sketches, tier - 1);
}

void varve_cells_close(struct varve_host *host, size_t tier)
{
    // None from before the mark may stay open when it is written again.
    varve_rollup_close(&host->rollup, tier, varve_series_count(&host->series), host->upto_ms[1]);
    for (size_t finer = 1; finer <= tier; finer++) {
        close_window(host, finer, true);
    }
    host->split_tier = host->split_tier > tier ? host->split_tier : 0;
}

void varve_cells_close_part(struct varve_host *host, size_t tier)
{
    close_window(host, tier, false);
    host->split_tier = tier > host->split_tier ? tier : host->split_tier;
}

void varve_cells_note_series(struct varve_host *host)
{
    uint64_t refused = host->sketches.refused;
    varve_sketches_note(&host->sketches, host->conf, &host->series);
    if (refused == 0 && host->sketches.refused > 0) {
        varve_log(
            VARVE_WARNING, "percentiles",
            "more series ask for them than can have them on rollups, %u (VARVE_MAX_SKETCHES); "
            "statistics count the others",
            (unsigned)host->sketches.cap);
    }
}

// Since when rows of the cells that come now have waited; boot time.
static int64_t rows_wait_since(const struct varve_host *host)
{
    int64_t now_ms = varve_port_boot_ms(), raw_ms = host->windows[0].first_boot_ms;
    return raw_ms < now_ms ? raw_ms : now_ms;
}

void varve_cells_take(void *arg, size_t level, varve_series_id id, const struct varve_cell *cell,
                      const struct varve_sketch *sketch)
{
    struct varve_host *host = arg;
    size_t tier = level + 1;
    struct varve_window *window = &host->windows[tier];
    if (cell->start_ms < varve_pipeline_expiry(host, tier)) {
        return; // older than what the tier keeps: coarser tiers still get it
    }
    bool fits = varve_sketches_fit(&host->sketches, level, sketch);
    if (!fits || varve_window_add_cell(window, id, cell) != 0) {
        varve_cells_close_part(host, tier);
        // An empty window has room: its base is the cell's own start.
        (void)varve_window_add_cell(window, id, cell);
    }
    varve_sketches_keep(&host->sketches, level, id, cell->start_ms, sketch);
    if (tier == host->base_tier && window->first_boot_ms == INT64_MAX) {
        window->first_boot_ms = rows_wait_since(host);
    }
}

void varve_cells_reserve(struct varve_host *host, int64_t rows, int64_t span_ms)
{
    uint32_t series_count = varve_series_count(&host->series);
    size_t full = 0;
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        int64_t steps = span_ms / host->tiers[tier].step_ms;
        int64_t most = steps < rows ? (steps + 3) * series_count : rows;
        int64_t cells = (most < rows ? most : rows) + series_count; // and those that are open
        bool fits = cells <= host->windows[tier].cap - host->windows[tier].count &&
                    !varve_sketches_half_full(&host->sketches, tier - 1);
        full = fits ? full : tier;
    }
    varve_cells_close(host, full);
}

// How long the tier's cells may wait. Those of the finest persisted tier bound what a power cut
// loses.
static int64_t span_of(const struct varve_host *host, size_t tier)
{
    int64_t span_ms = varve_wear_cell_window_ms(host, tier);
    int64_t bound_ms = varve_bucket(varve_wear_window_ms(host), host->tiers[tier].step_ms);
    return tier == host->base_tier && bound_ms < span_ms ? bound_ms : span_ms;
}

// Whether finer rows of a late cell, in the window or still open, may be gone before the next raw
// window closes.
static bool expires(const struct varve_host *host, size_t tier)
{
    int64_t expiry_ms = varve_pipeline_expiry(host, tier - 1);
    int64_t oldest_ms =
        varve_rollup_oldest(&host->rollup, tier - 1, varve_series_count(&host->series));
    bool is_late = oldest_ms < host->upto_ms[tier] - host->tiers[tier].step_ms;
    if (!is_late || oldest_ms > host->windows[tier].first_unix_ms) {
        oldest_ms = host->windows[tier].first_unix_ms;
    }
    return expiry_ms != INT64_MIN && oldest_ms < expiry_ms + varve_wear_window_ms(host);
}

// Whether the finest stored cells have waited for as long, whatever the clock says by now: it may
// have been set back, and the cells may be from the future.
static bool is_over(const struct varve_host *host, size_t tier)
{
    int64_t since_ms = host->windows[tier].first_boot_ms;
    return since_ms != INT64_MAX &&
           varve_port_boot_ms() - since_ms + host->tiers[tier].step_ms >= span_of(host, tier);
}

// `upto_ms`: cells before it are whole. By the clock, not by marks, which may be from the future.
static bool is_due(const struct varve_host *host, size_t tier, int64_t upto_ms)
{
    int64_t begin_ms = host->windows[tier].first_unix_ms;
    bool is_stored_finer = tier > host->base_tier;
    if (is_stored_finer && begin_ms < host->mark_ms[tier]) {
        begin_ms = host->mark_ms[tier]; // late cells can wait
    }
    bool is_old = begin_ms != INT64_MAX && upto_ms - begin_ms >= span_of(host, tier);
    return is_old || (is_stored_finer ? expires(host, tier) : is_over(host, tier));
}

void varve_cells_advance(struct varve_host *host, int64_t time_ms)
{
    size_t due = host->split_tier;
    if (host->base_tier < host->tier_count) {
        // Nothing finer is stored, and no row may come to end them.
        varve_rollup_close_after(&host->rollup, host->base_tier, varve_series_count(&host->series),
                                 time_ms);
    }
    varve_rollup_close(&host->rollup, host->rollup.levels, varve_series_count(&host->series),
                       time_ms);
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        int64_t upto_ms = varve_bucket(time_ms, host->tiers[tier].step_ms);
        host->upto_ms[tier] = upto_ms > host->upto_ms[tier] ? upto_ms : host->upto_ms[tier];
        due = is_due(host, tier, upto_ms) ? tier : due;
    }
    varve_cells_close(host, due);
}
