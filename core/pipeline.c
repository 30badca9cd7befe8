// SPDX-License-Identifier: Apache-2.0
// The pipeline: ring -> raw window (raw.c) -> raw block and rollup -> cell windows (cells.c) ->
// blocks, all into the outbox (emit.c). This file moves samples from the ring into the raw window,
// follows the clock, and sets up what the others work in.
//
// Coarser tiers are rebuilt from finer ones after a crash (recover.c), so only the raw window
// bounds the loss. Where raw is not stored, the cells of the finest stored tier do.
//
// The keeper's task only; everything under store_lock.
#include "host_state.h"

#include <string.h>

#include "codec.h"
#include "varve/block.h"

// How far ahead of the clock a sample's own time may be.
#define FUTURE_MS (INT64_C(24) * 3600 * 1000)

// A row from the future must neither expire what is older nor count as rolled up to: no time is
// taken to have come before a trusted clock shows it.
int64_t varve_pipeline_past(const struct varve_host *host, int64_t time_ms)
{
    int64_t now_ms = host->future_ms == INT64_MAX ? INT64_MAX : host->future_ms - FUTURE_MS;
    return time_ms < now_ms ? time_ms : now_ms;
}

void varve_pipeline_init_gaps(struct varve_host *host)
{
    int64_t shortest_ms = INT64_MAX;
    for (size_t tier = 0; tier < host->tier_count; tier++) {
        int64_t keep_ms = host->tiers[tier].keep_ms;
        shortest_ms = keep_ms < shortest_ms ? keep_ms : shortest_ms;
    }
    varve_gaps_init(&host->gaps, shortest_ms);
}

void varve_pipeline_cover(const struct varve_host *host, struct varve_gaps *gaps, unsigned tier,
                          const struct varve_block_key *key)
{
    const struct varve_tier *t = &host->tiers[tier];
    if (tier == 0) {
        varve_gaps_cover(gaps, key->start_ms, key->end_ms);
    } else if (key->end_ms - key->start_ms <= 2 * t->window_ms) {
        varve_gaps_cover_cells(gaps, key->start_ms, key->end_ms, t->step_ms);
    } else { // cells that waited while the clock went somewhere else: what is between is not known
        varve_gaps_cover_cells(gaps, key->start_ms, key->start_ms, t->step_ms);
        varve_gaps_cover_cells(gaps, key->end_ms, key->end_ms, t->step_ms);
    }
}

// Nothing expires before a clock that is trusted says so: the newest row in the store may be from
// the future.
int64_t varve_pipeline_expiry(const struct varve_host *host, size_t tier)
{
    if ((host->flags & VARVE_HOST_KEEP_ALL) != 0 || host->newest_ms == INT64_MIN ||
        host->future_ms == INT64_MAX) {
        return INT64_MIN;
    }
    return varve_gaps_before(&host->gaps, varve_pipeline_past(host, host->newest_ms),
                             host->tiers[tier].keep_ms);
}

// ---- the ring -----------------------------------------------------------------------------------

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
    varve_raw_close(host);
    if (host->windows[0].count > 0) {
        return; // not stampable yet
    }
    varve_cells_advance(host, varve_pipeline_past(host, host->wear.raise_ms));
    varve_cells_close(host, host->base_tier);
    varve_wear_raise(host);
}

// Nothing of the tick can be taken if this is false. May close windows.
static bool begin_tick(struct varve_host *host, const struct varve_sample *first, size_t n)
{
    const struct varve_window *window = &host->windows[0];
    if (is_absurd(host, first)) {
        host->rejected_time += n;
        return false;
    }
    varve_raw_close_before(host, first);
    raise_before(host, first);
    if (window->count == window->cap) {
        host->dropped_window += n; // the clock is not trusted yet and nothing can be stamped
        return false;
    }
    return true;
}

// Whether the window's last row has this time by the same clock: all that there is to ask of it has
// been asked.
static bool goes_on(const struct varve_window *window, const struct varve_sample *first)
{
    const struct varve_sample *last = first - 1;
    return window->count > 0 && window->count < window->cap && last->time_ms == first->time_ms &&
           last->flags == first->flags;
}

// Moves up to `most` samples of one time to where they belong, behind the window's rows; with no
// room left, one of them makes some.
static size_t take_tick(struct varve_host *host, size_t most)
{
    struct varve_window *window = &host->windows[0];
    struct varve_sample *behind = window->rows.raw + window->count;
    uint32_t room = window->cap - window->count;
    most = room == 0 ? 1 : most < room ? most : room;
    size_t n = varve_ring_pop_tick(&host->ring, behind, most);
    if (n == 0) {
        return 0;
    }
    if (goes_on(window, behind)) {
        window->count += (uint32_t)n;
    } else if (begin_tick(host, behind, n)) {
        memmove(window->rows.raw + window->count, behind,
                n * sizeof *behind); // rows before are gone
        varve_raw_note_row(window);
        window->count += (uint32_t)n - 1;
    } else {
        return n;
    }
    host->samples += n;
    return n;
}

size_t varve_pipeline_drain(struct varve_host *host)
{
    size_t total = 0, n;
    do {
        size_t taken = 0;
        varve_port_mutex_lock(&host->store_lock);
        host->dropped_ring += varve_ring_take_dropped(&host->ring);
        do {
            n = take_tick(host, VARVE_DRAIN_BATCH - taken);
            taken += n;
        } while (n > 0 && taken < VARVE_DRAIN_BATCH);
        varve_port_mutex_unlock(&host->store_lock);
        total += taken;
    } while (n > 0);
    return total;
}

// ---- time ---------------------------------------------------------------------------------------

// Stored history is that far ahead of the clock before it is worth an event.
#define AHEAD_MS 60000

// The clock has changed: it may be behind what is stored.
static void say_future(struct varve_host *host, int64_t now_ms)
{
    varve_port_mutex_lock(&host->store_lock);
    int64_t unix_ms = varve_timebase_unix(&host->timebase, now_ms);
    bool known = host->timebase.trusted && host->gaps.oldest_ms <= host->gaps.newest_ms;
    int64_t ahead_ms = known ? host->gaps.newest_ms - unix_ms : 0;
    varve_port_mutex_unlock(&host->store_lock);
    if (ahead_ms > AHEAD_MS) {
        varve_event_add(host, VARVE_WARNING, "host", "history_ahead", true, (double)ahead_ms / 1000,
                        NULL,
                        "stored history is up to %lld s ahead of the clock: one of them is wrong; "
                        "it stays, and hides nothing",
                        (long long)(ahead_ms / 1000));
    }
}

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
    if (change != VARVE_CLOCK_SAME) {
        say_future(host, now_ms);
    }
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
    if (!varve_raw_close_due(host, now_ms) && force) {
        varve_raw_close(host);
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
        int64_t upto_ms = varve_pipeline_past(host, host->newest_ms) + 1;
        if (host->newest_ms != INT64_MIN && upto_ms > host->upto_ms[host->base_tier]) {
            host->upto_ms[host->base_tier] = upto_ms;
        }
        varve_cells_close(host, host->base_tier);
    }
    varve_port_mutex_unlock(&host->store_lock);
}

void varve_pipeline_close_cells(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    varve_cells_close(host, host->tier_count - 1);
    varve_port_mutex_unlock(&host->store_lock);
}

int64_t varve_pipeline_due(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    int64_t due_ms = varve_raw_due(host);
    varve_port_mutex_unlock(&host->store_lock);
    return due_ms;
}

void varve_pipeline_assume_clock(struct varve_host *host)
{
    (void)varve_pipeline_drain(host);
    varve_port_mutex_lock(&host->store_lock);
    const struct varve_window *window = &host->windows[0];
    bool waits = !host->timebase.trusted && window->first_boot_ms != INT64_MAX;
    int64_t first_ms = VARVE_CLOCK_FLOOR_MS;
    uint32_t count = window->count;
    if (waits) {
        int64_t behind_ms =
            host->newest_ms != INT64_MIN ? host->newest_ms + host->tiers[0].step_ms : INT64_MIN;
        first_ms = behind_ms > first_ms ? behind_ms : first_ms;
        host->timebase.offset_ms = first_ms - window->first_boot_ms;
        host->timebase.trusted = true;
    }
    varve_port_mutex_unlock(&host->store_lock);
    if (waits) {
        varve_event_add(host, VARVE_WARNING, "host", "clock_assumed", true, count, NULL,
                        "the clock never became plausible: %u samples were stored as if they "
                        "followed what was stored before, from Unix time %lld on",
                        (unsigned)count, (long long)(first_ms / 1000));
    }
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

static int take_hints(struct varve_host *host)
{
    size_t tiers = varve_codec_uses_hints() ? VARVE_HINTED_TIERS : 0;
    for (size_t tier = 0; tier < tiers && tier < host->tier_count; tier++) {
        size_t columns = tier == 0 ? VARVE_POINT_HINTS : VARVE_CELL_HINTS;
        host->hints[tier] = varve_arena_take_zeroed(&host->arena, columns * host->series.cap,
                                                    sizeof *host->hints[tier]);
        if (host->hints[tier] == NULL) {
            return VARVE_E_NO_MEMORY;
        }
    }
    return 0;
}

// Readers without a daemon ask once: there is nothing to remember.
static int take_row_cache(struct varve_host *host)
{
    size_t bytes = (size_t)host->conf->settings.query_cache_bytes;
    if (bytes == 0 || (host->flags & VARVE_HOST_READ_ONLY) != 0) {
        return 0;
    }
    host->row_cache.memory = varve_arena_take(&host->arena, bytes, 8);
    host->row_cache.bytes = host->row_cache.memory != NULL ? bytes : 0;
    return host->row_cache.memory != NULL ? 0 : VARVE_E_NO_MEMORY;
}

int varve_pipeline_init(struct varve_host *host)
{
    const struct varve_settings *settings = &host->conf->settings;
    struct varve_arena *arena = &host->arena;
    uint32_t ring = power_of_two(settings->ring_samples);
    uint32_t raw_rows = (uint32_t)settings->window_samples;
    uint32_t cell_rows = (uint32_t)settings->cell_rows;
    struct varve_ring_slot *slots = varve_arena_take(arena, ring * sizeof *slots, VARVE_CACHE_LINE);
    int rc = varve_window_init_raw(&host->windows[0], arena, raw_rows);
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        rc |= varve_window_init_cells(&host->windows[tier], arena, cells_for(host, tier),
                                      host->tiers[tier].step_ms);
    }
    rc |= varve_order_init(&host->order, arena, raw_rows, host->series.cap);
    rc |= varve_order_init(&host->cell_order, arena, cell_rows, host->series.cap);
    rc |= varve_outbox_init(&host->outbox, arena, (uint32_t)settings->outbox_bytes);
    rc |= varve_rollup_init(&host->rollup, arena, host->tiers, host->tier_count, host->series.cap);
    rc |= varve_sketches_init(&host->sketches, arena, host->conf, host->series.cap,
                              (host->flags & VARVE_HOST_SKETCHES) != 0);
    rc |= take_hints(host);
    rc |= take_row_cache(host);
    host->block = varve_arena_take(arena, VARVE_BLOCK_MAX, 8);
    host->scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
    host->cell_scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
#if VARVE_COLUMN_MAX > VARVE_SORT_IN_PLACE
    host->sort_scratch = varve_arena_take(arena, VARVE_SCRATCH_BYTES, 8);
    rc |= host->sort_scratch == NULL;
#endif
    rc |= varve_recover_init(host);
    if (rc != 0 || slots == NULL || host->cell_scratch == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    varve_ring_init(&host->ring, slots, ring);
    host->rollup.sink = varve_cells_take;
    host->rollup.sink_arg = host;
    host->rollup.sketches = &host->sketches;
    return 0;
}

// Bytes of a block that fill a page of the first persistent backend that keeps raw; 0: none does.
static uint32_t page_payload(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        const struct varve_backend_ops *ops = backend->instance.plugin->backend;
        bool holds = (backend->conf->tiers & 1u) != 0;
        if (holds && backend->persistent && ops->page_payload != NULL &&
            varve_backend_is_open(backend)) {
            return ops->page_payload(&backend->instance);
        }
    }
    return 0;
}

void varve_pipeline_plan(struct varve_host *host)
{
    varve_cut_init(&host->cut, page_payload(host));
}
