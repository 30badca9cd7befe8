// SPDX-License-Identifier: Apache-2.0
// JSON lines: an object for each run of points of a series; see answer_lines.h.
//
//   {"metric":{"__name__":"load1"},"kind":"gauge","unit":"1","help":"...","values":[0.5,...],
//    "timestamps":[ms,...]}
//
// It is what VictoriaMetrics exports and imports, with kind, unit and help, if there is one,
// besides. null is NaN, "Infinity" and "-Infinity" are strings, and so is a NaN that carries a
// payload: all 64 bits.
//
// Threading: no state.
#include <inttypes.h>
#include <math.h>

#include "answer_lines.h"
#include "json.h"
#include "labels.h"

static bool jsonl_head(struct answer *a, FILE *head, const struct varve_series_def *def)
{
    (void)a;
    struct varve_labels labels;
    if (varve_labels_parse(def->text, &labels, NULL, NULL) != 0) {
        return false;
    }
    (void)fprintf(head, "{\"metric\":{\"__name__\":\"%.*s\"", (int)labels.name.len, labels.name.at);
    (void)fputs(labels.count > 0 ? "," : "", head);
    labels_json(head, &labels);
    (void)fprintf(head,
                  "},\"kind\":\"%s\",\"unit\":", def->kind == VARVE_COUNTER ? "counter" : "gauge");
    json_text(head, def->unit ? def->unit : "");
    if (def->help && def->help[0]) {
        (void)fputs(",\"help\":", head);
        json_text(head, def->help);
    }
    (void)fputs(",\"values\":[", head);
    return true;
}

static void put_value(FILE *out, double value)
{
    char text[NUMBER_TEXT];
    (void)number_format(value, text);
    if (isfinite(value)) {
        (void)fputs(text, out);
    } else if (isinf(value)) {
        (void)fputs(value > 0 ? "\"Infinity\"" : "\"-Infinity\"", out);
    } else if (text[3] == '\0') {
        (void)fputs("null", out);
    } else {
        (void)fprintf(out, "\"%s\"", text);
    }
}

static void jsonl_batch(FILE *out, const struct answer_head *head, const struct varve_point *points,
                        size_t n)
{
    (void)fwrite(head->text, 1, head->len, out); // the stream is asked in the end
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i > 0 ? "," : "", out);
        put_value(out, points[i].value);
    }
    (void)fputs("],\"timestamps\":[", out);
    for (size_t i = 0; i < n; i++) {
        char time[NUMBER_TEXT];
        (void)number_format_integer(points[i].time_ms, time);
        (void)fputs(i > 0 ? "," : "", out);
        (void)fputs(time, out);
    }
    (void)fputs("]}\n", out);
}

const struct line_layout line_jsonl = {
    .begin = "",
    .end = "",
    .head = jsonl_head,
    .batch = jsonl_batch,
};
