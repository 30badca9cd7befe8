// SPDX-License-Identifier: Apache-2.0
// A driver of varve/flash.h for the serial NOR chips that nearly all makers agree on: JEDEC id,
// 24-bit addresses (32-bit ones above 16 MiB), pages of 256 bytes, sectors of 4 KiB. It speaks
// through a bus that the firmware supplies: one function.
//
//   static const struct varve_spi_bus bus = {.transfer = board_spi_transfer};
//   static struct varve_spi_nor nor;
//   static const struct varve_flash *const flashes[] = {&nor.flash, NULL};
//   ...
//   int rc = varve_spi_nor_open(&nor, &bus, "nor0", 0, 0);
//   varve_firmware_flashes(flashes);
//
// Threading: as varve/flash.h says, one caller at a time, task context. The code must not run from
// the chip that it erases.
#ifndef VARVE_PORTS_SPI_NOR_H
#define VARVE_PORTS_SPI_NOR_H

#include "varve/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

// The bus with one chip select. The chip understands SPI mode 0 and 3, most significant bit first.
struct varve_spi_bus {
    void *context; // the bus' own

    // Selects the chip, sends `head` (1 to 5 bytes), then sends the `len` bytes of `out`, or, where
    // `out` is NULL, receives `len` bytes into `in`, and deselects the chip. `len` may be 0. DMA
    // may do it, if it has been done when this returns. Returns 0 or VARVE_E_IO.
    int (*transfer)(const struct varve_spi_bus *bus, const uint8_t *head, size_t head_len,
                    const void *out, void *in, size_t len);
    // Called between two looks at a chip that is busy, for milliseconds while it programs and up to
    // half a second while it erases: sleeps for a moment, or lets other tasks run. NULL: looks
    // again at once.
    void (*pause)(const struct varve_spi_bus *bus);
};

struct varve_spi_nor {
    struct varve_flash flash; // what the port hands out
    const struct varve_spi_bus *bus;
    uint32_t first_byte; // on the chip, of the part that is used
    uint32_t chip_bytes;
    uint8_t id[3]; // JEDEC: maker, type, capacity as a power of two
    bool is_wide;  // 32-bit addresses
};

// Wakes the chip, waits for what a reset of the processor may have left it at, identifies it and
// fills `nor`, whose `flash` is the part of `sectors` sectors from `first_sector` on; 0 sectors:
// all that follow. `bus` and `name` must stay. Returns 0; VARVE_E_NOT_FOUND: no chip answers;
// VARVE_E_UNSUPPORTED: one of a size that these commands do not reach (64 KiB to 256 MiB are);
// VARVE_E_INVALID: the part is not on it, or smaller than a flash may be; VARVE_E_TIMEOUT: it stays
// busy; or the bus' error.
//
// The functions of `flash` return 0, the bus' error, VARVE_E_TIMEOUT, or VARVE_E_READ_ONLY when the
// chip does not accept that it is to be written: it is protected by its pin or its status register.
int varve_spi_nor_open(struct varve_spi_nor *nor, const struct varve_spi_bus *bus, const char *name,
                       uint32_t first_sector, uint32_t sectors);

#ifdef __cplusplus
}
#endif
#endif
