// SPDX-License-Identifier: Apache-2.0
// `varve query`: points of series, for people and for machines.
//
// Threading: one task.
#include <stdio.h>
#include <string.h>

#include "ask.h"
#include "client/names.h"
#include "commands.h"
#include "expression.h"

static struct answer answer;

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
    return judge_points(args, &query, answer.points, answer.skipped,
                        ask_judge(&ask, &answer, finish(&source, rc)));
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
        "for the expression, sketched whether all its quantiles are from sketches, within 1 %. "
        "CSV has ts,series,value with ts in Unix ms; jsonl and grafana are as of\n"
        "`varve export`. spark is a line of bars "
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
    .formats = "table json csv jsonl grafana spark plot",
    .least = 1,
    .most = 1,
    .run = run_query,
};
