// SPDX-License-Identifier: Apache-2.0
// What segments lie on: numbered units that are created, programmed from front to back, synced,
// read, programmed from the front again when what they held has expired, and erased as a whole.
//
// media_file.c is the implementation over varve/storage.h: a unit is a file of the store's
// directory.
//
// Threading: belongs to one backend instance and is used under its lock.
#ifndef VARVE_ROTATE_MEDIA_H
#define VARVE_ROTATE_MEDIA_H

#include "frame.h"
#include "varve/storage.h"

// Units being written, one for each stream, the spare one, and one being read.
#define ROTATE_HANDLES (ROTATE_STREAMS + 2u)

// A unit that is no segment: what is being made to replace one. Others count from 1.
#define ROTATE_SPARE 0u

struct rotate_handle {
    struct varve_file file;
    uint32_t unit;
    bool open;
    bool writable;
};

struct rotate_media {
    struct varve_ledger_account *account;
    struct varve_file lock;
    bool locked;
    uint8_t erased; // what an erased byte reads as
    char dir[VARVE_PATH_TEXT];
    struct rotate_handle handles[ROTATE_HANDLES];
};

// Opens the medium in the directory `dir` and takes its lock: exclusive, or shared for reading.
// Returns 0, VARVE_E_NOT_FOUND (read-only and missing), VARVE_E_BUSY, or another error.
int rotate_media_open(struct rotate_media *m, const char *dir, struct varve_ledger_account *account,
                      bool read_only);
void rotate_media_close(struct rotate_media *m);

// Calls visit(arg, unit) for every unit, in any order. Returns 0 or an error.
int rotate_media_list(struct rotate_media *m, void (*visit)(void *arg, uint32_t unit), void *arg);

// Makes an erased unit with room for `bytes`, durably. VARVE_E_EXISTS when it is there.
int rotate_media_create(struct rotate_media *m, uint32_t unit, uint32_t bytes);
// Programs erased bytes from `from` to `to`, which may lie behind the end of the unit. What has
// been programmed once is overwritten in place from then on: a sync then has no metadata to write,
// which it has for room that was only allocated. VARVE_E_UNSUPPORTED on a medium that can only
// erase whole units.
int rotate_media_blank(struct rotate_media *m, uint32_t unit, uint32_t from, uint32_t to);
// Removes the unit.
int rotate_media_erase(struct rotate_media *m, uint32_t unit);

// Bytes of the unit, room included; or an error.
int64_t rotate_media_size(struct rotate_media *m, uint32_t unit);
// Reads up to `len` bytes; returns the number read, less only at the end of the unit.
int64_t rotate_media_read(struct rotate_media *m, uint32_t unit, uint32_t offset, void *buf,
                          size_t len);
int rotate_media_program(struct rotate_media *m, uint32_t unit, uint32_t offset, const void *buf,
                         size_t len, enum varve_write_reason reason);
// What was programmed in the unit is durable when it returns 0.
int rotate_media_sync(struct rotate_media *m, uint32_t unit);
// Puts the unit `from` in the place of `to`, at once and durably. VARVE_E_UNSUPPORTED on a medium
// that cannot.
int rotate_media_replace(struct rotate_media *m, uint32_t from, uint32_t to);
// The unit is not written any more: its handle is given back.
void rotate_media_release(struct rotate_media *m, uint32_t unit);

#endif
