// SPDX-License-Identifier: Apache-2.0
// Compression of payloads, in memory taken once at open.
//
// Threading: belongs to one backend instance and is used under its lock.
#ifndef VARVE_ROTATE_CODER_H
#define VARVE_ROTATE_CODER_H

#include "varve/plugin.h"

enum rotate_coding {
    ROTATE_PLAIN = 0,
    ROTATE_GZIP = 1, // DEFLATE (RFC 1951) without a wrapper: frames have a CRC of their own
    ROTATE_ZSTD = 2, // a frame of Zstandard (RFC 8878) without a checksum, likewise
    ROTATE_CODINGS
};

struct rotate_coder;

// Takes the memory for decoding each coding whose bit (1 << coding) is in `found`, and for encoding
// `wanted` (ROTATE_PLAIN: none). Returns 0, VARVE_E_NO_MEMORY, or VARVE_E_UNSUPPORTED when this
// build lacks the library; the reason is told to the instance.
int rotate_coder_open(struct varve_instance *self, unsigned found, enum rotate_coding wanted,
                      struct rotate_coder **out);

// Two buffers of VARVE_BLOCK_MAX bytes: what is to be encoded, and what is stored.
uint8_t *rotate_coder_plain(struct rotate_coder *coder);
uint8_t *rotate_coder_stored(struct rotate_coder *coder);

// Encodes n bytes of the first buffer into the second; returns their number, 0 when they would not
// become fewer.
uint32_t rotate_encode(struct rotate_coder *coder, uint32_t n);
// Decodes n bytes of the second buffer; they must give exactly `length` bytes. Returns 0,
// VARVE_E_CORRUPT, or VARVE_E_UNSUPPORTED.
int rotate_decode(struct rotate_coder *coder, unsigned coding, uint32_t n, void *out,
                  uint32_t length);

// ---- for the codings ----------------------------------------------------------------------------

// One library. Where the build lacks it, `start` is NULL.
struct rotate_method {
    const char *library;
    // Bytes of memory for decoding, and for encoding as well with `encode`.
    size_t (*bytes)(bool encode);
    // Makes the state in that memory, which is aligned to 16 and zero; NULL when it is too small.
    void *(*start)(void *memory, size_t bytes, bool encode);
    // Returns the number of bytes, 0 when they are more than cap.
    uint32_t (*encode)(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap);
    // Returns the number of bytes, 0 when the input is damaged or they are more than cap.
    uint32_t (*decode)(void *state, const uint8_t *in, uint32_t n, uint8_t *out, uint32_t cap);
};

extern const struct rotate_method rotate_gzip;
extern const struct rotate_method rotate_zstd;

#endif
