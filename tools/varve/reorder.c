// SPDX-License-Identifier: Apache-2.0
// Putting samples in order of time: a binary heap; see reorder.h.
#include "reorder.h"

#include <stdlib.h>

#include "varve/error.h"

void reorder_init(struct reorder *r, int64_t lag_ms)
{
    *r = (struct reorder){.lag_ms = lag_ms, .newest_ms = INT64_MIN};
}

void reorder_free(struct reorder *r)
{
    free(r->heap);
    reorder_init(r, r->lag_ms);
}

static bool earlier(const struct reorder_sample *a, const struct reorder_sample *b)
{
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->arrival < b->arrival;
}

static void swap(struct reorder *r, size_t a, size_t b)
{
    struct reorder_sample kept = r->heap[a];
    r->heap[a] = r->heap[b];
    r->heap[b] = kept;
}

static void rise(struct reorder *r, size_t at)
{
    while (at > 0 && earlier(&r->heap[at], &r->heap[(at - 1) / 2])) {
        swap(r, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void sink(struct reorder *r)
{
    size_t at = 0;
    for (;;) {
        size_t first = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < r->count; child++) {
            first = earlier(&r->heap[child], &r->heap[first]) ? child : first;
        }
        if (first == at) {
            return;
        }
        swap(r, at, first);
        at = first;
    }
}

int reorder_put(struct reorder *r, int64_t time_ms, int series, double value)
{
    if (r->count == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 1024;
        struct reorder_sample *heap = realloc(r->heap, cap * sizeof *heap);
        if (!heap) {
            return VARVE_E_NO_MEMORY;
        }
        r->heap = heap;
        r->cap = cap;
    }
    r->heap[r->count] = (struct reorder_sample){
        .time_ms = time_ms, .arrival = r->arrivals++, .value = value, .series = series};
    rise(r, r->count++);
    r->newest_ms = time_ms > r->newest_ms ? time_ms : r->newest_ms;
    return 0;
}

bool reorder_take(struct reorder *r, bool all, struct reorder_sample *out)
{
    if (r->count == 0) {
        return false;
    }
    bool held = r->lag_ms == REORDER_ALL || r->heap[0].time_ms > r->newest_ms - r->lag_ms;
    if (held && !all) {
        return false;
    }
    *out = r->heap[0];
    r->heap[0] = r->heap[--r->count];
    sink(r);
    return true;
}
