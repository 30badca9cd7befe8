// SPDX-License-Identifier: Apache-2.0
// What segments lie on: numbered units that are created, programmed from front to back, synced,
// read, and erased as a whole.
//
// Two media: media_file.c, where a unit is a file of the store's directory (varve/storage.h), and
// media_nor.c, where it is a run of sectors of a raw NOR flash. Either can be left out of a build.
// They differ in what is cheap, which the fields of struct rotate_media say: a file is written over
// from the front when what it held has expired; sectors are erased and used for something else.
//
// Threading: belongs to one backend instance and is used under its lock.
#ifndef VARVE_ROTATE_MEDIA_H
#define VARVE_ROTATE_MEDIA_H

#include "frame.h"
#include "nor.h"
#include "varve/storage.h"

// Units being written, one for each stream, the spare one, and one being read.
#define ROTATE_HANDLES (ROTATE_STREAMS + 2u)

// A unit that is no segment: what is being made to replace one. Others count from 1.
#define ROTATE_SPARE 0u

struct varve_instance;
struct rotate_media;

struct rotate_handle {
    struct varve_file file;
    uint32_t unit;
    bool open;
    bool writable;
};

struct rotate_files {
    struct varve_file lock;
    bool locked;
    char dir[VARVE_PATH_TEXT];
    struct rotate_handle handles[ROTATE_HANDLES];
};

struct rotate_media_ops {
    // Opens the medium `where` and takes its lock: exclusive, or shared for reading. Fills the
    // fields of *m. Returns 0, VARVE_E_NOT_FOUND (read-only and missing; or no such device),
    // VARVE_E_BUSY, VARVE_E_VERSION, VARVE_E_CORRUPT (it holds something else), or another error.
    int (*open)(struct rotate_media *m, struct varve_instance *self, const char *where,
                bool read_only);
    void (*close)(struct rotate_media *m);
    // Calls visit(arg, unit) for every unit, in any order. Returns 0 or an error.
    int (*list)(struct rotate_media *m, void (*visit)(void *arg, uint32_t unit), void *arg);
    // Makes an erased unit with room for `bytes`, durably. VARVE_E_EXISTS when it is there.
    int (*create)(struct rotate_media *m, uint32_t unit, uint32_t bytes);
    // Makes the bytes from `from` to `to`, which may lie behind the end of the unit, erased ones.
    // In files they are programmed: what has been programmed once is overwritten in place from
    // then on, and a sync has no metadata to write, which it has for room that was only allocated.
    int (*blank)(struct rotate_media *m, uint32_t unit, uint32_t from, uint32_t to);
    // Removes the unit.
    int (*erase)(struct rotate_media *m, uint32_t unit);
    // Bytes of the unit, room included; or an error.
    int64_t (*size)(struct rotate_media *m, uint32_t unit);
    // Reads up to `len` bytes; returns the number read, less only at the end of the unit.
    int64_t (*read)(struct rotate_media *m, uint32_t unit, uint32_t offset, void *buf, size_t len);
    int (*program)(struct rotate_media *m, uint32_t unit, uint32_t offset, const void *buf,
                   size_t len, enum varve_write_reason reason);
    // What was programmed in the unit is durable when it returns 0.
    int (*sync)(struct rotate_media *m, uint32_t unit);
    // Puts the unit `from` in the place of `to`, at once and durably. NULL: the medium cannot.
    int (*replace)(struct rotate_media *m, uint32_t from, uint32_t to);
    // The unit is not written any more: its handle is given back.
    void (*release)(struct rotate_media *m, uint32_t unit);
    // Bytes that all units together can have now.
    uint64_t (*capacity)(struct rotate_media *m);
    // When idle: one step of what the medium has to do. VARVE_E_AGAIN when it did one.
    int (*maintain)(struct rotate_media *m);
};

struct rotate_media {
    const struct rotate_media_ops *ops;
    struct varve_ledger_account *account;
    uint8_t erased;       // what an erased byte reads as
    bool reuses;          // units are written over, and so worth keeping and making ahead
    uint32_t page_bytes;  // that commits are padded to; 0: the option `page`
    uint32_t unit_bytes;  // the size of a unit is a multiple of it
    uint32_t chunk_bytes; // units grow by it at least; a multiple of unit_bytes
    uint32_t least_bytes; // limit of a segment at least
    uint32_t units_max;   // 0: no limit
    union {
        struct rotate_files files;
        struct rotate_nor nor;
    };
};

// NULL: left out of this build.
extern const struct rotate_media_ops *const rotate_media_file;
extern const struct rotate_media_ops *const rotate_media_nor;

static inline int rotate_media_list(struct rotate_media *m, void (*visit)(void *arg, uint32_t unit),
                                    void *arg)
{
    return m->ops->list(m, visit, arg);
}

static inline int rotate_media_create(struct rotate_media *m, uint32_t unit, uint32_t bytes)
{
    return m->ops->create(m, unit, bytes);
}

static inline int rotate_media_blank(struct rotate_media *m, uint32_t unit, uint32_t from,
                                     uint32_t to)
{
    return m->ops->blank(m, unit, from, to);
}

static inline int rotate_media_erase(struct rotate_media *m, uint32_t unit)
{
    return m->ops->erase(m, unit);
}

static inline int64_t rotate_media_size(struct rotate_media *m, uint32_t unit)
{
    return m->ops->size(m, unit);
}

static inline int64_t rotate_media_read(struct rotate_media *m, uint32_t unit, uint32_t offset,
                                        void *buf, size_t len)
{
    return m->ops->read(m, unit, offset, buf, len);
}

static inline int rotate_media_program(struct rotate_media *m, uint32_t unit, uint32_t offset,
                                       const void *buf, size_t len, enum varve_write_reason reason)
{
    return m->ops->program(m, unit, offset, buf, len, reason);
}

static inline int rotate_media_sync(struct rotate_media *m, uint32_t unit)
{
    return m->ops->sync(m, unit);
}

static inline int rotate_media_replace(struct rotate_media *m, uint32_t from, uint32_t to)
{
    return m->ops->replace == NULL ? VARVE_E_UNSUPPORTED : m->ops->replace(m, from, to);
}

static inline void rotate_media_release(struct rotate_media *m, uint32_t unit)
{
    m->ops->release(m, unit);
}

static inline uint64_t rotate_media_capacity(struct rotate_media *m)
{
    return m->ops->capacity(m);
}

static inline int rotate_media_maintain(struct rotate_media *m)
{
    return m->ops->maintain(m);
}

#endif
