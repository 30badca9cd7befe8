// SPDX-License-Identifier: Apache-2.0
// Implements fake_collector_host.h: the part of the host and of the port that collectors call.
// Threading: one task.
#include "fake_collector_host.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cmocka.h>

#define MAX_FAKE_SERIES 4096u
#define MAX_FAKE_SPACE  16u

struct fake_row {
    char text[VARVE_SERIES_TEXT];
    enum varve_kind kind;
    double value;
    bool pushed;
};

struct fake_fs {
    char path[VARVE_PATH_TEXT];
    uint64_t total, free_bytes;
};

static struct {
    struct varve_instance instance;
    _Alignas(16) uint8_t state[256 * 1024];
    _Alignas(16) uint8_t options[512];
    struct fake_row row[MAX_FAKE_SERIES];
    unsigned rows, cap, registered, pushes, logs, warnings;
    char reason[VARVE_MESSAGE_TEXT];
    struct fake_fs fs[MAX_FAKE_SPACE];
    unsigned fs_count;
} fake;

struct varve_stats fake_stats;
struct varve_port_usage fake_usage;
struct varve_instance_stats fake_instances[4];
unsigned fake_instance_count;

// ---- the test's side

static void set_default(const struct varve_option *o)
{
    void *field = fake.options + o->offset;
    assert_non_null(o->fallback);
    assert_non_null(o->help);
    switch (o->type) {
    case VARVE_OPT_BOOL:
        *(bool *)field = strcmp(o->fallback, "yes") == 0;
        break;
    case VARVE_OPT_STRING:
        *(const char **)field = o->fallback;
        break;
    case VARVE_OPT_CHOICE:
        *(int64_t *)field = 0;
        while (strcmp(o->choices[*(int64_t *)field], o->fallback) != 0)
            ++*(int64_t *)field;
        break;
    case VARVE_OPT_INT:
    case VARVE_OPT_DURATION:
    case VARVE_OPT_SIZE:
        *(int64_t *)field = strtoll(o->fallback, NULL, 10);
        break;
    }
}

void fake_start(const struct varve_plugin *plugin)
{
    memset(&fake, 0, sizeof fake);
    memset(&fake_stats, 0, sizeof fake_stats);
    memset(&fake_usage, 0, sizeof fake_usage);
    fake_instance_count = 0;
    fake.cap = MAX_FAKE_SERIES;
    assert_int_equal(plugin->magic, VARVE_PLUGIN_MAGIC);
    assert_int_equal(plugin->size, sizeof *plugin);
    assert_true(plugin->state_size <= sizeof fake.state);
    assert_true(plugin->options_size <= sizeof fake.options);
    fake.instance = (struct varve_instance){
        .plugin = plugin, .name = plugin->name, .options = fake.options, .state = fake.state};
    for (const struct varve_option *o = plugin->options; o != NULL && o->name != NULL; o++)
        set_default(o);
}

static void *option_field(const char *name)
{
    const struct varve_option *o = fake.instance.plugin->options;
    while (o->name != NULL && strcmp(o->name, name) != 0)
        o++;
    assert_non_null(o->name);
    return fake.options + o->offset;
}

void fake_text_option(const char *name, const char *value)
{
    *(const char **)option_field(name) = value;
}

void fake_int_option(const char *name, int64_t value)
{
    *(int64_t *)option_field(name) = value;
}

void fake_bool_option(const char *name, bool value)
{
    *(bool *)option_field(name) = value;
}

int fake_init(void)
{
    return fake.instance.plugin->collector->init(&fake.instance);
}

int fake_collect(void)
{
    fake.pushes = 0;
    for (unsigned i = 0; i < fake.rows; i++)
        fake.row[i].pushed = false;
    return fake.instance.plugin->collector->collect(&fake.instance);
}

const char *fake_reason(void)
{
    return fake.reason;
}

unsigned fake_warnings(void)
{
    return fake.warnings;
}

unsigned fake_logs(void)
{
    return fake.logs;
}

unsigned fake_registered(void)
{
    return fake.registered;
}

unsigned fake_series(void)
{
    return fake.rows;
}

unsigned fake_pushes(void)
{
    return fake.pushes;
}

static struct fake_row *find_row(const char *text)
{
    for (unsigned i = 0; i < fake.rows; i++)
        if (strcmp(fake.row[i].text, text) == 0)
            return &fake.row[i];
    return NULL;
}

bool fake_has(const char *text)
{
    return find_row(text) != NULL;
}

enum varve_kind fake_kind(const char *text)
{
    const struct fake_row *row = find_row(text);
    if (row == NULL)
        fail_msg("no series %s", text);
    return row->kind;
}

double fake_value(const char *text)
{
    const struct fake_row *row = find_row(text);
    return row ? row->value : (double)NAN;
}

bool fake_pushed(const char *text)
{
    const struct fake_row *row = find_row(text);
    return row != NULL && row->pushed;
}

unsigned fake_count(const char *prefix)
{
    unsigned n = 0;
    for (unsigned i = 0; i < fake.rows; i++)
        n += strncmp(fake.row[i].text, prefix, strlen(prefix)) == 0;
    return n;
}

void fake_series_cap(unsigned cap)
{
    fake.cap = cap;
}

void fake_space(const char *path, uint64_t total, uint64_t free_bytes)
{
    assert_true(fake.fs_count < MAX_FAKE_SPACE);
    struct fake_fs *fs = &fake.fs[fake.fs_count++];
    snprintf(fs->path, sizeof fs->path, "%s", path);
    fs->total = total;
    fs->free_bytes = free_bytes;
}

// ---- the host

int varve_instance_series(struct varve_instance *self, const struct varve_series_def *def)
{
    assert_ptr_equal(self, &fake.instance);
    fake.registered++;
    assert_non_null(def->unit);
    assert_non_null(def->help);
    assert_true(strlen(def->text) < VARVE_SERIES_TEXT);
    assert_true(strlen(def->unit) < VARVE_UNIT_TEXT);
    struct fake_row *row = find_row(def->text);
    if (row == NULL && fake.rows >= fake.cap)
        return VARVE_E_FULL;
    if (row == NULL) {
        row = &fake.row[fake.rows++];
        snprintf(row->text, sizeof row->text, "%s", def->text);
        row->kind = def->kind;
        row->value = (double)NAN;
    }
    assert_int_equal(row->kind, def->kind);
    return (int)(row - fake.row);
}

int varve_instance_series_label(struct varve_instance *self, enum varve_kind kind, const char *name,
                                const char *key, const char *value, const char *unit,
                                const char *help)
{
    char text[VARVE_SERIES_TEXT];
    if (key != NULL)
        snprintf(text, sizeof text, "%s{%s=\"%s\"}", name, key, value);
    else
        snprintf(text, sizeof text, "%s", name);
    const struct varve_series_def def = {text, unit, help, kind};
    return varve_instance_series(self, &def);
}

int varve_instance_push(struct varve_instance *self, int id, double value)
{
    assert_ptr_equal(self, &fake.instance);
    if (id < 0) {
        assert_int_equal(id, VARVE_E_FULL); // the only error that registration here gives
        return 0;
    }
    assert_true((unsigned)id < fake.rows);
    fake.row[id].value = value;
    fake.row[id].pushed = true;
    fake.pushes++;
    return 0;
}

void varve_instance_fail(struct varve_instance *self, const char *format, ...)
{
    va_list args;
    assert_ptr_equal(self, &fake.instance);
    va_start(args, format);
    vsnprintf(fake.reason, sizeof fake.reason, format, args);
    va_end(args);
}

void varve_log(enum varve_severity severity, const char *component, const char *format, ...)
{
    (void)component;
    (void)format;
    fake.logs++;
    fake.warnings += severity <= VARVE_WARNING;
}

size_t varve_format(char *buf, size_t cap, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(buf, cap, format, args);
    va_end(args);
    assert_true(n >= 0);
    return (size_t)n;
}

const char *varve_strerror(int code)
{
    (void)code;
    return "an error";
}

void varve_host_stats(struct varve_host *host, struct varve_stats *out)
{
    (void)host;
    *out = fake_stats;
}

int varve_host_instance(struct varve_host *host, size_t index, struct varve_instance_stats *out)
{
    (void)host;
    if (index >= fake_instance_count)
        return VARVE_E_NOT_FOUND;
    *out = fake_instances[index];
    return 0;
}

// ---- the port

static int error_of_errno(void)
{
    return errno == ENOENT || errno == ENOTDIR ? VARVE_E_NOT_FOUND : VARVE_E_IO;
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    FILE *f = fopen(path, "r");
    if (f == NULL)
        return error_of_errno();
    size_t n = fread(buf, 1, cap, f);
    bool failed = ferror(f) != 0;
    fclose(f);
    if (failed)
        return VARVE_E_IO;
    buf[n < cap ? n : cap - 1] = '\0';
    return n < cap ? (int)n : VARVE_E_TOO_BIG;
}

int varve_port_path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? 0 : error_of_errno();
}

int varve_port_path_space(const char *path, uint64_t *total_bytes, uint64_t *free_bytes)
{
    struct statvfs fs;
    for (unsigned i = 0; i < fake.fs_count; i++) {
        if (strcmp(fake.fs[i].path, path) != 0)
            continue;
        *total_bytes = fake.fs[i].total;
        *free_bytes = fake.fs[i].free_bytes;
        return 0;
    }
    if (fake.fs_count > 0)
        return VARVE_E_NOT_FOUND;
    if (statvfs(path, &fs) != 0)
        return error_of_errno();
    *total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    *free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    return 0;
}

void varve_port_usage(struct varve_port_usage *out)
{
    *out = fake_usage;
}
