// SPDX-License-Identifier: Apache-2.0
// What the encoder remembers from block to block: it never changes a value, costs little room, and
// is given up when a series takes another course.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "block_rows.h"

#define SERIES 12u
#define ROWS   60u

static uint8_t block[256 * 1024], other[256 * 1024];
static struct varve_point points[SERIES][ROWS], points_back[ROWS];
static struct varve_cell cells[SERIES][ROWS], cells_back[ROWS];
static struct varve_code_hint hints[SERIES * VARVE_CELL_HINTS];

// A course that a series takes for some windows.
static double step_of(struct test_random *r, unsigned course, double before)
{
    switch (course) {
    case 0:
        return 55;
    case 1: // a measured percentage
        return (double)random_below(r, 1000) / 10;
    case 2: // a slow walk, mostly still
        return before + (random_below(r, 8) == 0 ? (double)random_between(r, -4, 4) * 4096 : 0);
    case 3: // a counter
        return before + random_below(r, 3000);
    case 4: // a ramp
        return before + 17;
    default: // anything
        return double_of_bits(any_double(r));
    }
}

static void fill(struct test_random *r, unsigned series, unsigned course)
{
    double value = 1e6;
    for (size_t i = 0; i < ROWS; i++) {
        value = step_of(r, course, value);
        points[series][i] = (struct varve_point){.time_ms = BASE_MS + (int64_t)i * STEP_MS};
        memcpy(&points[series][i].value, &value, sizeof value); // signalling NaN stay as they are
        cells[series][i] = (struct varve_cell){.start_ms = BASE_MS + (int64_t)i * STEP_MS,
                                               .count = 12,
                                               .min = value - 1,
                                               .max = value + 2,
                                               .sum = 12 * value,
                                               .last = value};
    }
}

static struct varve_block_info encode(uint8_t *buf, bool points_wanted,
                                      struct varve_code_hint *with)
{
    struct varve_block_writer w;
    struct varve_block_info info = header_of(points_wanted ? 1 : 5);
    varve_block_begin(&w, buf, sizeof block, &info);
    varve_block_use_hints(&w, with);
    for (varve_series_id id = 0; id < SERIES; id++) {
        int rc = points_wanted ? varve_block_add_points(&w, id, points[id], ROWS)
                               : varve_block_add_cells(&w, id, cells[id], ROWS);
        assert_int_equal(rc, 0);
    }
    int length = varve_block_finish(&w);
    assert_true(length > 0);
    assert_int_equal(varve_block_open(buf, (size_t)length, &info), 0);
    return info;
}

static void assert_same(const struct varve_block_info *info, bool points_wanted)
{
    for (varve_series_id id = 0; id < SERIES; id++) {
        if (points_wanted) {
            assert_int_equal(
                varve_block_points(block, info, id, INT64_MIN, INT64_MAX, points_back, ROWS), ROWS);
            assert_memory_equal(points_back, points[id], sizeof points_back);
            continue;
        }
        memset(cells_back, 0, sizeof cells_back);
        assert_int_equal(varve_block_cells(block, info, id, INT64_MIN, INT64_MAX, cells_back, ROWS),
                         ROWS);
        number_cells(cells[id], ROWS, info->key.seq);
        assert_memory_equal(cells_back, cells[id], sizeof cells_back);
    }
}

static void values_stay_whatever_a_series_does(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        memset(hints, 0, sizeof hints);
        unsigned course[SERIES] = {0};
        for (int window = 0; window < 300; window++) {
            for (unsigned s = 0; s < SERIES; s++) {
                course[s] = random_below(&r, 10) == 0 ? random_below(&r, 6) : course[s];
                fill(&r, s, course[s]);
            }
            struct varve_block_info info = encode(block, kind == 0, hints);
            assert_same(&info, kind == 0);
        }
    }
}

static void hints_of_zero_change_no_byte(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        memset(hints, 0, sizeof hints);
        for (unsigned s = 0; s < SERIES; s++) {
            fill(&r, s, s % 6);
        }
        struct varve_block_info with = encode(block, kind == 0, hints);
        struct varve_block_info without = encode(other, kind == 0, NULL);
        assert_int_equal(with.length, without.length);
        assert_memory_equal(block, other, with.length);
    }
}

// Series that go on as they were take as little room as if each block were searched anew, and do so
// again some windows after all took another course.
#define COURSE_WINDOWS 60u
#define SETTLED        33u

static void room_is_little_more(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    for (int kind = 0; kind < 2; kind++) {
        uint64_t with = 0, without = 0;
        memset(hints, 0, sizeof hints);
        for (unsigned window = 0; window < 5 * COURSE_WINDOWS; window++) {
            for (unsigned s = 0; s < SERIES; s++) {
                fill(&r, s, (s + window / COURSE_WINDOWS) % 5);
            }
            uint32_t hinted = encode(block, kind == 0, hints).length;
            uint32_t searched = encode(other, kind == 0, NULL).length;
            bool settled = window % COURSE_WINDOWS >= SETTLED;
            with += settled ? hinted : 0;
            without += settled ? searched : 0;
        }
        printf("%s: %llu bytes with hints, %llu without\n", kind == 0 ? "points" : "cells",
               (unsigned long long)with, (unsigned long long)without);
        assert_true(with < without + without / 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_stay_whatever_a_series_does),
        cmocka_unit_test(hints_of_zero_change_no_byte),
        cmocka_unit_test(room_is_little_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
