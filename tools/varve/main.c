// SPDX-License-Identifier: Apache-2.0
// varve: the tool. Finds the command and runs it; each command has a file of its own.
//
// Threading: one task (an import into a store runs the host's tasks beside it).
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/text.h"
#include "ports/posix/posix.h"

static const struct command *const commands[] = {
    &command_series, &command_query,    &command_summary, &command_health,  &command_top,
    &command_stats,  &command_wear,     &command_events,  &command_plugins, &command_config,
    &command_import, &command_export,   &command_flush,   &command_check,   &command_prune,
    &command_backup, &command_complete, &command_man,
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_help(void)
{
    printf("varve - ask the metric history of this device\n\n"
           "Usage: varve COMMAND [ARGUMENTS] [OPTIONS]\n\nCommands:\n");
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
    }
    printf("  %-9s %s\n  %-9s %s\n", "help", "this text, or that of a command", "version",
           "the version");
    printf("\n"
           "Every command has --help with examples. --socket, --store, --format and -c may also "
           "stand\n"
           "before the command.\n"
           "\n"
           "Answers come from the daemon at --socket PATH, or from a store opened read-only with\n"
           "--store KIND:PATH. Without either: the socket in VARVE_SOCKET, else varved.sock in\n"
           "VARVE_STATE, else /var/lib/varve/varved.sock; and when no daemon answers there, the\n"
           "store varve.db beside it.\n"
           "\n"
           "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found, 4 neither daemon nor\n"
           "store can be reached.\n");
}

const struct command *command_at(size_t i)
{
    return i < COMMAND_COUNT ? commands[i] : NULL;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static int unknown(const char *name)
{
    struct varve_nearest nearest = {.wanted = name};
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        varve_nearest_offer(&nearest, commands[i]->name);
    }
    if (nearest.best) {
        return complain(USAGE, "there is no command `%s`; did you mean %s?", name, nearest.best);
    }
    return complain(USAGE, "there is no command `%s`; varve --help lists them", name);
}

static int help_for(const char *name)
{
    const struct command *command = name ? command_find(name) : NULL;
    if (name && !command) {
        return unknown(name);
    }
    if (command) {
        args_help(command);
    } else {
        print_help();
    }
    return DONE;
}

// Arguments that an option takes up when it stands before the command; 0: it is none that may.
static size_t width_of(const char *argument)
{
    static const char *const before[] = {"--socket", "--store", "--format", "--config", "-c"};
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++) {
        size_t n = strlen(before[i]);
        if (strncmp(argument, before[i], n) == 0 && (argument[n] == '\0' || argument[n] == '=')) {
            return argument[n] == '=' ? 1 : 2;
        }
    }
    return 0;
}

// Brings the command to the front: `varve --socket S stats` is `varve stats --socket S`.
static void put_command_first(int argc, char **argv)
{
    int at = 1;
    for (size_t width; at < argc && (width = width_of(argv[at])) > 0;) {
        at += (int)width;
    }
    if (at < argc) {
        char *command = argv[at];
        memmove(argv + 2, argv + 1, (size_t)(at - 1) * sizeof *argv);
        argv[1] = command;
    }
}

static int run(int argc, char **argv)
{
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        return help_for(argc > 2 ? argv[2] : NULL);
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "version") == 0) {
        printf("varve " VARVE_VERSION "\n");
        return DONE;
    }
    const struct command *command = command_find(name);
    if (!command) {
        return unknown(name);
    }
    struct args args;
    int code = args_read(&args, command, argv + 2);
    if (code == DONE && args.value[OPT_HELP]) {
        args_help(command);
        return DONE;
    }
    return code == DONE ? command->run(&args) : code;
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, ""); // only what characters are; numbers stay as they are in C
    varve_posix_log_open(VARVE_WARNING, false, "varve");
    if (argc < 2) {
        print_help();
        return USAGE;
    }
    put_command_first(argc, argv);
    return run(argc, argv);
}
