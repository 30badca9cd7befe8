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

struct rotate_coder {
    z_stream encoder;
    z_stream decoder;
    uint8_t *memory;
    size_t bytes;
    size_t used;
    uint8_t plain[VARVE_BLOCK_MAX];
    uint8_t stored[VARVE_BLOCK_MAX];
};

static voidpf take(voidpf opaque, uInt items, uInt size)
{
    struct rotate_coder *c = opaque;
    const size_t bytes = ((size_t)items * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    if (bytes > c->bytes - c->used) {
        return Z_NULL;
    }
    c->used += bytes;
    return c->memory + (c->used - bytes);
}

static void give_back(voidpf opaque, voidpf address)
{
    (void)opaque; // nothing is ended before the host is
    (void)address;
}

static int start(struct rotate_coder *c, bool encode)
{
    c->encoder.zalloc = c->decoder.zalloc = take;
    c->encoder.zfree = c->decoder.zfree = give_back;
    c->encoder.opaque = c->decoder.opaque = c;
    int rc = inflateInit2(&c->decoder, -WINDOW_BITS);
    if (rc == Z_OK && encode) {
        rc = deflateInit2(&c->encoder, LEVEL, Z_DEFLATED, -WINDOW_BITS, MEMORY_LEVEL,
                          Z_DEFAULT_STRATEGY);
    }
    return rc == Z_OK ? 0 : VARVE_E_NO_MEMORY;
}

int rotate_coder_open(struct varve_instance *self, bool encode, struct rotate_coder **out)
{
    const size_t bytes = DECODE_MEMORY + (encode ? ENCODE_MEMORY : 0);
    struct rotate_coder *c =
        varve_instance_take(self, sizeof(struct rotate_coder), _Alignof(struct rotate_coder));
    uint8_t *memory = c == NULL ? NULL : varve_instance_take(self, bytes, ALIGN);

    if (memory != NULL) {
        c->memory = memory;
        c->bytes = bytes;
        *out = c;
    }
    if (memory == NULL || start(c, encode) < 0) {
        varve_instance_fail(self, "no memory for compression");
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

uint8_t *rotate_coder_plain(struct rotate_coder *coder)
{
    return coder->plain;
}

uint8_t *rotate_coder_stored(struct rotate_coder *coder)
{
    return coder->stored;
}

uint32_t rotate_encode(struct rotate_coder *coder, uint32_t n)
{
    z_stream *z = &coder->encoder;

    if (n == 0 || deflateReset(z) != Z_OK) {
        return 0;
    }
    z->next_in = coder->plain;
    z->avail_in = n;
    z->next_out = coder->stored;
    z->avail_out = n - 1;
    return deflate(z, Z_FINISH) == Z_STREAM_END ? (uint32_t)z->total_out : 0;
}

int rotate_decode(struct rotate_coder *coder, uint32_t n, void *out, uint32_t length)
{
    z_stream *z = &coder->decoder;

    if (inflateReset(z) != Z_OK) {
        return VARVE_E_CORRUPT;
    }
    z->next_in = coder->stored;
    z->avail_in = n;
    z->next_out = out;
    z->avail_out = length;
    const int rc = inflate(z, Z_FINISH);
    return rc == Z_STREAM_END && z->total_out == length ? 0 : VARVE_E_CORRUPT;
}

#else

int rotate_coder_open(struct varve_instance *self, bool encode, struct rotate_coder **out)
{
    (void)encode;
    *out = NULL;
    varve_instance_fail(self, "this build has no zlib: compressed segments need one that has");
    return VARVE_E_UNSUPPORTED;
}

// Without a coder nothing calls these.
uint8_t *rotate_coder_plain(struct rotate_coder *coder)
{
    (void)coder;
    return NULL;
}

uint8_t *rotate_coder_stored(struct rotate_coder *coder)
{
    (void)coder;
    return NULL;
}

uint32_t rotate_encode(struct rotate_coder *coder, uint32_t n)
{
    (void)coder;
    (void)n;
    return 0;
}

int rotate_decode(struct rotate_coder *coder, uint32_t n, void *out, uint32_t length)
{
    (void)coder;
    (void)n;
    (void)out;
    (void)length;
    return VARVE_E_UNSUPPORTED;
}

#endif
