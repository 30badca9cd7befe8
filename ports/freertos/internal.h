// SPDX-License-Identifier: Apache-2.0
// What the files of this port share, and what they need of FreeRTOSConfig.h.
#ifndef VARVE_PORTS_FREERTOS_INTERNAL_H
#define VARVE_PORTS_FREERTOS_INTERNAL_H

#include "ports/freertos/freertos.h"
#include "semphr.h"
#include "timers.h"

#if configSUPPORT_STATIC_ALLOCATION != 1 || configUSE_MUTEXES != 1 || configUSE_TIMERS != 1 ||     \
    configUSE_TASK_NOTIFICATIONS != 1
#error "FreeRTOSConfig.h: varve needs static allocation, mutexes, timers and task notifications"
#endif
#if INCLUDE_vTaskDelete != 1 || INCLUDE_vTaskSuspend != 1 || INCLUDE_xTimerPendFunctionCall != 1
#error "FreeRTOSConfig.h: varve needs vTaskDelete, vTaskSuspend and xTimerPendFunctionCall"
#endif
#if defined(configNUMBER_OF_CORES) && configNUMBER_OF_CORES > 1
#error "this port is for one core: a task that is deleted must not run on another"
#endif
_Static_assert(sizeof(TickType_t) >= sizeof(uint32_t), "16 bits of ticks begin anew each minute");

// Which of a task's notifications signals use: by default the last, so that firmware, which begins
// at 0, keeps its own when configTASK_NOTIFICATION_ARRAY_ENTRIES is 2.
#ifndef VARVE_FREERTOS_NOTIFICATION
#define VARVE_FREERTOS_NOTIFICATION (configTASK_NOTIFICATION_ARRAY_ENTRIES - 1)
#endif

// Whether an interrupt runs. A port of the kernel that cannot tell has this in FreeRTOSConfig.h.
#ifndef VARVE_FREERTOS_IN_INTERRUPT
#define VARVE_FREERTOS_IN_INTERRUPT() (xPortIsInsideInterrupt() == pdTRUE)
#endif

// A few instructions long, any context; `mask` is what freertos_enter() returned.
UBaseType_t freertos_enter(void);
void freertos_exit(UBaseType_t mask);

void freertos_signal_init(struct varve_freertos_signal *s);
void freertos_signal_raise(struct varve_freertos_signal *s);
int freertos_signal_wait(struct varve_freertos_signal *s, int64_t timeout_ms);

// The place of the task that calls, NULL for one of the firmware's.
struct varve_freertos_place *freertos_place_here(void);

// Ticks in which at least so many ms go by, at least 1, and at most half of what the kernel counts.
TickType_t freertos_ticks(int64_t ms);
// Whole ticks since the start of the scheduler. Any context.
uint64_t freertos_now(void);

// The end of a wait, on the port's boot clock; for ever when timeout_ms is negative.
int64_t freertos_deadline_ms(int64_t timeout_ms);

// system.c: once, by varve_freertos_start().
int freertos_log_init(void);

#endif
