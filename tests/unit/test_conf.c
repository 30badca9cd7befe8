// SPDX-License-Identifier: Apache-2.0
// The configuration: golden files of tests/conf, files and includes over a faked port, settings
// from the command line, the round trip through varve_conf_show(), and mutated texts.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "varve/conf.h"
#include "varve/host.h"
#include "varve/port.h"

#ifndef VARVE_SOURCE_DIR
#define VARVE_SOURCE_DIR "."
#endif
#define GOLDEN VARVE_SOURCE_DIR "/tests/conf"

// ---- fake port: a few files in memory, and the last log line
// -------------------------------------

struct fake_file {
    const char *path;
    const char *text;
    int length; // 0: strlen(text)
};

static const struct fake_file *files; // ends with path NULL
static char logged[256];

void varve_port_log(enum varve_severity severity, const char *component, const char *text)
{
    (void)severity;
    snprintf(logged, sizeof logged, "%s: %s", component, text);
}

int varve_port_read_text(const char *path, char *buf, size_t cap)
{
    for (const struct fake_file *f = files; f->path != NULL; f++) {
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
    for (const struct fake_file *f = files; f->path != NULL; f++) {
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

int varve_port_module_open(const char *path, const char *symbol, void **address, char *why,
                           size_t why_cap)
{
    (void)path, (void)symbol, (void)address, (void)why, (void)why_cap;
    return VARVE_E_UNSUPPORTED;
}

// ---- fake plugins -------------------------------------------------------------------------------

struct cpu_options {
    bool per_core;
    int64_t mode;
    int64_t level;
};

struct sqlite_options {
    const char *path;
    const char *note;
    int64_t cache_bytes;
};

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

static const struct varve_plugin cpu = {
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
static const struct varve_plugin *const linked[] = {&cpu, &probe, &ring, &sqlite, NULL};

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

static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_conf again;

static void start(struct varve_conf *c)
{
    static const struct fake_file none[] = {{NULL, NULL, 0}};
    files = files != NULL ? files : none;
    varve_registry_init(&registry, linked);
    varve_conf_init(c, &registry, environment);
    assert_int_equal(c->error_count, 0);
}

struct output {
    char text[65536];
    size_t used;
    size_t longest;
};

static void collect_line(void *arg, const char *line)
{
    struct output *out = arg;
    size_t length = strlen(line);
    out->longest = length > out->longest ? length : out->longest;
    assert_true(out->used + length + 2 < sizeof out->text);
    memcpy(out->text + out->used, line, length);
    out->used += length;
    out->text[out->used++] = '\n';
    out->text[out->used] = '\0';
}

static const char *show(const struct varve_conf *c, struct output *out)
{
    out->used = out->longest = 0;
    varve_conf_show(c, collect_line, out);
    return out->text;
}

static struct output shown, shown_again;

static void assert_round_trip(void)
{
    show(&conf, &shown);
    start(&again);
    if (varve_conf_parse(&again, "shown", shown.text) != 0 || varve_conf_finish(&again) != 0) {
        fail_msg("what was shown is refused: %s\n%s", again.errors[0], shown.text);
    }
    assert_string_equal(show(&again, &shown_again), shown.text);
}

static void assert_error(const char *expected)
{
    assert_true(conf.error_count > 0);
    assert_string_equal(conf.errors[0], expected);
}

static int parse_and_finish(const char *text)
{
    start(&conf);
    int rc = varve_conf_parse(&conf, "t", text);
    return rc != 0 ? rc : varve_conf_finish(&conf);
}

// ---- golden files -------------------------------------------------------------------------------

static char *slurp(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fail_msg("cannot read %s", path);
        return NULL;
    }
    char *text = calloc(1, 65536);
    size_t length = fread(text, 1, 65535, file);
    text[length] = '\0';
    fclose(file);
    return text;
}

static void assert_golden(const char *path, const char *text)
{
    const char *mode = getenv("VARVE_GOLDEN");
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    char *expected = slurp(path);
    if (strcmp(expected, text) != 0) {
        fail_msg("%s\n--- expected\n%s--- got\n%s", path, expected, text);
    }
    free(expected);
}

static void join_errors(const struct varve_conf *c, char *out, size_t cap)
{
    size_t used = 0;
    out[0] = '\0';
    for (unsigned i = 0; i < c->error_count && i < VARVE_CONF_ERRORS; i++) {
        used += (size_t)snprintf(out + used, cap - used, "%s\n", c->errors[i]);
    }
    if (c->error_count > VARVE_CONF_ERRORS) {
        snprintf(out + used, cap - used, "%u errors\n", c->error_count);
    }
}

static void check_good(const char *name, const char *text, const char *expected)
{
    start(&conf);
    if (varve_conf_parse(&conf, name, text) != 0 || varve_conf_finish(&conf) != 0) {
        fail_msg("%s: %s", name, conf.errors[0]);
    }
    assert_golden(expected, show(&conf, &shown));
    assert_round_trip();
}

static void check_bad(const char *name, const char *text, const char *expected)
{
    char errors[8192];
    start(&conf);
    int parsed = varve_conf_parse(&conf, name, text);
    int finished = parsed == 0 ? varve_conf_finish(&conf) : parsed;
    if (finished != VARVE_E_INVALID) {
        fail_msg("%s is accepted", name);
    }
    join_errors(&conf, errors, sizeof errors);
    assert_golden(expected, errors);
}

static unsigned walk_golden(const char *dir, const char *suffix,
                            void (*check)(const char *, const char *, const char *))
{
    unsigned seen = 0;
    DIR *listing = opendir(dir);
    assert_non_null(listing);
    for (struct dirent *entry; (entry = readdir(listing)) != NULL;) {
        const char *end = strstr(entry->d_name, ".ini");
        if (end == NULL) {
            continue;
        }
        char path[1024], expected[1024];
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        snprintf(expected, sizeof expected, "%s/%.*s%s", dir, (int)(end - entry->d_name),
                 entry->d_name, suffix);
        char *text = slurp(path);
        check(entry->d_name, text, expected);
        free(text);
        seen++;
    }
    closedir(listing);
    return seen;
}

static void good_files_are_shown_as_expected_and_read_back_the_same(void **state)
{
    (void)state;
    assert_true(walk_golden(GOLDEN "/good", ".show", check_good) >= 7);
}

static void bad_files_are_refused_with_the_expected_errors(void **state)
{
    (void)state;
    assert_true(walk_golden(GOLDEN "/bad", ".err", check_bad) >= 20);
}

// ---- what the struct holds ----------------------------------------------------------------------

static void values_reach_the_struct(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[varve]\nflush = 1m\nlog = syslog\nlog_level = warning\n"
                                      "[collector c : cpu]\ninterval = 3s\nmode = fast\n"
                                      "[backend b : sqlite]\npath = p.db\ncache = 1M\n"
                                      "tiers = hour minute\n"),
                     0);
    assert_string_equal(conf.settings.state, "/var/lib/varve");
    assert_int_equal(conf.settings.flush_ms, 60000);
    assert_int_equal(conf.settings.series, 1024);
    assert_int_equal(conf.settings.outbox_bytes, 512 * 1024);
    assert_int_equal(conf.settings.log_target, 1);
    assert_int_equal(conf.settings.log_level, VARVE_WARNING);
    assert_int_equal(conf.instance_count, 2);
    const struct varve_instance_conf *c = &conf.instances[0];
    assert_string_equal(c->name, "c");
    assert_ptr_equal(c->plugin, &cpu);
    assert_true(c->enabled);
    assert_int_equal(c->interval_ms, 3000);
    assert_int_equal(c->deadline_ms, 10000);
    const struct cpu_options *co = c->options;
    assert_true(co->per_core);
    assert_int_equal(co->mode, 1);
    const struct sqlite_options *so = conf.instances[1].options;
    assert_string_equal(so->path, "p.db");
    assert_string_equal(so->note, "");
    assert_int_equal(so->cache_bytes, 1 << 20);
    assert_int_equal(conf.instances[1].tiers, 6);
    assert_int_equal(conf.tiers[0].window_ms, 60000);
}

static void default_tiers_have_the_documented_windows(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish(""), 0);
    static const int64_t windows[] = {300000, 1800000, 6 * 3600000, 86400000};
    assert_int_equal(conf.tier_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(conf.tiers[i].window_ms, windows[i]);
    }
    assert_string_equal(conf.tiers[3].name, "day");
    assert_int_equal(conf.tiers[3].keep_ms, 90 * INT64_C(86400000));
}

static void no_backend_is_allowed_but_warned_about(void **state)
{
    (void)state;
    logged[0] = '\0';
    assert_int_equal(parse_and_finish("[collector cpu]\n"), 0);
    assert_non_null(strstr(logged, "RAM only"));
    logged[0] = '\0';
    assert_int_equal(parse_and_finish("[backend ring]\n"), 0);
    assert_string_equal(logged, "");
}

// ---- values that no line could hold -------------------------------------------------------------

static void environment_cannot_bring_in_what_a_line_cannot_hold(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[varve]\nstate = ${COMMENT}\n"), VARVE_E_INVALID);
    assert_error("t:2: [varve] state: a value cannot hold ';' at its start or behind a blank: it "
                 "begins a comment");
    assert_int_equal(parse_and_finish("[varve]\nstate = ${LINES}\n"), VARVE_E_INVALID);
    assert_error("t:2: [varve] state: a value cannot hold control characters");
}

static void a_full_pool_is_an_error(void **state)
{
    (void)state;
    char text[400];
    start(&conf);
    int rc = 0;
    for (unsigned i = 0; i < 200 && rc == 0; i++) {
        snprintf(text, sizeof text, "[varve]\nstate = %0180u\n", i);
        rc = varve_conf_parse(&conf, "again", text);
    }
    assert_int_equal(rc, VARVE_E_INVALID);
    assert_non_null(strstr(conf.errors[0], "more than 16384 bytes (VARVE_CONF_BYTES)"));
    assert_true(strlen(conf.settings.state) == 180); // the last that fitted, whole
}

// ---- files --------------------------------------------------------------------------------------

static void include_directory_is_read_in_name_order_and_overrides(void **state)
{
    (void)state;
    static const struct fake_file tree[] = {
        {"etc/varve.ini",
         "[varve]\ninclude = conf.d\nflush = 1m\n[tiers]\nraw = 1s keep 1h\nhour = 1h keep 90d\n"
         "[backend flash : sqlite]\npath = a.db\n",
         0},
        {"etc/conf.d/20-b.ini", "[backend flash]\npath = c.db\n[collector cpu]\n", 0},
        {"etc/conf.d/10-a.ini", "[backend flash : sqlite]\npath = b.db\nnote = kept\n", 0},
        {"etc/conf.d/readme.txt", "not read", 0},
        {"etc/conf.d/30-c.ini", "[tiers]\nraw = 2s keep 2h\nminute = 1m keep 1d\n", 0},
        {NULL, NULL, 0},
    };
    files = tree;
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "etc/varve.ini"), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    const struct sqlite_options *options = conf.instances[0].options;
    assert_string_equal(options->path, "c.db");
    assert_string_equal(options->note, "kept");
    assert_int_equal(conf.instance_count, 2);
    assert_int_equal(conf.settings.flush_ms, 60000);
    assert_int_equal(conf.tier_count, 2);
    assert_int_equal(conf.tiers[0].step_ms, 2000);
    files = NULL;
}

static void errors_name_the_included_file(void **state)
{
    (void)state;
    static const struct fake_file tree[] = {
        {"/e/main.ini", "[varve]\ninclude = /e/d\n", 0},
        {"/e/d/a.ini", "[varve]\n\nflush = never\n", 0},
        {"/e/d/b.ini", "[varve]\ninclude = /e/other\n", 0},
        {NULL, NULL, 0},
    };
    files = tree;
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "/e/main.ini"), VARVE_E_INVALID);
    assert_int_equal(conf.error_count, 2);
    assert_string_equal(conf.errors[0], "/e/d/a.ini:3: [varve] flush: expected a duration such as "
                                        "5s or 2h, between 1s and 1d; got 'never'");
    assert_string_equal(conf.errors[1],
                        "/e/d/b.ini: [varve] include: an included file cannot include others");
    files = NULL;
}

static void unreadable_files_are_errors(void **state)
{
    (void)state;
    static char large[VARVE_CONF_BYTES + 1];
    memset(large, '\n', sizeof large - 1);
    const struct fake_file tree[] = {
        {"large.ini", large, 0},
        {"zero.ini", "[varve]\n\0flush = 5m\n", 20},
        {"lost.ini", "[varve]\ninclude = nowhere\n", 0},
        {NULL, NULL, 0},
    };
    files = tree;
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "missing.ini"), VARVE_E_NOT_FOUND);
    assert_error("missing.ini: cannot read the file: not found");
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "large.ini"), VARVE_E_TOO_BIG);
    assert_non_null(strstr(conf.errors[0], "large.ini: the file is larger than the "));
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "zero.ini"), VARVE_E_INVALID);
    assert_error("zero.ini: the file holds a zero byte; expected text");
    start(&conf);
    assert_int_equal(varve_conf_load(&conf, "lost.ini"), 0); // a directory may come later
    assert_string_equal(logged, "config: include directory nowhere does not exist");
    files = NULL;
}

// ---- command line and library -------------------------------------------------------------------

static void settings_from_the_command_line_override(void **state)
{
    (void)state;
    start(&conf);
    assert_int_equal(
        varve_conf_parse(&conf, "t", "[varve]\nflush = 5m\n[backend flash : sqlite]\n"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.flush=1m"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.flush = 2m"), 0);
    assert_int_equal(varve_conf_set(&conf, "backend flash.path=/tmp/x.db=1"), 0);
    assert_int_equal(varve_conf_set(&conf, "tiers.raw=1s keep 3h"), 0);
    assert_int_equal(varve_conf_set(&conf, "tiers.quarter=90d keep 900d"), VARVE_E_INVALID);
    assert_error("command line: [tiers] quarter: expected a step between 100ms and 31d; got '90d'");
    conf.error_count = 0;
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.settings.flush_ms, 120000);
    assert_int_equal(conf.tier_count, 4);
    assert_int_equal(conf.tiers[0].step_ms, 1000);
    assert_int_equal(conf.tiers[0].window_ms, 120000);
    assert_string_equal(((const struct sqlite_options *)conf.instances[0].options)->path,
                        "/tmp/x.db=1");
    assert_round_trip();
}

static void bad_settings_from_the_command_line_are_refused(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"flush=1m", "command line: expected section.key=value, such as varve.flush=1m; got "
                     "'flush=1m'"},
        {"varve.flush", "command line: expected section.key=value, such as varve.flush=1m; got "
                        "'varve.flush'"},
        {"", "command line: expected section.key=value, such as varve.flush=1m; got ''"},
        {"varve.flsh=1m", "command line: unknown key 'flsh' in [varve]; did you mean 'flush'?"},
        {"backend x.path=y", "command line: there is no section [backend x] to set a key in"},
        {"wear.years=5", "command line: there is no section [wear] to set a key in"},
        {"varve.state=a ;b", "command line: [varve] state: a value cannot hold ';' at its start or "
                             "behind a blank: it begins a comment"},
        {"varve.include=d", "command line: include can only be set in a file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(&conf);
        assert_int_equal(varve_conf_set(&conf, cases[i][0]), VARVE_E_INVALID);
        assert_error(cases[i][1]);
    }
}

static void instances_can_be_added_without_a_text(void **state)
{
    (void)state;
    start(&conf);
    assert_int_equal(varve_conf_add(&conf, VARVE_COLLECTOR, "cpu", NULL), 0);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "ring", "memory"), 0);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "ring", "memory"), VARVE_E_INVALID);
    assert_error("[backend memory]: the instance exists already");
    conf.error_count = 0;
    assert_int_equal(varve_conf_add(&conf, VARVE_COLLECTOR, "none", NULL), VARVE_E_INVALID);
    conf.error_count = 0;
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.instance_count, 2);
    assert_int_equal(conf.instances[1].tiers, 15);
    assert_true(conf.instances[0].enabled);
}

static void finishing_twice_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(parse_and_finish("[backend ring]\n"), 0);
    show(&conf, &shown);
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_string_equal(show(&conf, &shown_again), shown.text);
    assert_int_equal(varve_conf_set(&conf, "varve.flush=1m"), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
    assert_int_equal(conf.tiers[0].window_ms, 60000); // derived again
}

// ---- manual -------------------------------------------------------------------------------------

static void manual_names_every_option_with_default_and_range(void **state)
{
    (void)state;
    static const char *const expected[] = {
        "  flush = 5m\n      Takes a duration such as 5s or 2h, between 1s and 1d.\n",
        "  state = ${VARVE_STATE:-/var/lib/varve}\n",
        "  include =\n",
        "  raw = 5s keep 2h\n",
        "[collector cpu]\n  Fake processor times.\n  per_core = yes\n      Takes yes or no.\n",
        "      Takes one of slow, fast.\n",
        "[backend sqlite]\n",
        "  path (required)\n",
        "      Takes a size such as 64K or 8M, at least 4K.\n",
        "  level = 0\n      Takes a whole number.\n",
    };
    varve_registry_init(&registry, linked);
    shown.used = shown.longest = 0;
    varve_conf_manual(&registry, collect_line, &shown);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (strstr(shown.text, expected[i]) == NULL) {
            fail_msg("the manual lacks:\n%s", expected[i]);
        }
    }
    assert_true(shown.longest <= 100);
}

// ---- hostile texts ------------------------------------------------------------------------------

static uint64_t seed_state;

static size_t draw(size_t below)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed_state >> 33) % below;
}

static const char *const dictionary[] = {
    "[",
    "]",
    "=",
    ":",
    ";",
    " ;",
    "#",
    "\n",
    "\r",
    "\t",
    "${",
    "}",
    "$${",
    ":-",
    "\xEF\xBB\xBF",
    "@=varve\n",
    "[varve]\n",
    "[tiers]\n",
    "[collector cpu]\n",
    "[backend b : sqlite]\n",
    "path = x\n",
    "raw = 5s keep 2h\n",
    " window 5m",
    "9223372036854775807",
    "-1",
    "enabled = no\n",
    "${SET}",
    "\x01",
    "\xFF",
    "                                                                        ",
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890",
};

// Edits `text` of `length` bytes in a buffer of `cap`; returns the new length.
static size_t mutate(char *text, size_t length, size_t cap)
{
    size_t at = draw(length + 1);
    const char *piece = dictionary[draw(sizeof dictionary / sizeof dictionary[0])];
    size_t n = strlen(piece);
    switch (draw(4)) {
    case 0: // change a byte
        if (at < length) {
            text[at] = (char)(1 + draw(255));
        }
        return length;
    case 1: // take some out
        n = draw(20);
        n = n < length - at ? n : length - at;
        memmove(text + at, text + at + n, length - at - n);
        return length - n;
    default: // put a piece in
        if (length + n >= cap) {
            return length;
        }
        memmove(text + at + n, text + at, length - at);
        memcpy(text + at, piece, n);
        return length + n;
    }
}

// A refused text says why; an accepted one is shown and read back as the same.
static unsigned check_hostile(const char *text, uint64_t seed)
{
    start(&conf);
    int rc = varve_conf_parse(&conf, "hostile", text);
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    if ((rc == 0) != (conf.error_count == 0)) {
        fail_msg("seed %llu: rc %d with %u errors", (unsigned long long)seed, rc, conf.error_count);
    }
    for (unsigned i = 0; i < conf.error_count && i < VARVE_CONF_ERRORS; i++) {
        assert_true(conf.errors[i][0] != '\0');
    }
    if (rc == 0) {
        assert_round_trip();
    }
    return rc == 0 ? 1 : 0;
}

static void mutated_texts_are_refused_or_round_trip(void **state)
{
    (void)state;
    static const char *const seeds[] = {"good/typical.ini", "good/layout.ini", "good/expansion.ini",
                                        "good/limits.ini"};
    const char *given = getenv("VARVE_TEST_SEED");
    seed_state = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
    print_message("seed: VARVE_TEST_SEED=%llu\n", (unsigned long long)seed_state);
    unsigned accepted = 0;
    for (unsigned round = 0; round < 20000; round++) {
        char path[1024];
        uint64_t seed = seed_state;
        snprintf(path, sizeof path, "%s/%s", GOLDEN, seeds[round % 4]);
        static char *texts[4];
        if (texts[round % 4] == NULL) {
            texts[round % 4] = slurp(path);
        }
        char *text = malloc(4096); // of its own size, so that a read past the end is seen
        size_t length = strlen(texts[round % 4]);
        memcpy(text, texts[round % 4], length);
        for (size_t edits = 1 + draw(6); edits > 0; edits--) {
            length = mutate(text, length, 4000);
        }
        text[length] = '\0';
        text = realloc(text, length + 1);
        accepted += check_hostile(text, seed);
        free(text);
    }
    assert_in_range(accepted, 1000, 19000); // both outcomes were really tried
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_files_are_shown_as_expected_and_read_back_the_same),
        cmocka_unit_test(bad_files_are_refused_with_the_expected_errors),
        cmocka_unit_test(values_reach_the_struct),
        cmocka_unit_test(default_tiers_have_the_documented_windows),
        cmocka_unit_test(no_backend_is_allowed_but_warned_about),
        cmocka_unit_test(environment_cannot_bring_in_what_a_line_cannot_hold),
        cmocka_unit_test(a_full_pool_is_an_error),
        cmocka_unit_test(include_directory_is_read_in_name_order_and_overrides),
        cmocka_unit_test(errors_name_the_included_file),
        cmocka_unit_test(unreadable_files_are_errors),
        cmocka_unit_test(settings_from_the_command_line_override),
        cmocka_unit_test(bad_settings_from_the_command_line_are_refused),
        cmocka_unit_test(instances_can_be_added_without_a_text),
        cmocka_unit_test(finishing_twice_changes_nothing),
        cmocka_unit_test(manual_names_every_option_with_default_and_range),
        cmocka_unit_test(mutated_texts_are_refused_or_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
