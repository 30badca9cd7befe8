// SPDX-License-Identifier: Apache-2.0
// Contestants: InfluxDB 1.x and VictoriaMetrics, both fed over HTTP with InfluxDB's line protocol,
// 5 min of samples per request: the loss bound that varve has.
//
// InfluxDB syncs its WAL at each request. VictoriaMetrics writes what it has in RAM some seconds
// after it came - by the wall clock, which the workload outruns -, so that each request is followed
// until all of it is in a directory of its own: see wait_victoria(). Merging that both put off
// until there is less to do is not waited for: what they write here is a lower bound.
#include <glob.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http.h"
#include "peer.h"

#define BATCH_MS   300000
#define BATCH_ROWS 64u

static char batch[BATCH_ROWS * ROWS_MAX_SERIES * 64];
static size_t used;
static uint64_t sent; // samples
static unsigned batch_rows, batch_samples;
static uint32_t series;
static int64_t send_due_ms;
static bool follows; // each request is waited for
static const struct peer_setup *settings;

// ---- what VictoriaMetrics has written -----------------------------------------------------------

// The sum of a metric's lines in /metrics.
static double metric(const char *answer, const char *begin)
{
    double sum = 0;
    for (const char *at = strstr(answer, begin); at != NULL; at = strstr(at, begin)) {
        at += strcspn(at, " \n");
        sum += strtod(at, NULL);
    }
    return sum;
}

static size_t part_directories(void)
{
    static const char *const kinds[] = {"small", "big"};
    char pattern[512];
    size_t count = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        glob_t found;
        (void)snprintf(pattern, sizeof pattern, "%s/data/data/%s/*/[0-9]*_*_*", settings->dir,
                       kinds[i]);
        if (glob(pattern, 0, NULL, &found) == 0) {
            count += found.gl_pathc;
            globfree(&found);
        }
    }
    return count;
}

// Until all that was sent is in parts and each part has a directory: one in RAM has none. The
// metrics may be a second old.
static void wait_victoria(void)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    for (unsigned tries = 0; tries < 600; tries++) {
        const char *answer = http_request("GET", "/metrics", "", 0);
        if (metric(answer, "vm_rows{type=\"storage") == (double)sent &&
            metric(answer, "vm_pending_rows{type=\"storage\"}") == 0 &&
            metric(answer, "vm_active_merges{type=\"storage") == 0 &&
            metric(answer, "vm_parts{type=\"storage") == (double)part_directories()) {
            return;
        }
        (void)nanosleep(&pause, NULL); // a shorter pause is fine
    }
    die("victoriametrics", "it does not write what it has got");
}

// ---- rows ---------------------------------------------------------------------------------------

static void send_batch(void)
{
    if (used > 0) {
        (void)http_request("POST", "/write?db=bench&precision=ms", batch,
                           used); // the answer is empty
        sent += batch_samples;
        if (follows && settings->measured) { // the warm-up goes as fast as it can
            wait_victoria();
        }
    }
    used = batch_rows = batch_samples = 0;
}

static void open_http(const struct rows *rows, const struct peer_setup *setup)
{
    settings = setup;
    http_open(setup->address);
    series = rows->series;
    send_due_ms = rows->first_ms + BATCH_MS;
}

static void open_influx(const struct rows *rows, const struct peer_setup *setup)
{
    open_http(rows, setup);
    (void)http_request("POST", "/query?q=CREATE%20DATABASE%20bench", "",
                       0); // no rows in the answer
}

static void open_victoria(const struct rows *rows, const struct peer_setup *setup)
{
    open_http(rows, setup);
    follows = true;
}

static void add_row(int64_t time_ms, const double *values)
{
    for (uint32_t i = 0; i < series; i++) {
        if (!isnan(values[i])) {
            used += (size_t)snprintf(batch + used, sizeof batch - used,
                                     "m,s=%04u value=%.17g %" PRId64 "\n", i, values[i], time_ms);
            batch_samples++;
        }
    }
    batch_rows++;
    if (time_ms >= send_due_ms || batch_rows == BATCH_ROWS) {
        send_batch();
        send_due_ms = time_ms + BATCH_MS;
    }
}

static void settle(void)
{
    const struct timespec pause = {.tv_sec = 3};
    send_batch();
    (void)nanosleep(&pause, NULL); // VictoriaMetrics shows new samples only after a second or two
}

// ---- answers ------------------------------------------------------------------------------------

static size_t count_marks(const char *at, char mark)
{
    size_t count = 0;
    for (; *at != '\0' && strncmp(at, "]]", 2) != 0 && strncmp(at, "]}", 2) != 0; at++) {
        count += *at == mark;
    }
    return count;
}

// [[TIME,VALUE],...] with VALUE a number, in quotes or not, or null. `time_ms` is what a unit of
// time is, `shift_ms` is added. Without `out` they are only counted: what a client makes of an
// answer is not the server's time.
static size_t take_pairs(struct peer_points *out, const char *answer, double time_ms,
                         int64_t shift_ms)
{
    static const char begin[] = "\"values\":[";
    const char *at = strstr(answer, begin);
    size_t count = 0;
    if (at == NULL) {
        return 0;
    }
    at += sizeof begin - 1;
    if (out == NULL) {
        return count_marks(at, '[');
    }
    while (*at == '[') {
        char *text, *end;
        const int64_t time = llround(strtod(at + 1, &text) * time_ms) + shift_ms;
        text += text[1] == '"' ? 2 : 1;
        const double value = strtod(text, &end);
        if (end != text) {
            peer_point(out, time, value);
            count++;
        }
        at = strchr(end, ']');
        if (at == NULL) {
            die("answer", "it is cut off");
        }
        at += at[1] == ',' ? 2 : 1;
    }
    return count;
}

// A line of /api/v1/export: "values":[V,...],"timestamps":[T,...]. Returns where the next begins.
static const char *take_columns(struct peer_points *out, const char *line, size_t *count)
{
    const char *value = strstr(line, "\"values\":["), *time = strstr(line, "\"timestamps\":[");
    if (value == NULL || time == NULL) {
        return NULL;
    }
    value = strchr(value, '[') + 1;
    time = strchr(time, '[') + 1;
    *count += count_marks(time, ',') + 1;
    while (out != NULL && *time != '\0' && time[-1] != ']') {
        char *end, *time_end;
        const double v = strtod(value, &end);
        peer_point(out, strtoll(time, &time_end, 10), v);
        value = end + 1;
        time = time_end + 1;
    }
    return strchr(time, '\n');
}

static size_t read_influx(const struct peer_query *q, struct peer_points *out)
{
    char text[256], encoded[800], path[900];
    (void)snprintf(text, sizeof text,
                   "SELECT %s FROM m WHERE s='%04u' AND time>=%" PRId64 "ms AND time<=%" PRId64
                   "ms%s",
                   q->minutes ? "mean(value)" : "value", q->series, q->from_ms, q->to_ms,
                   q->minutes ? " GROUP BY time(1m)" : "");
    http_encode(encoded, sizeof encoded, text);
    (void)snprintf(path, sizeof path, "/query?db=bench&epoch=ms&q=%s", encoded);
    return take_pairs(out, http_request("GET", path, "", 0), 1, 0);
}

// The minute that begins at m is asked for at its last ms: a range [1m] is open at its left end.
static size_t read_victoria(const struct peer_query *q, struct peer_points *out)
{
    char text[128], encoded[400], path[600];
    size_t count = 0;
    (void)snprintf(text, sizeof text,
                   q->minutes ? "avg_over_time(m_value{s=\"%04u\"}[1m])" : "m_value{s=\"%04u\"}",
                   q->series);
    http_encode(encoded, sizeof encoded, text);
    (void)snprintf(path, sizeof path,
                   q->minutes ? "/api/v1/query_range?step=60&nocache=1&query=%s&start=%.3f&end=%.3f"
                              : "/api/v1/export?match[]=%s&start=%.3f&end=%.3f",
                   encoded, (double)(q->from_ms + (q->minutes ? 59999 : 0)) / 1e3,
                   (double)q->to_ms / 1e3);
    const char *answer = http_request("GET", path, "", 0);
    if (q->minutes) {
        return take_pairs(out, answer, 1e3, -59999);
    }
    for (const char *line = answer; line != NULL;) {
        line = take_columns(out, line, &count);
    }
    return count;
}

static void close_http(void)
{
}

const struct peer peer_influx = {.name = "influxdb",
                                 .server = true,
                                 .open = open_influx,
                                 .row = add_row,
                                 .settle = settle,
                                 .read = read_influx,
                                 .close = close_http};
const struct peer peer_victoria = {.name = "victoriametrics",
                                   .server = true,
                                   .open = open_victoria,
                                   .row = add_row,
                                   .wait = wait_victoria,
                                   .settle = settle,
                                   .read = read_victoria,
                                   .close = close_http};
