// SPDX-License-Identifier: Apache-2.0
// Scans: each stored row once, in the order that was asked for, whatever the memory.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "tests/unit/host_fixture.h"
#include "varve/scan.h"

#define ROWS    1200
#define SERIES  7
#define STEP_MS 5000
#define LATE    240

static struct fixture f;
static varve_series_id ids[SERIES];
static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static double value_of(unsigned series, int64_t time_ms)
{
    return (double)series * 1e6 + (double)(time_ms / STEP_MS % 997);
}

static void push(unsigned series, size_t row)
{
    struct varve_point point = {.time_ms = fixture_start_ms() + (int64_t)row * STEP_MS};
    point.value = value_of(series, point.time_ms);
    assert_int_equal(varve_host_import(f.host, ids[series], &point, 1), 0);
}

// Of series 3 every third row comes up to twenty minutes late, so that blocks overlap in time.
static int setup(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    for (unsigned s = 0; s < SERIES; s++) {
        char name[] = "a0";
        name[1] = (char)('0' + s);
        ids[s] = (varve_series_id)fixture_series(&f, name, VARVE_GAUGE);
    }
    for (size_t i = 0; i < ROWS; i++) {
        for (unsigned s = 0; s < SERIES; s++) {
            if (s != 3 || i % 3 != 0) {
                push(s, i);
            }
        }
        for (size_t late = i + 1 - LATE; (i + 1) % LATE == 0 && late <= i; late++) {
            if (late % 3 == 0) {
                push(3, late);
            }
        }
    }
    fixture_close(&f);
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    fixture_end(&f);
    return 0;
}

static struct varve_scan *scan_in(size_t bytes)
{
    struct varve_scan *scan;
    assert_int_equal(varve_scan_init(&scan, f.host, memory, bytes), 0);
    return scan;
}

// What has been seen of each series.
struct seen {
    size_t rows[SERIES];
    int64_t first_ms[SERIES], last_ms[SERIES];
    uint32_t samples;
    size_t changes; // from one series to another
};

static void see(struct seen *seen, const struct varve_scan_range *range,
                const struct varve_scan_piece *piece)
{
    unsigned s = piece->id - ids[0];
    bool raw = range->tier == 0, backwards = range->order == VARVE_SCAN_BACKWARDS;
    int64_t last_ms = INT64_MIN;
    assert_true((piece->points != NULL) == raw && (piece->cells != NULL) != raw);
    for (size_t i = 0; i < piece->n; i++) {
        int64_t time_ms = raw ? piece->points[i].time_ms : piece->cells[i].start_ms;
        assert_true(time_ms > last_ms && time_ms >= range->from_ms && time_ms <= range->to_ms);
        last_ms = time_ms;
        if (raw) {
            assert_true(piece->points[i].value == value_of(s, time_ms));
        } else {
            seen->samples += piece->cells[i].count;
        }
    }
    int64_t first_ms = raw ? piece->points[0].time_ms : piece->cells[0].start_ms;
    if (seen->rows[s] > 0) {
        assert_true(backwards ? last_ms < seen->first_ms[s] : first_ms > seen->last_ms[s]);
    }
    seen->first_ms[s] = seen->rows[s] == 0 || backwards ? first_ms : seen->first_ms[s];
    seen->last_ms[s] = seen->rows[s] == 0 || !backwards ? last_ms : seen->last_ms[s];
    seen->rows[s] += piece->n;
}

static struct seen look(struct varve_scan *scan, const struct varve_scan_range *range)
{
    struct seen seen = {.changes = 0};
    struct varve_scan_piece piece;
    int last = -1, rc;
    assert_int_equal(varve_scan_begin(scan, range), 0);
    while ((rc = varve_scan_next(scan, &piece)) > 0) {
        see(&seen, range, &piece);
        seen.changes += piece.id != last;
        last = piece.id;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(varve_scan_next(scan, &piece), 0); // and stays there
    return seen;
}

static const enum varve_scan_order orders[] = {VARVE_SCAN_BY_BLOCK, VARVE_SCAN_BY_SERIES,
                                               VARVE_SCAN_BACKWARDS};
// The scan's own state takes 2.6 KiB of what is beyond the blocks.
static const size_t room[] = {4096, 5000, 8192, 48u << 10, 256u << 10};

static void every_row_comes_once_and_in_order_whatever_the_memory(void **state)
{
    (void)state;
    struct varve_scan_range range = {
        .from_ms = INT64_MIN, .to_ms = INT64_MAX, .ids = ids, .count = SERIES};
    for (size_t i = 0; i < 3 * sizeof room / sizeof *room; i++) {
        size_t bytes = (size_t)2 * VARVE_BLOCK_MAX + room[i / 3] + (16u << 10);
        struct varve_scan *scan = scan_in(bytes);
        range.order = orders[i % 3];
        struct seen seen = look(scan, &range);
        for (unsigned s = 0; s < SERIES; s++) {
            assert_int_equal(seen.rows[s], ROWS);
            assert_true(seen.first_ms[s] == fixture_start_ms());
        }
        bool by_series = range.order != VARVE_SCAN_BY_BLOCK;
        assert_true(by_series ? seen.changes == SERIES : seen.changes > SERIES);
    }
}

static void cells_are_whole_in_every_order(void **state)
{
    (void)state;
    struct varve_scan_range range = {
        .tier = 1, .from_ms = INT64_MIN, .to_ms = INT64_MAX, .ids = ids, .count = SERIES};
    for (size_t i = 0; i < 3 * sizeof room / sizeof *room; i++) {
        size_t bytes = (size_t)2 * VARVE_BLOCK_MAX + room[i / 3] + (16u << 10);
        range.order = orders[i % 3];
        struct seen seen = look(scan_in(bytes), &range);
        assert_int_equal(seen.samples, SERIES * ROWS);
        for (unsigned s = 0; s < SERIES; s++) {
            assert_int_equal(seen.rows[s], ROWS * STEP_MS / 60000);
        }
    }
}

static void a_range_is_inclusive_and_only_its_series_come(void **state)
{
    (void)state;
    const varve_series_id two[] = {ids[5], ids[3]};
    int64_t from_ms = fixture_start_ms() + INT64_C(100) * STEP_MS;
    struct varve_scan_range range = {
        .from_ms = from_ms, .to_ms = from_ms + 400 * STEP_MS, .ids = two, .count = 2};
    for (size_t i = 0; i < 3; i++) {
        range.order = orders[i];
        struct seen seen = look(scan_in(sizeof memory), &range);
        assert_int_equal(seen.rows[5], 401);
        assert_int_equal(seen.rows[3], 401);
        assert_int_equal(seen.rows[0] + seen.rows[4] + seen.rows[6], 0);
    }
    range.from_ms++;
    range.to_ms--;
    assert_int_equal(look(scan_in(sizeof memory), &range).rows[3], 399);
}

static void nothing_is_not_an_error_and_an_unknown_tier_is(void **state)
{
    (void)state;
    struct varve_scan *scan = scan_in(sizeof memory);
    struct varve_scan_range range = {.from_ms = 0, .to_ms = 1, .ids = ids, .count = SERIES};
    struct varve_scan_piece piece;
    assert_int_equal(look(scan, &range).rows[0], 0);
    range.to_ms = INT64_MAX;
    range.count = 0;
    assert_int_equal(look(scan, &range).rows[0], 0);
    range.tier = 4;
    assert_int_equal(varve_scan_begin(scan, &range), VARVE_E_INVALID);
    assert_int_equal(varve_scan_next(scan, &piece), 0);
    struct varve_scan *none;
    assert_int_equal(varve_scan_init(&none, f.host, memory, VARVE_QUERY_MEMORY_MIN - 1),
                     VARVE_E_NO_MEMORY);
}

// The newest rows of one series, and nothing before them.
static void the_end_of_a_series_costs_few_blocks(void **state)
{
    (void)state;
    struct varve_scan *scan = scan_in(sizeof memory);
    struct varve_scan_range range = {.from_ms = INT64_MIN,
                                     .to_ms = INT64_MAX,
                                     .ids = ids,
                                     .count = 1,
                                     .order = VARVE_SCAN_BACKWARDS};
    struct varve_scan_piece piece;
    struct varve_scan_figures figures;
    assert_int_equal(varve_scan_begin(scan, &range), 0);
    assert_int_equal(varve_scan_next(scan, &piece), 1);
    assert_true(piece.points[piece.n - 1].time_ms == fixture_start_ms() + INT64_C(1199) * STEP_MS);
    varve_scan_figures(scan, &figures);
    uint32_t blocks = figures.blocks;
    assert_in_range(blocks, 1, 6); // with the late ones
    assert_int_equal(varve_scan_begin(scan, &range), 0);
    assert_int_equal(varve_scan_next(scan, &piece), 1);
    varve_scan_figures(scan, &figures);
    assert_int_equal(figures.blocks, blocks); // they are still there
    assert_true(figures.rows > 0 && figures.bytes > 0 && figures.damaged == 0);
}

// Slices are read once for all series.
static void by_block_reads_no_block_twice(void **state)
{
    (void)state;
    struct varve_scan_figures one, all;
    struct varve_scan_range range = {
        .from_ms = INT64_MIN, .to_ms = INT64_MAX, .ids = ids, .count = 1};
    struct varve_scan *scan = scan_in(sizeof memory);
    (void)look(scan, &range);
    varve_scan_figures(scan, &one);
    range.count = SERIES;
    scan = scan_in(sizeof memory);
    (void)look(scan, &range);
    varve_scan_figures(scan, &all);
    assert_true(all.blocks >= one.blocks && all.blocks < 2 * one.blocks);
    assert_int_equal(all.rows, (size_t)ROWS * SERIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_comes_once_and_in_order_whatever_the_memory),
        cmocka_unit_test(cells_are_whole_in_every_order),
        cmocka_unit_test(a_range_is_inclusive_and_only_its_series_come),
        cmocka_unit_test(nothing_is_not_an_error_and_an_unknown_tier_is),
        cmocka_unit_test(the_end_of_a_series_costs_few_blocks),
        cmocka_unit_test(by_block_reads_no_block_twice),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
