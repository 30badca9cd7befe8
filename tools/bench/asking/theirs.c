// SPDX-License-Identifier: Apache-2.0
// Asking Prometheus and VictoriaMetrics over HTTP; see bench.h.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../peers/http.h"
#include "bench.h"

// Prometheus has raw samples as the value of a range at one moment; VictoriaMetrics answers that
// with its own grid, and gives samples by /api/v1/export.
static void path_of(const struct server *s, const struct question *q, char *path, size_t cap)
{
    char text[sizeof q->text + sizeof q->range], encoded[3 * sizeof text];
    const bool exports = q->points && s->victoria;
    (void)snprintf(text, sizeof text, "%s%s", q->text, q->points && !exports ? q->range : "");
    http_encode(encoded, sizeof encoded, text);
    const double from_s = (double)q->from_ms / 1e3, to_s = (double)q->to_ms / 1e3;
    const char *fresh = s->victoria && !s->cached ? "&nocache=1" : "";
    if (exports) {
        (void)snprintf(path, cap, "/api/v1/export?match[]=%s&start=%.3f&end=%.3f", encoded, from_s,
                       to_s);
    } else if (q->step_ms != 0) {
        (void)snprintf(path, cap, "/api/v1/query_range?query=%s&start=%.3f&end=%.3f&step=%.3f%s",
                       encoded, from_s, to_s, (double)q->step_ms / 1e3, fresh);
    } else {
        (void)snprintf(path, cap, "/api/v1/query?query=%s&time=%.3f%s", encoded, to_s, fresh);
    }
}

// ---- what comes back ----------------------------------------------------------------------------

// [TIME,"VALUE"]; returns what follows.
static const char *take_pair(struct answer *a, uint32_t key, const char *at)
{
    char *end;
    const int64_t time_ms = llround(strtod(at + 1, &end) * 1e3);
    if (strncmp(end, ",\"", 2) != 0) {
        die("answer", "a pair of another form than [time,\"value\"]");
    }
    answer_add(a, key, time_ms, strtod(end + 2, &end));
    return end + strlen("\"]");
}

// {"metric":{...},"value":[T,"V"]} or "values":[[T,"V"],...], as often as there are series.
static void take_api(struct answer *a, const char *text)
{
    while ((text = strstr(text, "\"metric\":{")) != NULL) {
        const uint32_t key = answer_key(text);
        text = strstr(text, "\"value");
        if (text == NULL) {
            die("answer", "a series without values");
        }
        text = strchr(text, '[');
        if (text[1] != '[') {
            text = take_pair(a, key, text);
            continue;
        }
        for (text++; *text == '['; text += *text == ',') {
            text = take_pair(a, key, text);
        }
    }
}

// The column that begins behind `name`, or the end of the program.
static const char *column(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    if (at == NULL) {
        die("export", "a line without values or timestamps");
    }
    return at + strlen(name);
}

// Lines of "values":[V,...],"timestamps":[T,...].
static void take_export(struct answer *a, const char *text)
{
    while (text != NULL && (text = strstr(text, "\"metric\":{")) != NULL) {
        const uint32_t key = answer_key(text);
        const char *value = column(text, "\"values\":["), *time = column(text, "\"timestamps\":[");
        char *value_end, *time_end;
        do {
            const double v = strtod(value, &value_end);
            answer_add(a, key, strtoll(time, &time_end, 10), v);
            value = value_end + 1;
            time = time_end + 1;
        } while (*time_end == ',');
        text = strchr(time, '\n');
    }
}

void theirs_ask(const struct server *s, const struct question *q, unsigned runs, struct timing *t,
                struct answer *a)
{
    char path[1024];
    const char *text = "";
    path_of(s, q, path, sizeof path);
    http_open(s->address);
    *t = (struct timing){.engine_ms = -1, .trip_ms = 1e9};
    for (unsigned i = 0; i < runs; i++) {
        const double start = now_s();
        text = http_request("GET", path, "", 0);
        const double took = 1e3 * (now_s() - start);
        t->trip_ms = took < t->trip_ms ? took : t->trip_ms;
    }
    answer_clear(a);
    (q->points && s->victoria ? take_export : take_api)(a, text);
    t->points = a->n;
}
