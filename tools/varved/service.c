// SPDX-License-Identifier: Apache-2.0
// The host inside the daemon; see service.h.
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/restore.h"
#include "ports/posix/posix.h"
#include "varve/port.h"

#define WHY_MAX (VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT)

extern const struct varve_plugin *const varve_static_plugins[];

static struct varve_conf configurations[2];
// A cache line: the host keeps what different tasks write apart.
static _Alignas(64) uint8_t memory[VARVE_MEMORY_BYTES];

static const char *environment(const char *name)
{
    return getenv(name);
}

// ---- configuration ------------------------------------------------------------------------------

static int apply_overrides(struct varve_conf *conf, const struct options *options)
{
    char assignment[VARVE_PATH_TEXT + 32];
    int rc = 0;
    if (options->state) {
        int n = snprintf(assignment, sizeof assignment, "varve.state=%s", options->state);
        bool fits = n >= 0 && (size_t)n < sizeof assignment;
        rc = fits ? varve_conf_set(conf, assignment) : VARVE_E_TOO_BIG;
    }
    for (size_t i = 0; i < options->set_count; i++) {
        int set = varve_conf_set(conf, options->set[i]);
        rc = rc < 0 ? rc : set;
    }
    return rc;
}

static void report(const struct varve_conf *conf, const char *path, int rc)
{
    unsigned kept = conf->error_count < VARVE_CONF_ERRORS ? conf->error_count : VARVE_CONF_ERRORS;
    for (unsigned i = 0; i < kept; i++) {
        varve_log(VARVE_ERROR, "config", "%s", conf->errors[i]);
    }
    if (conf->error_count > kept) {
        varve_log(VARVE_ERROR, "config", "and %u more errors", conf->error_count - kept);
    }
    if (conf->error_count == 0) {
        varve_log(VARVE_ERROR, "config", "%s: %s", path, varve_strerror(rc));
    }
}

static int load(const struct service *service, struct varve_conf *conf)
{
    const struct options *options = service->options;
    varve_conf_init(conf, &service->registry, environment);
    int rc = varve_conf_load(conf, options->config);
    int set = apply_overrides(conf, options);
    rc = rc < 0 ? rc : set;
    rc = rc < 0 ? rc : varve_conf_finish(conf);
    if (rc < 0) {
        report(conf, options->config, rc);
        if (!options->config_given && varve_port_path_exists(options->config) < 0) {
            varve_log(VARVE_ERROR, "config", "name your configuration with -c FILE");
        }
    }
    return rc;
}

int service_configure(struct service *service, const struct options *options)
{
    *service = (struct service){.options = options};
    varve_registry_init(&service->registry, varve_static_plugins);
    (void)varve_registry_load_dir(&service->registry, options->plugin_dir); // refusals are logged
    int rc = load(service, &configurations[0]);
    if (rc < 0) {
        return rc;
    }
    service->conf = &configurations[0];
    return 0;
}

static size_t enabled(const struct varve_conf *conf, enum varve_plugin_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < conf->instance_count; i++) {
        n += conf->instances[i].enabled && conf->instances[i].plugin->kind == kind ? 1 : 0;
    }
    return n;
}

void service_describe(const struct service *service)
{
    const struct varve_conf *conf = service->conf;
    printf("%s is valid; collectors: %zu, backends: %zu, tiers: %zu, state in %s\n",
           service->options->config, enabled(conf, VARVE_COLLECTOR), enabled(conf, VARVE_BACKEND),
           conf->tier_count, conf->settings.state);
}

int service_socket(const struct service *service, char *out, size_t cap)
{
    const struct varve_settings *settings = &service->conf->settings;
    bool absolute = settings->socket[0] == '/' || !settings->state[0];
    int n = absolute ? snprintf(out, cap, "%s", settings->socket)
                     : snprintf(out, cap, "%s/%s", settings->state, settings->socket);
    return n >= 0 && (size_t)n < cap ? 0 : VARVE_E_TOO_BIG;
}

// ---- running ------------------------------------------------------------------------------------

// Without it a socket and stores elsewhere can do, and stores are waited for.
static void make_state(const struct varve_settings *settings)
{
    int rc = settings->state[0] ? varve_port_path_make_dir(settings->state) : 0;
    if (rc < 0) {
        varve_log(VARVE_ERROR, "varved",
                  "cannot make the state directory %s: %s; run as a user who may, or give "
                  "another with --state DIR",
                  settings->state, varve_port_native_text(varve_port_native_error()));
    }
}

static const struct varve_handover nothing;

// Opens the host in what the handover leaves of the memory, and lets it take that over.
static int open_host(struct service *service, const struct varve_handover *handover, unsigned flags)
{
    char why[WHY_MAX] = "";
    flags |= service->memory_used ? 0 : VARVE_HOST_FRESH_MEMORY;
    service->memory_used = true;
    int rc = varve_host_init(&service->host, service->conf, memory, sizeof memory - handover->bytes,
                             flags, why, sizeof why);
    if (rc < 0) {
        service->host = NULL;
        varve_log(VARVE_CRITICAL, "varved", "%s", why[0] ? why : varve_strerror(rc));
        return rc;
    }
    int taken = varve_host_take_over(service->host, handover, memory, sizeof memory);
    if (taken < 0) {
        varve_log(VARVE_ERROR, "varved", "not everything that was in memory could be kept: %s",
                  varve_strerror(taken));
    }
    return 0;
}

static int start(struct service *service, const struct varve_handover *handover)
{
    int rc = open_host(service, handover, VARVE_HOST_WAIT);
    if (rc == VARVE_E_NO_MEMORY && handover->bytes > 0) {
        varve_log(VARVE_ERROR, "varved", "%u samples in memory are given up", handover->rows);
        rc = open_host(service, &nothing, VARVE_HOST_WAIT);
    }
    rc = rc == 0 ? varve_host_start(service->host) : rc;
    if (rc < 0 && service->host) {
        varve_log(VARVE_CRITICAL, "varved", "cannot start the tasks: %s", varve_strerror(rc));
        (void)service_stop(service); // what failed first is what counts
    }
    return rc;
}

int service_start(struct service *service)
{
    const struct varve_settings *settings = &service->conf->settings;
    varve_posix_log_open((enum varve_severity)settings->log_level, settings->log_target == 1,
                         "varved");
    make_state(settings);
    return start(service, &nothing);
}

static int end(struct service *service, struct varve_handover *handover)
{
    *handover = nothing;
    int rc = service->host ? varve_host_hand_over(service->host, handover) : 0;
    service->host = NULL;
    if (rc < 0 && handover->rows > 0) {
        varve_log(VARVE_WARNING, "varved", "%u samples are in memory only: %s", handover->rows,
                  varve_strerror(rc));
    } else if (rc < 0) {
        varve_log(VARVE_ERROR, "varved", "not everything could be stored: %s", varve_strerror(rc));
    }
    return rc;
}

// A store that was not there at the start may be there now, at the end.
static int store_late(struct service *service, const struct varve_handover *handover)
{
    int rc = open_host(service, handover, VARVE_HOST_NO_COLLECTORS);
    rc = rc == 0 ? varve_host_shutdown(service->host) : rc;
    service->host = NULL;
    varve_log(rc == 0 ? VARVE_NOTICE : VARVE_ERROR, "varved",
              rc == 0 ? "stored %u samples after all" : "%u samples in memory are lost",
              handover->rows);
    return rc;
}

int service_stop(struct service *service)
{
    struct varve_handover handover;
    bool waits = service->host && varve_host_waits(service->host) != VARVE_WAITS_NOT;
    int rc = end(service, &handover);
    bool late = waits && rc != VARVE_E_TIMEOUT && handover.blocks > 0;
    return late ? store_late(service, &handover) : rc;
}

// A collector that hangs has the host's memory, and another host cannot have it.
static bool collector_hangs(const struct service *service, char *name, size_t cap)
{
    struct varve_instance_stats instance;
    for (size_t i = 0; varve_host_instance(service->host, i, &instance) == 0; i++) {
        if (strcmp(instance.state, "hung") == 0) {
            (void)snprintf(name, cap, "%s", instance.name);
            return true;
        }
    }
    return false;
}

static int go_back(struct service *service, struct varve_conf *old,
                   const struct varve_handover *handover)
{
    varve_log(VARVE_ERROR, "varved", "the new configuration cannot be run; going back to the old");
    service->conf = old;
    return start(service, handover);
}

int service_reload(struct service *service)
{
    struct varve_conf *old = service->conf;
    struct varve_conf *fresh = old == &configurations[0] ? &configurations[1] : &configurations[0];
    varve_log(VARVE_NOTICE, "varved", "reading %s again", service->options->config);
    if (load(service, fresh) < 0) {
        varve_log(VARVE_ERROR, "varved", "the configuration is not valid; nothing was changed");
        return 0;
    }
    char name[VARVE_NAME_TEXT];
    if (collector_hangs(service, name, sizeof name)) {
        varve_log(VARVE_ERROR, "varved",
                  "collector %s hangs: nothing was changed; restart the daemon instead", name);
        return 0;
    }
    struct varve_handover handover;
    if (end(service, &handover) == VARVE_E_TIMEOUT) {
        return VARVE_E_TIMEOUT; // it began to hang meanwhile
    }
    service->conf = fresh;
    varve_posix_log_open((enum varve_severity)fresh->settings.log_level,
                         fresh->settings.log_target == 1, "varved");
    make_state(&fresh->settings);
    int rc = start(service, &handover);
    if (rc < 0) {
        return go_back(service, old, &handover);
    }
    varve_log(VARVE_NOTICE, "varved", "running with the new configuration");
    return 0;
}

int service_resume(struct service *service)
{
    char name[VARVE_NAME_TEXT];
    if (varve_host_waits(service->host) != VARVE_WAITS_READY) {
        return 0;
    }
    if (collector_hangs(service, name, sizeof name)) {
        return 0; // until it is back; history stays in RAM
    }
    varve_log(VARVE_NOTICE, "varved", "the store can be opened now: starting with it");
    struct varve_handover handover;
    if (end(service, &handover) == VARVE_E_TIMEOUT) {
        return VARVE_E_TIMEOUT; // it began to hang meanwhile
    }
    int rc = start(service, &handover);
    if (rc == 0) {
        char text[VARVE_MESSAGE_TEXT];
        (void)snprintf(
            text, sizeof text,
            "a store that could not be opened at the start works: it gets the %u samples "
            "that were kept in RAM",
            (unsigned)handover.rows);
        varve_host_event(service->host, VARVE_NOTICE, "host", "store_opened", text, NULL);
    }
    return rc < 0 ? rc : 1;
}

// ---- restoring ----------------------------------------------------------------------------------

static int say(char *told, size_t cap, int rc, const char *text)
{
    (void)snprintf(told, cap, "%s", text); // a sentence cut short is still one
    return rc;
}

static int one_is_enough(void *arg, const char *path, int64_t time_ms)
{
    (void)arg;
    (void)path;
    (void)time_ms;
    return 1;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// Whether the file is named after the store: varve-20261121T013000Z.db, or varve.db as archives
// have it.
static bool is_named_after(const char *file, const char *store)
{
    const char *base = base_of(store);
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    const char *name = base_of(file);
    return strncmp(name, base, n) == 0 && (name[n] == '-' || name[n] == '.');
}

// The store that a backup belongs to: by its name, or because there is only one.
static int find_store(const struct service *service, const char *path, size_t *index,
                      char store[VARVE_PATH_TEXT])
{
    static struct varve_stats stats;
    size_t able = 0;
    bool named = false;
    varve_host_stats(service->host, &stats);
    for (size_t i = 0; i < stats.backend_count && !named; i++) {
        if (varve_host_backups(service->host, i, one_is_enough, NULL) < 0) {
            continue;
        }
        named = is_named_after(path, stats.backends[i].where);
        able++;
        *index = i;
        (void)snprintf(store, VARVE_PATH_TEXT, "%s", stats.backends[i].where); // of that size
    }
    return named || able == 1 ? 0 : VARVE_E_NOT_FOUND;
}

// The host is closed. Whatever comes of it, one is running afterwards, if any can.
static int swap_store(struct service *service, struct varve_restore *r,
                      const struct varve_handover *handover, char *told, size_t cap)
{
    int rc = varve_restore(r);
    if (rc < 0) {
        (void)say(told, cap, rc, r->why);
        (void)start(service, handover); // logged; the first error is the one to tell
        return rc;
    }
    rc = start(service, handover);
    if (rc < 0) {
        varve_log(VARVE_ERROR, "varved", "the restored store cannot be run; going back to the old");
        (void)say(told, cap, rc, "the restored store cannot be run; the log says why");
        if (varve_restore_undo(r) == 0) {
            (void)start(service, handover); // logged
        }
        return rc;
    }
    varve_log(VARVE_NOTICE, "varved", "restored %s; the store that it replaced is %s", r->from,
              r->kept[0] ? r->kept : "not there");
    return say(told, cap, 0, r->kept);
}

int service_restore(struct service *service, const char *path, char *told, size_t cap)
{
    static uint8_t buf[16384];
    char store[VARVE_PATH_TEXT];
    size_t index = 0;
    int rc = find_store(service, path, &index, store);
    if (rc < 0) {
        return say(told, cap, rc, "no store is configured that this can be a backup of");
    }
    rc = varve_host_verify_backup(service->host, index, path, told, cap);
    if (rc < 0) {
        return rc;
    }
    struct varve_restore r = {.from = path,
                              .store = store,
                              .unix_ms = varve_port_wall_ms(),
                              .buf = buf,
                              .buf_bytes = sizeof buf};
    char name[VARVE_NAME_TEXT];
    if (collector_hangs(service, name, sizeof name)) {
        return say(told, cap, VARVE_E_BUSY, "a collector hangs: stop the daemon and restore then");
    }
    // A backup at this stop could push out the very one that is restored.
    bool at_stop = service->conf->backup.at_stop;
    service->conf->backup.at_stop = false;
    struct varve_handover handover;
    rc = end(service, &handover); // logged; the operator wants another store anyway
    service->conf->backup.at_stop = at_stop;
    if (rc == VARVE_E_TIMEOUT) {
        return say(told, cap, rc, "a collector does not come back: the daemon stops");
    }
    return swap_store(service, &r, &handover, told, cap);
}
