// SPDX-License-Identifier: Apache-2.0
// `varve query` and `varve export`: the same question, asked for people or for machines.
//
// Threading: one task.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "client/names.h"
#include "commands.h"
#include "expression.h"

// Later than any sample, for `export`: a clock that was ahead must not cut history off.
#define END_OF_TIME "9999-12-31T23:59:59Z"

static struct answer answer;

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

// Whether it is a selector alone, whose rows come as they are stored or in buckets of a step.
static bool is_selector(const char *text)
{
    struct varve_labels labels;
    if (varve_name_is_dotted(text)) {
        return true;
    }
    bool selector = varve_selector_parse(text, &labels, NULL, NULL) == 0;
    for (size_t i = 0; selector && i < labels.count; i++) {
        const struct varve_span *key = &labels.label[i].key;
        bool name = key->len == strlen("__name__") && memcmp(key->at, "__name__", key->len) == 0;
        selector = !name; // only expressions know it
    }
    return selector;
}

static int run_query(const struct args *args)
{
    if (!is_selector(args->positional[0]) && !args->value[OPT_AGG]) {
        return expression_run(args);
    }
    struct varve_source source;
    struct varve_query query;
    struct ask ask = {.out = stdout, .query = &query};
    int code = args_format(args, &ask.format);
    code = code == DONE ? page_read(&ask.page, args) : code;
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
    answer.how = varve_agg_name(query.agg);
    int rc = ask_source(&source, &ask, &answer);
    explain_unknown(&source, query.selector, rc);
    return judge(args, &query, ask_judge(&ask, &answer, finish(&source, rc)));
}

const struct command command_query = {
    .name = "query",
    .arguments = "EXPRESSION",
    .summary = "points of series, or of a PromQL expression over them",
    .text =
        "EXPRESSION is a selector or an expression of PromQL; quote it, so that the shell leaves "
        "it alone.\n"
        "\n"
        "A selector alone - a name, or a name with labels in braces, where * and ? in the name "
        "stand for\n"
        "any characters; or a dotted name such as web.cpu.load - gives its samples as they are "
        "stored, or\n"
        "with --step one point for each step, made by --agg. The range is the last hour unless "
        "--from says\n"
        "otherwise.\n"
        "\n"
        "Anything else is an expression: functions, aggregations with by and without, arithmetic, "
        "comparisons,\n"
        "and, or, unless, =~, offset and @, as in Prometheus. With --from it is evaluated at every "
        "multiple of\n"
        "--step (default: some 250 steps), without --from and --step once, at --to. A selector in "
        "parentheses\n"
        "is an expression, too.\n"
        "\n"
        "JSON has one object with the tier that answered and results[]: series and points as "
        "[unix_ms,\n"
        "value]; null stands for NaN and infinities; approximate says whether the tier's cells are "
        "too coarse\n"
        "for the expression. CSV has ts,series,value with ts in Unix ms. spark is a line of bars "
        "for each\n"
        "series, plot a picture of it.\n"
        "\n"
        "--limit gives the first N points. JSON then has the place where it goes on as next, else "
        "it is said\n"
        "on standard error; --after takes it. Give --from and --to as absolute times, so that all "
        "pages are\n"
        "of the same range.\n"
        "\n"
        "Examples:\n"
        "  varve query load1 --from -10m\n"
        "  varve query load1 --from -1d --format plot\n"
        "  varve query 'memory_*_bytes' --from -1d --step 15m --agg max\n"
        "  varve query 'sum by (device) (rate(network_receive_bytes_total[5m]))' --from -1h "
        "--step 1m\n"
        "  varve query 'topk(3, max_over_time(load1[1d]))' --tier hour",
    .options = OPTIONS_SOURCE | OPTIONS_RANGE | OPTION(OPT_LOOKBACK) | OPTION(OPT_FORMAT) |
               OPTION(OPT_LIMIT) | OPTION(OPT_AFTER),
    .formats = "table json csv spark plot",
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
    struct ask ask = {.format = json ? FORMAT_JSON : FORMAT_CSV, .out = out, .query = query};
    answer.how = varve_agg_name(query->agg);
    int rc = ask_source(source, &ask, &answer);
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
