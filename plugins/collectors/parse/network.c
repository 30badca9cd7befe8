// SPDX-License-Identifier: Apache-2.0
// /proc/net/dev. Threading: pure functions; any context.
//
//   face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo ...
//    eth0: 1842 476 0 0 0 0 0 0 25712 301 0 0 0 0 0 0
//
// Kernels before 2.6.38 glue the number to the colon when it is wide (`eth0:18427200`).
#include "parse.h"

#define COLUMNS   16u
#define TX_COLUMN 8u

// Splits at the last colon: values hold none, old alias names (eth0:1) do.
static bool split_name(struct varve_span *line, struct varve_span *name)
{
    size_t colon = line->len;
    while (colon > 0 && line->at[colon - 1] != ':')
        colon--;
    if (colon == 0)
        return false;
    struct varve_span head = {line->at, colon - 1};
    line->at += colon;
    line->len -= colon;
    struct varve_span extra;
    return varve_scan_token(&head, name) && !varve_scan_token(&head, &extra);
}

bool varve_proc_netdev_next(struct varve_span *rest, struct varve_netdev *out)
{
    struct varve_span line;
    while (varve_scan_line(rest, &line)) {
        uint64_t column[COLUMNS];
        if (!split_name(&line, &out->name) || varve_scan_u64s(&line, column, COLUMNS) != COLUMNS)
            continue;
        for (size_t i = 0; i < 4; i++) {
            out->value[VARVE_NET_RX_BYTES + i] = column[i];
            out->value[VARVE_NET_TX_BYTES + i] = column[TX_COLUMN + i];
        }
        return true;
    }
    return false;
}
