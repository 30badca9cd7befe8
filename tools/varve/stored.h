// SPDX-License-Identifier: Apache-2.0
// What an import need not store again: samples of a series and time that are stored already, or
// that the import brought before.
//
// Samples are asked about in order of time. As far as raw reaches, its times say exactly which
// there are. Further back only cells are left: a sample that falls into one which holds more than
// raw still has is taken for stored, so that importing a long history once more, or after an
// interruption, changes nothing; a late one for such a cell is refused with the others.
//
// What is stored is read window by window, so that memory does not grow with the store.
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
