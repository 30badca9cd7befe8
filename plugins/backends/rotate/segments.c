// SPDX-License-Identifier: Apache-2.0
// Writing: frames to the end of a stream, streams to segments, segments to the size that is
// allowed.
//
// Each tier has a stream of segments of its own, and events and definitions have one: what is kept
// for hours never shares a segment with what is kept for months, so that a whole segment expires
// at about the same time and a flood of raw rows pushes out raw rows only.
//
// A transaction is what was programmed since the last commit. Commit syncs the segments that it
// touched, one in the usual case, and moves their end to the next flash page, so that a page is
// never programmed in two commits. Abort trims them to where they were.
//
// Who goes when `size` is reached: segments of tiers that the host does not have and expired ones,
// the oldest first; else the oldest segment of the stream that holds the most bytes, among streams
// with more than one. A segment that is being written, or that holds the only copy of a
// definition, stays.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/crc32c.h"
#include "varve/host.h"

#define CHUNK       65536u            // room is taken in such steps, bytes
#define SHARE       8                 // a segment takes at most this part of the size
#define AGE_QUARTER 4                 // and covers at most this part of its tier's retention,
#define SPAN_LEAST  INT64_C(21600000) // but 6 h, so that its definitions are a small part of it

struct rotate_segment *rotate_segment_find(struct rotate_store *s, uint32_t number)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].number == number) {
            return &s->segments[i];
        }
    }
    return NULL;
}

uint64_t rotate_bytes(const struct rotate_store *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        sum += s->segments[i].room;
    }
    return sum;
}

static uint32_t limit_of(const struct rotate_store *s)
{
    const int64_t share = s->options->size / SHARE;

    return (uint32_t)(share < s->options->segment ? share : s->options->segment);
}

// ---- removing segments --------------------------------------------------------------------------

static bool is_expired(const struct rotate_store *s, const struct rotate_segment *seg)
{
    return seg->stream == ROTATE_FOREIGN || seg->last_ms < s->expire_before_ms[seg->stream];
}

static bool can_go(const struct rotate_store *s, const struct rotate_segment *seg)
{
    if (seg->active || seg->touched) {
        return false;
    }
    for (size_t i = 0; i < s->series.count; i++) {
        if (s->series.entries[i].segment == seg->number) {
            return false;
        }
    }
    return true;
}

// A segment that a power cut left before anything was in it.
static bool is_empty(const struct rotate_segment *seg)
{
    return seg->used == 0 && !seg->torn;
}

static size_t find_expired(const struct rotate_store *s, bool foreign)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        const bool known = seg->stream != ROTATE_FOREIGN || is_empty(seg);
        if ((foreign || known) && is_expired(s, seg) && can_go(s, seg)) {
            return i;
        }
    }
    return ROTATE_NONE;
}

// The oldest segment of the stream with the most bytes.
static size_t find_oldest(const struct rotate_store *s)
{
    uint64_t held[ROTATE_STREAMS] = {0};
    size_t best = ROTATE_NONE;

    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].stream != ROTATE_FOREIGN) {
            held[s->segments[i].stream] += s->segments[i].room;
        }
    }
    for (size_t i = s->segment_count; i > 0; i--) {
        const struct rotate_segment *seg = &s->segments[i - 1];
        if (can_go(s, seg) &&
            (best == ROTATE_NONE || held[seg->stream] >= held[s->segments[best].stream])) {
            best = i - 1;
        }
    }
    return best;
}

static void forget(struct rotate_store *s, size_t at)
{
    const uint32_t number = s->segments[at].number;

    rotate_index_forget(&s->blocks, number);
    rotate_index_forget(&s->events, number);
    rotate_index_forget(&s->series, number);
    s->segment_count--;
    memmove(&s->segments[at], &s->segments[at + 1], (s->segment_count - at) * sizeof *s->segments);
}

static int drop(struct rotate_store *s, size_t at)
{
    int rc = rotate_media_erase(&s->media, s->segments[at].number);

    if (rc < 0) {
        return rotate_fail(s, rc, "remove a segment");
    }
    forget(s, at);
    return 0;
}

int rotate_expire(struct rotate_store *s)
{
    const size_t at = find_expired(s, false);

    if (at == ROTATE_NONE) {
        return 0;
    }
    int rc = drop(s, at);
    return rc < 0 ? rc : VARVE_E_AGAIN;
}

// Room for `extra` bytes under the size, and for one more segment in the table.
static int make_room(struct rotate_store *s, uint32_t extra)
{
    while (rotate_bytes(s) + extra > (uint64_t)s->options->size ||
           s->segment_count == s->segment_cap) {
        size_t at = s->keep_all ? ROTATE_NONE : find_expired(s, true);
        if (at == ROTATE_NONE && !s->keep_all) {
            at = find_oldest(s);
        }
        if (at == ROTATE_NONE && !s->keep_all && s->segment_count < s->segment_cap) {
            return 0; // nothing but segments in use: the size is passed by less than one of them
        }
        if (at == ROTATE_NONE) {
            varve_instance_fail(s->self,
                                "%s: holds %llu bytes in %zu segments, all that is "
                                "allowed: raise the option size",
                                s->path, (unsigned long long)rotate_bytes(s), s->segment_count);
            return VARVE_E_FULL;
        }
        int rc = drop(s, at);
        if (rc < 0) {
            return rc;
        }
    }
    return 0;
}

// ---- frames -------------------------------------------------------------------------------------

static int extend(struct rotate_store *s, uint32_t number, uint32_t needed)
{
    const uint32_t limit = limit_of(s);
    struct rotate_segment *seg = rotate_segment_find(s, number);
    uint32_t room = rotate_up(needed, CHUNK);

    if (needed <= seg->room) {
        return 0;
    }
    room = room > limit ? (needed > limit ? needed : limit) : room;
    int rc = make_room(s, room - seg->room);
    rc = rc == 0 ? rotate_media_extend(&s->media, number, room) : rc;
    if (rc < 0) {
        return rotate_fail(s, rc, "make a segment larger");
    }
    rotate_segment_find(s, number)->room = room; // others may have gone from the table
    return 0;
}

static enum varve_write_reason reason_of(const struct rotate_frame *f)
{
    if (f->kind != ROTATE_BLOCK) {
        return VARVE_WRITE_META;
    }
    return f->tier == 0 ? VARVE_WRITE_DATA : VARVE_WRITE_ROLLUP;
}

static void note_rows(struct rotate_segment *seg, const struct rotate_frame *f)
{
    if (f->kind == ROTATE_BLOCK || f->kind == ROTATE_EVENT) {
        seg->first_ms = f->key.start_ms < seg->first_ms ? f->key.start_ms : seg->first_ms;
        seg->last_ms = f->key.end_ms > seg->last_ms ? f->key.end_ms : seg->last_ms;
        seg->data++;
    }
}

// Programs a frame at the end of the segment; f needs kind, tier, key and length.
static int program(struct rotate_store *s, uint32_t number, struct rotate_frame *f,
                   const void *payload)
{
    uint8_t header[ROTATE_HEADER];
    struct rotate_segment *seg = rotate_segment_find(s, number);
    const uint32_t at = seg->used;
    int rc = extend(s, number, at + rotate_frame_bytes(f->length));

    if (rc < 0) {
        return rc;
    }
    seg = rotate_segment_find(s, number);
    seg->touched = true;
    seg->unsynced = true;
    s->in_txn = true;
    f->segment = number;
    f->offset = at;
    f->crc = varve_crc32c(0, payload, f->length);
    rotate_frame_encode(f, header);
    rc = rotate_media_program(&s->media, number, at, header, sizeof header, reason_of(f));
    if (rc == 0) {
        rc = rotate_media_program(&s->media, number, at + ROTATE_HEADER, payload, f->length,
                                  reason_of(f));
    }
    if (rc < 0) {
        return rotate_fail(s, rc, "write");
    }
    seg->used += rotate_frame_bytes(f->length);
    note_rows(seg, f);
    return 0;
}

struct rotate_entry rotate_entry_of(const struct rotate_frame *f, unsigned tier)
{
    return (struct rotate_entry){.key = f->key,
                                 .segment = f->segment,
                                 .offset = f->offset,
                                 .length = f->coding == ROTATE_PLAIN ? f->length : f->plain,
                                 .stored = f->length,
                                 .crc = f->crc,
                                 .coding = f->coding,
                                 .tier = (uint8_t)tier};
}

// ---- segments -----------------------------------------------------------------------------------

static struct rotate_segment *active_of(struct rotate_store *s, unsigned stream)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].active && s->segments[i].stream == stream) {
            return &s->segments[i];
        }
    }
    return NULL;
}

// Ends the stream's segment: it keeps no room that it does not need.
static int finish(struct rotate_store *s, struct rotate_segment *seg)
{
    int rc = seg->unsynced ? rotate_media_sync(&s->media, seg->number) : 0;

    if (rc == 0 && seg->room > seg->used) {
        rc = rotate_media_trim(&s->media, seg->number, seg->used);
        seg->room = rc == 0 ? seg->used : seg->room;
        rc = rc == VARVE_E_UNSUPPORTED ? 0 : rc;
    }
    if (rc < 0) {
        return rotate_fail(s, rc, "close a segment");
    }
    seg->unsynced = false;
    seg->active = false;
    rotate_media_release(&s->media, seg->number);
    return 0;
}

// Repeats every definition in the new segment, which makes it readable by itself.
static int copy_definitions(struct rotate_store *s, uint32_t number)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->series.count; i++) {
        struct rotate_entry *e = &s->series.entries[i];
        struct rotate_frame f = {
            .kind = ROTATE_SERIES, .tier = ROTATE_META, .key = e->key, .length = e->length};
        rc = rotate_read_payload(s, e, s->scratch);
        if (rc == VARVE_E_CORRUPT) {
            varve_log(VARVE_WARNING, s->self->name, "%s: the definition of series %lld is damaged",
                      s->path, (long long)e->key.start_ms);
            rotate_index_remove(&s->series, i--);
            rc = 0;
            continue;
        }
        rc = rc == 0 ? program(s, number, &f, s->scratch) : rotate_fail(s, rc, "read a definition");
        if (rc == 0) {
            *e = rotate_entry_of(&f, 0);
        }
    }
    return rc;
}

static int begin_segment(struct rotate_store *s, unsigned stream, uint32_t *number)
{
    struct rotate_frame f = {.kind = ROTATE_TIERS, .tier = (uint8_t)stream};
    const uint32_t limit = limit_of(s);
    const uint32_t room = limit < CHUNK ? limit : CHUNK;
    int rc = make_room(s, room);

    if (rc < 0) {
        return rc;
    }
    *number = s->next_number++;
    s->segments[s->segment_count] = (struct rotate_segment){
        .number = *number,
        .room = room,
        .page = s->options->pad ? (uint32_t)s->options->page : 0,
        .first_ms = INT64_MAX,
        .last_ms = INT64_MIN,
        .stream = (uint8_t)stream,
        .active = true,
        .touched = true,
        .head = true,
    };
    s->segment_count++;
    s->in_txn = true;
    rc = rotate_media_create(&s->media, *number, room);
    if (rc < 0) {
        return rotate_fail(s, rc, "make a segment");
    }
    f.length = rotate_tiers_encode(s, stream);
    rc = program(s, *number, &f, s->scratch);
    return rc == 0 ? copy_definitions(s, *number) : rc;
}

static int64_t span_of(const struct rotate_store *s, unsigned stream)
{
    const int64_t keep =
        stream == ROTATE_META ? s->options->events_keep_ms : s->tiers[stream].keep_ms;
    const int64_t quarter = keep / AGE_QUARTER;
    const int64_t span = quarter > SPAN_LEAST ? quarter : SPAN_LEAST;

    return span < s->options->age_ms ? span : s->options->age_ms;
}

static bool is_full(const struct rotate_store *s, const struct rotate_segment *seg,
                    const struct varve_block_key *key, uint32_t bytes)
{
    const bool aged =
        key->end_ms > seg->first_ms && key->end_ms - seg->first_ms >= span_of(s, seg->stream);

    return seg->data > 0 && (aged || seg->used + bytes > limit_of(s));
}

static int choose(struct rotate_store *s, unsigned stream, const struct varve_block_key *key,
                  uint32_t bytes, uint32_t *number)
{
    struct rotate_segment *seg = active_of(s, stream);
    int rc = 0;

    if (seg != NULL && !is_full(s, seg, key, bytes)) {
        *number = seg->number;
        return 0;
    }
    if (seg != NULL) {
        rc = finish(s, seg);
    }
    return rc == 0 ? begin_segment(s, stream, number) : rc;
}

// A store that was opened for whatever tiers it has, and had none, learns them now.
static void learn_tiers(struct rotate_store *s)
{
    const struct varve_tier *tiers;

    if (s->tier_count == 0) {
        s->tier_count = varve_instance_tiers(s->self, &tiers);
        memcpy(s->tiers, tiers, s->tier_count * sizeof *tiers);
    }
}

int rotate_append(struct rotate_store *s, unsigned stream, enum rotate_kind kind,
                  const struct varve_block_key *key, const void *payload, uint32_t length,
                  struct rotate_entry *entry)
{
    struct rotate_frame f = {
        .kind = (uint8_t)kind, .tier = (uint8_t)stream, .key = *key, .length = length};
    uint32_t number;

    if (s->read_only) {
        varve_instance_fail(s->self, "%s: is open for reading only", s->path);
        return VARVE_E_READ_ONLY;
    }
    learn_tiers(s);
    int rc = choose(s, stream, key, rotate_frame_bytes(length), &number);
    if (rc == 0) {
        rc = program(s, number, &f, payload);
    }
    *entry = rotate_entry_of(&f, stream);
    return rc;
}

// ---- transactions -------------------------------------------------------------------------------

int rotate_commit(struct varve_instance *self)
{
    struct rotate_store *s = rotate_of(self);

    for (size_t i = 0; i < s->segment_count; i++) {
        struct rotate_segment *seg = &s->segments[i];
        int rc = seg->unsynced ? rotate_media_sync(&s->media, seg->number) : 0;
        if (rc < 0) {
            return rotate_fail(s, rc, "sync");
        }
        seg->unsynced = false;
    }
    for (size_t i = 0; i < s->segment_count; i++) {
        struct rotate_segment *seg = &s->segments[i];
        if (seg->touched && seg->active && seg->page != 0) {
            seg->used = rotate_up(seg->used, seg->page);
        }
        seg->committed = seg->used;
        seg->touched = false;
    }
    s->in_txn = false;
    return 0;
}

// Undoes what the transaction did to one segment; one that it made is gone.
static void undo(struct rotate_store *s, size_t at)
{
    struct rotate_segment *seg = &s->segments[at];
    const bool made = seg->committed == 0;
    int rc = made ? rotate_media_erase(&s->media, seg->number)
                  : rotate_media_trim(&s->media, seg->number, seg->committed);

    if (rc < 0) { // what was written is read again, as what the host puts again: the same blocks
        varve_log(VARVE_WARNING, s->self->name, "%s: cannot take back what was written: %s",
                  s->path, varve_strerror(rc));
    } else if (made) {
        forget(s, at);
        return;
    }
    seg->touched = false;
    seg->unsynced = false;
}

void rotate_abort(struct varve_instance *self)
{
    struct rotate_store *s = rotate_of(self);

    for (size_t i = s->segment_count; i > 0; i--) {
        if (s->segments[i - 1].touched) {
            undo(s, i - 1);
        }
    }
    s->in_txn = false;
    s->stale = true;
}
