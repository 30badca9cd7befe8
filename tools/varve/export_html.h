// SPDX-License-Identifier: Apache-2.0
// `varve export --format html`: history as a page for people.
//
// Threading: one task.
#ifndef VARVE_EXPORT_HTML_H
#define VARVE_EXPORT_HTML_H

#include "args.h"
#include "varve/query.h"

// The period is the query's range; without --from it begins with what there is. Returns an exit
// code (said on stderr).
int export_html(const struct args *args, const struct varve_query *query);

#endif
