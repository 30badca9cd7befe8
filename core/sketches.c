// SPDX-License-Identifier: Apache-2.0
// Sketches of open cells and of those that wait; see sketches.h.
#include "sketches.h"

#include <string.h>

#include "bytes.h"
#include "rollup.h"
#include "series.h"
#include "text.h"
#include "varve/block.h"
#include "varve/conf.h"
#include "varve/error.h"

_Static_assert(VARVE_MAX_SKETCHES < UINT16_MAX, "a place and 1 in 16 bits");
_Static_assert(VARVE_SKETCH_POOL <= VARVE_BLOCK_MAX / 2, "the tail of a chunk fits into a block");
// A bucket takes 3 bytes for its key and 5 for its count at most.
_Static_assert(8u * VARVE_SKETCH_BUCKETS + 64u <= VARVE_SKETCH_POOL, "a sketch fits into a pool");

// What stands in a pool before each sketch.
struct record {
    int64_t start_ms;
    uint32_t bytes; // of the sketch
    varve_series_id id;
    bool taken; // into a block
};

int varve_sketches_init(struct varve_sketches *sketches, struct varve_arena *arena,
                        const struct varve_conf *conf, uint32_t series_cap, bool takes_found)
{
    *sketches =
        (struct varve_sketches){.pool_bytes = VARVE_SKETCH_POOL, .takes_found = takes_found};
    bool asked = takes_found;
    for (size_t i = 0; i < conf->rule_count; i++) {
        asked |= conf->rules[i]->percentiles;
    }
    if (!asked) {
        return 0;
    }
    sketches->cap = VARVE_MAX_SKETCHES < series_cap ? VARVE_MAX_SKETCHES : series_cap;
    sketches->tiers = (uint32_t)conf->tier_count - 1;
    sketches->place_of = varve_arena_take_zeroed(arena, series_cap, sizeof *sketches->place_of);
    sketches->incoming = varve_arena_take(arena, sizeof *sketches->incoming, 8);
    sketches->merged = varve_arena_take(arena, sizeof *sketches->merged, 8);
    sketches->tail = varve_arena_take(arena, VARVE_SKETCH_POOL, 8);
    bool complete = sketches->place_of != NULL && sketches->tail != NULL &&
                    sketches->incoming != NULL && sketches->merged != NULL;
    for (size_t level = 0; level < sketches->tiers; level++) {
        sketches->open[level] =
            varve_arena_take(arena, sketches->cap * sizeof *sketches->open[level], 8);
        sketches->pool[level] = varve_arena_take(arena, VARVE_SKETCH_POOL, 8);
        complete = complete && sketches->open[level] != NULL && sketches->pool[level] != NULL;
    }
    return complete ? 0 : VARVE_E_NO_MEMORY;
}

// ---- places -------------------------------------------------------------------------------------

// The pattern is of the metric's name.
static bool asks(const struct varve_conf *conf, const char *text)
{
    char name[VARVE_SERIES_TEXT];
    size_t length = strcspn(text, "{");
    bool wanted = false;
    (void)varve_format(name, sizeof name, "%.*s", (int)length, text); // no longer than the series
    for (size_t i = 0; i < conf->rule_count; i++) {
        wanted = varve_glob(conf->rules[i]->pattern, name) ? conf->rules[i]->percentiles : wanted;
    }
    return wanted;
}

static void give_place(struct varve_sketches *sketches, varve_series_id id)
{
    if (sketches->count == sketches->cap) {
        sketches->refused++;
        return;
    }
    for (size_t level = 0; level < sketches->tiers; level++) {
        varve_sketch_clear(&sketches->open[level][sketches->count]);
    }
    sketches->place_of[id] = (uint16_t)++sketches->count;
}

void varve_sketches_note(struct varve_sketches *sketches, const struct varve_conf *conf,
                         const struct varve_series_table *series)
{
    uint32_t count = varve_series_count(series);
    for (; sketches->cap > 0 && sketches->seen < count; sketches->seen++) {
        if (asks(conf, series->series[sketches->seen].text)) {
            give_place(sketches, (varve_series_id)sketches->seen);
        }
    }
}

bool varve_sketches_any(const struct varve_sketches *sketches)
{
    return sketches->count > 0;
}

struct varve_sketch *varve_sketches_open(struct varve_sketches *sketches, size_t level,
                                         varve_series_id id)
{
    bool has = sketches != NULL && sketches->count > 0 && sketches->place_of[id] != 0;
    return has ? &sketches->open[level][sketches->place_of[id] - 1] : NULL;
}

struct varve_sketch *varve_sketches_incoming(struct varve_sketches *sketches, varve_series_id id)
{
    if (varve_sketches_open(sketches, 0, id) == NULL) {
        return NULL;
    }
    varve_sketch_clear(sketches->incoming);
    return sketches->incoming;
}

// ---- stored ones --------------------------------------------------------------------------------

static int note_found(void *arg, int64_t start_ms, const uint8_t *sketch, size_t bytes)
{
    (void)arg;
    (void)start_ms;
    (void)sketch;
    (void)bytes;
    return 1;
}

void varve_sketches_find(struct varve_sketches *sketches, const void *block,
                         const struct varve_block_info *info, varve_series_id id)
{
    if (sketches->takes_found && sketches->place_of[id] == 0 &&
        varve_block_sketches(block, info, id, INT64_MIN, INT64_MAX, note_found, NULL) == 1) {
        give_place(sketches, id);
    }
}

static int add_stored(void *arg, int64_t start_ms, const uint8_t *sketch, size_t bytes)
{
    (void)start_ms;
    return varve_sketch_get(sketch, bytes, arg);
}

const struct varve_sketch *varve_sketches_stored(struct varve_sketches *sketches, const void *block,
                                                 const struct varve_block_info *info,
                                                 varve_series_id id, const struct varve_cell *cells,
                                                 size_t row)
{
    struct varve_sketch *sketch = varve_sketches_incoming(sketches, id);
    for (size_t i = 0; sketch != NULL && i < row; i++) {
        if (cells[i].start_ms == cells[row].start_ms) {
            return NULL;
        }
    }
    if (sketch != NULL) { // a damaged one tells of fewer samples than its cell, and so is not used
        (void)varve_block_sketches(block, info, id, cells[row].start_ms, cells[row].start_ms,
                                   add_stored, sketch);
    }
    return sketch;
}

// ---- pools --------------------------------------------------------------------------------------

bool varve_sketches_fit(const struct varve_sketches *sketches, size_t level,
                        const struct varve_sketch *sketch)
{
    // In a chunk a record has a step and a length before it, in less than one has here.
    return sketch == NULL || sketch->used == 0 ||
           sizeof(struct record) + varve_sketch_size(sketch) <=
               sketches->pool_bytes - sketches->used[level];
}

bool varve_sketches_half_full(const struct varve_sketches *sketches, size_t level)
{
    return sketches->used[level] > sketches->pool_bytes / 2;
}

void varve_sketches_keep(struct varve_sketches *sketches, size_t level, varve_series_id id,
                         int64_t start_ms, const struct varve_sketch *sketch)
{
    if (sketch == NULL || sketch->used == 0) {
        return;
    }
    uint8_t *p = sketches->pool[level] + sketches->used[level];
    struct record record = {.start_ms = start_ms, .id = id};
    record.bytes = (uint32_t)varve_sketch_put(p + sizeof record, sketch);
    memcpy(p, &record, sizeof record);
    sketches->used[level] += (uint32_t)sizeof record + record.bytes;
    sketches->collapsed += sketch->collapsed;
}

void varve_sketches_reset(struct varve_sketches *sketches, size_t level)
{
    sketches->used[level] = 0;
}

// Adds the records of the series in the range to `into`. Those that are taken are not met again.
static void collect(const struct varve_sketches *sketches, size_t level, varve_series_id id,
                    int64_t from_ms, int64_t to_ms, bool take, struct varve_sketch *into)
{
    for (uint32_t at = 0; at < sketches->used[level];) {
        struct record record;
        uint8_t *p = sketches->pool[level] + at;
        memcpy(&record, p, sizeof record);
        if (record.id == id && record.start_ms >= from_ms && record.start_ms <= to_ms &&
            !record.taken) {
            // What this file wrote is whole.
            (void)varve_sketch_get(p + sizeof record, record.bytes, into);
            record.taken = take;
            memcpy(p, &record, sizeof record);
        }
        at += (uint32_t)sizeof record + record.bytes;
    }
}

void varve_sketches_collect(const struct varve_sketches *sketches, size_t level, varve_series_id id,
                            int64_t from_ms, int64_t to_ms, struct varve_sketch *into)
{
    collect(sketches, level, id, from_ms, to_ms, false, into);
}

static void add_to_tail(struct varve_sketches *sketches, struct varve_block_tail *tail,
                        int64_t start_ms)
{
    size_t bytes = varve_sketch_size(sketches->merged);
    uint8_t *to = varve_block_tail_add(tail, start_ms, bytes);
    if (to != NULL) { // it has room: the pool was not smaller
        (void)varve_sketch_put(to, sketches->merged);
    }
}

const uint8_t *varve_sketches_tail(struct varve_sketches *sketches, size_t level,
                                   varve_series_id id, const struct varve_cell *cells, size_t n,
                                   int64_t base_ms, int64_t step_ms, size_t *bytes)
{
    struct varve_block_tail tail = {
        .buf = sketches->tail, .cap = sketches->pool_bytes, .at_ms = base_ms, .step_ms = step_ms};
    bool asks_for_it = varve_sketches_open(sketches, level, id) != NULL;
    for (size_t i = 0; asks_for_it && i < n; i++) {
        int64_t start_ms = cells[i].start_ms;
        varve_sketch_clear(sketches->merged);
        collect(sketches, level, id, start_ms, start_ms, true, sketches->merged);
        if (sketches->merged->used > 0) {
            add_to_tail(sketches, &tail, start_ms);
        }
    }
    *bytes = tail.used;
    return sketches->tail;
}
