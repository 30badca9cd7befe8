// SPDX-License-Identifier: Apache-2.0
// Queries of more rows than their memory holds: whatever it holds, the answer is the same.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "tests/unit/host_fixture.h"

#define ROWS    1400 // less than raw rows are kept
#define LATE    240  // rows of twenty minutes
#define STEP_MS 5000

static struct fixture f;
static struct varve_point points[ROWS];

// Every third row comes twenty minutes late, so that blocks overlap in time; the last ones are in
// RAM.
static void fill(void)
{
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    uint32_t random = 11;
    for (size_t i = 0; i < ROWS; i++) {
        random = random * 1664525u + 1013904223u;
        points[i].time_ms = fixture_start_ms() + (int64_t)i * STEP_MS;
        points[i].value = (double)(random >> 16) / 8;
    }
    for (size_t i = 0; i < ROWS + LATE; i++) {
        if (i < ROWS && i % 3 != 0) {
            assert_int_equal(varve_host_import(f.host, id, &points[i], 1), 0);
        }
        if (i >= LATE && (i - LATE) % 3 == 0) {
            assert_int_equal(varve_host_import(f.host, id, &points[i - LATE], 1), 0);
        }
    }
}

static int setup(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    fill();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    f.query_bytes = 0;
    fixture_close(&f);
    fixture_end(&f);
    return 0;
}

// Bytes beyond the blocks; the query's own state takes 6.1 KiB of them.
static const size_t room[] = {7100, 7500, 8000, 8u << 10, 10001, 16u << 10, 48u << 10};
#define ROOM_OF_CELLS 2 // the first that some cells fit in

static void raw_rows_come_once_and_in_order_whatever_the_memory(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof room / sizeof *room; i++) {
        f.query_bytes = (size_t)2 * VARVE_BLOCK_MAX + room[i];
        struct answer answer = fixture_query(&f, "a", 0, VARVE_AGG_AUTO, 0);
        assert_int_equal(answer.rc, 0);
        assert_int_equal(answer.count, ROWS);
        assert_memory_equal(answer.points, points, sizeof points);
        assert_int_equal(answer.info.rows_read, ROWS);
        answer_free(&answer);
    }
}

// A minute whose late rows came in another window is one cell.
static void cells_are_whole_whatever_the_memory(void **state)
{
    (void)state;
    f.query_bytes = 0;
    struct answer all = fixture_query(&f, "a", 1, VARVE_AGG_SUM, 0);
    assert_int_equal(all.count, (ROWS + 11) / 12);
    for (size_t i = ROOM_OF_CELLS; i < sizeof room / sizeof *room; i++) {
        f.query_bytes = (size_t)2 * VARVE_BLOCK_MAX + room[i];
        struct answer answer = fixture_query(&f, "a", 1, VARVE_AGG_SUM, 0);
        assert_int_equal(answer.rc, 0);
        assert_int_equal(answer.count, all.count);
        assert_memory_equal(answer.points, all.points, all.count * sizeof *all.points);
        answer_free(&answer);
    }
    answer_free(&all);
}

static void the_least_memory_is_enough(void **state)
{
    (void)state;
    f.query_bytes = VARVE_QUERY_MEMORY_MIN;
    for (int tier = 0; tier < 4; tier++) {
        struct answer answer = fixture_query(&f, "a", tier, VARVE_AGG_COUNT, 0);
        assert_int_equal(answer.rc, 0);
        assert_true(answer.count > 0);
        answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_rows_come_once_and_in_order_whatever_the_memory),
        cmocka_unit_test(cells_are_whole_whatever_the_memory),
        cmocka_unit_test(the_least_memory_is_enough),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
