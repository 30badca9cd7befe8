// SPDX-License-Identifier: Apache-2.0
// A collector that pushes as much as it is told, and knows how much that was: the load of the load
// test. A module for the real daemon; test_load.sh builds it.
//
// At its end it prints "load: pushed N refused R" on standard error: N samples were offered to the
// host, R of them the host said it had no room for. It is the test's business whether N is what is
// stored and R what is counted as dropped.
//
// Threading: one worker task at a time.
#include <stdio.h>

#include "varve/host.h"
#include "varve/plugin.h"

#define MAX_SERIES 256

struct options {
    int64_t series;
    int64_t samples; // of each series in one run
    int64_t runs;    // 0: no end
};

struct state {
    int id[MAX_SERIES];
    uint64_t pushed, refused, runs;
    double value;
};

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    for (int64_t i = 0; i < o->series; i++) {
        char number[24];
        (void)varve_format(number, sizeof number, "%lld", (long long)i); // fits
        s->id[i] = varve_instance_series_label(self, VARVE_GAUGE, "load", "n", number, "1",
                                               "A sample of the load test.");
        if (s->id[i] < 0) {
            return s->id[i];
        }
    }
    return 0;
}

// A walk of small steps, as a sensor's.
static double next_value(struct state *s)
{
    s->value += (double)((s->pushed * 2654435761u >> 16) % 7) - 3;
    return s->value;
}

// Samples of one run are a millisecond apart, so that each has a time of its own.
static int collect(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    if (o->runs > 0 && s->runs >= (uint64_t)o->runs) {
        return 0;
    }
    s->runs++;
    for (int64_t sample = 0; sample < o->samples; sample++) {
        int64_t at_ms = self->due_boot_ms - o->samples + sample;
        for (int64_t i = 0; i < o->series; i++) {
            int rc = varve_push_boot(self->host, s->id[i], at_ms, next_value(s));
            s->pushed++;
            s->refused += rc == VARVE_E_FULL;
            if (rc != 0 && rc != VARVE_E_FULL) {
                return rc;
            }
        }
    }
    return 0;
}

static void leave(struct varve_instance *self)
{
    const struct state *s = self->state;
    (void)fprintf(stderr, "load: pushed %llu refused %llu\n", (unsigned long long)s->pushed,
                  (unsigned long long)s->refused);
}

static const struct varve_option options[] = {
    {"series", VARVE_OPT_INT, offsetof(struct options, series), "100", 1, MAX_SERIES, NULL,
     "Series."},
    {"samples", VARVE_OPT_INT, offsetof(struct options, samples), "1", 1, 1000000, NULL,
     "Samples of each series in one run."},
    {"runs", VARVE_OPT_INT, offsetof(struct options, runs), "0", 0, 1000000000, NULL,
     "Runs after which it rests; 0: it does not."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect, .exit = leave};

const struct varve_plugin varve_collector_load_test = {
    VARVE_PLUGIN_HEADER,
    .name = "load_test",
    .summary = "Pushes as much as it is told",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_load_test);
