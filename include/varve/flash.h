// SPDX-License-Identifier: Apache-2.0
// The driver of a raw NOR flash: what a port hands out by varve_port_flash().
//
// A driver is one const descriptor; its state is behind `context`. The device may be a whole chip
// or a part of one, on SPI or inside an MCU; its addresses start at 0.
//
// NOR flash is written in pages and erased in sectors:
//   - an erased byte reads 0xff;
//   - programming clears bits and never sets one: the result is the AND of old and new. A page is
//     programmed in several parts, of any length and alignment, and now and then bits are cleared
//     in bytes that were programmed before, mostly all of them. Flash whose ECC lets a word be
//     programmed only once does not allow that, and cannot be used;
//   - erasing sets all bits of a sector;
//   - the power can go in the midst of both. A program that was cut has cleared some of its bits,
//   or
//     has spoilt its page; an erase that was cut leaves anything at all.
//
// Two drivers are there to take or to copy: ports/common/spi_nor.h for serial NOR chips, and
// ports/template/flash.c for the flash inside an MCU.
//
// A driver waits until the chip is ready and reports what the chip reports, VARVE_E_IO: it neither
// retries nor verifies. The backend reads back what it wrote and gives up sectors that fail.
//
// Only core/storage_flash.c calls these functions, so that every program and every erase is in the
// ledger.
//
// Threading: one caller at a time, task context. Where the code runs from the same flash, program()
// and erase() run from RAM and keep interrupts that need the flash away.
#ifndef VARVE_FLASH_H
#define VARVE_FLASH_H

#include "varve/error.h"
#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

struct varve_flash {
    const char *name;      // as in `device = nor0`
    uint32_t page_bytes;   // most that one program() takes; a power of two, 8 to 4096. Commits
                           // are padded to it
    uint32_t sector_bytes; // unit of erase(); a multiple of page_bytes, at least 8 pages and
                           // 512 bytes; a driver may erase several of the chip's at once
    uint32_t sectors;      // 8 to 65535
    void *context;         // the driver's own

    // Reads `len` bytes. Returns 0 or an error.
    int (*read)(const struct varve_flash *flash, uint32_t address, void *buf, size_t len);
    // Programs `len` bytes, which lie in one page. Returns 0 or an error.
    int (*program)(const struct varve_flash *flash, uint32_t address, const void *buf, size_t len);
    // Erases a sector, counted from 0. Returns 0 or an error.
    int (*erase)(const struct varve_flash *flash, uint32_t sector);
};

#ifdef __cplusplus
}
#endif
#endif
