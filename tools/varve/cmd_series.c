// SPDX-License-Identifier: Apache-2.0
// `varve series`: the series that there are, or the values that a label has among them.
//
// Threading: one task.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "core/label.h"
#include "csv.h"
#include "json.h"
#include "table.h"

// What a visitor returns when the page is full: no failure.
#define PAGE_FULL 1

struct value {
    char text[VARVE_SERIES_TEXT];
    uint64_t series;
};

struct list {
    enum format format;
    uint64_t limit;    // 0: none
    const char *after; // the place that is not reached yet; NULL: it is, or there is none
    const char *label; // --by; NULL: series
    struct table table;
    uint64_t count;
    bool more;
    char last[VARVE_SERIES_TEXT];
    // of --by
    struct value *value;
    size_t values, cap;
};

static const char *kind_name(const struct varve_series_def *def)
{
    return def->kind == VARVE_COUNTER ? "counter" : "gauge";
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

// ---- series -------------------------------------------------------------------------------------

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

static void put_series(struct list *list, const struct varve_series_def *def)
{
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
}

// Whether an entry belongs to the page; notes it if so. PAGE_FULL ends it.
static int turn_of(struct list *list, const char *text, bool *shown)
{
    *shown = false;
    if (list->after) {
        list->after = strcmp(text, list->after) == 0 ? NULL : list->after;
        return 0;
    }
    list->more = list->limit > 0 && list->count >= list->limit;
    if (list->more) {
        return PAGE_FULL;
    }
    (void)snprintf(list->last, sizeof list->last, "%s", text);
    *shown = true;
    return 0;
}

static int visit(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct list *list = arg;
    bool shown;
    (void)id;
    int rc = turn_of(list, def->text, &shown);
    if (shown) {
        put_series(list, def);
        list->count++;
    }
    return rc == 0 && ferror(stdout) ? VARVE_E_IO : rc;
}

// ---- the values of a label ----------------------------------------------------------------------

// A value as it is, not as it is written between quotes.
static void unescape(const struct varve_span *span, char *out, size_t cap)
{
    size_t used = 0;
    for (size_t i = 0; i < span->len && used + 1 < cap; i++) {
        bool escaped = span->at[i] == '\\' && i + 1 < span->len;
        char c = span->at[escaped ? ++i : i];
        out[used++] = escaped && c == 'n' ? '\n' : c;
    }
    out[used] = '\0';
}

static int count_value(struct list *list, const char *text)
{
    for (size_t i = 0; i < list->values; i++) {
        if (strcmp(list->value[i].text, text) == 0) {
            list->value[i].series++;
            return 0;
        }
    }
    if (list->values == list->cap) {
        size_t cap = list->cap ? 2 * list->cap : 16;
        struct value *grown = realloc(list->value, cap * sizeof *grown);
        if (!grown) {
            return VARVE_E_NO_MEMORY;
        }
        list->value = grown;
        list->cap = cap;
    }
    struct value *value = &list->value[list->values++];
    (void)snprintf(value->text, sizeof value->text, "%s", text);
    value->series = 1;
    return 0;
}

static int note_value(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct list *list = arg;
    struct varve_labels labels;
    char text[VARVE_SERIES_TEXT];
    (void)id;
    if (varve_labels_parse(def->text, &labels, NULL, NULL) < 0) {
        return VARVE_E_CORRUPT;
    }
    if (strcmp(list->label, "__name__") == 0) {
        (void)snprintf(text, sizeof text, "%.*s", (int)labels.name.len, labels.name.at);
        return count_value(list, text);
    }
    for (size_t i = 0; i < labels.count; i++) {
        const struct varve_span *key = &labels.label[i].key;
        if (key->len == strlen(list->label) && memcmp(key->at, list->label, key->len) == 0) {
            unescape(&labels.label[i].value, text, sizeof text);
            return count_value(list, text);
        }
    }
    return 0; // it has no such label
}

static int by_text(const void *a, const void *b)
{
    const struct value *x = a, *y = b;
    return strcmp(x->text, y->text);
}

static void put_value(struct list *list, const struct value *value)
{
    if (list->format == FORMAT_JSON) {
        printf("%s\n{\"value\":", list->count == 0 ? "" : ",");
        json_text(stdout, value->text);
        printf(",\"series\":%llu}", (unsigned long long)value->series);
    } else if (list->format == FORMAT_CSV) {
        csv_write(stdout, value->text);
        printf(",%llu\n", (unsigned long long)value->series);
    } else {
        table_cell(&list->table, "%s", value->text);
        table_cell(&list->table, "%llu", (unsigned long long)value->series);
    }
}

static int put_values(struct list *list)
{
    int rc = 0;
    if (list->values > 0) {
        qsort(list->value, list->values, sizeof *list->value, by_text);
    }
    for (size_t i = 0; rc == 0 && i < list->values; i++) {
        bool shown;
        rc = turn_of(list, list->value[i].text, &shown);
        if (shown) {
            put_value(list, &list->value[i]);
            list->count++;
        }
    }
    free(list->value);
    return rc;
}

// ---- the command --------------------------------------------------------------------------------

static void begin(struct list *list)
{
    static const char *const series[] = {"SERIES", "KIND", "UNIT", "HELP"};
    static const char *const values[] = {"VALUE", ">SERIES"};
    if (list->format == FORMAT_TABLE) {
        table_init(&list->table, list->label ? values : series, list->label ? 2 : 4);
    } else if (list->format == FORMAT_CSV) {
        printf("%s", list->label ? "value,series\n" : "series,kind,unit,help\n");
    } else if (list->label) {
        printf("{\"label\":");
        json_text(stdout, list->label);
        printf(",\"values\":[");
    } else {
        printf("{\"series\":[");
    }
}

static int end(struct list *list, int rc)
{
    rc = rc == PAGE_FULL ? 0 : rc;
    if (list->format == FORMAT_JSON) {
        printf("\n],\"next\":");
        if (list->more) {
            json_text(stdout, list->last);
        } else {
            printf("null");
        }
        printf("}\n");
    } else if (list->more) {
        (void)complain(0, "there is more: --after '%s'", list->last);
    }
    if (list->format == FORMAT_TABLE && !table_print(&list->table, stdout)) {
        return rc == 0 ? VARVE_E_NO_MEMORY : rc;
    }
    return rc;
}

static int nothing(struct varve_source *source, const struct list *list, const char *selector)
{
    if (list->after) {
        return source_fail(source, VARVE_E_NOT_FOUND, "--after: there is no `%s` here",
                           list->after);
    }
    return source_fail(source, VARVE_E_NOT_FOUND, "no series matches `%s`%s%s",
                       selector[0] ? selector : "*", list->label ? " and has the label " : "",
                       list->label ? list->label : "");
}

static int run_series(const struct args *args)
{
    struct list list = {.after = args->value[OPT_AFTER], .label = args->value[OPT_BY]};
    struct varve_source source;
    int code = args_format(args, &list.format);
    code = code == DONE ? args_limit(args, &list.limit) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    const char *selector = args->count > 0 ? args->positional[0] : "";
    begin(&list);
    int rc = source.ops->series(&source, selector, list.label ? note_value : visit, &list);
    rc = rc == 0 && list.label ? put_values(&list) : rc;
    rc = end(&list, rc);
    if (rc == 0 && list.count == 0 && (list.after || !args->value[OPT_AFTER])) {
        rc = nothing(&source, &list, selector);
    }
    return finish(&source, rc);
}

const struct command command_series = {
    .name = "series",
    .arguments = "[SELECTOR]",
    .summary = "the series that there are, or a label's values",
    .text =
        "Without a selector: all of them. --by LABEL lists the values that a label has, with the\n"
        "number of series of each: the devices, the components, the hosts.\n"
        "\n"
        "--limit gives the first N. JSON then has the place where it goes on as next, else it is\n"
        "said on standard error; --after takes it.\n"
        "\n"
        "Examples:\n"
        "  varve series\n"
        "  varve series 'network_*{device=\"eth0\"}' --format json\n"
        "  varve series --by device\n"
        "  varve series --by __name__ --limit 20",
    .options = OPTIONS_SOURCE | OPTION(OPT_FORMAT) | OPTION(OPT_BY) | OPTION(OPT_LIMIT) |
               OPTION(OPT_AFTER),
    .least = 0,
    .most = 1,
    .run = run_series,
};
