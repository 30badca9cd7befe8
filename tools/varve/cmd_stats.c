// SPDX-License-Identifier: Apache-2.0
// `varve stats`: what varve says about itself.
//
// Threading: one task.
#include <inttypes.h>
#include <stdio.h>

#include "commands.h"
#include "csv.h"
#include "json.h"
#include "table.h"
#include "when.h"

// ---- machines -----------------------------------------------------------------------------------

static void put_json(const struct varve_stats *stats)
{
    printf("{");
    json_fields(stdout, varve_stats_fields, stats);
    printf(",\n\"tiers\":[");
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        printf("%s\n{", i > 0 ? "," : "");
        json_fields(stdout, varve_tier_fields, &stats->tiers[i]);
        printf("}");
    }
    printf("\n],\n\"backends\":[");
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        printf("%s\n{", i > 0 ? "," : "");
        json_fields(stdout, varve_backend_fields, &stats->backends[i]);
        printf("}");
    }
    printf("\n]}\n");
}

static void put_csv(const struct varve_stats *stats)
{
    printf("name,value\n");
    csv_field_pairs(stdout, varve_stats_fields, stats, "", "");
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        csv_field_pairs(stdout, varve_tier_fields, &stats->tiers[i], "tier",
                        stats->tiers[i].tier.name);
    }
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        csv_field_pairs(stdout, varve_backend_fields, &stats->backends[i], "backend",
                        stats->backends[i].name);
    }
}

// ---- people -------------------------------------------------------------------------------------

static void put_summary(const struct varve_stats *s)
{
    char a[32];
    char b[32];
    printf("series     %" PRIu32 " of at most %" PRIu32, s->series, s->series_cap);
    printf(s->series_refused > 0 ? ", %" PRIu64 " refused\n" : "\n", s->series_refused);
    printf("samples    %" PRIu64 " since the store was made, %" PRIu64 " since start\n", s->samples,
           s->samples_session);
    printf("dropped    %" PRIu64, s->dropped);
    if (s->dropped > 0) {
        printf(" (%" PRIu64 " ring full, %" PRIu64 " window full)", s->dropped_ring,
               s->dropped_window);
    }
    printf(", %" PRIu64 " rejected\n", s->rejected);
    printf("in RAM     %" PRIu32 " samples and %" PRIu32 " blocks (%s) not yet stored\n",
           s->window_samples, s->pending_blocks, bytes_text(s->pending_bytes, a, sizeof a));
    if (s->sketches > 0) {
        printf("sketches   of %" PRIu32 " series, %" PRIu64 " refused; %" PRIu64
               " buckets merged for lack of room\n",
               s->sketches, s->sketches_refused, s->sketch_collapsed);
    }
    printf("stored     %s\n", bytes_text((double)s->stored_bytes, a, sizeof a));
    printf("flash      %s written, %.2f bytes per sample; %s since start\n",
           bytes_text((double)s->flash_bytes, a, sizeof a), s->flash_bytes_per_sample,
           bytes_text((double)s->flash_bytes_session, b, sizeof b));
    printf("memory     %s of %s\n", bytes_text(s->memory_used, a, sizeof a),
           bytes_text(s->memory_bytes, b, sizeof b));
    uint64_t asked = s->query_cache_hits + s->query_cache_misses;
    if (asked > 0) {
        printf("cache      %" PRIu64 " %% of what %" PRIu64 " reads of queries asked for, in %s\n",
               100 * s->query_cache_hits / asked, asked,
               bytes_text(s->query_cache_bytes, a, sizeof a));
    }
    printf("clock      %s, %" PRIu32 " steps; up %s\n",
           s->clock_trusted ? "trusted" : "not trusted yet", s->clock_steps,
           when_span(s->uptime_ms, a, sizeof a));
    if (s->collect_failures > 0) {
        printf("failures   %" PRIu64 " collector runs; see varve plugins\n", s->collect_failures);
    }
}

static void put_backups(const struct varve_stats *stats)
{
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        const struct varve_backend_stats *b = &stats->backends[i];
        char time[WHEN_TEXT];
        char bytes[32];
        if (b->backup_ms == INT64_MIN && b->backup_failures == 0) {
            continue;
        }
        printf("backup     %s: %s", b->name,
               b->backup_ms == INT64_MIN ? "none" : when_format(b->backup_ms, time, sizeof time));
        if (b->backups > 0) {
            printf(", %s in %" PRIu32 " ms, %" PRIu64 " since start",
                   bytes_text((double)b->backup_bytes, bytes, sizeof bytes), b->backup_took_ms,
                   b->backups);
        }
        printf(b->backup_failures > 0 ? ", %" PRIu64 " failed\n" : "\n", b->backup_failures);
    }
}

static void put_salvages(const struct varve_stats *stats)
{
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        const struct varve_backend_stats *b = &stats->backends[i];
        if (b->salvages > 0) {
            printf("salvaged   %s: %" PRIu32 " blocks, %" PRIu32 " restored, %" PRIu32
                   " lost; see varve events\n",
                   b->name, b->salvage_blocks, b->salvage_restored, b->salvage_lost);
        }
        if (b->mend_restored + b->mend_lost > 0) {
            printf("mended     %s: %" PRIu32 " damaged blocks restored, %" PRIu32
                   " lost; see varve events\n",
                   b->name, b->mend_restored, b->mend_lost);
        }
    }
}

// What a clock that was ahead has left.
void put_future(const struct varve_stats *stats)
{
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        const struct varve_tier_stats *t = &stats->tiers[i];
        char from[WHEN_TEXT], to[WHEN_TEXT];
        if (t->future_blocks > 0) {
            printf("future     %s: %" PRIu32 " blocks from %s to %s\n", t->tier.name,
                   t->future_blocks, when_format(t->future_ms, from, sizeof from),
                   when_format(t->newest_ms, to, sizeof to));
        }
    }
}

// Of raw flash.
static void put_sectors(const struct varve_stats *stats)
{
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        const struct varve_backend_stats *b = &stats->backends[i];
        if (b->sectors > 0) {
            printf("sectors    %s: %" PRIu32 ", %" PRIu32 " bad, erased %" PRIu32 " to %" PRIu32
                   " times each\n",
                   b->name, b->sectors, b->sectors_bad, b->sector_erases_min, b->sector_erases_max);
        }
    }
}

static bool put_tiers(const struct varve_stats *stats)
{
    static const char *const header[] = {"TIER", ">STEP", ">KEEP", ">BLOCKS", "OLDEST", "NEWEST"};
    struct table table;
    table_init(&table, header, 6);
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        const struct varve_tier_stats *t = &stats->tiers[i];
        char text[WHEN_TEXT];
        table_cell(&table, "%s", t->tier.name);
        table_cell(&table, "%s", when_span(t->tier.step_ms, text, sizeof text));
        table_cell(&table, "%s", when_span(t->tier.keep_ms, text, sizeof text));
        table_cell(&table, "%" PRIu32, t->blocks);
        table_cell(&table, "%s", when_format(t->oldest_ms, text, sizeof text));
        table_cell(&table, "%s", when_format(t->newest_ms, text, sizeof text));
    }
    return table_print(&table, stdout);
}

static bool put_backends(const struct varve_stats *stats)
{
    static const char *const header[] = {"BACKEND", "PLUGIN",   "STATE", ">BLOCKS", ">STORED",
                                         ">FLASH",  ">COMMITS", ">LAST", ">MAX",    "WHERE"};
    struct table table;
    table_init(&table, header, 10);
    for (uint32_t i = 0; i < stats->backend_count; i++) {
        const struct varve_backend_stats *b = &stats->backends[i];
        char text[32];
        table_cell(&table, "%s", b->name);
        table_cell(&table, "%s", b->plugin);
        table_cell(&table, "%s", b->state == 0 ? "working" : varve_strerror(b->state));
        table_cell(&table, "%" PRIu32, b->blocks);
        table_cell(&table, "%s", bytes_text((double)b->stored_bytes, text, sizeof text));
        table_cell(&table, "%s", bytes_text((double)b->flash_bytes, text, sizeof text));
        table_cell(&table, "%" PRIu64, b->syncs);
        table_cell(&table, "%.1f ms", b->commit_last_us / 1000.0);
        table_cell(&table, "%.1f ms", b->commit_max_us / 1000.0);
        table_cell(&table, "%s", b->where[0] ? b->where : "(RAM)");
    }
    return table_print(&table, stdout);
}

static int put_table(const struct varve_stats *stats)
{
    put_summary(stats);
    put_backups(stats);
    put_salvages(stats);
    put_sectors(stats);
    put_future(stats);
    printf("\n");
    bool ok = put_tiers(stats);
    printf("\n");
    ok = put_backends(stats) && ok;
    return ok ? 0 : VARVE_E_NO_MEMORY;
}

static int run_stats(const struct args *args)
{
    enum format format;
    struct varve_source source;
    struct varve_stats stats;
    int code = args_format(args, &format);
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    int rc = source.ops->stats(&source, &stats);
    if (rc == 0 && format == FORMAT_JSON) {
        put_json(&stats);
    } else if (rc == 0 && format == FORMAT_CSV) {
        put_csv(&stats);
    } else if (rc == 0) {
        rc = put_table(&stats);
    }
    return finish(&source, rc);
}

const struct command command_stats = {
    .name = "stats",
    .arguments = "",
    .summary = "samples, tiers, stores, flash bytes per sample, drops",
    .text =
        "JSON has one object with the totals, tiers[] and backends[]; times are Unix ms, or null\n"
        "where there are none. CSV has name,value with tier.NAME.* and backend.NAME.*.\n"
        "\n"
        "Examples:\n"
        "  varve stats\n"
        "  varve stats --format json --store sqlite:/var/lib/varve/varve.db",
    .options = OPTIONS_SOURCE | OPTION(OPT_FORMAT),
    .least = 0,
    .most = 0,
    .run = run_stats,
};
