// SPDX-License-Identifier: Apache-2.0
// What the fuzz targets of import share: any bytes as a file of a format.
//
// What must hold: reading ends; a sample has a key, and its series is a text with an end; a refusal
// says why and in which line of those that there are; the same bytes give the same again.
//
// Threading: one task.
#ifndef VARVE_TESTS_FUZZ_READER_H
#define VARVE_TESTS_FUZZ_READER_H

#include "fuzz.h"
#include "tools/varve/reader.h"
#include "varve/error.h"

struct fuzz_reading {
    uint64_t samples, refusals, sum;
};

static inline void fuzz_reading_series(struct reader *r, const struct sample *sample,
                                       struct fuzz_reading *seen)
{
    struct reader_series series;
    int rc = reader_series(r, sample, &series);
    FUZZ_CHECK(rc == 0 || rc == VARVE_E_INVALID || rc == VARVE_E_TOO_BIG);
    FUZZ_CHECK(rc == 0 || r->why[0] != '\0');
    FUZZ_CHECK(memchr(series.text, '\0', sizeof series.text) != NULL);
    FUZZ_CHECK(memchr(series.unit, '\0', sizeof series.unit) != NULL);
    FUZZ_CHECK(memchr(series.help, '\0', sizeof series.help) != NULL);
    FUZZ_CHECK(rc != 0 || series.text[0] != '\0');
    seen->sum = seen->sum * 31 + strlen(series.text);
}

static inline struct fuzz_reading fuzz_reading_of(const struct reader_format *format, uint8_t *data,
                                                  size_t size, uint64_t lines)
{
    struct fuzz_reading seen = {0, 0, 0};
    const struct reader_options options = {.path = "host/plugin-a/type.rrd",
                                           .collectd = size % 2 == 1,
                                           .unit = (enum reader_unit)(size % 4)};
    struct reader reader;
    struct sample sample;
    int got;
    FILE *file = fmemopen(data, size > 0 ? size : 1, "r");
    FUZZ_CHECK(file != NULL && reader_open(&reader, format, file, &options) == 0);
    while ((got = reader_next(&reader, &sample)) != 0) {
        FUZZ_CHECK(got == 1 || got == VARVE_E_INVALID);
        FUZZ_CHECK(reader.line >= 1 && reader.line <= lines);
        if (got == 1) {
            FUZZ_CHECK(sample.series.len > 0);
            fuzz_reading_series(&reader, &sample, &seen);
            seen.samples++;
            seen.sum = seen.sum * 31 + (uint64_t)sample.time_ms;
        } else {
            FUZZ_CHECK(reader.why[0] != '\0');
            seen.refusals++;
        }
    }
    reader_close(&reader);
    (void)fclose(file); // only read
    return seen;
}

static inline int fuzz_reader(const struct reader_format *format, const uint8_t *data, size_t size)
{
    uint8_t *copy = fuzz_copy(data, size);
    uint64_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += data[i] == '\n' || data[i] == '\r'; // expat takes both for an end
    }
    struct fuzz_reading first = fuzz_reading_of(format, copy, size, lines);
    struct fuzz_reading again = fuzz_reading_of(format, copy, size, lines);
    FUZZ_CHECK(first.samples == again.samples && first.refusals == again.refusals &&
               first.sum == again.sum);
    free(copy);
    return 0;
}

#endif
