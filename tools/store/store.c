// SPDX-License-Identifier: Apache-2.0
// A store that a program opens itself; see store.h.
#include "store.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/option.h"
#include "core/text.h"
#include "varve/port.h"

extern const struct varve_plugin *const varve_static_plugins[];

#define STORE_NAME     "store"
#define ASSIGNMENT_MAX (VARVE_PATH_TEXT + 64u)
#define MEMORY_MIN     ((size_t)VARVE_MEMORY_BYTES)
#define MEMORY_MAX     ((size_t)1 << 30)
// More than any store holds: the table of series, and the index of blocks where nothing expires.
#define ANY_SERIES "65535"
#define ANY_BLOCKS "1000000"
// As the POSIX port names it.
#define IMAGE "image:"

int store_fail(struct store *s, int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vsnprintf(s->why, sizeof s->why, format, list); // a sentence cut short is still one
    va_end(list);
    return code;
}

const char *store_environment(const char *name)
{
    return getenv(name);
}

const struct varve_registry *store_registry(void)
{
    static struct varve_registry registry;
    if (!registry.linked) {
        varve_registry_init(&registry, varve_static_plugins);
        (void)varve_registry_load_dir(&registry, VARVE_PLUGIN_DIR); // what is refused is logged
    }
    return &registry;
}

// ---- the configuration --------------------------------------------------------------------------

static int conf_failed(struct store *s, int rc)
{
    const char *first = s->conf.error_count > 0 ? s->conf.errors[0] : varve_strerror(rc);
    return store_fail(s, rc, "%s", first);
}

static int set(struct store *s, const char *key, const char *value)
{
    char assignment[ASSIGNMENT_MAX];
    int n = snprintf(assignment, sizeof assignment, "%s=%s", key, value);
    if (n < 0 || (size_t)n >= sizeof assignment) {
        return store_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", value);
    }
    int rc = varve_conf_set(&s->conf, assignment);
    return rc < 0 ? conf_failed(s, rc) : 0;
}

static int unknown_backend(struct store *s, const char *wanted)
{
    char names[256];
    struct varve_text list;
    varve_text_init(&list, names, sizeof names);
    const struct varve_plugin *plugin;
    for (size_t i = 0; (plugin = varve_registry_at(s->conf.registry, i)) != NULL; i++) {
        if (plugin->kind == VARVE_BACKEND) {
            varve_text_add(&list, "%s%s", list.len > 0 ? ", " : "", plugin->name);
        }
    }
    return store_fail(s, VARVE_E_NOT_FOUND, "there is no backend `%s`; this program knows: %s",
                      wanted, names);
}

// Stores take relative paths from the state directory; on the command line they start here.
static int absolute(struct store *s, const char *path, char *out, size_t cap)
{
    char here[PATH_MAX];
    int n;
    if (path[0] == '/') {
        n = snprintf(out, cap, "%s", path);
    } else if (getcwd(here, sizeof here)) {
        n = snprintf(out, cap, "%s/%s", here, path);
    } else {
        return store_fail(s, VARVE_E_IO, "cannot tell the current directory");
    }
    return n >= 0 && (size_t)n < cap
               ? 0
               : store_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", path);
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
static int set_backup_dir(struct store *s, const char *path)
{
    char dir[VARVE_PATH_TEXT];
    const char *slash = strrchr(path, '/'); // the path is absolute
    int n = snprintf(dir, sizeof dir, "%.*s/backup", (int)(slash - path), path);
    return n >= 0 && (size_t)n < sizeof dir
               ? set(s, "backup.dir", dir)
               : store_fail(s, VARVE_E_TOO_BIG, "the path is too long: %s", path);
}

// A store in files, or on an image of raw flash: `rotate:image:FILE`.
static int set_place(struct store *s, bool is_image, const char *path)
{
    char device[sizeof IMAGE + VARVE_PATH_TEXT];
    if (!is_image) {
        return set(s, "backend " STORE_NAME ".path", path);
    }
    (void)snprintf(device, sizeof device, IMAGE "%s", path); // fits
    return set(s, "backend " STORE_NAME ".device", device);
}

static int add_store(struct store *s, const char *store, bool *exists)
{
    char kind[VARVE_NAME_TEXT];
    size_t len = strcspn(store, ":");
    if (store[len] != ':' || len == 0 || len >= sizeof kind || !store[len + 1]) {
        return store_fail(s, VARVE_E_INVALID,
                          "`%s` is not KIND:PATH, for example sqlite:/var/lib/varve/"
                          "varve.db",
                          store);
    }
    memcpy(kind, store, len);
    kind[len] = '\0';
    const struct varve_plugin *plugin = varve_registry_find(s->conf.registry, VARVE_BACKEND, kind);
    if (!plugin) {
        return unknown_backend(s, kind);
    }
    if (!has_option(plugin, "path")) {
        return store_fail(s, VARVE_E_INVALID,
                          "a %s store has no file; what it holds only its daemon can tell", kind);
    }
    char path[VARVE_PATH_TEXT];
    const char *where = store + len + 1;
    const bool is_image = has_option(plugin, "device") && strncmp(where, IMAGE, strlen(IMAGE)) == 0;
    int rc = absolute(s, is_image ? where + strlen(IMAGE) : where, path, sizeof path);
    if (rc == 0) {
        (void)snprintf(s->where, sizeof s->where, "%s", path); // only shown
        *exists = access(path, F_OK) == 0;
        rc = varve_conf_add(&s->conf, VARVE_BACKEND, kind, STORE_NAME);
        rc = rc < 0 ? conf_failed(s, rc) : set_place(s, is_image, path);
        rc = rc == 0 ? set_backup_dir(s, path) : rc;
        // Whatever number of series the store holds: what is not used is never touched.
        rc = rc == 0 ? set(s, "varve.series", ANY_SERIES) : rc;
    }
    return rc;
}

static bool is_wanted(const struct store_choice *choice, const struct varve_instance_conf *instance)
{
    const struct varve_plugin *plugin = instance->plugin;
    return plugin->kind == VARVE_BACKEND && instance->enabled &&
           (!choice->backups || plugin->backend->backup != NULL);
}

static int no_backups(struct store *s, const char *where)
{
    return store_fail(s, VARVE_E_UNSUPPORTED,
                      "%s has no backups: only sqlite stores have; copy the directory of a rotate "
                      "store while no daemon has it open",
                      where);
}

static int load_config(struct store *s, const struct store_choice *choice)
{
    const char *path = choice->config;
    int rc = varve_conf_load(&s->conf, path);
    if (rc < 0) {
        return conf_failed(s, rc);
    }
    (void)snprintf(s->where, sizeof s->where, "the store of %s", path); // only shown
    bool found = false;
    for (size_t i = 0; i < s->conf.instance_count; i++) {
        struct varve_instance_conf *instance = &s->conf.instances[i];
        bool store = is_wanted(choice, instance);
        instance->enabled = store && (!found || choice->every_store);
        found = found || store;
    }
    if (!found && choice->backups) {
        return no_backups(s, path);
    }
    return found ? 0 : store_fail(s, VARVE_E_NOT_FOUND, "%s has no backend to open", path);
}

// Where nothing expires, the store's index must have room for every block of the import.
static int make_room_for_all(struct store *s)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->conf.instance_count; i++) {
        const struct varve_instance_conf *instance = &s->conf.instances[i];
        if (instance->enabled && has_option(instance->plugin, "blocks")) {
            char key[2 * VARVE_NAME_TEXT];
            (void)snprintf(key, sizeof key, "backend %s.blocks", instance->name); // it fits
            rc = set(s, key, ANY_BLOCKS);
        }
    }
    return rc;
}

static int configure(struct store *s, const struct store_choice *choice, unsigned *flags)
{
    bool exists = true;
    varve_conf_init(&s->conf, choice->registry ? choice->registry : store_registry(),
                    store_environment);
    int rc = choice->config ? load_config(s, choice) : 0;
    if (rc == 0 && choice->store) {
        for (size_t i = 0; i < s->conf.instance_count; i++) {
            s->conf.instances[i].enabled = false;
        }
        rc = add_store(s, choice->store, &exists);
    }
    rc = rc == 0 && choice->keep_all ? make_room_for_all(s) : rc;
    if (rc < 0) {
        return rc;
    }
    if (!exists && (!choice->write || choice->existing)) {
        return store_fail(s, VARVE_E_NOT_FOUND, "there is no store %s", s->where);
    }
    *flags = VARVE_HOST_NO_COLLECTORS | (unsigned)VARVE_HOST_SKETCHES;
    *flags |= choice->write ? 0 : (unsigned)VARVE_HOST_READ_ONLY;
    *flags |= choice->as_is ? (unsigned)VARVE_HOST_AS_IS : 0;
    *flags |= choice->keep_all ? (unsigned)VARVE_HOST_KEEP_ALL : 0;
    *flags |= exists && !(choice->write && choice->config) ? (unsigned)VARVE_HOST_STORE_TIERS : 0;
    rc = varve_conf_finish(&s->conf);
    return rc < 0 ? conf_failed(s, rc) : 0;
}

// ---- opening ------------------------------------------------------------------------------------

// A store may need more memory than a daemon ever has: more is tried until it is enough.
static int open_host(struct store *s, unsigned flags, char *why, size_t why_cap)
{
    int rc = VARVE_E_NO_MEMORY;
    for (size_t bytes = MEMORY_MIN; rc == VARVE_E_NO_MEMORY && bytes <= MEMORY_MAX; bytes *= 2) {
        s->memory = calloc(1, bytes);
        if (!s->memory) {
            break;
        }
        rc = varve_host_init(&s->host, &s->conf, s->memory, bytes, flags | VARVE_HOST_FRESH_MEMORY,
                             why, why_cap);
        if (rc != 0) {
            free(s->memory);
            s->memory = NULL;
        }
    }
    return rc;
}

int store_open(struct store *s, const struct store_choice *choice)
{
    unsigned flags = 0;
    int rc = configure(s, choice, &flags);
    if (rc < 0) {
        return rc;
    }
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT] = "";
    rc = open_host(s, flags, why, sizeof why);
    return rc < 0 ? store_fail(s, rc, "cannot open %s: %s", s->where,
                               why[0] ? why : varve_strerror(rc))
                  : 0;
}

int store_close(struct store *s)
{
    int rc = varve_host_shutdown(s->host);
    free(s->memory);
    s->memory = NULL;
    s->host = NULL;
    return rc < 0 ? store_fail(s, rc, "%s: %s", s->where, varve_strerror(rc)) : rc;
}

// ---- where it is --------------------------------------------------------------------------------

static int path_of(struct store *s, const struct varve_instance_conf *instance,
                   char out[VARVE_PATH_TEXT])
{
    char path[VARVE_PATH_TEXT];
    const struct varve_option *option = varve_option_find(instance->plugin->options, "path");
    size_t n = varve_option_print(option, instance->options, path, sizeof path);
    bool whole = path[0] == '/' || s->conf.settings.state[0] == '\0';
    int m = snprintf(out, VARVE_PATH_TEXT, "%s%s%s", whole ? "" : s->conf.settings.state,
                     whole ? "" : "/", path);
    return n < sizeof path && m >= 0 && (size_t)m < VARVE_PATH_TEXT
               ? 0
               : store_fail(s, VARVE_E_TOO_BIG, "the store's path is too long");
}

int store_locate(struct store *s, const struct store_choice *choice, struct store_place *place)
{
    struct store_choice any = *choice;
    unsigned flags = 0;
    any.write = true; // it may be missing
    any.existing = false;
    int rc = configure(s, &any, &flags);
    if (rc < 0) {
        return rc;
    }
    for (size_t i = 0; i < s->conf.instance_count; i++) {
        const struct varve_instance_conf *instance = &s->conf.instances[i];
        const struct varve_plugin *plugin = instance->plugin;
        if (!instance->enabled || plugin->kind != VARVE_BACKEND ||
            plugin->backend->backup == NULL) {
            continue;
        }
        rc = path_of(s, instance, place->path);
        (void)snprintf(place->choice, sizeof place->choice, "%s:%s", plugin->name, place->path);
        rc = rc == 0 ? varve_backup_place_init(&place->backups, s->conf.settings.state,
                                               s->conf.backup.dir, place->path)
                     : rc;
        return rc < 0 && !s->why[0] ? store_fail(s, rc, "the path is too long: %s", place->path)
                                    : rc;
    }
    return no_backups(s, s->where);
}
