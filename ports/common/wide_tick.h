// SPDX-License-Identifier: Apache-2.0
// A counter of 32 bits made one of 64: a clock of milliseconds in 32 bits, as many timers and
// RTOSes have, begins anew after 49.7 days, and varve's boot time must not.
//
// It has to be asked at least once in each turn of the counter; varve asks several times a second.
//
// Threading: one caller at a time: interrupts off, or a lock, where tasks and interrupts ask.
#ifndef VARVE_PORTS_WIDE_TICK_H
#define VARVE_PORTS_WIDE_TICK_H

#include <stdint.h>

// All zero: nothing has been read yet.
struct varve_wide_tick {
    uint32_t turns; // how often the counter has begun anew
    uint32_t last;  // what it showed last
};

// Ticks since the counter was zero for the first time; `now` is what it shows. Readings must come
// in their order.
static inline uint64_t varve_wide_tick(struct varve_wide_tick *tick, uint32_t now)
{
    tick->turns += now < tick->last ? 1u : 0u;
    tick->last = now;
    return (uint64_t)tick->turns << 32 | now;
}

#endif
