// SPDX-License-Identifier: Apache-2.0
// A driver of varve/flash.h in front of another one, for tests on a board: it tears a program, cuts
// an erase, and lets a sector wear out. What it leaves it makes with the programs and erases of the
// chip, so it is on the chip.
//
// Threading: as varve/flash.h says.
#ifndef VARVE_TOOLS_TORN_FLASH_H
#define VARVE_TOOLS_TORN_FLASH_H

#include "varve/flash.h"

struct torn_flash {
    struct varve_flash flash; // to be handed out
    const struct varve_flash *chip;
    uint32_t programs;        // of them the `tear_at`-th is torn; 0: none
    uint32_t tear_at;         //
    uint32_t erases;          // of them the `cut_at`-th is cut; 0: none
    uint32_t cut_at;          //
    uint32_t worn_sector;     // that cannot be erased any more; UINT32_MAX: none
    void (*power_gone)(void); // called in the midst of either; does not return
};

// Fills `torn`, which does nothing yet but to pass on.
void torn_flash_init(struct torn_flash *torn, const struct varve_flash *chip,
                     void (*power_gone)(void));

#endif
