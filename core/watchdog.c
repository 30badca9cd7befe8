// SPDX-License-Identifier: Apache-2.0
// The software watchdog: whether the keeper and the backends get on with their work. Each marks
// when it began its present step, and long steps (a backup) mark their progress. The keeper looks
// after the backends; after the keeper looks whoever calls varve_host_alive(). Collectors have
// deadlines of their own (collect.c).
//
// Being stuck is reported once, and so is its end. Nothing is killed here: what a stuck task holds
// cannot be taken from it. The program tells its service manager, which can start it anew.
//
// Threading: marks are atomics of 32 bits, so times are compared modulo 2^32 ms, 49 days.
#include "host_state.h"
#include "text.h"

void varve_beat(struct varve_beat *beat)
{
    atomic_store(&beat->since_ms, (uint32_t)varve_port_boot_ms());
    atomic_store(&beat->busy, true);
}

void varve_beat_goes_on(struct varve_beat *beat)
{
    atomic_store(&beat->since_ms, (uint32_t)varve_port_boot_ms());
}

void varve_beat_rest(struct varve_beat *beat)
{
    atomic_store(&beat->busy, false);
}

// For how long the task has been at its step, in ms.
static uint32_t busy_ms(const struct varve_beat *beat)
{
    uint32_t since_ms = atomic_load(&beat->since_ms);
    return atomic_load(&beat->busy) ? (uint32_t)varve_port_boot_ms() - since_ms : 0;
}

static bool is_stuck(const struct varve_host *host, const struct varve_beat *beat)
{
    int64_t limit_ms = host->conf->settings.stuck_ms;
    return limit_ms > 0 && busy_ms(beat) > limit_ms;
}

static void look_after(struct varve_host *host, struct varve_backend *backend)
{
    bool stuck = is_stuck(host, &backend->beat);
    uint32_t since_ms = atomic_load(&backend->beat.since_ms);
    if (stuck && !backend->stuck) {
        backend->stuck_since_ms = since_ms;
        varve_event_add(host, VARVE_ERROR, backend->instance.name, "store_stuck", true,
                        (double)busy_ms(&backend->beat) / 1000, NULL,
                        "storing takes longer than `stuck` allows; history stays in RAM");
    } else if (!stuck && backend->stuck) {
        uint32_t took_ms = (uint32_t)varve_port_boot_ms() - backend->stuck_since_ms;
        varve_event_add(host, VARVE_NOTICE, backend->instance.name, "store_back", true,
                        (double)took_ms / 1000, NULL, "goes on storing after %u s",
                        (unsigned)(took_ms / 1000));
    }
    backend->stuck = stuck;
}

void varve_watchdog_tick(struct varve_host *host)
{
    for (size_t b = 0; b < host->backend_count; b++) {
        look_after(host, &host->backends[b]);
    }
}

int varve_host_alive(const struct varve_host *host, char *why, size_t cap)
{
    if (is_stuck(host, &host->keeper_beat)) {
        (void)varve_format(why, cap, "the keeper has not come round for %u s",
                           (unsigned)(busy_ms(&host->keeper_beat) / 1000));
        return VARVE_E_TIMEOUT;
    }
    for (size_t b = 0; b < host->backend_count; b++) {
        const struct varve_backend *backend = &host->backends[b];
        if (is_stuck(host, &backend->beat)) {
            (void)varve_format(why, cap, "backend %s has been at one step for %u s",
                               backend->instance.name, (unsigned)(busy_ms(&backend->beat) / 1000));
            return VARVE_E_TIMEOUT;
        }
    }
    return 0;
}
