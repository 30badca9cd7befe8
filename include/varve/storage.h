// SPDX-License-Identifier: Apache-2.0
// Counted storage: the only way by which varve and its plugins write to flash.
//
// A thin layer over the port's files that adds every write to a ledger account: bytes, flash pages
// and erase blocks touched between two syncs, syncs. A write that bypasses it is a bug.
//
// Threading: a file and its account belong to one backend instance and are used under its lock.
#ifndef VARVE_STORAGE_H
#define VARVE_STORAGE_H

#include "varve/port.h"

#ifdef __cplusplus
extern "C" {
#endif

// Why bytes go to flash.
#define VARVE_WRITE_REASONS(X)                                                                     \
    X(VARVE_WRITE_DATA, "data")                                                                    \
    X(VARVE_WRITE_ROLLUP, "rollup")                                                                \
    X(VARVE_WRITE_JOURNAL, "journal")                                                              \
    X(VARVE_WRITE_CHECKPOINT, "checkpoint")                                                        \
    X(VARVE_WRITE_BACKUP, "backup")                                                                \
    X(VARVE_WRITE_META, "meta")

enum varve_write_reason {
#define VARVE_REASON_ENUM(name, text) name,
    VARVE_WRITE_REASONS(VARVE_REASON_ENUM)
#undef VARVE_REASON_ENUM
    VARVE_WRITE_REASON_COUNT
};

// Stable text of a reason ("data", "journal", ...).
const char *varve_write_reason_name(enum varve_write_reason reason);

// What one backend instance wrote.
struct varve_ledger_account {
    uint32_t page_bytes;                      // flash page, a power of two; 0 means 4096
    uint32_t erase_bytes;                     // erase block, a power of two; 0 means 128 KiB
    uint64_t bytes[VARVE_WRITE_REASON_COUNT]; // bytes handed to the port
    uint64_t
        flash_bytes[VARVE_WRITE_REASON_COUNT]; // distinct pages touched between syncs, in bytes
    uint64_t erase_blocks; // distinct erase blocks touched between syncs, by place in the file
    uint64_t writes;       // write calls
    uint64_t syncs;        // syncs that succeeded
    // Raw flash alone: each erase of a sector is also one of `erase_blocks`.
    uint64_t erases;            // sectors erased
    uint32_t sectors;           // bad ones included
    uint32_t sector_erases_min; // over all sectors in use, since they were new: the
    uint32_t sector_erases_max; // least worn one and the most worn one
    uint32_t sectors_bad;       // given up
};

// Sum of flash_bytes over all reasons.
uint64_t varve_ledger_flash_bytes(const struct varve_ledger_account *account);

// Pages remembered as dirty between two syncs; when the table is full, the oldest is forgotten and
// counts as new when it is written again.
#define VARVE_DIRTY_PAGES 64u
// The same for erase blocks.
#define VARVE_DIRTY_ERASE_BLOCKS 16u

struct varve_file {
    struct varve_port_file port;
    struct varve_ledger_account *account;
    bool writable;        // without it writes are refused with VARVE_E_READ_ONLY
    uint32_t dirty_count; // pages remembered since the last sync, forgotten ones included
    uint32_t dirty[VARVE_DIRTY_PAGES];
    uint32_t erase_count; // erase blocks remembered likewise
    uint32_t erase_dirty[VARVE_DIRTY_ERASE_BLOCKS];
};

// The functions below mirror the port's of the same name (varve/port.h says what they return).
// `account` must outlive the file. Where the filesystem cannot allocate, preallocate() writes
// counted zeros behind the end of the file.
int varve_file_open(struct varve_file *f, struct varve_ledger_account *account, const char *path,
                    unsigned flags);
void varve_file_close(struct varve_file *f);
int64_t varve_file_read(struct varve_file *f, int64_t offset, void *buf, size_t len);
int varve_file_write(struct varve_file *f, int64_t offset, const void *buf, size_t len,
                     enum varve_write_reason reason);
int64_t varve_file_size(struct varve_file *f);
int varve_file_truncate(struct varve_file *f, int64_t size);
int varve_file_preallocate(struct varve_file *f, int64_t size);
int varve_file_sync(struct varve_file *f);
int varve_file_lock(struct varve_file *f, int64_t offset, int64_t len, bool exclusive);
int varve_file_unlock(struct varve_file *f, int64_t offset, int64_t len);

// ---- raw flash (core/storage_flash.c) ----------------------------------------------------------

// A flash that a backend has opened.
struct varve_flash_area {
    const struct varve_flash *flash;
    struct varve_ledger_account *account;
    bool writable;
    uint32_t last_page; // programmed last: parts of one page are one page of the ledger
};

// Opens the port's flash of that name. VARVE_E_NOT_FOUND; VARVE_E_INVALID for a geometry that
// varve/flash.h does not allow.
int varve_flash_open(struct varve_flash_area *a, struct varve_ledger_account *account,
                     const char *name, bool writable);
int varve_flash_read(struct varve_flash_area *a, uint32_t address, void *buf, size_t len);
// Any length, in as many programs as it has pages.
int varve_flash_program(struct varve_flash_area *a, uint32_t address, const void *buf, size_t len,
                        enum varve_write_reason reason);
int varve_flash_erase(struct varve_flash_area *a, uint32_t sector);

#ifdef __cplusplus
}
#endif
#endif
