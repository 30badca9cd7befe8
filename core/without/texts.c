// SPDX-License-Identifier: Apache-2.0
// In the place of events, log lines and reasons: nobody is told anything but codes. What takes a
// format is in the headers, where the compiler sees that no argument is used.
//
// Threading: as the functions that these stand for.
#include "core/host_state.h"

void varve_host_event(struct varve_host *host, enum varve_severity severity, const char *source,
                      const char *kind, const char *message, const char *payload)
{
    (void)host;
    (void)severity;
    (void)source;
    (void)kind;
    (void)message;
    (void)payload;
}

uint32_t varve_events_put(struct varve_host *host, struct varve_backend *backend, int *rc)
{
    (void)host;
    (void)backend;
    (void)rc;
    return 0;
}

bool varve_events_wait(struct varve_host *host, const struct varve_backend *backend)
{
    (void)host;
    (void)backend;
    return false;
}

int varve_host_events(struct varve_host *host, int64_t from_ms, int64_t to_ms,
                      int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    (void)host;
    (void)from_ms;
    (void)to_ms;
    (void)visit;
    (void)arg;
    return 0;
}
