// SPDX-License-Identifier: Apache-2.0
// Time: three clocks, of which one is asked of the board twice.
//
// Threading: any context; the wall clock in task context.
#include "ports/template/internal.h"

// Since the start, time asleep included: samples carry it until they have a wall time. If the timer
// stops in a sleep mode, add what an RTC says has gone by. Must never go back.
int64_t varve_port_boot_ms(void)
{
    return (int64_t)(board_time_us() / 1000u);
}

// For durations. Time asleep need not be in it.
uint64_t varve_port_mono_us(void)
{
    return board_time_us();
}

// What the board believes; may be wrong, and may step at any time: the core notices.
int64_t varve_port_wall_ms(void)
{
    return board_unix_ms();
}
