// SPDX-License-Identifier: Apache-2.0
// In the place of collectors and their tasks: the program pushes what it has.
//
// Threading: as the functions that these stand for.
#include "core/host_state.h"

int varve_collectors_init(struct varve_host *host)
{
    for (size_t i = 0; i < host->conf->instance_count; i++) {
        const struct varve_instance_conf *conf = &host->conf->instances[i];
        if (conf->enabled && conf->plugin->kind == VARVE_COLLECTOR) {
            return VARVE_E_UNSUPPORTED;
        }
    }
    return 0;
}

int varve_collectors_start(struct varve_host *host)
{
    (void)host;
    return 0;
}

int varve_collectors_stop(struct varve_host *host)
{
    (void)host;
    return 0;
}

int64_t varve_collectors_run(struct varve_host *host, int64_t now_ms)
{
    (void)host;
    (void)now_ms;
    return INT64_MAX;
}

void varve_collectors_watch(struct varve_host *host, int64_t now_ms)
{
    (void)host;
    (void)now_ms;
}

void varve_workers_replace(struct varve_host *host)
{
    (void)host;
}

uint64_t varve_collectors_failures(struct varve_host *host)
{
    (void)host;
    return 0;
}

const struct varve_plugin *varve_collector_plugin(const struct varve_host *host, size_t index)
{
    (void)host;
    (void)index;
    return NULL;
}

void varve_collector_stats(struct varve_host *host, size_t index, struct varve_instance_stats *out)
{
    (void)host;
    (void)index;
    (void)out;
}
