// SPDX-License-Identifier: Apache-2.0
// For LD_PRELOAD: the wall clock of a program, shifted by as many milliseconds as the file that
// VARVE_TEST_CLOCK names says, as text, at each moment. The other clocks are the machine's. Linux
// has namespaces for those, but none for this one.
//
// Threading: any task; the file is mapped once, before main().
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BYTES 32 // of the file: the number, and blanks behind it

static const char *text;
static int (*real_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("VARVE_TEST_CLOCK");
    const int file = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *mapped = file >= 0 ? mmap(NULL, BYTES, PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;
    text = mapped != MAP_FAILED ? mapped : "0";
    if (file >= 0) {
        (void)close(file); // it stays mapped
    }
    *(void **)&real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    const int rc = real_gettime(clock, out);
    if (rc != 0 || (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)) {
        return rc;
    }
    const long long ns = strtoll(text, NULL, 10) * 1000000LL + out->tv_nsec;
    const long long fraction = (ns % 1000000000LL + 1000000000LL) % 1000000000LL;
    out->tv_sec += (time_t)((ns - fraction) / 1000000000LL);
    out->tv_nsec = (long)fraction;
    return rc;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now;
    (void)zone; // nobody uses it
    const int rc = clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){.tv_sec = now.tv_sec, .tv_usec = now.tv_nsec / 1000};
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}
