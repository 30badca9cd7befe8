// SPDX-License-Identifier: Apache-2.0
// What the daemon says to whoever started it: what it collects, where it stores, what to try next.
//
// Threading: main task.
#ifndef VARVE_BANNER_H
#define VARVE_BANNER_H

#include "varve/host.h"

// When the first round of collecting is over: samples came in and the number of series rests, or it
// took too long. Start with a zeroed struct.
struct settling {
    int64_t since_ms; // of the last change
    int64_t start_ms;
    uint32_t series;
};
bool banner_settled(struct settling *settling, struct varve_host *host);

void banner_print(struct varve_host *host, const char *socket);

#endif
