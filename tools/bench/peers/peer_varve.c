// SPDX-License-Identifier: Apache-2.0
// Contestant: varve itself, through the host API and without tasks. Its clocks go by the rows, so
// that windows are cut, flushed and synced, tiers expire and the WAL is copied back at the times of
// real life. The only one that looks into the core: no public call gives out blocks.
#include <stdlib.h>
#include <string.h>

#include "core/host_state.h"
#include "peer.h"
#include "varve/block.h"
#include "varve/host.h"
#include "varve/port.h"
#include "varve/query.h"

#define PAGE_BYTES 4096u

extern const struct varve_plugin *const varve_static_plugins[];

static uint8_t memory[64u << 20] __attribute__((aligned(64)));
static uint8_t query_memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static const struct rows *feed;
static int ids[ROWS_MAX_SERIES];
static int64_t row_ms; // what the wall clock says, once there are rows

// The linker puts these in place of the port's (--wrap).
int64_t __wrap_varve_port_wall_ms(void);
int64_t __wrap_varve_port_boot_ms(void);
int64_t __real_varve_port_wall_ms(void);

int64_t __wrap_varve_port_wall_ms(void)
{
    return feed != NULL ? row_ms : __real_varve_port_wall_ms();
}

int64_t __wrap_varve_port_boot_ms(void)
{
    return feed != NULL ? 1 + row_ms - feed->first_ms : 1;
}

static const char *environment(const char *name)
{
    return getenv(name);
}

static void unavailable(const char *why)
{
    (void)fprintf(stderr, "%s\n", why);
    exit(PEER_UNAVAILABLE);
}

static void open_varve(const struct rows *rows, const struct peer_setup *setup)
{
    char why[VARVE_MESSAGE_TEXT] = "";
    feed = rows;
    row_ms = rows->first_ms;
    varve_registry_init(&registry, varve_static_plugins);
    varve_conf_init(&conf, &registry, environment);
    if (varve_conf_load(&conf, setup->conf) != 0 || varve_conf_finish(&conf) != 0) {
        unavailable(conf.errors[0]);
    }
    unsigned flags = VARVE_HOST_NO_COLLECTORS | VARVE_HOST_FRESH_MEMORY;
    if (varve_host_init(&host, &conf, memory, sizeof memory, flags, why, sizeof why) != 0) {
        die("varve", why);
    }
    for (uint32_t i = 0; i < rows->series; i++) {
        struct varve_series_def def = {.text = rows->names[i], .unit = "", .help = ""};
        def.kind = rows->counter[i] ? VARVE_COUNTER : VARVE_GAUGE;
        ids[i] = varve_series_add(host, &def);
        if (ids[i] < 0) {
            die(rows->names[i], "varve refuses this series");
        }
    }
}

static void push_row(int64_t time_ms, const double *values)
{
    row_ms = time_ms;
    for (uint32_t i = 0; i < feed->series; i++) {
        if (values[i] == values[i]) {                              // not a NaN: there is a sample
            (void)varve_push_at(host, ids[i], time_ms, values[i]); // counted; settle() looks
        }
    }
    (void)varve_host_step(host); // the ms until the next one
}

static void refuse_losses(void)
{
    struct varve_stats stats;
    varve_host_stats(host, &stats);
    if (stats.dropped != 0 || stats.rejected != 0) {
        die("varve", "it dropped or refused samples");
    }
    for (uint32_t i = 0; i < stats.backend_count; i++) {
        if (stats.backends[i].blocks_dropped != 0) {
            die(stats.backends[i].name, "it lost blocks that RAM could not hold");
        }
    }
}

static uint64_t flash_bytes(void)
{
    struct varve_stats stats;
    varve_host_stats(host, &stats);
    return stats.flash_bytes_session;
}

struct answer {
    size_t count;
    struct peer_points *points;
};

static int take_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    struct answer *answer = arg;
    (void)id;
    for (size_t i = 0; answer->points != NULL && i < n; i++) {
        peer_point(answer->points, points[i].time_ms, points[i].value);
    }
    answer->count += n;
    return 0;
}

static int ignore_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int find_tier(int64_t step_ms)
{
    const struct varve_tier *tiers;
    size_t count = varve_host_tiers(host, &tiers);
    for (size_t i = 0; i < count; i++) {
        if (tiers[i].step_ms == step_ms) {
            return (int)i;
        }
    }
    die("varve", "the configuration has no tier of minutes");
}

static size_t read_series(const struct peer_query *q, struct peer_points *out)
{
    struct answer answer = {.points = out};
    char why[256] = "";
    struct varve_query query = {.selector = feed->names[q->series],
                                .from_ms = q->from_ms,
                                .to_ms = q->to_ms,
                                .tier = q->minutes ? find_tier(60000) : 0};
    struct varve_query_sink sink = {.arg = &answer, .series = ignore_series, .points = take_points};
    if (varve_query_run(host, &query, &sink, query_memory, sizeof query_memory, why, sizeof why) !=
        0) {
        die(query.selector, why);
    }
    return answer.count;
}

// Raw blocks of one persistent backend, each in whole pages, as stores place them.
static void add_blocks(struct varve_backend *backend, struct peer_raw *raw)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    const struct varve_backend_ops *ops = backend->instance.plugin->backend;
    struct varve_block_key key, after;
    const struct varve_block_key *previous = NULL;
    while (ops->next(&backend->instance, 0, previous, INT64_MIN, &key) == 0) {
        struct varve_block_info info;
        const int length = ops->get(&backend->instance, 0, &key, block, sizeof block);
        if (length < 0 || varve_block_open(block, (size_t)length, &info) != 0) {
            die("varve", "a raw block cannot be read");
        }
        raw->bytes += ((uint64_t)info.length + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
        raw->samples += info.rows;
        after = key;
        previous = &after;
    }
}

static void measure_raw(struct peer_raw *raw)
{
    *raw = (struct peer_raw){0};
    for (size_t b = 0; b < host->backend_count; b++) {
        struct varve_backend *backend = &host->backends[b];
        if (backend->persistent && (backend->conf->tiers & 1u) != 0) {
            add_blocks(backend, raw);
        }
    }
}

static void close_varve(void)
{
    if (varve_host_shutdown(host) != 0) {
        die("varve", "it cannot make durable what it holds");
    }
}

const struct peer peer_varve = {.name = "varve",
                                .open = open_varve,
                                .row = push_row,
                                .settle = refuse_losses,
                                .read = read_series,
                                .raw = measure_raw,
                                .ledger = flash_bytes,
                                .close = close_varve};
