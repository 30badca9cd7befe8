// SPDX-License-Identifier: Apache-2.0
// The plugin registry: what is refused and with which words, and modules through a faked port.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "varve/host.h"
#include "varve/port.h"

// ---- fake plugins -------------------------------------------------------------------------------

static int collect(struct varve_instance *self)
{
    (void)self;
    return 0;
}

static void done(struct varve_instance *self)
{
    (void)self;
}

static int open_store(struct varve_instance *self, unsigned flags)
{
    (void)self, (void)flags;
    return 0;
}

static int define(struct varve_instance *self, varve_series_id id,
                  const struct varve_series_def *def)
{
    (void)self, (void)id, (void)def;
    return 0;
}

static int put(struct varve_instance *self, const struct varve_put *block)
{
    (void)self, (void)block;
    return 0;
}

static int event(struct varve_instance *self, const struct varve_event *e)
{
    (void)self, (void)e;
    return 0;
}

static int next(struct varve_instance *self, unsigned tier, const struct varve_block_key *after,
                int64_t from_ms, struct varve_block_key *out)
{
    (void)self, (void)tier, (void)after, (void)from_ms, (void)out;
    return VARVE_E_NOT_FOUND;
}

static int get(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
               void *buf, size_t cap)
{
    (void)self, (void)tier, (void)key, (void)buf, (void)cap;
    return VARVE_E_NOT_FOUND;
}

static void stats(struct varve_instance *self, struct varve_backend_stats *out)
{
    (void)self, (void)out;
}

static const struct varve_collector_ops collector_ops = {.init = collect, .collect = collect};
static const struct varve_backend_ops backend_ops = {
    .open = open_store,
    .close = done,
    .define = define,
    .put = put,
    .event = event,
    .commit = collect,
    .abort = done,
    .next = next,
    .get = get,
    .stats = stats,
};

#define COLLECTOR(text)                                                                            \
    {                                                                                              \
        VARVE_PLUGIN_HEADER, .name = text, .summary = "Fake.", .kind = VARVE_COLLECTOR,            \
                             .collector = &collector_ops                                           \
    }
#define BACKEND(text)                                                                              \
    {                                                                                              \
        VARVE_PLUGIN_HEADER, .name = text, .summary = "Fake.", .kind = VARVE_BACKEND,              \
                             .backend = &backend_ops                                               \
    }

static const struct varve_plugin cpu = COLLECTOR("cpu");
static const struct varve_plugin disk = COLLECTOR("disk");
static const struct varve_plugin ring = BACKEND("ring");
static const struct varve_plugin *const linked[] = {&cpu, &ring, NULL};

// ---- fake port: modules in a directory, and what was logged -------------------------------------

static const struct varve_plugin *const disk_entry = &disk;
static const struct varve_plugin *const cpu_entry = &cpu;
static struct varve_plugin old_abi = COLLECTOR("old");
static const struct varve_plugin *const old_entry = &old_abi;

static char logged[1024];

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    size_t used = strlen(logged);
    assert_int_equal(severity, VARVE_WARNING);
    snprintf(logged + used, sizeof logged - used, "%s: %s\n", component, text);
}

int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg)
{
    assert_string_equal(suffix, ".so");
    if (strcmp(path, "/denied") == 0) {
        return VARVE_E_DENIED;
    }
    if (strcmp(path, "/modules") != 0) {
        return VARVE_E_NOT_FOUND;
    }
    static const char *const names[] = {"old.so", "disk.so", "broken.so", "cpu.so"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        visit(names[i], arg);
    }
    return 0;
}

int varve_port_path_trusted(const char *path, unsigned flags, char *why, size_t why_cap)
{
    (void)path;
    (void)flags;
    (void)why;
    (void)why_cap;
    return 0;
}

int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap)
{
    assert_string_equal(symbol, VARVE_PLUGIN_SYMBOL);
    if (strcmp(path, "/modules/disk.so") == 0) {
        *address = (void *)(uintptr_t)&disk_entry;
    } else if (strcmp(path, "/modules/cpu.so") == 0) {
        *address = (void *)(uintptr_t)&cpu_entry;
    } else if (strcmp(path, "/modules/old.so") == 0) {
        *address = (void *)(uintptr_t)&old_entry;
    } else {
        snprintf(why, why_cap, "invalid ELF header");
        return VARVE_E_INVALID;
    }
    return 0;
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    (void)path, (void)buf, (void)cap;
    return VARVE_E_NOT_FOUND;
}

// ---- tests --------------------------------------------------------------------------------------

static struct varve_registry registry;

static int setup(void **state)
{
    (void)state;
    varve_registry_init(&registry, linked);
    logged[0] = '\0';
    return 0;
}

static void plugins_are_found_by_kind_and_name(void **state)
{
    (void)state;
    assert_int_equal(varve_registry_add(&registry, &disk, NULL, 0), 0);
    assert_ptr_equal(varve_registry_find(&registry, VARVE_COLLECTOR, "cpu"), &cpu);
    assert_ptr_equal(varve_registry_find(&registry, VARVE_COLLECTOR, "disk"), &disk);
    assert_ptr_equal(varve_registry_find(&registry, VARVE_BACKEND, "ring"), &ring);
    assert_null(varve_registry_find(&registry, VARVE_BACKEND, "cpu"));
    assert_null(varve_registry_find(&registry, VARVE_COLLECTOR, ""));
    assert_ptr_equal(varve_registry_at(&registry, 1), &ring);
    assert_ptr_equal(varve_registry_at(&registry, 2), &disk);
    assert_null(varve_registry_at(&registry, 3));
}

static void a_registry_without_linked_plugins_works(void **state)
{
    (void)state;
    varve_registry_init(&registry, NULL);
    assert_null(varve_registry_at(&registry, 0));
    assert_int_equal(varve_registry_add(&registry, &cpu, NULL, 0), 0);
    assert_ptr_equal(varve_registry_at(&registry, 0), &cpu);
}

static void assert_refused(const struct varve_plugin *plugin, int code, const char *expected)
{
    char why[256] = "";
    assert_int_equal(varve_registry_add(&registry, plugin, why, sizeof why), code);
    assert_string_equal(why, expected);
    assert_int_equal(varve_registry_add(&registry, plugin, NULL, 0), code);
    assert_int_equal(registry.module_count, 0);
}

static void another_build_is_refused_by_magic_abi_and_size(void **state)
{
    (void)state;
    char expected[128];
    struct varve_plugin p = COLLECTOR("x");
    p.magic = 0x12345678;
    assert_refused(&p, VARVE_E_VERSION,
                   "this is no varve plugin (magic 0x12345678, expected 0x4c505256)");
    p.magic = VARVE_PLUGIN_MAGIC;
    p.abi = VARVE_PLUGIN_ABI + 1;
    p.name = (const char *)1; // nothing behind the first fields may be looked at
    snprintf(expected, sizeof expected,
             "built for plugin ABI %u, this program has ABI %u: build it again",
             VARVE_PLUGIN_ABI + 1, VARVE_PLUGIN_ABI);
    assert_refused(&p, VARVE_E_VERSION, expected);
    p.abi = VARVE_PLUGIN_ABI;
    p.size = 8;
    snprintf(expected, sizeof expected,
             "its descriptor has 8 bytes, this program's %zu: build it again", sizeof p);
    assert_refused(&p, VARVE_E_VERSION, expected);
}

static void incomplete_descriptors_are_refused(void **state)
{
    (void)state;
    static const char missing[] = "a callback that its kind needs is missing";
    static const char bad_name[] = "its name is missing or not made of letters, digits, _ and -";
    struct varve_plugin good = COLLECTOR("x");
    struct varve_plugin p = good;
    assert_refused(NULL, VARVE_E_INVALID, "it has no descriptor");
    p.name = NULL;
    assert_refused(&p, VARVE_E_INVALID, bad_name);
    p.name = "a b";
    assert_refused(&p, VARVE_E_INVALID, bad_name);
    p = good;
    p.summary = NULL;
    assert_refused(&p, VARVE_E_INVALID, "it has no summary");
    p = good;
    p.kind = (enum varve_plugin_kind)7;
    assert_refused(&p, VARVE_E_INVALID, "its kind is unknown");
    p = good;
    p.collector = NULL;
    assert_refused(&p, VARVE_E_INVALID, missing);
    p = good;
    p.backend = &backend_ops;
    assert_refused(&p, VARVE_E_INVALID, missing);
    struct varve_collector_ops no_collect = collector_ops;
    no_collect.collect = NULL;
    p = good;
    p.collector = &no_collect;
    assert_refused(&p, VARVE_E_INVALID, missing);
    struct varve_backend_ops no_put = backend_ops;
    no_put.put = NULL;
    struct varve_plugin b = BACKEND("y");
    b.backend = &no_put;
    assert_refused(&b, VARVE_E_INVALID, missing);
}

static void unsound_option_tables_are_refused(void **state)
{
    (void)state;
    static const struct varve_option outside[] = {
        {"a", VARVE_OPT_INT, 8, "1", 0, 0, NULL, "A."},
        VARVE_OPTIONS_END,
    };
    static const struct varve_option twice[] = {
        {"a", VARVE_OPT_INT, 0, "1", 0, 0, NULL, "A."},
        {"a", VARVE_OPT_INT, 0, "1", 0, 0, NULL, "A."},
        VARVE_OPTIONS_END,
    };
    struct varve_plugin p = COLLECTOR("x");
    p.options_size = 8;
    p.options = outside;
    assert_refused(&p, VARVE_E_INVALID, "option 'a' lies outside the options struct");
    p.options = twice;
    assert_refused(&p, VARVE_E_INVALID, "option 'a' stands twice in its table");
}

static void a_name_that_is_taken_is_refused(void **state)
{
    (void)state;
    struct varve_plugin other = COLLECTOR("cpu");
    assert_refused(&other, VARVE_E_EXISTS, "a collector named 'cpu' is already there");
    struct varve_plugin backend = BACKEND("cpu"); // another kind may have the name
    assert_int_equal(varve_registry_add(&registry, &backend, NULL, 0), 0);
}

static void a_full_registry_refuses(void **state)
{
    (void)state;
    static struct varve_plugin many[VARVE_MAX_MODULES + 1];
    static char names[VARVE_MAX_MODULES + 1][8];
    char why[256] = "";
    for (size_t i = 0; i <= VARVE_MAX_MODULES; i++) {
        struct varve_plugin p = COLLECTOR("");
        snprintf(names[i], sizeof names[i], "p%zu", i);
        many[i] = p;
        many[i].name = names[i];
        int rc = varve_registry_add(&registry, &many[i], why, sizeof why);
        assert_int_equal(rc, i < VARVE_MAX_MODULES ? 0 : VARVE_E_FULL);
    }
    assert_string_equal(why, "16 modules are loaded, which is the most");
}

static void good_modules_load_and_bad_ones_are_logged(void **state)
{
    (void)state;
    old_abi.abi = VARVE_PLUGIN_ABI - 1;
    assert_int_equal(varve_registry_load_dir(&registry, "/modules"), 1);
    assert_ptr_equal(varve_registry_find(&registry, VARVE_COLLECTOR, "disk"), &disk);
    char expected[512]; // in name order
    snprintf(expected, sizeof expected,
             "plugins: module broken.so is refused: invalid ELF header\n"
             "plugins: module cpu.so is refused: a collector named 'cpu' is already there\n"
             "plugins: module old.so is refused: built for plugin ABI %u, this program has ABI %u: "
             "build it again\n",
             VARVE_PLUGIN_ABI - 1, VARVE_PLUGIN_ABI);
    assert_string_equal(logged, expected);
}

static void a_missing_directory_is_silent_and_an_unreadable_one_is_not(void **state)
{
    (void)state;
    assert_int_equal(varve_registry_load_dir(&registry, "/nowhere"), 0);
    assert_string_equal(logged, "");
    assert_int_equal(varve_registry_load_dir(&registry, "/denied"), 0);
    assert_string_equal(logged, "plugins: cannot list /denied: permission denied\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(plugins_are_found_by_kind_and_name, setup),
        cmocka_unit_test_setup(a_registry_without_linked_plugins_works, setup),
        cmocka_unit_test_setup(another_build_is_refused_by_magic_abi_and_size, setup),
        cmocka_unit_test_setup(incomplete_descriptors_are_refused, setup),
        cmocka_unit_test_setup(unsound_option_tables_are_refused, setup),
        cmocka_unit_test_setup(a_name_that_is_taken_is_refused, setup),
        cmocka_unit_test_setup(a_full_registry_refuses, setup),
        cmocka_unit_test_setup(good_modules_load_and_bad_ones_are_logged, setup),
        cmocka_unit_test_setup(a_missing_directory_is_silent_and_an_unreadable_one_is_not, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
