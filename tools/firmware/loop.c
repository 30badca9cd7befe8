// SPDX-License-Identifier: Apache-2.0
// Start and sleep of the images that are one loop, on the bare-metal port.
//
// Threading: one loop.
#include "firmware.h"
#include "ports/baremetal/baremetal.h"
#include "ports/cortex-m/cortex-m.h"

#define TICK_MS 50

void firmware_start(void)
{
    varve_firmware_log_to(semihosting_write, VARVE_INFO);
    if (varve_baremetal_start(VARVE_BOARD_CLOCK_HZ, TICK_MS) != 0) {
        semihosting_write("the tick does not fit the board's clock\n");
        semihosting_exit(1);
    }
    firmware_start_flash();
}

void firmware_sleep(int64_t ms)
{
    varve_baremetal_sleep(ms);
}
