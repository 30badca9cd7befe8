// SPDX-License-Identifier: Apache-2.0
// Running the collectors: a few worker tasks (or the super-loop) take whichever is due. A collector
// that hangs keeps its worker; the watch reports it and puts another worker in its place. One that
// fails backs off. Neither stops the others.
//
// Locking: sched_lock for jobs; a collector's own callbacks run without any lock, one at a time.
#include "host_state.h"
#include "text.h"

// Longest sleep of a worker, so that stopping never waits for a long interval.
#define WORKER_SLEEP_MS 60000
// How long a running collector is waited for at shutdown.
#define STOP_PATIENCE_MS 3000

static int init_collector(struct varve_host *host, struct varve_collector *collector)
{
    const struct varve_plugin *plugin = collector->conf->plugin;
    struct varve_instance *instance = &collector->instance;
    *instance = (struct varve_instance){.plugin = plugin,
                                        .name = collector->conf->name,
                                        .host = host,
                                        .options = collector->conf->options};
    instance->state = varve_arena_take_zeroed(&host->arena, 1, plugin->state_size);
    if (instance->state == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    int rc = plugin->collector->init(instance);
    collector->ready = rc == 0;
    if (rc != 0) {
        const char *reason = varve_instance_reason(instance)->text;
        varve_log(VARVE_WARNING, collector->conf->name, "disabled: %s%s%s", varve_strerror(rc),
                  reason[0] != '\0' ? ": " : "", reason);
    }
    return rc == VARVE_E_NO_MEMORY ? rc : 0;
}

static int64_t interval_of(const struct varve_host *host, const struct varve_instance_conf *conf)
{
    if (conf->interval_ms > 0) {
        return conf->interval_ms;
    }
    return conf->plugin->default_interval_ms > 0 ? conf->plugin->default_interval_ms
                                                 : host->tiers[0].step_ms;
}

int varve_collectors_init(struct varve_host *host)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < host->conf->instance_count; i++) {
        const struct varve_instance_conf *conf = &host->conf->instances[i];
        if (!conf->enabled || conf->plugin->kind != VARVE_COLLECTOR) {
            continue;
        }
        size_t index = host->collector_count++;
        host->collectors[index].conf = conf;
        rc = init_collector(host, &host->collectors[index]);
        if (host->collectors[index].ready) {
            host->jobs[index].interval_ms = interval_of(host, conf);
            host->jobs[index].deadline_ms = conf->deadline_ms;
            varve_job_start(&host->jobs[index], varve_port_boot_ms(), host->timebase.offset_ms);
        }
    }
    return rc;
}

// ---- running ------------------------------------------------------------------------------------

static void report_result(struct varve_host *host, struct varve_collector *collector, int rc)
{
    if (rc != 0 && !collector->failing) {
        varve_event_add(host, VARVE_WARNING, collector->conf->name, "collector_failed", false, 0,
                        NULL, "%s: %s", varve_strerror(rc),
                        varve_instance_reason(&collector->instance)->text);
    } else if (rc == 0 && collector->failing) {
        varve_event_add(host, VARVE_NOTICE, collector->conf->name, "collector_ok", false, 0, NULL,
                        "works again");
    }
    collector->failing = rc != 0;
}

// The job is marked as running, so nobody else touches this collector.
static void run_collector(struct varve_host *host, size_t index, int64_t grid_ms)
{
    struct varve_collector *collector = &host->collectors[index];
    collector->instance.due_boot_ms = grid_ms;
    uint64_t began_us = varve_port_mono_us();
    int rc = collector->instance.plugin->collector->collect(&collector->instance);
    uint64_t took_us = varve_port_mono_us() - began_us;
    report_result(host, collector, rc);

    varve_port_mutex_lock(&host->sched_lock);
    collector->last_us = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
    if (collector->last_us > collector->max_us) {
        collector->max_us = collector->last_us;
    }
    varve_job_end(&host->jobs[index], varve_port_boot_ms(), rc == 0);
    varve_port_mutex_unlock(&host->sched_lock);
    varve_port_signal_raise(&host->keeper_wake);
}

static void arm_watch(struct varve_host *host, const struct varve_job *job)
{
    if (host->threaded && job->deadline_ms > 0) {
        (void)varve_port_timer_start(&host->watch, job->deadline_ms + 1); // only a report is lost
    }
}

int64_t varve_collectors_run(struct varve_host *host, int64_t now_ms)
{
    for (;;) {
        int64_t due_ms, grid_ms = 0;
        varve_port_mutex_lock(&host->sched_lock);
        struct varve_job *job = varve_sched_first(host->jobs, host->collector_count, &due_ms);
        bool due = job != NULL && due_ms <= now_ms;
        if (due) {
            grid_ms = varve_job_begin(job, now_ms);
            arm_watch(host, job);
        }
        varve_port_mutex_unlock(&host->sched_lock);
        if (!due) {
            return due_ms;
        }
        run_collector(host, (size_t)(job - host->jobs), grid_ms);
    }
}

static void worker_task(void *arg)
{
    struct varve_worker *worker = arg;
    struct varve_host *host = worker->host;
    while (!atomic_load(&host->stopping)) {
        int64_t now_ms = varve_port_boot_ms();
        int64_t due_ms = varve_collectors_run(host, now_ms);
        int64_t sleep_ms = due_ms > now_ms + WORKER_SLEEP_MS ? WORKER_SLEEP_MS : due_ms - now_ms;
        (void)varve_port_signal_wait(&worker->wake, sleep_ms); // raised only to stop
    }
}

static int start_worker(struct varve_host *host)
{
    struct varve_worker *worker = &host->workers[host->worker_count];
    *worker = (struct varve_worker){.host = host};
    int rc = varve_port_signal_init(&worker->wake);
    rc = rc == 0 ? varve_port_task_start(&worker->task, "collect", worker_task, worker, 0) : rc;
    worker->running = rc == 0;
    host->worker_count += rc == 0;
    return rc;
}

static void watch_expired(void *arg)
{
    struct varve_host *host = arg;
    varve_port_signal_raise(&host->keeper_wake); // the keeper looks: a timer must not block
}

int varve_collectors_start(struct varve_host *host)
{
    int rc = varve_port_timer_init(&host->watch, watch_expired, host);
    for (int64_t i = 0; rc == 0 && i < host->conf->settings.workers; i++) {
        rc = start_worker(host);
    }
    return rc;
}

void varve_collectors_watch(struct varve_host *host, int64_t now_ms)
{
    int64_t next_ms;
    for (;;) {
        varve_port_mutex_lock(&host->sched_lock);
        struct varve_job *job =
            varve_sched_overdue(host->jobs, host->collector_count, now_ms, &next_ms);
        varve_port_mutex_unlock(&host->sched_lock);
        if (job == NULL) {
            break;
        }
        const struct varve_collector *collector = &host->collectors[job - host->jobs];
        varve_event_add(host, VARVE_ERROR, collector->conf->name, "collector_hung", true,
                        (double)collector->conf->deadline_ms / 1000, NULL,
                        "has not come back within its deadline; the others go on");
        if (host->threaded && host->worker_count < VARVE_MAX_WORKERS) {
            (void)start_worker(host); // without it the remaining workers go on
        }
    }
    if (host->threaded && next_ms != INT64_MAX) {
        (void)varve_port_timer_start(&host->watch, next_ms - now_ms + 1);
    }
}

int varve_collectors_stop(struct varve_host *host)
{
    bool stuck = false;
    if (host->threaded) {
        varve_port_timer_stop(&host->watch);
    }
    for (size_t i = 0; i < host->worker_count; i++) {
        varve_port_signal_raise(&host->workers[i].wake);
    }
    for (size_t i = 0; i < host->worker_count; i++) {
        if (varve_port_task_join(&host->workers[i].task, STOP_PATIENCE_MS) != 0) {
            stuck = true;
            varve_log(VARVE_ERROR, "host", "a collector does not come back; going on without it");
        } else {
            varve_port_signal_destroy(&host->workers[i].wake);
        }
    }
    for (size_t i = 0; i < host->collector_count && !stuck; i++) {
        struct varve_collector *collector = &host->collectors[i];
        if (collector->ready && collector->instance.plugin->collector->exit != NULL) {
            collector->instance.plugin->collector->exit(&collector->instance);
        }
    }
    if (host->threaded) {
        varve_port_timer_destroy(&host->watch);
    }
    host->worker_count = 0;
    return stuck ? VARVE_E_TIMEOUT : 0;
}
