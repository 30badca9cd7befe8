// SPDX-License-Identifier: Apache-2.0
// The power-cut campaign: a real host on a simulated device, cut at every operation of its flash.
// README.md says what is tried and what must hold; this header is what the files here share.
//
//   main.c       the command line
//   cases.c      backends, scenarios and models: what is tried
//   life.c       a scenario played on a host, up to its end or to a cut
//   workload.c   the samples that a life pushes
//   upkeep.c     backups, restores, prunes in a life
//   history.c    what was pushed, acknowledged, restored, pruned
//   oracle.c     what must be there after a cut; oracle.h: what it knows from history.c
//   answers.c    what the store says
//   sketches.c   what sketches say of it
//   points.c     the points: one forked process for each, so that none disturbs another
//   mutant_*.c   core, backend and port broken on purpose: the campaign must notice
//
// Threading: one task. Memory is static or from malloc.
#ifndef VARVE_TESTS_POWERCUT_H
#define VARVE_TESTS_POWERCUT_H

#include "ports/sim/sim.h"
#include "tests/unit/random.h"
#include "varve/query.h"

#define SERIES_MAX    64u
#define ROW_MS        INT64_C(10000) // between two rows of the workload
#define FLUSH_MS      INT64_C(60000) // [varve] flush: the loss window
#define PRUNE_MINUTES 4              // late samples come sooner

// ---- cases.c ------------------------------------------------------------------------------------

// A scenario is a list of acts, in order.
enum act {
    ACT_END = 0,
    ACT_MARK,    // points begin here
    ACT_OPEN,    // the host starts
    ACT_RUN,     // n minutes of samples, with a flush now and then
    ACT_FLUSH,   // everything so far is acknowledged
    ACT_SERIES,  // from now on n series
    ACT_SET,     // `text`: settings for the next start, instead of those so far
    ACT_OLDER,   // while the host is down: the store becomes one of SQLite's schema 1
    ACT_STOP,    // the host stops in order
    ACT_BACKUP,  // of what is flushed
    ACT_RESTORE, // of the newest backup, while the host is down
    ACT_UNDO,    // the same, and back again
    ACT_PRUNE,   // of series n, or of all (-1), what is older than PRUNE_MINUTES
};

struct step {
    enum act act;
    int n;
    const char *text;
};

struct scenario {
    const char *name;
    const char *only;  // the backends it is for, as a list with spaces around each; NULL: all
    const char *tiers; // that the backend keeps
    const struct step *steps;
    bool is_long; // too long to try every point
};

struct backend {
    const char *name;
    const char *ini;     // its section, without `tiers` and `journal`
    const char *journal; // NULL: it has none
    const char *models;  // of what it lies on, as a list with spaces around each
    // Blocks, and other records, that a cut may damage, which their checksums tell: those of the
    // transaction that it interrupts. They were not acknowledged.
    uint32_t damaged_by_cut, damaged_others_by_cut;
};

struct model {
    const char *name;
    enum varve_sim_kind kind;
    struct varve_sim_faults faults;
    bool is_reset; // of the program; the power stays
    bool is_chip;  // raw flash beside the device with the files
};

extern const struct backend case_backends[];
extern const struct scenario case_scenarios[];
extern const struct model case_models[];

// One thing to try.
struct trial {
    const struct backend *backend;
    const struct scenario *scenario;
    const struct model *model;
    uint64_t seed;
    const char *broken; // "file_syncs", "dir_syncs": the device lies; NULL
};

bool case_fits(const struct backend *backend, const struct scenario *scenario);
bool case_lies_on(const struct backend *backend, const struct model *model);
// The configuration as INI, `set` added to it; false when it does not fit.
bool case_ini(const struct trial *trial, const char *set, char *ini, size_t cap);
// Makes the device and gives it the model's faults.
int case_make_device(const struct trial *trial);
void case_set_faults(const struct trial *trial, uint64_t seed);

// ---- history.c ----------------------------------------------------------------------------------

void history_push(uint32_t series, int64_t time_ms, int64_t came_ms, double value);
// A host starts with these tiers, of which the store keeps those from `base` on.
void history_session(const struct varve_tier *tiers, size_t count, size_t base);
// Everything pushed so far is acknowledged: by a flush, in whole cells of the base tier; or by an
// orderly stop, `whole` false, whatever there is.
void history_acknowledge(bool whole);
// The power went: what was pushed longer ago than the loss window is acknowledged.
void history_cut(int64_t now_ms);
// How many samples were pushed so far; and the time of the newest.
uint64_t history_mark(void);
int64_t history_newest_ms(void);
// A backup that was made at `mark` is being restored: the store is the old one or the new one from
// now on. And it is known which.
void history_restoring(uint64_t mark);
void history_restored(bool is_new);
// A prune of the series' rows before a time has begun; and rows of a tier before one are gone.
void history_pruned(uint32_t series, int64_t before_ms);
void history_gone(uint32_t series, size_t tier, int64_t before_ms);

// ---- oracle.c -----------------------------------------------------------------------------------

// Compares the host's answers with what must be there. What is missing and was never acknowledged
// is lost from now on. Returns 0, or -1 with the reason reported.
int oracle_check(struct varve_host *host, uint32_t damaged_allowed);

// ---- answers.c ----------------------------------------------------------------------------------

enum {
    COLUMN_COUNT,
    COLUMN_MIN,
    COLUMN_MAX,
    COLUMN_SUM,
    COLUMN_LAST,
    COLUMNS
};

struct row {
    int64_t time_ms;
    double column[COLUMNS]; // of a cell; raw: the first alone, the value
};

struct rows {
    struct row *row;
    size_t count, cap;
};

// Everything that the host has in a tier, by series. The rows are good until the next call.
int answers_read(struct varve_host *host, int tier, struct rows **by_series, uint32_t *damaged);
// Reads and verifies the whole store.
int answers_verify(struct varve_host *host, uint32_t damaged_allowed, uint32_t others_allowed);

// ---- sketches.c ---------------------------------------------------------------------------------

// Series whose names end in this digit ask for percentiles: some are late, some never are.
#define SKETCHED_DIGIT 1u

// Compares the sketches of a series, if it asks for them, with the cells that the host has of it.
int sketches_check(struct varve_host *host, size_t tier, uint32_t series, const struct rows *rows);

// ---- workload.c ---------------------------------------------------------------------------------

enum varve_kind workload_kind(uint32_t series);
bool workload_is_late(uint32_t series);
void workload_begin(uint64_t seed);
uint32_t workload_below(uint32_t limit);
int workload_define(struct varve_host *host, uint32_t count);
// The series of that name, -1: it is none of the workload's.
int workload_find(const char *text);
// Pushes the row of this moment. Returns 0 or the host's error.
int workload_push(struct varve_host *host, uint32_t count);

// ---- upkeep.c -----------------------------------------------------------------------------------
//
// These return 0, 1 when the power went, or -1 with the reason reported.

// Makes the store, of a host that is down, one of the schema before the checksums of names.
int upkeep_make_older(void);
// Makes a backup. Everything pushed so far is flushed.
int upkeep_backup(struct varve_host *host);
// Every backup is whole, the last one that was made is there, nothing half made is.
int upkeep_check_backups(struct varve_host *host);
bool upkeep_has_backup(void);
// Puts the newest backup in the place of the store, and the old one back if `undo`. The host is
// down.
int upkeep_restore(bool undo);
// Removes rows of the series, of all for `series` < 0, that are older than some minutes.
int upkeep_prune(struct varve_host *host, int series, int minutes);
// Does again what a cut has interrupted.
int upkeep_finish_prune(struct varve_host *host);

// ---- life.c -------------------------------------------------------------------------------------

// 1 when the power is gone; otherwise reports that this has failed.
int life_stopped(const char *doing, const char *why);
// The program is reset where it is: ends life_play() or life_recover(), which return 1.
void life_reset(void) __attribute__((noreturn));
// Plays the scenario. Calls at_mark() where points begin. Returns 0 at its end, 1 when the power
// went, -1 when something failed, reported.
int life_play(const struct trial *trial, void (*at_mark)(void));
// After a cut: power, a start without help, checks, more samples, an orderly stop, a start, checks.
// `again` is asked about every operation until the host has started: a second cut; then it is
// called once more. `point` seeds what the cut leaves. Returns as life_play().
int life_recover(uint64_t point, varve_sim_cut_fn again);

// ---- points.c -----------------------------------------------------------------------------------

struct plan {
    uint64_t from, to; // points to try, counted from the mark; to 0: all
    uint64_t points;   // as many as that, drawn by the seed; 0: all
    uint64_t second;   // with from == to: the operation of recovery to cut at; 0: none
    bool twice;        // try second cuts, too
    unsigned jobs;     // processes at a time
    unsigned max_failures;
};

struct tally {
    uint64_t points, seconds, failures, operations;
};

// Tries all points of the plan; adds to the tally. Returns 0 or -1 when the scenario itself fails.
int points_try(const struct trial *trial, const struct plan *plan, struct tally *tally);

// Reports a failure with the way to repeat it; returns -1.
int report(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A number that follows from both.
uint64_t mix(uint64_t a, uint64_t b);

#endif
