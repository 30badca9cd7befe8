// SPDX-License-Identifier: Apache-2.0
// Headers of frames to bytes and back; see frame.h for the layout.
//
// Threading: no state; any task.

#include "frame.h"

#include <string.h>

#include "varve/crc32c.h"

void rotate_frame_encode(const struct rotate_frame *f, uint8_t header[ROTATE_HEADER])
{
    memset(header, 0, ROTATE_HEADER);
    rotate_put_u32(header, ROTATE_MAGIC);
    header[4] = ROTATE_VERSION;
    header[5] = f->kind;
    header[6] = f->tier;
    header[7] = f->coding;
    rotate_put_u32(header + 8, f->length);
    rotate_put_u32(header + 12, f->segment);
    rotate_put_u32(header + 16, f->offset);
    rotate_put_u32(header + 20, f->key.seq);
    rotate_put_i64(header + 24, f->key.start_ms);
    rotate_put_i64(header + 32, f->key.end_ms);
    rotate_put_u32(header + 40, f->plain);
    rotate_put_u32(header + 44, f->crc);
    rotate_put_u32(header + ROTATE_CRC, varve_crc32c(0, header, ROTATE_CRC));
}

int rotate_frame_decode(const uint8_t header[ROTATE_HEADER], uint32_t number, uint32_t offset,
                        struct rotate_frame *f)
{
    const uint32_t segment = rotate_u32(header + 12);

    if (rotate_u32(header) != ROTATE_MAGIC || (number != 0 && segment != number) ||
        rotate_u32(header + 16) != offset) {
        return VARVE_E_CORRUPT;
    }
    const uint32_t changed = rotate_u32(header + ROTATE_CRC) ^ varve_crc32c(0, header, ROTATE_CRC);
    if (changed != 0 && changed != ROTATE_GONE) {
        return VARVE_E_CORRUPT;
    }
    *f = (struct rotate_frame){
        .key = {rotate_i64(header + 24), rotate_i64(header + 32), rotate_u32(header + 20)},
        .length = rotate_u32(header + 8),
        .segment = segment,
        .offset = offset,
        .plain = rotate_u32(header + 40),
        .crc = rotate_u32(header + 44),
        .kind = changed == 0 ? header[5] : (uint8_t)ROTATE_VOID,
        .tier = header[6],
        .coding = header[7],
    };
    if (f->length > INT32_MAX || f->segment > INT32_MAX || !rotate_key_is_sane(&f->key)) {
        return VARVE_E_CORRUPT;
    }
    if (header[4] != ROTATE_VERSION) {
        return VARVE_E_VERSION;
    }
    // Only blocks are compressed: others are read into a buffer of their own size.
    const bool plain = f->coding == 0 || f->kind == ROTATE_BLOCK || f->kind == ROTATE_VOID;
    return plain ? 0 : VARVE_E_CORRUPT;
}

void rotate_frame_void(const uint8_t header[ROTATE_HEADER], uint8_t mark[4])
{
    rotate_put_u32(mark, rotate_u32(header + ROTATE_CRC) ^ ROTATE_GONE);
}
