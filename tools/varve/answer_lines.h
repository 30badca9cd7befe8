// SPDX-License-Identifier: Apache-2.0
// Answers in which each line stands for itself: what the formats of lines share.
//
// Series may come interleaved, so what each line has of its series - the head - is made once and
// kept by id. Owns the heads, the buffer and counting what a format has no way to say. Leaves how a
// line looks to the formats: line_csv.c, line_exposition.c, line_influx.c, line_jsonl.c.
//
// Threading: one answer at a time, one task.
#ifndef VARVE_ANSWER_LINES_H
#define VARVE_ANSWER_LINES_H

#include "answer.h"
#include "core/label.h"
#include "number.h"

// Longest head: a series' text with every character escaped, and the words around it.
#define LINE_HEAD_MAX (6u * VARVE_SERIES_TEXT)
// Longest line: the head, a time and a value.
#define LINE_MAX_BYTES (LINE_HEAD_MAX + 2u * NUMBER_TEXT + 16u)

struct line_layout {
    const char *begin, *end; // of the whole text
    // Writes the head of a series; what precedes its first line goes to a->out. False: the format
    // cannot say the name.
    bool (*head)(struct answer *a, FILE *head, const struct varve_series_def *def);
    // Writes the line of a point behind `at`. Returns its end, or NULL: the format cannot say it.
    char *(*line)(char *at, const struct answer_head *head, const struct varve_point *point);
    // Instead of `line`, many points at once.
    void (*batch)(FILE *out, const struct answer_head *head, const struct varve_point *points,
                  size_t n);
};

extern const struct line_layout line_csv;
extern const struct line_layout line_openmetrics;
extern const struct line_layout line_prometheus;
extern const struct line_layout line_influx;
extern const struct line_layout line_jsonl;

// Copies, without a NUL; returns the end.
char *line_put(char *at, const char *text, size_t len);
// Unix ms as digits.
char *line_put_time(char *at, int64_t ms);

#endif
