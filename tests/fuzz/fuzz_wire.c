// SPDX-License-Identifier: Apache-2.0
// Fuzz target: any bytes as what the other side of a daemon's socket sends.
//
// The first byte says who reads: the daemon's side of the channel, with every decoder of requests
// and rows, or one of the client's calls. The rest arrives through a real socket whose writing end
// is then closed, so that no read waits. What must hold: nothing outside the memory, texts end,
// enumerators and counts are within their limits, reading ends, and structs that were accepted are
// written and read back as the same.
//
// Threading: one task.
#include <math.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/channel.h"
#include "client/fields.h"
#include "fuzz.h"

// What a socket takes without a reader at the other end.
#define STREAM_MAX 65536u

// The first byte, modulo 16, that stands for a client that prunes.
#define PRUNES 15u

#define IS_TEXT(array) (memchr((array), 0, sizeof(array)) != NULL)

// ---- rows that arrive -------------------------------------------------------------------------

static int take_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    FUZZ_CHECK(strlen(def->text) + strlen(def->unit) + strlen(def->help) < VARVE_FRAME_MAX);
    FUZZ_CHECK(def->kind == VARVE_GAUGE || def->kind == VARVE_COUNTER);
    return 0;
}

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    uint64_t *sum = arg;
    FUZZ_CHECK(n <= VARVE_RUN_PIECE);
    for (size_t i = 0; i < n; i++) {
        *sum += (uint64_t)points[i].time_ms + (isnan(points[i].value) ? 1 : 0) + id;
    }
    return 0;
}

static int take_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    FUZZ_CHECK(IS_TEXT(info->tier_name));
    return 0;
}

static int take_event(void *arg, const struct varve_event *event)
{
    (void)arg;
    FUZZ_CHECK((unsigned)event->severity <= VARVE_DEBUG);
    FUZZ_CHECK(IS_TEXT(event->source) && IS_TEXT(event->kind));
    FUZZ_CHECK(IS_TEXT(event->message) && IS_TEXT(event->payload));
    return 0;
}

static int take_instance(void *arg, const struct varve_instance_stats *instance)
{
    (void)arg;
    FUZZ_CHECK(IS_TEXT(instance->name) && IS_TEXT(instance->plugin) && IS_TEXT(instance->kind));
    FUZZ_CHECK(IS_TEXT(instance->state) && IS_TEXT(instance->summary) && IS_TEXT(instance->reason));
    return 0;
}

static void take_line(void *arg, const char *line)
{
    (void)arg;
    FUZZ_CHECK(strlen(line) < VARVE_FRAME_MAX);
}

static void check_stats(const struct varve_stats *stats)
{
    FUZZ_CHECK(stats->tier_count <= VARVE_MAX_TIERS && stats->backend_count <= VARVE_MAX_BACKENDS);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        FUZZ_CHECK(IS_TEXT(stats->tiers[i].tier.name));
    }
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        FUZZ_CHECK(IS_TEXT(stats->backends[i].name) && IS_TEXT(stats->backends[i].where));
    }
}

// ---- the daemon's side: one frame, every decoder ------------------------------------------------

static struct varve_wire_reader from_start(const struct varve_wire_reader *payload)
{
    return (struct varve_wire_reader){.buf = payload->buf, .len = payload->len};
}

static void try_stats(const struct varve_wire_reader *payload)
{
    static struct varve_stats stats, again;
    static uint8_t buf[VARVE_FRAME_MAX];
    struct varve_wire_reader r = from_start(payload);
    memset(&stats, 0, sizeof stats);
    varve_stats_get(&r, &stats);
    check_stats(&stats);
    if (!varve_wire_done(&r)) {
        return;
    }
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_stats_put(&w, &stats);
    FUZZ_CHECK(!w.failed && w.used == payload->len && memcmp(buf, payload->buf, w.used) == 0);
    r = (struct varve_wire_reader){.buf = buf, .len = w.used};
    memset(&again, 0, sizeof again);
    varve_stats_get(&r, &again);
    FUZZ_CHECK(varve_wire_done(&r));
}

static void try_query(const struct varve_wire_reader *payload)
{
    static uint8_t buf[VARVE_FRAME_MAX];
    struct varve_wire_reader r = from_start(payload);
    struct varve_query query;
    varve_query_get(&r, &query);
    FUZZ_CHECK(strlen(query.selector) <= payload->len);
    if (!varve_wire_done(&r)) {
        return;
    }
    FUZZ_CHECK((unsigned)query.agg <= VARVE_AGG_RATE);
    struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
    varve_query_put(&w, &query);
    FUZZ_CHECK(!w.failed && w.used == payload->len && memcmp(buf, payload->buf, w.used) == 0);
}

static void check_report(const struct varve_prune_report *report)
{
    FUZZ_CHECK(report->tier_count <= VARVE_MAX_TIERS && IS_TEXT(report->left_alone));
    for (uint32_t i = 0; i < report->tier_count; i++) {
        FUZZ_CHECK(IS_TEXT(report->tiers[i].name));
    }
}

static void try_prune(const struct varve_wire_reader *payload)
{
    static uint8_t buf[VARVE_FRAME_MAX];
    static struct varve_prune_report report;
    struct varve_wire_reader r = from_start(payload);
    struct varve_prune_request request;
    varve_prune_request_get(&r, &request);
    FUZZ_CHECK(strlen(request.selector) <= payload->len);
    if (varve_wire_done(&r)) {
        struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
        varve_prune_request_put(&w, &request);
        FUZZ_CHECK(!w.failed && w.used == payload->len && memcmp(buf, payload->buf, w.used) == 0);
    }
    r = from_start(payload);
    memset(&report, 0, sizeof report);
    varve_prune_report_get(&r, &report);
    check_report(&report);
    if (varve_wire_done(&r)) {
        struct varve_wire_writer w = {.buf = buf, .cap = sizeof buf};
        varve_prune_report_put(&w, &report);
        FUZZ_CHECK(!w.failed && w.used == payload->len && memcmp(buf, payload->buf, w.used) == 0);
    }
}

static void try_structs(const struct varve_wire_reader *payload)
{
    struct varve_event event = {0};
    struct varve_instance_stats instance = {0};
    struct varve_query_info info = {0};
    struct varve_wire_reader r = from_start(payload);
    varve_fields_get(&r, varve_event_fields, &event);
    (void)take_event(NULL, &event); // always 0, as the two below
    r = from_start(payload);
    varve_fields_get(&r, varve_instance_fields, &instance);
    (void)take_instance(NULL, &instance);
    r = from_start(payload);
    varve_fields_get(&r, varve_info_fields, &info);
    (void)take_info(NULL, &info);
}

static void read_frames(int fd)
{
    static struct varve_channel channel;
    struct varve_frame frame;
    int rc;
    varve_channel_init(&channel, fd, VARVE_CHANNEL_STALL_MS);
    while ((rc = varve_channel_receive(&channel, -1, &frame)) == 0) {
        uint64_t sum = 0;
        FUZZ_CHECK(frame.payload.len <= VARVE_FRAME_MAX);
        try_stats(&frame.payload);
        try_query(&frame.payload);
        try_prune(&frame.payload);
        try_structs(&frame.payload);
        rc = varve_runs_visit(&frame.payload, take_points, &sum);
        FUZZ_CHECK(rc == 0 || rc == VARVE_E_CORRUPT);
    }
    FUZZ_CHECK(rc == VARVE_E_CLOSED || rc == VARVE_E_CORRUPT);
    varve_channel_close(&channel);
}

// ---- the client's side: one call --------------------------------------------------------------

static int call_query(struct varve_client *client)
{
    uint64_t sum = 0;
    const struct varve_query query = {.selector = "*", .to_ms = INT64_MAX, .tier = VARVE_TIER_AUTO};
    const struct varve_query_sink sink = {&sum, take_info, take_series, take_points, take_info};
    return varve_client_query(client, &query, &sink);
}

static int call_stats(struct varve_client *client)
{
    static struct varve_stats stats;
    int rc = varve_client_stats(client, &stats);
    check_stats(&stats);
    return rc;
}

static int call_import(struct varve_client *client)
{
    const struct varve_series_def def = {.text = "m", .unit = "", .help = "", .kind = VARVE_GAUGE};
    const struct varve_point point = {1, 2};
    int rc = varve_client_import_begin(client);
    int id = rc == 0 ? varve_client_import_series(client, &def) : rc;
    FUZZ_CHECK(id < (int)VARVE_MAX_SERIES);
    rc = id >= 0 ? varve_client_import_points(client, id, &point, 1) : id;
    return rc == 0 ? varve_client_import_end(client) : rc;
}

static int call_prune(struct varve_client *client)
{
    static struct varve_prune_report report;
    const struct varve_prune_request request = {.selector = "*", .tier = VARVE_PRUNE_ALL_TIERS};
    int rc = varve_client_prune_begin(client, &request);
    rc = rc == 0 ? varve_client_prune_step(client, &report) : rc;
    check_report(&report);
    return rc;
}

static int call(struct varve_client *client, unsigned which)
{
    switch (which) {
    case 0:
        return call_query(client);
    case 1:
        return call_stats(client);
    case 2:
        return varve_client_series(client, "", take_series, NULL);
    case 3:
        return varve_client_events(client, INT64_MIN, INT64_MAX, take_event, NULL);
    case 4:
        return varve_client_instances(client, take_instance, NULL);
    case 5:
        return varve_client_config(client, take_line, NULL);
    case 6:
        return call_import(client);
    case PRUNES:
        return call_prune(client);
    default:
        return varve_client_flush(client, 1000);
    }
}

static void run_client(int fd, unsigned which)
{
    static struct varve_client client;
    memset(client.why, 0, sizeof client.why);
    varve_channel_init(&client.channel, fd, VARVE_CHANNEL_STALL_MS);
    int rc = call(&client, which);
    FUZZ_CHECK(rc <= 0);
    FUZZ_CHECK(IS_TEXT(client.why));
    varve_client_close(&client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    if (size < 1 || size > STREAM_MAX) {
        return 0;
    }
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    FUZZ_CHECK(send(ends[1], data + 1, size - 1, MSG_DONTWAIT) == (ssize_t)(size - 1));
    FUZZ_CHECK(shutdown(ends[1], SHUT_WR) == 0);
    unsigned reader = data[0] % 16;
    if (reader < 8 || reader == PRUNES) {
        run_client(ends[0], reader);
    } else {
        read_frames(ends[0]);
    }
    FUZZ_CHECK(close(ends[1]) == 0);
    return 0;
}
