// SPDX-License-Identifier: Apache-2.0
// The sectors of a raw NOR flash: which are free, what the others hold, how worn each one is.
//
// nor_sectors.c writes and reads the label of a sector, erases, and gives up sectors that fail;
// nor_place.c puts sectors in the place of others; media_nor.c makes units of them.
//
// A sector begins with its label, alone on the first page, or on the first 64 bytes where pages are
// smaller; the rest is its payload. Integers are little-endian.
//
//    0  u32 magic "VRVN"   4  u8 version   5  u8[3] zero   8  u32 times erased
//   12  u32 CRC-32C of the bytes 0 .. 11
//   16  u32 unit          20  u32 place in the unit       24  u32 generation
//   28  u32 CRC-32C of the bytes 16 .. 27
//   32  u8[8] "VARVEBAD": the sector was given up
//
// The first half is programmed when the sector has been erased, and says that the erase was
// completed. The second is programmed when the sector gets a place; of two sectors for one place,
// the later generation holds. To free a sector the second CRC is programmed to zeros. To give one
// up the whole label is, and then the mark behind it: zeros alone say nothing, since chips clear
// all bits of a sector before they erase it.
//
// What a power cut can leave, and what it means at open:
//   - no label: an erase was cut, or the first half of a label, or giving up. The sector is erased
//     before it is used; it counts as erased as often as the others are on average;
//   - half a second half, or one with a zero CRC: the sector is free, to be erased;
//   - two sectors for one place: the older generation is freed;
//   - sectors of a unit whose first one was freed: the unit was being removed, and is;
//   - a label and no place: free; before use all of it is read, and erased unless it is blank.
//
// A flash without any label is used only if it is blank but for the first page of four sectors, the
// very first labels being cut. One with a label of another version is
// left alone.
//
// Threading: belongs to one backend instance and is used under its lock.
#ifndef VARVE_ROTATE_NOR_H
#define VARVE_ROTATE_NOR_H

#include "varve/storage.h"

#define NOR_MAGIC   0x4e565256u
#define NOR_VERSION 1u
#define NOR_HALF    16u // bytes of one half of a label
#define NOR_LABEL   32u
#define NOR_MARK    8u  // bytes behind the label
#define NOR_HEAD    64u // the least that label and mark have for themselves
#define NOR_NONE    UINT32_MAX

enum nor_state {
    NOR_UNKNOWN = 0, // nothing that can be read: to be erased
    NOR_DEAD,        // freed: to be erased
    NOR_CLEAN,       // erased some time ago
    NOR_READY,       // the same, and found blank since the store was opened
    NOR_BLANK,       // of a flash that is new: blank, without a label
    NOR_USED,
    NOR_BAD,
};

struct nor_sector {
    uint32_t erases;
    uint32_t unit; // NOR_NONE: no place
    uint16_t index;
    uint8_t state; // enum nor_state
};

struct rotate_nor {
    struct varve_flash_area area;
    struct nor_sector *sectors;
    uint32_t count;
    uint32_t head;    // bytes before the payload
    uint32_t payload; // bytes of one sector
};

// A change of a sector's payload: `len` bytes at `offset`; bytes NULL: erased ones.
struct nor_patch {
    uint32_t offset;
    uint32_t len;
    const uint8_t *bytes;
};

// ---- nor_sectors.c ------------------------------------------------------------------------------

// Reads all labels into the table, which has room for them. Returns 0, VARVE_E_VERSION,
// VARVE_E_CORRUPT (there is something else on the flash), VARVE_E_NOT_FOUND (blank, and not
// writable), or an error of reading.
int nor_scan(struct rotate_nor *n);
// A free sector, blank and labelled: the least worn one; the most worn one with `worn`. Returns 0,
// VARVE_E_NO_SPACE, or an error.
int nor_take(struct rotate_nor *n, bool worn, uint32_t *at);
// Gives a sector that was taken its place.
int nor_assign(struct rotate_nor *n, uint32_t at, uint32_t unit, uint32_t index,
               uint32_t generation);
int nor_generation(struct rotate_nor *n, uint32_t at, uint32_t *generation);
// Frees a sector; one that cannot even be freed is given up.
void nor_free(struct rotate_nor *n, uint32_t at);
// Gives the sector up for good.
void nor_give_up(struct rotate_nor *n, uint32_t at);
// Erases one freed sector: VARVE_E_AGAIN when it did, 0 when there is none.
int nor_clean_one(struct rotate_nor *n);
// Reads and programs a part of the payload; what was programmed is read back, and VARVE_E_CORRUPT
// when it differs.
int nor_read(struct rotate_nor *n, uint32_t at, uint32_t offset, void *buf, size_t len);
int nor_program(struct rotate_nor *n, uint32_t at, uint32_t offset, const void *buf, size_t len,
                enum varve_write_reason reason);
static inline bool nor_is_free(const struct nor_sector *s)
{
    return s->state != NOR_USED && s->state != NOR_BAD;
}

// ---- nor_place.c --------------------------------------------------------------------------------

// The sector in that place, NOR_NONE: none.
uint32_t nor_find(const struct rotate_nor *n, uint32_t unit, uint32_t index);
// Puts a new sector there.
int nor_add(struct rotate_nor *n, uint32_t unit, uint32_t index);
// Writes the sector anew, changed by `patch`, to another one that takes its place: the old one or
// the new one is there, whatever the power does. `failed`: the old one is given up.
int nor_rewrite(struct rotate_nor *n, uint32_t at, const struct nor_patch *patch, bool failed);
// Moves what has lain for long from a sector that is hardly worn to one that is: VARVE_E_AGAIN when
// it did, 0 when all are worn alike.
int nor_level(struct rotate_nor *n);
// After nor_scan(): frees what a power cut has left in two places, or of a removed unit.
int nor_settle(struct rotate_nor *n);

#endif
