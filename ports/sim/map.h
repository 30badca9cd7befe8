// SPDX-License-Identifier: Apache-2.0
// The page map: logical pages that can be overwritten, on flash pages that cannot. For an FTL it is
// the FTL; for raw flash it is what a log-structured filesystem does with its nodes.
//
//   - A write goes to the next page of the open block; the page that held the logical page before
//     becomes stale. When the open block is full, the free block with the fewest erases is opened
//     (dynamic wear levelling).
//   - Garbage collection, greedy: when no more than MAP_FREE_MIN blocks are free, the full block
//     with the fewest live pages is emptied into a block of its own and erased; of equals the one
//     with the fewest erases. (Greedy choice: Rosenblum and Ousterhout 1992; that it is optimal for
//     uniform writes: Hu et al. 2009.)
//   - Static wear levelling: when the most worn block is more than MAP_WEAR_SPREAD erases ahead of
//     the least worn full one, that one is emptied too, so that blocks under data that never
//     changes take their turn.
//   - A power cut at any program or erase loses nothing: the map follows only after the program, a
//     block is erased only when nothing in it is live. A page that was half programmed is passed
//     over, a block that was half erased is erased again. The map itself is taken to be recovered
//     by the device.
//
// Every program and erase first asks `permit`, which counts it and may refuse: the power is gone.
//
// Threading: one task.
#ifndef VARVE_SIM_MAP_H
#define VARVE_SIM_MAP_H

#include "flash.h"

#define MAP_FREE_MIN    2u
#define MAP_WEAR_SPREAD 16u
// Blocks that must be beyond what the logical pages fill: free ones, two open ones, and one whose
// pages are stale, so that there is always a block worth emptying.
#define MAP_SPARE_MIN (MAP_FREE_MIN + 3u)

struct sim_map {
    struct sim_flash *flash;
    uint32_t pages;       // logical
    uint32_t *physical;   // by logical page: flash page + 1; 0: not mapped
    uint32_t *logical;    // by flash page: logical page + 1; 0: not live
    uint32_t *live;       // by block: live pages
    uint8_t *block_state; // by block
    uint32_t free_blocks;
    struct sim_map_open {
        bool is_open;
        uint32_t block, used;
    } host, moving;       // the blocks being filled, by writes and by moves
    uint64_t moved;       // pages
    bool (*permit)(void); // false: the power is gone
};

// The flash must have MAP_SPARE_MIN blocks more than `pages` fill: else VARVE_E_INVALID.
int sim_map_init(struct sim_map *map, struct sim_flash *flash, uint32_t pages,
                 bool (*permit)(void));
void sim_map_free(struct sim_map *map);

// `data` NULL: zeros. VARVE_E_IO: the power is gone, the logical page is as it was.
int sim_map_write(struct sim_map *map, uint32_t page, const uint8_t *data);
// A page that was never written, or was discarded, reads as zeros.
int sim_map_read(const struct sim_map *map, uint32_t page, uint8_t *out);
// The content is not needed any more. Costs nothing.
void sim_map_discard(struct sim_map *map, uint32_t page);

#endif
