// SPDX-License-Identifier: Apache-2.0
// Contestants: InfluxDB 1.x and VictoriaMetrics, both fed over HTTP with InfluxDB's line protocol,
// 5 min of samples per request: the loss bound that varve has.
//
// InfluxDB syncs its WAL at each request. VictoriaMetrics writes what it has in RAM about 5 s after
// it came - by the wall clock, which the workload outruns -, so that setup->pace_s is waited behind
// each request. Merging that both put off until there is less to do is not waited for: what they
// write here is a lower bound.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "link.h"
#include "peer.h"

#define BATCH_MS   300000
#define BATCH_ROWS 64u

static struct link server;
static char batch[BATCH_ROWS * ROWS_MAX_SERIES * 56];
static char request[4096];
static size_t used;
static unsigned batch_rows;
static uint32_t series;
static int64_t send_due_ms;
static const char *port;
static const struct peer_setup *settings;

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           strchr("-_.~", c) != NULL;
}

// Percent-encodes `text` into `to`.
static void encode(char *to, size_t cap, const char *text)
{
    size_t n = 0;
    for (; *text != '\0' && n + 4 < cap; text++) {
        n += is_unreserved(*text)
                 ? (size_t)snprintf(to + n, cap - n, "%c", *text)
                 : (size_t)snprintf(to + n, cap - n, "%%%02X", (unsigned char)*text);
    }
    to[n] = '\0';
}

// Reads the answer up to its body; dies unless it is a success.
static void read_head(void)
{
    char *line = link_line(&server);
    if (strncmp(line, "HTTP/1.", 7) != 0 || strstr(line, " 20") == NULL) {
        die(request, line);
    }
    while (line[0] != '\0' && line[0] != '\r') {
        line = link_line(&server);
    }
}

// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
static void send_request(const char *method, const char *path, const char *body, size_t n)
{
    int head = snprintf(request, sizeof request,
                        "%s %s HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: %zu\r\n\r\n", method,
                        path, n);
    link_open(&server, port);
    link_send(&server, request, (size_t)head);
    link_send(&server, body, n);
    read_head();
}

static void send_batch(void)
{
    const struct timespec pause = {.tv_sec = settings->pace_s};
    char *ignored;
    if (used > 0) {
        send_request("POST", "/write?db=bench&precision=ms", batch, used);
        while (link_read(&server, &ignored) > 0) {
        }
        link_close(&server);
        (void)nanosleep(&pause, NULL); // a little shorter is fine
    }
    used = batch_rows = 0;
}

static void open_http(const struct rows *rows, const struct peer_setup *setup)
{
    settings = setup;
    port = setup->address;
    series = rows->series;
    send_due_ms = rows->first_ms + BATCH_MS;
}

static void open_influx(const struct rows *rows, const struct peer_setup *setup)
{
    char *ignored;
    open_http(rows, setup);
    send_request("POST", "/query?q=CREATE%20DATABASE%20bench", "", 0);
    while (link_read(&server, &ignored) > 0) {
    }
    link_close(&server);
}

static void add_row(int64_t time_ms, const double *values)
{
    for (uint32_t i = 0; i < series; i++) {
        if (!isnan(values[i])) {
            used += (size_t)snprintf(batch + used, sizeof batch - used,
                                     "m,s=%04u value=%.15g %" PRId64 "\n", i, values[i], time_ms);
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

// Sends a query and counts how often `mark` is in the answer's body from `begin` on, with one more
// for the first point.
static size_t count_marks(const char *path, const char *begin, char mark)
{
    static char body[4u << 20];
    char *data;
    size_t n = 0, got, count = 0;
    send_request("GET", path, "", 0);
    while ((got = link_read(&server, &data)) > 0) {
        if (n + got >= sizeof body) {
            die(path, "the answer is too long");
        }
        (void)memcpy(body + n, data, got);
        n += got;
    }
    link_close(&server);
    body[n] = '\0';
    const char *at = strstr(body, begin);
    if (at == NULL) {
        return 0;
    }
    for (at += strlen(begin); *at != '\0' && strncmp(at, "]]", 2) != 0 && strncmp(at, "]}", 2) != 0;
         at++) {
        count += *at == mark;
    }
    return mark == ',' ? count + 1 : count;
}

static size_t read_influx(const struct peer_query *q)
{
    char text[256], encoded[800], path[900];
    (void)snprintf(text, sizeof text,
                   "SELECT %s FROM m WHERE s='%04u' AND time>=%" PRId64 "ms AND time<=%" PRId64
                   "ms%s",
                   q->minutes ? "mean(value)" : "value", q->series, q->from_ms, q->to_ms,
                   q->minutes ? " GROUP BY time(1m)" : "");
    encode(encoded, sizeof encoded, text);
    (void)snprintf(path, sizeof path, "/query?db=bench&epoch=ms&q=%s", encoded);
    return count_marks(path, "\"values\":[", '[');
}

static size_t read_victoria(const struct peer_query *q)
{
    char text[128], encoded[400], path[600];
    (void)snprintf(text, sizeof text,
                   q->minutes ? "avg_over_time(m_value{s=\"%04u\"}[1m])" : "m_value{s=\"%04u\"}",
                   q->series);
    encode(encoded, sizeof encoded, text);
    (void)snprintf(path, sizeof path,
                   q->minutes ? "/api/v1/query_range?step=60&nocache=1&query=%s&start=%.3f&end=%.3f"
                              : "/api/v1/export?match[]=%s&start=%.3f&end=%.3f",
                   encoded, (double)q->from_ms / 1e3, (double)q->to_ms / 1e3);
    return q->minutes ? count_marks(path, "\"values\":[", '[')
                      : count_marks(path, "\"timestamps\":[", ',');
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
                                   .open = open_http,
                                   .row = add_row,
                                   .settle = settle,
                                   .read = read_victoria,
                                   .close = close_http};
