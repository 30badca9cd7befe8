// SPDX-License-Identifier: Apache-2.0
// What the tests of the configuration share: a port with files in memory, four plugins, an
// environment, and the round trip through varve_conf_show().
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/conf_fixture.h"
#include "varve/host.h"
#include "varve/port.h"

// ---- fake port: a few files in memory, and the last log line ------------------------------------

const struct fake_file *conf_files; // ends with path NULL
char conf_logged[256];

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    (void)severity;
    snprintf(conf_logged, sizeof conf_logged, "%s: %s", component, text);
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    for (const struct fake_file *f = conf_files; f->path != NULL; f++) {
        if (strcmp(f->path, path) == 0) {
            size_t length = f->length > 0 ? (size_t)f->length : strlen(f->text);
            if (length >= cap) {
                return VARVE_E_TOO_BIG;
            }
            memcpy(buf, f->text, length);
            buf[length] = '\0';
            return (int)length;
        }
    }
    return VARVE_E_NOT_FOUND;
}

int varve_port_dir_list(const char *path, const char *suffix,
                        void (*visit)(const char *name, void *arg), void *arg)
{
    int found = VARVE_E_NOT_FOUND;
    size_t length = strlen(path);
    for (const struct fake_file *f = conf_files; f->path != NULL; f++) {
        if (strncmp(f->path, path, length) == 0 && f->path[length] == '/') {
            const char *name = f->path + length + 1;
            const char *end = strrchr(name, '.');
            found = 0;
            if (end != NULL && strcmp(end, suffix) == 0) {
                visit(name, arg);
            }
        }
    }
    return found;
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
    (void)path, (void)symbol, (void)address, (void)why, (void)why_cap;
    return VARVE_E_UNSUPPORTED;
}

// ---- fake plugins -------------------------------------------------------------------------------

static const char *const modes[] = {"slow", "fast", NULL};

static const struct varve_option cpu_table[] = {
    {"per_core", VARVE_OPT_BOOL, offsetof(struct cpu_options, per_core), "yes", 0, 0, NULL,
     "One series per core."},
    {"mode", VARVE_OPT_CHOICE, offsetof(struct cpu_options, mode), "slow", 0, 0, modes,
     "How it reads."},
    {"level", VARVE_OPT_INT, offsetof(struct cpu_options, level), "0", 0, 0, NULL, "Any number."},
    VARVE_OPTIONS_END,
};

static const struct varve_option sqlite_table[] = {
    {"path", VARVE_OPT_STRING, offsetof(struct sqlite_options, path), NULL, 0, 0, NULL,
     "File of the store."},
    {"note", VARVE_OPT_STRING, offsetof(struct sqlite_options, note), "", 0, 0, NULL, "Free text."},
    {"cache", VARVE_OPT_SIZE, offsetof(struct sqlite_options, cache_bytes), "256K", 4096, INT64_MAX,
     NULL, "Memory, in bytes."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops collector_ops;
static const struct varve_backend_ops backend_ops;

const struct varve_plugin conf_cpu = {
    VARVE_PLUGIN_HEADER,        .name = "cpu",        .summary = "Fake processor times.",
    .kind = VARVE_COLLECTOR,    .options = cpu_table, .options_size = sizeof(struct cpu_options),
    .collector = &collector_ops};
static const struct varve_plugin probe = {
    VARVE_PLUGIN_HEADER,        .name = "probe",      .summary = "Fake probe.",
    .kind = VARVE_COLLECTOR,    .options = cpu_table, .options_size = sizeof(struct cpu_options),
    .collector = &collector_ops};
static const struct varve_plugin ring = {VARVE_PLUGIN_HEADER, .name = "ring",
                                         .summary = "Fake memory store.", .kind = VARVE_BACKEND,
                                         .backend = &backend_ops};
static const struct varve_plugin sqlite = {
    VARVE_PLUGIN_HEADER,    .name = "sqlite",        .summary = "Fake file store.",
    .kind = VARVE_BACKEND,  .options = sqlite_table, .options_size = sizeof(struct sqlite_options),
    .backend = &backend_ops};
const struct varve_plugin *const conf_plugins[] = {&conf_cpu, &probe, &ring, &sqlite, NULL};

static const char *environment(const char *name)
{
    static const char *const variables[][2] = {
        {"SET", "/from/env"}, {"EMPTY", ""},     {"NESTED", "${SET}"},
        {"COMMENT", "a ;b"},  {"LINES", "a\nb"},
    };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (strcmp(variables[i][0], name) == 0) {
            return variables[i][1];
        }
    }
    return NULL;
}

// ---- helpers ------------------------------------------------------------------------------------

struct varve_registry registry;
struct varve_conf conf;
static struct varve_conf again;

void conf_start(struct varve_conf *c)
{
    static const struct fake_file none[] = {{NULL, NULL, 0}};
    conf_files = conf_files != NULL ? conf_files : none;
    varve_registry_init(&registry, conf_plugins);
    varve_conf_init(c, &registry, environment);
    assert_int_equal(c->error_count, 0);
}

void conf_collect_line(void *arg, const char *line)
{
    struct conf_output *out = arg;
    size_t length = strlen(line);
    out->longest = length > out->longest ? length : out->longest;
    assert_true(out->used + length + 2 < sizeof out->text);
    memcpy(out->text + out->used, line, length);
    out->used += length;
    out->text[out->used++] = '\n';
    out->text[out->used] = '\0';
}

const char *conf_show(const struct varve_conf *c, struct conf_output *out)
{
    out->used = out->longest = 0;
    varve_conf_show(c, conf_collect_line, out);
    return out->text;
}

struct conf_output conf_shown, conf_shown_again;

void conf_assert_round_trip(void)
{
    conf_show(&conf, &conf_shown);
    conf_start(&again);
    if (varve_conf_parse(&again, "shown", conf_shown.text) != 0 || varve_conf_finish(&again) != 0) {
        fail_msg("what was shown is refused: %s\n%s", again.errors[0], conf_shown.text);
    }
    assert_string_equal(conf_show(&again, &conf_shown_again), conf_shown.text);
}

void conf_assert_error(const char *expected)
{
    assert_true(conf.error_count > 0);
    assert_string_equal(conf.errors[0], expected);
}
