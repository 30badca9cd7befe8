// SPDX-License-Identifier: Apache-2.0
// The tasks that run collectors: as many as `workers` says, and one more for each collector that
// hangs right now. Since a collector runs once at a time, there are at most as many spare workers
// as collectors, and however many hang, `workers` tasks are left for the others. When one comes
// back, a worker is too many and ends.
//
// Owns the slots of the workers. Leaves what a worker does to collect.c.
//
// Threading: slots are filled and emptied by the keeper's task, and by start and stop while there
// is no keeper. sched_lock: which slots have a worker in them, and how many there are.
#include "host_state.h"

// Longest sleep of a worker, so that stopping never waits for a long interval.
#define WORKER_SLEEP_MS 60000
// How long all running collectors together are waited for at shutdown.
#define STOP_PATIENCE_MS 3000

_Static_assert(sizeof((struct varve_host *)0)->workers / sizeof(struct varve_worker) >=
                   VARVE_MAX_WORKERS + VARVE_MAX_INSTANCES,
               "every collector may hang");

// Under sched_lock, like the next.
static size_t wanted_workers(const struct varve_host *host)
{
    return (size_t)host->conf->settings.workers +
           varve_sched_hung(host->jobs, host->collector_count);
}

static void wake_all(struct varve_host *host)
{
    for (size_t i = 0; i < VARVE_WORKER_SLOTS; i++) {
        if (host->workers[i].state == VARVE_WORKER_RUNS) {
            varve_port_signal_raise(&host->workers[i].wake);
        }
    }
}

// Whether this worker is too many now that a collector has come back. The others have not seen when
// that one is due again: they look once more.
static bool retires(struct varve_worker *worker)
{
    struct varve_host *host = worker->host;
    varve_port_mutex_lock(&host->sched_lock);
    bool surplus = worker->state == VARVE_WORKER_RUNS && host->live_workers > wanted_workers(host);
    if (surplus) {
        worker->state = VARVE_WORKER_ENDS;
        host->live_workers--;
        wake_all(host);
    }
    varve_port_mutex_unlock(&host->sched_lock);
    return surplus;
}

static void worker_task(void *arg)
{
    struct varve_worker *worker = arg;
    struct varve_host *host = worker->host;
    while (!atomic_load(&host->stopping) && !retires(worker)) {
        int64_t now_ms = varve_port_boot_ms();
        int64_t due_ms = varve_collectors_run(host, now_ms);
        int64_t sleep_ms = due_ms > now_ms + WORKER_SLEEP_MS ? WORKER_SLEEP_MS : due_ms - now_ms;
        (void)varve_port_signal_wait(&worker->wake, sleep_ms); // raised to look again, or to stop
    }
}

static void set_state(struct varve_worker *worker, enum varve_worker_state state)
{
    struct varve_host *host = worker->host;
    varve_port_mutex_lock(&host->sched_lock);
    worker->state = state;
    host->live_workers += state == VARVE_WORKER_RUNS;
    varve_port_mutex_unlock(&host->sched_lock);
}

static struct varve_worker *find_state(struct varve_host *host, enum varve_worker_state state)
{
    struct varve_worker *found = NULL;
    varve_port_mutex_lock(&host->sched_lock);
    for (size_t i = 0; i < VARVE_WORKER_SLOTS && found == NULL; i++) {
        found = host->workers[i].state == state ? &host->workers[i] : NULL;
    }
    varve_port_mutex_unlock(&host->sched_lock);
    return found;
}

// Those that end are done with everything but returning.
static void collect_ended(struct varve_host *host)
{
    struct varve_worker *worker;
    while ((worker = find_state(host, VARVE_WORKER_ENDS)) != NULL) {
        (void)varve_port_task_join(&worker->task, -1); // at once
        varve_port_signal_destroy(&worker->wake);
        set_state(worker, VARVE_WORKER_FREE);
    }
}

static int start_worker(struct varve_host *host)
{
    collect_ended(host);
    struct varve_worker *worker = find_state(host, VARVE_WORKER_FREE);
    if (worker == NULL) {
        return VARVE_E_FULL; // never, by the number of slots
    }
    worker->host = host;
    int rc = varve_port_signal_init(&worker->wake);
    if (rc != 0) {
        return rc;
    }
    set_state(worker, VARVE_WORKER_RUNS); // before it looks whether it is too many
    rc = varve_port_task_start(&worker->task, "collect", worker_task, worker, 0);
    if (rc != 0) {
        varve_port_mutex_lock(&host->sched_lock);
        worker->state = VARVE_WORKER_FREE;
        host->live_workers--;
        varve_port_mutex_unlock(&host->sched_lock);
        varve_port_signal_destroy(&worker->wake);
    }
    return rc;
}

static bool wants_more(struct varve_host *host)
{
    varve_port_mutex_lock(&host->sched_lock);
    bool more = host->live_workers < wanted_workers(host);
    varve_port_mutex_unlock(&host->sched_lock);
    return more;
}

int varve_workers_start(struct varve_host *host)
{
    int rc = 0;
    while (rc == 0 && wants_more(host)) {
        rc = start_worker(host);
    }
    return rc;
}

void varve_workers_replace(struct varve_host *host)
{
    if (!host->threaded) {
        return;
    }
    int rc = varve_workers_start(host);
    if (rc != 0 && !host->workers_failing) {
        varve_log(VARVE_ERROR, "host",
                  "cannot start a task in the place of a hanging collector: %s; tried again",
                  varve_strerror(rc));
    }
    host->workers_failing = rc != 0;
}

int varve_workers_stop(struct varve_host *host)
{
    bool stuck = false;
    struct varve_worker *worker;
    collect_ended(host);
    varve_port_mutex_lock(&host->sched_lock);
    wake_all(host);
    varve_port_mutex_unlock(&host->sched_lock);
    int64_t end_ms = varve_port_boot_ms() + STOP_PATIENCE_MS;
    while ((worker = find_state(host, VARVE_WORKER_RUNS)) != NULL) {
        int64_t left_ms = end_ms - varve_port_boot_ms();
        if (varve_port_task_join(&worker->task, left_ms > 0 ? left_ms : 0) == 0) {
            varve_port_signal_destroy(&worker->wake);
        } else {
            stuck = true;
            varve_log(VARVE_ERROR, "host", "a collector does not come back; going on without it");
        }
        set_state(worker, VARVE_WORKER_FREE);
    }
    collect_ended(host);
    host->live_workers = 0;
    return stuck ? VARVE_E_TIMEOUT : 0;
}
