// SPDX-License-Identifier: Apache-2.0
// Blocks: header, directory and CRC around the codec's chunks. The format is in varve/block.h.
//
// The directory is collected from the end of the writer's buffer downwards, so that a writer needs
// no memory besides the block itself, and is moved behind the columns when the block is finished.
// Threading: a writer belongs to one task; reading is stateless.
#include "varve/block.h"

#include <string.h>

#include "bytes.h"
#include "codec.h"
#include "crc32c.h"

enum {
    POINT_COLUMNS = 1,
    CELL_COLUMNS = 5
};

enum {
    FLAG_UPTO_SEQ = 1
};

// Room for one directory entry: a jump of at most 65535, the length of a chunk.
#define DIRECTORY_ENTRY_MAX 8u

// What a directory entry says besides the chunk's length.
enum {
    ENTRY_JUMP = 0,       // instead of a length: the id follows
    ENTRY_SAME_TIMES = 1, // lowest bit: the times are those of the chunk before
};

// ---- writing ------------------------------------------------------------------------------------

void varve_block_begin(struct varve_block_writer *w, void *buf, size_t cap,
                       const struct varve_block_info *info)
{
    *w = (struct varve_block_writer){
        .buf = buf, .cap = cap, .used = VARVE_BLOCK_HEADER, .info = *info};
    w->info.key.end_ms = info->key.start_ms;
    w->info.rows = 0;
    w->info.entries = 0;
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
        entry[n++] = ENTRY_JUMP;
        n += varve_put_varint(entry + n, (uint64_t)(id - w->previous));
    }
    n +=
        varve_put_varint(entry + n, chunk->bytes << 1 | (chunk->same_times ? ENTRY_SAME_TIMES : 0));
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
};

// Writes the chunk's times, or where they are, at out[0 .. room), unless they are those of the
// chunk before. False: they do not fit.
static bool put_times(const struct varve_block_writer *w, uint8_t *out, size_t room,
                      const struct rows *rows, struct chunk *chunk)
{
    int64_t unit = w->info.columns == POINT_COLUMNS ? 1 : (int64_t)w->info.step_ms;
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
    size_t values = rows->points != NULL ? varve_codec_put_points(out, room, rows->points, rows->n)
                                         : varve_codec_put_cells(out, room, rows->cells, rows->n);
    if (values > 0 && chunk->own > 0) {
        remember_times(w, chunk->times, chunk->own);
    }
    chunk->bytes += values;
    return values > 0;
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
    w->last_times = chunk.times;
    w->info.rows += (uint32_t)rows->n;
    w->info.key.end_ms = last > w->info.key.end_ms ? last : w->info.key.end_ms;
    add_entry(w, id, &chunk);
    return 0;
}

int varve_block_add_points(struct varve_block_writer *w, varve_series_id id,
                           const struct varve_point *points, size_t n)
{
    if (w->info.columns != POINT_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return add_rows(
        w, id,
        &(struct rows){
            .times = &points->time_ms, .stride = sizeof *points, .n = n, .points = points});
}

int varve_block_add_cells(struct varve_block_writer *w, varve_series_id id,
                          const struct varve_cell *cells, size_t n)
{
    if (w->info.columns != CELL_COLUMNS || w->info.step_ms == 0) {
        return VARVE_E_INVALID;
    }
    return add_rows(
        w, id,
        &(struct rows){.times = &cells->start_ms, .stride = sizeof *cells, .n = n, .cells = cells});
}

static void reverse(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        uint8_t swap = p[i];
        p[i] = p[n - 1 - i];
        p[n - 1 - i] = swap;
    }
}

static void put_header(uint8_t *p, const struct varve_block_info *info)
{
    memset(p, 0, VARVE_BLOCK_HEADER);
    varve_put_u32(p, VARVE_BLOCK_MAGIC);
    p[4] = VARVE_BLOCK_VERSION;
    p[5] = info->tier;
    p[6] = info->columns;
    p[7] = info->has_upto_seq ? FLAG_UPTO_SEQ : 0;
    varve_put_u32(p + 8, info->length);
    varve_put_u32(p + 16, info->key.seq);
    varve_put_u32(p + 20, info->step_ms);
    varve_put_u64(p + 24, (uint64_t)info->key.start_ms);
    varve_put_u64(p + 32, (uint64_t)info->key.end_ms);
    varve_put_u64(p + 40, (uint64_t)info->upto_ms);
    varve_put_u64(p + 48, info->samples);
    varve_put_u64(p + 56, info->flash_bytes);
    varve_put_u32(p + 64, info->directory);
    varve_put_u32(p + 68, info->rows);
    varve_put_u16(p + 72, info->entries);
    varve_put_u32(p + 76, info->upto_seq);
}

// The CRC field counts as zero.
static uint32_t block_crc(const uint8_t *p, size_t length)
{
    static const uint8_t zero[4];
    uint32_t crc = varve_crc32c(0, p, 12);
    crc = varve_crc32c(crc, zero, sizeof zero);
    return varve_crc32c(crc, p + 16, length - 16);
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
    put_header(w->buf, &w->info);
    varve_put_u32(w->buf + 12, block_crc(w->buf, w->info.length));
    return (int)w->info.length;
}

int varve_block_empty(void *buf, const struct varve_block_info *info)
{
    struct varve_block_info empty = *info;
    empty.key.end_ms = info->key.start_ms;
    empty.length = VARVE_BLOCK_HEADER;
    empty.directory = VARVE_BLOCK_HEADER;
    empty.rows = 0;
    empty.entries = 0;
    put_header(buf, &empty);
    varve_put_u32((uint8_t *)buf + 12, block_crc(buf, VARVE_BLOCK_HEADER));
    return VARVE_BLOCK_HEADER;
}

// ---- reading ------------------------------------------------------------------------------------

static void get_header(const uint8_t *p, struct varve_block_info *info)
{
    *info = (struct varve_block_info){
        .key = {.start_ms = (int64_t)varve_get_u64(p + 24),
                .end_ms = (int64_t)varve_get_u64(p + 32),
                .seq = varve_get_u32(p + 16)},
        .length = varve_get_u32(p + 8),
        .step_ms = varve_get_u32(p + 20),
        .rows = varve_get_u32(p + 68),
        .directory = varve_get_u32(p + 64),
        .entries = varve_get_u16(p + 72),
        .tier = p[5],
        .columns = p[6],
        .has_upto_seq = (p[7] & FLAG_UPTO_SEQ) != 0,
        .upto_seq = varve_get_u32(p + 76),
        .upto_ms = (int64_t)varve_get_u64(p + 40),
        .samples = varve_get_u64(p + 48),
        .flash_bytes = varve_get_u64(p + 56),
    };
}

static bool is_sane(const struct varve_block_info *info, size_t len)
{
    bool points = info->columns == POINT_COLUMNS;
    bool cells = info->columns == CELL_COLUMNS && info->step_ms > 0;
    return (points || cells) && info->length >= VARVE_BLOCK_HEADER && info->length <= len &&
           info->directory >= VARVE_BLOCK_HEADER && info->directory <= info->length &&
           info->key.start_ms <= info->key.end_ms;
}

static int read_header(const uint8_t *p, size_t len, struct varve_block_info *info)
{
    if (len < VARVE_BLOCK_HEADER || varve_get_u32(p) != VARVE_BLOCK_MAGIC) {
        return VARVE_E_CORRUPT;
    }
    if (p[4] < VARVE_BLOCK_VERSION_1 || p[4] > VARVE_BLOCK_VERSION) {
        return VARVE_E_VERSION;
    }
    get_header(p, info);
    return is_sane(info, len) ? 0 : VARVE_E_CORRUPT;
}

// Only whole blocks have flags that say something.
static int check_flags(const uint8_t *p)
{
    return (p[7] & ~(unsigned)FLAG_UPTO_SEQ) == 0 ? 0 : VARVE_E_VERSION;
}

bool varve_block_is_whole(const void *buf, size_t length)
{
    const uint8_t *p = buf;
    return block_crc(p, length) == varve_get_u32(p + 12);
}

int varve_block_peek(const void *buf, size_t len, struct varve_block_info *info)
{
    int rc = read_header(buf, len, info);
    return rc == 0 ? check_flags(buf) : rc;
}

int varve_block_open(const void *buf, size_t len, struct varve_block_info *info)
{
    int rc = read_header(buf, len, info);
    if (rc == 0 && !varve_block_is_whole(buf, info->length)) {
        rc = VARVE_E_CORRUPT;
    }
    return rc == 0 ? check_flags(buf) : rc;
}

// Walks the directory together with the chunks that it describes. Offsets are those in the block.
struct directory {
    const uint8_t *in, *end;
    size_t chunk;  // of the current entry's chunk
    size_t bytes;  // its length
    size_t holder; // of the chunk that says where the current one's times are; 0: none yet
    uint32_t id;
    uint32_t next; // the id that follows without a jump
    bool first_version;
};

static struct directory directory_start(const void *buf, const struct varve_block_info *info)
{
    const uint8_t *p = buf;
    return (struct directory){.in = p + info->directory,
                              .end = p + info->length,
                              .chunk = VARVE_BLOCK_HEADER,
                              .first_version = p[4] == VARVE_BLOCK_VERSION_1};
}

// The next number. Most are a byte or two; those are taken without a loop.
static inline bool directory_number(struct directory *d, uint64_t *number)
{
    const uint8_t *in = d->in;
    if (d->end - in < 2 || (in[0] >= 0x80 && in[1] >= 0x80)) {
        return varve_get_varint(&d->in, d->end, number);
    }
    bool two = in[0] >= 0x80;
    *number = two ? (in[0] & 0x7fu) | (uint32_t)in[1] << 7 : in[0];
    d->in = in + 1 + two;
    return true;
}

// In version 1 each entry is the gap to the id before and the chunk's length.
static bool first_version_entry(struct directory *d, uint64_t *id, uint64_t *entry)
{
    uint64_t gap = 0;
    bool whole = directory_number(d, &gap) && directory_number(d, entry) && gap <= UINT16_MAX &&
                 *entry <= UINT32_MAX;
    *id = d->id + gap;
    *entry <<= 1;
    return whole;
}

static bool directory_entry(struct directory *d, uint64_t *id, uint64_t *entry)
{
    if (d->first_version) {
        return first_version_entry(d, id, entry);
    }
    uint64_t gap = 0;
    *id = d->next;
    if (!directory_number(d, entry) || *entry != ENTRY_JUMP) {
        return *entry > ENTRY_SAME_TIMES;
    }
    bool whole = directory_number(d, &gap) && directory_number(d, entry);
    *id = gap <= UINT16_MAX ? d->id + gap : UINT64_MAX;
    return whole && *entry > ENTRY_SAME_TIMES;
}

// Moves to the next entry; 0, VARVE_E_NOT_FOUND behind the last, VARVE_E_CORRUPT.
static int directory_next(struct directory *d, const struct varve_block_info *info)
{
    uint64_t id = 0, entry = 0;
    if (d->in >= d->end) {
        return VARVE_E_NOT_FOUND;
    }
    if (!directory_entry(d, &id, &entry)) {
        return VARVE_E_CORRUPT;
    }
    bool same_times = (entry & ENTRY_SAME_TIMES) != 0;
    d->chunk += d->bytes;
    if (id > UINT16_MAX || entry >> 1 > info->directory - d->chunk ||
        (same_times && d->holder == 0)) {
        return VARVE_E_CORRUPT;
    }
    d->id = (uint32_t)id;
    d->next = d->id + 1;
    d->bytes = (size_t)(entry >> 1);
    d->holder = same_times ? d->holder : d->chunk;
    return 0;
}

// Where decoded rows go: points or cells, one of them NULL.
struct target {
    struct varve_point *points;
    struct varve_cell *cells;
};

// A chunk's time column, and the values behind it or, if the times are another chunk's, without it.
struct columns {
    const uint8_t *times;
    const uint8_t *times_end; // no byte of the times lies behind it
    const uint8_t *values;    // NULL: behind the times
};

static int find_columns(const uint8_t *buf, const struct directory *d, struct columns *out)
{
    const uint8_t *chunk = buf + d->chunk, *end = chunk + d->bytes;
    const uint8_t *holder = buf + d->holder, *in = holder;
    uint64_t offset;
    if (!varve_get_varint(&in, end, &offset) ||
        (offset != 0 && offset >= d->holder - VARVE_BLOCK_HEADER)) {
        return VARVE_E_CORRUPT;
    }
    bool is_own = holder == chunk && offset == 0;
    *out = (struct columns){.times = offset == 0 ? in : buf + VARVE_BLOCK_HEADER + offset,
                            .times_end = is_own ? end : chunk,
                            .values = is_own            ? NULL
                                      : holder == chunk ? in
                                                        : chunk};
    return 0;
}

static int get_times(const struct varve_block_info *info, struct columns *columns, int64_t from_ms,
                     int64_t to_ms, const struct target *target, size_t cap,
                     struct varve_codec_rows *rows)
{
    int64_t base = info->key.start_ms;
    int rc =
        target->points != NULL
            ? varve_codec_get_times(&columns->times, columns->times_end, base, 1, from_ms, to_ms,
                                    &target->points->time_ms, sizeof *target->points, cap, rows)
            : varve_codec_get_times(&columns->times, columns->times_end, base, info->step_ms,
                                    from_ms, to_ms, &target->cells->start_ms, sizeof *target->cells,
                                    cap, rows);
    columns->values = columns->values == NULL ? columns->times : columns->values;
    return rc;
}

static int get_chunk(const void *buf, const struct varve_block_info *info,
                     const struct directory *d, int64_t from_ms, int64_t to_ms,
                     const struct target *target, size_t cap, size_t *taken)
{
    const uint8_t *end = (const uint8_t *)buf + d->chunk + d->bytes;
    struct columns columns;
    struct varve_codec_rows rows = {.take = 0};
    int rc = find_columns(buf, d, &columns);
    rc = rc == 0 ? get_times(info, &columns, from_ms, to_ms, target, cap, &rows) : rc;
    *taken = rc == 0 ? rows.take : 0;
    if (*taken == 0) {
        return rc;
    }
    return target->points != NULL
               ? varve_codec_get_points(columns.values, end, &rows, target->points)
               : varve_codec_get_cells(columns.values, end, &rows, target->cells);
}

static int get_rows(const void *buf, const struct varve_block_info *info, varve_series_id id,
                    int64_t from_ms, int64_t to_ms, struct target target, size_t cap)
{
    struct directory d = directory_start(buf, info);
    size_t total = 0;
    int rc;
    while ((rc = directory_next(&d, info)) == 0 && d.id <= id) {
        size_t taken;
        if (d.id != id) {
            continue;
        }
        rc = get_chunk(buf, info, &d, from_ms, to_ms, &target, cap - total, &taken);
        if (rc != 0) {
            return rc;
        }
        total += taken;
        if (target.points != NULL) {
            target.points += taken;
        } else {
            target.cells += taken;
        }
    }
    return rc == VARVE_E_CORRUPT ? rc : (int)total;
}

int varve_block_points(const void *buf, const struct varve_block_info *info, varve_series_id id,
                       int64_t from_ms, int64_t to_ms, struct varve_point *out, size_t cap)
{
    if (info->columns != POINT_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return get_rows(buf, info, id, from_ms, to_ms, (struct target){.points = out}, cap);
}

int varve_block_cells(const void *buf, const struct varve_block_info *info, varve_series_id id,
                      int64_t from_ms, int64_t to_ms, struct varve_cell *out, size_t cap)
{
    if (info->columns != CELL_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return get_rows(buf, info, id, from_ms, to_ms, (struct target){.cells = out}, cap);
}

int varve_block_next_id(const void *buf, const struct varve_block_info *info, int after)
{
    struct directory d = directory_start(buf, info);
    int rc;
    while ((rc = directory_next(&d, info)) == 0 && (int)d.id <= after) {
    }
    return rc == 0 ? (int)d.id : rc;
}
