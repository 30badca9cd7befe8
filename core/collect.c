// SPDX-License-Identifier: Apache-2.0
// Running the collectors: worker tasks (workers.c) or the super-loop take whichever is due. A run
// that passes its deadline is reported while it lasts, and its end is, too. One that fails or hangs
// backs off. Neither stops the others.
//
// Locking: sched_lock for jobs; a collector's own callbacks run without any lock, one at a time.
#include "host_state.h"
#include "text.h"

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
    host->series_owner = varve_arena_take_zeroed(&host->arena, host->series.cap, 1);
    int rc = host->series_owner != NULL ? 0 : VARVE_E_NO_MEMORY;
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

static void report_return(struct varve_host *host, const struct varve_collector *collector,
                          int64_t took_ms)
{
    varve_event_add(host, VARVE_NOTICE, collector->conf->name, "collector_back", true,
                    (double)took_ms / 1000, NULL, "came back after %lld s",
                    (long long)(took_ms / 1000));
}

// The job is marked as running, so nobody else touches this collector.
static void run_collector(struct varve_host *host, size_t index, int64_t grid_ms)
{
    struct varve_collector *collector = &host->collectors[index];
    collector->instance.due_boot_ms = grid_ms;
    collector->run_samples = 0;
    uint64_t began_us = varve_port_mono_us();
    int rc = collector->instance.plugin->collector->collect(&collector->instance);
    uint64_t took_us = varve_port_mono_us() - began_us;
    report_result(host, collector, rc);

    varve_port_mutex_lock(&host->sched_lock);
    collector->last_us = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
    if (collector->last_us > collector->max_us) {
        collector->max_us = collector->last_us;
    }
    struct varve_job *job = &host->jobs[index];
    int64_t now_ms = varve_port_boot_ms(), took_ms = now_ms - job->started_ms;
    bool hung = job->hung;
    varve_job_end(job, now_ms, rc == 0);
    varve_port_mutex_unlock(&host->sched_lock);
    if (hung) {
        report_return(host, collector, took_ms);
    }
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
    }
    if (host->threaded && next_ms != INT64_MAX) {
        (void)varve_port_timer_start(&host->watch, next_ms - now_ms + 1);
    }
}

static void watch_expired(void *arg)
{
    struct varve_host *host = arg;
    varve_port_signal_raise(&host->keeper_wake); // the keeper looks: a timer must not block
}

int varve_collectors_start(struct varve_host *host)
{
    int rc = varve_port_timer_init(&host->watch, watch_expired, host);
    return rc == 0 ? varve_workers_start(host) : rc;
}

int varve_collectors_stop(struct varve_host *host)
{
    if (host->threaded) {
        varve_port_timer_stop(&host->watch);
    }
    int rc = varve_workers_stop(host);
    for (size_t i = 0; i < host->collector_count && rc == 0; i++) {
        struct varve_collector *collector = &host->collectors[i];
        if (collector->ready && collector->instance.plugin->collector->exit != NULL) {
            collector->instance.plugin->collector->exit(&collector->instance);
        }
    }
    if (host->threaded) {
        varve_port_timer_destroy(&host->watch);
    }
    return rc;
}

// ---- figures ------------------------------------------------------------------------------------

uint64_t varve_collectors_failures(struct varve_host *host)
{
    uint64_t failures = 0;
    varve_port_mutex_lock(&host->sched_lock);
    for (size_t i = 0; i < host->collector_count; i++) {
        failures += host->jobs[i].failures;
    }
    varve_port_mutex_unlock(&host->sched_lock);
    return failures;
}

const struct varve_plugin *varve_collector_plugin(const struct varve_host *host, size_t index)
{
    return host->collectors[index].conf->plugin;
}

static const char *collector_state(const struct varve_collector *collector,
                                   const struct varve_job *job)
{
    if (!collector->ready) {
        return "disabled";
    }
    if (job->running && job->hung) {
        return "hung";
    }
    return job->failures_in_row > 0 ? "failing" : "running";
}

void varve_collector_stats(struct varve_host *host, size_t index, struct varve_instance_stats *out)
{
    struct varve_collector *collector = &host->collectors[index];
    struct varve_job *job = &host->jobs[index];
    varve_port_mutex_lock(&host->sched_lock);
    const char *state = collector_state(collector, job);
    (void)varve_format(out->name, sizeof out->name, "%s", collector->conf->name);
    (void)varve_format(out->state, sizeof out->state, "%s", state);
    const bool failed = job->failures_in_row > 0 && !job->running; // or a run may be writing it
    if (failed || !collector->ready) {
        (void)varve_format(out->reason, sizeof out->reason, "%s", collector->reason.text);
    }
    out->interval_ms = job->interval_ms;
    out->runs = job->runs;
    out->failures = job->failures;
    out->last_us = collector->last_us;
    out->max_us = collector->max_us;
    varve_port_mutex_unlock(&host->sched_lock);
    varve_port_mutex_lock(&host->series_lock);
    out->series = collector->series;
    varve_port_mutex_unlock(&host->series_lock);
    out->refused_series = atomic_load(&collector->refused_series);
    out->refused_samples = atomic_load(&collector->refused_samples);
}
