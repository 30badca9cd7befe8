// SPDX-License-Identifier: Apache-2.0
// Opening: which segments there are, what is in them, where writing goes on.
//
// The heads first: they tell each segment's number, its stream and the numbering of its tiers,
// which is mapped to the host's by name and step. Then every segment is walked, oldest first, so
// that what was written later replaces what was written before. Headers suffice, except in the
// newest segment of each stream, where a power cut may have left anything: there payloads are
// checked as well, and what was torn behind the last whole frame is erased before anything is
// written.
//
// A head is durable before anything else of its segment is written, so a unit has the number that
// its head has. Where the head is damaged it is the highest of the numbers that its frames have.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/host.h"

#define SEGMENTS_LEAST 64u

// ---- listing ------------------------------------------------------------------------------------

struct lister {
    struct rotate_store *s;
    size_t count;
    bool spare; // a power cut left it
};

static void count_unit(void *arg, uint32_t unit)
{
    struct lister *l = arg;

    if (unit == ROTATE_SPARE) {
        l->spare = true;
        return;
    }
    l->count++;
    if (unit >= l->s->next_unit) {
        l->s->next_unit = unit + 1;
    }
}

static void add_unit(void *arg, uint32_t unit)
{
    struct rotate_store *s = ((struct lister *)arg)->s;

    if (unit == ROTATE_SPARE || s->segment_count == s->segment_cap) {
        return; // made between two listings of a store that is not locked: it cannot be
    }
    s->segments[s->segment_count++] = (struct rotate_segment){.unit = unit};
}

static int list(struct rotate_store *s)
{
    struct lister l = {.s = s};

    s->next_unit = ROTATE_SPARE + 1;
    s->next_number = 1;
    int rc = rotate_media_list(&s->media, count_unit, &l);
    if (rc < 0) {
        return rotate_fail(s, rc, "list the segments");
    }
    if (l.spare && !s->read_only) {
        rc = rotate_media_erase(&s->media, ROTATE_SPARE);
        if (rc < 0) {
            return rotate_fail(s, rc, "remove an unfinished segment");
        }
    }
    // As many as the size has room for when each segment has its share, and twice that for those
    // that end early by age.
    size_t usual = (size_t)(2 * s->options->size / s->options->segment) + SEGMENTS_LEAST;
    usual = s->media.units_max != 0 && s->media.units_max < usual ? s->media.units_max : usual;
    s->segment_cap = l.count + l.count / 4 > usual ? l.count + l.count / 4 : usual;
    s->segments = varve_instance_take(s->self, s->segment_cap * sizeof *s->segments,
                                      _Alignof(struct rotate_segment));
    if (s->segments == NULL) {
        varve_instance_fail(s->self, "no memory for a table of %zu segments", s->segment_cap);
        return VARVE_E_NO_MEMORY;
    }
    rc = rotate_media_list(&s->media, add_unit, &l);
    return rc < 0 ? rotate_fail(s, rc, "list the segments") : 0;
}

// ---- heads --------------------------------------------------------------------------------------

// Returns 0, VARVE_E_CORRUPT when there is no head, or an error of reading.
static int read_head(struct rotate_store *s, uint32_t unit, struct rotate_head *head)
{
    uint8_t header[ROTATE_HEADER];
    struct rotate_frame f;
    int rc = rotate_read_header(s, unit, 0, header, &f);

    *head = (struct rotate_head){0};
    if (rc == VARVE_E_VERSION || (rc == 0 && f.kind != ROTATE_TIERS)) {
        return VARVE_E_CORRUPT;
    }
    if (rc == 0 && f.length > ROTATE_SCRATCH) {
        return VARVE_E_CORRUPT;
    }
    if (rc == 0) {
        const struct rotate_entry e = rotate_entry_of(&f, unit, 0);
        rc = rotate_read_payload(s, &e, s->scratch);
    }
    rc = rc == 0 ? rotate_tiers_decode(s->scratch, f.length, head) : rc;
    if (rc == 0) {
        head->number = f.segment;
    }
    return rc == 0 && head->number == 0 ? VARVE_E_CORRUPT : rc; // no segment has it
}

// Number and size of what is in the unit; *seg is as after its listing otherwise.
static int identify(struct rotate_store *s, struct rotate_segment *seg)
{
    struct rotate_head head;
    const uint32_t unit = seg->unit;
    const int64_t size = rotate_media_size(&s->media, unit);
    int rc = size < 0 ? (int)size : read_head(s, unit, &head);

    *seg = (struct rotate_segment){.unit = unit,
                                   .room = size > INT32_MAX ? INT32_MAX : (uint32_t)size,
                                   .number = rc == 0 ? head.number : 0,
                                   .first_ms = INT64_MAX,
                                   .last_ms = INT64_MIN,
                                   .stream = ROTATE_FOREIGN,
                                   .head = rc == 0};
    if (rc == VARVE_E_CORRUPT) {
        rc = rotate_newest_number(s, unit, seg->room, &seg->number);
    }
    if (seg->number >= s->next_number) {
        s->next_number = seg->number + 1;
    }
    return rc < 0 ? rotate_fail(s, rc, "read a segment") : 0;
}

static void sort_by_number(struct rotate_store *s)
{
    for (size_t i = 1; i < s->segment_count; i++) {
        const struct rotate_segment seg = s->segments[i];
        size_t at = i;
        for (; at > 0 && s->segments[at - 1].number > seg.number; at--) {
            s->segments[at] = s->segments[at - 1];
        }
        s->segments[at] = seg;
    }
}

// The tiers that the store has, from its newest head; then the host's where it brings some.
static int learn_tiers(struct rotate_store *s, struct rotate_head *newest)
{
    const struct varve_tier *tiers;
    int rc = VARVE_E_CORRUPT;

    for (size_t i = s->segment_count; i > 0 && rc == VARVE_E_CORRUPT; i--) {
        const struct rotate_segment *seg = &s->segments[i - 1];
        rc = seg->head ? read_head(s, seg->unit, newest) : VARVE_E_CORRUPT;
    }
    if (rc < 0 && rc != VARVE_E_CORRUPT) {
        return rotate_fail(s, rc, "read a segment");
    }
    if (rc == VARVE_E_CORRUPT) {
        *newest = (struct rotate_head){0};
    }
    s->tier_count = varve_instance_tiers(s->self, &tiers);
    if (s->tier_count > 0) {
        memcpy(s->tiers, tiers, s->tier_count * sizeof *tiers);
    } else {
        s->tier_count = newest->tier_count;
        memcpy(s->tiers, newest->tiers, sizeof s->tiers);
    }
    return 0;
}

static uint8_t host_tier(const struct rotate_store *s, const struct varve_tier *stored, unsigned i)
{
    for (unsigned t = 0; t < s->tier_count; t++) {
        const bool same = strncmp(s->tiers[t].name, stored->name, VARVE_TIER_NAME) == 0 &&
                          s->tiers[t].step_ms == stored->step_ms;
        if ((t == 0) == (i == 0) && same) { // raw holds points, all others cells
            return (uint8_t)t;
        }
    }
    return ROTATE_FOREIGN;
}

static void map_tiers(const struct rotate_store *s, struct rotate_segment *seg,
                      const struct rotate_head *head)
{
    for (unsigned i = 0; i < VARVE_MAX_TIERS; i++) {
        seg->map[i] = i < head->tier_count ? host_tier(s, &head->tiers[i], i) : ROTATE_FOREIGN;
    }
}

static bool same_tiers(const struct rotate_store *s, const struct rotate_head *head)
{
    bool same = head->tier_count == s->tier_count;

    for (size_t i = 0; same && i < s->tier_count; i++) {
        const struct varve_tier *a = &head->tiers[i];
        const struct varve_tier *b = &s->tiers[i];
        same = strncmp(a->name, b->name, VARVE_TIER_NAME) == 0 && a->step_ms == b->step_ms &&
               a->keep_ms == b->keep_ms && a->window_ms == b->window_ms;
    }
    return same;
}

// Fills what the head tells. A segment without a head is read with the numbering of the newest, and
// finds out its stream from its frames; what is left of an earlier use may be in it.
static int prepare(struct rotate_store *s, struct rotate_segment *seg,
                   const struct rotate_head *newest)
{
    struct rotate_head head;

    if (!seg->head) {
        map_tiers(s, seg, newest);
        seg->page = newest->page;
        seg->reused = seg->number != 0;
        return 0;
    }
    int rc = read_head(s, seg->unit, &head);
    if (rc < 0) {
        return rotate_fail(s, rc, "read a segment");
    }
    map_tiers(s, seg, &head);
    seg->page = head.page;
    seg->packed = head.packed;
    seg->reused = head.reused;
    seg->stream = head.stream == ROTATE_META ? ROTATE_META : seg->map[head.stream];
    seg->active = seg->stream != ROTATE_FOREIGN && !head.packed && same_tiers(s, &head) &&
                  seg->page == s->page;
    return 0;
}

// Only the newest segment of a stream is written to.
static void choose_active(struct rotate_store *s)
{
    bool taken[ROTATE_STREAMS] = {false};

    for (size_t i = s->segment_count; i > 0; i--) {
        struct rotate_segment *seg = &s->segments[i - 1];
        if (seg->stream == ROTATE_FOREIGN) {
            continue;
        }
        seg->active = seg->active && !taken[seg->stream];
        taken[seg->stream] = true;
    }
}

// ---- frames -------------------------------------------------------------------------------------

struct loader {
    struct rotate_store *s;
    struct rotate_segment *seg;
    unsigned codings; // of the frames, a bit each
    size_t found[3];  // blocks, events, definitions: all that there are
};

// An entry that replaces one of the same key. A block that was replaced is to be wiped: the power
// was cut before it was. When there is no room to note it, the next open finds it again.
static void index_add(struct rotate_store *s, struct rotate_index *index,
                      const struct rotate_entry *e)
{
    const size_t at = rotate_index_exact(index, e->tier, &e->key);

    if (at != ROTATE_NONE) {
        (void)(index == &s->blocks && rotate_note_gone(s, &index->entries[at]));
        rotate_index_remove(index, at);
    }
    if (index->count == index->cap) {
        rotate_index_remove(index, rotate_index_victim(index, e->tier, INT64_MIN));
        index->refused++;
    }
    rotate_index_insert(index, e);
}

// The definition with the highest number counts; of two copies the later one.
static void series_add(struct rotate_store *s, const struct rotate_entry *e)
{
    const size_t at = rotate_index_find(&s->series, 0, e->key.start_ms, 0);
    const bool known =
        at < s->series.count && s->series.entries[at].key.start_ms == e->key.start_ms;

    if (e->key.seq >= s->next_definition) {
        s->next_definition = e->key.seq + 1;
    }
    if (known && s->series.entries[at].key.seq > e->key.seq) {
        return;
    }
    if (known) {
        rotate_index_remove(&s->series, at);
    }
    if (s->series.count == s->series.cap) {
        s->series.refused++;
        return;
    }
    rotate_index_insert(&s->series, e);
}

static void note_rows(struct rotate_segment *seg, const struct rotate_frame *f)
{
    seg->first_ms = f->key.start_ms < seg->first_ms ? f->key.start_ms : seg->first_ms;
    seg->last_ms = f->key.end_ms > seg->last_ms ? f->key.end_ms : seg->last_ms;
    seg->data++;
}

static void on_block(struct loader *l, const struct rotate_frame *f, struct rotate_entry *e)
{
    const uint8_t tier = f->tier < VARVE_MAX_TIERS ? l->seg->map[f->tier] : ROTATE_FOREIGN;

    if (tier == ROTATE_FOREIGN || f->length > VARVE_BLOCK_MAX || e->length > VARVE_BLOCK_MAX) {
        return;
    }
    if (!l->seg->head) {
        l->seg->stream = tier;
    }
    e->tier = tier;
    note_rows(l->seg, f);
    l->found[0]++;
    index_add(l->s, &l->s->blocks, e);
}

static void on_event(struct loader *l, const struct rotate_frame *f, const struct rotate_entry *e)
{
    if (f->length > ROTATE_SCRATCH) {
        return;
    }
    if (!l->seg->head) {
        l->seg->stream = ROTATE_META;
    }
    if (f->key.seq >= l->s->next_event) {
        l->s->next_event = f->key.seq + 1;
    }
    note_rows(l->seg, f);
    l->found[1]++;
    index_add(l->s, &l->s->events, e);
}

static int on_frame(void *arg, const struct rotate_frame *f)
{
    struct loader *l = arg;
    struct rotate_entry e = rotate_entry_of(f, l->seg->unit, 0);

    l->seg->frames += f->kind != ROTATE_TIERS && f->kind != ROTATE_VOID;
    l->codings |= f->coding < ROTATE_CODINGS ? 1u << f->coding : 0;
    if (f->kind == ROTATE_VOID) {
        rotate_note_void(l->s, &e);
    } else if (f->kind == ROTATE_BLOCK) {
        on_block(l, f, &e);
    } else if (f->kind == ROTATE_EVENT) {
        on_event(l, f, &e);
    } else if (f->kind == ROTATE_SERIES && f->length <= ROTATE_SCRATCH && f->key.start_ms >= 0 &&
               f->key.start_ms < (int64_t)VARVE_MAX_SERIES) {
        if ((size_t)f->key.start_ms >= l->found[2]) {
            l->found[2] = (size_t)f->key.start_ms + 1; // ids are dense
        }
        series_add(l->s, &e);
    }
    return 0;
}

static void on_gap(void *arg, uint32_t from, uint32_t to, unsigned frames)
{
    struct loader *l = arg;

    l->seg->damaged += frames;
    l->s->damaged += frames;
    varve_log(VARVE_WARNING, l->s->self->name,
              "%s: segment %08x: %u damaged frames between bytes %u and %u are passed over",
              l->s->path, l->seg->unit, frames, from, to);
}

// Erases what is behind the end of a segment that will be written to. Where that cannot be, a new
// segment is begun.
static int clean(struct rotate_store *s, struct rotate_segment *seg, const struct rotate_tail *tail)
{
    int rc = rotate_media_blank(&s->media, seg->unit, tail->end, tail->dirty_to);

    seg->active = rc == 0;
    return rc < 0 && rc != VARVE_E_UNSUPPORTED ? rotate_fail(s, rc, "erase the end of a segment")
                                               : 0;
}

// Where the segment ends.
static int settle(struct rotate_store *s, struct rotate_segment *seg,
                  const struct rotate_tail *tail)
{
    seg->torn = tail->torn;
    seg->used = seg->page != 0 ? rotate_up(tail->end, seg->page) : tail->end;
    if (seg->torn) {
        s->damaged++;
        seg->damaged++;
        varve_log(VARVE_WARNING, s->self->name,
                  "%s: segment %08x: what follows byte %u is no whole frame", s->path, seg->unit,
                  tail->end);
    }
    int rc = 0;
    if (tail->dirty_to > tail->end && seg->active && !s->read_only) {
        rc = clean(s, seg, tail);
    }
    // Made ahead; or begun, and then the power went.
    seg->free = seg->frames == 0 && (seg->head || !seg->torn);
    seg->active = seg->active && !seg->free;
    seg->committed = seg->reach = seg->used;
    return rc;
}

static int walk(struct loader *l, struct rotate_segment *seg)
{
    const struct rotate_visitor visitor = {on_frame, on_gap, l};
    struct rotate_tail tail;

    l->seg = seg;
    int rc = rotate_scan(l->s, seg, seg->active, &visitor, &tail);
    return rc < 0 ? rotate_fail(l->s, rc, "read a segment") : settle(l->s, seg, &tail);
}

static int fill(struct loader *l)
{
    struct rotate_store *s = l->s;
    struct rotate_head newest = {0};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        rc = identify(s, &s->segments[i]);
    }
    sort_by_number(s);
    rc = rc == 0 ? learn_tiers(s, &newest) : rc;
    memset(l->found, 0, sizeof l->found);
    s->blocks.count = s->events.count = s->series.count = 0;
    s->blocks.refused = s->events.refused = s->series.refused = 0;
    s->damaged = 0;
    s->gone_count = 0;
    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        rc = prepare(s, &s->segments[i], &newest);
    }
    choose_active(s);
    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        rc = walk(l, &s->segments[i]);
    }
    s->stale = rc != 0;
    return rc;
}

// ---- the whole ----------------------------------------------------------------------------------

static int take_index(struct rotate_store *s, struct rotate_index *index, size_t least,
                      size_t found, const char *option)
{
    const size_t grown = found + found / 4;

    if (index->cap != 0 && index->refused == 0) {
        return 0;
    }
    index->cap = grown > least ? grown : least;
    index->entries = varve_instance_take(s->self, index->cap * sizeof *index->entries,
                                         _Alignof(struct rotate_entry));
    if (index->entries == NULL) {
        varve_instance_fail(s->self, "no memory for an index of %zu entries (option %s)",
                            index->cap, option);
        return VARVE_E_NO_MEMORY;
    }
    return 0;
}

static int take_indexes(struct rotate_store *s, const size_t found[3])
{
    int rc = take_index(s, &s->blocks, (size_t)s->options->blocks, found[0], "blocks");

    if (rc == 0) {
        rc = take_index(s, &s->events, (size_t)s->options->events, found[1], "events");
    }
    if (rc == 0) {
        rc = take_index(s, &s->series, (size_t)s->options->series, found[2], "series");
    }
    return rc;
}

// Units that were begun, and of which nothing counts, are only worth keeping where they can be
// written over.
static int drop_unused(struct rotate_store *s)
{
    int rc = s->media.reuses || s->read_only ? 0 : VARVE_E_AGAIN;

    while (rc == VARVE_E_AGAIN) {
        rc = rotate_drop_free(s);
    }
    return rc;
}

static int finish(struct rotate_store *s)
{
    rotate_finish_wiping(s);
    return drop_unused(s);
}

int rotate_reload(struct rotate_store *s)
{
    struct loader l = {.s = s};
    int rc = fill(&l);

    return rc == 0 ? finish(s) : rc;
}

int rotate_load(struct rotate_store *s)
{
    struct loader l = {.s = s};
    int rc = list(s);

    rc = rc == 0 ? take_indexes(s, l.found) : rc;
    rc = rc == 0 ? fill(&l) : rc;
    // Blocks and definitions are worth a second walk; of events the newest are enough.
    if (rc == 0 && s->blocks.refused + s->series.refused > 0) {
        s->events.refused = 0;
        rc = take_indexes(s, l.found);
        rc = rc == 0 ? fill(&l) : rc;
    }
    const enum rotate_coding wanted =
        s->read_only ? ROTATE_PLAIN : (enum rotate_coding)s->options->compress;
    if (rc == 0 && (l.codings > 1u << ROTATE_PLAIN || wanted != ROTATE_PLAIN)) {
        rc = rotate_coder_open(s->self, l.codings, wanted, &s->coder);
    }
    rc = rc == 0 ? finish(s) : rc;
    if (rc == 0 && s->damaged > 0) {
        varve_log(VARVE_WARNING, s->self->name, "%s: %u damaged frames; `varve check` says more",
                  s->path, s->damaged);
    }
    return rc;
}
