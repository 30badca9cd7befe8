// SPDX-License-Identifier: Apache-2.0
// Writing blocks: the codec's chunks and the directory of them.
//
// The directory is collected from the end of the writer's buffer downwards, so that a writer needs
// no memory besides the block itself, and is moved behind the columns when the block is finished.
// A writer belongs to one task.
#include "block_header.h"

#include <string.h>

#include "bytes.h"
#include "codec.h"

// Room for one directory entry: a jump of at most 65535, the length of a chunk.
#define DIRECTORY_ENTRY_MAX 8u

void varve_block_begin(struct varve_block_writer *w, void *buf, size_t cap,
                       const struct varve_block_info *info)
{
    *w = (struct varve_block_writer){
        .buf = buf, .cap = cap, .used = VARVE_BLOCK_HEADER, .info = *info};
    w->info.key.end_ms = info->key.start_ms;
    w->info.rows = 0;
    w->info.entries = 0;
}

void varve_block_use_hints(struct varve_block_writer *w, struct varve_code_hint *hints)
{
    w->hints = hints;
}

// A chunk that was encoded behind what is in the block.
struct chunk {
    size_t bytes;
    size_t times;    // offset of its time column in the block
    size_t own;      // length of the time column, if it has one
    bool same_times; // it has the times of the chunk before
};

// Directory entries stand in reverse order, each reversed too, until finish() turns all around.
static void add_entry(struct varve_block_writer *w, varve_series_id id, const struct chunk *chunk)
{
    uint8_t entry[3 * VARVE_VARINT_MAX];
    size_t n = 0;
    if (id != w->next) {
        entry[n++] = VARVE_ENTRY_JUMP;
        n += varve_put_varint(entry + n, (uint64_t)(id - w->previous));
    }
    n += varve_put_varint(entry + n,
                          chunk->bytes << 1 | (chunk->same_times ? VARVE_ENTRY_SAME_TIMES : 0));
    for (size_t i = 0; i < n; i++) {
        w->buf[w->cap - ++w->dir_used] = entry[i];
    }
    w->previous = id;
    w->next = (uint32_t)id + 1;
    w->info.entries++;
}

// Where the same time column was written before, for one of the last few chunks that had their own;
// 0: nowhere.
static size_t find_times(const struct varve_block_writer *w, const uint8_t *times, size_t bytes)
{
    for (size_t i = 0; i < VARVE_BLOCK_TIMES; i++) {
        const struct varve_block_times *known = &w->times[i];
        if (known->bytes == bytes && memcmp(w->buf + known->offset, times, bytes) == 0) {
            return known->offset;
        }
    }
    return 0;
}

static void remember_times(struct varve_block_writer *w, size_t offset, size_t bytes)
{
    w->times[w->times_next++ % VARVE_BLOCK_TIMES] =
        (struct varve_block_times){.offset = (uint32_t)offset, .bytes = (uint32_t)bytes};
}

// A chunk on its way into the block: its times, then the rows that they belong to.
struct rows {
    const int64_t *times; // of the first row
    size_t stride;
    size_t n;
    const struct varve_point *points; // or NULL
    const struct varve_cell *cells;
    struct varve_code_hint *hints; // of the series, or NULL
};

// Writes the chunk's times, or where they are, at out[0 .. room), unless they are those of the
// chunk before. False: they do not fit.
static bool put_times(const struct varve_block_writer *w, uint8_t *out, size_t room,
                      const struct rows *rows, struct chunk *chunk)
{
    int64_t unit = w->info.columns == VARVE_BLOCK_POINT_COLUMNS ? 1 : (int64_t)w->info.step_ms;
    size_t bytes = room < 1 ? 0
                            : varve_codec_put_times(out + 1, room - 1, rows->times, rows->stride,
                                                    rows->n, w->info.key.start_ms, unit);
    if (bytes == 0) {
        return false;
    }
    *chunk = (struct chunk){.times = find_times(w, out + 1, bytes)};
    chunk->same_times = chunk->times != 0 && chunk->times == w->last_times;
    if (chunk->times == 0) {
        out[0] = 0;
        chunk->times = w->used + 1;
        chunk->own = bytes;
        chunk->bytes = bytes + 1;
    } else if (!chunk->same_times) {
        chunk->bytes = varve_put_varint(out, chunk->times - VARVE_BLOCK_HEADER);
    }
    return true;
}

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t swap = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = swap;
    }
}

void varve_block_use_tail(struct varve_block_writer *w, const uint8_t *tail, size_t bytes)
{
    w->tail = tail;
    w->tail_bytes = bytes;
}

uint8_t *varve_block_tail_add(struct varve_block_tail *tail, int64_t start_ms, size_t bytes)
{
    uint64_t steps = (uint64_t)(start_ms - tail->at_ms) / (uint64_t)tail->step_ms;
    size_t before = varve_varint_size(steps) + varve_varint_size(bytes);
    if (start_ms < tail->at_ms || before + bytes > tail->cap - tail->used) {
        return NULL;
    }
    uint8_t *out = tail->buf + tail->used;
    out += varve_put_varint(out, steps);
    out += varve_put_varint(out, bytes);
    tail->used += before + bytes;
    tail->at_ms = start_ms;
    return out;
}

// Returns the bytes that the tail and its length take, 0 when there is to be none or no room.
static size_t put_tail(const struct varve_block_writer *w, uint8_t *out, size_t room)
{
    size_t length = varve_varint_size(w->tail_bytes);
    if (!w->info.has_tails || w->tail_bytes + length > room) {
        return 0;
    }
    if (w->tail_bytes > 0) {
        memcpy(out, w->tail, w->tail_bytes);
    }
    (void)varve_put_varint(out + w->tail_bytes, w->tail_bytes); // of `length` bytes
    reverse(out + w->tail_bytes, length);
    return w->tail_bytes + length;
}

// Encodes times and values behind what is there; false when they do not fit.
static bool put_chunk(struct varve_block_writer *w, const struct rows *rows, struct chunk *chunk)
{
    size_t reserved = w->used + w->dir_used + DIRECTORY_ENTRY_MAX;
    if (reserved >= w->cap) {
        return false;
    }
    uint8_t *out = w->buf + w->used;
    size_t room = w->cap - reserved;
    if (!put_times(w, out, room, rows, chunk)) {
        return false;
    }
    out += chunk->bytes;
    room -= chunk->bytes;
    size_t values = rows->points != NULL
                        ? varve_codec_put_points(out, room, rows->points, rows->n, rows->hints)
                        : varve_codec_put_cells(out, room, rows->cells, rows->n, rows->hints);
    size_t tail = values > 0 ? put_tail(w, out + values, room - values) : 0;
    bool fits = values > 0 && (tail > 0 || !w->info.has_tails);
    if (fits && chunk->own > 0) {
        remember_times(w, chunk->times, chunk->own);
    }
    chunk->bytes += values + tail;
    return fits;
}

static struct varve_code_hint *hints_of(const struct varve_block_writer *w, varve_series_id id,
                                        size_t columns)
{
    return w->hints != NULL ? w->hints + columns * id : NULL;
}

static int add_rows(struct varve_block_writer *w, varve_series_id id, const struct rows *rows)
{
    int64_t first, last;
    if (rows->n == 0 || rows->n > VARVE_COLUMN_MAX || id < w->previous) {
        return VARVE_E_INVALID;
    }
    memcpy(&first, rows->times, sizeof first);
    memcpy(&last, (const uint8_t *)rows->times + (rows->n - 1) * rows->stride, sizeof last);
    if (first < w->info.key.start_ms || last < first) {
        return VARVE_E_INVALID;
    }
    struct chunk chunk;
    if (w->info.entries == UINT16_MAX || !put_chunk(w, rows, &chunk)) {
        return VARVE_E_FULL;
    }
    w->used += chunk.bytes;
    w->tail_bytes = 0;
    w->last_times = chunk.times;
    w->info.rows += (uint32_t)rows->n;
    w->info.key.end_ms = last > w->info.key.end_ms ? last : w->info.key.end_ms;
    add_entry(w, id, &chunk);
    return 0;
}

int varve_block_add_points(struct varve_block_writer *w, varve_series_id id,
                           const struct varve_point *points, size_t n)
{
    if (w->info.columns != VARVE_BLOCK_POINT_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return add_rows(w, id,
                    &(struct rows){.times = &points->time_ms,
                                   .stride = sizeof *points,
                                   .n = n,
                                   .points = points,
                                   .hints = hints_of(w, id, VARVE_POINT_HINTS)});
}

int varve_block_add_cells(struct varve_block_writer *w, varve_series_id id,
                          const struct varve_cell *cells, size_t n)
{
    if (w->info.columns != VARVE_BLOCK_CELL_COLUMNS || w->info.step_ms == 0) {
        return VARVE_E_INVALID;
    }
    return add_rows(w, id,
                    &(struct rows){.times = &cells->start_ms,
                                   .stride = sizeof *cells,
                                   .n = n,
                                   .cells = cells,
                                   .hints = hints_of(w, id, VARVE_CELL_HINTS)});
}

int varve_block_finish(struct varve_block_writer *w)
{
    if (w->info.entries == 0) {
        return VARVE_E_INVALID;
    }
    reverse(w->buf + w->cap - w->dir_used, w->dir_used);
    memmove(w->buf + w->used, w->buf + w->cap - w->dir_used, w->dir_used);
    w->info.directory = (uint32_t)w->used;
    w->info.length = (uint32_t)(w->used + w->dir_used);
    varve_block_put_header(w->buf, &w->info);
    return (int)w->info.length;
}
