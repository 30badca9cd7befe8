// SPDX-License-Identifier: Apache-2.0
// Scans: the order in which rows are read for whoever asks; see varve/scan.h. Reading itself is
// rows.c's. One task.
#include "varve/scan.h"

#include "rows.h"

struct varve_scan {
    struct varve_host *host;
    struct varve_arena arena; // all that is not this struct
    struct varve_rows rows;
    bool ready; // `rows` is for range.tier
    struct varve_scan_range range;
    size_t at;                        // of range.ids; range.count: behind the last
    int64_t from_ms, to_ms;           // of what is read now: the range, or one slice of it
    int64_t next_ms;                  // what is left of the series begins, or backwards ends, there
    int64_t span_ms;                  // of the next piece, backwards
    struct varve_scan_figures before; // of readers that are gone
    bool reach_known[VARVE_MAX_TIERS];
    int64_t oldest_ms[VARVE_MAX_TIERS], newest_ms[VARVE_MAX_TIERS];
};

int varve_scan_init(struct varve_scan **out, struct varve_host *host, void *memory, size_t bytes)
{
    struct varve_arena arena = {.base = memory, .size = bytes};
    struct varve_scan *scan = varve_arena_take_zeroed(&arena, 1, sizeof *scan);
    *out = scan;
    if (scan == NULL || bytes < VARVE_QUERY_MEMORY_MIN) {
        return VARVE_E_NO_MEMORY;
    }
    scan->host = host;
    scan->arena = (struct varve_arena){.base = arena.base + arena.used, .size = bytes - arena.used};
    return 0;
}

static bool is_still(const struct varve_scan *scan)
{
    return (scan->host->flags & VARVE_HOST_READ_ONLY) != 0;
}

// A reader of the tier, with the blocks that it has, if they cannot have changed.
static int take_reader(struct varve_scan *scan, unsigned tier)
{
    if (scan->ready && scan->rows.tier == tier && is_still(scan)) {
        return 0;
    }
    varve_scan_figures(scan, &scan->before);
    struct varve_arena arena = scan->arena;
    int rc = varve_rows_init(&scan->rows, scan->host, tier, &arena, (size_t)2 * VARVE_BLOCK_MAX, 0);
    scan->ready = rc == 0;
    return rc;
}

// Nothing lies outside what the tier holds: open ends cost nothing and cannot overflow.
static void clamp(struct varve_scan *scan, unsigned tier)
{
    if (!scan->reach_known[tier] || !is_still(scan)) {
        (void)varve_store_range(scan->host, tier, &scan->oldest_ms[tier], &scan->newest_ms[tier]);
        scan->reach_known[tier] = true;
    }
    struct varve_scan_range *range = &scan->range;
    int64_t oldest_ms = scan->oldest_ms[tier], newest_ms = scan->newest_ms[tier];
    range->from_ms = range->from_ms > oldest_ms ? range->from_ms : oldest_ms;
    range->to_ms = range->to_ms < newest_ms ? range->to_ms : newest_ms;
}

// One block's window is as good a guess as any of how much the end of a series is.
static void begin_series(struct varve_scan *scan)
{
    bool backwards = scan->range.order == VARVE_SCAN_BACKWARDS;
    scan->next_ms = backwards ? scan->to_ms : scan->from_ms;
    scan->span_ms = scan->host->tiers[scan->range.tier].window_ms;
    scan->span_ms = scan->span_ms > 0 ? scan->span_ms : 1;
}

// A slice ends where a block ends, so that the reader's blocks serve all series of it.
static void begin_slice(struct varve_scan *scan, int64_t from_ms)
{
    scan->from_ms = from_ms;
    scan->to_ms =
        scan->range.order == VARVE_SCAN_BY_BLOCK && scan->range.count > 1
            ? varve_rows_slice_end(scan->host, scan->range.tier, from_ms, scan->range.to_ms)
            : scan->range.to_ms;
    scan->at = 0;
    begin_series(scan);
}

int varve_scan_begin(struct varve_scan *scan, const struct varve_scan_range *range)
{
    if (range->tier >= scan->host->tier_count) {
        return VARVE_E_INVALID;
    }
    scan->range = *range;
    scan->at = range->count; // until all is well there is nothing to read
    int rc = take_reader(scan, range->tier);
    if (rc == 0) {
        clamp(scan, range->tier);
        if (scan->range.from_ms <= scan->range.to_ms && range->count > 0) {
            begin_slice(scan, scan->range.from_ms);
        }
    }
    return rc;
}

// ---- pieces -------------------------------------------------------------------------------------

// The series that is read next; false when there is none. Nothing is left of one when next_ms is
// outside the slice.
static bool has_more(struct varve_scan *scan)
{
    if (scan->at == scan->range.count) {
        return false;
    }
    if (scan->next_ms >= scan->from_ms && scan->next_ms <= scan->to_ms) {
        return true;
    }
    scan->at++;
    if (scan->at < scan->range.count) {
        begin_series(scan);
        return true;
    }
    if (scan->to_ms < scan->range.to_ms) {
        begin_slice(scan, scan->to_ms + 1);
        return true;
    }
    return false;
}

// Returns the number of rows, which may be 0 before the last, or an error.
static int read_forwards(struct varve_scan *scan, varve_series_id id)
{
    int64_t to_ms = scan->to_ms;
    int n = varve_rows_read(&scan->rows, id, scan->next_ms, &to_ms);
    scan->next_ms = to_ms + 1;
    return n;
}

// A span that does not fit into memory is made shorter; the next one is longer.
static int read_backwards(struct varve_scan *scan, varve_series_id id)
{
    for (;;) {
        int64_t last_ms = scan->next_ms, from_ms = scan->from_ms;
        if (last_ms - from_ms >= scan->span_ms) {
            from_ms = last_ms - scan->span_ms + 1;
        }
        int64_t to_ms = last_ms;
        int n = varve_rows_read(&scan->rows, id, from_ms, &to_ms);
        if (n >= 0 && to_ms < last_ms && last_ms > from_ms) {
            scan->span_ms = (last_ms - from_ms + 1) / 2;
            continue;
        }
        if (n >= 0) {
            scan->next_ms = from_ms - 1;
            scan->span_ms *= scan->span_ms < INT64_MAX / 4 ? 2 : 1;
        }
        return n;
    }
}

int varve_scan_next(struct varve_scan *scan, struct varve_scan_piece *piece)
{
    while (has_more(scan)) {
        varve_series_id id = scan->range.ids[scan->at];
        int n = scan->range.order == VARVE_SCAN_BACKWARDS ? read_backwards(scan, id)
                                                          : read_forwards(scan, id);
        if (n < 0) {
            scan->at = scan->range.count;
            return n;
        }
        if (n > 0) {
            bool raw = scan->range.tier == 0;
            piece->id = id;
            piece->n = (size_t)n;
            piece->points = raw ? scan->rows.rows : NULL;
            piece->cells = raw ? NULL : scan->rows.rows;
            return 1;
        }
    }
    return 0;
}

void varve_scan_figures(const struct varve_scan *scan, struct varve_scan_figures *out)
{
    *out = scan->before;
    if (scan->ready) {
        out->rows += scan->rows.read;
        out->bytes += scan->rows.loaded;
        out->blocks += scan->rows.blocks;
        out->damaged += scan->rows.damaged;
    }
}
