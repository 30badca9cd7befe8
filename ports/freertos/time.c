// SPDX-License-Identifier: Apache-2.0
// Clocks from the kernel's tick, so exact to one tick. It counts in 32 bits on most ports of the
// kernel; they are made 64 here.
//
// Time in which the tick stands still is not seen: with tickless idle the kernel adds it up.
//
// Threading: any context.
#include "ports/common/wide_tick.h"
#include "ports/freertos/internal.h"

#define MS_PER_S 1000
#define US_PER_S 1000000u

uint64_t freertos_now(void)
{
    static struct varve_wide_tick wide;
    const UBaseType_t mask = freertos_enter(); // readings come in their order
    const TickType_t now =
        VARVE_FREERTOS_IN_INTERRUPT() ? xTaskGetTickCountFromISR() : xTaskGetTickCount();
    const uint64_t ticks =
        sizeof now > sizeof(uint32_t) ? now : varve_wide_tick(&wide, (uint32_t)now);
    freertos_exit(mask);
    return ticks;
}

TickType_t freertos_ticks(int64_t ms)
{
    const int64_t most = UINT32_MAX / 2;
    if (ms > most / configTICK_RATE_HZ) {
        return (TickType_t)most;
    }
    // The tick that has begun does not count.
    return ms <= 0 ? 1 : (TickType_t)((ms * configTICK_RATE_HZ + MS_PER_S - 1) / MS_PER_S + 1);
}

int64_t freertos_deadline_ms(int64_t timeout_ms)
{
    const int64_t now_ms = varve_port_boot_ms();
    return timeout_ms < 0 || timeout_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + timeout_ms;
}

int64_t varve_port_boot_ms(void)
{
    return (int64_t)(freertos_now() * MS_PER_S / configTICK_RATE_HZ);
}

uint64_t varve_port_mono_us(void)
{
    return freertos_now() * US_PER_S / configTICK_RATE_HZ;
}
