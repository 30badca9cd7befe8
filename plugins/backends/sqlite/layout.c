// SPDX-License-Identifier: Apache-2.0
// The geometry of a slot.
//
// A row is (id INTEGER PRIMARY KEY, block BLOB), stored as a header of H bytes (its own length, a
// byte for the id, the type of the blob) and the blob. SQLite keeps the first M bytes of a long row
// in the leaf page, with M = (U - 12) * 32 / 255 - 23 for pages of U bytes, and the rest in
// overflow pages of U - 4 bytes. A blob of M - H + k * (U - 4) bytes therefore fills exactly k
// overflow pages. The block starts at offset M - H, the first byte of the first overflow page; what
// is before stays zero. Writing a block into a slot by incremental I/O changes only the overflow
// pages that the block covers: no leaf page, no freelist, no page 1.
//
// Threading: no state; any task.

#include "layout.h"

unsigned varve_sqlite_slot_pages(uint32_t page, uint32_t length)
{
    return (length + page - 5) / (page - 4);
}

int64_t varve_sqlite_slot_offset(uint32_t page, int64_t blob)
{
    const int64_t local = ((int64_t)page - 12) * 32 / 255 - 23;
    const int64_t type = 2 * blob + 12;
    const int64_t header = 2 + (type < 16384 ? 2 : 3); // blobs are shorter than 1 MiB

    return local - header;
}

int64_t varve_sqlite_slot_blob(uint32_t page, unsigned pages)
{
    const int64_t data = (int64_t)pages * (page - 4);
    const int64_t about = data + varve_sqlite_slot_offset(page, data);

    // The offset depends on the length, by one byte at one length: the second try has it right.
    return data + varve_sqlite_slot_offset(page, about);
}

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int64_t i64_at(const uint8_t *p)
{
    return (int64_t)((uint64_t)u32_at(p) | (uint64_t)u32_at(p + 4) << 32);
}

static bool is_zero(const uint8_t *p, size_t n)
{
    while (n > 0 && p[n - 1] == 0) {
        n--;
    }
    return n == 0;
}

int varve_sqlite_slot_header(const uint8_t *header, int64_t room, struct varve_block_key *key,
                             uint32_t *length)
{
    if (is_zero(header, VARVE_BLOCK_HEADER)) {
        return VARVE_E_NOT_FOUND;
    }
    if (u32_at(header) != VARVE_BLOCK_MAGIC) {
        return VARVE_E_CORRUPT;
    }
    if (header[4] != VARVE_BLOCK_VERSION) {
        return VARVE_E_VERSION;
    }
    *length = u32_at(header + 8);
    *key = (struct varve_block_key){i64_at(header + 24), i64_at(header + 32), u32_at(header + 16)};
    if (*length < VARVE_BLOCK_HEADER || *length > room || key->end_ms < key->start_ms) {
        return VARVE_E_CORRUPT;
    }
    return 0;
}

uint32_t varve_sqlite_slot_step(const uint8_t *header)
{
    return u32_at(header + 20);
}

uint32_t varve_sqlite_slot_crc(const uint8_t *header)
{
    return u32_at(header + 12);
}
