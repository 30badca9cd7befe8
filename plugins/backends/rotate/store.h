// SPDX-License-Identifier: Apache-2.0
// What the files of the rotate backend share: the instance's state and the calls between them.
//
// Threading: everything runs under the instance's lock.
#ifndef VARVE_ROTATE_STORE_H
#define VARVE_ROTATE_STORE_H

#include "coder.h"
#include "index.h"
#include "media.h"
#include "varve/plugin.h"

#define ROTATE_WINDOW   4096u // bytes read at a time
#define ROTATE_SCRATCH  1024u // longest payload of a definition or an event
#define ROTATE_FOREIGN  UINT8_MAX
#define ROTATE_GONE_MAX 64u // blocks replaced in one step

struct rotate_options {
    const char *path;
    const char *device;
    int64_t segment;
    int64_t size;
    int64_t age_ms;
    int64_t page;
    bool pad;
    int64_t blocks;
    int64_t series;
    int64_t events;
    int64_t events_keep_ms;
    int64_t compress; // enum rotate_coding
};

struct rotate_segment {
    uint32_t unit;      // of the medium
    uint32_t number;    // of this use of the unit, growing over all; 0: it holds nothing
    uint32_t used;      // end of the last frame, or the page behind it
    uint32_t reach;     // end of what the open transaction has programmed, or tried to
    uint32_t committed; // as `used`, without the open transaction
    uint32_t room;      // size of the unit
    uint32_t page;      // that its frames are padded to; 0: none
    uint32_t damaged;   // frames that could not be read
    uint32_t frames;    // whole frames in it but for the head
    uint32_t data;      // blocks and events in it
    int64_t first_ms;   // time of the oldest row or event; INT64_MAX: none
    int64_t last_ms;    // end of the newest; INT64_MIN: none
    uint8_t stream;     // of the host; ROTATE_FOREIGN: of a tier that the host does not have
    bool active;        // the one that its stream is written to
    bool free;          // waits to be used again; nothing in it counts
    bool reused;        // behind `used` there may be frames of an earlier use
    bool held;          // has definitions of which the newer copies are not committed
    bool touched;       // programmed since the last commit
    bool unsynced;      // programmed since the last sync
    bool head;          // begins with a tier list
    bool packed;        // compressed, or not worth it
    bool torn;          // ends in something that is no frame
    uint8_t map[VARVE_MAX_TIERS]; // its tiers to the host's
};

struct rotate_store {
    struct varve_instance *self;
    const struct rotate_options *options;
    struct rotate_media media;
    struct rotate_coder *coder; // NULL: nothing is compressed
    char path[VARVE_PATH_TEXT]; // or the name of the device
    uint32_t page;              // that commits are padded to; 0: they are not
    bool opened;                // the medium is open
    bool read_only;
    bool new_definitions; // some are not synced yet
    bool in_txn;
    bool stale;       // the indexes do not show what is committed
    bool keep_all;    // the host wants nothing removed
    bool full_logged; // "the index is full" has been said
    bool cut_logged;  // "a help text is too long" has been said
    bool replacing;   // no history may go to make room
    bool scrub_due;   // blocks were replaced: what has expired must not be left in the files

    struct rotate_segment *segments; // by number
    size_t segment_count;
    size_t segment_cap;
    uint32_t next_unit;
    uint32_t next_number;
    uint32_t next_definition;
    uint32_t next_event;

    struct varve_tier tiers[VARVE_MAX_TIERS]; // of the newest tier list in the store
    size_t tier_count;
    int64_t expire_before_ms[ROTATE_STREAMS];
    uint64_t cap_bytes[ROTATE_STREAMS]; // 0: none
    struct rotate_index blocks;
    struct rotate_index events;
    struct rotate_index series; // key.start_ms is the id, key.seq the number of the definition
    uint32_t damaged;           // frames passed over
    struct rotate_entry gone[ROTATE_GONE_MAX]; // to be wiped by the next commit
    size_t gone_count;

    uint8_t window[ROTATE_WINDOW];
    uint8_t scratch[ROTATE_SCRATCH];
};

static inline struct rotate_store *rotate_of(struct varve_instance *self)
{
    return (struct rotate_store *)self->state;
}

// Keeps "PATH: cannot DOING: ..." as the reason of the failure `rc`; returns it.
int rotate_fail(struct rotate_store *s, int rc, const char *doing);

// The index entry of a frame.
struct rotate_entry rotate_entry_of(const struct rotate_frame *f, uint32_t unit, unsigned tier);

// The segment in that unit, or NULL.
struct rotate_segment *rotate_segment_find(struct rotate_store *s, uint32_t unit);

// ---- scan.c -------------------------------------------------------------------------------------

// What a walk through one segment tells. frame() gets whole frames, and those of a later version;
// gap() a stretch that holds `frames` damaged frames, with whole ones on both sides.
struct rotate_visitor {
    int (*frame)(void *arg, const struct rotate_frame *frame);
    void (*gap)(void *arg, uint32_t from, uint32_t to, unsigned frames);
    void *arg;
};

// How a segment ends.
struct rotate_tail {
    uint32_t end;      // of the last whole frame
    uint32_t dirty_to; // end of what must be erased before anything is programmed there
    bool torn;         // what follows `end` was meant to be a frame
};

// Walks through a segment; uses its unit, number, room, page and `reused`. Checks the payloads of
// blocks only with `deep`; others are always checked. Returns 0 or an error of reading.
int rotate_scan(struct rotate_store *s, const struct rotate_segment *seg, bool deep,
                const struct rotate_visitor *visitor, struct rotate_tail *tail);

// The highest number that a frame in the first `size` bytes of the unit has; 0 when there is none.
int rotate_newest_number(struct rotate_store *s, uint32_t unit, uint32_t size, uint32_t *number);

// Reads the header at `offset`, of whatever segment, to `header` and decoded to *frame. Returns 0,
// VARVE_E_CORRUPT, VARVE_E_VERSION, or an error of reading.
int rotate_read_header(struct rotate_store *s, uint32_t unit, uint32_t offset, uint8_t *header,
                       struct rotate_frame *frame);
// Reads and checks a frame's payload; buf has room for e->length bytes. Returns 0, VARVE_E_CORRUPT,
// or an error of reading.
int rotate_read_payload(struct rotate_store *s, const struct rotate_entry *e, void *buf);

// ---- load.c -------------------------------------------------------------------------------------

// Lists the segments, takes the memory of the tables and fills them.
int rotate_load(struct rotate_store *s);
// Fills them again, after an abort.
int rotate_reload(struct rotate_store *s);

// ---- records.c ----------------------------------------------------------------------------------

// What a segment's head tells.
struct rotate_head {
    struct varve_tier tiers[VARVE_MAX_TIERS];
    unsigned tier_count;
    unsigned stream;
    uint32_t number; // of the segment
    uint32_t page;
    bool packed;
    bool reused; // the unit was in use before
};

// Writes the tier list of a segment's head to s->scratch; returns its length.
uint32_t rotate_tiers_encode(struct rotate_store *s, unsigned stream, bool reused);
// Reads one. Returns 0 or VARVE_E_CORRUPT.
int rotate_tiers_decode(const uint8_t *payload, uint32_t length, struct rotate_head *head);
int rotate_define(struct varve_instance *self, varve_series_id id,
                  const struct varve_series_def *def);
int rotate_event(struct varve_instance *self, const struct varve_event *event);
int rotate_load_series(struct varve_instance *self,
                       int (*visit)(void *arg, varve_series_id id,
                                    const struct varve_series_def *def),
                       void *arg);
int rotate_load_events(struct varve_instance *self, int64_t from_ms, int64_t to_ms,
                       int (*visit)(void *arg, const struct varve_event *event), void *arg);

// ---- segments.c ---------------------------------------------------------------------------------

// Appends a frame to a stream, in a new segment when the stream's is full or old; fills *entry
// (tier: the stream). Opens the transaction.
int rotate_append(struct rotate_store *s, unsigned stream, enum rotate_kind kind,
                  const struct varve_block_key *key, const void *payload, uint32_t length,
                  struct rotate_entry *entry);
int rotate_commit(struct varve_instance *self);
void rotate_abort(struct varve_instance *self);
struct rotate_segment *rotate_active(struct rotate_store *s, unsigned stream);
// Time that a segment of the stream covers at most, ms.
int64_t rotate_span_ms(const struct rotate_store *s, unsigned stream);

// ---- room.c -------------------------------------------------------------------------------------

// Bytes that all segments take at most: the option, or what the medium has.
uint64_t rotate_size(struct rotate_store *s);
// `n` rounded up to a multiple of `to`.
uint32_t rotate_round(uint32_t n, uint32_t to);
// Bytes that a segment of the stream takes at most.
uint32_t rotate_limit(struct rotate_store *s, unsigned stream);
uint64_t rotate_bytes(const struct rotate_store *s);
// Finds a unit for a new segment of the stream, *seg, or makes one. Others may move in the table.
int rotate_take_unit(struct rotate_store *s, unsigned stream, struct rotate_segment **seg);
// Room for `extra` bytes more in the stream. Others may move in the table.
int rotate_make_room(struct rotate_store *s, unsigned stream, uint32_t extra);
// Frees one expired segment: VARVE_E_AGAIN when it did, 0 when there is none.
int rotate_expire(struct rotate_store *s);
// Removes one unit that waits to be used again: VARVE_E_AGAIN when it did, 0 when there is none.
int rotate_drop_free(struct rotate_store *s);
// Makes a part of the unit that a stream will need next: VARVE_E_AGAIN when it did, 0 when there is
// nothing to make.
int rotate_prepare(struct rotate_store *s);
// Removes the units that wait to be used again: VARVE_E_AGAIN when it did one, 0 when there is
// none.
int rotate_drop_free(struct rotate_store *s);

// ---- prune.c ------------------------------------------------------------------------------------

int rotate_replace(struct varve_instance *self, unsigned tier, const struct varve_block_key *key,
                   const void *block, uint32_t length);
// After replacing: removes or erases one unit with expired frames. VARVE_E_AGAIN when it did, 0
// when there is none.
int rotate_scrub(struct rotate_store *s);
// Notes a frame that is to be wiped. False when there is no room for it.
bool rotate_note_gone(struct rotate_store *s, const struct rotate_entry *e);
// The same for a void frame, if its payload was not erased.
void rotate_note_void(struct rotate_store *s, const struct rotate_entry *e);
// Wipes what was noted; what replaces it is durable.
int rotate_wipe_gone(struct rotate_store *s);
// Wipes what a power cut has left of this, after the indexes have been filled.
void rotate_finish_wiping(struct rotate_store *s);

// ---- archive.c ----------------------------------------------------------------------------------

// Compresses one closed segment: VARVE_E_AGAIN when it looked at one, 0 when there is none.
int rotate_pack(struct rotate_store *s);

// ---- check.c ------------------------------------------------------------------------------------

int rotate_check(struct varve_instance *self, struct varve_check *check);

#endif
