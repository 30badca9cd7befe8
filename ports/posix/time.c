// SPDX-License-Identifier: Apache-2.0
// The clocks of the POSIX port. Whether the wall clock can be believed is core/timebase's question.
//
// Threading: any context, signal handlers included; no state.
#include "internal.h"

#include <assert.h>

#define NS_PER_S     1000000000LL
#define NS_PER_MS    1000000LL
#define DELAY_MAX_MS (10LL * 366 * 24 * 3600 * 1000)

// The boot clock goes on counting while the device sleeps; systems without it have to do with the
// monotonic clock.
#ifdef CLOCK_BOOTTIME
#define BOOT_CLOCK CLOCK_BOOTTIME
#else
#define BOOT_CLOCK CLOCK_MONOTONIC
#endif

static int64_t read_ns(clockid_t clock)
{
    struct timespec now = {0};
    const int rc = clock_gettime(clock, &now);
    assert(rc == 0); // only an unknown clock fails
    (void)rc;
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t varve_port_boot_ms(void)
{
    return read_ns(BOOT_CLOCK) / NS_PER_MS;
}

uint64_t varve_port_mono_us(void)
{
    return (uint64_t)read_ns(CLOCK_MONOTONIC) / 1000u;
}

int64_t varve_port_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / NS_PER_MS;
}

int64_t varve_posix_mono_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t varve_posix_deadline_ns(int64_t delay_ms)
{
    if (delay_ms < 0)
        delay_ms = 0;
    if (delay_ms > DELAY_MAX_MS)
        delay_ms = DELAY_MAX_MS;
    return varve_posix_mono_ns() + delay_ms * NS_PER_MS;
}

struct timespec varve_posix_timespec(int64_t ns)
{
    struct timespec t = {0};
    t.tv_sec = (time_t)(ns / NS_PER_S);
    t.tv_nsec = (long)(ns % NS_PER_S);
    return t;
}
