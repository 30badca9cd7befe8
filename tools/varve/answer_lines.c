// SPDX-License-Identifier: Apache-2.0
// What the formats of lines share; see answer_lines.h.
#include "answer_lines.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK 65536u

static const struct line_layout *layout_of(const struct answer *a)
{
    switch (a->format) {
    case FORMAT_OPENMETRICS:
        return &line_openmetrics;
    case FORMAT_PROMETHEUS:
        return &line_prometheus;
    case FORMAT_INFLUX:
        return &line_influx;
    case FORMAT_JSONL:
        return &line_jsonl;
    default:
        return &line_csv;
    }
}

char *line_put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

char *line_put_time(char *at, int64_t ms)
{
    return at + number_format_integer(ms, at);
}

static int written(const struct answer *a)
{
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int lines_begin(void *arg, const struct varve_query_info *info)
{
    (void)info;
    struct answer *a = arg;
    (void)fputs(layout_of(a)->begin, a->out);
    return written(a);
}

// A head with the text NULL: the format cannot say the name.
static int make_head(struct answer *a, const struct varve_series_def *def, struct answer_head *head)
{
    char *text = NULL;
    FILE *memory = open_memstream(&text, &head->len);
    if (!memory) {
        return VARVE_E_NO_MEMORY;
    }
    bool said = layout_of(a)->head(a, memory, def);
    bool failed = fclose(memory) != 0;
    bool fits = layout_of(a)->batch || head->len <= LINE_HEAD_MAX; // a batch has no buffer
    if (failed || !said || !fits) {
        free(text);
        text = NULL;
    }
    head->text = text;
    return failed ? VARVE_E_NO_MEMORY : 0;
}

static int lines_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct answer *a = arg;
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    struct answer_head *head = &a->heads[id];
    free(head->text);
    head->text = NULL;
    head->known = true;
    int rc = make_head(a, def, head);
    return rc == 0 ? written(a) : rc;
}

static void put_lines(struct answer *a, const struct answer_head *head,
                      const struct varve_point *points, size_t n)
{
    const struct line_layout *layout = layout_of(a);
    static char chunk[CHUNK + LINE_MAX_BYTES];
    char *at = chunk;
    for (size_t i = 0; i < n; i++) {
        char *end = layout->line(at, head, &points[i]);
        a->unsaid += end ? 0 : 1;
        at = end ? end : at;
        if (at >= chunk + CHUNK) {
            (void)fwrite(chunk, 1, (size_t)(at - chunk), a->out);
            at = chunk;
        }
    }
    (void)fwrite(chunk, 1, (size_t)(at - chunk), a->out); // the stream is asked in the end
}

static int lines_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *a = arg;
    if (id >= VARVE_MAX_SERIES || !a->heads[id].known) {
        return VARVE_E_CORRUPT;
    }
    a->points += n;
    if (!a->heads[id].text) {
        a->unsaid += n;
    } else if (layout_of(a)->batch) {
        layout_of(a)->batch(a->out, &a->heads[id], points, n);
    } else {
        put_lines(a, &a->heads[id], points, n);
    }
    return written(a);
}

static int lines_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    for (size_t i = 0; i < VARVE_MAX_SERIES; i++) {
        free(a->heads[i].text);
        a->heads[i] = (struct answer_head){0};
    }
    (void)fputs(layout_of(a)->end, a->out);
    answer_notes(a, info);
    return written(a);
}

const struct varve_query_sink answer_lines = {
    .begin = lines_begin,
    .series = lines_series,
    .points = lines_points,
    .end = lines_end,
};
