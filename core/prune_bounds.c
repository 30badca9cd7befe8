// SPDX-License-Identifier: Apache-2.0
// What a prune must leave so that recovery finds no hole (recover.c):
//
//   - the newest block of each tier in each store, without its rows;
//   - rows that open cells of the next coarser tier are rebuilt from: by the marks of its newest
//     block, those from a time on and all in blocks from a number on. Where history goes from a
//     moment on, open cells behind it go with their rows, and only the latter stay.
//
// Threading: one task; takes each lock briefly, one after the other.
#include "host_state.h"
#include "prune.h"
#include "varve/prune.h"

bool varve_prune_takes(const struct varve_prune *prune, const struct varve_host *host, size_t b,
                       unsigned tier)
{
    return (prune->backends >> b & 1u) != 0 && (host->backends[b].conf->tiers >> tier & 1u) != 0;
}

// The block of a tier with the highest number in one store; false: there is none.
static bool find_newest(struct varve_backend *backend, unsigned tier,
                        struct varve_block_key *newest)
{
    struct varve_block_key key = {.seq = 0};
    bool found = false;
    while (varve_backend_next(backend, tier, found ? &key : NULL, INT64_MIN, &key) == 0) {
        *newest = !found || key.seq > newest->seq ? key : *newest;
        found = true;
    }
    return found;
}

int varve_prune_get_block(struct varve_backend *backend, unsigned tier,
                          const struct varve_block_key *key, uint8_t *buf,
                          struct varve_block_info *info)
{
    int rc = varve_backend_get(backend, tier, key, buf, VARVE_BLOCK_MAX);
    return rc < 0 ? rc : varve_block_open(buf, (size_t)rc, info);
}

static bool stores(const struct varve_backend *backend, unsigned tier)
{
    return backend->persistent && (backend->conf->tiers >> tier & 1u) != 0;
}

static bool is_stored(const struct varve_host *host, unsigned tier)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        if (stores(&host->backends[b], tier)) {
            return true;
        }
    }
    return false;
}

// What recovery rebuilds cells of a tier from, by the marks of its newest block.
struct marks {
    int64_t since_ms;  // rows of the next finer tier from here on
    uint32_t from_seq; // and all rows of its blocks from here on
};

// The marks that are durable. None: everything finer is needed.
static struct marks stored_marks(struct varve_host *host, unsigned tier, uint8_t *buf)
{
    struct varve_block_key key;
    struct varve_block_info info = {.rows = 0};
    struct marks marks = {.since_ms = INT64_MIN, .from_seq = UINT32_MAX};
    uint32_t newest = 0;
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (stores(backend, tier) && find_newest(backend, tier, &key) && key.seq >= newest &&
            varve_prune_get_block(backend, tier, &key, buf, &info) == 0) {
            newest = key.seq;
            marks = (struct marks){.since_ms = info.upto_ms,
                                   .from_seq = info.has_upto_seq ? info.upto_seq : UINT32_MAX};
        }
    }
    return marks;
}

// The same for a host that stores nothing: since when there are open cells.
static struct marks open_marks(struct varve_host *host, unsigned tier)
{
    struct marks marks = {.since_ms = INT64_MAX, .from_seq = UINT32_MAX};
    varve_port_mutex_lock(&host->store_lock);
    for (uint32_t id = 0; id < varve_series_count(&host->series); id++) {
        const struct varve_open_cell *cell = &host->rollup.open[tier - 1][id];
        if (cell->count > 0 && cell->start_ms < marks.since_ms) {
            marks.since_ms = cell->start_ms;
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
    return marks;
}

static struct marks marks_of(struct varve_host *host, unsigned tier, uint8_t *buf)
{
    const bool read_only = (host->flags & VARVE_HOST_READ_ONLY) != 0;
    return read_only ? open_marks(host, tier) : stored_marks(host, tier, buf);
}

// What open cells of the next coarser stored tier are made from. Counters grow from a value before
// the cell: recovery looks for it so far back.
static struct marks needed_of(struct varve_host *host, unsigned tier, uint8_t *buf)
{
    int64_t loss_ms = host->conf->wear.max_loss_ms;
    int64_t window_ms = host->tiers[0].window_ms;
    int64_t margin_ms = loss_ms > window_ms ? loss_ms : window_ms;
    unsigned coarser = tier + 1;
    while (coarser < host->tier_count && !is_stored(host, coarser)) {
        coarser++;
    }
    if (coarser == host->tier_count) {
        return (struct marks){.since_ms = INT64_MAX, .from_seq = UINT32_MAX};
    }
    struct marks marks = marks_of(host, coarser, buf);
    if (tier == 0 && marks.since_ms != INT64_MIN && marks.since_ms != INT64_MAX) {
        marks.since_ms -= margin_ms;
    }
    if (coarser != tier + 1) {
        marks.from_seq = UINT32_MAX; // it counts the blocks of the tier between
    }
    return marks;
}

// Notes since when rows stay, of those that were asked for.
static void note_needed(struct varve_host *host, struct varve_prune *prune, unsigned tier,
                        int64_t wanted_ms)
{
    struct varve_prune_tier *out = &prune->report.tiers[tier];
    const int64_t keep_ms = prune->keep_from_ms[tier];
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    while (out->selected && varve_store_next(host, &cursor) == 0 &&
           cursor.key.start_ms < wanted_ms) {
        bool whole = cursor.key.seq >= prune->seq_limit[tier];
        int64_t from_ms = whole || cursor.key.start_ms > keep_ms ? cursor.key.start_ms : keep_ms;
        if ((whole || cursor.key.end_ms >= keep_ms) && from_ms < wanted_ms &&
            from_ms < out->needed_ms) {
            out->needed_ms = from_ms;
        }
    }
}

void varve_prune_set_bounds(struct varve_host *host, struct varve_prune *prune, uint8_t *buf)
{
    varve_port_mutex_lock(&host->store_lock);
    memcpy(prune->seq_limit, host->next_seq, sizeof prune->seq_limit);
    varve_port_mutex_unlock(&host->store_lock);
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        // A cell goes when it has ended by then.
        int64_t span_ms = tier == 0 ? 0 : host->tiers[tier].step_ms - 1;
        int64_t wanted_ms =
            prune->before_ms < INT64_MIN + span_ms ? INT64_MIN : prune->before_ms - span_ms;
        struct marks needed = needed_of(host, tier, buf);
        // Cells behind the tier's own mark would be made again from the finer tier.
        int64_t own_ms = tier == 0 ? INT64_MAX : marks_of(host, tier, buf).since_ms;
        int64_t keep_ms = own_ms < needed.since_ms ? own_ms : needed.since_ms;
        keep_ms = prune->after_ms != INT64_MIN ? INT64_MAX : keep_ms; // open cells go as well
        prune->keep_from_ms[tier] = keep_ms < wanted_ms ? keep_ms : wanted_ms;
        if (needed.from_seq < prune->seq_limit[tier]) {
            prune->seq_limit[tier] = needed.from_seq;
        }
        note_needed(host, prune, tier, wanted_ms);
        for (size_t b = 0; b < host->backend_count; b++) {
            struct varve_block_key key;
            prune->newest_seq[b][tier] = varve_prune_takes(prune, host, b, tier) &&
                                                 find_newest(&host->backends[b], tier, &key)
                                             ? key.seq
                                             : UINT32_MAX;
        }
    }
}
