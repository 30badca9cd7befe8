// SPDX-License-Identifier: Apache-2.0
// The small records: tier lists, definitions, events; their payloads and how they are found again.
//
//   tier list   u8 stream (its tier, or ROTATE_META), u8 tiers, u8 compressed, u8 whether the unit
//               was used before, u32 page, then per tier 16 bytes of name, i64 step, i64 keep,
//               i64 window, in ms
//   definition  u8 kind, u8 zero, u16 each for the bytes of text, unit and help, then these texts
//   event       u8 severity, u8 has value, u16 each for the bytes of source, kind, message and
//               payload, f64 value, then these texts
//
// Threading: the instance's lock.

#include <string.h>

#include "store.h"
#include "varve/host.h"

#define TIER_NAME   16u
#define TIER_BYTES  (TIER_NAME + 24u)
#define TIERS_HEAD  8u
#define SERIES_HEAD 8u
#define EVENT_HEAD  18u

_Static_assert(VARVE_TIER_NAME <= TIER_NAME, "a tier's name fits in a tier list");
_Static_assert(TIERS_HEAD + VARVE_MAX_TIERS * TIER_BYTES <= ROTATE_SCRATCH, "a tier list fits");
_Static_assert(SERIES_HEAD + VARVE_SERIES_TEXT + VARVE_UNIT_TEXT <= ROTATE_SCRATCH,
               "a definition without its help fits");
_Static_assert(EVENT_HEAD + 2 * VARVE_NAME_TEXT + VARVE_MESSAGE_TEXT + VARVE_PAYLOAD_TEXT <=
                   ROTATE_SCRATCH,
               "an event fits");

static void put_u16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static size_t u16_at(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8;
}

// Bytes of a text without its NUL, at most `max`.
static size_t length_of(const char *text, size_t max)
{
    const char *end = memchr(text, '\0', max);

    return end == NULL ? max : (size_t)(end - text);
}

// ---- tier lists ---------------------------------------------------------------------------------

uint32_t rotate_tiers_encode(struct rotate_store *s, unsigned stream, bool reused)
{
    uint8_t *p = s->scratch;

    memset(p, 0, TIERS_HEAD);
    p[0] = (uint8_t)stream;
    p[1] = (uint8_t)s->tier_count;
    p[3] = reused;
    rotate_put_u32(p + 4, s->page);
    p += TIERS_HEAD;
    for (size_t i = 0; i < s->tier_count; i++) {
        memset(p, 0, TIER_NAME);
        memcpy(p, s->tiers[i].name, length_of(s->tiers[i].name, VARVE_TIER_NAME));
        rotate_put_i64(p + TIER_NAME, s->tiers[i].step_ms);
        rotate_put_i64(p + TIER_NAME + 8, s->tiers[i].keep_ms);
        rotate_put_i64(p + TIER_NAME + 16, s->tiers[i].window_ms);
        p += TIER_BYTES;
    }
    return (uint32_t)(p - s->scratch);
}

int rotate_tiers_decode(const uint8_t *payload, uint32_t length, struct rotate_head *head)
{
    if (length < TIERS_HEAD || payload[1] > VARVE_MAX_TIERS ||
        length != TIERS_HEAD + payload[1] * TIER_BYTES || payload[0] > ROTATE_META) {
        return VARVE_E_CORRUPT;
    }
    *head = (struct rotate_head){.stream = payload[0],
                                 .tier_count = payload[1],
                                 .packed = payload[2] != 0,
                                 .reused = payload[3] != 0,
                                 .page = rotate_u32(payload + 4)};
    if ((head->page & (head->page - 1)) != 0) {
        return VARVE_E_CORRUPT;
    }
    for (unsigned i = 0; i < head->tier_count; i++) {
        const uint8_t *p = payload + TIERS_HEAD + i * TIER_BYTES;
        memcpy(head->tiers[i].name, p, VARVE_TIER_NAME - 1);
        head->tiers[i].step_ms = rotate_i64(p + TIER_NAME);
        head->tiers[i].keep_ms = rotate_i64(p + TIER_NAME + 8);
        head->tiers[i].window_ms = rotate_i64(p + TIER_NAME + 16);
    }
    return 0;
}

// ---- texts --------------------------------------------------------------------------------------

// Appends texts behind a record's head and notes their lengths at `lengths`.
static uint32_t add_texts(uint8_t *record, size_t head, uint8_t *lengths, const char *const *texts,
                          const size_t *limits, size_t n)
{
    size_t at = head;

    for (size_t i = 0; i < n; i++) {
        const size_t length = texts[i] == NULL ? 0 : length_of(texts[i], limits[i]);
        put_u16(lengths + 2 * i, length);
        if (length > 0) {
            memcpy(record + at, texts[i], length);
        }
        at += length;
    }
    return (uint32_t)at;
}

// The reverse, each text with its NUL. False when the lengths do not add up.
static bool get_texts(const uint8_t *record, uint32_t length, size_t head, const uint8_t *lengths,
                      char *const *out, const size_t *caps, size_t n)
{
    size_t at = head;

    for (size_t i = 0; i < n; i++) {
        const size_t bytes = u16_at(lengths + 2 * i);
        if (bytes >= caps[i] || at + bytes > length) {
            return false;
        }
        memcpy(out[i], record + at, bytes);
        out[i][bytes] = '\0';
        at += bytes;
    }
    return at == length;
}

// ---- definitions --------------------------------------------------------------------------------

#define HELP_MAX (ROTATE_SCRATCH - SERIES_HEAD - VARVE_SERIES_TEXT - VARVE_UNIT_TEXT)

static void say_cut(struct rotate_store *s, const struct varve_series_def *def)
{
    if (!s->cut_logged && def->help != NULL && length_of(def->help, HELP_MAX + 1) > HELP_MAX) {
        s->cut_logged = true;
        varve_log(VARVE_WARNING, s->self->name,
                  "help of %s is stored without what is behind byte %u", def->text,
                  (unsigned)HELP_MAX);
    }
}

static int make_room_for_series(struct rotate_store *s, varve_series_id id)
{
    const size_t at = rotate_index_find(&s->series, 0, id, 0);

    if (at < s->series.count && s->series.entries[at].key.start_ms == id) {
        rotate_segment_find(s, s->series.entries[at].unit)->held = true;
        rotate_index_remove(&s->series, at); // the id is used again
        return 0;
    }
    if (s->series.count < s->series.cap) {
        return 0;
    }
    varve_instance_fail(s->self,
                        "%s: has %zu series, all that its index has room for: raise the "
                        "option series",
                        s->path, s->series.count);
    return VARVE_E_FULL;
}

int rotate_define(struct varve_instance *self, varve_series_id id,
                  const struct varve_series_def *def)
{
    struct rotate_store *s = rotate_of(self);
    const char *const texts[] = {def->text, def->unit, def->help};
    const size_t limits[] = {VARVE_SERIES_TEXT - 1, VARVE_UNIT_TEXT - 1, HELP_MAX};
    uint8_t record[ROTATE_SCRATCH];
    struct rotate_entry entry;
    int rc = s->stale ? rotate_reload(s) : 0;

    rc = rc == 0 ? make_room_for_series(s, id) : rc;
    if (rc < 0) {
        return rc;
    }
    say_cut(s, def);
    record[0] = (uint8_t)def->kind;
    record[1] = 0;
    const uint32_t length = add_texts(record, SERIES_HEAD, record + 2, texts, limits, 3);
    const struct varve_block_key key = {id, id, s->next_definition++};
    rc = rotate_append(s, ROTATE_META, ROTATE_SERIES, &key, record, length, &entry);
    if (rc == 0) {
        entry.tier = 0;
        rotate_index_insert(&s->series, &entry);
    }
    return rc;
}

int rotate_load_series(struct varve_instance *self,
                       int (*visit)(void *arg, varve_series_id id,
                                    const struct varve_series_def *def),
                       void *arg)
{
    struct rotate_store *s = rotate_of(self);
    static const size_t caps[] = {VARVE_SERIES_TEXT, VARVE_UNIT_TEXT, HELP_MAX + 1};
    char text[VARVE_SERIES_TEXT];
    char unit[VARVE_UNIT_TEXT];
    char help[HELP_MAX + 1];
    char *const out[] = {text, unit, help};
    int rc = s->stale ? rotate_reload(s) : 0;

    for (size_t i = 0; rc == 0 && i < s->series.count; i++) {
        const struct rotate_entry *e = &s->series.entries[i];
        rc = rotate_read_payload(s, e, s->scratch);
        if (rc == VARVE_E_CORRUPT || (rc == 0 && !get_texts(s->scratch, e->length, SERIES_HEAD,
                                                            s->scratch + 2, out, caps, 3))) {
            varve_log(VARVE_WARNING, self->name, "%s: the definition of series %lld is damaged",
                      s->path, (long long)e->key.start_ms);
            rc = 0;
            continue;
        }
        const struct varve_series_def def = {
            text, unit, help, s->scratch[0] == VARVE_COUNTER ? VARVE_COUNTER : VARVE_GAUGE};
        rc = rc == 0 ? visit(arg, (varve_series_id)e->key.start_ms, &def) : rc;
    }
    return rc;
}

// ---- events -------------------------------------------------------------------------------------

int rotate_event(struct varve_instance *self, const struct varve_event *event)
{
    struct rotate_store *s = rotate_of(self);
    const char *const texts[] = {event->source, event->kind, event->message, event->payload};
    const size_t limits[] = {VARVE_NAME_TEXT - 1, VARVE_NAME_TEXT - 1, VARVE_MESSAGE_TEXT - 1,
                             VARVE_PAYLOAD_TEXT - 1};
    uint8_t record[ROTATE_SCRATCH];
    struct rotate_entry entry;
    uint64_t bits;
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc < 0) {
        return rc;
    }
    memcpy(&bits, &event->value, sizeof bits);
    record[0] = (uint8_t)event->severity;
    record[1] = event->has_value ? 1 : 0;
    rotate_put_i64(record + 10, (int64_t)bits);
    const uint32_t length = add_texts(record, EVENT_HEAD, record + 2, texts, limits, 4);
    const struct varve_block_key key = {event->time_ms, event->time_ms, s->next_event};
    if (!rotate_key_is_sane(&key)) {
        return VARVE_E_INVALID; // a time that no clock shows
    }
    s->next_event++;
    rc = rotate_append(s, ROTATE_META, ROTATE_EVENT, &key, record, length, &entry);
    if (rc == 0) {
        if (s->events.count == s->events.cap) {
            rotate_index_remove(&s->events, 0); // the oldest
        }
        entry.tier = 0;
        rotate_index_insert(&s->events, &entry);
    }
    return rc;
}

static bool decode_event(const uint8_t *record, uint32_t length, struct varve_event *event)
{
    static const size_t caps[] = {VARVE_NAME_TEXT, VARVE_NAME_TEXT, VARVE_MESSAGE_TEXT,
                                  VARVE_PAYLOAD_TEXT};
    char *const out[] = {event->source, event->kind, event->message, event->payload};

    if (length < EVENT_HEAD) {
        return false;
    }
    event->severity = record[0] <= VARVE_DEBUG ? (enum varve_severity)record[0] : VARVE_NOTICE;
    event->has_value = record[1] != 0;
    const uint64_t bits = (uint64_t)rotate_i64(record + 10);
    memcpy(&event->value, &bits, sizeof bits);
    return get_texts(record, length, EVENT_HEAD, record + 2, out, caps, 4);
}

int rotate_load_events(struct varve_instance *self, int64_t from_ms, int64_t to_ms,
                       int (*visit)(void *arg, const struct varve_event *event), void *arg)
{
    struct rotate_store *s = rotate_of(self);
    struct varve_event event;
    int rc = s->stale ? rotate_reload(s) : 0;

    if (rc < 0) {
        return rc;
    }
    for (size_t i = rotate_index_find(&s->events, 0, from_ms, 0);
         rc == 0 && i < s->events.count && s->events.entries[i].key.start_ms <= to_ms; i++) {
        const struct rotate_entry *e = &s->events.entries[i];
        rc = rotate_read_payload(s, e, s->scratch);
        if (rc == VARVE_E_CORRUPT || (rc == 0 && !decode_event(s->scratch, e->length, &event))) {
            varve_log(VARVE_WARNING, self->name, "%s: an event is damaged", s->path);
            rc = 0;
            continue;
        }
        event.time_ms = e->key.start_ms;
        rc = rc == 0 ? visit(arg, &event) : rc;
    }
    return rc;
}
