// SPDX-License-Identifier: Apache-2.0
// The known plugins: those linked in, and modules that were loaded and checked.
//
// Who can write a module can be this program: a directory or module that others than root and its
// own user can change is refused. A module is refused before anything in it is used beyond the
// fields that a descriptor of every version begins with (magic, ABI, size). What a refused module
// was called, and why, is logged; a bad module never keeps the good ones out.
//
// Threading: filled by one task before the configuration is read; read-only afterwards.
#include <string.h>

#include "core/dir.h"
#include "core/option.h"
#include "core/text.h"

void varve_registry_init(struct varve_registry *registry, const struct varve_plugin *const *linked)
{
    memset(registry, 0, sizeof *registry);
    registry->linked = linked;
}

const struct varve_plugin *varve_registry_at(const struct varve_registry *registry, size_t index)
{
    size_t linked = 0;
    if (registry == NULL) { // of a configuration that was compiled in
        return NULL;
    }
    while (registry->linked != NULL && registry->linked[linked] != NULL) {
        if (linked == index) {
            return registry->linked[linked];
        }
        linked++;
    }
    return index - linked < registry->module_count ? registry->modules[index - linked] : NULL;
}

const struct varve_plugin *varve_registry_find(const struct varve_registry *registry,
                                               enum varve_plugin_kind kind, const char *name)
{
    const struct varve_plugin *plugin;
    for (size_t i = 0; (plugin = varve_registry_at(registry, i)) != NULL; i++) {
        if (plugin->kind == kind && strcmp(plugin->name, name) == 0) {
            return plugin;
        }
    }
    return NULL;
}

// ---- checks -------------------------------------------------------------------------------------

static int check_version(const struct varve_plugin *plugin, char *why, size_t cap)
{
    if (plugin->magic != VARVE_PLUGIN_MAGIC) {
        varve_format(why, cap, "this is no varve plugin (magic 0x%08x, expected 0x%08x)",
                     (unsigned)plugin->magic, VARVE_PLUGIN_MAGIC);
        return VARVE_E_VERSION;
    }
    if (plugin->abi != VARVE_PLUGIN_ABI) {
        varve_format(why, cap, "built for plugin ABI %u, this program has ABI %u: build it again",
                     (unsigned)plugin->abi, VARVE_PLUGIN_ABI);
        return VARVE_E_VERSION;
    }
    if (plugin->size != sizeof *plugin) {
        varve_format(why, cap, "its descriptor has %u bytes, this program's %zu: build it again",
                     (unsigned)plugin->size, sizeof *plugin);
        return VARVE_E_VERSION;
    }
    return 0;
}

static bool collector_complete(const struct varve_plugin *plugin)
{
    const struct varve_collector_ops *ops = plugin->collector;
    return ops != NULL && plugin->backend == NULL && ops->init != NULL && ops->collect != NULL;
}

static bool backend_complete(const struct varve_plugin *plugin)
{
    const struct varve_backend_ops *ops = plugin->backend;
    return ops != NULL && plugin->collector == NULL && ops->open != NULL && ops->close != NULL &&
           ops->define != NULL && ops->put != NULL && ops->event != NULL && ops->commit != NULL &&
           ops->abort != NULL && ops->next != NULL && ops->get != NULL && ops->stats != NULL;
}

static const char *descriptor_fault(const struct varve_plugin *plugin)
{
    if (plugin->name == NULL || !varve_text_is_name(plugin->name, VARVE_NAME_TEXT)) {
        return "its name is missing or not made of letters, digits, _ and -";
    }
    if (plugin->summary == NULL) {
        return "it has no summary";
    }
    if (plugin->kind != VARVE_COLLECTOR && plugin->kind != VARVE_BACKEND) {
        return "its kind is unknown";
    }
    bool complete =
        plugin->kind == VARVE_COLLECTOR ? collector_complete(plugin) : backend_complete(plugin);
    return complete ? NULL : "a callback that its kind needs is missing";
}

static int check_options(const struct varve_plugin *plugin, char *why, size_t cap)
{
    size_t n = varve_option_count(plugin->options);
    if (n > VARVE_OPTIONS_MAX) {
        varve_format(why, cap, "it has %zu options, at most %u are possible", n, VARVE_OPTIONS_MAX);
        return VARVE_E_INVALID;
    }
    for (size_t i = 0; i < n; i++) {
        const struct varve_option *option = &plugin->options[i];
        int rc = varve_option_check(option, plugin->options_size, why, cap);
        if (rc != 0) {
            return rc;
        }
        if (varve_option_find(plugin->options, option->name) != option) {
            varve_format(why, cap, "option '%s' stands twice in its table", option->name);
            return VARVE_E_INVALID;
        }
    }
    return 0;
}

static int check_plugin(const struct varve_plugin *plugin, char *why, size_t cap)
{
    int rc = check_version(plugin, why, cap);
    if (rc != 0) {
        return rc;
    }
    const char *fault = descriptor_fault(plugin);
    if (fault != NULL) {
        varve_format(why, cap, "%s", fault);
        return VARVE_E_INVALID;
    }
    return check_options(plugin, why, cap);
}

int varve_registry_add(struct varve_registry *registry, const struct varve_plugin *plugin,
                       char *why, size_t why_cap)
{
    char unused[1];
    if (why == NULL) {
        why = unused;
        why_cap = sizeof unused;
    }
    if (plugin == NULL) {
        varve_format(why, why_cap, "it has no descriptor");
        return VARVE_E_INVALID;
    }
    int rc = check_plugin(plugin, why, why_cap);
    if (rc != 0) {
        return rc;
    }
    if (varve_registry_find(registry, plugin->kind, plugin->name) != NULL) {
        varve_format(why, why_cap, "a %s named '%s' is already there",
                     plugin->kind == VARVE_COLLECTOR ? "collector" : "backend", plugin->name);
        return VARVE_E_EXISTS;
    }
    if (registry->module_count == VARVE_MAX_MODULES) {
        varve_format(why, why_cap, "%u modules are loaded, which is the most", VARVE_MAX_MODULES);
        return VARVE_E_FULL;
    }
    registry->modules[registry->module_count++] = plugin;
    return 0;
}

// ---- modules ------------------------------------------------------------------------------------

static int load_module(struct varve_registry *registry, const char *path, char *why, size_t cap)
{
    void *address = NULL;
    int rc = varve_port_path_trusted(path, 0, why, cap);
    if (rc != 0) {
        return rc;
    }
    rc = varve_port_module_open(path, VARVE_PLUGIN_SYMBOL, &address, why, cap);
    if (rc != 0) {
        return rc;
    }
    // The symbol is a variable that holds the descriptor's address.
    return varve_registry_add(registry, *(const struct varve_plugin *const *)address, why, cap);
}

int varve_registry_load_dir(struct varve_registry *registry, const char *path)
{
    int added = 0;
    int rc;
    char name[VARVE_PATH_TEXT] = "";
    char fault[VARVE_MESSAGE_TEXT] = "";
    if (varve_port_path_trusted(path, 0, fault, sizeof fault) != 0) {
        varve_log(VARVE_ERROR, "plugins", "no module of %s is loaded: %s", path, fault);
        return 0;
    }
    while ((rc = varve_dir_next(path, ".so", name)) == 0) {
        char file[VARVE_PATH_TEXT];
        char why[VARVE_MESSAGE_TEXT] = "its path is too long";
        int loaded = varve_dir_join(file, sizeof file, path, name);
        if (loaded == 0) {
            why[0] = '\0';
            loaded = load_module(registry, file, why, sizeof why);
        }
        if (loaded != 0) {
            varve_log(VARVE_WARNING, "plugins", "module %s is refused: %s", name,
                      why[0] != '\0' ? why : varve_strerror(loaded));
            continue;
        }
        added++;
    }
    if (rc != VARVE_E_NOT_FOUND && rc != VARVE_E_CLOSED) {
        varve_log(VARVE_WARNING, "plugins", "cannot list %s: %s", path, varve_strerror(rc));
    }
    return added;
}
