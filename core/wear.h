// SPDX-License-Identifier: Apache-2.0
// The wear governor: how much may go to flash, how much did, and how far history has to be thinned
// out for it. Arithmetic only; what the levels do to the data path is wear_host.c's.
//
// The budget is in bytes a day as the ledger counts them (whole pages handed to the filesystem):
//
//   [wear] budget, or  capacity * endurance / (amplification * days of lifetime)
//
// Two sliding windows on the boot clock watch it. The slow one holds seven days' budget in seven
// days and is what the lifetime rests on; the fast one holds one day's budget in six hours, so that
// a flood is caught long before it has eaten the week. A window is a ring of buckets and counts up
// to one bucket too much, never too little. The fuller of the two decides, in parts of a thousand:
//
//   level                        entered at   left below
//   1 normal                             0            -
//   2 longer windows                   800          700
//   3 no raw                           900          800
//   4 hour cells only                  970          870
//   5 RAM only                        1000          930
//
// Levels are entered at once, as many as it takes, and left one at a time, an hour apart. At level
// 5 nothing is written, so neither window exceeds its budget by more than what is written between
// two decisions: one transaction of each backend.
//
// The caller locks.
#ifndef VARVE_CORE_WEAR_H
#define VARVE_CORE_WEAR_H

#include "varve/conf.h"

enum varve_wear_level {
    VARVE_WEAR_NORMAL = 1,
    VARVE_WEAR_LONG_WINDOWS = 2,
    VARVE_WEAR_NO_RAW = 3,
    VARVE_WEAR_HOURS = 4,
    VARVE_WEAR_RAM_ONLY = 5,
};
#define VARVE_WEAR_LEVELS 5u

#define VARVE_WEAR_FAST_BUCKET_MS (INT64_C(30) * 60 * 1000)
#define VARVE_WEAR_FAST_BUCKETS   12u // six hours
#define VARVE_WEAR_FAST_DAYS      1u  // of budget
#define VARVE_WEAR_SLOW_BUCKET_MS (INT64_C(6) * 3600 * 1000)
#define VARVE_WEAR_SLOW_BUCKETS   28u // seven days
#define VARVE_WEAR_SLOW_DAYS      7u
// Time between two steps back towards normal.
#define VARVE_WEAR_DWELL_MS (INT64_C(3600) * 1000)
#define VARVE_WEAR_DAY_MS   (INT64_C(86400) * 1000)

// Bytes by time: whole buckets and the one that is being filled.
struct varve_wear_window {
    int64_t bucket_ms;
    uint32_t buckets; // whole ones
    int64_t newest;   // number of the bucket that is being filled: boot time / bucket_ms
    uint64_t bytes[VARVE_WEAR_SLOW_BUCKETS + 1];
};

struct varve_wear_governor {
    uint64_t budget; // bytes a day; 0: off, everything is counted and nothing limited
#ifndef VARVE_WITHOUT_WEAR
    struct varve_wear_window fast, slow;
#endif
    unsigned level;
    uint32_t changes;
    int64_t changed_ms; // boot time of the last change
};

// Bytes a day that may be written, or 0 when the configuration does not say enough.
uint64_t varve_wear_budget(const struct varve_wear_conf *conf);

// Years until the flash is worn when `written` bytes went there and `per_day` are added each day;
// 0 when capacity or endurance are not known, VARVE_WEAR_FOREVER at most.
double varve_wear_years(const struct varve_wear_conf *conf, uint64_t written, double per_day);
#define VARVE_WEAR_FOREVER 1000.0

void varve_wear_start(struct varve_wear_governor *g, uint64_t budget, int64_t now_ms);

// Counts bytes that were written at boot time `at_ms`, which may be negative: before this boot.
// What is older than the windows is left out; `at_ms` after the newest bucket moves the windows.
void varve_wear_add(struct varve_wear_governor *g, int64_t at_ms, uint64_t bytes);

// Moves the windows on and takes the level that they ask for. Returns true when it changed.
bool varve_wear_decide(struct varve_wear_governor *g, int64_t now_ms);

// Bytes in a window; which it was filled by what: 1000 is its budget.
uint64_t varve_wear_sum(const struct varve_wear_window *window);
uint32_t varve_wear_fast_permille(const struct varve_wear_governor *g);
uint32_t varve_wear_slow_permille(const struct varve_wear_governor *g);

// "normal", "longer windows", ...
const char *varve_wear_level_name(unsigned level);

// Start of the day and of the month (UTC) that hold a Unix time.
int64_t varve_wear_day_start(int64_t unix_ms);
int64_t varve_wear_month_start(int64_t unix_ms);

#endif
