// SPDX-License-Identifier: Apache-2.0
// A line of CSV: `ts,series,value` with ts in Unix ms; see answer_lines.h.
//
// Threading: no state.
#include "answer_lines.h"
#include "client/names.h"
#include "csv.h"

static bool csv_head(struct answer *a, FILE *head, const struct varve_series_def *def)
{
    (void)a;
    char dotted[VARVE_SERIES_TEXT];
    (void)fputc(',', head); // memory is checked when the stream is closed
    csv_write(head, varve_name_from_series(def->text, dotted, sizeof dotted));
    (void)fputc(',', head);
    return true;
}

static char *csv_line(char *at, const struct answer_head *head, const struct varve_point *point)
{
    at = line_put_time(at, point->time_ms);
    at = line_put(at, head->text, head->len);
    at += number_format(point->value, at);
    *at++ = '\n';
    return at;
}

const struct line_layout line_csv = {
    .begin = "ts,series,value\n",
    .end = "",
    .head = csv_head,
    .line = csv_line,
};
