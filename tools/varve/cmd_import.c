// SPDX-License-Identifier: Apache-2.0
// `varve import`: history out of files of other programs, or of an export, into a store or a
// daemon.
//
// The store cuts its windows by time, so samples are handed over in order of time. Files are read
// twice: the first time only to learn how far out of order their samples are (0 for most files),
// the second time to import them while holding back no more than that disorder needs. A pipe cannot
// be read twice, and some formats have no order: then all is held and sorted.
//
// Owns that flow and the refused lines. Leaves formats to reader.h, files to input.h and order to
// reorder.h.
//
// Threading: one task.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "formats.h"
#include "input.h"
#include "known.h"
#include "progress.h"
#include "reorder.h"
#include "stored.h"
#include "when.h"

#define REFUSALS_SHOWN 5u
#define BATCH          256u

enum kind_choice {
    KIND_AUTO,
    KIND_GAUGE,
    KIND_COUNTER,
};

struct import {
    struct varve_source source;
    const struct args *args;
    enum format format;
    struct reader_options options;
    struct input in;    // the file at hand
    int64_t read_bytes; // of those before
    enum kind_choice kind;
    struct known known;
    struct reorder order;
    struct stored *stored;
    int batch_id;
    size_t batched;
    struct varve_point batch[BATCH];
    uint64_t points, refused, duplicates;
    size_t series;
    int64_t oldest_ms, newest_ms;
    struct progress progress;
};

// ---- refusals -----------------------------------------------------------------------------------

static void show_progress(struct import *im)
{
    progress_show(&im->progress, im->read_bytes + stream_position(&im->in.stream), im->points,
                  im->series);
}

static void refuse(struct import *im, const char *why)
{
    if (im->refused++ < REFUSALS_SHOWN) {
        progress_clear(&im->progress);
        (void)fprintf(stderr, "varve: %s, line %" PRIu64 ": %s\n", im->in.stream.name,
                      im->in.reader.line, why);
    }
}

// ---- series -------------------------------------------------------------------------------------

// What the command line says, or the file, or the name.
static enum varve_kind kind_of(const struct import *im, const struct reader_series *series)
{
    if (im->kind != KIND_AUTO) {
        return im->kind == KIND_COUNTER ? VARVE_COUNTER : VARVE_GAUGE;
    }
    size_t len = strcspn(series->text, "{");
    bool total = len > 6 && memcmp(series->text + len - 6, "_total", 6) == 0;
    return series->typed ? series->kind : total ? VARVE_COUNTER : VARVE_GAUGE;
}

static int register_series(struct import *im, const struct sample *sample)
{
    struct reader_series series;
    int rc = reader_series(&im->in.reader, sample, &series);
    if (rc < 0) {
        return source_fail(&im->source, rc, "%s", im->in.reader.why);
    }
    struct varve_series_def def = {.text = series.text, .unit = series.unit, .help = series.help};
    def.kind = kind_of(im, &series);
    return im->source.ops->import_series(&im->source, &def);
}

// Failures that cost one series and not the whole import.
static bool is_refusal(int rc)
{
    return rc == VARVE_E_INVALID || rc == VARVE_E_FULL || rc == VARVE_E_TOO_BIG;
}

// The id of a series, or VARVE_E_INVALID for one that was refused (counted), or a lasting error.
static int series_id(struct import *im, const struct sample *sample)
{
    int added = 0;
    struct known_name *name = known_find(&im->known, sample->series.at, sample->series.len, &added);
    if (!name) {
        return source_fail(&im->source, VARVE_E_NO_MEMORY, "not enough memory for the names");
    }
    if (added) {
        name->id = register_series(im, sample);
        im->series += name->id >= 0 ? 1 : 0;
    }
    if (name->id < 0 && is_refusal(name->id)) {
        refuse(im, added ? im->source.why : "the series was refused before");
        return VARVE_E_INVALID;
    }
    return name->id;
}

// ---- handing over -------------------------------------------------------------------------------

static int hand_over(struct import *im)
{
    size_t n = im->batched;
    im->batched = 0;
    im->points += n;
    return n > 0 ? im->source.ops->import_points(&im->source, im->batch_id, im->batch, n) : 0;
}

static int import_sample(struct import *im, const struct reorder_sample *sample)
{
    int there = stored_has(im->stored, sample->series, sample->time_ms);
    if (there != 0) {
        im->duplicates += there > 0 ? 1 : 0;
        show_progress(im);
        return there > 0 ? 0 : there;
    }
    if (im->batched == BATCH || (im->batched > 0 && im->batch_id != sample->series)) {
        int rc = hand_over(im);
        if (rc < 0) {
            return rc;
        }
    }
    im->batch_id = sample->series;
    im->batch[im->batched++] =
        (struct varve_point){.time_ms = sample->time_ms, .value = sample->value};
    im->oldest_ms = sample->time_ms < im->oldest_ms ? sample->time_ms : im->oldest_ms;
    im->newest_ms = sample->time_ms > im->newest_ms ? sample->time_ms : im->newest_ms;
    show_progress(im);
    return 0;
}

static int import_ready(struct import *im, bool all)
{
    struct reorder_sample sample;
    int rc = 0;
    while (rc == 0 && reorder_take(&im->order, all, &sample)) {
        rc = import_sample(im, &sample);
    }
    return rc;
}

static int take_sample(struct import *im, const struct sample *sample)
{
    int id = series_id(im, sample);
    if (id < 0) {
        return id == VARVE_E_INVALID ? 0 : id;
    }
    int rc = reorder_put(&im->order, sample->time_ms, id, sample->value);
    if (rc < 0) {
        return source_fail(&im->source, rc,
                           "not enough memory to sort %zu samples; sort the files by time first",
                           im->order.count);
    }
    return import_ready(im, false);
}

static int read_failed(struct import *im, int rc)
{
    return rc == VARVE_E_IO
               ? source_fail(&im->source, rc, "cannot read %s: %s", im->in.stream.name,
                             strerror(errno))
               : source_fail(&im->source, rc, "not enough memory to read %s", im->in.stream.name);
}

static int open_file(struct import *im, int i)
{
    im->options.path = im->args->positional[i];
    im->options.number = (size_t)i;
    return input_open(&im->in, im->options.path, im->format, &im->options);
}

static int read_file(struct import *im)
{
    struct sample sample;
    int rc = 0;
    while (rc == 0) {
        int got = reader_next(&im->in.reader, &sample);
        if (got == 0) {
            break;
        }
        if (got == VARVE_E_INVALID) {
            refuse(im, im->in.reader.why);
        } else {
            rc = got < 0 ? read_failed(im, got) : take_sample(im, &sample);
        }
    }
    return rc;
}

// Returns 0, an error with im->source.why, or FAILED (said).
static int read_all(struct import *im)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < im->args->count; i++) {
        rc = open_file(im, i);
        if (rc == DONE) {
            rc = read_file(im);
            im->read_bytes += im->in.stream.size;
            input_close(&im->in);
        }
    }
    rc = rc == 0 ? import_ready(im, true) : rc;
    return rc == 0 ? hand_over(im) : rc;
}

// ---- the files ----------------------------------------------------------------------------------

// How much older than a sample before it one is at most, in all files one after the other.
struct lag {
    int64_t newest_ms, lag_ms;
};

static void measure_file(struct import *im, struct lag *lag)
{
    struct sample sample;
    int got;
    while ((got = reader_next(&im->in.reader, &sample)) == 1 || got == VARVE_E_INVALID) {
        if (got != 1) {
            continue;
        }
        if (lag->newest_ms != INT64_MIN && lag->newest_ms - sample.time_ms > lag->lag_ms) {
            lag->lag_ms = lag->newest_ms - sample.time_ms;
        }
        lag->newest_ms = sample.time_ms > lag->newest_ms ? sample.time_ms : lag->newest_ms;
    }
}

// Looks at all files before anything is stored: whether they can be read, and in what order their
// samples are.
static int look_at_files(struct import *im)
{
    struct lag lag = {.newest_ms = INT64_MIN};
    bool ordered = !format_row(im->format)->reader->scattered;
    int64_t bytes = 0;
    int code = DONE;
    for (int i = 0; code == DONE && i < im->args->count; i++) {
        if (strcmp(im->args->positional[i], "-") == 0) {
            ordered = false;
            continue;
        }
        code = open_file(im, i);
        if (code == DONE) {
            bytes += im->in.stream.size;
            ordered = ordered && im->in.stream.size > 0;
            if (ordered) {
                measure_file(im, &lag);
            }
            input_close(&im->in);
        }
    }
    reorder_init(&im->order, ordered ? lag.lag_ms : REORDER_ALL);
    progress_begin(&im->progress, bytes);
    return code;
}

// ---- the command --------------------------------------------------------------------------------

static int read_kind(const struct args *args, enum kind_choice *kind)
{
    static const char *const names[] = {"auto", "gauge", "counter"};
    const char *text = args->value[OPT_KIND] ? args->value[OPT_KIND] : "auto";
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *kind = (enum kind_choice)i;
            return DONE;
        }
    }
    return args_usage(args, "--kind: `%s` is not one of counter, gauge, auto", text);
}

// The format that the first file's extension says, unless the command line does.
static int choose_format(const struct args *args, enum format *format)
{
    int code = args_format(args, format);
    if (code == DONE && !args->value[OPT_FORMAT]) {
        enum format named = *format;
        format_of_path(args->positional[0], &named);
        *format = format_row(named)->reader ? named : *format;
    }
    return code;
}

static int read_options(const struct args *args, enum format format, struct reader_options *options)
{
    int unit = 0;
    int code = args_word(args, OPT_PRECISION, "ns us ms s", &unit);
    options->unit = (enum reader_unit)unit; // the words are in its order
    options->name = args->value[OPT_NAME];
    options->collectd = args->value[OPT_COLLECTD] != NULL;
    if (code == DONE && format != FORMAT_RRD && (options->name || options->collectd)) {
        code = args_usage(args, "--name and --collectd are for --format rrd");
    } else if (code == DONE && format != FORMAT_INFLUX && args->value[OPT_PRECISION]) {
        code = args_usage(args, "--precision is for --format influx");
    } else if (code == DONE && options->name && (options->collectd || args->count > 1)) {
        code = args_usage(args, "--name is for one file, and not together with --collectd");
    }
    return code;
}

static int transfer(struct import *im)
{
    int rc = im->source.ops->import_begin(&im->source);
    im->stored = rc == 0 ? stored_new(&im->source) : NULL;
    if (rc == 0 && !im->stored) {
        rc = source_fail(&im->source, VARVE_E_NO_MEMORY, "out of memory");
    }
    rc = rc == 0 ? read_all(im) : rc;
    stored_free(im->stored);
    return rc == 0 ? im->source.ops->import_end(&im->source) : rc;
}

static void summarise(struct import *im)
{
    char from[WHEN_TEXT];
    char to[WHEN_TEXT];
    if (im->points > 0) {
        (void)fprintf(stderr, "imported %" PRIu64 " points of %zu series, %s to %s\n", im->points,
                      im->series, when_format(im->oldest_ms, from, sizeof from),
                      when_format(im->newest_ms, to, sizeof to));
    }
    if (im->duplicates > 0) {
        (void)fprintf(stderr,
                      "refused %" PRIu64 " duplicates: samples of that series and time are "
                      "stored already\n",
                      im->duplicates);
    }
    if (im->refused > 0) {
        (void)fprintf(stderr, "refused %" PRIu64 " lines%s\n", im->refused,
                      im->refused > REFUSALS_SHOWN ? ", the first of them above" : "");
    }
}

// A file could not be opened any more, which was said.
static int close_failed(struct import *im)
{
    (void)finish(&im->source, 0); // it has failed anyway
    return FAILED;
}

static int judge(const struct import *im, const struct args *args, int code)
{
    if (code == DONE && im->points == 0 && im->duplicates == 0) {
        const char *what = args->count == 1 ? im->in.stream.name : "the files";
        return im->refused > 0 ? complain(FAILED, "no line of %s could be used", what)
                               : complain(NOTHING_FOUND, "%s hold%s no samples", what,
                                          args->count == 1 ? "s" : "");
    }
    return code == DONE && im->refused > 0 && args->value[OPT_STRICT] ? FAILED : code;
}

static int run_import(const struct args *args)
{
    static struct import im;
    im.args = args;
    int code = read_kind(args, &im.kind);
    code = code == DONE ? choose_format(args, &im.format) : code;
    code = code == DONE ? read_options(args, im.format, &im.options) : code;
    code = code == DONE ? look_at_files(&im) : code;
    code = code == DONE ? open_source(&im.source, args) : code;
    if (code == DONE) {
        im.oldest_ms = INT64_MAX;
        im.newest_ms = INT64_MIN;
        int rc = transfer(&im);
        progress_clear(&im.progress);
        code = rc == FAILED ? close_failed(&im) : finish(&im.source, rc);
        summarise(&im);
        code = judge(&im, args, code);
    }
    reorder_free(&im.order);
    known_free(&im.known);
    return code;
}

const struct command command_import = {
    .name = "import",
    .arguments = "FILE...",
    .summary = "history out of files: CSV, OpenMetrics, Influx, JSON lines, RRD",
    .text =
        "Reads what `varve export` writes, and what other programs keep. - is standard input; gzip "
        "is\n"
        "seen by itself. Several files are taken one after the other. --format, or the extension "
        "of "
        "the\n"
        "first file, says which it is:\n"
        "\n"
        "  csv          ts,series,value in any order when a header names them; ts is Unix time in "
        "s\n"
        "               (fractions allowed) or ms, told apart by size, or RFC 3339; series is\n"
        "               name{label=\"v\"} or a dotted name, kept as dotted{path=\"a.b.c\"}\n"
        "  jsonl        as varve and VictoriaMetrics write it\n"
        "  openmetrics  samples with times in s (.om), kind, unit and help; no exemplars\n"
        "  prometheus   samples with times in ms (.prom); without a time a sample is refused\n"
        "  influx       line protocol (.influx, .lp); the field `value` is called as its "
        "measurement,\n"
        "               others MEASUREMENT_FIELD, tags are labels; --precision: the unit of times\n"
        "  rrd          RRDtool's files, dumped (`rrdtool dump`, .xml) or not (.rrd; needs "
        "rrdtool):\n"
        "               NAME_SOURCE from averages, NAME_SOURCE_min, _max and _last from archives "
        "of\n"
        "               these; counters, which RRDtool keeps as rates, end in _per_second. The "
        "name "
        "is\n"
        "               the file's, --name, or with --collectd what the path says, as collectd's\n"
        "               write_prometheus has it. A row stands at the beginning of its period.\n"
        "\n"
        "Samples should be in order of time; files that are not are sorted while they are read, "
        "and\n"
        "standard input and rrd are held in memory as a whole. Lines that make no sense are "
        "counted,\n"
        "the first are shown, and the others go in; --strict makes that a failure.\n"
        "\n"
        "A sample whose series and time are stored already is refused and counted, so an import "
        "that\n"
        "was interrupted goes on when it is run again. Where raw has given samples up, the finest "
        "tier\n"
        "that still has cells of that time answers: what falls into a cell counts as stored.\n"
        "\n"
        "Rollups and retention follow the data's own time: what is older than a tier keeps,\n"
        "counted from the newest sample, does not stay, unless --keep-all switches that off.\n"
        "With --store the store is made when it is missing, with the default tiers or those of "
        "-c.\n"
        "\n"
        "Examples:\n"
        "  varve import history.csv\n"
        "  varve import --store sqlite:old.db --keep-all old.csv.gz\n"
        "  varve import --collectd /var/lib/collectd/rrd/*/*/*.rrd\n"
        "  rrdtool dump temperature.rrd | varve import --format rrd --name temperature -\n"
        "  varve import -c /etc/varve/varve.ini --strict history.om",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_FORMAT) | OPTION(OPT_KIND) |
               OPTION(OPT_NAME) | OPTION(OPT_COLLECTD) | OPTION(OPT_PRECISION) |
               OPTION(OPT_STRICT) | OPTION(OPT_KEEP_ALL),
    .formats = "csv jsonl openmetrics prometheus influx rrd",
    .least = 1,
    .most = ARG_POSITIONAL_MAX,
    .run = run_import,
};
