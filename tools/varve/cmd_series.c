// SPDX-License-Identifier: Apache-2.0
// `varve series`: which series there are.
//
// Threading: one task.
#include <stdio.h>

#include "commands.h"
#include "csv.h"
#include "json.h"
#include "table.h"

struct list {
    enum format format;
    struct table table;
    uint64_t count;
};

static const char *kind_name(const struct varve_series_def *def)
{
    return def->kind == VARVE_COUNTER ? "counter" : "gauge";
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static void put_json(const struct varve_series_def *def, bool first)
{
    printf("%s\n{\"series\":", first ? "" : ",");
    json_text(stdout, def->text);
    printf(",\"kind\":\"%s\",\"unit\":", kind_name(def));
    json_text(stdout, or_empty(def->unit));
    printf(",\"help\":");
    json_text(stdout, or_empty(def->help));
    printf("}");
}

static void put_csv(const struct varve_series_def *def)
{
    csv_write(stdout, def->text);
    printf(",%s,", kind_name(def));
    csv_write(stdout, or_empty(def->unit));
    printf(",");
    csv_write(stdout, or_empty(def->help));
    printf("\n");
}

static int visit(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    struct list *list = arg;
    if (list->format == FORMAT_JSON) {
        put_json(def, list->count == 0);
    } else if (list->format == FORMAT_CSV) {
        put_csv(def);
    } else {
        table_cell(&list->table, "%s", def->text);
        table_cell(&list->table, "%s", kind_name(def));
        table_cell(&list->table, "%s", or_empty(def->unit));
        table_cell(&list->table, "%s", or_empty(def->help));
    }
    list->count++;
    return ferror(stdout) ? VARVE_E_IO : 0;
}

static void begin(struct list *list)
{
    static const char *const header[] = {"SERIES", "KIND", "UNIT", "HELP"};
    if (list->format == FORMAT_TABLE) {
        table_init(&list->table, header, 4);
    } else {
        printf("%s", list->format == FORMAT_JSON ? "{\"series\":[" : "series,kind,unit,help\n");
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

static int run_series(const struct args *args)
{
    struct list list = {0};
    struct varve_source source;
    int code = args_format(args, &list.format);
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    const char *selector = args->count > 0 ? args->positional[0] : "";
    begin(&list);
    int rc = end(&list, source.ops->series(&source, selector, visit, &list));
    if (rc == 0 && list.count == 0) {
        rc = source_fail(&source, VARVE_E_NOT_FOUND, "no series matches `%s`",
                         selector[0] ? selector : "*");
    }
    return finish(&source, rc);
}

const struct command command_series = {
    .name = "series",
    .arguments = "[SELECTOR]",
    .summary = "the series that there are",
    .text = "Without a selector: all of them.\n"
            "\n"
            "Examples:\n"
            "  varve series\n"
            "  varve series 'network_*{device=\"eth0\"}' --format json",
    .options = OPTIONS_SOURCE | OPTION(OPT_FORMAT),
    .least = 0,
    .most = 1,
    .run = run_series,
};
