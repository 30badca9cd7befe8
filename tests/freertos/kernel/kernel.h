// SPDX-License-Identifier: Apache-2.0
// What the files of this kernel share.
#ifndef FAKE_KERNEL_H
#define FAKE_KERNEL_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"
#include "timers.h"

#define KERNEL_FAIL(what)                                                                          \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: misuse of the kernel: %s\n", __FILE__, __LINE__, what);            \
        abort();                                                                                   \
    } while (0)
#define KERNEL_ASSERT(x)                                                                           \
    do {                                                                                           \
        if (!(x)) {                                                                                \
            KERNEL_FAIL(#x);                                                                       \
        }                                                                                          \
    } while (0)

// A task may call, and may wait.
void fake_assert_task(void);
void fake_assert_may_wait(void);

// A condition on the clock that ticks are counted on, and when so many ticks will have gone by.
void fake_cond_init(pthread_cond_t *cond);
struct timespec fake_deadline(TickType_t ticks);

#endif
