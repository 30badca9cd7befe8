// SPDX-License-Identifier: Apache-2.0
// The keeper: the one task that owns everything behind the ring. It drains, lets windows close,
// wakes the backends, watches them and the collectors.
#include "host_state.h"

// Longest sleep: how late a clock step can be noticed, and how long samples stay in the ring.
#define KEEPER_SLEEP_MS 1000

static void keep_once(struct varve_host *host, int64_t now_ms)
{
    bool flush = atomic_exchange(&host->flush_wanted, false);
    uint32_t bytes;
    (void)varve_pipeline_drain(host); // the count does not matter here
    varve_pipeline_tick(host, now_ms, flush);
    varve_wear_tick(host, now_ms);
    varve_collectors_watch(host, now_ms);
    varve_workers_replace(host);
    varve_watchdog_tick(host);
    if (flush) {
        atomic_fetch_add(&host->flush_rounds, 1);
    }
    if (flush || varve_backends_pending(host, &bytes) > 0) {
        varve_backends_wake(host);
    }
}

static void keeper_task(void *arg)
{
    struct varve_host *host = arg;
    while (!atomic_load(&host->stopping)) {
        varve_beat(&host->keeper_beat);
        keep_once(host, varve_port_boot_ms());
        varve_beat_rest(&host->keeper_beat);
        varve_port_signal_raise(&host->progress);
        (void)varve_port_signal_wait(&host->keeper_wake, KEEPER_SLEEP_MS); // a time-out is as good
    }
}

int varve_keeper_start(struct varve_host *host)
{
    int rc = varve_port_task_start(&host->keeper, "keeper", keeper_task, host, 0);
    host->keeper_running = rc == 0;
    return rc;
}

void varve_keeper_stop(struct varve_host *host)
{
    if (host->keeper_running) {
        varve_port_signal_raise(&host->keeper_wake);
        (void)varve_port_task_join(&host->keeper, -1); // it never blocks for long
        host->keeper_running = false;
    }
}
