// SPDX-License-Identifier: Apache-2.0
// `varve export`: history for other programs, and for `varve import`.
//
// Threading: one task.
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "answer.h"
#include "commands.h"
#include "export_html.h"
#include "export_sqlite.h"
#include "families.h"
#include "formats.h"
#include "stream.h"

// Later than any sample: a clock that was ahead must not cut history off.
#define END_OF_TIME "9999-12-31T23:59:59Z"

static struct answer answer;

// Raw samples as they are unless another tier, step or aggregation is asked for.
static bool as_stored(const struct args *args, const struct varve_query *query)
{
    bool last = query->agg == VARVE_AGG_AUTO || query->agg == VARVE_AGG_LAST;
    return query->step_ms == 0 && last && (!args->value[OPT_TIER] || query->tier == 0);
}

static int ask(struct varve_source *source, const struct varve_query *query, enum format format,
               FILE *out)
{
    answer.how = varve_agg_name(query->agg);
    struct varve_query_sink sink = answer_sink(&answer, format, out);
    int rc = format_row(format)->traits & FORMAT_FAMILIES
                 ? families_query(source, query, &sink)
                 : source->ops->query(source, query, &sink);
    explain_unknown(source, query->selector, rc);
    return rc;
}

static int export_to(struct varve_source *source, const struct args *args,
                     struct varve_query *query, enum format format)
{
    const char *path = args->value[OPT_OUTPUT];
    struct stream out;
    int code = read_tier(args, source, &query->tier);
    if (code == DONE &&
        stream_write(&out, path, args->value[OPT_GZIP] || stream_names_gzip(path)) < 0) {
        code = FAILED;
    }
    if (code != DONE) {
        (void)source_close(source); // opened for reading
        return code;
    }
    if (as_stored(args, query)) {
        query->tier = 0;
        query->by_time = format_row(format)->traits & FORMAT_BY_TIME;
    }
    code = finish(source, ask(source, query, format, out.file));
    if (stream_close(&out) < 0 && code == DONE) {
        code = complain(FAILED, "cannot write %s: %s", out.name, strerror(errno));
    }
    return judge_points(args, query, answer.points, answer.skipped, code);
}

static int check_file(const struct args *args, const char *format)
{
    const char *path = args->value[OPT_OUTPUT];
    if (!path || strcmp(path, "-") == 0) {
        return args_usage(args, "--format %s needs a file: --output FILE", format);
    }
    if (args->value[OPT_GZIP] || stream_names_gzip(path)) {
        return args_usage(args, "%s is not written compressed; gzip the file", format);
    }
    return DONE;
}

static int choose_format(const struct args *args, enum format *format)
{
    int code = args_format(args, format);
    if (code == DONE && !args->value[OPT_FORMAT] && args->value[OPT_OUTPUT]) {
        format_of_path(args->value[OPT_OUTPUT], format);
    }
    const struct format_row *row = format_row(*format);
    if (code == DONE && row->traits & FORMAT_FILE) {
        code = check_file(args, row->name);
    }
    if (code == DONE && row->traits & FORMAT_WHOLE &&
        (args->value[OPT_STEP] || args->value[OPT_AGG])) {
        return args_usage(args, "%s shows all that there is: leave --step and --agg out",
                          row->name);
    }
    return code;
}

static int run_export(const struct args *args)
{
    struct varve_source source;
    struct varve_query query;
    enum format format = FORMAT_CSV;
    int code = choose_format(args, &format);
    code = code == DONE ? read_query(args, "0", END_OF_TIME, &query) : code;
    if (code == DONE && format == FORMAT_SQLITE) {
        return export_sqlite(args, &query);
    }
    if (code == DONE && format == FORMAT_HTML) {
        return export_html(args, &query);
    }
    code = code == DONE ? open_source(&source, args) : code;
    return code == DONE ? export_to(&source, args, &query, format) : code;
}

const struct command command_export = {
    .name = "export",
    .arguments = "[SELECTOR]",
    .summary = "history for other programs: CSV, JSON, OpenMetrics, ...",
    .text =
        "Without options all raw samples of all series are written, as they are stored; --tier, "
        "--step\n"
        "and --agg choose rollups in the same way as for `varve query`. What is written while "
        "it is read\n"
        "takes no memory. --format, or the extension of --output:\n"
        "\n"
        "  csv          ts,series,value with ts in Unix ms\n"
        "  json         one object, as `varve query --format json` has it\n"
        "  jsonl        an object a line: metric, kind, unit, help, values, timestamps\n"
        "  openmetrics  with times, series of a name together (.om)\n"
        "  prometheus   the older text format, with times (.prom)\n"
        "  influx       InfluxDB's line protocol (.influx, .lp)\n"
        "  grafana      what Grafana's JSON data sources take from /query\n"
        "  sqlite       a file for SQL (.sqlite, .db): see below\n"
        "  html         a page for people: the summary of each series, a picture, events\n"
        "\n"
        "`varve import` reads csv, jsonl, openmetrics, prometheus and influx. csv and jsonl keep\n"
        "every bit; openmetrics and prometheus have one NaN only, json and grafana null instead,\n"
        "and influx none: points that it cannot say are counted. openmetrics has no type for a\n"
        "counter whose name does not end in _total: its help begins with (counter) then. --gzip, "
        "or\n"
        "a file that ends in .gz, compresses.\n"
        "\n"
        "sqlite has all there is, of all tiers or of --tier, a row each: series (id, name, labels\n"
        "as JSON, unit, kind, help), samples (series_id, time_ms, value), cells (series_id, tier,\n"
        "time_ms, count, min, max, sum, last), tiers (name, step_ms) and events. The sum of a\n"
        "counter's cell is its increase; NaN is NULL. Of a daemon, cells that have not ended are\n"
        "left out. The file is whole or not there, and replaces no file that is no such export.\n"
        "\n"
        "html is one page that needs nothing else, neither a network nor scripts: what `varve "
        "summary`\n"
        "says of each series over the range, a line of its means with a band from its smallest to "
        "its\n"
        "largest values, and the events. Without --from it begins with what there is.\n"
        "\n"
        "Examples:\n"
        "  varve export --output history.csv.gz\n"
        "  varve export 'load*' --from -7d --tier hour --agg max\n"
        "  varve export --output history.sqlite\n"
        "  varve export --from -7d --output report.html\n"
        "  varve export --store sqlite:/mnt/backup/varve.db --format openmetrics --output "
        "history.om",
    .options =
        OPTIONS_SOURCE | OPTIONS_RANGE | OPTION(OPT_FORMAT) | OPTION(OPT_OUTPUT) | OPTION(OPT_GZIP),
    .formats = "csv json jsonl openmetrics prometheus influx grafana sqlite html",
    .least = 0,
    .most = 1,
    .run = run_export,
};
