// SPDX-License-Identifier: Apache-2.0
// DEFLATE by zlib, on memory that the host gave: zlib takes its state once and keeps it.
//
// Threading: the instance's lock.

#include "coder.h"

#ifdef VARVE_ROTATE_ZLIB

#include <zlib.h>

#define LEVEL         6
#define WINDOW_BITS   15
#define MEMORY_LEVEL  8
#define ENCODE_MEMORY (288u * 1024u) // (1 << 17) + (1 << 17) and what zlib keeps beside them
#define DECODE_MEMORY (48u * 1024u)  // 1 << 15 and likewise
#define ALIGN         16u

struct gzip {
    z_stream encoder;
    z_stream decoder;
    uint8_t *memory;
    size_t bytes;
    size_t used;
};

static voidpf take(voidpf opaque, uInt items, uInt size)
{
    struct gzip *g = opaque;
    const size_t bytes = ((size_t)items * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (bytes > g->bytes - g->used) {
        return Z_NULL;
    }
    g->used += bytes;
    return g->memory + (g->used - bytes);
}

static void give_back(voidpf opaque, voidpf address)
{
    (void)opaque; // nothing is ended before the host is
    (void)address;
}

static size_t memory_for(bool encode)
{
    return sizeof(struct gzip) + ALIGN + DECODE_MEMORY + (encode ? ENCODE_MEMORY : 0);
}

static void *start(void *memory, size_t bytes, bool encode)
{
    struct gzip *g = memory;
    const size_t head = (sizeof *g + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    g->memory = (uint8_t *)memory + head;
    g->bytes = bytes - head;
    g->encoder.zalloc = g->decoder.zalloc = take;
    g->encoder.zfree = g->decoder.zfree = give_back;
    g->encoder.opaque = g->decoder.opaque = g;
    int rc = inflateInit2(&g->decoder, -WINDOW_BITS);
    if (rc == Z_OK && encode) {
        rc = deflateInit2(&g->encoder, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                          Z_DEFAULT_STRATEGY);
    }
    return rc == Z_OK ? g : NULL;
}

static uint32_t encode(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap)
{
    z_stream *z = &((struct gzip *)state)->encoder;

    if (deflateReset(z) != Z_OK) {
        return 0;
    }
    z->next_in = (z_const Bytef *)(uintptr_t)in;
    z->avail_in = n;
    z->next_out = out;
    z->avail_out = cap;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? (uint32_t)z->total_out : 0;
}

static uint32_t decode(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap)
{
    z_stream *z = &((struct gzip *)state)->decoder;

    if (inflateReset(z) != Z_OK) {
        return 0;
    }
    z->next_in = (z_const Bytef *)(uintptr_t)in;
    z->avail_in = n;
    z->next_out = out;
    z->avail_out = cap;
    return inflate(z, Z_FINISH) == Z_STREAM_END ? (uint32_t)z->total_out : 0;
}

const struct rotate_method rotate_gzip = {"zlib", memory_for, start, encode, decode};

#else

const struct rotate_method rotate_gzip = {.library = "zlib"};

#endif
