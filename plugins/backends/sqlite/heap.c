// SPDX-License-Identifier: Apache-2.0
// SQLite's heap: a first-fit allocator in one arena that the first instance takes from its host.
//
// SQLite has one allocator per process, chosen before it is initialised; that is the reason for the
// one mutable global below. The first instance configures it, further instances share it, the last
// one to close shuts SQLite down and puts the previous allocator back. When the program has started
// SQLite for its own use before, its allocator stays and nothing is shut down.
//
// Layout: chunks back to back, each with a header of 8 bytes that holds its own size (bit 0: in
// use) and the size of the chunk before, so that neighbours merge at free. First fit: SQLite holds
// a few hundred chunks, most of them cache pages of one size, and allocates 2-3 times per flush.
//
// Threading: SQLite serialises the calls (memory statistics are on). acquire() and release() of
// several hosts must not run at the same time, and the host that opened first must close last.

#include <string.h>

#include <sqlite3.h>

#include "heap.h"
#include "varve/host.h"

#define USED 1u

struct chunk {
    uint32_t size;   // bytes, header included; bit 0: in use
    uint32_t before; // size of the chunk before, without its bit; 0 in the first
};

static struct {
    uint8_t *arena;
    size_t bytes;
    unsigned users;
    bool ours; // SQLite runs on the arena
    sqlite3_mem_methods previous;
} heap;

static size_t size_of(const struct chunk *c)
{
    return c->size & ~USED;
}

static struct chunk *after(struct chunk *c)
{
    uint8_t *p = (uint8_t *)c + size_of(c);

    return p < heap.arena + heap.bytes ? (struct chunk *)(void *)p : NULL;
}

static void set_size(struct chunk *c, size_t size, uint32_t used)
{
    c->size = (uint32_t)size | used;
    struct chunk *next = after(c);
    if (next != NULL) {
        next->before = (uint32_t)size;
    }
}

// Cuts what is not needed off the end of a chunk and joins it with a free chunk behind it.
static void split(struct chunk *c, size_t need)
{
    size_t rest = size_of(c) - need;
    if (rest < 2u * sizeof *c) {
        return;
    }
    set_size(c, need, c->size & USED);
    struct chunk *tail = after(c);
    tail->before = (uint32_t)need;
    set_size(tail, rest, 0);
    struct chunk *next = after(tail);
    if (next != NULL && (next->size & USED) == 0) {
        set_size(tail, rest + size_of(next), 0);
    }
}

static size_t needed(int bytes)
{
    return (((size_t)bytes + 7u) & ~(size_t)7u) + sizeof(struct chunk);
}

static void *heap_malloc(int bytes)
{
    size_t need = needed(bytes);

    for (struct chunk *c = (struct chunk *)(void *)heap.arena; c != NULL; c = after(c)) {
        if ((c->size & USED) == 0 && size_of(c) >= need) {
            set_size(c, size_of(c), USED);
            split(c, need);
            return c + 1;
        }
    }
    return NULL;
}

static void heap_free(void *p)
{
    struct chunk *c = (struct chunk *)p - 1;
    size_t size = size_of(c);
    struct chunk *next = after(c);

    if (next != NULL && (next->size & USED) == 0) {
        size += size_of(next);
    }
    if (c->before != 0) {
        struct chunk *before = (struct chunk *)(void *)((uint8_t *)c - c->before);
        if ((before->size & USED) == 0) {
            size += size_of(before);
            c = before;
        }
    }
    set_size(c, size, 0);
}

static int heap_size(void *p)
{
    return p == NULL ? 0 : (int)(size_of((struct chunk *)p - 1) - sizeof(struct chunk));
}

// Makes room in place when the chunk behind is free and large enough.
static bool grow(struct chunk *c, size_t need)
{
    struct chunk *next = after(c);

    if (next == NULL || (next->size & USED) != 0 || size_of(c) + size_of(next) < need) {
        return false;
    }
    set_size(c, size_of(c) + size_of(next), USED);
    split(c, need);
    return true;
}

static void *heap_realloc(void *p, int bytes)
{
    struct chunk *c = (struct chunk *)p - 1;
    size_t need = needed(bytes);

    if (size_of(c) >= need) {
        split(c, need);
        return p;
    }
    if (grow(c, need)) {
        return p;
    }
    void *moved = heap_malloc(bytes);
    if (moved != NULL) {
        memcpy(moved, p, (size_t)heap_size(p));
        heap_free(p);
    }
    return moved;
}

static int heap_roundup(int bytes)
{
    return (bytes + 7) & ~7;
}

static int heap_init(void *unused)
{
    (void)unused; // the arena is known
    struct chunk *all = (struct chunk *)(void *)heap.arena;
    all->before = 0;
    set_size(all, heap.bytes, 0);
    return SQLITE_OK;
}

static void heap_shutdown(void *unused)
{
    (void)unused; // the arena stays with the host
}

static const sqlite3_mem_methods methods = {
    .xMalloc = heap_malloc,
    .xFree = heap_free,
    .xRealloc = heap_realloc,
    .xSize = heap_size,
    .xRoundup = heap_roundup,
    .xInit = heap_init,
    .xShutdown = heap_shutdown,
};

// Gives SQLite the arena. SQLite copies the methods.
static int configure(struct varve_instance *self, size_t bytes)
{
    heap.bytes = bytes & ~(size_t)7u;
    heap.arena = varve_instance_take(self, heap.bytes, sizeof(struct chunk));
    if (heap.arena == NULL) {
        varve_instance_fail(self, "%zu bytes for SQLite (option heap) are not to be had", bytes);
        return VARVE_E_NO_MEMORY;
    }
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK ||
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1) != SQLITE_OK) {
        varve_instance_fail(self, "SQLite refuses its memory settings");
        return VARVE_E_IO;
    }
    heap.ours = true;
    return 0;
}

static void restore(void)
{
    if (heap.ours) {
        (void)sqlite3_shutdown(); // always SQLITE_OK on systems with a VFS
        (void)sqlite3_config(SQLITE_CONFIG_MALLOC, &heap.previous); // fails only when initialised
    }
    memset(&heap, 0, sizeof heap);
}

int varve_sqlite_heap_acquire(struct varve_instance *self, size_t bytes)
{
    if (heap.users > 0) {
        heap.users++;
        return 0;
    }
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &heap.previous) == SQLITE_OK) {
        int rc = configure(self, bytes);
        if (rc < 0) {
            restore();
            return rc;
        }
    } else {
        varve_log(VARVE_NOTICE, self->name,
                  "SQLite runs already: it keeps the program's allocator");
    }
    if (sqlite3_initialize() != SQLITE_OK) {
        restore();
        varve_instance_fail(self, "SQLite does not start: raise the option heap");
        return VARVE_E_NO_MEMORY;
    }
    if (heap.ours) { // near it, caches use their own clean pages again instead of growing
        (void)sqlite3_soft_heap_limit64((sqlite3_int64)(heap.bytes - heap.bytes / 8));
    }
    heap.users = 1;
    return 0;
}

void varve_sqlite_heap_release(void)
{
    if (--heap.users == 0) {
        restore();
    }
}
