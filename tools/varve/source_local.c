// SPDX-License-Identifier: Apache-2.0
// A source that is a store opened by this program; store/ opens it.
//
// Threading: one task; all of it is static because there is one store at a time.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/names.h"
#include "source.h"

#define FLUSH_MS 120000

static struct store store;
static struct varve_prune prune;
static union {
    uint8_t bytes[VARVE_QUERY_MEMORY];
    max_align_t align;
} query_memory;

// ---- operations ---------------------------------------------------------------------------------

static int told(struct varve_source *s, int rc)
{
    return rc < 0 ? source_fail(s, rc, "%s: %s", s->where, varve_strerror(rc)) : rc;
}

static int local_query(struct varve_source *s, const struct varve_query *query,
                       const struct varve_query_sink *sink)
{
    s->why[0] = '\0';
    int rc = varve_query_run(store.host, query, sink, query_memory.bytes, sizeof query_memory.bytes,
                             s->why, sizeof s->why);
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_expr(struct varve_source *s, const struct varve_expr_query *query,
                      const struct varve_query_sink *sink)
{
    s->why[0] = '\0';
    int rc = varve_expr_run(store.host, query, sink, query_memory.bytes, VARVE_EXPR_MEMORY, s->why,
                            sizeof s->why);
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_series(struct varve_source *s, const char *selector, varve_series_fn visit,
                        void *arg)
{
    struct varve_selection selection;
    int rc = varve_selection_init(&selection, selector, s->why, sizeof s->why);
    struct varve_series_def def;
    varve_series_id id = 0;
    while (rc == 0 && varve_host_series(store.host, &id, &def) == 0) {
        if (varve_selection_match(&selection, def.text)) {
            rc = visit(arg, id, &def);
        }
        if (id == VARVE_MAX_SERIES - 1) {
            break;
        }
        id++;
    }
    return rc;
}

static int local_stats(struct varve_source *s, struct varve_stats *out)
{
    (void)s;
    varve_host_stats(store.host, out);
    return 0;
}

static int local_events(struct varve_source *s, int64_t from_ms, int64_t to_ms,
                        varve_event_fn visit, void *arg)
{
    return told(s, varve_host_events(store.host, from_ms, to_ms, visit, arg));
}

static int local_instances(struct varve_source *s, varve_instance_fn visit, void *arg)
{
    (void)s;
    struct varve_instance_stats instance;
    int rc = 0;
    for (size_t i = 0; rc == 0 && varve_host_instance(store.host, i, &instance) == 0; i++) {
        rc = visit(arg, &instance);
    }
    return rc;
}

static int local_config(struct varve_source *s, varve_line_fn emit, void *arg)
{
    (void)s;
    varve_conf_show(&store.conf, emit, arg);
    return 0;
}

static int local_flush(struct varve_source *s)
{
    return source_fail(s, VARVE_E_UNSUPPORTED,
                       "there is nothing to flush: no daemon is running, %s is all there is",
                       s->where);
}

static int local_check(struct varve_source *s, struct varve_check *check)
{
    return told(s, varve_host_check(store.host, 0, check));
}

static int local_backup(struct varve_source *s, varve_line_fn emit, void *arg)
{
    char made[SOURCE_WHY];
    int rc = varve_host_backup(store.host, 0, made, sizeof made, NULL, NULL);
    if (rc < 0) {
        return source_fail(s, rc, "%s", made);
    }
    emit(arg, made);
    return 0;
}

static int local_import_begin(struct varve_source *s)
{
    return told(s, varve_host_start(store.host));
}

static int local_import_series(struct varve_source *s, const struct varve_series_def *def)
{
    int rc = varve_series_add(store.host, def);
    if (rc == VARVE_E_FULL) {
        return source_fail(s, rc, "the cap on series is reached: raise `series` in [varve]");
    }
    if (rc == VARVE_E_INVALID) {
        return source_fail(s, rc, "no valid series name");
    }
    return told(s, rc);
}

static int local_import_points(struct varve_source *s, int id, const struct varve_point *points,
                               size_t n)
{
    return told(s, varve_host_import(store.host, id, points, n));
}

static int local_import_end(struct varve_source *s)
{
    return told(s, varve_host_flush(store.host, FLUSH_MS));
}

static int local_prune_begin(struct varve_source *s, const struct varve_prune_request *request)
{
    char selector[VARVE_SERIES_TEXT];
    struct varve_prune_request asked = *request;
    int rc = varve_name_to_series(request->selector, selector, sizeof selector);
    if (rc < 0) {
        return source_fail(s, rc, "the selector is too long");
    }
    asked.selector = selector;
    s->why[0] = '\0';
    rc = varve_prune_begin(store.host, &prune, &asked, query_memory.bytes,
                           sizeof query_memory.bytes, s->why, sizeof s->why);
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_prune_step(struct varve_source *s, struct varve_prune_report *report)
{
    s->why[0] = '\0';
    int rc = varve_prune_step(store.host, &prune, query_memory.bytes, sizeof query_memory.bytes,
                              s->why, sizeof s->why);
    *report = prune.report;
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_close(struct varve_source *s)
{
    int rc = store_close(&store);
    return rc < 0 ? source_fail(s, rc, "%s", store.why) : rc;
}

static const struct varve_source_ops local_ops = {
    .query = local_query,
    .expr = local_expr,
    .series = local_series,
    .stats = local_stats,
    .events = local_events,
    .instances = local_instances,
    .config = local_config,
    .flush = local_flush,
    .check = local_check,
    .backup = local_backup,
    .import_begin = local_import_begin,
    .import_series = local_import_series,
    .import_points = local_import_points,
    .import_end = local_import_end,
    .prune_begin = local_prune_begin,
    .prune_step = local_prune_step,
    .close = local_close,
};

// ---- opening ------------------------------------------------------------------------------------

// Names the socket that is most likely the one to ask: the daemon's default lies beside the store.
static int busy(struct varve_source *s)
{
    char socket[VARVE_PATH_TEXT + VARVE_NAME_TEXT];
    const char *slash = strrchr(s->where, '/');
    int n = snprintf(socket, sizeof socket, "%.*svarved.sock",
                     slash ? (int)(slash - s->where) + 1 : 0, s->where);
    bool there = n >= 0 && (size_t)n < sizeof socket && access(socket, F_OK) == 0;
    return source_fail(s, VARVE_E_BUSY,
                       "the daemon (or another program) has %s open; ask it instead: varve "
                       "--socket %s ...",
                       s->where, there ? socket : "PATH");
}

static struct store_choice chosen(const struct source_choice *choice)
{
    return (struct store_choice){
        .store = choice->store,
        .config = choice->config,
        .write = choice->write,
        .existing = choice->existing,
        .every_store = choice->every_store,
        .keep_all = choice->keep_all,
        .as_is = choice->as_is,
        .backups = choice->backups,
    };
}

// What the store says, said by the source.
static int said(struct varve_source *s, int rc)
{
    (void)snprintf(s->where, sizeof s->where, "%s", store.where);
    return rc < 0 ? source_fail(s, rc, "%s", store.why) : rc;
}

int source_open_local(struct varve_source *s, const struct source_choice *choice)
{
    const struct store_choice asked = chosen(choice);
    int rc = said(s, store_open(&store, &asked));
    if (rc == 0) {
        s->ops = &local_ops;
    }
    return rc == VARVE_E_BUSY ? busy(s) : rc;
}

int source_locate_local(struct varve_source *s, const struct source_choice *choice,
                        struct source_store *place)
{
    const struct store_choice asked = chosen(choice);
    return said(s, store_locate(&store, &asked, &place->at));
}
