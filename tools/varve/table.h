// SPDX-License-Identifier: Apache-2.0
// Tables for people: columns as wide as their widest cell, a header in bold on a terminal.
//
// Owns gathering and aligning cells. A table is gathered whole before it is printed, so it is for
// short ones; streamed answers have their own layout in answer_table.c.
//
// Threading: a table belongs to one task. Memory comes from malloc; when there is none the table
// says so at its end.
#ifndef VARVE_TABLE_H
#define VARVE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define TABLE_COLUMNS 12u

struct table {
    size_t columns;
    size_t width[TABLE_COLUMNS];
    bool right[TABLE_COLUMNS]; // numbers
    char **cells;              // row by row, the header first
    size_t count;
    size_t cap;
    bool failed;
};

// `header` has the columns' names; one that begins with `>` is aligned to the right.
void table_init(struct table *t, const char *const *header, size_t columns);
// The next cell, row by row.
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
// Prints and frees. Returns false when there was no memory.
bool table_print(struct table *t, FILE *out);

// Terminal attributes around a text, or "" when `out` is no terminal (or NO_COLOR is set).
const char *style_bold(FILE *out);
const char *style_dim(FILE *out);
const char *style_plain(FILE *out);

// Characters in a line of the terminal `out`, or of COLUMNS when that is set; 80 when neither is
// known. At least 40.
size_t style_columns(FILE *out);

// Bytes as "12", "4.0 KiB", "1.5 MiB". Returns buf.
const char *bytes_text(double bytes, char *buf, size_t cap);

#endif
