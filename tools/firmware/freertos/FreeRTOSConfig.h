// SPDX-License-Identifier: Apache-2.0
// FreeRTOS as the image `tasks` has it on every board: static memory only, a tick of 10 ms.
#ifndef FREERTOS_CONFIG_H
#define FREERTOS_CONFIG_H

#define configCPU_CLOCK_HZ            VARVE_BOARD_CLOCK_HZ
#define configTICK_RATE_HZ            100
#define configTICK_TYPE_WIDTH_IN_BITS TICK_TYPE_WIDTH_32_BITS
#define configUSE_PREEMPTION          1
#define configMAX_PRIORITIES          5
#define configMINIMAL_STACK_SIZE      128
#define configMAX_TASK_NAME_LEN       16
#define configUSE_IDLE_HOOK           1 // sleeps
#define configUSE_TICK_HOOK           1 // raises the interrupt that pushes

#define configSUPPORT_STATIC_ALLOCATION     1
#define configSUPPORT_DYNAMIC_ALLOCATION    0
#define configKERNEL_PROVIDED_STATIC_MEMORY 1

#define configUSE_MUTEXES                     1
#define configUSE_TASK_NOTIFICATIONS          1
#define configTASK_NOTIFICATION_ARRAY_ENTRIES 2
#define configUSE_TIMERS                      1
#define configTIMER_TASK_PRIORITY             4
#define configTIMER_TASK_STACK_DEPTH          128
#define configTIMER_QUEUE_LENGTH              4

#define INCLUDE_vTaskDelay                  1
#define INCLUDE_xTaskDelayUntil             1
#define INCLUDE_vTaskDelete                 1
#define INCLUDE_vTaskSuspend                1
#define INCLUDE_xTimerPendFunctionCall      1
#define INCLUDE_uxTaskGetStackHighWaterMark 1

// QEMU has 8 bits of priority; the tick and what else calls the kernel are at 0xA0 and above.
#define configPRIO_BITS                      8
#define configKERNEL_INTERRUPT_PRIORITY      0xFF
#define configMAX_SYSCALL_INTERRUPT_PRIORITY 0xA0

// The handlers have CMSIS' names in the vector table.
#define vPortSVCHandler     SVC_Handler
#define xPortPendSVHandler  PendSV_Handler
#define xPortSysTickHandler SysTick_Handler

#define configCHECK_FOR_STACK_OVERFLOW 2
extern void vAssertCalled(const char *file, int line);
#define configASSERT(x)                                                                            \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            vAssertCalled(__FILE__, __LINE__);                                                     \
        }                                                                                          \
    } while (0)

#endif
