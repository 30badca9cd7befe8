// SPDX-License-Identifier: Apache-2.0
// Timers of a port that has none: they are for tasks that wait, and varve_host_step() looks at the
// time itself.
//
// Threading: the one task.
#include "varve/port.h"

int varve_port_timer_init(struct varve_port_timer *t, void (*fn)(void *arg), void *arg)
{
    (void)t;
    (void)fn;
    (void)arg;
    return 0;
}

int varve_port_timer_start(struct varve_port_timer *t, int64_t delay_ms)
{
    (void)t;
    (void)delay_ms;
    return VARVE_E_UNSUPPORTED;
}

void varve_port_timer_stop(struct varve_port_timer *t)
{
    (void)t;
}

void varve_port_timer_destroy(struct varve_port_timer *t)
{
    (void)t;
}
