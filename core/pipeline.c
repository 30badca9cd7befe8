// SPDX-License-Identifier: Apache-2.0
// The pipeline: ring -> raw window -> (window closes) -> stamp -> raw block and rollup -> cell
// windows
// -> blocks, all into the outbox.
//
// Rows keep boot time until their window closes. Only then are they stamped, encoded and rolled up,
// so that a clock that is set or stepped meanwhile restamps everything that is not persisted, and
// rollups never see a time that changes later. Coarser tiers are rebuilt from finer ones after a
// crash (recover.c), so only the raw window bounds the loss.
//
// The keeper's task only; everything under store_lock.
#include "host_state.h"

#include "varve/block.h"

#define FLASH_PAGE_BYTES 4096u
// How far ahead of the clock a sample's own time may be.
#define FUTURE_MS (INT64_C(24) * 3600 * 1000)
// Rows of one chunk that fit into the scratch memory.
#define SCRATCH_CELLS (VARVE_SCRATCH_BYTES / sizeof(struct varve_cell))

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

// ---- blocks -------------------------------------------------------------------------------------

static uint32_t wanted_by(const struct varve_host *host, size_t tier)
{
    uint32_t mask = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        bool takes = !host->backends[b].persistent || varve_wear_keeps(host, tier);
        mask |= (takes ? host->backends[b].conf->tiers >> tier & 1u : 0u) << b;
    }
    return (host->flags & VARVE_HOST_READ_ONLY) != 0 ? 0 : mask;
}

uint64_t varve_flash_total(struct varve_host *host)
{
    uint64_t kib = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        kib += atomic_load_explicit(&host->backends[b].flash_kib, memory_order_relaxed);
    }
    return host->flash_before + kib * 1024;
}

static void begin_block(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                        int64_t base_ms)
{
    struct varve_block_info info = {
        .key = {.start_ms = base_ms, .seq = host->next_seq[tier]},
        .step_ms = (uint32_t)host->tiers[tier].step_ms,
        .tier = (uint8_t)tier,
        .columns = tier == 0 ? 1 : 5,
        .upto_ms = host->upto_ms[tier],
        .samples = host->samples_before + host->samples,
        .flash_bytes = varve_flash_total(host),
    };
    varve_block_begin(w, host->block, VARVE_BLOCK_MAX, &info);
}

// While nothing may be written, blocks that nobody will ever store leave room for those that wait.
static bool is_half_full(struct varve_outbox *outbox)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < outbox->count; i++) {
        bytes += varve_outbox_at(outbox, i)->info.length;
    }
    return outbox->count > VARVE_OUTBOX_ENTRIES / 2 || bytes > outbox->cap / 2;
}

// The total in the header includes the block's own pages, since nothing is written afterwards that
// could tell of them.
// Returns the block's length in bytes, 0 when nothing was added.
static uint32_t finish_block(struct varve_host *host, struct varve_block_writer *w, size_t tier)
{
    size_t length = w->used + w->dir_used;
    w->info.flash_bytes += (length + FLASH_PAGE_BYTES - 1) / FLASH_PAGE_BYTES * FLASH_PAGE_BYTES;
    if (varve_block_finish(w) < 0) {
        return 0;
    }
    struct varve_outbox_entry entry = {.info = w->info,
                                       .wanted = wanted_by(host, tier),
                                       .expire_before_ms = varve_pipeline_expiry(host, tier),
                                       .tier = (uint8_t)tier};
    host->mark_ms[tier] = w->info.upto_ms;
    host->has_late[tier] = false;
    host->next_seq[tier]++;
    if (entry.wanted == 0 && varve_wear_paused(host) && is_half_full(&host->outbox)) {
        return w->info.length;
    }
    // A refused block is counted by the outbox and reported with the statistics.
    (void)varve_outbox_add(&host->outbox, &entry, host->block);
    return w->info.length;
}

// Adds a chunk, in a new block when the current one is full.
static void add_chunk(struct varve_host *host, struct varve_block_writer *w, size_t tier,
                      varve_series_id id, const void *rows, size_t n)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        int rc = tier == 0 ? varve_block_add_points(w, id, rows, n)
                           : varve_block_add_cells(w, id, rows, n);
        if (rc != VARVE_E_FULL) {
            return;
        }
        int64_t base_ms = w->info.key.start_ms;
        (void)finish_block(host, w, tier); // the rest is what tells how to cut
        begin_block(host, w, tier, base_ms);
    }
}

// ---- cell windows -------------------------------------------------------------------------------

static size_t gather_cells(const struct varve_host *host, const struct varve_window *window,
                           uint32_t from, uint32_t to)
{
    struct varve_cell *cells = host->cell_scratch;
    size_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        cells[n++] = varve_window_cell(window, host->cell_order.index[i]);
    }
    varve_sort_rows(cells, sizeof *cells, n, host->sort_scratch);
    return varve_merge_cells(cells, n);
}

// `early`: not because of what the window holds.
static void close_cells(struct varve_host *host, size_t tier, bool early)
{
    struct varve_window *window = &host->windows[tier];
    struct varve_block_writer w;
    uint32_t series_count = varve_series_count(&host->series);
    if (window->count == 0) {
        return;
    }
    varve_order_rows(&host->cell_order, window->rows.cells, sizeof *window->rows.cells,
                     offsetof(struct varve_cell_row, id), window->count, series_count);
    uint32_t seq = host->next_seq[tier];
    begin_block(host, &w, tier, window->first_unix_ms);
    for (uint32_t id = 0; id < series_count; id++) {
        uint32_t end = host->cell_order.start[id + 1];
        for (uint32_t at = host->cell_order.start[id]; at < end;) {
            uint32_t take = end - at < SCRATCH_CELLS ? end - at : (uint32_t)SCRATCH_CELLS;
            size_t n = gather_cells(host, window, at, at + take);
            add_chunk(host, &w, tier, (varve_series_id)id, host->cell_scratch, n);
            at += take;
        }
    }
    uint32_t length = finish_block(host, &w, tier);
    if (host->next_seq[tier] == seq + 1) { // not split into several
        varve_cut_learn(&host->cuts[tier], window->count, length, early);
    }
    varve_cut_begin(&host->cuts[tier]);
    varve_window_reset(window);
}

// The rollup's sink: a closed cell joins its tier's window.
static void take_cell(void *arg, size_t level, varve_series_id id, const struct varve_cell *cell)
{
    struct varve_host *host = arg;
    size_t tier = level + 1;
    struct varve_window *window = &host->windows[tier];
    if (cell->start_ms < varve_pipeline_expiry(host, tier)) {
        return; // older than what the tier keeps: coarser tiers still get it
    }
    if (window->count >= host->cuts[tier].limit &&
        varve_cut_due(&host->cuts[tier], window->count, cell->start_ms - window->first_unix_ms,
                      host->tiers[tier].window_ms)) {
        close_cells(host, tier, false);
    }
    host->has_late[tier] |= cell->start_ms < host->mark_ms[tier];
    if (varve_window_add_cell(window, id, cell) != 0) {
        close_cells(host, tier, false);
        host->has_late[tier] |= cell->start_ms < host->mark_ms[tier];
        // An empty window has room: its base is the cell's own start.
        (void)varve_window_add_cell(window, id, cell);
    }
}

// Time after which the tier's window closes. That of the finest persisted tier bounds what a power
// cut loses, together with the raw window before it and the open cell.
static int64_t cell_span(const struct varve_host *host, size_t tier)
{
    int64_t span_ms = varve_wear_cell_window_ms(host, tier);
    int64_t bound_ms = varve_wear_window_ms(host) - host->tiers[tier].step_ms;
    return tier == host->base_tier && bound_ms < span_ms ? bound_ms : span_ms;
}

// Closes the cell windows that cover their span by `time_ms`, and moves the rolled-up-to marks.
static void advance_tiers(struct varve_host *host, int64_t time_ms)
{
    varve_rollup_close(&host->rollup, varve_series_count(&host->series), time_ms);
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        struct varve_window *window = &host->windows[tier];
        int64_t upto = varve_bucket(time_ms, host->tiers[tier].step_ms);
        if (upto > host->upto_ms[tier]) {
            host->upto_ms[tier] = upto;
        }
        if (window->count > 0 && upto - window->first_unix_ms >= cell_span(host, tier)) {
            close_cells(host, tier, false);
        }
    }
}

// Cells of late rows, older than the mark of their tier's newest block, must not be in RAM only
// when a flush is over: recovery rebuilds what comes after the mark and would not see them.
static void close_late(struct varve_host *host)
{
    if (host->tier_count > 1 && host->upto_ms[1] != INT64_MIN) {
        varve_rollup_close(&host->rollup, varve_series_count(&host->series), host->upto_ms[1]);
    }
    for (size_t tier = 1; tier < host->tier_count; tier++) {
        if (host->has_late[tier]) {
            close_cells(host, tier, true);
        }
    }
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
                add_chunk(host, w, 0, (varve_series_id)id, points + skip, n - skip);
            } else {
                enum varve_kind kind = (enum varve_kind)host->series.series[id].kind;
                varve_rollup_points(&host->rollup, (varve_series_id)id, kind, points, n);
            }
            at += take;
        }
    }
}

// Two passes, since rolling up may close cell windows, which need the block buffer.
static void close_raw(struct varve_host *host, bool early)
{
    struct varve_window *window = &host->windows[0];
    struct varve_block_writer w;
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
    uint32_t seq = host->next_seq[0];
    begin_block(host, &w, 0, first_ms);
    each_chunk(host, &w);
    uint32_t length = finish_block(host, &w, 0);
    if (host->next_seq[0] == seq + 1) {
        varve_cut_learn(&host->cuts[0], window->count, length, early);
    }
    varve_cut_begin(&host->cuts[0]);
    each_chunk(host, NULL);
    advance_tiers(host, not_after_now(host, last_ms));
    varve_window_reset(window);
}

// Whether a row would stretch the window beyond its span, or its block beyond the pages it fills.
static bool needs_cut(struct varve_host *host, const struct varve_sample *sample)
{
    const struct varve_window *window = &host->windows[0];
    int64_t first_ms =
        (sample->flags & VARVE_SAMPLE_UNIX) != 0 ? window->first_unix_ms : window->first_boot_ms;
    int64_t span_ms = varve_wear_window_ms(host);
    if (window->count == window->cap ||
        (first_ms != INT64_MAX && sample->time_ms - first_ms >= span_ms)) {
        return true;
    }
    return window->count >= host->cuts[0].limit && first_ms != INT64_MAX &&
           varve_cut_due(&host->cuts[0], window->count, sample->time_ms - first_ms, span_ms);
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
    close_raw(host, true);
    if (host->windows[0].count > 0) {
        return; // not stampable yet
    }
    advance_tiers(host, not_after_now(host, host->wear.raise_ms));
    close_cells(host, host->base_tier, true);
    varve_wear_raise(host);
}

static void append(struct varve_host *host, const struct varve_sample *sample)
{
    struct varve_window *window = &host->windows[0];
    if (is_absurd(host, sample)) {
        host->rejected_time++;
        return;
    }
    if (needs_cut(host, sample)) {
        close_raw(host, false);
    }
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

void varve_pipeline_tick(struct varve_host *host, int64_t now_ms, bool force)
{
    update_clock(host, now_ms);
    varve_port_mutex_lock(&host->store_lock);
    const struct varve_window *window = &host->windows[0];
    bool old = window->first_boot_ms != INT64_MAX &&
               now_ms - window->first_boot_ms >= varve_wear_window_ms(host);
    if (force || old) {
        close_raw(host, !old);
        close_late(host);
    }
    // Where raw is not persisted, the finest tier that is must not wait for its window either.
    if (force && host->base_tier > 0 && host->base_tier < host->tier_count) {
        close_cells(host, host->base_tier, true);
    }
    varve_port_mutex_unlock(&host->store_lock);
}

void varve_pipeline_close_base(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    if (host->base_tier > 0 && host->base_tier < host->tier_count) {
        int64_t end_ms = host->newest_ms + host->tiers[host->base_tier].step_ms;
        varve_rollup_close(&host->rollup, varve_series_count(&host->series), end_ms);
        // A mark within a cell tells the next process that this cell is not whole.
        int64_t upto_ms = not_after_now(host, host->newest_ms) + 1;
        if (host->newest_ms != INT64_MIN && upto_ms > host->upto_ms[host->base_tier]) {
            host->upto_ms[host->base_tier] = upto_ms;
        }
        close_cells(host, host->base_tier, true);
    }
    varve_port_mutex_unlock(&host->store_lock);
}

int64_t varve_pipeline_due(struct varve_host *host)
{
    varve_port_mutex_lock(&host->store_lock);
    const struct varve_window *window = &host->windows[0];
    int64_t due_ms = window->first_boot_ms != INT64_MAX
                         ? window->first_boot_ms + varve_wear_window_ms(host)
                         : INT64_MAX;
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
        rc |= varve_window_init_cells(&host->windows[tier], arena, cell_rows,
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
    host->rollup.sink = take_cell;
    host->rollup.sink_arg = host;
    return 0;
}

// Bytes of a block that fill a page of the first persistent backend that keeps the tier; 0: none.
static uint32_t page_payload(struct varve_host *host, size_t tier)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        const struct varve_backend_ops *ops = backend->instance.plugin->backend;
        bool holds = (backend->conf->tiers >> tier & 1u) != 0;
        if (holds && backend->persistent && ops->page_payload != NULL) {
            return ops->page_payload(&backend->instance);
        }
    }
    return 0;
}

// The base tier's window is cut by its loss bound alone: its cells come in bursts, when a raw
// window closes.
void varve_pipeline_plan(struct varve_host *host)
{
    for (size_t tier = 0; tier < host->tier_count; tier++) {
        bool bounded = tier > 0 && tier == host->base_tier;
        varve_cut_init(&host->cuts[tier], bounded ? 0 : page_payload(host, tier));
    }
}
