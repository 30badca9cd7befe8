// SPDX-License-Identifier: Apache-2.0
// What is tried: backends, scenarios, models.
//
// A scenario for backups or a restore belongs here as acts of its own (ACT_BACKUP, ACT_RESTORE in
// life.c): the store after the cut must be the old one or the new one, which oracle_check() says of
// its content. A medium for raw NOR is a backend here, with a model that cuts its sectors.
//
// Threading: no state.
#include <stdio.h>
#include <string.h>

#include "powercut.h"

// 2026-04-01: later than the clock is trusted from.
#define START_MS INT64_C(1775001600000)

const struct backend case_backends[] = {
    {"wal",
     "[backend flash : sqlite]\npath = test.db\njournal = wal\nheap = 256K\nwal_limit = 512K\n", 0,
     0},
    {"inplace", "[backend flash : sqlite]\npath = test.db\njournal = inplace\nheap = 256K\n", 8, 0},
    {"rotate", "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 1M\n", 8, 16},
    {NULL, NULL, 0, 0},
};

// ---- scenarios ----------------------------------------------------------------------------------

#define TIERS_BEFORE                                                                               \
    "[tiers]\nraw = 10s keep 10m\nminute = 1m keep 1h window 5m\nten = 10m keep 4h window 30m\n"
#define TIERS_AFTER                                                                                \
    "[tiers]\nraw = 10s keep 16m\nminute = 1m keep 30m window 3m\n"                                \
    "five = 5m keep 2h window 15m\nten = 10m keep 4h window 30m\n"

static const struct step first[] = {{ACT_MARK, 0, NULL},
                                    {ACT_OPEN, 0, NULL},
                                    {ACT_RUN, 5, NULL},
                                    {ACT_STOP, 0, NULL},
                                    {ACT_END, 0, NULL}};

// Each raw slot has been used four times, those of minutes begin again.
static const struct step steady[] = {{ACT_OPEN, 0, NULL}, {ACT_RUN, 64, NULL}, {ACT_FLUSH, 0, NULL},
                                     {ACT_MARK, 0, NULL}, {ACT_RUN, 14, NULL}, {ACT_END, 0, NULL}};

// Segments go for the room that they take: six hours fill it.
static const struct step full[] = {{ACT_OPEN, 0, NULL}, {ACT_RUN, 360, NULL}, {ACT_FLUSH, 0, NULL},
                                   {ACT_MARK, 0, NULL}, {ACT_RUN, 40, NULL},  {ACT_END, 0, NULL}};

static const struct step growth[] = {
    {ACT_OPEN, 0, NULL},    {ACT_RUN, 14, NULL}, {ACT_FLUSH, 0, NULL}, {ACT_MARK, 0, NULL},
    {ACT_SERIES, 60, NULL}, {ACT_RUN, 12, NULL}, {ACT_END, 0, NULL}};

static const struct step checkpoint[] = {
    {ACT_SET, 0, "checkpoint = 2m\n"},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 14, NULL},
    {ACT_MARK, 0, NULL},
    {ACT_RUN, 8, NULL},
    {ACT_END, 0, NULL},
};

static const struct step tiers[] = {
    {ACT_OPEN, 0, NULL},       {ACT_RUN, 25, NULL}, {ACT_STOP, 0, NULL},
    {ACT_SET, 0, TIERS_AFTER}, {ACT_MARK, 0, NULL}, {ACT_OPEN, 0, NULL},
    {ACT_RUN, 6, NULL},        {ACT_STOP, 0, NULL}, {ACT_END, 0, NULL},
};

static const struct step rollups[] = {
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 70, NULL}, {ACT_STOP, 0, NULL}, {ACT_OPEN, 0, NULL},
    {ACT_RUN, 2, NULL},  {ACT_MARK, 0, NULL}, {ACT_RUN, 12, NULL}, {ACT_END, 0, NULL},
};

static const struct step stop[] = {
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 21, NULL}, {ACT_MARK, 0, NULL}, {ACT_STOP, 0, NULL},
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 3, NULL},  {ACT_STOP, 0, NULL}, {ACT_END, 0, NULL},
};

static const struct step long_life[] = {
    {ACT_MARK, 0, NULL},  {ACT_OPEN, 0, NULL},    {ACT_RUN, 100, NULL}, {ACT_SERIES, 30, NULL},
    {ACT_RUN, 60, NULL},  {ACT_STOP, 0, NULL},    {ACT_OPEN, 0, NULL},  {ACT_RUN, 60, NULL},
    {ACT_FLUSH, 0, NULL}, {ACT_SERIES, 60, NULL}, {ACT_RUN, 60, NULL},  {ACT_STOP, 0, NULL},
    {ACT_END, 0, NULL},
};

const struct scenario case_scenarios[] = {
    {"first", NULL, "all", first, false},
    {"steady", NULL, "all", steady, false},
    {"full", " rotate ", "all", full, false},
    {"growth", NULL, "all", growth, false},
    {"checkpoint", " wal ", "all", checkpoint, false},
    {"tiers", NULL, "all", tiers, false},
    {"rollups", NULL, "minute ten", rollups, false},
    {"stop", NULL, "all", stop, false},
    {"long", NULL, "all", long_life, true},
    {NULL, NULL, NULL, NULL, false},
};

bool case_fits(const struct backend *backend, const struct scenario *scenario)
{
    char word[32];
    (void)snprintf(word, sizeof word, " %s ", backend->name);
    return scenario->only == NULL || strstr(scenario->only, word) != NULL;
}

// ---- models -------------------------------------------------------------------------------------

const struct model case_models[] = {
    // What is not synced is lost, to the last byte.
    {"lost", VARVE_SIM_FTL, {.write_back = false}},
    // The cache was written back in part, in any order, in whole pages.
    {"reordered", VARVE_SIM_FTL, {.write_back = true, .calls = true}},
    // The same, pages torn at sectors.
    {"torn", VARVE_SIM_FTL, {.write_back = true, .calls = true, .tear_bytes = 512}},
    // Raw flash: half-programmed pages of 256 bytes, half-erased blocks.
    {"nor", VARVE_SIM_NOR, {.write_back = true, .calls = true}},
    {"nand", VARVE_SIM_NAND, {.write_back = true, .calls = true}},
    {NULL, VARVE_SIM_FTL, {.write_back = false}},
};

// Small, so that blocks are erased within a scenario.
int case_make_device(const struct trial *trial)
{
    struct varve_sim_device device;
    char why[128];
    varve_sim_device_defaults(&device, trial->model->kind);
    device.erase_block_bytes = 16 * device.page_bytes;
    device.capacity_bytes = trial->model->kind == VARVE_SIM_FTL ? 4u << 20 : 3u << 20;
    const int rc = varve_sim_make(&device, START_MS, why, sizeof why);
    return rc == 0 ? 0 : report("the device: %s", why);
}

static bool is_broken(const struct trial *trial, const char *what)
{
    return trial->broken != NULL && strcmp(trial->broken, what) == 0;
}

void case_set_faults(const struct trial *trial, uint64_t seed)
{
    struct varve_sim_faults faults = trial->model->faults;
    faults.seed = seed;
    faults.file_syncs_lie = is_broken(trial, "file_syncs");
    faults.dir_syncs_lie = is_broken(trial, "dir_syncs");
    varve_sim_set_faults(&faults);
}

bool case_ini(const struct trial *trial, const char *set, char *ini, size_t cap)
{
    static const unsigned page_bytes[] = {
        [VARVE_SIM_FTL] = 4096, [VARVE_SIM_NOR] = 256, [VARVE_SIM_NAND] = 2048};
    const bool has_tiers = strstr(set, "[tiers]") != NULL;
    const int n =
        snprintf(ini, cap,
                 "[varve]\nstate = /state\nflush = %ds\nseries = 256\nring = 256\nwindow = 1024\n"
                 "cells = 2048\noutbox = 128K\n[wear]\npage = %u\n%s%s\ntiers = %s\n%s",
                 (int)(FLUSH_MS / 1000), page_bytes[trial->model->kind],
                 has_tiers ? "" : TIERS_BEFORE, trial->backend->ini, trial->scenario->tiers, set);
    return n > 0 && (size_t)n < cap;
}
