// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as a block.
//
// First as they are. Then the CRC is made to fit, so that the directory and the codec behind it are
// reached, and every series of the directory is decoded. What must hold: nothing outside the
// memory, no more rows than asked for, rows in the range and in order within it, every row written
// in full, and points that were decoded can be encoded and decode as the same.
//
// Threading: one task.
#include <stdbool.h>

#include "core/bytes.h"
#include "core/crc32c.h"
#include "core/sketch.h"
#include "fuzz.h"
#include "varve/block.h"

// Series decoded of one block; a directory of noise can have thousands.
#define SERIES_MAX 48u
#define ROWS_MAX   (4u * VARVE_COLUMN_MAX)
// Times that can be subtracted from each other.
#define TIME_LIMIT (INT64_C(1) << 53)

union rows {
    struct varve_point points[ROWS_MAX];
    struct varve_cell cells[ROWS_MAX];
};

static union rows rows, again;

static void fit_crc(uint8_t *block, size_t size)
{
    static const uint8_t zero[4];
    uint32_t length = varve_get_u32(block + 8);
    if (length < VARVE_BLOCK_HEADER || length > size) {
        length = (uint32_t)size;
        varve_put_u32(block + 8, length);
    }
    uint32_t crc = varve_crc32c(0, block, 12);
    crc = varve_crc32c(crc, zero, sizeof zero);
    varve_put_u32(block + 12, varve_crc32c(crc, block + 16, length - 16));
}

static size_t row_bytes(const struct varve_block_info *info)
{
    return info->columns == 1 ? sizeof(struct varve_point) : sizeof(struct varve_cell);
}

static int decode(const uint8_t *block, const struct varve_block_info *info, varve_series_id id,
                  int64_t from_ms, int64_t to_ms, union rows *out, size_t cap)
{
    return info->columns == 1
               ? varve_block_points(block, info, id, from_ms, to_ms, out->points, cap)
               : varve_block_cells(block, info, id, from_ms, to_ms, out->cells, cap);
}

static bool same_cell(const struct varve_cell *a, const struct varve_cell *b)
{
    return a->start_ms == b->start_ms && a->count == b->count &&
           memcmp(&a->min, &b->min, 4 * sizeof a->min) == 0;
}

static bool same_row(const struct varve_block_info *info, size_t i)
{
    if (info->columns == 1) {
        return memcmp(&rows.points[i], &again.points[i], sizeof rows.points[i]) == 0;
    }
    return same_cell(&rows.cells[i], &again.cells[i]);
}

static int64_t time_of(const struct varve_block_info *info, size_t i)
{
    return info->columns == 1 ? rows.points[i].time_ms : rows.cells[i].start_ms;
}

// Decodes twice into memory filled with different bytes: what differs was never written.
static int decode_checked(const uint8_t *block, const struct varve_block_info *info,
                          varve_series_id id, int64_t from_ms, int64_t to_ms, size_t cap)
{
    int rc = decode(block, info, id, from_ms, to_ms, &rows, cap);
    FUZZ_CHECK(rc <= (int)cap);
    FUZZ_CHECK(rc >= 0 || rc == VARVE_E_CORRUPT || rc == VARVE_E_FULL);
    size_t n = rc > 0 ? (size_t)rc : 0;
    memset(&rows, 0x55, n * row_bytes(info));
    memset(&again, 0xaa, n * row_bytes(info));
    FUZZ_CHECK(decode(block, info, id, from_ms, to_ms, &rows, cap) == rc);
    FUZZ_CHECK(decode(block, info, id, from_ms, to_ms, &again, cap) == rc);
    for (size_t i = 0; i < n; i++) {
        FUZZ_CHECK(same_row(info, i));
        FUZZ_CHECK(time_of(info, i) >= from_ms && time_of(info, i) <= to_ms);
    }
    return rc;
}

// The decoded points `rows`, put into a block and taken out again.
static void check_round_trip(varve_series_id id, size_t n)
{
    static uint8_t buf[VARVE_BLOCK_MAX];
    struct varve_block_writer w;
    struct varve_block_info info = {.columns = 1, .key.start_ms = rows.points[0].time_ms};
    for (size_t i = 0; i < n; i++) {
        int64_t time = rows.points[i].time_ms;
        if (time < -TIME_LIMIT || time > TIME_LIMIT ||
            (i > 0 && time < rows.points[i - 1].time_ms)) {
            return; // several chunks, or no time that a host accepts
        }
    }
    varve_block_begin(&w, buf, sizeof buf, &info);
    FUZZ_CHECK(varve_block_add_points(&w, id, rows.points, n) == 0);
    int length = varve_block_finish(&w);
    FUZZ_CHECK(length > 0);
    FUZZ_CHECK(varve_block_open(buf, (size_t)length, &info) == 0);
    FUZZ_CHECK(decode(buf, &info, id, INT64_MIN, INT64_MAX, &again, ROWS_MAX) == (int)n);
    FUZZ_CHECK(memcmp(&rows, &again, n * sizeof rows.points[0]) == 0);
}

static int add_sketch(void *arg, int64_t start_ms, const uint8_t *bytes, size_t n)
{
    static struct varve_sketch sketch;
    const struct varve_block_info *info = arg;
    FUZZ_CHECK(start_ms >= info->key.start_ms && start_ms <= info->key.end_ms);
    varve_sketch_clear(&sketch);
    int rc = varve_sketch_get(bytes, n, &sketch);
    FUZZ_CHECK(rc == 0 || rc == VARVE_E_CORRUPT);
    FUZZ_CHECK(sketch.used <= VARVE_SKETCH_BUCKETS);
    return 0;
}

static void try_series(const uint8_t *block, const struct varve_block_info *info,
                       varve_series_id id)
{
    int64_t middle = info->key.start_ms / 2 + info->key.end_ms / 2;
    (void)decode_checked(block, info, id, middle, info->key.end_ms, ROWS_MAX); // checks by itself
    (void)decode_checked(block, info, id, info->key.start_ms, middle, ROWS_MAX);
    (void)decode_checked(block, info, id, INT64_MIN, INT64_MAX, 3);
    struct varve_block_info range = *info;
    int rc = varve_block_sketches(block, info, id, info->key.start_ms, info->key.end_ms, add_sketch,
                                  &range);
    FUZZ_CHECK(rc == 0 || rc == VARVE_E_CORRUPT);
    int n = decode_checked(block, info, id, INT64_MIN, INT64_MAX, ROWS_MAX);
    if (info->columns == 1 && n > 0 && n <= (int)VARVE_COLUMN_MAX) {
        check_round_trip(id, (size_t)n);
    }
}

// Every series that the directory names, as far as it can be read, and one that it does not.
static void try_all_series(const uint8_t *block, const struct varve_block_info *info)
{
    int id = -1;
    for (unsigned i = 0; i < SERIES_MAX; i++) {
        id = varve_block_next_id(block, info, id);
        if (id < 0) {
            break;
        }
        try_series(block, info, (varve_series_id)id);
    }
    try_series(block, info, UINT16_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct varve_block_info info;
    uint8_t *block = fuzz_copy(data, size);
    if (varve_block_open(block, size, &info) == 0) {
        try_all_series(block, &info);
    } else if (size >= VARVE_BLOCK_HEADER) {
        fit_crc(block, size);
        if (varve_block_open(block, size, &info) == 0) {
            try_all_series(block, &info);
        }
    }
    free(block);
    return 0;
}
