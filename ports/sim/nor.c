// SPDX-License-Identifier: Apache-2.0
// A raw NOR flash without a filesystem: bits that are cleared by programs and set by erases, wear
// by sector, and what the power leaves of either. flash.c, beside it, emulates whole pages for the
// page map of a filesystem; here the content of every bit counts.
//
// Threading: one task.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

enum {
    GOOD = 0,
    WEAK,     // a cut erase: looks blank, is not
    WORN_OUT, // says so
    WORN_OUT_SILENTLY
};

static struct {
    uint8_t *bytes;
    uint8_t *state;   // by sector
    uint32_t *erases; // by sector
    struct varve_sim_nor_counters counters;
} chip;

static struct varve_flash driver;

// ---- power --------------------------------------------------------------------------------------

static uint8_t some_bits(void)
{
    return (uint8_t)sim_fault_below(256);
}

static void cut_program(uint32_t address, const uint8_t *from, size_t len)
{
    uint8_t *page = chip.bytes + address / driver.page_bytes * driver.page_bytes;

    for (size_t i = 0; i < len; i++) {
        chip.bytes[address + i] &= from[i] | some_bits();
    }
    for (uint32_t i = 0; sim_fault_below(4) == 0 && i < driver.page_bytes; i++) {
        page[i] &= some_bits();
    }
}

static void cut_erase(uint32_t sector)
{
    uint8_t *page = chip.bytes + (size_t)sector * driver.sector_bytes;
    const bool looks_blank = sim_fault_below(4) == 0;

    chip.state[sector] = WEAK;
    for (uint32_t at = 0; at < driver.sector_bytes; at += driver.page_bytes) {
        const uint32_t how = looks_blank ? 2 : sim_fault_below(4);
        for (uint32_t i = 0; how != 0 && i < driver.page_bytes; i++) {
            page[at + i] = how == 1 ? 0 : how == 2 ? 0xff : some_bits();
        }
    }
}

// ---- the driver ---------------------------------------------------------------------------------

static int nor_read(const struct varve_flash *flash, uint32_t address, void *buf, size_t len)
{
    (void)flash;
    if (varve_sim_is_off()) {
        return sim_fail(VARVE_E_IO);
    }
    memcpy(buf, chip.bytes + address, len);
    return 0;
}

static bool sets_a_bit(uint32_t address, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((from[i] & ~chip.bytes[address + i]) != 0) {
            return true;
        }
    }
    return false;
}

static int nor_program(const struct varve_flash *flash, uint32_t address, const void *buf,
                       size_t len)
{
    const uint32_t sector = address / flash->sector_bytes;
    const bool was_off = varve_sim_is_off();

    if (!sim_permit_flash()) {
        if (!was_off) {
            cut_program(address, buf, len);
        }
        return sim_fail(VARVE_E_IO);
    }
    chip.counters.programs++;
    chip.counters.bytes += len;
    if (chip.state[sector] == WORN_OUT) {
        return sim_fail(VARVE_E_IO);
    }
    const bool clears_all = ((const uint8_t *)buf)[0] == 0; // a mark, which any state can take
    chip.counters.misuses += (chip.state[sector] == WEAK && !clears_all) ||
                             (chip.state[sector] == GOOD && sets_a_bit(address, buf, len)) ||
                             address % flash->page_bytes + len > flash->page_bytes;
    for (size_t i = 0; chip.state[sector] != WORN_OUT_SILENTLY && i < len; i++) {
        chip.bytes[address + i] &= ((const uint8_t *)buf)[i];
    }
    return 0;
}

static int nor_erase(const struct varve_flash *flash, uint32_t sector)
{
    const bool was_off = varve_sim_is_off();
    const bool goes_on = sim_permit_flash();

    if (was_off) {
        return sim_fail(VARVE_E_IO);
    }
    chip.counters.erases++;
    chip.erases[sector]++;
    if (chip.state[sector] == WORN_OUT) {
        return sim_fail(VARVE_E_IO);
    }
    if (!goes_on) {
        cut_erase(sector);
        return sim_fail(VARVE_E_IO);
    }
    if (chip.state[sector] != WORN_OUT_SILENTLY) {
        chip.state[sector] = GOOD;
        memset(chip.bytes + (size_t)sector * flash->sector_bytes, 0xff, flash->sector_bytes);
    }
    return 0;
}

const struct varve_flash *varve_port_flash(const char *name)
{
    return chip.bytes != NULL && strcmp(name, driver.name) == 0 ? &driver : NULL;
}

// ---- the chip -----------------------------------------------------------------------------------

void sim_nor_destroy(void)
{
    free(chip.bytes);
    free(chip.state);
    free(chip.erases);
    memset(&chip, 0, sizeof chip);
}

int varve_sim_add_nor(const struct varve_sim_nor *geometry)
{
    const size_t bytes = (size_t)geometry->sector_bytes * geometry->sectors;

    sim_nor_destroy();
    driver = (struct varve_flash){.name = "nor0",
                                  .page_bytes = geometry->page_bytes,
                                  .sector_bytes = geometry->sector_bytes,
                                  .sectors = geometry->sectors,
                                  .read = nor_read,
                                  .program = nor_program,
                                  .erase = nor_erase};
    chip.bytes = malloc(bytes);
    chip.state = calloc(geometry->sectors, sizeof *chip.state);
    chip.erases = calloc(geometry->sectors, sizeof *chip.erases);
    if (chip.bytes == NULL || chip.state == NULL || chip.erases == NULL) {
        sim_nor_destroy();
        return VARVE_E_NO_MEMORY;
    }
    memset(chip.bytes, 0xff, bytes);
    return 0;
}

uint8_t *varve_sim_nor_bytes(void)
{
    return chip.bytes;
}

void varve_sim_nor_wear_out(uint32_t sector, bool silent)
{
    chip.state[sector] = silent ? WORN_OUT_SILENTLY : WORN_OUT;
}

void varve_sim_nor_counters(struct varve_sim_nor_counters *out)
{
    chip.counters.max_sector_erases = 0;
    chip.counters.min_sector_erases = UINT32_MAX;
    for (uint32_t i = 0; chip.bytes != NULL && i < driver.sectors; i++) {
        const uint32_t erases = chip.erases[i];
        if (chip.state[i] == GOOD && erases < chip.counters.min_sector_erases) {
            chip.counters.min_sector_erases = erases;
        }
        if (erases > chip.counters.max_sector_erases) {
            chip.counters.max_sector_erases = erases;
        }
    }
    *out = chip.counters;
}
