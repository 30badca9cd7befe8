// SPDX-License-Identifier: Apache-2.0
// What was pushed and acknowledged, and what must be there after a cut.
//
// The base is the finest tier that the store keeps. For each series:
//   - every row of the base is one that was pushed, bit by bit, and is there once;
//   - every sample that was acknowledged, and that its tier still keeps, is there;
//   - one that was never acknowledged may be gone: then it is lost, and counts nowhere from then
//   on;
//   - every cell of every coarser tier that is still kept is what the stored samples make of it,
//     reckoned here the naive way. A cell that has begun to expire may have lost rows, never won
//     some.
// Which sample is the last one of a cell is left open where samples come late, as it is after a
// crash by the core's own word.
//
// Threading: one task.
#include <math.h>

#include "oracle.h"
#include "varve/host.h"

#define WITNESS        5u  // a series of the fifth sort, workload.c
#define CELL_DOUBT_MAX 16u // samples of one cell of the base; a minute has six

// ---- raw rows -----------------------------------------------------------------------------------

static int missing(uint32_t series, struct sample *sample, int64_t before_ms)
{
    if (sample->time_ms < before_ms || sample->level > 0) {
        return 0;
    }
    if (sample->fate == FATE_STORED || !history.in_doubt) {
        return report(
            "series %u: the sample of %lld is missing, which was acknowledged or is in RAM", series,
            (long long)sample->time_ms);
    }
    history_lose(sample);
    return 0;
}

// Rows of a tier before the time may be gone.
static int64_t kept_from(uint32_t series, size_t tier)
{
    const int64_t pruned_ms = history.series[series].pruned_before_ms;
    const int64_t before_ms = history_horizon(tier);
    return pruned_ms > before_ms ? pruned_ms : before_ms;
}

// A row that ends at the time should have been removed.
static int is_gone(uint32_t series, size_t tier, int64_t end_ms)
{
    if (end_ms > history.series[series].gone_before_ms[tier]) {
        return 0;
    }
    return report("series %u: what ends at %lld in tier %zu was pruned and is there", series,
                  (long long)end_ms, tier);
}

static int found(uint32_t series, struct sample *sample, const struct row *row)
{
    if (bits_of_double(sample->value) != bits_of_double(row->column[0])) {
        return report("series %u: %.17g at %lld, %.17g was pushed", series, row->column[0],
                      (long long)row->time_ms, sample->value);
    }
    if (sample->level > 0) {
        return report("series %u: the sample of %lld was lost and is back", series,
                      (long long)row->time_ms);
    }
    sample->fate = history.in_doubt ? (uint8_t)FATE_STORED : sample->fate;
    return is_gone(series, 0, row->time_ms + 1);
}

static int check_raw_series(uint32_t series, const struct rows *rows)
{
    const int64_t before_ms = kept_from(series, 0);
    struct samples *s = &history.series[series];
    size_t at = 0;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < rows->count; i++) {
        const struct row *row = &rows->row[i];
        for (; rc == 0 && at < s->count && s->sample[at].time_ms < row->time_ms; at++) {
            rc = missing(series, &s->sample[at], before_ms);
        }
        if (rc == 0 && (at == s->count || s->sample[at].time_ms != row->time_ms)) {
            return report("series %u: a row at %lld that is twice there or was never pushed",
                          series, (long long)row->time_ms);
        }
        rc = rc == 0 ? found(series, &s->sample[at++], row) : rc;
    }
    for (; rc == 0 && at < s->count; at++) {
        rc = missing(series, &s->sample[at], before_ms);
    }
    return rc;
}

// ---- cells --------------------------------------------------------------------------------------

struct cell {
    struct row row;
    double rebuilt_sum;
    size_t first, count; // of the samples in it, lost ones included
};

// The increase up to a sample: over the one before it in the same life of the host, or the last one
// that an earlier life left. Where raw rows are not stored, each life begins anew. `stored`: over
// the last one that is stored, which counts when the cell was rebuilt.
static double increase(const struct samples *s, size_t at, bool stored)
{
    const struct sample *sample = &s->sample[at];
    for (size_t i = at; i > 0; i--) {
        const struct sample *before = &s->sample[i - 1];
        const bool same = before->session == sample->session;
        if (!same && history.base > 0) {
            return 0;
        }
        if ((!same || stored) && before->level > 0) {
            continue;
        }
        return sample->value >= before->value ? sample->value - before->value : sample->value;
    }
    return 0;
}

static void add_sample(struct cell *cell, const struct samples *s, size_t at, bool counter)
{
    struct row *row = &cell->row;
    const double value = s->sample[at].value;
    const bool is_first = row->column[COLUMN_COUNT] == 0;
    row->column[COLUMN_COUNT]++;
    row->column[COLUMN_MIN] = is_first ? value : fmin(row->column[COLUMN_MIN], value);
    row->column[COLUMN_MAX] = is_first ? value : fmax(row->column[COLUMN_MAX], value);
    row->column[COLUMN_SUM] += counter ? increase(s, at, false) : value;
    cell->rebuilt_sum += counter ? increase(s, at, true) : value;
    row->column[COLUMN_LAST] = value;
}

// The cell of a tier that begins with sample `at`, of the samples that it counts.
static struct cell make_cell(const struct samples *s, size_t at, size_t tier, bool counter)
{
    const int64_t step_ms = history.tiers[tier].step_ms;
    const int64_t start_ms = history_bucket(s->sample[at].time_ms, step_ms);
    struct cell cell = {.row = {.time_ms = start_ms}, .first = at};
    for (; at < s->count && s->sample[at].time_ms < start_ms + step_ms; at++) {
        cell.count++;
        if (s->sample[at].level <= tier) {
            add_sample(&cell, s, at, counter);
        }
    }
    return cell;
}

static bool is_near(double got, double want, double scale)
{
    return fabs(got - want) <= 1e-9 * scale;
}

static bool differs(const struct row *got, const struct cell *cell, bool late)
{
    const struct row *want = &cell->row;
    const double scale = fabs(want->column[COLUMN_SUM]) +
                         fabs(want->column[COLUMN_MAX]) * want->column[COLUMN_COUNT] + 1;
    return got->column[COLUMN_COUNT] != want->column[COLUMN_COUNT] ||
           got->column[COLUMN_MIN] != want->column[COLUMN_MIN] ||
           got->column[COLUMN_MAX] != want->column[COLUMN_MAX] ||
           (!is_near(got->column[COLUMN_SUM], want->column[COLUMN_SUM], scale) &&
            !is_near(got->column[COLUMN_SUM], cell->rebuilt_sum, scale)) ||
           (!late && got->column[COLUMN_LAST] != want->column[COLUMN_LAST]);
}

static int compare(uint32_t series, int64_t step_ms, const struct row *got, const struct cell *cell,
                   bool expiring)
{
    static const struct row none = {0};
    const struct row *want = &cell->row;
    got = got == NULL ? &none : got;
    if (expiring ? got->column[COLUMN_COUNT] <= want->column[COLUMN_COUNT]
                 : !differs(got, cell, workload_is_late(series))) {
        return 0;
    }
    return report("series %u: the cell of %lld ms at %lld has count %g min %.17g max %.17g sum "
                  "%.17g last %.17g, not %g %.17g %.17g %.17g %.17g",
                  series, (long long)step_ms, (long long)want->time_ms, got->column[0],
                  got->column[1], got->column[2], got->column[3], got->column[4], want->column[0],
                  want->column[1], want->column[2], want->column[3], want->column[4]);
}

static bool is_doubtful(const struct sample *sample, enum fate fate)
{
    return sample->fate == fate && sample->session == history.session - 1;
}

// Those of a cell's samples that the last cut might have lost, in the order in which they came.
static size_t find_doubtful(struct samples *s, const struct cell *cell, struct sample **found)
{
    size_t n = 0;
    for (size_t i = cell->first; i < cell->first + cell->count; i++) {
        struct sample *sample = &s->sample[i];
        size_t at = n;
        if (!is_doubtful(sample, FATE_PUSHED) || n == CELL_DOUBT_MAX) {
            continue;
        }
        for (; at > 0 && found[at - 1]->order > sample->order; at--) {
            found[at] = found[at - 1];
        }
        found[at] = sample;
        n++;
    }
    return n;
}

static size_t bits_in(unsigned mask)
{
    size_t n = 0;
    for (; mask != 0; mask &= mask - 1) {
        n++;
    }
    return n;
}

// Has the samples of the mask lost, and only them.
static void lose_those(struct sample *const *sample, size_t n, unsigned mask)
{
    for (size_t i = 0; i < n; i++) {
        sample[i]->fate = FATE_PUSHED;
        sample[i]->level = 0;
        if ((mask >> i & 1u) != 0) {
            history_lose(sample[i]);
        }
    }
}

// The base is a tier of cells: which samples of this one did the cut leave? A cell is in several
// blocks where samples came late, and any of those that one transaction was to store can be gone:
// it is as many as are missing, and such that the others make the cell that is there. The last that
// came are tried first, and stay lost where nothing fits: compare() reports it.
static void lose_from_cell(uint32_t series, const struct cell *cell, const struct row *got)
{
    struct samples *s = &history.series[series];
    const bool counter = workload_kind(series) == VARVE_COUNTER;
    struct sample *sample[CELL_DOUBT_MAX];
    const size_t n = find_doubtful(s, cell, sample);
    const double left = got == NULL ? 0 : got->column[COLUMN_COUNT];
    const double missing = cell->row.column[COLUMN_COUNT] - left;
    const size_t lost = missing < (double)n ? (size_t)fmax(missing, 0) : n;
    const unsigned last_ones = ((1u << lost) - 1) << (n - lost);
    unsigned mask = last_ones;
    lose_those(sample, n, mask);
    while (got != NULL && mask > 0) {
        const struct cell now = make_cell(s, cell->first, history.base, counter);
        if (!differs(got, &now, workload_is_late(series))) {
            return;
        }
        while (--mask > 0 && bits_in(mask) != lost) {
        }
        lose_those(sample, n, mask);
    }
    lose_those(sample, n, last_ones);
}

// Of the samples in a cell that the last cut has lost, the one that came first.
static struct sample *first_lost(struct samples *s, const struct cell *cell)
{
    struct sample *first = NULL;
    for (size_t i = cell->first; i < cell->first + cell->count; i++) {
        struct sample *sample = &s->sample[i];
        if (is_doubtful(sample, FATE_LOST) && (first == NULL || sample->order < first->order)) {
            first = sample;
        }
    }
    return first;
}

// A coarser tier has more than the finer ones: blocks of the transaction that was cut.
static void gain_in_cell(struct samples *s, const struct cell *cell, size_t tier, double more)
{
    struct sample *first;
    for (double now = cell->row.column[COLUMN_COUNT]; now < more; now++) {
        first = first_lost(s, cell);
        if (first == NULL || first->level <= tier) {
            return;
        }
        first->fate = FATE_STORED;
        first->level = (uint8_t)tier;
    }
}

// Settles what the last cut left in doubt, once.
static void settle_cell(uint32_t series, struct cell *cell, size_t tier, const struct row *got)
{
    if (tier == history.base) {
        lose_from_cell(series, cell, got);
    } else {
        gain_in_cell(&history.series[series], cell, tier,
                     got == NULL ? 0 : got->column[COLUMN_COUNT]);
    }
}

static int check_cells_series(uint32_t series, size_t tier, const struct rows *rows)
{
    struct samples *s = &history.series[series];
    const int64_t step_ms = history.tiers[tier].step_ms;
    const bool counter = workload_kind(series) == VARVE_COUNTER;
    const int64_t before_ms = kept_from(series, tier);
    size_t next = 0;
    int rc = 0;
    for (size_t at = 0; rc == 0 && at < s->count;) {
        struct cell cell = make_cell(s, at, tier, counter);
        const bool there = next < rows->count && rows->row[next].time_ms == cell.row.time_ms;
        const struct row *got = there ? &rows->row[next++] : NULL;
        const bool expiring =
            cell.row.time_ms < history_horizon(tier) || cell.row.time_ms + step_ms <= before_ms;
        if (history.in_doubt && !expiring) {
            settle_cell(series, &cell, tier, got);
            cell = make_cell(s, at, tier, counter);
        }
        rc = compare(series, step_ms, got, &cell, expiring);
        rc = rc == 0 && there ? is_gone(series, tier, cell.row.time_ms + step_ms) : rc;
        at = cell.first + cell.count;
    }
    if (rc == 0 && next < rows->count) {
        return report("series %u: a cell of %lld ms at %lld that is twice there or was never made",
                      series, (long long)step_ms, (long long)rows->row[next].time_ms);
    }
    return rc;
}

// ---- the whole ----------------------------------------------------------------------------------

static int check_tier(struct varve_host *host, size_t tier, uint32_t damaged_allowed)
{
    struct rows *rows;
    uint32_t damaged;
    int rc = answers_read(host, (int)tier, &rows, &damaged);
    if (rc == 0 && damaged > damaged_allowed * SERIES_MAX) { // counted for each series
        rc = report("tier %zu: %u damaged blocks", tier, (unsigned)damaged);
    }
    for (uint32_t series = 0; rc == 0 && series < SERIES_MAX; series++) {
        rc = tier == 0 ? check_raw_series(series, &rows[series])
                       : check_cells_series(series, tier, &rows[series]);
        rc = rc == 0 && tier > 0 ? sketches_check(host, tier, series, &rows[series]) : rc;
    }
    return rc;
}

// How many samples the store says it was given since it was made: not less than it holds, not more
// than it got.
static int check_ledger(struct varve_host *host)
{
    struct varve_stats stats;
    uint64_t stored = 0;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        for (size_t k = 0; k < history.series[i].count; k++) {
            stored += history.series[i].sample[k].fate != FATE_LOST ? 1 : 0;
        }
    }
    varve_host_stats(host, &stats);
    if (history.base == 0 && (stats.samples < stored || stats.samples > history.pushed)) {
        return report("%llu samples by the statistics, %llu stored of %llu pushed",
                      (unsigned long long)stats.samples, (unsigned long long)stored,
                      (unsigned long long)history.pushed);
    }
    if (stats.dropped != 0) {
        return report("%llu samples dropped", (unsigned long long)stats.dropped);
    }
    return 0;
}

// Of a series without gaps and late samples, the last one that the old store has and the backup has
// not; NULL: there is none.
static const struct sample *witness_of_old(const struct samples *s)
{
    const struct sample *last = s->count > 0 ? &s->sample[s->count - 1] : NULL;
    return last != NULL && last->order >= history.restoring_from ? last : NULL;
}

// Whether the store is the old one or the backup is seen by one sample; all others must agree.
static int settle_restore(struct varve_host *host)
{
    struct rows *rows;
    uint32_t damaged;
    if (history.restoring_from == UINT64_MAX) {
        return 0;
    }
    const struct sample *last = witness_of_old(&history.series[WITNESS]);
    if (last == NULL) {
        return report("a backup is restored that has all there is");
    }
    const int rc = answers_read(host, 0, &rows, &damaged);
    const size_t count = rc == 0 ? rows[WITNESS].count : 0;
    const bool is_old = count > 0 && rows[WITNESS].row[count - 1].time_ms == last->time_ms;
    history_restored(!is_old);
    return rc;
}

int oracle_check(struct varve_host *host, uint32_t damaged_allowed)
{
    history_move_horizons();
    int rc = settle_restore(host);
    for (size_t tier = history.base; rc == 0 && tier < history.tier_count; tier++) {
        rc = check_tier(host, tier, damaged_allowed);
    }
    history_settle();
    return rc == 0 ? check_ledger(host) : rc;
}
