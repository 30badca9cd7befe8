// SPDX-License-Identifier: Apache-2.0
// I/O counters of block devices. Threading: pure functions; any context.
//
//   2.4 partitions     major minor #blocks name  11 counters
//   2.6 diskstats      major minor name          11 counters; partitions 4 before 2.6.25
//   4.18               ... and 4 of discards
//   5.5                ... and 2 of flushes
//
// The 11: reads, merged, sectors, ms, writes, merged, sectors, ms, in flight, ms busy, weighted ms.
#include "parse.h"

#include <string.h>

#define FULL_COLUMNS      11u
#define PARTITION_COLUMNS 4u // reads, sectors, writes, sectors

// Column of each field in a full line, and in the short one (NONE: not there).
#define NONE 255u
static const uint8_t full_column[VARVE_DISK_FIELDS] = {0, 2, 3, 4, 6, 7, 8, 9};
static const uint8_t partition_column[VARVE_DISK_FIELDS] = {0, 1, NONE, 2, 3, NONE, NONE, NONE};

static void assign(struct varve_disk_line *out, const uint8_t *map, const uint64_t *column)
{
    out->have = 0;
    for (size_t i = 0; i < VARVE_DISK_FIELDS; i++) {
        if (map[i] == NONE) {
            out->value[i] = 0;
            continue;
        }
        out->value[i] = column[map[i]];
        out->have |= 1u << i;
    }
}

// The device's name; 2.4 has the size in blocks before it.
static bool parse_name(struct varve_span *line, struct varve_span *name)
{
    uint64_t blocks;
    if (!varve_scan_token(line, name))
        return false;
    if (!varve_scan_u64(*name, &blocks))
        return true;
    return varve_scan_token(line, name) && !varve_scan_u64(*name, &blocks);
}

static bool parse_line(struct varve_span line, struct varve_disk_line *out)
{
    uint64_t device[2], column[FULL_COLUMNS];
    struct varve_span extra;
    if (varve_scan_u64s(&line, device, 2) != 2 || !parse_name(&line, &out->name))
        return false;
    size_t n = varve_scan_u64s(&line, column, FULL_COLUMNS);
    if (n == FULL_COLUMNS) {
        assign(out, full_column, column);
        return true;
    }
    if (n != PARTITION_COLUMNS || varve_scan_token(&line, &extra))
        return false;
    assign(out, partition_column, column);
    return true;
}

bool varve_proc_disk_next(struct varve_span *rest, struct varve_disk_line *out)
{
    struct varve_span line;
    while (varve_scan_line(rest, &line))
        if (parse_line(line, out))
            return true;
    return false;
}

bool varve_disk_is_partition(struct varve_span disk, struct varve_span name)
{
    uint64_t number;
    if (disk.len == 0 || name.len <= disk.len || memcmp(disk.at, name.at, disk.len) != 0)
        return false;
    struct varve_span tail = {name.at + disk.len, name.len - disk.len};
    char last = disk.at[disk.len - 1];
    if (last >= '0' && last <= '9') { // mmcblk0p1, nvme0n1p2
        if (tail.at[0] != 'p')
            return false;
        tail.at++;
        tail.len--;
    }
    return varve_scan_u64(tail, &number);
}
