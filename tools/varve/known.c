// SPDX-License-Identifier: Apache-2.0
// Series names of an import: open addressing, FNV-1a; see known.h.
#include "known.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const char *name, size_t len)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)name[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

// The slot that holds the name, or the free one where it belongs.
static struct known_name *slot_of(const struct known *k, const char *name, size_t len,
                                  uint64_t hash)
{
    size_t at = (size_t)hash & (k->cap - 1);
    for (;;) {
        struct known_name *slot = &k->slots[at];
        if (!slot->name ||
            (slot->hash == hash && slot->len == len && memcmp(slot->name, name, len) == 0)) {
            return slot;
        }
        at = (at + 1) & (k->cap - 1);
    }
}

static int grow(struct known *k)
{
    struct known larger = {.cap = k->cap ? k->cap * 2 : 512, .count = k->count};
    larger.slots = calloc(larger.cap, sizeof *larger.slots);
    if (!larger.slots) {
        return -1;
    }
    for (size_t i = 0; i < k->cap; i++) {
        const struct known_name *old = &k->slots[i];
        if (old->name) {
            *slot_of(&larger, old->name, old->len, old->hash) = *old;
        }
    }
    free(k->slots);
    *k = larger;
    return 0;
}

static int fill(struct known_name *slot, const char *name, size_t len, uint64_t hash)
{
    char *copy = malloc(len + 1);
    if (!copy) {
        return -1;
    }
    memcpy(copy, name, len);
    copy[len] = '\0';
    *slot = (struct known_name){.name = copy, .len = len, .hash = hash};
    return 0;
}

struct known_name *known_find(struct known *k, const char *name, size_t len, int *added)
{
    *added = 0;
    if (k->count * 2 >= k->cap && grow(k) < 0) {
        return NULL;
    }
    uint64_t hash = hash_of(name, len);
    struct known_name *slot = slot_of(k, name, len, hash);
    if (!slot->name) {
        if (fill(slot, name, len, hash) < 0) {
            return NULL;
        }
        k->count++;
        *added = 1;
    }
    return slot;
}

const struct known_name *known_has(const struct known *k, const char *name, size_t len)
{
    const struct known_name *slot = k->cap > 0 ? slot_of(k, name, len, hash_of(name, len)) : NULL;
    return slot && slot->name ? slot : NULL;
}

void known_free(struct known *k)
{
    for (size_t i = 0; i < k->cap; i++) {
        free(k->slots[i].name);
    }
    free(k->slots);
    *k = (struct known){0};
}
