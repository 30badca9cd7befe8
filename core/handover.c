// SPDX-License-Identifier: Apache-2.0
// What is in RAM, from one host to the next of the same process: see varve_host_hand_over().
//
// A host that began without its store has given out series ids and block numbers of its own, and
// has rolled up without knowing what came before. So the blocks cannot go to the store as they are.
// Their rows go into the next host, which has recovered from the store, as if they had just come:
// ids by name, counters from their last stored value, cells begun before the outage completed.
// Cells are not handed over: they are a function of the rows.
//
// At the end of the memory, in this order, each thing behind the other without gaps:
//
//   struct chest
//   series, by id: kind, unit, text, help, each text with its NUL
//   events that no store has: struct varve_event_entry
//   raw blocks, the oldest first: length, bytes
//   rows of the raw window, which have no time yet: struct varve_sample
//
// What other backends keep in RAM over a restart has the old ids and numbers: it is forgotten.
//
// While nobody else uses the host: its tasks have ended, or have not begun.
#include "host_state.h"

#include <string.h>

#include "varve/block.h"

#define BATCH 256u

struct chest {
    uint32_t series, events, blocks, rows;
};

struct writer {
    uint8_t *at, *end;
    bool full;
};

static void put(struct writer *w, const void *bytes, size_t n)
{
    w->full = w->full || n > (size_t)(w->end - w->at);
    if (!w->full) {
        memcpy(w->at, bytes, n);
        w->at += n;
    }
}

static void get(const uint8_t **at, void *out, size_t n)
{
    memcpy(out, *at, n);
    *at += n;
}

// ---- what there is ------------------------------------------------------------------------------

static uint32_t persistent_mask(const struct varve_host *host)
{
    uint32_t mask = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        mask |= (host->backends[b].persistent ? 1u : 0u) << b;
    }
    return mask;
}

// Where a persistent store works, what it was to have is in it, and cells of all rows are stored.
static bool has_working(const struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && varve_backend_is_open(backend) &&
            atomic_load(&backend->state) == 0) {
            return true;
        }
    }
    return false;
}

// Raw rows that no store has.
static bool is_kept(const struct varve_outbox_entry *entry, uint32_t persistent)
{
    const bool waits = entry->wanted == 0 || (entry->pending & persistent) != 0;
    return entry->tier == 0 && waits && (entry->wanted & ~entry->pending & persistent) == 0;
}

static uint32_t first_event(const struct varve_host *host)
{
    uint32_t from = host->events.next;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && backend->event_cursor < from) {
            from = backend->event_cursor;
        }
    }
    const uint32_t next = host->events.next;
    return next > VARVE_MAX_EVENTS && from < next - VARVE_MAX_EVENTS ? next - VARVE_MAX_EVENTS
                                                                     : from;
}

// ---- packing ------------------------------------------------------------------------------------

static void put_series(struct varve_host *host, struct chest *chest, struct writer *w)
{
    chest->series = varve_series_count(&host->series);
    for (uint32_t id = 0; id < chest->series; id++) {
        const struct varve_series *s = &host->series.series[id];
        put(w, &s->kind, sizeof s->kind);
        put(w, s->unit, sizeof s->unit);
        put(w, s->text, strlen(s->text) + 1);
        put(w, s->help, strlen(s->help) + 1);
    }
}

static void put_events(struct varve_host *host, struct chest *chest, struct writer *w)
{
    for (uint32_t number = first_event(host); number < host->events.next; number++) {
        struct varve_event event;
        (void)varve_event_get(host, number, &event); // stamps it, if that can be done
        put(w, &host->events.entries[number % VARVE_MAX_EVENTS], sizeof(struct varve_event_entry));
        chest->events++;
    }
}

// Index of the oldest block of which it and all newer ones fit, beside `rest` bytes.
static uint32_t first_block(struct varve_host *host, const struct writer *w, size_t rest,
                            uint32_t *lost)
{
    const size_t cap = (size_t)(w->end - w->at);
    size_t room = cap > rest ? cap - rest : 0;
    uint32_t from = host->outbox.count;
    for (uint32_t i = from; i > 0; i--) {
        const struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i - 1);
        const size_t need = sizeof entry->info.length + entry->info.length;
        if (!is_kept(entry, persistent_mask(host))) {
            continue;
        }
        *lost += *lost > 0 || need > room;
        room -= *lost > 0 ? 0 : need;
        from = *lost > 0 ? from : i - 1;
    }
    return from;
}

static void put_blocks(struct varve_host *host, struct chest *chest, struct writer *w, size_t rest,
                       struct varve_handover *handover)
{
    for (uint32_t i = first_block(host, w, rest, &handover->lost); i < host->outbox.count; i++) {
        const struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i);
        if (is_kept(entry, persistent_mask(host))) {
            put(w, &entry->info.length, sizeof entry->info.length);
            put(w, host->outbox.buf + entry->offset, entry->info.length);
            handover->rows += entry->info.rows;
            chest->blocks++;
        }
    }
}

void varve_handover_pack(struct varve_host *host, struct varve_handover *handover)
{
    const struct varve_window *window = &host->windows[0];
    const size_t used = host->arena.used > host->most_memory ? host->arena.used : host->most_memory;
    const size_t rows = window->count * sizeof *window->rows.raw;
    struct chest chest = {.rows = window->count};
    uint8_t *begin = host->arena.base + used;
    struct writer w = {.at = begin, .end = host->arena.base + host->arena.size};
    *handover = (struct varve_handover){.rows = window->count};
    put(&w, &chest, sizeof chest);
    put_series(host, &chest, &w);
    put_events(host, &chest, &w);
    if (persistent_mask(host) != 0 && !has_working(host)) {
        put_blocks(host, &chest, &w, rows, handover);
    }
    put(&w, window->rows.raw, rows);
    handover->blocks = chest.blocks;
    if (w.full) {
        *handover = (struct varve_handover){.lost = chest.blocks + handover->lost};
    } else if (chest.blocks + chest.rows + chest.events > 0) {
        memcpy(begin, &chest, sizeof chest);
        handover->bytes = (size_t)(w.at - begin);
        memmove(w.end - handover->bytes, begin, handover->bytes);
    }
}

// ---- unpacking ----------------------------------------------------------------------------------

struct unpacking {
    struct varve_host *host;
    struct chest chest;
    const uint8_t *at;
    int *ids; // of the new host, by those of the old one; negative: refused
    struct varve_point *points;
    int rc; // the first error
};

static void note(struct unpacking *u, int rc)
{
    u->rc = u->rc == 0 && rc < 0 ? rc : u->rc;
}

static void get_series(struct unpacking *u)
{
    for (uint32_t id = 0; id < u->chest.series; id++) {
        uint8_t kind;
        char unit[VARVE_UNIT_TEXT];
        get(&u->at, &kind, sizeof kind);
        get(&u->at, unit, sizeof unit);
        struct varve_series_def def = {.text = (const char *)u->at, .unit = unit};
        def.kind = (enum varve_kind)kind;
        u->at += strlen(def.text) + 1;
        def.help = (const char *)u->at;
        u->at += strlen(def.help) + 1;
        u->ids[id] = varve_series_add(u->host, &def);
        note(u, u->ids[id]);
    }
}

// They came before those of the new host, of which there are few.
static void get_events(struct unpacking *u)
{
    struct varve_event_log *log = &u->host->events;
    const uint32_t own = log->next;
    const uint32_t room = own < VARVE_MAX_EVENTS ? VARVE_MAX_EVENTS - own : 0;
    uint32_t skip = u->chest.events > room ? u->chest.events - room : 0;
    const uint32_t take = u->chest.events - skip;
    log->dropped += skip;
    if (take > 0) {
        memmove(&log->entries[take], log->entries, own * sizeof *log->entries);
        memcpy(log->entries, u->at + skip * sizeof *log->entries, take * sizeof *log->entries);
        log->next = own + take;
    }
    u->at += u->chest.events * sizeof *log->entries;
}

// In two halves of the time range when there are too many.
static void import(struct unpacking *u, const void *block, const struct varve_block_info *info,
                   uint32_t id, int64_t from_ms, int64_t to_ms)
{
    int n = varve_block_points(block, info, (varve_series_id)id, from_ms, to_ms, u->points, BATCH);
    if (n == VARVE_E_FULL && from_ms < to_ms) {
        const int64_t middle_ms = from_ms + (to_ms - from_ms) / 2;
        import(u, block, info, id, from_ms, middle_ms);
        import(u, block, info, id, middle_ms + 1, to_ms);
        return;
    }
    note(u, n);
    for (int i = 0; i < n; i++) {
        note(u, varve_push_at(u->host, u->ids[id], u->points[i].time_ms, u->points[i].value));
    }
    if (n > 0) {
        (void)varve_pipeline_drain(u->host); // the count does not matter here
    }
}

// One block becomes one window again.
static void get_block(struct unpacking *u)
{
    struct varve_block_info info;
    uint32_t length, bytes;
    get(&u->at, &length, sizeof length);
    int rc = varve_block_open(u->at, length, &info);
    note(u, rc);
    for (int id = -1; rc == 0 && (id = varve_block_next_id(u->at, &info, id)) >= 0;) {
        if ((uint32_t)id < u->chest.series && u->ids[id] >= 0) {
            import(u, u->at, &info, (uint32_t)id, info.key.start_ms, info.key.end_ms);
        }
    }
    u->at += length;
    varve_pipeline_tick(u->host, varve_port_boot_ms(), true);
    while (varve_backends_pending(u->host, &bytes) > 0) { // those that fail are not waited for
        for (size_t b = 0; b < u->host->backend_count; b++) {
            (void)varve_backend_step(u->host, b, varve_port_boot_ms(), false);
        }
    }
}

static void get_rows(struct unpacking *u)
{
    for (uint32_t i = 0; i < u->chest.rows; i++) {
        struct varve_sample row;
        get(&u->at, &row, sizeof row);
        double value = varve_value_read(row.value);
        if (row.id < u->chest.series && u->ids[row.id] >= 0) {
            note(u, (row.flags & VARVE_SAMPLE_UNIX) != 0
                        ? varve_push_at(u->host, u->ids[row.id], row.time_ms, value)
                        : varve_push_boot(u->host, u->ids[row.id], row.time_ms, value));
        }
        if (i % BATCH == BATCH - 1 || i + 1 == u->chest.rows) {
            (void)varve_pipeline_drain(u->host); // the count does not matter here
        }
    }
}

int varve_host_take_over(struct varve_host *host, const struct varve_handover *handover,
                         const void *memory, size_t bytes)
{
    struct unpacking u = {.host = host};
    const struct varve_arena before = host->arena;
    if (handover->bytes == 0) {
        return 0;
    }
    u.at = (const uint8_t *)memory + bytes - handover->bytes;
    get(&u.at, &u.chest, sizeof u.chest);
    u.ids = varve_arena_take(&host->arena, (u.chest.series + 1) * sizeof *u.ids, 8);
    u.points = varve_arena_take(&host->arena, BATCH * sizeof *u.points, 8);
    if (u.ids == NULL || u.points == NULL) {
        varve_arena_return(&host->arena, &before);
        return VARVE_E_NO_MEMORY;
    }
    get_series(&u);
    get_events(&u);
    for (uint32_t i = 0; i < u.chest.blocks; i++) {
        get_block(&u);
    }
    get_rows(&u);
    varve_arena_return(&host->arena, &before);
    return u.rc;
}
