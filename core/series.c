// SPDX-License-Identifier: Apache-2.0
// The series table; see series.h.
#include "series.h"

#include "label.h"
#include "varve/error.h"

// FNV-1a, 64 bits (Fowler, Noll, Vo).
static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text != '\0'; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static uint32_t slots_for(uint32_t cap)
{
    uint32_t slots = 16;
    while (slots < 2 * cap) {
        slots *= 2;
    }
    return slots;
}

int varve_series_table_init(struct varve_series_table *table, struct varve_arena *arena,
                            uint32_t cap)
{
    uint32_t slots = slots_for(cap);
    *table = (struct varve_series_table){
        .cap = cap, .slot_mask = slots - 1, .pool_cap = cap * VARVE_SERIES_POOL + 1};
    atomic_init(&table->count, 0);
    table->series = varve_arena_take_zeroed(arena, cap, sizeof *table->series);
    table->slots = varve_arena_take_zeroed(arena, slots, sizeof *table->slots);
    table->pool = varve_arena_take(arena, table->pool_cap, 1);
    if (table->series == NULL || table->slots == NULL || table->pool == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    table->pool[table->pool_used++] = '\0'; // the empty text
    return 0;
}

// The slot that holds the text, or the free one where it belongs.
static uint32_t find_slot(const struct varve_series_table *table, const char *text)
{
    uint64_t hash = hash_text(text);
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & table->slot_mask;
    while (table->slots[slot] != 0) {
        const struct varve_series *series = &table->series[table->slots[slot] - 1];
        if (strcmp(series->text, text) == 0) {
            break;
        }
        slot = (slot + 1) & table->slot_mask;
    }
    return slot;
}

int varve_series_table_find(const struct varve_series_table *table, const char *text)
{
    uint32_t slot = find_slot(table, text);
    return table->slots[slot] != 0 ? table->slots[slot] - 1 : VARVE_E_NOT_FOUND;
}

static const char *pool_copy(struct varve_series_table *table, const char *text)
{
    size_t bytes = strlen(text) + 1;
    if (bytes > table->pool_cap - table->pool_used) {
        return NULL;
    }
    char *copy = table->pool + table->pool_used;
    memcpy(copy, text, bytes);
    table->pool_used += bytes;
    return copy;
}

// Series of one metric come one after the other and share their help text.
static const char *share_help(struct varve_series_table *table, uint32_t count, const char *help)
{
    if (help == NULL || *help == '\0') {
        return table->pool;
    }
    for (uint32_t back = 1; back <= 32 && back <= count; back++) {
        const char *known = table->series[count - back].help;
        if (strcmp(known, help) == 0) {
            return known;
        }
    }
    const char *copy = pool_copy(table, help);
    return copy != NULL ? copy : table->pool;
}

static int append(struct varve_series_table *table, const char *text, uint32_t slot,
                  const struct varve_series_def *def)
{
    uint32_t count = varve_series_count(table);
    const char *copy = count < table->cap ? pool_copy(table, text) : NULL;
    if (copy == NULL) {
        return VARVE_E_FULL;
    }
    struct varve_series *series = &table->series[count];
    series->text = copy;
    series->help = share_help(table, count, def->help);
    series->kind = (uint8_t)def->kind;
    if (def->unit != NULL) {
        memcpy(series->unit, def->unit, strlen(def->unit) + 1);
    }
    table->slots[slot] = (uint16_t)(count + 1);
    atomic_store_explicit(&table->count, count + 1, memory_order_release);
    return (int)count;
}

static int canonical(const struct varve_series_def *def, char text[VARVE_SERIES_TEXT])
{
    struct varve_labels labels;
    int rc = varve_labels_parse(def->text, &labels, NULL, NULL);
    return rc < 0 ? rc : varve_labels_write(&labels, text, VARVE_SERIES_TEXT);
}

int varve_series_table_known(const struct varve_series_table *table,
                             const struct varve_series_def *def)
{
    char text[VARVE_SERIES_TEXT];
    int rc = canonical(def, text);
    return rc < 0 ? rc : varve_series_table_find(table, text);
}

static int find_or_append(struct varve_series_table *table, const struct varve_series_def *def)
{
    char text[VARVE_SERIES_TEXT];
    int rc = canonical(def, text);
    if (rc < 0) {
        return rc;
    }
    if (def->unit != NULL && strlen(def->unit) >= VARVE_UNIT_TEXT) {
        return VARVE_E_TOO_BIG;
    }
    uint32_t slot = find_slot(table, text);
    return table->slots[slot] != 0 ? table->slots[slot] - 1 : append(table, text, slot, def);
}

int varve_series_table_add(struct varve_series_table *table, const struct varve_series_def *def)
{
    int id = find_or_append(table, def);
    table->refused += id < 0;
    return id;
}

void varve_series_table_get(const struct varve_series_table *table, varve_series_id id,
                            struct varve_series_def *def)
{
    const struct varve_series *series = &table->series[id];
    *def = (struct varve_series_def){.text = series->text,
                                     .unit = series->unit,
                                     .help = series->help,
                                     .kind = (enum varve_kind)series->kind};
}
