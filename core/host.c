// SPDX-License-Identifier: Apache-2.0
// The host's life: making, starting, stepping, flushing, stopping - and the calls by which samples
// and series come in. The work is done in pipeline.c, backend.c and collect.c.
#include "host_state.h"
#include "text.h"

// The ring keeps its counters on a cache line of their own.
#define MEMORY_ALIGN _Alignof(struct varve_host)
// Longest time between two steps of the super-loop.
#define STEP_MAX_MS 1000
// How long an importer sleeps while keeper and backends make room.
#define IMPORT_WAIT_MS 5
// Points handed over between two looks at the room.
#define IMPORT_BATCH 256u
// How many raw windows, by their times, imported samples may span before they must have left the
// ring. Twice that many may be on their way, each up to a block per tier: with what may wait, the
// outbox holds them.
#define IMPORT_WINDOWS 4

// ---- making -------------------------------------------------------------------------------------

static int init_locks(struct varve_host *host)
{
    int rc = varve_port_mutex_init(&host->series_lock);
    rc = rc == 0 ? varve_port_mutex_init(&host->store_lock) : rc;
    rc = rc == 0 ? varve_port_mutex_init(&host->event_lock) : rc;
    rc = rc == 0 ? varve_port_mutex_init(&host->sched_lock) : rc;
    rc = rc == 0 ? varve_port_mutex_init(&host->open_lock) : rc;
    rc = rc == 0 ? varve_port_mutex_init(&host->cache_lock) : rc;
    rc = rc == 0 ? varve_port_signal_init(&host->keeper_wake) : rc;
    return rc == 0 ? varve_port_signal_init(&host->progress) : rc;
}

static void destroy_locks(struct varve_host *host)
{
    varve_port_signal_destroy(&host->progress);
    varve_port_signal_destroy(&host->keeper_wake);
    varve_port_mutex_destroy(&host->cache_lock);
    varve_port_mutex_destroy(&host->open_lock);
    varve_port_mutex_destroy(&host->sched_lock);
    varve_port_mutex_destroy(&host->event_lock);
    varve_port_mutex_destroy(&host->store_lock);
    varve_port_mutex_destroy(&host->series_lock);
}

static struct varve_host *place_host(const struct varve_conf *conf, void *memory, size_t bytes,
                                     unsigned flags)
{
    size_t skip = (0 - (uintptr_t)memory) % MEMORY_ALIGN;
    struct varve_arena arena = {.base = (uint8_t *)memory + skip,
                                .size = bytes > skip ? bytes - skip : 0,
                                .fresh = (flags & VARVE_HOST_FRESH_MEMORY) != 0};
    struct varve_host *host = varve_arena_take(&arena, sizeof *host, MEMORY_ALIGN);
    if (host == NULL) {
        return NULL;
    }
    memset(host, 0, sizeof *host);
    host->arena = arena;
    host->conf = conf;
    host->flags = flags;
    host->timebase.trust_always = conf->settings.clock != 0;
    host->future_ms = INT64_MAX;
    if ((flags & VARVE_HOST_STORE_TIERS) == 0) {
        memcpy(host->tiers, conf->tiers, sizeof host->tiers);
        host->tier_count = conf->tier_count;
    }
    return host;
}

// The tiers that a store was made with, or the configured ones where no store has any.
static void adopt_tiers(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count && host->tier_count == 0; b++) {
        struct varve_backend *backend = &host->backends[b];
        const struct varve_backend_ops *ops = backend->instance.plugin->backend;
        int count = ops->load_tiers == NULL || !varve_backend_is_open(backend)
                        ? 0
                        : ops->load_tiers(&backend->instance, host->tiers, VARVE_MAX_TIERS);
        host->tier_count = count > 0 ? (size_t)count : 0;
    }
    if (host->tier_count == 0) {
        memcpy(host->tiers, host->conf->tiers, sizeof host->tiers);
        host->tier_count = host->conf->tier_count;
    }
}

static int build(struct varve_host *host, char *why, size_t why_cap)
{
    int rc =
        varve_series_table_init(&host->series, &host->arena, (uint32_t)host->conf->settings.series);
    rc = rc == 0 ? varve_backends_open(host, why, why_cap) : rc;
    if (rc != 0) {
        return rc;
    }
    adopt_tiers(host);
    rc = varve_pipeline_init(host);
    rc = rc == 0 ? varve_backups_init(host) : rc; // recovery may need what is in them
    rc = rc == 0 ? varve_recover(host, why, why_cap) : rc;
    if (rc == 0) {
        varve_wear_recover(host);
        host->started_ms = varve_port_boot_ms();            // opening large stores takes its time
        varve_pipeline_tick(host, host->started_ms, false); // collectors align to Unix time
    }
    if (rc == 0 && (host->flags & VARVE_HOST_NO_COLLECTORS) == 0) {
        rc = varve_collectors_init(host);
    }
    return rc;
}

static void say_memory(const struct varve_host *host, char *why, size_t why_cap)
{
    varve_explain(why, why_cap,
                  "the configuration needs more than %zu KiB of static memory (of %zu KiB); "
                  "lower series, window, cells, outbox, query_cache or a backend's memory",
                  host->arena.wanted / 1024, host->arena.size / 1024);
}

int varve_host_init(struct varve_host **out, const struct varve_conf *conf, void *memory,
                    size_t bytes, unsigned flags, char *why, size_t why_cap)
{
    varve_explain(why, why_cap, "%s", "");
    struct varve_host *host = place_host(conf, memory, bytes, flags);
    if (host == NULL) {
        varve_explain(why, why_cap, "varve needs at least %zu bytes of memory",
                      sizeof(struct varve_host));
        return VARVE_E_NO_MEMORY;
    }
    int rc = init_locks(host);
    rc = rc == 0 ? build(host, why, why_cap) : rc;
    if (varve_can_wait(host, rc)) { // opened, but it cannot be read: begin again without it
        varve_backends_close(host);
        destroy_locks(host);
        varve_log(VARVE_WARNING, "host", "%s", why);
        varve_explain(why, why_cap, "%s", "");
        host = place_host(conf, memory, bytes, flags & ~(unsigned)VARVE_HOST_FRESH_MEMORY);
        host->unreadable = rc;
        rc = init_locks(host);
        rc = rc == 0 ? build(host, why, why_cap) : rc;
    }
    if (rc != 0) {
        if (rc == VARVE_E_NO_MEMORY) {
            say_memory(host, why, why_cap);
        } else if (why_cap > 0 && why[0] == '\0') {
            varve_explain(why, why_cap, "%s", varve_strerror(rc));
        }
        varve_backends_close(host);
        destroy_locks(host);
        return rc;
    }
    host->initialised = true;
    host->most_memory = host->arena.used;
    atomic_store(&host->memory_used, (uint32_t)host->arena.used);
    if ((flags & (VARVE_HOST_READ_ONLY | VARVE_HOST_NO_COLLECTORS)) == 0) {
        varve_event_add(host, VARVE_INFO, "host", "start", false, 0, NULL,
                        "started, collectors: %zu, backends: %zu", host->collector_count,
                        host->backend_count);
    }
    *out = host;
    return 0;
}

int varve_host_start(struct varve_host *host)
{
    host->threaded = true;
    // The keeper comes last and goes first: it may put further workers beside those started here.
    int rc = varve_backends_start(host);
    rc = rc == 0 ? varve_collectors_start(host) : rc;
    return rc == 0 ? varve_keeper_start(host) : rc;
}

// ---- stepping and flushing ----------------------------------------------------------------------

static int64_t step_backends(struct varve_host *host, int64_t now_ms, bool flush)
{
    int64_t wait_ms = STEP_MAX_MS;
    for (size_t b = 0; b < host->backend_count; b++) {
        int64_t one_ms = varve_backend_step(host, b, now_ms, flush);
        wait_ms = one_ms < wait_ms ? one_ms : wait_ms;
    }
    return wait_ms;
}

int64_t varve_host_step(struct varve_host *host)
{
    int64_t now_ms = varve_port_boot_ms();
    int64_t due_ms = varve_collectors_run(host, now_ms);
    (void)varve_pipeline_drain(host); // the count does not matter here
    varve_pipeline_tick(host, now_ms, false);
    varve_wear_tick(host, now_ms);
    int64_t wait_ms = step_backends(host, now_ms, false);
    int64_t window_ms = varve_pipeline_due(host);
    due_ms = window_ms < due_ms ? window_ms : due_ms;
    if (due_ms != INT64_MAX && due_ms - now_ms < wait_ms) {
        wait_ms = due_ms - now_ms;
    }
    return wait_ms > 0 ? wait_ms : 0;
}

// What a flush could not store: rows that no time can be given to yet, or a backend that fails.
static int flush_result(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    bool unstamped = !host->timebase.trusted && host->windows[0].first_boot_ms != INT64_MAX;
    varve_port_mutex_unlock(&host->store_lock);
    return unstamped ? VARVE_E_CLOCK : varve_backends_error(host);
}

// On the caller's task: everything in RAM to the backends, as far as they work.
static int flush_here(struct varve_host *host)
{
    uint32_t bytes;
    (void)varve_pipeline_drain(host); // the count does not matter here
    varve_pipeline_tick(host, varve_port_boot_ms(), true);
    do {
        (void)step_backends(host, varve_port_boot_ms(), true); // errors show in the state
    } while (varve_backends_pending(host, &bytes) > 0);
    return flush_result(host);
}

// Whether a flush later than `round` was passed on, and every backend has stored what there was, or
// tried: one that was failing may work again.
static bool is_flushed(struct varve_host *host, uint32_t round)
{
    uint32_t bytes;
    bool tried = atomic_load(&host->flush_rounds) != round;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        tried = tried && (!varve_backend_is_open(backend) ||
                          (int32_t)(atomic_load(&backend->flushed) - round) > 0);
    }
    return tried && varve_backends_pending(host, &bytes) == 0;
}

static int flush_by_tasks(struct varve_host *host, int64_t timeout_ms)
{
    int64_t end_ms = varve_port_boot_ms() + timeout_ms;
    uint32_t round = atomic_load(&host->flush_rounds);
    atomic_store(&host->flush_wanted, true);
    varve_port_signal_raise(&host->keeper_wake);
    while (!is_flushed(host, round)) {
        int64_t left_ms = end_ms - varve_port_boot_ms();
        if (left_ms <= 0) {
            return VARVE_E_TIMEOUT;
        }
        (void)varve_port_signal_wait(&host->progress, left_ms < 100 ? left_ms : 100);
    }
    return flush_result(host);
}

int varve_host_flush(struct varve_host *host, int64_t timeout_ms)
{
    if ((host->flags & VARVE_HOST_READ_ONLY) != 0) {
        return VARVE_E_READ_ONLY;
    }
    return host->threaded ? flush_by_tasks(host, timeout_ms) : flush_here(host);
}

static int end(struct varve_host *host, struct varve_handover *handover)
{
    atomic_store(&host->stopping, true);
    varve_keeper_stop(host);
    int stuck = varve_collectors_stop(host);
    int rc = 0;
    varve_backends_stop(host);
    if ((host->flags & VARVE_HOST_READ_ONLY) == 0) {
        if ((host->flags & VARVE_HOST_NO_COLLECTORS) == 0) {
            varve_event_add(host, VARVE_INFO, "host", "stop", false, 0, NULL, "stopped in order");
        }
        varve_wear_note_stop(host);
        varve_pipeline_assume_clock(host);
        rc = flush_here(host);
        varve_pipeline_close_base(host);
        int rest = flush_here(host);
        rc = rc != 0 ? rc : rest;
        varve_backups_at_stop(host);
    }
    if (handover != NULL && stuck == 0) {
        varve_handover_pack(host, handover);
        if (handover->blocks > 0) {
            varve_backends_forget(host);
        }
    }
    varve_backends_close(host);
    if (stuck != 0) {
        return stuck; // a task still runs in it: the locks must stay
    }
    destroy_locks(host);
    return rc;
}

int varve_host_shutdown(struct varve_host *host)
{
    return end(host, NULL);
}

int varve_host_hand_over(struct varve_host *host, struct varve_handover *handover)
{
    *handover = (struct varve_handover){.bytes = 0};
    return end(host, handover);
}

// ---- samples ------------------------------------------------------------------------------------

static int push(struct varve_host *host, int id, int64_t time_ms, double value, uint16_t flags)
{
    if (id < 0 || (uint32_t)id >= varve_series_count(&host->series)) {
        atomic_fetch_add_explicit(&host->rejected_id, 1, memory_order_relaxed);
        return VARVE_E_INVALID;
    }
    struct varve_sample sample = {
        .time_ms = time_ms, .value = (varve_value)value, .id = (uint16_t)id, .flags = flags};
    enum varve_ring_result result = varve_ring_push(&host->ring, &sample);
    if (result != VARVE_RING_OK) {
        varve_port_signal_raise(&host->keeper_wake);
    }
    return result == VARVE_RING_FULL ? VARVE_E_FULL : 0;
}

int varve_push(struct varve_host *host, int id, double value)
{
    return push(host, id, varve_port_boot_ms(), value, 0);
}

int varve_push_boot(struct varve_host *host, int id, int64_t boot_ms, double value)
{
    return push(host, id, boot_ms, value, 0);
}

int varve_push_at(struct varve_host *host, int id, int64_t unix_ms, double value)
{
    return push(host, id, unix_ms, value, VARVE_SAMPLE_UNIX);
}

// Up to the first id that was never given out.
static uint32_t count_valid(struct varve_host *host, const int *ids, size_t n)
{
    uint32_t known = varve_series_count(&host->series), count = 0;
    uint32_t limit = n < host->ring.mask ? (uint32_t)n : host->ring.mask;
    while (count < limit && (uint32_t)ids[count] < known) { // less than 0 is more than any
        count++;
    }
    return count;
}

// Samples of ids that are valid; returns how many had room.
static uint32_t push_run(struct varve_host *host, int64_t boot_ms, const int *ids,
                         const double *values, uint32_t n)
{
    uint32_t claimed = 0, count = varve_ring_claim(&host->ring, n, &claimed);
    const uint32_t position = claimed;
    for (uint32_t i = 0; i < count; i++) {
        const struct varve_sample sample = {
            .time_ms = boot_ms, .value = (varve_value)values[i], .id = (uint16_t)ids[i]};
        varve_ring_fill(&host->ring, position + i, &sample);
    }
    if (count < n || varve_ring_wakes(&host->ring, position, count)) {
        varve_port_signal_raise(&host->keeper_wake);
    }
    return count;
}

size_t varve_push_row(struct varve_host *host, int64_t boot_ms, const int *ids,
                      const double *values, size_t n)
{
    size_t at = 0;
    while (at < n) {
        uint32_t valid = count_valid(host, ids + at, n - at);
        uint32_t count = push_run(host, boot_ms, ids + at, values + at, valid);
        at += count;
        if (count < valid) {
            return at;
        }
        if (valid == 0) {
            atomic_fetch_add_explicit(&host->rejected_id, 1, memory_order_relaxed);
            at++;
        }
    }
    return n;
}

// Samples in the ring become blocks: sparse ones many, since a window ends with its span. Whether
// so many windows may end that they must be in the outbox before more is handed over.
static bool spans_windows(struct varve_host *host, int64_t time_ms)
{
    varve_port_mutex_lock(&host->store_lock);
    int64_t step_ms = time_ms > host->import_ms ? time_ms - host->import_ms : 0;
    bool far = step_ms >= IMPORT_WINDOWS * host->tiers[0].window_ms - host->import_span_ms;
    host->import_span_ms = far ? 0 : host->import_span_ms + step_ms;
    host->import_ms = time_ms > 0 ? time_ms : 0; // what is older is absurd and ends no window
    varve_port_mutex_unlock(&host->store_lock);
    return far;
}

static bool ring_has_room(const struct varve_host *host, bool all)
{
    uint32_t waiting = varve_ring_waiting(&host->ring);
    return all ? waiting == 0 : waiting + 2 * IMPORT_BATCH <= host->ring.mask;
}

// Waits, or works, until an import of one more batch cannot overflow ring or outbox; with `all`
// until the ring is empty.
static int make_room(struct varve_host *host, bool all)
{
    uint32_t bytes;
    for (;;) {
        if (!host->threaded) {
            (void)varve_pipeline_drain(host); // the count does not matter here
            varve_pipeline_tick(host, varve_port_boot_ms(), false);
        }
        uint32_t blocks = varve_backends_pending(host, &bytes);
        bool outbox_has_room = bytes <= host->outbox.cap / 4 && blocks <= VARVE_OUTBOX_ENTRIES / 4;
        if (ring_has_room(host, all) && outbox_has_room) {
            return varve_backends_error(host);
        }
        if (host->threaded) {
            varve_port_signal_raise(&host->keeper_wake);
            (void)varve_port_signal_wait(&host->progress, IMPORT_WAIT_MS); // a time-out is as good
        } else {
            (void)step_backends(host, varve_port_boot_ms(), true); // errors show in the state
        }
    }
}

int varve_host_import(struct varve_host *host, int id, const struct varve_point *points, size_t n)
{
    int rc = (host->flags & VARVE_HOST_READ_ONLY) != 0 ? VARVE_E_READ_ONLY : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool far = spans_windows(host, points[i].time_ms);
        if (far || i % IMPORT_BATCH == 0) {
            rc = make_room(host, far);
        }
        rc = rc == 0 ? varve_push_at(host, id, points[i].time_ms, points[i].value) : rc;
    }
    if (!host->threaded) {
        (void)varve_pipeline_drain(host); // queries see what was imported
    }
    return rc;
}

// ---- series -------------------------------------------------------------------------------------

void varve_series_note_full(struct varve_host *host, const char *text)
{
    varve_port_mutex_lock(&host->series_lock);
    bool log = !host->series.refused_logged;
    host->series.refused_logged = true;
    varve_port_mutex_unlock(&host->series_lock);
    if (log) {
        varve_log(VARVE_WARNING, "host",
                  "no room for series %s: `series` in [varve] allows %u; further ones are counted",
                  text, host->series.cap);
    }
}

int varve_series_add(struct varve_host *host, const struct varve_series_def *def)
{
    varve_port_mutex_lock(&host->series_lock);
    int id = varve_series_table_add(&host->series, def);
    varve_port_mutex_unlock(&host->series_lock);
    if (id == VARVE_E_FULL) {
        varve_series_note_full(host, def->text);
    }
    return id;
}

int varve_host_series(struct varve_host *host, varve_series_id *id, struct varve_series_def *def)
{
    if (*id >= varve_series_count(&host->series)) {
        return VARVE_E_NOT_FOUND;
    }
    varve_series_table_get(&host->series, *id, def);
    return 0;
}

size_t varve_host_tiers(const struct varve_host *host, const struct varve_tier **tiers)
{
    *tiers = host->tiers;
    return host->tier_count;
}
