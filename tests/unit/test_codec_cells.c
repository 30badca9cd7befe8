// SPDX-License-Identifier: Apache-2.0
// The column codec with cells: every field comes back bit for bit, whatever the others are; what a
// rollup makes is small; damage is an error and never more. Points are in test_codec.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block_rows.h"
#include "core/bits.h"
#include "core/codec.h"
#include "core/rollup.h"
#include "varve/error.h"

#define OUT_BYTES (VARVE_COLUMN_MAX * 64u)

static struct varve_cell rows[VARVE_COLUMN_MAX];
static struct varve_cell back[VARVE_COLUMN_MAX];
static uint8_t out[OUT_BYTES];

// Decoding no more than the last values gives the same of them, and reads to the end as well.
static void check_lasts(size_t n, size_t used)
{
    const size_t skip = n / 3;
    struct varve_codec_rows some = {.total = n, .skip = skip, .take = n - skip, .only_last = true};
    assert_int_equal(varve_codec_get_cells(out, out + used, &some, back), 0);
    for (size_t i = skip; i < n; i++) {
        const struct varve_cell *cell = &back[i - skip];
        assert_int_equal(cell->count, rows[i].count);
        assert_memory_equal(&cell->last, &rows[i].last, sizeof cell->last);
        assert_true(cell->min == 0 && cell->max == 0 && cell->sum == 0);
    }
    assert_int_equal(varve_codec_get_cells(out, out + used + 1, &some, back), VARVE_E_CORRUPT);
}

static size_t round_trip(size_t n)
{
    struct varve_codec_rows all = {.total = n, .take = n};
    size_t used = varve_codec_put_cells(out, sizeof out, rows, n, NULL);
    assert_true(used > 0);
    memset(back, 0, n * sizeof *back);
    assert_int_equal(varve_codec_get_cells(out, out + used, &all, back), 0);
    for (size_t i = 0; i < n; i++) {
        back[i].start_ms = rows[i].start_ms;
    }
    assert_memory_equal(back, rows, n * sizeof *rows);
    check_lasts(n, used);
    return used;
}

// n cells of `samples` samples each, as the rollup makes them.
static void roll_up(struct test_random *r, size_t n, unsigned samples, bool counter, double unit)
{
    struct varve_counter_state state = {0};
    double value = 1e6 * unit;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < n * samples; i++) {
        int64_t time_ms = BASE_MS + (int64_t)i * 5000;
        value = counter ? value + random_below(r, 500) : random_below(r, 1000) / (1 / unit);
        value = counter && random_below(r, 200) == 0 ? 0 : value;
        double sum = counter ? varve_counter_increase(&state, time_ms, value) : value;
        struct varve_cell one = varve_cell_of(time_ms, value, sum), *cell = &rows[i / samples];
        if (i % samples == 0) {
            cell->start_ms = one.start_ms;
            cell->count = one.count;
            cell->min = cell->max = cell->last = value;
            cell->sum = sum;
        } else {
            varve_cell_merge(cell, &one);
        }
    }
}

static void cells_of_any_doubles_are_lossless(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + random_below(&r, round % 50 == 49 ? VARVE_COLUMN_MAX : 60);
        make_cells(&r, rows, n);
        (void)round_trip(n);
    }
}

// Any of the columns may be what spoils the scale that the others share.
static void one_odd_column_does_not_spoil_the_others(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 400; round++) {
        size_t n = 1 + random_below(&r, 100), odd = random_below(&r, (uint32_t)n);
        double unit = round % 3 == 0 ? 1 : round % 3 == 1 ? 0.1 : 0.001;
        roll_up(&r, n, 12, round % 2 == 0, unit);
        double *fields[] = {&rows[odd].min, &rows[odd].max, &rows[odd].sum, &rows[odd].last};
        put_double(fields[random_below(&r, 4)], any_double(&r));
        (void)round_trip(n);
    }
}

static void rollups_of_gauges_and_counters_are_small(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    roll_up(&r, 60, 12, false, 0.1);
    assert_in_range(round_trip(60), 1, 60 * 6);
    roll_up(&r, 60, 12, true, 1);
    assert_in_range(round_trip(60), 1, 60 * 7);
    roll_up(&r, 1, 12, false, 0.1);
    assert_in_range(round_trip(1), 1, 16);
}

// The encoder looks at VARVE_CODEC_ROWS rows at a time; an idle counter's runs of zeros are longer,
// and stand in the stream before rows that come later.
static void more_rows_than_a_piece_are_lossless(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 200; round++) {
        size_t n = VARVE_CODEC_ROWS - 2 + random_below(&r, 3 * VARVE_CODEC_ROWS);
        unsigned rarely = 1 + random_below(&r, 300);
        double counter = random_below(&r, 1u << 31);
        memset(rows, 0, sizeof rows);
        for (size_t i = 0; i < n; i++) {
            double growth = random_below(&r, rarely) == 0 ? random_below(&r, 1u << 20) : 0;
            rows[i] = (struct varve_cell){.start_ms = BASE_MS + (int64_t)i * STEP_MS,
                                          .count = 12,
                                          .min = counter,
                                          .max = counter + growth,
                                          .sum = growth,
                                          .last = counter + growth};
            counter += growth;
        }
        (void)round_trip(n);
    }
}

static void counts_keep_all_32_bits(void **state)
{
    (void)state;
    const uint32_t counts[] = {0, 1, 720, 720, UINT32_MAX, 65536, UINT32_MAX - 1};
    size_t n = sizeof counts / sizeof *counts;
    memset(rows, 0, sizeof rows);
    for (size_t i = 0; i < n; i++) {
        rows[i].count = counts[i];
    }
    (void)round_trip(n);
}

static void what_is_no_count_is_damage(void **state)
{
    (void)state;
    const int64_t damaged[] = {-1, INT64_C(4294967296), INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        uint8_t stream[64] = {0};
        struct varve_bit_writer w = {.out = stream, .end = stream + sizeof stream};
        struct varve_codec_rows one = {.total = 1, .take = 1};
        varve_put_bits(&w, 3, 2); // constant
        varve_put_number(&w, (uint64_t)damaged[i]);
        varve_put_bits(&w, 7, 3); // free columns, all zeros behind
        assert_true(varve_finish_bits(&w));
        int rc = varve_codec_get_cells(stream, stream + sizeof stream, &one, back);
        assert_int_equal(rc, VARVE_E_CORRUPT);
    }
}

static void unknown_references_are_damage(void **state)
{
    (void)state;
    uint8_t stream[64];
    for (unsigned bits = 0; bits < 4; bits++) {
        struct varve_bit_writer w = {.out = stream, .end = stream + sizeof stream};
        struct varve_codec_rows one = {.total = 1, .take = 1};
        for (unsigned column = 0; column < 5; column++) {
            varve_put_bits(&w, 0, column == 4 ? 1 : 0); // the sum is joint
            if (column > 1) {
                varve_put_bits(&w, column == 2 ? bits : 0, 2);
            }
            varve_put_bits(&w, 0, column == 4 ? 1 : 0); // no correction
            varve_put_bits(&w, 3, 2);
            varve_put_number(&w, 5);
            varve_put_bits(&w, 0, column == 0 ? 3 : 0); // scale
        }
        assert_true(varve_finish_bits(&w));
        int rc = varve_codec_get_cells(stream, w.out, &one, back);
        assert_int_equal(rc, bits == 3 ? VARVE_E_CORRUPT : 0);
        assert_true(rc != 0 || back[0].min == (bits == 0 ? 5 : 10));
    }
}

// The buffer is allocated anew for each size, so that the sanitizer sees a byte too many.
static void every_buffer_size_is_refused_or_enough(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 20; round++) {
        size_t n = 1 + random_below(&r, 20);
        if (round % 2 == 0) {
            make_cells(&r, rows, n);
        } else {
            roll_up(&r, n, 12, round % 4 == 1, 0.01);
        }
        size_t need = round_trip(n);
        for (size_t cap = 0; cap < need + 4; cap++) {
            uint8_t *exact = malloc(cap + 1);
            size_t used = varve_codec_put_cells(exact, cap, rows, n, NULL);
            assert_int_equal(used, cap < need ? 0 : need);
            assert_memory_equal(exact, out, used);
            free(exact);
        }
    }
}

static void cut_off_streams_are_damage(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 40; round++) {
        size_t n = 1 + random_below(&r, 20);
        struct varve_codec_rows all = {.total = n, .take = n};
        make_cells(&r, rows, n);
        size_t used = round_trip(n);
        for (size_t len = 0; len < used; len++) {
            uint8_t *cut = malloc(len + 1);
            memcpy(cut, out, len);
            assert_int_equal(varve_codec_get_cells(cut, cut + len, &all, back), VARVE_E_CORRUPT);
            free(cut);
        }
    }
}

static void random_streams_stay_in_bounds(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    unsigned accepted = 0;
    for (int round = 0; round < 30000; round++) {
        size_t len = random_below(&r, 80), n = 1 + random_below(&r, 20);
        struct varve_codec_rows all = {.total = n, .take = n};
        uint8_t *in = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            in[i] =
                random_below(&r, 3) == 0 ? (uint8_t)random_below(&r, 4) : (uint8_t)random_bits(&r);
        }
        memset(&back[n], 0x77, sizeof *back);
        int rc = varve_codec_get_cells(in, in + len, &all, back);
        assert_true(rc == 0 || rc == VARVE_E_CORRUPT);
        accepted += rc == 0;
        for (size_t i = 0; i < sizeof *back; i++) {
            assert_int_equal(((const uint8_t *)&back[n])[i], 0x77);
        }
        free(in);
    }
    printf("%u of 30000 random streams are streams\n", accepted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_of_any_doubles_are_lossless),
        cmocka_unit_test(one_odd_column_does_not_spoil_the_others),
        cmocka_unit_test(rollups_of_gauges_and_counters_are_small),
        cmocka_unit_test(more_rows_than_a_piece_are_lossless),
        cmocka_unit_test(counts_keep_all_32_bits),
        cmocka_unit_test(what_is_no_count_is_damage),
        cmocka_unit_test(unknown_references_are_damage),
        cmocka_unit_test(every_buffer_size_is_refused_or_enough),
        cmocka_unit_test(cut_off_streams_are_damage),
        cmocka_unit_test(random_streams_stay_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
