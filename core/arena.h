// SPDX-License-Identifier: Apache-2.0
// A bump allocator over the static memory that the host was given: everything is taken while the
// host is made, and given back only by going back to an earlier state. One task.
#ifndef VARVE_CORE_ARENA_H
#define VARVE_CORE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct varve_arena {
    uint8_t *base;
    size_t size;
    size_t used;   // bytes given out
    size_t wanted; // bytes asked for, refused ones included: what the host would need
    bool fresh;    // the memory is known to hold zeros: clearing would only touch its pages
};

// `align` is a power of two. The memory is not zeroed. NULL when it does not fit.
static inline void *varve_arena_take(struct varve_arena *arena, size_t bytes, size_t align)
{
    size_t start = (arena->wanted + align - 1) & ~(align - 1);
    arena->wanted = start + bytes;
    if (start > arena->size || bytes > arena->size - start) {
        return NULL;
    }
    arena->used = arena->wanted;
    return arena->base + start;
}

// The same for `n` objects of `bytes` each, zeroed.
static inline void *varve_arena_take_zeroed(struct varve_arena *arena, size_t n, size_t bytes)
{
    if (bytes != 0 && n > SIZE_MAX / 2 / bytes) {
        return NULL;
    }
    void *p = varve_arena_take(arena, n * bytes, _Alignof(max_align_t));
    if (p != NULL && !arena->fresh) {
        memset(p, 0, n * bytes);
    }
    return p;
}

// Gives back what was taken since the arena was as in `before`.
static inline void varve_arena_return(struct varve_arena *arena, const struct varve_arena *before)
{
    if (arena->fresh && arena->used > before->used) {
        memset(arena->base + before->used, 0, arena->used - before->used);
    }
    arena->used = before->used;
    arena->wanted = before->wanted;
}

#endif
