// SPDX-License-Identifier: Apache-2.0
// The emulated flash: pages that are programmed once, blocks that are erased as a whole, a count of
// the erases of each block. What a page is for is the map's business (map.h).
//
// A page is erased, programmed, stale, or half done: the power went while it was programmed, or
// while its block was erased. What is half done cannot be read and must be erased. Programming a
// page that is not erased is an error and not a silent AND of bits: no layer above does it on
// purpose. A page that the map calls stale keeps its state, but its content is given back: a device
// of gigabytes then costs the memory of what lives on it. Reading a stale page is an error for the
// same reason.
//
// Threading: one task.
#ifndef VARVE_SIM_FLASH_H
#define VARVE_SIM_FLASH_H

#include "varve/error.h"
#include "varve/types.h"

struct sim_flash {
    uint32_t page_bytes;
    uint32_t pages_per_block;
    uint32_t blocks;
    uint8_t *state;   // by page
    uint8_t **data;   // by page; NULL: zeros, or no content
    uint32_t *erases; // by block
    uint64_t programs;
    uint64_t erase_count;
    uint32_t max_erases;
};

int sim_flash_init(struct sim_flash *flash, uint32_t page_bytes, uint32_t pages_per_block,
                   uint32_t blocks);
void sim_flash_free(struct sim_flash *flash);

// `data` NULL: a page of zeros. VARVE_E_INVALID when the page is not erased.
int sim_flash_program(struct sim_flash *flash, uint32_t page, const uint8_t *data);
// Programs `to` with what `from` holds.
int sim_flash_copy(struct sim_flash *flash, uint32_t from, uint32_t to);
// VARVE_E_CORRUPT when the page is erased, stale or half done.
int sim_flash_read(const struct sim_flash *flash, uint32_t page, uint8_t *out);
void sim_flash_stale(struct sim_flash *flash, uint32_t page);
void sim_flash_erase(struct sim_flash *flash, uint32_t block);
// The power goes while an erased page is programmed; while a block is erased, which wears it.
void sim_flash_half_program(struct sim_flash *flash, uint32_t page);
void sim_flash_half_erase(struct sim_flash *flash, uint32_t block);

#endif
