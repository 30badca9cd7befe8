// SPDX-License-Identifier: Apache-2.0
// Little-endian integers and varints in byte buffers. Readers never pass the end they are given.
#ifndef VARVE_CORE_BYTES_H
#define VARVE_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void varve_put_u16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static inline void varve_put_u32(uint8_t *p, uint32_t v)
{
    varve_put_u16(p, (uint16_t)v);
    varve_put_u16(p + 2, (uint16_t)(v >> 16));
}

static inline void varve_put_u64(uint8_t *p, uint64_t v)
{
    varve_put_u32(p, (uint32_t)v);
    varve_put_u32(p + 4, (uint32_t)(v >> 32));
}

static inline uint16_t varve_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t varve_get_u32(const uint8_t *p)
{
    return varve_get_u16(p) | (uint32_t)varve_get_u16(p + 2) << 16;
}

static inline uint64_t varve_get_u64(const uint8_t *p)
{
    return varve_get_u32(p) | (uint64_t)varve_get_u32(p + 4) << 32;
}

static inline uint64_t varve_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t varve_unzigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

// Longest LEB128 of 64 bits.
#define VARVE_VARINT_MAX 10u

// Bytes that `v` takes.
static inline size_t varve_varint_size(uint64_t v)
{
    size_t n = 1;
    while (v >= 0x80) {
        v >>= 7;
        n++;
    }
    return n;
}

// Writes `v` at p (room for VARVE_VARINT_MAX); returns the bytes used.
static inline size_t varve_put_varint(uint8_t *p, uint64_t v)
{
    size_t n = 0;
    while (v >= 0x80) {
        p[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    p[n++] = (uint8_t)v;
    return n;
}

// Reads a varint at *p, not beyond `end`, and moves *p behind it. False for a damaged one.
static inline bool varve_get_varint(const uint8_t **p, const uint8_t *end, uint64_t *v)
{
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
        uint8_t byte = *(*p)++;
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *v = result;
            return true;
        }
    }
    return false;
}

#endif
