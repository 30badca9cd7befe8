// SPDX-License-Identifier: Apache-2.0
// A host for tests: real core, port and backends on a store in a temporary directory, stepped by
// the test; and an oracle that rolls up the same samples the naive way.
#ifndef VARVE_TEST_HOST_FIXTURE_H
#define VARVE_TEST_HOST_FIXTURE_H

#include "varve/query.h"

#define FIXTURE_MAX_POINTS 200000u

struct fixture {
    struct varve_registry registry;
    struct varve_conf conf;
    struct varve_host *host;
    size_t query_bytes; // memory of a query; 0: VARVE_QUERY_MEMORY
};

// Makes the temporary directory and the configuration: default tiers, flush 5 min, one sqlite
// backend called "flash" that keeps `tiers` ("all", "minute hour day", ...).
void fixture_init(struct fixture *f, const char *tiers);
// Removes it, and closes a host that a case which failed has left open.
void fixture_end(struct fixture *f);

// Opens and closes the host; flags as in varve_host_init(), VARVE_HOST_NO_COLLECTORS is added.
void fixture_open(struct fixture *f, unsigned flags);
void fixture_close(struct fixture *f);

int fixture_series(struct fixture *f, const char *text, enum varve_kind kind);

// All points of one answer, of the first series only.
struct answer {
    struct varve_point *points;
    size_t count;
    struct varve_query_info info;
    int rc;
    char why[VARVE_MESSAGE_TEXT];
};
// Runs a query over all time. Free the points with answer_free().
struct answer fixture_query(struct fixture *f, const char *selector, int tier, enum varve_agg agg,
                            int64_t step_ms);
struct answer fixture_query_range(struct fixture *f, const char *selector, int64_t from_ms,
                                  int64_t to_ms, int tier, enum varve_agg agg, int64_t step_ms);
void answer_free(struct answer *answer);

// Checks that the tier's cells of the series are those of the points, in every aggregation.
void fixture_check_tier(struct fixture *f, const char *selector, int tier,
                        const struct varve_point *points, size_t n);

// The same for points that did not come in order: which of them is a cell's last is left open.
void fixture_check_late_tier(struct fixture *f, const char *selector, int tier,
                             const struct varve_point *points, size_t n);

// A start time on a day's grid line, a few days ago.
int64_t fixture_start_ms(void);

#endif
