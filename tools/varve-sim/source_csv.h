// SPDX-License-Identifier: Apache-2.0
// The samples of a CSV file, for source.c; and what source.c lends it.
//
// Threading: one task.
#ifndef VARVE_SIM_SOURCE_CSV_H
#define VARVE_SIM_SOURCE_CSV_H

#include "source.h"

int source_csv_open(struct source *source, const char *path);
int source_csv_next(struct source *source);

// Returns the number of the new series, or an error, reported.
int source_add_series(struct source *source, const char *text, size_t len, enum varve_kind kind);
// Makes room for `count` samples in the row.
int source_grow_row(struct source *source, size_t count);
int source_no_memory(const struct source *source);

#endif
