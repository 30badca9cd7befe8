// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets of stores share: everything is read, and what comes back is held to what
// the backend promises of any file. The host is that of tests/unit/fake_host.h, opened.
//
// Threading: one task.
#ifndef VARVE_TESTS_FUZZ_STORE_H
#define VARVE_TESTS_FUZZ_STORE_H

#include <stdbool.h>

#include "fuzz.h"
#include "tests/unit/fake_host.h"

static inline bool fuzz_follows(const struct varve_block_key *a, const struct varve_block_key *b)
{
    return b->start_ms > a->start_ms || (b->start_ms == a->start_ms && b->seq > a->seq);
}

// Walks the tier's blocks, at most `most` of them, in key order; each fits its buffer.
static inline void fuzz_read_blocks(struct varve_host *host, unsigned tier, unsigned most)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    const struct varve_backend_ops *ops = host->instance.plugin->backend;
    struct varve_block_key key, next;
    struct varve_block_info info;
    unsigned seen = 0;
    int rc = ops->next(&host->instance, tier, NULL, INT64_MIN, &key);
    while (rc == 0) {
        FUZZ_CHECK(++seen <= most);
        int length = ops->get(&host->instance, tier, &key, block, sizeof block);
        FUZZ_CHECK(length <= (int)sizeof block);
        if (length > 0) {
            (void)varve_block_open(block, (size_t)length, &info); // only that it stays inside
        }
        rc = ops->next(&host->instance, tier, &key, INT64_MIN, &next);
        FUZZ_CHECK(rc != 0 || fuzz_follows(&key, &next));
        key = next;
    }
    FUZZ_CHECK(rc < 0);
}

// For load_series(); `arg` is a size_t, so that every text is read.
static inline int fuzz_visit_series(void *arg, varve_series_id id,
                                    const struct varve_series_def *def)
{
    size_t *sum = arg;
    *sum += id + strlen(def->text) + strlen(def->unit) + strlen(def->help);
    FUZZ_CHECK(def->kind == VARVE_GAUGE || def->kind == VARVE_COUNTER);
    return 0;
}

// For load_events(); `arg` as above.
static inline int fuzz_visit_event(void *arg, const struct varve_event *event)
{
    size_t *sum = arg;
    FUZZ_CHECK(memchr(event->source, 0, sizeof event->source) != NULL);
    FUZZ_CHECK(memchr(event->kind, 0, sizeof event->kind) != NULL);
    FUZZ_CHECK(memchr(event->message, 0, sizeof event->message) != NULL);
    FUZZ_CHECK(memchr(event->payload, 0, sizeof event->payload) != NULL);
    FUZZ_CHECK((unsigned)event->severity <= VARVE_DEBUG);
    *sum += strlen(event->message);
    return 0;
}

// Returns what load_tiers() did.
static inline int fuzz_read_tiers(struct varve_host *host)
{
    struct varve_tier stored[VARVE_MAX_TIERS];
    int n = host->instance.plugin->backend->load_tiers(&host->instance, stored, VARVE_MAX_TIERS);
    FUZZ_CHECK(n <= (int)VARVE_MAX_TIERS);
    for (int i = 0; i < n; i++) {
        FUZZ_CHECK(memchr(stored[i].name, 0, sizeof stored[i].name) != NULL);
    }
    return n;
}

#endif
