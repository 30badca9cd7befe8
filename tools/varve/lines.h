// SPDX-License-Identifier: Apache-2.0
// Lines of a text file, in a buffer of the caller's.
//
// Threading: belongs to one task.
#ifndef VARVE_LINES_H
#define VARVE_LINES_H

#include <stdint.h>
#include <stdio.h>

struct lines {
    FILE *file;
    uint64_t line;  // number of the last line, from 1
    uint64_t bytes; // read so far
    size_t at, len; // in `chunk`
    char chunk[65536];
};

void lines_open(struct lines *l, FILE *file);

// Copies the next line without its end, and without a byte order mark before the first. Returns its
// whole length, more than `cap` for one that was cut, or -1 at the end of the file or when it
// cannot be read (ferror tells).
int64_t lines_next(struct lines *l, char *text, size_t cap);

#endif
