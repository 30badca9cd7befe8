// SPDX-License-Identifier: Apache-2.0
// The page map; see map.h.
#include "map.h"

#include <stdlib.h>
#include <string.h>

enum block_state {
    FREE = 0,
    OPEN,
    FULL
};

#define NO_BLOCK UINT32_MAX

int sim_map_init(struct sim_map *map, struct sim_flash *flash, uint32_t pages, bool (*permit)(void))
{
    const uint32_t filled = (pages + flash->pages_per_block - 1) / flash->pages_per_block;
    *map = (struct sim_map){
        .flash = flash, .pages = pages, .free_blocks = flash->blocks, .permit = permit};
    if (flash->blocks < filled + MAP_SPARE_MIN) {
        return VARVE_E_INVALID;
    }
    map->physical = calloc(pages, sizeof *map->physical);
    map->logical = calloc((size_t)flash->blocks * flash->pages_per_block, sizeof *map->logical);
    map->live = calloc(flash->blocks, sizeof *map->live);
    map->block_state = calloc(flash->blocks, sizeof *map->block_state);
    if (map->physical == NULL || map->logical == NULL || map->live == NULL ||
        map->block_state == NULL) {
        sim_map_free(map);
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

void sim_map_free(struct sim_map *map)
{
    free(map->physical);
    free(map->logical);
    free(map->live);
    free(map->block_state);
    *map = (struct sim_map){0};
}

// ---- blocks -------------------------------------------------------------------------------------

// The free block with the fewest erases.
static uint32_t take_free(struct sim_map *map)
{
    uint32_t best = NO_BLOCK;
    for (uint32_t block = 0; block < map->flash->blocks; block++) {
        if (map->block_state[block] == FREE &&
            (best == NO_BLOCK || map->flash->erases[block] < map->flash->erases[best])) {
            best = block;
        }
    }
    if (best != NO_BLOCK) {
        map->block_state[best] = OPEN;
        map->free_blocks--;
    }
    return best;
}

// The next erased page of the open block; opens another one when it is full.
static int next_page(struct sim_map *map, struct sim_map_open *open, uint32_t *page)
{
    if (open->is_open && open->used == map->flash->pages_per_block) {
        map->block_state[open->block] = FULL;
        open->is_open = false;
    }
    if (!open->is_open) {
        open->block = take_free(map);
        if (open->block == NO_BLOCK) {
            return VARVE_E_NO_SPACE;
        }
        open->is_open = true;
        open->used = 0;
    }
    *page = open->block * map->flash->pages_per_block + open->used;
    return 0;
}

static void forget(struct sim_map *map, uint32_t page)
{
    const uint32_t old = map->physical[page];
    if (old == 0) {
        return;
    }
    map->logical[old - 1] = 0;
    map->live[(old - 1) / map->flash->pages_per_block]--;
    sim_flash_stale(map->flash, old - 1);
}

static void assign(struct sim_map *map, struct sim_map_open *open, uint32_t page, uint32_t to)
{
    forget(map, page);
    map->physical[page] = to + 1;
    map->logical[to] = page + 1;
    map->live[open->block]++;
    open->used++;
}

// The power goes while page `to` is programmed: it is of no use before its block is erased.
static int spoil(struct sim_map *map, struct sim_map_open *open, uint32_t to)
{
    sim_flash_half_program(map->flash, to);
    open->used++;
    return VARVE_E_IO;
}

// ---- moving -------------------------------------------------------------------------------------

static int move_page(struct sim_map *map, uint32_t from)
{
    uint32_t to;
    int rc = next_page(map, &map->moving, &to);
    if (rc != 0) {
        return rc;
    }
    if (!map->permit()) {
        return spoil(map, &map->moving, to);
    }
    rc = sim_flash_copy(map->flash, from, to);
    if (rc != 0) {
        return rc;
    }
    assign(map, &map->moving, map->logical[from] - 1, to);
    map->moved++;
    return 0;
}

// Moves what is live and erases the block.
static int empty(struct sim_map *map, uint32_t block)
{
    const uint32_t first = block * map->flash->pages_per_block;
    for (uint32_t i = 0; map->live[block] > 0 && i < map->flash->pages_per_block; i++) {
        const int rc = map->logical[first + i] == 0 ? 0 : move_page(map, first + i);
        if (rc != 0) {
            return rc;
        }
    }
    if (!map->permit()) {
        sim_flash_half_erase(map->flash, block); // it stays a full one without a live page
        return VARVE_E_IO;
    }
    sim_flash_erase(map->flash, block);
    map->block_state[block] = FREE;
    map->free_blocks++;
    return 0;
}

// Whether full block `a` is a better one to empty than `b`.
static bool is_better(const struct sim_map *map, uint32_t a, uint32_t b)
{
    if (b == NO_BLOCK || map->live[a] != map->live[b]) {
        return b == NO_BLOCK || map->live[a] < map->live[b];
    }
    return map->flash->erases[a] < map->flash->erases[b];
}

static uint32_t find_victim(const struct sim_map *map)
{
    uint32_t best = NO_BLOCK;
    for (uint32_t block = 0; block < map->flash->blocks; block++) {
        if (map->block_state[block] == FULL && is_better(map, block, best)) {
            best = block;
        }
    }
    return best;
}

static uint32_t find_least_worn(const struct sim_map *map)
{
    uint32_t best = NO_BLOCK;
    for (uint32_t block = 0; block < map->flash->blocks; block++) {
        if (map->block_state[block] == FULL &&
            (best == NO_BLOCK || map->flash->erases[block] < map->flash->erases[best])) {
            best = block;
        }
    }
    return best;
}

static int level_wear(struct sim_map *map)
{
    if (map->flash->max_erases <= MAP_WEAR_SPREAD || map->free_blocks == 0) {
        return 0;
    }
    const uint32_t block = find_least_worn(map);
    if (block == NO_BLOCK ||
        map->flash->max_erases - map->flash->erases[block] <= MAP_WEAR_SPREAD) {
        return 0;
    }
    return empty(map, block);
}

// Before a block is opened for writing: so many free ones that moving cannot get stuck.
static int make_room(struct sim_map *map)
{
    const bool needs_block = !map->host.is_open || map->host.used == map->flash->pages_per_block;
    while (needs_block && map->free_blocks <= MAP_FREE_MIN) {
        const uint32_t victim = find_victim(map);
        int rc = victim == NO_BLOCK ? VARVE_E_NO_SPACE : empty(map, victim);
        rc = rc == 0 ? level_wear(map) : rc;
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

// ---- pages --------------------------------------------------------------------------------------

int sim_map_write(struct sim_map *map, uint32_t page, const uint8_t *data)
{
    uint32_t to;
    int rc = make_room(map);
    rc = rc == 0 ? next_page(map, &map->host, &to) : rc;
    if (rc != 0) {
        return rc;
    }
    if (!map->permit()) {
        return spoil(map, &map->host, to);
    }
    rc = sim_flash_program(map->flash, to, data);
    if (rc == 0) {
        assign(map, &map->host, page, to);
    }
    return rc;
}

int sim_map_read(const struct sim_map *map, uint32_t page, uint8_t *out)
{
    if (map->physical[page] == 0) {
        memset(out, 0, map->flash->page_bytes);
        return 0;
    }
    return sim_flash_read(map->flash, map->physical[page] - 1, out);
}

void sim_map_discard(struct sim_map *map, uint32_t page)
{
    forget(map, page);
    map->physical[page] = 0;
}
