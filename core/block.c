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

// Room for one directory entry: id gap and chunk length.
#define DIRECTORY_ENTRY_MAX 8u

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

// Directory entries stand in reverse order, each reversed too, until finish() turns all around.
static void add_entry(struct varve_block_writer *w, varve_series_id id, size_t bytes)
{
    uint8_t entry[2 * VARVE_VARINT_MAX];
    size_t n = varve_put_varint(entry, (uint64_t)(id - w->previous));
    n += varve_put_varint(entry + n, bytes);
    for (size_t i = 0; i < n; i++) {
        w->buf[w->cap - ++w->dir_used] = entry[i];
    }
    w->previous = id;
    w->info.entries++;
}

// Whether a chunk's time column was written before, for one of the last few chunks that had their
// own; if so the offset that goes into the chunk.
static bool find_times(const struct varve_block_writer *w, const uint8_t *times, size_t bytes,
                       uint32_t *offset)
{
    for (size_t i = 0; i < VARVE_BLOCK_TIMES; i++) {
        const struct varve_block_times *known = &w->times[i];
        if (known->bytes == bytes && memcmp(w->buf + known->offset, times, bytes) == 0) {
            *offset = known->offset - VARVE_BLOCK_HEADER;
            return true;
        }
    }
    return false;
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

// Writes the chunk's times, or where they are, at out[0 .. room). Returns the bytes used, 0 when
// they do not fit; `own` is the length of a time column that is new.
static size_t put_times(const struct varve_block_writer *w, uint8_t *out, size_t room,
                        const struct rows *rows, size_t *own)
{
    int64_t unit = w->info.columns == POINT_COLUMNS ? 1 : (int64_t)w->info.step_ms;
    uint32_t offset;
    if (room < 1) {
        return 0;
    }
    size_t bytes = varve_codec_put_times(out + 1, room - 1, rows->times, rows->stride, rows->n,
                                         w->info.key.start_ms, unit);
    *own = bytes;
    if (bytes == 0) {
        return 0;
    }
    if (!find_times(w, out + 1, bytes, &offset)) {
        out[0] = 0;
        return bytes + 1;
    }
    *own = 0;
    return varve_put_varint(out, offset);
}

// Encodes times and values behind what is there; 0 when they do not fit.
static size_t put_chunk(struct varve_block_writer *w, const struct rows *rows)
{
    size_t reserved = w->used + w->dir_used + DIRECTORY_ENTRY_MAX, own;
    if (reserved >= w->cap) {
        return 0;
    }
    uint8_t *out = w->buf + w->used;
    size_t room = w->cap - reserved;
    size_t used = put_times(w, out, room, rows, &own);
    if (used == 0) {
        return 0;
    }
    size_t values = rows->points != NULL
                        ? varve_codec_put_points(out + used, room - used, rows->points, rows->n)
                        : varve_codec_put_cells(out + used, room - used, rows->cells, rows->n);
    if (values > 0 && own > 0) {
        remember_times(w, w->used + 1, own);
    }
    return values > 0 ? used + values : 0;
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
    bool countable = w->info.entries < UINT16_MAX;
    size_t used = countable ? put_chunk(w, rows) : 0;
    if (used == 0) {
        return VARVE_E_FULL;
    }
    w->used += used;
    w->info.rows += (uint32_t)rows->n;
    w->info.key.end_ms = last > w->info.key.end_ms ? last : w->info.key.end_ms;
    add_entry(w, id, used);
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
    if (p[4] != VARVE_BLOCK_VERSION) {
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

// Walks the directory together with the chunks that it describes.
struct directory {
    const uint8_t *in, *end;
    size_t chunk; // offset of the current entry's chunk
    size_t bytes; // its length
    uint32_t id;
};

static struct directory directory_start(const void *buf, const struct varve_block_info *info)
{
    const uint8_t *p = buf;
    return (struct directory){
        .in = p + info->directory, .end = p + info->length, .chunk = VARVE_BLOCK_HEADER};
}

// Both numbers of an entry. Most are a byte, and a byte or two; those are taken without a loop.
static inline bool directory_entry(struct directory *d, uint64_t *gap, uint64_t *bytes)
{
    const uint8_t *in = d->in;
    if (d->end - in < 3 || in[0] >= 0x80 || (in[1] >= 0x80 && in[2] >= 0x80)) {
        return varve_get_varint(&d->in, d->end, gap) && varve_get_varint(&d->in, d->end, bytes);
    }
    bool two = in[1] >= 0x80;
    *gap = in[0];
    *bytes = two ? (in[1] & 0x7fu) | (uint32_t)in[2] << 7 : in[1];
    d->in = in + 2 + two;
    return true;
}

// Moves to the next entry; 0, VARVE_E_NOT_FOUND behind the last, VARVE_E_CORRUPT.
static int directory_next(struct directory *d, const struct varve_block_info *info)
{
    uint64_t gap, bytes;
    if (d->in >= d->end) {
        return VARVE_E_NOT_FOUND;
    }
    if (!directory_entry(d, &gap, &bytes)) {
        return VARVE_E_CORRUPT;
    }
    d->chunk += d->bytes;
    if (gap > UINT16_MAX - d->id || bytes > info->directory - d->chunk) {
        return VARVE_E_CORRUPT;
    }
    d->id += (uint32_t)gap;
    d->bytes = (size_t)bytes;
    return 0;
}

// Where decoded rows go: points or cells, one of them NULL.
struct target {
    struct varve_point *points;
    struct varve_cell *cells;
};

// Where the chunk's time column is: in it, or in an earlier one. *in is moved behind what the
// chunk has of it, unless it is its own. NULL: damaged.
static const uint8_t *find_time_column(const uint8_t *chunks, const uint8_t **in,
                                       const uint8_t *end)
{
    const uint8_t *chunk = *in;
    uint64_t offset;
    if (!varve_get_varint(in, end, &offset) || offset >= (uint64_t)(chunk - chunks) + 1) {
        return NULL;
    }
    return offset == 0 ? *in : chunks + offset;
}

static int get_times(const uint8_t *chunks, const struct varve_block_info *info, const uint8_t **in,
                     const uint8_t *end, int64_t from_ms, int64_t to_ms,
                     const struct target *target, size_t cap, struct varve_codec_rows *rows)
{
    const uint8_t *chunk = *in;
    const uint8_t *times = find_time_column(chunks, in, end);
    if (times == NULL) {
        return VARVE_E_CORRUPT;
    }
    bool own = times == *in;
    int64_t base = info->key.start_ms;
    int rc =
        target->points != NULL
            ? varve_codec_get_times(&times, own ? end : chunk, base, 1, from_ms, to_ms,
                                    &target->points->time_ms, sizeof *target->points, cap, rows)
            : varve_codec_get_times(&times, own ? end : chunk, base, info->step_ms, from_ms, to_ms,
                                    &target->cells->start_ms, sizeof *target->cells, cap, rows);
    *in = own ? times : *in;
    return rc;
}

static int get_chunk(const void *buf, const struct varve_block_info *info,
                     const struct directory *d, int64_t from_ms, int64_t to_ms,
                     const struct target *target, size_t cap, size_t *taken)
{
    const uint8_t *in = (const uint8_t *)buf + d->chunk;
    const uint8_t *end = in + d->bytes;
    const uint8_t *chunks = (const uint8_t *)buf + VARVE_BLOCK_HEADER;
    struct varve_codec_rows rows;
    int rc = get_times(chunks, info, &in, end, from_ms, to_ms, target, cap, &rows);
    if (rc != 0 || rows.take == 0) {
        *taken = 0;
        return rc;
    }
    *taken = rows.take;
    return target->points != NULL ? varve_codec_get_points(in, end, &rows, target->points)
                                  : varve_codec_get_cells(in, end, &rows, target->cells);
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
