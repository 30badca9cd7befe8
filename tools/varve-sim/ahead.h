// SPDX-License-Identifier: Apache-2.0
// Rows of the synthetic workload, made ahead by a thread of its own while the host lives through
// those before.
//
// The rows are the workload's, in its order, whatever the threads' timing: blocks of AHEAD_ROWS are
// handed over one after the other, each made whole before it is lent and read to its end before it
// is made anew.
//
// Threading: open, next and close from one task; `workload` belongs to the thread in between.
#ifndef VARVE_SIM_AHEAD_H
#define VARVE_SIM_AHEAD_H

#include <pthread.h>
#include <stdbool.h>

#include "tools/bench/workload.h"

#define AHEAD_ROWS   256u
#define AHEAD_BLOCKS 4u

struct ahead {
    struct workload *workload;
    size_t width;                 // values in a row
    double *blocks[AHEAD_BLOCKS]; // each AHEAD_ROWS rows
    size_t row;                   // of the block that is being read, the next one to be lent
    pthread_t thread;
    bool running; // the thread was started
    pthread_mutex_t lock;
    pthread_cond_t changed;
    // Under the lock:
    size_t made, taken; // blocks, of all
    bool stopping;
    double cpu_s; // that the thread has spent
};

// Returns 0 or an errno.
int ahead_open(struct ahead *ahead, struct workload *workload);
// The next row, good until the next call.
const double *ahead_next(struct ahead *ahead);
// CPU time spent in making rows, in seconds.
double ahead_cpu_s(struct ahead *ahead);
// Also after a failed or no open, if *ahead is zero.
void ahead_close(struct ahead *ahead);

#endif
