// SPDX-License-Identifier: Apache-2.0
// The command line of varve-sim.
//
// Threading: one task.
#ifndef VARVE_SIM_OPTIONS_H
#define VARVE_SIM_OPTIONS_H

#include "varve/conf.h"

#define OPTIONS_SET_MAX 32u

struct options {
    const char *board;
    const char *config; // NULL: the board's board.ini
    const char
        *workload; // "csv:FILE" or "synthetic:SERIESxSTEP"; NULL: what is typical of the board
    int64_t days;  // 0: as long as the CSV
    uint64_t seed;
    bool json;
    bool timing;       // print what differs from run to run
    int64_t reboot_ms; // orderly restart every so often; 0: never
    uint64_t cut_at;   // flash operation at which the power goes; 0: never
    bool verbose;      // the host's log
    const char *set[OPTIONS_SET_MAX];
    size_t set_count;
    // The device, as `key=value` in the words of flash.ini.
    const char *device_key[OPTIONS_SET_MAX];
    const char *device_value[OPTIONS_SET_MAX];
    size_t device_count;
};

// Returns 0, 1 when everything asked for is done (--help, --version), or -1 with the reason on
// stderr.
int options_read(struct options *options, int argc, char **argv);

#endif
