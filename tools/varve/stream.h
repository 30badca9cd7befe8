// SPDX-License-Identifier: Apache-2.0
// Files and standard streams as the tool reads and writes history: plain, or gzip.
//
// Owns that a stream may be compressed. Reading takes both kinds and finds out itself; a stream
// that was read can go back to its beginning when it is a file. A build without zlib knows plain
// ones only, and says so.
//
// Threading: a stream belongs to one task.
#ifndef VARVE_STREAM_H
#define VARVE_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct stream {
    FILE *file;
    const char *name; // for messages
    void *gzip;       // zlib's handle, while it is open
    int64_t size;     // reading: bytes of the file; 0: not known
};

// `path` "-" or NULL is standard output or input. Returns 0, or -1 with a complaint on stderr.
int stream_write(struct stream *s, const char *path, bool gzip);
int stream_read(struct stream *s, const char *path);

// Whether a file's name says that it is compressed: it ends in .gz.
bool stream_names_gzip(const char *path);

// How much of the file was read, compressed or not; of a size of `size`. 0 when it is closed.
int64_t stream_position(const struct stream *s);

// Writing: everything reaches the file. Returns 0, or -1 with errno.
int stream_close(struct stream *s);

#endif
