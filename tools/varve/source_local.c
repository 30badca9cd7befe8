// SPDX-License-Identifier: Apache-2.0
// A source that is a store opened by this program: a host without collectors.
//
// Owns the configuration that such a host gets. Reading opens the store read-only and takes the
// tiers that it was made with; importing opens it for writing and makes it when it is missing,
// pruning opens it for writing.
//
// Threading: one task; memory and configuration are static because there is one store at a time.
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/names.h"
#include "core/option.h"
#include "core/text.h"
#include "source.h"
#include "varve/port.h"

#define STORE_NAME     "store"
#define FLUSH_MS       120000
#define ASSIGNMENT_MAX (VARVE_PATH_TEXT + 64u)
#define MEMORY_MIN     ((size_t)VARVE_MEMORY_BYTES)
#define MEMORY_MAX     ((size_t)1 << 30)
// More than any store holds: the table of series, and the index of blocks where nothing expires.
#define ANY_SERIES "65535"
#define ANY_BLOCKS "1000000"
// As the POSIX port names it.
#define IMAGE "image:"

static struct varve_conf conf;
static struct varve_host *host;
static struct varve_prune prune;
static void *memory; // of the host
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
    int rc = varve_query_run(host, query, sink, query_memory.bytes, sizeof query_memory.bytes,
                             s->why, sizeof s->why);
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_expr(struct varve_source *s, const struct varve_expr_query *query,
                      const struct varve_query_sink *sink)
{
    s->why[0] = '\0';
    int rc = varve_expr_run(host, query, sink, query_memory.bytes, VARVE_EXPR_MEMORY, s->why,
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
    while (rc == 0 && varve_host_series(host, &id, &def) == 0) {
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
    varve_host_stats(host, out);
    return 0;
}

static int local_events(struct varve_source *s, int64_t from_ms, int64_t to_ms,
                        varve_event_fn visit, void *arg)
{
    return told(s, varve_host_events(host, from_ms, to_ms, visit, arg));
}

static int local_instances(struct varve_source *s, varve_instance_fn visit, void *arg)
{
    (void)s;
    struct varve_instance_stats instance;
    int rc = 0;
    for (size_t i = 0; rc == 0 && varve_host_instance(host, i, &instance) == 0; i++) {
        rc = visit(arg, &instance);
    }
    return rc;
}

static int local_config(struct varve_source *s, varve_line_fn emit, void *arg)
{
    (void)s;
    varve_conf_show(&conf, emit, arg);
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
    return told(s, varve_host_check(host, 0, check));
}

static int local_backup(struct varve_source *s, varve_line_fn emit, void *arg)
{
    char made[SOURCE_WHY];
    int rc = varve_host_backup(host, 0, made, sizeof made, NULL, NULL);
    if (rc < 0) {
        return source_fail(s, rc, "%s", made);
    }
    emit(arg, made);
    return 0;
}

static int local_import_begin(struct varve_source *s)
{
    return told(s, varve_host_start(host));
}

static int local_import_series(struct varve_source *s, const struct varve_series_def *def)
{
    int rc = varve_series_add(host, def);
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
    return told(s, varve_host_import(host, id, points, n));
}

static int local_import_end(struct varve_source *s)
{
    return told(s, varve_host_flush(host, FLUSH_MS));
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
    rc = varve_prune_begin(host, &prune, &asked, query_memory.bytes, sizeof query_memory.bytes,
                           s->why, sizeof s->why);
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_prune_step(struct varve_source *s, struct varve_prune_report *report)
{
    s->why[0] = '\0';
    int rc = varve_prune_step(host, &prune, query_memory.bytes, sizeof query_memory.bytes, s->why,
                              sizeof s->why);
    *report = prune.report;
    return rc < 0 && !s->why[0] ? told(s, rc) : rc;
}

static int local_close(struct varve_source *s)
{
    int rc = told(s, varve_host_shutdown(host));
    free(memory);
    memory = NULL;
    return rc;
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

// ---- the configuration --------------------------------------------------------------------------

static int conf_failed(struct varve_source *s, int rc)
{
    const char *first = conf.error_count > 0 ? conf.errors[0] : varve_strerror(rc);
    return source_fail(s, rc, "%s", first);
}

static int set(struct varve_source *s, const char *key, const char *value)
{
    char assignment[ASSIGNMENT_MAX];
    int n = snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    if (n < 0 || (size_t)n >= sizeof assignment) {
        return source_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", value);
    }
    int rc = varve_conf_set(&conf, assignment);
    return rc < 0 ? conf_failed(s, rc) : 0;
}

static int unknown_backend(struct varve_source *s, const char *wanted)
{
    char names[256];
    struct varve_text list;
    varve_text_init(&list, names, sizeof names);
    const struct varve_plugin *plugin;
    for (size_t i = 0; (plugin = varve_registry_at(source_registry(), i)) != NULL; i++) {
        if (plugin->kind == VARVE_BACKEND) {
            varve_text_add(&list, "%s%s", list.len > 0 ? ", " : "", plugin->name);
        }
    }
    return source_fail(s, VARVE_E_NOT_FOUND,
                       "--store: there is no backend `%s`; this program knows: %s", wanted, names);
}

// Stores take relative paths from the state directory; on the command line they start here.
static int absolute(struct varve_source *s, const char *path, char *out, size_t cap)
{
    char here[PATH_MAX];
    int n;
    if (path[0] == '/') {
        n = snprintf(out, cap, "%s", path);
    } else if (getcwd(here, sizeof here)) {
        n = snprintf(out, cap, "%s/%s", here, path);
    } else {
        return source_fail(s, VARVE_E_IO, "cannot tell the current directory");
    }
    return n >= 0 && (size_t)n < cap
               ? 0
               : source_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", path);
}

static bool has_option(const struct varve_plugin *plugin, const char *name)
{
    const struct varve_option *option = plugin->options;
    while (option && option->name && strcmp(option->name, name) != 0) {
        option++;
    }
    return option && option->name;
}

// Without a configuration a store's backups are beside it.
static int set_backup_dir(struct varve_source *s, const char *path)
{
    char dir[VARVE_PATH_TEXT];
    const char *slash = strrchr(path, '/'); // the path is absolute
    int n = snprintf(dir, sizeof dir, "%.*s/backup", (int)(slash - path), path);
    return n >= 0 && (size_t)n < sizeof dir
               ? set(s, "backup.dir", dir)
               : source_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", path);
}

// A store in files, or on an image of raw flash: `rotate:image:FILE`.
static int set_place(struct varve_source *s, bool is_image, const char *path)
{
    char device[sizeof IMAGE + VARVE_PATH_TEXT];
    if (!is_image) {
        return set(s, "backend " STORE_NAME ".path", path);
    }
    (void)snprintf(device, sizeof device, IMAGE "%s", path); // fits
    return set(s, "backend " STORE_NAME ".device", device);
}

static int add_store(struct varve_source *s, const char *store, bool *exists)
{
    char kind[VARVE_NAME_TEXT];
    size_t len = strcspn(store, ":");
    if (store[len] != ':' || len == 0 || len >= sizeof kind || !store[len + 1]) {
        return source_fail(s, VARVE_E_INVALID,
                           "--store: `%s` is not KIND:PATH, for example sqlite:/var/lib/varve/"
                           "varve.db",
                           store);
    }
    memcpy(kind, store, len);
    kind[len] = '\0';
    const struct varve_plugin *plugin = varve_registry_find(source_registry(), VARVE_BACKEND, kind);
    if (!plugin) {
        return unknown_backend(s, kind);
    }
    if (!has_option(plugin, "path")) {
        return source_fail(
            s, VARVE_E_INVALID,
            "--store: a %s store has no file; what it holds only its daemon can tell", kind);
    }
    char path[VARVE_PATH_TEXT];
    const char *where = store + len + 1;
    const bool is_image = has_option(plugin, "device") && strncmp(where, IMAGE, strlen(IMAGE)) == 0;
    int rc = absolute(s, is_image ? where + strlen(IMAGE) : where, path, sizeof path);
    if (rc == 0) {
        (void)snprintf(s->where, sizeof s->where, "%s", path); // only shown
        *exists = access(path, F_OK) == 0;
        rc = varve_conf_add(&conf, VARVE_BACKEND, kind, STORE_NAME);
        rc = rc < 0 ? conf_failed(s, rc) : set_place(s, is_image, path);
        rc = rc == 0 ? set_backup_dir(s, path) : rc;
        // Whatever number of series the store holds: what is not used is never touched.
        rc = rc == 0 ? set(s, "varve.series", ANY_SERIES) : rc;
    }
    return rc;
}

static bool is_wanted(const struct source_choice *choice,
                      const struct varve_instance_conf *instance)
{
    const struct varve_plugin *plugin = instance->plugin;
    return plugin->kind == VARVE_BACKEND && instance->enabled &&
           (!choice->backups || plugin->backend->backup != NULL);
}

static int load_config(struct varve_source *s, const struct source_choice *choice)
{
    const char *path = choice->config;
    int rc = varve_conf_load(&conf, path);
    if (rc < 0) {
        return conf_failed(s, rc);
    }
    (void)snprintf(s->where, sizeof s->where, "the store of %s", path); // only shown
    bool found = false;
    for (size_t i = 0; i < conf.instance_count; i++) {
        struct varve_instance_conf *instance = &conf.instances[i];
        bool store = is_wanted(choice, instance);
        instance->enabled = store && (!found || choice->every_store);
        found = found || store;
    }
    return found ? 0 : source_fail(s, VARVE_E_NOT_FOUND, "%s has no backend to open", path);
}

// Where nothing expires, the store's index must have room for every block of the import.
static int make_room_for_all(struct varve_source *s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < conf.instance_count; i++) {
        const struct varve_instance_conf *instance = &conf.instances[i];
        if (instance->enabled && has_option(instance->plugin, "blocks")) {
            char key[2 * VARVE_NAME_TEXT];
            (void)snprintf(key, sizeof key, "backend %s.blocks", instance->name); // it fits
            rc = set(s, key, ANY_BLOCKS);
        }
    }
    return rc;
}

static int configure(struct varve_source *s, const struct source_choice *choice, unsigned *flags)
{
    bool exists = true;
    varve_conf_init(&conf, source_registry(), source_environment);
    int rc = choice->config ? load_config(s, choice) : 0;
    if (rc == 0 && choice->store) {
        for (size_t i = 0; i < conf.instance_count; i++) {
            conf.instances[i].enabled = false;
        }
        rc = add_store(s, choice->store, &exists);
    }
    rc = rc == 0 && choice->keep_all ? make_room_for_all(s) : rc;
    if (rc < 0) {
        return rc;
    }
    if (!exists && (!choice->write || choice->existing)) {
        return source_fail(s, VARVE_E_NOT_FOUND, "there is no store %s", s->where);
    }
    *flags = VARVE_HOST_NO_COLLECTORS | (unsigned)VARVE_HOST_SKETCHES;
    *flags |= choice->write ? 0 : (unsigned)VARVE_HOST_READ_ONLY;
    *flags |= choice->as_is ? (unsigned)VARVE_HOST_AS_IS : 0;
    *flags |= choice->keep_all ? (unsigned)VARVE_HOST_KEEP_ALL : 0;
    *flags |= exists && !(choice->write && choice->config) ? (unsigned)VARVE_HOST_STORE_TIERS : 0;
    rc = varve_conf_finish(&conf);
    return rc < 0 ? conf_failed(s, rc) : 0;
}

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

// A store may need more memory than a daemon ever has: more is tried until it is enough.
static int open_host(unsigned flags, char *why, size_t why_cap)
{
    int rc = VARVE_E_NO_MEMORY;
    for (size_t bytes = MEMORY_MIN; rc == VARVE_E_NO_MEMORY && bytes <= MEMORY_MAX; bytes *= 2) {
        memory = calloc(1, bytes);
        if (!memory) {
            break;
        }
        rc = varve_host_init(&host, &conf, memory, bytes, flags | VARVE_HOST_FRESH_MEMORY, why,
                             why_cap);
        if (rc != 0) {
            free(memory);
            memory = NULL;
        }
    }
    return rc;
}

int source_open_local(struct varve_source *s, const struct source_choice *choice)
{
    unsigned flags = 0;
    int rc = configure(s, choice, &flags);
    if (rc < 0) {
        return rc;
    }
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    rc = open_host(flags, why, sizeof why);
    if (rc == VARVE_E_BUSY) {
        return busy(s);
    }
    if (rc < 0) {
        return source_fail(s, rc, "cannot open %s: %s", s->where,
                           why[0] ? why : varve_strerror(rc));
    }
    s->ops = &local_ops;
    return 0;
}

// ---- where it is --------------------------------------------------------------------------------

static int path_of(struct varve_source *s, const struct varve_instance_conf *instance,
                   char out[VARVE_PATH_TEXT])
{
    char path[VARVE_PATH_TEXT];
    const struct varve_option *option = varve_option_find(instance->plugin->options, "path");
    size_t n = varve_option_print(option, instance->options, path, sizeof path);
    bool whole = path[0] == '/' || conf.settings.state[0] == '\0';
    int m = snprintf(out, VARVE_PATH_TEXT, "%s%s%s", whole ? "" : conf.settings.state,
                     whole ? "" : "/", path);
    return n < sizeof path && m >= 0 && (size_t)m < VARVE_PATH_TEXT
               ? 0
               : source_fail(s, VARVE_E_TOO_BIG, "the store's path is too long");
}

int source_locate_local(struct varve_source *s, const struct source_choice *choice,
                        struct source_store *store)
{
    struct source_choice any = *choice;
    unsigned flags = 0;
    any.write = true; // it may be missing
    any.existing = false;
    int rc = configure(s, &any, &flags);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < conf.instance_count; i++) {
        const struct varve_instance_conf *instance = &conf.instances[i];
        const struct varve_plugin *plugin = instance->plugin;
        if (!instance->enabled || plugin->kind != VARVE_BACKEND ||
            plugin->backend->backup == NULL) {
            continue;
        }
        rc = path_of(s, instance, store->path);
        (void)snprintf(store->choice, sizeof store->choice, "%s:%s", plugin->name, store->path);
        rc = rc == 0 ? varve_backup_place_init(&store->place, conf.settings.state, conf.backup.dir,
                                               store->path)
                     : rc;
        return rc < 0 && !s->why[0] ? source_fail(s, rc, "the path is too long: %s", store->path)
                                    : rc;
    }
    return source_fail(s, VARVE_E_UNSUPPORTED, "%s: its stores have no backups", s->where);
}
