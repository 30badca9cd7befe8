// SPDX-License-Identifier: Apache-2.0
// An answer as pictures: a line for each series (spark), or a field for each (plot). A series'
// points must come in one call: the sink stands behind gather.h. See answer.h.
#include <math.h>
#include <string.h>

#include "answer.h"
#include "chart.h"
#include "number.h"
#include "when.h"

#define PLOT_LINES  10u
#define PLOT_LABELS 10u // characters left of a plot
#define SPARK_MAX   120u

static int chart_begin(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    a->from_ms = info->from_ms;
    a->to_ms = info->to_ms > info->from_ms ? info->to_ms : info->from_ms + 1;
    return 0;
}

static int chart_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct answer *a = arg;
    (void)id;
    (void)snprintf(a->shown, sizeof a->shown, "%s", def->text); // the core knows no longer text
    (void)snprintf(a->unit, sizeof a->unit, "%s", def->unit ? def->unit : "");
    return 0;
}

static int chart_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    answer_notes(a, info);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

// ---- spark --------------------------------------------------------------------------------------

static int spark_begin(void *arg, const struct varve_query_info *info)
{
    static const char *const header[] = {"SERIES", ">MIN", "", ">MAX", ">LAST"};
    struct answer *a = arg;
    table_init(&a->table, header, 5);
    return chart_begin(arg, info);
}

static int spark_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *a = arg;
    (void)id;
    char number[NUMBER_TEXT];
    char line[CHART_LINE(SPARK_MAX)];
    double columns[SPARK_MAX];
    size_t width = style_columns(a->out) / 2;
    width = width < SPARK_MAX ? width : SPARK_MAX;
    struct chart_range range = chart_range_of(points, n);
    chart_columns(points, n, a->from_ms, a->to_ms + 1, columns, width);
    chart_hold(columns, width);
    chart_spark(columns, width, chart_range_of_values(columns, width), chart_unicode(), line,
                sizeof line);
    table_cell(&a->table, "%s", a->shown);
    table_cell(&a->table, "%s", number_short(range.min, number));
    table_cell(&a->table, "%s", line);
    table_cell(&a->table, "%s", number_short(range.max, number));
    table_cell(&a->table, "%s", n > 0 ? number_short(points[n - 1].value, number) : "");
    a->points += n;
    return 0;
}

static int spark_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    return table_print(&a->table, a->out) ? chart_end(arg, info) : VARVE_E_NO_MEMORY;
}

// ---- plot ---------------------------------------------------------------------------------------

// What stands left of a line: the largest value, the smallest, or nothing.
static void put_label(const struct answer *a, const struct chart_field *field, size_t y)
{
    char number[NUMBER_TEXT] = "";
    bool top = y == 0, bottom = y + 1 == field->height;
    if (top || bottom) {
        (void)number_short(top ? field->range.max : field->range.min, number);
    }
    const char *bar = !field->unicode ? "|" : top || bottom ? "┤" : "│";
    (void)fprintf(a->out, "%*s %s", (int)PLOT_LABELS, number, bar);
}

static void put_axis(const struct answer *a, size_t width)
{
    char from[WHEN_TEXT], to[WHEN_TEXT];
    (void)when_format(a->from_ms - a->from_ms % 1000, from, sizeof from);
    (void)when_format(a->to_ms - a->to_ms % 1000, to, sizeof to);
    size_t taken = strlen(from) + strlen(to);
    size_t blanks = width > taken ? width - taken : 1;
    (void)fprintf(a->out, "%*s%s%*s%s\n", (int)PLOT_LABELS + 2, "", from, (int)blanks, "", to);
}

static int plot_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    static struct chart_field field;
    struct answer *a = arg;
    char line[CHART_LINE(CHART_COLUMNS_MAX)];
    (void)id;
    size_t width = style_columns(a->out) - PLOT_LABELS - 3;
    field.width = width < CHART_COLUMNS_MAX ? width : CHART_COLUMNS_MAX;
    field.height = PLOT_LINES;
    field.from_ms = a->from_ms;
    field.to_ms = a->to_ms;
    field.gap_ms = chart_usual_gap(points, n);
    field.range = chart_range_of(points, n);
    field.unicode = chart_unicode();
    chart_plot(&field, points, n);
    bool plain = a->unit[0] == '\0' || strcmp(a->unit, "1") == 0;
    (void)fprintf(a->out, "%s%s%s%s%s\n", style_bold(a->out), a->shown, plain ? "" : "  ",
                  plain ? "" : a->unit, style_plain(a->out));
    for (size_t y = 0; y < field.height; y++) {
        put_label(a, &field, y);
        chart_line(&field, y, line, sizeof line);
        (void)fprintf(a->out, "%s\n", line);
    }
    put_axis(a, field.width);
    a->points += n;
    return ferror(a->out) ? VARVE_E_IO : 0;
}

const struct varve_query_sink answer_spark = {
    .begin = spark_begin,
    .series = chart_series,
    .points = spark_points,
    .end = spark_end,
};

const struct varve_query_sink answer_plot = {
    .begin = chart_begin,
    .series = chart_series,
    .points = plot_points,
    .end = chart_end,
};
