// SPDX-License-Identifier: Apache-2.0
// `varve prune`: the operator's way to remove history. Says what would go, asks, removes.
//
// Owns that order and the words. What can go and what must stay is varve/prune.h's; the source does
// it step by step, a daemon between other requests.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "json.h"
#include "table.h"
#include "when.h"

// The commas and braces around the tables of client/fields.c.
static void put_json(const struct varve_prune_report *report, bool applied)
{
    printf("{\"applied\":%s,", applied ? "true" : "false");
    json_fields(stdout, varve_prune_fields, report);
    printf(",\"tiers\":[");
    for (uint32_t i = 0; i < report->tier_count; i++) {
        printf("%s\n{", i > 0 ? "," : "");
        json_fields(stdout, varve_prune_tier_fields, &report->tiers[i]);
        printf("}");
    }
    printf("\n]}\n");
}

static void put_csv(const struct varve_prune_report *report)
{
    csv_field_names(stdout, varve_prune_tier_fields);
    printf("\n");
    for (uint32_t i = 0; i < report->tier_count; i++) {
        csv_field_values(stdout, varve_prune_tier_fields, &report->tiers[i]);
        printf("\n");
    }
}

static void put_row(struct table *table, const struct varve_prune_tier *t)
{
    char text[WHEN_TEXT];
    table_cell(table, "%s", t->name);
    table_cell(table, "%" PRIu32, t->removed);
    table_cell(table, "%" PRIu32, t->rewritten);
    table_cell(table, "%" PRIu64, t->rows);
    table_cell(table, "%s", bytes_text((double)t->bytes, text, sizeof text));
    table_cell(table, "%s", when_format(t->oldest_ms, text, sizeof text));
    table_cell(table, "%s", when_format(t->newest_ms, text, sizeof text));
}

// What stays though it was asked for.
static void put_notes(const struct varve_prune_report *report)
{
    char text[WHEN_TEXT];
    for (uint32_t i = 0; i < report->tier_count; i++) {
        const struct varve_prune_tier *t = &report->tiers[i];
        if (t->needed_ms == INT64_MIN) {
            printf("%s: all stays, cells in progress are made from it\n", t->name);
        } else if (t->needed_ms != INT64_MAX) {
            printf("%s: what begins at %s or later stays, cells in progress are made from it\n",
                   t->name, when_format(t->needed_ms, text, sizeof text));
        }
        if (t->kept > 0) {
            printf("%s: %" PRIu32 " blocks could not be replaced and stay\n", t->name, t->kept);
        }
        if (t->damaged > 0) {
            printf("%s: %" PRIu32 " damaged blocks stay: see `varve check --repair`\n", t->name,
                   t->damaged);
        }
    }
    if (report->unsettled != 0) {
        printf("what is in memory could not be stored first, and stays: %s\n",
               varve_strerror(report->unsettled));
    }
    if (report->left_alone[0] != '\0') {
        printf("left alone, because these stores cannot prune: %s\n", report->left_alone);
    }
}

static int put_table(const struct varve_prune_report *report, const char *verb)
{
    static const char *const header[] = {"TIER",   ">REMOVED", ">REWRITTEN", ">ROWS",
                                         ">BYTES", "OLDEST",   "NEWEST"};
    struct table table;
    table_init(&table, header, 7);
    for (uint32_t i = 0; i < report->tier_count; i++) {
        if (report->tiers[i].selected) {
            put_row(&table, &report->tiers[i]);
        }
    }
    if (!table_print(&table, stdout)) {
        return VARVE_E_NO_MEMORY;
    }
    printf("\n%s rows of %" PRIu32 " series\n", verb, report->series);
    put_notes(report);
    return 0;
}

static int put_report(enum format format, const struct varve_prune_report *report, bool applied)
{
    switch (format) {
    case FORMAT_JSON:
        put_json(report, applied);
        return 0;
    case FORMAT_CSV:
        put_csv(report);
        return 0;
    default:
        return put_table(report, applied ? "removed" : "this would remove");
    }
}

static uint64_t blocks_of(const struct varve_prune_report *report)
{
    uint64_t blocks = 0;
    for (uint32_t i = 0; i < report->tier_count; i++) {
        blocks += report->tiers[i].removed + report->tiers[i].rewritten;
    }
    return blocks;
}

static void show_progress(const struct varve_prune_report *report, uint64_t all)
{
    if (isatty(STDERR_FILENO) == 0) {
        return;
    }
    (void)fprintf(stderr, "\r\033[K");
    if (!report->done) {
        (void)fprintf(stderr, "%" PRIu64 " of %" PRIu64 " blocks", blocks_of(report), all);
    }
}

// All steps; `all` blocks are expected, 0: not known.
static int run_steps(struct varve_source *source, const struct varve_prune_request *request,
                     uint64_t all, struct varve_prune_report *report)
{
    int rc = source->ops->prune_begin(source, request);
    report->done = false;
    while (rc == 0 && !report->done) {
        rc = source->ops->prune_step(source, report);
        if (rc == 0 && all > 0) {
            show_progress(report, all);
        }
    }
    return rc;
}

static bool confirmed(void)
{
    char line[16] = "";
    (void)printf("Remove it? It cannot be brought back. [yes/no] ");
    (void)fflush(stdout); // the answer tells whether it was seen
    if (fgets(line, sizeof line, stdin) == NULL) {
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return strcmp(line, "yes") == 0 || strcmp(line, "y") == 0;
}

// Says what would go and, unless that is all that is wanted, removes it.
static int prune(struct varve_source *source, const struct args *args,
                 struct varve_prune_request *request, enum format format)
{
    static struct varve_prune_report report;
    const bool dry = args->value[OPT_DRY_RUN] != NULL;
    int rc = run_steps(source, request, 0, &report);
    if (rc == 0 && (dry || format == FORMAT_TABLE)) {
        rc = put_report(format, &report, false);
    }
    const uint64_t blocks = blocks_of(&report);
    if (rc != 0 || dry || (blocks == 0 && format == FORMAT_TABLE)) {
        return rc;
    }
    if (args->value[OPT_YES] == NULL && !confirmed()) {
        return source_fail(source, VARVE_E_DENIED, "nothing was removed");
    }
    request->apply = true;
    rc = run_steps(source, request, blocks, &report);
    (void)fflush(stderr); // the progress is for show
    if (rc == 0 && format == FORMAT_TABLE) {
        printf("\n");
    }
    return rc == 0 ? put_report(format, &report, true) : rc;
}

// A clock that ticks on while this is asked for is not in the future.
#define FUTURE_MARGIN_MS 60000

static int read_range(const struct args *args, struct varve_prune_request *request)
{
    int code = DONE;
    request->before_ms = INT64_MAX;
    if (args->value[OPT_FUTURE] != NULL) {
        request->after_ms = when_now() + FUTURE_MARGIN_MS;
    }
    if (args->value[OPT_AFTER] != NULL) {
        code = args_time(args, OPT_AFTER, "", &request->after_ms);
    }
    if (code == DONE && args->value[OPT_BEFORE] != NULL) {
        code = args_time(args, OPT_BEFORE, "", &request->before_ms);
    }
    if (code == DONE && request->after_ms >= request->before_ms) {
        return args_usage(args, "--after is not earlier than --before");
    }
    return code;
}

static int run_prune(const struct args *args)
{
    char by[VARVE_NAME_TEXT];
    struct varve_prune_request request = {.selector = args->count > 0 ? args->positional[0] : "",
                                          .by = by};
    const bool from_on = args->value[OPT_AFTER] != NULL || args->value[OPT_FUTURE] != NULL;
    struct varve_source source;
    enum format format;
    if (args->value[OPT_BEFORE] == NULL && !from_on) {
        return args_usage(args, "--before TIME is missing, or --after TIME, or --future");
    }
    if (from_on && args->value[OPT_TIER] != NULL) {
        return args_usage(args, "what is after a time is removed from all tiers, not from one");
    }
    if (args->value[OPT_FUTURE] != NULL &&
        (args->value[OPT_AFTER] != NULL || args->value[OPT_BEFORE] != NULL)) {
        return args_usage(args, "--future is a range of its own, without --after and --before");
    }
    if (args->value[OPT_DRY_RUN] == NULL && args->value[OPT_YES] == NULL &&
        isatty(STDIN_FILENO) == 0) {
        return args_usage(args, "there is no terminal to ask on: --yes removes without asking, "
                                "--dry-run only says what would go");
    }
    (void)snprintf(by, sizeof by, "uid %ld, pid %ld", (long)getuid(), (long)getpid()); // it fits
    int code = args_format(args, &format);
    code = code == DONE ? read_range(args, &request) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    code = read_tier(args, &source, &request.tier); // VARVE_TIER_AUTO: all of them
    if (code != DONE) {
        (void)source_close(&source); // nothing was written
        return code;
    }
    return finish(&source, prune(&source, args, &request, format));
}

const struct command command_prune = {
    .name = "prune",
    .arguments = "[SELECTOR]",
    .summary = "remove history before a time, of all series or of some",
    .text =
        "Removes what is older than --before: samples, and cells that ended by then. A cell that\n"
        "began before that time and ends after it stays whole. With --after, what is from then\n"
        "on, cells that begin by then included; --future is --after with the present time, for\n"
        "what a clock that was ahead has left. With SELECTOR only rows of the series that match\n"
        "go; with --tier only rows of that tier. First it says what would go, and asks; without\n"
        "a terminal it needs --yes. An event keeps who removed what.\n"
        "\n"
        "The daemon does it step by step and collects on. Stopped, the store is opened for\n"
        "writing. What is in memory is stored first. The bytes are overwritten in the store's\n"
        "files; the flash below may hold old copies of any file's pages.\n"
        "\n"
        "What stays: the last rows of each tier, which cells in progress are made from after a\n"
        "restart (it says from when on; prune again when they have ended); names of series;\n"
        "events; blocks that are damaged; stores that cannot prune, which it names.\n"
        "\n"
        "Exit codes: 0 removed, or nothing to remove; 1 failed, or answered with no; 2 wrong\n"
        "usage, or nobody to ask; 3 no series matches; 4 neither daemon nor store can be reached.\n"
        "\n"
        "Examples:\n"
        "  varve prune --before -30d --dry-run\n"
        "  varve prune --before 2026-01-01 --yes\n"
        "  varve prune --future --dry-run\n"
        "  varve prune --before now --tier raw 'net_*{device=\"wlan0\"}'\n"
        "  varve prune --before -1h --store sqlite:/var/lib/varve/varve.db",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_BEFORE) | OPTION(OPT_AFTER) |
               OPTION(OPT_FUTURE) | OPTION(OPT_TIER) | OPTION(OPT_FORMAT) | OPTION(OPT_DRY_RUN) |
               OPTION(OPT_YES),
    .least = 0,
    .most = 1,
    .run = run_prune,
};
