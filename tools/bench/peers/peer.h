// SPDX-License-Identifier: Apache-2.0
// What a contestant of tools/bench/storage is: something that takes rows and gives points back.
// Each lives in a file of its own and keeps its state there: a process runs one. All of them end
// the program with a message when something fails: a figure of half a run is none.
//
// Threading: one task.
#ifndef VARVE_BENCH_PEER_H
#define VARVE_BENCH_PEER_H

#include <stddef.h>

#include "rows.h"

struct peer_setup {
    const char *dir;     // on the measured filesystem
    const char *conf;    // varve: its INI
    const char *address; // servers: HOST:PORT on loopback, or the path of a socket
    int64_t keep_ms;     // how long raw samples are kept
    bool measured;       // rows from now on count; the warm-up is over
};

// What a read gives back, in time order: one series' samples, or averages stamped with the start of
// their minute.
struct peer_points {
    size_t count, cap;
    int64_t *time_ms;
    double *value;
};

// What the raw samples take where they are durable. Both 0: they are not.
struct peer_raw {
    uint64_t bytes, samples;
};

// One series over a range, both ends inclusive.
struct peer_query {
    uint32_t series;
    int64_t from_ms, to_ms;
    bool minutes; // averages of each minute instead of the samples
};

struct peer {
    const char *name;
    bool server; // the work is done by another process, whose id the caller gives
    void (*open)(const struct rows *rows, const struct peer_setup *setup);
    void (*row)(int64_t time_ms, const double *values);
    // Waits until what it got is where it belongs, for those that write when the wall clock says
    // so; part of what is measured. NULL: rows are stored when row() returns, or by the rows' time.
    void (*wait)(void);
    // Makes everything visible to queries; not part of what is measured.
    void (*settle)(void);
    // Number of points that came; they are put into `points` unless it is NULL. More than fit are
    // counted only.
    size_t (*read)(const struct peer_query *query, struct peer_points *points);
    // Comes with what all files take and all samples that it ever got, and corrects what is not so.
    // NULL: nothing to correct.
    void (*raw)(struct peer_raw *raw);
    uint64_t (*ledger)(void); // bytes that it says it wrote to flash; NULL: it keeps no account
    // What its documents say of raw values that come back: largest relative error; 0: exact.
    double precision;
    // A minute's average is of the samples behind its start up to its end; otherwise of those from
    // its start to before its end.
    bool minutes_by_end;
    void (*close)(void);
};

extern const struct peer peer_varve, peer_sqlite_naive, peer_sqlite_tuned, peer_rrd, peer_influx,
    peer_victoria;

// Appends one point.
static inline void peer_point(struct peer_points *points, int64_t time_ms, double value)
{
    if (points != NULL) {
        if (points->count < points->cap) {
            points->time_ms[points->count] = time_ms;
            points->value[points->count] = value;
        }
        points->count++;
    }
}

// Exit code when this build does not have what the configuration asks for.
#define PEER_UNAVAILABLE 3

#endif
