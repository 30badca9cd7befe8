// SPDX-License-Identifier: Apache-2.0
// `varve events`: what happened.
//
// Threading: one task.
#include <stdio.h>

#include "commands.h"
#include "json.h"
#include "number.h"
#include "table.h"
#include "when.h"

struct list {
    enum format format;
    enum varve_severity severity;
    struct table table;
    uint64_t count;
};

static void put_json(const struct varve_event *event, bool first)
{
    // The payload is JSON already; the table of fields would quote it.
    printf("%s\n{\"time_ms\":%lld,\"severity\":\"%s\",\"source\":", first ? "" : ",",
           (long long)event->time_ms, severity_name(event->severity));
    json_text(stdout, event->source);
    printf(",\"kind\":");
    json_text(stdout, event->kind);
    printf(",\"message\":");
    json_text(stdout, event->message);
    printf(",\"value\":");
    if (event->has_value) {
        json_number(stdout, event->value);
    } else {
        printf("null");
    }
    printf(",\"payload\":");
    json_text(stdout, event->payload);
    printf("}");
}

static void put_row(struct table *table, const struct varve_event *event)
{
    char text[WHEN_TEXT];
    char value[NUMBER_TEXT] = "";
    if (event->has_value) {
        (void)number_format(event->value, value);
    }
    table_cell(table, "%s", when_format(event->time_ms, text, sizeof text));
    table_cell(table, "%s", severity_name(event->severity));
    table_cell(table, "%s", event->source);
    table_cell(table, "%s", event->kind);
    table_cell(table, "%s", value);
    table_cell(table, "%s", event->message);
}

static int visit(void *arg, const struct varve_event *event)
{
    struct list *list = arg;
    if (event->severity > list->severity) {
        return 0;
    }
    if (list->format == FORMAT_JSON) {
        put_json(event, list->count == 0);
    } else if (list->format == FORMAT_CSV) {
        csv_field_values(stdout, varve_event_fields, event);
        printf("\n");
    } else {
        put_row(&list->table, event);
    }
    list->count++;
    return ferror(stdout) ? VARVE_E_IO : 0;
}

static void begin(struct list *list)
{
    static const char *const header[] = {"TIME", "SEVERITY", "SOURCE", "KIND", ">VALUE", "MESSAGE"};
    if (list->format == FORMAT_TABLE) {
        table_init(&list->table, header, 6);
    } else if (list->format == FORMAT_JSON) {
        printf("{\"events\":[");
    } else {
        csv_field_names(stdout, varve_event_fields);
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

static int run_events(const struct args *args)
{
    static struct list list;
    struct varve_source source;
    int64_t from = 0;
    int64_t to = 0;
    int code = args_format(args, &list.format);
    code = code == DONE ? args_severity(args, &list.severity) : code;
    code = code == DONE ? args_time(args, OPT_FROM, "-7d", &from) : code;
    code = code == DONE ? args_time(args, OPT_TO, "now", &to) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    begin(&list);
    int rc = end(&list, source.ops->events(&source, from, to, visit, &list));
    if (rc == 0 && list.count == 0) {
        rc = source_fail(&source, VARVE_E_NOT_FOUND, "no events in that range");
    }
    return finish(&source, rc);
}

const struct command command_events = {
    .name = "events",
    .arguments = "",
    .summary = "what happened: starts, clock steps, failures",
    .text = "The last seven days unless --from says otherwise, oldest first.\n"
            "\n"
            "Examples:\n"
            "  varve events --from -1d --severity warning\n"
            "  varve events --format json",
    .options = OPTIONS_SOURCE | OPTION(OPT_FROM) | OPTION(OPT_TO) | OPTION(OPT_SEVERITY) |
               OPTION(OPT_FORMAT),
    .least = 0,
    .most = 0,
    .run = run_events,
};
