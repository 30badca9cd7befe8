// SPDX-License-Identifier: Apache-2.0
// The samples of a CSV file; see source.h. The readers are those of `varve import`.
//
// A line that makes no sense is an error: a simulation of half a workload would look like a result.
#include "source_csv.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "varve/error.h"

// The same rule as `varve import`: Prometheus' suffix for counters.
static enum varve_kind kind_of(const char *text, size_t len)
{
    const char *brace = memchr(text, '{', len);
    const size_t name = brace != NULL ? (size_t)(brace - text) : len;
    return name > 6 && memcmp(text + name - 6, "_total", 6) == 0 ? VARVE_COUNTER : VARVE_GAUGE;
}

static int number_of(struct source *source, const struct csv_field *name)
{
    int added;
    struct known_name *known = known_find(&source->known, name->at, name->len, &added);
    if (known == NULL) {
        return source_no_memory(source);
    }
    if (added) {
        known->id = source_add_series(source, name->at, name->len, kind_of(name->at, name->len));
    }
    return known->id;
}

static int complain(const struct source *source, int rc)
{
    const struct csv_reader *csv = &source->reader.csv;
    (void)fprintf(stderr, "varve-sim: %s:%" PRIu64 ": %s\n", source->spec, csv->lines.line,
                  rc == VARVE_E_INVALID ? csv->why : varve_strerror(rc));
    return rc;
}

// Goes back to the start of the file; its times go on where they ended.
static int begin_again(struct source *source)
{
    const int64_t step_ms = source->step_before_ms > 0 ? source->step_before_ms : 1000;
    source->shift_ms += source->last_ms - source->first_ms + step_ms;
    if (fseek(source->file, 0, SEEK_SET) != 0) {
        (void)fprintf(stderr, "varve-sim: %s: cannot be read twice (%s)\n", source->spec,
                      strerror(errno));
        return VARVE_E_IO;
    }
    samples_open(&source->reader, source->file);
    return 0;
}

static void note_time(struct source *source, int64_t time_ms)
{
    if (source->samples++ == 0) {
        source->first_ms = source->last_ms = time_ms;
    }
    if (time_ms > source->last_ms) {
        source->step_before_ms = time_ms - source->last_ms;
        source->last_ms = time_ms;
    }
}

// Reads the sample after the row into `pending`. Returns 1, 0 at the end, or an error.
static int read_pending(struct source *source)
{
    int rc = samples_next(&source->reader, &source->pending);
    if (rc == 0 && source->repeat && source->samples > 0) {
        rc = begin_again(source);
        rc = rc == 0 ? samples_next(&source->reader, &source->pending) : rc;
    }
    source->has_pending = rc == 1;
    if (rc != 1) {
        return rc == 0 ? 0 : complain(source, rc);
    }
    note_time(source, source->pending.time_ms);
    const int number = number_of(source, &source->pending.series);
    source->pending_series = (uint32_t)number;
    source->pending.time_ms += source->shift_ms;
    return number < 0 ? number : 1;
}

int source_csv_open(struct source *source, const char *path)
{
    source->file = fopen(path, "r");
    if (source->file == NULL) {
        (void)fprintf(stderr, "varve-sim: --workload %s: %s\n", source->spec, strerror(errno));
        return VARVE_E_NOT_FOUND;
    }
    samples_open(&source->reader, source->file);
    const int rc = read_pending(source);
    if (rc == 0) {
        (void)fprintf(stderr, "varve-sim: --workload %s: holds no sample\n", source->spec);
        return VARVE_E_INVALID;
    }
    source->start_ms = source->pending.time_ms;
    return rc < 0 ? rc : 0;
}

int source_csv_next(struct source *source)
{
    struct row *row = &source->row;
    row->count = 0;
    if (!source->has_pending) {
        return 0;
    }
    row->time_ms = source->pending.time_ms;
    while (source->has_pending && source->pending.time_ms == row->time_ms) {
        int rc = source_grow_row(source, row->count + 1);
        if (rc != 0) {
            return rc;
        }
        row->series[row->count] = source->pending_series;
        source->values[row->count++] = source->pending.value;
        rc = read_pending(source);
        if (rc < 0) {
            return rc;
        }
    }
    row->values = source->values;
    return 1;
}
