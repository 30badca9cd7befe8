// SPDX-License-Identifier: Apache-2.0
// What the tests of the rotate backend share: the segment files, read and changed behind the
// backend's back.
#ifndef VARVE_TEST_ROTATE_BENCH_H
#define VARVE_TEST_ROTATE_BENCH_H

#include "backend_contract.h"

extern const struct varve_plugin varve_backend_rotate;

#define PAGE           4096u
#define FRAME_HEADER   56u
#define MINUTE         INT64_C(60000)
#define NEVER          INT64_MIN
#define SEGMENT_FILES  64u
#define FRAMES_AT_MOST 256u

// The i-th minute-long block.
static inline struct varve_block_key nth(int64_t i)
{
    return (struct varve_block_key){i * MINUTE, i * MINUTE + MINUTE - 1, (uint32_t)i};
}

// Bytes that the store takes.
uint64_t bench_stored(struct bench *b);
// Lets it do all its housekeeping.
void bench_work_through(struct bench *b);

struct segment_file {
    char path[512];
    uint8_t *bytes;
    size_t size;
};

// All segments of a store, by name, with their contents.
struct segment_files {
    struct segment_file file[SEGMENT_FILES];
    size_t count;
};

// A frame as its header tells, found by its magic number.
struct found_frame {
    size_t file;
    uint32_t offset;
    uint32_t length; // of the payload
    uint8_t kind;
    uint8_t tier;
    uint32_t seq;
};

void files_read(struct segment_files *files, const struct bench *b);
// Puts everything back as it was read; other segments are removed.
void files_restore(const struct segment_files *files, const struct bench *b);
void files_free(struct segment_files *files);
// Writes bytes into a segment's file, or makes it `size` bytes long.
void file_write(const struct segment_file *file, size_t offset, const void *bytes, size_t n);
void file_truncate(const struct segment_file *file, size_t size);
// The frames of all files in order; returns their number.
size_t frames_of(const struct segment_files *files, struct found_frame *frames);

#endif
