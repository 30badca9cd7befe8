// SPDX-License-Identifier: Apache-2.0
// Configuration: plugin instances, found by kind and name or made with their defaults.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

struct varve_instance_conf *conf_find_instance(struct varve_conf *conf, enum varve_plugin_kind kind,
                                               const char *name)
{
    for (size_t i = 0; i < conf->instance_count; i++) {
        struct varve_instance_conf *instance = &conf->instances[i];
        if (instance->plugin->kind == kind && strcmp(instance->name, name) == 0) {
            return instance;
        }
    }
    return NULL;
}

static void report_no_plugin(struct varve_conf *conf, const struct conf_at *at,
                             enum varve_plugin_kind kind, const char *name)
{
    char known[VARVE_MESSAGE_TEXT];
    struct varve_text t;
    struct varve_nearest nearest = {.wanted = name};
    const struct varve_plugin *plugin;
    varve_text_init(&t, known, sizeof known);
    for (size_t i = 0; (plugin = varve_registry_at(conf->registry, i)) != NULL; i++) {
        if (plugin->kind == kind) {
            varve_text_add(&t, "%s%s", t.len > 0 ? ", " : "", plugin->name);
            varve_nearest_offer(&nearest, plugin->name);
        }
    }
    const char *best = nearest.best;
    conf_report(conf, at, "no %s '%s' is built in or loaded%s%s%s; known: %s", conf_kind_name(kind),
                name, best != NULL ? ", did you mean '" : "", best != NULL ? best : "",
                best != NULL ? "'?" : "", t.len > 0 ? known : "none");
}

static struct varve_instance_conf *new_instance(struct varve_conf *conf, const struct conf_at *at,
                                                const struct varve_plugin *plugin, const char *name)
{
    struct conf_table tables[CONF_TABLES];
    if (conf->instance_count == VARVE_MAX_INSTANCES) {
        conf_report(conf, at, "at most %u instances are possible (VARVE_MAX_INSTANCES)",
                    VARVE_MAX_INSTANCES);
        return NULL;
    }
    struct conf_head *head = conf_take(conf, at, sizeof *head + plugin->options_size);
    if (head == NULL) {
        return NULL;
    }
    struct varve_instance_conf *instance = &conf->instances[conf->instance_count++];
    memset(instance, 0, sizeof *instance);
    instance->plugin = plugin;
    instance->options = head + 1;
    varve_format(instance->name, sizeof instance->name, "%s", name);
    size_t n = conf_instance_tables(instance, tables);
    for (size_t i = 0; i < n; i++) {
        conf_defaults(conf, at, &tables[i]);
    }
    return instance;
}

static bool check_name(struct varve_conf *conf, const struct conf_at *at, const char *name)
{
    if (varve_text_is_name(name, VARVE_NAME_TEXT)) {
        return true;
    }
    conf_report(conf, at, "expected a name of letters, digits, _ and -, at most %u bytes; got '%s'",
                VARVE_NAME_TEXT - 1, name);
    return false;
}

struct varve_instance_conf *conf_open_instance(struct varve_conf *conf, const struct conf_at *at,
                                               enum varve_plugin_kind kind, const char *name,
                                               const char *plugin)
{
    if (!check_name(conf, at, name)) {
        return NULL;
    }
    struct varve_instance_conf *instance = conf_find_instance(conf, kind, name);
    if (instance != NULL) {
        if (plugin == NULL || strcmp(plugin, instance->plugin->name) == 0) {
            return instance;
        }
        conf_report(conf, at, "'%s' is an instance of '%s' already; choose another name", name,
                    instance->plugin->name);
        return NULL;
    }
    plugin = plugin != NULL ? plugin : name;
    const struct varve_plugin *found = varve_registry_find(conf->registry, kind, plugin);
    if (found == NULL) {
        report_no_plugin(conf, at, kind, plugin);
        return NULL;
    }
    return new_instance(conf, at, found, name);
}

int varve_conf_add(struct varve_conf *conf, enum varve_plugin_kind kind, const char *plugin,
                   const char *name)
{
    unsigned before = conf->error_count;
    char title[VARVE_CONF_LINE];
    name = name != NULL ? name : plugin;
    varve_format(title, sizeof title, "%s %s", conf_kind_name(kind), name);
    const struct conf_at at = {.section = title};
    if (conf_find_instance(conf, kind, name) != NULL) {
        conf_report(conf, &at, "the instance exists already");
        return VARVE_E_INVALID;
    }
    (void)conf_open_instance(conf, &at, kind, name, plugin); // reported
    return conf->error_count == before ? 0 : VARVE_E_INVALID;
}
