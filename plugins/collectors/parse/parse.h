// SPDX-License-Identifier: Apache-2.0
// Parsers of Linux's /proc and /sys texts, from kernel 2.4 to 6.x. Text in, numbers out: they read
// no file, keep no state, allocate nothing. One source file per function group.
//
// The text is treated as hostile: cut anywhere, columns missing or added, numbers beyond 64 bits,
// no newline at the end. A line that makes no sense is passed over, never guessed at. Functions
// named *_next() walk a text: they take lines off the front of *rest until one is usable, fill
// *out and return true; false at the end.
//
// Threading: pure functions; any context. Spans point into the text that was passed in.
#ifndef VARVE_COLLECTORS_PARSE_H
#define VARVE_COLLECTORS_PARSE_H

#include "scan.h"

// ---- /proc/stat: parse/cpu.c ------------------------------------------------------------------

// Columns in the kernel's order. 2.4 has the first four, 2.6 seven or eight, 2.6.33 all.
enum varve_cpu_mode {
    VARVE_CPU_USER, // includes guest
    VARVE_CPU_NICE, // includes guest_nice
    VARVE_CPU_SYSTEM,
    VARVE_CPU_IDLE,
    VARVE_CPU_IOWAIT,
    VARVE_CPU_IRQ,
    VARVE_CPU_SOFTIRQ,
    VARVE_CPU_STEAL,
    VARVE_CPU_GUEST,
    VARVE_CPU_GUEST_NICE,
    VARVE_CPU_MODES
};

#define VARVE_CPU_ALL (-1)

struct varve_cpu_line {
    int core;       // VARVE_CPU_ALL for the sum, else the core's number, 0 .. 65535
    unsigned modes; // columns there are, 4 .. VARVE_CPU_MODES
    uint64_t ticks[VARVE_CPU_MODES];
};

// Stops at the first line that is not a cpu line: the kernel prints them first.
bool varve_proc_cpu_next(struct varve_span *rest, struct varve_cpu_line *out);

// ---- /proc/meminfo: parse/memory.c ------------------------------------------------------------

// name of the enumerator, key in the text, tail of the metric name, what it is
#define VARVE_MEMORY_FIELDS(X)                                                                     \
    X(TOTAL, "MemTotal", "total", "Memory that the kernel manages.")                               \
    X(FREE, "MemFree", "free", "Memory that nothing uses.")                                        \
    X(AVAILABLE, "MemAvailable", "available",                                                      \
      "Memory that programs can get without swapping; computed on kernels before 3.14.")           \
    X(BUFFERS, "Buffers", "buffers", "Block device buffers.")                                      \
    X(CACHED, "Cached", "cached", "Page cache, shared memory included.")                           \
    X(SWAP_CACHED, "SwapCached", "swap_cached", "Swapped pages that are in memory again.")         \
    X(ACTIVE, "Active", "active", "Memory used recently.")                                         \
    X(INACTIVE, "Inactive", "inactive", "Memory not used recently.")                               \
    X(ACTIVE_FILE, "Active(file)", "active_file", "Page cache used recently.")                     \
    X(INACTIVE_FILE, "Inactive(file)", "inactive_file", "Page cache not used recently.")           \
    X(SWAP_TOTAL, "SwapTotal", "swap_total", "Size of swap.")                                      \
    X(SWAP_FREE, "SwapFree", "swap_free", "Swap that is free.")                                    \
    X(DIRTY, "Dirty", "dirty", "Memory waiting to be written to storage.")                         \
    X(WRITEBACK, "Writeback", "writeback", "Memory being written to storage.")                     \
    X(ANONYMOUS, "AnonPages", "anonymous", "Memory of programs that no file backs.")               \
    X(MAPPED, "Mapped", "mapped", "Files mapped into programs.")                                   \
    X(SHARED, "Shmem", "shared", "Shared memory and tmpfs.")                                       \
    X(SLAB, "Slab", "slab", "Kernel objects.")                                                     \
    X(SLAB_RECLAIMABLE, "SReclaimable", "slab_reclaimable", "Kernel objects that can be freed.")   \
    X(COMMITTED, "Committed_AS", "committed", "Memory promised to programs.")

enum varve_memory_field {
#define VARVE_MEMORY_ENUM(name, key, metric, help) VARVE_MEMORY_##name,
    VARVE_MEMORY_FIELDS(VARVE_MEMORY_ENUM)
#undef VARVE_MEMORY_ENUM
    VARVE_MEMORY_COUNT
};

struct varve_meminfo {
    uint32_t have; // bit per field
    uint64_t bytes[VARVE_MEMORY_COUNT];
};

bool varve_meminfo_has(const struct varve_meminfo *m, enum varve_memory_field field);

// Returns the number of fields found; unknown keys are passed over.
size_t varve_proc_meminfo(struct varve_span text, struct varve_meminfo *out);

// Fills the field AVAILABLE when the kernel has none (before 3.14), with its own formula as far as
// the fields go: free + file cache + reclaimable slab, less what the watermark keeps. `low_bytes`
// is the low watermark, 5/4 of vm.min_free_kbytes, 0 when unknown. True when it was computed.
bool varve_meminfo_complete(struct varve_meminfo *m, uint64_t low_bytes);

// ---- /proc/loadavg, /proc/uptime: parse/load.c, parse/uptime.c ---------------------------------

struct varve_loadavg {
    double load[3]; // 1, 5, 15 minutes
    bool has_tasks;
    uint64_t running, tasks; // kernel scheduling entities: threads count each
};

bool varve_proc_loadavg(struct varve_span text, struct varve_loadavg *out);

bool varve_proc_uptime(struct varve_span text, double *seconds);

// ---- /proc/net/dev: parse/network.c -----------------------------------------------------------

enum varve_net_field {
    VARVE_NET_RX_BYTES,
    VARVE_NET_RX_PACKETS,
    VARVE_NET_RX_ERRORS,
    VARVE_NET_RX_DROPS,
    VARVE_NET_TX_BYTES,
    VARVE_NET_TX_PACKETS,
    VARVE_NET_TX_ERRORS,
    VARVE_NET_TX_DROPS,
    VARVE_NET_FIELDS
};

struct varve_netdev {
    struct varve_span name;
    uint64_t value[VARVE_NET_FIELDS];
};

bool varve_proc_netdev_next(struct varve_span *rest, struct varve_netdev *out);

// ---- /proc/diskstats, 2.4's /proc/partitions: parse/diskstats.c --------------------------------

enum varve_disk_field {
    VARVE_DISK_READS,
    VARVE_DISK_READ_SECTORS, // of 512 bytes, whatever the device's own are
    VARVE_DISK_READ_MS,
    VARVE_DISK_WRITES,
    VARVE_DISK_WRITE_SECTORS,
    VARVE_DISK_WRITE_MS,
    VARVE_DISK_IN_FLIGHT,
    VARVE_DISK_IO_MS,
    VARVE_DISK_FIELDS
};

struct varve_disk_line {
    struct varve_span name;
    unsigned
        have; // bit per field: partitions of 2.6.0 - 2.6.24 have reads, writes and sectors only
    uint64_t value[VARVE_DISK_FIELDS];
};

bool varve_proc_disk_next(struct varve_span *rest, struct varve_disk_line *out);

// True when `name` is a partition of `disk` by the kernel's naming: sda1 of sda, mmcblk0p2 of
// mmcblk0. The kernel prints partitions behind their disk.
bool varve_disk_is_partition(struct varve_span disk, struct varve_span name);

// ---- /proc/mounts: parse/mounts.c -------------------------------------------------------------

struct varve_mount {
    // As in the text: blanks, newlines and backslashes are octal escapes (\040).
    struct varve_span device, point, type, options;
};

bool varve_proc_mount_next(struct varve_span *rest, struct varve_mount *out);

// Decodes octal escapes into `buf`, NUL-terminated. False when it does not fit or holds a NUL.
bool varve_mount_decode(struct varve_span text, char *buf, size_t cap);

enum varve_mount_class {
    VARVE_MOUNT_STORAGE, // block, flash, or a type that is not known here
    VARVE_MOUNT_OVERLAY, // its space is that of the filesystem under its upper directory
    VARVE_MOUNT_IMAGE,   // read-only image: always full
    VARVE_MOUNT_MEMORY,  // tmpfs and the like
    VARVE_MOUNT_REMOTE,  // asking for its space may hang
    VARVE_MOUNT_PSEUDO,  // has no space of its own
};

enum varve_mount_class varve_mount_classify(struct varve_span type);

// An overlay's upper directory as the text has it (option upperdir=, or old OpenWrt's device
// "overlayfs:/overlay"). False when it has none: read-only.
bool varve_mount_upper(const struct varve_mount *mount, struct varve_span *upper);

// True when `path` is `dir` or lies beneath it.
bool varve_mount_contains(struct varve_span dir, struct varve_span path);

// ---- /sys/class/thermal, /sys/class/hwmon: parse/thermal.c -------------------------------------

// Which unit a sensor uses. The kernel's interface says millidegrees; some vendor kernels give
// plain degrees. AUTO takes small numbers as degrees until a sensor has once given a number that
// can only be millidegrees; then *scale says so for good.
enum varve_thermal_scale {
    VARVE_THERMAL_AUTO,
    VARVE_THERMAL_MILLI,
    VARVE_THERMAL_DEGREES,
};

// The text of a temp file in degrees Celsius. False when it is no number or no temperature
// (disabled sensors read -274000 or INT_MAX).
bool varve_sys_celsius(struct varve_span text, enum varve_thermal_scale *scale, double *celsius);

// The number between `prefix` and `suffix` in a directory entry: 3 of "thermal_zone3".
bool varve_sys_index(struct varve_span name, const char *prefix, const char *suffix,
                     uint64_t *index);

// True when a hwmon chip is the kernel's mirror of a thermal zone: the same name, with '_' for '-'.
bool varve_sys_is_mirror(struct varve_span zone, struct varve_span chip);

// ---- /sys/block, /sys/class/ubi, /sys/class/mtd: parse/flash.c ---------------------------------

// Life used by eMMC memory of type A (0) or B (1) from the text of life_time ("0x02 0x01"), as an
// upper bound: 0x01 means 0 - 10 % and gives 0.1; 0x0b means that the estimated life is exceeded
// and gives 1.1. False when the device does not say (0x00). JESD84-B51, EXT_CSD [268] and [269].
bool varve_sys_emmc_life(struct varve_span text, unsigned type, double *ratio);

// Spare blocks by the text of pre_eol_info: 1 normal, 2 more than 80 % used, 3 more than 90 %.
// False when the device does not say. JESD84-B51, EXT_CSD [267].
bool varve_sys_emmc_pre_eol(struct varve_span text, double *level);

// The one decimal number of a text, as UBI and MTD print theirs.
bool varve_sys_count(struct varve_span text, double *value);

// Bytes written by the text of /sys/block/DEVICE/stat.
bool varve_sys_block_written(struct varve_span text, double *bytes);

// First line of a /sys text, without blanks at its end.
struct varve_span varve_sys_line(struct varve_span text);

// ---- what programs print: parse/exposition.c ----------------------------------------------------

enum varve_exposition_line {
    VARVE_EXPOSITION_NOTHING, // an empty line or a comment
    VARVE_EXPOSITION_SAMPLE,
    VARVE_EXPOSITION_TYPE, // says whether the metric `name` is a counter
    // Only varve_split_exposition(): what the metric `name` is, and in what unit.
    VARVE_EXPOSITION_HELP,
    VARVE_EXPOSITION_UNIT,
    VARVE_EXPOSITION_GARBAGE,
};

struct varve_exposition {
    struct varve_span name;
    struct varve_span series; // the name with its labels, as written
    double value;
    bool has_time;
    int64_t time_ms; // Unix time
    bool counter;
};

// Takes a line apart, without its newline. Fields that do not belong to what it is are zero.
enum varve_exposition_line varve_parse_exposition(struct varve_span line,
                                                  struct varve_exposition *out);

// The same line in pieces. What is not there is empty.
struct varve_exposition_text {
    struct varve_span name, series;
    struct varve_span number, time;
    struct varve_span type; // of VARVE_EXPOSITION_TYPE
    struct varve_span rest; // behind the time, or the text of HELP or UNIT
};

// Takes a line apart without reading its numbers, or looking at what follows them.
enum varve_exposition_line varve_split_exposition(struct varve_span line,
                                                  struct varve_exposition_text *out);

// A number with sign, point and exponent, inf or nan. Up to 15 digits are read exactly.
bool varve_exposition_number(struct varve_span token, double *value);

#endif
