// SPDX-License-Identifier: Apache-2.0
// Tasks of the POSIX port: threads with small, explicit stacks, joined with a time limit.
//
// Threading: a task's storage belongs to whoever started it; start and join from one task.
#include "internal.h"

#include <assert.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define STACK_DEFAULT  (128u * 1024u)
#define STACK_MIN      (16u * 1024u) // where the system names no minimum
#define TASK_NAME_TEXT 16u           // the kernel's limit, final NUL included

// Instrumented code needs several times the stack.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_FACTOR 4u
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STACK_FACTOR 4u
#endif
#endif
#ifndef STACK_FACTOR
#define STACK_FACTOR 1u
#endif

// `ended` and not pthread_timedjoin_np(): that one runs on the wall clock, which may step.
struct task {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    void (*fn)(void *arg);
    void *arg;
    bool ended;
};

_Static_assert(sizeof(struct task) <= sizeof(union varve_port_object), "task does not fit");

static struct task *task_of(struct varve_port_task *t)
{
    return (struct task *)(void *)&t->o;
}

static size_t stack_size(size_t wanted)
{
    size_t least = STACK_MIN;
#ifdef PTHREAD_STACK_MIN
    least = (size_t)PTHREAD_STACK_MIN; // a call of sysconf() in newer C libraries
#endif
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = (wanted == 0 ? STACK_DEFAULT : wanted) * STACK_FACTOR;
    if (size < least)
        size = least;
    return (size + page - 1u) / page * page;
}

// Signals that a program's own fault raises stay with the thread at fault.
static void asynchronous_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    (void)sigfillset(set); // neither call fails with valid arguments
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        (void)sigdelset(set, own[i]);
}

int varve_posix_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                             void *(*fn)(void *arg), void *arg)
{
    if (strlen(name) >= TASK_NAME_TEXT)
        return VARVE_E_INVALID;
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    if (rc != 0)
        return varve_posix_fail(rc);
    rc = pthread_attr_setstacksize(&attr, stack_size(stack_bytes));
    if (rc == 0) {
        sigset_t block;
        sigset_t before;
        asynchronous_signals(&block);
        (void)pthread_sigmask(SIG_BLOCK, &block, &before); // valid arguments: cannot fail
        rc = pthread_create(thread, &attr, fn, arg);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    }
    (void)pthread_attr_destroy(&attr);
    if (rc != 0)
        return varve_posix_fail(rc);
    (void)pthread_setname_np(*thread, name); // for people who look; the task works without
    return VARVE_OK;
}

static void *task_main(void *self)
{
    struct task *task = self;
    task->fn(task->arg);
    (void)pthread_mutex_lock(&task->lock); // initialised and not held by this thread
    task->ended = true;
    (void)pthread_cond_signal(&task->cond);
    (void)pthread_mutex_unlock(&task->lock);
    return NULL;
}

static void task_release(struct task *task)
{
    (void)pthread_cond_destroy(&task->cond); // nobody waits and nobody holds the lock any more
    (void)pthread_mutex_destroy(&task->lock);
}

int varve_port_task_start(struct varve_port_task *t, const char *name, void (*fn)(void *arg),
                          void *arg, size_t stack_bytes)
{
    struct task *task = task_of(t);
    *task = (struct task){.fn = fn, .arg = arg};
    const int rc = pthread_mutex_init(&task->lock, NULL);
    if (rc != 0)
        return varve_posix_fail(rc);
    int err = varve_posix_cond_init(&task->cond);
    if (err != 0) {
        (void)pthread_mutex_destroy(&task->lock); // the first error is the one to report
        return err;
    }
    err = varve_posix_thread_start(&task->thread, name, stack_bytes, task_main, task);
    if (err != 0)
        task_release(task);
    return err;
}

static bool wait_ended(struct task *task, int64_t timeout_ms)
{
    const struct timespec until = varve_posix_timespec(varve_posix_deadline_ns(timeout_ms));
    int rc = 0;
    (void)pthread_mutex_lock(&task->lock);
    while (!task->ended && rc == 0) {
        if (timeout_ms < 0)
            rc = pthread_cond_wait(&task->cond, &task->lock);
        else
            rc = pthread_cond_timedwait(&task->cond, &task->lock, &until);
    }
    const bool ended = task->ended;
    (void)pthread_mutex_unlock(&task->lock);
    return ended;
}

int varve_port_task_join(struct varve_port_task *t, int64_t timeout_ms)
{
    struct task *task = task_of(t);
    if (!wait_ended(task, timeout_ms))
        return VARVE_E_TIMEOUT;
    const int rc = pthread_join(task->thread, NULL); // at most the few instructions after `ended`
    assert(rc == 0);
    (void)rc;
    task_release(task);
    return VARVE_OK;
}
