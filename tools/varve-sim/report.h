// SPDX-License-Identifier: Apache-2.0
// What a life came to, as text for people or one JSON object. The figures' definitions are in
// tools/README.md.
//
// Threading: no state.
#ifndef VARVE_SIM_REPORT_H
#define VARVE_SIM_REPORT_H

#include <stdio.h>

#include "options.h"
#include "run.h"

void report_json(FILE *out, const struct options *options, const struct varve_sim_device *device,
                 const struct run_result *result);
void report_text(FILE *out, const struct options *options, const struct varve_sim_device *device,
                 const struct run_result *result);

// Years until the rated cycles are used up if life goes on like this; INFINITY when nothing was
// written. See report.c.
double report_lifetime_years(const struct varve_sim_device *device,
                             const struct varve_sim_counters *flash, int64_t span_ms);

#endif
