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

static int make_state(const struct varve_settings *settings)
{
    int rc = settings->state[0] ? varve_port_path_make_dir(settings->state) : 0;
    if (rc < 0) {
        varve_log(VARVE_CRITICAL, "varved",
                  "cannot make the state directory %s: %s; run as a user who may, or give "
                  "another with --state DIR",
                  settings->state, varve_port_native_text(varve_port_native_error()));
    }
    return rc;
}

int service_start(struct service *service)
{
    const struct varve_settings *settings = &service->conf->settings;
    varve_posix_log_open((enum varve_severity)settings->log_level, settings->log_target == 1,
                         "varved");
    int rc = make_state(settings);
    if (rc < 0) {
        return rc;
    }
    char why[WHY_MAX] = "";
    unsigned flags = service->memory_used ? 0 : VARVE_HOST_FRESH_MEMORY;
    service->memory_used = true;
    rc = varve_host_init(&service->host, service->conf, memory, sizeof memory, flags, why,
                         sizeof why);
    if (rc < 0) {
        service->host = NULL;
        varve_log(VARVE_CRITICAL, "varved", "%s", why[0] ? why : varve_strerror(rc));
        return rc;
    }
    rc = varve_host_start(service->host);
    if (rc < 0) {
        varve_log(VARVE_CRITICAL, "varved", "cannot start the tasks: %s", varve_strerror(rc));
        (void)service_stop(service); // what failed first is what counts
    }
    return rc;
}

int service_stop(struct service *service)
{
    int rc = service->host ? varve_host_shutdown(service->host) : 0;
    service->host = NULL;
    if (rc < 0) {
        varve_log(VARVE_ERROR, "varved", "not everything could be stored: %s", varve_strerror(rc));
    }
    return rc;
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

static int go_back(struct service *service, struct varve_conf *old)
{
    varve_log(VARVE_ERROR, "varved", "the new configuration cannot be run; going back to the old");
    service->conf = old;
    return service_start(service);
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
    if (service_stop(service) == VARVE_E_TIMEOUT) {
        return VARVE_E_TIMEOUT; // it began to hang meanwhile
    }
    service->conf = fresh; // what could not be stored was logged, and is lost either way
    int rc = service_start(service);
    if (rc < 0) {
        return go_back(service, old);
    }
    varve_log(VARVE_NOTICE, "varved", "running with the new configuration");
    return 0;
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

// Whether the file is named after the store.
static bool is_named_after(const char *file, const char *store)
{
    const char *base = base_of(store);
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot != base ? (size_t)(dot - base) : strlen(base);
    return strncmp(base_of(file), base, n) == 0 && base_of(file)[n] == '-';
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
static int swap_store(struct service *service, struct varve_restore *r, char *told, size_t cap)
{
    int rc = varve_restore(r);
    if (rc < 0) {
        (void)say(told, cap, rc, r->why);
        (void)service_start(service); // logged; the first error is the one to tell
        return rc;
    }
    rc = service_start(service);
    if (rc < 0) {
        varve_log(VARVE_ERROR, "varved", "the restored store cannot be run; going back to the old");
        (void)say(told, cap, rc, "the restored store cannot be run; the log says why");
        if (varve_restore_undo(r) == 0) {
            (void)service_start(service); // logged
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
    rc = service_stop(service); // logged; the operator wants another store anyway
    service->conf->backup.at_stop = at_stop;
    if (rc == VARVE_E_TIMEOUT) {
        return say(told, cap, rc, "a collector does not come back: the daemon stops");
    }
    return swap_store(service, &r, told, cap);
}
