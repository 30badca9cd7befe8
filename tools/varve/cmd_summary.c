// SPDX-License-Identifier: Apache-2.0
// `varve summary`: what series were like over a period, one line each.
//
// Owns sorting, paging and the layouts; the figures are summary.c's.
//
// Threading: one task.
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "csv.h"
#include "json.h"
#include "number.h"
#include "summary_text.h"
#include "table.h"
#include "when.h"

// Words for --sort, in the order of enum summary_order.
#define ORDERS "none series count min avg max p95 p99 last increase availability gaps"

struct listing {
    enum format format;
    int order;
    uint64_t limit;
    const char *after;
    size_t first, end; // rows of the page
};

// ---- order and page -----------------------------------------------------------------------------

static int order; // of the comparison; qsort() has no argument for it

static double key_of(const struct summary_row *row)
{
    const double keys[] = {0, 0, (double)row->count, row->min, row->avg, row->max, row->p95,
                           row->p99, row->last, row->increase,
                           // what was missing most, first
                           -row->availability, row->gaps};
    return keys[order];
}

static int by_order(const void *a, const void *b)
{
    const struct summary_row *x = a, *y = b;
    double p = key_of(x), q = key_of(y);
    if (isnan(p) || isnan(q) || p == q) {
        int unknown = (isnan(p) ? 1 : 0) - (isnan(q) ? 1 : 0); // those go last
        return unknown != 0 ? unknown : strcmp(x->series, y->series);
    }
    return p > q ? -1 : 1;
}

static int choose_page(const struct args *args, struct listing *listing, struct summary *summary)
{
    order = listing->order;
    if (order > 0) {
        qsort(summary->row, summary->count, sizeof *summary->row, by_order);
    }
    if (listing->after) {
        while (listing->first < summary->count &&
               strcmp(summary->row[listing->first].series, listing->after) != 0) {
            listing->first++;
        }
        if (listing->first == summary->count) {
            return args_usage(args, "--after: there is no series `%s` here", listing->after);
        }
        listing->first++;
    }
    size_t left = summary->count - listing->first;
    size_t shown = listing->limit > 0 && listing->limit < left ? (size_t)listing->limit : left;
    listing->end = listing->first + shown;
    return DONE;
}

static const char *next_place(const struct listing *listing, const struct summary *summary)
{
    bool more = listing->end < summary->count && listing->end > listing->first;
    return more ? summary->row[listing->end - 1].series : NULL;
}

// ---- layouts ------------------------------------------------------------------------------------

static void put_json(const struct listing *listing, const struct summary *summary)
{
    printf("{");
    summary_put_json(stdout, summary, listing->first, listing->end);
    printf(",\n\"next\":");
    if (next_place(listing, summary)) {
        json_text(stdout, next_place(listing, summary));
    } else {
        printf("null");
    }
    printf("}\n");
}

static int put_table(const struct listing *listing, const struct summary *summary)
{
    char time[WHEN_TEXT];
    bool ok = summary_put_table(stdout, summary, listing->first, listing->end);
    if (summary->sketched > 0) {
        (void)complain(
            0,
            "p95 and p99 are within 1 %%, from the sketches that tier %s keeps of %zu of "
            "%zu series",
            summary->info.tier_name, summary->sketched, summary->count);
    } else if (!summary->percentiles) {
        (void)complain(0,
                       "tier %s gives no percentiles: raw samples do not reach back to %s; a later "
                       "--from, or --tier raw, has them for what there is; [series PATTERN] "
                       "percentiles = yes keeps them from now on",
                       summary->info.tier_name, when_format(summary->from_ms, time, sizeof time));
    }
    return ok ? 0 : VARVE_E_NO_MEMORY;
}

static void put_notes(const struct listing *listing, const struct summary *summary)
{
    if (summary->info.damaged_blocks > 0) {
        (void)complain(0, "%u damaged blocks were passed over; what they held is missing above",
                       summary->info.damaged_blocks);
    }
    if (next_place(listing, summary) && listing->format != FORMAT_JSON) {
        (void)complain(0, "there is more: --after '%s'", next_place(listing, summary));
    }
}

static int print(struct listing *listing, const struct summary *summary)
{
    int rc = 0;
    if (listing->format == FORMAT_JSON) {
        put_json(listing, summary);
    } else if (listing->format == FORMAT_CSV) {
        summary_put_csv(stdout, summary, listing->first, listing->end);
    } else {
        rc = put_table(listing, summary);
    }
    put_notes(listing, summary);
    return rc;
}

// ---- the command --------------------------------------------------------------------------------

static int read_listing(const struct args *args, struct listing *listing)
{
    *listing = (struct listing){.after = args->value[OPT_AFTER]};
    int code = args_format(args, &listing->format);
    code = code == DONE ? args_word(args, OPT_SORT, ORDERS, &listing->order) : code;
    return code == DONE ? args_limit(args, &listing->limit) : code;
}

static int run_summary(const struct args *args)
{
    struct varve_source source;
    struct varve_query query;
    struct listing listing;
    struct summary summary;
    int code = read_listing(args, &listing);
    code = code == DONE ? read_query(args, "-24h", "now", &query) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    code = read_tier(args, &source, &query.tier);
    if (code != DONE) {
        (void)source_close(&source); // opened for reading
        return code;
    }
    int rc = summary_make(&source, &query, &summary);
    code = rc == 0 ? choose_page(args, &listing, &summary) : DONE;
    if (rc == 0 && code == DONE) {
        rc = print(&listing, &summary);
    }
    summary_free(&summary);
    int end = finish(&source, rc);
    return code == DONE ? end : code;
}

const struct command command_summary = {
    .name = "summary",
    .arguments = "[SELECTOR]",
    .summary = "count, min, avg, max, percentiles, availability and gaps for a period",
    .text =
        "One line for each series, over the last 24 hours unless --from says otherwise. Raw "
        "samples\n"
        "answer where they reach back that far, and all figures are exact. Else the finest tier "
        "that\n"
        "does: count, min, avg, max and last are exact then, gaps are no finer than its cells, "
        "and\n"
        "p95 and p99 are within 1 % for gauges whose [series] section asks for percentiles, and "
        "missing\n"
        "for others, because cells do not keep them.\n"
        "\n"
        "Counters are told as their rate per second between samples, or over cells; JSON and CSV\n"
        "have the increase, too. A gap is a time of more than two usual distances without a "
        "sample;\n"
        "availability is the part of the period that is in no gap. What was before the first "
        "sample\n"
        "counts as missing.\n"
        "\n"
        "--sort puts the largest of a column first, the least available of availability. COLUMN "
        "is\n"
        "one of series count min avg max p95 p99 last increase availability gaps.\n"
        "\n"
        "Examples:\n"
        "  varve summary --from -1h\n"
        "  varve summary 'network_*_bytes_total' --from -7d --sort increase --limit 5\n"
        "  varve summary --sort availability --limit 10 --format json",
    .options = OPTIONS_SOURCE | OPTION(OPT_FROM) | OPTION(OPT_TO) | OPTION(OPT_TIER) |
               OPTION(OPT_FORMAT) | OPTION(OPT_SORT) | OPTION(OPT_LIMIT) | OPTION(OPT_AFTER),
    .least = 0,
    .most = 1,
    .run = run_summary,
};
