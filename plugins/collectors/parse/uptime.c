// SPDX-License-Identifier: Apache-2.0
// /proc/uptime: "350735.47 234388.90", seconds since boot and idle seconds of all cores.
// Threading: pure functions; any context.
#include "parse.h"

bool varve_proc_uptime(struct varve_span text, double *seconds)
{
    struct varve_span line, token;
    return varve_scan_line(&text, &line) && varve_scan_token(&line, &token) &&
           varve_scan_decimal(token, seconds);
}
