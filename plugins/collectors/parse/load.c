// SPDX-License-Identifier: Apache-2.0
// /proc/loadavg: "0.20 0.18 0.12 1/80 11206". Threading: pure functions; any context.
#include "parse.h"

#include <string.h>

// "1/80"
static bool parse_tasks(struct varve_span token, uint64_t *running, uint64_t *tasks)
{
    const char *slash = token.len > 0 ? memchr(token.at, '/', token.len) : NULL;
    if (slash == NULL)
        return false;
    size_t before = (size_t)(slash - token.at);
    struct varve_span left = {token.at, before};
    struct varve_span right = {slash + 1, token.len - before - 1};
    return varve_scan_u64(left, running) && varve_scan_u64(right, tasks);
}

bool varve_proc_loadavg(struct varve_span text, struct varve_loadavg *out)
{
    struct varve_span line, token;
    memset(out, 0, sizeof *out);
    if (!varve_scan_line(&text, &line))
        return false;
    for (size_t i = 0; i < 3; i++)
        if (!varve_scan_token(&line, &token) || !varve_scan_decimal(token, &out->load[i]))
            return false;
    out->has_tasks =
        varve_scan_token(&line, &token) && parse_tasks(token, &out->running, &out->tasks);
    return true;
}
