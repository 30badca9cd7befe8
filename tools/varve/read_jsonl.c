// SPDX-License-Identifier: Apache-2.0
// JSON lines for the import, as varve and VictoriaMetrics write them:
//
//   {"metric":{"__name__":"load1"},"kind":"gauge","unit":"1","help":"...","values":[0.5,...],
//    "timestamps":[ms,...]}
//
// What the line has besides is passed over; kind, unit and help may be missing. A value is a
// number, null for NaN, or a text with a number that JSON has no word for. A line is looked at as a
// whole first, then its two arrays are read side by side.
//
// Threading: one task.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "lines.h"
#include "number.h"
#include "reader.h"
#include "varve/error.h"

// Memory of a line is touched only as far as lines are long.
#define LINE_MAX   (16u * 1024u * 1024u)
#define NAME_MAX   64u
#define LARGEST_MS 9007199254740992.0 // integers up to here are exact

struct jsonl {
    struct lines lines;
    char *text;
    struct reader_series series; // of the line
    const char *value, *time;    // the next ones; NULL: the line is done
    size_t at;                   // number of the next value, from 1
};

// ---- the line -----------------------------------------------------------------------------------

struct members {
    const char *metric, *kind, *unit, *help, *values, *timestamps;
};

static int take_member(struct reader *r, struct members *m, const char *key, const char *value)
{
    const struct {
        const char *key;
        char first; // of the value
        const char **place;
    } known[] = {{"metric", '{', &m->metric}, {"kind", '"', &m->kind},
                 {"unit", '"', &m->unit},     {"help", '"', &m->help},
                 {"values", '[', &m->values}, {"timestamps", '[', &m->timestamps}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].key, key) == 0) {
            if (*value != known[i].first || *known[i].place) {
                return reader_refuse(r, "`%s` is not what it should be, or there twice", key);
            }
            *known[i].place = value;
        }
    }
    return 0;
}

static int find_members(struct reader *r, const char *at, struct members *m)
{
    char key[NAME_MAX];
    size_t len;
    for (bool more = json_enter(&at); more; more = json_more(&at)) {
        const char *end = json_string(at, key, sizeof key, &len);
        at = end ? end : json_skip(at, NULL); // a key that is no word of ours
        at = json_blanks(json_blanks(at) + 1);
        int rc = end ? take_member(r, m, key, at) : 0;
        if (rc != 0) {
            return rc;
        }
        at = json_skip(at, NULL);
    }
    return m->metric && m->values && m->timestamps
               ? 0
               : reader_refuse(r, "expected {\"metric\":{},\"values\":[],\"timestamps\":[]}");
}

static int take_metric(struct reader *r, const char *at, struct reader_series *out)
{
    char key[VARVE_SERIES_TEXT];
    char value[VARVE_SERIES_TEXT];
    size_t key_len, value_len;
    struct reader_name name;
    const char *labels = at;
    reader_name_begin(&name, out->text, sizeof out->text);
    for (int pass = 0; pass < 2; pass++) { // the name first
        at = labels;
        for (bool more = json_enter(&at); more; more = json_more(&at)) {
            const char *end = json_string(at, key, sizeof key, &key_len);
            at = end ? json_blanks(json_blanks(end) + 1) : NULL;
            at = at ? json_string(at, value, sizeof value, &value_len) : NULL;
            if (!at) {
                return reader_refuse(r, "a label of `metric` is no text, or too long a one");
            }
            bool is_name = strcmp(key, "__name__") == 0;
            if (is_name && pass == 0) {
                reader_name_add(&name, value, value_len);
            } else if (!is_name && pass == 1) {
                reader_name_label(&name, key, key_len, value, value_len);
            }
        }
        if (pass == 0 && name.len == 0) {
            return reader_refuse(r, "`metric` has no `__name__`");
        }
    }
    return reader_name_end(r, &name);
}

// Kind, unit and help.
static int take_kind(struct reader *r, const struct members *m, struct reader_series *out)
{
    char kind[NAME_MAX] = "";
    size_t len;
    out->unit[0] = '\0';
    if (m->unit && !json_string(m->unit, out->unit, sizeof out->unit, &len)) {
        return reader_refuse(r, "`unit` is longer than %zu bytes", sizeof out->unit - 1);
    }
    out->help[0] = '\0';
    if (m->help && !json_string(m->help, out->help, sizeof out->help, &len)) {
        out->help[0] = '\0'; // too long a text is none
    }
    if (m->kind) {
        (void)json_string(m->kind, kind, sizeof kind, &len); // a longer one is none
    }
    out->kind = strcmp(kind, "counter") == 0 ? VARVE_COUNTER : VARVE_GAUGE;
    out->typed = out->kind == VARVE_COUNTER || strcmp(kind, "gauge") == 0;
    return 0;
}

static int take_line(struct reader *r, struct jsonl *in)
{
    struct members m = {.metric = NULL};
    const char *at = json_blanks(in->text);
    size_t values = 0, times = 0;
    if (*at == '\0') {
        return 0;
    }
    const char *end = *at == '{' ? json_skip(at, NULL) : NULL;
    if (!end || *json_blanks(end) != '\0') {
        return reader_refuse(r, "the line is no JSON object");
    }
    int rc = find_members(r, at, &m);
    rc = rc == 0 ? take_metric(r, m.metric, &in->series) : rc;
    rc = rc == 0 ? take_kind(r, &m, &in->series) : rc;
    if (rc != 0) {
        return VARVE_E_INVALID; // also for too long a name
    }
    (void)json_skip(m.values, &values); // both are JSON: the line is
    (void)json_skip(m.timestamps, &times);
    if (values != times) {
        return reader_refuse(r, "%zu values and %zu timestamps", values, times);
    }
    in->value = json_enter(&m.values) ? m.values : NULL;
    in->time = json_enter(&m.timestamps) ? m.timestamps : NULL;
    in->at = 1;
    return 0;
}

// ---- samples ------------------------------------------------------------------------------------

static int take_value(const char *at, const char *end, double *out)
{
    size_t len = (size_t)(end - at);
    if (*at == '"') {
        return number_parse(at + 1, len - 2, out);
    }
    if (*at == 'n') {
        *out = (double)NAN;
        return 0;
    }
    return number_parse(at, len, out); // true and false are none
}

static int take_sample(struct reader *r, struct jsonl *in, struct sample *out)
{
    const char *value = in->value;
    const char *time = in->time;
    const char *value_end = json_skip(value, NULL);
    const char *time_end = json_skip(time, NULL);
    size_t at = in->at++;
    double ms;
    in->value = value_end;
    in->time = time_end;
    if (!json_more(&in->value) || !json_more(&in->time)) {
        in->value = NULL;
    }
    if (take_value(value, value_end, &out->value) < 0) {
        return reader_refuse(r, "value %zu is no number", at);
    }
    if (*time == '"' || number_parse(time, (size_t)(time_end - time), &ms) < 0 ||
        !(fabs(ms) <= LARGEST_MS) || ms != floor(ms)) {
        return reader_refuse(r, "timestamp %zu is no integer of ms", at);
    }
    out->time_ms = (int64_t)ms;
    out->series = (struct csv_field){.at = in->series.text, .len = strlen(in->series.text)};
    return 1;
}

static int next_jsonl(struct reader *r, struct sample *out)
{
    struct jsonl *in = r->state;
    size_t len;
    while (!in->value || !in->time) { // a line has as many of the one as of the other
        int rc = reader_line(r, &in->lines, in->text, LINE_MAX, &len);
        if (rc != 1) {
            return rc;
        }
        rc = take_line(r, in);
        if (rc != 0) {
            return rc;
        }
    }
    return take_sample(r, in, out);
}

static int series_of_jsonl(struct reader *r, const struct sample *sample, struct reader_series *out)
{
    const struct jsonl *in = r->state;
    (void)sample; // it is of the line
    *out = in->series;
    return 0;
}

static int open_jsonl(struct reader *r)
{
    struct jsonl *in = r->state;
    lines_open(&in->lines, r->file);
    in->text = malloc(LINE_MAX);
    return in->text ? 0 : VARVE_E_NO_MEMORY;
}

static void close_jsonl(struct reader *r)
{
    struct jsonl *in = r->state;
    free(in->text);
}

const struct reader_format reader_jsonl = {
    .state_bytes = sizeof(struct jsonl),
    .open = open_jsonl,
    .next = next_jsonl,
    .series = series_of_jsonl,
    .close = close_jsonl,
};
