// SPDX-License-Identifier: Apache-2.0
// The pipeline: ring -> raw window -> (window closes) -> stamp -> raw block and rollup -> cells.c.
//
// Rows keep boot time until their window closes. Only then are they stamped, encoded and rolled up,
// so that a clock that is set or stepped meanwhile restamps everything that is not persisted, and
// rollups never see a time that changes later. Coarser tiers are rebuilt from finer ones after a
// crash (recover.c), so only the raw window bounds the loss. Where raw is not stored, the cells of
// the finest stored tier bound it: raw windows then end where such a cell ends, so that it is whole
// when they close.
//
// The keeper's task only; everything under store_lock.
#include "host_state.h"

#include "varve/block.h"

// How far ahead of the clock a sample's own time may be.
#define FUTURE_MS (INT64_C(24) * 3600 * 1000)

// A row from the future must neither expire what is older nor count as rolled up to: no time is
// taken to have come before a trusted clock shows it.
static int64_t not_after_now(const struct varve_host *host, int64_t time_ms)
{
    int64_t now_ms = host->future_ms == INT64_MAX ? INT64_MAX : host->future_ms - FUTURE_MS;
    return time_ms < now_ms ? time_ms : now_ms;
}

int64_t varve_pipeline_expiry(const struct varve_host *host, size_t tier)
{
    if ((host->flags & VARVE_HOST_KEEP_ALL) != 0 || host->newest_ms == INT64_MIN) {
        return INT64_MIN;
    }
    return not_after_now(host, host->newest_ms) - host->tiers[tier].keep_ms;
}

// ---- the raw window -----------------------------------------------------------------------------

// Stamps all rows; returns the time of the first and, through *last_ms, of the last one.
static int64_t stamp_rows(struct varve_host *host, struct varve_window *window, int64_t *last_ms)
{
    int64_t first_ms = INT64_MAX;
    *last_ms = INT64_MIN;
    for (uint32_t i = 0; i < window->count; i++) {
        struct varve_raw_row *row = &window->rows.raw[i];
        if ((row->flags & VARVE_SAMPLE_UNIX) == 0) {
            row->time_ms = varve_timebase_unix(&host->timebase, row->time_ms);
            row->flags |= VARVE_SAMPLE_UNIX;
        }
        first_ms = row->time_ms < first_ms ? row->time_ms : first_ms;
        *last_ms = row->time_ms > *last_ms ? row->time_ms : *last_ms;
    }
    return first_ms;
}

// Brings up to a chunk of a series' rows into time order in the scratch memory.
static size_t gather_points(const struct varve_host *host, const struct varve_window *window,
                            uint32_t from, uint32_t to)
{
    struct varve_point *points = host->scratch;
    size_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        const struct varve_raw_row *row = &window->rows.raw[host->order.index[i]];
        points[n++] = (struct varve_point){.time_ms = row->time_ms, .value = row->value};
    }
    varve_sort_rows(points, sizeof *points, n, host->sort_scratch);
    return n;
}

// Rows that are older than what the raw tier keeps are rolled up, but not stored.
static size_t skip_expired(const struct varve_host *host, size_t n)
{
    const struct varve_point *points = host->scratch;
    int64_t expiry_ms = varve_pipeline_expiry(host, 0);
    size_t skip = 0;
    while (skip < n && points[skip].time_ms < expiry_ms) {
        skip++;
    }
    return skip;
}

// Calls one of the two passes for every chunk of every series.
static void each_chunk(struct varve_host *host, struct varve_block_writer *w)
{
    const struct varve_window *window = &host->windows[0];
    uint32_t series_count = varve_series_count(&host->series);
    for (uint32_t id = 0; id < series_count; id++) {
        uint32_t end = host->order.start[id + 1];
        for (uint32_t at = host->order.start[id]; at < end;) {
            uint32_t take = end - at < VARVE_COLUMN_MAX ? end - at : VARVE_COLUMN_MAX;
            size_t n = gather_points(host, window, at, at + take);
            const struct varve_point *points = host->scratch;
            if (w != NULL) {
                size_t skip = skip_expired(host, n);
                varve_emit_rows(host, w, 0, (varve_series_id)id, points + skip, n - skip);
            } else {
                enum varve_kind kind = (enum varve_kind)host->series.series[id].kind;
                varve_rollup_points(&host->rollup, (varve_series_id)id, kind, points, n);
            }
            at += take;
        }
    }
}

// The raw block comes first: where windows close in the second pass, or behind it, their marks say
// that it is rolled up.
static void store_raw(struct varve_host *host, int64_t first_ms, bool early)
{
    struct varve_block_writer w;
    uint32_t seq = host->next_seq[0];
    varve_emit_begin(host, &w, 0, first_ms);
    each_chunk(host, &w);
    uint32_t length = varve_emit_last(host, &w, 0);
    if (host->next_seq[0] == seq + 1) { // not split into several
        varve_cut_learn(&host->cut, host->windows[0].count, length, early);
    }
    varve_cut_begin(&host->cut);
}

// `early`: not because of what the window holds. All rows before upto_ms (Unix) have come.
static void close_raw(struct varve_host *host, bool early, int64_t upto_ms)
{
    struct varve_window *window = &host->windows[0];
    int64_t last_ms;
    bool stampable = host->timebase.trusted || window->first_boot_ms == INT64_MAX;
    if (window->count == 0 || !stampable) {
        return;
    }
    int64_t first_ms = stamp_rows(host, window, &last_ms);
    host->newest_ms = last_ms > host->newest_ms ? last_ms : host->newest_ms;
    host->upto_ms[0] = last_ms;
    varve_order_rows(&host->order, window->rows.raw, sizeof *window->rows.raw,
                     offsetof(struct varve_raw_row, id), window->count,
                     varve_series_count(&host->series));
    varve_cells_reserve(host, window->count, last_ms - first_ms);
    store_raw(host, first_ms, early);
    each_chunk(host, NULL);
    varve_cells_advance(host, not_after_now(host, last_ms > upto_ms ? last_ms : upto_ms));
    varve_window_reset(window);
}

static bool stores_raw(const struct varve_host *host)
{
    return host->base_tier == 0 || host->base_tier >= host->tier_count;
}

// Unix time at which a raw window ends that began at first_ms.
static int64_t window_end(const struct varve_host *host, int64_t first_ms)
{
    int64_t end_ms = first_ms + varve_wear_window_ms(host);
    if (stores_raw(host)) {
        return end_ms;
    }
    int64_t cell_ms = varve_bucket(end_ms, host->tiers[host->base_tier].step_ms);
    return cell_ms > first_ms ? cell_ms : end_ms;
}

// Time of the first row that has its time from this clock; INT64_MAX: there is none.
static int64_t first_by_clock(const struct varve_window *window, uint16_t flags)
{
    return (flags & VARVE_SAMPLE_UNIX) != 0 ? window->first_unix_ms : window->first_boot_ms;
}

// window_end() in that clock.
static int64_t end_by_clock(const struct varve_host *host, uint16_t flags)
{
    int64_t first_ms = first_by_clock(&host->windows[0], flags);
    bool is_boot = (flags & VARVE_SAMPLE_UNIX) == 0;
    int64_t offset_ms = is_boot && host->timebase.trusted ? host->timebase.offset_ms : 0;
    return first_ms == INT64_MAX ? INT64_MAX : window_end(host, first_ms + offset_ms) - offset_ms;
}

// Whether a row would make the window's block larger than the pages that it fills. Where raw is not
// stored its blocks fill none.
static bool fills_pages(struct varve_host *host, int64_t elapsed_ms)
{
    uint32_t rows = host->windows[0].count;
    return rows >= host->cut.limit && host->base_tier == 0 &&
           varve_cut_due(&host->cut, rows, elapsed_ms, varve_wear_window_ms(host));
}

// Closes the window when a row would stretch it beyond its span, its memory or its pages.
static void close_before(struct varve_host *host, const struct varve_sample *sample)
{
    const struct varve_window *window = &host->windows[0];
    int64_t first_ms = first_by_clock(window, sample->flags);
    int64_t elapsed_ms = first_ms != INT64_MAX ? sample->time_ms - first_ms : 0;
    int64_t least_ms = stores_raw(host) ? 0 : host->tiers[host->base_tier].step_ms;
    bool old = elapsed_ms >= varve_wear_window_ms(host) - least_ms; // else no need to divide
    int64_t end_ms = old ? end_by_clock(host, sample->flags) : INT64_MAX;
    if (sample->time_ms >= end_ms) {
        bool is_boot = (sample->flags & VARVE_SAMPLE_UNIX) == 0;
        int64_t end_unix_ms = end_ms + (is_boot ? host->timebase.offset_ms : 0);
        close_raw(host, false, stores_raw(host) ? INT64_MIN : end_unix_ms);
    } else if (window->count == window->cap ||
               (window->count > 0 && fills_pages(host, elapsed_ms))) {
        close_raw(host, false, INT64_MIN);
    }
}

// A time before 1970 or more than a day ahead of a trusted clock.
static bool is_absurd(const struct varve_host *host, const struct varve_sample *sample)
{
    return (sample->flags & VARVE_SAMPLE_UNIX) != 0 &&
           (sample->time_ms < 0 || sample->time_ms > host->future_ms);
}

// Where the governor lets finer tiers be stored again from this row on: everything before goes to
// the tier that was the finest until now, whole cells and their mark.
static void raise_before(struct varve_host *host, const struct varve_sample *sample)
{
    bool is_unix = (sample->flags & VARVE_SAMPLE_UNIX) != 0;
    int64_t unix_ms =
        is_unix ? sample->time_ms : varve_timebase_unix(&host->timebase, sample->time_ms);
    if ((!is_unix && !host->timebase.trusted) || !varve_wear_raises_at(host, unix_ms)) {
        return;
    }
    close_raw(host, true, INT64_MIN);
    if (host->windows[0].count > 0) {
        return; // not stampable yet
    }
    varve_cells_advance(host, not_after_now(host, host->wear.raise_ms));
    varve_cells_close(host, host->base_tier);
    varve_wear_raise(host);
}

static void append(struct varve_host *host, const struct varve_sample *sample)
{
    struct varve_window *window = &host->windows[0];
    if (is_absurd(host, sample)) {
        host->rejected_time++;
        return;
    }
    close_before(host, sample);
    raise_before(host, sample);
    if (window->count == window->cap) {
        host->dropped_window++; // the clock is not trusted yet and nothing can be stamped
        return;
    }
    window->rows.raw[window->count++] = (struct varve_raw_row){.time_ms = sample->time_ms,
                                                               .value = sample->value,
                                                               .id = sample->id,
                                                               .flags = sample->flags};
    int64_t *first_ms =
        (sample->flags & VARVE_SAMPLE_UNIX) != 0 ? &window->first_unix_ms : &window->first_boot_ms;
    *first_ms = sample->time_ms < *first_ms ? sample->time_ms : *first_ms;
    host->samples++;
}

size_t varve_pipeline_drain(struct varve_host *host)
{
    struct varve_sample batch[VARVE_DRAIN_BATCH];
    size_t total = 0, n;
    do {
        n = varve_ring_pop(&host->ring, batch, VARVE_DRAIN_BATCH);
        varve_port_mutex_lock(&host->store_lock);
        host->dropped_ring += varve_ring_take_dropped(&host->ring);
        for (size_t i = 0; i < n; i++) {
            append(host, &batch[i]);
        }
        varve_port_mutex_unlock(&host->store_lock);
        total += n;
    } while (n == VARVE_DRAIN_BATCH);
    return total;
}

// ---- time ---------------------------------------------------------------------------------------

static void update_clock(struct varve_host *host, int64_t now_ms)
{
    int64_t step_ms;
    varve_port_mutex_lock(&host->store_lock);
    enum varve_clock_change change =
        varve_timebase_update(&host->timebase, now_ms, varve_port_wall_ms(), &step_ms);
    host->future_ms = host->timebase.trusted
                          ? varve_timebase_unix(&host->timebase, now_ms) + FUTURE_MS
                          : INT64_MAX;
    varve_port_mutex_unlock(&host->store_lock);
    if (change == VARVE_CLOCK_STEPPED) {
        varve_event_add(host, VARVE_NOTICE, "host", "clock_step", true, (double)step_ms / 1000,
                        NULL, "the wall clock stepped by %lld ms; what waits in RAM follows it",
                        (long long)step_ms);
    } else if (change == VARVE_CLOCK_TRUSTED && now_ms > host->started_ms) {
        varve_event_add(host, VARVE_NOTICE, "host", "clock_trusted", false, 0, NULL,
                        "the wall clock is plausible now");
    }
}

// Cells of the base tier wait in RAM for their window where no finer tier is stored.
static bool has_base_cells(const struct varve_host *host)
{
    return host->base_tier > 0 && host->base_tier < host->tier_count;
}

void varve_pipeline_tick(struct varve_host *host, int64_t now_ms, bool force)
{
    update_clock(host, now_ms);
    varve_port_mutex_lock(&host->store_lock);
    int64_t end_ms = end_by_clock(host, 0);
    if (now_ms >= end_ms) {
        close_raw(host, false,
                  stores_raw(host) ? INT64_MIN : varve_timebase_unix(&host->timebase, end_ms));
    } else if (force) {
        close_raw(host, true, INT64_MIN);
    }
    if (force && has_base_cells(host)) {
        varve_cells_close(host, host->base_tier);
    }
    varve_port_mutex_unlock(&host->store_lock);
}

void varve_pipeline_close_base(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    if (has_base_cells(host)) {
        int64_t end_ms = host->newest_ms + host->tiers[host->base_tier].step_ms;
        varve_rollup_close(&host->rollup, host->base_tier, varve_series_count(&host->series),
                           end_ms);
        // A mark within a cell tells the next process that this cell is not whole.
        int64_t upto_ms = not_after_now(host, host->newest_ms) + 1;
        if (host->newest_ms != INT64_MIN && upto_ms > host->upto_ms[host->base_tier]) {
            host->upto_ms[host->base_tier] = upto_ms;
        }
        varve_cells_close(host, host->base_tier);
    }
    varve_port_mutex_unlock(&host->store_lock);
}

int64_t varve_pipeline_due(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    int64_t due_ms = end_by_clock(host, 0);
    varve_port_mutex_unlock(&host->store_lock);
    return due_ms;
}

static uint32_t power_of_two(int64_t n)
{
    uint32_t p = 16;
    while (p < n && p < UINT32_C(1) << 30) {
        p *= 2;
    }
    return p;
}

// A window and what one raw window may add to it, for all series; less if that is configured.
static uint32_t cells_for(const struct varve_host *host, size_t tier)
{
    const struct varve_tier *t = &host->tiers[tier];
    int64_t cells = (t->window_ms / t->step_ms + 4) * host->series.cap;
    int64_t most = host->conf->settings.cell_rows;
    return (uint32_t)(cells < most ? cells : most);
}

int varve_pipeline_init(struct varve_host *host)
{
    const struct varve_settings *settings = &host->conf->settings;
    struct varve_arena *arena = &host->arena;
    uint32_t ring = power_of_two(settings->ring_samples);
    uint32_t raw_rows = (uint32_t)settings->window_samples;
    uint32_t cell_rows = (uint32_t)settings->cell_rows;
    struct varve_ring_slot *slots = varve_arena_take(arena, ring * sizeof *slots, 64);
    int rc = varve_window_init_raw(&host->windows[0], arena, raw_rows);
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        rc |= varve_window_init_cells(&host->windows[tier], arena, cells_for(host, tier),
                                      host->tiers[tier].step_ms);
    }
    rc |= varve_order_init(&host->order, arena, raw_rows, host->series.cap);
    rc |= varve_order_init(&host->cell_order, arena, cell_rows, host->series.cap);
    rc |= varve_outbox_init(&host->outbox, arena, (uint32_t)settings->outbox_bytes);
    rc |= varve_rollup_init(&host->rollup, arena, host->tiers, host->tier_count, host->series.cap);
    host->block = varve_arena_take(arena, VARVE_BLOCK_MAX, 8);
    host->scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
    host->cell_scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
    host->sort_scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
    host->read_block = varve_arena_take(arena, VARVE_BLOCK_MAX, 8);
    if (rc != 0 || slots == NULL || host->read_block == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    varve_ring_init(&host->ring, slots, ring);
    host->rollup.sink = varve_cells_take;
    host->rollup.sink_arg = host;
    return 0;
}

// Bytes of a block that fill a page of the first persistent backend that keeps raw; 0: none does.
static uint32_t page_payload(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        const struct varve_backend_ops *ops = backend->instance.plugin->backend;
        bool holds = (backend->conf->tiers & 1u) != 0;
        if (holds && backend->persistent && ops->page_payload != NULL) {
            return ops->page_payload(&backend->instance);
        }
    }
    return 0;
}

void varve_pipeline_plan(struct varve_host *host)
{
    varve_cut_init(&host->cut, page_payload(host));
}
