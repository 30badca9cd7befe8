// SPDX-License-Identifier: Apache-2.0
// One-shot timers: the kernel's, whose callbacks run in its timer task.
//
// Whatever is asked of a timer goes through the queue of that task. stop() sends a call behind it
// and waits until that has been made: by then the stop was obeyed, and no callback runs, since the
// same task runs both.
//
// Threading: tasks. In a callback: start() and stop(), its own timer included; not destroy().
#include "ports/freertos/internal.h"

struct timer {
    StaticTimer_t memory;
    void (*fn)(void *arg);
    void *arg;
    int64_t end_ms; // when it is due: longer than the kernel's ticks may reach
    bool armed;     // its callback is to be called
    bool stopping;  // a task waits in stop(): its callback is not to start it again
};
_Static_assert(sizeof(struct timer) <= VARVE_PORT_OBJECT_BYTES, "a timer fits its object");

static struct timer *timer_of(struct varve_port_timer *t)
{
    return (struct timer *)(void *)&t->o;
}

// The handle of a static timer is the address of its memory.
static TimerHandle_t handle_of(struct timer *timer)
{
    return (TimerHandle_t)(void *)&timer->memory;
}

static bool in_timer_task(void)
{
    return xTaskGetCurrentTaskHandle() == xTimerGetTimerDaemonTaskHandle();
}

// The timer task must not wait for room in its own queue.
static TickType_t patience(void)
{
    return in_timer_task() ? 0 : portMAX_DELAY;
}

static int arm(struct timer *timer)
{
    const TickType_t ticks = freertos_ticks(timer->end_ms - varve_port_boot_ms());
    const BaseType_t sent = xTimerChangePeriod(handle_of(timer), ticks, patience());
    return sent == pdPASS ? 0 : varve_firmware_fail(VARVE_E_FULL);
}

static void expired(TimerHandle_t handle)
{
    struct timer *timer = pvTimerGetTimerID(handle);
    const int64_t now_ms = varve_port_boot_ms();
    const UBaseType_t mask = freertos_enter();
    const bool armed = timer->armed;
    const bool due = armed && timer->end_ms <= now_ms;
    timer->armed = armed && !due;
    freertos_exit(mask);
    if (due) {
        timer->fn(timer->arg);
    } else if (armed) {
        (void)arm(timer); // its queue is full: noted; nobody else could be told
    }
}

int varve_port_timer_init(struct varve_port_timer *t, void (*fn)(void *arg), void *arg)
{
    struct timer *timer = timer_of(t);
    *timer = (struct timer){.fn = fn, .arg = arg};
    const TimerHandle_t handle =
        xTimerCreateStatic("varve", 1, pdFALSE, timer, expired, &timer->memory);
    return handle == handle_of(timer) ? 0 : varve_firmware_fail(VARVE_E_NO_MEMORY);
}

int varve_port_timer_start(struct varve_port_timer *t, int64_t delay_ms)
{
    struct timer *timer = timer_of(t);
    const int64_t end_ms = freertos_deadline_ms(delay_ms < 0 ? 0 : delay_ms);
    const bool by_callback = in_timer_task();
    const UBaseType_t mask = freertos_enter();
    const bool refused = by_callback && timer->stopping;
    if (!refused) {
        timer->armed = true;
        timer->end_ms = end_ms;
    }
    freertos_exit(mask);
    return refused ? 0 : arm(timer);
}

static void passed(void *signal, uint32_t unused)
{
    (void)unused;
    freertos_signal_raise(signal);
}

// Returns when the timer task has done all that was asked of it before.
static void wait_for_timer_task(void)
{
    struct varve_freertos_signal signal;
    freertos_signal_init(&signal);
    while (xTimerPendFunctionCall(passed, &signal, 0, portMAX_DELAY) != pdPASS) {
    }
    (void)freertos_signal_wait(&signal, -1); // for ever: it is raised
}

static void disarm(struct timer *timer, bool stopping)
{
    const UBaseType_t mask = freertos_enter();
    timer->armed = false;
    timer->stopping = stopping;
    freertos_exit(mask);
}

void varve_port_timer_stop(struct varve_port_timer *t)
{
    struct timer *timer = timer_of(t);
    const bool by_callback = in_timer_task();
    disarm(timer, !by_callback);
    (void)xTimerStop(handle_of(timer), patience()); // if its queue is full: it is not armed
    if (!by_callback) {
        wait_for_timer_task();
        disarm(timer, false);
    }
}

void varve_port_timer_destroy(struct varve_port_timer *t)
{
    struct timer *timer = timer_of(t);
    disarm(timer, true);
    (void)xTimerDelete(handle_of(timer), portMAX_DELAY); // waits until there is room
    wait_for_timer_task();
}
