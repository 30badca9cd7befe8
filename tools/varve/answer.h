// SPDX-License-Identifier: Apache-2.0
// A query's answer on its way out: while it streams, or as pictures.
//
// Owns the layouts, which formats.h lists. Leaves where the points come from to source.h and what
// is asked to range.h.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_ANSWER_H
#define VARVE_ANSWER_H

#include <stdio.h>

#include "args.h"
#include "table.h"
#include "varve/query.h"

// What every line of a series begins with; see answer_lines.h.
struct answer_head {
    char *text; // NULL: the format has no way to say it
    size_t len;
    bool known;
};

struct answer {
    FILE *out;
    enum format format;
    const char *how;               // the aggregation asked for, for notes; NULL: an expression
    uint64_t points;               // written
    uint64_t unsaid;               // of these, left out because the format has no way to say them
    uint32_t skipped;              // series left out
    const char *next;              // place where the next page begins; NULL: nowhere
    bool within;                   // JSON, Grafana: a series is open
    bool more;                     // ... and a point was written in it
    char shown[VARVE_SERIES_TEXT]; // table: the series; exposition: the name whose type was written
    struct answer_head heads[VARVE_MAX_SERIES];
    // spark and plot
    struct table table;
    char unit[VARVE_UNIT_TEXT];
    int64_t from_ms, to_ms;
};

// Makes the sink for a format. `answer` is large; it should be static and zero.
struct varve_query_sink answer_sink(struct answer *answer, enum format format, FILE *out);

// Each layout's sink, used by answer_sink().
extern const struct varve_query_sink answer_table;
extern const struct varve_query_sink answer_json;
extern const struct varve_query_sink answer_grafana;
extern const struct varve_query_sink answer_lines; // CSV, JSON lines, OpenMetrics, ...
extern const struct varve_query_sink answer_spark;
extern const struct varve_query_sink answer_plot;

// Says on stderr what a user should know about an answer: series left out, damaged blocks.
void answer_notes(struct answer *answer, const struct varve_query_info *info);

#endif
