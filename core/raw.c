// SPDX-License-Identifier: Apache-2.0
// The raw window: when it ends, and how its rows become a block and cells.
//
// Rows keep boot time while they are in the window. Only when it closes do they get Unix time, are
// encoded and rolled up, so that a clock that is set or stepped meanwhile moves everything that is
// not persisted, and rollups never see a time that changes later.
//
// A window ends when its span is over (the loss window), when its memory is full, or when its block
// fills whole pages of flash (cut.h). The last is a prediction: a block that turns out a little
// longer than its pages is made again without the rows that came last, which begin the next window.
// Where raw is not stored, a window ends where a cell of the finest stored tier ends, so that this
// cell is whole when it closes.
//
// The keeper's task only; under store_lock.
#include "host_state.h"

#include "varve/block.h"

// ---- when it ends -------------------------------------------------------------------------------

static bool stores_raw(const struct varve_host *host)
{
    return host->base_tier == 0 || host->base_tier >= host->tier_count;
}

// Unix time at which a window ends that began at first_ms.
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

// What makes that clock's times Unix times.
static int64_t clock_offset(const struct varve_host *host, uint16_t flags)
{
    bool is_unix = (flags & VARVE_SAMPLE_UNIX) != 0;
    return is_unix || !host->timebase.trusted ? 0 : host->timebase.offset_ms;
}

// window_end() in that clock.
static int64_t end_by_clock(const struct varve_host *host, uint16_t flags)
{
    int64_t first_ms = first_by_clock(&host->windows[0], flags);
    int64_t offset_ms = clock_offset(host, flags);
    return first_ms == INT64_MAX ? INT64_MAX : window_end(host, first_ms + offset_ms) - offset_ms;
}

// ---- its rows -----------------------------------------------------------------------------------

// Unix times of the oldest and the newest row; there is one.
static void span_rows(const struct varve_host *host, int64_t *first_ms, int64_t *last_ms)
{
    const struct varve_window *window = &host->windows[0];
    *first_ms = window->first_unix_ms;
    *last_ms = window->last_unix_ms;
    if (window->first_boot_ms != INT64_MAX) {
        int64_t first = varve_timebase_unix(&host->timebase, window->first_boot_ms);
        int64_t last = varve_timebase_unix(&host->timebase, window->last_boot_ms);
        *first_ms = first < *first_ms ? first : *first_ms;
        *last_ms = last > *last_ms ? last : *last_ms;
    }
}

// The same for the newest of the first `count` rows.
static int64_t newest_of(const struct varve_host *host, uint32_t count)
{
    int64_t newest_ms = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        int64_t time_ms = varve_raw_row_ms(&host->timebase, &host->windows[0].rows.raw[i]);
        newest_ms = time_ms > newest_ms ? time_ms : newest_ms;
    }
    return newest_ms;
}

// Brings up to a chunk of a series' rows into time order in the scratch memory. Most are in order
// as they came.
static size_t gather_points(const struct varve_host *host, uint32_t from, uint32_t to)
{
    const struct varve_sample *rows = host->windows[0].rows.raw;
    const struct varve_timebase timebase = host->timebase; // no store can change it
    struct varve_point *points = host->scratch;
    int64_t before_ms = INT64_MIN;
    bool ordered = true;
    size_t n = to - from;
    for (size_t i = 0; i < n; i++) {
        const struct varve_sample *row = &rows[host->order.index[from + i]];
        int64_t time_ms = varve_raw_row_ms(&timebase, row);
        points[i] = (struct varve_point){.time_ms = time_ms, .value = varve_value_read(row->value)};
        ordered &= time_ms >= before_ms;
        before_ms = time_ms;
    }
    if (!ordered) {
        varve_sort_rows(points, sizeof *points, n, host->sort_scratch);
    }
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

// Where a pass over the rows is, series after series.
struct pass {
    uint32_t id;
    uint32_t at; // in the order; rows of this series before it are done
};

// Brings the next chunk into the scratch memory. Returns its rows, 0 behind the last one.
static size_t next_chunk(const struct varve_host *host, struct pass *pass)
{
    const uint32_t series_count = varve_series_count(&host->series);
    while (pass->id < series_count && pass->at == host->order.start[pass->id + 1]) {
        pass->id++;
    }
    if (pass->id == series_count) {
        return 0;
    }
    uint32_t left = host->order.start[pass->id + 1] - pass->at;
    uint32_t take = left < VARVE_COLUMN_MAX ? left : VARVE_COLUMN_MAX;
    pass->at += take;
    return gather_points(host, pass->at - take, pass->at);
}

static void roll_up(struct varve_host *host)
{
    struct pass pass = {.at = host->order.start[0]};
    for (size_t n; (n = next_chunk(host, &pass)) > 0;) {
        enum varve_kind kind = (enum varve_kind)host->series.series[pass.id].kind;
        varve_rollup_points(&host->rollup, (varve_series_id)pass.id, kind, host->scratch, n);
    }
}

// ---- closing ------------------------------------------------------------------------------------

static void encode(struct varve_host *host, struct varve_block_writer *w, uint32_t count,
                   int64_t first_ms)
{
    varve_order_rows(&host->order, host->windows[0].rows.raw, sizeof(struct varve_sample),
                     offsetof(struct varve_sample, id), count, varve_series_count(&host->series));
    varve_emit_begin(host, w, 0, first_ms);
    struct pass pass = {.at = host->order.start[0]};
    for (size_t n; (n = next_chunk(host, &pass)) > 0;) {
        const struct varve_point *points = host->scratch;
        size_t skip = skip_expired(host, n);
        varve_emit_rows(host, w, 0, (varve_series_id)pass.id, points + skip, n - skip);
    }
}

// Where the rows begin that have the same time as row `at`, as far as they came one after the
// other.
static uint32_t tick_begin(const struct varve_window *window, uint32_t at)
{
    const struct varve_sample *rows = window->rows.raw;
    while (at > 1 && rows[at - 1].time_ms == rows[at].time_ms) {
        at--;
    }
    return at;
}

// Puts the block of the window's rows into the outbox; returns how many rows are in it. The rest is
// left only where the content was to fill pages and turned out to be more. Not inlined: the cells
// that close behind it need the stack.
static __attribute__((noinline)) uint32_t store_rows(struct varve_host *host, int64_t first_ms,
                                                     enum varve_raw_end end)
{
    struct varve_block_writer w;
    uint32_t count = host->windows[0].count, seq = host->next_seq[0];
    encode(host, &w, count, first_ms);
    uint32_t excess = varve_cut_excess(&host->cut, count, (uint32_t)(w.used + w.dir_used));
    if (end == VARVE_RAW_FILLS_PAGES && host->next_seq[0] == seq && excess > 0) {
        count = tick_begin(&host->windows[0], count - excess);
        encode(host, &w, count, first_ms);
    }
    uint32_t length = varve_emit_last(host, &w, 0);
    if (host->next_seq[0] == seq + 1) { // not split into several
        varve_cut_learn(&host->cut, count, length, end == VARVE_RAW_EARLY);
    }
    varve_cut_begin(&host->cut);
    return count;
}

// The rows behind the first `count` begin the next window.
static void keep_rest(struct varve_window *window, uint32_t count)
{
    uint32_t rest = window->count - count;
    memmove(window->rows.raw, window->rows.raw + count, rest * sizeof *window->rows.raw);
    varve_window_reset(window);
    while (window->count < rest) {
        varve_raw_note_row(window);
    }
}

// All rows before upto_ms (Unix) have come. The raw block comes first: where cell windows close in
// the second pass, or behind it, their marks say that it is rolled up.
static void close_window(struct varve_host *host, enum varve_raw_end end, int64_t upto_ms)
{
    struct varve_window *window = &host->windows[0];
    int64_t first_ms, last_ms;
    bool stampable = host->timebase.trusted || window->first_boot_ms == INT64_MAX;
    if (window->count == 0 || !stampable) {
        return;
    }
    varve_cells_note_series(host);
    span_rows(host, &first_ms, &last_ms);
    if (varve_gaps_before_next(&host->gaps, first_ms)) {
        // Blocks of short windows do not reach over a gap, so that each start finds it again.
        varve_cells_advance(host, varve_pipeline_past(host, first_ms));
    }
    host->newest_ms = last_ms > host->newest_ms ? last_ms : host->newest_ms;
    varve_gaps_cover(&host->gaps, first_ms, last_ms);
    varve_cells_reserve(host, window->count, last_ms - first_ms);
    uint32_t count = store_rows(host, first_ms, end);
    roll_up(host);
    if (count < window->count) {
        last_ms = newest_of(host, count);
    }
    varve_cells_advance(host, varve_pipeline_past(host, last_ms > upto_ms ? last_ms : upto_ms));
    keep_rest(window, count);
}

void varve_raw_close(struct varve_host *host)
{
    close_window(host, VARVE_RAW_EARLY, INT64_MIN);
}

// At the end of its span.
static void close_old(struct varve_host *host, uint16_t flags, int64_t end_ms)
{
    bool whole_cells = !stores_raw(host);
    close_window(host, VARVE_RAW_FULL,
                 whole_cells ? end_ms + clock_offset(host, flags) : INT64_MIN);
}

bool varve_raw_close_due(struct varve_host *host, int64_t now_ms)
{
    int64_t end_ms = end_by_clock(host, 0);
    if (now_ms < end_ms) {
        return false;
    }
    close_old(host, 0, end_ms);
    return true;
}

int64_t varve_raw_due(const struct varve_host *host)
{
    return host->timebase.trusted ? end_by_clock(host, 0) : INT64_MAX; // else nothing can close it
}

// Whether the rows that come with this one, as many as with the one before, would make the block
// longer than its pages: series that share their times take less room. Where raw is not stored its
// blocks fill no pages.
static bool fills_pages(struct varve_host *host, const struct varve_sample *sample,
                        int64_t elapsed_ms)
{
    const struct varve_window *window = &host->windows[0];
    uint32_t rows = window->count;
    if (rows == 0 || host->base_tier != 0 ||
        sample->time_ms == window->rows.raw[rows - 1].time_ms) {
        return false;
    }
    uint32_t with_these = rows + rows - window->tick_row;
    return with_these >= host->cut.limit &&
           varve_cut_due(&host->cut, with_these, elapsed_ms, varve_wear_window_ms(host));
}

void varve_raw_close_before(struct varve_host *host, const struct varve_sample *sample)
{
    const struct varve_window *window = &host->windows[0];
    int64_t first_ms = first_by_clock(window, sample->flags);
    int64_t elapsed_ms = first_ms != INT64_MAX ? sample->time_ms - first_ms : 0;
    int64_t less_ms = stores_raw(host) ? 0 : host->tiers[host->base_tier].step_ms;
    bool old = elapsed_ms >= varve_wear_window_ms(host) - less_ms; // else no need to divide
    int64_t end_ms = old ? end_by_clock(host, sample->flags) : INT64_MAX;
    if (sample->time_ms >= end_ms) {
        close_old(host, sample->flags, end_ms);
    } else if (window->count == window->cap) {
        close_window(host, VARVE_RAW_FULL, INT64_MIN);
    } else if (fills_pages(host, sample, elapsed_ms)) {
        close_window(host, VARVE_RAW_FILLS_PAGES, INT64_MIN);
    }
}
