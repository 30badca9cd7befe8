// SPDX-License-Identifier: Apache-2.0
// Frames: what a segment consists of.
//
// All integers are little-endian. A frame is a header of ROTATE_HEADER bytes, its payload, and
// erased bytes up to the next multiple of ROTATE_ALIGN.
//
//    0  u32 magic "VRVF"           4  u8 version    5  u8 kind    6  u8 tier    7  u8 coding
//    (coder.h) 8  u32 bytes of the payload  12  u32 number of the segment
//   16  u32 offset of this frame in the segment
//   20  u32 sequence number: of the block; of the definition; of the event
//   24  i64 time of the first row; the series id; the event's time
//   32  i64 time of the last row; the others repeat the field before
//   40  u32 bytes when decoded    44  u32 CRC-32C of the payload
//   48  u32 reserved (0)          52  u32 CRC-32C of the bytes 0 .. 51
//
// Number and offset say where a frame belongs, so that a copy of one elsewhere - in the payload of
// another, or left over from an earlier use of the same flash - is never taken for one: each use of
// a unit has a number of its own. The header has a CRC of its own: when only the payload is
// damaged, the length can be trusted and exactly one frame is lost.
//
// A frame is made void by changing its CRC field, and nothing else, by ROTATE_GONE: four bytes that
// lie in one sector wherever the frame lies, so that a power cut leaves it valid or void.
//
// Threading: no state; any task.
#ifndef VARVE_ROTATE_FRAME_H
#define VARVE_ROTATE_FRAME_H

#include "varve/block.h"

#define ROTATE_MAGIC   0x46565256u
#define ROTATE_VERSION 1u
#define ROTATE_HEADER  56u
#define ROTATE_ALIGN   8u
#define ROTATE_CRC     52u // where the header's CRC is
#define ROTATE_GONE    0x656e6f67u
// Tier of frames that belong to none: events, definitions, and the stream that holds them.
#define ROTATE_META VARVE_MAX_TIERS
// Streams: one for each tier, one for the rest.
#define ROTATE_STREAMS (VARVE_MAX_TIERS + 1u)

enum rotate_kind {
    ROTATE_TIERS = 1, // the first frame of a segment: stream, page and tier list
    ROTATE_SERIES = 2,
    ROTATE_EVENT = 3,
    ROTATE_BLOCK = 4,
    ROTATE_VOID = 5, // a repair's over what was damaged, or one made void: it means nothing
};

struct rotate_frame {
    struct varve_block_key key;
    uint32_t length;  // bytes of the payload as stored
    uint32_t plain;   // bytes when decoded; 0: as many
    uint32_t segment; // number of the use of the unit
    uint32_t offset;  // in the segment, bytes
    uint32_t crc;     // of the payload
    uint8_t kind;
    uint8_t tier; // as numbered when it was written
    uint8_t coding;
};

// Times may be added and subtracted without a thought: two million years from 1970 at most.
#define ROTATE_TIME_MAX (INT64_C(1) << 56)

static inline bool rotate_key_is_sane(const struct varve_block_key *key)
{
    return key->start_ms >= -ROTATE_TIME_MAX && key->end_ms <= ROTATE_TIME_MAX &&
           key->start_ms <= key->end_ms;
}

static inline void rotate_put_u32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline uint32_t rotate_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void rotate_put_i64(uint8_t *p, int64_t v)
{
    rotate_put_u32(p, (uint32_t)(uint64_t)v);
    rotate_put_u32(p + 4, (uint32_t)((uint64_t)v >> 32));
}

static inline int64_t rotate_i64(const uint8_t *p)
{
    return (int64_t)((uint64_t)rotate_u32(p) | (uint64_t)rotate_u32(p + 4) << 32);
}

// `n` rounded up to a multiple of `to`, a power of two.
static inline uint32_t rotate_up(uint32_t n, uint32_t to)
{
    return (n + to - 1) & ~(to - 1);
}

// Bytes that a frame with so long a payload takes.
static inline uint32_t rotate_frame_bytes(uint32_t length)
{
    return rotate_up(ROTATE_HEADER + length, ROTATE_ALIGN);
}

// Writes the header; f->crc must be set.
void rotate_frame_encode(const struct rotate_frame *f, uint8_t header[ROTATE_HEADER]);

// Reads the header that should be at `offset` of segment `number` (0: of any). Returns 0,
// VARVE_E_VERSION for a whole frame of a later format (length and place are valid), or
// VARVE_E_CORRUPT when there is no frame.
int rotate_frame_decode(const uint8_t header[ROTATE_HEADER], uint32_t number, uint32_t offset,
                        struct rotate_frame *f);

// What has to be written at ROTATE_CRC of the header of a valid frame to make it void.
void rotate_frame_void(const uint8_t header[ROTATE_HEADER], uint8_t mark[4]);

#endif
