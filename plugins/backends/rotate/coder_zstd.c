// SPDX-License-Identifier: Apache-2.0
// Zstandard by libzstd, on memory that the host gave. Contexts in memory of the caller are in that
// part of its interface which may change between versions; the shared library exports it, and it
// has stood unchanged since 1.3.
//
// Threading: the instance's lock.

#include "coder.h"

#ifdef VARVE_ROTATE_ZSTD

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>

#define LEVEL 3
#define ALIGN 16u

struct zstd {
    ZSTD_CCtx *encoder;
    ZSTD_DCtx *decoder;
};

static size_t rounded(size_t bytes)
{
    return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

// Up to 16 KiB, 128 KiB and 256 KiB zstd takes different tables.
static size_t encoder_bytes(void)
{
    static const size_t lengths[] = {16384, 131072, VARVE_BLOCK_MAX};
    size_t most = 0;

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const size_t bytes =
            ZSTD_estimateCCtxSize_usingCParams(ZSTD_getCParams(LEVEL, lengths[i], 0));
        most = bytes > most ? bytes : most;
    }
    return most;
}

static size_t memory_for(bool encode)
{
    return rounded(sizeof(struct zstd)) + rounded(ZSTD_estimateDCtxSize()) +
           (encode ? encoder_bytes() : 0);
}

static void *start(void *memory, size_t bytes, bool encode)
{
    struct zstd *z = memory;
    uint8_t *at = (uint8_t *)memory + rounded(sizeof *z);
    const size_t decoder = rounded(ZSTD_estimateDCtxSize());

    z->decoder = ZSTD_initStaticDCtx(at, decoder);
    at += decoder;
    if (encode) {
        z->encoder = ZSTD_initStaticCCtx(at, bytes - (size_t)(at - (uint8_t *)memory));
    }
    return z->decoder == NULL || (encode && z->encoder == NULL) ? NULL : z;
}

static uint32_t encode(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap)
{
    const struct zstd *z = state;
    const size_t got = ZSTD_compressCCtx(z->encoder, out, cap, in, n, LEVEL);

    return ZSTD_isError(got) ? 0 : (uint32_t)got;
}

static uint32_t decode(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap)
{
    const struct zstd *z = state;
    const size_t got = ZSTD_decompressDCtx(z->decoder, out, cap, in, n);

    return ZSTD_isError(got) ? 0 : (uint32_t)got;
}

const struct rotate_method rotate_zstd = {"libzstd", memory_for, start, encode, decode};

#else

const struct rotate_method rotate_zstd = {.library = "libzstd"};

#endif
