// SPDX-License-Identifier: Apache-2.0
// The emulated flash; see flash.h.
#include "flash.h"

#include <stdlib.h>
#include <string.h>

enum page_state {
    ERASED = 0, // so that fresh memory is erased flash
    PROGRAMMED,
    STALE,
    HALF_DONE
};

int sim_flash_init(struct sim_flash *flash, uint32_t page_bytes, uint32_t pages_per_block,
                   uint32_t blocks)
{
    const size_t pages = (size_t)pages_per_block * blocks;
    *flash = (struct sim_flash){
        .page_bytes = page_bytes, .pages_per_block = pages_per_block, .blocks = blocks};
    // Zeroed memory that is never touched costs nothing: a large device is mostly untouched.
    flash->state = calloc(pages, sizeof *flash->state);
    flash->data = calloc(pages, sizeof *flash->data);
    flash->erases = calloc(blocks, sizeof *flash->erases);
    if (flash->state == NULL || flash->data == NULL || flash->erases == NULL) {
        sim_flash_free(flash);
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

void sim_flash_free(struct sim_flash *flash)
{
    const size_t pages = (size_t)flash->pages_per_block * flash->blocks;
    for (size_t page = 0; flash->state != NULL && flash->data != NULL && page < pages; page++) {
        if (flash->state[page] == PROGRAMMED) {
            free(flash->data[page]);
        }
    }
    free(flash->state);
    free(flash->data);
    free(flash->erases);
    *flash = (struct sim_flash){0};
}

int sim_flash_program(struct sim_flash *flash, uint32_t page, const uint8_t *data)
{
    if (flash->state[page] != ERASED) {
        return VARVE_E_INVALID;
    }
    if (data != NULL) {
        flash->data[page] = malloc(flash->page_bytes);
        if (flash->data[page] == NULL) {
            return VARVE_E_NO_MEMORY;
        }
        memcpy(flash->data[page], data, flash->page_bytes);
    }
    flash->state[page] = PROGRAMMED;
    flash->programs++;
    return 0;
}

int sim_flash_copy(struct sim_flash *flash, uint32_t from, uint32_t to)
{
    if (flash->state[from] != PROGRAMMED) {
        return VARVE_E_CORRUPT;
    }
    return sim_flash_program(flash, to, flash->data[from]);
}

int sim_flash_read(const struct sim_flash *flash, uint32_t page, uint8_t *out)
{
    if (flash->state[page] != PROGRAMMED) {
        return VARVE_E_CORRUPT;
    }
    if (flash->data[page] == NULL) {
        memset(out, 0, flash->page_bytes);
    } else {
        memcpy(out, flash->data[page], flash->page_bytes);
    }
    return 0;
}

void sim_flash_stale(struct sim_flash *flash, uint32_t page)
{
    free(flash->data[page]);
    flash->data[page] = NULL;
    flash->state[page] = STALE;
}

static void wipe(struct sim_flash *flash, uint32_t block, enum page_state state)
{
    const size_t first = (size_t)block * flash->pages_per_block;
    for (size_t page = first; page < first + flash->pages_per_block; page++) {
        free(flash->data[page]);
        flash->data[page] = NULL;
        flash->state[page] = (uint8_t)state;
    }
    flash->erase_count++;
    flash->erases[block]++;
    if (flash->erases[block] > flash->max_erases) {
        flash->max_erases = flash->erases[block];
    }
}

void sim_flash_erase(struct sim_flash *flash, uint32_t block)
{
    wipe(flash, block, ERASED);
}

void sim_flash_half_erase(struct sim_flash *flash, uint32_t block)
{
    wipe(flash, block, HALF_DONE);
}

void sim_flash_half_program(struct sim_flash *flash, uint32_t page)
{
    if (flash->state[page] == ERASED) {
        flash->state[page] = HALF_DONE;
        flash->programs++;
    }
}
