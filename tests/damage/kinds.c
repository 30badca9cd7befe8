// SPDX-License-Identifier: Apache-2.0
// The kinds of stores and their lives: as many series as pages of B-trees need, slots that have
// been used again and made larger, events, a WAL with several transactions behind its checkpoint.
//
// Threading: one task.
#include <stdlib.h>

#include "damage.h"
#include "varve/port.h"

#define START_MS INT64_C(1775001600000) // 2026-04-01: later than the clock is trusted from
#define STEP_MS  INT64_C(10000)
#define SERIES   200
#define FEW      12
#define EARLY    240 // rows with few series
#define MIDDLE   120
#define LATE     60 // rows after the last checkpoint

#define SQLITE "[backend flash : sqlite]\npath = test.db\nheap = 512K\n"

const struct kind kinds[] = {
    {"wal", SQLITE "checkpoint = 10m\n", "", false},
    {"closed", SQLITE "checkpoint = 10m\n", "", true},
    {"small", SQLITE "page = 1K\nwal_limit = 64K\n", "half", false},
    {"inplace", SQLITE "journal = inplace\n", "", false},
    {"backup", SQLITE "checkpoint = 10m\n", "end", false},
    {"rotate", "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 2M\n", "", false},
    {NULL, NULL, NULL, false},
};

extern const struct varve_plugin varve_backend_sqlite;
extern const struct varve_plugin varve_backend_rotate;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, &varve_backend_rotate,
                                                     NULL};
static struct varve_registry registry;
static struct varve_conf conf;
static uint8_t memory[6u << 20] __attribute__((aligned(64)));
static struct test_random workload;

static void must(bool holds, const char *what)
{
    if (!holds) {
        (void)fprintf(stderr, "damage: the life of the store: %s\n", what);
        exit(2);
    }
}

void kind_configure(const struct kind *kind)
{
    char ini[1024];
    (void)snprintf(ini, sizeof ini,
                   "[varve]\nstate = /state\nflush = 1m\nseries = 512\nring = 1024\nwindow = 8192\n"
                   "cells = 2048\noutbox = 256K\n[tiers]\nraw = 10s keep 20m\n"
                   "minute = 1m keep 2h window 5m\nten = 10m keep 1d window 20m\n"
                   "[backup]\nquarantine = 1M\n%s",
                   kind->ini);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    must(varve_conf_parse(&conf, "ini", ini) == 0 && varve_conf_finish(&conf) == 0, conf.errors[0]);
}

int kind_open(struct varve_host **host, unsigned flags, char *why, size_t why_cap)
{
    why[0] = '\0';
    return varve_host_init(host, &conf, memory, sizeof memory, flags | VARVE_HOST_NO_COLLECTORS,
                           why, why_cap);
}

static void define(struct varve_host *host, int count)
{
    for (int i = 0; i < count; i++) {
        char text[96];
        (void)snprintf(text, sizeof text, "metric_%d{device=\"number %d\",kind=\"%s\"}", i % 17, i,
                       i % 3 == 0 ? "counter" : "gauge");
        const struct varve_series_def def = {text, "By", "One of the series of this test.",
                                             i % 3 == 0 ? VARVE_COUNTER : VARVE_GAUGE};
        must(varve_series_add(host, &def) >= 0, "a series is refused");
    }
}

static void step(struct varve_host *host)
{
    for (int i = 0; i < 1000 && varve_host_step(host) == 0; i++) {
    }
}

static void run(struct varve_host *host, int series, int rows)
{
    for (int row = 0; row < rows; row++) {
        varve_sim_advance(STEP_MS);
        for (int id = 0; id < series; id++) {
            const double noise = random_below(&workload, 1000) / 10.0;
            must(varve_push(host, id, id % 3 == 0 ? row * 100 + noise : noise) == 0, "push");
        }
        if (row % 7 == 0) {
            varve_host_event(host, VARVE_NOTICE, "test", "row", "one more row", "{\"of\":\"it\"}");
        }
        step(host);
    }
}

static void back_up(struct varve_host *host)
{
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    must(varve_host_flush(host, 1000) == 0, "flush");
    must(varve_host_backup(host, 0, made, sizeof made, NULL, NULL) == 0, made);
}

void kind_live(const struct kind *kind, uint64_t seed)
{
    struct varve_sim_device device;
    struct varve_host *host;
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.erase_block_bytes = 64u << 10;
    device.capacity_bytes = 16u << 20;
    must(varve_sim_make(&device, START_MS, why, sizeof why) == 0, why);
    varve_sim_log_level(VARVE_CRITICAL);
    must(varve_port_path_make_dir("/state") == 0, "the directory");
    workload = (struct test_random){.state = seed};
    kind_configure(kind);
    must(kind_open(&host, 0, why, sizeof why) == 0, why);
    define(host, FEW);
    run(host, FEW, EARLY);
    define(host, SERIES); // slots grow
    run(host, SERIES, MIDDLE);
    if (strcmp(kind->backup, "half") == 0) {
        back_up(host);
    }
    run(host, SERIES, LATE);
    if (strcmp(kind->backup, "end") == 0) {
        back_up(host);
    }
    must(varve_host_flush(host, 1000) == 0, "flush");
    if (!kind->stops) {
        varve_sim_cut();
    }
    (void)varve_host_shutdown(host); // without power it cannot write
    varve_sim_boot(1000);
}

int kind_push(struct varve_host *host, int rows)
{
    const struct varve_series_def def = {"after", "1", "", VARVE_GAUGE};
    const int id = varve_series_add(host, &def);
    for (int row = 0; id >= 0 && row < rows; row++) {
        varve_sim_advance(STEP_MS);
        if (varve_push(host, id, row) != 0) {
            return VARVE_E_FULL;
        }
        step(host);
    }
    return id < 0 ? id : varve_host_flush(host, 1000);
}
