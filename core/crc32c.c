// SPDX-License-Identifier: Apache-2.0
// CRC-32C in software, and the choice between it and the processor's (crc32c_unit.c). Stateless;
// any context.
//
// A step by the tables waits for the one before it, so long input is taken in three lanes side by
// side. A lane's CRC moves over the lane behind it by a product modulo the polynomial.
#include "crc32c.h"

#include "crc32c_table.h"

static uint32_t step_word(uint32_t crc, const uint8_t *p)
{
    crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return crc_table[3][crc & 0xff] ^ crc_table[2][(crc >> 8) & 0xff] ^
           crc_table[1][(crc >> 16) & 0xff] ^ crc_table[0][crc >> 24];
}

#define POLYNOMIAL 0x82f63b78u
#define LANE       1024u       // bytes of a lane in one round; the constant below goes with it
#define OVER       0xe4172b16u // x^(8 * LANE) mod P, bits reflected

// The CRC of the lane's bytes followed by LANE zeros.
static uint32_t move_over(uint32_t crc)
{
    uint32_t product = 0;
    for (uint32_t factor = OVER; factor != 0; factor <<= 1) {
        product ^= (factor & 0x80000000u) != 0 ? crc : 0;
        crc = (crc >> 1) ^ ((crc & 1) != 0 ? POLYNOMIAL : 0);
    }
    return product;
}

static uint32_t three_lanes(uint32_t crc, const uint8_t *p)
{
    uint32_t second = 0, third = 0;
    for (const uint8_t *end = p + LANE; p < end; p += 4) {
        crc = step_word(crc, p);
        second = step_word(second, p + LANE);
        third = step_word(third, p + (size_t)2 * LANE);
    }
    return move_over(move_over(crc) ^ second) ^ third;
}

uint32_t varve_crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    crc = ~crc;
    for (; len >= (size_t)3 * LANE; len -= (size_t)3 * LANE, p += (size_t)3 * LANE) {
        crc = three_lanes(crc, p);
    }
    for (; len >= 4; len -= 4, p += 4) {
        crc = step_word(crc, p);
    }
    for (; len > 0; len--, p++) {
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *p) & 0xff];
    }
    return ~crc;
}

uint32_t varve_crc32c(uint32_t crc, const void *data, size_t len)
{
    return varve_crc32c_has_unit() ? varve_crc32c_by_unit(crc, data, len)
                                   : varve_crc32c_by_table(crc, data, len);
}
