// SPDX-License-Identifier: Apache-2.0
// A workload as a file of rows: made once, from the generator or from a CSV, then read row by row
// by every contestant, so that all get the same samples and none pays for making them.
//
// The file: "varve-rows N\n", N lines "g NAME\n" (gauge) or "c NAME\n" (counter), then rows of one
// int64 (Unix time, ms) and N doubles in the machine's byte order, NaN where a series has no
// sample.
//
// Threading: one task.
#ifndef VARVE_BENCH_ROWS_H
#define VARVE_BENCH_ROWS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "varve/limits.h"

#define ROWS_MAX_SERIES 2048u

struct rows {
    FILE *file;
    uint32_t series;
    char names[ROWS_MAX_SERIES][VARVE_SERIES_TEXT];
    bool counter[ROWS_MAX_SERIES];
    uint64_t count; // rows
    int64_t first_ms, last_ms;
    long data; // offset of the first row
};

// Writes the generated workload: `hours` of it, ending at the last midnight (UTC), so that runs of
// all times of day cut the same blocks.
void rows_generate(const char *path, double hours, uint64_t seed);

// Writes a CSV of lines `time,series,value` in time order; time in Unix seconds or ms, a header
// line is passed over. The rows are shifted by whole days so that they end within the last day:
// some contestants refuse what is older than their retention. Samples of one time make one row.
void rows_from_csv(const char *path, const char *csv);

// Opens a file made by the above. All of these end the program with a message on failure.
void rows_open(struct rows *rows, const char *path);

// The next row; false at the end. `values` has room for rows->series.
bool rows_next(struct rows *rows, int64_t *time_ms, double *values);

// Goes back to the first row.
void rows_rewind(struct rows *rows);

// Prints `storage_bench: WHAT: WHY` and ends the program with exit code 1.
void die(const char *what, const char *why) __attribute__((noreturn));

#endif
