// SPDX-License-Identifier: Apache-2.0
// What happened in a life: what was pushed, acknowledged, cut off, pruned, and replaced by a
// backup. What must be there because of it is oracle.c's.
//
// Samples are kept in order of time, by series.
//
// Threading: one task.
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

// What a row, its step and a commit may take beyond the loss window.
#define SLACK_MS (3 * ROW_MS)

// Times start at 1970: nothing is before 0.
struct history history = {.restoring_from = UINT64_MAX};

static bool grow(struct samples *s)
{
    if (s->count < s->cap) {
        return true;
    }
    const size_t cap = s->cap == 0 ? 1024 : 2 * s->cap;
    struct sample *sample = realloc(s->sample, cap * sizeof *sample);
    if (sample != NULL) {
        s->sample = sample;
        s->cap = cap;
    }
    return sample != NULL;
}

void history_push(uint32_t series, int64_t time_ms, int64_t came_ms, double value)
{
    struct samples *s = &history.series[series];
    size_t at = s->count;
    if (!grow(s)) {
        abort();
    }
    for (; at > 0 && s->sample[at - 1].time_ms > time_ms; at--) {
        s->sample[at] = s->sample[at - 1];
    }
    s->sample[at] = (struct sample){.time_ms = time_ms,
                                    .came_ms = came_ms,
                                    .order = history.pushed++,
                                    .value = value,
                                    .session = history.session};
    s->count++;
    history.newest_ms = time_ms > history.newest_ms ? time_ms : history.newest_ms;
}

static struct horizon *horizon_of(int64_t step_ms)
{
    for (size_t i = 0; i < history.horizon_count; i++) {
        if (history.horizon[i].step_ms == step_ms) {
            return &history.horizon[i];
        }
    }
    return NULL;
}

int64_t history_horizon(size_t tier)
{
    return horizon_of(history.tiers[tier].step_ms)->before_ms;
}

void history_move_horizons(void)
{
    for (size_t tier = 0; tier < history.tier_count; tier++) {
        struct horizon *h = horizon_of(history.tiers[tier].step_ms);
        const int64_t before_ms = history.newest_ms - history.tiers[tier].keep_ms;
        h->before_ms = before_ms > h->before_ms ? before_ms : h->before_ms;
    }
}

// A tier that is new to the store begins with what the next finer one has.
static void add_horizons(void)
{
    for (size_t tier = 0; tier < history.tier_count; tier++) {
        const int64_t step_ms = history.tiers[tier].step_ms;
        if (horizon_of(step_ms) != NULL) {
            continue;
        }
        const bool fresh = history.pushed == 0 || tier == 0;
        const struct horizon *finer = fresh ? NULL : horizon_of(history.tiers[tier - 1].step_ms);
        history.horizon[history.horizon_count++] = (struct horizon){
            .step_ms = step_ms, .before_ms = finer == NULL ? 0 : finer->before_ms + step_ms};
    }
}

void history_session(const struct varve_tier *tiers, size_t count, size_t base)
{
    history_move_horizons();
    memcpy(history.tiers, tiers, count * sizeof *tiers);
    history.tier_count = count;
    history.base = base;
    history.session++;
    add_horizons();
}

int64_t history_bucket(int64_t time_ms, int64_t step_ms)
{
    return time_ms - time_ms % step_ms;
}

// Samples that came up to `came_ms` in cells of the base that end by `end_ms`.
static void acknowledge(int64_t came_ms, int64_t end_ms)
{
    const int64_t step_ms = history.base == 0 ? 0 : history.tiers[history.base].step_ms;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        struct samples *s = &history.series[i];
        for (size_t k = 0; k < s->count; k++) {
            struct sample *sample = &s->sample[k];
            const bool whole =
                step_ms == 0 || history_bucket(sample->time_ms, step_ms) + step_ms <= end_ms;
            if (sample->fate == FATE_PUSHED && sample->came_ms <= came_ms && whole) {
                sample->fate = FATE_STORED;
            }
        }
    }
}

void history_acknowledge(bool whole)
{
    acknowledge(INT64_MAX, whole ? history.newest_ms : INT64_MAX);
}

void history_cut(int64_t now_ms)
{
    const int64_t before_ms = now_ms - FLUSH_MS - SLACK_MS;
    const int64_t base_ms = history.base == 0 ? 0 : history.tiers[history.base].step_ms;
    acknowledge(before_ms - base_ms, before_ms);
    history_move_horizons();
    history.in_doubt = true;
}

void history_lose(struct sample *sample)
{
    sample->fate = FATE_LOST;
    sample->level = VARVE_MAX_TIERS;
}

void history_settle(void)
{
    if (history.in_doubt) {
        acknowledge(INT64_MAX, INT64_MAX);
    }
    history.in_doubt = false;
}

// ---- what operators do --------------------------------------------------------------------------

uint64_t history_mark(void)
{
    return history.pushed;
}

void history_restoring(uint64_t mark)
{
    history.restoring_from = mark;
}

void history_restored(bool is_new)
{
    const uint64_t mark = is_new ? history.restoring_from : UINT64_MAX;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        struct samples *s = &history.series[i];
        for (size_t k = 0; k < s->count; k++) {
            if (s->sample[k].order >= mark) {
                history_lose(&s->sample[k]);
            }
        }
    }
    history.restoring_from = UINT64_MAX;
}

int64_t history_newest_ms(void)
{
    return history.newest_ms;
}

void history_pruned(uint32_t series, int64_t before_ms)
{
    int64_t *pruned_ms = &history.series[series].pruned_before_ms;
    *pruned_ms = before_ms > *pruned_ms ? before_ms : *pruned_ms;
}

void history_gone(uint32_t series, size_t tier, int64_t before_ms)
{
    int64_t *gone_ms = &history.series[series].gone_before_ms[tier];
    *gone_ms = before_ms > *gone_ms ? before_ms : *gone_ms;
}
