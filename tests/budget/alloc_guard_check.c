// SPDX-License-Identifier: Apache-2.0
// The allocation guard's own test: a program with the guard compiled in, which then counts itself.
// It needs to see the guard's insides to bring back the time before the lookup.
//
// Threading: starts threads of its own; the checks run in main().
#include "alloc_guard.c"

#include <pthread.h>
#include <stdio.h>

static int failures;
static void *volatile sink; // keeps the compiler from leaving an allocation out

static void check(bool good, const char *what)
{
    printf("%s: %s\n", good ? "ok" : "FAILED", what);
    failures += good ? 0 : 1;
}

static void keep(void *p)
{
    sink = p;
}

static void nothing_is_counted_unless_armed(void)
{
    alloc_guard_arm(1);
    alloc_guard_arm(0);
    keep(malloc(10));
    free(sink);
    check(alloc_guard_count() == 0, "an unarmed guard counts nothing");
    check(alloc_guard_total() > 0, "but sees that it is in place");
}

static void every_entry_point_counts_one(void)
{
    void *p = NULL;
    alloc_guard_arm(1);
    keep(malloc(1));
    keep(realloc(sink, 5000));
    free(sink);
    keep(calloc(3, 4));
    free(sink);
    const int rc = posix_memalign(&p, 64, 10);
    free(p);
    keep(aligned_alloc(64, 64));
    free(sink);
    keep(memalign(64, 1));
    free(sink);
    keep(strdup("text")); // the C library's own use of malloc
    free(sink);
    alloc_guard_arm(0);
    check(rc == 0 && alloc_guard_count() == 7, "each allocation counts one, free() none");
    alloc_guard_arm(1);
    check(alloc_guard_count() == 0, "arming starts from 0");
    alloc_guard_arm(0);
}

static void *allocate_often(void *unused)
{
    for (int i = 0; i < 10000; i++) {
        void *volatile p = malloc(16);
        free(p);
    }
    return unused;
}

static void threads_are_all_counted(void)
{
    pthread_t thread[4];
    alloc_guard_arm(1);
    bool good = true;
    for (int i = 0; i < 4; i++)
        good = good && pthread_create(&thread[i], NULL, allocate_often, NULL) == 0;
    for (int i = 0; i < 4; i++)
        good = good && pthread_join(thread[i], NULL) == 0;
    alloc_guard_arm(0);
    const unsigned long n = alloc_guard_count(); // and a few for starting threads
    check(good && n >= 40000 && n < 40100, "no allocation of any thread is lost");
}

static bool is_zero(const unsigned char *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != 0)
            return false;
    }
    return true;
}

static void requests_before_the_lookup_are_served(void)
{
    volatile size_t huge = SIZE_MAX;    // unseen by the compiler, which would warn
    atomic_store(&lookup, LOOKUP_RUNS); // as if dlsym() were asking
    unsigned char *a = malloc(100);
    unsigned char *b = calloc(10, 10);
    void *aligned = NULL;
    const int rc = posix_memalign(&aligned, 256, 8);
    memset(a, 0xaa, 100);
    unsigned char *grown = realloc(a, 200);
    free(b);
    void *too_big = malloc(ARENA_BYTES);
    void *wrapping = calloc(huge, 2);
    atomic_store(&lookup, LOOKUP_DONE);

    check(in_arena(a) && in_arena(b) && in_arena(grown), "the arena serves");
    check(is_zero(b, 100), "calloc() is zero and apart from malloc()");
    check(rc == 0 && (uintptr_t)aligned % 256u == 0, "alignment is kept");
    check(grown != a && grown[0] == 0xaa && grown[99] == 0xaa, "realloc() copies");
    check(!too_big && !wrapping, "what does not fit is refused");

    unsigned char *moved = realloc(grown, 300); // the lookup is done: into real memory
    check(!in_arena(moved) && moved[99] == 0xaa, "realloc() moves out of the arena");
    free(moved);
    free(aligned); // harmless
}

int main(void)
{
    nothing_is_counted_unless_armed();
    every_entry_point_counts_one();
    threads_are_all_counted();
    requests_before_the_lookup_are_served();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
