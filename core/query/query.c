// SPDX-License-Identifier: Apache-2.0
// Running a query: which series, which tier, and in what order the rows are asked for.
//
// Series by series for people and programs that want one series' points together; slice by slice in
// time for exports, so that every block is read once however many series it holds. Any task, each
// query in its own memory.
#include "varve/query.h"

#include "../label.h"
#include "../text.h"
#include "fold.h"
#include "rows.h"
#include "tier.h"

struct run {
    struct varve_host *host;
    const struct varve_query *query;
    const struct varve_query_sink *sink;
    struct varve_query_info info;
    uint8_t *matched; // bit per series id
    uint32_t series_count;
    struct varve_rows rows;
    struct varve_fold fold;
    varve_series_id id; // series being delivered
    bool announced;     // it was
};

// ---- selecting ----------------------------------------------------------------------------------

static bool is_dotted(const char *text)
{
    bool foreign = false;
    for (const char *p = text; *p != '\0'; p++) {
        bool metric = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || *p == '_' ||
                      *p == ':' || (*p >= '0' && *p <= '9' && p != text);
        if (!metric && strchr("./-0123456789", *p) == NULL) {
            return false;
        }
        foreign |= !metric;
    }
    return foreign;
}

static int parse_selector(const char *text, char *buf, size_t cap, struct varve_labels *out,
                          char *why, size_t why_cap)
{
    const char *reason;
    size_t column;
    size_t length = is_dotted(text) ? varve_format(buf, cap, "dotted{path=\"%s\"}", text)
                                    : varve_format(buf, cap, "%s", text);
    if (length >= cap) {
        (void)varve_format(why, why_cap, "selector: longer than %zu characters", cap - 1);
        return VARVE_E_TOO_BIG;
    }
    int rc = varve_selector_parse(buf, out, &reason, &column);
    if (rc != 0) {
        (void)varve_format(why, why_cap, "selector: %s at column %zu of `%s`", reason, column + 1,
                           buf);
    }
    return rc;
}

static bool is_matched(const struct run *run, uint32_t id)
{
    return (run->matched[id / 8] >> (id % 8) & 1u) != 0;
}

static int select_series(struct run *run, char *why, size_t why_cap)
{
    struct varve_labels selector;
    char text[2 * VARVE_SERIES_TEXT];
    int rc = parse_selector(run->query->selector, text, sizeof text, &selector, why, why_cap);
    if (rc != 0) {
        return rc;
    }
    for (uint32_t id = 0; id < run->series_count; id++) {
        if (varve_selector_match(&selector, run->host->series.series[id].text)) {
            run->matched[id / 8] |= (uint8_t)(1u << (id % 8));
            run->info.series++;
        }
    }
    if (run->info.series == 0) {
        (void)varve_format(why, why_cap, "no series matches `%s` (of %u known)",
                           run->query->selector, run->series_count);
        return VARVE_E_NOT_FOUND;
    }
    return 0;
}

// ---- choosing the tier --------------------------------------------------------------------------

// Whether the range begins where a cell begins, or before the first sample: only then does a coarse
// cell stand for exactly the samples of the range.
static bool begins_on_grid(const struct run *run, unsigned finest,
                           const struct varve_tier_reach *reach, int64_t step_ms)
{
    int64_t from_ms = run->query->from_ms, oldest_ms = reach->oldest_ms[finest];
    bool before_all = oldest_ms <= reach->first_ms && from_ms <= oldest_ms;
    return before_all || from_ms == varve_bucket(from_ms, step_ms);
}

// The finest tier that reaches back to from_ms, or to all there is; among those that do, one that
// divides the step and is coarser saves work at no loss.
static unsigned choose_tier(const struct run *run, const struct varve_tier_reach *reach)
{
    int64_t step_ms = run->query->step_ms, from_ms = run->query->from_ms;
    unsigned finest = varve_tier_finest(run->host, reach, from_ms), best = finest;
    for (unsigned tier = finest + 1; tier < reach->count; tier++) {
        int64_t tier_step_ms = run->host->tiers[tier].step_ms;
        if (varve_tier_reaches(run->host, reach, tier, from_ms) && step_ms >= tier_step_ms &&
            step_ms % tier_step_ms == 0 && begins_on_grid(run, finest, reach, tier_step_ms)) {
            best = tier;
        }
    }
    return best;
}

static int set_tier(struct run *run, char *why, size_t why_cap)
{
    struct varve_host *host = run->host;
    struct varve_tier_reach reach;
    if (run->query->tier >= (int)host->tier_count) {
        (void)varve_format(why, why_cap, "there are %zu tiers only", host->tier_count);
        return VARVE_E_INVALID;
    }
    varve_tier_reach(host, run->query->tier, &reach);
    unsigned tier = run->query->tier < 0 ? choose_tier(run, &reach) : (unsigned)run->query->tier;
    int64_t oldest_ms = reach.oldest_ms[tier], newest_ms = reach.newest_ms[tier];
    struct varve_query_info *info = &run->info;
    info->tier = (int)tier;
    memcpy(info->tier_name, host->tiers[tier].name, sizeof info->tier_name);
    info->tier_step_ms = host->tiers[tier].step_ms;
    info->oldest_ms = oldest_ms;
    info->step_ms = run->query->step_ms;
    if (tier > 0 && info->step_ms < info->tier_step_ms) {
        info->step_ms = info->tier_step_ms;
    }
    // Nothing lies outside what the tier holds: open ends cost nothing and cannot overflow.
    info->from_ms = run->query->from_ms > oldest_ms ? run->query->from_ms : oldest_ms;
    if (tier > 0) { // the cell that holds the first moment belongs to the range
        info->from_ms = varve_bucket(info->from_ms, info->tier_step_ms);
    }
    info->to_ms = run->query->to_ms < newest_ms ? run->query->to_ms : newest_ms;
    return 0;
}

// ---- delivering ---------------------------------------------------------------------------------

static int deliver(void *arg, const struct varve_point *points, size_t n)
{
    struct run *run = arg;
    if (!run->announced) {
        struct varve_series_def def;
        varve_series_table_get(&run->host->series, run->id, &def);
        run->announced = true;
        int rc = run->sink->series(run->sink->arg, run->id, &def);
        if (rc != 0) {
            return rc;
        }
    }
    run->info.points += n;
    return run->sink->points(run->sink->arg, run->id, points, n);
}

static int fold_rows(void *arg, const void *rows, size_t n)
{
    struct run *run = arg;
    return varve_fold_rows(&run->fold, rows, n);
}

// One series over a range; *defined says whether the aggregation makes sense for it.
static int run_series(struct run *run, uint32_t id, int64_t from_ms, int64_t to_ms, bool *defined)
{
    bool cells = run->info.tier > 0;
    enum varve_kind kind = (enum varve_kind)run->host->series.series[id].kind;
    enum varve_agg agg = varve_fold_agg(run->query->agg, kind);
    *defined = varve_fold_defined(agg, kind, cells);
    if (!*defined) {
        return 0;
    }
    run->fold.agg = agg;
    run->fold.kind = kind;
    run->fold.cells = cells;
    run->fold.step_ms = run->info.step_ms;
    run->fold.from_ms = from_ms;
    run->fold.emit = deliver;
    run->fold.emit_arg = run;
    run->fold.bucket.count = 0;
    run->fold.total = 0;
    run->fold.count = 0;
    run->fold.has_previous = false;
    run->fold.counter.known = false;
    run->id = (varve_series_id)id;
    run->announced = false;
    // Three nominal steps back there is a row to compare with, unless the source was silent.
    int64_t margin_ms =
        varve_fold_needs_previous(agg, kind, cells) ? 3 * run->info.tier_step_ms : 0;
    int rc = varve_rows_scan(&run->rows, (varve_series_id)id, from_ms - margin_ms, to_ms, fold_rows,
                             run);
    return rc == 0 ? varve_fold_end(&run->fold) : rc;
}

static int run_by_series(struct run *run, int64_t from_ms, int64_t to_ms)
{
    int rc = 0;
    run->info.skipped_series = 0;
    for (uint32_t id = 0; rc == 0 && id < run->series_count; id++) {
        bool defined = true;
        if (is_matched(run, id)) {
            rc = run_series(run, id, from_ms, to_ms, &defined);
        }
        run->info.skipped_series += !defined;
    }
    return rc;
}

// Slices end where a block ends, so that the block cache serves all series of a slice.
static int run_by_time(struct run *run)
{
    int64_t at_ms = run->info.from_ms;
    int rc = 0;
    while (rc == 0 && at_ms <= run->info.to_ms) {
        int64_t end_ms =
            varve_rows_slice_end(run->host, (unsigned)run->info.tier, at_ms, run->info.to_ms);
        rc = run_by_series(run, at_ms, end_ms);
        at_ms = end_ms + 1;
    }
    return rc;
}

// ---- the call -----------------------------------------------------------------------------------

static int check(const struct varve_query *query, char *why, size_t why_cap)
{
    if (query->from_ms > query->to_ms) {
        (void)varve_format(why, why_cap, "the range ends before it begins (from %lld, to %lld)",
                           (long long)query->from_ms, (long long)query->to_ms);
        return VARVE_E_INVALID;
    }
    if (query->step_ms < 0) {
        (void)varve_format(why, why_cap, "the step must not be negative");
        return VARVE_E_INVALID;
    }
    if (query->by_time && query->step_ms > 0) {
        (void)varve_format(why, why_cap, "an answer in time order cannot have a step");
        return VARVE_E_INVALID;
    }
    return 0;
}

static int execute(struct run *run)
{
    bool by_time = run->query->by_time && run->query->agg != VARVE_AGG_RATE &&
                   run->query->agg != VARVE_AGG_SUM;
    int rc = run->sink->begin != NULL ? run->sink->begin(run->sink->arg, &run->info) : 0;
    run->rows.asks_once = by_time; // an export
    if (rc == 0) {
        rc = by_time ? run_by_time(run) : run_by_series(run, run->info.from_ms, run->info.to_ms);
    }
    run->info.rows_read = run->rows.read;
    run->info.damaged_blocks = run->rows.damaged;
    return rc == 0 && run->sink->end != NULL ? run->sink->end(run->sink->arg, &run->info) : rc;
}

int varve_query_run(struct varve_host *host, const struct varve_query *query,
                    const struct varve_query_sink *sink, void *memory, size_t bytes, char *why,
                    size_t why_cap)
{
    struct varve_arena arena = {.base = memory, .size = bytes};
    struct run *run = varve_arena_take_zeroed(&arena, 1, sizeof *run);
    uint32_t series_count = varve_series_count(&host->series);
    uint8_t *matched = varve_arena_take_zeroed(&arena, series_count / 8 + 1, 1);
    (void)varve_format(why, why_cap, "%s", "");
    if (matched == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    run->host = host;
    run->query = query;
    run->sink = sink;
    run->matched = matched;
    run->series_count = series_count;
    int rc = check(query, why, why_cap);
    rc = rc == 0 ? select_series(run, why, why_cap) : rc;
    rc = rc == 0 ? set_tier(run, why, why_cap) : rc;
    rc = rc == 0 ? varve_rows_init(&run->rows, host, (unsigned)run->info.tier, &arena,
                                   (size_t)2 * VARVE_BLOCK_MAX, 0)
                 : rc;
    rc = rc == 0 ? execute(run) : rc;
    if (rc == VARVE_E_FULL && why_cap > 0 && why[0] == '\0') {
        (void)varve_format(why, why_cap, "more rows at one moment than a query has memory for");
    }
    return rc;
}
