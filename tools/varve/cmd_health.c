// SPDX-License-Identifier: Apache-2.0
// `varve health`: how this device's history is doing, on one page; as JSON that explains itself to
// a script or a language model.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/names.h"
#include "commands.h"
#include "findings.h"
#include "json.h"
#include "summary_text.h"
#include "table.h"
#include "when.h"

#define SERIES_DEFAULT 100u

static struct condition condition;

struct report {
    const struct condition *is;
    struct summary summary;
    size_t shown; // rows of it
    int64_t from_ms, to_ms;
};

// ---- machines -----------------------------------------------------------------------------------

static const char about[] =
    "Condition of varve, which keeps the metric history of this device. status is ok, warning or "
    "critical after the worst of findings. Times are Unix ms, null: none. summary has one row for "
    "each series over from_ms to to_ms, in the order of columns; counters are rates per second "
    "(increase: the whole); availability is the part of the period with samples, 0 to 1; p95 and "
    "p99 are null when raw samples do not reach back to from_ms and the series keeps no sketches; "
    "next names the last series shown "
    "when there are more.";

static void put_findings(const struct condition *c)
{
    printf(",\n\"findings\":[");
    for (size_t i = 0; i < c->findings; i++) {
        printf("%s\n{\"severity\":\"%s\",\"message\":", i > 0 ? "," : "",
               varve_severity_name(c->finding[i].severity));
        json_text(stdout, c->finding[i].text);
        printf("}");
    }
    printf("],\n\"findings_left_out\":%zu", c->left_out);
}

static void put_plugins(const struct condition *c)
{
    bool first = true;
    printf(",\n\"collectors\":[");
    for (size_t i = 0; i < c->plugins; i++) {
        const struct varve_instance_stats *p = &c->plugin[i];
        if (strcmp(p->kind, "collector") != 0) {
            continue;
        }
        printf("%s\n{\"name\":", first ? "" : ",");
        json_text(stdout, p->name);
        printf(",\"state\":");
        json_text(stdout, p->state);
        printf(",\"reason\":");
        json_text(stdout, p->reason);
        printf(",\"interval_ms\":%" PRId64 ",\"runs\":%" PRIu64 ",\"failures\":%" PRIu64
               ",\"series\":%" PRIu32 "}",
               p->interval_ms, p->runs, p->failures, p->series);
        first = false;
    }
    printf("]");
}

static void put_stores(const struct varve_stats *s)
{
    printf(",\n\"stores\":[");
    for (uint32_t i = 0; i < s->backend_count; i++) {
        const struct varve_backend_stats *b = &s->backends[i];
        printf("%s\n{\"name\":", i > 0 ? "," : "");
        json_text(stdout, b->name);
        printf(",\"plugin\":");
        json_text(stdout, b->plugin);
        printf(",\"state\":");
        json_text(stdout, b->state == 0 ? "working" : varve_strerror(b->state));
        printf(",\"stored_bytes\":%" PRIu64 ",\"backup_ms\":", b->stored_bytes);
        printf(b->backup_ms == INT64_MIN ? "null}" : "%" PRId64 "}", b->backup_ms);
    }
    printf("],\n\"tiers\":[");
    for (uint32_t i = 0; i < s->tier_count; i++) {
        printf("%s\n{", i > 0 ? "," : "");
        json_fields(stdout, varve_tier_fields, &s->tiers[i]);
        printf("}");
    }
    printf("]");
}

static void put_wear(const struct varve_stats *s)
{
    printf(",\n\"wear\":{\"level\":%" PRIu32 ",\"level_name\":\"%s\",\"flash_bytes_today\":%" PRIu64
           ",\"budget_bytes_per_day\":%" PRIu64 ",\"budget_used_percent\":%.1f,\"years_left\":",
           s->wear_level, wear_level_name(s->wear_level), s->flash_bytes_today,
           s->wear_budget_bytes,
           (s->wear_fast_permille > s->wear_slow_permille ? s->wear_fast_permille
                                                          : s->wear_slow_permille) /
               10.0);
    if (s->wear_years > 0) {
        json_number(stdout, s->wear_years);
    } else {
        printf("null");
    }
    printf("}");
}

static void put_events(const struct condition *c)
{
    const struct varve_event *event;
    printf(",\n\"events\":{");
    for (int i = 0; i <= VARVE_DEBUG; i++) {
        printf("%s\"%s\":%" PRIu64, i > 0 ? "," : "", varve_severity_name((enum varve_severity)i),
               c->events[i]);
    }
    printf(",\"newest\":[");
    for (uint64_t i = 0; (event = condition_event(c, i)) != NULL; i++) {
        printf("%s\n{\"time_ms\":%" PRId64 ",\"severity\":\"%s\",\"kind\":", i > 0 ? "," : "",
               event->time_ms, varve_severity_name(event->severity));
        json_text(stdout, event->kind);
        printf(",\"message\":");
        json_text(stdout, event->message);
        printf("}");
    }
    printf("]}");
}

static void put_json(const struct report *report)
{
    const struct condition *c = report->is;
    const struct varve_stats *s = &c->stats;
    printf("{\"about\":");
    json_text(stdout, about);
    printf(",\n\"status\":\"%s\",\"now_ms\":%" PRId64 ",\"from_ms\":%" PRId64 ",\"to_ms\":%" PRId64
           ",\"uptime_ms\":%" PRId64 ",\"clock_trusted\":%s,\"series\":%" PRIu32
           ",\"samples\":%" PRIu64 ",\"dropped\":%" PRIu64,
           condition_status(c), s->wall_ms, report->from_ms, report->to_ms, s->uptime_ms,
           s->clock_trusted ? "true" : "false", s->series, s->samples, s->dropped);
    put_findings(c);
    put_plugins(c);
    put_stores(s);
    put_wear(s);
    put_events(c);
    printf(",\n\"summary\":{");
    summary_put_json(stdout, &report->summary, 0, report->shown);
    printf(",\n\"next\":");
    if (report->shown < report->summary.count && report->shown > 0) {
        json_text(stdout, report->summary.row[report->shown - 1].series);
    } else {
        printf("null");
    }
    printf("}}\n");
}

// ---- people -------------------------------------------------------------------------------------

static void put_states(const struct condition *c)
{
    static const char *const states[] = {"running", "failing", "hung", "disabled"};
    printf("collectors");
    for (size_t k = 0; k < sizeof states / sizeof *states; k++) {
        size_t n = 0;
        for (size_t i = 0; i < c->plugins; i++) {
            n += strcmp(c->plugin[i].kind, "collector") == 0 &&
                 strcmp(c->plugin[i].state, states[k]) == 0;
        }
        printf("%s %zu %s", k > 0 ? "," : "", n, states[k]);
    }
    printf("\n");
}

static void put_text(const struct report *report)
{
    const struct condition *c = report->is;
    const struct varve_stats *s = &c->stats;
    char a[WHEN_TEXT], b[WHEN_TEXT];
    printf("status     %s%s%s\n", style_bold(stdout), condition_status(c), style_plain(stdout));
    for (size_t i = 0; i < c->findings; i++) {
        printf("           %s: %s\n", varve_severity_name(c->finding[i].severity),
               c->finding[i].text);
    }
    if (c->left_out > 0) {
        printf("           ... and %zu more\n", c->left_out);
    }
    put_states(c);
    printf("series     %" PRIu32 ", %" PRIu64 " samples, %" PRIu64 " dropped\n", s->series,
           s->samples, s->dropped);
    printf("events     %" PRIu64 " errors, %" PRIu64 " warnings since %s\n",
           c->events[VARVE_CRITICAL] + c->events[VARVE_ERROR], c->events[VARVE_WARNING],
           when_format(report->from_ms - report->from_ms % 1000, a, sizeof a));
    printf("flash      %s today, level %" PRIu32 ": %s",
           bytes_text((double)s->flash_bytes_today, b, sizeof b), s->wear_level,
           wear_level_name(s->wear_level));
    printf(s->wear_years > 0 ? ", %.1f years left\n" : "\n", s->wear_years);
}

// ---- the command --------------------------------------------------------------------------------

static int make_report(struct varve_source *source, const struct args *args,
                       const struct varve_query *query, struct report *report)
{
    uint64_t limit = SERIES_DEFAULT;
    int rc = condition_ask(source, query->from_ms, &condition);
    rc = rc == 0 ? summary_make(source, query, &report->summary) : rc;
    if (args->value[OPT_LIMIT]) {
        (void)args_limit(args, &limit); // checked before
    }
    report->shown = limit < report->summary.count ? (size_t)limit : report->summary.count;
    return rc;
}

static int run_health(const struct args *args)
{
    struct varve_source source;
    struct varve_query query;
    struct report report = {.is = &condition};
    enum format format;
    uint64_t limit;
    int code = args_format(args, &format);
    code = code == DONE ? args_limit(args, &limit) : code;
    code = code == DONE ? read_query(args, "-24h", "now", &query) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    report.from_ms = query.from_ms;
    report.to_ms = query.to_ms;
    int rc = make_report(&source, args, &query, &report);
    if (rc == 0 && format == FORMAT_JSON) {
        put_json(&report);
    } else if (rc == 0) {
        put_text(&report);
        printf("\n");
        rc = summary_put_table(stdout, &report.summary, 0, report.shown) ? 0 : VARVE_E_NO_MEMORY;
    }
    summary_free(&report.summary);
    return finish(&source, rc);
}

const struct command command_health = {
    .name = "health",
    .arguments = "[SELECTOR]",
    .summary = "condition of the device's history on one page, for people and programs",
    .text =
        "Says ok, warning or critical, and why: collectors that fail or hang, stores that do not\n"
        "work, samples and series that were refused, the state of the flash, errors of the "
        "period.\n"
        "Behind it comes the summary of the series (`varve summary`), 100 unless --limit says\n"
        "otherwise; a SELECTOR takes some of them.\n"
        "\n"
        "JSON is one object that says in `about` what its fields are: made to be given to a "
        "script\n"
        "or a language model as it is.\n"
        "\n"
        "Examples:\n"
        "  varve health\n"
        "  varve health --from -7d --format json\n"
        "  varve health 'load*' --format json --limit 20",
    .options =
        OPTIONS_SOURCE | OPTION(OPT_FROM) | OPTION(OPT_TO) | OPTION(OPT_FORMAT) | OPTION(OPT_LIMIT),
    .formats = "table json",
    .least = 0,
    .most = 1,
    .run = run_health,
};
