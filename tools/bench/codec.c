// SPDX-License-Identifier: Apache-2.0
// Figures of the codec by itself, on the reference workload:
//
//   values   bits per sample of the value streams, by kind of series, beside XOR coding alone
//   block    bytes per sample of a whole block with header and directory; ns to encode and decode
//   cells    bytes per cell of blocks of rollup cells of a minute; ns to encode and decode
//
// It prints; it never fails on a figure, but on data that do not come back.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/codec.h"
#include "core/rollup.h"
#include "varve/block.h"
#include "varve/port.h"
#include "workload.h"

#define START_MS     INT64_C(1800000000000)
#define CELL_SAMPLES 12u
#define ROWS_MAX     180u
#define REPEATS      20u

static struct varve_point points[WORKLOAD_SERIES][ROWS_MAX];
static struct varve_cell cells[WORKLOAD_SERIES][ROWS_MAX];
static uint8_t block[512 * 1024];

static double seconds(void)
{
    return (double)varve_port_mono_us() / 1e6;
}

static void die(const char *what)
{
    (void)fprintf(stderr, "codec: %s\n", what);
    exit(1);
}

static void generate_points(size_t n)
{
    struct workload w;
    double values[WORKLOAD_SERIES];
    workload_init(&w, 1);
    for (size_t i = 0; i < n; i++) {
        workload_next(&w, values);
        for (size_t s = 0; s < WORKLOAD_SERIES; s++) {
            points[s][i] =
                (struct varve_point){START_MS + (int64_t)i * WORKLOAD_STEP_MS, values[s]};
        }
    }
}

static void generate_cells(size_t n)
{
    struct workload w;
    struct varve_counter_state counters[WORKLOAD_SERIES] = {{0}};
    double values[WORKLOAD_SERIES];
    workload_init(&w, 1);
    for (size_t i = 0; i < n * CELL_SAMPLES; i++) {
        workload_next(&w, values);
        int64_t time_ms = START_MS + (int64_t)i * WORKLOAD_STEP_MS;
        for (size_t s = 0; s < WORKLOAD_SERIES; s++) {
            double sum =
                s % 3 == 2 ? varve_counter_increase(&counters[s], time_ms, values[s]) : values[s];
            struct varve_cell *cell = &cells[s][i / CELL_SAMPLES];
            struct varve_cell one = varve_cell_of(time_ms, values[s], sum);
            if (i % CELL_SAMPLES == 0) {
                *cell = one;
            } else {
                varve_cell_merge(cell, &one);
            }
        }
    }
}

// ---- the peer: XOR coding, counted rather than written ------------------------------------------

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

// What Gorilla's scheme takes for a column, without its timestamps.
static size_t xor_bits(const struct varve_point *column, size_t n)
{
    size_t total = 64;
    unsigned leading = 0, length = 0;
    for (size_t i = 1; i < n; i++) {
        uint64_t x = bits_of(column[i].value) ^ bits_of(column[i - 1].value);
        if (x == 0) {
            total++;
            continue;
        }
        unsigned lead = (unsigned)__builtin_clzll(x), trail = (unsigned)__builtin_ctzll(x);
        lead = lead > 31 ? 31 : lead;
        if (length > 0 && lead >= leading && trail >= 64 - leading - length) {
            total += 2 + length;
            continue;
        }
        leading = lead;
        length = 64 - lead - trail;
        total += 13 + length;
    }
    return total;
}

// ---- figures ------------------------------------------------------------------------------------

static void print_values(size_t n)
{
    static const char *const names[] = {"cpu", "memory", "disk"};
    double ours[3] = {0}, peer[3] = {0};
    for (size_t s = 0; s < WORKLOAD_SERIES; s++) {
        ours[s % 3] +=
            8.0 * (double)varve_codec_put_points(block, sizeof block, points[s], n, NULL);
        peer[s % 3] += (double)xor_bits(points[s], n);
    }
    printf("values  %3zu rows ", n);
    for (size_t kind = 0; kind < 3; kind++) {
        double samples = (double)(WORKLOAD_RESOURCES * n);
        printf("  %s %5.2f (XOR %5.2f)", names[kind], ours[kind] / samples, peer[kind] / samples);
    }
    printf("  average %5.2f (XOR %5.2f) bits per sample\n",
           (ours[0] + ours[1] + ours[2]) / (double)(WORKLOAD_SERIES * n),
           (peer[0] + peer[1] + peer[2]) / (double)(WORKLOAD_SERIES * n));
}

static struct varve_block_info encode(uint8_t columns, size_t n, struct varve_code_hint *hints)
{
    struct varve_block_writer w;
    struct varve_block_info info = {.key = {.start_ms = START_MS},
                                    .step_ms = columns == 1 ? WORKLOAD_STEP_MS : 60000,
                                    .columns = columns};
    varve_block_begin(&w, block, sizeof block, &info);
    varve_block_use_hints(&w, hints);
    for (size_t s = 0; s < WORKLOAD_SERIES; s++) {
        varve_series_id id = (varve_series_id)s;
        int rc = columns == 1 ? varve_block_add_points(&w, id, points[s], n)
                              : varve_block_add_cells(&w, id, cells[s], n);
        if (rc != 0) {
            die("a block is full");
        }
    }
    int length = varve_block_finish(&w);
    if (length < 0 || varve_block_open(block, (size_t)length, &info) != 0) {
        die("a block cannot be opened");
    }
    return info;
}

static void decode(const struct varve_block_info *info, size_t n)
{
    static struct varve_point points_back[ROWS_MAX];
    static struct varve_cell cells_back[ROWS_MAX];
    for (size_t s = 0; s < WORKLOAD_SERIES; s++) {
        varve_series_id id = (varve_series_id)s;
        bool same;
        if (info->columns == 1) {
            same = varve_block_points(block, info, id, 0, INT64_MAX, points_back, n) == (int)n &&
                   memcmp(points_back, points[s], n * sizeof *points_back) == 0;
        } else {
            same = varve_block_cells(block, info, id, 0, INT64_MAX, cells_back, n) == (int)n &&
                   cells_back[n - 1].sum == cells[s][n - 1].sum;
        }
        if (!same) {
            die("what was put in does not come out");
        }
    }
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void print_block(const char *name, uint8_t columns, size_t n)
{
    static struct varve_code_hint hints[WORKLOAD_SERIES * VARVE_CELL_HINTS];
    double best_search = 1e9, best_put = 1e9, best_get = 1e9;
    struct varve_block_info info = {0};
    memset(hints, 0, sizeof hints);
    for (unsigned i = 0; i < REPEATS; i++) {
        double began = seconds();
        (void)encode(columns, n, hints);
        double hinted = seconds();
        info = encode(columns, n, NULL);
        double searched = seconds();
        decode(&info, n);
        double ended = seconds();
        best_put = least(best_put, hinted - began);
        best_search = least(best_search, searched - hinted);
        best_get = least(best_get, ended - searched);
    }
    double rows = info.rows;
    printf("%-7s %3zu rows   %6.3f bytes each   encode %6.1f ns, without hints %6.1f ns   decode "
           "%6.1f ns  (best of %u)\n",
           name, n, info.length / rows, best_put / rows * 1e9, best_search / rows * 1e9,
           best_get / rows * 1e9, REPEATS);
}

int main(void)
{
    static const size_t windows[] = {12, 60, 180}, hours[] = {1, 5, 15, 60};
    generate_points(ROWS_MAX);
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        print_values(windows[i]);
    }
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++) {
        print_block("block", 1, windows[i]);
    }
    generate_cells(60);
    for (size_t i = 0; i < sizeof hours / sizeof *hours; i++) {
        print_block("cells", 5, hours[i]);
    }
    return 0;
}
