// SPDX-License-Identifier: Apache-2.0
// `varve complete`: what could stand for the last of the words, one a line, for the shell's
// completion: commands, options, their values, and names that the daemon knows now.
//
// Threading: one task.
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "core/label.h"

// More names than these are of no use to who types; what came before is not offered again.
#define SEEN_MAX 512u

struct offer {
    const char *typed;
    bool whole; // series with their labels, not only their names
    char seen[SEEN_MAX][VARVE_SERIES_TEXT];
    size_t count;
};

static void offer(const char *typed, const char *text, size_t len)
{
    if (strncmp(text, typed, strlen(typed)) == 0 && len >= strlen(typed)) {
        printf("%.*s\n", (int)len, text);
    }
}

static void offer_once(struct offer *o, const char *text, size_t len)
{
    for (size_t i = 0; i < o->count; i++) {
        if (strlen(o->seen[i]) == len && memcmp(o->seen[i], text, len) == 0) {
            return;
        }
    }
    if (o->count < SEEN_MAX && len < VARVE_SERIES_TEXT &&
        strncmp(text, o->typed, strlen(o->typed)) == 0) {
        (void)snprintf(o->seen[o->count++], VARVE_SERIES_TEXT, "%.*s", (int)len, text);
        offer(o->typed, text, len);
    }
}

// Words between blanks and bars; of a command's arguments those in small letters.
static void offer_words(const char *typed, const char *words, bool small)
{
    for (const char *at = words; *at;) {
        at += strspn(at, " |[]");
        size_t len = strcspn(at, " |[]");
        if (len > 0 && (!small || (at[0] >= 'a' && at[0] <= 'z'))) {
            offer(typed, at, len);
        }
        at += len;
    }
}

static void offer_commands(const char *typed)
{
    const struct command *command;
    for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
        if (command != &command_complete) {
            offer(typed, command->name, strlen(command->name));
        }
    }
    offer_words(typed, "help version", false);
}

// ---- what the daemon knows ----------------------------------------------------------------------

static int offer_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct offer *o = arg;
    (void)id;
    offer_once(o, def->text, strcspn(def->text, o->whole ? "" : "{"));
    return 0;
}

static int offer_labels(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct offer *o = arg;
    struct varve_labels labels;
    (void)id;
    if (varve_labels_parse(def->text, &labels, NULL, NULL) == 0) {
        for (size_t i = 0; i < labels.count; i++) {
            offer_once(o, labels.label[i].key.at, labels.label[i].key.len);
        }
    }
    return 0;
}

static void offer_tiers(struct varve_source *source, const char *typed)
{
    struct varve_stats stats;
    if (source->ops->stats(source, &stats) == 0) {
        for (uint32_t i = 0; i < stats.tier_count; i++) {
            offer(typed, stats.tiers[i].tier.name, strlen(stats.tiers[i].tier.name));
        }
    }
}

// From the daemon that the words name, or the usual one. None answers: nothing is offered.
static void offer_live(const struct args *args, const char *typed, const char *option)
{
    struct varve_source source;
    struct source_choice choice = {.socket = NULL};
    for (int i = 1; i + 1 < args->count; i++) {
        if (strcmp(args->positional[i], "--socket") == 0) {
            choice.socket = args->positional[i + 1];
        } else if (strcmp(args->positional[i], "--store") == 0) {
            choice.store = args->positional[i + 1];
        }
    }
    if (source_open(&source, &choice) != 0) {
        return;
    }
    static struct offer o;
    o.typed = typed;
    o.whole = strchr(typed, '{') != NULL;
    if (strcmp(option, "tier") == 0) {
        offer_tiers(&source, typed);
    } else {
        bool labels = strcmp(option, "by") == 0;
        (void)source.ops->series(&source, "", labels ? offer_labels : offer_series, &o);
    }
    (void)source_close(&source); // opened for reading
}

// ---- the command --------------------------------------------------------------------------------

static void offer_value(const struct args *args, const struct command *command, const char *typed,
                        const char *option)
{
    if (strcmp(option, "format") == 0) {
        offer_words(typed, args_formats(command), false);
    } else if (strcmp(option, "agg") == 0) {
        offer_words(typed, "avg min max sum count last rate", false);
    } else if (strcmp(option, "precision") == 0) {
        offer_words(typed, "ns us ms s", false);
    } else if (strcmp(option, "severity") == 0) {
        offer_words(typed, "critical error warning notice info debug", false);
    } else if (strcmp(option, "tier") == 0 || strcmp(option, "by") == 0) {
        offer_live(args, typed, option);
    }
}

static int run_complete(const struct args *args)
{
    const char *typed = args->count > 0 ? args->positional[args->count - 1] : "";
    const char *before = args->count > 1 ? args->positional[args->count - 2] : "";
    if (args->count <= 1 || strcmp(args->positional[0], "help") == 0) {
        offer_commands(typed);
        return DONE;
    }
    const struct command *command = command_find(args->positional[0]);
    if (!command) {
        return NOTHING_FOUND;
    }
    bool names = strstr(command->arguments, "SELECTOR") || strstr(command->arguments, "EXPRESSION");
    if (strncmp(before, "--", 2) == 0 && args_takes_value(command, before + 2)) {
        offer_value(args, command, typed, before + 2);
    } else if (typed[0] == '-') {
        args_offer_options(command, typed);
    } else if (names) {
        offer_live(args, typed, "");
    } else {
        offer_words(typed, command->arguments, true);
    }
    return DONE;
}

const struct command command_complete = {
    .name = "complete",
    .arguments = "-- WORD...",
    .summary = "what could stand for the last word; for the shell's completion",
    .text = "The words are those behind `varve`, the last as far as it is typed.\n"
            "\n"
            "Example:\n"
            "  varve complete -- query --format ''",
    .options = OPTION(OPT_HELP),
    .least = 0,
    .most = ARG_POSITIONAL_MAX,
    .run = run_complete,
};
