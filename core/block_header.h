// SPDX-License-Identifier: Apache-2.0
// What the writer and the reader of blocks share; the format is in varve/block.h.
#ifndef VARVE_CORE_BLOCK_HEADER_H
#define VARVE_CORE_BLOCK_HEADER_H

#include "varve/block.h"

enum {
    VARVE_BLOCK_POINT_COLUMNS = 1,
    VARVE_BLOCK_CELL_COLUMNS = 5
};

// What a directory entry says besides the chunk's length.
enum {
    VARVE_ENTRY_JUMP = 0,       // instead of a length: the id follows
    VARVE_ENTRY_SAME_TIMES = 1, // lowest bit: the times are those of the chunk before
};

// Puts header and CRC at the front of a block whose other info->length - VARVE_BLOCK_HEADER bytes
// are there.
void varve_block_put_header(uint8_t *block, const struct varve_block_info *info);

#endif
