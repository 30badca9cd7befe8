// SPDX-License-Identifier: Apache-2.0
// Series names of an import, remembered with the ids that the source gave them.
//
// Owns a growing hash table from the name as written in the file. Leaves registration to its
// caller.
//
// Threading: one task. Memory comes from malloc.
#ifndef VARVE_KNOWN_H
#define VARVE_KNOWN_H

#include <stddef.h>
#include <stdint.h>

struct known_name {
    char *name; // NULL: free
    size_t len;
    uint64_t hash;
    int id; // or the error that the name was refused with
};

struct known {
    struct known_name *slots;
    size_t cap; // a power of two
    size_t count;
};

// Finds the entry, or adds one with id 0 and sets *added. NULL when there is no memory. The entry
// is good until the next call.
struct known_name *known_find(struct known *k, const char *name, size_t len, int *added);
// Only looks; NULL when it is not there.
const struct known_name *known_has(const struct known *k, const char *name, size_t len);
void known_free(struct known *k);

#endif
