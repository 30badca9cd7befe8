// SPDX-License-Identifier: Apache-2.0
// The simulated device: what a simulator or a test may call besides varve/port.h.
//
// One device per process, as there is one port. It has a boot clock and a wall clock that stand
// still until varve_sim_advance(), a flash of the given geometry, files on it, and a power switch.
//
// The model in one page:
//   - Writes go to a page cache. A sync programs the file's dirty pages, one flash page each, and
//     then makes size and allocation durable. What was not synced is lost when the power goes, or
//     partly and in any order not lost: see "faults".
//   - Names (create, remove, rename) are durable after varve_port_path_sync_dir() of their
//     directory. Directories themselves are durable at once.
//   - The filesystem's own tables are not laid out; their cost is three parameters, see struct
//     varve_sim_device, and is programmed as whole pages into a journal that is overwritten in
//     turn.
//   - FTL (eMMC, SD): the filesystem overwrites logical pages; the device maps them to flash pages,
//     with a spare area, and is never told what the filesystem no longer needs (no discard).
//   - NOR, NAND: no FTL. The filesystem is log-structured (JFFS2, UBIFS): a page never goes to
//   where
//     it was; what is not needed any more is known at once. The same page map does both, map.h.
//   - Not modelled: bad blocks, read disturb, retention loss, two-bit cells' paired pages, the
//     FTL's own tables, SLC caches, compression by the filesystem.
//
// Threading: one task. There are no tasks on this port.
#ifndef VARVE_SIM_H
#define VARVE_SIM_H

#include "varve/types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum varve_sim_kind {
    VARVE_SIM_FTL = 0,  // eMMC, SD card: a flash translation layer hides the flash
    VARVE_SIM_NOR = 1,  // raw NOR under JFFS2
    VARVE_SIM_NAND = 2, // raw NAND under UBI and UBIFS
};

struct varve_sim_device {
    enum varve_sim_kind kind;
    uint32_t page_bytes;        // program unit, a power of two, 256 .. 65536
    uint32_t erase_block_bytes; // a multiple of page_bytes
    uint64_t capacity_bytes;    // FTL: what the user sees; NOR, NAND: the chip or partition
    uint32_t spare_percent;     // FTL: flash beyond the capacity; NOR, NAND: kept free of files
    uint32_t endurance;         // program/erase cycles that a block is rated for
    uint32_t meta_page_bytes;   // metadata with each data page (a node's header)
    uint32_t meta_sync_bytes;   // metadata with a sync that changes neither size nor allocation
    uint32_t meta_change_bytes; // metadata with one that does, and with a sync of a directory
};

// Typical figures for a kind; README.md gives their sources.
void varve_sim_device_defaults(struct varve_sim_device *device, enum varve_sim_kind kind);

// Makes a fresh device, every block erased and never used, and switches it on; what was there
// before is gone. The boot clock starts at 0, the wall clock at `wall_ms`. Returns 0,
// VARVE_E_INVALID for a geometry that cannot be (`why` says what), or VARVE_E_NO_MEMORY.
int varve_sim_make(const struct varve_sim_device *device, int64_t wall_ms, char *why,
                   size_t why_cap);
// Gives back all memory.
void varve_sim_destroy(void);

// ---- time

// Both clocks go on by `ms` >= 0; timers that become due are called, in order.
void varve_sim_advance(int64_t ms);
// Steps the wall clock alone.
void varve_sim_set_wall(int64_t wall_ms);

// ---- power

// Flash operations since the device was made: page programs, block erases, commits of size or
// names. Each is a point at which the power can go.
uint64_t varve_sim_operations(void);
// Asked before each operation, with its number: true, and the power goes with it, as with
// varve_sim_cut_at(). NULL: nobody is asked. Neither varve_sim_boot() nor
// varve_sim_make() changes it.
typedef bool (*varve_sim_cut_fn)(void *arg, uint64_t operation);
void varve_sim_ask_cut(varve_sim_cut_fn ask, void *arg);
// The power goes at operation number `operation` (counted from 1 since the device was made): that
// one is not performed, it and every later call of the storage group fail with VARVE_E_IO. 0:
// never.
void varve_sim_cut_at(uint64_t operation);
// The power goes now.
void varve_sim_cut(void);
bool varve_sim_is_off(void);
// Switches on again: unsynced data and names are gone, open handles are closed, the boot clock
// starts at 0, the wall clock has gone on by `off_ms`, and no cut is set any more.
void varve_sim_boot(int64_t off_ms);

// A warm reset: as varve_sim_boot(0), but memory that is kept stays.
void varve_sim_reset(void);
// Of memory that is kept, only so many bytes more are written: the reset comes in the midst of the
// write that would exceed them, which the program does not notice. The next reset or boot ends it.
void varve_sim_reset_after(uint64_t bytes);
// The kept memory that was made last, to be damaged; NULL: there is none.
uint8_t *varve_sim_retained(size_t *bytes);

// ---- faults
//
// What a cut leaves of data that nobody has synced. Without faults: nothing. A real kernel writes
// its cache back whenever it likes and a real device programs what it holds in any order, so with
// `write_back` a cut leaves, drawn from `seed`:
//   - of every file each unsynced page, or not: pages of one file and of several in any order;
//   - the size before, the size after, or, when the file grew, one in between; a page that is
//     within the size and was not programmed reads as zeros, as allocated space does;
//   - names as they were after any of the changes since their directory was synced: changes of
//     names go through a journal and stay in order, each whole. Other directories' changes may
//     come with them.
// A page that survives may be torn: with `tear_bytes` each part of so many bytes is, on its own,
// the new one or the old one. That is the sector of a device that maps sectors. Raw flash tears
// otherwise, with and without faults: the page that the power goes in is half programmed, the block
// that it goes in is half erased. Neither can be read, nor programmed before it is erased; a
// filesystem for raw flash knows both by a checksum and still has what was there before.
//
// Not in the model: an earlier version of a page that was written twice since the last sync, and
// damage to what was synced.

struct varve_sim_faults {
    uint64_t seed;
    bool write_back;     // as above
    uint32_t tear_bytes; // divides the page; 0: pages are programmed whole or not at all
    bool calls;          // every write, truncation and change of names is an operation too, hence a
                         // point to cut at: the cache can be written back between any two
    // Every write to memory that is kept is an operation, too: the reset comes in its midst, and
    // nothing is written any more. Then reset() is called, which must not return: what a program
    // has in such memory makes no sense to it without the writes that are missing.
    bool retained;
    void (*reset)(void);
    // A device that lies, and tests of tests: a sync of a file, or of a directory, does nothing.
    bool file_syncs_lie, dir_syncs_lie;
};
// NULL: none. Counts from the next operation on; the seed begins anew.
void varve_sim_set_faults(const struct varve_sim_faults *faults);

// ---- failures
//
// Calls that fail while the power is on, from the N-th of some kinds on: a full disk (WRITE and
// SIZE with VARVE_E_NO_SPACE), a read-only remount (all that change something, with
// VARVE_E_READ_ONLY), a card that was pulled (everything, with VARVE_E_IO), a directory that
// vanished (OPEN and NAME, with VARVE_E_NOT_FOUND), a lock that another process holds (LOCK, with
// VARVE_E_BUSY).
//
// With `halfway` a write that fails has written its first half, as a disk that fills up lets it,
// and a sync that fails has dropped what it was to write: the kernel marks such pages clean, says
// so once, and reads them from the device again when it needs the memory. So a later sync that
// succeeds says nothing of them.

enum varve_sim_call {
    VARVE_SIM_NO_CALL = 0,
    VARVE_SIM_OPEN = 1,
    VARVE_SIM_READ = 2,      // and asking for the size
    VARVE_SIM_WRITE = 4,     //
    VARVE_SIM_SIZE = 8,      // truncating, preallocating
    VARVE_SIM_SYNC = 16,     // of a file
    VARVE_SIM_LOCK = 32,     //
    VARVE_SIM_NAME = 64,     // making a directory, creating, removing, renaming, linking
    VARVE_SIM_SYNC_DIR = 128 //
};

struct varve_sim_failure {
    unsigned calls; // enum varve_sim_call, ored
    uint64_t at;    // the first that fails, counted from 1 when this is set; 0: they are counted
    uint64_t count; // how many fail; 0: all that follow
    int error;
    bool halfway;
};
// NULL: none. Stays through varve_sim_boot() and varve_sim_make().
void varve_sim_set_failure(const struct varve_sim_failure *failure);
// Calls of those kinds since it was set.
uint64_t varve_sim_failure_calls(void);

// ---- raw NOR flash
//
// Beside the device with its files there can be one chip without a filesystem, `nor0` for
// varve_port_flash(). Programming clears bits and erasing sets them, nothing else; each page
// program and each sector erase is an operation of the device, hence a point to cut at. A cut
// program has cleared some of its bits, or (one in four) of all bits of its page. A cut erase
// leaves, page by page, what was there, zeros, ones or any bits; one in four looks blank and is
// not: programming it before a whole erase is a misuse, as is asking a program to set a bit.

struct varve_sim_nor {
    uint32_t page_bytes;
    uint32_t sector_bytes;
    uint32_t sectors;
};

// Makes the chip, new and blank, in the place of the one before; varve_sim_make() and
// varve_sim_destroy() remove it. Returns 0 or VARVE_E_NO_MEMORY.
int varve_sim_add_nor(const struct varve_sim_nor *geometry);
// What is on it, to be looked at and damaged.
uint8_t *varve_sim_nor_bytes(void);
// The sector wears out: erasing and programming it fail; `silent`: without a word, and what is
// programmed is not held.
void varve_sim_nor_wear_out(uint32_t sector, bool silent);

struct varve_sim_nor_counters {
    uint64_t bytes;    // handed to programs
    uint64_t programs; // of a page, or a part of it
    uint64_t erases;
    uint64_t misuses;
    uint32_t max_sector_erases; // of the most worn sector
    uint32_t min_sector_erases; // of the least worn one, worn-out ones left out
};
void varve_sim_nor_counters(struct varve_sim_nor_counters *out);

// ---- looking in

struct varve_sim_counters {
    uint64_t data_pages;       // programmed for files
    uint64_t meta_pages;       // programmed for the filesystem's tables
    uint64_t moved_pages;      // programmed by garbage collection and wear levelling
    uint64_t host_bytes;       // what the filesystem handed to the device: data and meta pages
    uint64_t device_bytes;     // what the flash programmed: all three
    uint64_t erases;           // blocks erased
    uint32_t blocks;           // erase blocks, spare ones included
    uint32_t max_block_erases; // of the most worn block
    uint32_t min_block_erases; // of the least worn block
    uint64_t file_syncs;       // calls of varve_port_file_sync() that succeeded
};
void varve_sim_counters(struct varve_sim_counters *out);

// Puts a small text where varve_port_read_text() finds it, as if it were in /proc or /sys; it takes
// no flash. NULL removes it. Returns 0 or VARVE_E_NO_MEMORY.
int varve_sim_text(const char *path, const char *text);

// Log lines less severe than `threshold` are left out; default VARVE_WARNING.
void varve_sim_log_level(enum varve_severity threshold);

#ifdef __cplusplus
}
#endif
#endif
