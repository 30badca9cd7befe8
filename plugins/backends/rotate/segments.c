// SPDX-License-Identifier: Apache-2.0
// Writing: frames to the end of a stream, streams to segments, transactions.
//
// Each tier has a stream of segments of its own, and events and definitions have one: what is kept
// for hours never shares a segment with what is kept for months, so that a whole segment expires
// at about the same time and a flood of raw rows pushes out raw rows only.
//
// A transaction is what was programmed since the last commit. Commit syncs the segments that it
// touched, one in the usual case - new definitions before the first block behind them - and moves
// their end to the next flash page, so that a page is never programmed in two commits. Abort erases
// what was programmed.
//
// A new segment in a unit that was used before is begun by its head alone, which is synced before
// anything else goes there: from then on the unit has the new number, whatever the power does, and
// what is left of its earlier use is never mixed with what is new. All that a cut before that sync
// can damage is the first page of a segment that had been given up.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/crc32c.h"
#include "varve/host.h"

#define GROWTH 4 // a segment grows by this part of itself, or a chunk
// It covers at most this part of its tier's retention: a little more than a quarter, so that four
// and the one being written are enough; but 6 h, so that its definitions are a small part of it.
#define SPAN(keep) ((keep) / 32 * 9)
#define SPAN_LEAST INT64_C(21600000)

struct rotate_segment *rotate_segment_find(struct rotate_store *s, uint32_t unit)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].unit == unit) {
            return &s->segments[i];
        }
    }
    return NULL;
}

// ---- frames -------------------------------------------------------------------------------------

// What the segment's room must be for it to hold so many bytes.
static uint32_t grown(struct rotate_store *s, const struct rotate_segment *seg, uint32_t needed)
{
    const uint32_t limit = rotate_limit(s, seg->stream);
    const uint32_t chunk = s->media.chunk_bytes;
    const uint32_t more = seg->room / GROWTH > chunk ? seg->room / GROWTH : chunk;
    const uint32_t room = needed > seg->room + more ? needed : seg->room + more;

    if (needed > limit) {
        return rotate_round(needed, s->media.unit_bytes);
    }
    return rotate_round(room, chunk) < limit ? rotate_round(room, chunk) : limit;
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

// Header and payload, and erased bytes up to `room` if that is more than there was.
static int program_at(struct rotate_store *s, uint32_t unit, const struct rotate_frame *f,
                      const void *payload, uint32_t had, uint32_t room)
{
    uint8_t header[ROTATE_HEADER];
    const uint32_t end = f->offset + rotate_frame_bytes(f->length);

    rotate_frame_encode(f, header);
    int rc = rotate_media_program(&s->media, unit, f->offset, header, sizeof header, reason_of(f));
    if (rc == 0) {
        rc = rotate_media_program(&s->media, unit, f->offset + ROTATE_HEADER, payload, f->length,
                                  reason_of(f));
    }
    if (rc == 0 && room > had) {
        rc = rotate_media_blank(&s->media, unit, end > had ? end : had, room);
    }
    return rc;
}

// Programs a frame at the end of the segment; f needs kind, tier, key and length. Other segments
// may move in the table.
static int program(struct rotate_store *s, uint32_t unit, struct rotate_frame *f,
                   const void *payload)
{
    struct rotate_segment *seg = rotate_segment_find(s, unit);
    const uint32_t had = seg->room;
    const uint32_t needed = seg->used + rotate_frame_bytes(f->length);
    const uint32_t room = needed > had ? grown(s, seg, needed) : had;
    int rc = room > had ? rotate_make_room(s, seg->stream, room - had) : 0;

    if (rc < 0) {
        return rc;
    }
    seg = rotate_segment_find(s, unit); // others may have gone from the table
    seg->touched = true;
    seg->unsynced = true;
    seg->reach = needed > seg->reach ? needed : seg->reach;
    s->in_txn = true;
    f->segment = seg->number;
    f->offset = seg->used;
    f->crc = varve_crc32c(0, payload, f->length);
    rc = program_at(s, unit, f, payload, had, room);
    if (rc < 0) {
        return rotate_fail(s, rc, "write");
    }
    seg->room = room;
    seg->used = needed;
    seg->frames += f->kind != ROTATE_TIERS;
    note_rows(seg, f);
    return 0;
}

struct rotate_entry rotate_entry_of(const struct rotate_frame *f, uint32_t unit, unsigned tier)
{
    return (struct rotate_entry){.key = f->key,
                                 .unit = unit,
                                 .offset = f->offset,
                                 .length = f->coding == ROTATE_PLAIN ? f->length : f->plain,
                                 .stored = f->length,
                                 .crc = f->crc,
                                 .coding = f->coding,
                                 .tier = (uint8_t)tier};
}

// ---- segments -----------------------------------------------------------------------------------

struct rotate_segment *rotate_active(struct rotate_store *s, unsigned stream)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].active && s->segments[i].stream == stream) {
            return &s->segments[i];
        }
    }
    return NULL;
}

// The rest of the last page, where an earlier use may have left something: it costs nothing, being
// in a page that is programmed anyway.
static int pad(struct rotate_store *s, struct rotate_segment *seg)
{
    const uint32_t end = seg->page != 0 ? rotate_up(seg->used, seg->page) : seg->used;

    if (!seg->reused || end == seg->used || end > seg->room) {
        return 0;
    }
    return rotate_media_blank(&s->media, seg->unit, seg->used, end);
}

static int make_durable(struct rotate_store *s, struct rotate_segment *seg)
{
    int rc = 0;

    if (seg->unsynced) {
        rc = pad(s, seg);
        rc = rc == 0 ? rotate_media_sync(&s->media, seg->unit) : rc;
    }
    if (rc < 0) {
        return rotate_fail(s, rc, "sync");
    }
    seg->unsynced = false;
    return 0;
}

// Ends the stream's segment. It keeps its room, for the one that will use it again.
static int finish(struct rotate_store *s, struct rotate_segment *seg)
{
    int rc = make_durable(s, seg);

    if (rc == 0) {
        seg->active = false;
        rotate_media_release(&s->media, seg->unit);
    }
    return rc;
}

// Repeats every definition in the new segment, which makes it readable by itself. The copies that
// there were are held until the new ones are committed.
static int copy_definitions(struct rotate_store *s, uint32_t unit)
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
        struct rotate_segment *from = rotate_segment_find(s, e->unit);
        from->held = true;
        rc = rc == 0 ? program(s, unit, &f, s->scratch) : rotate_fail(s, rc, "read a definition");
        if (rc == 0) {
            *e = rotate_entry_of(&f, unit, 0);
        }
    }
    return rc;
}

static int program_head(struct rotate_store *s, struct rotate_segment *seg)
{
    const uint32_t unit = seg->unit;
    struct rotate_frame f = {.kind = ROTATE_TIERS, .tier = seg->stream};

    f.length = rotate_tiers_encode(s, seg->stream, seg->reused);
    int rc = program(s, unit, &f, s->scratch);
    if (rc == 0 && (rc = rotate_media_sync(&s->media, unit)) < 0) {
        rc = rotate_fail(s, rc, "begin a segment");
    }
    if (rc == 0) {
        seg = rotate_segment_find(s, unit);
        seg->committed = seg->used;
        seg->unsynced = false;
    }
    return rc;
}

// Keeps the table in the order of numbers: the new one is the newest.
static struct rotate_segment *move_last(struct rotate_store *s, struct rotate_segment *seg)
{
    const struct rotate_segment moved = *seg;
    struct rotate_segment *last = &s->segments[s->segment_count - 1];

    memmove(seg, seg + 1, (size_t)(last - seg) * sizeof *seg);
    *last = moved;
    return last;
}

static int begin_segment(struct rotate_store *s, unsigned stream, uint32_t *unit)
{
    struct rotate_segment *seg;
    int rc = rotate_take_unit(s, stream, &seg);

    if (rc < 0) {
        return rc;
    }
    *unit = seg->unit;
    *seg = (struct rotate_segment){.unit = seg->unit,
                                   .number = s->next_number++,
                                   .room = seg->room,
                                   .page = s->page,
                                   .first_ms = INT64_MAX,
                                   .last_ms = INT64_MIN,
                                   .stream = (uint8_t)stream,
                                   .active = true,
                                   .head = true,
                                   .reused = seg->number != 0};
    rc = program_head(s, move_last(s, seg));
    return rc == 0 ? copy_definitions(s, *unit) : rc;
}

int64_t rotate_span_ms(const struct rotate_store *s, unsigned stream)
{
    const int64_t keep =
        stream == ROTATE_META ? s->options->events_keep_ms : s->tiers[stream].keep_ms;
    const int64_t span = SPAN(keep) > SPAN_LEAST ? SPAN(keep) : SPAN_LEAST;

    return span < s->options->age_ms ? span : s->options->age_ms;
}

static bool is_full(struct rotate_store *s, const struct rotate_segment *seg,
                    const struct varve_block_key *key, uint32_t bytes)
{
    const bool aged = key->end_ms > seg->first_ms &&
                      key->end_ms - seg->first_ms >= rotate_span_ms(s, seg->stream);

    return seg->data > 0 && (aged || seg->used + bytes > rotate_limit(s, seg->stream));
}

static int choose(struct rotate_store *s, unsigned stream, const struct varve_block_key *key,
                  uint32_t bytes, uint32_t *unit)
{
    struct rotate_segment *seg = rotate_active(s, stream);
    int rc = 0;

    if (seg != NULL && !is_full(s, seg, key, bytes)) {
        *unit = seg->unit;
        return 0;
    }
    if (seg != NULL) {
        rc = finish(s, seg);
    }
    return rc == 0 ? begin_segment(s, stream, unit) : rc;
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

// The next commit's or block's bytes begin on a new page.
static void turn_page(struct rotate_segment *seg)
{
    if (seg->touched && seg->active && seg->page != 0) {
        seg->used = rotate_up(seg->used, seg->page);
    }
}

// A cut may keep of what was not synced whatever it likes: no block may be there without the
// definitions that it needs.
static int settle_definitions(struct rotate_store *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        struct rotate_segment *seg = &s->segments[i];
        if (seg->stream == ROTATE_META && seg->unsynced) {
            int rc = make_durable(s, seg);
            if (rc < 0) {
                return rc;
            }
            turn_page(seg);
        }
    }
    s->new_definitions = false;
    return 0;
}

int rotate_append(struct rotate_store *s, unsigned stream, enum rotate_kind kind,
                  const struct varve_block_key *key, const void *payload, uint32_t length,
                  struct rotate_entry *entry)
{
    struct rotate_frame f = {
        .kind = (uint8_t)kind, .tier = (uint8_t)stream, .key = *key, .length = length};
    uint32_t unit = 0;

    if (s->read_only) {
        varve_instance_fail(s->self, "%s: is open for reading only", s->path);
        return VARVE_E_READ_ONLY;
    }
    learn_tiers(s);
    int rc = kind == ROTATE_BLOCK && s->new_definitions ? settle_definitions(s) : 0;
    rc = rc == 0 ? choose(s, stream, key, rotate_frame_bytes(length), &unit) : rc;
    s->new_definitions |= kind == ROTATE_SERIES;
    if (rc == 0) {
        rc = program(s, unit, &f, payload);
    }
    *entry = rotate_entry_of(&f, unit, stream);
    return rc;
}

// ---- transactions -------------------------------------------------------------------------------

int rotate_commit(struct varve_instance *self)
{
    struct rotate_store *s = rotate_of(self);

    for (size_t i = 0; i < s->segment_count; i++) {
        int rc = make_durable(s, &s->segments[i]);
        if (rc < 0) {
            return rc;
        }
    }
    for (size_t i = 0; i < s->segment_count; i++) {
        struct rotate_segment *seg = &s->segments[i];
        turn_page(seg);
        seg->committed = seg->reach = seg->used;
        seg->touched = seg->held = false;
    }
    s->in_txn = false;
    return s->gone_count > 0 ? rotate_wipe_gone(s) : 0;
}

// Undoes what the transaction did to one segment.
static void undo(struct rotate_store *s, struct rotate_segment *seg)
{
    const int64_t size = rotate_media_size(&s->media, seg->unit); // growing it may have failed
    const uint32_t to = size < seg->reach ? (uint32_t)(size > 0 ? size : 0) : seg->reach;
    int rc = rotate_media_blank(&s->media, seg->unit, seg->committed, to);

    if (rc < 0) { // what was written is read again, as what the host puts again: the same blocks
        varve_log(VARVE_WARNING, s->self->name, "%s: cannot take back what was written: %s",
                  s->path, varve_strerror(rc));
    }
    seg->touched = false;
    seg->unsynced = false;
    seg->reach = seg->committed;
}

void rotate_abort(struct varve_instance *self)
{
    struct rotate_store *s = rotate_of(self);

    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].touched) {
            undo(s, &s->segments[i]);
        }
        s->segments[i].held = false;
    }
    s->gone_count = 0;
    s->in_txn = false;
    s->stale = true;
}
