// SPDX-License-Identifier: Apache-2.0
// An answer as one JSON object; see answer.h. Stable field names:
//
//   {"tier":"raw","tier_step_ms":5000,"step_ms":0,"from_ms":...,"to_ms":...,
//    "results":[{"series":"...","kind":"gauge","unit":"","points":[[unix_ms,value],...]},...],
//    "points":2,"skipped_series":0,"damaged_blocks":0,"rows_read":2,"oldest_ms":...,
//    "approximate":false,"sketched":false,"next":null}
//
// next is the place for --after when --limit ended the answer; null: that was all of it.
// oldest_ms is the first time that the tier has anything of; null: it is empty.
#include <inttypes.h>

#include "answer.h"
#include "json.h"

static int json_begin(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    (void)fputs("{\"tier\":", a->out);
    json_text(a->out, info->tier_name);
    (void)fprintf(a->out,
                  ",\"tier_step_ms\":%" PRId64 ",\"step_ms\":%" PRId64 ",\"from_ms\":%" PRId64
                  ",\"to_ms\":%" PRId64 ",\"results\":[",
                  info->tier_step_ms, info->step_ms, info->from_ms, info->to_ms);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int json_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct answer *a = arg;
    (void)fprintf(a->out, "%s\n{\"series\":", a->within ? "]}," : "");
    json_text(a->out, def->text);
    (void)fprintf(a->out,
                  ",\"kind\":\"%s\",\"unit\":", def->kind == VARVE_COUNTER ? "counter" : "gauge");
    json_text(a->out, def->unit ? def->unit : "");
    (void)fputs(",\"points\":[", a->out);
    a->within = true;
    a->more = false;
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int json_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    struct answer *a = arg;
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(a->out, "%s[%" PRId64 ",", a->more ? "," : "", points[i].time_ms);
        json_number(a->out, points[i].value);
        (void)fputc(']', a->out);
        a->more = true;
    }
    a->points += n;
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int json_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    (void)fprintf(a->out,
                  "%s\n],\"points\":%" PRIu64 ",\"skipped_series\":%" PRIu32
                  ",\"damaged_blocks\":%" PRIu32 ",\"rows_read\":%" PRIu64 ",\"oldest_ms\":",
                  a->within ? "]}" : "", a->points, info->skipped_series, info->damaged_blocks,
                  info->rows_read);
    if (info->oldest_ms == INT64_MAX) {
        (void)fputs("null", a->out);
    } else {
        (void)fprintf(a->out, "%" PRId64, info->oldest_ms);
    }
    (void)fprintf(a->out, ",\"approximate\":%s,\"sketched\":%s,\"next\":",
                  info->approximate ? "true" : "false",
                  info->sketched && !info->unsketched ? "true" : "false");
    if (a->next) {
        json_text(a->out, a->next);
    } else {
        (void)fputs("null", a->out);
    }
    (void)fputs("}\n", a->out);
    answer_notes(a, info);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

const struct varve_query_sink answer_json = {
    .begin = json_begin,
    .series = json_series,
    .points = json_points,
    .end = json_end,
};
