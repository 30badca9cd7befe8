// SPDX-License-Identifier: Apache-2.0
// CRC-32C four bits at a time, where 4 KiB of tables are too much. Stateless; any context.
#include "core/crc32c.h"

uint32_t varve_crc32c(uint32_t crc, const void *data, size_t len)
{
    // Of each four bits, reflected: x^28 times them modulo 0x82f63b78.
    static const uint32_t table[16] = {
        0x00000000u, 0x105ec76fu, 0x20bd8edeu, 0x30e349b1u, 0x417b1dbcu, 0x5125dad3u,
        0x61c69362u, 0x7198540du, 0x82f63b78u, 0x92a8fc17u, 0xa24bb5a6u, 0xb21572c9u,
        0xc38d26c4u, 0xd3d3e1abu, 0xe330a81au, 0xf36e6f75u,
    };
    const uint8_t *p = data;
    crc = ~crc;
    for (; len > 0; len--, p++) {
        crc ^= *p;
        crc = crc >> 4 ^ table[crc & 15u];
        crc = crc >> 4 ^ table[crc & 15u];
    }
    return ~crc;
}
