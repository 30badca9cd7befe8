// SPDX-License-Identifier: Apache-2.0
// The command line; see args.h.
#include "args.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/names.h"
#include "core/text.h"
#include "formats.h"
#include "when.h"

struct option {
    const char *name;
    const char *value;
    const char *help;
};

static const struct option options[] = {
#define ARG_ROW(id, name, value, help) {name, value, help},
    ARG_OPTIONS(ARG_ROW)
#undef ARG_ROW
};

// ---- messages ----------------------------------------------------------------------------------

int complain(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fputs("varve: ", stderr); // where could a failure to complain go
    (void)vfprintf(stderr, format, list);
    (void)fputc('\n', stderr);
    va_end(list);
    return code;
}

int args_usage(const struct args *args, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)fprintf(stderr, "varve %s: ", args->command->name);
    (void)vfprintf(stderr, format, list);
    (void)fprintf(stderr, "\nTry `varve %s --help`.\n", args->command->name);
    va_end(list);
    return USAGE;
}

const char *args_formats(const struct command *command)
{
    return command->formats ? command->formats : "table json csv";
}

void args_help(const struct command *command)
{
    printf("varve %s%s%s - %s\n\n%s\n", command->name, command->arguments[0] ? " " : "",
           command->arguments, command->summary, command->text);
    printf("\nOptions:\n");
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (command->options & OPTION(i)) {
            int n = printf("  --%s%s%s", options[i].name, options[i].value[0] ? " " : "",
                           options[i].value);
            printf("%*s%s%s%s\n", n < 22 ? 22 - n : 1, "", options[i].help,
                   i == OPT_FORMAT ? ": " : "", i == OPT_FORMAT ? args_formats(command) : "");
        }
    }
    if (command->options & (OPTION(OPT_FROM) | OPTION(OPT_BEFORE))) {
        printf("\nTIME is " WHEN_FORMS ".\n");
    }
}

void args_each_option(const struct command *command,
                      void (*emit)(const char *name, const char *help))
{
    char line[64], help[256];
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        if (command->options & OPTION(i)) {
            (void)snprintf(line, sizeof line, "--%s%s%s", options[i].name,
                           options[i].value[0] ? " " : "", options[i].value);
            (void)snprintf(help, sizeof help, "%s%s%s", options[i].help,
                           i == OPT_FORMAT ? ": " : "",
                           i == OPT_FORMAT ? args_formats(command) : "");
            emit(line, help);
        }
    }
}

void args_offer_options(const struct command *command, const char *typed)
{
    for (unsigned i = 0; i < OPTION_COUNT; i++) {
        char text[64];
        (void)snprintf(text, sizeof text, "--%s", options[i].name); // no name is longer
        if ((command->options & OPTION(i)) && strncmp(text, typed, strlen(typed)) == 0) {
            (void)puts(text);
        }
    }
}

// ---- reading -----------------------------------------------------------------------------------

static int find_option(const struct command *command, const char *name, size_t len)
{
    for (int i = 0; i < OPTION_COUNT; i++) {
        if ((command->options & OPTION(i)) && strlen(options[i].name) == len &&
            memcmp(options[i].name, name, len) == 0) {
            return i;
        }
    }
    return -1;
}

bool args_takes_value(const struct command *command, const char *name)
{
    int id = find_option(command, name, strlen(name));
    return id >= 0 && options[id].value[0] != '\0';
}

static int unknown_option(const struct args *args, const char *name, size_t len)
{
    char wanted[64];
    (void)snprintf(wanted, sizeof wanted, "%.*s", (int)len, name); // only to guess what was meant
    struct varve_nearest nearest = {.wanted = wanted};
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (args->command->options & OPTION(i)) {
            varve_nearest_offer(&nearest, options[i].name);
        }
    }
    if (nearest.best) {
        return args_usage(args, "unknown option --%s; did you mean --%s?", wanted, nearest.best);
    }
    return args_usage(args, "unknown option --%s", wanted);
}

static int read_long(struct args *args, const char *text, char ***next)
{
    size_t len = strcspn(text, "=");
    int id = find_option(args->command, text, len);
    if (id < 0) {
        return unknown_option(args, text, len);
    }
    bool flag = options[id].value[0] == '\0';
    if (text[len] == '=') {
        args->value[id] = text + len + 1;
        return flag ? args_usage(args, "--%s takes no value", options[id].name) : DONE;
    }
    args->value[id] = flag ? "" : **next;
    if (!args->value[id]) {
        return args_usage(args, "--%s needs a value: %s", options[id].name, options[id].value);
    }
    *next += flag ? 0 : 1;
    return DONE;
}

static int read_short(struct args *args, const char *text, char ***next)
{
    if (strcmp(text, "h") == 0) {
        return read_long(args, "help", next);
    }
    if (strcmp(text, "c") == 0 && (args->command->options & OPTION(OPT_CONFIG))) {
        return read_long(args, "config", next);
    }
    if (strcmp(text, "o") == 0 && (args->command->options & OPTION(OPT_OUTPUT))) {
        return read_long(args, "output", next);
    }
    return args_usage(args, "unknown option -%s", text);
}

static int read_positional(struct args *args, const char *text)
{
    if (args->count == args->command->most || args->count == ARG_POSITIONAL_MAX) {
        return args_usage(args, "unexpected argument `%s`", text);
    }
    args->positional[args->count++] = text;
    return DONE;
}

int args_read(struct args *args, const struct command *command, char **argv)
{
    memset(args, 0, sizeof *args);
    args->command = command;
    bool only_positional = false;
    char **next = argv;
    while (*next) {
        const char *text = *next++;
        int code;
        if (only_positional || text[0] != '-' || text[1] == '\0') {
            code = read_positional(args, text);
        } else if (strcmp(text, "--") == 0) {
            only_positional = true;
            code = DONE;
        } else if (text[1] == '-') {
            code = read_long(args, text + 2, &next);
        } else {
            code = read_short(args, text + 1, &next);
        }
        if (code != DONE) {
            return code;
        }
    }
    if (!args->value[OPT_HELP] && args->count < command->least) {
        return args_usage(args, "%s is missing", command->arguments);
    }
    return DONE;
}

// ---- values ------------------------------------------------------------------------------------

int args_time(const struct args *args, enum option_id id, const char *fallback, int64_t *out)
{
    const char *text = args->value[id] ? args->value[id] : fallback;
    if (when_parse(text, when_now(), out) < 0) {
        return args_usage(args, "--%s: `%s` is no time; write " WHEN_FORMS, options[id].name, text);
    }
    return DONE;
}

// The n-th of words that blanks separate; false after the last.
static bool word_at(const char *words, int n, const char **at, size_t *len)
{
    *at = words;
    for (int i = 0;; i++) {
        *at += strspn(*at, " ");
        *len = strcspn(*at, " ");
        if (*len == 0 || i == n) {
            return *len > 0;
        }
        *at += *len;
    }
}

static bool is_word(const char *text, const char *at, size_t len)
{
    return strlen(text) == len && memcmp(text, at, len) == 0;
}

int args_word(const struct args *args, enum option_id id, const char *words, int *out)
{
    const char *text = args->value[id];
    const char *at;
    size_t len;
    for (*out = 0; text && word_at(words, *out, &at, &len); (*out)++) {
        if (is_word(text, at, len)) {
            return DONE;
        }
    }
    if (!text) {
        return DONE;
    }
    return args_usage(args, "--%s: `%s` is not one of %s", options[id].name, text, words);
}

int args_format(const struct args *args, enum format *out)
{
    const char *words = args_formats(args->command);
    const char *at;
    size_t len;
    int n;
    int code = args_word(args, OPT_FORMAT, words, &n);
    if (code == DONE && word_at(words, n, &at, &len)) {
        (void)format_find(at, len, out); // all that a command names exist
    }
    return code;
}

int args_limit(const struct args *args, uint64_t *out)
{
    const char *text = args->value[OPT_LIMIT];
    int64_t value = 0;
    if (text && (varve_parse_int(text, &value) < 0 || value <= 0)) {
        return args_usage(args, "--limit: `%s` is no number from 1 on", text);
    }
    *out = (uint64_t)value;
    return DONE;
}

int args_agg(const struct args *args, enum varve_agg *out)
{
    const char *text = args->value[OPT_AGG];
    int agg = text ? varve_agg_find(text) : VARVE_AGG_AUTO;
    if (agg < 0) {
        return args_usage(args, "--agg: `%s` is not one of avg min max sum count last rate", text);
    }
    *out = (enum varve_agg)agg;
    return DONE;
}

// A span, 0 when it is not given.
static int args_span(const struct args *args, enum option_id id, int64_t *out)
{
    const char *text = args->value[id];
    *out = 0;
    if (text && (varve_parse_duration(text, out) < 0 || *out <= 0)) {
        return args_usage(args, "--%s: `%s` is no span; write 10s, 5m, 1h or 1d", options[id].name,
                          text);
    }
    return DONE;
}

int args_step(const struct args *args, int64_t *out)
{
    return args_span(args, OPT_STEP, out);
}

int args_lookback(const struct args *args, int64_t *out)
{
    return args_span(args, OPT_LOOKBACK, out);
}

int args_every(const struct args *args, int64_t fallback_ms, int64_t *out)
{
    int code = args_span(args, OPT_EVERY, out);
    *out = *out > 0 ? *out : fallback_ms;
    return code;
}

int args_severity(const struct args *args, enum varve_severity *out)
{
    const char *text = args->value[OPT_SEVERITY] ? args->value[OPT_SEVERITY] : "debug";
    for (unsigned i = 0; i <= VARVE_DEBUG; i++) {
        if (strcmp(text, varve_severity_name((enum varve_severity)i)) == 0) {
            *out = (enum varve_severity)i;
            return DONE;
        }
    }
    return args_usage(
        args, "--severity: `%s` is not one of critical error warning notice info debug", text);
}
