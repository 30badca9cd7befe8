// SPDX-License-Identifier: Apache-2.0
// Tasks, notifications, mutexes and the tick of FreeRTOS.h, over pthreads.
//
// Threading: one lock, `kernel`, for everything that is not a task's own.
#include "kernel.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define NAME_TEXT     16u
#define US_PER_TICK   (1000000 / configTICK_RATE_HZ)
#define NS_PER_TICK   (US_PER_TICK * INT64_C(1000))
#define NS_PER_S      INT64_C(1000000000)
#define NOTIFICATIONS configTASK_NOTIFICATION_ARRAY_ENTRIES

struct fake_task {
    pthread_t thread;
    pthread_cond_t changed; // a notification, or the deletion
    TaskFunction_t fn;
    void *arg;
    UBaseType_t priority;
    uint32_t given[NOTIFICATIONS];
    bool deleted, created;
    char name[NAME_TEXT];
};
_Static_assert(sizeof(struct fake_task) <= sizeof(StaticTask_t), "a task fits its memory");

struct fake_mutex {
    pthread_mutex_t lock;
    TaskHandle_t holder;
};
_Static_assert(sizeof(struct fake_mutex) <= sizeof(StaticSemaphore_t), "a mutex fits its memory");

static pthread_mutex_t kernel = PTHREAD_MUTEX_INITIALIZER;
static pthread_mutex_t critical = PTHREAD_MUTEX_INITIALIZER;
static unsigned tasks;
static _Thread_local unsigned critical_depth;
static _Thread_local bool in_interrupt;
static _Thread_local TaskHandle_t current;
static _Thread_local struct fake_task outside; // a thread that the test has made

// ---- interrupts and critical sections

BaseType_t xPortIsInsideInterrupt(void)
{
    return in_interrupt ? pdTRUE : pdFALSE;
}

void fake_interrupt(void (*fn)(void *arg), void *arg)
{
    KERNEL_ASSERT(!in_interrupt && critical_depth == 0);
    in_interrupt = true;
    fn(arg);
    in_interrupt = false;
}

void fake_assert_task(void)
{
    KERNEL_ASSERT(!in_interrupt);
}

void fake_assert_may_wait(void)
{
    fake_assert_task();
    KERNEL_ASSERT(critical_depth == 0);
}

static void enter(void)
{
    if (critical_depth++ == 0) {
        (void)pthread_mutex_lock(&critical);
    }
}

static void leave(void)
{
    KERNEL_ASSERT(critical_depth > 0);
    if (--critical_depth == 0) {
        (void)pthread_mutex_unlock(&critical);
    }
}

void fake_enter_critical(void)
{
    fake_assert_task();
    enter();
}

void fake_exit_critical(void)
{
    fake_assert_task();
    leave();
}

UBaseType_t fake_enter_critical_from_isr(void)
{
    KERNEL_ASSERT(in_interrupt);
    enter();
    return 0xA0;
}

void fake_exit_critical_from_isr(UBaseType_t mask)
{
    KERNEL_ASSERT(in_interrupt && mask == 0xA0);
    leave();
}

void fake_yield_from_isr(BaseType_t switches)
{
    KERNEL_ASSERT(in_interrupt);
    (void)switches;
}

// ---- time

static pthread_mutex_t tick_lock = PTHREAD_MUTEX_INITIALIZER;
static TickType_t tick_base;

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static TickType_t tick(void)
{
    (void)pthread_mutex_lock(&tick_lock);
    const TickType_t now = tick_base + (TickType_t)(now_ns() / NS_PER_TICK);
    (void)pthread_mutex_unlock(&tick_lock);
    return now;
}

void fake_set_tick(TickType_t to)
{
    (void)pthread_mutex_lock(&tick_lock);
    tick_base = to - (TickType_t)(now_ns() / NS_PER_TICK);
    (void)pthread_mutex_unlock(&tick_lock);
}

TickType_t xTaskGetTickCount(void)
{
    fake_assert_task();
    return tick();
}

TickType_t xTaskGetTickCountFromISR(void)
{
    KERNEL_ASSERT(in_interrupt);
    return tick();
}

void fake_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr);
}

// Ticks end where the count goes up: n ticks are at least n - 1 whole ones, as with the kernel's.
struct timespec fake_deadline(TickType_t ticks)
{
    const int64_t at_ns = (now_ns() / NS_PER_TICK + ticks) * NS_PER_TICK;
    return (struct timespec){.tv_sec = (time_t)(at_ns / NS_PER_S),
                             .tv_nsec = (long)(at_ns % NS_PER_S)};
}

void vTaskDelay(TickType_t ticks)
{
    fake_assert_may_wait();
    const struct timespec until = fake_deadline(ticks);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

// ---- tasks

static void *task_main(void *arg)
{
    current = arg;
    current->fn(current->arg);
    KERNEL_FAIL("a task's function has returned");
}

TaskHandle_t xTaskCreateStatic(TaskFunction_t fn, const char *name, uint32_t words, void *arg,
                               UBaseType_t priority, StackType_t *stack, StaticTask_t *memory)
{
    struct fake_task *task = (struct fake_task *)(void *)memory;
    fake_assert_may_wait();
    KERNEL_ASSERT(stack != NULL && words > 0 && priority < configMAX_PRIORITIES);
    KERNEL_ASSERT(strlen(name) < NAME_TEXT);
    memset(task, 0, sizeof *task);
    memset(stack, 0xa5, words * sizeof *stack); // it is the task's: whoever uses it twice sees it
    fake_cond_init(&task->changed);
    task->fn = fn;
    task->arg = arg;
    task->priority = priority;
    task->created = true;
    (void)snprintf(task->name, sizeof task->name, "%s", name);
    (void)pthread_mutex_lock(&kernel);
    tasks++;
    (void)pthread_mutex_unlock(&kernel);
    KERNEL_ASSERT(pthread_create(&task->thread, NULL, task_main, task) == 0);
    return task;
}

// The only way in which a task ends here: it suspends itself for ever, another one deletes it.
void vTaskSuspend(TaskHandle_t task)
{
    fake_assert_may_wait();
    KERNEL_ASSERT(task == NULL && current != NULL);
    (void)pthread_mutex_lock(&kernel);
    while (!current->deleted) {
        (void)pthread_cond_wait(&current->changed, &kernel);
    }
    (void)pthread_mutex_unlock(&kernel);
    pthread_exit(NULL);
}

void vTaskDelete(TaskHandle_t task)
{
    fake_assert_may_wait();
    KERNEL_ASSERT(task != NULL && task != current && task->created && !task->deleted);
    (void)pthread_mutex_lock(&kernel);
    task->deleted = true;
    tasks--;
    (void)pthread_cond_signal(&task->changed);
    (void)pthread_mutex_unlock(&kernel);
    KERNEL_ASSERT(pthread_join(task->thread, NULL) == 0);
    (void)pthread_cond_destroy(&task->changed);
}

TaskHandle_t xTaskGetCurrentTaskHandle(void)
{
    if (current == NULL) {
        fake_cond_init(&outside.changed);
        current = &outside;
    }
    return current;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t task)
{
    return (task == NULL ? xTaskGetCurrentTaskHandle() : task)->priority;
}

const char *pcTaskGetName(TaskHandle_t task)
{
    return (task == NULL ? xTaskGetCurrentTaskHandle() : task)->name;
}

unsigned fake_tasks(void)
{
    (void)pthread_mutex_lock(&kernel);
    const unsigned count = tasks;
    (void)pthread_mutex_unlock(&kernel);
    return count;
}

UBaseType_t uxTaskGetNumberOfTasks(void)
{
    return fake_tasks();
}

// ---- notifications

static void give(TaskHandle_t task, UBaseType_t index)
{
    KERNEL_ASSERT(task != NULL && index < NOTIFICATIONS);
    (void)pthread_mutex_lock(&kernel);
    task->given[index]++;
    (void)pthread_cond_signal(&task->changed);
    (void)pthread_mutex_unlock(&kernel);
}

BaseType_t xTaskNotifyGiveIndexed(TaskHandle_t task, UBaseType_t index)
{
    fake_assert_task();
    KERNEL_ASSERT(critical_depth == 0);
    give(task, index);
    return pdPASS;
}

void vTaskNotifyGiveIndexedFromISR(TaskHandle_t task, UBaseType_t index, BaseType_t *switches)
{
    KERNEL_ASSERT(in_interrupt);
    give(task, index);
    *switches = pdTRUE;
}

uint32_t ulTaskNotifyTakeIndexed(UBaseType_t index, BaseType_t clear, TickType_t ticks)
{
    fake_assert_may_wait();
    TaskHandle_t self = xTaskGetCurrentTaskHandle();
    KERNEL_ASSERT(index < NOTIFICATIONS && clear == pdTRUE);
    const struct timespec until = fake_deadline(ticks);
    int rc = 0;
    (void)pthread_mutex_lock(&kernel);
    while (self->given[index] == 0 && rc == 0) {
        rc = ticks == portMAX_DELAY ? pthread_cond_wait(&self->changed, &kernel)
                                    : pthread_cond_timedwait(&self->changed, &kernel, &until);
    }
    const uint32_t given = self->given[index];
    self->given[index] = 0;
    (void)pthread_mutex_unlock(&kernel);
    return given;
}

// ---- mutexes

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *memory)
{
    struct fake_mutex *mutex = (struct fake_mutex *)(void *)memory;
    (void)pthread_mutex_init(&mutex->lock, NULL);
    mutex->holder = NULL;
    return mutex;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t mutex, TickType_t ticks)
{
    fake_assert_may_wait();
    KERNEL_ASSERT(ticks == portMAX_DELAY);
    (void)pthread_mutex_lock(&mutex->lock);
    mutex->holder = xTaskGetCurrentTaskHandle();
    return pdTRUE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t mutex)
{
    fake_assert_may_wait();
    KERNEL_ASSERT(mutex->holder == xTaskGetCurrentTaskHandle());
    mutex->holder = NULL;
    (void)pthread_mutex_unlock(&mutex->lock);
    return pdTRUE;
}

void vSemaphoreDelete(SemaphoreHandle_t mutex)
{
    KERNEL_ASSERT(pthread_mutex_destroy(&mutex->lock) == 0); // nobody holds it
}
