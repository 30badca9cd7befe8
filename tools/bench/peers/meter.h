// SPDX-License-Identifier: Apache-2.0
// The kernel's figures of a device, a directory and a process.
//
// Threading: one task.
#ifndef VARVE_BENCH_METER_H
#define VARVE_BENCH_METER_H

#include <stdint.h>

struct meter {
    uint64_t device_bytes; // written to the device since it was attached
    double cpu_s;          // user and system time of the process, all its threads
    double wall_s;
};

// Syncs the filesystem that `dir` is on and reads the counters. `stat` is the block device's file
// /sys/block/NAME/stat; pid 0: this process.
void meter_read(struct meter *m, const char *dir, const char *stat, long pid);

// Largest resident size that the process ever had, in KiB.
uint64_t meter_peak_kib(long pid);

// Space that the files below `dir` take on the device, in bytes.
uint64_t meter_stored(const char *dir);

// Syncs the filesystem and drops from the page cache what the files below `dir` have there, as far
// as nobody has it mapped.
void meter_forget(const char *dir);

double meter_seconds(void);

#endif
