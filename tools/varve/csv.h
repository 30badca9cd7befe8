// SPDX-License-Identifier: Apache-2.0
// CSV lines: RFC 4180 fields, read in bounded memory, and quoting for output.
//
// Two differences from the RFC, both on purpose: a quoted field ends on its own line, so that one
// stray quote costs one line and not the rest of the file; and an unquoted field that opens a brace
// runs to the matching one, so that `1700000000,up{host="a",port="1"},1` needs no quoting.
//
// Threading: a reader belongs to one task.
#ifndef VARVE_CSV_H
#define VARVE_CSV_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "lines.h"

// Longest line without its end, and most fields of one.
#define CSV_LINE_MAX  8192u
#define CSV_FIELD_MAX 16u

struct csv_field {
    const char *at; // in the reader's buffers; no NUL
    size_t len;
};

struct csv_reader {
    struct lines lines;
    const char *why; // of the last refusal
    struct csv_field field[CSV_FIELD_MAX];
    size_t fields;
    char text[CSV_LINE_MAX];   // the line
    char quoted[CSV_LINE_MAX]; // quoted fields, unescaped
};

void csv_open(struct csv_reader *r, FILE *file);

// Reads the next line that is not empty into r->field. Returns 1, 0 at the end, VARVE_E_INVALID for
// a line that is no CSV (r->why says why; reading can go on), or VARVE_E_IO.
int csv_next(struct csv_reader *r);

// Writes a field, quoted when it has to be.
void csv_write(FILE *out, const char *text);

#endif
