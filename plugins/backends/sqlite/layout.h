// SPDX-License-Identifier: Apache-2.0
// How a block lies in a slot, and what its first bytes say. See layout.c.
#ifndef VARVE_SQLITE_LAYOUT_H
#define VARVE_SQLITE_LAYOUT_H

#include "varve/block.h"

// Overflow pages, of a database with pages of `page` bytes, that `length` bytes need.
unsigned varve_sqlite_slot_pages(uint32_t page, uint32_t length);

// Length of the blob of a slot with that many overflow pages, in bytes.
int64_t varve_sqlite_slot_blob(uint32_t page, unsigned pages);

// Offset of the block in a blob of that length.
int64_t varve_sqlite_slot_offset(uint32_t page, int64_t blob);

// Key and length from a block's first VARVE_BLOCK_HEADER bytes; `room` is what the slot can hold.
// The CRC is the business of the reader, who has the whole block. Returns 0, VARVE_E_NOT_FOUND for
// a slot that was never written, VARVE_E_VERSION for a later format, VARVE_E_CORRUPT.
int varve_sqlite_slot_header(const uint8_t *header, int64_t room, struct varve_block_key *key,
                             uint32_t *length);

// The step, in ms, of the tier that they name.
uint32_t varve_sqlite_slot_step(const uint8_t *header);

// The CRC that those bytes have for the whole block.
uint32_t varve_sqlite_slot_crc(const uint8_t *header);

#endif
