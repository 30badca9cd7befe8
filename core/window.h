// SPDX-License-Identifier: Apache-2.0
// Windows: what waits in RAM to become the next block of a tier - rows in order of arrival - and
// the counting sort that brings them into series order when the window closes.
//
// One task, under the host's store lock.
#ifndef VARVE_CORE_WINDOW_H
#define VARVE_CORE_WINDOW_H

#include "arena.h"
#include "ring.h"
#include "varve/types.h"

// A cell in 40 bytes, or 24: its start in steps from the window's base, its count in 24 bits. Many
// cells wait here, an hour of minutes for every series.
struct varve_cell_row {
    varve_value min, max, sum, last;
    varve_series_id id;
    uint8_t steps[3]; // signed, little-endian
    uint8_t count[3];
};

// Samples or cells, by tier.
struct varve_window {
    union {
        struct varve_sample *raw; // as they came out of the ring; room for `cap` and the next one
        struct varve_cell_row *cells;
    } rows;
    uint32_t cap;
    uint32_t count;
    uint32_t tick_row; // raw: the first of the last rows that have the same time
    int64_t step_ms;   // cells: the tier's step
    int64_t base_ms;   // cells: start of the first one
    // Boot times of the first and last row stamped by the boot clock; INT64_MAX and INT64_MIN:
    // none.
    int64_t first_boot_ms, last_boot_ms;
    // Unix times of the first and last row stamped by it (cells: of any, the first only).
    int64_t first_unix_ms, last_unix_ms;
};

// A number of rows, or of one. Memory that is small has few.
#if VARVE_MEMORY_BYTES / 24u <= UINT16_MAX
typedef uint16_t varve_row_number;
#else
typedef uint32_t varve_row_number;
#endif

// Row numbers grouped by series.
struct varve_order {
    varve_row_number *index; // row numbers in series order, arrival order within a series
    varve_row_number *start; // by series id: where its rows begin in `index`; one more at the end
};

int varve_window_init_raw(struct varve_window *window, struct varve_arena *arena, uint32_t cap);
int varve_window_init_cells(struct varve_window *window, struct varve_arena *arena, uint32_t cap,
                            int64_t step_ms);
void varve_window_reset(struct varve_window *window);

// Adds a cell, in several rows if its count needs them: they merge when the window closes. Returns
// VARVE_E_FULL when there is no room, or when the cell is too far from the others: close the window
// first.
int varve_window_add_cell(struct varve_window *window, varve_series_id id,
                          const struct varve_cell *cell);
// The cell in row `row`.
struct varve_cell varve_window_cell(const struct varve_window *window, uint32_t row);

int varve_order_init(struct varve_order *order, struct varve_arena *arena, uint32_t max_rows,
                     uint32_t series_cap);

// Sorts `count` rows by the series id that stands `id_field` bytes into each row of `row_bytes`.
void varve_order_rows(struct varve_order *order, const void *rows, size_t row_bytes,
                      size_t id_field, uint32_t count, uint32_t series_count);

// Sorts rows by the int64_t time that each begins with; stable; `scratch` has room for all of them,
// or is NULL: then they had better be few. Does nothing when they are in order already.
void varve_sort_rows(void *rows, size_t row_bytes, size_t count, void *scratch);

// Merges neighbouring cells of the same start, of which that with the highest `seq` has the last
// value; returns how many are left.
size_t varve_merge_cells(struct varve_cell *cells, size_t count);

#endif
