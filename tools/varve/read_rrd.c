// SPDX-License-Identifier: Apache-2.0
// RRDtool's files for the import; rrd.h parses them.
//
// A data source becomes a series for each consolidation function that there is: AVERAGE is called
// as the source, the others end in _min, _max and _last. A row becomes one sample, at the beginning
// of the period that it stands for, as varve's cells have it (RRDtool names the end). Of archives
// with the same function the finer one has the say where it knows something, the coarser ones what
// was before. Unknown rows are nothing. What RRDtool counts it keeps as a rate, so counters end in
// _per_second and are gauges.
//
// A file has no names for series inside: they come of the path or the command line, with --collectd
// as collectd's plugin write_prometheus makes them.
//
// Threading: one task.
#include <math.h>
#include <string.h>

#include "rrd.h"
#include "varve/error.h"

static const char *const endings[] = {"", "_min", "_max", "_last"};

struct rows {
    struct rrd rrd;
    bool parsed;
    // The next row to give.
    size_t source, function, archive, row;
    int64_t before_s; // rows that begin later are known from a finer archive
    int64_t first_s;  // known one of the archive
    char key[96];
};

// ---- rows ---------------------------------------------------------------------------------------

// When the period of a row begins.
static int64_t row_start_s(const struct rows *in, const struct rrd_archive *a, size_t row)
{
    int64_t span_s = a->per_row * in->rrd.step_s;
    size_t rows = a->count / in->rrd.source_count;
    return in->rrd.last_update_s - in->rrd.last_update_s % span_s - (int64_t)(rows - row) * span_s;
}

static void make_key(struct reader *r)
{
    struct rows *in = r->state;
    (void)snprintf(in->key, sizeof in->key, "%zu %zu %zu", r->options.number, in->source,
                   in->function);
}

// Goes to the next archive, function or source; false behind the last.
static bool next_archive(struct reader *r)
{
    struct rows *in = r->state;
    in->row = 0;
    in->before_s = in->first_s < in->before_s ? in->first_s : in->before_s;
    in->first_s = INT64_MAX;
    if (++in->archive < in->rrd.archive_count) {
        return true;
    }
    in->archive = 0;
    in->before_s = INT64_MAX;
    if (++in->function == RRD_FUNCTIONS) {
        in->function = 0;
        in->source++;
    }
    make_key(r);
    return in->source < in->rrd.source_count;
}

// The next row of the archive that is known and not known better; false behind the last.
static bool next_row(struct rows *in, struct sample *out)
{
    const struct rrd_archive *a = &in->rrd.archives[in->archive];
    size_t rows = a->function == in->function ? a->count / in->rrd.source_count : 0;
    while (in->row < rows) {
        size_t row = in->row++;
        int64_t start_s = row_start_s(in, a, row);
        double value = a->values[row * in->rrd.source_count + in->source];
        if (isnan(value) || start_s < 0) {
            continue;
        }
        in->first_s = start_s < in->first_s ? start_s : in->first_s;
        if (start_s < in->before_s) {
            *out = (struct sample){.time_ms = start_s * 1000, .value = value};
            out->series = (struct csv_field){.at = in->key, .len = strlen(in->key)};
            return true;
        }
    }
    return false;
}

static int next_rrd(struct reader *r, struct sample *out)
{
    struct rows *in = r->state;
    if (!in->parsed) {
        in->parsed = true;
        int rc = rrd_parse(r, &in->rrd);
        if (rc != 0) {
            in->source = in->rrd.source_count; // nothing of it
            return rc;
        }
        in->before_s = INT64_MAX;
        in->first_s = INT64_MAX;
        make_key(r);
    }
    while (in->source < in->rrd.source_count && in->rrd.archive_count > 0) {
        if (next_row(in, out)) {
            return 1;
        }
        if (!next_archive(r)) {
            break;
        }
    }
    return 0;
}

// ---- names --------------------------------------------------------------------------------------

// The part of a path before `end` and behind the slash before that; moves `end` to that slash.
static size_t take_part(const char *path, const char **end, const char **part)
{
    const char *at = *end;
    while (at > path && at[-1] != '/') {
        at--;
    }
    *part = at;
    size_t len = (size_t)(*end - at);
    *end = at > path ? at - 1 : at;
    return len;
}

static size_t without_ending(const char *name, size_t len, const char *ending)
{
    size_t n = strlen(ending);
    return len > n && memcmp(name + len - n, ending, n) == 0 ? len - n : len;
}

static size_t stem_of(const char *name, size_t len)
{
    len = without_ending(name, len, ".gz");
    len = without_ending(name, len, ".xml");
    return without_ending(name, len, ".rrd");
}

struct collectd {
    const char *part[3]; // type, plugin, host
    size_t len[3];
};

static size_t before_dash(const char *name, size_t len)
{
    const char *dash = memchr(name, '-', len);
    return dash ? (size_t)(dash - name) : len;
}

static void add_collectd(struct reader_name *name, const struct collectd *c)
{
    size_t plugin = before_dash(c->part[1], c->len[1]);
    size_t type = before_dash(c->part[0], c->len[0]);
    reader_name_add(name, "collectd_", 9);
    reader_name_add(name, c->part[1], plugin);
    if (plugin != type || memcmp(c->part[1], c->part[0], type) != 0) {
        reader_name_add(name, "_", 1);
        reader_name_add(name, c->part[0], type);
    }
}

// The instances of plugin and type: the plugin's name is the label of the one that there is.
static void label_collectd(struct reader_name *name, const struct collectd *c)
{
    size_t plugin = before_dash(c->part[1], c->len[1]);
    size_t type = before_dash(c->part[0], c->len[0]);
    bool of_plugin = plugin < c->len[1], of_type = type < c->len[0];
    if (of_plugin) {
        reader_name_label(name, c->part[1], plugin, c->part[1] + plugin + 1,
                          c->len[1] - plugin - 1);
    }
    if (of_type) {
        reader_name_label(name, of_plugin ? "type" : c->part[1], of_plugin ? 4 : plugin,
                          c->part[0] + type + 1, c->len[0] - type - 1);
    }
    reader_name_label(name, "instance", 8, c->part[2], c->len[2]);
}

static int series_of_rrd(struct reader *r, const struct sample *sample, struct reader_series *out)
{
    const struct rows *in = r->state;
    const struct rrd_source *source = &in->rrd.sources[in->source];
    const char *path = r->options.path ? r->options.path : "";
    const char *end = path + strlen(path);
    struct collectd c;
    struct reader_name name;
    (void)sample; // it is the one at hand
    for (int i = 0; i < 3; i++) {
        c.len[i] = take_part(path, &end, &c.part[i]);
    }
    c.len[0] = stem_of(c.part[0], c.len[0]);
    if (r->options.collectd && (c.len[1] == 0 || c.len[2] == 0)) {
        return reader_refuse(r, "--collectd: the path is not HOST/PLUGIN/TYPE.rrd");
    }
    if (!r->options.collectd && !r->options.name && (c.len[0] == 0 || strcmp(path, "-") == 0)) {
        return reader_refuse(r, "there is no name for the series: use --name");
    }
    reader_name_begin(&name, out->text, sizeof out->text);
    if (r->options.collectd) {
        add_collectd(&name, &c);
    } else if (r->options.name) {
        reader_name_add(&name, r->options.name, strlen(r->options.name));
    } else {
        reader_name_add(&name, c.part[0], c.len[0]);
    }
    if (strcmp(source->name, "value") != 0) {
        reader_name_add(&name, "_", 1);
        reader_name_add(&name, source->name, strlen(source->name));
    }
    const char *rate = source->rate ? "_per_second" : "";
    reader_name_add(&name, rate, strlen(rate));
    reader_name_add(&name, endings[in->function], strlen(endings[in->function]));
    if (r->options.collectd) {
        label_collectd(&name, &c);
    }
    out->typed = true;
    out->kind = VARVE_GAUGE;
    return reader_name_end(r, &name);
}

// ---- the state ----------------------------------------------------------------------------------

static int open_rrd(struct reader *r)
{
    (void)r; // parsed when it is read
    return 0;
}

static void close_rrd(struct reader *r)
{
    struct rows *in = r->state;
    rrd_free(&in->rrd);
}

const struct reader_format reader_rrd = {
    .state_bytes = sizeof(struct rows),
    .scattered = true,
    .open = open_rrd,
    .next = next_rrd,
    .series = series_of_rrd,
    .close = close_rrd,
};
