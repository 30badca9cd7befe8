// SPDX-License-Identifier: Apache-2.0
// Places: which sector holds which part of which unit, and how one takes the place of another.
//
// NOR cannot set a bit, so whatever must overwrite - the end of a segment that a power cut has
// torn, a block that is wiped, a frame that is repaired, data that would otherwise lie for ever on
// the sector that is worn the least - is written to another sector with a later generation, and
// only then is the old one freed.
//
// Threading: the instance's lock.

#include "nor.h"

#include <string.h>

#define PART  64u // bytes copied at a time
#define TRIES 4u
// Moved when the wear of sectors differs by more than this part of it, and by this at least.
#define SPREAD_PART  16u
#define SPREAD_LEAST 2u

uint32_t nor_find(const struct rotate_nor *n, uint32_t unit, uint32_t index)
{
    for (uint32_t at = 0; at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        if (s->state == NOR_USED && s->unit == unit && s->index == index) {
            return at;
        }
    }
    return NOR_NONE;
}

// ---- copying ------------------------------------------------------------------------------------

// The bytes of a part that the patch changes.
static void apply(const struct nor_patch *patch, uint32_t offset, uint8_t *part, uint32_t len)
{
    for (uint32_t i = 0; patch != NULL && i < len; i++) {
        const uint32_t byte = offset + i;
        if (byte >= patch->offset && byte - patch->offset < patch->len) {
            part[i] = patch->bytes == NULL ? 0xff : patch->bytes[byte - patch->offset];
        }
    }
}

static bool is_blank(const uint8_t *part, uint32_t len)
{
    uint8_t all = 0xff;

    for (uint32_t i = 0; i < len; i++) {
        all &= part[i];
    }
    return all == 0xff;
}

// `*source` is what failed: the old sector could not be read.
static int copy(struct rotate_nor *n, uint32_t from, uint32_t to, const struct nor_patch *patch,
                bool *source)
{
    uint8_t part[PART];
    int rc = 0;

    *source = false;
    for (uint32_t offset = 0; rc == 0 && offset < n->payload; offset += PART) {
        const uint32_t len = n->payload - offset < PART ? n->payload - offset : PART;
        rc = nor_read(n, from, offset, part, len);
        *source = rc < 0;
        if (rc == 0) {
            apply(patch, offset, part, len);
            rc = is_blank(part, len)
                     ? 0
                     : nor_program(n, to, offset, part, len, VARVE_WRITE_CHECKPOINT);
        }
    }
    return rc;
}

// Finds a sector that works, fills it from `from` (NOR_NONE: leaves it blank), gives it the place.
static int put(struct rotate_nor *n, bool worn, uint32_t from, const struct nor_patch *patch,
               const struct nor_sector *place, uint32_t generation)
{
    int rc = VARVE_E_IO;

    for (unsigned tries = 0; rc < 0 && tries < TRIES; tries++) {
        uint32_t at = NOR_NONE;
        bool source = false;
        rc = nor_take(n, worn, &at);
        if (rc < 0) {
            return rc;
        }
        rc = from == NOR_NONE ? 0 : copy(n, from, at, patch, &source);
        rc = rc == 0 ? nor_assign(n, at, place->unit, place->index, generation) : rc;
        if (rc < 0 && source) { // begun, and not to be used as it is
            n->sectors[at].state = NOR_DEAD;
            return rc;
        }
        if (rc < 0) {
            nor_give_up(n, at);
        }
    }
    return rc;
}

int nor_add(struct rotate_nor *n, uint32_t unit, uint32_t index)
{
    const struct nor_sector place = {.unit = unit, .index = (uint16_t)index};

    return index > UINT16_MAX ? VARVE_E_TOO_BIG : put(n, false, NOR_NONE, NULL, &place, 0);
}

static int replace(struct rotate_nor *n, uint32_t at, bool worn, const struct nor_patch *patch,
                   bool failed)
{
    const struct nor_sector place = n->sectors[at];
    uint32_t generation;
    int rc = nor_generation(n, at, &generation);

    rc = rc == 0 ? put(n, worn, at, patch, &place, generation + 1) : rc;
    if (rc == 0 && failed) {
        nor_give_up(n, at);
    } else if (rc == 0) {
        nor_free(n, at);
    }
    return rc;
}

int nor_rewrite(struct rotate_nor *n, uint32_t at, const struct nor_patch *patch, bool failed)
{
    return replace(n, at, false, patch, failed);
}

// ---- wear ---------------------------------------------------------------------------------------

// As long as there are free sectors that are worn as little, these come next, and nothing need
// move.
int nor_level(struct rotate_nor *n)
{
    uint32_t least = NOR_NONE;
    uint32_t max = 0;
    uint32_t min_free = UINT32_MAX;

    for (uint32_t at = 0; at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        max = s->state != NOR_BAD && s->erases > max ? s->erases : max;
        min_free = nor_is_free(s) && s->erases < min_free ? s->erases : min_free;
        if (s->state == NOR_USED && (least == NOR_NONE || s->erases < n->sectors[least].erases)) {
            least = at;
        }
    }
    const uint32_t spread = max / SPREAD_PART > SPREAD_LEAST ? max / SPREAD_PART : SPREAD_LEAST;
    if (least == NOR_NONE || max - n->sectors[least].erases < spread ||
        min_free <= n->sectors[least].erases || min_free == UINT32_MAX) {
        return 0;
    }
    int rc = replace(n, least, true, NULL, false);
    return rc < 0 ? rc : VARVE_E_AGAIN;
}

// ---- opening ------------------------------------------------------------------------------------

// Reading only, it does not count.
static void release(struct rotate_nor *n, uint32_t at)
{
    if (n->area.writable) {
        nor_free(n, at);
    } else {
        n->sectors[at].state = NOR_DEAD;
    }
}

static int free_older(struct rotate_nor *n, uint32_t a, uint32_t b)
{
    uint32_t of_a = 0;
    uint32_t of_b = 0;
    int rc = nor_generation(n, a, &of_a);

    rc = rc == 0 ? nor_generation(n, b, &of_b) : rc;
    if (rc < 0) {
        return rc;
    }
    release(n, of_a < of_b ? a : b);
    return 0;
}

static int settle_twins(struct rotate_nor *n)
{
    int rc = 0;

    for (uint32_t at = 0; rc == 0 && at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        if (s->state != NOR_USED) {
            continue;
        }
        const uint32_t first = nor_find(n, s->unit, s->index);
        rc = first == at ? 0 : free_older(n, first, at);
    }
    return rc;
}

static bool is_removed(const struct rotate_nor *n, uint32_t unit)
{
    bool freed = false;

    for (uint32_t at = 0; at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        freed = freed || (s->state == NOR_DEAD && s->unit == unit && s->index == 0);
    }
    return freed && nor_find(n, unit, 0) == NOR_NONE;
}

int nor_settle(struct rotate_nor *n)
{
    int rc = settle_twins(n);

    for (uint32_t at = 0; rc == 0 && at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        if (s->state == NOR_USED && s->index != 0 && is_removed(n, s->unit)) {
            release(n, at);
        }
    }
    return rc;
}
