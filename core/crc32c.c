// SPDX-License-Identifier: Apache-2.0
// CRC-32C in software, and the choice between it and the processor's (crc32c_unit.c). Stateless;
// any context.
#include "crc32c.h"

#include "crc32c_table.h"

static uint32_t step_word(uint32_t crc, const uint8_t *p)
{
    crc ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    return crc_table[3][crc & 0xff] ^ crc_table[2][(crc >> 8) & 0xff] ^
           crc_table[1][(crc >> 16) & 0xff] ^ crc_table[0][crc >> 24];
}

uint32_t varve_crc32c_by_table(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    crc = ~crc;
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
