// SPDX-License-Identifier: Apache-2.0
// A block's header and CRC. Stateless; any task.
#include "block_header.h"

#include <string.h>

#include "bytes.h"
#include "crc32c.h"

enum {
    FLAG_UPTO_SEQ = 1,
    FLAG_TAILS = 2,
    FLAGS = FLAG_UPTO_SEQ | FLAG_TAILS
};

static void put_header(uint8_t *p, const struct varve_block_info *info)
{
    memset(p, 0, VARVE_BLOCK_HEADER);
    varve_put_u32(p, VARVE_BLOCK_MAGIC);
    p[4] = VARVE_BLOCK_VERSION;
    p[5] = info->tier;
    p[6] = info->columns;
    p[7] = (uint8_t)((info->has_upto_seq ? FLAG_UPTO_SEQ : 0) | (info->has_tails ? FLAG_TAILS : 0));
    varve_put_u32(p + 8, info->length);
    varve_put_u32(p + 16, info->key.seq);
    varve_put_u32(p + 20, info->step_ms);
    varve_put_u64(p + 24, (uint64_t)info->key.start_ms);
    varve_put_u64(p + 32, (uint64_t)info->key.end_ms);
    varve_put_u64(p + 40, (uint64_t)info->upto_ms);
    varve_put_u64(p + 48, info->samples);
    varve_put_u64(p + 56, info->flash_bytes);
    varve_put_u32(p + 64, info->directory);
    varve_put_u32(p + 68, info->rows);
    varve_put_u16(p + 72, info->entries);
    varve_put_u32(p + 76, info->upto_seq);
}

// The CRC field counts as zero.
static uint32_t block_crc(const uint8_t *p, size_t length)
{
    static const uint8_t zero[4];
    uint32_t crc = varve_crc32c(0, p, 12);
    crc = varve_crc32c(crc, zero, sizeof zero);
    return varve_crc32c(crc, p + 16, length - 16);
}

void varve_block_put_header(uint8_t *block, const struct varve_block_info *info)
{
    put_header(block, info);
    varve_put_u32(block + 12, block_crc(block, info->length));
}

int varve_block_empty(void *buf, const struct varve_block_info *info)
{
    struct varve_block_info empty = *info;
    empty.key.end_ms = info->key.start_ms;
    empty.length = VARVE_BLOCK_HEADER;
    empty.directory = VARVE_BLOCK_HEADER;
    empty.rows = 0;
    empty.entries = 0;
    empty.has_tails = false;
    varve_block_put_header(buf, &empty);
    return VARVE_BLOCK_HEADER;
}

static void get_header(const uint8_t *p, struct varve_block_info *info)
{
    *info = (struct varve_block_info){
        .key = {.start_ms = (int64_t)varve_get_u64(p + 24),
                .end_ms = (int64_t)varve_get_u64(p + 32),
                .seq = varve_get_u32(p + 16)},
        .length = varve_get_u32(p + 8),
        .step_ms = varve_get_u32(p + 20),
        .rows = varve_get_u32(p + 68),
        .directory = varve_get_u32(p + 64),
        .entries = varve_get_u16(p + 72),
        .tier = p[5],
        .columns = p[6],
        .has_tails = (p[7] & FLAG_TAILS) != 0,
        .has_upto_seq = (p[7] & FLAG_UPTO_SEQ) != 0,
        .upto_seq = varve_get_u32(p + 76),
        .upto_ms = (int64_t)varve_get_u64(p + 40),
        .samples = varve_get_u64(p + 48),
        .flash_bytes = varve_get_u64(p + 56),
    };
}

static bool is_sane(const struct varve_block_info *info, size_t len)
{
    bool points = info->columns == VARVE_BLOCK_POINT_COLUMNS;
    bool cells = info->columns == VARVE_BLOCK_CELL_COLUMNS && info->step_ms > 0;
    return (points || cells) && info->length >= VARVE_BLOCK_HEADER && info->length <= len &&
           info->directory >= VARVE_BLOCK_HEADER && info->directory <= info->length &&
           info->key.start_ms <= info->key.end_ms;
}

static int read_header(const uint8_t *p, size_t len, struct varve_block_info *info)
{
    if (len < VARVE_BLOCK_HEADER || varve_get_u32(p) != VARVE_BLOCK_MAGIC) {
        return VARVE_E_CORRUPT;
    }
    if (p[4] < VARVE_BLOCK_VERSION_1 || p[4] > VARVE_BLOCK_VERSION) {
        return VARVE_E_VERSION;
    }
    get_header(p, info);
    return is_sane(info, len) ? 0 : VARVE_E_CORRUPT;
}

// Only whole blocks have flags that say something.
static int check_flags(const uint8_t *p)
{
    return (p[7] & ~(unsigned)FLAGS) == 0 ? 0 : VARVE_E_VERSION;
}

bool varve_block_is_whole(const void *buf, size_t length)
{
    const uint8_t *p = buf;
    return block_crc(p, length) == varve_get_u32(p + 12);
}

int varve_block_peek(const void *buf, size_t len, struct varve_block_info *info)
{
    int rc = read_header(buf, len, info);
    return rc == 0 ? check_flags(buf) : rc;
}

int varve_block_open(const void *buf, size_t len, struct varve_block_info *info)
{
    int rc = read_header(buf, len, info);
    if (rc == 0 && !varve_block_is_whole(buf, info->length)) {
        rc = VARVE_E_CORRUPT;
    }
    return rc == 0 ? check_flags(buf) : rc;
}
