// SPDX-License-Identifier: Apache-2.0
// The check: every frame of every segment with its CRCs, and the repair of what is damaged.
//
// A repair programs the header of a void frame over the gap between two whole frames, so that the
// gap is skipped from then on, and erases a torn end. Whole frames are not touched.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/host.h"

struct checker {
    struct rotate_store *s;
    struct varve_check *check;
    struct rotate_segment *seg;
    bool wrote;
    int rc;
};

static int on_frame(void *arg, const struct rotate_frame *f)
{
    struct checker *c = arg;
    const bool block = f->kind == ROTATE_BLOCK && f->tier < VARVE_MAX_TIERS;
    const uint8_t tier = block ? c->seg->map[f->tier] : ROTATE_FOREIGN;

    if (tier != ROTATE_FOREIGN) {
        c->check->tiers[tier].blocks++;
        c->check->tiers[tier].bytes += f->length;
    } else if (f->kind != ROTATE_VOID) {
        c->check->records++;
    }
    return 0;
}

static void say(struct checker *c, const char *what, unsigned frames, uint32_t from, uint32_t to)
{
    char text[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];

    (void)varve_format(text, sizeof text, "%s: segment %08x: bytes %u to %u: %s (%u frames)%s",
                       c->s->path, c->seg->unit, from, to, what, frames,
                       (c->check->flags & VARVE_CHECK_REPAIR) != 0 ? ", removed" : "");
    c->check->say(c->check->arg, text); // a text cut short is still one
}

static void count(struct checker *c, unsigned frames)
{
    if (c->seg->stream < VARVE_MAX_TIERS) {
        c->check->tiers[c->seg->stream].damaged += frames;
    } else {
        c->check->damaged += frames;
    }
}

static void on_gap(void *arg, uint32_t from, uint32_t to, unsigned frames)
{
    struct checker *c = arg;
    uint8_t header[ROTATE_HEADER];
    const struct rotate_frame f = {.kind = ROTATE_VOID,
                                   .tier = ROTATE_META,
                                   .segment = c->seg->number,
                                   .offset = from,
                                   .length = to - from - ROTATE_HEADER};

    count(c, frames);
    say(c, "damaged", frames, from, to);
    if ((c->check->flags & VARVE_CHECK_REPAIR) == 0 || c->rc < 0) {
        return;
    }
    rotate_frame_encode(&f, header);
    c->rc = rotate_media_program(&c->s->media, c->seg->unit, from, header, sizeof header,
                                 VARVE_WRITE_META);
    c->wrote = c->rc == 0;
    c->check->repaired += c->rc == 0 ? frames : 0;
}

static int check_end(struct checker *c, const struct rotate_tail *tail)
{
    count(c, 1);
    say(c, "no whole frame", 1, tail->end, tail->dirty_to);
    if ((c->check->flags & VARVE_CHECK_REPAIR) == 0) {
        return 0;
    }
    int rc = rotate_media_blank(&c->s->media, c->seg->unit, tail->end, tail->dirty_to);
    if (rc == 0) {
        c->wrote = true;
        c->check->repaired++;
    }
    return rc;
}

static int check_segment(struct checker *c)
{
    const struct rotate_visitor visitor = {on_frame, on_gap, c};
    const struct rotate_segment *seg = c->seg;
    struct rotate_tail tail;

    c->wrote = false;
    c->rc = 0;
    int rc = rotate_scan(c->s, seg, true, &visitor, &tail);
    rc = rc == 0 ? c->rc : rc;
    if (rc == 0 && tail.torn) {
        rc = check_end(c, &tail);
    }
    if (rc == 0 && c->wrote) {
        rc = rotate_media_sync(&c->s->media, seg->unit);
    }
    if (c->wrote && !seg->active) {
        rotate_media_release(&c->s->media, seg->unit);
    }
    return rc < 0 ? rotate_fail(c->s, rc, "check a segment") : 0;
}

int rotate_check(struct varve_instance *self, struct varve_check *check)
{
    struct rotate_store *s = rotate_of(self);
    struct checker c = {.s = s, .check = check};
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc == 0 && (check->flags & VARVE_CHECK_REPAIR) != 0 && (s->read_only || s->in_txn)) {
        return rotate_fail(s, s->read_only ? VARVE_E_READ_ONLY : VARVE_E_BUSY, "repair");
    }
    for (size_t i = 0; rc == 0 && i < s->segment_count; i++) {
        c.seg = &s->segments[i];
        rc = c.seg->free ? 0 : check_segment(&c);
    }
    s->stale = s->stale || check->repaired > 0;
    return rc;
}
