// SPDX-License-Identifier: Apache-2.0
// How `varve top` looks; see top.h. Drawn for any size from 40 x 10 on; wider screens get longer
// names and sparklines, narrower ones fewer columns.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chart.h"
#include "number.h"
#include "table.h"
#include "top.h"
#include "when.h"

#define WIDE        120u // columns from which sparklines have all their buckets
#define NARROW      70u  // below: the last hour only
#define VALUE_WIDTH 10u
#define GAUGE_WIDTH 20u
#define FINDINGS    3u  // lines
#define LABELS      11u // left of the plot

static const char *const range_names[TOP_RANGES] = {"HOUR", "DAY", "WEEK"};
static const char *const sort_names[TOP_SORTS] = {"change", "value", "name"};

static enum style style_of_severity(enum varve_severity severity)
{
    return severity <= VARVE_ERROR     ? STYLE_BAD
           : severity <= VARVE_WARNING ? STYLE_WARN
                                       : STYLE_PLAIN;
}

static enum style style_of_permille(double permille)
{
    return permille >= FINDINGS_ERROR_PERMILLE  ? STYLE_BAD
           : permille >= FINDINGS_WARN_PERMILLE ? STYLE_WARN
                                                : STYLE_GOOD;
}

// ---- the top ------------------------------------------------------------------------------------

static void draw_title(const struct top *top, struct canvas *c)
{
    const struct varve_stats *s = &top->condition.stats;
    const char *status = top->why[0] ? "no answer" : condition_status(&top->condition);
    enum style style = top->why[0] || strcmp(status, "critical") == 0 ? STYLE_BAD
                       : strcmp(status, "warning") == 0               ? STYLE_WARN
                                                                      : STYLE_GOOD;
    char time[WHEN_TEXT], up[WHEN_TEXT];
    (void)when_format(top->now_ms - top->now_ms % 1000, time, sizeof time);
    size_t x = canvas_text(c, 0, 0, STYLE_HEAD, "varve");
    x = canvas_format(c, x + 1, 0, STYLE_PLAIN, "%s", time);
    x = canvas_format(c, x + 2, 0, style, "%s", status);
    x = canvas_format(c, x + 2, 0, STYLE_DIM, "up %s", when_span(s->uptime_ms, up, sizeof up));
    if (top->paused) {
        (void)canvas_text(c, x + 2, 0, STYLE_WARN, "paused");
    } else if (top->every_ms > 0) {
        (void)canvas_format(c, x + 2, 0, STYLE_DIM, "every %s",
                            when_span(top->every_ms, up, sizeof up));
    }
}

static void draw_samples(const struct top *top, struct canvas *c, size_t y)
{
    const struct varve_stats *s = &top->condition.stats;
    char rate[NUMBER_TEXT], used[32];
    bool full =
        s->series_cap > 0 && UINT64_C(1000) * s->series / s->series_cap >= FINDINGS_WARN_PERMILLE;
    (void)canvas_text(c, 0, y, STYLE_HEAD, "samples");
    const char *per_s = isnan(top->samples_per_s) ? "-" : number_short(top->samples_per_s, rate);
    size_t x = canvas_format(c, 9, y, STYLE_PLAIN, "%s/s", per_s);
    x = canvas_format(c, x + 2, y, full ? STYLE_WARN : STYLE_PLAIN,
                      "%" PRIu32 " of %" PRIu32 " series", s->series, s->series_cap);
    x = canvas_format(c, x + 2, y, s->dropped > 0 ? STYLE_WARN : STYLE_PLAIN, "%" PRIu64 " dropped",
                      s->dropped);
    (void)canvas_format(c, x + 2, y, STYLE_PLAIN, "%" PRIu32 " in RAM, %s", s->window_samples,
                        bytes_text(s->memory_used, used, sizeof used));
}

static void draw_stores(const struct top *top, struct canvas *c, size_t y)
{
    const struct varve_stats *s = &top->condition.stats;
    size_t x = 7;
    (void)canvas_text(c, 0, y, STYLE_HEAD, "stores");
    for (uint32_t i = 0; i < s->backend_count; i++) {
        const struct varve_backend_stats *b = &s->backends[i];
        char bytes[32];
        x = canvas_format(c, x + 2, y, b->state == 0 ? STYLE_GOOD : STYLE_BAD, "%s %s", b->name,
                          b->state == 0 ? "works" : varve_strerror(b->state));
        x = canvas_format(c, x + 1, y, STYLE_PLAIN, "%s",
                          bytes_text((double)b->stored_bytes, bytes, sizeof bytes));
    }
    if (s->pending_blocks > 0) {
        (void)canvas_format(c, x + 2, y, STYLE_DIM, "%" PRIu32 " blocks wait", s->pending_blocks);
    }
}

// A bar that is full at 1000.
static size_t draw_gauge(struct canvas *c, size_t x, size_t y, uint32_t permille, bool unicode)
{
    size_t full = (size_t)permille * GAUGE_WIDTH / 1000;
    x = canvas_text(c, x, y, STYLE_DIM, "[");
    for (size_t i = 0; i < GAUGE_WIDTH; i++) {
        const char *text = i < full ? unicode ? "█" : "#" : unicode ? "░" : ".";
        x = canvas_text(c, x, y, i < full ? style_of_permille(permille) : STYLE_DIM, text);
    }
    return canvas_text(c, x, y, STYLE_DIM, "]");
}

static void draw_wear(const struct top *top, struct canvas *c, size_t y)
{
    const struct varve_stats *s = &top->condition.stats;
    uint32_t permille = s->wear_fast_permille > s->wear_slow_permille ? s->wear_fast_permille
                                                                      : s->wear_slow_permille;
    char today[32];
    (void)canvas_text(c, 0, y, STYLE_HEAD, "flash");
    size_t x = canvas_format(c, 9, y, s->wear_level > 1 ? STYLE_WARN : STYLE_PLAIN, "%s today",
                             bytes_text((double)s->flash_bytes_today, today, sizeof today));
    if (s->wear_budget_bytes > 0) {
        x = draw_gauge(c, x + 2, y, permille, top->unicode);
        x = canvas_format(c, x + 1, y, style_of_permille(permille), "%" PRIu32 " %% of budget",
                          permille / 10);
        x = canvas_format(c, x + 2, y, s->wear_level > 1 ? STYLE_WARN : STYLE_PLAIN, "%s",
                          wear_level_name(s->wear_level));
    } else {
        x = canvas_text(c, x + 2, y, STYLE_DIM, "no budget in [wear]");
    }
    if (s->wear_years > 0) {
        (void)canvas_format(c, x + 2, y, STYLE_PLAIN, "%s%.1f years left",
                            s->wear_years >= 1000 ? ">" : "", s->wear_years);
    } else {
        (void)canvas_text(c, x + 2, y, STYLE_DIM, "no forecast yet");
    }
}

static enum style style_of_state(const char *state)
{
    return strcmp(state, "running") == 0   ? STYLE_GOOD
           : strcmp(state, "failing") == 0 ? STYLE_WARN
           : strcmp(state, "hung") == 0    ? STYLE_BAD
                                           : STYLE_DIM;
}

// Names in the colour of their state; what does not run says so, for screens without colour. As
// many lines as they take. Returns the next line.
static size_t draw_collectors(const struct top *top, struct canvas *c, size_t y)
{
    size_t x = 7;
    (void)canvas_text(c, 0, y, STYLE_HEAD, "collect");
    for (size_t i = 0; i < top->condition.plugins; i++) {
        const struct varve_instance_stats *p = &top->condition.plugin[i];
        char text[2 * VARVE_NAME_TEXT + 4];
        bool running = strcmp(p->state, "running") == 0;
        if (strcmp(p->kind, "collector") != 0) {
            continue;
        }
        (void)snprintf(text, sizeof text, running ? "%s" : "%s (%s)", p->name, p->state);
        if (x + 2 + strlen(text) > c->width) {
            x = 7;
            y++;
        }
        x = canvas_text(c, x + 2, y, style_of_state(p->state), text);
    }
    return y + 1;
}

// Returns the next line.
static size_t draw_findings(const struct top *top, struct canvas *c, size_t y)
{
    const struct condition *is = &top->condition;
    if (top->why[0]) {
        (void)canvas_format(c, 0, y, STYLE_BAD, "! %.*s", (int)strcspn(top->why, "\n"), top->why);
        return y + 1;
    }
    (void)canvas_text(c, 0, y, STYLE_HEAD, "alerts");
    if (is->findings == 0) {
        (void)canvas_text(c, 9, y, STYLE_GOOD, "none");
        return y + 1;
    }
    for (size_t i = 0; i < is->findings && i < FINDINGS; i++) {
        const struct finding *finding = &is->finding[i];
        (void)canvas_format(c, 9, y++, style_of_severity(finding->severity), "%s: %s",
                            finding->severity <= VARVE_ERROR ? "error" : "warning", finding->text);
    }
    size_t more = is->left_out + (is->findings > FINDINGS ? is->findings - FINDINGS : 0);
    if (more > 0) {
        canvas_right(c, c->width, y - 1, STYLE_DIM, " ... see varve health");
    }
    return y;
}

// ---- series -------------------------------------------------------------------------------------

struct columns {
    size_t spark;  // characters of a sparkline
    size_t ranges; // how many of them
    size_t name;
    size_t value_end;
};

static struct columns columns_for(size_t width)
{
    struct columns k = {.spark = width >= WIDE ? TOP_BUCKETS : TOP_BUCKETS / 2,
                        .ranges = width >= NARROW ? TOP_RANGES : 1};
    size_t taken = k.ranges * (k.spark + 1) + VALUE_WIDTH + 1;
    k.name = width > taken + 8 ? width - taken : 8;
    k.value_end = k.name + VALUE_WIDTH + 1;
    return k;
}

// Pairs of buckets where there is no room for all.
static size_t squeeze(const double *buckets, size_t width, double *out)
{
    if (width >= TOP_BUCKETS) {
        memcpy(out, buckets, TOP_BUCKETS * sizeof *out);
        return TOP_BUCKETS;
    }
    for (size_t i = 0; i < TOP_BUCKETS / 2; i++) {
        double a = buckets[2 * i], b = buckets[2 * i + 1];
        out[i] = isnan(a) ? b : isnan(b) ? a : a / 2 + b / 2;
    }
    return TOP_BUCKETS / 2;
}

// Thresholds are known of what is a part of a whole.
static enum style style_of_value(const struct top_series *series)
{
    size_t name = strcspn(series->text, "{");
    bool ratio = name >= 6 && strncmp(series->text + name - 6, "_ratio", 6) == 0;
    bool percent = strcmp(series->unit, "%") == 0;
    if (!ratio && !percent) {
        return STYLE_PLAIN;
    }
    return style_of_permille(series->value * (ratio ? 1000 : 10));
}

// What tells series apart stands at both ends of their names, so the middle goes.
static void draw_name(struct canvas *c, size_t y, const char *name, size_t width)
{
    size_t len = strlen(name);
    if (len <= width || width < 8) {
        (void)canvas_format(c, 0, y, STYLE_PLAIN, "%.*s", (int)width, name);
        return;
    }
    size_t tail = (width - 1) / 2, head = width - 1 - tail;
    (void)canvas_format(c, 0, y, STYLE_PLAIN, "%.*s~%s", (int)head, name, name + len - tail);
}

static void draw_row(const struct top *top, struct canvas *c, size_t y,
                     const struct top_series *series, const struct columns *k)
{
    char number[NUMBER_TEXT], value[NUMBER_TEXT + 4], line[CHART_LINE(TOP_BUCKETS)];
    double sparks[TOP_BUCKETS];
    draw_name(c, y, series->text, k->name);
    (void)snprintf(value, sizeof value, "%s%s",
                   isnan(series->value) ? "-" : number_short(series->value, number),
                   series->counter ? "/s" : "");
    canvas_right(c, k->value_end, y, style_of_value(series), value);
    for (size_t range = 0; range < k->ranges; range++) {
        size_t n = squeeze(series->spark[range], k->spark, sparks);
        chart_spark(sparks, n, chart_range_of_values(sparks, n), top->unicode, line, sizeof line);
        (void)canvas_text(c, k->value_end + 1 + range * (k->spark + 1), y, STYLE_PLAIN, line);
    }
}

// Moves the list so that the selected line is in it.
static void scroll(struct top *top, size_t lines)
{
    if (top->selected < top->first) {
        top->first = top->selected;
    }
    if (lines > 0 && top->selected >= top->first + lines) {
        top->first = top->selected - lines + 1;
    }
}

static void draw_series(struct top *top, struct canvas *c, size_t y)
{
    struct columns k = columns_for(c->width);
    size_t lines = c->height > y + 2 ? c->height - y - 2 : 0;
    (void)canvas_format(c, 0, y, STYLE_HEAD, "SERIES %zu%s%s", top->count,
                        top->filter[0] ? " " : "", top->filter);
    canvas_right(c, k.value_end, y, STYLE_HEAD, "VALUE");
    for (size_t range = 0; range < k.ranges; range++) {
        (void)canvas_text(c, k.value_end + 1 + range * (k.spark + 1), y, STYLE_HEAD,
                          range_names[range]);
    }
    scroll(top, lines);
    for (size_t i = 0; i < lines && top->first + i < top->count; i++) {
        size_t at = top->first + i;
        draw_row(top, c, y + 1 + i, top->series[top->order[at]], &k);
        if (at == top->selected && top->every_ms > 0) { // on a terminal
            canvas_line_style(c, y + 1 + i, STYLE_SELECTED);
        }
    }
    if (top->count == 0 && lines > 0) {
        (void)canvas_text(c, 0, y + 1, STYLE_DIM,
                          top->filter_why[0] ? top->filter_why : "no series matches");
    }
}

// ---- other views --------------------------------------------------------------------------------

static void draw_plugins(const struct top *top, struct canvas *c, size_t y)
{
    (void)canvas_format(c, 0, y, STYLE_HEAD, "%-14s %-9s %-9s %8s %7s %5s %9s  %s", "NAME", "KIND",
                        "STATE", "EVERY", "RUNS", "FAIL", "MAX", "NOTE");
    for (size_t i = 0; i < top->condition.plugins && y + 2 < c->height; i++) {
        const struct varve_instance_stats *p = &top->condition.plugin[i];
        char every[WHEN_TEXT] = "", runs[NUMBER_TEXT] = "";
        y++;
        if (p->interval_ms > 0) {
            (void)when_span(p->interval_ms, every, sizeof every);
            (void)number_short((double)p->runs, runs);
        }
        (void)canvas_format(c, 0, y, STYLE_PLAIN, "%-14.14s %-9.9s", p->name, p->kind);
        (void)canvas_format(c, 25, y, style_of_state(p->state), "%-9.9s", p->state);
        (void)canvas_format(c, 35, y, STYLE_PLAIN, "%8s %7s %5" PRIu64 " %6.1f ms  %s", every, runs,
                            p->failures, p->max_us / 1000.0, p->reason[0] ? p->reason : p->summary);
    }
}

static void draw_events(const struct top *top, struct canvas *c, size_t y)
{
    const struct varve_event *event;
    (void)canvas_text(c, 0, y, STYLE_HEAD, "WARNINGS AND ERRORS OF A DAY, THE NEWEST FIRST");
    for (uint64_t i = 0; y + 2 < c->height; i++) {
        event = condition_event(&top->condition, i);
        if (!event) {
            break;
        }
        char time[WHEN_TEXT];
        (void)when_format(event->time_ms - event->time_ms % 1000, time, sizeof time);
        (void)canvas_text(c, 0, ++y, STYLE_DIM, time);
        (void)canvas_format(c, 20, y, style_of_severity(event->severity), "%s: %s", event->source,
                            event->message);
    }
    if (top->condition.noted == 0) {
        (void)canvas_text(c, 0, y + 1, STYLE_GOOD, "none");
    }
}

static void draw_zoom(const struct top *top, struct canvas *c, size_t y)
{
    static struct chart_field field;
    const struct top_series *series = top_selected(top);
    char line[CHART_LINE(CHART_COLUMNS_MAX)], number[NUMBER_TEXT];
    if (!series || c->height < y + 5 || c->width < LABELS + 10) {
        return;
    }
    (void)canvas_format(c, 0, y, STYLE_HEAD, "%s  %s%s  last %s: %s", series->text, series->unit,
                        series->counter ? "/s" : "", range_names[top->range],
                        number_short(series->value, number));
    size_t width = c->width - LABELS - 1, height = c->height - y - 3;
    field.width = width < CHART_COLUMNS_MAX ? width : CHART_COLUMNS_MAX;
    field.height = height < CHART_LINES_MAX ? height : CHART_LINES_MAX;
    field.from_ms = top->plot_from_ms;
    field.to_ms = top->plot_to_ms;
    field.gap_ms = chart_usual_gap(top->points, top->points_used);
    field.range = chart_range_of(top->points, top->points_used);
    field.unicode = top->unicode;
    chart_plot(&field, top->points, top->points_used);
    for (size_t i = 0; i < field.height; i++) {
        bool top_line = i == 0, bottom = i + 1 == field.height;
        if (top_line || bottom) {
            canvas_right(c, LABELS - 1, y + 1 + i, STYLE_DIM,
                         number_short(top_line ? field.range.max : field.range.min, number));
        }
        (void)canvas_text(c, LABELS, y + 1 + i, STYLE_DIM, top->unicode ? "│" : "|");
        chart_line(&field, i, line, sizeof line);
        (void)canvas_text(c, LABELS + 1, y + 1 + i, STYLE_GOOD, line);
    }
    char from[WHEN_TEXT], to[WHEN_TEXT];
    (void)canvas_text(c, LABELS + 1, y + 1 + field.height, STYLE_DIM,
                      when_format(top->plot_from_ms - top->plot_from_ms % 1000, from, sizeof from));
    canvas_right(c, c->width, y + 1 + field.height, STYLE_DIM,
                 when_format(top->plot_to_ms - top->plot_to_ms % 1000, to, sizeof to));
}

// ---- all of it ----------------------------------------------------------------------------------

static void draw_keys(const struct top *top, struct canvas *c)
{
    size_t y = c->height - 1;
    if (top->typing) {
        (void)canvas_format(c, 0, y, STYLE_HEAD, "selector: %s_", top->typed);
    } else if (top->view == TOP_ZOOM) {
        (void)canvas_text(c, 0, y, STYLE_DIM,
                          "left right: range  up down: series  space: pause  esc: back  q: quit");
    } else if (top->view == TOP_SERIES) {
        (void)canvas_format(c, 0, y, STYLE_DIM,
                            "q quit  / filter  s sort: %s  enter zoom  c collectors  e events  "
                            "+ - speed",
                            sort_names[top->sort]);
    } else {
        (void)canvas_text(c, 0, y, STYLE_DIM, "q quit  c collectors  e events  esc back");
    }
}

void top_draw(struct top *top, struct canvas *canvas)
{
    draw_title(top, canvas);
    size_t y = 1;
    if (canvas->height >= 16) { // else there is room for the alerts and the list only
        draw_samples(top, canvas, y++);
        draw_stores(top, canvas, y++);
        draw_wear(top, canvas, y++);
        y = draw_collectors(top, canvas, y);
    }
    y = draw_findings(top, canvas, y);
    switch (top->view) {
    case TOP_PLUGINS:
        draw_plugins(top, canvas, y);
        break;
    case TOP_EVENTS:
        draw_events(top, canvas, y);
        break;
    case TOP_ZOOM:
        draw_zoom(top, canvas, y);
        break;
    default:
        draw_series(top, canvas, y);
        break;
    }
    if (top->every_ms > 0) { // on a terminal
        draw_keys(top, canvas);
    }
}
