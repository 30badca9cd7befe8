// SPDX-License-Identifier: Apache-2.0
// What the store says: everything in a tier through the query engine, and a check of the store.
//
// Threading: one task.
#include <stdlib.h>

#include "powercut.h"
#include "varve/host.h"

static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static uint8_t block[VARVE_BLOCK_MAX];
static struct rows answer[SERIES_MAX];

struct reader {
    size_t column;
    int series; // that comes; -1: none of the workload's
    size_t at;
    uint32_t damaged;
    const char *wrong;
};

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct reader *reader = arg;
    (void)id;
    reader->at = 0;
    reader->series = workload_find(def->text);
    return 0;
}

static int add_row(struct rows *rows)
{
    if (rows->count == rows->cap) {
        const size_t cap = rows->cap == 0 ? 1024 : 2 * rows->cap;
        struct row *row = realloc(rows->row, cap * sizeof *row);
        if (row == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        rows->row = row;
        rows->cap = cap;
    }
    rows->row[rows->count++] = (struct row){0};
    return 0;
}

// The first column makes the rows, the others must have the same times.
static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct reader *reader = arg;
    (void)id;
    if (reader->series < 0) {
        reader->wrong = "rows of a series that was never made";
        return 1;
    }
    struct rows *rows = &answer[reader->series];
    for (size_t i = 0; i < n; i++, reader->at++) {
        if (reader->column == 0) {
            const int rc = add_row(rows);
            if (rc != 0) {
                return rc;
            }
            rows->row[reader->at].time_ms = points[i].time_ms;
        } else if (reader->at >= rows->count ||
                   rows->row[reader->at].time_ms != points[i].time_ms) {
            reader->wrong = "two aggregations with different cells";
            return 1;
        }
        rows->row[reader->at].column[reader->column] = points[i].value;
    }
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    ((struct reader *)arg)->damaged = info->damaged_blocks;
    return 0;
}

static int read_column(struct varve_host *host, int tier, enum varve_agg agg, struct reader *reader)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    const struct varve_query query = {
        .selector = "*", .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = tier, .agg = agg};
    const struct varve_query_sink sink = {
        .arg = reader, .series = on_series, .points = on_points, .end = on_end};
    const int rc = varve_query_run(host, &query, &sink, memory, sizeof memory, why, sizeof why);
    if (rc == 0 || rc == VARVE_E_NOT_FOUND) {
        return 0;
    }
    return report("tier %d: %s", tier,
                  reader->wrong != NULL ? reader->wrong
                  : why[0] != '\0'      ? why
                                        : varve_strerror(rc));
}

int answers_read(struct varve_host *host, int tier, struct rows **by_series, uint32_t *damaged)
{
    static const enum varve_agg aggs[COLUMNS] = {[COLUMN_COUNT] = VARVE_AGG_COUNT,
                                                 [COLUMN_MIN] = VARVE_AGG_MIN,
                                                 [COLUMN_MAX] = VARVE_AGG_MAX,
                                                 [COLUMN_SUM] = VARVE_AGG_SUM,
                                                 [COLUMN_LAST] = VARVE_AGG_LAST};
    int rc = 0;
    for (size_t i = 0; i < SERIES_MAX; i++) {
        answer[i].count = 0;
    }
    *damaged = 0;
    for (size_t column = 0; rc == 0 && column < (tier == 0 ? 1 : COLUMNS); column++) {
        struct reader reader = {.column = column};
        rc = read_column(host, tier, tier == 0 ? VARVE_AGG_LAST : aggs[column], &reader);
        *damaged = reader.damaged;
    }
    *by_series = answer;
    return rc;
}

// ---- the store itself ---------------------------------------------------------------------------

static char first_damage[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];

static void say(void *arg, const char *text)
{
    (void)arg;
    if (first_damage[0] == '\0') {
        (void)snprintf(first_damage, sizeof first_damage, "%s", text);
    }
}

int answers_verify(struct varve_host *host, uint32_t damaged_allowed, uint32_t others_allowed)
{
    struct varve_check check = {.buf = block, .say = say};
    uint32_t blocks = 0;
    first_damage[0] = '\0';
    const int rc = varve_host_check(host, 0, &check);
    if (rc != 0) {
        return report("the check of the store: %s", varve_strerror(rc));
    }
    for (size_t tier = 0; tier < VARVE_MAX_TIERS; tier++) {
        blocks += check.tiers[tier].damaged;
    }
    if (check.damaged > others_allowed || blocks > damaged_allowed) {
        return report("%u damaged blocks and %u other damages; %s", (unsigned)blocks,
                      (unsigned)check.damaged, first_damage);
    }
    return 0;
}
