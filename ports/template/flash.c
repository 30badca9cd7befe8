// SPDX-License-Identifier: Apache-2.0
// The flash inside the MCU as a driver of varve/flash.h: what it must do, and what it may leave to
// the backend, is said there. It only translates; the registers are the board's, board.h.
//
// Bits must be clearable in steps: the backend programs parts of a page one after the other, and
// now and then zeros over bytes that were programmed before. NOR cells can; a controller with an
// ECC over words that may be programmed once only (STM32 L4, G4, H7 among others) does not let
// them, and cannot be used.
//
// Threading: as varve/flash.h says: one caller at a time, task context.
#include <string.h>

#include "ports/template/internal.h"

static int flash_read(const struct varve_flash *flash, uint32_t address, void *buf, size_t len)
{
    (void)flash;
    memcpy(buf, board_flash_memory() + address, len);
    return 0;
}

static int flash_program(const struct varve_flash *flash, uint32_t address, const void *buf,
                         size_t len)
{
    (void)flash;
    return board_flash_program(address, buf, len) == 0 ? 0 : template_fail(VARVE_E_IO);
}

static int flash_erase(const struct varve_flash *flash, uint32_t sector)
{
    return board_flash_erase(sector * flash->sector_bytes) == 0 ? 0 : template_fail(VARVE_E_IO);
}

const struct varve_flash template_flash = {
    .name = "flash0",
    .page_bytes = TEMPLATE_FLASH_PAGE,
    .sector_bytes = TEMPLATE_FLASH_SECTOR,
    .sectors = TEMPLATE_FLASH_SECTORS,
    .read = flash_read,
    .program = flash_program,
    .erase = flash_erase,
};
