// SPDX-License-Identifier: Apache-2.0
// What the files of the POSIX port share. It must be the first include of each of them: it says
// which interfaces of the system are wanted.
//
// Threading: any task, unless a declaration says otherwise.
#ifndef VARVE_POSIX_INTERNAL_H
#define VARVE_POSIX_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#ifndef _TIME_BITS
#define _TIME_BITS 64
#endif

#include <pthread.h>
#include <time.h>

#include "varve/port.h"

// ---- errors (system.c)

// Keeps `native` (an errno value) for varve_port_native_error() and returns varve's code for it.
int varve_posix_fail(int native);

// ---- owners (path.c)

// For a file or directory that this process has just made: one that root made goes to whom its
// directory belongs to, so that a program run as root leaves nothing in a store that its daemon,
// under another user, cannot open. What a filesystem without owners refuses stays as it is.
void varve_posix_give_away(int fd, const char *path);

// ---- time (time.c)

// Nanoseconds on the monotonic clock.
int64_t varve_posix_mono_ns(void);
// The moment `delay_ms` from now on that clock; delays are limited to ten years.
int64_t varve_posix_deadline_ns(int64_t delay_ms);
struct timespec varve_posix_timespec(int64_t ns);

// ---- threads (lock.c, task.c)

// A condition variable whose timed waits run on the monotonic clock. Returns 0 or an error.
int varve_posix_cond_init(pthread_cond_t *cond);

// Starts a joinable thread with every asynchronous signal blocked, so that the main thread gets
// them. `name` has at most 15 characters. Returns 0 or an error.
int varve_posix_thread_start(pthread_t *thread, const char *name, size_t stack_bytes,
                             void *(*fn)(void *arg), void *arg);

#endif
