// SPDX-License-Identifier: Apache-2.0
// Blocks wherever they are: the outbox and every backend as one ordered sequence, each block once.
//
// A block may be in several places at a time. The outbox is asked before the backends, so that a
// block which moves from one to the other in between is found in either case.
#include "host_state.h"

static int compare_keys(const struct varve_block_key *a, const struct varve_block_key *b)
{
    if (a->start_ms != b->start_ms) {
        return a->start_ms < b->start_ms ? -1 : 1;
    }
    return (a->seq > b->seq) - (a->seq < b->seq);
}

// Keeps the candidate when it comes before what was found so far.
static void offer(struct varve_block_key *best, bool *found, const struct varve_block_key *key)
{
    if (!*found || compare_keys(key, best) < 0) {
        *best = *key;
        *found = true;
    }
}

static void next_in_outbox(struct varve_host *host, const struct varve_block_cursor *cursor,
                           struct varve_block_key *best, bool *found)
{
    varve_port_mutex_lock(&host->store_lock);
    for (uint32_t i = 0; i < host->outbox.count; i++) {
        const struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i);
        const struct varve_block_key *key = &entry->info.key;
        if (entry->tier == cursor->tier && key->end_ms >= cursor->from_ms &&
            (!cursor->started || compare_keys(key, &cursor->key) > 0)) {
            offer(best, found, key);
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
}

static int next_in_backend(struct varve_backend *backend, const struct varve_block_cursor *cursor,
                           struct varve_block_key *best, bool *found)
{
    struct varve_block_key key;
    if ((backend->conf->tiers >> cursor->tier & 1u) == 0) {
        return 0;
    }
    int rc = varve_backend_next(backend, cursor->tier, cursor->started ? &cursor->key : NULL,
                                cursor->from_ms, &key);
    if (rc == 0) {
        offer(best, found, &key);
    }
    return rc == VARVE_E_NOT_FOUND ? 0 : rc;
}

int varve_store_next(struct varve_host *host, struct varve_block_cursor *cursor)
{
    do {
        struct varve_block_key best;
        bool found = false;
        int rc = 0;
        next_in_outbox(host, cursor, &best, &found);
        for (size_t b = 0; rc == 0 && b < host->backend_count; b++) {
            rc = next_in_backend(&host->backends[b], cursor, &best, &found);
        }
        if (rc != 0 || !found) {
            return rc != 0 ? rc : VARVE_E_NOT_FOUND;
        }
        cursor->key = best;
        cursor->started = true;
    } while (cursor->key.seq >= cursor->seq_limit);
    return 0;
}

uint32_t varve_store_range(struct varve_host *host, unsigned tier, int64_t *oldest_ms,
                           int64_t *newest_ms)
{
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    uint32_t blocks = 0;
    varve_live_range(host, tier, oldest_ms, newest_ms);
    for (; varve_store_next(host, &cursor) == 0; blocks++) {
        *oldest_ms = cursor.key.start_ms < *oldest_ms ? cursor.key.start_ms : *oldest_ms;
        *newest_ms = cursor.key.end_ms > *newest_ms ? cursor.key.end_ms : *newest_ms;
    }
    return blocks;
}

static int get_from_outbox(struct varve_host *host, unsigned tier,
                           const struct varve_block_key *key, void *buf, size_t cap)
{
    int rc = VARVE_E_NOT_FOUND;
    varve_port_mutex_lock(&host->store_lock);
    for (uint32_t i = 0; i < host->outbox.count; i++) {
        const struct varve_outbox_entry *entry = varve_outbox_at(&host->outbox, i);
        if (entry->tier == tier && compare_keys(&entry->info.key, key) == 0) {
            rc = entry->info.length <= cap ? (int)entry->info.length : VARVE_E_TOO_BIG;
            if (rc > 0) {
                memcpy(buf, host->outbox.buf + entry->offset, entry->info.length);
            }
            break;
        }
    }
    varve_port_mutex_unlock(&host->store_lock);
    return rc;
}

static int get_from_backend(struct varve_backend *backend, unsigned tier,
                            const struct varve_block_key *key, void *buf, size_t cap,
                            struct varve_block_info *info)
{
    const struct varve_backend_ops *ops = backend->instance.plugin->backend;
    if ((backend->conf->tiers >> tier & 1u) == 0) {
        return VARVE_E_NOT_FOUND;
    }
    int rc = varve_backend_get(backend, tier, key, buf, cap);
    if (rc > 0) {
        rc = ops->get_checks ? varve_block_peek(buf, (size_t)rc, info)
                             : varve_block_open(buf, (size_t)rc, info);
    }
    if (rc == VARVE_E_CORRUPT) {
        varve_mend_note(backend, tier, key);
    }
    return rc;
}

int varve_store_get(struct varve_host *host, unsigned tier, const struct varve_block_key *key,
                    void *buf, size_t cap, struct varve_block_info *info)
{
    int rc = get_from_outbox(host, tier, key, buf, cap);
    rc = rc > 0 ? varve_block_open(buf, (size_t)rc, info) : rc;
    // A copy that is damaged or gone may be whole in another backend.
    for (size_t b = 0; rc != 0 && b < host->backend_count; b++) {
        int got = get_from_backend(&host->backends[b], tier, key, buf, cap, info);
        rc = got == 0 || rc == VARVE_E_NOT_FOUND ? got : rc;
    }
    return rc;
}
