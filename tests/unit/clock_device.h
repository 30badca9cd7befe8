// SPDX-License-Identifier: Apache-2.0
// A simulated device whose true time only the test knows: a host with one series, whose rows carry
// the true time at which they were taken as their value, so that each one that is read back says
// itself whether its time is right.
#ifndef VARVE_TEST_CLOCK_DEVICE_H
#define VARVE_TEST_CLOCK_DEVICE_H

#include "varve/query.h"

#define DEVICE_ROW_MS  INT64_C(10000)         // from one row to the next
#define DEVICE_TRUE_MS INT64_C(1780000000000) // when it is made; later than any clock's floor
#define DEVICE_ROWS    60000u

struct clock_device {
    struct varve_host *host; // NULL: it is off
    int series;
    int64_t true_ms;               // now
    int64_t taken_ms[DEVICE_ROWS]; // true time of each row that was pushed, ascending
    size_t count;
    bool promised[DEVICE_ROWS]; // must be there in the end
    int64_t loss_ms;            // by a cut, at most; set by the test
};

// Makes the device and reads the configuration; its clock shows the true time. It is off.
void device_make(struct clock_device *d, const char *ini);
// Also behind a case that failed.
void device_destroy(struct clock_device *d);

void device_start(struct clock_device *d);
// Is off for off_ms, and starts with a wall clock that shows wall_ms.
void device_boot(struct clock_device *d, int64_t off_ms, int64_t wall_ms);
// An orderly stop, and a power cut.
void device_stop(struct clock_device *d);
void device_cut(struct clock_device *d);
// The same, with promises: all rows from `first` on, after a cut but for the last loss_ms.
void device_stop_keeps(struct clock_device *d, size_t first);
void device_cut_keeps(struct clock_device *d, size_t first);
// All that was pushed from row `first` on and before `until_ms` must be there in the end.
void device_promise(struct clock_device *d, size_t first, int64_t until_ms);

// Lets the host do what there is to do.
void device_step(struct clock_device *d);
// Time goes by, for device and wall clock alike, without a step of the host.
void device_pass(struct clock_device *d, int64_t ms);
// Pushes a row every DEVICE_ROW_MS.
void device_run(struct clock_device *d, int64_t ms);
// The wall clock shows the true time, and the host looks at it.
void device_learn_the_time(struct clock_device *d);

// All points of a tier.
typedef int (*device_points_fn)(void *arg, varve_series_id id, const struct varve_point *points,
                                size_t n);
void device_ask(struct clock_device *d, const char *selector, int tier, enum varve_agg agg,
                device_points_fn on_points, void *arg);
// Their sum.
double device_sum(struct clock_device *d, const char *selector, int tier, enum varve_agg agg);
// Number of the row that was taken at that time; there is one.
size_t device_row(const struct clock_device *d, double taken_ms);

#endif
