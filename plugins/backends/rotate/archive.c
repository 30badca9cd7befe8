// SPDX-License-Identifier: Apache-2.0
// Compressing closed segments: one at a time, when the backend is idle.
//
// The segment is walked twice: once to see what would be gained, without writing; and, if that is
// worth a second write, into a spare unit that replaces it by one rename. Each block is compressed
// by itself, so that the frames of a compressed segment are found, checked and repaired as those of
// any other. Definitions and events stay as they are. A damaged segment is left alone.
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/crc32c.h"
#include "varve/host.h"

#define GAIN_LEAST 16 // a segment must become smaller by this part

struct packer {
    struct rotate_store *s;
    struct rotate_segment *seg;
    bool dry;     // only counts
    bool damaged; // there is a gap
    uint32_t used;
};

static int program(struct packer *p, const struct rotate_frame *f, const void *payload)
{
    uint8_t header[ROTATE_HEADER];
    struct rotate_media *m = &p->s->media;

    rotate_frame_encode(f, header);
    int rc = rotate_media_program(m, ROTATE_SPARE, f->offset, header, sizeof header,
                                  VARVE_WRITE_CHECKPOINT);
    return rc < 0 ? rc
                  : rotate_media_program(m, ROTATE_SPARE, f->offset + ROTATE_HEADER, payload,
                                         f->length, VARVE_WRITE_CHECKPOINT);
}

// The head says that the segment is compressed, not padded, and in a new unit.
static void change_head(uint8_t *head)
{
    head[2] = 1;
    head[3] = 0;
    rotate_put_u32(head + 4, 0);
}

static int on_frame(void *arg, const struct rotate_frame *frame)
{
    struct packer *p = arg;
    struct rotate_frame f = *frame;
    uint8_t *payload = rotate_coder_plain(p->s->coder);
    const struct rotate_entry e = rotate_entry_of(frame, p->seg->unit, 0);

    if (f.kind == ROTATE_VOID) {
        return 0;
    }
    if (f.length > VARVE_BLOCK_MAX || f.coding != ROTATE_PLAIN) {
        p->damaged = true;
        return 0;
    }
    int rc = rotate_read_payload(p->s, &e, payload);
    if (rc < 0) {
        return rc;
    }
    const uint32_t packed = f.kind == ROTATE_BLOCK ? rotate_encode(p->s->coder, f.length) : 0;
    if (packed > 0) {
        f.coding = (uint8_t)p->s->options->compress;
        f.plain = f.length;
        f.length = packed;
        payload = rotate_coder_stored(p->s->coder);
    } else if (f.kind == ROTATE_TIERS && f.offset == 0) {
        change_head(payload);
    }
    f.offset = p->used;
    f.crc = varve_crc32c(0, payload, f.length);
    p->used += rotate_frame_bytes(f.length);
    return p->dry ? 0 : program(p, &f, payload);
}

static void on_gap(void *arg, uint32_t from, uint32_t to, unsigned frames)
{
    (void)from;
    (void)to;
    (void)frames;
    ((struct packer *)arg)->damaged = true;
}

static int walk(struct packer *p)
{
    const struct rotate_visitor visitor = {on_frame, on_gap, p};
    struct rotate_tail tail;

    p->used = 0;
    int rc = rotate_scan(p->s, p->seg, true, &visitor, &tail);
    p->damaged = p->damaged || tail.torn;
    return rc;
}

static int rewrite(struct packer *p)
{
    struct rotate_media *m = &p->s->media;

    p->dry = false;
    int rc = rotate_media_create(m, ROTATE_SPARE, p->used);
    rc = rc == 0 ? walk(p) : rc;
    rc = rc == 0 ? rotate_media_sync(m, ROTATE_SPARE) : rc;
    rc = rc == 0 ? rotate_media_replace(m, ROTATE_SPARE, p->seg->unit) : rc;
    if (rc < 0) {
        (void)rotate_media_erase(m, ROTATE_SPARE); // the error that counts is the one before
        return rc;
    }
    p->s->stale = true; // offsets have changed
    return 0;
}

static int pack(struct rotate_store *s, struct rotate_segment *seg)
{
    struct packer p = {.s = s, .seg = seg, .dry = true};

    seg->packed = true; // whatever comes of it: not again before the next open
    int rc = walk(&p);
    if (rc == 0 && !p.damaged && p.used < seg->used - seg->used / GAIN_LEAST) {
        rc = rewrite(&p);
    }
    return rc < 0 ? rotate_fail(s, rc, "compress a segment") : 0;
}

int rotate_pack(struct rotate_store *s)
{
    for (size_t i = 0; s->options->compress != ROTATE_PLAIN && i < s->segment_count; i++) {
        struct rotate_segment *seg = &s->segments[i];
        if (!seg->active && !seg->free && !seg->packed && seg->head && seg->data > 0 &&
            seg->damaged == 0 && seg->stream != ROTATE_FOREIGN) {
            int rc = pack(s, seg);
            return rc < 0 ? rc : VARVE_E_AGAIN;
        }
    }
    return 0;
}
