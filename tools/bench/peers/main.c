// SPDX-License-Identifier: Apache-2.0
// storage_bench: makes workload files and runs one contestant through one of them; the program
// under tools/bench/storage, which prepares the filesystem and starts the servers.
//
// A run feeds the warm-up, reads the counters, feeds the rest, and reads them again, both times in
// the middle of what a contestant holds in RAM: in a steady state what is missing at the end was
// counted at the beginning. Then the queries are timed and their answers compared with the rows. It
// prints `key value` lines.
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "meter.h"
#include "peer.h"
#include "verify.h"

#define DAY_MS INT64_C(86400000)

static const struct peer *const peers[] = {&peer_varve, &peer_sqlite_naive, &peer_sqlite_tuned,
                                           &peer_rrd,   &peer_influx,       &peer_victoria,
                                           NULL};

struct options {
    double hours;
    uint64_t seed;
    const char *csv;
    const char *stat;
    double warmup_hours;
    long pid;
    struct peer_setup setup;
};

struct marks {
    struct meter meter;
    uint64_t ledger;
};

static struct rows rows;
static double values[ROWS_MAX_SERIES];

static void usage(void)
{
    puts("usage: storage_bench generate FILE --hours N [--seed S | --csv FILE]\n"
         "       storage_bench CONTESTANT FILE --dir DIR --stat /sys/block/NAME/stat --warmup "
         "HOURS\n"
         "                     [--keep HOURS] [--conf INI] [--address PORT|SOCKET --pid PID]");
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option longs[] = {{"hours", required_argument, NULL, 'h'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"csv", required_argument, NULL, 'c'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"stat", required_argument, NULL, 'b'},
                                          {"warmup", required_argument, NULL, 'w'},
                                          {"conf", required_argument, NULL, 'i'},
                                          {"address", required_argument, NULL, 'a'},
                                          {"pid", required_argument, NULL, 'p'},
                                          {"keep", required_argument, NULL, 'k'},
                                          {NULL, 0, NULL, 0}};
    struct options o = {.hours = 48, .seed = 1, .warmup_hours = 24, .setup = {.keep_ms = DAY_MS}};
    int c;
    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (c) {
        case 'h':
            o.hours = strtod(optarg, NULL);
            break;
        case 's':
            o.seed = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            o.csv = optarg;
            break;
        case 'd':
            o.setup.dir = optarg;
            break;
        case 'b':
            o.stat = optarg;
            break;
        case 'w':
            o.warmup_hours = strtod(optarg, NULL);
            break;
        case 'i':
            o.setup.conf = optarg;
            break;
        case 'a':
            o.setup.address = optarg;
            break;
        case 'p':
            o.pid = strtol(optarg, NULL, 10);
            break;
        case 'k':
            o.setup.keep_ms = (int64_t)(strtod(optarg, NULL) * 3600e3);
            break;
        default:
            usage();
            exit(2);
        }
    }
    return o;
}

static const struct peer *find_peer(const char *name)
{
    for (const struct peer *const *peer = peers; *peer != NULL; peer++) {
        if (strcmp((*peer)->name, name) == 0) {
            return *peer;
        }
    }
    die(name, "is no contestant");
}

static uint64_t count_samples(void)
{
    uint64_t samples = 0;
    for (uint32_t i = 0; i < rows.series; i++) {
        samples += values[i] == values[i]; // not a NaN
    }
    return samples;
}

// Feeds rows before `until_ms`; returns the number of samples. The first row that is not fed stays
// in `values`, its time in *time_ms; false in *more when there is none.
static uint64_t feed(const struct peer *peer, int64_t until_ms, int64_t *time_ms, bool *more)
{
    uint64_t samples = 0;
    while (*more && *time_ms < until_ms) {
        samples += count_samples();
        peer->row(*time_ms, values);
        *more = rows_next(&rows, time_ms, values);
    }
    return samples;
}

static void mark(struct marks *m, const struct peer *peer, const struct options *o)
{
    if (peer->wait != NULL) {
        peer->wait(); // what a server is about to write belongs before the mark
    }
    m->ledger = peer->ledger != NULL ? peer->ledger() : 0;
    meter_read(&m->meter, o->setup.dir, o->stat, o->pid);
}

static void print_marks(const struct marks *from, const struct marks *to, uint64_t samples)
{
    printf("samples %" PRIu64 "\n", samples);
    printf("series %u\n", rows.series);
    printf("device_bytes %" PRIu64 "\n", to->meter.device_bytes - from->meter.device_bytes);
    printf("ledger_bytes %" PRIu64 "\n", to->ledger - from->ledger);
    printf("cpu_s %.3f\n", to->meter.cpu_s - from->meter.cpu_s);
    printf("wall_s %.3f\n", to->meter.wall_s - from->meter.wall_s);
}

static void print_stored(const struct peer *peer, uint64_t stored_bytes, uint64_t samples)
{
    struct peer_raw raw = {.bytes = stored_bytes, .samples = samples};
    if (peer->raw != NULL) {
        peer->raw(&raw);
    }
    printf("stored_bytes %" PRIu64 "\n", stored_bytes);
    printf("raw_bytes %" PRIu64 "\nraw_samples %" PRIu64 "\n", raw.bytes, raw.samples);
}

static void run(const struct peer *peer, struct options *o)
{
    struct marks from, to;
    int64_t time_ms;
    bool more = rows_next(&rows, &time_ms, values);
    int64_t split_ms = rows.first_ms + (int64_t)(o->warmup_hours * 3600e3);
    peer->open(&rows, &o->setup);
    uint64_t warm_up = feed(peer, split_ms, &time_ms, &more);
    if (!more) {
        die("--warmup", "it takes the whole workload; nothing is left to measure");
    }
    // Files that were just written lie in the page cache in pieces of many pages, which the kernel
    // writes back whole when one byte of them changes through a mapping. A device reads them back
    // page by page after its next start.
    meter_forget(o->setup.dir);
    mark(&from, peer, o);
    o->setup.measured = true;
    uint64_t samples = feed(peer, INT64_MAX, &time_ms, &more);
    mark(&to, peer, o);
    print_marks(&from, &to, samples);
    const uint64_t stored = meter_stored(o->setup.dir);
    printf("peak_kib %" PRIu64 "\n", meter_peak_kib(o->pid));
    peer->settle();
    print_stored(peer, stored, warm_up + samples);
    verify(peer, &rows, o->setup.keep_ms);
    peer->close();
}

int main(int argc, char **argv)
{
    struct options o = parse_options(argc, argv);
    if (argc - optind != 2) {
        usage();
        return 2;
    }
    const char *what = argv[optind], *path = argv[optind + 1];
    if (strcmp(what, "generate") != 0) {
        if (o.setup.dir == NULL || o.stat == NULL) {
            usage();
            return 2;
        }
        rows_open(&rows, path);
        run(find_peer(what), &o);
    } else if (o.csv != NULL) {
        rows_from_csv(path, o.csv);
    } else {
        rows_generate(path, o.hours, o.seed);
    }
    return 0;
}
