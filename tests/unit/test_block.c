// SPDX-License-Identifier: Apache-2.0
// Blocks: what is put in comes out bit for bit, for any set of series, any range and any buffer;
// chunks with the same times share them. What damaged blocks do is in test_block_damage.c, what
// their bytes are in test_block_golden.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "block_rows.h"

static uint8_t block[1024 * 1024];
static struct varve_point back[4 * VARVE_COLUMN_MAX];
static struct varve_cell cells_back[4 * VARVE_COLUMN_MAX];

static struct varve_block_writer begin(void *buf, size_t cap, uint8_t columns)
{
    struct varve_block_writer w;
    struct varve_block_info info = header_of(columns);
    varve_block_begin(&w, buf, cap, &info);
    return w;
}

static struct varve_block_info finish_and_open(struct varve_block_writer *w)
{
    struct varve_block_info info;
    int length = varve_block_finish(w);
    assert_true(length > 0 && (size_t)length <= w->cap);
    assert_int_equal(varve_block_open(w->buf, (size_t)length, &info), 0);
    assert_int_equal(info.length, length);
    return info;
}

// ---- lossless -----------------------------------------------------------------------------------

static void points_of_many_series_are_lossless(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_point points[60][100];
    size_t counts[60];
    varve_series_id ids[60];
    for (int round = 0; round < 60; round++) {
        struct varve_block_writer w = begin(block, sizeof block, 1);
        uint32_t id = 0, rows = 0;
        int64_t end_ms = INT64_MIN;
        for (int s = 0; s < 60; s++) {
            id += 1 + random_below(&r, s % 7 == 0 ? 1000 : 3);
            ids[s] = (varve_series_id)id;
            counts[s] = 1 + random_below(&r, 100);
            make_points(&r, points[s], counts[s]);
            assert_int_equal(varve_block_add_points(&w, ids[s], points[s], counts[s]), 0);
            rows += (uint32_t)counts[s];
            int64_t last_ms = points[s][counts[s] - 1].time_ms;
            end_ms = last_ms > end_ms ? last_ms : end_ms;
        }
        struct varve_block_info info = finish_and_open(&w);
        assert_int_equal(info.rows, rows);
        assert_int_equal(info.entries, 60);
        assert_int_equal(info.key.end_ms, end_ms);
        for (int s = 0; s < 60; s++) {
            int n = varve_block_points(block, &info, ids[s], INT64_MIN, INT64_MAX, back, counts[s]);
            assert_int_equal(n, counts[s]);
            assert_memory_equal(back, points[s], counts[s] * sizeof *back);
        }
        assert_int_equal(varve_block_points(block, &info, 0, INT64_MIN, INT64_MAX, back, 1), 0);
        assert_int_equal(varve_block_points(block, &info, 65535, INT64_MIN, INT64_MAX, back, 1), 0);
    }
}

// Whatever the order of the ids, and whether the rows before fitted or not.
static void reader_gives_the_same_in_any_order(void **state)
{
    (void)state;
    enum {
        SERIES = 40,
        ROWS_EACH = 9
    };
    struct test_random r = random_start(__func__);
    struct varve_point rows[ROWS_EACH], expected[2 * ROWS_EACH], back[2 * ROWS_EACH];
    struct varve_block_writer w = begin(block, sizeof block, 1);
    for (varve_series_id id = 1; id < 2 * SERIES; id = (varve_series_id)(id + 2)) {
        for (int chunk = 0; chunk < 1 + id % 3 / 2; chunk++) { // some have two
            make_points(&r, rows, ROWS_EACH);
            assert_int_equal(varve_block_add_points(&w, id, rows, ROWS_EACH), 0);
        }
    }
    struct varve_block_info info = finish_and_open(&w);
    struct varve_block_reader reader;
    varve_block_reader_init(&reader, block, &info);
    varve_series_id id = 0;
    for (int step = 0; step < 5000; step++) {
        id = (varve_series_id)(random_below(&r, 3) == 0 ? random_below(&r, 2 * SERIES + 3)
                                                        : id + 1u);
        size_t cap = random_below(&r, 4) == 0 ? 5 : 2 * ROWS_EACH;
        int n = varve_block_points(block, &info, id, INT64_MIN, INT64_MAX, expected, cap);
        assert_int_equal(varve_block_read_points(&reader, id, INT64_MIN, INT64_MAX, back, cap), n);
        assert_memory_equal(back, expected, n > 0 ? (size_t)n * sizeof *back : 0);
    }
    struct varve_cell cell;
    assert_int_equal(varve_block_read_cells(&reader, 1, 0, INT64_MAX, false, &cell, 1),
                     VARVE_E_INVALID);
}

static void cells_of_many_series_are_lossless(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_cell cells[40][50];
    size_t counts[40];
    for (int round = 0; round < 40; round++) {
        struct varve_block_writer w = begin(block, sizeof block, 5);
        for (varve_series_id id = 0; id < 40; id++) {
            counts[id] = 1 + random_below(&r, 50);
            make_cells(&r, cells[id], counts[id]);
            assert_int_equal(varve_block_add_cells(&w, id, cells[id], counts[id]), 0);
        }
        struct varve_block_info info = finish_and_open(&w);
        for (varve_series_id id = 0; id < 40; id++) {
            memset(cells_back, 0, counts[id] * sizeof *cells_back);
            int n =
                varve_block_cells(block, &info, id, INT64_MIN, INT64_MAX, cells_back, counts[id]);
            assert_int_equal(n, counts[id]);
            number_cells(cells[id], counts[id], info.key.seq);
            assert_memory_equal(cells_back, cells[id], counts[id] * sizeof *cells_back);
        }
    }
}

static void every_column_length_is_lossless(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_point points[VARVE_COLUMN_MAX + 1];
    make_points(&r, points, VARVE_COLUMN_MAX + 1);
    for (size_t n = 1; n <= VARVE_COLUMN_MAX; n += n < 70 ? 1 : 89) {
        struct varve_block_writer w = begin(block, sizeof block, 1);
        assert_int_equal(varve_block_add_points(&w, 3, points, n), 0);
        struct varve_block_info info = finish_and_open(&w);
        assert_int_equal(varve_block_points(block, &info, 3, INT64_MIN, INT64_MAX, back, n), n);
        assert_memory_equal(back, points, n * sizeof *back);
    }
    struct varve_block_writer w = begin(block, sizeof block, 1);
    assert_int_equal(varve_block_add_points(&w, 3, points, VARVE_COLUMN_MAX), 0);
    assert_int_equal(varve_block_add_points(&w, 3, points, VARVE_COLUMN_MAX + 1), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_points(&w, 3, points, 0), VARVE_E_INVALID);
}

static void header_fields_come_back(void **state)
{
    (void)state;
    struct varve_point point = {.time_ms = BASE_MS + 17, .value = 1};
    struct varve_block_writer w = begin(block, sizeof block, 1);
    assert_int_equal(varve_block_add_points(&w, 65535, &point, 1), 0);
    struct varve_block_info info = finish_and_open(&w), want = header_of(1);
    assert_int_equal(info.key.start_ms, BASE_MS);
    assert_int_equal(info.key.end_ms, BASE_MS + 17);
    assert_int_equal(info.key.seq, want.key.seq);
    assert_int_equal(info.step_ms, want.step_ms);
    assert_int_equal(info.tier, want.tier);
    assert_int_equal(info.columns, 1);
    assert_int_equal(info.upto_ms, want.upto_ms);
    assert_int_equal(info.samples, want.samples);
    assert_int_equal(info.flash_bytes, want.flash_bytes);
    assert_int_equal(info.rows, 1);
    assert_false(info.has_upto_seq);
    want.has_upto_seq = true;
    want.upto_seq = UINT32_MAX;
    varve_block_begin(&w, block, sizeof block, &want);
    assert_int_equal(varve_block_add_points(&w, 65535, &point, 1), 0);
    info = finish_and_open(&w);
    assert_true(info.has_upto_seq);
    assert_int_equal(info.upto_seq, UINT32_MAX);
}

// ---- ranges and chunks --------------------------------------------------------------------------

static void ranges_over_several_chunks_are_exact(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_point chunk[5][80];
    for (int round = 0; round < 300; round++) {
        struct varve_block_writer w = begin(block, sizeof block, 1);
        size_t counts[5];
        for (int c = 0; c < 5; c++) {
            counts[c] = 1 + random_below(&r, 80);
            make_points(&r, chunk[c], counts[c]);
            assert_int_equal(varve_block_add_points(&w, 9, chunk[c], counts[c]), 0);
        }
        assert_int_equal(varve_block_add_points(&w, 10, chunk[0], counts[0]), 0);
        struct varve_block_info info = finish_and_open(&w);
        int64_t from = chunk[0][random_below(&r, (uint32_t)counts[0])].time_ms;
        int64_t to = chunk[1][random_below(&r, (uint32_t)counts[1])].time_ms;
        struct varve_point want[5 * 80];
        size_t n = 0;
        for (int c = 0; c < 5; c++) {
            for (size_t i = 0; i < counts[c]; i++) {
                if (chunk[c][i].time_ms >= from && chunk[c][i].time_ms <= to) {
                    want[n++] = chunk[c][i];
                }
            }
        }
        assert_int_equal(varve_block_points(block, &info, 9, from, to, back, n), n);
        assert_memory_equal(back, want, n * sizeof *want);
        if (n > 0) {
            assert_int_equal(varve_block_points(block, &info, 9, from, to, back, n - 1),
                             VARVE_E_FULL);
        }
    }
}

// Series that were sampled together, some of them with jitter of their own.
static void chunks_with_the_same_times_share_them(void **state)
{
    (void)state;
    struct varve_point points[50];
    for (size_t i = 0; i < 50; i++) { // times that take some room
        points[i] = (struct varve_point){.time_ms = BASE_MS + (int64_t)(i * i * 1000), .value = 1};
    }
    struct varve_block_writer w = begin(block, sizeof block, 1);
    assert_int_equal(varve_block_add_points(&w, 0, points, 50), 0);
    size_t first = w.used - VARVE_BLOCK_HEADER;
    assert_int_equal(varve_block_add_points(&w, 1, points, 50), 0);
    assert_in_range(w.used - VARVE_BLOCK_HEADER - first, 1, 8);
    points[30].time_ms++;
    assert_int_equal(varve_block_add_points(&w, 2, points, 50), 0);
    assert_true(w.used - VARVE_BLOCK_HEADER > 2 * first);
}

static void chunks_are_read_with_the_times_of_others(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_point points[100][20];
    for (int round = 0; round < 50; round++) {
        struct varve_block_writer w = begin(block, sizeof block, 1);
        for (size_t s = 0; s < 100; s++) {
            make_points(&r, points[s], 20);
            size_t like = random_below(&r, (uint32_t)s + 1);
            for (size_t i = 0; i < 20; i++) {
                points[s][i].time_ms = points[like][i].time_ms;
            }
            assert_int_equal(varve_block_add_points(&w, (varve_series_id)s, points[s], 20), 0);
        }
        struct varve_block_info info = finish_and_open(&w);
        for (size_t s = 0; s < 100; s++) {
            int n = varve_block_points(block, &info, (varve_series_id)s, 0, INT64_MAX, back, 20);
            assert_int_equal(n, 20);
            assert_memory_equal(back, points[s], 20 * sizeof *back);
        }
    }
}

// ---- what a writer refuses ----------------------------------------------------------------------

static void rows_that_break_the_contract_are_refused(void **state)
{
    (void)state;
    struct varve_point early = {.time_ms = BASE_MS - 1}, good = {.time_ms = BASE_MS};
    struct varve_point back_in_time[2] = {{.time_ms = BASE_MS + 5}, {.time_ms = BASE_MS + 4}};
    struct varve_cell cell = {.start_ms = BASE_MS, .count = 1};
    struct varve_block_writer w = begin(block, sizeof block, 1);
    assert_int_equal(varve_block_finish(&w), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_points(&w, 5, &early, 1), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_points(&w, 5, back_in_time, 2), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_cells(&w, 5, &cell, 1), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_points(&w, 5, &good, 1), 0);
    assert_int_equal(varve_block_add_points(&w, 4, &good, 1), VARVE_E_INVALID);
    struct varve_block_info info = finish_and_open(&w);
    assert_int_equal(info.rows, 1);
    assert_int_equal(varve_block_cells(block, &info, 5, 0, INT64_MAX, cells_back, 9),
                     VARVE_E_INVALID);
    w = begin(block, sizeof block, 5);
    assert_int_equal(varve_block_add_points(&w, 5, &good, 1), VARVE_E_INVALID);
    assert_int_equal(varve_block_add_cells(&w, 5, &cell, 1), 0);
    info = finish_and_open(&w);
    assert_int_equal(varve_block_points(block, &info, 5, 0, INT64_MAX, back, 9), VARVE_E_INVALID);
}

// Fills a block of `cap` bytes until it is full; whatever it took must be there afterwards.
static size_t fill_block(uint8_t *buf, size_t cap, struct varve_point points[][20], size_t chunks)
{
    struct varve_block_writer w = begin(buf, cap, 1);
    size_t taken = 0;
    int rc = 0;
    while (taken < chunks && (rc = varve_block_add_points(&w, (varve_series_id)(200 * taken),
                                                          points[taken], 20)) == 0) {
        taken++;
    }
    assert_true(rc == 0 || rc == VARVE_E_FULL);
    if (taken == 0) {
        assert_int_equal(varve_block_finish(&w), VARVE_E_INVALID);
        return 0;
    }
    struct varve_block_info info = finish_and_open(&w);
    for (size_t i = 0; i < taken; i++) {
        int n = varve_block_points(buf, &info, (varve_series_id)(200 * i), 0, INT64_MAX, back, 20);
        assert_int_equal(n, 20);
        assert_memory_equal(back, points[i], 20 * sizeof *back);
    }
    return taken;
}

// The buffer is allocated anew for each size, so that the sanitizer sees a byte too many.
static void every_buffer_size_gives_a_whole_block_or_none(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static struct varve_point points[8][20];
    size_t before = 0;
    for (int i = 0; i < 8; i++) {
        make_points(&r, points[i], 20);
    }
    for (size_t cap = VARVE_BLOCK_HEADER + 1; cap < 2000; cap++) {
        uint8_t *buf = malloc(cap);
        size_t taken = fill_block(buf, cap, points, 8);
        assert_true(taken >= before);
        before = taken;
        free(buf);
    }
    assert_int_equal(before, 8);
}

static void directory_with_all_its_entries_is_full(void **state)
{
    (void)state;
    const size_t cap = 4 * 1024 * 1024;
    uint8_t *buf = malloc(cap);
    struct varve_block_writer w = begin(buf, cap, 1);
    struct varve_point point = {.time_ms = BASE_MS};
    for (uint32_t i = 0; i < UINT16_MAX; i++) {
        point.value = i;
        assert_int_equal(varve_block_add_points(&w, (varve_series_id)i, &point, 1), 0);
    }
    assert_int_equal(varve_block_add_points(&w, UINT16_MAX, &point, 1), VARVE_E_FULL);
    struct varve_block_info info = finish_and_open(&w);
    assert_int_equal(info.entries, UINT16_MAX);
    assert_int_equal(varve_block_points(buf, &info, 65534, 0, INT64_MAX, back, 1), 1);
    assert_true(back[0].value == 65534);
    free(buf);
}

// ---- size: printed, not asserted ----------------------------------------------------------------

// One third of the series is a percentage with one decimal, one third a slow walk, one third a slow
// counter: the workload that the project's figures are about.
static double workload_value(struct test_random *r, unsigned id, double before)
{
    switch (id % 3) {
    case 0:
        return (double)random_below(r, 1000) / 10;
    case 1:
        return before + (double)random_between(r, -4, 4) * 4096;
    default:
        return before + random_below(r, 3);
    }
}

static void sizes_are_printed(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    const size_t windows[] = {12, 60, 180};
    for (size_t i = 0; i < 3; i++) {
        struct varve_point points[180];
        struct varve_block_writer w = begin(block, sizeof block, 1);
        for (unsigned id = 0; id < 255; id++) {
            double value = 1e9;
            for (size_t k = 0; k < windows[i]; k++) {
                value = workload_value(&r, id, value);
                points[k] = (struct varve_point){BASE_MS + (int64_t)k * 5000, value};
            }
            assert_int_equal(varve_block_add_points(&w, (varve_series_id)id, points, windows[i]),
                             0);
        }
        struct varve_block_info info = finish_and_open(&w);
        printf("%zu samples per series: %.2f bits per sample\n", windows[i],
               8.0 * info.length / info.rows);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_of_many_series_are_lossless),
        cmocka_unit_test(reader_gives_the_same_in_any_order),
        cmocka_unit_test(cells_of_many_series_are_lossless),
        cmocka_unit_test(every_column_length_is_lossless),
        cmocka_unit_test(header_fields_come_back),
        cmocka_unit_test(ranges_over_several_chunks_are_exact),
        cmocka_unit_test(rows_that_break_the_contract_are_refused),
        cmocka_unit_test(every_buffer_size_gives_a_whole_block_or_none),
        cmocka_unit_test(directory_with_all_its_entries_is_full),
        cmocka_unit_test(chunks_with_the_same_times_share_them),
        cmocka_unit_test(chunks_are_read_with_the_times_of_others),
        cmocka_unit_test(sizes_are_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
