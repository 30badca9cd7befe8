// SPDX-License-Identifier: Apache-2.0
// Rows for the tests of blocks: points and cells with all kinds of times and values. One task.
#ifndef VARVE_TESTS_BLOCK_ROWS_H
#define VARVE_TESTS_BLOCK_ROWS_H

#include "random.h"
#include "varve/block.h"

#define BASE_MS INT64_C(1800000000000)
#define STEP_MS 60000

// A double of any kind: decimals, integers, counters, random bit patterns, special values.
static inline uint64_t any_double(struct test_random *r)
{
    static const uint64_t special[] = {
        0,
        UINT64_C(0x8000000000000000),
        UINT64_C(0x7ff0000000000000),
        UINT64_C(0xfff0000000000000),
        UINT64_C(0x7ff8000000000000),
        UINT64_C(0x7ff0000000000001),
        UINT64_C(0xffffffffffffffff),
        1,
    };
    switch (random_below(r, 5)) {
    case 0:
        return bits_of_double((double)random_below(r, 1000) / 10);
    case 1:
        return bits_of_double((double)random_below(r, 100));
    case 2:
        return bits_of_double(9007199254740993.0 + (double)random_below(r, 1u << 30));
    case 3:
        return random_bits(r);
    default:
        return special[random_below(r, sizeof special / sizeof *special)];
    }
}

static inline void put_double(double *to, uint64_t bits)
{
    memcpy(to, &bits, sizeof bits);
}

// n points from BASE_MS on, with gaps and repeated times.
static inline void make_points(struct test_random *r, struct varve_point *points, size_t n)
{
    int64_t time = BASE_MS + random_below(r, 10000);
    bool constant = random_below(r, 4) == 0;
    for (size_t i = 0; i < n; i++) {
        points[i].time_ms = time;
        put_double(&points[i].value, constant ? bits_of_double(21.5) : any_double(r));
        time += random_below(r, 8) == 0 ? random_below(r, 1u << 20) : 5000;
        time -= random_below(r, 20) == 0 ? 5000 : 0;
        time = time < points[i].time_ms ? points[i].time_ms : time;
    }
}

// n cells on the grid of STEP_MS from BASE_MS on.
static inline void make_cells(struct test_random *r, struct varve_cell *cells, size_t n)
{
    int64_t start = BASE_MS;
    memset(cells, 0, n * sizeof *cells);
    for (size_t i = 0; i < n; i++) {
        cells[i].start_ms = start;
        cells[i].count = random_below(r, 3) == 0 ? (uint32_t)random_bits(r) : 12;
        put_double(&cells[i].min, any_double(r));
        put_double(&cells[i].max, any_double(r));
        put_double(&cells[i].sum, any_double(r));
        put_double(&cells[i].last, any_double(r));
        start += STEP_MS * (int64_t)random_below(r, 3);
    }
}

// Cells as they are read from a block with this number, so that they can be compared as bytes.
static inline void number_cells(struct varve_cell *cells, size_t n, uint32_t seq)
{
    for (size_t i = 0; i < n; i++) {
        cells[i].seq = seq;
    }
}

static inline struct varve_block_info header_of(uint8_t columns)
{
    return (struct varve_block_info){.key = {.start_ms = BASE_MS, .seq = 7},
                                     .step_ms = columns == 1 ? 5000 : STEP_MS,
                                     .tier = columns == 1 ? 0 : 1,
                                     .columns = columns,
                                     .upto_ms = BASE_MS + 1,
                                     .samples = UINT64_C(0x1122334455667788),
                                     .flash_bytes = 4096};
}

#endif
