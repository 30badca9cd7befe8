// SPDX-License-Identifier: Apache-2.0
// Windows and the sorting of their rows; see window.h.
#include "window.h"

#include "rollup.h"
#include "varve/error.h"

void varve_window_reset(struct varve_window *window)
{
    window->count = 0;
    window->first_boot_ms = INT64_MAX;
    window->first_unix_ms = INT64_MAX;
}

int varve_window_init_raw(struct varve_window *window, struct varve_arena *arena, uint32_t cap)
{
    window->cap = cap;
    window->rows.raw = varve_arena_take(arena, cap * sizeof *window->rows.raw, 8);
    varve_window_reset(window);
    return window->rows.raw != NULL ? 0 : VARVE_E_NO_MEMORY;
}

int varve_window_init_cells(struct varve_window *window, struct varve_arena *arena, uint32_t cap)
{
    window->cap = cap;
    window->rows.cells = varve_arena_take(arena, cap * sizeof *window->rows.cells, 8);
    varve_window_reset(window);
    return window->rows.cells != NULL ? 0 : VARVE_E_NO_MEMORY;
}

int varve_order_init(struct varve_order *order, struct varve_arena *arena, uint32_t max_rows,
                     uint32_t series_cap)
{
    order->index = varve_arena_take(arena, max_rows * sizeof *order->index, 8);
    order->start = varve_arena_take(arena, (series_cap + 2) * sizeof *order->start, 8);
    return order->index != NULL && order->start != NULL ? 0 : VARVE_E_NO_MEMORY;
}

static varve_series_id id_of(const void *rows, size_t row_bytes, size_t id_field, uint32_t row)
{
    varve_series_id id;
    memcpy(&id, (const uint8_t *)rows + row * row_bytes + id_field, sizeof id);
    return id;
}

// A counting sort. Starts are kept two places up while counting, one up while placing, so that they
// end where they belong without a second array.
void varve_order_rows(struct varve_order *order, const void *rows, size_t row_bytes,
                      size_t id_field, uint32_t count, uint32_t series_count)
{
    uint32_t *start = order->start;
    memset(start, 0, (series_count + 2) * sizeof *start);
    for (uint32_t row = 0; row < count; row++) {
        start[id_of(rows, row_bytes, id_field, row) + 2]++;
    }
    for (uint32_t id = 2; id < series_count + 2; id++) {
        start[id] += start[id - 1];
    }
    for (uint32_t row = 0; row < count; row++) {
        order->index[start[id_of(rows, row_bytes, id_field, row) + 1]++] = row;
    }
}

// ---- sorting by time --------------------------------------------------------------------------

static int64_t row_time(const uint8_t *row)
{
    int64_t time;
    memcpy(&time, row, sizeof time);
    return time;
}

static bool is_sorted(const uint8_t *rows, size_t row_bytes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (row_time(rows + i * row_bytes) < row_time(rows + (i - 1) * row_bytes)) {
            return false;
        }
    }
    return true;
}

// Merges the runs [0, middle) and [middle, count) of `from` into `to`.
static void merge_runs(uint8_t *to, const uint8_t *from, size_t row_bytes, size_t middle,
                       size_t count)
{
    size_t left = 0, right = middle;
    for (size_t i = 0; i < count; i++) {
        bool take_left = right == count ||
                         (left < middle &&
                          row_time(from + left * row_bytes) <= row_time(from + right * row_bytes));
        size_t pick = take_left ? left++ : right++;
        memcpy(to + i * row_bytes, from + pick * row_bytes, row_bytes);
    }
}

void varve_sort_rows(void *rows, size_t row_bytes, size_t count, void *scratch)
{
    uint8_t *from = rows, *to = scratch;
    if (is_sorted(from, row_bytes, count)) {
        return;
    }
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t run = count - at < 2 * width ? count - at : 2 * width;
            merge_runs(to + at * row_bytes, from + at * row_bytes, row_bytes,
                       run < width ? run : width, run);
        }
        uint8_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != rows) {
        memcpy(rows, from, count * row_bytes);
    }
}

size_t varve_merge_cells(struct varve_cell *cells, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && cells[kept - 1].start_ms == cells[i].start_ms) {
            varve_cell_merge(&cells[kept - 1], &cells[i]);
        } else {
            cells[kept++] = cells[i];
        }
    }
    return kept;
}
