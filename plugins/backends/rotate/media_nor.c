// SPDX-License-Identifier: Apache-2.0
// The medium made of the sectors of a raw NOR flash: units that grow by a sector, of the one that
// is worn the least; nor.h says what lies on the flash and what a power cut leaves.
//
// What is programmed is durable at once, so a sync has nothing to do. A unit that is removed loses
// its first sector first, which says that it was removed; its sectors are erased when the backend
// is idle, or when they are needed.
//
// Some sectors are kept out of the capacity: one that takes the place of another, and some that may
// fail.
//
// Threading: the instance's lock.

#include <string.h>

#include "media.h"
#include "varve/host.h"

#define SPARE_LEAST 2u  // sectors
#define SPARE_PART  64u // and this part of all
#define USABLE_MIN  4u
#define SMALL       (32u * 1024u)
#define PART        64u

static uint32_t spare(const struct rotate_nor *n)
{
    return SPARE_LEAST + n->count / SPARE_PART;
}

static uint32_t good(const struct rotate_nor *n)
{
    return n->count - n->area.account->sectors_bad;
}

static uint64_t media_capacity(struct rotate_media *m)
{
    const struct rotate_nor *n = &m->nor;
    const uint32_t usable = good(n) > spare(n) ? good(n) - spare(n) : 0;

    return (uint64_t)usable * n->payload;
}

static int media_open(struct rotate_media *m, struct varve_instance *self, const char *where,
                      bool read_only)
{
    struct rotate_nor *n = &m->nor;
    int rc = varve_flash_open(&n->area, m->account, where, !read_only);

    if (rc < 0) {
        return rc;
    }
    n->count = n->area.flash->sectors;
    m->erased = 0xff;
    m->page_bytes = n->area.flash->page_bytes;
    n->head = m->page_bytes > NOR_HEAD ? m->page_bytes : NOR_HEAD;
    n->payload = n->area.flash->sector_bytes - n->head;
    m->unit_bytes = m->chunk_bytes = n->payload;
    m->least_bytes = n->payload >= SMALL ? n->payload : 4 * n->payload;
    m->units_max = n->count + 1;
    n->sectors =
        varve_instance_take(self, n->count * sizeof *n->sectors, _Alignof(struct nor_sector));
    if (n->sectors == NULL) {
        return VARVE_E_NO_MEMORY;
    }
    rc = nor_scan(n);
    rc = rc == 0 ? nor_settle(n) : rc;
    return rc == 0 && good(n) < spare(n) + USABLE_MIN ? VARVE_E_NO_SPACE : rc;
}

static void media_close(struct rotate_media *m)
{
    (void)m;
}

// ---- units --------------------------------------------------------------------------------------

// Sectors of the unit, those that are missing included.
static uint32_t length_of(const struct rotate_nor *n, uint32_t unit)
{
    uint32_t length = 0;

    for (uint32_t at = 0; at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        if (s->state == NOR_USED && s->unit == unit && s->index >= length) {
            length = s->index + 1u;
        }
    }
    return length;
}

static bool is_first(const struct rotate_nor *n, uint32_t at)
{
    for (uint32_t i = 0; i < n->count; i++) {
        const struct nor_sector *s = &n->sectors[i];
        if (s->state == NOR_USED && s->unit == n->sectors[at].unit &&
            s->index < n->sectors[at].index) {
            return false;
        }
    }
    return true;
}

static int media_list(struct rotate_media *m, void (*visit)(void *arg, uint32_t unit), void *arg)
{
    const struct rotate_nor *n = &m->nor;

    for (uint32_t at = 0; at < n->count; at++) {
        if (n->sectors[at].state == NOR_USED && is_first(n, at)) {
            visit(arg, n->sectors[at].unit);
        }
    }
    return 0;
}

static int64_t media_size(struct rotate_media *m, uint32_t unit)
{
    return (int64_t)length_of(&m->nor, unit) * m->nor.payload;
}

static int media_erase(struct rotate_media *m, uint32_t unit)
{
    struct rotate_nor *n = &m->nor;
    const uint32_t first = nor_find(n, unit, 0);

    if (first != NOR_NONE) {
        nor_free(n, first);
    }
    for (uint32_t at = 0; at < n->count; at++) {
        if (n->sectors[at].state == NOR_USED && n->sectors[at].unit == unit) {
            nor_free(n, at);
        }
    }
    return 0;
}

// The sector for a place, new when there is none.
static int get(struct rotate_nor *n, uint32_t unit, uint32_t index, uint32_t *at)
{
    *at = nor_find(n, unit, index);
    int rc = *at == NOR_NONE ? nor_add(n, unit, index) : 0;

    if (rc == 0 && *at == NOR_NONE) {
        *at = nor_find(n, unit, index);
    }
    return rc;
}

// ---- bytes --------------------------------------------------------------------------------------

// The part of `len` bytes at `offset` that lies in one sector.
static uint32_t part_of(const struct rotate_nor *n, uint32_t offset, size_t len)
{
    const uint32_t room = n->payload - offset % n->payload;

    return len < room ? (uint32_t)len : room;
}

static int64_t media_read(struct rotate_media *m, uint32_t unit, uint32_t offset, void *buf,
                          size_t len)
{
    struct rotate_nor *n = &m->nor;
    const int64_t size = media_size(m, unit);
    const size_t left = (int64_t)offset < size ? (size_t)(size - offset) : 0;
    const size_t all = len < left ? len : left;

    for (size_t done = 0; done < all;) {
        const uint32_t here = offset + (uint32_t)done;
        const uint32_t part = part_of(n, here, all - done);
        const uint32_t at = nor_find(n, unit, here / n->payload);
        uint8_t *to = (uint8_t *)buf + done;
        int rc = 0;
        if (at == NOR_NONE) {
            memset(to, 0xff, part); // lost: what was there is damaged
        } else {
            rc = nor_read(n, at, here % n->payload, to, part);
        }
        if (rc < 0) {
            return rc;
        }
        done += part;
    }
    return (int64_t)all;
}

// Whether these bits can be had by clearing some (bytes NULL: by clearing none, all being set).
static int only_clears(struct rotate_nor *n, uint32_t at, uint32_t offset, const uint8_t *bytes,
                       uint32_t len, bool *yes)
{
    uint8_t part[PART];
    int rc = 0;

    *yes = true;
    for (uint32_t done = 0; rc == 0 && *yes && done < len; done += PART) {
        const uint32_t m = len - done < PART ? len - done : PART;
        rc = nor_read(n, at, offset + done, part, m);
        for (uint32_t i = 0; rc == 0 && i < m; i++) {
            const uint8_t wanted = bytes == NULL ? 0xff : bytes[done + i];
            *yes = *yes && (part[i] & wanted) == wanted;
        }
    }
    return rc;
}

static int program_part(struct rotate_nor *n, uint32_t at, const struct nor_patch *patch,
                        enum varve_write_reason reason)
{
    bool direct;
    int rc = only_clears(n, at, patch->offset, patch->bytes, patch->len, &direct);

    if (rc < 0 || (direct && patch->bytes == NULL)) {
        return rc;
    }
    if (!direct) {
        return nor_rewrite(n, at, patch, false);
    }
    rc = nor_program(n, at, patch->offset, patch->bytes, patch->len, reason);
    return rc < 0 ? nor_rewrite(n, at, patch, true) : 0;
}

// `bytes` NULL: makes them erased ones.
static int change(struct rotate_nor *n, uint32_t unit, uint32_t offset, const uint8_t *bytes,
                  size_t len, enum varve_write_reason reason)
{
    int rc = 0;

    for (size_t done = 0; rc == 0 && done < len;) {
        const uint32_t here = offset + (uint32_t)done;
        const struct nor_patch patch = {.offset = here % n->payload,
                                        .len = part_of(n, here, len - done),
                                        .bytes = bytes == NULL ? NULL : bytes + done};
        uint32_t at;
        rc = get(n, unit, here / n->payload, &at);
        rc = rc == 0 ? program_part(n, at, &patch, reason) : rc;
        done += patch.len;
    }
    return rc;
}

static int media_program(struct rotate_media *m, uint32_t unit, uint32_t offset, const void *buf,
                         size_t len, enum varve_write_reason reason)
{
    return change(&m->nor, unit, offset, buf, len, reason);
}

static int media_blank(struct rotate_media *m, uint32_t unit, uint32_t from, uint32_t to)
{
    return from < to ? change(&m->nor, unit, from, NULL, to - from, VARVE_WRITE_META) : 0;
}

static int media_create(struct rotate_media *m, uint32_t unit, uint32_t bytes)
{
    return length_of(&m->nor, unit) > 0 ? VARVE_E_EXISTS : media_blank(m, unit, 0, bytes);
}

static int media_sync(struct rotate_media *m, uint32_t unit)
{
    (void)unit; // there is no cache
    m->account->syncs++;
    return 0;
}

static void media_release(struct rotate_media *m, uint32_t unit)
{
    (void)m;
    (void)unit;
}

static int media_maintain(struct rotate_media *m)
{
    int rc = nor_clean_one(&m->nor);

    return rc == 0 ? nor_level(&m->nor) : rc;
}

static const struct rotate_media_ops ops = {
    .open = media_open,
    .close = media_close,
    .list = media_list,
    .create = media_create,
    .blank = media_blank,
    .erase = media_erase,
    .size = media_size,
    .read = media_read,
    .program = media_program,
    .sync = media_sync,
    .release = media_release,
    .capacity = media_capacity,
    .maintain = media_maintain,
};

const struct rotate_media_ops *const rotate_media_nor = &ops;
