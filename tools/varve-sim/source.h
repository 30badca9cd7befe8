// SPDX-License-Identifier: Apache-2.0
// Where the samples come from: the reference workload of tools/bench in any size, or a CSV.
//
// Owns times, values and the series' names; numbers series from 0 in the order in which they
// appear. Leaves the clock and the host to run.h.
//
//   synthetic:SERIESxSTEP   workload.h with that many series, a row every STEP, from START_MS on
//   csv:FILE                lines ts,series,value; lines with the same time make one row. At its
//   end
//                           the file begins again, later by its own length (last row minus first,
//                           plus the step before the last row). A time that goes back is delivered
//                           with its own time and does not turn the clock back.
//
// Threading: one task, which a thread of ahead.h's helps. Memory comes from malloc.
#ifndef VARVE_SIM_SOURCE_H
#define VARVE_SIM_SOURCE_H

#include "ahead.h"
#include "tools/bench/workload.h"
#include "tools/varve/known.h"
#include "tools/varve/samples.h"
#include "varve/types.h"

// 2026-01-01T00:00:00Z: the beginning of time for synthetic workloads.
#define SOURCE_START_MS INT64_C(1767225600000)

// Samples of one time.
struct row {
    int64_t time_ms;
    size_t count;
    uint32_t *series;
    const double *values;
};

struct source_series {
    char *text;
    enum varve_kind kind;
};

struct source {
    const char *spec;
    bool is_csv;
    int64_t start_ms; // time of the first row
    struct source_series *series;
    size_t series_count, series_cap;
    struct row row;
    double *values; // of a CSV's row; a synthetic one's are where they were made
    size_t row_cap;
    int64_t time_ms; // of the next row

    // synthetic
    int64_t step_ms;
    struct workload workload;
    struct ahead ahead;

    // CSV
    FILE *file;
    struct sample_reader reader;
    struct known known;
    struct sample pending; // the first sample of the next row
    uint32_t pending_series;
    bool has_pending;
    bool repeat;      // begin again at the end
    uint64_t samples; // of the file, so far
    int64_t shift_ms; // added to the file's times
    int64_t first_ms, last_ms, step_before_ms;
};

// Returns 0, or an error with the reason on stderr.
int source_open(struct source *source, const char *spec, uint64_t seed, bool repeat);
void source_close(struct source *source);

// CPU time spent in making values, in seconds; 0 for a CSV.
double source_cpu_s(struct source *source);

// The next row, good until the next call. Returns 1, 0 at the end, or an error with the reason on
// stderr.
int source_next(struct source *source, const struct row **row);

#endif
