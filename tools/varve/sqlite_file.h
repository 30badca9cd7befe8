// SPDX-License-Identifier: Apache-2.0
// History as a plain SQLite file: a row for each sample, cell, series and event.
//
// It is for whoever knows SQL and nothing of varve; varve's own store, blocks of many samples, is
// another thing. Owns the schema and that the file is whole or not there. Leaves what goes in to
// export_sqlite.c. NaN is NULL; what SQLite does not keep apart, 0 and -0, becomes 0.
//
// Threading: one task.
#ifndef VARVE_SQLITE_FILE_H
#define VARVE_SQLITE_FILE_H

#include <stdint.h>

#include "varve/host.h"
#include "whole_file.h"

struct sqlite3;
struct sqlite3_stmt;

enum sqlite_statement {
    SQLITE_PUT_TIER,
    SQLITE_PUT_SERIES,
    SQLITE_PUT_SAMPLE,
    SQLITE_PUT_CELL,
    SQLITE_SET_MIN,
    SQLITE_SET_MAX,
    SQLITE_SET_SUM,
    SQLITE_SET_LAST,
    SQLITE_PUT_EVENT,
    SQLITE_STATEMENTS,
};

struct sqlite_file {
    struct whole_file whole;
    struct sqlite3 *db;
    struct sqlite3_stmt *statement[SQLITE_STATEMENTS];
    int rc;        // SQLite's first error; 0: none
    char why[160]; // and its words
};

// Begins a file that will be at `path`. What is there is replaced, when it is such a file; anything
// else is refused, be it a store or what is no file. SQLite is started, so that a store opened
// later lives with the memory that it has here. Returns 0, or -1 with a complaint on stderr; close
// it only when it began.
int sqlite_file_begin(struct sqlite_file *file, const char *path);

// Rows. Each returns 0, or VARVE_E_IO with file->rc and file->why. `id` is the caller's for a
// series.
int sqlite_file_tier(struct sqlite_file *file, const struct varve_tier *tier);
int sqlite_file_series(struct sqlite_file *file, int64_t id, const struct varve_series_def *def);
int sqlite_file_sample(struct sqlite_file *file, int64_t id, const struct varve_point *point);
// A column of a cell: `put` is SQLITE_PUT_CELL for its count, which makes the row, then one of
// SQLITE_SET_*.
int sqlite_file_cell(struct sqlite_file *file, enum sqlite_statement put, int64_t id,
                     const char *tier, const struct varve_point *point);
int sqlite_file_event(struct sqlite_file *file, const struct varve_event *event);

// Everything is in: the file takes its place. Returns 0, or -1 with a complaint.
int sqlite_file_end(struct sqlite_file *file);
// Something failed: nothing is left.
void sqlite_file_abandon(struct sqlite_file *file);

#endif
