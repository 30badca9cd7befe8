// SPDX-License-Identifier: Apache-2.0
// Figures that a host gives about itself, for `varve stats`, the self collector and tests.
#ifndef VARVE_STATS_H
#define VARVE_STATS_H

#include "varve/storage.h"
#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct varve_tier_stats {
    struct varve_tier tier;
    int64_t oldest_ms; // time of the oldest row that a query can see; INT64_MAX when there is none
    int64_t newest_ms; // time of the newest row, RAM included; INT64_MIN when there is none
    uint32_t blocks;   // blocks in all backends, each once, those waiting in RAM included
    // Those with rows from after now, made by a clock that was ahead, and from when on these may
    // be. None is known while the clock is not trusted.
    uint32_t future_blocks;
    int64_t future_ms; // INT64_MAX: there is none
};

struct varve_backend_stats {
    char name[VARVE_NAME_TEXT];   // instance
    char plugin[VARVE_NAME_TEXT]; // plugin
    char where[VARVE_PATH_TEXT];  // path, or "" for RAM
    int state;                    // 0 working, else the error that it is retrying after
    bool persistent;              // survives a power cut
    uint32_t blocks;              // held
    uint64_t stored_bytes;        // space taken: file sizes, or arena used
    uint64_t flash_bytes;         // written to flash since this process opened it, in whole pages
    uint64_t written_bytes;       // handed to the port since this process opened it
    uint64_t erase_blocks;        // touched between syncs since this process opened it
    // Of raw flash, 0 elsewhere.
    uint64_t erases;            // sectors erased since this process opened it
    uint32_t sectors;           // bad ones included
    uint32_t sectors_bad;       // given up
    uint32_t sector_erases_min; // of the least worn good sector, since it was new
    uint32_t sector_erases_max; // of the most worn one
    uint64_t syncs;
    uint64_t blocks_put;     // stored by this process
    uint64_t blocks_dropped; // given up because RAM could not hold them until the backend worked
    uint32_t commit_last_us; // duration of the last commit
    uint32_t commit_max_us;
    uint64_t payload_bytes; // of the blocks stored by this process
    uint64_t heap_bytes;    // that it has allocated within its own static memory; 0: it has no heap
    int64_t backup_ms;      // Unix time of its newest backup; INT64_MIN: none
    uint64_t backup_bytes;  // of the last backup that this process made
    uint32_t backup_took_ms;
    uint64_t backups; // made by this process
    uint64_t backup_failures;
    uint32_t salvages;         // damaged stores that this process replaced
    uint32_t salvage_blocks;   // that were whole in them
    uint32_t salvage_restored; // blocks that came from a backup
    uint32_t salvage_lost;     // damaged blocks that no backup has
    uint32_t mend_restored;    // damaged blocks of a sound store that were restored
    uint32_t mend_lost;        // those that were whole nowhere else
    // By enum varve_write_reason, in whole pages since the store was made: of earlier processes
    // what their last event "wear_ledger" said, so a crash may cost a day of it.
    uint64_t flash_bytes_by[VARVE_WRITE_REASON_COUNT];
};

struct varve_stats {
    uint32_t series;           // known
    uint32_t series_cap;       // configured cap
    uint64_t series_refused;   // registrations refused by the cap or for a bad name
    uint64_t samples;          // accepted since the store was made (restarts included)
    uint64_t samples_session;  // accepted by this process
    uint64_t dropped;          // samples lost by overflow, all causes below
    uint64_t dropped_ring;     //   the ring was full
    uint64_t dropped_window;   //   the raw window was full and could not be closed
    uint32_t sketches;         // series that have percentiles on rollups
    uint64_t sketches_refused; // that ask for them and found no place
    uint64_t sketch_collapsed; // buckets of sketches that became part of others for lack of room
    uint64_t rejected;         // samples refused: unknown series id, absurd time
    uint32_t ring_cap;         // samples
    uint32_t ring_high_water;  // samples
    uint32_t window_samples;   // raw samples waiting in RAM for the next block
    uint32_t pending_blocks;   // encoded blocks waiting for a backend
    uint32_t pending_bytes;
    uint64_t events;         // recorded by this process
    uint64_t events_dropped; // overwritten in RAM before every backend had them
    uint64_t stored_bytes;   // sum over the persistent backends
    uint64_t flash_bytes;    // written to flash since the store was made
    uint64_t flash_bytes_session;
    double flash_bytes_per_sample; // flash_bytes / samples, 0 when there are none
    uint64_t flash_bytes_today;    // since midnight UTC
    uint64_t flash_bytes_month;    // since the first of the month UTC
    double flash_bytes_per_day;    // over the last 7 days, or what there is of them; 0: not known
    uint64_t payload_bytes;        // of the blocks stored by this process in persistent backends
    uint32_t wear_level;           // enum varve_wear_level: 1 normal .. 5 RAM only
    uint32_t wear_changes;         // of the level in this process
    uint32_t wear_fast_permille;   // of a day's budget, in the last 6 hours
    uint32_t wear_slow_permille;   // of a week's budget, in the last 7 days
    uint64_t wear_budget_bytes;    // a day; 0: the governor is off
    uint64_t wear_capacity_bytes;  // [wear], 0: not known
    uint64_t wear_endurance;       // cycles; [wear], 0: not known
    uint32_t wear_amplification;   // [wear]
    int64_t wear_lifetime_ms;      // [wear]
    double wear_years;             // left at this rate; 0: not known
    uint64_t collect_failures;     // collector runs that failed or passed their deadline
    int64_t uptime_ms;             // of this host
    int64_t wall_ms;               // now
    bool clock_trusted;
    uint32_t clock_steps;
    uint32_t memory_bytes;      // static memory given to the host
    uint32_t memory_used;       // carved from it
    uint32_t query_cache_bytes; // for rows that queries have decoded
    uint64_t query_cache_hits;  // series in a block that a query found there
    uint64_t query_cache_misses;
    uint32_t tier_count;
    struct varve_tier_stats tiers[VARVE_MAX_TIERS];
    uint32_t backend_count;
    struct varve_backend_stats backends[VARVE_MAX_BACKENDS];
};

// One plugin instance, or a plugin that is built in or loaded but not configured.
struct varve_instance_stats {
    char name[VARVE_NAME_TEXT]; // instance name; "" when not configured
    char plugin[VARVE_NAME_TEXT];
    char kind[VARVE_NAME_TEXT];  // "collector", "backend"
    char state[VARVE_NAME_TEXT]; // "running", "disabled", "failing", "hung", "available"
    char summary[VARVE_MESSAGE_TEXT];
    char reason[VARVE_MESSAGE_TEXT]; // why it is not running; "" if it is
    bool module;                     // loaded from a file
    int64_t interval_ms;             // collectors
    uint64_t runs;
    uint64_t failures;
    uint32_t last_us; // duration of the last run
    uint32_t max_us;
    uint32_t series;          // collectors: that it has registered
    uint32_t refused_series;  // registrations refused by its max_series
    uint32_t refused_samples; // samples refused by its max_samples
};

#ifdef __cplusplus
}
#endif
#endif
