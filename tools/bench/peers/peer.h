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
    long pace_s;         // servers that write by the wall clock: wait this long behind each request
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
    // Makes everything visible to queries; not part of what is measured.
    void (*settle)(void);
    size_t (*read)(const struct peer_query *query); // number of points that came
    uint64_t (*ledger)(void); // bytes that it says it wrote to flash; NULL: it keeps no account
    void (*close)(void);
};

extern const struct peer peer_varve, peer_sqlite_naive, peer_sqlite_tuned, peer_rrd, peer_influx,
    peer_victoria;

// Exit code when this build does not have what the configuration asks for.
#define PEER_UNAVAILABLE 3

#endif
