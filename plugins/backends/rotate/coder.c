// SPDX-License-Identifier: Apache-2.0
// Which coding does what, and its memory; the libraries are coder_gzip.c and coder_zstd.c.
//
// Threading: the instance's lock.

#include "coder.h"

#define ALIGN 16u

static const struct rotate_method *const methods[ROTATE_CODINGS] = {
    [ROTATE_GZIP] = &rotate_gzip,
    [ROTATE_ZSTD] = &rotate_zstd,
};

struct rotate_coder {
    enum rotate_coding wanted;
    void *states[ROTATE_CODINGS]; // NULL: neither found nor wanted
    uint8_t plain[VARVE_BLOCK_MAX];
    uint8_t stored[VARVE_BLOCK_MAX];
};

static int start(struct varve_instance *self, struct rotate_coder *c, enum rotate_coding coding)
{
    const struct rotate_method *method = methods[coding];
    const bool encode = coding == c->wanted;

    if (method->start == NULL) {
        varve_instance_fail(self, "this build has no %s: compressed segments need one that has",
                            method->library);
        return VARVE_E_UNSUPPORTED;
    }
    const size_t bytes = method->bytes(encode);
    void *memory = varve_instance_take(self, bytes, ALIGN);
    c->states[coding] = memory == NULL ? NULL : method->start(memory, bytes, encode);
    if (c->states[coding] == NULL) {
        varve_instance_fail(self, "no memory for compression");
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

int rotate_coder_open(struct varve_instance *self, unsigned found, enum rotate_coding wanted,
                      struct rotate_coder **out)
{
    struct rotate_coder *c =
        varve_instance_take(self, sizeof(struct rotate_coder), _Alignof(struct rotate_coder));
    int rc = 0;

    *out = c;
    if (c == NULL) {
        varve_instance_fail(self, "no memory for compression");
        return VARVE_E_NO_MEMORY;
    }
    c->wanted = wanted;
    for (unsigned i = ROTATE_PLAIN + 1; rc == 0 && i < ROTATE_CODINGS; i++) {
        const bool needed = i == (unsigned)wanted || (found >> i & 1u) != 0;
        rc = needed ? start(self, c, (enum rotate_coding)i) : 0;
    }
    return rc;
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
    const enum rotate_coding wanted = coder->wanted;

    if (n == 0 || wanted == ROTATE_PLAIN) {
        return 0;
    }
    return methods[wanted]->encode(coder->states[wanted], coder->plain, n, coder->stored, n - 1);
}

int rotate_decode(struct rotate_coder *coder, unsigned coding, uint32_t n, void *out,
                  uint32_t length)
{
    if (coding >= ROTATE_CODINGS || coder->states[coding] == NULL) {
        return VARVE_E_UNSUPPORTED;
    }
    const uint32_t got =
        methods[coding]->decode(coder->states[coding], coder->stored, n, out, length);
    return got == length ? 0 : VARVE_E_CORRUPT;
}
