// SPDX-License-Identifier: Apache-2.0
// What is tried: backends, scenarios, models.
//
// A store on another medium is a backend here, with the models of that medium in its list.
//
// Threading: no state.
#include <stdio.h>
#include <string.h>

#include "powercut.h"

// 2026-04-01: later than the clock is trusted from.
#define START_MS INT64_C(1775001600000)

// A serial NOR, small enough to be wrapped within a scenario.
#define CHIP_PAGE    256u
#define CHIP_SECTOR  4096u
#define CHIP_SECTORS 64u

// What has files: any device with a filesystem.
#define ON_FILES " lost reordered torn nor nand "

const struct backend case_backends[] = {
    {"wal", "[backend flash : sqlite]\npath = test.db\nheap = 512K\nwal_limit = 512K\n", "wal",
     ON_FILES, 0, 0},
    {"inplace", "[backend flash : sqlite]\npath = test.db\nheap = 512K\n", "inplace", ON_FILES, 8,
     0},
    {"rotate", "[backend flash : rotate]\npath = segments\nsegment = 64K\nsize = 1M\n", NULL,
     ON_FILES, 8, 16},
    {"rotate_nor",
     "[backend flash : rotate]\ndevice = nor0\nblocks = 512\nseries = 64\nevents = 64\n", NULL,
     " raw ", 8, 16},
    {"ring", "[backend flash : ring]\nretain = yes\nsize = 1M\nblocks = 1024\n", NULL, " reset ", 8,
     16},
    {NULL, NULL, NULL, NULL, 0, 0},
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

// A raw chip has been wrapped some times, so that sectors are moved to level their wear.
static const struct step worn[] = {{ACT_OPEN, 0, NULL}, {ACT_RUN, 1500, NULL}, {ACT_FLUSH, 0, NULL},
                                   {ACT_MARK, 0, NULL}, {ACT_RUN, 60, NULL},   {ACT_END, 0, NULL}};

// A closed segment is written again, smaller, and takes its own place.
static const struct step compress[] = {
    {ACT_SET, 0, "compress = gzip\n"},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 30, NULL},
    {ACT_MARK, 0, NULL},
    {ACT_RUN, 30, NULL},
    {ACT_END, 0, NULL},
};

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

// The second backup takes the place of an older one.
static const struct step backup[] = {
    {ACT_SET, 0, "[backup]\nkeep = 2\n"},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 12, NULL},
    {ACT_BACKUP, 0, NULL},
    {ACT_RUN, 1, NULL},
    {ACT_BACKUP, 0, NULL},
    {ACT_RUN, 1, NULL},
    {ACT_MARK, 0, NULL},
    {ACT_BACKUP, 0, NULL},
    {ACT_RUN, 1, NULL},
    {ACT_END, 0, NULL},
};

static const struct step restore[] = {
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 14, NULL}, {ACT_BACKUP, 0, NULL},  {ACT_RUN, 6, NULL},
    {ACT_STOP, 0, NULL}, {ACT_MARK, 0, NULL}, {ACT_RESTORE, 0, NULL}, {ACT_OPEN, 0, NULL},
    {ACT_RUN, 2, NULL},  {ACT_END, 0, NULL},
};

static const struct step undo[] = {
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 14, NULL}, {ACT_BACKUP, 0, NULL}, {ACT_RUN, 6, NULL},
    {ACT_STOP, 0, NULL}, {ACT_MARK, 0, NULL}, {ACT_UNDO, 0, NULL},   {ACT_OPEN, 0, NULL},
    {ACT_RUN, 1, NULL},  {ACT_END, 0, NULL},
};

// Some rows of blocks go, then whole blocks.
static const struct step prune[] = {
    {ACT_OPEN, 0, NULL}, {ACT_RUN, 24, NULL},   {ACT_MARK, 0, NULL}, {ACT_PRUNE, 1, NULL},
    {ACT_RUN, 2, NULL},  {ACT_PRUNE, -1, NULL}, {ACT_RUN, 2, NULL},  {ACT_END, 0, NULL},
};

// From one way of writing to the other and back.
static const struct step journal[] = {
    {ACT_SET, 0, "journal = wal\n"},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 14, NULL},
    {ACT_STOP, 0, NULL},
    {ACT_SET, 0, ""},
    {ACT_MARK, 0, NULL},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 2, NULL},
    {ACT_STOP, 0, NULL},
    {ACT_SET, 0, "journal = wal\n"},
    {ACT_OPEN, 0, NULL},
    {ACT_RUN, 2, NULL},
    {ACT_END, 0, NULL},
};

// A store that an earlier varve made is brought up to date.
static const struct step upgrade[] = {
    {ACT_OPEN, 0, NULL},  {ACT_RUN, 14, NULL}, {ACT_STOP, 0, NULL},
    {ACT_OLDER, 0, NULL}, {ACT_MARK, 0, NULL}, {ACT_OPEN, 0, NULL},
    {ACT_RUN, 2, NULL},   {ACT_STOP, 0, NULL}, {ACT_END, 0, NULL},
};

static const struct step long_life[] = {
    {ACT_MARK, 0, NULL},  {ACT_OPEN, 0, NULL},    {ACT_RUN, 100, NULL}, {ACT_SERIES, 30, NULL},
    {ACT_RUN, 60, NULL},  {ACT_STOP, 0, NULL},    {ACT_OPEN, 0, NULL},  {ACT_RUN, 60, NULL},
    {ACT_FLUSH, 0, NULL}, {ACT_SERIES, 60, NULL}, {ACT_RUN, 60, NULL},  {ACT_STOP, 0, NULL},
    {ACT_END, 0, NULL},
};

#ifdef VARVE_ROTATE_ZLIB
#define ZLIB_BACKENDS " rotate "
#else
#define ZLIB_BACKENDS ""
#endif

const struct scenario case_scenarios[] = {
    {"first", NULL, "all", first, false},
    {"steady", NULL, "all", steady, false},
    {"full", " rotate rotate_nor ", "all", full, false},
    {"worn", " rotate_nor ", "all", worn, false},
    {"compress", ZLIB_BACKENDS, "all", compress, false},
    {"growth", NULL, "all", growth, false},
    {"checkpoint", " wal ", "all", checkpoint, false},
    {"tiers", " wal inplace rotate rotate_nor ", "all", tiers, false},
    {"rollups", " wal inplace rotate rotate_nor ", "minute ten", rollups, false},
    {"stop", NULL, "all", stop, false},
    {"prune", NULL, "all", prune, false},
    {"backup", " wal inplace ", "all", backup, false},
    {"restore", " wal inplace ", "all", restore, false},
    {"undo", " wal inplace ", "all", undo, false},
    {"journal", " inplace ", "all", journal, false},
    {"upgrade", " wal inplace ", "all", upgrade, false},
    {"long", NULL, "all", long_life, true},
    {NULL, NULL, NULL, NULL, false},
};

static bool is_in(const char *list, const char *name)
{
    char word[32];
    (void)snprintf(word, sizeof word, " %s ", name);
    return strstr(list, word) != NULL;
}

bool case_fits(const struct backend *backend, const struct scenario *scenario)
{
    return scenario->only == NULL || is_in(scenario->only, backend->name);
}

bool case_lies_on(const struct backend *backend, const struct model *model)
{
    return is_in(backend->models, model->name);
}

// ---- models -------------------------------------------------------------------------------------

const struct model case_models[] = {
    // What is not synced is lost, to the last byte.
    {"lost", VARVE_SIM_FTL, {.write_back = false}, false, false},
    // The cache was written back in part, in any order, in whole pages.
    {"reordered", VARVE_SIM_FTL, {.write_back = true, .calls = true}, false, false},
    // The same, pages torn at sectors.
    {"torn", VARVE_SIM_FTL, {.write_back = true, .calls = true, .tear_bytes = 512}, false, false},
    // Raw flash: half-programmed pages of 256 bytes, half-erased blocks.
    {"nor", VARVE_SIM_NOR, {.write_back = true, .calls = true}, false, false},
    {"nand", VARVE_SIM_NAND, {.write_back = true, .calls = true}, false, false},
    // A program that is reset at any byte of memory that survives this.
    {"reset", VARVE_SIM_FTL, {.retained = true}, true, false},
    // A NOR chip without a filesystem: half-programmed pages, half-erased sectors, and some that
    // look erased and are not.
    {"raw", VARVE_SIM_NOR, {.write_back = true}, false, true},
    {NULL, VARVE_SIM_FTL, {.write_back = false}, false, false},
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
    if (rc != 0) {
        return report("the device: %s", why);
    }
    const struct varve_sim_nor chip = {CHIP_PAGE, CHIP_SECTOR, CHIP_SECTORS};
    return !trial->model->is_chip || varve_sim_add_nor(&chip) == 0 ? 0 : report("no memory");
}

static bool is_broken(const struct trial *trial, const char *what)
{
    return trial->broken != NULL && strcmp(trial->broken, what) == 0;
}

void case_set_faults(const struct trial *trial, uint64_t seed)
{
    struct varve_sim_faults faults = trial->model->faults;
    faults.seed = seed;
    faults.reset = trial->model->is_reset ? life_reset : NULL;
    faults.file_syncs_lie = is_broken(trial, "file_syncs");
    faults.dir_syncs_lie = is_broken(trial, "dir_syncs");
    varve_sim_set_faults(&faults);
}

bool case_ini(const struct trial *trial, const char *set, char *ini, size_t cap)
{
    static const unsigned page_bytes[] = {
        [VARVE_SIM_FTL] = 4096, [VARVE_SIM_NOR] = 256, [VARVE_SIM_NAND] = 2048};
    const bool has_tiers = strstr(set, "[tiers]") != NULL;
    const bool has_journal = trial->backend->journal != NULL && strstr(set, "journal") == NULL;
    const int n = snprintf(
        ini, cap,
        "[varve]\nstate = /state\nflush = %ds\nseries = 256\nring = 256\nwindow = 1024\n"
        "cells = 2048\noutbox = 128K\n[series s*1]\npercentiles = yes\n[wear]\npage = "
        "%u\n%s%s%s%s\ntiers = %s\n%s",
        (int)(FLUSH_MS / 1000), page_bytes[trial->model->kind], has_tiers ? "" : TIERS_BEFORE,
        trial->backend->ini, has_journal ? "journal = " : "",
        has_journal ? trial->backend->journal : "", trial->scenario->tiers, set);
    return n > 0 && (size_t)n < cap;
}
