// SPDX-License-Identifier: Apache-2.0
// query_bench: the same questions to varve, Prometheus and VictoriaMetrics about the same samples;
// the program under tools/bench/query, which fills the three and starts the servers.
//
//   samples.c ─▶ CSV for `varve import`, OpenMetrics for promtool, HTTP for VictoriaMetrics
//   ours.c, theirs.c ─▶ answer.c: points to compare; the time that an answer takes
//   exports.c ─▶ lines of CSV a second, and a sum of all lines to compare
//
// Everything here ends the program with a message on failure. Threading: one task.
#ifndef VARVE_BENCH_ASKING_H
#define VARVE_BENCH_ASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../peers/rows.h" // die()

#define DAY_MS INT64_C(86400000)

// ---- samples ------------------------------------------------------------------------------------

// The workload in the last `hours` before the end, and one log-normal gauge, `latency_ms`, through
// the last `days`; a row every 5 s. No sample is on a whole second, so that none is on the edge of
// a window, where programs may differ.
struct samples {
    int64_t end_ms; // a multiple of an hour
    unsigned hours, days;
    uint64_t seed;
};

// When the first row is, and the first with the workload.
int64_t samples_begin(const struct samples *s);
int64_t samples_workload(const struct samples *s);

// Writes FOLDER/in.csv in the order of time.
void samples_csv(const struct samples *s, const char *folder);
// Writes FOLDER/NNNN.om: each lies in one or some whole blocks of Prometheus (two hours), so that
// promtool does not read all of it for each block.
void samples_openmetrics(const struct samples *s, const char *folder);
// Sends them to the VictoriaMetrics at a port of 127.0.0.1, and waits until they can be read.
void samples_send(const struct samples *s, const char *address);

// ---- answers ------------------------------------------------------------------------------------

// `key` tells the series of one answer apart: the number in its label `resource`, or 0.
struct point {
    uint32_t key;
    int64_t time_ms;
    double value;
};

struct answer {
    struct point *points;
    size_t n, cap;
};

void answer_clear(struct answer *a);
void answer_add(struct answer *a, uint32_t key, int64_t time_ms, double value);
// The key of a text with resource="rNN" in it.
uint32_t answer_key(const char *labels);
// How many points of one are not in the other, with a relative error of at most `tolerance`. Sorts
// both.
size_t answer_differences(struct answer *a, struct answer *b, double tolerance);

// ---- asking -------------------------------------------------------------------------------------

struct question {
    const char *name;
    char text[128]; // an expression; for varve with `points` the selector of a query
    char range[16]; // what makes an expression of such a selector: "[24h]"
    int64_t from_ms, to_ms;
    int64_t step_ms;  // 0: at to_ms alone
    bool points;      // raw samples as they are
    int tier;         // of varve: an index, or VARVE_TIER_AUTO
    double tolerance; // of values, relative: sketches are within 1 %
};

struct timing {
    double engine_ms; // CPU, of the query alone; negative: not known
    double trip_ms;   // wall time from question to end of the answer
    size_t points;
    char tier[16];
};

// Opens a stopped store by its configuration; as a daemon does, or read-only, without a cache.
void ours_open(const char *config, bool as_daemon);
void ours_close(void);
void ours_connect(const char *socket);
void ours_disconnect(void);
// Asks the engine in this process, or the daemon, which must give as many points; the shortest of
// `runs` and, of the engine, the answer.
void ours_engine(const struct question *q, unsigned runs, struct timing *t, struct answer *a);
void ours_trip(const struct question *q, unsigned runs, struct timing *t);

// Servers with Prometheus' API; `export` is VictoriaMetrics' way to get samples as they are.
// `cached`: what the server keeps of earlier answers may be used.
struct server {
    const char *address; // port
    bool victoria;
    bool cached;
};

void theirs_ask(const struct server *s, const struct question *q, unsigned runs, struct timing *t,
                struct answer *a);

// ---- exports ------------------------------------------------------------------------------------

struct exported {
    uint64_t lines;
    uint64_t sum; // of a hash of each line's series, time and value: the order does not matter
    double seconds;
};

// A command whose output is read, or, with an address, a path of a server. Reads twice: for time,
// and for the sum.
void export_command(const char *command, struct exported *e);
void export_request(const char *address, const char *path, struct exported *e);

// Seconds since some moment, and CPU seconds of this process.
double now_s(void);
double cpu_s(void);

#endif
