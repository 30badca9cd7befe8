// SPDX-License-Identifier: Apache-2.0
// Stored blocks in the order in which they were made, that of their numbers. The stores give them
// in the order of time, which puts a block with one late row before those that came earlier.
//
// Each look at all of a tier's blocks keeps the lowest numbers that there is memory for, in a heap:
// n blocks and memory for k take n/k looks of n log k.
#include "host_state.h"

// Of blocks with the same number, which no sound store has, the earlier one goes first.
static bool is_later(const struct varve_block_key *a, const struct varve_block_key *b)
{
    return a->seq != b->seq ? a->seq > b->seq : a->start_ms > b->start_ms;
}

// The latest is on top: keys[0].
static void sift_down(struct varve_block_key *keys, size_t at, size_t count)
{
    const struct varve_block_key key = keys[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && is_later(&keys[child + 1], &keys[child]);
        if (!is_later(&keys[child], &key)) {
            break;
        }
        keys[at] = keys[child];
    }
    keys[at] = key;
}

static void sift_up(struct varve_block_key *keys, size_t at)
{
    const struct varve_block_key key = keys[at];
    for (size_t parent; at > 0 && is_later(&key, &keys[parent = (at - 1) / 2]); at = parent) {
        keys[at] = keys[parent];
    }
    keys[at] = key;
}

// Keeps the key if it is among the lowest that there is room for.
static void offer(struct varve_made_cursor *made, const struct varve_block_key *key)
{
    if (made->count < made->room) {
        made->keys[made->count] = *key;
        sift_up(made->keys, made->count++);
        return;
    }
    made->more = true;
    if (is_later(&made->keys[0], key)) {
        made->keys[0] = *key;
        sift_down(made->keys, 0, made->count);
    }
}

static void sort(struct varve_made_cursor *made)
{
    for (size_t left = made->count; left > 1; left--) {
        const struct varve_block_key latest = made->keys[0];
        made->keys[0] = made->keys[left - 1];
        made->keys[left - 1] = latest;
        sift_down(made->keys, 0, left - 1);
    }
}

static int look(struct varve_host *host, struct varve_made_cursor *made)
{
    struct varve_block_cursor cursor = {
        .tier = made->tier, .from_ms = made->from_ms, .seq_limit = made->below_seq};
    int rc;
    made->at = made->count = 0;
    made->more = false;
    while ((rc = varve_store_next(host, &cursor)) == 0) {
        if (cursor.key.seq >= made->from_seq) {
            offer(made, &cursor.key);
        }
    }
    sort(made);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

struct varve_made_cursor varve_made_start(unsigned tier, void *memory, size_t bytes)
{
    return (struct varve_made_cursor){.tier = tier,
                                      .from_ms = INT64_MIN,
                                      .below_seq = UINT32_MAX,
                                      .keys = memory,
                                      .room = bytes / sizeof(struct varve_block_key),
                                      .more = true};
}

int varve_made_next(struct varve_host *host, struct varve_made_cursor *made,
                    struct varve_block_key *key)
{
    do {
        int rc = made->at == made->count && made->more ? look(host, made) : 0;
        if (rc != 0 || made->at == made->count) {
            return rc != 0 ? rc : VARVE_E_NOT_FOUND;
        }
        *key = made->keys[made->at++];
    } while (key->seq < made->from_seq); // a number that was given already
    made->from_seq = key->seq + 1;
    return 0;
}
