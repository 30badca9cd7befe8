// SPDX-License-Identifier: Apache-2.0
// Continuing where an earlier process stopped, from what is stored:
//
//   1. the dictionary: series keep their ids (dictionary.c);
//   2. the newest block of each tier: sequence numbers and running totals go on from there;
//   3. the rollup: what was in open cells and in cell windows is rebuilt from the next finer tier's
//      stored rows, coarsest tier first. So only raw rows can be lost in a crash; everything
//      coarser is a function of them.
//
// Which rows those are follows from two marks in the header of the tier's newest block. Of finer
// blocks with a number below the rolled-up-to number, the rows from the rolled-up-to time on: they
// were in open cells. Of later blocks every row, however old: late rows, too, are neither lost nor
// counted twice. A block that did not end its window gives no number; then all rows from the time
// on are taken, and `done_ms` remembers per series which of their cells are stored already.
//
// Finer blocks below the number may be missing: the governor kept them from flash, or the tiers are
// in different stores of which one was behind. Their rows are in the coarser tier, which is
// therefore closed up to its mark to what is rebuilt from still finer rows; and that is stored at
// once under one of the missing numbers, so that the next recovery does not take it for news.
//
// While the host is made; one task.
#include "host_state.h"
#include "text.h"

// ---- totals -------------------------------------------------------------------------------------

// The key of the block with the highest number below `seq`; VARVE_E_NOT_FOUND: there is none.
static int find_newest(struct varve_host *host, unsigned tier, uint32_t seq,
                       struct varve_block_key *newest)
{
    struct varve_block_cursor cursor = {.tier = tier, .from_ms = INT64_MIN, .seq_limit = seq};
    bool found = false;
    int rc;
    while ((rc = varve_store_next(host, &cursor)) == 0) {
        if (!found || cursor.key.seq > newest->seq) {
            *newest = cursor.key;
            found = true;
        }
        host->newest_ms = cursor.key.end_ms > host->newest_ms ? cursor.key.end_ms : host->newest_ms;
        varve_pipeline_cover(host, &host->gaps, tier, &cursor.key);
    }
    return rc == VARVE_E_NOT_FOUND && found ? 0 : rc;
}

// Reads a block into read_block. One that is damaged is restored now, if it is whole elsewhere:
// what is made of its rows would be missing for ever.
static int get_block(struct varve_host *host, unsigned tier, const struct varve_block_key *key,
                     struct varve_block_info *info)
{
    int rc = varve_store_get(host, tier, key, host->read_block, VARVE_BLOCK_MAX, info);
    if (rc == VARVE_E_CORRUPT && varve_mend_noted(host) > 0) {
        rc = varve_store_get(host, tier, key, host->read_block, VARVE_BLOCK_MAX, info);
    }
    return rc;
}

// Reads the header of the newest block that is whole, from `newest` on: a backend that overwrites
// in place leaves the blocks of a transaction damaged that the power interrupted, and what counts
// then is what came before. Without a mark, everything finer is compared with what is stored.
// Returns 0, VARVE_E_NOT_FOUND, or an error that can be waited for.
static int read_newest(struct varve_host *host, unsigned tier, struct varve_block_key newest,
                       struct varve_block_info *info)
{
    for (unsigned i = 0; i <= VARVE_COMMIT_BLOCKS; i++) {
        int rc = get_block(host, tier, &newest, info);
        if (rc == 0 || (varve_can_wait(host, rc) && rc != VARVE_E_NOT_FOUND)) {
            return rc;
        }
        varve_log(VARVE_WARNING, "recover", "the newest block of tier %s is damaged",
                  host->tiers[tier].name);
        if (find_newest(host, tier, newest.seq, &newest) != 0) {
            break;
        }
    }
    return VARVE_E_NOT_FOUND;
}

// Continues from one tier's newest block, which gives *upto_seq (UINT32_MAX: it does not).
static int continue_tier(struct varve_host *host, unsigned tier, uint32_t *upto_seq)
{
    struct varve_block_key newest = {.seq = 0};
    struct varve_block_info info;
    *upto_seq = UINT32_MAX;
    host->upto_ms[tier] = INT64_MIN;
    host->mark_ms[tier] = INT64_MIN;
    int rc = find_newest(host, tier, UINT32_MAX, &newest);
    if (rc != 0) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    host->next_seq[tier] = newest.seq + 1;
    rc = read_newest(host, tier, newest, &info);
    if (rc != 0) {
        return rc == VARVE_E_NOT_FOUND ? 0 : rc;
    }
    host->upto_ms[tier] = info.upto_ms;
    host->mark_ms[tier] = info.upto_ms;
    if (tier == 0) {
        varve_cut_learn(&host->cut, info.rows, info.length, false);
        varve_cut_begin(&host->cut);
    }
    *upto_seq = info.has_upto_seq ? info.upto_seq : UINT32_MAX;
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
typedef void (*rows_fn)(struct varve_host *host, const struct varve_block_info *info,
                        varve_series_id id, size_t n);

static void note_done(struct varve_host *host, const struct varve_block_info *info,
                      varve_series_id id, size_t n)
{
    unsigned tier = info->tier;
    const struct varve_cell *cells = host->scratch;
    int64_t *done_ms = &host->rollup.done_ms[tier - 1][id];
    for (size_t i = 0; i < n; i++) {
        int64_t end_ms = cells[i].start_ms + host->tiers[tier].step_ms;
        *done_ms = end_ms > *done_ms ? end_ms : *done_ms;
    }
}

static void replay_points(struct varve_host *host, const struct varve_block_info *info,
                          varve_series_id id, size_t n)
{
    (void)info;
    enum varve_kind kind = (enum varve_kind)host->series.series[id].kind;
    varve_rollup_points(&host->rollup, id, kind, host->scratch, n);
}

static void replay_cells(struct varve_host *host, const struct varve_block_info *info,
                         varve_series_id id, size_t n)
{
    const struct varve_cell *cells = host->scratch;
    varve_sketches_find(&host->sketches, host->read_block, info, id);
    for (size_t i = 0; i < n; i++) { // level `tier` is tier + 1
        varve_rollup_cell(
            &host->rollup, info->tier, id, &cells[i],
            varve_sketches_stored(&host->sketches, host->read_block, info, id, cells, i));
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
        use(host, info, id, (size_t)n);
    }
}

// One that is damaged is passed over. One that cannot be read now is not, if that can be waited
// for: what is made of its rows would be missing for ever.
static int use_block(struct varve_host *host, unsigned tier, int64_t from_ms,
                     const struct varve_block_key *key, rows_fn use)
{
    struct varve_block_info info;
    int rc = get_block(host, tier, key, &info);
    if (varve_can_wait(host, rc) && rc != VARVE_E_NOT_FOUND) {
        return rc;
    }
    if (rc != 0) {
        varve_log(VARVE_WARNING, "recover", "passed over a block of tier %s: %s",
                  host->tiers[tier].name, varve_strerror(rc));
        return 0;
    }
    uint32_t series_count = varve_series_count(&host->series);
    int64_t first_ms = info.key.start_ms > from_ms ? info.key.start_ms : from_ms;
    for (uint32_t id = 0; id < series_count; id++) {
        read_rows(host, &info, tier, (varve_series_id)id, first_ms, info.key.end_ms, use);
    }
    return 0;
}

// All blocks of a tier in the order in which they were made. Their keys are sorted where raw rows
// will wait: none do yet.
static struct varve_made_cursor blocks_of(const struct varve_host *host, unsigned tier)
{
    const struct varve_window *raw = &host->windows[0];
    return varve_made_start(tier, raw->rows.raw, raw->cap * sizeof *raw->rows.raw);
}

// Calls `use` for every series of every block, from the cursor's time on.
static int each_block(struct varve_host *host, struct varve_made_cursor *blocks, rows_fn use)
{
    struct varve_block_key key;
    int rc;
    while ((rc = varve_made_next(host, blocks, &key)) == 0 &&
           (rc = use_block(host, blocks->tier, blocks->from_ms, &key, use)) == 0) {
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

static void set_done(struct varve_host *host, unsigned tier, int64_t time_ms)
{
    for (uint32_t id = 0; id < host->series.cap; id++) {
        host->rollup.done_ms[tier - 1][id] = time_ms;
    }
}

// Rebuilds the open cells of `tier` from the stored rows of the next finer one. `upto_seq` as in
// its newest block, UINT32_MAX: not known.
static int rebuild_tier(struct varve_host *host, unsigned tier, uint32_t upto_seq)
{
    int64_t upto_ms = host->upto_ms[tier];
    uint32_t end_seq = host->next_seq[tier - 1];
    bool known = upto_seq != UINT32_MAX;
    rows_fn replay = tier == 1 ? replay_points : replay_cells;
    struct varve_made_cursor own = blocks_of(host, tier);
    struct varve_made_cursor open = blocks_of(host, tier - 1), later = open;
    own.from_ms = open.from_ms = upto_ms;
    own.below_seq = host->next_seq[tier];
    open.below_seq = known ? upto_seq : end_seq;
    later.from_seq = upto_seq;
    later.below_seq = end_seq;
    if (tier == 1) {
        varve_recover_counters(host, open.below_seq);
    }
    set_done(host, tier, upto_ms);
    int rc = each_block(host, &own, note_done);
    rc = rc == 0 ? each_block(host, &open, replay) : rc;
    if (rc == 0 && known && upto_seq <= end_seq) {
        set_done(host, tier, INT64_MIN);
        rc = each_block(host, &later, replay);
    }
    return rc;
}

// Stores what was rebuilt of missing blocks; see above. Everything up to the coarser tier's mark is
// in blocks then: a mark from before it would take late rows of cells that are stored for stored,
// too.
static void fill_gap(struct varve_host *host, unsigned tier, uint32_t upto_seq)
{
    bool is_missing = upto_seq != UINT32_MAX && upto_seq > host->next_seq[tier - 1];
    const int64_t mark_ms = host->upto_ms[tier];
    if (is_missing && tier > 1) {
        for (unsigned finer = 1; finer < tier && mark_ms >= 0; finer++) {
            int64_t upto_ms = varve_bucket(mark_ms, host->tiers[finer].step_ms);
            host->upto_ms[finer] = upto_ms > host->upto_ms[finer] ? upto_ms : host->upto_ms[finer];
        }
        varve_cells_close(host, tier - 1);
    }
    if (is_missing && host->next_seq[tier - 1] < upto_seq) {
        host->next_seq[tier - 1] = upto_seq; // no number twice
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

int varve_recover_init(struct varve_host *host)
{
    host->read_block = varve_arena_take(&host->arena, VARVE_BLOCK_MAX, 8);
    return host->read_block != NULL ? 0 : VARVE_E_NO_MEMORY;
}

int varve_recover(struct varve_host *host, char *why, size_t why_cap)
{
    uint32_t upto_seq[VARVE_MAX_TIERS] = {0};
    host->newest_ms = INT64_MIN;
    varve_pipeline_init_gaps(host);
    host->base_tier = finest_persisted(host);
    varve_pipeline_plan(host);
    // First those that survive a power cut: what was kept in memory only has to agree with them.
    int rc = varve_dictionaries_load(host, true, why, why_cap);
    rc = rc == 0 ? varve_dictionaries_load(host, false, why, why_cap) : rc;
    if (rc != 0) {
        return rc;
    }
    varve_rescue(host);
    varve_cells_note_series(host);
    for (unsigned tier = 0; rc == 0 && tier < host->tier_count; tier++) {
        rc = continue_tier(host, tier, &upto_seq[tier]);
    }
    for (unsigned tier = (unsigned)host->tier_count - 1; rc == 0 && tier >= 1; tier--) {
        rc = rebuild_tier(host, tier, upto_seq[tier]);
    }
    varve_rollup_close_counted(&host->rollup, varve_series_count(&host->series));
    for (unsigned tier = 1; tier < host->tier_count; tier++) {
        set_done(host, tier, INT64_MIN);
        fill_gap(host, tier, upto_seq[tier]);
    }
    if (rc != 0) {
        varve_explain(why, why_cap, "cannot read the stored history: %s", varve_strerror(rc));
    }
    return rc;
}
