// SPDX-License-Identifier: Apache-2.0
// Functions over the rows of one series: windows that fill while rows stream by, one for each step
// of the slice, each holding a few sums and never the rows themselves. See expr_run.h.
//
// Windows of samples hold both ends, as in Prometheus 2. A cell counts where it ends: windows of
// cells hold their end but not their start, which are the cells that lie wholly inside.
#include <math.h>

#include "expr_run.h"
#include "varve/error.h"

// Sums of one window; which ones are used depends on the function.
struct expr_window {
    uint32_t count;
    int64_t first_ms, last_ms, previous_ms;
    double first, last, previous;
    double a, b, c, d;
};

struct leaf {
    struct expr_run *run;
    enum expr_function function;
    bool counter; // of this series
    int64_t at_ms, step_ms, span_ms;
    uint32_t steps;
    double *sorted; // quantile_over_time: the values of one window
    size_t sorted_count;
};

size_t expr_window_bytes(void)
{
    return sizeof(struct expr_window);
}

int64_t expr_leaf_span(const struct expr_run *run, const struct expr_selector *selector)
{
    if (selector->range_ms > 0) {
        return selector->range_ms;
    }
    return run->cells && run->lookback_ms < run->tier_step_ms ? run->tier_step_ms
                                                              : run->lookback_ms;
}

int64_t expr_leaf_time(const struct expr_run *run, const struct expr_selector *selector,
                       int64_t time_ms)
{
    switch (selector->at) {
    case EXPR_AT_NONE:
        return time_ms - selector->offset_ms;
    case EXPR_AT_TIME:
        return selector->at_ms - selector->offset_ms;
    case EXPR_AT_START:
        return run->start_ms - selector->offset_ms;
    case EXPR_AT_END:
        break;
    }
    return run->end_ms - selector->offset_ms;
}

bool expr_leaf_defined(const struct expr_run *run, enum expr_function function, varve_series_id id)
{
    bool of_values = function == EXPR_FN_SUM_OVER || function == EXPR_FN_AVG_OVER;
    return !(run->cells && of_values && run->host->series.series[id].kind == VARVE_COUNTER);
}

// ---- filling ------------------------------------------------------------------------------------

// Neumaier's sum: a and its lost digits b.
static void add_to_sum(struct expr_window *w, double value)
{
    double sum = w->a + value;
    if (isinf(sum)) {
        w->b = 0;
    } else {
        w->b += fabs(w->a) >= fabs(value) ? (w->a - sum) + value : (value - sum) + w->a;
    }
    w->a = sum;
}

static void add_to_stddev(struct expr_window *w, double value)
{
    double delta = value - w->a; // Welford: a mean, b squares
    w->a += delta / w->count;
    w->b += delta * (value - w->a);
}

static void add_to_line(struct expr_window *w, int64_t time_ms, double value)
{
    double x = (double)(time_ms - w->first_ms) / 1000;
    w->a += x;
    w->b += value;
    w->c += x * value;
    w->d += x * x;
}

static void add_sample(const struct leaf *leaf, struct expr_window *w, int64_t time_ms,
                       double value)
{
    double last = w->last;
    bool begun = w->count > 0;
    w->count++;
    if (!begun) {
        w->first_ms = time_ms;
        w->first = value;
    }
    switch (leaf->function) {
    case EXPR_FN_RATE:
    case EXPR_FN_INCREASE:
        w->a += begun && value < last ? last : 0;
        break;
    case EXPR_FN_RESETS:
        w->a += begun && value < last;
        break;
    case EXPR_FN_CHANGES:
        w->a += begun && value != last && !(isnan(value) && isnan(last));
        break;
    case EXPR_FN_MIN_OVER:
        w->a = !begun || value < w->a || isnan(w->a) ? value : w->a;
        break;
    case EXPR_FN_MAX_OVER:
        w->a = !begun || value > w->a || isnan(w->a) ? value : w->a;
        break;
    case EXPR_FN_SUM_OVER:
    case EXPR_FN_AVG_OVER:
        add_to_sum(w, value);
        break;
    case EXPR_FN_STDDEV_OVER:
        add_to_stddev(w, value);
        break;
    case EXPR_FN_DERIV:
        add_to_line(w, time_ms, value);
        w->previous = begun && value != w->first ? 1 : w->previous; // not constant
        break;
    case EXPR_FN_IRATE:
        w->previous = last;
        w->previous_ms = w->last_ms;
        break;
    default:
        break;
    }
    w->last = value;
    w->last_ms = time_ms;
}

static void add_cell(const struct leaf *leaf, struct expr_window *w, const struct varve_cell *cell)
{
    bool begun = w->count > 0;
    int64_t end_ms = cell->start_ms + leaf->run->tier_step_ms;
    switch (leaf->function) {
    case EXPR_FN_MIN_OVER:
        w->a = !begun || cell->min < w->a || isnan(w->a) ? cell->min : w->a;
        break;
    case EXPR_FN_MAX_OVER:
        w->a = !begun || cell->max > w->a || isnan(w->a) ? cell->max : w->a;
        break;
    case EXPR_FN_SUM_OVER:
    case EXPR_FN_AVG_OVER:
        add_to_sum(w, cell->sum);
        break;
    case EXPR_FN_RATE:
    case EXPR_FN_INCREASE:
        if (!leaf->counter) {
            add_sample(leaf, w, end_ms, cell->last);
            return;
        }
        w->a += cell->sum;
        break;
    case EXPR_FN_COUNT_OVER:
    case EXPR_FN_PRESENT_OVER:
        break;
    default:
        add_sample(leaf, w, end_ms, cell->last);
        return;
    }
    w->count += cell->count;
}

// Whether add_cell() looks at nothing but a cell's count and last.
static bool takes_only_last(const struct leaf *leaf)
{
    switch (leaf->function) {
    case EXPR_FN_MIN_OVER:
    case EXPR_FN_MAX_OVER:
    case EXPR_FN_SUM_OVER:
    case EXPR_FN_AVG_OVER:
        return false;
    case EXPR_FN_RATE:
    case EXPR_FN_INCREASE:
        return !leaf->counter;
    default:
        return true;
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

// The windows that a row at time_ms belongs to: [*first, *behind).
static void windows_of(const struct leaf *leaf, int64_t time_ms, uint32_t *first, uint32_t *behind)
{
    int64_t since_ms = time_ms - leaf->at_ms;
    int64_t low = -floor_div(-since_ms, leaf->step_ms);
    int64_t high = floor_div(since_ms + leaf->span_ms - leaf->run->cells, leaf->step_ms) + 1;
    low = low < 0 ? 0 : low;
    high = high > leaf->steps ? leaf->steps : high;
    *first = (uint32_t)low;
    *behind = high > low ? (uint32_t)high : (uint32_t)low;
}

static int fill(void *arg, const void *rows, size_t n)
{
    struct leaf *leaf = arg;
    const struct varve_point *points = rows;
    const struct varve_cell *cells = rows;
    struct expr_window *windows = leaf->run->windows;
    for (size_t i = 0; i < n; i++) {
        bool is_cell = leaf->run->cells;
        uint32_t at, behind;
        windows_of(leaf, is_cell ? cells[i].start_ms + leaf->run->tier_step_ms : points[i].time_ms,
                   &at, &behind);
        bool stale = !is_cell && expr_is_absent(points[i].value);
        for (; !stale && at < behind; at++) {
            if (is_cell) {
                add_cell(leaf, &windows[at], &cells[i]);
            } else {
                add_sample(leaf, &windows[at], points[i].time_ms, points[i].value);
            }
        }
    }
    return 0;
}

// ---- results ------------------------------------------------------------------------------------

// Prometheus' extrapolation to the ends of the window, where samples are near enough to them.
static double extrapolate(const struct leaf *leaf, const struct expr_window *w, int64_t end_ms)
{
    bool counter = leaf->function != EXPR_FN_DELTA;
    double change = w->last - w->first + (counter ? w->a : 0);
    double to_start = (double)(w->first_ms - (end_ms - leaf->span_ms)) / 1000;
    double to_end = (double)(end_ms - w->last_ms) / 1000;
    double sampled = (double)(w->last_ms - w->first_ms) / 1000;
    double between = sampled / (w->count - 1);
    if (counter && change > 0 && w->first >= 0) {
        double to_zero = sampled * (w->first / change);
        to_start = to_zero < to_start ? to_zero : to_start;
    }
    double whole = sampled;
    whole += to_start < between * 1.1 ? to_start : between / 2;
    whole += to_end < between * 1.1 ? to_end : between / 2;
    double factor = whole / sampled;
    if (leaf->function == EXPR_FN_RATE) {
        factor /= (double)leaf->span_ms / 1000;
    }
    return change * factor;
}

static double rate_of(const struct leaf *leaf, const struct expr_window *w, int64_t end_ms)
{
    if (leaf->run->cells && leaf->counter && leaf->function != EXPR_FN_DELTA) {
        return leaf->function == EXPR_FN_RATE ? w->a / ((double)leaf->span_ms / 1000) : w->a;
    }
    return w->count < 2 ? expr_absent() : extrapolate(leaf, w, end_ms);
}

static double irate_of(const struct expr_window *w)
{
    double seconds = (double)(w->last_ms - w->previous_ms) / 1000;
    if (w->count < 2 || seconds == 0) {
        return expr_absent();
    }
    return (w->last < w->previous ? w->last : w->last - w->previous) / seconds;
}

static double slope_of(const struct expr_window *w)
{
    double n = w->count;
    if (w->count < 2) {
        return expr_absent();
    }
    if (w->previous == 0) {
        return isinf(w->first) ? (double)NAN : 0;
    }
    return (w->c - w->a * w->b / n) / (w->d - w->a * w->a / n);
}

static double result_of(const struct leaf *leaf, const struct expr_window *w, int64_t end_ms)
{
    switch (leaf->function) {
    case EXPR_FN_RATE:
    case EXPR_FN_INCREASE:
    case EXPR_FN_DELTA:
        return rate_of(leaf, w, end_ms);
    case EXPR_FN_IRATE:
        return irate_of(w);
    case EXPR_FN_DERIV:
        return slope_of(w);
    case EXPR_FN_RESETS:
    case EXPR_FN_CHANGES:
    case EXPR_FN_MIN_OVER:
    case EXPR_FN_MAX_OVER:
        return w->a;
    case EXPR_FN_SUM_OVER:
        return w->a + w->b;
    case EXPR_FN_AVG_OVER:
        return (w->a + w->b) / w->count;
    case EXPR_FN_COUNT_OVER:
        return w->count;
    case EXPR_FN_STDDEV_OVER:
        return sqrt(w->b / w->count);
    case EXPR_FN_PRESENT_OVER:
        return 1;
    default: // last_over_time
        return w->last;
    }
}

static int windowed_rows(struct leaf *leaf, varve_series_id id, int64_t from_ms, int64_t to_ms,
                         double *out)
{
    struct expr_window *windows = leaf->run->windows;
    memset(windows, 0, leaf->steps * sizeof *windows);
    int rc = varve_rows_scan(&leaf->run->rows, id, from_ms, to_ms, fill, leaf);
    for (uint32_t i = 0; rc == 0 && i < leaf->steps; i++) {
        out[i] = windows[i].count == 0
                     ? expr_absent()
                     : result_of(leaf, &windows[i], leaf->at_ms + i * leaf->step_ms);
    }
    return rc;
}

// ---- quantiles ----------------------------------------------------------------------------------

static int collect(void *arg, const void *rows, size_t n)
{
    struct leaf *leaf = arg;
    const struct varve_point *points = rows;
    const struct varve_cell *cells = rows;
    for (size_t i = 0; i < n; i++) {
        double value = leaf->run->cells ? cells[i].last : points[i].value;
        if (expr_is_absent(value)) {
            continue;
        }
        if (leaf->sorted_count == leaf->run->sorted_cap) {
            return expr_fail(&leaf->run->error, 0,
                             "quantile_over_time has room for %zu samples in one window: take a "
                             "shorter one, or a coarser tier",
                             leaf->run->sorted_cap);
        }
        leaf->sorted[leaf->sorted_count++] = value;
    }
    return 0;
}

static int count_samples(void *arg, const void *rows, size_t n)
{
    const struct varve_cell *cells = rows;
    for (size_t i = 0; i < n; i++) {
        *(uint64_t *)arg += cells[i].count;
    }
    return 0;
}

// Of cells whose sketches tell of every sample. They are read after the counts: what comes in
// between is in neither or in the sketches.
static int sketched_quantile(struct leaf *leaf, double q, varve_series_id id, int64_t from_ms,
                             int64_t to_ms, bool *known, double *out)
{
    struct expr_run *run = leaf->run;
    uint64_t samples = 0;
    varve_sketch_clear(run->sketch);
    int rc = varve_rows_scan(&run->rows, id, from_ms, to_ms, count_samples, &samples);
    rc = rc == 0 && samples > 0 ? varve_rows_sketch(&run->rows, id, from_ms, to_ms, run->sketch)
                                : rc;
    *known = rc == 0 && samples > 0 && varve_sketch_count(run->sketch) >= samples;
    if (*known) {
        *out = varve_sketch_quantile(run->sketch, q);
        run->info.sketched = true;
    }
    return rc;
}

static int quantiles(struct leaf *leaf, const double *parameter, varve_series_id id, double *out)
{
    struct expr_run *run = leaf->run;
    for (uint32_t i = 0; i < leaf->steps; i++) {
        int64_t end_ms = leaf->at_ms + i * leaf->step_ms;
        int64_t from_ms = end_ms - leaf->span_ms;
        int64_t to_ms = end_ms - (run->cells ? run->tier_step_ms : 0);
        bool known = false;
        leaf->sorted_count = 0;
        int rc = run->cells
                     ? sketched_quantile(leaf, parameter[i], id, from_ms, to_ms, &known, &out[i])
                     : 0;
        rc =
            rc == 0 && !known ? varve_rows_scan(&run->rows, id, from_ms, to_ms, collect, leaf) : rc;
        if (rc != 0) {
            return rc;
        }
        if (known) {
            continue;
        }
        run->info.unsketched |= run->cells && leaf->sorted_count > 0;
        out[i] = leaf->sorted_count == 0
                     ? expr_absent()
                     : expr_quantile(leaf->sorted, leaf->sorted_count, parameter[i]);
    }
    return 0;
}

// ---- the call -----------------------------------------------------------------------------------

int expr_leaf(struct expr_run *run, enum expr_function function,
              const struct expr_selector *selector, const double *parameter, varve_series_id id,
              double *out)
{
    bool once = selector->at != EXPR_AT_NONE;
    struct leaf leaf = {.run = run,
                        .function = function,
                        .counter = run->host->series.series[id].kind == VARVE_COUNTER,
                        .at_ms = expr_leaf_time(run, selector, run->at_ms),
                        .step_ms = run->step_ms,
                        .span_ms = expr_leaf_span(run, selector),
                        .steps = once && parameter == NULL ? 1 : run->steps,
                        .sorted = run->sorted};
    run->rows.only_last = takes_only_last(&leaf);
    if (parameter != NULL) { // a row of its own for each step
        leaf.step_ms = once ? 0 : run->step_ms;
        return quantiles(&leaf, parameter, id, out);
    }
    int64_t last_ms = leaf.at_ms + (leaf.steps - 1) * leaf.step_ms;
    int64_t margin_ms = run->cells ? run->tier_step_ms : 0;
    int rc =
        windowed_rows(&leaf, id, leaf.at_ms - leaf.span_ms - margin_ms, last_ms - margin_ms, out);
    for (uint32_t i = leaf.steps; rc == 0 && i < run->steps; i++) {
        out[i] = out[0];
    }
    return rc;
}
