// SPDX-License-Identifier: Apache-2.0
// `varve events`: what happened.
//
// Threading: one task.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/names.h"
#include "commands.h"
#include "json.h"
#include "number.h"
#include "table.h"
#include "when.h"

// What a visitor returns when the page is full: no failure.
#define PAGE_FULL 1

struct list {
    enum format format;
    enum varve_severity severity;
    const char *only; // of this kind; NULL: all
    uint64_t limit;   // 0: none
    bool by_value;
    struct table table;
    uint64_t count;
    int64_t last_ms; // of what was shown
    bool more;
    // to be sorted
    struct varve_event *event;
    size_t kept, cap;
};

static void put_json(const struct varve_event *event, bool first)
{
    // The payload is JSON already; the table of fields would quote it.
    printf("%s\n{\"time_ms\":%lld,\"severity\":\"%s\",\"source\":", first ? "" : ",",
           (long long)event->time_ms, varve_severity_name(event->severity));
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
    table_cell(table, "%s", varve_severity_name(event->severity));
    table_cell(table, "%s", event->source);
    table_cell(table, "%s", event->kind);
    table_cell(table, "%s", value);
    table_cell(table, "%s", event->message);
}

static int show(struct list *list, const struct varve_event *event)
{
    if (list->format == FORMAT_JSON) {
        put_json(event, list->count == 0);
    } else if (list->format == FORMAT_CSV) {
        csv_field_values(stdout, varve_event_fields, event);
        printf("\n");
    } else {
        put_row(&list->table, event);
    }
    list->count++;
    list->last_ms = event->time_ms;
    return ferror(stdout) ? VARVE_E_IO : 0;
}

// Of one time all are shown, so that the next page can begin behind it.
static int show_in_turn(struct list *list, const struct varve_event *event)
{
    list->more = list->limit > 0 && list->count >= list->limit && event->time_ms != list->last_ms;
    return list->more ? PAGE_FULL : show(list, event);
}

static int keep(struct list *list, const struct varve_event *event)
{
    if (!event->has_value) {
        return 0;
    }
    if (list->kept == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 64;
        struct varve_event *grown = realloc(list->event, cap * sizeof *grown);
        if (!grown) {
            return VARVE_E_NO_MEMORY;
        }
        list->event = grown;
        list->cap = cap;
    }
    list->event[list->kept++] = *event;
    return 0;
}

static int visit(void *arg, const struct varve_event *event)
{
    struct list *list = arg;
    if (event->severity > list->severity || (list->only && strcmp(event->kind, list->only) != 0)) {
        return 0;
    }
    return list->by_value ? keep(list, event) : show_in_turn(list, event);
}

// The largest value first, NaN last; of equal ones the newest.
static int by_value(const void *a, const void *b)
{
    const struct varve_event *x = a, *y = b;
    if (x->value != y->value && !(isnan(x->value) && isnan(y->value))) {
        return x->value > y->value || isnan(y->value) ? -1 : 1;
    }
    return x->time_ms > y->time_ms ? -1 : x->time_ms < y->time_ms;
}

static int show_sorted(struct list *list)
{
    int rc = 0;
    if (list->kept > 0) {
        qsort(list->event, list->kept, sizeof *list->event, by_value);
    }
    for (size_t i = 0; rc == 0 && i < list->kept && (list->limit == 0 || i < list->limit); i++) {
        rc = show(list, &list->event[i]);
    }
    free(list->event);
    return rc;
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
    rc = rc == PAGE_FULL ? 0 : rc;
    if (list->format == FORMAT_JSON && list->more) {
        printf("\n],\"next\":\"%lld\"}\n", (long long)list->last_ms);
    } else if (list->format == FORMAT_JSON) {
        printf("\n],\"next\":null}\n");
    } else if (list->more) {
        (void)complain(0, "there is more: --after %lld", (long long)list->last_ms);
    }
    if (list->format == FORMAT_TABLE && !table_print(&list->table, stdout)) {
        return rc == 0 ? VARVE_E_NO_MEMORY : rc;
    }
    return rc;
}

static int read_list(const struct args *args, struct list *list)
{
    int sorted = 0;
    int code = args_format(args, &list->format);
    code = code == DONE ? args_severity(args, &list->severity) : code;
    code = code == DONE ? args_limit(args, &list->limit) : code;
    code = code == DONE ? args_word(args, OPT_SORT, "time value", &sorted) : code;
    list->by_value = sorted == 1;
    list->only = args->value[OPT_ONLY];
    if (code == DONE && list->by_value && args->value[OPT_AFTER]) {
        return args_usage(args, "--after goes on in the order of time: leave --sort out");
    }
    return code;
}

// Behind the place, if there is one.
static int read_times(const struct args *args, int64_t *from_ms, int64_t *to_ms)
{
    int code = args_time(args, OPT_FROM, "-7d", from_ms);
    code = code == DONE ? args_time(args, OPT_TO, "now", to_ms) : code;
    if (code == DONE && args->value[OPT_AFTER]) {
        code = args_time(args, OPT_AFTER, "", from_ms);
        *from_ms += *from_ms < INT64_MAX;
    }
    return code;
}

static int run_events(const struct args *args)
{
    static struct list list;
    struct varve_source source;
    int64_t from = 0;
    int64_t to = 0;
    int code = read_list(args, &list);
    code = code == DONE ? read_times(args, &from, &to) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    begin(&list);
    int rc = source.ops->events(&source, from, to, visit, &list);
    rc = rc == 0 && list.by_value ? show_sorted(&list) : rc;
    rc = end(&list, rc);
    if (rc == 0 && list.count == 0) {
        rc = source_fail(&source, VARVE_E_NOT_FOUND, "no events in that range");
    }
    return finish(&source, rc);
}

const struct command command_events = {
    .name = "events",
    .arguments = "",
    .summary = "what happened: starts, clock steps, failures",
    .text =
        "The last seven days unless --from says otherwise, oldest first. --sort value gives those\n"
        "with the largest value first: of backup_ok the slowest backups, of prune the largest.\n"
        "\n"
        "--limit gives the first N. JSON then has the place where it goes on as next, else it is\n"
        "said on standard error; --after takes it. Events of one time stay together.\n"
        "\n"
        "Examples:\n"
        "  varve events --from -1d --severity warning\n"
        "  varve events --only backup_ok --sort value --limit 5\n"
        "  varve events --format json",
    .options = OPTIONS_SOURCE | OPTION(OPT_FROM) | OPTION(OPT_TO) | OPTION(OPT_SEVERITY) |
               OPTION(OPT_ONLY) | OPTION(OPT_SORT) | OPTION(OPT_LIMIT) | OPTION(OPT_AFTER) |
               OPTION(OPT_FORMAT),
    .least = 0,
    .most = 0,
    .run = run_events,
};
