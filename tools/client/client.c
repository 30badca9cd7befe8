// SPDX-License-Identifier: Apache-2.0
// The client's side of the protocol; see varve/client.h.
//
// Owns requests and the reading of their answers. Leaves framing to channel.h, bytes to wire.h and
// the structs' fields to fields.h.
//
// Threading: a client belongs to one task.
#include "varve/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "channel.h"
#include "fields.h"

// A daemon that is flushing answers late; nothing else takes near as long.
#define ANSWER_MS 60000
// Beginning to prune flushes twice.
#define PRUNE_MS (2 * ANSWER_MS)
// A large store on slow flash takes its time to be copied and verified.
#define BACKUP_MS (15 * 60000)

__attribute__((format(printf, 3, 4))) static int fail(struct varve_client *client, int rc,
                                                      const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(client->why, sizeof client->why, format, args);
    va_end(args);
    if (n < 0) {
        client->why[0] = '\0';
    }
    return rc;
}

// The connection cannot be used any more.
static int broken(struct varve_client *client, int rc)
{
    varve_channel_close(&client->channel);
    switch (rc) {
    case VARVE_E_CLOSED:
        return fail(client, rc, "the daemon closed the connection");
    case VARVE_E_TIMEOUT:
        return fail(client, rc, "the daemon does not answer; is it stopped or very busy?");
    case VARVE_E_CORRUPT:
        return fail(client, rc, "the daemon's answer makes no sense; are both of one version?");
    default:
        return fail(client, rc, "the connection to the daemon failed: %s", varve_strerror(rc));
    }
}

// ---- answers -----------------------------------------------------------------------------------

// Handles one row; what it returns other than 0 ends the connection.
typedef int (*row_fn)(void *arg, uint16_t type, struct varve_wire_reader *payload);

static int take_end(struct varve_client *client, struct varve_wire_reader *payload)
{
    int status = varve_wire_get_i32(payload);
    const char *message = varve_wire_get_text(payload);
    if (!varve_wire_done(payload) || status > 0) {
        return broken(client, VARVE_E_CORRUPT);
    }
    (void)fail(client, 0, "%s", message);
    return status;
}

// Sends what was gathered and reads rows until END. Returns the daemon's status.
static int transact(struct varve_client *client, int answer_ms, row_fn row, void *arg)
{
    int rc = varve_channel_flush(&client->channel);
    if (rc < 0) {
        return broken(client, rc);
    }
    for (;;) {
        struct varve_frame frame;
        rc = varve_channel_receive(&client->channel, answer_ms, &frame);
        if (rc < 0) {
            return broken(client, rc);
        }
        if (frame.type == VARVE_FRAME_END) {
            return take_end(client, &frame.payload);
        }
        rc = row ? row(arg, frame.type, &frame.payload) : VARVE_E_CORRUPT;
        if (rc == VARVE_E_CORRUPT) {
            return broken(client, rc);
        }
        if (rc != 0) {
            varve_channel_close(&client->channel);
            return fail(client, rc, "stopped");
        }
    }
}

static int request_empty(struct varve_client *client, enum varve_frame_type type, row_fn row,
                         void *arg)
{
    int rc = varve_channel_send_empty(&client->channel, type);
    return rc < 0 ? broken(client, rc) : transact(client, ANSWER_MS, row, arg);
}

// Ends the request frame and waits for the answer.
static int request(struct varve_client *client, const struct varve_wire_writer *w, int answer_ms,
                   row_fn row, void *arg)
{
    int rc = varve_channel_end(&client->channel, w);
    if (rc == VARVE_E_TOO_BIG) {
        return fail(client, rc, "the request is longer than the protocol allows");
    }
    return rc < 0 ? broken(client, rc) : transact(client, answer_ms, row, arg);
}

static int begin(struct varve_client *client, enum varve_frame_type type,
                 struct varve_wire_writer *w)
{
    int rc = varve_channel_begin(&client->channel, type, w);
    return rc < 0 ? broken(client, rc) : 0;
}

// ---- connection ---------------------------------------------------------------------------------

static int connect_failed(struct varve_client *client, int code)
{
    switch (code) {
    case ENOENT:
        return fail(client, VARVE_E_NOT_FOUND, "there is no socket %s", client->path);
    case ECONNREFUSED:
        return fail(client, VARVE_E_NOT_FOUND, "nobody listens on %s", client->path);
    case EACCES:
    case EPERM:
        return fail(client, VARVE_E_DENIED, "no permission to use %s", client->path);
    default:
        return fail(client, VARVE_E_IO, "cannot connect to %s: %s", client->path, strerror(code));
    }
}

static int connect_to(struct varve_client *client)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(client->path);
    if (len >= sizeof address.sun_path) {
        return fail(client, VARVE_E_TOO_BIG, "the socket's path has more than %zu characters",
                    sizeof address.sun_path - 1);
    }
    memcpy(address.sun_path, client->path, len + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0) {
        return connect_failed(client, errno);
    }
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) < 0) {
        int code = errno;
        (void)close(fd); // it never carried anything
        return connect_failed(client, code);
    }
    varve_channel_init(&client->channel, fd, ANSWER_MS);
    return 0;
}

static int take_hello(struct varve_client *client, struct varve_frame *frame)
{
    if (frame->type == VARVE_FRAME_END) {
        int rc = take_end(client, &frame->payload);
        return rc < 0 ? rc : broken(client, VARVE_E_CORRUPT);
    }
    uint16_t version = varve_wire_get_u16(&frame->payload);
    const char *server = varve_wire_get_text(&frame->payload);
    if (frame->type != VARVE_FRAME_HELLO || !varve_wire_done(&frame->payload)) {
        return broken(client, VARVE_E_CORRUPT);
    }
    if (version != VARVE_PROTOCOL_VERSION) {
        varve_channel_close(&client->channel);
        return fail(client, VARVE_E_VERSION, "the daemon speaks protocol %u, this program %u",
                    version, VARVE_PROTOCOL_VERSION);
    }
    (void)snprintf(client->server, sizeof client->server, "%s", server); // only shown
    return 0;
}

static int greet(struct varve_client *client)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_HELLO, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_u32(&w, VARVE_PROTOCOL_MAGIC);
    varve_wire_put_u16(&w, VARVE_PROTOCOL_VERSION);
    rc = varve_channel_end(&client->channel, &w);
    if (rc == 0) {
        rc = varve_channel_flush(&client->channel);
    }
    struct varve_frame frame = {0};
    if (rc == 0) {
        rc = varve_channel_receive(&client->channel, VARVE_CHANNEL_STALL_MS, &frame);
    }
    return rc < 0 ? broken(client, rc) : take_hello(client, &frame);
}

int varve_client_open(struct varve_client *client, const char *path)
{
    client->server[0] = '\0';
    client->why[0] = '\0';
    varve_channel_init(&client->channel, -1, VARVE_CHANNEL_STALL_MS);
    int n = snprintf(client->path, sizeof client->path, "%s", path);
    if (n < 0 || (size_t)n >= sizeof client->path) {
        return fail(client, VARVE_E_TOO_BIG, "the socket's path is too long");
    }
    int rc = connect_to(client);
    return rc < 0 ? rc : greet(client);
}

void varve_client_close(struct varve_client *client)
{
    varve_channel_close(&client->channel);
}

int varve_client_ping(struct varve_client *client)
{
    return request_empty(client, VARVE_FRAME_PING, NULL, NULL);
}

// ---- queries and series -------------------------------------------------------------------------

typedef int (*series_fn)(void *arg, varve_series_id id, const struct varve_series_def *def);

static int take_series(struct varve_wire_reader *payload, series_fn visit, void *arg)
{
    varve_series_id id = varve_wire_get_u16(payload);
    uint8_t kind = varve_wire_get_u8(payload);
    struct varve_series_def def = {.kind = kind == 1 ? VARVE_COUNTER : VARVE_GAUGE};
    def.text = varve_wire_get_text(payload);
    def.unit = varve_wire_get_text(payload);
    def.help = varve_wire_get_text(payload);
    if (!varve_wire_done(payload) || kind > 1) {
        return VARVE_E_CORRUPT;
    }
    return visit(arg, id, &def);
}

struct answer {
    const struct varve_query_sink *sink;
    bool begun;
};

static int take_info(struct answer *answer, struct varve_wire_reader *payload)
{
    struct varve_query_info info = {0};
    varve_fields_get(payload, varve_info_fields, &info);
    if (!varve_wire_done(payload)) {
        return VARVE_E_CORRUPT;
    }
    if (!answer->begun) {
        answer->begun = true;
        return answer->sink->begin(answer->sink->arg, &info);
    }
    return answer->sink->end(answer->sink->arg, &info);
}

static int take_answer(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    struct answer *answer = arg;
    if (type == VARVE_FRAME_ROW_INFO) {
        return take_info(answer, payload);
    }
    if (!answer->begun) {
        return VARVE_E_CORRUPT;
    }
    if (type == VARVE_FRAME_ROW_SERIES) {
        return take_series(payload, answer->sink->series, answer->sink->arg);
    }
    if (type == VARVE_FRAME_ROW_POINTS) {
        return varve_runs_visit(payload, answer->sink->points, answer->sink->arg);
    }
    return VARVE_E_CORRUPT;
}

int varve_client_query(struct varve_client *client, const struct varve_query *query,
                       const struct varve_query_sink *sink)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_QUERY, &w);
    if (rc < 0) {
        return rc;
    }
    varve_query_put(&w, query);
    struct answer answer = {.sink = sink};
    return request(client, &w, ANSWER_MS, take_answer, &answer);
}

int varve_client_expr(struct varve_client *client, const struct varve_expr_query *query,
                      const struct varve_query_sink *sink)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_EXPR, &w);
    if (rc < 0) {
        return rc;
    }
    varve_expr_put(&w, query);
    struct answer answer = {.sink = sink};
    return request(client, &w, ANSWER_MS, take_answer, &answer);
}

struct series_visit {
    series_fn visit;
    void *arg;
};

static int take_series_row(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    struct series_visit *v = arg;
    return type == VARVE_FRAME_ROW_SERIES ? take_series(payload, v->visit, v->arg)
                                          : VARVE_E_CORRUPT;
}

int varve_client_series(struct varve_client *client, const char *selector, series_fn visit,
                        void *arg)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_SERIES, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_text(&w, selector);
    struct series_visit v = {.visit = visit, .arg = arg};
    return request(client, &w, ANSWER_MS, take_series_row, &v);
}

// ---- figures, events, instances, configuration --------------------------------------------------

static int take_stats(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    varve_stats_get(payload, arg);
    return type == VARVE_FRAME_ROW_STATS && varve_wire_done(payload) ? 0 : VARVE_E_CORRUPT;
}

int varve_client_stats(struct varve_client *client, struct varve_stats *out)
{
    memset(out, 0, sizeof *out);
    return request_empty(client, VARVE_FRAME_STATS, take_stats, out);
}

struct event_visit {
    int (*visit)(void *arg, const struct varve_event *event);
    void *arg;
};

static int take_event(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    struct event_visit *v = arg;
    struct varve_event event = {0};
    varve_fields_get(payload, varve_event_fields, &event);
    if (type != VARVE_FRAME_ROW_EVENT || !varve_wire_done(payload)) {
        return VARVE_E_CORRUPT;
    }
    return v->visit(v->arg, &event);
}

int varve_client_events(struct varve_client *client, int64_t from_ms, int64_t to_ms,
                        int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_EVENTS, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_i64(&w, from_ms);
    varve_wire_put_i64(&w, to_ms);
    struct event_visit v = {.visit = visit, .arg = arg};
    return request(client, &w, ANSWER_MS, take_event, &v);
}

struct instance_visit {
    int (*visit)(void *arg, const struct varve_instance_stats *instance);
    void *arg;
};

static int take_instance(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    struct instance_visit *v = arg;
    struct varve_instance_stats instance = {0};
    varve_fields_get(payload, varve_instance_fields, &instance);
    if (type != VARVE_FRAME_ROW_INSTANCE || !varve_wire_done(payload)) {
        return VARVE_E_CORRUPT;
    }
    return v->visit(v->arg, &instance);
}

int varve_client_instances(struct varve_client *client,
                           int (*visit)(void *arg, const struct varve_instance_stats *instance),
                           void *arg)
{
    struct instance_visit v = {.visit = visit, .arg = arg};
    return request_empty(client, VARVE_FRAME_INSTANCES, take_instance, &v);
}

struct line_visit {
    varve_line_fn emit;
    void *arg;
};

static int take_line(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    struct line_visit *v = arg;
    const char *line = varve_wire_get_text(payload);
    if (type != VARVE_FRAME_ROW_LINE || !varve_wire_done(payload)) {
        return VARVE_E_CORRUPT;
    }
    v->emit(v->arg, line);
    return 0;
}

int varve_client_config(struct varve_client *client, varve_line_fn emit, void *arg)
{
    struct line_visit v = {.emit = emit, .arg = arg};
    return request_empty(client, VARVE_FRAME_CONFIG, take_line, &v);
}

int varve_client_flush(struct varve_client *client, int64_t timeout_ms)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_FLUSH, &w);
    if (rc < 0) {
        return rc;
    }
    int64_t bounded = timeout_ms < 0 || timeout_ms > ANSWER_MS / 2 ? ANSWER_MS / 2 : timeout_ms;
    varve_wire_put_u32(&w, (uint32_t)bounded);
    return request(client, &w, ANSWER_MS, NULL, NULL);
}

// ---- backups ------------------------------------------------------------------------------------

int varve_client_backup(struct varve_client *client, varve_line_fn emit, void *arg)
{
    struct line_visit v = {.emit = emit, .arg = arg};
    int rc = varve_channel_send_empty(&client->channel, VARVE_FRAME_BACKUP);
    return rc < 0 ? broken(client, rc) : transact(client, BACKUP_MS, take_line, &v);
}

int varve_client_backups(struct varve_client *client, varve_line_fn emit, void *arg)
{
    struct line_visit v = {.emit = emit, .arg = arg};
    return request_empty(client, VARVE_FRAME_BACKUPS, take_line, &v);
}

int varve_client_restore(struct varve_client *client, const char *path, varve_line_fn emit,
                         void *arg)
{
    struct line_visit v = {.emit = emit, .arg = arg};
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_RESTORE, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_text(&w, path);
    return request(client, &w, BACKUP_MS, take_line, &v);
}

// ---- import -------------------------------------------------------------------------------------

int varve_client_import_begin(struct varve_client *client)
{
    return request_empty(client, VARVE_FRAME_IMPORT_BEGIN, NULL, NULL);
}

static int take_id(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    int *id = arg;
    *id = varve_wire_get_i32(payload);
    return type == VARVE_FRAME_ROW_ID && varve_wire_done(payload) && *id >= 0 &&
                   *id < (int)VARVE_MAX_SERIES
               ? 0
               : VARVE_E_CORRUPT;
}

int varve_client_import_series(struct varve_client *client, const struct varve_series_def *def)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_IMPORT_SERIES, &w);
    if (rc < 0) {
        return rc;
    }
    varve_wire_put_text(&w, def->text);
    varve_wire_put_u8(&w, (uint8_t)def->kind);
    varve_wire_put_text(&w, def->unit ? def->unit : "");
    varve_wire_put_text(&w, def->help ? def->help : "");
    int id = VARVE_E_CORRUPT;
    rc = request(client, &w, ANSWER_MS, take_id, &id);
    return rc < 0 ? rc : id;
}

int varve_client_import_points(struct varve_client *client, int id,
                               const struct varve_point *points, size_t n)
{
    if (id < 0 || id >= (int)VARVE_MAX_SERIES) {
        return fail(client, VARVE_E_INVALID, "no such series");
    }
    int rc = varve_channel_run(&client->channel, VARVE_FRAME_IMPORT_POINTS, (varve_series_id)id,
                               points, n);
    return rc < 0 ? broken(client, rc) : 0;
}

int varve_client_import_end(struct varve_client *client)
{
    return request_empty(client, VARVE_FRAME_IMPORT_END, NULL, NULL);
}

// ---- prune --------------------------------------------------------------------------------------

int varve_client_prune_begin(struct varve_client *client, const struct varve_prune_request *asked)
{
    struct varve_wire_writer w;
    int rc = begin(client, VARVE_FRAME_PRUNE_BEGIN, &w);
    if (rc < 0) {
        return rc;
    }
    varve_prune_request_put(&w, asked);
    return request(client, &w, PRUNE_MS, NULL, NULL);
}

static int take_report(void *arg, uint16_t type, struct varve_wire_reader *payload)
{
    varve_prune_report_get(payload, arg);
    return type == VARVE_FRAME_ROW_PRUNE && varve_wire_done(payload) ? 0 : VARVE_E_CORRUPT;
}

int varve_client_prune_step(struct varve_client *client, struct varve_prune_report *report)
{
    memset(report, 0, sizeof *report);
    return request_empty(client, VARVE_FRAME_PRUNE_STEP, take_report, report);
}
