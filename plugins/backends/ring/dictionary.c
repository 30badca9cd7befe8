// SPDX-License-Identifier: Apache-2.0
// With `retain`, the series that the kept blocks refer to: without their names the blocks would be
// somebody else's history after a restart.
//
// Definitions stand one after the other, in the order of their ids:
//   u32 CRC-32C of the rest, u16 bytes of all, u16 id, u8 kind, text, NUL, unit, NUL
// The first that is not whole ends the dictionary; blocks that know of more are dropped (retain.c).
// When there is no room any more the ring works on, and what comes then is not kept.
//
// Threading: the instance's lock.

#include "ring.h"

#include <string.h>

#include "varve/crc32c.h"
#include "varve/host.h"

#define FIXED 9u // bytes before the text

// ---- a definition -------------------------------------------------------------------------------

static uint32_t get_le(const uint8_t *p, size_t bytes)
{
    uint32_t v = 0;

    for (size_t i = 0; i < bytes; i++) {
        v |= (uint32_t)p[i] << (8 * i);
    }
    return v;
}

static void put_le(uint8_t *p, uint32_t v, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

// Returns the length, 0 when the text does not fit.
static uint32_t encode(uint8_t *buf, size_t cap, varve_series_id id,
                       const struct varve_series_def *def)
{
    const size_t text = strlen(def->text) + 1;
    const size_t unit = strlen(def->unit) + 1;
    const size_t length = FIXED + text + unit;

    if (length > cap) {
        return 0;
    }
    put_le(buf + 4, (uint32_t)length, 2);
    put_le(buf + 6, id, 2);
    buf[8] = (uint8_t)def->kind;
    memcpy(buf + FIXED, def->text, text);
    memcpy(buf + FIXED + text, def->unit, unit);
    put_le(buf, varve_crc32c(0, buf + 4, length - 4), 4);
    return (uint32_t)length;
}

// The definition at `at`; returns its length, 0 when there is none.
static uint32_t decode(const struct ring *r, size_t at, uint32_t id, struct varve_series_def *def)
{
    const uint8_t *p = r->dictionary + at;
    const size_t left = r->dictionary_bytes - at;
    const uint32_t length = left > FIXED ? get_le(p + 4, 2) : 0;

    if (length <= FIXED + 1 || length > left ||
        get_le(p, 4) != varve_crc32c(0, p + 4, length - 4) || get_le(p + 6, 2) != id || p[8] > 1 ||
        p[length - 1] != 0) {
        return 0;
    }
    const char *text = (const char *)p + FIXED;
    const char *end = memchr(text, 0, length - FIXED);
    *def = (struct varve_series_def){.text = text,
                                     .unit = end + 1 < (const char *)p + length ? end + 1 : "",
                                     .help = "",
                                     .kind = p[8] == 1 ? VARVE_COUNTER : VARVE_GAUGE};
    return length;
}

// ---- the dictionary -----------------------------------------------------------------------------

void ring_dictionary_load(struct ring *r)
{
    struct varve_series_def def;
    uint32_t length;

    r->series = 0;
    r->dictionary_used = 0;
    while ((length = decode(r, r->dictionary_used, r->series, &def)) > 0) {
        r->dictionary_used += length;
        r->series++;
    }
}

int ring_define(struct varve_instance *self, varve_series_id id, const struct varve_series_def *def)
{
    struct ring *r = ring_of(self);
    uint8_t buf[FIXED + VARVE_SERIES_TEXT + VARVE_UNIT_TEXT];

    if (!r->retain || r->dictionary_full || id < r->series) {
        return 0; // the host knows its series as long as it lives; or it is there already
    }
    const uint32_t length = id == r->series ? encode(buf, sizeof buf, id, def) : 0;
    if (length == 0 || length > r->dictionary_bytes - r->dictionary_used) {
        r->dictionary_full = true;
        varve_log(
            VARVE_WARNING, self->name,
            "no room for the names of more than %u series: what comes from now on is not kept "
            "over a restart; raise the option size",
            r->series);
        return 0;
    }
    ring_write(r, r->dictionary + r->dictionary_used, buf, length);
    r->dictionary_used += length;
    r->series++;
    return 0;
}

// Whether other stores, which were read before, call the series the same.
static bool agrees(struct ring *r)
{
    size_t at = 0;

    for (uint32_t id = 0; id < r->series; id++) {
        struct varve_series_def def = {.text = ""}, known;
        varve_series_id found = (varve_series_id)id;
        at += decode(r, at, id, &def);
        if (varve_host_series(r->self->host, &found, &known) == 0 && found == id &&
            strcmp(known.text, def.text) != 0) {
            return false;
        }
    }
    return true;
}

int ring_load_series(struct varve_instance *self,
                     int (*visit)(void *arg, varve_series_id id,
                                  const struct varve_series_def *def),
                     void *arg)
{
    struct ring *r = ring_of(self);
    size_t at = 0;
    int rc = 0;

    if (r->retain && !agrees(r)) {
        varve_log(VARVE_WARNING, self->name,
                  "begins empty: what was kept in memory belongs to another store");
        ring_retain_format(r);
    }
    for (uint32_t id = 0; rc == 0 && id < r->series; id++) {
        struct varve_series_def def = {.text = ""};
        at += decode(r, at, id, &def);
        rc = visit(arg, (varve_series_id)id, &def);
    }
    return rc;
}
