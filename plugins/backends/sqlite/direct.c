// SPDX-License-Identifier: Apache-2.0
// Reading blocks from the files themselves, past SQLite, with one read each.
//
// A query of a day reads hundreds of blocks. SQLite would copy each page of them twice, into its
// cache, which is too small to keep them, and out of it. But the pages of a block usually follow
// each other, in the database and, with the headers of frames in between, in the WAL. So the index
// remembers where SQLite found the first one when it read the block last, and the next time the
// block is taken from there.
//
// That place is a guess. A checkpoint, a transaction, a new round of the WAL can have put anything
// else there; and pages that do not follow each other give no block. So what is read counts only
// when it is the very block of the index: its key, its length, and its CRC twice - the one in the
// index, which is that of the block when it was read or written last, and the one over its bytes.
// Two versions of one block, one replaced by the other, differ in it. Everything else is asked of
// SQLite (or of inplace.c), which also reports what is really wrong.
//
// The files are read and not mapped: a page that the medium cannot deliver is then an error, not a
// signal that ends the program.
//
// Threading: the instance's lock.

#include <string.h>

#include "layout.h"
#include "store.h"

#define FRAME_HEADER 24u // bytes before each page in the WAL
#define PLACE_UNIT   8   // pages and frames begin at multiples of it

// The pages follow each other, `stride` bytes apart; takes the payloads together at the front.
static void join(uint8_t *buf, uint32_t length, uint32_t room, uint32_t stride)
{
    uint8_t *from = buf;

    for (uint32_t done = room; done < length; done += room) {
        from += stride;
        memmove(buf + done, from, length - done < room ? length - done : room);
    }
}

static bool is_the_block(const struct varve_sqlite_entry *e, const uint8_t *buf)
{
    struct varve_block_key key;
    uint32_t length;

    return varve_sqlite_slot_crc(buf) == e->crc &&
           varve_sqlite_slot_header(buf, e->length, &key, &length) == 0 && length == e->length &&
           key.start_ms == e->key.start_ms && key.seq == e->key.seq &&
           varve_block_is_whole(buf, length);
}

bool varve_sqlite_direct_read(struct varve_sqlite_store *s, struct varve_sqlite_entry *e, void *buf,
                              size_t cap)
{
    const bool in_wal = (e->flags & VARVE_SQLITE_IN_WAL) != 0;
    const uint32_t room = s->page - 4;
    const uint32_t stride = s->page + (in_wal ? FRAME_HEADER : 0);
    const uint32_t whole_pages = (e->length - 1) / room;
    const size_t span = (size_t)whole_pages * stride + (e->length - whole_pages * room);
    struct varve_file *file =
        in_wal ? varve_sqlite_vfs_wal(&s->vfs) : varve_sqlite_vfs_database(&s->vfs);

    if (e->place == 0 || (e->flags & VARVE_SQLITE_SCATTERED) != 0 || span > cap || file == NULL ||
        varve_file_read(file, (int64_t)e->place * PLACE_UNIT + 4, buf, span) != (int64_t)span) {
        return false;
    }
    join(buf, e->length, room, stride);
    return is_the_block(e, buf);
}

// Where the block's first page is, after others have read the block.
static struct varve_sqlite_sight sight(const struct varve_sqlite_store *s,
                                       const struct varve_sqlite_entry *e)
{
    if (s->vfs.sight.offset == 0 && e->first > 1) {
        return (struct varve_sqlite_sight){((int64_t)e->first - 1) * s->page, false};
    }
    return s->vfs.sight;
}

void varve_sqlite_direct_learn(struct varve_sqlite_store *s, struct varve_sqlite_entry *e,
                               const uint8_t *header)
{
    const uint32_t crc = varve_sqlite_slot_crc(header);
    const struct varve_sqlite_sight seen = sight(s, e);
    const int64_t place = seen.offset / PLACE_UNIT;
    const uint8_t flags = seen.in_wal ? VARVE_SQLITE_IN_WAL : 0;

    if (place == 0 || place > UINT32_MAX || s->in_txn || s->pending_count > 0) {
        return; // what is not committed is not where it will be
    }
    if (place == e->place && flags == (e->flags & VARVE_SQLITE_IN_WAL) && crc == e->crc) {
        e->flags |= VARVE_SQLITE_SCATTERED; // it was read from there in vain
        return;
    }
    e->place = (uint32_t)place;
    e->flags = flags;
    e->crc = crc;
}
