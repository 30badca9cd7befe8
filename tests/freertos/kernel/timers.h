// SPDX-License-Identifier: Apache-2.0
// Software timers and their task; see FreeRTOS.h.
#ifndef TIMERS_H
#define TIMERS_H

#include "FreeRTOS.h"
#include "task.h"

typedef struct fake_timer *TimerHandle_t;
typedef void (*TimerCallbackFunction_t)(TimerHandle_t timer);
typedef void (*PendedFunction_t)(void *arg, uint32_t number);

TimerHandle_t xTimerCreateStatic(const char *name, TickType_t period, BaseType_t reloads, void *id,
                                 TimerCallbackFunction_t fn, StaticTimer_t *memory);
void *pvTimerGetTimerID(TimerHandle_t timer);
// These wait for room in the queue of the timer task: 0 or portMAX_DELAY.
BaseType_t xTimerChangePeriod(TimerHandle_t timer, TickType_t period, TickType_t ticks);
BaseType_t xTimerStop(TimerHandle_t timer, TickType_t ticks);
BaseType_t xTimerDelete(TimerHandle_t timer, TickType_t ticks);
BaseType_t xTimerPendFunctionCall(PendedFunction_t fn, void *arg, uint32_t number,
                                  TickType_t ticks);
TaskHandle_t xTimerGetTimerDaemonTaskHandle(void);

// For tests: starts the timer task, which the kernel's scheduler does; once.
void fake_start_timer_task(void);

#endif
