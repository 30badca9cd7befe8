// SPDX-License-Identifier: Apache-2.0
// The port to FreeRTOS, and what firmware does for it besides what ports/common/firmware.h asks: it
// gives memory to the tasks.
//
//   static StackType_t keeper_stack[1024], collect_stack[512], chip_stack[1536];
//   static struct varve_freertos_place places[] = {
//       {.task = "keeper", .priority = 1, .stack = keeper_stack, .words = 1024},
//       {.task = "collect", .priority = 2, .stack = collect_stack, .words = 512},
//       {.task = NULL, .priority = 1, .stack = chip_stack, .words = 1536}, // any other
//   };
//   ... in a task, after vTaskStartScheduler() ...
//   varve_freertos_start(places, 3);
//   varve_host_init(&host, ...);
//   varve_host_start(host);
//
// Nothing of varve is called before the scheduler runs. From then on interrupts whose priority
// allows calls of the kernel may push, with varve_push_boot() and varve_port_boot_ms(), and raise
// signals.
#ifndef VARVE_PORTS_FREERTOS_H
#define VARVE_PORTS_FREERTOS_H

#include "FreeRTOS.h"
#include "task.h"

#include "ports/common/firmware.h"

#ifdef __cplusplus
extern "C" {
#endif

struct varve_freertos_waiter {
    struct varve_freertos_waiter *next;
    TaskHandle_t task;
};

// A binary signal; the tasks that wait for it are chained on their own stacks.
struct varve_freertos_signal {
    struct varve_freertos_waiter *waiters;
    bool raised;
};

// Where one of varve's tasks runs. The host starts `keeper`; one for each backend, which has the
// name of its [backend] section; as many as `workers` says called `collect`, which run collectors,
// and one more of these for each collector that hangs.
struct varve_freertos_place {
    const char *task; // only for tasks of this name; NULL: for any
    UBaseType_t priority;
    StackType_t *stack;
    uint32_t words; // of StackType_t
    // The port's own; all zero at first.
    TaskHandle_t handle; // while a task is there: for uxTaskGetStackHighWaterMark()
    StaticTask_t task_memory;
    struct varve_freertos_signal ended;
    void (*fn)(void *arg);
    void *arg;
    int error; // of its last call that failed
};

// Gives the port its places, which must stay: a task takes the first one that is free, is meant for
// it and has the stack that it wants. Once, in a task, before any other call of varve. Returns 0 or
// VARVE_E_INVALID: a place without a stack, or with a priority that the kernel has not.
int varve_freertos_start(struct varve_freertos_place *places, size_t count);

#ifdef __cplusplus
}
#endif
#endif
