// SPDX-License-Identifier: Apache-2.0
// Virtual time: three clocks that stand still until the simulator moves them, and the timers that
// run on them.
//
// Threading: one task. A timer's callback is called from varve_sim_advance() and may start or stop
// timers, but not advance the time.
#include "internal.h"

struct sim_timer {
    void (*fn)(void *arg);
    void *arg;
    int64_t due_ms; // boot time
    bool armed;
    struct sim_timer *next;
};
_Static_assert(sizeof(struct sim_timer) <= VARVE_PORT_OBJECT_BYTES, "a timer fits its object");

static struct {
    int64_t boot_ms;
    int64_t wall_ms;
    uint64_t mono_ms; // never starts again: durations are measured across reboots, too
    struct sim_timer *timers;
} now;

void sim_clock_reset(int64_t wall_ms)
{
    now.boot_ms = 0;
    now.mono_ms = 0;
    now.wall_ms = wall_ms;
    now.timers = NULL;
}

void sim_clock_boot(int64_t off_ms)
{
    now.boot_ms = 0;
    now.wall_ms += off_ms;
    now.timers = NULL; // they were in RAM
}

int64_t varve_port_boot_ms(void)
{
    return now.boot_ms;
}

uint64_t varve_port_mono_us(void)
{
    return now.mono_ms * 1000u;
}

int64_t varve_port_wall_ms(void)
{
    return now.wall_ms;
}

void varve_sim_set_wall(int64_t wall_ms)
{
    now.wall_ms = wall_ms;
}

static void move(int64_t ms)
{
    now.boot_ms += ms;
    now.wall_ms += ms;
    now.mono_ms += (uint64_t)ms;
}

static struct sim_timer *next_due(int64_t until_ms)
{
    struct sim_timer *first = NULL;
    for (struct sim_timer *t = now.timers; t != NULL; t = t->next) {
        if (t->armed && t->due_ms <= until_ms && (first == NULL || t->due_ms < first->due_ms)) {
            first = t;
        }
    }
    return first;
}

void varve_sim_advance(int64_t ms)
{
    const int64_t until_ms = now.boot_ms + ms;
    struct sim_timer *timer;
    while (now.timers != NULL && (timer = next_due(until_ms)) != NULL) {
        if (timer->due_ms > now.boot_ms) {
            move(timer->due_ms - now.boot_ms);
        }
        timer->armed = false;
        timer->fn(timer->arg);
    }
    move(until_ms - now.boot_ms);
}

// ---- timers -------------------------------------------------------------------------------------

static struct sim_timer *timer_of(struct varve_port_timer *t)
{
    return (struct sim_timer *)(void *)t;
}

int varve_port_timer_init(struct varve_port_timer *t, void (*fn)(void *arg), void *arg)
{
    *timer_of(t) = (struct sim_timer){.fn = fn, .arg = arg, .next = now.timers};
    now.timers = timer_of(t);
    return 0;
}

int varve_port_timer_start(struct varve_port_timer *t, int64_t delay_ms)
{
    timer_of(t)->due_ms = now.boot_ms + (delay_ms > 0 ? delay_ms : 0);
    timer_of(t)->armed = true;
    return 0;
}

void varve_port_timer_stop(struct varve_port_timer *t)
{
    timer_of(t)->armed = false;
}

void varve_port_timer_destroy(struct varve_port_timer *t)
{
    for (struct sim_timer **p = &now.timers; *p != NULL; p = &(*p)->next) {
        if (*p == timer_of(t)) {
            *p = timer_of(t)->next;
            return;
        }
    }
}
