// SPDX-License-Identifier: Apache-2.0
// The timebase: what Unix time a moment of the boot clock had.
//
// Sampling and durations run on the boot clock, which never steps; wall time is a mapping from it:
// one offset. What waits in RAM keeps boot times and is stamped when its window closes, so a clock
// that is set late, or stepped, restamps all that is not yet persisted. Until the wall clock is
// plausible (not before VARVE_CLOCK_FLOOR_MS) nothing is stamped.
//
// One task (the keeper), under the host's store lock for readers.
#ifndef VARVE_CORE_TIMEBASE_H
#define VARVE_CORE_TIMEBASE_H

#include <stdbool.h>
#include <stdint.h>

// No wall clock that is right shows a time before this program was written: 2026-01-01T00:00:00Z.
#ifndef VARVE_CLOCK_FLOOR_MS
#define VARVE_CLOCK_FLOOR_MS INT64_C(1767225600000)
#endif
// Deviations up to this are the noise of reading two clocks one after the other.
#define VARVE_CLOCK_NOISE_MS 20
// Deviations beyond this are steps; those between are followed silently (slewing).
#define VARVE_CLOCK_STEP_MS 1000

struct varve_timebase {
    int64_t offset_ms; // Unix time - boot time
    bool trusted;
    bool trust_always;
    uint32_t steps; // steps seen since the clock was first trusted
};

enum varve_clock_change {
    VARVE_CLOCK_SAME,
    VARVE_CLOCK_TRUSTED, // for the first time
    VARVE_CLOCK_STEPPED,
};

// Takes a pair of readings. After VARVE_CLOCK_STEPPED *step_ms is the size of the step (forward >
// 0).
enum varve_clock_change varve_timebase_update(struct varve_timebase *timebase, int64_t boot_ms,
                                              int64_t wall_ms, int64_t *step_ms);

static inline int64_t varve_timebase_unix(const struct varve_timebase *timebase, int64_t boot_ms)
{
    return boot_ms + timebase->offset_ms;
}

#endif
