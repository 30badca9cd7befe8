// SPDX-License-Identifier: Apache-2.0
// Instant selectors: the newest row at each step, if it is not older than the lookback. Rows go by
// once, in time order; a slice goes on from the row that the slice before it ended with, so that it
// need not read the lookback again. See expr_run.h.
#include "expr_run.h"

#include "varve/error.h"

// By slot: what the last slice saw.
struct expr_newest {
    int64_t upto_ms; // all rows up to here have been seen
    int64_t time_ms; // of the newest
    double value;    // ABSENT: there was none
};

struct instant {
    const struct expr_run *run;
    int64_t step_ms, span_ms;
    int64_t fresh_ms; // how long a row is the newest of a step
    uint32_t steps;
    double *out;
    uint32_t next;   // the first step that a later row may still be the newest of
    int64_t ends_ms; // its time
    struct expr_newest newest;
};

int expr_instant_plan(struct expr_run *run, struct expr *e)
{
    struct expr_newest *newest =
        varve_arena_take(run->arena, e->slots * sizeof *newest, _Alignof(struct expr_newest));
    for (uint32_t slot = 0; newest != NULL && slot < e->slots; slot++) {
        newest[slot] = (struct expr_newest){.upto_ms = INT64_MIN};
    }
    e->selector->newest = newest;
    return newest != NULL ? 0 : VARVE_E_NO_MEMORY;
}

// The steps before time_ms have seen all their rows.
static inline void settle(struct instant *instant, int64_t time_ms)
{
    int64_t fresh_ms = instant->newest.time_ms + instant->fresh_ms;
    for (; instant->next < instant->steps && instant->ends_ms < time_ms; instant->next++) {
        instant->out[instant->next] =
            instant->ends_ms <= fresh_ms ? instant->newest.value : expr_absent();
        instant->ends_ms += instant->step_ms;
    }
}

static int note_rows(void *arg, const void *rows, size_t n)
{
    struct instant *instant = arg;
    const struct varve_point *points = rows;
    const struct varve_cell *cells = rows;
    bool is_cell = instant->run->cells;
    int64_t tier_step_ms = instant->run->tier_step_ms;
    for (size_t i = 0; i < n; i++) {
        int64_t time_ms = is_cell ? cells[i].start_ms + tier_step_ms : points[i].time_ms;
        settle(instant, time_ms);
        instant->newest.time_ms = time_ms;
        instant->newest.value = is_cell ? cells[i].last : points[i].value;
    }
    return 0;
}

int expr_instant(struct expr_run *run, const struct expr_selector *selector, uint32_t slot,
                 double *out)
{
    bool once = selector->at != EXPR_AT_NONE;
    struct instant instant = {.run = run,
                              .step_ms = run->step_ms,
                              .span_ms = expr_leaf_span(run, selector),
                              .steps = once ? 1 : run->steps,
                              .out = out,
                              .ends_ms = expr_leaf_time(run, selector, run->at_ms)};
    instant.fresh_ms = instant.span_ms - run->cells;
    int64_t margin_ms = run->cells ? run->tier_step_ms : 0;
    int64_t first_ms = instant.ends_ms - margin_ms;
    int64_t from_ms = first_ms - instant.span_ms;
    int64_t to_ms = first_ms + (instant.steps - 1) * instant.step_ms;
    const struct expr_newest *before = &selector->newest[slot];
    bool goes_on = before->upto_ms >= from_ms && before->upto_ms < first_ms;
    instant.newest =
        goes_on ? *before : (struct expr_newest){.time_ms = from_ms, .value = expr_absent()};
    run->rows.only_last = true;
    int rc = varve_rows_scan(&run->rows, selector->ids[slot],
                             goes_on ? before->upto_ms + 1 : from_ms, to_ms, note_rows, &instant);
    settle(&instant, INT64_MAX);
    instant.newest.upto_ms = rc == 0 ? to_ms : INT64_MIN;
    selector->newest[slot] = instant.newest;
    for (uint32_t i = instant.steps; i < run->steps; i++) {
        out[i] = out[0];
    }
    return rc;
}
