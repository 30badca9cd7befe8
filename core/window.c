// SPDX-License-Identifier: Apache-2.0
// Windows and the sorting of their rows; see window.h.
#include "window.h"

#include "rollup.h"
#include "varve/error.h"

void varve_window_reset(struct varve_window *window)
{
    window->count = 0;
    window->first_boot_ms = window->first_unix_ms = INT64_MAX;
    window->last_boot_ms = window->last_unix_ms = INT64_MIN;
}

int varve_window_init_raw(struct varve_window *window, struct varve_arena *arena, uint32_t cap)
{
    window->cap = cap;
    window->rows.raw = varve_arena_take(arena, (cap + 1) * sizeof *window->rows.raw, 8);
    varve_window_reset(window);
    return window->rows.raw != NULL ? 0 : VARVE_E_NO_MEMORY;
}

int varve_window_init_cells(struct varve_window *window, struct varve_arena *arena, uint32_t cap,
                            int64_t step_ms)
{
    window->cap = cap;
    window->step_ms = step_ms;
    window->rows.cells = varve_arena_take(arena, cap * sizeof *window->rows.cells, 8);
    varve_window_reset(window);
    return window->rows.cells != NULL ? 0 : VARVE_E_NO_MEMORY;
}

// ---- cells in rows ------------------------------------------------------------------------------

#define U24_MAX     0xffffffu
#define STEPS_LIMIT INT64_C(0x800000) // steps fit in 24 bits with their sign

_Static_assert(sizeof(struct varve_cell_row) == 4 * sizeof(varve_value) + 8,
               "a cell row has no padding");

static void put_u24(uint8_t p[3], uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
}

static uint32_t u24_at(const uint8_t p[3])
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

static void put_row(struct varve_window *window, varve_series_id id, int64_t steps, uint32_t count,
                    const struct varve_cell *cell, double sum)
{
    struct varve_cell_row *row = &window->rows.cells[window->count++];
    *row = (struct varve_cell_row){.min = (varve_value)cell->min,
                                   .max = (varve_value)cell->max,
                                   .sum = (varve_value)sum,
                                   .last = (varve_value)cell->last,
                                   .id = id};
    put_u24(row->steps, (uint32_t)steps & U24_MAX);
    put_u24(row->count, count);
}

int varve_window_add_cell(struct varve_window *window, varve_series_id id,
                          const struct varve_cell *cell)
{
    uint32_t further = (cell->count - 1) / U24_MAX; // rows beyond the first
    int64_t base_ms = window->count == 0 ? cell->start_ms : window->base_ms;
    int64_t steps = (cell->start_ms - base_ms) / window->step_ms;
    if (window->cap - window->count <= further || steps < -STEPS_LIMIT || steps >= STEPS_LIMIT) {
        return VARVE_E_FULL;
    }
    window->base_ms = base_ms;
    put_row(window, id, steps, cell->count - further * U24_MAX, cell, cell->sum);
    for (uint32_t i = 0; i < further; i++) {
        put_row(window, id, steps, U24_MAX, cell, 0);
    }
    if (cell->start_ms < window->first_unix_ms) {
        window->first_unix_ms = cell->start_ms;
    }
    return 0;
}

struct varve_cell varve_window_cell(const struct varve_window *window, uint32_t row)
{
    const struct varve_cell_row *r = &window->rows.cells[row];
    int64_t steps = u24_at(r->steps);
    steps = steps >= STEPS_LIMIT ? steps - 2 * STEPS_LIMIT : steps;
    return (struct varve_cell){.start_ms = window->base_ms + steps * window->step_ms,
                               .count = u24_at(r->count),
                               .min = varve_value_read(r->min),
                               .max = varve_value_read(r->max),
                               .sum = varve_value_read(r->sum),
                               .last = varve_value_read(r->last)};
}

// ---- order --------------------------------------------------------------------------------------

int varve_order_init(struct varve_order *order, struct varve_arena *arena, uint32_t max_rows,
                     uint32_t series_cap)
{
    order->index = varve_arena_take(arena, max_rows * sizeof *order->index, 8);
    order->start = varve_arena_take(arena, (series_cap + 2) * sizeof *order->start, 8);
    bool countable = max_rows <= (varve_row_number)-1;
    return countable && order->index != NULL && order->start != NULL ? 0 : VARVE_E_NO_MEMORY;
}

static varve_series_id id_at(const uint8_t *field)
{
    varve_series_id id;
    memcpy(&id, field, sizeof id);
    return id;
}

// A counting sort. Starts are kept two places up while counting, one up while placing, so that they
// end where they belong without a second array.
void varve_order_rows(struct varve_order *order, const void *rows, size_t row_bytes,
                      size_t id_field, uint32_t count, uint32_t series_count)
{
    varve_row_number *start = order->start, *index = order->index;
    const uint8_t *field = (const uint8_t *)rows + id_field;
    memset(start, 0, (series_count + 2) * sizeof *start);
    for (uint32_t row = 0; row < count; row++, field += row_bytes) {
        start[id_at(field) + 2]++;
    }
    for (uint32_t id = 2; id < series_count + 2; id++) {
        start[id] = (varve_row_number)(start[id] + start[id - 1]);
    }
    field = (const uint8_t *)rows + id_field;
    for (uint32_t row = 0; row < count; row++, field += row_bytes) {
        index[start[id_at(field) + 1]++] = (varve_row_number)row;
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

static void swap_rows(uint8_t *a, uint8_t *b, size_t row_bytes)
{
    for (size_t i = 0; i < row_bytes; i++) {
        uint8_t byte = a[i];
        a[i] = b[i];
        b[i] = byte;
    }
}

// Each row sinks to where it belongs among those before it.
static void sort_in_place(uint8_t *rows, size_t row_bytes, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint8_t *row = rows + i * row_bytes;
        for (; row > rows && row_time(row) < row_time(row - row_bytes); row -= row_bytes) {
            swap_rows(row, row - row_bytes, row_bytes);
        }
    }
}

void varve_sort_rows(void *rows, size_t row_bytes, size_t count, void *scratch)
{
    uint8_t *from = rows, *to = scratch;
    if (scratch == NULL) {
        sort_in_place(rows, row_bytes, count);
        return;
    }
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

// Blocks are read in the order of their starts, and a late row lets a block begin before those that
// were made earlier: which part is the later one is told by its block's number.
static void merge_part(struct varve_cell *into, const struct varve_cell *from)
{
    double last = into->last;
    varve_cell_merge(into, from);
    if (from->seq < into->seq) {
        into->last = last;
    } else {
        into->seq = from->seq;
    }
}

size_t varve_merge_cells(struct varve_cell *cells, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && cells[kept - 1].start_ms == cells[i].start_ms) {
            merge_part(&cells[kept - 1], &cells[i]);
        } else {
            cells[kept++] = cells[i];
        }
    }
    return kept;
}
