// SPDX-License-Identifier: Apache-2.0
// A query's answer on its way out: as a table, JSON or CSV, while it streams, or as
// pictures.
//
// Owns the layouts. Leaves where the points come from to source.h and what is asked to
// range.h.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_ANSWER_H
#define VARVE_ANSWER_H

#include <stdio.h>

#include "args.h"
#include "table.h"
#include "varve/query.h"

struct answer {
    FILE *out;
    const char *how;  // the aggregation asked for, for notes; NULL: an expression
    uint64_t points;  // written
    uint32_t skipped; // series left out
    const char *next; // place where the next page begins; NULL: nowhere
    bool within;      // JSON: a series is open
    bool more;        // JSON: a point was written in it
    // CSV and table: names by id; the current one for the table
    char *names[VARVE_MAX_SERIES];
    char shown[VARVE_SERIES_TEXT];
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
extern const struct varve_query_sink answer_csv;
extern const struct varve_query_sink answer_spark;
extern const struct varve_query_sink answer_plot;

// Says on stderr what a user should know about an answer: series left out, damaged blocks.
void answer_notes(struct answer *answer, const struct varve_query_info *info);

#endif
