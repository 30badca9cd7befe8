// SPDX-License-Identifier: Apache-2.0
// What a contestant gives back, timed and compared with what it got. Prints `key value` lines.
//
// Compared are the samples of three series, exactly or within what the contestant documents
// (struct peer), and the averages of each whole minute of those that are gauges, within 1e-9: sums
// are rounded, and in different orders. A point counts as wrong when it is missing, there without
// a sample, or differs by more.
//
// Threading: one task.
#ifndef VARVE_BENCH_VERIFY_H
#define VARVE_BENCH_VERIFY_H

#include "peer.h"

// The last day, or as much as is kept, as the time of the rows goes. `keep_ms` is for raw samples.
// Reads `rows` from the start again.
void verify(const struct peer *peer, struct rows *rows, int64_t keep_ms);

#endif
