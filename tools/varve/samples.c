// SPDX-License-Identifier: Apache-2.0
// Samples out of CSV lines; see samples.h.
#include "samples.h"

#include <string.h>
#include <strings.h>

#include "number.h"
#include "varve/error.h"
#include "when.h"

#define NO_COLUMN CSV_FIELD_MAX

void samples_open(struct sample_reader *r, FILE *file)
{
    csv_open(&r->csv, file);
    r->time_column = 0;
    r->series_column = 1;
    r->value_column = 2;
    r->columns = 3;
    r->started = false;
}

// ---- the header line ----------------------------------------------------------------------------

static bool is_word(const struct csv_field *field, const char *word)
{
    return field->len == strlen(word) && strncasecmp(field->at, word, field->len) == 0;
}

// The column that has one of the names, or NO_COLUMN.
static size_t find_column(const struct csv_reader *csv, const char *const *names)
{
    for (size_t i = 0; i < csv->fields; i++) {
        for (const char *const *name = names; *name; name++) {
            if (is_word(&csv->field[i], *name)) {
                return i;
            }
        }
    }
    return NO_COLUMN;
}

// Takes the columns from a header line; false when the line is none.
static bool take_header(struct sample_reader *r)
{
    static const char *const times[] = {"ts", "time", "timestamp", "time_ms", "unix_ms", NULL};
    static const char *const series[] = {"series", "name", "metric", NULL};
    static const char *const values[] = {"value", NULL};
    size_t time_column = find_column(&r->csv, times);
    size_t series_column = find_column(&r->csv, series);
    size_t value_column = find_column(&r->csv, values);
    if (time_column == NO_COLUMN || series_column == NO_COLUMN || value_column == NO_COLUMN) {
        return false;
    }
    r->time_column = time_column;
    r->series_column = series_column;
    r->value_column = value_column;
    r->columns = r->csv.fields;
    return true;
}

// ---- a sample -----------------------------------------------------------------------------------

static int refuse(struct sample_reader *r, const char *why)
{
    r->csv.why = why;
    return VARVE_E_INVALID;
}

static int take_sample(struct sample_reader *r, struct sample *out)
{
    if (r->csv.fields != r->columns) {
        return refuse(r, r->columns == 3 ? "expected ts,series,value"
                                         : "not as many fields as the header has");
    }
    const struct csv_field *time = &r->csv.field[r->time_column];
    const struct csv_field *value = &r->csv.field[r->value_column];
    out->series = r->csv.field[r->series_column];
    if (when_parse_absolute(time->at, time->len, &out->time_ms) < 0) {
        return refuse(r, "the time is neither Unix s or ms nor RFC 3339");
    }
    if (out->series.len == 0) {
        return refuse(r, "the series is empty");
    }
    if (number_parse(value->at, value->len, &out->value) < 0) {
        return refuse(r, "the value is no number");
    }
    return 1;
}

int samples_next(struct sample_reader *r, struct sample *out)
{
    int rc = csv_next(&r->csv);
    if (rc == 1 && !r->started && take_header(r)) {
        rc = csv_next(&r->csv);
    }
    r->started = true;
    return rc == 1 ? take_sample(r, out) : rc;
}
