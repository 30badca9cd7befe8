// SPDX-License-Identifier: Apache-2.0
// CRC-32C against the definition: one bit at a time, and the test vectors of RFC 3720, B.4.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/crc32c.h"
#include "core/crc32c_table.h"
#include "random.h"

#define POLYNOMIAL 0x82F63B78u

static uint32_t shift_byte(uint32_t crc)
{
    for (int bit = 0; bit < 8; bit++) {
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    }
    return crc;
}

static uint32_t crc_by_definition(const uint8_t *p, size_t len)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < len; i++) {
        crc = shift_byte(crc ^ p[i]);
    }
    return ~crc;
}

static void table_follows_from_the_polynomial(void **state)
{
    (void)state;
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int row = 0; row < 4; row++) {
            crc = shift_byte(crc);
            assert_int_equal(crc_table[row][byte], crc);
        }
    }
}

static void known_texts_have_their_published_crc(void **state)
{
    (void)state;
    uint8_t zeros[32] = {0}, ones[32], up[32], down[32];
    for (uint8_t i = 0; i < 32; i++) {
        ones[i] = 0xff;
        up[i] = i;
        down[i] = (uint8_t)(31 - i);
    }
    assert_int_equal(varve_crc32c(0, "123456789", 9), 0xE3069283u);
    assert_int_equal(varve_crc32c(0, zeros, 32), 0x8A9136AAu);
    assert_int_equal(varve_crc32c(0, ones, 32), 0x62A8AB43u);
    assert_int_equal(varve_crc32c(0, up, 32), 0x46DD794Eu);
    assert_int_equal(varve_crc32c(0, down, 32), 0x113FDB5Cu);
    assert_int_equal(varve_crc32c(0, "", 0), 0);
}

static void every_length_and_alignment_agrees_with_the_definition(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    uint8_t data[160];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_bits(&r);
    }
    for (size_t start = 0; start < 8; start++) {
        for (size_t len = 0; start + len <= sizeof data; len++) {
            assert_int_equal(varve_crc32c(0, data + start, len),
                             crc_by_definition(data + start, len));
        }
    }
}

static void pieces_give_the_crc_of_the_whole(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    uint8_t data[97];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)random_bits(&r);
    }
    uint32_t whole = varve_crc32c(0, data, sizeof data);
    for (size_t a = 0; a <= sizeof data; a++) {
        for (size_t b = a; b <= sizeof data; b++) {
            uint32_t crc = varve_crc32c(0, data, a);
            crc = varve_crc32c(crc, data + a, b - a);
            assert_int_equal(varve_crc32c(crc, data + b, sizeof data - b), whole);
        }
    }
}

static void every_flipped_bit_changes_the_crc(void **state)
{
    (void)state;
    uint8_t data[128];
    memset(data, 0x5a, sizeof data);
    uint32_t before = varve_crc32c(0, data, sizeof data);
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_not_equal(varve_crc32c(0, data, sizeof data), before);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

// Long enough for every path: two rounds of the lanes, words, single bytes.
static void both_ways_agree_with_the_definition_on_every_length(void **state)
{
    (void)state;
    static uint8_t data[7000];
    struct test_random r = random_start(__func__);
    uint32_t start = (uint32_t)random_bits(&r);
    uint32_t crc = ~start;
    for (size_t len = 0; len < sizeof data; len++) {
        assert_int_equal(varve_crc32c_by_table(start, data, len), ~crc);
        if (varve_crc32c_has_unit()) {
            assert_int_equal(varve_crc32c_by_unit(start, data, len), ~crc);
        }
        data[len] = (uint8_t)random_bits(&r);
        crc = shift_byte(crc ^ data[len]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_follows_from_the_polynomial),
        cmocka_unit_test(known_texts_have_their_published_crc),
        cmocka_unit_test(every_length_and_alignment_agrees_with_the_definition),
        cmocka_unit_test(pieces_give_the_crc_of_the_whole),
        cmocka_unit_test(every_flipped_bit_changes_the_crc),
        cmocka_unit_test(both_ways_agree_with_the_definition_on_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
