// SPDX-License-Identifier: Apache-2.0
// Windows: the counting sort and the sort by time are stable for any input, and cells of the same
// start become one.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/window.h"
#include "random.h"
#include "varve/error.h"

#define ROWS   500u
#define SERIES 40u

static struct varve_order make_order(void)
{
    static _Alignas(16) uint8_t memory[ROWS * 4 + (SERIES + 2) * 4 + 16];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_order order;
    assert_int_equal(varve_order_init(&order, &arena, ROWS, SERIES), 0);
    return order;
}

// `index` must list the rows of each series in arrival order, and `start` where each begins.
static void expect_order(const struct varve_order *order, const varve_series_id *ids,
                         uint32_t count, uint32_t series)
{
    uint32_t at = 0;
    for (uint32_t id = 0; id < series; id++) {
        assert_int_equal(order->start[id], at);
        for (uint32_t row = 0; row < count; row++) {
            if (ids[row] == id) {
                assert_int_equal(order->index[at++], row);
            }
        }
        assert_int_equal(order->start[id + 1], at);
    }
    assert_int_equal(at, count);
}

static void rows_are_grouped_by_series_in_arrival_order(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct varve_order order = make_order();
    static struct varve_sample raw[ROWS];
    static struct varve_cell_row cells[ROWS];
    varve_series_id ids[ROWS];
    for (int round = 0; round < 300; round++) {
        uint32_t series = 1 + random_below(&r, SERIES);
        uint32_t count = round == 0 ? 0 : random_below(&r, ROWS + 1);
        uint32_t used = 1 + random_below(&r, series); // the highest ids may have no rows
        for (uint32_t i = 0; i < count; i++) {
            ids[i] = (varve_series_id)random_below(&r, used);
            raw[i].id = ids[i];
            cells[i].id = ids[i];
        }
        varve_order_rows(&order, raw, sizeof *raw, offsetof(struct varve_sample, id), count,
                         series);
        expect_order(&order, ids, count, series);
        varve_order_rows(&order, cells, sizeof *cells, offsetof(struct varve_cell_row, id), count,
                         series);
        expect_order(&order, ids, count, series);
    }
}

// Insertion sort is stable by its nature.
static void sort_slowly(struct varve_point *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct varve_point row = rows[i];
        size_t k = i;
        for (; k > 0 && rows[k - 1].time_ms > row.time_ms; k--) {
            rows[k] = rows[k - 1];
        }
        rows[k] = row;
    }
}

static void sorting_by_time_is_stable_for_every_length(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (size_t n = 0; n <= 200; n++) {
        for (int round = 0; round < 5; round++) {
            // Of exactly this size, so that the sanitizer sees a row too many.
            struct varve_point *rows = malloc(n * sizeof *rows + 1);
            struct varve_point *scratch = malloc(n * sizeof *rows + 1);
            struct varve_point *want = malloc(n * sizeof *rows + 1);
            uint32_t times = round == 0 ? 2 : 1 + random_below(&r, 1000);
            for (size_t i = 0; i < n; i++) {
                rows[i] = (struct varve_point){random_between(&r, -(int64_t)times, (int64_t)times),
                                               (double)i};
            }
            memcpy(want, rows, n * sizeof *rows);
            sort_slowly(want, n);
            bool in_place = n < 100 && random_below(&r, 2) == 0;
            varve_sort_rows(rows, sizeof *rows, n, in_place ? NULL : scratch);
            assert_memory_equal(rows, want, n * sizeof *rows);
            free(rows);
            free(scratch);
            free(want);
        }
    }
}

static void rows_in_order_need_no_scratch(void **state)
{
    (void)state;
    struct varve_point rows[] = {{1, 1}, {2, 2}, {2, 3}, {9, 4}}, want[4];
    memcpy(want, rows, sizeof rows);
    varve_sort_rows(rows, sizeof *rows, 4, NULL);
    assert_memory_equal(rows, want, sizeof rows);
}

static void cells_are_sorted_whole(void **state)
{
    (void)state;
    struct varve_cell cells[7], scratch[7];
    for (int i = 0; i < 7; i++) {
        double v = 7 - i;
        cells[i] = (struct varve_cell){.start_ms = 7 - i,
                                       .count = (uint32_t)(7 - i),
                                       .min = v,
                                       .max = 2 * v,
                                       .sum = 3 * v,
                                       .last = 4 * v};
    }
    varve_sort_rows(cells, sizeof *cells, 7, scratch);
    for (int i = 0; i < 7; i++) {
        double v = i + 1;
        assert_int_equal(cells[i].start_ms, i + 1);
        assert_int_equal(cells[i].count, i + 1);
        assert_true(cells[i].min == v && cells[i].max == 2 * v);
        assert_true(cells[i].sum == 3 * v && cells[i].last == 4 * v);
    }
}

static struct varve_cell cell(int64_t start_ms, uint32_t count, double value)
{
    return (struct varve_cell){.start_ms = start_ms,
                               .count = count,
                               .min = value,
                               .max = value,
                               .sum = value * count,
                               .last = value};
}

static void neighbours_of_the_same_start_become_one(void **state)
{
    (void)state;
    struct varve_cell cells[] = {cell(0, 1, 5), cell(60, 2, 1), cell(60, 1, 9), cell(60, 3, -4),
                                 cell(120, 1, 7)};
    assert_int_equal(varve_merge_cells(cells, 5), 3);
    assert_int_equal(cells[0].start_ms, 0);
    assert_int_equal(cells[1].start_ms, 60);
    assert_int_equal(cells[1].count, 6);
    assert_true(cells[1].min == -4 && cells[1].max == 9);
    assert_true(cells[1].sum == -1 && cells[1].last == -4);
    assert_int_equal(cells[2].start_ms, 120);
    assert_int_equal(cells[2].count, 1);
    cells[1].seq = 8, cells[2] = cell(60, 1, 5), cells[2].seq = 7; // an earlier part, read later
    assert_int_equal(varve_merge_cells(cells, 3), 2);
    assert_true(cells[1].count == 7 && cells[1].last == -4);
    assert_int_equal(varve_merge_cells(cells, 2), 2);
    assert_int_equal(varve_merge_cells(cells, 1), 1);
    assert_int_equal(varve_merge_cells(cells, 0), 0);
}

static void cells_come_back_from_their_rows_bit_exact(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[16 * sizeof(struct varve_cell_row)];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_window window;
    const int64_t step = 60000, base = INT64_C(1700000000) * 60;
    assert_int_equal(varve_window_init_cells(&window, &arena, 16, step), 0);
    const struct varve_cell cells[] = {
        {base, 12, 0, -1.5, 2.25, 3e300, -0.0},
        {base + 5 * step, 1, 0, 1, 1, 1, 1},
        {base - 5 * step, 0xffffff, 0, 1, 1, 1, 1}, // late, and as many as a row can count
        {base + INT64_C(0x7fffff) * step, 7, 0, 1, 2, 3, 4},
        {base - INT64_C(0x800000) * step, 7, 0, 1, 2, 3, 4},
    };
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(varve_window_add_cell(&window, (varve_series_id)(i * 7), &cells[i]), 0);
    }
    assert_int_equal(window.count, 5);
    assert_int_equal(window.first_unix_ms, cells[4].start_ms);
    for (uint32_t i = 0; i < 5; i++) {
        struct varve_cell cell = varve_window_cell(&window, i);
        assert_int_equal(window.rows.cells[i].id, i * 7);
        assert_int_equal(cell.start_ms, cells[i].start_ms);
        assert_int_equal(cell.count, cells[i].count);
        assert_memory_equal(&cell.min, &cells[i].min, 4 * sizeof(double));
    }
}

static void a_cell_too_far_away_or_too_many_is_refused(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[3 * sizeof(struct varve_cell_row)];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_window window;
    assert_int_equal(varve_window_init_cells(&window, &arena, 3, 1000), 0);
    struct varve_cell c = cell(0, 1, 5), far = cell(INT64_C(0x800000) * 1000, 1, 5);
    assert_int_equal(varve_window_add_cell(&window, 0, &c), 0);
    assert_int_equal(varve_window_add_cell(&window, 0, &far), VARVE_E_FULL);
    c.count = UINT32_MAX; // needs 257 rows
    assert_int_equal(varve_window_add_cell(&window, 0, &c), VARVE_E_FULL);
    assert_int_equal(window.count, 1);
}

static void a_count_beyond_24_bits_is_spread_over_rows_that_merge(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[8 * sizeof(struct varve_cell_row)];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_window window;
    struct varve_cell c = cell(5000, 50000000, 1), rows[8];
    assert_int_equal(varve_window_init_cells(&window, &arena, 8, 1000), 0);
    assert_int_equal(varve_window_add_cell(&window, 3, &c), 0);
    assert_int_equal(window.count, 3);
    for (uint32_t i = 0; i < window.count; i++) {
        rows[i] = varve_window_cell(&window, i);
    }
    assert_int_equal(varve_merge_cells(rows, window.count), 1);
    assert_int_equal(rows[0].count, c.count);
    assert_true(rows[0].sum == c.sum && rows[0].min == 1 && rows[0].last == 1);
}

static void reset_window_is_empty_but_keeps_its_memory(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[ROWS * sizeof(struct varve_cell_row)];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_window window;
    assert_int_equal(varve_window_init_cells(&window, &arena, ROWS, 60000), 0);
    assert_int_equal(window.cap, ROWS);
    assert_int_equal(window.count, 0);
    window.count = 3;
    window.first_boot_ms = window.first_unix_ms = 1;
    window.last_boot_ms = window.last_unix_ms = 1;
    varve_window_reset(&window);
    assert_int_equal(window.count, 0);
    assert_int_equal(window.first_boot_ms, INT64_MAX);
    assert_int_equal(window.first_unix_ms, INT64_MAX);
    assert_int_equal(window.last_boot_ms, INT64_MIN);
    assert_int_equal(window.last_unix_ms, INT64_MIN);
    assert_ptr_equal(window.rows.cells, memory);
}

static void memory_too_small_is_said(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t memory[2 * sizeof(struct varve_sample) + 16];
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_window window;
    struct varve_order order;
    assert_int_equal(varve_window_init_raw(&window, &arena, 2), VARVE_E_NO_MEMORY);
    arena.wanted = 0;
    assert_int_equal(varve_window_init_raw(&window, &arena, 1), 0);
    assert_int_equal(varve_window_init_cells(&window, &arena, 1, 60000), VARVE_E_NO_MEMORY);
    assert_int_equal(varve_order_init(&order, &arena, 10, 10), VARVE_E_NO_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_grouped_by_series_in_arrival_order),
        cmocka_unit_test(sorting_by_time_is_stable_for_every_length),
        cmocka_unit_test(rows_in_order_need_no_scratch),
        cmocka_unit_test(cells_are_sorted_whole),
        cmocka_unit_test(neighbours_of_the_same_start_become_one),
        cmocka_unit_test(cells_come_back_from_their_rows_bit_exact),
        cmocka_unit_test(a_cell_too_far_away_or_too_many_is_refused),
        cmocka_unit_test(a_count_beyond_24_bits_is_spread_over_rows_that_merge),
        cmocka_unit_test(reset_window_is_empty_but_keeps_its_memory),
        cmocka_unit_test(memory_too_small_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
