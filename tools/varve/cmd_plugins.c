// SPDX-License-Identifier: Apache-2.0
// `varve plugins`: what collects and what stores, and how it is doing.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "table.h"
#include "when.h"

struct list {
    enum format format;
    struct table table;
    uint64_t count;
};

static void put_runs(struct table *table, const struct varve_instance_stats *i)
{
    if (i->interval_ms == 0) {
        for (int column = 0; column < 3; column++) {
            table_cell(table, "%s", ""); // it does not run by itself
        }
        return;
    }
    table_cell(table, "%" PRIu64, i->runs);
    table_cell(table, "%" PRIu64, i->failures);
    table_cell(table, "%.1f ms", i->max_us / 1000.0);
}

static void put_row(struct table *table, const struct varve_instance_stats *i)
{
    char text[WHEN_TEXT];
    bool collector = i->interval_ms > 0;
    table_cell(table, "%s", i->name[0] ? i->name : "-");
    table_cell(table, "%s", i->kind);
    table_cell(table, "%s%s", i->plugin, i->module ? " (module)" : "");
    table_cell(table, "%s", i->state);
    table_cell(table, "%s", collector ? when_span(i->interval_ms, text, sizeof text) : "");
    put_runs(table, i);
    table_cell(table, "%s", i->reason[0] ? i->reason : i->summary);
}

static int visit(void *arg, const struct varve_instance_stats *instance)
{
    struct list *list = arg;
    if (list->format == FORMAT_JSON) {
        printf("%s\n{", list->count > 0 ? "," : "");
        json_fields(stdout, varve_instance_fields, instance);
        printf("}");
    } else if (list->format == FORMAT_CSV) {
        csv_field_values(stdout, varve_instance_fields, instance);
        printf("\n");
    } else {
        put_row(&list->table, instance);
    }
    list->count++;
    return ferror(stdout) ? VARVE_E_IO : 0;
}

static void begin(struct list *list)
{
    static const char *const header[] = {"NAME",  "KIND",      "PLUGIN", "STATE", ">EVERY",
                                         ">RUNS", ">FAILURES", ">MAX",   "NOTE"};
    if (list->format == FORMAT_TABLE) {
        table_init(&list->table, header, 9);
    } else if (list->format == FORMAT_JSON) {
        printf("{\"plugins\":[");
    } else {
        csv_field_names(stdout, varve_instance_fields);
        printf("\n");
    }
}

static int end(struct list *list, int rc)
{
    if (list->format == FORMAT_JSON) {
        printf("\n]}\n");
    }
    if (list->format == FORMAT_TABLE && !table_print(&list->table, stdout)) {
        return rc == 0 ? VARVE_E_NO_MEMORY : rc;
    }
    return rc;
}

// Without a daemon and a store: what this program itself knows.
static int visit_known(struct list *list)
{
    const struct varve_plugin *plugin;
    int rc = 0;
    for (size_t i = 0; rc == 0 && (plugin = varve_registry_at(store_registry(), i)); i++) {
        struct varve_instance_stats known = {.interval_ms = plugin->default_interval_ms};
        (void)snprintf(known.plugin, sizeof known.plugin, "%s", plugin->name);
        (void)snprintf(known.kind, sizeof known.kind, "%s",
                       plugin->kind == VARVE_COLLECTOR ? "collector" : "backend");
        (void)snprintf(known.state, sizeof known.state, "available");
        (void)snprintf(known.summary, sizeof known.summary, "%s", plugin->summary);
        rc = visit(list, &known);
    }
    return rc;
}

static int list_known(struct list *list)
{
    (void)fprintf(stderr, "varve: no daemon answers; these plugins are known to this program:\n");
    begin(list);
    int rc = end(list, visit_known(list));
    if (rc == 0 && fflush(stdout) != 0) {
        rc = VARVE_E_IO;
    }
    return rc == 0 ? DONE : complain(FAILED, "%s", varve_strerror(rc));
}

static int run_plugins(const struct args *args)
{
    struct list list = {0};
    struct varve_source source;
    struct source_choice choice = {.socket = args->value[OPT_SOCKET],
                                   .store = args->value[OPT_STORE]};
    int code = args_format(args, &list.format);
    if (code != DONE) {
        return code;
    }
    bool anywhere = !choice.socket && !choice.store;
    if (source_open(&source, &choice) < 0) {
        return anywhere ? list_known(&list) : complain(UNREACHABLE, "%s", source.why);
    }
    begin(&list);
    return finish(&source, end(&list, source.ops->instances(&source, visit, &list)));
}

const struct command command_plugins = {
    .name = "plugins",
    .arguments = "",
    .summary = "collectors and backends, and how they are doing",
    .text = "Of the daemon, of a store, or, when neither is there, those that are built in.\n"
            "`varve config manual` describes their options.\n"
            "\n"
            "Examples:\n"
            "  varve plugins\n"
            "  varve plugins --format json",
    .options = OPTIONS_SOURCE | OPTION(OPT_FORMAT),
    .least = 0,
    .most = 0,
    .run = run_plugins,
};
