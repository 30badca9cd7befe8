// SPDX-License-Identifier: Apache-2.0
// An answer as a table. Columns have fixed widths and the series comes last, so that it streams and
// any tool can cut it; see answer.h.
#include <string.h>

#include "answer.h"
#include "number.h"
#include "table.h"
#include "when.h"

static int table_begin(void *arg, const struct varve_query_info *info)
{
    (void)info;
    struct answer *a = arg;
    char time[WHEN_TEXT + 16];
    (void)snprintf(time, sizeof time, "TIME (%s)", when_zone());
    (void)fprintf(a->out, "%s%-23s  %20s  SERIES%s\n", style_bold(a->out), time, "VALUE",
                  style_plain(a->out));
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int table_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct answer *a = arg;
    (void)snprintf(a->shown, sizeof a->shown, "%s", def->text); // the core knows no longer text
    return 0;
}

static int table_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    struct answer *a = arg;
    for (size_t i = 0; i < n; i++) {
        char time[WHEN_TEXT];
        char value[NUMBER_TEXT];
        (void)number_format(points[i].value, value);
        (void)fprintf(a->out, "%-23s  %20s  %s\n",
                      when_format(points[i].time_ms, time, sizeof time), value, a->shown);
    }
    a->points += n;
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int table_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    char step[WHEN_TEXT];
    if (style_dim(a->out)[0]) {
        (void)fprintf(a->out, "%s%llu points of %u series from tier %s (%s)%s\n", style_dim(a->out),
                      (unsigned long long)a->points, info->series, info->tier_name,
                      when_span(info->tier_step_ms, step, sizeof step), style_plain(a->out));
    }
    answer_notes(a, info);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

const struct varve_query_sink answer_table = {
    .begin = table_begin,
    .series = table_series,
    .points = table_points,
    .end = table_end,
};
