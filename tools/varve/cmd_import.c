// SPDX-License-Identifier: Apache-2.0
// `varve import`: history out of a CSV file into a store or a daemon.
//
// The store cuts its windows by time, so samples are handed over in order of time. A file is read
// twice: the first time only to learn how far out of order its lines are (0 for most files), the
// second time to import it while holding back no more samples than that disorder needs. A pipe
// cannot be read twice, so all of it is held and sorted.
//
// Owns that flow, the refused lines and the progress. Leaves lines to samples.h and order to
// reorder.h.
//
// Threading: one task.
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/names.h"
#include "commands.h"
#include "known.h"
#include "reorder.h"
#include "samples.h"
#include "stored.h"
#include "stream.h"
#include "varve/port.h"
#include "when.h"

#define REFUSALS_SHOWN 5u
#define BATCH          256u
#define PROGRESS_US    200000u

enum kind_choice {
    KIND_AUTO,
    KIND_GAUGE,
    KIND_COUNTER,
};

struct import {
    struct varve_source source;
    struct stream in;
    enum kind_choice kind;
    struct sample_reader reader;
    struct known known;
    struct reorder order;
    struct stored *stored;
    int batch_id;
    size_t batched;
    struct varve_point batch[BATCH];
    uint64_t points, refused, duplicates;
    size_t series;
    int64_t oldest_ms, newest_ms;
    bool show_progress;
    uint64_t progress_us;
};

// ---- progress and refusals ----------------------------------------------------------------------

static void progress(struct import *im, bool last)
{
    uint64_t now = varve_port_mono_us();
    if (!im->show_progress || (!last && now - im->progress_us < PROGRESS_US)) {
        return;
    }
    im->progress_us = now;
    (void)fprintf(stderr, "\r\033[K");
    if (!last && im->in.size > 0) {
        (void)fprintf(stderr, "%3.0f %%  ",
                      100.0 * (double)stream_position(&im->in) / (double)im->in.size);
    }
    if (!last) {
        (void)fprintf(stderr, "%" PRIu64 " points of %zu series", im->points, im->series);
    }
}

static void refuse(struct import *im, const char *why)
{
    if (im->refused++ < REFUSALS_SHOWN) {
        progress(im, true);
        (void)fprintf(stderr, "varve: %s, line %" PRIu64 ": %s\n", im->in.name,
                      im->reader.csv.lines.line, why);
    }
}

// ---- series -------------------------------------------------------------------------------------

static enum varve_kind kind_of(const struct import *im, const char *name)
{
    if (im->kind != KIND_AUTO) {
        return im->kind == KIND_COUNTER ? VARVE_COUNTER : VARVE_GAUGE;
    }
    size_t len = strcspn(name, "{");
    bool total = len > 6 && memcmp(name + len - 6, "_total", 6) == 0;
    return total && !varve_name_is_dotted(name) ? VARVE_COUNTER : VARVE_GAUGE;
}

static int register_series(struct import *im, const char *name)
{
    char text[VARVE_SERIES_TEXT];
    int rc = varve_name_to_series(name, text, sizeof text);
    if (rc < 0) {
        return source_fail(&im->source, rc, "the series name is longer than %u characters",
                           VARVE_SERIES_TEXT - 1);
    }
    struct varve_series_def def = {.text = text, .unit = "", .help = ""};
    def.kind = kind_of(im, name);
    return im->source.ops->import_series(&im->source, &def);
}

// Failures that cost one series and not the whole import.
static bool is_refusal(int rc)
{
    return rc == VARVE_E_INVALID || rc == VARVE_E_FULL || rc == VARVE_E_TOO_BIG;
}

// The id of a series, or VARVE_E_INVALID for one that was refused (counted), or a lasting error.
static int series_id(struct import *im, const struct csv_field *field)
{
    int added = 0;
    struct known_name *name = known_find(&im->known, field->at, field->len, &added);
    if (!name) {
        return source_fail(&im->source, VARVE_E_NO_MEMORY, "not enough memory for the names");
    }
    if (added) {
        name->id = register_series(im, name->name);
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
        progress(im, false);
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
    progress(im, false);
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

static int take_line(struct import *im, const struct sample *sample)
{
    int id = series_id(im, &sample->series);
    if (id < 0) {
        return id == VARVE_E_INVALID ? 0 : id;
    }
    int rc = reorder_put(&im->order, sample->time_ms, id, sample->value);
    if (rc < 0) {
        return source_fail(&im->source, rc,
                           "not enough memory to sort %zu samples; sort the file by time first",
                           im->order.count);
    }
    return import_ready(im, false);
}

static int read_all(struct import *im)
{
    struct sample sample;
    int rc = 0;
    samples_open(&im->reader, im->in.file);
    while (rc == 0) {
        int got = samples_next(&im->reader, &sample);
        if (got == 0) {
            break;
        }
        if (got == VARVE_E_IO) {
            return source_fail(&im->source, got, "cannot read %s: %s", im->in.name,
                               strerror(errno));
        }
        if (got < 0) {
            refuse(im, im->reader.csv.why);
        } else {
            rc = take_line(im, &sample);
        }
    }
    rc = rc == 0 ? import_ready(im, true) : rc;
    return rc == 0 ? hand_over(im) : rc;
}

// ---- the input ----------------------------------------------------------------------------------

// How much older than a line before it a line is at most.
static int64_t measure_lag(struct import *im)
{
    struct sample sample;
    int64_t newest = INT64_MIN;
    int64_t lag = 0;
    int got;
    samples_open(&im->reader, im->in.file);
    while ((got = samples_next(&im->reader, &sample)) != 0 && got != VARVE_E_IO) {
        if (got < 0) {
            continue;
        }
        if (newest != INT64_MIN && newest - sample.time_ms > lag) {
            lag = newest - sample.time_ms;
        }
        newest = sample.time_ms > newest ? sample.time_ms : newest;
    }
    return lag;
}

static int open_input(struct import *im, const char *path)
{
    if (stream_read(&im->in, path) < 0) {
        return FAILED;
    }
    bool twice = im->in.size > 0;
    int64_t lag = twice ? measure_lag(im) : REORDER_ALL;
    if (twice && fseeko(im->in.file, 0, SEEK_SET) != 0) {
        (void)stream_close(&im->in); // only read
        return complain(FAILED, "cannot read %s twice: %s", path, strerror(errno));
    }
    clearerr(im->in.file);
    reorder_init(&im->order, lag);
    return DONE;
}

static void close_input(struct import *im)
{
    (void)stream_close(&im->in); // only read
    reorder_free(&im->order);
    known_free(&im->known);
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

static int check_format(const struct args *args)
{
    const char *format = args->value[OPT_FORMAT];
    bool csv = !format || strcmp(format, "csv") == 0;
    return csv ? DONE : args_usage(args, "--format: import reads csv, not `%s`", format);
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
    progress(im, true);
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

static int judge(const struct import *im, const struct args *args, int code)
{
    if (code == DONE && im->points == 0 && im->duplicates == 0) {
        return im->refused > 0 ? complain(FAILED, "no line of %s could be used", im->in.name)
                               : complain(NOTHING_FOUND, "%s holds no samples", im->in.name);
    }
    return code == DONE && im->refused > 0 && args->value[OPT_STRICT] ? FAILED : code;
}

static int run_import(const struct args *args)
{
    static struct import im;
    int code = read_kind(args, &im.kind);
    code = code == DONE ? check_format(args) : code;
    code = code == DONE ? open_input(&im, args->positional[0]) : code;
    if (code != DONE) {
        return code;
    }
    code = open_source(&im.source, args);
    if (code == DONE) {
        im.oldest_ms = INT64_MAX;
        im.newest_ms = INT64_MIN;
        im.show_progress = isatty(STDERR_FILENO) != 0;
        int rc = transfer(&im);
        progress(&im, true);
        code = finish(&im.source, rc);
        summarise(&im);
        code = judge(&im, args, code);
    }
    close_input(&im);
    return code;
}

const struct command command_import = {
    .name = "import",
    .arguments = "FILE",
    .summary = "history out of CSV: ts,series,value",
    .text =
        "FILE is CSV, gzip or not, - is standard input. A header line may name the columns in any "
        "order (ts,\n"
        "series, value); without one they are in that order. ts is Unix time in seconds "
        "(fractions\n"
        "allowed) or milliseconds, told apart by size, or RFC 3339. series is name{label=\"v\"} or "
        "a\n"
        "dotted name, which is kept in a label: dotted{path=\"a.b.c\"}. value is any double, NaN "
        "too.\n"
        "\n"
        "Lines should be in order of time; a file that is not is sorted while it is read, and\n"
        "standard input is held in memory as a whole. Lines that make no sense are counted, the\n"
        "first are shown, and the others go in; --strict makes that a failure.\n"
        "\n"
        "A sample whose series and time raw holds already is refused and counted, so an import "
        "that\n"
        "was interrupted goes on when it is run again. What only rollups are left of is not seen.\n"
        "\n"
        "Rollups and retention follow the data's own time: what is older than a tier keeps,\n"
        "counted from the newest sample, does not stay, unless --keep-all switches that off.\n"
        "With --store the store is made when it is missing, with the default tiers or those of "
        "-c.\n"
        "\n"
        "Examples:\n"
        "  varve import history.csv\n"
        "  varve import --store sqlite:old.db --keep-all old.csv.gz\n"
        "  varve import -c /etc/varve/varve.ini --strict history.csv",
    .options = OPTIONS_SOURCE | OPTION(OPT_CONFIG) | OPTION(OPT_FORMAT) | OPTION(OPT_KIND) |
               OPTION(OPT_STRICT) | OPTION(OPT_KEEP_ALL),
    .least = 1,
    .most = 1,
    .run = run_import,
};
