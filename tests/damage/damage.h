// SPDX-License-Identifier: Apache-2.0
// The damage campaign: stores on a simulated device, their files damaged at random, opened by a
// real host. README.md says what is tried and what must hold; this header is what the files here
// share.
//
//   main.c     the command line, and a process for each image
//   kinds.c    the kinds of stores, and their lives up to the damage
//   image.c    the files as they were, and where each block lies in them
//   wounds.c   what is done to the files
//   verdict.c  what must hold then
//
// Threading: one task. Memory is static or from malloc.
#ifndef VARVE_TESTS_DAMAGE_H
#define VARVE_TESTS_DAMAGE_H

#include "ports/sim/sim.h"
#include "tests/unit/random.h"
#include "varve/host.h"

// ---- kinds.c ------------------------------------------------------------------------------------

struct kind {
    const char *name;
    const char *ini;    // of its backend
    const char *backup; // when a backup is made: "", "half" way, or at the "end"
    bool stops;         // in order, before the damage; else the power goes
};

extern const struct kind kinds[];

// Lives a store's life on a fresh device, up to the power cut or stop; switched on again then.
void kind_live(const struct kind *kind, uint64_t seed);
// The configuration of this kind for hosts that are opened from now on; kind_live() does that, too.
void kind_configure(const struct kind *kind);
// Opens it; returns what varve_host_init() says, and `why`.
int kind_open(struct varve_host **host, unsigned flags, char *why, size_t why_cap);
// Pushes `rows` rows of new samples on the virtual clock, and flushes.
int kind_push(struct varve_host *host, int rows);

// ---- image.c ------------------------------------------------------------------------------------

#define FILES_MAX  64u
#define COPIES_MAX 4u
#define RANGES_MAX 80u
#define BLOCKS_MAX 4096u
#define STORE      "/state/test.db"
#define SEGMENTS   "/state/segments"
#define BACKUPS    "/state/backup"

struct image_file {
    char path[VARVE_PATH_TEXT];
    uint8_t *bytes; // as they were
    uint32_t size;
    bool is_backup;
    uint8_t *now; // as they are after the damage
    uint32_t size_now;
};

struct range {
    uint32_t file, from, to;
};

// One place where a block lies, whole.
struct copy {
    struct range range[RANGES_MAX];
    uint32_t count;
    bool in_backup;
    bool in_wal;
};

struct block {
    unsigned tier;
    struct varve_block_key key;
    uint8_t *bytes;
    uint32_t length;
    struct copy copy[COPIES_MAX];
    uint32_t copies;
};

struct image {
    struct image_file file[FILES_MAX];
    uint32_t files;
    struct block *block;
    uint32_t blocks;
    uint32_t series;
    char (*name)[VARVE_SERIES_TEXT];
};

extern struct image image;

// Takes the files and blocks of the store that is there.
void image_take(void);
bool image_is_touched(const struct range *range);
// Where the transaction of the WAL begins, in its file, that a power cut could have torn: one is
// damaged, and at most its own commit follows. UINT32_MAX: there is no such.
uint32_t image_torn_from(void);
// Writes what has changed to the device.
void image_write(void);

// ---- wounds.c -----------------------------------------------------------------------------------

// Damages some of the files in memory; describes it.
void wound(struct test_random *random, char *what, size_t cap);

// ---- verdict.c ----------------------------------------------------------------------------------

struct tally {
    uint64_t images, salvaged, blocks, untouched, served, restored, lost, refused, renamed;
};

// Starts it, and cuts the power in the midst of that.
void verdict_cut(struct test_random *random);
// Opens the damaged store and checks everything. Returns 0, or -1 with the reason in `why`.
int verdict(struct tally *tally, char *why, size_t cap);

#endif
