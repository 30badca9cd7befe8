// SPDX-License-Identifier: Apache-2.0
// CSV, ts,series,value, for the import; see reader.h. Lines and fields are samples.h's.
#include <string.h>

#include "client/names.h"
#include "reader.h"
#include "varve/error.h"

static int open_csv(struct reader *r)
{
    samples_open(r->state, r->file);
    return 0;
}

static int next_csv(struct reader *r, struct sample *out)
{
    struct sample_reader *csv = r->state;
    int rc = samples_next(csv, out);
    r->line = csv->csv.lines.line;
    return rc == VARVE_E_INVALID ? reader_refuse(r, "%s", csv->csv.why) : rc;
}

static int series_of_csv(struct reader *r, const struct sample *sample, struct reader_series *out)
{
    char name[VARVE_SERIES_TEXT];
    if (memchr(sample->series.at, '\0', sample->series.len) != NULL) {
        return reader_refuse(r, "the series name has a NUL in it");
    }
    int n = snprintf(name, sizeof name, "%.*s", (int)sample->series.len, sample->series.at);
    if (n < 0 || (size_t)n >= sizeof name ||
        varve_name_to_series(name, out->text, sizeof out->text) < 0) {
        (void)reader_refuse(r, "the series name is longer than %u characters",
                            VARVE_SERIES_TEXT - 1);
        return VARVE_E_TOO_BIG;
    }
    return 0;
}

static void close_csv(struct reader *r)
{
    (void)r; // the state is all there is
}

const struct reader_format reader_csv = {
    .state_bytes = sizeof(struct sample_reader),
    .open = open_csv,
    .next = next_csv,
    .series = series_of_csv,
    .close = close_csv,
};
