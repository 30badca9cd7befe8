// SPDX-License-Identifier: Apache-2.0
// Single sectors of a raw NOR flash: labels, erasing, bad ones; nor.h has the format.
//
// Nothing is believed that was not read back. A sector that cannot be erased, or does not hold what
// was programmed, is given up: its label becomes zeros, which NOR can always be asked for, with
// a mark behind it. Where even that fails, it is given up until the store is opened again.
//
// Threading: the instance's lock.

#include <string.h>

#include "frame.h"
#include "nor.h"
#include "varve/crc32c.h"

#define PART  64u // bytes read at a time
#define TRIES 4u  // sectors that fail one after the other before the flash is thought to be gone

static const uint8_t bad_mark[NOR_MARK] = {'V', 'A', 'R', 'V', 'E', 'B', 'A', 'D'};

static uint32_t address_of(const struct rotate_nor *n, uint32_t at)
{
    return at * n->area.flash->sector_bytes;
}

static uint32_t payload_of(const struct rotate_nor *n, uint32_t at)
{
    return address_of(n, at) + n->head;
}

static bool all_are(const uint8_t *p, size_t len, uint8_t value)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != value) {
            return false;
        }
    }
    return true;
}

// 0, VARVE_E_CORRUPT when the bytes differ (expected NULL: are not blank), or an error of reading.
static int compare(struct rotate_nor *n, uint32_t address, const uint8_t *expected, size_t len)
{
    uint8_t part[PART];
    int rc = 0;

    for (size_t done = 0; rc == 0 && done < len; done += PART) {
        const size_t m = len - done < PART ? len - done : PART;
        rc = varve_flash_read(&n->area, address + (uint32_t)done, part, m);
        const bool same =
            expected == NULL ? all_are(part, m, 0xff) : memcmp(part, expected + done, m) == 0;
        rc = rc == 0 && !same ? VARVE_E_CORRUPT : rc;
    }
    return rc;
}

static int program(struct rotate_nor *n, uint32_t address, const void *buf, size_t len,
                   enum varve_write_reason reason)
{
    int rc = varve_flash_program(&n->area, address, buf, len, reason);

    return rc == 0 ? compare(n, address, buf, len) : rc;
}

// Into the ledger: how evenly the sectors are worn.
static void note_wear(struct rotate_nor *n)
{
    struct varve_ledger_account *account = n->area.account;
    uint32_t bad = 0;
    uint32_t min = UINT32_MAX;
    uint32_t max = 0;

    for (uint32_t at = 0; at < n->count; at++) {
        const struct nor_sector *s = &n->sectors[at];
        bad += s->state == NOR_BAD;
        if (s->state != NOR_BAD) {
            min = s->erases < min ? s->erases : min;
            max = s->erases > max ? s->erases : max;
        }
    }
    account->sector_erases_min = min == UINT32_MAX ? 0 : min;
    account->sector_erases_max = max;
    account->sectors_bad = bad;
}

// ---- labels -------------------------------------------------------------------------------------

static int label(struct rotate_nor *n, uint32_t at)
{
    uint8_t half[NOR_HALF] = {0};

    rotate_put_u32(half, NOR_MAGIC);
    half[4] = NOR_VERSION;
    rotate_put_u32(half + 8, n->sectors[at].erases);
    rotate_put_u32(half + 12, varve_crc32c(0, half, 12));
    return program(n, address_of(n, at), half, sizeof half, VARVE_WRITE_META);
}

int nor_assign(struct rotate_nor *n, uint32_t at, uint32_t unit, uint32_t index,
               uint32_t generation)
{
    uint8_t half[NOR_HALF];
    struct nor_sector *s = &n->sectors[at];

    rotate_put_u32(half, unit);
    rotate_put_u32(half + 4, index);
    rotate_put_u32(half + 8, generation);
    rotate_put_u32(half + 12, varve_crc32c(0, half, 12));
    s->state = NOR_DEAD; // whatever comes of it
    int rc = program(n, address_of(n, at) + NOR_HALF, half, sizeof half, VARVE_WRITE_META);
    if (rc == 0) {
        s->unit = unit;
        s->index = (uint16_t)index;
        s->state = NOR_USED;
    }
    return rc;
}

int nor_generation(struct rotate_nor *n, uint32_t at, uint32_t *generation)
{
    uint8_t half[NOR_HALF];
    int rc = varve_flash_read(&n->area, address_of(n, at) + NOR_HALF, half, sizeof half);

    *generation = rc == 0 ? rotate_u32(half + 8) : 0;
    return rc;
}

void nor_give_up(struct rotate_nor *n, uint32_t at)
{
    static const uint8_t zeros[NOR_LABEL];

    // When this fails as well the sector is tried again after the next open, and given up again.
    (void)varve_flash_program(&n->area, address_of(n, at), zeros, sizeof zeros, VARVE_WRITE_META);
    (void)varve_flash_program(&n->area, address_of(n, at) + NOR_LABEL, bad_mark, NOR_MARK,
                              VARVE_WRITE_META);
    n->sectors[at].state = NOR_BAD;
    n->sectors[at].unit = NOR_NONE;
    note_wear(n);
}

void nor_free(struct rotate_nor *n, uint32_t at)
{
    static const uint8_t zeros[4];

    n->sectors[at].state = NOR_DEAD;
    n->sectors[at].unit = NOR_NONE;
    if (varve_flash_program(&n->area, address_of(n, at) + NOR_LABEL - 4, zeros, sizeof zeros,
                            VARVE_WRITE_META) < 0) {
        nor_give_up(n, at);
    }
}

// ---- taking -------------------------------------------------------------------------------------

static int erase(struct rotate_nor *n, uint32_t at)
{
    struct nor_sector *s = &n->sectors[at];

    s->erases++;
    s->state = NOR_UNKNOWN;
    s->unit = NOR_NONE;
    int rc = varve_flash_erase(&n->area, at);
    rc = rc == 0 ? compare(n, address_of(n, at), NULL, n->area.flash->sector_bytes) : rc;
    rc = rc == 0 ? label(n, at) : rc;
    if (rc == 0) {
        s->state = NOR_READY;
    }
    note_wear(n);
    return rc;
}

static uint32_t wear_when_used(const struct nor_sector *s)
{
    return s->erases + (s->state == NOR_UNKNOWN || s->state == NOR_DEAD);
}

static uint32_t choose(const struct rotate_nor *n, bool worn)
{
    uint32_t best = NOR_NONE;

    for (uint32_t at = 0; at < n->count; at++) {
        if (!nor_is_free(&n->sectors[at])) {
            continue;
        }
        const uint32_t wear = wear_when_used(&n->sectors[at]);
        const uint32_t least = best == NOR_NONE ? wear : wear_when_used(&n->sectors[best]);
        if (best == NOR_NONE || (worn ? wear > least : wear < least)) {
            best = at;
        }
    }
    return best;
}

static int make_ready(struct rotate_nor *n, uint32_t at)
{
    struct nor_sector *s = &n->sectors[at];
    const uint32_t behind = address_of(n, at) + NOR_HALF;

    if (s->state == NOR_CLEAN &&
        compare(n, behind, NULL, n->area.flash->sector_bytes - NOR_HALF) == 0) {
        s->state = NOR_READY;
    }
    if (s->state == NOR_BLANK) {
        s->state = NOR_UNKNOWN;
        int rc = label(n, at);
        s->state = rc == 0 ? NOR_READY : NOR_UNKNOWN;
        return rc;
    }
    return s->state == NOR_READY ? 0 : erase(n, at);
}

int nor_take(struct rotate_nor *n, bool worn, uint32_t *at)
{
    uint32_t failed[TRIES];
    unsigned tries = 0;
    int rc = VARVE_E_NO_SPACE;

    while (tries < TRIES && (*at = choose(n, worn)) != NOR_NONE) {
        rc = make_ready(n, *at);
        if (rc == 0) {
            return 0;
        }
        nor_give_up(n, *at);
        failed[tries++] = *at;
    }
    for (unsigned i = 0; tries == TRIES && i < tries; i++) { // it is the flash, not the sectors
        n->sectors[failed[i]].state = NOR_UNKNOWN;
    }
    note_wear(n);
    return tries == 0 ? VARVE_E_NO_SPACE : rc;
}

int nor_clean_one(struct rotate_nor *n)
{
    for (uint32_t at = 0; at < n->count; at++) {
        const uint8_t state = n->sectors[at].state;
        if (state == NOR_DEAD || state == NOR_UNKNOWN) {
            if (erase(n, at) < 0) {
                nor_give_up(n, at);
            }
            return VARVE_E_AGAIN;
        }
    }
    return 0;
}

// ---- payload ------------------------------------------------------------------------------------

int nor_read(struct rotate_nor *n, uint32_t at, uint32_t offset, void *buf, size_t len)
{
    return varve_flash_read(&n->area, payload_of(n, at) + offset, buf, len);
}

int nor_program(struct rotate_nor *n, uint32_t at, uint32_t offset, const void *buf, size_t len,
                enum varve_write_reason reason)
{
    return program(n, payload_of(n, at) + offset, buf, len, reason);
}

// ---- opening ------------------------------------------------------------------------------------

static bool crc_holds(const uint8_t *half)
{
    return rotate_u32(half + 12) == varve_crc32c(0, half, 12);
}

static void read_place(struct nor_sector *s, const uint8_t *half)
{
    const bool holds = crc_holds(half);
    const bool freed = rotate_u32(half + 12) == 0;
    const uint32_t index = rotate_u32(half + 4);

    if (all_are(half, NOR_HALF, 0xff)) {
        s->state = NOR_CLEAN;
        return;
    }
    s->state = holds && index <= UINT16_MAX ? NOR_USED : NOR_DEAD;
    if ((holds || freed) && index <= UINT16_MAX) {
        s->unit = rotate_u32(half);
        s->index = (uint16_t)index;
    }
}

static int read_label(struct rotate_nor *n, uint32_t at)
{
    struct nor_sector *s = &n->sectors[at];
    uint8_t bytes[NOR_LABEL + NOR_MARK];
    int rc = varve_flash_read(&n->area, address_of(n, at), bytes, sizeof bytes);

    *s = (struct nor_sector){.unit = NOR_NONE, .state = NOR_UNKNOWN};
    if (rc < 0) {
        return rc;
    }
    if (all_are(bytes, NOR_HALF, 0) && memcmp(bytes + NOR_LABEL, bad_mark, NOR_MARK) == 0) {
        s->state = NOR_BAD;
    } else if (rotate_u32(bytes) == NOR_MAGIC && crc_holds(bytes)) {
        if (bytes[4] != NOR_VERSION) {
            return VARVE_E_VERSION;
        }
        s->erases = rotate_u32(bytes + 8);
        read_place(s, bytes + NOR_HALF);
    }
    return 0;
}

// No sector has a label: the flash is new, or not ours. Of a new one the very first label may have
// been cut, a few times in a row.
static int check_new(struct rotate_nor *n)
{
    unsigned begun = 0;

    for (uint32_t at = 0; at < n->count; at++) {
        int rc = compare(n, payload_of(n, at), NULL, n->payload);
        if (rc == 0) {
            rc = compare(n, address_of(n, at), NULL, n->head);
            begun += rc == VARVE_E_CORRUPT;
            n->sectors[at].state = rc == 0 ? NOR_BLANK : NOR_UNKNOWN;
            rc = rc == VARVE_E_CORRUPT && begun <= TRIES ? 0 : rc;
        }
        if (rc < 0) {
            return rc;
        }
    }
    return n->area.writable ? 0 : VARVE_E_NOT_FOUND;
}

static bool is_labelled(const struct nor_sector *s)
{
    return s->state != NOR_UNKNOWN && s->state != NOR_BAD;
}

int nor_scan(struct rotate_nor *n)
{
    uint64_t sum = 0;
    uint32_t labelled = 0;
    int rc = 0;

    for (uint32_t at = 0; rc == 0 && at < n->count; at++) {
        rc = read_label(n, at);
        sum += n->sectors[at].erases;
        labelled += rc == 0 && is_labelled(&n->sectors[at]);
    }
    if (rc == 0 && labelled == 0) {
        rc = check_new(n);
    }
    for (uint32_t at = 0; labelled > 0 && at < n->count; at++) {
        if (n->sectors[at].state == NOR_UNKNOWN) {
            n->sectors[at].erases = (uint32_t)((sum + labelled / 2) / labelled);
        }
    }
    note_wear(n);
    return rc;
}
