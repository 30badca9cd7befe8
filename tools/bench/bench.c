// SPDX-License-Identifier: Apache-2.0
// Figures of the data path, in one process and beside a peer where there is one:
//
//   push      one producer, the consumer draining in between: ns per push
//   pipeline  samples of the reference workload through ring, rollup, blocks and SQLite
//   sqlite    the same samples as rows of one table in batches, the tuned peer
//   query     reading one series and all series back
//   expr      expressions over a day
//
// It prints; it never fails on a figure.
#include <getopt.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "varve/expr.h"
#include "varve/host.h"
#include "workload.h"

extern const struct varve_plugin *const varve_static_plugins[];

static uint8_t memory[32u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_registry registry;
static struct varve_conf conf;

struct options {
    size_t samples;
    uint64_t seed;
    const char *dir;
};

static double seconds(void)
{
    return (double)varve_port_mono_us() / 1e6;
}

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench: %s: %s\n", what, why);
    exit(1);
}

static void remove_store(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-journal", "-shm"};
    char name[512];
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        (void)varve_format(name, sizeof name, "%s%s", path, suffixes[i]);
        (void)unlink(name); // it may well not exist
    }
}

// A host with the default tiers, and a SQLite store at `path` unless it is NULL.
static struct varve_host *make_host(const char *path)
{
    struct varve_host *host;
    char why[256] = "", setting[512];
    varve_registry_init(&registry, varve_static_plugins);
    varve_conf_init(&conf, &registry, NULL);
    varve_conf_default_tiers(&conf);
    int rc = 0;
    if (path != NULL) {
        (void)varve_format(setting, sizeof setting, "backend flash.path=%s", path);
        rc = varve_conf_add(&conf, VARVE_BACKEND, "sqlite", "flash");
        rc = rc == 0 ? varve_conf_set(&conf, setting) : rc;
    }
    rc = rc == 0 ? varve_conf_set(&conf, "varve.state=/tmp") : rc;
    rc = rc == 0 ? varve_conf_finish(&conf) : rc;
    if (rc != 0) {
        die("configuration", conf.errors[0]);
    }
    rc = varve_host_init(&host, &conf, memory, sizeof memory, VARVE_HOST_NO_COLLECTORS, why,
                         sizeof why);
    if (rc != 0) {
        die("host", why);
    }
    return host;
}

static void add_series(struct varve_host *host, int ids[WORKLOAD_SERIES])
{
    char text[VARVE_SERIES_TEXT];
    for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
        struct varve_series_def def = {.text = text, .unit = "", .help = ""};
        def.kind = workload_series(i, text, sizeof text) ? VARVE_COUNTER : VARVE_GAUGE;
        ids[i] = varve_series_add(host, &def);
    }
}

// ---- push ---------------------------------------------------------------------------------------

static void bench_push(const struct options *options)
{
    struct varve_host *host = make_host(NULL);
    int ids[WORKLOAD_SERIES];
    double best_boot = 1e9, best_now = 1e9;
    add_series(host, ids);
    const size_t round = 4096;
    size_t rounds = options->samples / round + 1;
    int64_t boot_ms = varve_port_boot_ms();
    for (size_t r = 0; r < rounds; r++) {
        double began = seconds();
        for (size_t i = 0; i < round; i++) {
            (void)varve_push_boot(host, ids[i % WORKLOAD_SERIES], boot_ms, (double)i);
        }
        double middle = seconds();
        (void)varve_host_step(host);
        double drained = seconds();
        for (size_t i = 0; i < round; i++) {
            (void)varve_push(host, ids[i % WORKLOAD_SERIES], (double)i);
        }
        double ended = seconds();
        (void)varve_host_step(host);
        best_boot = middle - began < best_boot ? middle - began : best_boot;
        best_now = ended - drained < best_now ? ended - drained : best_now;
    }
    struct varve_stats stats;
    varve_host_stats(host, &stats);
    printf(
        "push      stamped by the caller   %8.1f ns  (best of %zu rounds of %zu; dropped %" PRIu64
        ")\n",
        best_boot / (double)round * 1e9, rounds, round, stats.dropped);
    printf("push      stamped now             %8.1f ns\n", best_now / (double)round * 1e9);
    (void)varve_host_shutdown(host);
}

// ---- pipeline -----------------------------------------------------------------------------------

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare_doubles);
    return n > 0 ? values[n / 2] : 0;
}

// Generated in advance, so that only varve is timed.
static double *generate(const struct options *options, size_t *rounds)
{
    struct workload w;
    *rounds = options->samples / WORKLOAD_SERIES + 1;
    double *values = malloc(*rounds * WORKLOAD_SERIES * sizeof *values);
    if (values == NULL) {
        die("memory", "not enough for the samples");
    }
    workload_init(&w, options->seed);
    for (size_t r = 0; r < *rounds; r++) {
        workload_next(&w, values + r * WORKLOAD_SERIES);
    }
    return values;
}

static void print_rate(const char *name, size_t samples, double took)
{
    printf("%-9s %zu samples           %8.0f ksamples/s  %7.3f s per million\n", name, samples,
           (double)samples / took / 1e3, took / (double)samples * 1e6);
}

static int64_t start_ms(size_t rounds)
{
    int64_t now_ms = varve_port_wall_ms();
    return now_ms - now_ms % WORKLOAD_STEP_MS - (int64_t)rounds * WORKLOAD_STEP_MS;
}

// One round of the workload, row `row` of `values`, at time_ms.
static void push_round(struct varve_host *host, const int *ids, const double *values, size_t row,
                       int64_t time_ms)
{
    for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
        (void)varve_push_at(host, ids[i], time_ms, values[row * WORKLOAD_SERIES + i]);
    }
}

#define COMMITS       100u
#define WINDOW_ROUNDS 60u

// Windows stored one by one, each with its own commit.
static void time_commits(struct varve_host *host, const int *ids, const double *values,
                         size_t rounds, int64_t time_ms)
{
    double commits[COMMITS] = {0};
    size_t count = 0;
    struct varve_stats stats = {0};
    size_t row = 0;
    for (size_t r = 0; r < COMMITS; r++) {
        uint64_t seen = stats.backends[0].blocks_put;
        for (size_t k = 0; k < WINDOW_ROUNDS; k++, time_ms += WORKLOAD_STEP_MS) {
            push_round(host, ids, values, row, time_ms);
            row = row + 1 < rounds ? row + 1 : 0;
            (void)varve_host_step(host);
        }
        varve_host_stats(host, &stats);
        if (r > 0 && stats.backends[0].blocks_put > seen) {
            commits[count++] = stats.backends[0].commit_last_us / 1e3;
        }
    }
    double middle = median(commits, count);
    printf("commit    one window of %u samples %7.2f ms median of %zu, %7.2f ms longest\n",
           WINDOW_ROUNDS * WORKLOAD_SERIES, middle, count, count > 0 ? commits[count - 1] : 0);
    printf("flash     %.2f bytes per sample, %" PRIu64 " syncs, stored %" PRIu64
           " KiB, dropped %" PRIu64 ", rejected %" PRIu64 "\n",
           stats.flash_bytes_per_sample, stats.backends[0].syncs, stats.stored_bytes / 1024,
           stats.dropped, stats.rejected);
    printf("memory    %u KiB of static memory carved\n", stats.memory_used / 1024);
}

static void bench_pipeline(const double *values, size_t rounds, const char *path)
{
    int ids[WORKLOAD_SERIES];
    remove_store(path);
    struct varve_host *host = make_host(path);
    add_series(host, ids);
    int64_t time_ms = start_ms(rounds);
    double began = seconds();
    for (size_t r = 0; r < rounds; r++, time_ms += WORKLOAD_STEP_MS) {
        push_round(host, ids, values, r, time_ms);
        if (r % 16 == 15) {
            (void)varve_host_step(host);
        }
    }
    (void)varve_host_flush(host, 10000);
    print_rate("pipeline", rounds * WORKLOAD_SERIES, seconds() - began);
    time_commits(host, ids, values, rounds, time_ms);
    (void)varve_host_shutdown(host);
}

// ---- the peer -----------------------------------------------------------------------------------

static void run_sql(sqlite3 *db, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &why) != SQLITE_OK) {
        die(sql, why != NULL ? why : "failed");
    }
}

static void bench_sqlite(const double *values, size_t rounds, const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    remove_store(path);
    if (sqlite3_open(path, &db) != SQLITE_OK) {
        die(path, sqlite3_errmsg(db));
    }
    run_sql(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; CREATE TABLE samples(series "
                "INTEGER, ts INTEGER, value REAL, PRIMARY KEY(series, ts)) WITHOUT ROWID");
    sqlite3_prepare_v2(db, "INSERT INTO samples VALUES(?,?,?)", -1, &insert, NULL);
    int64_t time_ms = start_ms(rounds);
    double began = seconds();
    for (size_t r = 0; r < rounds; r++, time_ms += WORKLOAD_STEP_MS) {
        if (r % 60 == 0) {
            run_sql(db, r == 0 ? "BEGIN" : "COMMIT; BEGIN");
        }
        for (size_t i = 0; i < WORKLOAD_SERIES; i++) {
            sqlite3_bind_int64(insert, 1, (sqlite3_int64)i);
            sqlite3_bind_int64(insert, 2, time_ms);
            sqlite3_bind_double(insert, 3, values[r * WORKLOAD_SERIES + i]);
            sqlite3_step(insert);
            sqlite3_reset(insert);
        }
    }
    run_sql(db, "COMMIT");
    print_rate("sqlite", rounds * WORKLOAD_SERIES, seconds() - began);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    remove_store(path);
}

// ---- query --------------------------------------------------------------------------------------

static int count_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    (void)points;
    *(size_t *)arg += n;
    return 0;
}

static int ignore_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static void time_query(struct varve_host *host, const char *name, const char *selector, int tier,
                       int64_t to_ms)
{
    size_t points = 0;
    char why[256];
    struct varve_query query = {
        .selector = selector, .from_ms = to_ms - INT64_C(86400000), .to_ms = to_ms, .tier = tier};
    struct varve_query_sink sink = {
        .arg = &points, .series = ignore_series, .points = count_points};
    double first = 0, best = 1e9;
    for (int i = 0; i < 6; i++) {
        points = 0;
        double began = seconds();
        int rc = varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why,
                                 sizeof why);
        double took = seconds() - began;
        if (rc != 0) {
            die(selector, why);
        }
        first = i == 0 ? took : first;
        best = i > 0 && took < best ? took : best;
    }
    printf("query     %-24s %7.3f ms  %zu points; asked again %.3f ms (best of 5)\n", name,
           first * 1e3, points, best * 1e3);
}

static int ignore_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    (void)info;
    return 0;
}

// CPU time: a shared machine changes the other one.
static void time_expr(struct varve_host *host, const char *name, const char *text, int tier,
                      int64_t to_ms, int64_t step_ms)
{
    size_t points = 0;
    char why[256];
    const struct varve_expr_query query = {.text = text,
                                           .from_ms = to_ms - INT64_C(86340000),
                                           .to_ms = to_ms,
                                           .step_ms = step_ms,
                                           .tier = tier};
    const struct varve_query_sink sink = {.arg = &points,
                                          .begin = ignore_info,
                                          .series = ignore_series,
                                          .points = count_points,
                                          .end = ignore_info};
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        points = 0;
        clock_t began = clock();
        int rc =
            varve_expr_run(host, &query, &sink, query_memory, VARVE_EXPR_MEMORY, why, sizeof why);
        double took = (double)(clock() - began) / CLOCKS_PER_SEC;
        if (rc != 0) {
            die(text, why);
        }
        best = took < best ? took : best;
    }
    printf("expr      %-24s %7.2f ms CPU  %zu points (best of 5): %s\n", name, best * 1e3, points,
           text);
}

static void bench_expr(struct varve_host *host, int64_t newest_ms)
{
    int64_t to_ms = newest_ms - newest_ms % 60000;
    time_expr(host, "one series, raw", "cpu_percent{resource=\"r07\"}[1d]", 0, to_ms, 0);
    time_expr(host, "one series, raw, folded", "avg_over_time(cpu_percent{resource=\"r07\"}[1d])",
              0, to_ms, 0);
    time_expr(host, "all series, minutes", "avg by (resource) ({resource=~\".+\"})", 1, to_ms,
              60000);
    time_expr(host, "rates, minutes", "sum(rate({__name__=~\"disk.*\"}[5m]))", 1, to_ms, 60000);
    time_expr(host, "all series, raw", "avg by (resource) ({resource=~\".+\"})", 0, to_ms, 60000);
}

static void bench_query(const char *path)
{
    struct varve_host *host = make_host(path);
    struct varve_stats stats;
    varve_host_stats(host, &stats);
    int64_t to_ms = stats.tiers[0].newest_ms;
    time_query(host, "one series, raw", "cpu_percent{resource=\"r07\"}", 0, to_ms);
    time_query(host, "one series, minutes", "cpu_percent{resource=\"r07\"}", 1, to_ms);
    time_query(host, "all series, raw", "*", 0, to_ms);
    bench_expr(host, to_ms);
    (void)varve_host_shutdown(host);
}

// ---- main ---------------------------------------------------------------------------------------

static void usage(void)
{
    puts(
        "usage: bench [--samples N] [--seed S] [--dir DIR]\n"
        "Times push, the whole pipeline into SQLite, a row-per-sample SQLite table as the peer, "
        "and\n"
        "queries. Defaults: 1000000 samples, seed 1, DIR /tmp (a file there is made and removed).");
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option longs[] = {{"samples", required_argument, NULL, 'n'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"dir", required_argument, NULL, 'd'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    struct options options = {.samples = 1000000, .seed = 1, .dir = "/tmp"};
    int c;
    while ((c = getopt_long(argc, argv, "n:s:d:h", longs, NULL)) != -1) {
        if (c == 'n') {
            options.samples = (size_t)strtoull(optarg, NULL, 10);
        } else if (c == 's') {
            options.seed = strtoull(optarg, NULL, 10);
        } else if (c == 'd') {
            options.dir = optarg;
        } else {
            usage();
            exit(c == 'h' ? 0 : 2);
        }
    }
    return options;
}

int main(int argc, char **argv)
{
    struct options options = parse_options(argc, argv);
    char path[400], peer[400];
    size_t rounds;
    (void)varve_format(path, sizeof path, "%s/varve-bench.db", options.dir);
    (void)varve_format(peer, sizeof peer, "%s/varve-bench-peer.db", options.dir);
    double *values = generate(&options, &rounds);
    bench_push(&options);
    bench_pipeline(values, rounds, path);
    bench_query(path);
    bench_sqlite(values, rounds, peer);
    remove_store(path);
    free(values);
    return 0;
}
