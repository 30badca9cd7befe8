// SPDX-License-Identifier: Apache-2.0
// A line of OpenMetrics, or of Prometheus' text format, with its time; see answer_lines.h.
//
// Both want the series of a name together, below a line with its type; formats.h says so. Series
// texts are written as they are stored, which is how both write them. OpenMetrics calls a counter
// by its name without _total; one whose name has no _total has no type there, and its help says
// what it is. A unit is told where OpenMetrics can: the name has to end in its word.
//
// Threading: no state.
#include <math.h>
#include <string.h>

#include "answer_lines.h"
#include "exposition.h"
#include "unit_word.h"

static const char total[] = "_total";
#define TOTAL_LEN (sizeof total - 1)

static bool ends_in_total(const char *name, size_t len)
{
    return len > TOTAL_LEN && memcmp(name + len - TOTAL_LEN, total, TOTAL_LEN) == 0;
}

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '\n' || *text == '"') {
            (void)fputc('\\', out);
        }
        (void)fputc(*text == '\n' ? 'n' : *text, out);
    }
}

static void put_unit(FILE *out, const struct varve_series_def *def, size_t len)
{
    const char *word = unit_word(def->unit ? def->unit : "");
    size_t tail = strlen(word);
    if (tail > 0 && len > tail + 1 && def->text[len - tail - 1] == '_' &&
        memcmp(def->text + len - tail, word, tail) == 0) {
        (void)fprintf(out, "# UNIT %.*s %s\n", (int)len, def->text, word);
    }
}

static void put_help(FILE *out, const struct varve_series_def *def, size_t len, bool marked)
{
    const char *help = def->help ? def->help : "";
    if (help[0] || marked) {
        (void)fprintf(out, "# HELP %.*s %s", (int)len, def->text, marked ? EXPOSITION_COUNTER : "");
        (void)fputs(marked && help[0] ? " " : "", out);
        put_text(out, help);
        (void)fputc('\n', out);
    }
}

static void put_family(FILE *out, const struct varve_series_def *def, size_t len, bool open)
{
    bool counter = def->kind == VARVE_COUNTER;
    bool marked = open && counter && !ends_in_total(def->text, len);
    const char *type = marked ? "unknown" : counter ? "counter" : "gauge";
    if (open && counter && !marked) {
        len -= TOTAL_LEN;
    }
    (void)fprintf(out, "# TYPE %.*s %s\n", (int)len, def->text, type);
    if (open) {
        put_unit(out, def, len);
    }
    put_help(out, def, len, marked);
}

// Before the first series of a name: its type.
static bool exposition_head(struct answer *a, FILE *head, const struct varve_series_def *def)
{
    size_t len = strcspn(def->text, "{");
    if (strlen(a->shown) != len || memcmp(a->shown, def->text, len) != 0) {
        put_family(a->out, def, len, a->format == FORMAT_OPENMETRICS);
        (void)snprintf(a->shown, sizeof a->shown, "%.*s", (int)len, def->text); // it fits
    }
    (void)fprintf(head, "%s ", def->text);
    return true;
}

static char *put_value(char *at, double value)
{
    if (isnan(value)) {
        return line_put(at, "NaN", 3); // neither format has words for payloads
    }
    return at + number_format(value, at);
}

static char *openmetrics_line(char *at, const struct answer_head *head,
                              const struct varve_point *point)
{
    at = line_put(at, head->text, head->len);
    at = put_value(at, point->value);
    int64_t ms = point->time_ms % 1000;
    *at++ = ' ';
    if (point->time_ms < 0 && point->time_ms > -1000) {
        *at++ = '-';
    }
    at = line_put_time(at, point->time_ms / 1000);
    if (ms != 0) {
        int64_t size = ms < 0 ? -ms : ms;
        *at++ = '.';
        *at++ = (char)('0' + size / 100);
        *at++ = (char)('0' + size / 10 % 10);
        *at++ = (char)('0' + size % 10);
    }
    *at++ = '\n';
    return at;
}

static char *prometheus_line(char *at, const struct answer_head *head,
                             const struct varve_point *point)
{
    at = line_put(at, head->text, head->len);
    at = put_value(at, point->value);
    *at++ = ' ';
    at = line_put_time(at, point->time_ms);
    *at++ = '\n';
    return at;
}

const struct line_layout line_openmetrics = {
    .begin = "",
    .end = "# EOF\n",
    .head = exposition_head,
    .line = openmetrics_line,
};

const struct line_layout line_prometheus = {
    .begin = "",
    .end = "",
    .head = exposition_head,
    .line = prometheus_line,
};
