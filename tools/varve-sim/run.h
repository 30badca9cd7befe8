// SPDX-License-Identifier: Apache-2.0
// A device's life: a host on the simulated port, fed by a source, stepped through virtual time.
//
// Owns the host, its memory, the clock and what is added up over restarts. Leaves the device to
// ports/sim and the figures' wording to report.h.
//
// Threading: one task.
#ifndef VARVE_SIM_RUN_H
#define VARVE_SIM_RUN_H

#include "ports/sim/sim.h"
#include "source.h"
#include "varve/host.h"

struct run_plan {
    int64_t span_ms;   // of virtual time; 0: until the source ends
    int64_t reboot_ms; // orderly restart every so often; 0: never
    uint64_t cut_at;   // flash operation at which the power goes; 0: never
};

// What a life came to.
struct run_result {
    uint64_t samples;        // accepted by the host
    uint64_t refused;        // by the ring, the cap on series, or for their time
    uint64_t dropped;        // accepted, then lost by overflow
    uint64_t dropped_blocks; // given up because no backend took them in time
    uint64_t lost;           // accepted, then lost by a power cut
    uint64_t reboots;        // in order
    uint64_t cuts;           // of the power
    uint32_t series;         // that the host knows
    int64_t span_ms;         // simulated
    uint64_t flash_bytes;    // the ledger's: distinct flash pages written between syncs, in bytes
    uint64_t syncs;          // the ledger's
    uint32_t sectors;        // of raw flash, by the ledger; 0: there is a filesystem
    uint32_t sectors_bad;    // of them given up
    uint32_t sector_erases_min; // of the least worn good one
    uint32_t sector_erases_max; // of the most worn one
    uint64_t stored_bytes;      // by the persistent backends, at the end
    uint64_t raw_bytes;         // of it by raw blocks, rounded up to whole pages
    uint64_t raw_samples;       // in these blocks
    uint64_t operations;        // of the flash
    uint64_t memory_used;       // of the host's static memory, at the end
    uint64_t heap_first_day;    // that the backends have allocated within it after the first day
    uint64_t heap_end;          // at the end
    uint64_t heap_max;          // on any day after the first
    int backend_error;          // of a backend that does not work at the end; 0: none
    char backend[VARVE_NAME_TEXT];
    double cpu_s;  // of everything but making the workload
    double wall_s; // real time
};

// Lives through the plan on the device that varve_sim_make() made. Returns 0, or an error with the
// reason on stderr.
int run_life(const struct varve_conf *conf, struct source *source, const struct run_plan *plan,
             uint32_t page_bytes, struct run_result *result);

// raw.c: fills raw_bytes and raw_samples. Returns 0 or an error of reading.
int run_measure_raw(struct varve_host *host, uint32_t page_bytes, struct run_result *result);

#endif
