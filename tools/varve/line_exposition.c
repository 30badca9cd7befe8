// SPDX-License-Identifier: Apache-2.0
// A line of OpenMetrics, or of Prometheus' text format, with its time; see answer_lines.h.
//
// Both want the series of a name together, below a line with its type; formats.h says so. Series
// texts are written as they are stored, which is how both write them. OpenMetrics calls a counter
// by its name without _total; one whose name has no _total has no type there.
//
// Threading: no state.
#include <math.h>
#include <string.h>

#include "answer_lines.h"

static const char total[] = "_total";
#define TOTAL_LEN (sizeof total - 1)

static bool ends_in_total(const char *name, size_t len)
{
    return len > TOTAL_LEN && memcmp(name + len - TOTAL_LEN, total, TOTAL_LEN) == 0;
}

static void put_help(FILE *out, const char *help)
{
    for (; help && *help; help++) {
        if (*help == '\\' || *help == '\n' || *help == '"') {
            (void)fputc('\\', out);
        }
        (void)fputc(*help == '\n' ? 'n' : *help, out);
    }
}

static void put_family(FILE *out, const struct varve_series_def *def, size_t len, bool open)
{
    bool counter = def->kind == VARVE_COUNTER;
    bool named = ends_in_total(def->text, len);
    const char *type = counter ? "counter" : "gauge";
    if (open && counter) {
        type = named ? type : "unknown";
        len -= named ? TOTAL_LEN : 0;
    }
    (void)fprintf(out, "# TYPE %.*s %s\n", (int)len, def->text, type);
    if (def->help && def->help[0]) {
        (void)fprintf(out, "# HELP %.*s ", (int)len, def->text);
        put_help(out, def->help);
        (void)fputc('\n', out);
    }
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
