// SPDX-License-Identifier: Apache-2.0
// When each collector is due; see sched.h.
#include "sched.h"

// Smallest value >= t that is congruent to -offset modulo the interval: Unix time on the grid.
static int64_t align_up(int64_t t, int64_t offset_ms, int64_t interval_ms)
{
    int64_t phase = (t + offset_ms) % interval_ms;
    if (phase < 0) {
        phase += interval_ms;
    }
    return phase == 0 ? t : t + interval_ms - phase;
}

void varve_job_start(struct varve_job *job, int64_t now_ms, int64_t offset_ms)
{
    job->enabled = true;
    job->due_ms = align_up(now_ms, offset_ms, job->interval_ms);
}

struct varve_job *varve_sched_first(struct varve_job *jobs, size_t count, int64_t *due_ms)
{
    struct varve_job *first = NULL;
    *due_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].enabled && !jobs[i].running && jobs[i].due_ms < *due_ms) {
            first = &jobs[i];
            *due_ms = first->due_ms;
        }
    }
    return first;
}

int64_t varve_job_begin(struct varve_job *job, int64_t now_ms)
{
    job->running = true;
    job->hung = false;
    job->started_ms = now_ms;
    job->runs++;
    // A late start belongs to the newest grid time that has passed.
    int64_t late = (now_ms - job->due_ms) / job->interval_ms;
    if (late > 0) {
        job->skipped += (uint64_t)late;
        job->due_ms += late * job->interval_ms;
    }
    return job->due_ms;
}

static unsigned backoff(const struct varve_job *job)
{
    return job->failures_in_row < VARVE_SCHED_MAX_BACKOFF ? job->failures_in_row
                                                          : VARVE_SCHED_MAX_BACKOFF;
}

void varve_job_end(struct varve_job *job, int64_t now_ms, bool ok)
{
    job->running = false;
    bool failed = !ok || job->hung;
    job->failures_in_row = failed ? job->failures_in_row + 1 : 0;
    job->failures += failed;
    job->due_ms += job->interval_ms << backoff(job);
    if (job->due_ms <= now_ms) {
        int64_t missed = (now_ms - job->due_ms) / job->interval_ms + 1;
        job->skipped += (uint64_t)missed;
        job->due_ms += missed * job->interval_ms;
    }
}

struct varve_job *varve_sched_overdue(struct varve_job *jobs, size_t count, int64_t now_ms,
                                      int64_t *next_ms)
{
    *next_ms = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        struct varve_job *job = &jobs[i];
        if (!job->running || job->hung || job->deadline_ms == 0) {
            continue;
        }
        int64_t limit = job->started_ms + job->deadline_ms;
        if (limit <= now_ms) {
            job->hung = true;
            return job;
        }
        *next_ms = limit < *next_ms ? limit : *next_ms;
    }
    return NULL;
}

size_t varve_sched_hung(const struct varve_job *jobs, size_t count)
{
    size_t hung = 0;
    for (size_t i = 0; i < count; i++) {
        hung += jobs[i].running && jobs[i].hung;
    }
    return hung;
}
