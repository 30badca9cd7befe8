// SPDX-License-Identifier: Apache-2.0
// Programs that are torn, erases that are cut; see torn_flash.h.
//
// A torn program has done its first half, and some bits of the byte behind. An erase that is cut
// early has cleared the bits of some pages, as chips do before they set them; one that is cut late
// has erased the sector but for some bits. Which of both: the number of the erase is even or odd.
#include "torn_flash.h"

#include <stddef.h>

static struct torn_flash *torn_of(const struct varve_flash *flash)
{
    return flash->context;
}

static int torn_read(const struct varve_flash *flash, uint32_t address, void *buf, size_t len)
{
    const struct varve_flash *chip = torn_of(flash)->chip;
    return chip->read(chip, address, buf, len);
}

// Whatever fails here: the power goes next.
static void tear(struct torn_flash *torn, uint32_t address, const uint8_t *from, size_t len)
{
    const uint8_t some_bits = from[len / 2] | 0x55;
    (void)torn->chip->program(torn->chip, address, from, len / 2);
    (void)torn->chip->program(torn->chip, address + (uint32_t)(len / 2), &some_bits, 1);
    torn->power_gone();
}

static int torn_program(const struct varve_flash *flash, uint32_t address, const void *buf,
                        size_t len)
{
    struct torn_flash *torn = torn_of(flash);
    if (++torn->programs == torn->tear_at) {
        tear(torn, address, buf, len);
    }
    return torn->chip->program(torn->chip, address, buf, len);
}

static void cut(struct torn_flash *torn, uint32_t sector)
{
    static const uint8_t zeros[8];
    static const uint8_t leftover = 0x5f;
    const struct varve_flash *chip = torn->chip;
    const uint32_t first = sector * chip->sector_bytes;
    if (torn->erases % 2 == 0) {
        for (uint32_t at = 0; at < 3 * chip->page_bytes; at += sizeof zeros) {
            (void)chip->program(chip, first + at, zeros, sizeof zeros);
        }
    } else {
        (void)chip->erase(chip, sector);
        (void)chip->program(chip, first + chip->sector_bytes / 2, &leftover, 1);
    }
    torn->power_gone();
}

static int torn_erase(const struct varve_flash *flash, uint32_t sector)
{
    struct torn_flash *torn = torn_of(flash);
    if (++torn->erases == torn->cut_at) {
        cut(torn, sector);
    }
    return sector == torn->worn_sector ? VARVE_E_IO : torn->chip->erase(torn->chip, sector);
}

void torn_flash_init(struct torn_flash *torn, const struct varve_flash *chip,
                     void (*power_gone)(void))
{
    *torn = (struct torn_flash){
        .flash = *chip, .chip = chip, .worn_sector = UINT32_MAX, .power_gone = power_gone};
    torn->flash.context = torn;
    torn->flash.read = torn_read;
    torn->flash.program = torn_program;
    torn->flash.erase = torn_erase;
}
