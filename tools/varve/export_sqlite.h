// SPDX-License-Identifier: Apache-2.0
// `varve export --format sqlite`: history as a plain SQLite file.
//
// Threading: one task.
#ifndef VARVE_EXPORT_SQLITE_H
#define VARVE_EXPORT_SQLITE_H

#include "args.h"
#include "varve/query.h"

// Raw samples and the cells of all coarser tiers, or of --tier alone, within the query's selector
// and range; events of that range. Returns an exit code (said on stderr).
int export_sqlite(const struct args *args, const struct varve_query *query);

#endif
