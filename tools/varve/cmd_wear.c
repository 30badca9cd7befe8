// SPDX-License-Identifier: Apache-2.0
// `varve wear`: what went to flash, by whom and why, how long the flash lasts, and what the
// governor did about it.
//
// Owns the words and the layout. The figures are the host's (core/wear_host.c); the device's own
// counters are the newest points of the flash collector's series.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "csv.h"
#include "findings.h"
#include "json.h"
#include "number.h"
#include "table.h"
#include "when.h"

// How many of the newest changes of level are shown, how many device counters at most.
#define CHANGES 5u
#define DEVICES 16u
// Device counters older than this are not shown as present ones.
#define DEVICE_AGE_MS (INT64_C(30) * 86400 * 1000)
#define DAYS_PER_YEAR 365.25

static const char *const counters[] = {"flash_life_used_ratio", "flash_erase_cycles_max",
                                       "flash_bad_blocks"};

struct device {
    char series[VARVE_SERIES_TEXT];
    struct varve_point newest;
};

struct report {
    enum format format;
    struct varve_stats stats;
    struct varve_event change[CHANGES]; // a ring
    uint64_t changes;
    struct device device[DEVICES];
    size_t devices;
};

// ---- gathering ----------------------------------------------------------------------------------

static int note_event(void *arg, const struct varve_event *event)
{
    struct report *report = arg;
    if (strcmp(event->kind, "wear_level") == 0) {
        report->change[report->changes++ % CHANGES] = *event;
    }
    return 0;
}

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct report *report = arg;
    (void)id;
    if (report->devices < DEVICES) {
        struct device *device = &report->device[report->devices];
        (void)snprintf(device->series, sizeof device->series, "%s", def->text);
        device->newest.time_ms = INT64_MIN;
        report->devices++;
    }
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct report *report = arg;
    (void)id;
    if (report->devices > 0 && n > 0) {
        report->device[report->devices - 1].newest = points[n - 1];
    }
    return 0;
}

static int on_end(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

static int ask_device(struct varve_source *source, struct report *report, const char *name)
{
    struct varve_query query = {.selector = name,
                                .from_ms = when_now() - DEVICE_AGE_MS,
                                .to_ms = INT64_MAX,
                                .tier = VARVE_TIER_AUTO,
                                .agg = VARVE_AGG_LAST};
    struct varve_query_sink sink = {
        .arg = report, .series = on_series, .points = on_points, .end = on_end};
    int rc = source->ops->query(source, &query, &sink);
    return rc == VARVE_E_NOT_FOUND ? 0 : rc; // a device without such a counter
}

static int gather(struct varve_source *source, struct report *report)
{
    int rc = source->ops->stats(source, &report->stats);
    rc = rc == 0 ? source->ops->events(source, INT64_MIN, INT64_MAX, note_event, report) : rc;
    for (size_t i = 0; rc == 0 && i < sizeof counters / sizeof *counters; i++) {
        rc = ask_device(source, report, counters[i]);
    }
    return rc;
}

// The i-th newest change that is kept; i < kept_changes().
static const struct varve_event *newest_change(const struct report *report, uint64_t i)
{
    return &report->change[(report->changes - 1 - i) % CHANGES];
}

static uint64_t kept_changes(const struct report *report)
{
    return report->changes < CHANGES ? report->changes : CHANGES;
}

static double amplification(const struct varve_stats *s)
{
    return s->payload_bytes > 0 ? (double)s->flash_bytes_session / (double)s->payload_bytes : 0;
}

// What of the total no instance's breakdown tells; see core/wear_host.c.
static uint64_t unattributed(const struct varve_stats *s)
{
    uint64_t known = 0;
    for (uint32_t b = 0; b < s->backend_count; b++) {
        for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
            known += s->backends[b].flash_bytes_by[r];
        }
    }
    return s->flash_bytes > known ? s->flash_bytes - known : 0;
}

// ---- machines -----------------------------------------------------------------------------------

static const char *const stat_names[] = {
    "samples",
    "flash_bytes",
    "flash_bytes_today",
    "flash_bytes_month",
    "flash_bytes_per_day",
    "flash_bytes_per_sample",
    "flash_bytes_session",
    "payload_bytes",
    "wear_level",
    "wear_changes",
    "wear_budget_bytes",
    "wear_fast_permille",
    "wear_slow_permille",
    "wear_capacity_bytes",
    "wear_endurance",
    "wear_amplification",
    "wear_lifetime_ms",
    "wear_years",
};
#define STAT_COUNT (sizeof stat_names / sizeof *stat_names)

// Those of the stats' fields that are about wear, as a table of their own.
static void wear_fields(struct varve_field out[STAT_COUNT + 1])
{
    size_t n = 0;
    for (const struct varve_field *f = varve_stats_fields; f->name != NULL; f++) {
        for (size_t i = 0; i < STAT_COUNT; i++) {
            if (strcmp(f->name, stat_names[i]) == 0) {
                out[n++] = *f;
            }
        }
    }
    out[n] = (struct varve_field){.name = NULL};
}

static void put_json_backends(const struct varve_stats *stats)
{
    printf(",\n\"backends\":[");
    for (uint32_t b = 0; b < stats->backend_count; b++) {
        const struct varve_backend_stats *backend = &stats->backends[b];
        printf("%s\n{\"name\":", b > 0 ? "," : "");
        json_text(stdout, backend->name);
        for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
            printf(",\"%s\":%" PRIu64, varve_write_reason_name((enum varve_write_reason)r),
                   backend->flash_bytes_by[r]);
        }
        printf(",\"syncs\":%" PRIu64 ",\"erase_blocks\":%" PRIu64, backend->syncs,
               backend->erase_blocks);
        if (backend->sectors > 0) {
            printf(",\"sectors\":%" PRIu32 ",\"sectors_bad\":%" PRIu32
                   ",\"sector_erases_min\":%" PRIu32 ",\"sector_erases_max\":%" PRIu32
                   ",\"erases\":%" PRIu64,
                   backend->sectors, backend->sectors_bad, backend->sector_erases_min,
                   backend->sector_erases_max, backend->erases);
        }
        printf("}");
    }
    printf("\n]");
}

static void put_json(const struct report *report)
{
    struct varve_field fields[STAT_COUNT + 1];
    wear_fields(fields);
    printf("{");
    json_fields(stdout, fields, &report->stats);
    printf(",\n\"level_name\":");
    json_text(stdout, wear_level_name(report->stats.wear_level));
    printf(",\n\"write_amplification\":");
    json_number(stdout, amplification(&report->stats));
    printf(",\n\"unattributed_bytes\":%" PRIu64, unattributed(&report->stats));
    put_json_backends(&report->stats);
    printf(",\n\"device\":[");
    for (size_t i = 0; i < report->devices; i++) {
        printf("%s\n{\"series\":", i > 0 ? "," : "");
        json_text(stdout, report->device[i].series);
        printf(",\"time_ms\":%" PRId64 ",\"value\":", report->device[i].newest.time_ms);
        json_number(stdout, report->device[i].newest.value);
        printf("}");
    }
    printf("\n],\n\"changes\":[");
    for (uint64_t i = 0; i < kept_changes(report); i++) {
        printf("%s\n{", i > 0 ? "," : "");
        json_fields(stdout, varve_event_fields, newest_change(report, i));
        printf("}");
    }
    printf("\n]}\n");
}

static void put_csv_sectors(const struct varve_backend_stats *b)
{
    if (b->sectors > 0) {
        printf("backend.%s.sectors,%" PRIu32 "\n", b->name, b->sectors);
        printf("backend.%s.sectors_bad,%" PRIu32 "\n", b->name, b->sectors_bad);
        printf("backend.%s.sector_erases_min,%" PRIu32 "\n", b->name, b->sector_erases_min);
        printf("backend.%s.sector_erases_max,%" PRIu32 "\n", b->name, b->sector_erases_max);
        printf("backend.%s.erases,%" PRIu64 "\n", b->name, b->erases);
    }
}

static void put_csv(const struct report *report)
{
    struct varve_field fields[STAT_COUNT + 1];
    wear_fields(fields);
    printf("name,value\n");
    csv_field_pairs(stdout, fields, &report->stats, "", "");
    printf("unattributed_bytes,%" PRIu64 "\n", unattributed(&report->stats));
    for (uint32_t b = 0; b < report->stats.backend_count; b++) {
        const struct varve_backend_stats *backend = &report->stats.backends[b];
        for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
            printf("backend.%s.%s,%" PRIu64 "\n", backend->name,
                   varve_write_reason_name((enum varve_write_reason)r), backend->flash_bytes_by[r]);
        }
        put_csv_sectors(backend);
    }
    for (size_t i = 0; i < report->devices; i++) {
        char value[NUMBER_TEXT];
        char name[VARVE_SERIES_TEXT + 8];
        (void)number_format(report->device[i].newest.value, value);
        (void)snprintf(name, sizeof name, "device.%s", report->device[i].series);
        csv_write(stdout, name);
        printf(",%s\n", value);
    }
}

// ---- people -------------------------------------------------------------------------------------

static void put_written(const struct varve_stats *s)
{
    char a[32], b[32], c[32];
    printf("written    %s today, %s this month (UTC), %s since the store was made\n",
           bytes_text((double)s->flash_bytes_today, a, sizeof a),
           bytes_text((double)s->flash_bytes_month, b, sizeof b),
           bytes_text((double)s->flash_bytes, c, sizeof c));
    printf("samples    %" PRIu64 ", %.2f bytes of flash for each\n", s->samples,
           s->flash_bytes_per_sample);
    if (s->payload_bytes > 0) {
        printf("overhead   %.2f bytes of flash for each byte of history, since start\n",
               amplification(s));
    }
}

static void put_budget(const struct varve_stats *s)
{
    char a[32];
    if (s->wear_budget_bytes == 0) {
        printf("budget     none: [wear] gives neither budget nor capacity and endurance; "
               "all is counted, nothing limited\n");
        return;
    }
    printf("budget     %s a day; %.1f %% of a day's in the last 6 hours, %.1f %% of a week's in "
           "the last 7 days\n",
           bytes_text((double)s->wear_budget_bytes, a, sizeof a), s->wear_fast_permille / 10.0,
           s->wear_slow_permille / 10.0);
    printf("level      %" PRIu32 " of 5: %s\n", s->wear_level, wear_level_name(s->wear_level));
}

static void put_forecast(const struct varve_stats *s)
{
    char a[32], b[32];
    if (s->flash_bytes_per_day <= 0) {
        printf("forecast   not yet: an hour of writing is needed for a rate\n");
    } else if (s->wear_capacity_bytes == 0 || s->wear_endurance == 0) {
        printf("forecast   unknown: at %s a day, give capacity and endurance in [wear]\n",
               bytes_text(s->flash_bytes_per_day, a, sizeof a));
    } else {
        printf("forecast   %s%.1f years left of varve's own writes\n",
               s->wear_years >= 1000 ? "more than " : "", s->wear_years);
        printf("           assuming %s a day as in the last 7 days, %s of flash levelled over "
               "%" PRIu64 " cycles,\n"
               "           %" PRIu32 " bytes written inside the device for each byte given to it; "
               "goal %.1f years.\n"
               "           Other programs' writes and filesystem tables are not in it.\n",
               bytes_text(s->flash_bytes_per_day, a, sizeof a),
               bytes_text((double)s->wear_capacity_bytes, b, sizeof b), s->wear_endurance,
               s->wear_amplification, (double)s->wear_lifetime_ms / 86400000.0 / DAYS_PER_YEAR);
    }
}

static bool put_reasons(const struct varve_stats *s)
{
    static const char *const header[] = {"INSTANCE", "REASON", ">FLASH", ">SHARE"};
    struct table table;
    char text[32];
    table_init(&table, header, 4);
    for (uint32_t b = 0; b < s->backend_count; b++) {
        for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
            uint64_t bytes = s->backends[b].flash_bytes_by[r];
            if (bytes == 0) {
                continue;
            }
            table_cell(&table, "%s", s->backends[b].name);
            table_cell(&table, "%s", varve_write_reason_name((enum varve_write_reason)r));
            table_cell(&table, "%s", bytes_text((double)bytes, text, sizeof text));
            table_cell(&table, "%.1f %%",
                       100.0 * (double)bytes / (double)(s->flash_bytes > 0 ? s->flash_bytes : 1));
        }
    }
    if (unattributed(s) > 0) {
        table_cell(&table, "-");
        table_cell(&table, "not broken down");
        table_cell(&table, "%s", bytes_text((double)unattributed(s), text, sizeof text));
        table_cell(&table, "%.1f %%", 100.0 * (double)unattributed(s) / (double)s->flash_bytes);
    }
    return table_print(&table, stdout);
}

static void put_device(const struct report *report)
{
    char number[NUMBER_TEXT], time[WHEN_TEXT];
    for (size_t i = 0; i < report->devices; i++) {
        const struct device *device = &report->device[i];
        if (device->newest.time_ms != INT64_MIN) {
            (void)number_format(device->newest.value, number);
            printf("device     %s = %s (%s)\n", device->series, number,
                   when_format(device->newest.time_ms, time, sizeof time));
        }
    }
    if (report->devices == 0) {
        printf("device     no counters of its own; the collector flash reads those of eMMC, UBI "
               "and MTD\n");
    }
}

// Of raw flash alone: elsewhere the device knows, or nobody.
static void put_sectors(const struct varve_stats *s)
{
    for (uint32_t b = 0; b < s->backend_count; b++) {
        const struct varve_backend_stats *backend = &s->backends[b];
        if (backend->sectors > 0) {
            printf("sectors    %s: %" PRIu32 ", of which %" PRIu32 " bad; erased %" PRIu32
                   " to %" PRIu32 " times each, %" PRIu64 " erases since start\n",
                   backend->name, backend->sectors, backend->sectors_bad,
                   backend->sector_erases_min, backend->sector_erases_max, backend->erases);
        }
    }
}

static void put_changes(const struct report *report)
{
    char time[WHEN_TEXT];
    for (uint64_t i = 0; i < kept_changes(report); i++) {
        const struct varve_event *event = newest_change(report, i);
        printf("%s  %s\n", when_format(event->time_ms, time, sizeof time), event->message);
    }
    if (report->changes == 0) {
        printf("The governor has changed nothing so far.\n");
    }
}

static int put_table(const struct report *report)
{
    put_written(&report->stats);
    put_budget(&report->stats);
    put_forecast(&report->stats);
    put_device(report);
    put_sectors(&report->stats);
    printf("\n");
    bool ok = put_reasons(&report->stats);
    printf("\n");
    put_changes(report);
    return ok ? 0 : VARVE_E_NO_MEMORY;
}

static int run_wear(const struct args *args)
{
    static struct report report;
    struct varve_source source;
    int code = args_format(args, &report.format);
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    int rc = gather(&source, &report);
    if (rc == 0 && report.format == FORMAT_JSON) {
        put_json(&report);
    } else if (rc == 0 && report.format == FORMAT_CSV) {
        put_csv(&report);
    } else if (rc == 0) {
        rc = put_table(&report);
    }
    return finish(&source, rc);
}

const struct command command_wear = {
    .name = "wear",
    .arguments = "",
    .summary = "flash written by instance and reason, forecast in years, governor",
    .text = "Counts whole flash pages handed to the filesystem. Days and months are UTC. On a\n"
            "stopped store give -c FILE as well, so that [wear] is known.\n"
            "\n"
            "JSON has the totals, backends[] by reason, device[] and changes[]; CSV has\n"
            "name,value with backend.NAME.REASON and device.SERIES. A store on raw flash has\n"
            "sectors, sectors_bad, sector_erases_min, sector_erases_max and erases as well.\n"
            "\n"
            "Examples:\n"
            "  varve wear\n"
            "  varve wear --format json -c /etc/varve/varve.ini",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_FORMAT),
    .least = 0,
    .most = 0,
    .run = run_wear,
};
