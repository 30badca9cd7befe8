// SPDX-License-Identifier: Apache-2.0
// A summary as a table, JSON and CSV; see summary.h. Rows first .. end - 1 are written.
//
// Threading: no state.
#ifndef VARVE_SUMMARY_TEXT_H
#define VARVE_SUMMARY_TEXT_H

#include <stdio.h>

#include "summary.h"

// The unit of a row's figures: of a counter, of things a second.
void summary_unit(const struct summary_row *row, char *text, size_t cap);

// Returns false without memory.
bool summary_put_table(FILE *out, const struct summary *summary, size_t first, size_t end);
// The members of an object, without its braces: where the figures come from, then the rows, each an
// array in the order of "columns".
void summary_put_json(FILE *out, const struct summary *summary, size_t first, size_t end);
void summary_put_csv(FILE *out, const struct summary *summary, size_t first, size_t end);

#endif
