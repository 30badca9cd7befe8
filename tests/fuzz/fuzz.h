// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets share: the entry point, checks that end the process, copies of the input.
//
// A copy has exactly the size of the input, so that the address sanitizer sees a read past its end.
// Checks hold in every build: NDEBUG does not switch them off.
//
// Threading: one task.
#ifndef VARVE_TESTS_FUZZ_H
#define VARVE_TESTS_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Tries one input; libFuzzer and replay.c call it. Returns 0; a broken promise ends the process.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);         \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

// The caller frees it.
static inline uint8_t *fuzz_copy(const uint8_t *data, size_t size)
{
    uint8_t *copy = calloc(size > 0 ? size : 1, 1);
    FUZZ_CHECK(copy != NULL);
    if (size > 0) {
        memcpy(copy, data, size);
    }
    return copy;
}

// Takes the text up to the next NUL, or to the end, off the input. The caller frees it.
static inline char *fuzz_text(const uint8_t **data, size_t *size)
{
    const uint8_t *nul = *size > 0 ? memchr(*data, 0, *size) : NULL;
    size_t length = nul != NULL ? (size_t)(nul - *data) : *size;
    char *text = malloc(length + 1);
    FUZZ_CHECK(text != NULL);
    if (length > 0) {
        memcpy(text, *data, length);
    }
    text[length] = '\0';
    size_t taken = nul != NULL ? length + 1 : length;
    *data = taken > 0 ? *data + taken : *data;
    *size -= taken;
    return text;
}

#endif
