// SPDX-License-Identifier: Apache-2.0
// The port to a Cortex-M without an operating system, and what firmware does for it besides what
// ports/common/firmware.h asks of it: it starts the tick.
//
// One loop drives everything:
//
//   varve_baremetal_start(SystemCoreClock, 10);
//   ... varve_host_init() ...
//   for (;;) varve_baremetal_sleep(varve_host_step(host));
//
// Interrupts may push (varve_push_boot() with varve_port_boot_ms()) and raise signals.
#ifndef VARVE_PORTS_BAREMETAL_H
#define VARVE_PORTS_BAREMETAL_H

#include "ports/common/firmware.h"

#ifdef __cplusplus
extern "C" {
#endif

// Starts SysTick with its interrupt, once, before anything else of varve. `clock_hz` is the
// processor's clock, at least 1 MHz; `tick_ms` the time between two interrupts, 1 to 1000, and how
// late a sleep may end: clocks are exact in between. Returns 0, or VARVE_E_INVALID when the period
// does not fit SysTick's 24 bits (16,777,216 cycles).
int varve_baremetal_start(uint32_t clock_hz, uint32_t tick_ms);

// Sleeps until `ms` have gone by, waiting for interrupts in between. Task context.
void varve_baremetal_sleep(int64_t ms);

#ifdef __cplusplus
}
#endif
#endif
