// SPDX-License-Identifier: Apache-2.0
// Critical section, mutex and signal of the POSIX port, on pthreads.
//
// "Interrupt" has no counterpart here that is worth its price: a POSIX signal handler must not call
// these functions; it sets a flag or writes to a pipe, and a task does the rest.
//
// Threading: any task.
#include "internal.h"

#include <assert.h>

struct signal {
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool raised;
};

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(union varve_port_object), "mutex does not fit");
_Static_assert(sizeof(struct signal) <= sizeof(union varve_port_object), "signal does not fit");

// Only a mutex that is misused or not initialised fails: the programmer's mistake.
static void lock(pthread_mutex_t *m)
{
    const int rc = pthread_mutex_lock(m);
    assert(rc == 0);
    (void)rc;
}

static void unlock(pthread_mutex_t *m)
{
    const int rc = pthread_mutex_unlock(m);
    assert(rc == 0);
    (void)rc;
}

int varve_posix_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    if (rc != 0)
        return varve_posix_fail(rc);
    rc = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (rc == 0)
        rc = pthread_cond_init(cond, &attr);
    (void)pthread_condattr_destroy(&attr); // cannot fail on an initialised attribute
    return rc == 0 ? VARVE_OK : varve_posix_fail(rc);
}

// ---- critical section

static pthread_mutex_t critical = PTHREAD_MUTEX_INITIALIZER;

void varve_port_critical_enter(void)
{
    lock(&critical);
}

void varve_port_critical_exit(void)
{
    unlock(&critical);
}

// ---- mutex

static pthread_mutex_t *mutex_of(struct varve_port_mutex *m)
{
    return (pthread_mutex_t *)(void *)&m->o;
}

int varve_port_mutex_init(struct varve_port_mutex *m)
{
    const int rc = pthread_mutex_init(mutex_of(m), NULL);
    return rc == 0 ? VARVE_OK : varve_posix_fail(rc);
}

void varve_port_mutex_lock(struct varve_port_mutex *m)
{
    lock(mutex_of(m));
}

void varve_port_mutex_unlock(struct varve_port_mutex *m)
{
    unlock(mutex_of(m));
}

void varve_port_mutex_destroy(struct varve_port_mutex *m)
{
    const int rc = pthread_mutex_destroy(mutex_of(m));
    assert(rc == 0);
    (void)rc;
}

// ---- signal

static struct signal *signal_of(struct varve_port_signal *s)
{
    return (struct signal *)(void *)&s->o;
}

int varve_port_signal_init(struct varve_port_signal *s)
{
    struct signal *sig = signal_of(s);
    sig->raised = false;
    const int rc = pthread_mutex_init(&sig->lock, NULL);
    if (rc != 0)
        return varve_posix_fail(rc);
    const int err = varve_posix_cond_init(&sig->cond);
    if (err != 0)
        (void)pthread_mutex_destroy(&sig->lock); // the first error is the one to report
    return err;
}

void varve_port_signal_raise(struct varve_port_signal *s)
{
    struct signal *sig = signal_of(s);
    lock(&sig->lock);
    if (!sig->raised) {
        sig->raised = true;
        (void)pthread_cond_signal(&sig->cond); // cannot fail on an initialised condition
    }
    unlock(&sig->lock);
}

int varve_port_signal_wait(struct varve_port_signal *s, int64_t timeout_ms)
{
    struct signal *sig = signal_of(s);
    const struct timespec until = varve_posix_timespec(varve_posix_deadline_ns(timeout_ms));
    int rc = 0;
    lock(&sig->lock);
    while (!sig->raised && rc == 0) {
        if (timeout_ms < 0)
            rc = pthread_cond_wait(&sig->cond, &sig->lock);
        else
            rc = pthread_cond_timedwait(&sig->cond, &sig->lock, &until);
    }
    const bool raised = sig->raised;
    sig->raised = false;
    unlock(&sig->lock);
    return raised ? VARVE_OK : VARVE_E_TIMEOUT;
}

void varve_port_signal_destroy(struct varve_port_signal *s)
{
    struct signal *sig = signal_of(s);
    (void)pthread_cond_destroy(&sig->cond); // fails only while somebody waits
    const int rc = pthread_mutex_destroy(&sig->lock);
    assert(rc == 0);
    (void)rc;
}
