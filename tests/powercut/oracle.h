// SPDX-License-Identifier: Apache-2.0
// What history.c has noted, as oracle.c judges by it and settles what a cut left in doubt.
//
// Threading: one task.
#ifndef VARVE_TESTS_POWERCUT_ORACLE_H
#define VARVE_TESTS_POWERCUT_ORACLE_H

#include "powercut.h"

enum fate {
    FATE_PUSHED = 0, // in RAM, or on flash: a cut decides
    FATE_STORED,     // acknowledged, or found after a cut
    FATE_LOST,       // by a cut, before anybody promised anything; or a backup from before it was
                     // restored
};

struct sample {
    int64_t time_ms;
    int64_t came_ms; // wall clock when it was pushed
    uint64_t order;  // of pushing, over all series
    double value;
    uint16_t session; // of the host
    uint8_t fate;
    uint8_t level; // tiers finer than this do not count it: where one transaction is half
                   // there after a cut, coarser blocks may have what finer ones lost
};

// Of one series, in order of time.
struct samples {
    struct sample *sample;
    size_t count, cap;
    int64_t pruned_before_ms;                // by request, begun or done; 0: not at all
    int64_t gone_before_ms[VARVE_MAX_TIERS]; // done: cells that end by then are gone, too
};

struct horizon {
    int64_t step_ms, before_ms;
};

struct history {
    struct samples series[SERIES_MAX];
    uint64_t pushed;
    int64_t newest_ms; // pushed
    uint16_t session;
    struct varve_tier tiers[VARVE_MAX_TIERS];
    size_t tier_count, base; // the base is the finest tier that the store keeps
    bool in_doubt;           // after a cut, until it is checked
    // A backup is being put in the place of the store: what was pushed from this number on is gone,
    // or it is not. UINT64_MAX: none is.
    uint64_t restoring_from;
    // By step, since a tier list may change: rows before this may have expired.
    struct horizon horizon[2 * VARVE_MAX_TIERS];
    size_t horizon_count;
};

extern struct history history;

// Rows of the tier before this time may have expired. Moves with what is pushed.
int64_t history_horizon(size_t tier);
void history_move_horizons(void);
int64_t history_bucket(int64_t time_ms, int64_t step_ms);
// The last cut did not leave it; it counts nowhere from now on.
void history_lose(struct sample *sample);
// All that is left in doubt by the last cut is stored.
void history_settle(void);

#endif
