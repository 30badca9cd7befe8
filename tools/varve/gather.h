// SPDX-License-Identifier: Apache-2.0
// An answer whose series come in turns, put in order: series by series.
//
// The engine evaluates slice by slice so that it needs little memory; people and JSON want one
// series' points together. So this end keeps them.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_GATHER_H
#define VARVE_GATHER_H

#include "varve/query.h"

struct gather;

// A sink that hands everything to `to` once the answer is complete. NULL without memory.
struct gather *gather_new(const struct varve_query_sink *to);
struct varve_query_sink gather_sink(struct gather *gather);
void gather_free(struct gather *gather);

#endif
