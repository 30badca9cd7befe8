// SPDX-License-Identifier: Apache-2.0
// An answer in which the series of a name follow each other, names in order: a query for each name.
//
// Threading: one answer at a time, one task. Keeps the names, no points.
#ifndef VARVE_FAMILIES_H
#define VARVE_FAMILIES_H

#include "source.h"

// As source->ops->query(), and returns as it does.
int families_query(struct varve_source *source, const struct varve_query *query,
                   const struct varve_query_sink *sink);

#endif
