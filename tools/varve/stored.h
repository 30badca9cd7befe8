// SPDX-License-Identifier: Apache-2.0
// What an import need not store again: samples of a series and time that raw holds already, or that
// the import brought before.
//
// Samples are asked about in order of time. The times that are stored are read window by window, as
// far as raw reaches, so that memory does not grow with the store. Times that raw has given up are
// not known here: what only cells keep of them is not recognised.
//
// Threading: one import at a time, one task. Memory comes from malloc.
#ifndef VARVE_STORED_H
#define VARVE_STORED_H

#include "source.h"

struct stored;

// NULL without memory. The source must be open.
struct stored *stored_new(struct varve_source *source);
void stored_free(struct stored *s);

// Returns 1: it is there, 0: it is new, or an error with source->why.
int stored_has(struct stored *s, int series, int64_t time_ms);

#endif
