// SPDX-License-Identifier: Apache-2.0
// Answering one request; see requests.h. Requests that only read are in this file, one function
// each; importing and pruning are at the end.
#include "requests.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client/fields.h"
#include "client/names.h"
#include "notify.h"
#include "peer.h"
#include "pruning.h"
#include "signals.h"
#include "varve/port.h"

#define FLUSH_MAX_MS 30000

_Static_assert(VARVE_EXPR_MEMORY <= VARVE_QUERY_MEMORY, "expressions work in the same memory");

// One request is answered at a time.
static union {
    uint8_t bytes[VARVE_QUERY_MEMORY];
    max_align_t align;
} query_memory;

struct request {
    struct session *session;
    struct varve_channel *channel;
    struct varve_host *host;
    const struct varve_conf *conf;
    struct varve_wire_reader *payload;
    int broken; // the connection's error, 0 while it works
};

// Keeps the connection's error; also the place where a long answer notices that it should stop.
static int sent(struct request *r, int rc)
{
    (void)notify_watchdog(); // the main loop asks when it is next due
    if (rc == 0 && signals_stop()) {
        rc = VARVE_E_CLOSED;
    }
    if (rc < 0) {
        r->broken = rc;
    }
    return rc;
}

// Closes the row frame that was begun and filled.
static int send_row(struct request *r, const struct varve_wire_writer *w)
{
    return sent(r, varve_channel_end(r->channel, w));
}

static int end(struct request *r, int status, const char *message)
{
    if (r->broken < 0) {
        return r->broken;
    }
    return varve_channel_send_end(r->channel, status, message);
}

static int end_status(struct request *r, int status)
{
    return end(r, status, status < 0 ? varve_strerror(status) : "");
}

static int not_understood(struct request *r)
{
    (void)end(r, VARVE_E_INVALID, "the daemon does not understand this request");
    return VARVE_E_CORRUPT;
}

// ---- query --------------------------------------------------------------------------------------

static int send_info(void *arg, const struct varve_query_info *info)
{
    struct request *r = arg;
    struct varve_wire_writer w;
    int rc = varve_channel_begin(r->channel, VARVE_FRAME_ROW_INFO, &w);
    varve_fields_put(&w, varve_info_fields, info);
    return rc < 0 ? sent(r, rc) : send_row(r, &w);
}

static int send_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct request *r = arg;
    struct varve_wire_writer w;
    int rc = varve_channel_begin(r->channel, VARVE_FRAME_ROW_SERIES, &w);
    varve_wire_put_u16(&w, id);
    varve_wire_put_u8(&w, (uint8_t)def->kind);
    varve_wire_put_text(&w, def->text);
    varve_wire_put_text(&w, def->unit);
    varve_wire_put_text(&w, def->help);
    return rc < 0 ? sent(r, rc) : send_row(r, &w);
}

static int send_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct request *r = arg;
    return sent(r, varve_channel_run(r->channel, VARVE_FRAME_ROW_POINTS, id, points, n));
}

static struct varve_query_sink answer_to(struct request *r)
{
    return (struct varve_query_sink){.arg = r,
                                     .begin = send_info,
                                     .series = send_series,
                                     .points = send_points,
                                     .end = send_info};
}

static int serve_query(struct request *r)
{
    struct varve_query query;
    varve_query_get(r->payload, &query);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    const struct varve_query_sink sink = answer_to(r);
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_query_run(r->host, &query, &sink, query_memory.bytes, sizeof query_memory.bytes,
                             why, sizeof why);
    return rc < 0 && why[0] ? end(r, rc, why) : end_status(r, rc);
}

static int serve_expr(struct request *r)
{
    struct varve_expr_query query;
    varve_expr_get(r->payload, &query);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    const struct varve_query_sink sink = answer_to(r);
    char why[VARVE_MESSAGE_TEXT] = "";
    int rc = varve_expr_run(r->host, &query, &sink, query_memory.bytes, VARVE_EXPR_MEMORY, why,
                            sizeof why);
    return rc < 0 && why[0] ? end(r, rc, why) : end_status(r, rc);
}

// ---- lists --------------------------------------------------------------------------------------

static int serve_series(struct request *r)
{
    struct varve_selection selection;
    char why[VARVE_MESSAGE_TEXT] = "";
    const char *selector = varve_wire_get_text(r->payload);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    int rc = varve_selection_init(&selection, selector, why, sizeof why);
    if (rc < 0) {
        return end(r, rc, why);
    }
    struct varve_series_def def;
    varve_series_id id = 0;
    while (rc == 0 && varve_host_series(r->host, &id, &def) == 0) {
        rc = varve_selection_match(&selection, def.text) ? send_series(r, id, &def) : 0;
        if (++id == VARVE_MAX_SERIES) {
            break;
        }
    }
    return end_status(r, rc);
}

static int serve_stats(struct request *r)
{
    static struct varve_stats stats;
    struct varve_wire_writer w;
    varve_host_stats(r->host, &stats);
    int rc = varve_channel_begin(r->channel, VARVE_FRAME_ROW_STATS, &w);
    varve_stats_put(&w, &stats);
    rc = rc < 0 ? sent(r, rc) : send_row(r, &w);
    return end_status(r, rc);
}

static int send_event(void *arg, const struct varve_event *event)
{
    struct request *r = arg;
    struct varve_wire_writer w;
    int rc = varve_channel_begin(r->channel, VARVE_FRAME_ROW_EVENT, &w);
    varve_fields_put(&w, varve_event_fields, event);
    return rc < 0 ? sent(r, rc) : send_row(r, &w);
}

static int serve_events(struct request *r)
{
    int64_t from_ms = varve_wire_get_i64(r->payload);
    int64_t to_ms = varve_wire_get_i64(r->payload);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    return end_status(r, varve_host_events(r->host, from_ms, to_ms, send_event, r));
}

static int send_instance(struct request *r, const struct varve_instance_stats *instance)
{
    struct varve_wire_writer w;
    int rc = varve_channel_begin(r->channel, VARVE_FRAME_ROW_INSTANCE, &w);
    varve_fields_put(&w, varve_instance_fields, instance);
    return rc < 0 ? sent(r, rc) : send_row(r, &w);
}

static int serve_instances(struct request *r)
{
    struct varve_instance_stats instance;
    int rc = 0;
    for (size_t i = 0; rc == 0 && varve_host_instance(r->host, i, &instance) == 0; i++) {
        rc = send_instance(r, &instance);
    }
    return end_status(r, rc);
}

static void send_line(void *arg, const char *line)
{
    struct request *r = arg;
    struct varve_wire_writer w;
    if (r->broken == 0 && sent(r, varve_channel_begin(r->channel, VARVE_FRAME_ROW_LINE, &w)) == 0) {
        varve_wire_put_text(&w, line);
        (void)send_row(r, &w); // kept in r->broken
    }
}

static int serve_config(struct request *r)
{
    varve_conf_show(r->conf, send_line, r);
    return end_status(r, 0);
}

static int serve_flush(struct request *r)
{
    uint32_t timeout_ms = varve_wire_get_u32(r->payload);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    int64_t bounded = timeout_ms < FLUSH_MAX_MS ? timeout_ms : FLUSH_MAX_MS;
    return end_status(r, varve_host_flush(r->host, bounded));
}

// ---- backups ------------------------------------------------------------------------------------

static bool goes_on(void *arg)
{
    (void)arg;
    (void)notify_watchdog(); // the main loop asks when it is next due
    return !signals_stop();
}

static int no_backups(struct request *r)
{
    return end(r, VARVE_E_UNSUPPORTED,
               "no store that can have backups is configured: only sqlite can; the directory of a "
               "rotate store is copied while the daemon is stopped");
}

// What a flush cannot store is not in the backup either.
static int serve_backup(struct request *r)
{
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    bool any = false;
    if (varve_host_flush(r->host, FLUSH_MAX_MS) < 0) {
        varve_log(VARVE_WARNING, "varved", "a backup is made without what is in memory");
    }
    for (size_t i = 0;; i++) {
        int rc = varve_host_backup(r->host, i, made, sizeof made, goes_on, NULL);
        if (rc == VARVE_E_NOT_FOUND) {
            break;
        }
        if (rc != VARVE_E_UNSUPPORTED && rc < 0) {
            return end(r, rc, made);
        }
        if (rc == 0) {
            any = true;
            send_line(r, made);
        }
    }
    return any ? end_status(r, 0) : no_backups(r);
}

static int send_path(void *arg, const char *path, int64_t time_ms)
{
    struct request *r = arg;
    (void)time_ms; // it is in the name
    send_line(r, path);
    return r->broken;
}

static int serve_backups(struct request *r)
{
    int rc = 0;
    bool any = false;
    for (size_t i = 0; rc == 0 || rc == VARVE_E_UNSUPPORTED; i++) {
        rc = varve_host_backups(r->host, i, send_path, r);
        any = any || rc == 0;
    }
    if (!any && rc == VARVE_E_NOT_FOUND) {
        return no_backups(r);
    }
    return end_status(r, rc == VARVE_E_NOT_FOUND ? 0 : rc);
}

// The client's word is not taken for what a path is: another program may have sent it.
static const char *path_fault(const char *path)
{
    struct stat st;
    if (path[0] != '/' || strstr(path, "/../") != NULL) {
        return "a backup is named by its whole path, without ..";
    }
    if (lstat(path, &st) < 0) {
        return strerror(errno);
    }
    return S_ISREG(st.st_mode) ? NULL : "a backup is a regular file";
}

static int serve_restore(struct request *r)
{
    char told[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    const char *path = varve_wire_get_text(r->payload);
    struct restorer *restorer = r->session->restorer;
    if (!varve_wire_done(r->payload) || restorer == NULL) {
        return not_understood(r);
    }
    const char *fault = path_fault(path);
    if (fault != NULL) {
        return end(r, VARVE_E_INVALID, fault);
    }
    int rc = restorer->run(restorer->arg, path, told, sizeof told);
    if (rc < 0) {
        return end(r, rc, told);
    }
    send_line(r, told);
    return end_status(r, 0);
}

// ---- import -------------------------------------------------------------------------------------

static int serve_import_begin(struct request *r)
{
    r->session->importing = true;
    r->session->import_status = 0;
    return end_status(r, 0);
}

static int serve_import_series(struct request *r)
{
    struct varve_series_def def = {.text = varve_wire_get_text(r->payload)};
    uint8_t kind = varve_wire_get_u8(r->payload);
    def.unit = varve_wire_get_text(r->payload);
    def.help = varve_wire_get_text(r->payload);
    if (!varve_wire_done(r->payload) || kind > 1 || !r->session->importing) {
        return not_understood(r);
    }
    def.kind = kind == 1 ? VARVE_COUNTER : VARVE_GAUGE;
    int id = varve_series_add(r->host, &def);
    if (id < 0) {
        bool full = id == VARVE_E_FULL;
        return end(r, id,
                   full ? "the cap on series is reached: raise `series` in [varve]"
                        : "no valid series name");
    }
    struct varve_wire_writer w;
    int rc = sent(r, varve_channel_begin(r->channel, VARVE_FRAME_ROW_ID, &w));
    varve_wire_put_i32(&w, id);
    rc = rc < 0 ? rc : send_row(r, &w);
    return end_status(r, rc);
}

static int import_run(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct request *r = arg;
    int rc = varve_host_import(r->host, id, points, n);
    (void)notify_watchdog(); // import waits for room, which can take long
    return rc;
}

static int serve_import_points(struct request *r)
{
    if (!r->session->importing) {
        return not_understood(r);
    }
    if (r->session->import_status == 0) {
        r->session->import_status = varve_runs_visit(r->payload, import_run, r);
    }
    return 0;
}

static int serve_import_end(struct request *r)
{
    bool importing = r->session->importing;
    r->session->importing = false;
    if (!importing) {
        return not_understood(r);
    }
    int rc = r->session->import_status;
    return end_status(r, rc < 0 ? rc : varve_host_flush(r->host, FLUSH_MAX_MS));
}

// ---- prune --------------------------------------------------------------------------------------

static int serve_prune_begin(struct request *r)
{
    struct varve_prune_request asked;
    char why[VARVE_MESSAGE_TEXT] = "";
    varve_prune_request_get(r->payload, &asked);
    if (!varve_wire_done(r->payload)) {
        return not_understood(r);
    }
    int rc = pruning_begin(r->session, r->channel->fd, r->host, &asked, why, sizeof why);
    return rc < 0 && why[0] ? end(r, rc, why) : end_status(r, rc);
}

static int serve_prune_step(struct request *r)
{
    const struct varve_prune_report *report;
    char why[VARVE_MESSAGE_TEXT] = "";
    struct varve_wire_writer w;
    int rc = pruning_step(r->session, r->host, &report, why, sizeof why);
    if (rc < 0) {
        return why[0] ? end(r, rc, why) : end_status(r, rc);
    }
    rc = sent(r, varve_channel_begin(r->channel, VARVE_FRAME_ROW_PRUNE, &w));
    varve_prune_report_put(&w, report);
    rc = rc < 0 ? rc : send_row(r, &w);
    return end_status(r, rc);
}

// ---- dispatch -----------------------------------------------------------------------------------

static int serve_ping(struct request *r)
{
    return end_status(r, 0);
}

static int serve_hello(struct request *r)
{
    uint32_t magic = varve_wire_get_u32(r->payload);
    uint16_t version = varve_wire_get_u16(r->payload);
    if (!varve_wire_done(r->payload) || magic != VARVE_PROTOCOL_MAGIC) {
        return VARVE_E_CORRUPT; // no client of ours: not worth an answer
    }
    if (version != VARVE_PROTOCOL_VERSION) {
        (void)end(r, VARVE_E_VERSION, "client and daemon are of different versions");
        return VARVE_E_VERSION;
    }
    r->session->greeted = true;
    struct varve_wire_writer w;
    int rc = sent(r, varve_channel_begin(r->channel, VARVE_FRAME_HELLO, &w));
    varve_wire_put_u16(&w, VARVE_PROTOCOL_VERSION);
    varve_wire_put_text(&w, VARVE_VERSION);
    rc = rc < 0 ? rc : send_row(r, &w);
    return rc < 0 ? rc : varve_channel_flush(r->channel);
}

static const struct {
    enum varve_frame_type type;
    bool empty;   // has no payload
    bool control; // changes something
    int (*serve)(struct request *r);
} requests[] = {
    {VARVE_FRAME_PING, true, false, serve_ping},
    {VARVE_FRAME_QUERY, false, false, serve_query},
    {VARVE_FRAME_EXPR, false, false, serve_expr},
    {VARVE_FRAME_SERIES, false, false, serve_series},
    {VARVE_FRAME_STATS, true, false, serve_stats},
    {VARVE_FRAME_EVENTS, false, false, serve_events},
    {VARVE_FRAME_INSTANCES, true, false, serve_instances},
    {VARVE_FRAME_FLUSH, false, true, serve_flush},
    {VARVE_FRAME_CONFIG, true, false, serve_config},
    {VARVE_FRAME_IMPORT_BEGIN, true, true, serve_import_begin},
    {VARVE_FRAME_IMPORT_SERIES, false, true, serve_import_series},
    {VARVE_FRAME_IMPORT_POINTS, false, true, serve_import_points},
    {VARVE_FRAME_IMPORT_END, true, true, serve_import_end},
    {VARVE_FRAME_PRUNE_BEGIN, false, true, serve_prune_begin},
    {VARVE_FRAME_PRUNE_STEP, true, true, serve_prune_step},
    {VARVE_FRAME_BACKUP, true, true, serve_backup},
    {VARVE_FRAME_BACKUPS, true, false, serve_backups},
    {VARVE_FRAME_RESTORE, false, true, serve_restore},
};

static int dispatch(struct request *r, uint16_t type)
{
    if (!r->session->greeted) {
        return type == VARVE_FRAME_HELLO ? serve_hello(r) : VARVE_E_CORRUPT;
    }
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (requests[i].type == (enum varve_frame_type)type) {
            bool sane = !requests[i].empty || r->payload->len == 0;
            if (requests[i].control && !r->session->may_control) {
                peer_refused(r->channel->fd);
                return end(r, VARVE_E_DENIED, peer_rule(&r->conf->settings));
            }
            return sane ? requests[i].serve(r) : not_understood(r);
        }
    }
    return not_understood(r);
}

void *request_memory(size_t *bytes)
{
    *bytes = sizeof query_memory.bytes;
    return query_memory.bytes;
}

int request_serve(struct session *session, struct varve_channel *channel, struct varve_host *host,
                  const struct varve_conf *conf)
{
    struct varve_frame frame;
    int rc = varve_channel_receive(channel, 0, &frame);
    if (rc < 0) {
        return rc;
    }
    struct request r = {
        .session = session,
        .channel = channel,
        .host = host,
        .conf = conf,
        .payload = &frame.payload,
    };
    return dispatch(&r, frame.type);
}
