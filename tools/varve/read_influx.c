// SPDX-License-Identifier: Apache-2.0
// InfluxDB's line protocol for the import: `cpu,host=a usage=1.5,idle=90i 1750000020000000000`.
//
// A field is a series of its own: `value` is called as the measurement, any other MEASUREMENT_FIELD
// (as VictoriaMetrics and Telegraf's Prometheus output have it); tags are labels. Numbers, integers
// (5i, 5u) and booleans are samples, texts are refused. Times are ns unless the options say
// otherwise, and lose what is finer than a ms.
//
// The key of a sample is `MEASUREMENT,TAGS FIELD` as written.
//
// Threading: one task.
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "number.h"
#include "reader.h"
#include "varve/error.h"

#define LINE_MAX 65536u

struct influx {
    struct lines lines;
    char text[LINE_MAX];
    char key[LINE_MAX + 1]; // the head, a blank, the field's name
    size_t head;            // length of the head with the blank
    const char *field;      // the next one; NULL: the line is done
    int64_t time_ms;
};

// ---- pieces -------------------------------------------------------------------------------------

// A backslash escapes a comma, an equals sign or a blank; before anything else it is one.
static bool is_escape(const char *at)
{
    return at[0] == '\\' && (at[1] == ',' || at[1] == '=' || at[1] == ' ');
}

// The first of `ends` that is not escaped; or the end of the text.
static const char *piece_end(const char *at, const char *ends)
{
    while (*at && !strchr(ends, *at)) {
        at += is_escape(at) ? 2 : 1;
    }
    return at;
}

// The end of a field's value: a comma, a blank or the end, quotes respected.
static const char *value_end(const char *at)
{
    if (*at != '"') {
        return at + strcspn(at, ", ");
    }
    for (at++; *at && *at != '"'; at++) {
        at += at[0] == '\\' && at[1] ? 1 : 0;
    }
    return *at ? at + 1 : at;
}

// The end of all fields: a blank outside quotes.
static const char *fields_end(const char *at)
{
    for (;;) {
        at = piece_end(at, "= ");
        if (*at != '=') {
            return at;
        }
        at = value_end(at + 1);
        if (*at != ',') {
            return at;
        }
        at++;
    }
}

static int take_time(struct reader *r, const char *at, int64_t *time_ms)
{
    static const int64_t per_ms[] = {[READER_NS] = 1000000, [READER_US] = 1000, [READER_MS] = 1};
    char *end = NULL;
    bool seconds = r->options.unit == READER_S;
    int64_t unit = seconds ? 1 : per_ms[r->options.unit];
    if (*at == '\0') {
        return reader_refuse(r, "the line has no time");
    }
    long long time = strtoll(at, &end, 10); // at the end of its range it is refused below
    if (end == at || *end != '\0' || at[0] == '+') {
        return reader_refuse(r, "the time is no integer");
    }
    bool too_large = seconds && (time > INT64_MAX / 1000 || time < INT64_MIN / 1000);
    if (too_large || time == INT64_MAX || time == INT64_MIN) {
        return reader_refuse(r, "the time is out of range");
    }
    if (seconds) {
        *time_ms = time * 1000;
    } else { // towards the past, before 1970 too
        *time_ms = time / unit - (time % unit < 0 ? 1 : 0);
    }
    return 0;
}

static int take_line(struct reader *r, struct influx *in)
{
    const char *head = in->text + strspn(in->text, " \t");
    if (*head == '\0' || *head == '#') {
        return 0;
    }
    const char *fields = piece_end(head, " ");
    if (*fields == '\0' || fields == head || *head == ',') {
        return reader_refuse(r, "expected measurement,tags field=value time");
    }
    const char *end = fields_end(fields + 1);
    int rc = take_time(r, end + strspn(end, " "), &in->time_ms);
    if (rc == 0) {
        in->head = (size_t)(fields - head) + 1;
        memcpy(in->key, head, in->head);
        in->field = fields + 1;
    }
    return rc;
}

// ---- fields -------------------------------------------------------------------------------------

static int take_value(const char *at, size_t len, double *out)
{
    static const char *const words[] = {"t", "T", "true",  "True",  "TRUE",
                                        "f", "F", "false", "False", "FALSE"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == len && memcmp(words[i], at, len) == 0) {
            *out = i < 5 ? 1 : 0;
            return 0;
        }
    }
    bool integer = len > 1 && (at[len - 1] == 'i' || at[len - 1] == 'u');
    return number_parse(at, integer ? len - 1 : len, out);
}

static int take_field(struct reader *r, struct influx *in, struct sample *out)
{
    const char *name = in->field;
    const char *sign = piece_end(name, "=, ");
    size_t len = (size_t)(sign - name);
    in->field = NULL;
    if (*sign != '=' || len == 0) {
        return reader_refuse(r, "expected field=value");
    }
    const char *value = sign + 1;
    const char *end = value_end(value);
    if (*end == ',') {
        in->field = end + 1;
    } else if (*end != ' ') {
        return reader_refuse(r, "expected a comma or a time behind the value of `%.*s`", (int)len,
                             name);
    }
    if (*value == '"') {
        return reader_refuse(r, "the field `%.*s` is a text", (int)len, name);
    }
    if (take_value(value, (size_t)(end - value), &out->value) < 0) {
        return reader_refuse(r, "the value of `%.*s` is no number", (int)len, name);
    }
    memcpy(in->key + in->head, name, len);
    out->series = (struct csv_field){.at = in->key, .len = in->head + len};
    out->time_ms = in->time_ms;
    return 1;
}

static int next_influx(struct reader *r, struct sample *out)
{
    struct influx *in = r->state;
    size_t len;
    while (!in->field) {
        int rc = reader_line(r, &in->lines, in->text, sizeof in->text, &len);
        rc = rc == 1 ? take_line(r, in) : rc == 0 ? 1 : rc;
        if (rc != 0) {
            return rc > 0 ? 0 : rc;
        }
    }
    return take_field(r, in, out);
}

// ---- names --------------------------------------------------------------------------------------

// Takes the backslashes out that escape something.
static size_t unescape(const char *at, size_t len, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        i += i + 1 < len && is_escape(at + i) ? 1 : 0;
        out[n++] = at[i];
    }
    return n;
}

static int add_tag(struct reader *r, struct reader_name *name, const char *tag, size_t len)
{
    static char key[LINE_MAX];
    static char value[LINE_MAX];
    const char *sign = piece_end(tag, "=");
    if (sign >= tag + len || sign == tag || sign + 1 == tag + len) {
        return reader_refuse(r, "expected tag=value, not `%.*s`", (int)(len < 64 ? len : 64), tag);
    }
    size_t key_len = unescape(tag, (size_t)(sign - tag), key);
    size_t value_len = unescape(sign + 1, (size_t)(tag + len - sign - 1), value);
    reader_name_label(name, key, key_len, value, value_len);
    return 0;
}

static int series_of_influx(struct reader *r, const struct sample *sample,
                            struct reader_series *out)
{
    struct influx *in = r->state;
    static char part[LINE_MAX];
    static char head[LINE_MAX];
    struct reader_name name;
    memcpy(head, in->key, in->head - 1);
    head[in->head - 1] = '\0';
    const char *at = piece_end(head, ",");
    reader_name_begin(&name, out->text, sizeof out->text);
    reader_name_add(&name, part, unescape(head, (size_t)(at - head), part));
    size_t len = unescape(in->key + in->head, sample->series.len - in->head, part);
    if (len != 5 || memcmp(part, "value", 5) != 0) {
        reader_name_add(&name, "_", 1);
        reader_name_add(&name, part, len);
    }
    int rc = 0;
    while (rc == 0 && *at == ',') {
        const char *end = piece_end(at + 1, ",");
        rc = add_tag(r, &name, at + 1, (size_t)(end - at - 1));
        at = end;
    }
    return rc == 0 ? reader_name_end(r, &name) : rc;
}

static int open_influx(struct reader *r)
{
    struct influx *in = r->state;
    lines_open(&in->lines, r->file);
    return 0;
}

static void close_influx(struct reader *r)
{
    (void)r; // the state is all there is
}

const struct reader_format reader_influx = {
    .state_bytes = sizeof(struct influx),
    .open = open_influx,
    .next = next_influx,
    .series = series_of_influx,
    .close = close_influx,
};
