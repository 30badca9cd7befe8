// SPDX-License-Identifier: Apache-2.0
// Samples out of a file, whatever its format: what the readers of formats share.
//
// A reader gives samples in the order of the file. `series` of a sample is a key: the same bytes
// for the same series, nothing more; reader_series() says which series a new key stands for. Owns
// the life of a format's state. Leaves each format to read_*.c, which format a file has to
// formats.h, and order, ids and duplicates to the import.
//
// A reader takes every file for hostile: it bounds what it keeps, and never trusts a length.
//
// Threading: a reader belongs to one task. Memory comes from malloc.
#ifndef VARVE_READER_H
#define VARVE_READER_H

#include <stdio.h>

#include "samples.h"
#include "varve/types.h"

#define READER_WHY  160u
#define READER_HELP 256u

// Of times in Influx' lines.
enum reader_unit {
    READER_NS,
    READER_US,
    READER_MS,
    READER_S,
};

// What the command line says of a file; zero: nothing.
struct reader_options {
    const char *path;      // of the file, for formats that have no names inside
    size_t number;         // of the file among those of the import, for keys of such formats
    const char *name;      // the metric's name instead; NULL: of the path
    bool collectd;         // the path is HOST/PLUGIN/TYPE
    enum reader_unit unit; // of influx
};

// What a file says of a series.
struct reader_series {
    char text[VARVE_SERIES_TEXT]; // any valid spelling
    char unit[VARVE_UNIT_TEXT];
    char help[READER_HELP];
    bool typed; // the kind is known
    enum varve_kind kind;
};

struct reader_format;

struct reader {
    const struct reader_format *format;
    struct reader_options options;
    FILE *file;
    uint64_t line;        // of the last sample or refusal, from 1
    char why[READER_WHY]; // of the last refusal
    void *state;          // the format's
};

struct reader_format {
    size_t state_bytes;
    bool scattered; // samples come in no order of time: do not look for one
    // Prepares the state, which is zeroed. Returns 0 or VARVE_E_NO_MEMORY.
    int (*open)(struct reader *r);
    int (*next)(struct reader *r, struct sample *out);
    int (*series)(struct reader *r, const struct sample *sample, struct reader_series *out);
    void (*close)(struct reader *r); // frees what open() and next() took
};

extern const struct reader_format reader_csv;
extern const struct reader_format reader_openmetrics;
extern const struct reader_format reader_prometheus;
extern const struct reader_format reader_influx;
extern const struct reader_format reader_jsonl;
extern const struct reader_format reader_rrd;

// Reads `file`, which stays the caller's, from where it stands. `options` may be NULL; what it
// points to must stay. Returns 0 or VARVE_E_NO_MEMORY. Close it in any case.
int reader_open(struct reader *r, const struct reader_format *format, FILE *file,
                const struct reader_options *options);
void reader_close(struct reader *r);

// Returns 1 with a sample, 0 at the end, VARVE_E_INVALID for something that makes no sense (r->why
// and r->line say why and where; reading can go on), VARVE_E_IO, or VARVE_E_NO_MEMORY.
int reader_next(struct reader *r, struct sample *out);

// Says which series the last sample is of. Returns 0, or VARVE_E_INVALID or VARVE_E_TOO_BIG with
// r->why.
int reader_series(struct reader *r, const struct sample *sample, struct reader_series *out);

// For formats: keeps the reason. Returns VARVE_E_INVALID.
int reader_refuse(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

// For formats: the next line that is not empty into `text`, without an end of \r\n, with a NUL;
// sets r->line. Returns 1, 0 at the end, VARVE_E_INVALID for a line of `cap` bytes or more, or with
// a NUL inside, or VARVE_E_IO.
int reader_line(struct reader *r, struct lines *lines, char *text, size_t cap, size_t *len);

// For formats: a series text out of names and raw values. Characters that a name may not have
// become `_`; an empty name becomes `_`.
struct reader_name {
    char *text;
    size_t len, cap;
    size_t labels;
    bool cut;
};

void reader_name_begin(struct reader_name *n, char *text, size_t cap);
void reader_name_add(struct reader_name *n, const char *part, size_t len); // to the metric's name
void reader_name_label(struct reader_name *n, const char *key, size_t key_len, const char *value,
                       size_t value_len);
// Returns 0, or VARVE_E_TOO_BIG with r->why when it did not fit.
int reader_name_end(struct reader *r, struct reader_name *n);

#endif
