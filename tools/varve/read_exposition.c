// SPDX-License-Identifier: Apache-2.0
// OpenMetrics and Prometheus' text format for the import: `name{label="value"} 1.5 1750000020`.
//
// They differ in the time, which is s in OpenMetrics and ms in Prometheus; a sample without one is
// refused. Exemplars are passed over. What TYPE and HELP say of a name holds for the series behind
// them: in OpenMetrics a counter `x` has the series `x_total`; histograms and summaries count in
// `x_bucket`, `x_count` and `x_sum`. So does UNIT, whose word becomes varve's symbol. An unknown
// type whose help begins with EXPOSITION_COUNTER is the counter without _total that varve exported.
//
// Threading: one task.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exposition.h"
#include "known.h"
#include "lines.h"
#include "number.h"
#include "plugins/collectors/parse/parse.h"
#include "reader.h"
#include "unit_word.h"
#include "varve/error.h"

#define LINE_MAX 65536u
// Families whose help or unit is kept; a file of more has none of the rest.
#define TEXTS_MAX 65536u

enum type {
    TYPE_UNKNOWN,
    TYPE_GAUGE,
    TYPE_COUNTER,
    TYPE_PARTS, // histogram or summary: some of its series count
};

// A text for each name.
struct texts {
    struct known names; // with the index of the text
    char **text;
    size_t count;
};

struct exposition {
    struct lines lines;
    char text[LINE_MAX];
    struct known types; // enum type by name
    struct texts helps, units;
};

// ---- what is said of names ----------------------------------------------------------------------

static int take_type(struct exposition *in, const struct varve_exposition_text *line)
{
    int added = 0;
    struct known_name *name = known_find(&in->types, line->name.at, line->name.len, &added);
    if (!name) {
        return VARVE_E_NO_MEMORY;
    }
    bool parts = varve_span_equals(line->type, "histogram") ||
                 varve_span_equals(line->type, "summary") ||
                 varve_span_equals(line->type, "gaugehistogram");
    name->id = varve_span_equals(line->type, "counter") ? TYPE_COUNTER
               : varve_span_equals(line->type, "gauge") ? TYPE_GAUGE
               : parts                                  ? TYPE_PARTS
                                                        : TYPE_UNKNOWN;
    return 0;
}

// Takes \\, \n and \" out; cut where it is too long, which a help may be.
static char *plain_text(struct varve_span text)
{
    char *plain = malloc(READER_HELP);
    size_t n = 0;
    while (text.len > 0 && (*text.at == ' ' || *text.at == '\t')) {
        text.at++;
        text.len--;
    }
    for (size_t i = 0; plain && i < text.len && n + 1 < READER_HELP; i++) {
        bool escape = text.at[i] == '\\' && i + 1 < text.len && strchr("\\n\"", text.at[i + 1]);
        i += escape ? 1 : 0;
        plain[n++] = escape && text.at[i] == 'n' ? '\n' : text.at[i];
    }
    if (plain) {
        plain[n] = '\0';
    }
    return plain;
}

// Keeps the first text that a name has.
static int take_text(struct texts *texts, const struct varve_exposition_text *line)
{
    int added = 0;
    if (texts->count == TEXTS_MAX) {
        return 0;
    }
    struct known_name *name = known_find(&texts->names, line->name.at, line->name.len, &added);
    if (!name || !added) {
        return name ? 0 : VARVE_E_NO_MEMORY;
    }
    char **grown = realloc(texts->text, (texts->count + 1) * sizeof *grown);
    if (!grown) {
        return VARVE_E_NO_MEMORY;
    }
    texts->text = grown;
    name->id = (int)texts->count;
    grown[texts->count] = plain_text(line->rest);
    return grown[texts->count++] ? 0 : VARVE_E_NO_MEMORY;
}

// What a name has, or "".
static const char *text_of(const struct texts *texts, const char *name, size_t len)
{
    const struct known_name *known = known_has(&texts->names, name, len);
    return known ? texts->text[known->id] : "";
}

static void free_texts(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->text[i]);
    }
    free(texts->text);
    known_free(&texts->names);
}

// ---- samples ------------------------------------------------------------------------------------

static int take_time(struct reader *r, struct varve_span text, bool seconds, int64_t *time_ms)
{
    double time;
    if (text.len == 0 || *text.at == '#') {
        return reader_refuse(r, "the sample has no time: only what has one is history");
    }
    if (!seconds) {
        return varve_scan_i64(text, time_ms) ? 0
                                             : reader_refuse(r, "the time is no integer, in ms");
    }
    if (number_parse(text.at, text.len, &time) < 0 || !(fabs(time) < 9e12)) {
        return reader_refuse(r, "the time is no number, in seconds");
    }
    *time_ms = llround(time * 1000);
    return 0;
}

static int take_sample(struct reader *r, const struct varve_exposition_text *line, bool seconds,
                       struct sample *out)
{
    struct varve_span rest = line->rest;
    struct varve_span more;
    bool exemplar = line->time.len > 0 && *line->time.at == '#';
    if (number_parse(line->number.at, line->number.len, &out->value) < 0) {
        return reader_refuse(r, "the value is no number");
    }
    int rc = take_time(r, line->time, seconds, &out->time_ms);
    if (rc == 0 && !exemplar && varve_scan_token(&rest, &more) && *more.at != '#') {
        rc = reader_refuse(r, "there is something behind the time");
    }
    out->series = (struct csv_field){.at = line->series.at, .len = line->series.len};
    return rc == 0 ? 1 : rc;
}

static int take_line(struct reader *r, struct varve_span text, bool seconds, struct sample *out)
{
    struct exposition *in = r->state;
    struct varve_exposition_text line;
    switch (varve_split_exposition(text, &line)) {
    case VARVE_EXPOSITION_SAMPLE:
        return take_sample(r, &line, seconds, out);
    case VARVE_EXPOSITION_TYPE:
        return take_type(in, &line);
    case VARVE_EXPOSITION_HELP:
        return take_text(&in->helps, &line);
    case VARVE_EXPOSITION_UNIT:
        return take_text(&in->units, &line);
    case VARVE_EXPOSITION_NOTHING:
        return 0;
    case VARVE_EXPOSITION_GARBAGE:
        break;
    }
    return reader_refuse(r, "expected name{label=\"value\"} number time");
}

static int next_sample(struct reader *r, bool seconds, struct sample *out)
{
    struct exposition *in = r->state;
    struct varve_span text = {.at = in->text};
    for (;;) {
        int rc = reader_line(r, &in->lines, in->text, sizeof in->text, &text.len);
        if (rc != 1) {
            return rc;
        }
        rc = take_line(r, text, seconds, out);
        if (rc != 0) {
            return rc;
        }
    }
}

static int next_openmetrics(struct reader *r, struct sample *out)
{
    return next_sample(r, true, out);
}

static int next_prometheus(struct reader *r, struct sample *out)
{
    return next_sample(r, false, out);
}

// ---- series -------------------------------------------------------------------------------------

// The family that a name belongs to: itself, or what it is without the ending of a part.
static size_t family_of(struct exposition *in, const char *name, size_t len, bool *counts)
{
    static const char *const ends[] = {"_total", "_bucket", "_count", "_sum", "_created"};
    const struct known_name *type = known_has(&in->types, name, len);
    *counts = type && type->id == TYPE_COUNTER;
    for (size_t i = 0; !type && i < sizeof ends / sizeof ends[0]; i++) {
        size_t end = strlen(ends[i]);
        bool ends_so = len > end && memcmp(name + len - end, ends[i], end) == 0;
        type = ends_so ? known_has(&in->types, name, len - end) : NULL;
        if (type) {
            bool created = i == 4;
            *counts = !created && (type->id == TYPE_PARTS || (type->id == TYPE_COUNTER && i == 0));
            return len - end;
        }
    }
    return type ? len : 0;
}

// The help that was exported is behind the mark.
static bool is_marked(const struct known_name *type, const char **help)
{
    static const char mark[] = EXPOSITION_COUNTER;
    size_t len = sizeof mark - 1;
    bool marked = type && type->id == TYPE_UNKNOWN && strncmp(*help, mark, len) == 0 &&
                  ((*help)[len] == ' ' || (*help)[len] == '\0');
    if (marked) {
        *help += len + ((*help)[len] == ' ' ? 1 : 0);
    }
    return marked;
}

// A unit without a symbol of its own is its word.
static void put_unit(const char *word, struct reader_series *out)
{
    size_t len = strcspn(word, " \t");
    const char *unit = unit_of_word(word, len);
    (void)snprintf(out->unit, sizeof out->unit, "%.*s", unit ? (int)strlen(unit) : (int)len,
                   unit ? unit : word); // a long one is cut short
}

static int series_of_exposition(struct reader *r, const struct sample *sample,
                                struct reader_series *out)
{
    struct exposition *in = r->state;
    size_t len = sample->series.len;
    if (len >= sizeof out->text) {
        (void)reader_refuse(r, "the series name is longer than %zu characters",
                            sizeof out->text - 1);
        return VARVE_E_TOO_BIG;
    }
    memcpy(out->text, sample->series.at, len);
    out->text[len] = '\0';
    size_t name = strcspn(out->text, "{");
    bool counts = false;
    size_t family = family_of(in, out->text, name, &counts);
    const struct known_name *type = family > 0 ? known_has(&in->types, out->text, family) : NULL;
    name = family > 0 ? family : name;
    const char *help = text_of(&in->helps, out->text, name);
    bool marked = is_marked(type, &help);
    out->typed = marked || (type && type->id != TYPE_UNKNOWN);
    out->kind = counts || marked ? VARVE_COUNTER : VARVE_GAUGE;
    (void)snprintf(out->help, sizeof out->help, "%s", help);
    put_unit(text_of(&in->units, out->text, name), out);
    return 0;
}

static int open_exposition(struct reader *r)
{
    struct exposition *in = r->state;
    lines_open(&in->lines, r->file);
    return 0;
}

static void close_exposition(struct reader *r)
{
    struct exposition *in = r->state;
    free_texts(&in->helps);
    free_texts(&in->units);
    known_free(&in->types);
}

const struct reader_format reader_openmetrics = {
    .state_bytes = sizeof(struct exposition),
    .open = open_exposition,
    .next = next_openmetrics,
    .series = series_of_exposition,
    .close = close_exposition,
};

const struct reader_format reader_prometheus = {
    .state_bytes = sizeof(struct exposition),
    .open = open_exposition,
    .next = next_prometheus,
    .series = series_of_exposition,
    .close = close_exposition,
};
