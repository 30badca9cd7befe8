// SPDX-License-Identifier: Apache-2.0
// Columns in small integers; see codec_view.h.
#include "codec_view.h"

#include "bits.h"

#define LIMIT (INT64_C(1) << VARVE_VIEW_BITS)
// Bits that entries of typical length leave free for those that are longer.
#define HEADROOM 6u

static size_t piece(const struct varve_ints *ints, size_t at)
{
    size_t left = ints->n - at;
    return left < VARVE_CODEC_ROWS ? left : VARVE_CODEC_ROWS;
}

static uint64_t shifted(uint64_t x, unsigned shift)
{
    return (uint64_t)((int64_t)x >> shift);
}

// Integers of a piece; those of a column that is one piece need not be made again.
static const int64_t *coded(struct varve_view *view, size_t at, size_t count)
{
    return view->coded != NULL ? view->coded + at
                               : varve_ints_coded(view->ints, at, count, view->buffer);
}

static uint64_t value_at(const struct varve_view *view, size_t i)
{
    int64_t m;
    const int64_t *one =
        view->coded != NULL ? view->coded + i : varve_ints_coded(view->ints, i, 1, &m);
    return shifted((uint64_t)*one - view->first, view->shift);
}

uint64_t varve_view_opening(const struct varve_view *view)
{
    return value_at(view, 1);
}

// ---- lenses -------------------------------------------------------------------------------------

// Rows that are looked at for a typical value or step.
#define SAMPLE_ROWS 9u

uint64_t varve_view_typical(const struct varve_view *view, bool steps)
{
    int64_t sample[SAMPLE_ROWS] = {0};
    size_t count = view->ints->n - steps;
    size_t taken = count < SAMPLE_ROWS ? count : SAMPLE_ROWS;
    if (taken == 0) {
        return 0;
    }
    for (size_t k = 0; k < taken; k++) {
        size_t i = steps + k * count / taken, at = k;
        int64_t x = (int64_t)(value_at(view, i) - (steps ? value_at(view, i - 1) : 0));
        for (; at > 0 && sample[at - 1] > x; at--) {
            sample[at] = sample[at - 1];
        }
        sample[at] = x;
    }
    return (uint64_t)sample[taken / 2];
}

static unsigned length_of(uint64_t x)
{
    return varve_bit_length(varve_zigzag((int64_t)x));
}

static unsigned to_drop(uint64_t lengths, size_t n)
{
    unsigned wanted = (n > 0 ? (unsigned)(lengths / n) : 0) + HEADROOM;
    return wanted > VARVE_VIEW_BITS ? wanted - VARVE_VIEW_BITS : 0;
}

// Whether most rows are as the row before.
static bool is_idle(struct varve_view *view)
{
    size_t still = 0;
    uint64_t before = view->first;
    for (size_t at = 0; at < view->ints->n; at += VARVE_CODEC_ROWS) {
        size_t count = piece(view->ints, at);
        const int64_t *m = coded(view, at, count);
        for (size_t i = 0; i < count; i++) {
            still += (uint64_t)m[i] == before;
            before = (uint64_t)m[i];
        }
    }
    return still * 2 > view->ints->n;
}

// By the mean length of values and of steps: unlike that of themselves it is not led astray by a
// few outliers.
static void make_lenses(struct varve_view *view)
{
    uint64_t values = 0, steps = 0, before = 0;
    view->value.base = varve_view_typical(view, false);
    view->step.base = is_idle(view) ? 0 : varve_view_typical(view, true);
    for (size_t at = 0; at < view->ints->n; at += VARVE_CODEC_ROWS) {
        size_t count = piece(view->ints, at);
        const int64_t *m = coded(view, at, count);
        for (size_t i = 0; i < count; i++) {
            uint64_t d = shifted((uint64_t)m[i] - view->first, view->shift);
            values += length_of(d - view->value.base);
            steps += length_of(d - before - view->step.base);
            before = d;
        }
    }
    view->value.drop = to_drop(values, view->ints->n);
    view->step.drop = to_drop(steps, view->ints->n);
}

// ---- opening ------------------------------------------------------------------------------------

// Bits that occur in the rows less the first one of all, and in their sizes: one bit longer than d
// or, if that is negative, ~d.
struct bits {
    uint64_t any, sizes;
};

static void add_bits(struct bits *bits, const int64_t *m, size_t count, uint64_t first)
{
    varve_wide_lanes any = {0}, sizes = {0};
    size_t i = 0;
    for (; i + VARVE_LANES <= count; i += VARVE_LANES) {
        varve_wide_lanes d;
        memcpy(&d, m + i, sizeof d);
        d -= first;
        any |= d;
        sizes |= d ^ (d + d);
    }
    for (; i < count; i++) {
        uint64_t d = (uint64_t)m[i] - first;
        bits->any |= d;
        bits->sizes |= d ^ (d + d);
    }
    bits->any |= any[0] | any[1] | any[2] | any[3];
    bits->sizes |= sizes[0] | sizes[1] | sizes[2] | sizes[3];
}

bool varve_view_open(struct varve_view *view, const struct varve_ints *ints, bool bends)
{
    struct bits bits = {0, 0};
    view->ints = ints;
    view->bends = bends;
    view->coded = NULL;
    view->at = view->count = 0;
    for (size_t at = 0; at < ints->n; at += VARVE_CODEC_ROWS) {
        size_t count = piece(ints, at);
        const int64_t *m = varve_ints_coded(ints, at, count, view->buffer);
        view->first = at == 0 ? (uint64_t)m[0] : view->first;
        add_bits(&bits, m, count, view->first);
        view->coded = count == ints->n ? m : NULL;
    }
    if (bits.any == 0) {
        return false;
    }
    view->shift = (unsigned)__builtin_ctzll(bits.any);
    // Naming the shift takes 6 bits.
    view->shift = view->shift * (ints->n - 1) > 6 ? view->shift : 0;
    view->wide = varve_bit_length(bits.sizes >> view->shift) > VARVE_VIEW_BITS + 1;
    view->value = view->step = (struct varve_lens){0, 0};
    if (view->wide) {
        make_lenses(view);
    }
    return true;
}

// ---- pieces -------------------------------------------------------------------------------------

static void repeat_last(int32_t *entries, size_t count)
{
    for (size_t i = 0; i < VARVE_LANES; i++) {
        entries[count + i] = entries[count - 1];
    }
}

static void take_values(struct varve_view *view, const int64_t *m)
{
    int32_t *values = view->entries[VARVE_VIEW_VALUES];
    size_t i = 0;
    // The values fit in 32 bits, so that it does not matter what is shifted in above these.
    for (; view->shift <= 32 && i + VARVE_LANES <= view->count; i += VARVE_LANES) {
        varve_wide_lanes d;
        memcpy(&d, m + i, sizeof d);
        varve_lanes low = __builtin_convertvector((d - view->first) >> view->shift, varve_lanes);
        memcpy(values + i, &low, sizeof low);
    }
    for (; i < view->count; i++) {
        values[i] = (int32_t)((int64_t)((uint64_t)m[i] - view->first) >> view->shift);
    }
}

// to[i] = from[i + 1] - from[i] for `count` entries, and some behind.
static void subtract(int32_t *to, const int32_t *from, size_t count)
{
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        varve_lanes before, after;
        memcpy(&before, from + i, sizeof before);
        memcpy(&after, from + i + 1, sizeof after);
        after -= before;
        memcpy(to + i, &after, sizeof after);
    }
}

// From the second row of the piece on; that of the first is in place where it has one.
static void take_steps(struct varve_view *view)
{
    const int32_t *values = view->entries[VARVE_VIEW_VALUES];
    int32_t *steps = view->entries[VARVE_VIEW_STEPS];
    if (view->at > 0) {
        *steps++ = values[0] - view->before;
    }
    subtract(steps, values, view->count - 1);
    view->before = values[view->count - 1];
}

static int32_t saturated(uint64_t x, const struct varve_lens *lens)
{
    int64_t entry = (int64_t)(x - lens->base) >> lens->drop;
    return (int32_t)(entry > LIMIT ? LIMIT : entry < -LIMIT ? -LIMIT : entry);
}

static void take_wide(struct varve_view *view, const int64_t *m)
{
    int32_t *values = view->entries[VARVE_VIEW_VALUES];
    int32_t *steps = view->entries[VARVE_VIEW_STEPS];
    uint64_t before = view->at > 0 ? value_at(view, view->at - 1) : 0;
    for (size_t i = 0; i < view->count; i++) {
        uint64_t d = shifted((uint64_t)m[i] - view->first, view->shift);
        values[i] = saturated(d, &view->value);
        if (view->at + i > 0) {
            *steps++ = saturated(d - before, &view->step);
        }
        before = d;
    }
}

static void take_bends(struct varve_view *view)
{
    const int32_t *steps = view->entries[VARVE_VIEW_STEPS];
    int32_t *bends = view->entries[VARVE_VIEW_BENDS];
    size_t count = varve_view_count(view, VARVE_VIEW_BENDS);
    bends[0] = view->at == 0 ? 0 : steps[0] - view->stepped;
    subtract(bends + 1, steps, count - 1);
    view->stepped = steps[count - 1];
}

void varve_view_take(struct varve_view *view, size_t at)
{
    if (view->count > 0 && view->at == at) {
        return;
    }
    view->at = at;
    view->count = piece(view->ints, at);
    const int64_t *m = coded(view, at, view->count);
    if (view->wide) {
        take_wide(view, m);
    } else {
        take_values(view, m);
        take_steps(view);
    }
    repeat_last(view->entries[VARVE_VIEW_VALUES], view->count);
    repeat_last(view->entries[VARVE_VIEW_STEPS], varve_view_count(view, VARVE_VIEW_STEPS));
    if (view->bends) {
        take_bends(view);
        repeat_last(view->entries[VARVE_VIEW_BENDS], varve_view_count(view, VARVE_VIEW_BENDS));
    }
}

size_t varve_view_equal(const struct varve_view *view, enum varve_view_kind kind, int32_t entry)
{
    const int32_t *entries = view->entries[kind];
    size_t count = varve_view_count(view, kind);
    varve_lanes equal = {0};
    for (size_t i = 0; i < count; i += VARVE_LANES) {
        equal -= (varve_lanes)(varve_lanes_at(entries + i) == (uint32_t)entry);
    }
    uint32_t repeated = entries[count - 1] == entry ? varve_lanes_surplus(count) : 0;
    return varve_lanes_sum(equal) - repeated;
}
