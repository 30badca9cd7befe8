// SPDX-License-Identifier: Apache-2.0
// One task and interrupts. The firmware calls varve_host_step() in its loop, and again after as
// many milliseconds as that says.
//
// With an operating system this is the file to replace: each comment says what is expected there.
//
// Threading: critical sections and raising in any context, the rest in the one task.
#include "ports/template/internal.h"

struct flag {
    volatile bool raised;
};
_Static_assert(sizeof(struct flag) <= VARVE_PORT_OBJECT_BYTES, "a signal fits its object");

static uint32_t outer_mask;

// ---- critical sections: some instructions long, against tasks and interrupts; never nested

void varve_port_critical_enter(void)
{
    const uint32_t mask = board_irq_save();
    outer_mask = mask;
}

void varve_port_critical_exit(void)
{
    board_irq_restore(outer_mask);
}

// ---- mutexes: not recursive, held over writes to flash. A system's own, with priority inheritance
// ---- where it has it. One task has nobody to keep out: ports/common/one_task.c, which goes then.

// ---- tasks and one-shot timers for tasks that wait: without them the host starts none, and
// everything
// ---- runs in varve_host_step(), which looks at the time itself: ports/common, too.

// ---- signals: a binary semaphore. What is raised before the wait ends it at once, and once.

static struct flag *flag_of(struct varve_port_signal *s)
{
    return (struct flag *)(void *)s;
}

int varve_port_signal_init(struct varve_port_signal *s)
{
    flag_of(s)->raised = false;
    return 0;
}

// From interrupts too: with an operating system its call for interrupts where this is one.
void varve_port_signal_raise(struct varve_port_signal *s)
{
    flag_of(s)->raised = true;
}

static bool take_or_wait(struct flag *flag)
{
    const uint32_t mask = board_irq_save();
    const bool raised = flag->raised;
    flag->raised = false;
    if (!raised) {
        board_wait();
    }
    board_irq_restore(mask);
    return raised;
}

// `timeout_ms` < 0: for ever. Ends by the monotonic clock, whatever the wall clock does.
int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms)
{
    const int64_t end_ms = timeout_ms < 0 ? INT64_MAX : varve_port_boot_ms() + timeout_ms;
    for (;;) {
        const bool is_late = varve_port_boot_ms() >= end_ms;
        if (take_or_wait(flag_of(s))) {
            return 0;
        }
        if (is_late) {
            return VARVE_E_TIMEOUT;
        }
    }
}
