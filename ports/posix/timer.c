// SPDX-License-Identifier: Apache-2.0
// One-shot timers of the POSIX port: one service thread runs the callbacks of all timers, in order
// of their deadlines. It is started by the first varve_port_timer_start() and ends when the last
// timer is destroyed. Armed timers are chained through their own storage: nothing is allocated.
//
// Timers run on the monotonic clock: time in which the device sleeps does not count.
//
// Threading: any task. A callback may start or stop timers, its own included (stop() then only
// keeps it from running again), but must not destroy its own.
#include "internal.h"

#include <assert.h>

#define SERVICE_STACK (64u * 1024u)

struct timer {
    struct timer *next;
    void (*fn)(void *arg);
    void *arg;
    int64_t deadline_ns;
    bool armed;
};

_Static_assert(sizeof(struct timer) <= sizeof(union varve_port_object), "timer does not fit");

// One per process, as the clock is; guarded by its lock.
static struct {
    pthread_mutex_t lock;
    pthread_once_t once;
    pthread_cond_t changed; // the service thread waits here for timers and deadlines
    pthread_cond_t idle;    // stop() and destroy() wait here for the service thread
    int init_error;
    struct timer *armed;   // by deadline
    struct timer *running; // its callback is being called
    pthread_t thread;
    bool alive; // the service thread runs
    unsigned users;
} service = {.lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT};

static void service_init(void)
{
    service.init_error = varve_posix_cond_init(&service.changed);
    if (service.init_error == 0)
        service.init_error = varve_posix_cond_init(&service.idle);
}

// The lock is initialised and never taken twice: neither call can fail.
static void lock(void)
{
    (void)pthread_mutex_lock(&service.lock);
}

static void unlock(void)
{
    (void)pthread_mutex_unlock(&service.lock);
}

static struct timer *timer_of(struct varve_port_timer *t)
{
    return (struct timer *)(void *)&t->o;
}

static void disarm(struct timer *timer)
{
    if (!timer->armed)
        return;
    struct timer **at = &service.armed;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    timer->armed = false;
}

static void arm(struct timer *timer)
{
    struct timer **at = &service.armed;
    while (*at && (*at)->deadline_ns <= timer->deadline_ns)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    timer->armed = true;
}

static void run(struct timer *timer)
{
    disarm(timer);
    service.running = timer;
    unlock();
    timer->fn(timer->arg);
    lock();
    service.running = NULL;
    (void)pthread_cond_broadcast(&service.idle);
}

static void *service_main(void *unused)
{
    (void)unused;
    lock();
    while (service.users > 0) {
        struct timer *first = service.armed;
        if (!first) {
            (void)pthread_cond_wait(&service.changed, &service.lock);
        } else if (varve_posix_mono_ns() < first->deadline_ns) {
            const struct timespec until = varve_posix_timespec(first->deadline_ns);
            (void)pthread_cond_timedwait(&service.changed, &service.lock, &until);
        } else {
            run(first);
        }
    }
    service.alive = false;
    (void)pthread_cond_broadcast(&service.idle);
    unlock();
    return NULL;
}

// Called with the lock held, which the new thread waits for.
static int ensure_service(void)
{
    if (service.alive)
        return VARVE_OK;
    const int err =
        varve_posix_thread_start(&service.thread, "varve-timer", SERVICE_STACK, service_main, NULL);
    if (err != 0)
        return err;
    (void)pthread_detach(service.thread); // just started and not joined: cannot fail
    service.alive = true;
    return VARVE_OK;
}

int varve_port_timer_init(struct varve_port_timer *t, void (*fn)(void *arg), void *arg)
{
    (void)pthread_once(&service.once, service_init);
    if (service.init_error != 0)
        return service.init_error;
    *timer_of(t) = (struct timer){.fn = fn, .arg = arg};
    lock();
    service.users++;
    unlock();
    return VARVE_OK;
}

int varve_port_timer_start(struct varve_port_timer *t, int64_t delay_ms)
{
    struct timer *timer = timer_of(t);
    lock();
    const int err = ensure_service();
    if (err == 0) {
        disarm(timer);
        timer->deadline_ns = varve_posix_deadline_ns(delay_ms);
        arm(timer);
        if (service.armed == timer)
            (void)pthread_cond_signal(&service.changed);
    }
    unlock();
    return err;
}

// A callback that is waited for may start its timer again, so it is disarmed after each wait.
static void stop_locked(struct timer *timer)
{
    disarm(timer);
    while (service.running == timer && !pthread_equal(pthread_self(), service.thread)) {
        (void)pthread_cond_wait(&service.idle, &service.lock);
        disarm(timer);
    }
}

void varve_port_timer_stop(struct varve_port_timer *t)
{
    lock();
    stop_locked(timer_of(t));
    unlock();
}

void varve_port_timer_destroy(struct varve_port_timer *t)
{
    struct timer *timer = timer_of(t);
    lock();
    stop_locked(timer);
    assert(service.running != timer); // a callback that destroys its own timer
    service.users--;
    if (service.users == 0)
        (void)pthread_cond_signal(&service.changed);
    while (service.alive && service.users == 0)
        (void)pthread_cond_wait(&service.idle, &service.lock);
    unlock();
}
