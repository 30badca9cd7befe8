// SPDX-License-Identifier: Apache-2.0
// A file that is imported: a stream, and the reader of its format.
//
// Owns that an RRD file which is no dump yet is dumped by `rrdtool`, where that is installed: its
// numbers are the machine's own, so a dump has to be made on the device itself.
//
// Threading: one task.
#ifndef VARVE_INPUT_H
#define VARVE_INPUT_H

#include "formats.h"
#include "stream.h"

struct input {
    struct stream stream;
    struct reader reader;
};

// Opens a file, or standard input for "-". Returns DONE, or FAILED (said on stderr).
int input_open(struct input *in, const char *path, enum format format,
               const struct reader_options *options);
void input_close(struct input *in);

#endif
