// SPDX-License-Identifier: Apache-2.0
// A small part of the interface of FreeRTOS' kernel, written by hand from its documentation, so
// that ports/freertos can be compiled and tested where the kernel is not to be had. These headers
// compile for any target; kernel.c and timers.c are behind them on a machine with pthreads.
//
// Unlike the kernel's, tasks really run at the same time, and priorities are only remembered.
// Whatever the kernel forbids is an assertion that ends the program: calls from an interrupt that
// are not for interrupts, and the other way round; waiting in a critical section.
#ifndef FREERTOS_H
#define FREERTOS_H

#include <stdbool.h>
#include <stdint.h>

// ---- what a FreeRTOSConfig.h would say

#define configTICK_RATE_HZ                    1000
#define configMAX_PRIORITIES                  5
#define configSUPPORT_STATIC_ALLOCATION       1
#define configSUPPORT_DYNAMIC_ALLOCATION      0
#define configUSE_MUTEXES                     1
#define configUSE_TIMERS                      1
#define configTIMER_QUEUE_LENGTH              4
#define configUSE_TASK_NOTIFICATIONS          1
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 2
#define configMAX_SYSCALL_INTERRUPT_PRIORITY  0xA0
#define INCLUDE_vTaskDelete                   1
#define INCLUDE_vTaskSuspend                  1
#define INCLUDE_xTimerPendFunctionCall        1

// ---- types and constants

typedef long BaseType_t;
typedef unsigned long UBaseType_t;
typedef uint32_t TickType_t;
typedef uintptr_t StackType_t;

#define pdFALSE       ((BaseType_t)0)
#define pdTRUE        ((BaseType_t)1)
#define pdPASS        pdTRUE
#define pdFAIL        pdFALSE
#define portMAX_DELAY UINT32_MAX

#define pdMS_TO_TICKS(ms) ((TickType_t)(ms)*configTICK_RATE_HZ / 1000u)

// Sizes are those of what kernel.c and timers.c keep in them, with pointers of 64 bits; else about
// what the kernel's have.
typedef union {
    uint8_t bytes[24 * sizeof(void *)];
    void *align;
} StaticTask_t;
typedef union {
    uint8_t bytes[8 * sizeof(void *)];
    void *align;
} StaticSemaphore_t;
typedef union {
    uint8_t bytes[8 * sizeof(void *)];
    void *align;
} StaticTimer_t;

// ---- interrupts

// Whether the calling thread plays an interrupt.
BaseType_t xPortIsInsideInterrupt(void);
void fake_yield_from_isr(BaseType_t switches);
#define portYIELD_FROM_ISR(switches) fake_yield_from_isr(switches)

// ---- for tests

// Runs fn(arg) as an interrupt, on the calling thread.
void fake_interrupt(void (*fn)(void *arg), void *arg);
// From now on the tick counts on from here.
void fake_set_tick(TickType_t tick);
// How many tasks there are that nobody has deleted.
unsigned fake_tasks(void);

#endif
