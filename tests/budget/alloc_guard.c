// SPDX-License-Identifier: Apache-2.0
// Counts a program's allocations while it is armed: a shared object for LD_PRELOAD. It owns the
// counters and the entry points of the allocator; the memory itself comes from the C library as
// before. What may be counted, and what is too much, is the test's business; README.md says how.
//
// The next allocator is looked up by dlsym(), which allocates in some C libraries, and others
// allocate before anything could be looked up. Until the lookup is done, requests are served from a
// static arena; its blocks are never reused, and realloc() copies out of them.
//
// Threading: every function from any thread, at any time. No locks: counters are atomic, and a
// thread that comes while another looks up uses the arena.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void alloc_guard_arm(int on);
unsigned long alloc_guard_count(void);
unsigned long alloc_guard_total(void);

// ---- counting

static atomic_int armed;
static atomic_ulong counted;
static atomic_ulong total;

void alloc_guard_arm(int on)
{
    static const char line[] = "alloc_guard: armed\n";
    if (on)
        atomic_store(&counted, 0ul);
    atomic_store(&armed, on != 0);
    if (on)
        (void)!write(STDERR_FILENO, line, sizeof line - 1); // who waits for it sees it
}

unsigned long alloc_guard_count(void)
{
    return atomic_load(&counted);
}

// All since the program began: 0 means that the guard is not in its place.
unsigned long alloc_guard_total(void)
{
    return atomic_load(&total);
}

static void count(void)
{
    atomic_fetch_add_explicit(&total, 1ul, memory_order_relaxed);
    if (atomic_load_explicit(&armed, memory_order_acquire))
        atomic_fetch_add_explicit(&counted, 1ul, memory_order_relaxed);
}

// ---- arena for the time before the lookup

#define ARENA_BYTES 65536u
#define ARENA_ALIGN 16u

static _Alignas(max_align_t) unsigned char arena[ARENA_BYTES];
static atomic_size_t arena_used;

static bool in_arena(const void *p)
{
    return (uintptr_t)p - (uintptr_t)arena < sizeof arena;
}

// `align` is a power of two. Blocks are zero, because none is used twice. Each has its size in
// front of it.
static void *arena_take(size_t size, size_t align)
{
    if (align < ARENA_ALIGN)
        align = ARENA_ALIGN;
    if (size > sizeof arena || align > sizeof arena)
        return NULL;
    const size_t need = size + align + ARENA_ALIGN; // ARENA_ALIGN bytes for the size
    const size_t used =
        atomic_fetch_add(&arena_used, (need + ARENA_ALIGN - 1u) & ~(ARENA_ALIGN - 1u));
    if (used > sizeof arena || need > sizeof arena - used)
        return NULL;
    const uintptr_t at = ((uintptr_t)(arena + used) + ARENA_ALIGN + align - 1u) & ~(align - 1u);
    unsigned char *block = arena + (at - (uintptr_t)arena);
    memcpy(block - sizeof size, &size, sizeof size);
    return block;
}

static size_t arena_size(const void *block)
{
    size_t size;
    memcpy(&size, (const unsigned char *)block - sizeof size, sizeof size);
    return size;
}

// ---- the next allocator

struct next {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t n, size_t size);
    void *(*realloc)(void *p, size_t size);
    void (*free)(void *p);
    int (*posix_memalign)(void **out, size_t align, size_t size);
    void *(*aligned_alloc)(size_t align, size_t size);
    void *(*memalign)(size_t align, size_t size);
};

enum lookup {
    LOOKUP_NOT_BEGUN,
    LOOKUP_RUNS,
    LOOKUP_DONE
};

static struct next next;
static atomic_int lookup;

// ISO C has no conversion from dlsym()'s result to a function; POSIX promises that the bytes agree.
static void find(void *function, const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    memcpy(function, &symbol, sizeof symbol);
}

static void look_up(void)
{
    find(&next.malloc, "malloc");
    find(&next.calloc, "calloc");
    find(&next.realloc, "realloc");
    find(&next.free, "free");
    find(&next.posix_memalign, "posix_memalign");
    find(&next.aligned_alloc, "aligned_alloc");
    find(&next.memalign, "memalign");
    atomic_store_explicit(&lookup, LOOKUP_DONE, memory_order_release);
}

// True when the next allocator can be called; false while it is being looked up, by this thread (a
// call from within dlsym()) or by another.
static bool ready(void)
{
    if (atomic_load_explicit(&lookup, memory_order_acquire) == LOOKUP_DONE)
        return true;
    int expected = LOOKUP_NOT_BEGUN;
    if (!atomic_compare_exchange_strong(&lookup, &expected, LOOKUP_RUNS))
        return expected == LOOKUP_DONE;
    look_up();
    return true;
}

// Long before there is a second thread, as a rule.
__attribute__((constructor)) static void start(void)
{
    (void)ready();
}

// ---- entry points

static void *out_of_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static void *early(size_t size, size_t align)
{
    void *block = arena_take(size, align);
    return block ? block : out_of_memory();
}

static bool overflows(size_t n, size_t size)
{
    return size != 0 && n > SIZE_MAX / size;
}

void *malloc(size_t size)
{
    count();
    return ready() ? next.malloc(size) : early(size, ARENA_ALIGN);
}

void *calloc(size_t n, size_t size)
{
    count();
    if (ready())
        return next.calloc(n, size);
    return overflows(n, size) ? out_of_memory() : early(n * size, ARENA_ALIGN);
}

static void *realloc_from_arena(void *p, size_t size)
{
    void *block = ready() ? next.malloc(size) : early(size, ARENA_ALIGN);
    const size_t old = arena_size(p);
    if (block)
        memcpy(block, p, old < size ? old : size);
    return block;
}

static void *resize(void *p, size_t size)
{
    if (in_arena(p))
        return realloc_from_arena(p, size);
    if (ready())
        return next.realloc(p, size);
    // Memory of the next allocator cannot be here before that was found.
    return p ? out_of_memory() : early(size, ARENA_ALIGN);
}

void *realloc(void *p, size_t size)
{
    count();
    return resize(p, size);
}

void *reallocarray(void *p, size_t n, size_t size)
{
    count();
    return overflows(n, size) ? out_of_memory() : resize(p, n * size);
}

void free(void *p)
{
    if (!p || in_arena(p))
        return;
    if (ready())
        next.free(p);
}

int posix_memalign(void **out, size_t align, size_t size)
{
    count();
    if (ready())
        return next.posix_memalign(out, align, size);
    void *block = arena_take(size, align);
    if (!block)
        return ENOMEM;
    *out = block;
    return 0;
}

void *aligned_alloc(size_t align, size_t size)
{
    count();
    return ready() ? next.aligned_alloc(align, size) : early(size, align);
}

// Declared by <malloc.h>, which not every C library has.
void *memalign(size_t align, size_t size);

void *memalign(size_t align, size_t size)
{
    count();
    return ready() ? next.memalign(align, size) : early(size, align);
}
