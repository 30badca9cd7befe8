// SPDX-License-Identifier: Apache-2.0
// The series table: texts to dense ids and back.
//
// Entries are never changed once they are published by the count, so readers need no lock: they
// load the count (acquire) and read below it. Adding is serialised by the host.
#ifndef VARVE_CORE_SERIES_H
#define VARVE_CORE_SERIES_H

#include <stdatomic.h>

#include "arena.h"
#include "varve/types.h"

struct varve_series {
    const char *text; // canonical; in the pool
    const char *help; // in the pool; "" when unknown
    char unit[VARVE_UNIT_TEXT];
    uint8_t kind; // enum varve_kind
};

struct varve_series_table {
    struct varve_series *series; // by id
    uint32_t cap;
    _Atomic uint32_t count;
    uint16_t *slots; // hash table of id + 1; 0 is free
    uint32_t slot_mask;
    char *pool; // texts, each with its NUL
    size_t pool_used, pool_cap;
    uint64_t refused; // additions refused, for whatever reason
    bool refused_logged;
};

// Carves a table for `cap` series. Returns 0 or VARVE_E_NO_MEMORY.
int varve_series_table_init(struct varve_series_table *table, struct varve_arena *arena,
                            uint32_t cap);

// Finds or adds a series; the text may have any valid spelling. Returns the id, VARVE_E_INVALID,
// VARVE_E_TOO_BIG or VARVE_E_FULL (all counted).
int varve_series_table_add(struct varve_series_table *table, const struct varve_series_def *def);

// The id of a series that is there, by any valid spelling; else VARVE_E_NOT_FOUND, or as above.
int varve_series_table_known(const struct varve_series_table *table,
                             const struct varve_series_def *def);

// The id of a canonical text, or VARVE_E_NOT_FOUND.
int varve_series_table_find(const struct varve_series_table *table, const char *text);

static inline uint32_t varve_series_count(const struct varve_series_table *table)
{
    return atomic_load_explicit(&table->count, memory_order_acquire);
}

// Fills `def` with borrowed texts; id < count.
void varve_series_table_get(const struct varve_series_table *table, varve_series_id id,
                            struct varve_series_def *def);

#endif
