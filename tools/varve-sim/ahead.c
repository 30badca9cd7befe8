// SPDX-License-Identifier: Apache-2.0
// The thread that makes rows ahead; see ahead.h.
#include "ahead.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double thread_cpu_s(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); // cannot fail for this clock
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

// Waits for a block that has been read; false at the end.
static bool wait_for_room(struct ahead *ahead)
{
    (void)pthread_mutex_lock(&ahead->lock); // a plain mutex of our own: it cannot fail
    while (ahead->made - ahead->taken == AHEAD_BLOCKS && !ahead->stopping) {
        (void)pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    const bool stopping = ahead->stopping;
    (void)pthread_mutex_unlock(&ahead->lock);
    return !stopping;
}

static void *make_blocks(void *arg)
{
    struct ahead *ahead = arg;
    while (wait_for_room(ahead)) {
        double *block = ahead->blocks[ahead->made % AHEAD_BLOCKS]; // only this thread adds to it
        for (size_t i = 0; i < AHEAD_ROWS; i++) {
            workload_next(ahead->workload, block + i * ahead->width);
        }
        (void)pthread_mutex_lock(&ahead->lock);
        ahead->made++;
        ahead->cpu_s = thread_cpu_s();
        (void)pthread_cond_signal(&ahead->changed);
        (void)pthread_mutex_unlock(&ahead->lock);
    }
    return NULL;
}

int ahead_open(struct ahead *ahead, struct workload *workload)
{
    memset(ahead, 0, sizeof *ahead);
    ahead->workload = workload;
    ahead->width = 3 * workload->resources;
    for (size_t i = 0; i < AHEAD_BLOCKS; i++) {
        ahead->blocks[i] = malloc(AHEAD_ROWS * ahead->width * sizeof(double));
        if (ahead->blocks[i] == NULL) {
            return ENOMEM;
        }
    }
    int rc = pthread_mutex_init(&ahead->lock, NULL);
    rc = rc == 0 ? pthread_cond_init(&ahead->changed, NULL) : rc;
    rc = rc == 0 ? pthread_create(&ahead->thread, NULL, make_blocks, ahead) : rc;
    ahead->running = rc == 0;
    return rc;
}

// Gives back the block that has been read and waits for the next one to be made.
static void turn(struct ahead *ahead, bool first)
{
    (void)pthread_mutex_lock(&ahead->lock);
    ahead->taken += first ? 0 : 1;
    (void)pthread_cond_signal(&ahead->changed);
    while (ahead->made == ahead->taken) {
        (void)pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    (void)pthread_mutex_unlock(&ahead->lock);
}

const double *ahead_next(struct ahead *ahead)
{
    if (ahead->row % AHEAD_ROWS == 0) {
        turn(ahead, ahead->row == 0);
    }
    const size_t block = ahead->row / AHEAD_ROWS % AHEAD_BLOCKS;
    return ahead->blocks[block] + ahead->row++ % AHEAD_ROWS * ahead->width;
}

double ahead_cpu_s(struct ahead *ahead)
{
    if (!ahead->running) {
        return 0;
    }
    (void)pthread_mutex_lock(&ahead->lock);
    const double cpu_s = ahead->cpu_s;
    (void)pthread_mutex_unlock(&ahead->lock);
    return cpu_s;
}

void ahead_close(struct ahead *ahead)
{
    if (ahead->running) {
        (void)pthread_mutex_lock(&ahead->lock);
        ahead->stopping = true;
        (void)pthread_cond_signal(&ahead->changed);
        (void)pthread_mutex_unlock(&ahead->lock);
        (void)pthread_join(ahead->thread, NULL);
        (void)pthread_cond_destroy(&ahead->changed);
        (void)pthread_mutex_destroy(&ahead->lock);
    }
    for (size_t i = 0; i < AHEAD_BLOCKS; i++) {
        free(ahead->blocks[i]);
    }
    memset(ahead, 0, sizeof *ahead);
}
