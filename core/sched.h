// SPDX-License-Identifier: Apache-2.0
// The scheduler: when each collector is due. Passive: it keeps times, somebody else runs the jobs.
//
// A job is due on a grid of its interval, aligned to Unix time where that is known, and a run
// belongs to its grid time however late it starts; missed grid times are skipped and counted. A
// job that fails or passes its deadline backs off: its interval doubles with every such run in a
// row, up to 64-fold.
//
// The caller locks.
#ifndef VARVE_CORE_SCHED_H
#define VARVE_CORE_SCHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VARVE_SCHED_MAX_BACKOFF 6u // doublings

struct varve_job {
    bool enabled;
    bool running;
    bool hung; // reported as hung in this run
    int64_t interval_ms;
    int64_t deadline_ms; // longest run that is not reported; 0: none
    int64_t due_ms;      // boot time of the next run's grid time
    int64_t started_ms;  // boot time at which the current run started
    uint32_t failures_in_row;
    uint64_t runs;
    uint64_t failures; // failed and hung runs
    uint64_t skipped;  // grid times that passed without a run
};

// Puts the job on the grid of Unix time (offset_ms: Unix - boot time); first due at or after now.
void varve_job_start(struct varve_job *job, int64_t now_ms, int64_t offset_ms);

// The job that is due first and not running, or NULL. *due_ms: its time (INT64_MAX if none).
struct varve_job *varve_sched_first(struct varve_job *jobs, size_t count, int64_t *due_ms);

// Marks a due job as running; returns the grid time of this run.
int64_t varve_job_begin(struct varve_job *job, int64_t now_ms);

// Ends a run and sets the next grid time after now.
void varve_job_end(struct varve_job *job, int64_t now_ms, bool ok);

// Marks the next running job that has passed its deadline, and was not reported in this run, as
// hung; NULL when there is none. *next_ms: boot time of the next deadline (INT64_MAX if none).
struct varve_job *varve_sched_overdue(struct varve_job *jobs, size_t count, int64_t now_ms,
                                      int64_t *next_ms);

// How many jobs hang right now.
size_t varve_sched_hung(const struct varve_job *jobs, size_t count);

#endif
