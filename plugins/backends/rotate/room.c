// SPDX-License-Identifier: Apache-2.0
// Room: which unit a new segment gets, who goes when there is none, and what is made ready ahead.
//
// In the steady state nothing but the bytes of frames reaches the flash. A filesystem writes tables
// and journal, several pages each time, when a file is made, grows, is removed, or is written where
// room was only allocated. So a unit is filled with erased bytes once, before it is needed; a
// segment that has expired stays as a free unit, and the next segment of its stream is written over
// it, under a new number. A stream keeps one free unit; more are removed. On raw flash, which has
// to be erased before it is written, none of this holds: an expired unit is removed, and its
// sectors are erased when the backend is idle.
//
// Who goes when `size`, or the cap of a tier, is reached: free units, segments of tiers that the
// host does not have, expired ones; else the oldest segment, of the stream with the cap, or of the
// one that holds the most bytes among those with more than one. A segment that is being written, or
// that holds the only durable copy of a definition, stays.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/host.h"

#define SHARE 8 // a segment takes at most this part of the size, or of its tier's cap
#define STEP  4 // chunks made ready at a time

uint64_t rotate_bytes(const struct rotate_store *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        sum += s->segments[i].room;
    }
    return sum;
}

static uint64_t stream_bytes(const struct rotate_store *s, unsigned stream)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        sum += s->segments[i].stream == stream ? s->segments[i].room : 0;
    }
    return sum;
}

uint64_t rotate_size(struct rotate_store *s)
{
    const uint64_t wanted = (uint64_t)s->options->size;
    const uint64_t there = rotate_media_capacity(&s->media);

    return wanted < there ? wanted : there;
}

uint32_t rotate_round(uint32_t n, uint32_t to)
{
    return (n + to - 1) / to * to;
}

uint32_t rotate_limit(struct rotate_store *s, unsigned stream)
{
    const uint64_t size = rotate_size(s);
    const uint64_t cap = s->cap_bytes[stream];
    const uint64_t share = (cap != 0 && cap < size ? cap : size) / SHARE;
    const uint64_t most = (uint64_t)s->options->segment;
    const uint64_t limit = share < most ? share : most;

    if (limit < s->media.least_bytes) {
        return s->media.least_bytes;
    }
    return (uint32_t)(limit - limit % s->media.unit_bytes);
}

// ---- who goes -----------------------------------------------------------------------------------

static bool is_expired(const struct rotate_store *s, const struct rotate_segment *seg)
{
    return seg->stream == ROTATE_FOREIGN || seg->last_ms < s->expire_before_ms[seg->stream];
}

static bool can_go(const struct rotate_store *s, const struct rotate_segment *seg)
{
    if (seg->active || seg->touched || seg->held) {
        return false;
    }
    for (size_t i = 0; i < s->series.count; i++) {
        if (s->series.entries[i].unit == seg->unit) {
            return false;
        }
    }
    return true;
}

// A free unit that the stream may use: its own, or nobody's.
static size_t find_free(const struct rotate_store *s, unsigned stream)
{
    size_t found = ROTATE_NONE;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        if (seg->free && seg->stream == stream) {
            return i;
        }
        found = seg->free && seg->stream == ROTATE_FOREIGN && found == ROTATE_NONE ? i : found;
    }
    return found;
}

// The oldest expired segment, of the stream or (ROTATE_STREAMS) of any that the host has.
static size_t find_expired(const struct rotate_store *s, unsigned stream)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        const bool wanted =
            stream == ROTATE_STREAMS ? seg->stream != ROTATE_FOREIGN : seg->stream == stream;
        if (!seg->free && wanted && is_expired(s, seg) && can_go(s, seg)) {
            return i;
        }
    }
    return ROTATE_NONE;
}

static size_t find_any_free(const struct rotate_store *s)
{
    for (size_t i = 0; i < s->segment_count; i++) {
        if (s->segments[i].free) {
            return i;
        }
    }
    return ROTATE_NONE;
}

// The oldest segment of the stream, or (ROTATE_STREAMS) of the stream with the most bytes.
static size_t find_oldest(const struct rotate_store *s, unsigned stream)
{
    uint64_t most = 0;
    size_t best = ROTATE_NONE;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        if (seg->free || seg->stream == ROTATE_FOREIGN || !can_go(s, seg) ||
            (stream != ROTATE_STREAMS && seg->stream != stream)) {
            continue;
        }
        const uint64_t held = stream_bytes(s, seg->stream);
        if (held > most) {
            most = held;
            best = i;
        }
    }
    return best;
}

// Over the cap of the stream, every victim must be of this stream.
static size_t find_victim(const struct rotate_store *s, unsigned stream, bool over_cap)
{
    size_t at = ROTATE_NONE;

    if (over_cap) {
        const size_t unused = find_free(s, stream);
        at = unused != ROTATE_NONE && s->segments[unused].stream == stream ? unused : ROTATE_NONE;
    } else {
        at = find_any_free(s);
        at = at == ROTATE_NONE && !s->keep_all ? find_expired(s, ROTATE_FOREIGN) : at;
    }
    if (s->keep_all) {
        return at;
    }
    at = at == ROTATE_NONE ? find_expired(s, over_cap ? stream : ROTATE_STREAMS) : at;
    if (at == ROTATE_NONE && !s->replacing) {
        at = find_oldest(s, over_cap ? stream : ROTATE_STREAMS);
    }
    return at;
}

// ---- freeing ------------------------------------------------------------------------------------

static void forget(struct rotate_store *s, const struct rotate_segment *seg)
{
    rotate_index_forget(&s->blocks, seg->unit);
    rotate_index_forget(&s->events, seg->unit);
    rotate_index_forget(&s->series, seg->unit);
}

static int drop(struct rotate_store *s, size_t at)
{
    int rc = rotate_media_erase(&s->media, s->segments[at].unit);

    if (rc < 0) {
        return rotate_fail(s, rc, "remove a segment");
    }
    forget(s, &s->segments[at]);
    s->segment_count--;
    memmove(&s->segments[at], &s->segments[at + 1], (s->segment_count - at) * sizeof *s->segments);
    return 0;
}

// What is in the segment does not count any more; nothing is written. After a restart it is there
// again, until it is freed again.
static void set_free(struct rotate_store *s, struct rotate_segment *seg)
{
    forget(s, seg);
    rotate_media_release(&s->media, seg->unit);
    seg->free = true;
    seg->used = seg->committed = seg->frames = seg->data = 0;
    seg->first_ms = INT64_MAX;
    seg->last_ms = INT64_MIN;
    seg->torn = false;
}

// Frees the segment, or removes it when its stream has a free unit, it is larger than they are, or
// the medium does not write over units.
static int give_up(struct rotate_store *s, size_t at)
{
    struct rotate_segment *seg = &s->segments[at];

    if (!s->media.reuses || seg->free || seg->stream == ROTATE_FOREIGN ||
        find_free(s, seg->stream) != ROTATE_NONE ||
        seg->room > rotate_round(rotate_limit(s, seg->stream), s->media.chunk_bytes)) {
        return drop(s, at);
    }
    set_free(s, seg);
    return 0;
}

int rotate_expire(struct rotate_store *s)
{
    const size_t at = find_expired(s, ROTATE_STREAMS);

    if (at == ROTATE_NONE) {
        return 0;
    }
    int rc = give_up(s, at);
    return rc < 0 ? rc : VARVE_E_AGAIN;
}

int rotate_drop_free(struct rotate_store *s)
{
    const size_t at = find_any_free(s);

    if (at == ROTATE_NONE) {
        return 0;
    }
    int rc = drop(s, at);
    return rc < 0 ? rc : VARVE_E_AGAIN;
}

// ---- making room --------------------------------------------------------------------------------

static bool is_over_cap(const struct rotate_store *s, unsigned stream, uint32_t extra)
{
    const uint64_t cap = s->cap_bytes[stream];
    const uint64_t least = UINT64_C(2) * s->media.least_bytes; // what is written and what goes

    return cap != 0 && stream_bytes(s, stream) + extra > (cap > least ? cap : least);
}

static bool is_over_size(struct rotate_store *s, uint32_t extra)
{
    return rotate_bytes(s) + extra > rotate_size(s);
}

static int say_full(struct rotate_store *s, bool over_cap)
{
    varve_instance_fail(s->self,
                        "%s: holds %llu bytes in %zu segments, all that is allowed: raise %s",
                        s->path, (unsigned long long)rotate_bytes(s), s->segment_count,
                        over_cap ? "the tier's cap" : "the option size");
    return VARVE_E_FULL;
}

// One step towards room for `extra` bytes, in one more segment if `more`: 0 when there is room,
// VARVE_E_AGAIN when a segment was given up, VARVE_E_FULL.
static int room_step(struct rotate_store *s, unsigned stream, uint32_t extra, bool more)
{
    const bool over_cap = is_over_cap(s, stream, extra);
    const bool no_entry = more && s->segment_count == s->segment_cap;

    if (!over_cap && !no_entry && !is_over_size(s, extra)) {
        return 0;
    }
    const size_t at = find_victim(s, stream, over_cap);
    if (at != ROTATE_NONE) {
        // A stream that begins a segment takes the unit of its own oldest one.
        int rc = more && !no_entry ? give_up(s, at) : drop(s, at);
        return rc < 0 ? rc : VARVE_E_AGAIN;
    }
    // Nothing but segments in use: the limit is passed by less than one of them.
    return (s->keep_all && !s->replacing) || no_entry ? say_full(s, over_cap) : 0;
}

int rotate_make_room(struct rotate_store *s, unsigned stream, uint32_t extra)
{
    int rc = VARVE_E_AGAIN;

    while (rc == VARVE_E_AGAIN) {
        rc = room_step(s, stream, extra, false);
    }
    return rc;
}

// What the stream's segments have taken, or, of the first, twice what it takes at half its time; at
// least a chunk.
static uint32_t usual_room(struct rotate_store *s, unsigned stream)
{
    const uint32_t limit = rotate_limit(s, stream);
    uint32_t most = 0;

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        const bool ended = seg->stream == stream && !seg->free && !seg->active;
        most = ended && seg->used > most ? seg->used : most;
    }
    if (most == 0 && rotate_active(s, stream) != NULL) {
        most = 2 * rotate_active(s, stream)->used;
    }
    most = rotate_round(most > 0 ? most : 1, s->media.chunk_bytes);
    return most < limit ? most : limit;
}

static int make_unit(struct rotate_store *s, unsigned stream, uint32_t room)
{
    const uint32_t unit = s->next_unit++;
    int rc = rotate_media_create(&s->media, unit, 0);

    rc = rc == 0 ? rotate_media_blank(&s->media, unit, 0, room) : rc;
    if (rc < 0) {
        (void)rotate_media_erase(&s->media, unit); // the error that counts is the one before
        return rotate_fail(s, rc, "make a segment");
    }
    s->segments[s->segment_count++] = (struct rotate_segment){.unit = unit,
                                                              .room = room,
                                                              .stream = (uint8_t)stream,
                                                              .free = true,
                                                              .first_ms = INT64_MAX,
                                                              .last_ms = INT64_MIN};
    return 0;
}

int rotate_take_unit(struct rotate_store *s, unsigned stream, struct rotate_segment **seg)
{
    int rc = rotate_make_room(s, stream, 0); // the limits may be lower than they were

    if (rc < 0) {
        return rc;
    }
    for (;;) {
        size_t at = find_free(s, stream);
        if (at != ROTATE_NONE) {
            *seg = &s->segments[at];
            return 0;
        }
        at = s->keep_all ? ROTATE_NONE : find_expired(s, stream);
        const uint32_t room = at == ROTATE_NONE ? usual_room(s, stream) : 0;
        rc = at == ROTATE_NONE ? room_step(s, stream, room, true) : give_up(s, at);
        if (rc == 0 && at == ROTATE_NONE) {
            rc = make_unit(s, stream, room);
        }
        if (rc < 0 && rc != VARVE_E_AGAIN) {
            return rc;
        }
    }
}

// ---- ahead --------------------------------------------------------------------------------------

// When the stream's segment will be full or old, from how fast it has grown; INT64_MAX: not soon.
static int64_t ends_ms(struct rotate_store *s, const struct rotate_segment *seg)
{
    const int64_t span = rotate_span_ms(s, seg->stream);
    const uint32_t limit = rotate_limit(s, seg->stream);

    if (seg->data == 0) {
        return INT64_MAX;
    }
    const int64_t covered = seg->last_ms - seg->first_ms;
    if (covered < span / 2 && seg->used < limit / 2) {
        return INT64_MAX;
    }
    if (covered >= span) {
        return seg->first_ms + span;
    }
    const int64_t by_size = covered / (seg->used / 4096 + 1) * (limit / 4096);
    return seg->first_ms + (by_size < span ? by_size : span);
}

// Will a segment of the stream have expired by then?
static bool frees_by(const struct rotate_store *s, const struct rotate_segment *active, int64_t ms)
{
    const int64_t expire_before = s->expire_before_ms[active->stream] + (ms - active->last_ms);

    for (size_t i = 0; i < s->segment_count; i++) {
        const struct rotate_segment *seg = &s->segments[i];
        if (seg != active && seg->stream == active->stream && seg->last_ms < expire_before) {
            return true;
        }
    }
    return false;
}

static int prepare_unit(struct rotate_store *s, unsigned stream, uint32_t room)
{
    const size_t at = find_free(s, stream);
    const uint32_t have = at == ROTATE_NONE ? 0 : s->segments[at].room;
    const uint32_t step = STEP * s->media.chunk_bytes;
    const uint32_t to = room - have < step ? room : have + step;
    int rc = 0;

    if (at == ROTATE_NONE) {
        rc = make_unit(s, stream, to);
    } else {
        rc = rotate_media_blank(&s->media, s->segments[at].unit, have, to);
        s->segments[at].room = rc == 0 ? to : have;
    }
    const size_t made = at == ROTATE_NONE ? s->segment_count - 1 : at;
    if (rc == 0) {
        rc = rotate_media_sync(&s->media, s->segments[made].unit);
        rotate_media_release(&s->media, s->segments[made].unit);
    }
    return rc < 0 ? rotate_fail(s, rc, "make a segment ahead") : VARVE_E_AGAIN;
}

int rotate_prepare(struct rotate_store *s)
{
    for (unsigned stream = 0; s->media.reuses && stream < ROTATE_STREAMS; stream++) {
        const struct rotate_segment *active = rotate_active(s, stream);
        const size_t unused = find_free(s, stream);
        const int64_t end = active == NULL ? INT64_MAX : ends_ms(s, active);
        if (end == INT64_MAX || s->expire_before_ms[stream] == INT64_MIN) {
            continue;
        }
        const uint32_t room = usual_room(s, stream);
        const uint32_t have = unused == ROTATE_NONE ? 0 : s->segments[unused].room;
        if (have >= room || (unused == ROTATE_NONE && frees_by(s, active, end)) ||
            (unused == ROTATE_NONE && s->segment_count == s->segment_cap) ||
            is_over_size(s, room - have) || is_over_cap(s, stream, room - have)) {
            continue;
        }
        return prepare_unit(s, stream, room);
    }
    return 0;
}
