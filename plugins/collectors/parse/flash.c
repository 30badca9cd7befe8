// SPDX-License-Identifier: Apache-2.0
// What the kernel tells about the wear of flash: eMMC registers, UBI and MTD counters, block
// devices' sectors.
// Threading: pure functions; any context.
#include "parse.h"

#define LIFE_EXCEEDED  0x0bu
#define PRE_EOL_MOST   0x03u
#define SECTOR_BYTES   512u
#define WRITTEN_COLUMN 6u

// "0x0a", as the mmc driver prints registers of one byte.
static bool scan_byte(struct varve_span token, unsigned *value)
{
    unsigned sum = 0;
    if (!varve_span_starts(token, "0x") || token.len < 3 || token.len > 4)
        return false;
    for (size_t i = 2; i < token.len; i++) {
        char c = token.at[i];
        if (c >= '0' && c <= '9')
            sum = sum * 16 + (unsigned)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            sum = sum * 16 + (unsigned)((c | 0x20) - 'a') + 10;
        else
            return false;
    }
    *value = sum;
    return true;
}

bool varve_sys_emmc_life(struct varve_span text, unsigned type, double *ratio)
{
    struct varve_span line = varve_sys_line(text), token;
    unsigned tenths = 0;
    for (unsigned i = 0; i <= type; i++)
        if (!varve_scan_token(&line, &token) || !scan_byte(token, &tenths))
            return false;
    if (tenths == 0 || tenths > LIFE_EXCEEDED)
        return false;
    *ratio = (double)tenths / 10;
    return true;
}

bool varve_sys_emmc_pre_eol(struct varve_span text, double *level)
{
    unsigned value;
    if (!scan_byte(varve_sys_line(text), &value) || value == 0 || value > PRE_EOL_MOST)
        return false;
    *level = value;
    return true;
}

bool varve_sys_count(struct varve_span text, double *value)
{
    uint64_t count;
    if (!varve_scan_u64(varve_sys_line(text), &count))
        return false;
    *value = (double)count;
    return true;
}

bool varve_sys_block_written(struct varve_span text, double *bytes)
{
    uint64_t column[WRITTEN_COLUMN + 1];
    struct varve_span line = varve_sys_line(text);
    if (varve_scan_u64s(&line, column, WRITTEN_COLUMN + 1) <= WRITTEN_COLUMN)
        return false;
    *bytes = (double)column[WRITTEN_COLUMN] * SECTOR_BYTES;
    return true;
}
