// SPDX-License-Identifier: Apache-2.0
// The values that counters had before the mark of the finest rollup tier: what comes behind it
// grows from them, however long the device was off in between.
//
// They are in the stored raw blocks before the mark, in the newest one for a series that is sampled
// all the time. A counter that is in none of the last LOOK_BACK_BLOCKS begins anew.
//
// While the host is made; one task.
#include "host_state.h"
#include "varve/block.h"

#define LOOK_BACK_BLOCKS 32u

static bool is_counter(const struct varve_host *host, uint32_t id)
{
    return host->series.series[id].kind == VARVE_COUNTER;
}

// The newest row of a series in the block in read_block; the later half of a range first when it
// does not fit the scratch memory.
static bool find_last(struct varve_host *host, const struct varve_block_info *info, uint32_t id,
                      int64_t from_ms, int64_t to_ms, struct varve_point *last)
{
    const struct varve_point *points = host->scratch;
    int n = varve_block_points(host->read_block, info, (varve_series_id)id, from_ms, to_ms,
                               host->scratch, VARVE_COLUMN_MAX);
    if (n == VARVE_E_FULL && from_ms < to_ms) {
        int64_t middle_ms = from_ms + (to_ms - from_ms) / 2;
        return find_last(host, info, id, middle_ms + 1, to_ms, last) ||
               find_last(host, info, id, from_ms, middle_ms, last);
    }
    if (n > 0) {
        *last = points[n - 1];
    }
    return n > 0;
}

// Returns how many counters are still not known.
static uint32_t learn(struct varve_host *host, const struct varve_block_key *key, int64_t upto_ms)
{
    uint32_t series_count = varve_series_count(&host->series), unknown = 0;
    struct varve_block_info info;
    struct varve_point last;
    bool whole = varve_store_get(host, 0, key, host->read_block, VARVE_BLOCK_MAX, &info) == 0;
    int64_t to_ms = key->end_ms < upto_ms ? key->end_ms : upto_ms - 1;
    for (uint32_t id = 0; id < series_count; id++) {
        struct varve_counter_state *state = &host->rollup.counters[id];
        if (!is_counter(host, id) || state->known) {
            continue;
        }
        if (whole && find_last(host, &info, id, key->start_ms, to_ms, &last)) {
            *state = (struct varve_counter_state){
                .value = last.value, .time_ms = last.time_ms, .known = true};
        } else {
            unknown++;
        }
    }
    return unknown;
}

// Finds the raw block with the highest number below `seq` that has rows from before upto_ms.
static bool find_before(struct varve_host *host, uint32_t seq, int64_t upto_ms,
                        struct varve_block_key *key)
{
    struct varve_block_cursor cursor = {.tier = 0, .from_ms = INT64_MIN, .seq_limit = seq};
    bool found = false;
    while (varve_store_next(host, &cursor) == 0) {
        if (cursor.key.start_ms < upto_ms && (!found || cursor.key.seq > key->seq)) {
            *key = cursor.key;
            found = true;
        }
    }
    return found;
}

void varve_recover_counters(struct varve_host *host, uint32_t below_seq)
{
    int64_t upto_ms = host->upto_ms[1];
    struct varve_block_key key = {.seq = below_seq};
    uint32_t unknown = 1;
    for (uint32_t i = 0; i < LOOK_BACK_BLOCKS && unknown > 0; i++) {
        if (!find_before(host, key.seq, upto_ms, &key)) {
            return;
        }
        unknown = learn(host, &key, upto_ms);
    }
}
