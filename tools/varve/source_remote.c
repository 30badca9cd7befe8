// SPDX-License-Identifier: Apache-2.0
// A source that is a running daemon: each operation is one call of the client.
//
// Threading: one task; the client is static because the tool talks to one daemon at a time.
#include <stdio.h>

#include "source.h"
#include "varve/client.h"

#define FLUSH_MS 30000

static struct varve_client client;

// Takes over the client's sentence when a call failed; a callback's value comes without one.
static int told(struct varve_source *s, int rc)
{
    return rc < 0 ? source_fail(s, rc, "%s", client.why) : rc;
}

static int remote_query(struct varve_source *s, const struct varve_query *query,
                        const struct varve_query_sink *sink)
{
    return told(s, varve_client_query(&client, query, sink));
}

static int remote_expr(struct varve_source *s, const struct varve_expr_query *query,
                       const struct varve_query_sink *sink)
{
    return told(s, varve_client_expr(&client, query, sink));
}

static int remote_series(struct varve_source *s, const char *selector, varve_series_fn visit,
                         void *arg)
{
    return told(s, varve_client_series(&client, selector, visit, arg));
}

static int remote_stats(struct varve_source *s, struct varve_stats *out)
{
    return told(s, varve_client_stats(&client, out));
}

static int remote_events(struct varve_source *s, int64_t from_ms, int64_t to_ms,
                         varve_event_fn visit, void *arg)
{
    return told(s, varve_client_events(&client, from_ms, to_ms, visit, arg));
}

static int remote_instances(struct varve_source *s, varve_instance_fn visit, void *arg)
{
    return told(s, varve_client_instances(&client, visit, arg));
}

static int remote_config(struct varve_source *s, varve_line_fn emit, void *arg)
{
    return told(s, varve_client_config(&client, emit, arg));
}

static int remote_flush(struct varve_source *s)
{
    return told(s, varve_client_flush(&client, FLUSH_MS));
}

static int remote_check(struct varve_source *s, struct varve_check *check)
{
    (void)check;
    return source_fail(s, VARVE_E_UNSUPPORTED,
                       "the daemon has the store open; stop it first, then name the store: varve "
                       "check --store KIND:PATH");
}

static int remote_backup(struct varve_source *s, varve_line_fn emit, void *arg)
{
    return told(s, varve_client_backup(&client, emit, arg));
}

int source_remote_backups(struct varve_source *s, varve_line_fn emit, void *arg)
{
    return told(s, varve_client_backups(&client, emit, arg));
}

int source_remote_restore(struct varve_source *s, const char *path, varve_line_fn emit, void *arg)
{
    return told(s, varve_client_restore(&client, path, emit, arg));
}

static int remote_import_begin(struct varve_source *s)
{
    return told(s, varve_client_import_begin(&client));
}

static int remote_import_series(struct varve_source *s, const struct varve_series_def *def)
{
    return told(s, varve_client_import_series(&client, def));
}

static int remote_import_points(struct varve_source *s, int id, const struct varve_point *points,
                                size_t n)
{
    return told(s, varve_client_import_points(&client, id, points, n));
}

static int remote_import_end(struct varve_source *s)
{
    return told(s, varve_client_import_end(&client));
}

static int remote_prune_begin(struct varve_source *s, const struct varve_prune_request *request)
{
    return told(s, varve_client_prune_begin(&client, request));
}

static int remote_prune_step(struct varve_source *s, struct varve_prune_report *report)
{
    return told(s, varve_client_prune_step(&client, report));
}

static int remote_close(struct varve_source *s)
{
    (void)s;
    varve_client_close(&client);
    return 0;
}

static const struct varve_source_ops remote_ops = {
    .query = remote_query,
    .expr = remote_expr,
    .series = remote_series,
    .stats = remote_stats,
    .events = remote_events,
    .instances = remote_instances,
    .config = remote_config,
    .flush = remote_flush,
    .check = remote_check,
    .backup = remote_backup,
    .import_begin = remote_import_begin,
    .import_series = remote_import_series,
    .import_points = remote_import_points,
    .import_end = remote_import_end,
    .prune_begin = remote_prune_begin,
    .prune_step = remote_prune_step,
    .close = remote_close,
};

int source_open_remote(struct varve_source *s, const char *path)
{
    int rc = varve_client_open(&client, path);
    if (rc < 0) {
        varve_client_close(&client);
        return source_fail(s, rc, "%s; is varved running?", client.why);
    }
    (void)snprintf(s->where, sizeof s->where, "%s", path); // only shown
    s->ops = &remote_ops;
    return 0;
}

bool source_is_remote(const struct varve_source *s)
{
    return s->ops == &remote_ops;
}
