// SPDX-License-Identifier: Apache-2.0
// What an RRD file holds: data sources, and archives with rows of values.
//
// Owns parsing a dump and its limits. Leaves what becomes of the rows, and names, to read_rrd.c.
//
// Threading: belongs to one task. Memory comes from malloc.
#ifndef VARVE_RRD_H
#define VARVE_RRD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader.h"

#define RRD_NAME         64u
#define RRD_SOURCES_MAX  1024u
#define RRD_ARCHIVES_MAX 1024u

enum rrd_function {
    RRD_AVERAGE,
    RRD_MIN,
    RRD_MAX,
    RRD_LAST,
    RRD_FUNCTIONS, // any other: its archives are passed over
};

struct rrd_source {
    char name[RRD_NAME];
    bool rate; // what it counts is kept per second
};

struct rrd_archive {
    enum rrd_function function;
    int64_t per_row; // steps
    double *values;  // row by row, the oldest first, one for each source; NaN: unknown
    size_t count, cap;
};

struct rrd {
    int64_t step_s, last_update_s;
    struct rrd_source sources[RRD_SOURCES_MAX];
    size_t source_count;
    struct rrd_archive archives[RRD_ARCHIVES_MAX]; // the finest first
    size_t archive_count;
};

// Parses the dump that `r` has to read into `rrd`, which is zero. Returns 0, VARVE_E_INVALID with
// r->why and r->line, VARVE_E_IO or VARVE_E_NO_MEMORY. Free it in any case.
int rrd_parse(struct reader *r, struct rrd *rrd);
void rrd_free(struct rrd *rrd);

#endif
