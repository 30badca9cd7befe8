// SPDX-License-Identifier: Apache-2.0
// Reading segments: the walk that finds whole frames, whatever lies between them.
//
// Failure model. A power cut leaves a prefix of what was programmed since the last sync, or any
// subset of its pages, each whole, erased or torn; older frames are whole. A worn or faulty medium
// adds flipped bits and lost pages anywhere. So nothing is believed without its CRC: where no valid
// header is, or one with a payload that is not whole, the walk looks for the next one in steps of
// ROTATE_ALIGN. What lies between two whole frames and is no padding is a gap; what follows the
// last whole frame is the tail.
//
// In a unit that is used for the first time the tail is erased: anything else there is torn, and
// the owner of the store erases it. In one that is used again the frames of its earlier use are
// there. They have another number and so are nothing; torn is what has this segment's number, and
// the rest of the page in which the last frame ends, which a commit fills with erased bytes.
//
// Threading: the instance's lock; uses the window of the store.

#include <string.h>

#include "store.h"
#include "varve/crc32c.h"

// ---- buffered reading ---------------------------------------------------------------------------

struct reader {
    struct rotate_store *s;
    uint32_t unit;
    uint32_t base; // offset of the window
    uint32_t held; // bytes in it
    int error;
};

// A pointer to `n` bytes at `offset`, n <= ROTATE_WINDOW; NULL at the end or after an error.
static const uint8_t *peek(struct reader *r, uint32_t offset, uint32_t n)
{
    const bool inside = offset >= r->base && (uint64_t)offset + n <= (uint64_t)r->base + r->held;

    if (!inside && r->error == 0) {
        const int64_t got =
            rotate_media_read(&r->s->media, r->unit, offset, r->s->window, sizeof r->s->window);
        r->error = got < 0 ? (int)got : 0;
        r->base = offset;
        r->held = got < 0 ? 0 : (uint32_t)got;
    }
    return r->error == 0 && n <= r->held - (offset - r->base) ? r->s->window + (offset - r->base)
                                                              : NULL;
}

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static bool payload_is_whole(struct reader *r, const struct rotate_frame *f)
{
    uint32_t crc = 0;
    uint32_t done = 0;

    while (done < f->length) {
        const uint32_t n = least(f->length - done, ROTATE_WINDOW);
        const uint8_t *p = peek(r, f->offset + ROTATE_HEADER + done, n);
        if (p == NULL) {
            return false;
        }
        crc = varve_crc32c(crc, p, n);
        done += n;
    }
    return crc == f->crc;
}

static bool is_erased(struct reader *r, uint32_t from, uint32_t to)
{
    while (from < to) {
        const uint32_t n = least(to - from, ROTATE_ALIGN);
        const uint8_t *p = peek(r, from, n);
        if (p == NULL) {
            return r->error == 0; // behind the end
        }
        for (uint32_t i = 0; i < n; i++) {
            if (p[i] != r->s->media.erased) {
                return false;
            }
        }
        from += n;
    }
    return true;
}

// ---- the walk -----------------------------------------------------------------------------------

struct walk {
    struct reader reader;
    uint32_t number;
    uint32_t size;
    bool deep;
    uint32_t broken_to; // end of what has the segment's number and is no whole frame
};

static void note_broken(struct walk *w, uint32_t end)
{
    w->broken_to = end > w->broken_to ? end : w->broken_to;
}

// A valid header at `offset` of a frame that fits in the segment?
static bool header_at(struct walk *w, uint32_t offset, struct rotate_frame *f, bool *later)
{
    const uint8_t *p = peek(&w->reader, offset, ROTATE_HEADER);
    const int rc = p == NULL ? VARVE_E_CORRUPT : rotate_frame_decode(p, w->number, offset, f);

    *later = rc == VARVE_E_VERSION;
    if ((rc == 0 || *later) && (uint64_t)offset + ROTATE_HEADER + f->length <= (uint64_t)w->size) {
        return true;
    }
    if (p != NULL && rotate_u32(p) == ROTATE_MAGIC && rotate_u32(p + 12) == w->number &&
        rotate_u32(p + 16) == offset) {
        note_broken(w, offset + ROTATE_HEADER);
    }
    return false;
}

// The next valid header from `offset` on; w->size when there is none.
static uint32_t next_header(struct walk *w, uint32_t offset)
{
    struct rotate_frame f;
    bool later;

    for (; offset + ROTATE_HEADER <= w->size && w->reader.error == 0; offset += ROTATE_ALIGN) {
        const uint8_t *p = peek(&w->reader, offset, 4);
        if (p != NULL && rotate_u32(p) == ROTATE_MAGIC && header_at(w, offset, &f, &later)) {
            return offset;
        }
    }
    return w->size;
}

static bool is_whole(struct walk *w, const struct rotate_frame *f)
{
    const bool skip = f->kind == ROTATE_VOID || (f->kind == ROTATE_BLOCK && !w->deep);

    return skip || payload_is_whole(&w->reader, f);
}

// Padding reaches to the end of its page and is erased; less than a header is nobody's.
static bool is_padding(struct walk *w, uint32_t from, uint32_t to, uint32_t page)
{
    return to - from < ROTATE_HEADER ||
           (page != 0 && to == rotate_up(from, page) && is_erased(&w->reader, from, to));
}

// The end of what is not erased from `from` on; `from` when all of it is.
static uint32_t written_to(struct walk *w, uint32_t from)
{
    uint32_t end = from;

    for (uint32_t at = from; at < w->size && w->reader.error == 0; at += ROTATE_ALIGN) {
        const uint32_t next = least(w->size, at + ROTATE_ALIGN);
        end = is_erased(&w->reader, at, next) ? end : next;
    }
    return end;
}

static void find_tail(struct walk *w, const struct rotate_segment *seg, struct rotate_tail *tail)
{
    const uint32_t padded = seg->page != 0 ? rotate_up(tail->end, seg->page) : tail->end;

    if (!seg->reused || tail->end == 0) {
        tail->dirty_to = written_to(w, tail->end);
        tail->torn = tail->dirty_to > tail->end;
        return;
    }
    tail->torn = w->broken_to > tail->end;
    tail->dirty_to = tail->torn ? least(w->broken_to, w->size) : tail->end;
    if (padded > tail->dirty_to && !is_erased(&w->reader, tail->dirty_to, least(padded, w->size))) {
        tail->dirty_to = least(padded, w->size);
    }
}

int rotate_scan(struct rotate_store *s, const struct rotate_segment *seg, bool deep,
                const struct rotate_visitor *visitor, struct rotate_tail *tail)
{
    const uint32_t size = seg->room;
    struct walk w = {
        .reader = {.s = s, .unit = seg->unit}, .number = seg->number, .size = size, .deep = deep};
    unsigned bad = 0; // damaged frames since the last whole one
    uint32_t offset = 0;
    int rc = 0;

    *tail = (struct rotate_tail){0};
    while (rc == 0 && w.reader.error == 0 && offset < size) {
        struct rotate_frame f;
        bool later = false;
        if (!header_at(&w, offset, &f, &later)) {
            const uint32_t next = next_header(&w, offset + ROTATE_ALIGN);
            bad += next < size && !is_padding(&w, offset, next, seg->page);
            offset = next;
            continue;
        }
        offset += rotate_frame_bytes(f.length);
        if (!later && !is_whole(&w, &f)) {
            note_broken(&w, offset);
            bad++;
            offset = next_header(&w, f.offset + ROTATE_ALIGN); // what it hides is a frame, too
            continue;
        }
        if (bad > 0) {
            visitor->gap(visitor->arg, tail->end, f.offset, bad);
        }
        bad = 0;
        tail->end = least(offset, size);
        rc = later ? 0 : visitor->frame(visitor->arg, &f);
    }
    find_tail(&w, seg, tail);
    return w.reader.error != 0 ? w.reader.error : rc;
}

int rotate_newest_number(struct rotate_store *s, uint32_t unit, uint32_t size, uint32_t *number)
{
    struct walk w = {.reader = {.s = s, .unit = unit}, .size = size};
    struct rotate_frame f;
    bool later;

    *number = 0;
    for (uint32_t at = next_header(&w, 0); at < size; at = next_header(&w, at + ROTATE_ALIGN)) {
        if (header_at(&w, at, &f, &later) && f.segment > *number) {
            *number = f.segment;
        }
    }
    return w.reader.error;
}

// ---- single frames ------------------------------------------------------------------------------

int rotate_read_header(struct rotate_store *s, uint32_t unit, uint32_t offset, uint8_t *header,
                       struct rotate_frame *frame)
{
    const int64_t got = rotate_media_read(&s->media, unit, offset, header, ROTATE_HEADER);

    if (got < 0) {
        return (int)got;
    }
    return got < (int64_t)ROTATE_HEADER ? VARVE_E_CORRUPT
                                        : rotate_frame_decode(header, 0, offset, frame);
}

// Into the coder's buffer, and out of it decoded.
static int read_coded(struct rotate_store *s, const struct rotate_entry *e, void *buf)
{
    if (s->coder == NULL) {
        return VARVE_E_UNSUPPORTED;
    }
    uint8_t *stored = rotate_coder_stored(s->coder);
    const int64_t got =
        rotate_media_read(&s->media, e->unit, e->offset + ROTATE_HEADER, stored, e->stored);
    if (got < 0) {
        return (int)got;
    }
    return got == (int64_t)e->stored && varve_crc32c(0, stored, e->stored) == e->crc
               ? rotate_decode(s->coder, e->coding, e->stored, buf, e->length)
               : VARVE_E_CORRUPT;
}

int rotate_read_payload(struct rotate_store *s, const struct rotate_entry *e, void *buf)
{
    if (e->coding != ROTATE_PLAIN) {
        return read_coded(s, e, buf);
    }
    const int64_t got =
        rotate_media_read(&s->media, e->unit, e->offset + ROTATE_HEADER, buf, e->length);

    if (got < 0) {
        return (int)got;
    }
    return got == (int64_t)e->length && varve_crc32c(0, buf, e->length) == e->crc ? 0
                                                                                  : VARVE_E_CORRUPT;
}
