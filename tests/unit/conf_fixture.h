// SPDX-License-Identifier: Apache-2.0
// What the tests of the configuration share; conf_fixture.c says what is faked.
#ifndef VARVE_TEST_CONF_FIXTURE_H
#define VARVE_TEST_CONF_FIXTURE_H

#include "varve/conf.h"

// A file of the faked port.
struct fake_file {
    const char *path;
    const char *text;
    int length; // 0: strlen(text)
};

extern const struct fake_file *conf_files; // ends with path NULL; NULL: there are no files
extern char conf_logged[256];              // the last log line

// Options of the plugins "cpu" and "sqlite".
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

extern const struct varve_plugin conf_cpu;
extern const struct varve_plugin *const conf_plugins[];

// What varve_conf_show() or varve_conf_manual() wrote.
struct conf_output {
    char text[65536];
    size_t used;
    size_t longest;
};

extern struct varve_registry registry;
extern struct varve_conf conf;
extern struct conf_output conf_shown, conf_shown_again;

void conf_start(struct varve_conf *c);
void conf_collect_line(void *arg, const char *line);
const char *conf_show(const struct varve_conf *c, struct conf_output *out);
// Shows `conf`, parses that, and expects it to show as the same.
void conf_assert_round_trip(void);
// Expects the first error of `conf`.
void conf_assert_error(const char *expected);

#endif
