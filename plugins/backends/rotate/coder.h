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
};

struct rotate_coder;

// Takes the memory: about 180 KiB to decode, 280 KiB more to encode. Returns 0, VARVE_E_NO_MEMORY,
// or VARVE_E_UNSUPPORTED when this build has no zlib; the reason is told to the instance.
int rotate_coder_open(struct varve_instance *self, bool encode, struct rotate_coder **out);

// Two buffers of VARVE_BLOCK_MAX bytes: what is to be encoded, and what is stored.
uint8_t *rotate_coder_plain(struct rotate_coder *coder);
uint8_t *rotate_coder_stored(struct rotate_coder *coder);

// Encodes n bytes of the first buffer into the second; returns their number, 0 when they would not
// become fewer.
uint32_t rotate_encode(struct rotate_coder *coder, uint32_t n);
// Decodes n bytes of the second buffer; they must give exactly `length` bytes. Returns 0 or
// VARVE_E_CORRUPT.
int rotate_decode(struct rotate_coder *coder, uint32_t n, void *out, uint32_t length);

#endif
