// SPDX-License-Identifier: Apache-2.0
// Tasks and locks of a port that has one task: nothing to lock, nobody to wait for. The host is
// driven by varve_host_step().
//
// Threading: one task.
#include "internal.h"

struct sim_signal {
    bool raised;
};
_Static_assert(sizeof(struct sim_signal) <= VARVE_PORT_OBJECT_BYTES, "a signal fits its object");

void varve_port_critical_enter(void)
{
}

void varve_port_critical_exit(void)
{
}

static struct sim_signal *signal_of(struct varve_port_signal *s)
{
    return (struct sim_signal *)(void *)s;
}

int varve_port_signal_init(struct varve_port_signal *s)
{
    signal_of(s)->raised = false;
    return 0;
}

void varve_port_signal_raise(struct varve_port_signal *s)
{
    signal_of(s)->raised = true;
}

// Nobody could raise it while the only task waits, and time stands still: the answer is known now.
int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms)
{
    (void)timeout_ms;
    const bool raised = signal_of(s)->raised;
    signal_of(s)->raised = false;
    return raised ? 0 : VARVE_E_TIMEOUT;
}
