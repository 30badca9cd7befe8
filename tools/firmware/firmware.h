// SPDX-License-Identifier: Apache-2.0
// What the images of this folder share: start, time, text, configuration.
#ifndef VARVE_TOOLS_FIRMWARE_H
#define VARVE_TOOLS_FIRMWARE_H

#include "ports/common/spi_nor.h"
#include "varve/host.h"

// For an image that is one loop: starts the board's tick, sends the log to the console, opens the
// chip; and sleeps.
void firmware_start(void);
void firmware_sleep(int64_t ms);

// A text on the console, at most 159 bytes; conversions as in varve_format().
void firmware_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The board's configuration: compiled in, or its board.ini parsed. NULL, said on the console, when
// it is not valid.
const struct varve_conf *firmware_conf(void);

// Where the board has a serial NOR chip, `nor0`: the bus to it, and its first `sectors` sectors, 0:
// all. NULL, said on the console, when it does not answer. firmware_start_flash() opens the
// whole chip for the port; where there is none it does nothing.
extern const struct varve_spi_bus firmware_bus;
const struct varve_flash *firmware_nor(uint32_t sectors);
void firmware_start_flash(void);

// QEMU writes its image of the chip behind the program's back, and its end leaves out what is under
// way: whoever wrote calls this before it exits, and it waits for a while of the host's time.
void firmware_settle(void);

#endif
