// SPDX-License-Identifier: Apache-2.0
// A line of InfluxDB's line protocol: `name,label=value value=1.5 ns`; see answer_lines.h.
//
// The protocol has no NaN and no infinities, no line break in a tag, and a tag cannot end with a
// backslash: such points are left out and counted.
//
// Threading: no state.
#include <math.h>
#include <string.h>

#include "answer_lines.h"
#include "labels.h"

static bool put_tag(FILE *head, const struct varve_label *label)
{
    char raw[VARVE_SERIES_TEXT];
    labels_unescape(&label->value, raw);
    size_t len = strlen(raw);
    if (len == 0 || strpbrk(raw, "\n\r") || raw[len - 1] == '\\') {
        return false;
    }
    (void)fprintf(head, ",%.*s=", (int)label->key.len, label->key.at);
    for (size_t i = 0; i < len; i++) {
        if (raw[i] == ',' || raw[i] == '=' || raw[i] == ' ') {
            (void)fputc('\\', head);
        }
        (void)fputc(raw[i], head);
    }
    return true;
}

static bool influx_head(struct answer *a, FILE *head, const struct varve_series_def *def)
{
    (void)a;
    struct varve_labels labels;
    if (varve_labels_parse(def->text, &labels, NULL, NULL) != 0) {
        return false;
    }
    (void)fprintf(head, "%.*s", (int)labels.name.len, labels.name.at);
    for (size_t i = 0; i < labels.count; i++) {
        if (!put_tag(head, &labels.label[i])) {
            return false;
        }
    }
    (void)fputs(" value=", head);
    return true;
}

static char *influx_line(char *at, const struct answer_head *head, const struct varve_point *point)
{
    if (!isfinite(point->value) || point->time_ms > INT64_MAX / 1000000 ||
        point->time_ms < INT64_MIN / 1000000) {
        return NULL;
    }
    at = line_put(at, head->text, head->len);
    at += number_format(point->value, at);
    *at++ = ' ';
    at = line_put_time(at, point->time_ms);
    at = line_put(at, "000000", point->time_ms != 0 ? 6 : 0);
    *at++ = '\n';
    return at;
}

const struct line_layout line_influx = {
    .begin = "",
    .end = "",
    .head = influx_head,
    .line = influx_line,
};
