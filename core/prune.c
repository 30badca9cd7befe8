// SPDX-License-Identifier: Apache-2.0
// Pruning; varve/prune.h says what goes and what stays.
//
// This file has the order of things: finding out what is asked for, storing what is in memory, the
// end with its event. What must stay is prune_bounds.c's - to keep that little, all cell windows
// are closed first - and a step over the blocks prune_step.c's.
//
// Threading: one task; takes each lock briefly, one after the other.
#include "prune.h"

#include "host_state.h"
#include "label.h"
#include "text.h"
#include "varve/prune.h"

#define SETTLE_MS 30000
// Calls of a backend's maintain() at the end: each is one bounded step.
#define WIPE_STEPS 256

static const struct varve_backend_ops *ops_of(const struct varve_backend *backend)
{
    return backend->instance.plugin->backend;
}

static int say(char *why, size_t why_cap, int rc, const char *what)
{
    (void)varve_format(why, why_cap, "%s", what); // cut short it is still a sentence
    return rc;
}

// ---- what is asked for --------------------------------------------------------------------------

static int select_series(struct varve_host *host, struct varve_prune *prune, const char *selector,
                         char *why, size_t why_cap)
{
    struct varve_labels labels;
    const char *reason = "";
    size_t column = 0;
    prune->series_count = varve_series_count(&host->series);
    prune->every_series = selector == NULL || selector[0] == '\0' || strcmp(selector, "*") == 0;
    if (prune->every_series) {
        return 0;
    }
    int rc = varve_selector_parse(selector, &labels, &reason, &column);
    if (rc < 0) {
        (void)varve_format(why, why_cap, "selector: %s at column %zu of `%s`", reason, column + 1,
                           selector);
        return rc;
    }
    bool found = false;
    for (uint32_t id = 0; id < prune->series_count; id++) {
        if (varve_selector_match(&labels, host->series.series[id].text)) {
            prune->matched[id / 8] |= (uint8_t)(1u << (id % 8));
            found = true;
        }
    }
    return found ? 0 : say(why, why_cap, VARVE_E_NOT_FOUND, "no series matches the selector");
}

// Which backends take part; the others that hold one of the tiers are named.
static void find_backends(struct varve_host *host, struct varve_prune *prune)
{
    char *names = prune->report.left_alone;
    size_t cap = sizeof prune->report.left_alone;
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        bool holds = false;
        for (unsigned tier = 0; tier < host->tier_count; tier++) {
            holds |= prune->report.tiers[tier].selected && (backend->conf->tiers >> tier & 1u) != 0;
        }
        if (holds && ops_of(backend)->replace != NULL && varve_backend_is_open(backend)) {
            prune->backends |= 1u << b;
        } else if (holds) {
            size_t used = strlen(names); // it has room for all
            (void)varve_format(names + used, cap - used, "%s%s", used > 0 ? ", " : "",
                               backend->instance.name);
        }
    }
}

static void begin_report(struct varve_host *host, struct varve_prune *prune, int tier)
{
    prune->report.tier_count = (uint32_t)host->tier_count;
    for (unsigned t = 0; t < host->tier_count; t++) {
        struct varve_prune_tier *out = &prune->report.tiers[t];
        memcpy(out->name, host->tiers[t].name, sizeof out->name);
        out->selected = tier == VARVE_PRUNE_ALL_TIERS || tier == (int)t;
        out->oldest_ms = INT64_MAX;
        out->newest_ms = INT64_MIN;
        out->needed_ms = INT64_MAX;
    }
}

// ---- what must stay -----------------------------------------------------------------------------

// Brings everything in RAM that has a time into blocks, and the blocks to their stores. What cannot
// be stored stays: samples without a time, blocks of a store that does not work.
static int settle(struct varve_host *host)
{
    if ((host->flags & VARVE_HOST_READ_ONLY) != 0) {
        return 0;
    }
    int rc = varve_host_flush(host, SETTLE_MS);
    if (rc == 0 || rc == VARVE_E_CLOCK) {
        varve_pipeline_close_cells(host);
        rc = varve_host_flush(host, SETTLE_MS);
    }
    return rc;
}

// Open cells behind the moment, of the series that match: their rows go.
static void forget_open(struct varve_host *host, const struct varve_prune *prune)
{
    varve_port_mutex_lock(&host->store_lock);
    for (size_t level = 0; prune->after_ms != INT64_MIN && level < host->rollup.levels; level++) {
        for (uint32_t id = 0; id < prune->series_count; id++) {
            struct varve_open_cell *open = &host->rollup.open[level][id];
            const bool matches =
                prune->every_series || (prune->matched[id / 8] >> (id % 8) & 1u) != 0;
            if (matches && open->start_ms >= prune->after_ms && open->start_ms < prune->before_ms) {
                open->count = 0;
            }
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
}

static void say_begin(struct varve_host *host, const struct varve_prune *prune,
                      const struct varve_prune_request *request)
{
    char range[64];
    const char *text = range;
    if (prune->after_ms == INT64_MIN) {
        (void)varve_format(range, sizeof range, "before %lld ms", (long long)prune->before_ms);
    } else if (prune->before_ms == INT64_MAX) {
        (void)varve_format(range, sizeof range, "from %lld ms on", (long long)prune->after_ms);
    } else {
        (void)varve_format(range, sizeof range, "from %lld to %lld ms", (long long)prune->after_ms,
                           (long long)prune->before_ms);
    }
    varve_event_add(host, VARVE_NOTICE, "host", "prune_begin", false, 0, NULL,
                    "%s asks to remove what is %s, tier %s, series %s", prune->by, text,
                    request->tier < 0 ? "all" : host->tiers[request->tier].name,
                    prune->every_series ? "all" : request->selector);
}

int varve_prune_begin(struct varve_host *host, struct varve_prune *prune,
                      const struct varve_prune_request *request, void *memory, size_t bytes,
                      char *why, size_t why_cap)
{
    (void)varve_format(why, why_cap, "%s", "");
    memset(prune, 0, sizeof *prune);
    if (bytes < VARVE_PRUNE_MEMORY_MIN) {
        return say(why, why_cap, VARVE_E_NO_MEMORY, "pruning needs more memory");
    }
    if (request->tier < VARVE_PRUNE_ALL_TIERS || request->tier >= (int)host->tier_count) {
        return say(why, why_cap, VARVE_E_INVALID, "there is no such tier");
    }
    if (request->apply && (host->flags & VARVE_HOST_READ_ONLY) != 0) {
        return say(why, why_cap, VARVE_E_READ_ONLY, "the store is open for reading only");
    }
    if (request->after_ms > 0 && request->tier != VARVE_PRUNE_ALL_TIERS) {
        return say(why, why_cap, VARVE_E_INVALID,
                   "what is after a time is removed from all tiers, not from one");
    }
    prune->after_ms = request->after_ms > 0 ? request->after_ms : INT64_MIN;
    prune->before_ms = request->before_ms;
    prune->apply = request->apply;
    (void)varve_format(prune->by, sizeof prune->by, "%s", request->by != NULL ? request->by : "");
    begin_report(host, prune, request->tier);
    find_backends(host, prune);
    int rc = select_series(host, prune, request->selector, why, why_cap);
    if (rc != 0) {
        return rc;
    }
    prune->report.unsettled = settle(host);
    varve_prune_set_bounds(host, prune, memory);
    if (prune->apply) {
        forget_open(host, prune);
        say_begin(host, prune, request);
    }
    return 0;
}

// ---- the end ------------------------------------------------------------------------------------

// The stores wipe what is left in their files when they are idle; here that is waited for.
static int wipe(struct varve_host *host, const struct varve_prune *prune)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        bool due = (prune->backends >> b & 1u) != 0 && ops_of(backend)->maintain != NULL;
        rc = due ? VARVE_E_AGAIN : 0;
        for (int i = 0; rc == VARVE_E_AGAIN && i < WIPE_STEPS; i++) {
            varve_port_mutex_lock(&backend->lock);
            rc = varve_backend_is_open(backend)
                     ? ops_of(backend)->maintain(&backend->instance, varve_port_boot_ms())
                     : 0;
            varve_port_mutex_unlock(&backend->lock);
        }
        rc = rc == VARVE_E_AGAIN ? 0 : rc; // other work, which the backend's task goes on with
    }
    return rc;
}

static void note_end(struct varve_host *host, const struct varve_prune *prune)
{
    char payload[VARVE_PAYLOAD_TEXT];
    uint64_t rows = 0, blocks = 0, bytes = 0;
    for (uint32_t t = 0; t < prune->report.tier_count; t++) {
        const struct varve_prune_tier *tier = &prune->report.tiers[t];
        rows += tier->rows;
        blocks += tier->removed + tier->rewritten;
        bytes += tier->bytes;
    }
    (void)varve_format(
        payload, sizeof payload,
        "{\"after_ms\":%lld,\"before_ms\":%lld,\"rows\":%llu,\"series\":%u,\"blocks\":%llu,"
        "\"bytes\":%llu}",
        (long long)prune->after_ms, (long long)prune->before_ms, (unsigned long long)rows,
        prune->report.series, (unsigned long long)blocks, (unsigned long long)bytes);
    varve_event_add(host, VARVE_NOTICE, "host", "prune", true, (double)rows, payload,
                    "%s removed %llu rows of %u series from %llu blocks", prune->by,
                    (unsigned long long)rows, prune->report.series, (unsigned long long)blocks);
}

static void count_series(struct varve_prune *prune)
{
    prune->report.series = 0;
    for (uint32_t id = 0; id < prune->series_count; id++) {
        prune->report.series += prune->touched[id / 8] >> (id % 8) & 1u;
    }
}

// What is left, so that nothing takes what went for history.
static void learn_gaps(struct varve_host *host)
{
    struct varve_gaps gaps = host->gaps;
    varve_gaps_reset(&gaps);
    for (unsigned tier = 0; tier < host->tier_count; tier++) {
        struct varve_block_cursor cursor = {
            .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
        while (varve_store_next(host, &cursor) == 0) {
            varve_pipeline_cover(host, &gaps, tier, &cursor.key);
        }
    }
    varve_port_mutex_lock(&host->store_lock);
    host->gaps = gaps;
    host->newest_ms = gaps.newest_ms < host->newest_ms ? gaps.newest_ms : host->newest_ms;
    varve_port_mutex_unlock(&host->store_lock);
}

static int finish(struct varve_host *host, struct varve_prune *prune, char *why, size_t why_cap)
{
    prune->report.done = true;
    if (!prune->apply) {
        return 0;
    }
    if (prune->after_ms != INT64_MIN) {
        learn_gaps(host);
    }
    note_end(host, prune);
    (void)varve_host_flush(host,
                           SETTLE_MS); // for the events; what fails shows in the store's state
    int rc = wipe(host, prune);
    varve_wear_tick(host, varve_port_boot_ms());
    if (rc != 0) {
        (void)varve_format(why, why_cap,
                           "the rows are removed, but their bytes could not be wiped yet: %s",
                           varve_strerror(rc));
    }
    return rc;
}

int varve_prune_step(struct varve_host *host, struct varve_prune *prune, void *memory, size_t bytes,
                     char *why, size_t why_cap)
{
    (void)varve_format(why, why_cap, "%s", "");
    if (bytes < VARVE_PRUNE_MEMORY_MIN) {
        return say(why, why_cap, VARVE_E_NO_MEMORY, "pruning needs more memory");
    }
    if (prune->report.done) {
        return 0;
    }
    int rc = varve_prune_some(host, prune, memory, bytes, why, why_cap);
    count_series(prune);
    return rc == VARVE_E_NOT_FOUND ? finish(host, prune, why, why_cap) : rc;
}
