// SPDX-License-Identifier: Apache-2.0
// An answer as CSV, `ts,series,value` with ts in Unix ms: what `varve import` reads. Series may
// come interleaved, so their names are kept by id; see answer.h.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "client/names.h"
#include "csv.h"
#include "number.h"

static int csv_begin(void *arg, const struct varve_query_info *info)
{
    (void)info;
    struct answer *a = arg;
    (void)fputs("ts,series,value\n", a->out);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

// The name as a CSV field, with its quotes, so that it is made only once.
static char *quoted_name(const char *text)
{
    char dotted[VARVE_SERIES_TEXT];
    char *field = NULL;
    size_t size = 0;
    FILE *memory = open_memstream(&field, &size);
    if (!memory) {
        return NULL;
    }
    csv_write(memory, varve_name_from_series(text, dotted, sizeof dotted));
    if (fclose(memory) != 0) {
        free(field);
        return NULL;
    }
    return field;
}

static int csv_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct answer *a = arg;
    if (id >= VARVE_MAX_SERIES) {
        return VARVE_E_CORRUPT;
    }
    free(a->names[id]);
    a->names[id] = quoted_name(def->text);
    return a->names[id] ? 0 : VARVE_E_NO_MEMORY;
}

static int csv_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *a = arg;
    if (id >= VARVE_MAX_SERIES || !a->names[id]) {
        return VARVE_E_CORRUPT;
    }
    for (size_t i = 0; i < n; i++) {
        char value[NUMBER_TEXT];
        (void)number_format(points[i].value, value);
        (void)fprintf(a->out, "%" PRId64 ",%s,%s\n", points[i].time_ms, a->names[id], value);
    }
    a->points += n;
    return ferror(a->out) ? VARVE_E_IO : 0;
}

static int csv_end(void *arg, const struct varve_query_info *info)
{
    struct answer *a = arg;
    for (size_t i = 0; i < VARVE_MAX_SERIES; i++) {
        free(a->names[i]);
        a->names[i] = NULL;
    }
    answer_notes(a, info);
    return ferror(a->out) ? VARVE_E_IO : 0;
}

const struct varve_query_sink answer_csv = {
    .begin = csv_begin,
    .series = csv_series,
    .points = csv_points,
    .end = csv_end,
};
