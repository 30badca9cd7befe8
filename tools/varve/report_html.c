// SPDX-License-Identifier: Apache-2.0
// A report as an HTML page; see report_html.h. What the page says of names, help and events is text
// of others: all of it goes through html_text(). Errors of the stream are asked for in the end.
#include "report_html.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "args.h"
#include "client/names.h"
#include "html.h"
#include "labels.h"
#include "number.h"
#include "report_svg.h"
#include "summary_text.h"
#include "table.h"
#include "when.h"

struct page {
    FILE *out;
    const struct report *report;
    const char *group; // of the row before: its first letters, of group_len
    size_t group_len;
    const char *name; // the metric whose help was told
    size_t name_len;
};

__attribute__((format(printf, 2, 3))) static void put(const struct page *p, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    (void)vfprintf(p->out, format, list);
    va_end(list);
}

// ---- the top ------------------------------------------------------------------------------------

static const char *title_of(const struct report *r)
{
    return r->selector[0] && strcmp(r->selector, "*") != 0 ? r->selector : "All series";
}

// To the second; shorter ones are of no use on a page.
static const char *second_of(int64_t ms, char text[WHEN_TEXT])
{
    return when_format(ms - ((ms % 1000) + 1000) % 1000, text, WHEN_TEXT);
}

// To the minute, without the year.
static const char *minute_of(int64_t ms, char text[WHEN_TEXT])
{
    size_t len = strlen(second_of(ms, text));
    text[len > 3 ? len - 3 : len] = '\0';
    return len > 8 && text[4] == '-' ? text + 5 : text;
}

static void put_head(const struct page *p)
{
    const struct report *r = p->report;
    char from[WHEN_TEXT], to[WHEN_TEXT];
    put(p, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
           "<meta name=\"generator\" content=\"varve " VARVE_VERSION "\">\n<title>");
    html_text(p->out, title_of(r));
    put(p,
        " - history kept by varve</title>\n<style>%s</style>\n</head>\n<body>\n"
        "<div class=\"page\">\n<header>\n<h1>",
        report_style);
    html_text(p->out, title_of(r));
    put(p, "</h1>\n<p>%s to %s ", second_of(r->from_ms, from), second_of(r->to_ms, to));
    html_text(p->out, when_zone());
    put(p, "</p>\n</header>\n");
}

static void put_fact(const struct page *p, const char *name, const char *value, const char *more)
{
    put(p, "<div><dt>%s</dt><dd>%s%s%s%s</dd></div>\n", name, value, more[0] ? " <small>" : "",
        more, more[0] ? "</small>" : "");
}

// The mean of the series' availability.
static double availability_of(const struct summary *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->count; i++) {
        sum += s->row[i].availability;
    }
    return s->count > 0 ? sum / (double)s->count : 0;
}

static void put_event_facts(const struct page *p)
{
    char value[32], more[64] = "";
    uint64_t all = 0, warnings = 0;
    for (size_t i = 0; i < REPORT_SEVERITIES; i++) {
        all += p->report->events[i];
        warnings += i <= VARVE_WARNING ? p->report->events[i] : 0;
    }
    (void)snprintf(value, sizeof value, "%" PRIu64, all);
    if (warnings > 0) {
        (void)snprintf(more, sizeof more, "%" PRIu64 " to look at", warnings);
    }
    put_fact(p, "Events", value, more);
}

static void put_facts(const struct page *p)
{
    const struct summary *s = &p->report->summary;
    char text[WHEN_TEXT], number[NUMBER_TEXT];
    uint64_t samples = 0, gaps = 0;
    for (size_t i = 0; i < s->count; i++) {
        samples += s->row[i].count;
        gaps += s->row[i].count > 0 ? s->row[i].gaps : 0;
    }
    put(p, "<dl class=\"facts\">\n");
    put_fact(p, "Period", when_span(p->report->to_ms - p->report->from_ms, text, sizeof text), "");
    (void)snprintf(text, sizeof text, "%zu", s->count);
    put_fact(p, "Series", text, "");
    put_fact(p, "Samples", number_short((double)samples, number), "");
    (void)snprintf(text, sizeof text, "%.1f %%", floor(availability_of(s) * 1000) / 10);
    put_fact(p, "Availability", text, "on average");
    (void)snprintf(text, sizeof text, "%" PRIu64, gaps);
    put_fact(p, "Gaps", text, "");
    put_event_facts(p);
    put(p, "</dl>\n");
}

// ---- the series ---------------------------------------------------------------------------------

// Bytes have units of their own, so that a column can be read without counting digits.
static void put_number(const struct page *p, const struct summary_row *row, double value)
{
    char text[NUMBER_TEXT];
    bool bytes = strcmp(row->unit, "By") == 0 && isfinite(value) && fabs(value) < 1e18;
    if (isnan(value)) {
        put(p, "<td class=\"n none\">\xe2\x80\x93</td>");
    } else if (bytes) {
        char size[NUMBER_TEXT];
        put(p, "<td class=\"n\">%s%s</td>", value < 0 ? "-" : "",
            bytes_text(fabs(value), size, sizeof size));
    } else {
        put(p, "<td class=\"n\">%s</td>", number_short(value, text));
    }
}

static void put_availability(const struct page *p, const struct summary_row *row)
{
    double percent = floor(row->availability * 1000) / 10;
    const char *how = percent >= 99 ? "" : percent >= 90 ? " part" : " poor";
    put(p,
        "<td class=\"n%s\"><span class=\"bar\"><i style=\"width:%.1f%%\"></i></span>%.1f %%</td>",
        how, percent, percent);
    if (row->count == 0) {
        put(p, "<td class=\"n none\">\xe2\x80\x93</td>");
    } else {
        put(p, "<td class=\"n\">%" PRIu32 "</td>", row->gaps);
    }
}

static void put_labels(const struct page *p, const struct varve_labels *labels)
{
    char raw[VARVE_SERIES_TEXT];
    put(p, labels->count > 0 ? "<span class=\"labels\">" : "");
    for (size_t i = 0; i < labels->count; i++) {
        const struct varve_label *label = &labels->label[i];
        labels_unescape(&label->value, raw);
        put(p, "%s%.*s=<b>", i > 0 ? " " : "", (int)label->key.len, label->key.at);
        html_text(p->out, raw);
        put(p, "</b>");
    }
    put(p, labels->count > 0 ? "</span>" : "");
}

// The name with its labels, and below the first series of a metric what it is.
static void put_name(struct page *p, size_t i)
{
    const struct summary_row *row = &p->report->summary.row[i];
    const char *help = p->report->help[i];
    struct varve_labels labels;
    put(p, "<th scope=\"row\" class=\"series\">");
    if (varve_labels_parse(row->series, &labels, NULL, NULL) != 0) {
        html_text(p->out, row->series); // the core made it, so this cannot be
    } else {
        put(p, "%.*s", (int)labels.name.len, labels.name.at);
        put_labels(p, &labels);
    }
    size_t len = strcspn(row->series, "{");
    bool told = p->name && p->name_len == len && memcmp(p->name, row->series, len) == 0;
    if (help && !told) {
        put(p, "<span class=\"help\">");
        html_text(p->out, help);
        put(p, "</span>");
    }
    p->name = row->series;
    p->name_len = len;
    put(p, "</th>");
}

static void put_row(struct page *p, size_t i)
{
    const struct summary_row *row = &p->report->summary.row[i];
    char unit[VARVE_UNIT_TEXT + 2];
    summary_unit(row, unit, sizeof unit);
    const char *shown = unit + (strncmp(unit, "By", 2) == 0 ? 2 : 0); // which numbers have
    shown = strcmp(shown, "1") == 0 ? "" : shown;
    put(p, "<tr>");
    put_name(p, i);
    put(p, "<td class=\"pic\">");
    report_svg_strip(p->out, p->report, i);
    put(p, "</td>");
    const double numbers[] = {row->last, row->min, row->avg, row->max, row->p95};
    for (size_t k = 0; k < sizeof numbers / sizeof numbers[0]; k++) {
        put_number(p, row, numbers[k]);
    }
    put(p, "<td class=\"unit\">");
    html_text(p->out, shown);
    put(p, "</td><td class=\"n\">%" PRIu64 "</td>", row->count);
    put_availability(p, row);
    put(p, "</tr>\n");
}

// Metrics whose names begin with the same word belong together: load1 and load5, too.
static void put_group(struct page *p, const char *series)
{
    size_t len = strcspn(series, "_{0123456789");
    len = len > 0 ? len : strcspn(series, "{");
    if (p->group && p->group_len == len && memcmp(p->group, series, len) == 0) {
        return;
    }
    p->group = series;
    p->group_len = len;
    put(p, "<tr class=\"group\"><th colspan=\"11\" scope=\"rowgroup\">%.*s</th></tr>\n", (int)len,
        series);
}

static void put_series(struct page *p)
{
    char from[WHEN_TEXT], to[WHEN_TEXT];
    const struct report *r = p->report;
    put(p,
        "<section>\n<h2>Series</h2>\n<div class=\"wide\"><table>\n<thead><tr><th "
        "scope=\"col\">Series</th><th scope=\"col\" class=\"pic\"><span class=\"span\">"
        "<span>%s</span><span>%s</span></span></th>",
        minute_of(r->from_ms, from), minute_of(r->to_ms, to));
    static const char *const columns[] = {"Last", "Min", "Avg", "Max", "p95"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        put(p, "<th scope=\"col\" class=\"n\">%s</th>", columns[i]);
    }
    put(p, "<th scope=\"col\">Unit</th><th scope=\"col\" class=\"n\">Samples</th>"
           "<th scope=\"col\" class=\"n\">Available</th><th scope=\"col\" class=\"n\">Gaps</th>"
           "</tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < r->summary.count; i++) {
        put_group(p, r->summary.row[i].series);
        put_row(p, i);
    }
    put(p, "</tbody>\n</table></div>\n</section>\n");
}

// ---- events -------------------------------------------------------------------------------------

static int mark_event(void *arg, const struct varve_event *event)
{
    struct page *p = arg;
    report_svg_mark(p->out, p->report, event);
    return 0;
}

static int put_event(void *arg, const struct varve_event *event)
{
    struct page *p = arg;
    char text[WHEN_TEXT];
    put(p, "<tr><td class=\"when\">%s</td><td class=\"tag %s\">%s</td><td>",
        second_of(event->time_ms, text), varve_severity_name(event->severity),
        varve_severity_name(event->severity));
    html_text(p->out, event->source);
    put(p, "</td><td>");
    html_text(p->out, event->kind);
    put(p, "</td><td>");
    html_text(p->out, event->message);
    put(p, "</td></tr>\n");
    return 0;
}

static int put_events(struct page *p, struct varve_source *source)
{
    const struct report *r = p->report;
    uint64_t all = 0;
    for (size_t i = 0; i < REPORT_SEVERITIES; i++) {
        all += r->events[i];
    }
    put(p, "<section>\n<h2>Events</h2>\n");
    if (all == 0) {
        put(p, "<p class=\"none\">None in this period.</p>\n</section>\n");
        return 0;
    }
    report_svg_begin_marks(p->out, r);
    int rc = source->ops->events(source, r->from_ms, r->to_ms, mark_event, p);
    report_svg_end_marks(p->out);
    put(p, "\n<div class=\"wide\"><table>\n<thead><tr><th scope=\"col\">Time</th><th scope=\"col\">"
           "Severity</th><th scope=\"col\">Source</th><th scope=\"col\">Kind</th>"
           "<th scope=\"col\">Message</th></tr></thead>\n<tbody>\n");
    rc = rc == 0 ? source->ops->events(source, r->from_ms, r->to_ms, put_event, p) : rc;
    put(p, "</tbody>\n</table></div>\n</section>\n");
    return rc;
}

// ---- the end ------------------------------------------------------------------------------------

static void put_foot(const struct page *p)
{
    const struct report *r = p->report;
    const struct summary *s = &r->summary;
    char text[WHEN_TEXT];
    put(p, "<footer>\n<p>Lines are means of %s each, from tier ",
        when_span(r->step_ms, text, sizeof text));
    html_text(p->out, r->strip_tier);
    put(p, "; the band reaches from the smallest to the largest value. Counters are shown as their "
           "rate per second. Figures are of tier ");
    html_text(p->out, s->info.tier_name);
    put(p, ". A gap is a time of more than two usual distances without a sample.</p>\n");
    if (s->sketched > 0) {
        put(p, "<p>p95 is within 1 %%, from the sketches that this tier keeps of %zu series.</p>\n",
            s->sketched);
    } else if (!s->percentiles) {
        put(p,
            "<p>There is no p95: raw samples do not reach back to the beginning of the period, and "
            "no series here keeps sketches.</p>\n");
    }
    if (s->info.damaged_blocks > 0) {
        put(p, "<p>%" PRIu32 " damaged blocks were passed over; what they held is missing.</p>\n",
            s->info.damaged_blocks);
    }
    put(p, "<p>Made %s by varve " VARVE_VERSION ".</p>\n</footer>\n</div>\n</body>\n</html>\n",
        second_of(when_now(), text));
}

int report_html(FILE *out, struct varve_source *source, const struct report *report)
{
    struct page page = {.out = out, .report = report};
    put_head(&page);
    put_facts(&page);
    put_series(&page);
    int rc = put_events(&page, source);
    put_foot(&page);
    return rc == 0 && ferror(out) ? VARVE_E_IO : rc;
}
