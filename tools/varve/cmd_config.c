// SPDX-License-Identifier: Apache-2.0
// `varve config` and `varve flush`: what a configuration says, and making the daemon store now.
//
// Threading: one task.
#include <stdio.h>
#include <string.h>

#include "commands.h"

static struct varve_conf conf;

static void put_line(void *arg, const char *line)
{
    (void)arg;
    (void)puts(line); // checked by finish()
}

// Loads and checks; errors go to stderr, one a line.
static int load_for(const char *path, bool elsewhere)
{
    varve_conf_init(&conf, store_registry(), store_environment);
    conf.elsewhere = elsewhere;
    int rc = varve_conf_load(&conf, path);
    if (rc == 0) {
        rc = varve_conf_finish(&conf);
    }
    if (rc < 0) {
        source_print_errors(&conf);
        return complain(FAILED, "%s is not usable: %s", path,
                        conf.error_count > 0 ? "see above" : varve_strerror(rc));
    }
    return DONE;
}

static int load(const char *path)
{
    return load_for(path, false);
}

static int check(const char *path)
{
    size_t collectors = 0;
    size_t backends = 0;
    int code = load(path);
    if (code != DONE) {
        return code;
    }
    for (size_t i = 0; i < conf.instance_count; i++) {
        bool on = conf.instances[i].enabled;
        bool collector = conf.instances[i].plugin->kind == VARVE_COLLECTOR;
        collectors += on && collector ? 1 : 0;
        backends += on && !collector ? 1 : 0;
    }
    printf("%s is valid; collectors: %zu, backends: %zu, tiers: %zu\n", path, collectors, backends,
           conf.tier_count);
    return DONE;
}

static int show_file(const char *path)
{
    int code = load(path);
    if (code == DONE) {
        varve_conf_show(&conf, put_line, NULL);
    }
    return code;
}

static int print_table(const char *path)
{
    char why[VARVE_MESSAGE_TEXT];
    int code = load_for(path, true);
    if (code == DONE && varve_conf_table(&conf, put_line, NULL, why, sizeof why) != 0) {
        code = complain(FAILED, "%s cannot be written as a table: %s", path, why);
    }
    return code;
}

static int show_daemon(const struct args *args)
{
    struct varve_source source;
    int code = open_source(&source, args);
    return code == DONE ? finish(&source, source.ops->config(&source, put_line, NULL)) : code;
}

static int run_config(const struct args *args)
{
    const char *what = args->positional[0];
    const char *path = args->count > 1 ? args->positional[1] : NULL;
    int code;
    if (strcmp(what, "check") == 0 && path) {
        code = check(path);
    } else if (strcmp(what, "check") == 0) {
        code = args_usage(args, "check which FILE?");
    } else if (strcmp(what, "show") == 0) {
        code = path ? show_file(path) : show_daemon(args);
    } else if (strcmp(what, "table") == 0) {
        code = path ? print_table(path) : args_usage(args, "table of which FILE?");
    } else if (strcmp(what, "manual") == 0 && !path) {
        varve_conf_manual(store_registry(), put_line, NULL);
        code = DONE;
    } else {
        code = args_usage(args, "`%s` is not one of check FILE, show [FILE], table FILE, manual",
                          what);
    }
    if (fflush(stdout) != 0 && code == DONE) {
        code = complain(FAILED, "cannot write the output");
    }
    return code;
}

const struct command command_config = {
    .name = "config",
    .arguments = "check FILE | show [FILE] | table FILE | manual",
    .summary = "check, show or explain the configuration",
    .text =
        "check FILE    says whether a file is valid, or all that is wrong with it, by line\n"
        "show [FILE]   prints the effective configuration, defaults included: of a file, or of\n"
        "              the running daemon\n"
        "table FILE    prints it as C source, a constant for firmware that parses no text\n"
        "manual        describes every section and option\n"
        "\n"
        "Examples:\n"
        "  varve config check /etc/varve/varve.ini\n"
        "  varve config manual | less",
    .options = OPTIONS_SOURCE,
    .least = 1,
    .most = 2,
    .run = run_config,
};

static int run_flush(const struct args *args)
{
    struct varve_source source;
    int code = open_source(&source, args);
    return code == DONE ? finish(&source, source.ops->flush(&source)) : code;
}

const struct command command_flush = {
    .name = "flush",
    .arguments = "",
    .summary = "make all samples in RAM durable now",
    .text = "Returns when every working backend has stored them. This costs flash writes that the\n"
            "daemon would otherwise gather; it is meant for before pulling the plug.\n"
            "\n"
            "Example:\n"
            "  varve flush && poweroff",
    .options = OPTION(OPT_SOCKET) | OPTION(OPT_HELP),
    .least = 0,
    .most = 0,
    .run = run_flush,
};
