// SPDX-License-Identifier: Apache-2.0
// What a build without expressions says (VARVE_PROMQL=OFF): selectors and --agg are all it has.
// Any task.
#include "varve/error.h"
#include "varve/expr.h"

#ifdef VARVE_NO_PROMQL

int varve_expr_run(struct varve_host *host, const struct varve_expr_query *query,
                   const struct varve_query_sink *sink, void *memory, size_t bytes, char *why,
                   size_t why_cap)
{
    (void)host;
    (void)query;
    (void)sink;
    (void)memory;
    (void)bytes;
    (void)varve_format(why, why_cap, "expressions are not in this build (VARVE_PROMQL=OFF)");
    return VARVE_E_UNSUPPORTED;
}

#endif
