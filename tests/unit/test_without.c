// SPDX-License-Identifier: Apache-2.0
// Parts that a small board leaves out: what stands in their place gives the same bytes back, and
// the same CRC, as the whole core does. Linked with core/without/ instead of those parts.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/codec.h"
#include "core/crc32c.h"
#include "tests/unit/random.h"

#define ROWS 100

static struct test_random dice;

static void the_small_crc_is_the_standard_one(void **state)
{
    (void)state;
    uint8_t ones[32], text[] = "123456789";
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(varve_crc32c(0, text, 9), 0xE3069283u); // RFC 3720, B.4 has the next
    assert_int_equal(varve_crc32c(0, ones, sizeof ones), 0x62A8AB43u);
    assert_int_equal(varve_crc32c(varve_crc32c(0, text, 4), text + 4, 5), 0xE3069283u);
    assert_int_equal(varve_crc32c(0, text, 0), 0);
}

// Columns of every kind: still, straight, decimals, integers of any length, bit patterns.
static double value_of(unsigned kind, unsigned row, double before)
{
    switch (kind) {
    case 0:
        return 21.5;
    case 1:
        return row * 3.0;
    case 2:
        return (double)random_between(&dice, -1000, 1000) / 10.0;
    case 3:
        return (double)(int64_t)(random_bits(&dice) >> random_below(&dice, 64));
    case 4:
        return row % 7 == 0 ? before + 1 : before;
    case 5:
        return before + (double)(random_bits(&dice) % 100) / 1000.0;
    default:
        return double_of_bits(random_bits(&dice));
    }
}

static void assert_points_come_back(unsigned kind, size_t n)
{
    static struct varve_point in[ROWS], out[ROWS];
    static uint8_t buf[ROWS * 24 + 64];
    double before = 0;
    for (size_t i = 0; i < n; i++) {
        in[i] = (struct varve_point){.value = value_of(kind, (unsigned)i, before)};
        before = in[i].value;
    }
    size_t used = varve_codec_put_points(buf, sizeof buf, in, n, NULL);
    assert_true(used > 0);
    const struct varve_codec_rows rows = {.total = n, .skip = 0, .take = n};
    assert_int_equal(varve_codec_get_points(buf, buf + used, &rows, out), 0);
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&in[i].value, &out[i].value, sizeof(double));
    }
    if (kind < 2) {
        assert_true(used <= 8 + n / 4); // still and straight columns cost next to nothing
    } else if (kind == 2) {
        assert_true(used <= 16 + n * 2); // 11 bits of information
    }
}

static void simple_codes_lose_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 2000; round++) {
        assert_points_come_back(round % 7, 1 + random_below(&dice, ROWS));
    }
}

static void simple_codes_lose_nothing_of_cells(void **state)
{
    (void)state;
    static struct varve_cell in[ROWS], out[ROWS];
    static uint8_t buf[ROWS * 64];
    for (unsigned round = 0; round < 1000; round++) {
        size_t n = 1 + random_below(&dice, ROWS);
        for (size_t i = 0; i < n; i++) {
            double a = value_of(round % 7, (unsigned)i, (double)i), b = value_of(2, 0, 0);
            in[i] = (struct varve_cell){.count = 1 + (uint32_t)(random_bits(&dice) % 12),
                                        .min = a < b ? a : b,
                                        .max = a < b ? b : a,
                                        .sum = a + b,
                                        .last = a};
        }
        size_t used = varve_codec_put_cells(buf, sizeof buf, in, n, NULL);
        assert_true(used > 0);
        const struct varve_codec_rows rows = {.total = n, .skip = 0, .take = n};
        assert_int_equal(varve_codec_get_cells(buf, buf + used, &rows, out), 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(in[i].count, out[i].count);
            assert_memory_equal(&in[i].min, &out[i].min, 4 * sizeof(double));
        }
    }
}

static void nothing_is_remembered_without_a_search(void **state)
{
    (void)state;
    assert_false(varve_codec_uses_hints());
}

int main(void)
{
    dice = random_start("without");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_small_crc_is_the_standard_one),
        cmocka_unit_test(simple_codes_lose_nothing),
        cmocka_unit_test(simple_codes_lose_nothing_of_cells),
        cmocka_unit_test(nothing_is_remembered_without_a_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
