// SPDX-License-Identifier: Apache-2.0
// Reading blocks: from a series by the directory to its chunks and rows. The bytes are hostile.
// Stateless; any task.
#include "block_header.h"

#include <string.h>

#include "bytes.h"
#include "codec.h"

// Walks the directory together with the chunks that it describes. Offsets are those in the block.
struct directory {
    const uint8_t *in, *end;
    struct varve_block_place at; // the current entry
    bool first_version;
};

static struct directory directory_from(const void *buf, const struct varve_block_info *info,
                                       const struct varve_block_place *place)
{
    const uint8_t *p = buf;
    return (struct directory){.in = p + info->directory + place->passed,
                              .end = p + info->length,
                              .at = *place,
                              .first_version = p[4] == VARVE_BLOCK_VERSION_1};
}

static struct directory directory_start(const void *buf, const struct varve_block_info *info)
{
    const struct varve_block_place start = {.chunk = VARVE_BLOCK_HEADER};
    return directory_from(buf, info, &start);
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
    *id = d->at.id + gap;
    *entry <<= 1;
    return whole;
}

static bool directory_entry(struct directory *d, uint64_t *id, uint64_t *entry)
{
    if (d->first_version) {
        return first_version_entry(d, id, entry);
    }
    uint64_t gap = 0;
    *id = d->at.next;
    if (!directory_number(d, entry) || *entry != VARVE_ENTRY_JUMP) {
        return *entry > VARVE_ENTRY_SAME_TIMES;
    }
    bool whole = directory_number(d, &gap) && directory_number(d, entry);
    *id = gap <= UINT16_MAX ? d->at.id + gap : UINT64_MAX;
    return whole && *entry > VARVE_ENTRY_SAME_TIMES;
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
    struct varve_block_place *at = &d->at;
    bool same_times = (entry & VARVE_ENTRY_SAME_TIMES) != 0;
    at->chunk += at->bytes;
    if (id > UINT16_MAX || entry >> 1 > info->directory - at->chunk ||
        (same_times && at->holder == 0)) {
        return VARVE_E_CORRUPT;
    }
    at->id = (uint32_t)id;
    at->next = at->id + 1;
    at->bytes = (uint32_t)(entry >> 1);
    at->holder = same_times ? at->holder : at->chunk;
    return 0;
}

// Passes over entries before the one of `id`, as long as they are like most: a byte or two, and of
// the series behind the one before.
static void directory_pass(struct directory *d, const struct varve_block_info *info, uint32_t id)
{
    const uint8_t *in = d->in, *end = d->end;
    struct varve_block_place at = d->at;
    uint32_t left = d->first_version || at.next >= id ? 0 : id - at.next;
    uint32_t chunk = at.chunk + at.bytes;
    const uint32_t room = info->directory;
    for (; left > 0 && end - in >= 2; left--) {
        uint32_t entry = *in;
        if (entry >= 0x80) {
            entry = in[1] < 0x80 ? (entry & 0x7f) | (uint32_t)in[1] << 7 : VARVE_ENTRY_JUMP;
            in++;
        }
        const bool same_times = (entry & VARVE_ENTRY_SAME_TIMES) != 0;
        if (entry <= VARVE_ENTRY_SAME_TIMES || entry >> 1 > room - chunk ||
            (same_times && at.holder == 0)) {
            break; // directory_next() knows
        }
        at.id = at.next++;
        at.chunk = chunk;
        at.bytes = entry >> 1;
        at.holder = same_times ? at.holder : chunk;
        chunk += at.bytes;
        d->in = ++in;
    }
    d->at = at;
}

// Where decoded rows go: points or cells, one of them NULL.
struct target {
    struct varve_point *points;
    struct varve_cell *cells;
    bool only_last; // of cells: nothing but `count` and `last`
};

// A chunk's time column, and the values behind it or, if the times are another chunk's, without it.
struct columns {
    const uint8_t *times;
    const uint8_t *times_end; // no byte of the times lies behind it
    const uint8_t *values;    // NULL: behind the times
};

static int find_columns(const uint8_t *buf, const struct directory *d, struct columns *out)
{
    const uint8_t *chunk = buf + d->at.chunk, *end = chunk + d->at.bytes;
    const uint8_t *holder = buf + d->at.holder, *in = holder;
    uint64_t offset;
    if (!varve_get_varint(&in, end, &offset) ||
        (offset != 0 && offset >= d->at.holder - VARVE_BLOCK_HEADER)) {
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

// Where the chunk's tail begins and ends; both are its own end if it has none.
static int find_tail(const uint8_t *buf, const struct varve_block_info *info,
                     const struct directory *d, const uint8_t **begin, const uint8_t **end)
{
    const uint8_t *chunk = buf + d->at.chunk, *p = chunk + d->at.bytes;
    uint64_t bytes = 0;
    *begin = *end = p;
    for (unsigned shift = 0; info->has_tails; shift += 7) {
        if (p == chunk || shift > 28) {
            return VARVE_E_CORRUPT;
        }
        bytes |= (uint64_t)(*--p & 0x7f) << shift;
        if (*p < 0x80) {
            break;
        }
    }
    if (bytes > (size_t)(p - chunk)) {
        return VARVE_E_CORRUPT;
    }
    *begin = p - bytes;
    *end = p;
    return 0;
}

static int get_chunk(const void *buf, const struct varve_block_info *info,
                     const struct directory *d, int64_t from_ms, int64_t to_ms,
                     const struct target *target, size_t cap, size_t *taken)
{
    const uint8_t *end, *tail_end;
    struct columns columns;
    struct varve_codec_rows rows = {.take = 0};
    int rc = find_tail(buf, info, d, &end, &tail_end);
    rc = rc == 0 ? find_columns(buf, d, &columns) : rc;
    rc = rc == 0 ? get_times(info, &columns, from_ms, to_ms, target, cap, &rows) : rc;
    *taken = rc == 0 ? rows.take : 0;
    if (*taken == 0) {
        return rc;
    }
    if (target->points != NULL) {
        return varve_codec_get_points(columns.values, end, &rows, target->points);
    }
    rows.only_last = target->only_last;
    for (size_t i = 0; i < *taken; i++) {
        target->cells[i].seq = info->key.seq;
    }
    return varve_codec_get_cells(columns.values, end, &rows, target->cells);
}

// Reads the series' chunks from where the directory is; rc is what led there.
static int get_rows(const void *buf, const struct varve_block_info *info, struct directory *d,
                    int *rc, varve_series_id id, int64_t from_ms, int64_t to_ms,
                    struct target target, size_t cap)
{
    size_t total = 0;
    for (; *rc == 0 && d->at.id <= id; *rc = directory_next(d, info)) {
        size_t taken;
        if (d->at.id != id) {
            directory_pass(d, info, id);
            continue;
        }
        int failed = get_chunk(buf, info, d, from_ms, to_ms, &target, cap - total, &taken);
        if (failed != 0) {
            return failed;
        }
        total += taken;
        if (target.points != NULL) {
            target.points += taken;
        } else {
            target.cells += taken;
        }
    }
    return *rc == VARVE_E_CORRUPT ? *rc : (int)total;
}

static int find_rows(const void *buf, const struct varve_block_info *info, varve_series_id id,
                     int64_t from_ms, int64_t to_ms, struct target target, size_t cap)
{
    struct directory d = directory_start(buf, info);
    int rc = directory_next(&d, info);
    return get_rows(buf, info, &d, &rc, id, from_ms, to_ms, target, cap);
}

int varve_block_points(const void *buf, const struct varve_block_info *info, varve_series_id id,
                       int64_t from_ms, int64_t to_ms, struct varve_point *out, size_t cap)
{
    if (info->columns != VARVE_BLOCK_POINT_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return find_rows(buf, info, id, from_ms, to_ms, (struct target){.points = out}, cap);
}

int varve_block_cells(const void *buf, const struct varve_block_info *info, varve_series_id id,
                      int64_t from_ms, int64_t to_ms, struct varve_cell *out, size_t cap)
{
    if (info->columns != VARVE_BLOCK_CELL_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return find_rows(buf, info, id, from_ms, to_ms, (struct target){.cells = out}, cap);
}

// ---- one series after the other -----------------------------------------------------------------

void varve_block_reader_init(struct varve_block_reader *r, const void *buf,
                             const struct varve_block_info *info)
{
    *r = (struct varve_block_reader){.buf = buf, .info = *info, .behind = -1};
}

// What was found is kept, so that the next series is looked for from there on.
static int read_rows(struct varve_block_reader *r, varve_series_id id, int64_t from_ms,
                     int64_t to_ms, struct target target, size_t cap)
{
    bool on = r->behind >= 0 && r->behind < (int32_t)id;
    struct directory d =
        on ? directory_from(r->buf, &r->info, &r->place) : directory_start(r->buf, &r->info);
    int rc = on ? r->place_rc : directory_next(&d, &r->info);
    int n = get_rows(r->buf, &r->info, &d, &rc, id, from_ms, to_ms, target, cap);
    bool passed = rc != 0 || d.at.id > id; // not where get_rows() failed before
    r->behind = passed ? (int32_t)id : -1;
    r->place = d.at;
    r->place.passed = (uint32_t)(d.in - ((const uint8_t *)r->buf + r->info.directory));
    r->place_rc = rc;
    return n;
}

int varve_block_read_points(struct varve_block_reader *r, varve_series_id id, int64_t from_ms,
                            int64_t to_ms, struct varve_point *out, size_t cap)
{
    if (r->info.columns != VARVE_BLOCK_POINT_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return read_rows(r, id, from_ms, to_ms, (struct target){.points = out}, cap);
}

int varve_block_read_cells(struct varve_block_reader *r, varve_series_id id, int64_t from_ms,
                           int64_t to_ms, bool only_last, struct varve_cell *out, size_t cap)
{
    if (r->info.columns != VARVE_BLOCK_CELL_COLUMNS) {
        return VARVE_E_INVALID;
    }
    return read_rows(r, id, from_ms, to_ms, (struct target){.cells = out, .only_last = only_last},
                     cap);
}

int varve_block_next_id(const void *buf, const struct varve_block_info *info, int after)
{
    struct directory d = directory_start(buf, info);
    int rc;
    while ((rc = directory_next(&d, info)) == 0 && (int)d.at.id <= after) {
    }
    return rc == 0 ? (int)d.at.id : rc;
}

// The records of one tail.
static int each_sketch(const uint8_t *in, const uint8_t *end, const struct varve_block_info *info,
                       int64_t from_ms, int64_t to_ms, varve_block_sketch_fn use, void *arg)
{
    uint64_t start_ms = (uint64_t)info->key.start_ms;
    while (in < end) {
        uint64_t steps, bytes;
        if (!varve_get_varint(&in, end, &steps) || !varve_get_varint(&in, end, &bytes) ||
            bytes > (size_t)(end - in)) {
            return VARVE_E_CORRUPT;
        }
        start_ms += steps * info->step_ms; // of hostile bytes: any time
        bool wanted = (int64_t)start_ms >= from_ms && (int64_t)start_ms <= to_ms;
        int rc = wanted ? use(arg, (int64_t)start_ms, in, (size_t)bytes) : 0;
        if (rc != 0) {
            return rc;
        }
        in += bytes;
    }
    return 0;
}

int varve_block_sketches(const void *buf, const struct varve_block_info *info, varve_series_id id,
                         int64_t from_ms, int64_t to_ms, varve_block_sketch_fn use, void *arg)
{
    struct directory d = directory_start(buf, info);
    int rc = 0;
    while (info->has_tails && (rc = directory_next(&d, info)) == 0 && d.at.id <= id) {
        const uint8_t *tail, *end;
        if (d.at.id != id) {
            continue;
        }
        rc = find_tail(buf, info, &d, &tail, &end);
        rc = rc == 0 ? each_sketch(tail, end, info, from_ms, to_ms, use, arg) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    return rc == VARVE_E_CORRUPT ? rc : 0;
}
