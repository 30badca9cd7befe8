// SPDX-License-Identifier: Apache-2.0
// Samples out of CSV lines: which column is what, and whether a line makes sense.
//
// Owns the header line, the times and values of a line and the reasons for refusing it. Leaves
// fields to csv.h and series to the import.
//
// Threading: one task.
#ifndef VARVE_SAMPLES_H
#define VARVE_SAMPLES_H

#include "csv.h"

struct sample {
    int64_t time_ms;
    double value;
    struct csv_field series; // valid until the next line
};

struct sample_reader {
    struct csv_reader csv;
    size_t time_column, series_column, value_column;
    size_t columns; // that a line has
    bool started;   // the first line was looked at
};

void samples_open(struct sample_reader *r, FILE *file);

// Returns 1 with a sample, 0 at the end, VARVE_E_INVALID for a line that makes no sense
// (r->csv.why and r->csv.lines.line say why and where), or VARVE_E_IO.
int samples_next(struct sample_reader *r, struct sample *out);

#endif
