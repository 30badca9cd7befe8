// SPDX-License-Identifier: Apache-2.0
// Bit streams, most significant bit first, and the codes that core/codec.h builds from them: plain
// fields, numbers, Rice codes. The writer never passes its end and says so; the reader never passes
// its end either and delivers zeros once it is broken.
//
// One task; no state outside the structs.
#ifndef VARVE_CORE_BITS_H
#define VARVE_CORE_BITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

static inline unsigned varve_bit_length(uint64_t v)
{
    return v == 0 ? 0 : 64 - (unsigned)__builtin_clzll(v);
}

static inline uint32_t varve_swap_u32(uint32_t v)
{
    return v >> 24 | (v >> 8 & 0xff00) | (v << 8 & 0xff0000) | v << 24;
}

// ---- writing ------------------------------------------------------------------------------------

struct varve_bit_writer {
    uint8_t *out, *end;
    uint64_t acc;  // bits not written yet, at the top
    unsigned used; // how many, < 32 between calls
    bool full;     // something did not fit
};

// Appends the low `count` (0 .. 32) bits of v; its other bits are zero.
static inline void varve_put_bits(struct varve_bit_writer *w, uint64_t v, unsigned count)
{
    w->acc |= v << 1 << (63 - count - w->used);
    w->used += count;
    if (w->used < 32) {
        return;
    }
    if (w->end - w->out >= 4) {
        varve_put_u32(w->out, varve_swap_u32((uint32_t)(w->acc >> 32)));
        w->out += 4;
    } else {
        w->full = true;
    }
    w->acc <<= 32;
    w->used -= 32;
}

// The same for 0 .. 64 bits.
static inline void varve_put_long_bits(struct varve_bit_writer *w, uint64_t v, unsigned count)
{
    if (count > 32) {
        varve_put_bits(w, v >> 32, count - 32);
        v &= UINT32_MAX;
        count = 32;
    }
    varve_put_bits(w, v, count);
}

// Fills the last byte with zeros. False when something did not fit.
static inline bool varve_finish_bits(struct varve_bit_writer *w)
{
    for (; w->used > 0 && !w->full; w->used -= w->used < 8 ? w->used : 8) {
        w->full = w->out == w->end;
        if (!w->full) {
            *w->out++ = (uint8_t)(w->acc >> 56);
            w->acc <<= 8;
        }
    }
    return !w->full;
}

// ---- reading ------------------------------------------------------------------------------------

struct varve_bit_reader {
    const uint8_t *in, *end;
    uint64_t acc;  // bits read ahead, at the top
    unsigned have; // how many of them count
    bool broken;   // asked for bits beyond the end, or something does not make sense
};

static inline uint64_t varve_get_big_u64(const uint8_t *p)
{
    return (uint64_t)varve_swap_u32(varve_get_u32(p)) << 32 | varve_swap_u32(varve_get_u32(p + 4));
}

// At least 56 bits ahead, unless the input ends before, and at most 63.
static inline void varve_refill_bits(struct varve_bit_reader *r)
{
    if (r->have >= 56) {
        return;
    }
    if (r->end - r->in >= 8) {
        unsigned bytes = (63 - r->have) / 8;
        r->acc |= varve_get_big_u64(r->in) >> r->have;
        r->in += bytes;
        r->have += 8 * bytes;
        return;
    }
    // What the branch above read ahead beyond `have` is read again; the bits are the same.
    while (r->have < 56 && r->in < r->end) {
        r->acc |= (uint64_t)*r->in++ << (56 - r->have);
        r->have += 8;
    }
}

// Takes `count` (0 .. 32) bits.
static inline uint64_t varve_get_bits(struct varve_bit_reader *r, unsigned count)
{
    if (r->have < count) {
        varve_refill_bits(r);
        if (r->have < count) {
            r->broken = true;
            return 0;
        }
    }
    uint64_t v = r->acc >> 32 >> (32 - count);
    r->acc <<= count;
    r->have -= count;
    return v;
}

static inline uint64_t varve_get_long_bits(struct varve_bit_reader *r, unsigned count)
{
    uint64_t high = 0;
    if (count > 32) {
        high = varve_get_bits(r, count - 32) << 32;
        count = 32;
    }
    return high | varve_get_bits(r, count);
}

// The first byte that no bit was taken from.
static inline const uint8_t *varve_bits_end(const struct varve_bit_reader *r)
{
    return r->in - r->have / 8;
}

// ---- numbers: a class of 4 bits, then as many bits as the class has -----------------------------

extern const uint8_t varve_number_bits[16];

static inline unsigned varve_number_class(uint64_t zigzag)
{
    // By length: 2, 4, ... 14; 17, 20; 24, 28; 33, 38; 48, 64 bits.
    static const uint8_t classes[65] = {
        0,  1,  1,  2,  2,  3,  3,  4,  4,  5,  5,  6,  6,  7,  7,  8,  8,  8,  9,  9,  9,  10,
        10, 10, 10, 11, 11, 11, 11, 12, 12, 12, 12, 12, 13, 13, 13, 13, 13, 14, 14, 14, 14, 14,
        14, 14, 14, 14, 14, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15};
    return classes[varve_bit_length(zigzag)];
}

static inline unsigned varve_number_cost(uint64_t v)
{
    return 4u + varve_number_bits[varve_number_class(varve_zigzag((int64_t)v))];
}

static inline void varve_put_number(struct varve_bit_writer *w, uint64_t v)
{
    uint64_t zigzag = varve_zigzag((int64_t)v);
    unsigned class = varve_number_class(zigzag);
    varve_put_bits(w, class, 4);
    varve_put_long_bits(w, zigzag, varve_number_bits[class]);
}

static inline uint64_t varve_get_number(struct varve_bit_reader *r)
{
    unsigned class = (unsigned)varve_get_bits(r, 4);
    return (uint64_t)varve_unzigzag(varve_get_long_bits(r, varve_number_bits[class]));
}

// ---- Rice codes with an escape ------------------------------------------------------------------

// A quotient of this many ones has no zero behind it: 6 bits length - 1, then the value itself.
#define VARVE_RICE_ESCAPE 16u

static inline unsigned varve_rice_cost(uint64_t u, unsigned p)
{
    uint64_t quotient = u >> p;
    return quotient < VARVE_RICE_ESCAPE ? (unsigned)quotient + 1 + p
                                        : VARVE_RICE_ESCAPE + 6 + varve_bit_length(u);
}

static inline void varve_put_rice(struct varve_bit_writer *w, uint64_t u, unsigned p)
{
    uint64_t quotient = u >> p;
    if (quotient < VARVE_RICE_ESCAPE && p < VARVE_RICE_ESCAPE) { // 32 bits at most
        uint32_t zero = UINT32_C(2) << p, low = (uint32_t)u & ((zero >> 1) - 1);
        varve_put_bits(w, ((uint64_t)zero << quotient) - zero + low, (unsigned)quotient + 1 + p);
        return;
    }
    if (quotient < VARVE_RICE_ESCAPE) {
        varve_put_bits(w, (UINT64_C(2) << quotient) - 2, (unsigned)quotient + 1);
        varve_put_long_bits(w, u & ((UINT64_C(1) << p) - 1), p);
        return;
    }
    unsigned length = varve_bit_length(u);
    varve_put_bits(w, (1u << VARVE_RICE_ESCAPE) - 1, VARVE_RICE_ESCAPE);
    varve_put_bits(w, length - 1, 6);
    varve_put_long_bits(w, u, length);
}

// What the function below leaves: bits that are not at hand, and escapes. Takes all others as well.
uint64_t varve_get_rice_slowly(struct varve_bit_reader *r, unsigned p);

// Most codes are taken from the bits at hand. Only a copy of the reader leaves, so that a loop can
// have its own in registers.
static inline uint64_t varve_get_rice(struct varve_bit_reader *r, unsigned p)
{
#ifdef __OPTIMIZE_SIZE__
    return varve_get_rice_slowly(r, p);
#else
    // The lowest bit is set lest all ones leave nothing to count; it is beyond the escape anyway.
    unsigned ones = (unsigned)__builtin_clzll(~r->acc | 1), bits = ones + 1 + p;
    if (ones >= VARVE_RICE_ESCAPE || bits > r->have) {
        struct varve_bit_reader copy = *r;
        uint64_t u = varve_get_rice_slowly(&copy, p);
        *r = copy;
        return u;
    }
    uint64_t low = r->acc << (ones + 1) >> 1 >> (63 - p); // bits <= have < 64
    r->acc <<= bits;
    r->have -= bits;
    return (uint64_t)ones << p | low;
#endif
}

#endif
