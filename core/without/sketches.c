// SPDX-License-Identifier: Apache-2.0
// In the place of sketches: no series has any, whatever a [series] asks.
//
// Threading: as the functions that these stand for.
#include "core/sketches.h"

int varve_sketches_init(struct varve_sketches *sketches, struct varve_arena *arena,
                        const struct varve_conf *conf, uint32_t series_cap, bool takes_found)
{
    (void)arena;
    (void)conf;
    (void)series_cap;
    (void)takes_found;
    *sketches = (struct varve_sketches){.cap = 0};
    return 0;
}

void varve_sketches_note(struct varve_sketches *sketches, const struct varve_conf *conf,
                         const struct varve_series_table *series)
{
    (void)sketches;
    (void)conf;
    (void)series;
}

void varve_sketches_find(struct varve_sketches *sketches, const void *block,
                         const struct varve_block_info *info, varve_series_id id)
{
    (void)sketches;
    (void)block;
    (void)info;
    (void)id;
}

const struct varve_sketch *varve_sketches_stored(struct varve_sketches *sketches, const void *block,
                                                 const struct varve_block_info *info,
                                                 varve_series_id id, const struct varve_cell *cells,
                                                 size_t row)
{
    (void)sketches;
    (void)block;
    (void)info;
    (void)id;
    (void)cells;
    (void)row;
    return NULL;
}

bool varve_sketches_any(const struct varve_sketches *sketches)
{
    (void)sketches;
    return false;
}

struct varve_sketch *varve_sketches_open(struct varve_sketches *sketches, size_t level,
                                         varve_series_id id)
{
    (void)sketches;
    (void)level;
    (void)id;
    return NULL;
}

struct varve_sketch *varve_sketches_incoming(struct varve_sketches *sketches, varve_series_id id)
{
    (void)sketches;
    (void)id;
    return NULL;
}

bool varve_sketches_fit(const struct varve_sketches *sketches, size_t level,
                        const struct varve_sketch *sketch)
{
    (void)sketches;
    (void)level;
    (void)sketch;
    return true;
}

bool varve_sketches_half_full(const struct varve_sketches *sketches, size_t level)
{
    (void)sketches;
    (void)level;
    return false;
}

void varve_sketches_keep(struct varve_sketches *sketches, size_t level, varve_series_id id,
                         int64_t start_ms, const struct varve_sketch *sketch)
{
    (void)sketches;
    (void)level;
    (void)id;
    (void)start_ms;
    (void)sketch;
}

void varve_sketches_reset(struct varve_sketches *sketches, size_t level)
{
    (void)sketches;
    (void)level;
}

const uint8_t *varve_sketches_tail(struct varve_sketches *sketches, size_t level,
                                   varve_series_id id, const struct varve_cell *cells, size_t n,
                                   int64_t base_ms, int64_t step_ms, size_t *bytes)
{
    (void)sketches;
    (void)level;
    (void)id;
    (void)cells;
    (void)n;
    (void)base_ms;
    (void)step_ms;
    *bytes = 0;
    return NULL;
}

void varve_sketches_collect(const struct varve_sketches *sketches, size_t level, varve_series_id id,
                            int64_t from_ms, int64_t to_ms, struct varve_sketch *into)
{
    (void)sketches;
    (void)level;
    (void)id;
    (void)from_ms;
    (void)to_ms;
    (void)into;
}

void varve_sketch_add(struct varve_sketch *sketch, double value)
{
    (void)sketch;
    (void)value;
}

void varve_sketch_merge(struct varve_sketch *into, const struct varve_sketch *from)
{
    (void)into;
    (void)from;
}

int varve_sketch_get(const uint8_t *in, size_t bytes, struct varve_sketch *into)
{
    (void)in;
    (void)bytes;
    (void)into;
    return 0;
}

uint64_t varve_sketch_count(const struct varve_sketch *sketch)
{
    (void)sketch;
    return 0;
}

double varve_sketch_quantile(const struct varve_sketch *sketch, double q)
{
    (void)sketch;
    return q;
}
