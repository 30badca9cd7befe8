// SPDX-License-Identifier: Apache-2.0
// One block without the rows that a prune removes: decoded series by series and encoded again. What
// is left keeps its place: start, number, rolled-up-to marks and totals are those of the block.
//
// A series' rows are taken in pieces that fit the caller's memory. Every row of the block must turn
// up, or it is left alone: rows of a series that nobody knows must not get lost on the way.
#include "prune.h"

#include "window.h"

// A block on its way through here.
struct pass {
    const struct varve_prune_cut *cut;
    const void *block;
    const struct varve_block_info *info;
    struct varve_block_writer writer;
    struct varve_prune_loss *loss;
    uint64_t seen; // rows
};

static bool goes(const struct varve_prune_cut *cut, uint32_t id)
{
    return cut->matched == NULL || (cut->matched[id / 8] >> (id % 8) & 1u) != 0;
}

static int read_rows(const struct pass *pass, uint32_t id, int64_t from_ms, int64_t to_ms,
                     size_t cap)
{
    const bool points = pass->info->columns == 1;
    return points ? varve_block_points(pass->block, pass->info, (varve_series_id)id, from_ms, to_ms,
                                       pass->cut->rows, cap)
                  : varve_block_cells(pass->block, pass->info, (varve_series_id)id, from_ms, to_ms,
                                      pass->cut->rows, cap);
}

static int64_t row_ms(const struct pass *pass, size_t row_bytes, size_t i)
{
    int64_t time_ms;
    memcpy(&time_ms, (const uint8_t *)pass->cut->rows + i * row_bytes, sizeof time_ms);
    return time_ms;
}

// The first row, of n in time order, that is not before the time.
static size_t first_from(const struct pass *pass, size_t row_bytes, size_t n, int64_t from_ms)
{
    size_t i = 0;
    while (i < n && row_ms(pass, row_bytes, i) < from_ms) {
        i++;
    }
    return i;
}

static void count_loss(struct pass *pass, uint32_t id, int64_t oldest_ms, int64_t newest_ms,
                       size_t rows)
{
    struct varve_prune_loss *loss = pass->loss;
    loss->oldest_ms = oldest_ms < loss->oldest_ms ? oldest_ms : loss->oldest_ms;
    loss->newest_ms = newest_ms > loss->newest_ms ? newest_ms : loss->newest_ms;
    loss->rows += rows;
    pass->cut->touched[id / 8] |= (uint8_t)(1u << (id % 8));
}

// Takes the rows that go out of the piece; returns how many are left.
static size_t drop_rows(struct pass *pass, uint32_t id, size_t row_bytes, size_t n)
{
    size_t from = first_from(pass, row_bytes, n, pass->cut->go_from_ms);
    size_t to = first_from(pass, row_bytes, n, pass->cut->keep_from_ms);
    if (!goes(pass->cut, id) || from >= to) {
        return n;
    }
    count_loss(pass, id, row_ms(pass, row_bytes, from), row_ms(pass, row_bytes, to - 1), to - from);
    uint8_t *rows = pass->cut->rows;
    memmove(rows + from * row_bytes, rows + to * row_bytes, (n - to) * row_bytes);
    return n - (to - from);
}

static int add_to_size(void *arg, int64_t start_ms, const uint8_t *sketch, size_t bytes)
{
    (void)start_ms;
    (void)sketch;
    *(size_t *)arg += bytes + 2 * VARVE_TAIL_NUMBER_MAX;
    return 0;
}

// Whether the series' sketches in the range fit the memory for sorting.
static bool tail_fits(const struct pass *pass, uint32_t id, int64_t from_ms, int64_t to_ms)
{
    size_t bytes = 0;
    (void)varve_block_sketches(pass->block, pass->info, (varve_series_id)id, from_ms, to_ms,
                               add_to_size, &bytes);
    return bytes <= VARVE_PRUNE_ROW_BYTES;
}

static int copy_sketch(void *arg, int64_t start_ms, const uint8_t *sketch, size_t bytes)
{
    uint8_t *to = varve_block_tail_add(arg, start_ms, bytes);
    if (to == NULL) {
        return VARVE_E_CORRUPT;
    }
    memcpy(to, sketch, bytes);
    return 0;
}

// The sketches of n cells go where rows were sorted, and from there into the next chunk.
static int keep_tail(struct pass *pass, uint32_t id, const struct varve_cell *cells, size_t n)
{
    struct varve_block_tail tail = {.buf = pass->cut->scratch,
                                    .cap = VARVE_PRUNE_ROW_BYTES,
                                    .at_ms = pass->info->key.start_ms,
                                    .step_ms = pass->info->step_ms};
    int rc = 0;
    for (size_t i = 0; rc == 0 && pass->info->has_tails && i < n; i++) {
        rc = varve_block_sketches(pass->block, pass->info, (varve_series_id)id, cells[i].start_ms,
                                  cells[i].start_ms, copy_sketch, &tail);
    }
    varve_block_use_tail(&pass->writer, tail.buf, tail.used);
    return rc;
}

static int keep_rest(struct pass *pass, uint32_t id, size_t row_bytes, size_t n)
{
    void *rows = pass->cut->rows;
    varve_sort_rows(rows, row_bytes, n, pass->cut->scratch);
    n = drop_rows(pass, id, row_bytes, n);
    if (n == 0) {
        return 0;
    }
    if (pass->info->columns == 1) {
        return varve_block_add_points(&pass->writer, (varve_series_id)id, rows, n);
    }
    n = varve_merge_cells(rows, n);
    int rc = keep_tail(pass, id, rows, n);
    return rc == 0 ? varve_block_add_cells(&pass->writer, (varve_series_id)id, rows, n) : rc;
}

// One series, in as many pieces of time as memory demands.
static int copy_series(struct pass *pass, uint32_t id)
{
    const bool points = pass->info->columns == 1;
    const size_t row_bytes = points ? sizeof(struct varve_point) : sizeof(struct varve_cell);
    const int64_t end_ms = pass->info->key.end_ms;
    uint64_t span_ms = UINT64_MAX;
    int64_t at_ms = pass->info->key.start_ms;
    for (;;) {
        uint64_t left_ms = (uint64_t)end_ms - (uint64_t)at_ms;
        int64_t to_ms = left_ms > span_ms ? at_ms + (int64_t)span_ms : end_ms;
        int n = read_rows(pass, id, at_ms, to_ms, VARVE_PRUNE_ROW_BYTES / row_bytes);
        n = n > 0 && !tail_fits(pass, id, at_ms, to_ms) ? VARVE_E_FULL : n;
        if (n == VARVE_E_FULL && to_ms > at_ms) {
            span_ms = ((uint64_t)to_ms - (uint64_t)at_ms) / 2;
            continue;
        }
        pass->seen += n > 0 ? (uint64_t)n : 0;
        int rc = n > 0 ? keep_rest(pass, id, row_bytes, (size_t)n) : n;
        if (rc < 0) {
            return n == VARVE_E_FULL ? VARVE_E_CORRUPT : rc; // too much at one moment for any block
        }
        if (to_ms == end_ms) {
            return 0;
        }
        at_ms = to_ms + 1;
    }
}

// Nothing of the block stays: only which series it holds has to be found out.
static int drop_all(struct pass *pass)
{
    int id = varve_block_next_id(pass->block, pass->info, -1);
    for (; id >= 0 && (uint32_t)id < pass->cut->series_count;
         id = varve_block_next_id(pass->block, pass->info, id)) {
        pass->cut->touched[id / 8] |= (uint8_t)(1u << (id % 8));
    }
    struct varve_prune_loss *loss = pass->loss;
    loss->rows += pass->info->rows;
    loss->oldest_ms = pass->info->key.start_ms;
    loss->newest_ms = pass->info->key.end_ms;
    return pass->info->rows > 0 ? 0 : VARVE_E_NOT_FOUND; // it was emptied before
}

int varve_prune_block(const struct varve_prune_cut *cut, const void *block,
                      const struct varve_block_info *info, uint8_t *out, size_t cap,
                      struct varve_prune_loss *loss)
{
    struct pass pass = {.cut = cut, .block = block, .info = info, .loss = loss};
    int rc = 0;
    *loss = (struct varve_prune_loss){.oldest_ms = INT64_MAX, .newest_ms = INT64_MIN};
    if (info->rows == 0 || info->key.start_ms >= cut->keep_from_ms ||
        info->key.end_ms < cut->go_from_ms) {
        return VARVE_E_NOT_FOUND;
    }
    if (cut->matched == NULL && info->key.start_ms >= cut->go_from_ms &&
        info->key.end_ms < cut->keep_from_ms) {
        return drop_all(&pass);
    }
    varve_block_begin(&pass.writer, out, cap, info);
    for (uint32_t id = 0; rc == 0 && id < cut->series_count; id++) {
        rc = copy_series(&pass, id);
    }
    if (rc == 0 && pass.seen != info->rows) {
        rc = VARVE_E_CORRUPT;
    }
    if (rc < 0) {
        return rc;
    }
    if (loss->rows == 0) {
        return VARVE_E_NOT_FOUND;
    }
    return loss->rows == info->rows ? 0 : varve_block_finish(&pass.writer);
}
