// SPDX-License-Identifier: Apache-2.0
// What the images of this folder share: start, time, text, configuration.
#ifndef VARVE_TOOLS_FIRMWARE_H
#define VARVE_TOOLS_FIRMWARE_H

#include "ports/common/spi_nor.h"
#include "varve/host.h"

// Starts the board's tick and sends the log to the console.
void firmware_start(void);

void firmware_set_wall(int64_t unix_ms);
void firmware_sleep(int64_t ms);

// A text on the console, at most 159 bytes; conversions as in varve_format().
void firmware_print(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The board's configuration: compiled in, or its board.ini parsed. NULL, said on the console, when
// it is not valid.
const struct varve_conf *firmware_conf(void);

// Where the board has a serial NOR chip, `nor0`: the bus to it, and its first `sectors` sectors, 0:
// all. NULL, said on the console, when it does not answer. firmware_start() has opened the whole
// chip for the port already.
extern const struct varve_spi_bus firmware_bus;
const struct varve_flash *firmware_nor(uint32_t sectors);

#endif
