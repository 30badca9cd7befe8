// SPDX-License-Identifier: Apache-2.0
// Damaged blocks. What the CRC can see is refused by varve_block_open(); what it cannot see,
// because somebody made the CRC fit, must still decode without a crash, without a write outside the
// caller's array and in bounded time. Run under the sanitizers.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block_rows.h"
#include "core/bytes.h"
#include "core/crc32c.h"

enum {
    SERIES = 6,
    ROWS = 12
};

// A small block with several series, in memory of exactly its length.
static uint8_t *make_block(struct test_random *r, uint8_t columns, size_t *length)
{
    uint8_t buf[16384];
    struct varve_block_writer w;
    struct varve_block_info info = header_of(columns);
    int64_t times[ROWS] = {0}, starts[ROWS] = {0};
    varve_block_begin(&w, buf, sizeof buf, &info);
    for (varve_series_id id = 0; id < SERIES; id++) {
        struct varve_point points[ROWS];
        struct varve_cell cells[ROWS];
        make_points(r, points, ROWS);
        make_cells(r, cells, ROWS);
        for (size_t i = 0; id % 2 == 1 && i < ROWS; i++) { // every other one by reference
            points[i].time_ms = times[i];
            cells[i].start_ms = starts[i];
        }
        for (size_t i = 0; i < ROWS; i++) {
            times[i] = points[i].time_ms;
            starts[i] = cells[i].start_ms;
        }
        varve_series_id spread = (varve_series_id)(id * 131);
        int rc = columns == 1 ? varve_block_add_points(&w, spread, points, ROWS)
                              : varve_block_add_cells(&w, spread, cells, ROWS);
        assert_int_equal(rc, 0);
    }
    int n = varve_block_finish(&w);
    assert_true(n > 0);
    *length = (size_t)n;
    uint8_t *copy = malloc(*length);
    memcpy(copy, buf, *length);
    return copy;
}

static void every_flipped_bit_is_refused(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 4; round++) {
        size_t length;
        uint8_t *block = make_block(&r, round % 2 == 0 ? 1 : 5, &length);
        struct varve_block_info info;
        assert_int_equal(varve_block_open(block, length, &info), 0);
        for (size_t bit = 0; bit < 8 * length; bit++) {
            block[bit / 8] ^= (uint8_t)(1u << bit % 8);
            int rc = varve_block_open(block, length, &info);
            assert_int_equal(rc, bit / 8 == 4 ? VARVE_E_VERSION : VARVE_E_CORRUPT);
            block[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        free(block);
    }
}

static void every_truncation_is_refused_and_more_bytes_are_fine(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    size_t length;
    uint8_t *block = make_block(&r, 1, &length);
    struct varve_block_info info;
    for (size_t len = 0; len < length; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, block, len);
        assert_int_equal(varve_block_open(cut, len, &info), VARVE_E_CORRUPT);
        free(cut);
    }
    uint8_t *slot = malloc(length + 100);
    memset(slot, 0xff, length + 100);
    memcpy(slot, block, length);
    assert_int_equal(varve_block_open(slot, length + 100, &info), 0);
    assert_int_equal(info.length, length);
    free(slot);
    free(block);
}

static void lost_tail_is_refused_whatever_stands_in_its_place(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    size_t length;
    uint8_t *block = make_block(&r, 1, &length);
    struct varve_block_info info;
    for (size_t keep = 0; keep + 4 < length; keep += 7) {
        uint8_t *torn = malloc(length);
        memset(torn, keep % 2 == 0 ? 0xff : 0, length);
        memcpy(torn, block, keep);
        assert_int_not_equal(varve_block_open(torn, length, &info), 0);
        free(torn);
    }
    free(block);
}

// ---- a CRC that fits ----------------------------------------------------------------------------

static void fit_crc(uint8_t *block, uint32_t length)
{
    static const uint8_t zero[4];
    uint32_t crc = varve_crc32c(0, block, 12);
    crc = varve_crc32c(crc, zero, sizeof zero);
    varve_put_u32(block + 12, varve_crc32c(crc, block + 16, length - 16));
}

static bool decode_one(const uint8_t *block, const struct varve_block_info *info,
                       varve_series_id id, size_t cap)
{
    static struct varve_point points[4 * VARVE_COLUMN_MAX];
    static struct varve_cell cells[4 * VARVE_COLUMN_MAX];
    void *rows = info->columns == 1 ? (void *)points : (void *)cells;
    size_t row = info->columns == 1 ? sizeof *points : sizeof *cells;
    memset((uint8_t *)rows + cap * row, 0x77, row);
    int rc = info->columns == 1
                 ? varve_block_points(block, info, id, INT64_MIN, INT64_MAX, points, cap)
                 : varve_block_cells(block, info, id, INT64_MIN, INT64_MAX, cells, cap);
    assert_true(rc <= (int)cap);
    assert_true(rc >= 0 || rc == VARVE_E_CORRUPT || rc == VARVE_E_FULL);
    for (size_t i = 0; i < row; i++) {
        assert_int_equal(((uint8_t *)rows)[cap * row + i], 0x77);
    }
    return rc >= 0;
}

static void mutate(struct test_random *r, uint8_t *block, size_t length)
{
    size_t from = random_below(r, 2) == 0 ? VARVE_BLOCK_HEADER : 16;
    for (uint32_t hits = 1 + random_below(r, 4); hits > 0; hits--) {
        size_t at = from + random_below(r, (uint32_t)(length - from));
        static const uint8_t nasty[] = {0, 1, 0x7f, 0x80, 0xff};
        block[at] = random_below(r, 2) == 0 ? (uint8_t)random_bits(r)
                                            : nasty[random_below(r, sizeof nasty)];
    }
}

static void hostile_blocks_with_a_good_crc_stay_in_bounds(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    unsigned opened = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        size_t length;
        uint8_t *block = make_block(&r, round % 2 == 0 ? 1 : 5, &length);
        struct varve_block_info info;
        mutate(&r, block, length);
        fit_crc(block, (uint32_t)length);
        if (varve_block_open(block, length, &info) == 0) {
            opened++;
            for (varve_series_id id = 0; id < SERIES; id++) {
                refused += !decode_one(block, &info, (varve_series_id)(id * 131), ROWS);
                decode_one(block, &info, (varve_series_id)(id * 131), 4 * VARVE_COLUMN_MAX - 1);
            }
        }
        free(block);
    }
    // The test means something only if the decoders were reached and found fault.
    assert_true(opened > 1000);
    assert_true(refused > 1000);
}

// Every byte of directory and columns set to every nasty value, one at a time.
static void each_nasty_byte_stays_in_bounds(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static const uint8_t nasty[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    for (int kind = 0; kind < 2; kind++) {
        size_t length;
        uint8_t *block = make_block(&r, kind == 0 ? 1 : 5, &length);
        struct varve_block_info info;
        for (size_t at = 16; at < length; at++) {
            uint8_t before = block[at];
            for (size_t i = 0; i < sizeof nasty; i++) {
                block[at] = nasty[i];
                fit_crc(block, (uint32_t)length);
                if (varve_block_open(block, length, &info) == 0) {
                    decode_one(block, &info, (varve_series_id)(131 * (at % SERIES)), ROWS);
                }
            }
            block[at] = before;
        }
        free(block);
    }
}

// A block made of a header and nothing but noise.
static void noise_behind_a_good_header_stays_in_bounds(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 4000; round++) {
        size_t length;
        uint8_t *block = make_block(&r, round % 2 == 0 ? 1 : 5, &length);
        struct varve_block_info info;
        bool small = random_below(&r, 2) == 0;
        for (size_t i = VARVE_BLOCK_HEADER; i < length; i++) {
            block[i] = small ? (uint8_t)random_below(&r, 4) : (uint8_t)random_bits(&r);
        }
        fit_crc(block, (uint32_t)length);
        assert_int_equal(varve_block_open(block, length, &info), 0);
        for (varve_series_id id = 0; id < 4; id++) {
            decode_one(block, &info, id, 50);
        }
        free(block);
    }
}

static void other_magic_and_other_versions_are_told_apart(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    size_t length;
    uint8_t *block = make_block(&r, 1, &length);
    struct varve_block_info info;
    block[4] = VARVE_BLOCK_VERSION + 1;
    fit_crc(block, (uint32_t)length);
    assert_int_equal(varve_block_open(block, length, &info), VARVE_E_VERSION);
    block[0] ^= 1;
    fit_crc(block, (uint32_t)length);
    assert_int_equal(varve_block_open(block, length, &info), VARVE_E_CORRUPT);
    free(block);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(every_truncation_is_refused_and_more_bytes_are_fine),
        cmocka_unit_test(lost_tail_is_refused_whatever_stands_in_its_place),
        cmocka_unit_test(hostile_blocks_with_a_good_crc_stay_in_bounds),
        cmocka_unit_test(each_nasty_byte_stays_in_bounds),
        cmocka_unit_test(noise_behind_a_good_header_stays_in_bounds),
        cmocka_unit_test(other_magic_and_other_versions_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
