// SPDX-License-Identifier: Apache-2.0
// `varve man`: the manual pages, made from the tables that the programs themselves read: commands
// and options, and the options of the configuration. varved's page is made of its help.
//
// Threading: one task.
#include <stdio.h>
#include <string.h>

#include "commands.h"

// One line of text as roff has it.
static void put_line(void *arg, const char *line)
{
    (void)arg;
    if (line[0] == '.' || line[0] == '\'') {
        printf("\\&");
    }
    for (const char *c = line; *c && *c != '\n'; c++) {
        if (*c == '\\') {
            printf("\\e");
        } else if (*c == '-') {
            printf("\\-");
        } else {
            (void)putchar(*c);
        }
    }
    (void)putchar('\n');
}

static void put_text(const char *text)
{
    char line[512];
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        (void)snprintf(line, sizeof line, "%.*s", (int)len, text); // no line of help is longer
        put_line(NULL, line);
    }
}

static void put_title(const char *name, const char *section, const char *what)
{
    printf(".TH %s %s \"\" \"varve " VARVE_VERSION "\"\n.SH NAME\n%s \\- %s\n", name, section, name,
           what);
}

static void put_option(const char *name, const char *help)
{
    printf(".TP\n");
    put_line(NULL, name);
    put_line(NULL, help);
}

static void put_command(const struct command *command)
{
    printf(".SS ");
    char usage[256];
    (void)snprintf(usage, sizeof usage, "varve %s %s", command->name, command->arguments);
    put_line(NULL, usage);
    put_line(NULL, command->summary);
    printf(".PP\n.nf\n");
    put_text(command->text);
    printf(".fi\n");
    args_each_option(command, put_option);
}

static void put_varve(void)
{
    const struct command *command;
    put_title("varve", "1", "ask the metric history of this device");
    printf(".SH SYNOPSIS\n.B varve\nCOMMAND [ARGUMENTS] [OPTIONS]\n.SH DESCRIPTION\n");
    printf("Answers come from the daemon varved(8), or from a store opened read\\-only.\n");
    printf(".SH COMMANDS\n");
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        put_command(command);
    }
    printf(
        ".SH SQL\nThe extension varve.so for sqlite3(1), installed in lib/varve, has a stopped "
        "store or a "
        "backup as tables, read\\-only: load it, SELECT varve_open('FILE'), then ask varve_points, "
        "varve_cells, varve_series and varve_events. share/doc/varve/sql.md has their "
        "columns and examples.\n");
    printf(".SH EXIT STATUS\n0 done, 1 failed, 2 wrong usage, 3 nothing found, 4 neither daemon "
           "nor store can be reached.\n.SH SEE ALSO\nvarved(8), varve.ini(5), sqlite3(1)\n");
}

static void put_varved(void)
{
    char line[512];
    put_title("varved", "8", "keep the metric history of this device");
    printf(".SH DESCRIPTION\n.nf\n");
    while (fgets(line, sizeof line, stdin)) {
        put_line(NULL, line);
    }
    printf(".fi\n.SH SEE ALSO\nvarve(1), varve.ini(5)\n");
}

static void put_conf(void)
{
    put_title("varve.ini", "5", "configuration of varved");
    printf(".SH DESCRIPTION\n.nf\n");
    varve_conf_manual(store_registry(), put_line, NULL);
    printf(".fi\n.SH SEE ALSO\nvarved(8), varve(1)\n");
}

static int run_man(const struct args *args)
{
    const char *page = args->positional[0];
    if (strcmp(page, "varve") == 0) {
        put_varve();
    } else if (strcmp(page, "varved") == 0) {
        put_varved();
    } else if (strcmp(page, "varve.ini") == 0) {
        put_conf();
    } else {
        return args_usage(args, "`%s` is not one of varve, varved, varve.ini", page);
    }
    return fflush(stdout) == 0 ? DONE : complain(FAILED, "cannot write the output");
}

const struct command command_man = {
    .name = "man",
    .arguments = "varve | varved | varve.ini",
    .summary = "a manual page in the format of man",
    .text =
        "Made from the tables that the programs read; `cmake --install` puts the pages in their\n"
        "place. varved takes the text of `varved --help` on its standard input.\n"
        "\n"
        "Examples:\n"
        "  varve man varve.ini | man -l -\n"
        "  varved --help | varve man varved >varved.8",
    .options = OPTION(OPT_HELP),
    .least = 1,
    .most = 1,
    .run = run_man,
};
