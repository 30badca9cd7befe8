// SPDX-License-Identifier: Apache-2.0
// Critical sections, mutexes, signals.
//
// A mutex is the kernel's, with priority inheritance: the keeper, at a low priority, is lifted
// while something urgent waits for what it holds. A signal wakes by a notification of the waiting
// task; what counts is its flag, so that a notification that comes late, or twice, wakes somebody
// in vain and does nothing else.
//
// Threading: critical sections and raising in any context, the rest in tasks.
#include "ports/freertos/internal.h"

#include <assert.h>

struct mutex {
    StaticSemaphore_t memory;
};
_Static_assert(sizeof(struct mutex) <= VARVE_PORT_OBJECT_BYTES, "a mutex fits its object");
_Static_assert(sizeof(struct varve_freertos_signal) <= VARVE_PORT_OBJECT_BYTES,
               "a signal fits its object");

// ---- critical sections

UBaseType_t freertos_enter(void)
{
    if (VARVE_FREERTOS_IN_INTERRUPT()) {
        return (UBaseType_t)taskENTER_CRITICAL_FROM_ISR();
    }
    taskENTER_CRITICAL();
    return 0;
}

void freertos_exit(UBaseType_t mask)
{
    if (VARVE_FREERTOS_IN_INTERRUPT()) {
        taskEXIT_CRITICAL_FROM_ISR(mask);
    } else {
        taskEXIT_CRITICAL();
    }
}

static UBaseType_t outer_mask; // they do not nest

void varve_port_critical_enter(void)
{
    const UBaseType_t mask = freertos_enter();
    outer_mask = mask;
}

void varve_port_critical_exit(void)
{
    freertos_exit(outer_mask);
}

// ---- mutexes: the handle of a static semaphore is the address of its memory

static SemaphoreHandle_t handle_of(struct varve_port_mutex *m)
{
    return (SemaphoreHandle_t)(void *)&m->o;
}

int varve_port_mutex_init(struct varve_port_mutex *m)
{
    const SemaphoreHandle_t handle =
        xSemaphoreCreateMutexStatic((StaticSemaphore_t *)(void *)&m->o);
    return handle == handle_of(m) ? 0 : varve_firmware_fail(VARVE_E_NO_MEMORY);
}

void varve_port_mutex_lock(struct varve_port_mutex *m)
{
    while (xSemaphoreTake(handle_of(m), portMAX_DELAY) != pdTRUE) {
    }
}

void varve_port_mutex_unlock(struct varve_port_mutex *m)
{
    const BaseType_t given = xSemaphoreGive(handle_of(m));
    assert(given == pdTRUE); // somebody else holds it
    (void)given;
}

void varve_port_mutex_destroy(struct varve_port_mutex *m)
{
    vSemaphoreDelete(handle_of(m));
}

// ---- signals

void freertos_signal_init(struct varve_freertos_signal *s)
{
    *s = (struct varve_freertos_signal){.waiters = NULL};
}

// One of those who wait, if any does: it takes the signal.
void freertos_signal_raise(struct varve_freertos_signal *s)
{
    const UBaseType_t mask = freertos_enter();
    s->raised = true;
    const TaskHandle_t task = s->waiters == NULL ? NULL : s->waiters->task;
    freertos_exit(mask);
    if (task == NULL) {
        return;
    }
    if (VARVE_FREERTOS_IN_INTERRUPT()) {
        BaseType_t switches = pdFALSE;
        vTaskNotifyGiveIndexedFromISR(task, VARVE_FREERTOS_NOTIFICATION, &switches);
        portYIELD_FROM_ISR(switches);
    } else {
        (void)xTaskNotifyGiveIndexed(task, VARVE_FREERTOS_NOTIFICATION); // cannot fail
    }
}

static void add(struct varve_freertos_signal *s, struct varve_freertos_waiter *waiter)
{
    const UBaseType_t mask = freertos_enter();
    waiter->next = s->waiters;
    s->waiters = waiter;
    freertos_exit(mask);
}

static void leave(struct varve_freertos_signal *s, const struct varve_freertos_waiter *waiter)
{
    struct varve_freertos_waiter **at = &s->waiters;
    while (*at != waiter) {
        at = &(*at)->next;
    }
    *at = waiter->next;
}

// Takes the signal if it is raised. Whoever has it, or is late, waits no longer.
static bool take(struct varve_freertos_signal *s, const struct varve_freertos_waiter *waiter,
                 bool is_late)
{
    const UBaseType_t mask = freertos_enter();
    const bool raised = s->raised;
    s->raised = false;
    if (raised || is_late) {
        leave(s, waiter);
    }
    freertos_exit(mask);
    return raised;
}

int freertos_signal_wait(struct varve_freertos_signal *s, int64_t timeout_ms)
{
    const int64_t end_ms = freertos_deadline_ms(timeout_ms);
    struct varve_freertos_waiter self = {.task = xTaskGetCurrentTaskHandle()};
    add(s, &self);
    for (;;) {
        const int64_t left_ms = end_ms - varve_port_boot_ms();
        if (take(s, &self, left_ms <= 0)) {
            return 0;
        }
        if (left_ms <= 0) {
            return VARVE_E_TIMEOUT;
        }
        // Notified or not: the flag says.
        (void)ulTaskNotifyTakeIndexed(VARVE_FREERTOS_NOTIFICATION, pdTRUE, freertos_ticks(left_ms));
    }
}

static struct varve_freertos_signal *signal_of(struct varve_port_signal *s)
{
    return (struct varve_freertos_signal *)(void *)&s->o;
}

int varve_port_signal_init(struct varve_port_signal *s)
{
    freertos_signal_init(signal_of(s));
    return 0;
}

void varve_port_signal_raise(struct varve_port_signal *s)
{
    freertos_signal_raise(signal_of(s));
}

int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms)
{
    return freertos_signal_wait(signal_of(s), timeout_ms);
}

void varve_port_signal_destroy(struct varve_port_signal *s)
{
    (void)s; // nobody waits any more, and it holds nothing of the kernel's
}
