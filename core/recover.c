// SPDX-License-Identifier: Apache-2.0
// Continuing where an earlier process stopped, from what is stored:
//
//   1. the dictionary: series keep their ids;
//   2. the newest block of each tier: sequence numbers and running totals go on from there;
//   3. the rollup: what was in open cells and in cell windows is rebuilt from the next finer tier's
//      stored rows after the rolled-up-to mark of the tier's newest block, coarsest tier first. So
//      only raw rows can be lost in a crash; everything coarser is a function of them.
//
// A cell window may have been closed early (full), holding cells beyond the mark. `done_ms`
// remembers per series what is stored already, so that nothing is rolled up twice.
//
// While the host is made; one task.
#include "host_state.h"
#include "text.h"

// ---- the dictionary -----------------------------------------------------------------------------

struct loader {
    struct varve_host *host;
    struct varve_backend *backend;
    char *why;
    size_t why_cap;
};

// A dictionary with holes comes from a damaged store. The missing ids must stay taken, since blocks
// may use them.
static int fill_hole(struct varve_host *host, uint32_t id)
{
    char text[64];
    struct varve_series_def def = {.text = text, .unit = "", .help = "", .kind = VARVE_GAUGE};
    (void)varve_format(text, sizeof text, "varve_lost_series{id=\"%u\"}", id);
    return varve_series_table_add(&host->series, &def);
}

static int load_one(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct loader *loader = arg;
    struct varve_host *host = loader->host;
    int given = 0;
    while (given >= 0 && varve_series_count(&host->series) < id) {
        given = fill_hole(host, varve_series_count(&host->series));
    }
    given = given >= 0 ? varve_series_table_add(&host->series, def) : given;
    if (given == VARVE_E_FULL) {
        (void)varve_format(loader->why, loader->why_cap,
                           "store %s holds more than %u series; raise `series` in [varve]",
                           loader->backend->instance.name, host->series.cap);
        return given;
    }
    if (given != (int)id) {
        (void)varve_format(
            loader->why, loader->why_cap,
            "store %s calls series %u `%s`, another store does not; give each set of "
            "stores its own state directory",
            loader->backend->instance.name, (unsigned)id, def->text);
        return given < 0 ? given : VARVE_E_INVALID;
    }
    loader->backend->defined = (uint32_t)id + 1;
    return 0;
}

static int load_dictionaries(struct varve_host *host, char *why, size_t why_cap)
{
    int rc = 0;
    for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        const struct varve_backend_ops *ops = backend->instance.plugin->backend;
        struct loader loader = {.host = host, .backend = backend, .why = why, .why_cap = why_cap};
        if (ops->load_series != NULL) {
            rc = ops->load_series(&backend->instance, load_one, &loader);
        }
    }
    return rc;
}

// ---- totals -------------------------------------------------------------------------------------

// Continues from one tier's newest block.
static int continue_tier(struct varve_host *host, unsigned tier)
{
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    struct varve_block_key newest = {.seq = 0};
    struct varve_block_info info;
    bool found = false;
    int rc;
    host->upto_ms[tier] = INT64_MIN;
    host->mark_ms[tier] = INT64_MIN;
    while ((rc = varve_store_next(host, &cursor)) == 0) {
        if (!found || cursor.key.seq > newest.seq) {
            newest = cursor.key;
            found = true;
        }
        host->newest_ms = cursor.key.end_ms > host->newest_ms ? cursor.key.end_ms : host->newest_ms;
    }
    if (rc != VARVE_E_NOT_FOUND || !found) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    host->next_seq[tier] = newest.seq + 1;
    if (varve_store_get(host, tier, &newest, host->read_block, VARVE_BLOCK_MAX, &info) != 0) {
        varve_log(VARVE_WARNING, "recover", "the newest block of tier %s is damaged",
                  host->tiers[tier].name);
        return 0; // without its mark, everything finer is compared with what is stored
    }
    host->upto_ms[tier] = info.upto_ms;
    host->mark_ms[tier] = info.upto_ms;
    varve_cut_learn(&host->cuts[tier], info.rows, info.length, false);
    varve_cut_begin(&host->cuts[tier]);
    host->wear.has_partial[tier] =
        info.upto_ms != INT64_MIN && info.upto_ms % host->tiers[tier].step_ms != 0;
    host->samples_before =
        info.samples > host->samples_before ? info.samples : host->samples_before;
    host->flash_before =
        info.flash_bytes > host->flash_before ? info.flash_bytes : host->flash_before;
    return 0;
}

// ---- the rollup ---------------------------------------------------------------------------------

// What is done with the rows of one series in one block. `n` rows are in host->scratch.
typedef void (*rows_fn)(struct varve_host *host, unsigned tier, varve_series_id id, size_t n);

static void note_done(struct varve_host *host, unsigned tier, varve_series_id id, size_t n)
{
    const struct varve_cell *cells = host->scratch;
    int64_t *done_ms = &host->rollup.done_ms[tier - 1][id];
    for (size_t i = 0; i < n; i++) {
        int64_t end_ms = cells[i].start_ms + host->tiers[tier].step_ms;
        *done_ms = end_ms > *done_ms ? end_ms : *done_ms;
    }
}

static void replay_points(struct varve_host *host, unsigned tier, varve_series_id id, size_t n)
{
    (void)tier;
    enum varve_kind kind = (enum varve_kind)host->series.series[id].kind;
    varve_rollup_points(&host->rollup, id, kind, host->scratch, n);
}

static void replay_cells(struct varve_host *host, unsigned tier, varve_series_id id, size_t n)
{
    const struct varve_cell *cells = host->scratch;
    for (size_t i = 0; i < n; i++) {
        varve_rollup_cell(&host->rollup, tier, id, &cells[i]); // level `tier` is tier + 1
    }
}

// Reads a series' rows of the block in read_block; when they do not fit the scratch memory, in two
// halves of the time range.
static void read_rows(struct varve_host *host, const struct varve_block_info *info, unsigned tier,
                      varve_series_id id, int64_t from_ms, int64_t to_ms, rows_fn use)
{
    int n = tier == 0 ? varve_block_points(host->read_block, info, id, from_ms, to_ms,
                                           host->scratch, VARVE_COLUMN_MAX)
                      : varve_block_cells(host->read_block, info, id, from_ms, to_ms, host->scratch,
                                          VARVE_SCRATCH_BYTES / sizeof(struct varve_cell));
    if (n == VARVE_E_FULL && from_ms < to_ms) {
        int64_t middle_ms = from_ms + (to_ms - from_ms) / 2;
        read_rows(host, info, tier, id, from_ms, middle_ms, use);
        read_rows(host, info, tier, id, middle_ms + 1, to_ms, use);
    } else if (n > 0) {
        use(host, tier, id, (size_t)n);
    }
}

// Calls `use` for every series of every block of the tier that ends at or after from_ms.
static int each_block(struct varve_host *host, unsigned tier, int64_t from_ms, int64_t rows_from_ms,
                      rows_fn use)
{
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = from_ms, .seq_limit = host->next_seq[tier]};
    int rc;
    while ((rc = varve_store_next(host, &cursor)) == 0) {
        struct varve_block_info info;
        rc = varve_store_get(host, tier, &cursor.key, host->read_block, VARVE_BLOCK_MAX, &info);
        if (rc != 0) {
            varve_log(VARVE_WARNING, "recover", "passed over a block of tier %s: %s",
                      host->tiers[tier].name, varve_strerror(rc));
            continue;
        }
        uint32_t series_count = varve_series_count(&host->series);
        int64_t first_ms = info.key.start_ms > rows_from_ms ? info.key.start_ms : rows_from_ms;
        for (uint32_t id = 0; id < series_count; id++) {
            read_rows(host, &info, tier, (varve_series_id)id, first_ms, info.key.end_ms, use);
        }
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

// Rebuilds the open cells of `tier` from the stored rows of the next finer one.
static int rebuild_tier(struct varve_host *host, unsigned tier)
{
    int64_t upto_ms = host->upto_ms[tier];
    int rc = each_block(host, tier, upto_ms, upto_ms, note_done);
    for (uint32_t id = 0; id < host->series.cap; id++) {
        int64_t *done_ms = &host->rollup.done_ms[tier - 1][id];
        *done_ms = *done_ms > upto_ms ? *done_ms : upto_ms;
    }
    // Counters grow from their value before the mark: the block that holds it is read as well.
    int64_t longest_ms = host->conf->wear.max_loss_ms > host->tiers[0].window_ms
                             ? host->conf->wear.max_loss_ms
                             : host->tiers[0].window_ms;
    int64_t margin_ms = tier == 1 && upto_ms != INT64_MIN ? longest_ms : 0;
    int64_t from_ms = upto_ms - margin_ms;
    rows_fn replay = tier == 1 ? replay_points : replay_cells;
    return rc == 0 ? each_block(host, tier - 1, from_ms, from_ms, replay) : rc;
}

static void forget_done(struct varve_host *host)
{
    for (size_t level = 0; level < host->rollup.levels; level++) {
        for (uint32_t id = 0; id < host->series.cap; id++) {
            host->rollup.done_ms[level][id] = INT64_MIN;
        }
    }
}

static size_t finest_persisted(const struct varve_host *host)
{
    size_t finest = host->tier_count;
    for (size_t b = 0; b < host->backend_count; b++) {
        for (size_t tier = 0; tier < finest; tier++) {
            bool holds = (host->backends[b].conf->tiers >> tier & 1u) != 0;
            if (holds && host->backends[b].persistent) {
                finest = tier;
            }
        }
    }
    return finest;
}

int varve_recover(struct varve_host *host, char *why, size_t why_cap)
{
    host->newest_ms = INT64_MIN;
    host->base_tier = finest_persisted(host);
    varve_pipeline_plan(host);
    int rc = load_dictionaries(host, why, why_cap);
    if (rc != 0) {
        return rc;
    }
    for (unsigned tier = 0; rc == 0 && tier < host->tier_count; tier++) {
        rc = continue_tier(host, tier);
    }
    for (unsigned tier = (unsigned)host->tier_count - 1; rc == 0 && tier >= 1; tier--) {
        rc = rebuild_tier(host, tier);
    }
    varve_rollup_close_counted(&host->rollup, varve_series_count(&host->series));
    forget_done(host);
    if (rc != 0) {
        (void)varve_format(why, why_cap, "cannot read the stored history: %s", varve_strerror(rc));
    }
    return rc;
}
