// SPDX-License-Identifier: Apache-2.0
// Tasks, notifications, critical sections; see FreeRTOS.h.
#ifndef TASK_H
#define TASK_H

#include "FreeRTOS.h"

typedef struct fake_task *TaskHandle_t;
typedef void (*TaskFunction_t)(void *arg);

TaskHandle_t xTaskCreateStatic(TaskFunction_t fn, const char *name, uint32_t words, void *arg,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *memory);
void vTaskDelete(TaskHandle_t task);  // of a task that suspends itself only
void vTaskSuspend(TaskHandle_t task); // only itself
void vTaskDelay(TickType_t ticks);
TaskHandle_t xTaskGetCurrentTaskHandle(void); // also of a thread that the test has made
UBaseType_t uxTaskPriorityGet(TaskHandle_t task);
const char *pcTaskGetName(TaskHandle_t task);
UBaseType_t uxTaskGetNumberOfTasks(void);

TickType_t xTaskGetTickCount(void);
TickType_t xTaskGetTickCountFromISR(void);

// Only for what is compiled and not run, tools/firmware/tasks.c: nothing is behind these.
void vTaskStartScheduler(void);
BaseType_t xTaskDelayUntil(TickType_t *last, TickType_t ticks);
UBaseType_t uxTaskGetStackHighWaterMark(TaskHandle_t task); // words

BaseType_t xTaskNotifyGiveIndexed(TaskHandle_t task, UBaseType_t index);
void vTaskNotifyGiveIndexedFromISR(TaskHandle_t task, UBaseType_t index, BaseType_t *switches);
uint32_t ulTaskNotifyTakeIndexed(UBaseType_t index, BaseType_t clear, TickType_t ticks);

void fake_enter_critical(void);
void fake_exit_critical(void);
UBaseType_t fake_enter_critical_from_isr(void);
void fake_exit_critical_from_isr(UBaseType_t mask);
#define taskENTER_CRITICAL()             fake_enter_critical()
#define taskEXIT_CRITICAL()              fake_exit_critical()
#define taskENTER_CRITICAL_FROM_ISR()    fake_enter_critical_from_isr()
#define taskEXIT_CRITICAL_FROM_ISR(mask) fake_exit_critical_from_isr(mask)

#endif
