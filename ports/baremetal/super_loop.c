// SPDX-License-Identifier: Apache-2.0
// One task and interrupts: critical sections are real, mutexes have nobody to keep out, a signal is
// a flag that an interrupt may raise. The host is driven by varve_host_step().
//
// Threading: critical sections and raising in any context, the rest in the one task.
#include "ports/baremetal/baremetal.h"
#include "ports/cortex-m/cortex-m.h"

struct flag {
    volatile bool raised;
};
_Static_assert(sizeof(struct flag) <= VARVE_PORT_OBJECT_BYTES, "a signal fits its object");

static uint32_t outer_mask; // they do not nest

void varve_port_critical_enter(void)
{
    const uint32_t mask = cortex_m_irq_save();
    outer_mask = mask;
}

void varve_port_critical_exit(void)
{
    cortex_m_irq_restore(outer_mask);
}

static struct flag *flag_of(struct varve_port_signal *s)
{
    return (struct flag *)(void *)s;
}

int varve_port_signal_init(struct varve_port_signal *s)
{
    flag_of(s)->raised = false;
    return 0;
}

void varve_port_signal_raise(struct varve_port_signal *s)
{
    flag_of(s)->raised = true;
}

static bool take(struct flag *flag)
{
    const uint32_t mask = cortex_m_irq_save();
    const bool raised = flag->raised;
    flag->raised = false;
    cortex_m_irq_restore(mask);
    return raised;
}

// Only an interrupt can raise it meanwhile. With interrupts off between the look and the sleep none
// is missed: WFI returns for one that is pending.
int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms)
{
    const int64_t end_ms = timeout_ms < 0 ? INT64_MAX : varve_port_boot_ms() + timeout_ms;
    while (!take(flag_of(s))) {
        if (varve_port_boot_ms() >= end_ms) {
            return VARVE_E_TIMEOUT;
        }
        const uint32_t mask = cortex_m_irq_save();
        if (!flag_of(s)->raised) {
            cortex_m_wait_for_interrupt();
        }
        cortex_m_irq_restore(mask);
    }
    return 0;
}
