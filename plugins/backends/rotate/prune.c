// SPDX-License-Identifier: Apache-2.0
// Wiping blocks that are replaced or removed: by `varve prune`, or because a block was put again.
//
// The new version of a block is an ordinary frame at the end of its stream. Commit makes it durable
// and only then touches the old one: it is made void (frame.h), synced, and its payload erased. So
// a power cut leaves
//   - before the first sync: the old block, and perhaps the new one as well, of the same key; at
//     open the later of two counts, and the earlier one is wiped then;
//   - before the second: each block without a new version as it was, or void;
//   - after it: void frames with some of their payload, which is erased at open.
// No byte of a removed block is left when commit() has returned and maintain() has nothing to do:
// that removes the free units and erases what earlier uses have left behind the frames of others,
// all of which had expired, but which the operator of a prune takes for gone.
//
// Replacing gives up no history to make room: `size` can be passed until segments of which nothing
// is left are freed.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/crc32c.h"
#include "varve/host.h"

#define BLOCK_END 32u // where a block's header has the time of its last row (varve/block.h)

// ---- reading in small parts ---------------------------------------------------------------------

struct payload {
    uint32_t crc;
    bool blank;
};

// Reads a frame's payload through the scratch. Returns 0, VARVE_E_CORRUPT when the unit ends before
// it does, or an error of reading.
static int look(struct rotate_store *s, const struct rotate_entry *e, struct payload *out)
{
    *out = (struct payload){.blank = true};
    for (uint32_t done = 0; done < e->stored;) {
        const uint32_t left = e->stored - done;
        const uint32_t n = left < ROTATE_SCRATCH ? left : ROTATE_SCRATCH;
        const int64_t got =
            rotate_media_read(&s->media, e->unit, e->offset + ROTATE_HEADER + done, s->scratch, n);
        if (got != (int64_t)n) {
            return got < 0 ? (int)got : VARVE_E_CORRUPT;
        }
        for (uint32_t i = 0; i < n; i++) {
            out->blank = out->blank && s->scratch[i] == s->media.erased;
        }
        out->crc = varve_crc32c(out->crc, s->scratch, n);
        done += n;
    }
    return 0;
}

// ---- noting -------------------------------------------------------------------------------------

bool rotate_note_gone(struct rotate_store *s, const struct rotate_entry *e)
{
    struct rotate_segment *seg = rotate_segment_find(s, e->unit);

    if (s->gone_count == ROTATE_GONE_MAX || seg == NULL) {
        return false;
    }
    seg->held = true; // its unit must not be used again before
    s->gone[s->gone_count++] = *e;
    return true;
}

void rotate_note_void(struct rotate_store *s, const struct rotate_entry *e)
{
    struct payload payload;

    if (s->read_only || look(s, e, &payload) != 0 || payload.blank) {
        return;
    }
    if (rotate_note_gone(s, e)) { // no room: the next open finds it again
        struct rotate_segment *seg = rotate_segment_find(s, e->unit);
        seg->frames++; // until it is wiped, as one that is made void
        seg->data++;
    }
}

// ---- wiping -------------------------------------------------------------------------------------

static int make_void(struct rotate_store *s, const struct rotate_entry *e)
{
    uint8_t header[ROTATE_HEADER];
    uint8_t mark[4];
    struct rotate_frame f;
    int rc = rotate_read_header(s, e->unit, e->offset, header, &f);

    if (rc == VARVE_E_CORRUPT || (rc == 0 && f.kind == ROTATE_VOID)) {
        return 0;
    }
    if (rc < 0 && rc != VARVE_E_VERSION) {
        return rc;
    }
    rotate_frame_void(header, mark);
    return rotate_media_program(&s->media, e->unit, e->offset + ROTATE_CRC, mark, sizeof mark,
                                VARVE_WRITE_META);
}

static int erase_payload(struct rotate_store *s, const struct rotate_entry *e)
{
    const uint32_t from = e->offset + ROTATE_HEADER;

    return rotate_media_blank(&s->media, e->unit, from, from + e->stored);
}

// Does it to what was noted, a unit at a time: few can be open for writing.
static int each(struct rotate_store *s,
                int (*wipe)(struct rotate_store *s, const struct rotate_entry *e))
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        bool wrote = false;
        for (size_t k = 0; rc == 0 && k < s->gone_count; k++) {
            if (s->gone[k].unit == seg->unit) {
                rc = wipe(s, &s->gone[k]);
                wrote = true;
            }
        }
        if (rc == 0 && wrote) {
            rc = rotate_media_sync(&s->media, seg->unit);
        }
        if (wrote && !seg->active) {
            rotate_media_release(&s->media, seg->unit);
        }
    }
    return rc;
}

// A segment of which nothing is left has expired.
static void count_down(struct rotate_segment *seg)
{
    seg->frames -= seg->frames > 0;
    seg->data -= seg->data > 0;
    if (seg->data == 0) {
        seg->first_ms = INT64_MAX;
        seg->last_ms = INT64_MIN;
    }
    seg->held = false;
}

int rotate_wipe_gone(struct rotate_store *s)
{
    int rc = each(s, make_void);

    rc = rc == 0 ? each(s, erase_payload) : rc;
    if (rc < 0) {
        s->stale = true; // what is left is found again
        return rotate_fail(s, rc, "wipe a block");
    }
    for (size_t i = 0; i < s->gone_count; i++) {
        count_down(rotate_segment_find(s, s->gone[i].unit));
    }
    s->gone_count = 0;
    return 0;
}

// Nothing is wiped for the sake of a newer version that cannot be read.
static bool is_replaced(struct rotate_store *s, const struct rotate_entry *old)
{
    const size_t at = rotate_index_exact(&s->blocks, old->tier, &old->key);
    struct payload payload;

    return at == ROTATE_NONE || (look(s, &s->blocks.entries[at], &payload) == 0 &&
                                 payload.crc == s->blocks.entries[at].crc);
}

void rotate_finish_wiping(struct rotate_store *s)
{
    size_t kept = 0;

    for (size_t i = 0; !s->read_only && i < s->gone_count; i++) {
        if (is_replaced(s, &s->gone[i])) {
            s->gone[kept++] = s->gone[i];
        }
    }
    s->gone_count = kept;
    if (kept > 0 && rotate_wipe_gone(s) < 0) {
        varve_log(VARVE_WARNING, s->self->name, "%s: %zu blocks that were replaced are not wiped",
                  s->path, kept);
        s->gone_count = 0;
    }
    for (size_t i = 0; i < s->segment_count; i++) {
        s->segments[i].held = false;
    }
}

// ---- replacing ----------------------------------------------------------------------------------

static int check_block(struct rotate_store *s, const struct varve_block_key *key,
                       const uint8_t *block, uint32_t length, struct varve_block_key *out)
{
    *out = *key;
    if (block == NULL) {
        return 0;
    }
    if (length >= VARVE_BLOCK_HEADER && length <= VARVE_BLOCK_MAX) {
        out->end_ms = rotate_i64(block + BLOCK_END); // its last rows may be what has gone
        if (rotate_key_is_sane(out)) {
            return 0;
        }
    }
    varve_instance_fail(s->self, "a block of %u bytes cannot be put in the place of another",
                        length);
    return VARVE_E_INVALID;
}

static int append_newer(struct rotate_store *s, unsigned tier, const struct varve_block_key *key,
                        const void *block, uint32_t length, struct rotate_entry *entry)
{
    s->replacing = true;
    int rc = rotate_append(s, tier, ROTATE_BLOCK, key, block, length, entry);
    s->replacing = false;
    return rc;
}

// A transaction that replaces more than can be noted is committed in parts: each block is replaced
// by itself, so that no more than an abort can tell.
static int ready(struct rotate_store *s)
{
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc == 0 && s->read_only) {
        varve_instance_fail(s->self, "%s: is open for reading only", s->path);
        return VARVE_E_READ_ONLY;
    }
    return rc == 0 && s->gone_count == ROTATE_GONE_MAX ? rotate_commit(s->self) : rc;
}

int rotate_replace(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                   const void *block, uint32_t length)
{
    struct rotate_store *s = rotate_of(self);
    struct varve_block_key newer;
    struct rotate_entry entry;
    int rc = ready(s);

    if (rc == 0 && rotate_index_exact(&s->blocks, tier, key) == ROTATE_NONE) {
        return VARVE_E_NOT_FOUND;
    }
    rc = rc == 0 ? check_block(s, key, block, length, &newer) : rc;
    if (rc == 0 && block != NULL) {
        rc = append_newer(s, tier, &newer, block, length, &entry);
    }
    if (rc < 0) {
        return rc;
    }
    s->in_txn = s->scrub_due = true;
    // Its segment may have expired, and the new one may lie in its place.
    const size_t at = rotate_index_exact(&s->blocks, tier, key);
    if (at != ROTATE_NONE) {
        (void)rotate_note_gone(s, &s->blocks.entries[at]); // there is room
        rotate_index_remove(&s->blocks, at);
    }
    if (block != NULL) {
        rotate_index_insert(&s->blocks, &entry);
    }
    return 0;
}

// ---- what has expired
// -----------------------------------------------------------------------------

static int erase_tail(struct rotate_store *s, struct rotate_segment *seg)
{
    int rc = rotate_media_blank(&s->media, seg->unit, seg->used, seg->room);

    rc = rc == 0 ? rotate_media_sync(&s->media, seg->unit) : rc;
    if (!seg->active) {
        rotate_media_release(&s->media, seg->unit);
    }
    if (rc < 0) {
        return rotate_fail(s, rc, "erase what has expired");
    }
    seg->reused = false;
    return VARVE_E_AGAIN;
}

int rotate_scrub(struct rotate_store *s)
{
    int rc = rotate_drop_free(s);

    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        if (s->segments[i].reused) {
            rc = erase_tail(s, &s->segments[i]);
        }
    }
    s->scrub_due = rc != 0;
    return rc;
}
