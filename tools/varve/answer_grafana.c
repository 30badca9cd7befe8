// SPDX-License-Identifier: Apache-2.0
// An answer as Grafana's JSON data sources (SimpleJSON, JSON API) take it from /query; see
// answer.h:
//
//   [{"target":"load1","datapoints":[[0.5,1750000020000],...]},...]
//
// A point is its value and Unix ms; null stands for NaN and infinities.
#include <inttypes.h>

#include "answer.h"
#include "json.h"

static int written(const struct answer *a)
{
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int grafana_begin(void *arg, const struct varve_query_info *info)
{
    (void)info;
    struct answer *a = arg;
    (void)fputc('[', a->out);
    return written(a);
}

static int grafana_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct answer *a = arg;
    (void)fprintf(a->out, "%s\n{\"target\":", a->within ? "]}," : "");
    json_text(a->out, def->text);
    (void)fputs(",\"datapoints\":[", a->out);
    a->within = true;
    a->more = false;
    return written(a);
}

static int grafana_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    struct answer *a = arg;
    for (size_t i = 0; i < n; i++) {
        (void)fputs(a->more ? ",[" : "[", a->out);
        json_number(a->out, points[i].value);
        (void)fprintf(a->out, ",%" PRId64 "]", points[i].time_ms);
        a->more = true;
    }
    a->points += n;
    return written(a);
}

static int grafana_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    (void)fputs(a->within ? "]}\n]\n" : "]\n", a->out);
    answer_notes(a, info);
    return written(a);
}

const struct varve_query_sink answer_grafana = {
    .begin = grafana_begin,
    .series = grafana_series,
    .points = grafana_points,
    .end = grafana_end,
};
