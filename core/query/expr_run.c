// SPDX-License-Identifier: Apache-2.0
// Running an expression: parse, choose the tier, plan, then slice by slice to the sink. See
// expr_run.h.
//
// A slice begins with the steps that one of the tier's windows spans, so that the blocks read for
// one series are still there for the next; it grows while the pool of blocks is large enough.
//
// Threading: any task, each run in its own memory.
#include <math.h>

#include "expr_run.h"

#include "../text.h"
#include "tier.h"
#include "varve/error.h"

#define ROW_BYTES     (24u * 1024u) // for the rows of one series, read piece by piece
#define QUANTILE_ROWS 4096u         // samples in one window of quantile_over_time
#define OUT_POINTS    128u
#define TIME_LIMIT_MS (INT64_C(1) << 53)

// ---- choosing the tier --------------------------------------------------------------------------

// Calls `see` for each selector with the function that reads it, until it says no.
struct walk {
    bool (*see)(struct walk *walk, enum expr_function function,
                const struct expr_selector *selector);
    struct expr_run *run;
    int64_t step_ms;    // of the tier that is looked at
    bool instant_fits;  // instant selectors may be served from cells
    int64_t oldest_ms;  // needed by any
    uint32_t quantiles; // functions that keep their samples
};

static bool visit(struct walk *walk, const struct expr *e)
{
    const struct expr *matrix = expr_matrix_of(e);
    if (e->kind == EXPR_SELECTOR) {
        return walk->see(walk, e->type == EXPR_MATRIX ? EXPR_FN_LAST_OVER : EXPR_FN_INSTANT,
                         e->selector);
    }
    bool on = matrix == NULL || walk->see(walk, e->is.function, matrix->selector);
    on = on && (e->a == NULL || e->a == matrix || visit(walk, e->a));
    return on && (e->b == NULL || e->b == matrix || visit(walk, e->b));
}

static bool note_need(struct walk *walk, enum expr_function function,
                      const struct expr_selector *selector)
{
    int64_t from_ms = expr_leaf_time(walk->run, selector, walk->run->start_ms) - selector->range_ms;
    walk->oldest_ms = from_ms < walk->oldest_ms ? from_ms : walk->oldest_ms;
    walk->quantiles += function == EXPR_FN_QUANTILE_OVER;
    return true;
}

static bool has_counter(const struct expr_run *run, const struct expr_selector *selector)
{
    for (uint32_t id = 0; id < run->series_count; id++) {
        const struct varve_series *series = &run->host->series.series[id];
        if (series->kind == VARVE_COUNTER && expr_selector_match(selector, series->text)) {
            return true;
        }
    }
    return false;
}

// Whether cells of a tier answer this as its samples would: whole cells in every window.
static bool is_exact(struct walk *walk, enum expr_function function,
                     const struct expr_selector *selector)
{
    struct expr_run *run = walk->run;
    int64_t first_ms = expr_leaf_time(run, selector, run->start_ms);
    bool moves = selector->at == EXPR_AT_NONE && run->end_ms > run->start_ms;
    bool aligned = first_ms % walk->step_ms == 0 && selector->range_ms % walk->step_ms == 0 &&
                   (!moves || run->step_ms % walk->step_ms == 0);
    switch (function) {
    case EXPR_FN_MIN_OVER:
    case EXPR_FN_MAX_OVER:
    case EXPR_FN_COUNT_OVER:
    case EXPR_FN_LAST_OVER:
    case EXPR_FN_PRESENT_OVER:
        return aligned;
    case EXPR_FN_AVG_OVER:
    case EXPR_FN_SUM_OVER:
        return aligned && !has_counter(run, selector);
    case EXPR_FN_INSTANT:
        return aligned && walk->instant_fits;
    default:
        return false;
    }
}

static bool exact_on(struct expr_run *run, unsigned tier, bool instant_fits)
{
    struct walk walk = {.see = is_exact,
                        .run = run,
                        .step_ms = run->host->tiers[tier].step_ms,
                        .instant_fits = instant_fits};
    return tier == 0 || visit(&walk, run->root);
}

static int choose_tier(struct expr_run *run, int64_t from_ms)
{
    const struct varve_host *host = run->host;
    struct varve_tier_reach reach;
    if (run->query->tier >= (int)host->tier_count) {
        return expr_fail(&run->error, 0, "there are %zu tiers only", host->tier_count);
    }
    varve_tier_reach(run->host, run->query->tier, &reach);
    unsigned finest = varve_tier_finest(host, &reach, from_ms);
    unsigned best = run->query->tier < 0 ? finest : (unsigned)run->query->tier;
    for (unsigned tier = finest + 1; run->query->tier < 0 && tier < reach.count; tier++) {
        if (varve_tier_reaches(host, &reach, tier, from_ms) && exact_on(run, tier, false)) {
            best = tier;
        }
    }
    struct varve_query_info *info = &run->info;
    info->tier = (int)best;
    memcpy(info->tier_name, host->tiers[best].name, sizeof info->tier_name);
    info->tier_step_ms = run->tier_step_ms = host->tiers[best].step_ms;
    info->oldest_ms = reach.oldest_ms[best];
    info->approximate = !exact_on(run, best, true);
    run->cells = best > 0;
    return 0;
}

// ---- memory -------------------------------------------------------------------------------------

static int too_much(struct expr_run *run)
{
    (void)expr_fail(&run->error, run->root->column,
                    "this needs more memory than a query has, with %u series: narrow the "
                    "selectors, or aggregate first",
                    run->info.series);
    return VARVE_E_NO_MEMORY;
}

static int take_memory(struct expr_run *run, uint32_t steps, uint32_t quantiles)
{
    if (quantiles > 0 && run->sorted_cap < QUANTILE_ROWS) {
        run->sorted_cap = QUANTILE_ROWS;
    }
    if (quantiles > 0 && run->cells) {
        run->sketch = varve_arena_take(run->arena, sizeof *run->sketch, 8);
    }
    run->sorted = varve_arena_take(run->arena, run->sorted_cap * sizeof *run->sorted, 8);
    size_t each = run->step_bytes + expr_window_bytes() + sizeof(double); // and the root's row
    size_t left = run->arena->size - run->arena->used;
    left = left > 1024 ? left - 1024 : 0; // alignment
    run->most_steps = left / each < steps ? (uint32_t)(left / each) : steps;
    bool no_sketch = quantiles > 0 && run->cells && run->sketch == NULL;
    if (run->sorted == NULL || no_sketch || run->most_steps == 0) {
        return VARVE_E_NO_MEMORY;
    }
    run->windows = varve_arena_take(run->arena, run->most_steps * expr_window_bytes(), 8);
    return run->windows != NULL ? expr_take_rows(run, run->root) : VARVE_E_NO_MEMORY;
}

// ---- delivering ---------------------------------------------------------------------------------

struct output {
    struct expr_run *run;
    uint16_t *same_as; // by slot: the first with the same labels
    uint8_t *told;     // bit by slot: the sink knows it
    double *row, *other;
    struct varve_point points[OUT_POINTS];
    size_t count;
    uint32_t slot;
};

static int announce(struct output *out)
{
    struct expr_run *run = out->run;
    struct varve_labels labels;
    char text[VARVE_SERIES_TEXT];
    uint8_t bit = (uint8_t)(1u << (out->slot % 8));
    if ((out->told[out->slot / 8] & bit) != 0) {
        return 0;
    }
    out->told[out->slot / 8] |= bit;
    expr_labels(run, run->root, out->slot, &labels);
    int length = varve_labels_write(&labels, text, sizeof text);
    if (length < 0) {
        return expr_fail(&run->error, run->root->column,
                         "a result's labels take more than %u characters", VARVE_SERIES_TEXT - 1);
    }
    const struct varve_series_def def = {
        .text = length > 0 ? text : "{}", .unit = "", .help = "", .kind = VARVE_GAUGE};
    return run->sink->series(run->sink->arg, (varve_series_id)out->slot, &def);
}

static int hand_over(struct output *out)
{
    struct expr_run *run = out->run;
    size_t n = out->count;
    out->count = 0;
    int rc = n > 0 ? announce(out) : 0;
    run->info.points += n;
    return rc == 0 && n > 0
               ? run->sink->points(run->sink->arg, (varve_series_id)out->slot, out->points, n)
               : rc;
}

// Which NaN arithmetic gives depends on the processor; samples keep theirs.
static int add_point(struct output *out, int64_t time_ms, double value)
{
    bool computed = out->run->root->kind != EXPR_SELECTOR;
    out->points[out->count++] = (struct varve_point){
        .time_ms = time_ms, .value = computed && isnan(value) ? (double)NAN : value};
    return out->count == OUT_POINTS ? hand_over(out) : 0;
}

static int same_labels(struct output *out, double *row, const double *other)
{
    for (uint32_t i = 0; i < out->run->steps; i++) {
        if (!expr_is_absent(row[i]) && !expr_is_absent(other[i])) {
            return expr_fail(&out->run->error, out->run->root->column,
                             "several series of the result have the same labels: aggregate them, "
                             "or select one");
        }
        row[i] = expr_is_absent(row[i]) ? other[i] : row[i];
    }
    return 0;
}

static int deliver_slot(struct output *out, uint32_t slot)
{
    struct expr_run *run = out->run;
    int rc = expr_value(run, run->root, slot, out->row);
    for (uint32_t twin = slot + 1; rc == 0 && twin < run->root->slots; twin++) {
        if (out->same_as[twin] == slot) {
            rc = expr_value(run, run->root, twin, out->other);
            rc = rc == 0 ? same_labels(out, out->row, out->other) : rc;
        }
    }
    out->slot = slot;
    for (uint32_t i = 0; rc == 0 && i < run->steps; i++) {
        if (!expr_is_absent(out->row[i])) {
            rc = add_point(out, run->at_ms + i * run->step_ms, out->row[i]);
        }
    }
    return rc == 0 ? hand_over(out) : rc;
}

static int deliver_slice(struct output *out)
{
    struct expr_run *run = out->run;
    int rc = expr_prepare(run, run->root);
    for (uint32_t slot = 0; rc == 0 && slot < run->root->slots; slot++) {
        rc = out->same_as[slot] == slot ? deliver_slot(out, slot) : 0;
    }
    return rc;
}

// How many steps the next slice should have, after one of `steps`.
static int64_t next_steps(const struct expr_run *run, int64_t steps, uint32_t evictions,
                          uint64_t loaded)
{
    if (run->info.series <= 1 || 2 * loaded <= run->rows.pool_bytes) {
        return 2 * steps;
    }
    return evictions <= 1 || steps == 1 ? steps : steps / 2;
}

// At most so many windows of the tier are looked through for the end of a block.
#define LOOK_WINDOWS 16

// At most `steps`, so that the slice ends with a block: what lies on both sides of a slice's end is
// decoded twice.
static int64_t whole_blocks(const struct expr_run *run, int64_t steps)
{
    const struct varve_tier *tier = &run->host->tiers[run->info.tier];
    int64_t margin_ms = run->cells ? run->tier_step_ms : 0, from_ms = run->at_ms - margin_ms;
    int64_t to_ms = from_ms + (steps - 1) * run->step_ms, end_ms = from_ms - 1, block_ms;
    if (to_ms - from_ms > LOOK_WINDOWS * tier->window_ms) {
        return steps;
    }
    while ((block_ms = varve_rows_slice_end(run->host, (unsigned)run->info.tier, end_ms + 1,
                                            to_ms)) < to_ms) {
        end_ms = block_ms;
    }
    int64_t fit = end_ms < from_ms ? 0 : (end_ms - from_ms) / run->step_ms + 1;
    return 4 * fit >= steps ? fit : steps;
}

static int deliver_slices(struct output *out)
{
    struct expr_run *run = out->run;
    int64_t window_ms = run->host->tiers[run->info.tier].window_ms;
    int64_t wanted = window_ms / run->step_ms > 0 ? window_ms / run->step_ms : 1;
    int rc = 0;
    for (run->at_ms = run->start_ms; rc == 0 && run->at_ms <= run->end_ms;
         run->at_ms += run->steps * run->step_ms) {
        int64_t left = (run->end_ms - run->at_ms) / run->step_ms + 1;
        int64_t steps = wanted < run->most_steps ? wanted : run->most_steps;
        uint32_t evictions = run->rows.evictions;
        uint64_t loaded = run->rows.loaded;
        run->steps = (uint32_t)(steps < left ? whole_blocks(run, steps) : left);
        rc = deliver_slice(out);
        wanted = next_steps(run, steps, run->rows.evictions - evictions, run->rows.loaded - loaded);
    }
    return rc;
}

// ---- a range vector as it is --------------------------------------------------------------------

static int deliver_rows(void *arg, const void *rows, size_t n)
{
    struct output *out = arg;
    const struct varve_point *points = rows;
    const struct varve_cell *cells = rows;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        int64_t time_ms =
            out->run->cells ? cells[i].start_ms + out->run->tier_step_ms : points[i].time_ms;
        double value = out->run->cells ? cells[i].last : points[i].value;
        rc = expr_is_absent(value) ? 0 : add_point(out, time_ms, value);
    }
    return rc;
}

static int deliver_matrix(struct output *out)
{
    struct expr_run *run = out->run;
    const struct expr_selector *selector = run->root->selector;
    int64_t to_ms = expr_leaf_time(run, selector, run->end_ms);
    int64_t margin_ms = run->cells ? run->tier_step_ms : 0;
    int rc = 0;
    run->rows.only_last = true;
    for (uint32_t slot = 0; rc == 0 && slot < run->root->slots; slot++) {
        out->slot = slot;
        rc = varve_rows_scan(&run->rows, selector->ids[slot], to_ms - selector->range_ms,
                             to_ms - margin_ms, deliver_rows, out);
        rc = rc == 0 ? hand_over(out) : rc;
    }
    return rc;
}

// ---- the call -----------------------------------------------------------------------------------

static int check_query(struct expr_run *run)
{
    const struct varve_expr_query *q = run->query;
    bool known = q->from_ms > -TIME_LIMIT_MS && q->to_ms < TIME_LIMIT_MS;
    if (!known || q->step_ms < 0 || q->lookback_ms < 0 || q->from_ms > q->to_ms) {
        return expr_fail(&run->error, 0, "the range or the step makes no sense");
    }
    run->end_ms = q->to_ms;
    run->start_ms = q->step_ms > 0 ? q->from_ms : q->to_ms;
    run->step_ms = q->step_ms > 0 ? q->step_ms : 1;
    run->lookback_ms = q->lookback_ms > 0 ? q->lookback_ms : VARVE_EXPR_LOOKBACK_MS;
    int64_t steps = (run->end_ms - run->start_ms) / run->step_ms + 1;
    if (steps > VARVE_EXPR_POINTS_MAX) {
        return expr_fail(&run->error, 0,
                         "%lld steps in the range; at most %d are evaluated: take a larger step",
                         (long long)steps, VARVE_EXPR_POINTS_MAX);
    }
    run->info.from_ms = run->start_ms;
    run->info.to_ms = run->end_ms;
    run->info.step_ms = q->step_ms;
    return 0;
}

// Finds slots with the same labels: their points are one series.
static int find_twins(struct output *out)
{
    struct expr_run *run = out->run;
    uint32_t n = run->root->slots;
    out->same_as = varve_arena_take_zeroed(run->arena, n + 1, sizeof *out->same_as);
    out->told = varve_arena_take_zeroed(run->arena, n / 8 + 1, 1);
    struct varve_arena before = *run->arena;
    struct expr_signature *signatures =
        varve_arena_take_zeroed(run->arena, n + 1, sizeof *signatures);
    if (out->same_as == NULL || out->told == NULL || signatures == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    for (uint32_t slot = 0; slot < n; slot++) {
        struct varve_labels labels;
        expr_labels(run, run->root, slot, &labels);
        signatures[slot] =
            (struct expr_signature){.hash = expr_labels_hash_all(&labels), .slot = slot};
    }
    expr_signatures_sort(signatures, n);
    for (uint32_t i = 0; i < n; i++) {
        bool twin = i > 0 && signatures[i].hash == signatures[i - 1].hash;
        out->same_as[signatures[i].slot] =
            twin ? out->same_as[signatures[i - 1].slot] : (uint16_t)signatures[i].slot;
    }
    *run->arena = before;
    return 0;
}

static int execute(struct expr_run *run, struct output *out)
{
    bool matrix = run->root->type == EXPR_MATRIX;
    out->row = varve_arena_take(run->arena, run->most_steps * sizeof(double), 8);
    out->other = run->root->spare != NULL ? run->root->spare : out->row;
    int rc = out->row == NULL ? VARVE_E_NO_MEMORY : 0;
    rc = rc == 0 ? run->sink->begin(run->sink->arg, &run->info) : rc;
    rc = rc != 0 ? rc : matrix ? deliver_matrix(out) : deliver_slices(out);
    run->info.rows_read = run->rows.read;
    run->info.damaged_blocks = run->rows.damaged;
    return rc == 0 ? run->sink->end(run->sink->arg, &run->info) : rc;
}

static int prepare_run(struct expr_run *run, struct output *out)
{
    struct walk walk = {.see = note_need, .run = run, .oldest_ms = INT64_MAX};
    int64_t steps = (run->end_ms - run->start_ms) / run->step_ms + 1;
    bool matrix = run->root->type == EXPR_MATRIX;
    if (matrix && run->query->step_ms > 0) {
        return expr_fail(&run->error, run->root->column,
                         "a range vector has no value at each step; use it in a function such as "
                         "rate() or avg_over_time()");
    }
    (void)visit(&walk, run->root); // note_need never says no
    int rc = choose_tier(run, walk.oldest_ms);
    rc = rc == 0 ? varve_rows_init(&run->rows, run->host, (unsigned)run->info.tier, run->arena,
                                   VARVE_BLOCK_MAX, ROW_BYTES)
                 : rc;
    rc = rc == 0 ? expr_plan(run, run->root) : rc;
    rc = rc == 0 ? find_twins(out) : rc;
    return rc == 0 ? take_memory(run, (uint32_t)steps, walk.quantiles) : rc;
}

int varve_expr_run(struct varve_host *host, const struct varve_expr_query *query,
                   const struct varve_query_sink *sink, void *memory, size_t bytes, char *why,
                   size_t why_cap)
{
    struct varve_arena arena = {.base = memory, .size = bytes};
    struct execution {
        struct expr_run run;
        struct output out;
    } *execution = varve_arena_take_zeroed(&arena, 1, sizeof *execution);
    (void)varve_format(why, why_cap, "%s", "");
    if (execution == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    struct expr_run *run = &execution->run;
    struct output *out = &execution->out;
    run->host = host;
    run->query = query;
    run->sink = sink;
    run->arena = &arena;
    run->error = (struct expr_error){.why = why, .cap = why_cap, .text = query->text};
    run->series_count = varve_series_count(&host->series);
    out->run = run;
    int rc = check_query(run);
    rc = rc == 0 ? expr_parse(query->text, &arena, &run->error, &run->root) : rc;
    rc = rc == 0 ? prepare_run(run, out) : rc;
    rc = rc == 0 ? execute(run, out) : rc;
    bool said = why_cap > 0 && why[0] != '\0';
    return rc == VARVE_E_NO_MEMORY && run->root != NULL && !said ? too_much(run) : rc;
}
