// SPDX-License-Identifier: Apache-2.0
// Folding rows into points; see fold.h.
#include "fold.h"

#include <string.h>

enum varve_agg varve_fold_agg(enum varve_agg asked, enum varve_kind kind)
{
    if (asked != VARVE_AGG_AUTO) {
        return asked;
    }
    return kind == VARVE_COUNTER ? VARVE_AGG_LAST : VARVE_AGG_AVG;
}

bool varve_fold_defined(enum varve_agg agg, enum varve_kind kind, bool cells)
{
    // A counter's cell keeps its increase in place of the sum of its values.
    return !(agg == VARVE_AGG_AVG && kind == VARVE_COUNTER && cells);
}

bool varve_fold_needs_previous(enum varve_agg agg, enum varve_kind kind, bool cells)
{
    if (agg == VARVE_AGG_RATE) {
        return kind == VARVE_GAUGE || !cells;
    }
    return agg == VARVE_AGG_SUM && kind == VARVE_COUNTER && !cells;
}

static int hand_over(struct varve_fold *fold)
{
    size_t n = fold->count;
    fold->count = 0;
    return n > 0 ? fold->emit(fold->emit_arg, fold->out, n) : 0;
}

static int add_point(struct varve_fold *fold, int64_t time_ms, double value)
{
    fold->out[fold->count++] = (struct varve_point){.time_ms = time_ms, .value = value};
    return fold->count == VARVE_FOLD_POINTS ? hand_over(fold) : 0;
}

// ---- row by row ---------------------------------------------------------------------------------

// Change per second since the previous point; for counters `increase` is the change.
static int add_row_rate(struct varve_fold *fold, const struct varve_point *point, double increase)
{
    double seconds = (double)(point->time_ms - fold->previous.time_ms) / 1000;
    if (!fold->has_previous || seconds <= 0) {
        return 0;
    }
    double change = fold->kind == VARVE_COUNTER ? increase : point->value - fold->previous.value;
    return add_point(fold, point->time_ms, change / seconds);
}

static int fold_single(struct varve_fold *fold, const struct varve_point *point)
{
    double increase = fold->kind == VARVE_COUNTER
                          ? varve_counter_increase(&fold->counter, point->time_ms, point->value)
                          : point->value;
    int rc = 0;
    if (point->time_ms >= fold->from_ms) {
        if (fold->agg == VARVE_AGG_RATE) {
            rc = add_row_rate(fold, point, increase);
        } else if (fold->agg == VARVE_AGG_COUNT) {
            rc = add_point(fold, point->time_ms, 1);
        } else {
            rc = add_point(fold, point->time_ms,
                           fold->agg == VARVE_AGG_SUM ? increase : point->value);
        }
    }
    fold->previous = *point;
    fold->has_previous = true;
    return rc;
}

// ---- buckets ------------------------------------------------------------------------------------

// A gauge's rate compares the ends of two buckets.
static int add_gauge_rate(struct varve_fold *fold)
{
    const struct varve_cell *bucket = &fold->bucket;
    double seconds = (double)(bucket->start_ms - fold->previous.time_ms) / 1000;
    bool known = fold->has_previous;
    double change = bucket->last - fold->previous.value;
    fold->previous = (struct varve_point){.time_ms = bucket->start_ms, .value = bucket->last};
    fold->has_previous = true;
    return known ? add_point(fold, bucket->start_ms, change / seconds) : 0;
}

static double bucket_value(const struct varve_fold *fold)
{
    const struct varve_cell *bucket = &fold->bucket;
    switch (fold->agg) {
    case VARVE_AGG_AVG:
        return (fold->cells ? bucket->sum : fold->total) / bucket->count;
    case VARVE_AGG_MIN:
        return bucket->min;
    case VARVE_AGG_MAX:
        return bucket->max;
    case VARVE_AGG_SUM:
        return bucket->sum;
    case VARVE_AGG_COUNT:
        return bucket->count;
    case VARVE_AGG_RATE: // of a counter
        return bucket->sum / ((double)fold->step_ms / 1000);
    case VARVE_AGG_AUTO:
    case VARVE_AGG_LAST:
        break;
    }
    return bucket->last;
}

static int close_bucket(struct varve_fold *fold)
{
    if (fold->bucket.count == 0) {
        return 0;
    }
    int rc = fold->agg == VARVE_AGG_RATE && fold->kind == VARVE_GAUGE
                 ? add_gauge_rate(fold)
                 : add_point(fold, fold->bucket.start_ms, bucket_value(fold));
    fold->bucket.count = 0;
    fold->total = 0;
    return rc;
}

static int fold_cell(struct varve_fold *fold, const struct varve_cell *cell, double value)
{
    int64_t start_ms = varve_bucket(cell->start_ms, fold->step_ms);
    int rc = 0;
    if (fold->bucket.count > 0 && fold->bucket.start_ms == start_ms) {
        varve_cell_merge(&fold->bucket, cell);
    } else {
        rc = close_bucket(fold);
        fold->bucket = *cell;
        fold->bucket.start_ms = start_ms;
    }
    fold->total += value;
    return rc;
}

// A row before the range: what the first row in it is compared with.
static void note_previous(struct varve_fold *fold, int64_t time_ms, double value)
{
    fold->previous =
        (struct varve_point){.time_ms = varve_bucket(time_ms, fold->step_ms), .value = value};
    fold->has_previous = true;
}

static int fold_bucketed_point(struct varve_fold *fold, const struct varve_point *point)
{
    double sum = fold->kind == VARVE_COUNTER
                     ? varve_counter_increase(&fold->counter, point->time_ms, point->value)
                     : point->value;
    if (point->time_ms < fold->from_ms) {
        note_previous(fold, point->time_ms, point->value);
        return 0;
    }
    struct varve_cell cell = varve_cell_of(point->time_ms, point->value, sum);
    return fold_cell(fold, &cell, point->value);
}

// Whether rows are the points of the answer.
static bool is_as_stored(const struct varve_fold *fold)
{
    return !fold->cells && fold->step_ms == 0 && fold->agg != VARVE_AGG_RATE &&
           fold->agg != VARVE_AGG_SUM && fold->agg != VARVE_AGG_COUNT;
}

static int hand_over_rows(struct varve_fold *fold, const struct varve_point *points, size_t n)
{
    int rc = 0;
    for (; n > 0 && points->time_ms < fold->from_ms; n--) {
        points++;
    }
    while (rc == 0 && n > 0) {
        size_t piece = n < VARVE_FOLD_POINTS ? n : VARVE_FOLD_POINTS;
        rc = fold->emit(fold->emit_arg, points, piece);
        points += piece;
        n -= piece;
    }
    return rc;
}

int varve_fold_rows(struct varve_fold *fold, const void *rows, size_t n)
{
    const struct varve_point *points = rows;
    const struct varve_cell *cells = rows;
    int rc = 0;
    if (is_as_stored(fold)) {
        return hand_over_rows(fold, points, n);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (!fold->cells) {
            rc = fold->step_ms == 0 ? fold_single(fold, &points[i])
                                    : fold_bucketed_point(fold, &points[i]);
        } else if (cells[i].start_ms < fold->from_ms) {
            note_previous(fold, cells[i].start_ms, cells[i].last);
        } else {
            rc = fold_cell(fold, &cells[i], 0);
        }
    }
    return rc;
}

int varve_fold_end(struct varve_fold *fold)
{
    int rc = close_bucket(fold);
    return rc == 0 ? hand_over(fold) : rc;
}

// ---- names --------------------------------------------------------------------------------------

static const char *const agg_names[] = {"auto", "avg",   "min",  "max",
                                        "sum",  "count", "last", "rate"};

const char *varve_agg_name(enum varve_agg agg)
{
    return agg_names[agg];
}

int varve_agg_find(const char *name)
{
    for (int i = 0; i <= VARVE_AGG_RATE; i++) {
        if (strcmp(agg_names[i], name) == 0) {
            return i;
        }
    }
    return VARVE_E_NOT_FOUND;
}
