// SPDX-License-Identifier: Apache-2.0
// The host inside the daemon; see service.h.
#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    (void)service_stop(service); // logged; the data that it could not store is lost either way
    service->conf = fresh;
    int rc = service_start(service);
    if (rc < 0) {
        return go_back(service, old);
    }
    varve_log(VARVE_NOTICE, "varved", "running with the new configuration");
    return 0;
}
