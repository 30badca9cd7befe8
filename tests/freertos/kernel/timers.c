// SPDX-License-Identifier: Apache-2.0
// Software timers: a task with a short queue of commands, which also calls back. The kernel's own
// limits hold: a queue that is full is full, and a static timer is the task's until its command to
// delete it has been obeyed.
//
// Threading: one lock.
#include "kernel.h"

#include <time.h>

struct fake_timer {
    struct fake_timer *next; // of those that run
    TimerCallbackFunction_t fn;
    void *id;
    TickType_t due;
    bool runs;
};
_Static_assert(sizeof(struct fake_timer) <= sizeof(StaticTimer_t), "a timer fits its memory");

enum command {
    CHANGE,
    STOP,
    DELETE,
    CALL
};

struct message {
    enum command command;
    TimerHandle_t timer;
    TickType_t sent, period;
    PendedFunction_t fn;
    void *arg;
    uint32_t number;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct message queue[configTIMER_QUEUE_LENGTH];
    unsigned count;
    struct fake_timer *running;
    TaskHandle_t task;
    StaticTask_t memory;
    StackType_t stack[8];
} service = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void remove_timer(struct fake_timer *timer)
{
    struct fake_timer **at = &service.running;
    while (*at != NULL && *at != timer) {
        at = &(*at)->next;
    }
    if (*at != NULL) {
        *at = timer->next;
    }
    timer->runs = false;
}

// With the lock; lets go of it for a function that was sent.
static void obey(struct message m)
{
    if (m.command == CALL) {
        (void)pthread_mutex_unlock(&service.lock);
        m.fn(m.arg, m.number);
        (void)pthread_mutex_lock(&service.lock);
        return;
    }
    remove_timer(m.timer);
    if (m.command == CHANGE) {
        m.timer->due = m.sent + m.period;
        m.timer->runs = true;
        m.timer->next = service.running;
        service.running = m.timer;
    } else if (m.command == DELETE) {
        *m.timer = (struct fake_timer){.next = NULL}; // a callback after this is a crash
    }
}

static struct fake_timer *find_due(TickType_t now, TickType_t *left)
{
    struct fake_timer *first = NULL;
    *left = 1000;
    for (struct fake_timer *t = service.running; t != NULL; t = t->next) {
        if (first == NULL || (int32_t)(t->due - first->due) < 0) {
            first = t;
        }
    }
    if (first != NULL && (int32_t)(first->due - now) > 0) {
        *left = first->due - now < *left ? first->due - now : *left;
        first = NULL;
    }
    return first;
}

static void step(void)
{
    TickType_t left;
    struct fake_timer *due = find_due(xTaskGetTickCount(), &left);
    if (due != NULL) {
        remove_timer(due);
        (void)pthread_mutex_unlock(&service.lock);
        due->fn(due);
        (void)pthread_mutex_lock(&service.lock);
    } else if (service.count > 0) {
        const struct message m = service.queue[0];
        service.count--;
        for (unsigned i = 0; i < service.count; i++) {
            service.queue[i] = service.queue[i + 1];
        }
        (void)pthread_cond_broadcast(&service.changed);
        obey(m);
    } else {
        const struct timespec until = fake_deadline(left);
        (void)pthread_cond_timedwait(&service.changed, &service.lock, &until);
    }
}

static void service_main(void *unused)
{
    (void)unused;
    (void)pthread_mutex_lock(&service.lock);
    for (;;) {
        step();
    }
}

void fake_start_timer_task(void)
{
    fake_cond_init(&service.changed);
    service.task = (TaskHandle_t)(void *)&service.memory; // which it is going to be
    (void)xTaskCreateStatic(service_main, "Tmr Svc", 8, NULL, configMAX_PRIORITIES - 1,
                            service.stack, &service.memory);
}

TaskHandle_t xTimerGetTimerDaemonTaskHandle(void)
{
    return service.task;
}

static BaseType_t post(struct message m, TickType_t ticks)
{
    fake_assert_may_wait();
    KERNEL_ASSERT(ticks == 0 ||
                  (ticks == portMAX_DELAY && xTaskGetCurrentTaskHandle() != service.task));
    m.sent = xTaskGetTickCount();
    (void)pthread_mutex_lock(&service.lock);
    while (service.count == configTIMER_QUEUE_LENGTH && ticks != 0) {
        (void)pthread_cond_wait(&service.changed, &service.lock);
    }
    const bool fits = service.count < configTIMER_QUEUE_LENGTH;
    if (fits) {
        service.queue[service.count++] = m;
        (void)pthread_cond_broadcast(&service.changed);
    }
    (void)pthread_mutex_unlock(&service.lock);
    return fits ? pdPASS : pdFAIL;
}

TimerHandle_t xTimerCreateStatic(const char *name, TickType_t period, BaseType_t reloads, void *id,
                                 TimerCallbackFunction_t fn, StaticTimer_t *memory)
{
    struct fake_timer *timer = (struct fake_timer *)(void *)memory;
    KERNEL_ASSERT(name != NULL && period > 0 && reloads == pdFALSE);
    *timer = (struct fake_timer){.fn = fn, .id = id};
    return timer;
}

void *pvTimerGetTimerID(TimerHandle_t timer)
{
    return timer->id;
}

BaseType_t xTimerChangePeriod(TimerHandle_t timer, TickType_t period, TickType_t ticks)
{
    KERNEL_ASSERT(period > 0);
    return post((struct message){.command = CHANGE, .timer = timer, .period = period}, ticks);
}

BaseType_t xTimerStop(TimerHandle_t timer, TickType_t ticks)
{
    return post((struct message){.command = STOP, .timer = timer}, ticks);
}

BaseType_t xTimerDelete(TimerHandle_t timer, TickType_t ticks)
{
    return post((struct message){.command = DELETE, .timer = timer}, ticks);
}

BaseType_t xTimerPendFunctionCall(PendedFunction_t fn, void *arg, uint32_t number, TickType_t ticks)
{
    return post((struct message){.command = CALL, .fn = fn, .arg = arg, .number = number}, ticks);
}
