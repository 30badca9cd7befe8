// SPDX-License-Identifier: Apache-2.0
// `varve query` and `varve export`: the same question, asked for people or for machines.
//
// Threading: one task.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "commands.h"

// Later than any sample, for `export`: a clock that was ahead must not cut history off.
#define END_OF_TIME "9999-12-31T23:59:59Z"

static struct answer answer;

static int ask(struct varve_source *source, const struct varve_query *query, enum format format,
               FILE *out)
{
    answer.how = varve_agg_name(query->agg);
    struct varve_query_sink sink = answer_sink(&answer, format, out);
    return source->ops->query(source, query, &sink);
}

// The exit code of an answer: nothing in it is worth a word, unless series were left out (said).
static int judge(const struct args *args, const struct varve_query *query, int code)
{
    if (code != DONE || answer.points > 0) {
        return code;
    }
    if (answer.skipped > 0) {
        return NOTHING_FOUND;
    }
    return complain(NOTHING_FOUND,
                    "`%s` has no points in that range; `varve stats` shows how far each tier "
                    "reaches%s",
                    query->selector[0] ? query->selector : "*",
                    args->value[OPT_TIER] ? ", or leave --tier out" : "");
}

// The core's "not found" says which selector; this says where to look.
static void explain_unknown(struct varve_source *source, const char *selector, int rc)
{
    if (rc == VARVE_E_NOT_FOUND) {
        (void)source_fail(source, rc,
                          "no series matches `%s`; `varve series` lists those that there are",
                          selector);
    }
}

// ---- query --------------------------------------------------------------------------------------

static int run_query(const struct args *args)
{
    enum format format;
    struct varve_source source;
    struct varve_query query;
    int code = args_format(args, &format);
    code = code == DONE ? read_query(args, "-1h", "now", &query) : code;
    code = code == DONE ? open_source(&source, args) : code;
    if (code != DONE) {
        return code;
    }
    code = read_tier(args, &source, &query.tier);
    if (code != DONE) {
        (void)source_close(&source); // opened for reading
        return code;
    }
    int rc = ask(&source, &query, format, stdout);
    explain_unknown(&source, query.selector, rc);
    return judge(args, &query, finish(&source, rc));
}

const struct command command_query = {
    .name = "query",
    .arguments = "SELECTOR",
    .summary = "points of one or more series",
    .text =
        "SELECTOR is a name, or a name with labels in braces: = and != compare a label, and * "
        "and ?\n"
        "in the name stand for any characters. Quote it, so that the shell leaves it alone. A "
        "dotted\n"
        "name such as web.cpu.load is taken as it is.\n"
        "\n"
        "The range is the last hour unless --from says otherwise. JSON has one object with the "
        "tier\n"
        "that answered and results[]: series and points as [unix_ms, value]; null stands for "
        "NaN and\n"
        "infinities. CSV has ts,series,value with ts in Unix ms.\n"
        "\n"
        "Examples:\n"
        "  varve query load1 --from -10m\n"
        "  varve query 'memory_*_bytes' --from -1d --step 15m --agg max\n"
        "  varve query 'network_*_bytes_total{device!=\"lo\"}' --agg rate --step 1m --format json\n"
        "  varve query memory_free_bytes --from 2026-11-20 --to 2026-11-21 --tier hour",
    .options = OPTIONS_SOURCE | OPTIONS_RANGE | OPTION(OPT_FORMAT),
    .least = 1,
    .most = 1,
    .run = run_query,
};

// ---- export -------------------------------------------------------------------------------------

// Raw samples as they are unless another tier, step or aggregation is asked for.
static bool as_stored(const struct args *args, const struct varve_query *query)
{
    bool last = query->agg == VARVE_AGG_AUTO || query->agg == VARVE_AGG_LAST;
    return query->step_ms == 0 && last && (!args->value[OPT_TIER] || query->tier == 0);
}

static int open_output(const char *path, FILE **out)
{
    *out = path && strcmp(path, "-") != 0 ? fopen(path, "w") : stdout;
    return *out ? DONE : complain(FAILED, "cannot write %s: %s", path, strerror(errno));
}

static int close_output(const char *path, FILE *out, int code)
{
    bool failed = ferror(out) != 0;
    failed = (out == stdout ? fflush(out) : fclose(out)) != 0 || failed;
    if (failed && code == DONE) {
        return complain(FAILED, "cannot write %s: %s", path ? path : "the output", strerror(errno));
    }
    return code;
}

static int check_format(const struct args *args)
{
    enum format format = FORMAT_CSV;
    int code = args->value[OPT_FORMAT] ? args_format(args, &format) : DONE;
    if (code == DONE && format == FORMAT_TABLE) {
        return args_usage(args, "--format: export writes csv or json");
    }
    return code;
}

static int export_from(struct varve_source *source, const struct args *args,
                       struct varve_query *query)
{
    FILE *out = NULL;
    int code = read_tier(args, source, &query->tier);
    code = code == DONE ? open_output(args->value[OPT_OUTPUT], &out) : code;
    if (code != DONE) {
        (void)source_close(source); // opened for reading
        return code;
    }
    bool json = args->value[OPT_FORMAT] && strcmp(args->value[OPT_FORMAT], "json") == 0;
    if (as_stored(args, query)) {
        query->tier = 0;
        query->by_time = !json;
    }
    int rc = ask(source, query, json ? FORMAT_JSON : FORMAT_CSV, out);
    explain_unknown(source, query->selector, rc);
    return judge(args, query, close_output(args->value[OPT_OUTPUT], out, finish(source, rc)));
}

static int run_export(const struct args *args)
{
    struct varve_source source;
    struct varve_query query;
    int code = check_format(args);
    code = code == DONE ? read_query(args, "0", END_OF_TIME, &query) : code;
    code = code == DONE ? open_source(&source, args) : code;
    return code == DONE ? export_from(&source, args, &query) : code;
}

const struct command command_export = {
    .name = "export",
    .arguments = "[SELECTOR]",
    .summary = "history as CSV, lossless for raw samples",
    .text = "Writes ts,series,value with ts in Unix ms: what `varve import` reads. Without options "
            "all\n"
            "raw samples of all series are written, as they are stored; --tier, --step and --agg\n"
            "choose rollups in the same way as for `varve query`.\n"
            "\n"
            "Examples:\n"
            "  varve export --output history.csv\n"
            "  varve export 'load*' --from -7d --tier hour --agg max\n"
            "  varve export --store sqlite:/mnt/backup/varve.db | gzip > history.csv.gz",
    .options = OPTIONS_SOURCE | OPTIONS_RANGE | OPTION(OPT_FORMAT) | OPTION(OPT_OUTPUT),
    .least = 0,
    .most = 1,
    .run = run_export,
};
