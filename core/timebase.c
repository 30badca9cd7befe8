// SPDX-License-Identifier: Apache-2.0
// The mapping from boot time to Unix time; see timebase.h.
#include "timebase.h"

enum varve_clock_change varve_timebase_update(struct varve_timebase *timebase, int64_t boot_ms,
                                              int64_t wall_ms, int64_t *step_ms)
{
    int64_t offset = wall_ms - boot_ms;
    int64_t deviation = offset - timebase->offset_ms;
    bool plausible = timebase->trust_always || wall_ms >= VARVE_CLOCK_FLOOR_MS;
    *step_ms = 0;
    if (!timebase->trusted) {
        timebase->offset_ms = offset;
        timebase->trusted = plausible;
        return plausible ? VARVE_CLOCK_TRUSTED : VARVE_CLOCK_SAME;
    }
    if (!plausible || (deviation >= -VARVE_CLOCK_NOISE_MS && deviation <= VARVE_CLOCK_NOISE_MS)) {
        return VARVE_CLOCK_SAME;
    }
    timebase->offset_ms = offset;
    if (deviation >= -VARVE_CLOCK_STEP_MS && deviation <= VARVE_CLOCK_STEP_MS) {
        return VARVE_CLOCK_SAME;
    }
    timebase->steps++;
    *step_ms = deviation;
    return VARVE_CLOCK_STEPPED;
}
