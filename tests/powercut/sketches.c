// SPDX-License-Identifier: Apache-2.0
// Of the series that ask for percentiles, the sketches of a tier must tell of each sample that its
// cells tell of, no more and no less: whatever was cut, rebuilt, pruned or restored.
//
// Threading: one task.
#include "core/query/rows.h"
#include "powercut.h"

static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static int check_range(struct varve_rows *reader, uint32_t series, varve_series_id id,
                       const struct row *row, size_t n)
{
    static struct varve_sketch sketch;
    double samples = 0;
    for (size_t i = 0; i < n; i++) {
        samples += row[i].column[COLUMN_COUNT];
    }
    varve_sketch_clear(&sketch);
    const int rc = varve_rows_sketch(reader, id, row[0].time_ms, row[n - 1].time_ms, &sketch);
    if (rc != 0) {
        return report("series %u: sketches of tier %u: %s", series, reader->tier,
                      varve_strerror(rc));
    }
    const double got = (double)varve_sketch_count(&sketch);
    if (got < samples || got > samples) {
        return report(
            "series %u: sketches of tier %u from %lld to %lld tell of %.0f samples, cells "
            "of %.0f",
            series, reader->tier, (long long)row[0].time_ms, (long long)row[n - 1].time_ms, got,
            samples);
    }
    return 0;
}

int sketches_check(struct varve_host *host, size_t tier, uint32_t series, const struct rows *rows)
{
    struct varve_arena arena = {.base = memory, .size = sizeof memory};
    struct varve_rows reader;
    char text[32];
    (void)snprintf(text, sizeof text, "s%02u", (unsigned)series);
    const int id = varve_series_table_find(&host->series, text);
    if (series % 10 != SKETCHED_DIGIT || id < 0 || rows->count == 0) {
        return 0;
    }
    int rc = varve_rows_init(&reader, host, (unsigned)tier, &arena, VARVE_BLOCK_MAX, 0);
    if (rc != 0) {
        return report("no memory for the sketches of tier %zu", tier);
    }
    rc = check_range(&reader, series, (varve_series_id)id, rows->row, rows->count);
    for (size_t i = 0; rc == 0 && i < rows->count && i < 4; i++) { // the newest, one by one
        rc = check_range(&reader, series, (varve_series_id)id, &rows->row[rows->count - 1 - i], 1);
    }
    return rc;
}
