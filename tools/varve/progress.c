// SPDX-License-Identifier: Apache-2.0
// How far an import is; see progress.h.
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "number.h"
#include "varve/port.h"
#include "when.h"

#define EVERY_US 200000u
#define WIDTH    20

void progress_begin(struct progress *p, int64_t total)
{
    *p = (struct progress){.shown = isatty(STDERR_FILENO) != 0, .total = total};
    p->start_us = varve_port_mono_us();
    p->last_us = p->start_us;
}

// What is left, from how long the part before took; empty while that says nothing.
static void put_rest(double part, uint64_t elapsed_us)
{
    char left[WHEN_TEXT];
    if (part > 0.01) {
        double rest_ms = (double)elapsed_us / 1000 * (1 - part) / part;
        (void)fprintf(stderr, ", %s left", when_span((int64_t)rest_ms, left, sizeof left));
    }
}

void progress_show(struct progress *p, int64_t done, uint64_t points, size_t series)
{
    static const char full[] = "####################";
    uint64_t now = varve_port_mono_us();
    if (!p->shown || now - p->last_us < EVERY_US) {
        return;
    }
    p->last_us = now;
    uint64_t elapsed_us = now - p->start_us;
    double part = p->total > 0 ? (double)done / (double)p->total : 0;
    part = part > 1 ? 1 : part;
    (void)fprintf(stderr, "\r\033[K");
    if (p->total > 0) {
        (void)fprintf(stderr, "[%-*.*s] %3.0f %%  ", WIDTH, (int)(part * WIDTH), full, 100 * part);
    }
    char rate[NUMBER_TEXT];
    (void)fprintf(stderr, "%" PRIu64 " points, %zu series, %s/s", points, series,
                  number_short((double)points * 1e6 / (double)elapsed_us, rate));
    put_rest(part, elapsed_us);
    (void)fflush(stderr); // unbuffered as a rule
}

void progress_clear(const struct progress *p)
{
    if (p->shown) {
        (void)fprintf(stderr, "\r\033[K");
    }
}
