// SPDX-License-Identifier: Apache-2.0
// Persisting: takes blocks from the outbox to the backends, each on its own task, so that a slow or
// failed one holds up nobody else. One transaction carries new dictionary entries, events and up to
// VARVE_COMMIT_BLOCKS blocks. After a failure the transaction is dropped, the blocks stay in the
// outbox and the backend is tried again, at growing intervals, for ever.
//
// Locking: see host_state.h. Callbacks run under the backend's lock.
#include "host_state.h"
#include "text.h"

#define RETRY_MIN_MS    1000
#define RETRY_DOUBLINGS 6u
// How often an idle backend looks whether maintenance is due.
#define IDLE_MS 10000

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

// ---- one transaction ----------------------------------------------------------------------------

// The blocks of one transaction, pinned in the outbox.
struct batch {
    struct varve_outbox_entry *entry[VARVE_COMMIT_BLOCKS];
    size_t count;
};

static void pin_batch(struct varve_host *host, size_t index, struct batch *batch)
{
    batch->count = 0;
    varve_port_mutex_lock(&host->store_lock);
    for (uint32_t i = 0; i < host->outbox.count && batch->count < VARVE_COMMIT_BLOCKS; i++) {
        struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i);
        if ((entry->pending >> index & 1u) != 0) {
            entry->pins++;
            batch->entry[batch->count++] = entry;
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
}

static void unpin_batch(struct varve_host *host, size_t index, struct batch *batch, bool stored)
{
    varve_port_mutex_lock(&host->store_lock);
    for (size_t i = 0; i < batch->count; i++) {
        batch->entry[i]->pins--;
        if (stored) {
            batch->entry[i]->pending &= ~(1u << index);
        }
    }
    varve_outbox_release(&host->outbox);
    varve_port_mutex_unlock(&host->store_lock);
}

static int put_dictionary(struct varve_host *host, struct varve_backend *backend, uint32_t count)
{
    int rc = 0;
    for (uint32_t id = backend->defined; rc == 0 && id < count; id++) {
        struct varve_series_def def;
        varve_series_table_get(&host->series, (varve_series_id)id, &def);
        rc = ops_of(backend)->define(&backend->instance, (varve_series_id)id, &def);
    }
    return rc;
}

// Tiers that a store brought with it have no caps.
static uint64_t tier_cap(const struct varve_host *host, const struct varve_outbox_entry *entry)
{
    bool own = (host->flags & (VARVE_HOST_STORE_TIERS | VARVE_HOST_KEEP_ALL)) == 0;
    return own ? (uint64_t)host->conf->tier_caps[entry->tier] : 0;
}

static int put_blocks(struct varve_host *host, struct varve_backend *backend,
                      const struct batch *batch)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < batch->count; i++) {
        const struct varve_outbox_entry *entry = batch->entry[i];
        struct varve_put put = {.tier = entry->tier,
                                .key = entry->info.key,
                                .block = host->outbox.buf + entry->offset,
                                .length = entry->info.length,
                                .expire_before_ms = entry->expire_before_ms,
                                .cap_bytes = tier_cap(host, entry)};
        rc = ops_of(backend)->put(&backend->instance, &put);
    }
    return rc;
}

void varve_backend_note_flash(struct varve_backend *backend)
{
    uint64_t bytes = varve_ledger_flash_bytes(&backend->account);
    atomic_store(&backend->flash_kib, (uint32_t)(bytes / 1024));
}

static void note_commit(struct varve_backend *backend, const struct batch *batch, uint64_t began_us)
{
    uint64_t took_us = varve_port_mono_us() - began_us;
    backend->commit_last_us = took_us > UINT32_MAX ? UINT32_MAX : (uint32_t)took_us;
    if (backend->commit_last_us > backend->commit_max_us) {
        backend->commit_max_us = backend->commit_last_us;
    }
    backend->blocks_put += batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        backend->payload_bytes += batch->entry[i]->info.length;
    }
    varve_backend_note_flash(backend);
}

// Under the backend's lock.
static int store_batch(struct varve_host *host, struct varve_backend *backend,
                       const struct batch *batch)
{
    uint64_t began_us = varve_port_mono_us();
    uint32_t series_count = varve_series_count(&host->series);
    varve_wear_note_day(host, backend);
    uint32_t events = backend->event_cursor;
    int rc = ops_of(backend)->define != NULL ? put_dictionary(host, backend, series_count) : 0;
    if (ops_of(backend)->event != NULL) {
        events = varve_events_put(host, backend, &rc);
    }
    rc = rc == 0 ? put_blocks(host, backend, batch) : rc;
    rc = rc == 0 ? ops_of(backend)->commit(&backend->instance) : rc;
    if (rc != 0) {
        ops_of(backend)->abort(&backend->instance);
        return rc;
    }
    backend->defined = series_count;
    varve_port_mutex_lock(&host->event_lock);
    backend->event_cursor = events;
    varve_port_mutex_unlock(&host->event_lock);
    note_commit(backend, batch, began_us);
    return 0;
}

// ---- failure and recovery -----------------------------------------------------------------------

void varve_backend_note(struct varve_host *host, struct varve_backend *backend, int rc,
                        int64_t now_ms)
{
    int before = atomic_exchange(&backend->state, rc);
    if (rc == 0) {
        backend->failures_in_row = 0;
        backend->retry_ms = 0;
        if (before != 0) {
            varve_event_add(host, VARVE_NOTICE, backend->instance.name, "store_ok", false, 0, NULL,
                            "storing works again");
        }
        return;
    }
    unsigned doublings =
        backend->failures_in_row < RETRY_DOUBLINGS ? backend->failures_in_row : RETRY_DOUBLINGS;
    backend->failures_in_row++;
    backend->retry_ms = now_ms + ((int64_t)RETRY_MIN_MS << doublings);
    if (before == 0) {
        varve_event_add(host, VARVE_ERROR, backend->instance.name, "store_error", false, 0, NULL,
                        "cannot %s: %s (%s); history stays in RAM and is tried again",
                        varve_backend_is_open(backend) ? "store" : "open the store",
                        varve_strerror(rc), varve_instance_reason(&backend->instance)->text);
    }
}

static int64_t maintain(struct varve_host *host, struct varve_backend *backend, int64_t now_ms)
{
    int rc = 0;
    if (ops_of(backend)->maintain == NULL || (host->flags & VARVE_HOST_READ_ONLY) != 0) {
        return IDLE_MS;
    }
    varve_port_mutex_lock(&backend->lock);
    rc = ops_of(backend)->maintain(&backend->instance, now_ms);
    varve_backend_note_flash(backend);
    varve_port_mutex_unlock(&backend->lock);
    if (rc != 0 && rc != VARVE_E_AGAIN) {
        varve_backend_note(host, backend, rc, now_ms);
        varve_backend_doubt(host, backend, rc, now_ms);
    }
    return rc == VARVE_E_AGAIN ? 0 : IDLE_MS;
}

int64_t varve_backend_step(struct varve_host *host, size_t index, int64_t now_ms, bool flush)
{
    struct varve_backend *backend = &host->backends[index];
    struct batch batch;
    if (!varve_backend_is_open(backend)) {
        backend->retry_ms = flush ? 0 : backend->retry_ms;
        return varve_backend_try_open(host, backend, now_ms);
    }
    if (varve_backend_is_gone(host, backend, now_ms)) {
        return backend->retry_ms - now_ms;
    }
    varve_backup_step(host, backend, now_ms);
    varve_mend_step(host, backend, now_ms);
    if (!varve_backend_is_open(backend)) { // it could not be written
        return 0;
    }
    if (backend->persistent && varve_wear_paused(host)) {
        return IDLE_MS;
    }
    if (!flush && backend->retry_ms > now_ms) {
        return backend->retry_ms - now_ms;
    }
    pin_batch(host, index, &batch);
    if (batch.count == 0 && !(flush && varve_events_wait(host, backend))) {
        return maintain(host, backend, now_ms);
    }
    varve_port_mutex_lock(&backend->lock);
    int rc = store_batch(host, backend, &batch);
    varve_port_mutex_unlock(&backend->lock);
    unpin_batch(host, index, &batch, rc == 0);
    varve_backend_note(host, backend, rc, now_ms);
    varve_backend_doubt(host, backend, rc, now_ms);
    varve_wear_tick(host, now_ms);
    varve_port_signal_raise(&host->progress);
    if (rc != 0) {
        return backend->retry_ms - now_ms;
    }
    return batch.count > 0 ? 0 : IDLE_MS;
}

int varve_backends_error(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        int state = atomic_load(&host->backends[b].state);
        if (state != 0) {
            return state;
        }
    }
    return varve_wear_paused(host) ? VARVE_E_BUDGET : 0;
}

uint32_t varve_backends_pending(struct varve_host *host, uint32_t *bytes)
{
    uint32_t working = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        bool works = atomic_load(&backend->state) == 0;
        bool waits = backend->persistent && varve_wear_paused(host);
        working |= (works && !waits ? 1u : 0u) << b;
    }
    varve_port_mutex_lock(&host->store_lock);
    uint32_t blocks = varve_outbox_pending(&host->outbox, working, bytes);
    varve_port_mutex_unlock(&host->store_lock);
    return blocks;
}

// ---- tasks --------------------------------------------------------------------------------------

void varve_backends_close(struct varve_host *host)
{
    while (host->backend_count > 0) {
        struct varve_backend *backend = &host->backends[--host->backend_count];
        if (varve_backend_is_open(backend)) {
            ops_of(backend)->close(&backend->instance);
        }
        varve_port_signal_destroy(&backend->wake);
        varve_port_mutex_destroy(&backend->lock);
    }
}

static void backend_task(void *arg)
{
    struct varve_backend *backend = arg;
    struct varve_host *host = backend->instance.host;
    size_t index = (size_t)(backend - host->backends);
    while (!atomic_load(&host->stopping)) {
        // A flush does not wait for the next try, and takes events too.
        uint32_t round = atomic_load(&host->flush_rounds);
        bool flush = round != atomic_load(&backend->flushed);
        varve_beat(&backend->beat);
        int64_t wait_ms = varve_backend_step(host, index, varve_port_boot_ms(), flush);
        varve_beat_rest(&backend->beat);
        if (flush) {
            atomic_store(&backend->flushed, round);
            varve_port_signal_raise(&host->progress);
        }
        if (wait_ms > 0) {
            (void)varve_port_signal_wait(&backend->wake, wait_ms); // a time-out is as good
        }
    }
}

int varve_backends_start(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        int rc =
            varve_port_task_start(&backend->task, backend->instance.name, backend_task, backend, 0);
        if (rc != 0) {
            return rc;
        }
        backend->task_running = true;
    }
    return 0;
}

void varve_backends_stop(struct varve_host *host)
{
    varve_backends_wake(host);
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (backend->task_running) {
            (void)varve_port_task_join(&backend->task, -1); // waits for the running step
            backend->task_running = false;
        }
    }
}

void varve_backends_wake(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        varve_port_signal_raise(&host->backends[b].wake);
    }
}
