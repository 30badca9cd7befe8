// SPDX-License-Identifier: Apache-2.0
// The host's figures about itself. Any task; takes each lock briefly, one after the other.
#include "host_state.h"
#include "text.h"

static void fill_samples(struct varve_host *host, struct varve_stats *out)
{
    varve_port_mutex_lock(&host->store_lock);
    out->samples_session = host->samples;
    out->samples = host->samples_before + host->samples;
    out->dropped_ring = host->dropped_ring;
    out->dropped_window = host->dropped_window;
    out->rejected = host->rejected_time;
    out->sketches = host->sketches.count;
    out->sketches_refused = host->sketches.refused;
    out->sketch_collapsed = host->sketches.collapsed;
    out->window_samples = host->windows[0].count;
    out->pending_blocks = varve_outbox_pending(&host->outbox, UINT32_MAX, &out->pending_bytes);
    out->clock_trusted = host->timebase.trusted;
    out->clock_steps = host->timebase.steps;
    out->wall_ms = varve_timebase_unix(&host->timebase, varve_port_boot_ms());
    for (size_t b = 0; b < host->backend_count; b++) {
        out->backends[b].blocks_dropped = host->outbox.given_up[b];
    }
    varve_port_mutex_unlock(&host->store_lock);
    out->dropped = out->dropped_ring + out->dropped_window;
    out->rejected += atomic_load(&host->rejected_id);
    out->ring_cap = host->ring.mask + 1;
    out->ring_high_water = atomic_load(&host->ring.high_water);
}

static void fill_series(struct varve_host *host, struct varve_stats *out)
{
    varve_port_mutex_lock(&host->series_lock);
    out->series = varve_series_count(&host->series);
    out->series_cap = host->series.cap;
    out->series_refused = host->series.refused;
    varve_port_mutex_unlock(&host->series_lock);
    varve_port_mutex_lock(&host->event_lock);
    out->events = host->events.next;
    out->events_dropped = host->events.dropped;
    varve_port_mutex_unlock(&host->event_lock);
    out->collect_failures = varve_collectors_failures(host);
}

// What its callback and its ledger say.
static void fill_open(struct varve_backend *backend, struct varve_backend_stats *out)
{
    backend->instance.plugin->backend->stats(&backend->instance, out);
    out->flash_bytes = varve_ledger_flash_bytes(&backend->account);
    for (size_t reason = 0; reason < VARVE_WRITE_REASON_COUNT; reason++) {
        out->written_bytes += backend->account.bytes[reason];
        out->flash_bytes_by[reason] =
            backend->flash_before[reason] + backend->account.flash_bytes[reason];
    }
    out->erase_blocks = backend->account.erase_blocks;
    out->erases = backend->account.erases;
    out->sectors = backend->account.sectors;
    out->sector_erases_min = backend->account.sector_erases_min;
    out->sector_erases_max = backend->account.sector_erases_max;
    out->sectors_bad = backend->account.sectors_bad;
    out->syncs = backend->account.syncs;
}

static void fill_backend(struct varve_backend *backend, struct varve_backend_stats *out)
{
    varve_port_mutex_lock(&backend->lock);
    (void)varve_format(out->name, sizeof out->name, "%s", backend->instance.name);
    (void)varve_format(out->plugin, sizeof out->plugin, "%s", backend->instance.plugin->name);
    out->state = atomic_load(&backend->state);
    if (varve_backend_is_open(backend)) {
        fill_open(backend, out);
    } else { // its task may be about to open it
        out->persistent = backend->persistent;
        out->flash_bytes = (uint64_t)atomic_load(&backend->flash_kib) * 1024;
        (void)varve_format(out->where, sizeof out->where, "%s", backend->where);
    }
    out->payload_bytes = backend->payload_bytes;
    varve_backup_stats(backend, out);
    varve_mend_stats(backend, out);
    out->salvages = backend->salvages;
    out->salvage_blocks = backend->salvage_blocks;
    out->salvage_restored = backend->salvage_restored;
    out->salvage_lost = backend->salvage_lost;
    out->blocks_put = backend->blocks_put;
    out->commit_last_us = backend->commit_last_us;
    out->commit_max_us = backend->commit_max_us;
    varve_port_mutex_unlock(&backend->lock);
}

static void fill_backends(struct varve_host *host, struct varve_stats *out)
{
    out->backend_count = (uint32_t)host->backend_count;
    for (size_t b = 0; b < host->backend_count; b++) {
        fill_backend(&host->backends[b], &out->backends[b]);
        out->flash_bytes_session += out->backends[b].flash_bytes;
        out->payload_bytes += out->backends[b].persistent ? out->backends[b].payload_bytes : 0;
        out->stored_bytes += out->backends[b].persistent ? out->backends[b].stored_bytes : 0;
    }
    out->flash_bytes = host->flash_before + out->flash_bytes_session;
    out->flash_bytes_per_sample =
        out->samples > 0 ? (double)out->flash_bytes / (double)out->samples : 0;
}

static void fill_tier(struct varve_host *host, unsigned tier, struct varve_tier_stats *out)
{
    out->tier = host->tiers[tier];
    out->blocks = varve_store_range(host, tier, &out->oldest_ms, &out->newest_ms);
}

// What a clock may be off without that history counts as from the future.
#define FUTURE_MS 60000

static void fill_future(struct varve_host *host, unsigned tier, int64_t now_ms,
                        struct varve_tier_stats *out)
{
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = now_ms + FUTURE_MS, .seq_limit = UINT32_MAX};
    while (varve_store_next(host, &cursor) == 0) {
        int64_t from_ms = cursor.key.start_ms > now_ms ? cursor.key.start_ms : now_ms;
        out->future_ms = from_ms < out->future_ms ? from_ms : out->future_ms;
        out->future_blocks++;
    }
}

void varve_host_stats(struct varve_host *host, struct varve_stats *out)
{
    memset(out, 0, sizeof *out);
    fill_samples(host, out);
    fill_series(host, out);
    fill_backends(host, out);
    varve_wear_stats(host, out);
    out->uptime_ms = varve_port_boot_ms() - host->started_ms;
    out->memory_bytes = (uint32_t)host->arena.size;
    out->memory_used = atomic_load(&host->memory_used);
    varve_port_mutex_lock(&host->cache_lock);
    out->query_cache_bytes = (uint32_t)host->row_cache.bytes;
    out->query_cache_hits = host->row_cache.hits;
    out->query_cache_misses = host->row_cache.misses;
    varve_port_mutex_unlock(&host->cache_lock);
    out->tier_count = (uint32_t)host->tier_count;
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        fill_tier(host, tier, &out->tiers[tier]);
        out->tiers[tier].future_ms = INT64_MAX;
        if (out->clock_trusted) {
            fill_future(host, tier, out->wall_ms, &out->tiers[tier]);
        }
    }
}

// ---- instances ----------------------------------------------------------------------------------

static void fill_plugin(const struct varve_host *host, const struct varve_plugin *plugin,
                        struct varve_instance_stats *out)
{
    memset(out, 0, sizeof *out);
    (void)varve_format(out->plugin, sizeof out->plugin, "%s", plugin->name);
    (void)varve_format(out->summary, sizeof out->summary, "%s", plugin->summary);
    (void)varve_format(out->kind, sizeof out->kind, "%s",
                       plugin->kind == VARVE_COLLECTOR ? "collector" : "backend");
    const struct varve_registry *registry = host->conf->registry;
    for (size_t i = 0; registry != NULL && i < registry->module_count; i++) {
        out->module |= registry->modules[i] == plugin;
    }
}

static void fill_backend_instance(struct varve_host *host, size_t index,
                                  struct varve_instance_stats *out)
{
    struct varve_backend *backend = &host->backends[index];
    fill_plugin(host, backend->conf->plugin, out);
    int state = atomic_load(&backend->state);
    (void)varve_format(out->name, sizeof out->name, "%s", backend->conf->name);
    (void)varve_format(out->state, sizeof out->state, "%s", state == 0 ? "running" : "failing");
    (void)varve_format(out->reason, sizeof out->reason, "%s",
                       state == 0 ? "" : varve_strerror(state));
    varve_port_mutex_lock(&backend->lock);
    out->runs = backend->blocks_put;
    out->last_us = backend->commit_last_us;
    out->max_us = backend->commit_max_us;
    varve_port_mutex_unlock(&backend->lock);
}

static bool is_configured(const struct varve_host *host, const struct varve_plugin *plugin)
{
    for (size_t i = 0; i < host->collector_count; i++) {
        if (varve_collector_plugin(host, i) == plugin) {
            return true;
        }
    }
    for (size_t i = 0; i < host->backend_count; i++) {
        if (host->backends[i].conf->plugin == plugin) {
            return true;
        }
    }
    return false;
}

static const struct varve_plugin *available_at(const struct varve_host *host, size_t index)
{
    const struct varve_plugin *plugin;
    for (size_t i = 0; (plugin = varve_registry_at(host->conf->registry, i)) != NULL; i++) {
        if (!is_configured(host, plugin) && index-- == 0) {
            return plugin;
        }
    }
    return NULL;
}

int varve_host_instance(struct varve_host *host, size_t index, struct varve_instance_stats *out)
{
    if (index < host->collector_count) {
        fill_plugin(host, varve_collector_plugin(host, index), out);
        varve_collector_stats(host, index, out);
        return 0;
    }
    index -= host->collector_count;
    if (index < host->backend_count) {
        fill_backend_instance(host, index, out);
        return 0;
    }
    const struct varve_plugin *plugin = available_at(host, index - host->backend_count);
    if (plugin == NULL) {
        return VARVE_E_NOT_FOUND;
    }
    fill_plugin(host, plugin, out);
    (void)varve_format(out->state, sizeof out->state, "%s", "available");
    return 0;
}
