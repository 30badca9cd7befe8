// SPDX-License-Identifier: Apache-2.0
// What is the same for all ports that have one task: mutexes, which have nobody to keep out, no
// other task, and the ends of what such a port never starts. The host is driven by
// varve_host_step().
//
// Threading: the one task.
#include "varve/port.h"

int varve_port_mutex_init(struct varve_port_mutex *m)
{
    (void)m;
    return 0;
}

void varve_port_mutex_lock(struct varve_port_mutex *m)
{
    (void)m;
}

void varve_port_mutex_unlock(struct varve_port_mutex *m)
{
    (void)m;
}

void varve_port_mutex_destroy(struct varve_port_mutex *m)
{
    (void)m;
}

void varve_port_signal_destroy(struct varve_port_signal *s)
{
    (void)s;
}

int varve_port_task_start(struct varve_port_task *t, const char *name, void (*fn)(void *arg),
                          void *arg, size_t stack_bytes)
{
    (void)t;
    (void)name;
    (void)fn;
    (void)arg;
    (void)stack_bytes;
    return VARVE_E_UNSUPPORTED;
}

int varve_port_task_join(struct varve_port_task *t, int64_t timeout_ms)
{
    (void)t;
    (void)timeout_ms;
    return 0; // none was ever started
}
