// SPDX-License-Identifier: Apache-2.0
// CRC-32C by the processor's own instruction.
//
//   x86-64    SSE4.2 and PCLMULQDQ, asked for when the program runs. The instruction takes eight
//             bytes but gives its result three cycles later, so three lanes run side by side. A
//             lane's CRC is moved over the lanes behind it by a carry-less product with a power of
//             x (Gopal et al., "Fast CRC Computation for iSCSI Polynomial Using CRC32 Instruction",
//             Intel 2011).
//   ARMv8     where the compiler may use the CRC instructions (-march=armv8-a+crc, or any 8.1).
//             That an older ARMv8 has them only its operating system can tell, and the core has
//             none.
//
// Elsewhere there is no unit. Stateless; any context.
#include <string.h>

#include "crc32c.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define UNIT  __attribute__((target("sse4.2,pclmul")))
#define LANE  256u        // bytes of a lane in one round; the constants below go with it
#define OVER1 0xb9e02b86u // x^(8 * LANE - 33) mod P, bits reflected
#define OVER2 0xdd7e3b0cu // x^(16 * LANE - 33) mod P

bool varve_crc32c_has_unit(void)
{
    return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
}

static inline uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

// The CRC of the lane's bytes followed by so many zeros as `over` stands for.
UNIT static inline uint64_t move_over(uint64_t crc, uint32_t over)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int)over), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

UNIT static inline uint64_t three_lanes(uint64_t crc, const uint8_t *p)
{
    uint64_t second = 0, third = 0;
    for (const uint8_t *end = p + LANE; p < end; p += 8) {
        crc = _mm_crc32_u64(crc, word_at(p));
        second = _mm_crc32_u64(second, word_at(p + LANE));
        third = _mm_crc32_u64(third, word_at(p + (size_t)2 * LANE));
    }
    return move_over(crc, OVER2) ^ move_over(second, OVER1) ^ third;
}

UNIT uint32_t varve_crc32c_by_unit(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    uint64_t r = ~crc;
    for (; len >= (size_t)3 * LANE; len -= (size_t)3 * LANE, p += (size_t)3 * LANE) {
        r = three_lanes(r, p);
    }
    for (; len >= 8; len -= 8, p += 8) {
        r = _mm_crc32_u64(r, word_at(p));
    }
    for (; len > 0; len--, p++) {
        r = _mm_crc32_u8((uint32_t)r, *p);
    }
    return ~(uint32_t)r;
}

#elif defined(__ARM_FEATURE_CRC32) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__

#include <arm_acle.h>

bool varve_crc32c_has_unit(void)
{
    return true;
}

uint32_t varve_crc32c_by_unit(uint32_t crc, const void *data, size_t len)
{
    const uint8_t *p = data;
    crc = ~crc;
    for (; len >= 8; len -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, sizeof word);
        crc = __crc32cd(crc, word);
    }
    for (; len > 0; len--, p++) {
        crc = __crc32cb(crc, *p);
    }
    return ~crc;
}

#else

bool varve_crc32c_has_unit(void)
{
    return false;
}

uint32_t varve_crc32c_by_unit(uint32_t crc, const void *data, size_t len)
{
    return varve_crc32c_by_table(crc, data, len);
}

#endif
