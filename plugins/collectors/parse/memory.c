// SPDX-License-Identifier: Apache-2.0
// /proc/meminfo, and what MemAvailable would be where it is missing.
// Threading: pure functions; any context.
#include "parse.h"

#include <string.h>

static const char *const keys[VARVE_MEMORY_COUNT] = {
#define VARVE_MEMORY_KEY(name, key, metric, help) [VARVE_MEMORY_##name] = (key),
    VARVE_MEMORY_FIELDS(VARVE_MEMORY_KEY)
#undef VARVE_MEMORY_KEY
};

bool varve_meminfo_has(const struct varve_meminfo *m, enum varve_memory_field field)
{
    return (m->have >> field & 1u) != 0;
}

static void store(struct varve_meminfo *m, size_t field, uint64_t bytes)
{
    m->bytes[field] = bytes;
    m->have |= 1u << field;
}

// "MemTotal:" -> field number, or VARVE_MEMORY_COUNT.
static size_t find_field(struct varve_span label)
{
    size_t i = 0;
    if (label.len == 0 || label.at[label.len - 1] != ':')
        return VARVE_MEMORY_COUNT;
    label.len--;
    while (i < VARVE_MEMORY_COUNT && !varve_span_equals(label, keys[i]))
        i++;
    return i;
}

// "123 kB" or "123" (bytes).
static bool parse_amount(struct varve_span *line, uint64_t *bytes)
{
    struct varve_span number, unit;
    if (!varve_scan_token(line, &number) || !varve_scan_u64(number, bytes))
        return false;
    if (!varve_scan_token(line, &unit))
        return true;
    if (!varve_span_equals(unit, "kB") || *bytes > UINT64_MAX / 1024)
        return false;
    *bytes *= 1024;
    return true;
}

size_t varve_proc_meminfo(struct varve_span text, struct varve_meminfo *out)
{
    struct varve_span line, label;
    size_t found = 0;
    memset(out, 0, sizeof *out);
    while (varve_scan_line(&text, &line)) {
        uint64_t bytes;
        size_t field = varve_scan_token(&line, &label) ? find_field(label) : VARVE_MEMORY_COUNT;
        if (field == VARVE_MEMORY_COUNT || !parse_amount(&line, &bytes))
            continue;
        found += !varve_meminfo_has(out, (enum varve_memory_field)field);
        store(out, field, bytes);
    }
    return found;
}

static uint64_t subtract(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// Page cache that could be dropped. Before 2.6.28 there is no split by file: all of the cache that
// is not shared memory.
static uint64_t file_cache(const struct varve_meminfo *m)
{
    const uint64_t *b = m->bytes;
    if (varve_meminfo_has(m, VARVE_MEMORY_ACTIVE_FILE) &&
        varve_meminfo_has(m, VARVE_MEMORY_INACTIVE_FILE))
        return b[VARVE_MEMORY_ACTIVE_FILE] + b[VARVE_MEMORY_INACTIVE_FILE];
    return subtract(b[VARVE_MEMORY_BUFFERS] + b[VARVE_MEMORY_CACHED], b[VARVE_MEMORY_SHARED]);
}

// si_mem_available() in the kernel's mm/page_alloc.c (3.14).
bool varve_meminfo_complete(struct varve_meminfo *m, uint64_t low_bytes)
{
    if (varve_meminfo_has(m, VARVE_MEMORY_AVAILABLE) || !varve_meminfo_has(m, VARVE_MEMORY_FREE))
        return false;
    uint64_t cache = file_cache(m);
    uint64_t slab = m->bytes[VARVE_MEMORY_SLAB_RECLAIMABLE];
    uint64_t available = subtract(m->bytes[VARVE_MEMORY_FREE], low_bytes);
    available += cache - smaller(cache / 2, low_bytes);
    available += slab - smaller(slab / 2, low_bytes);
    if (varve_meminfo_has(m, VARVE_MEMORY_TOTAL))
        available = smaller(available, m->bytes[VARVE_MEMORY_TOTAL]);
    store(m, VARVE_MEMORY_AVAILABLE, available);
    return true;
}
