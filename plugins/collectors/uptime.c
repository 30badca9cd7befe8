// SPDX-License-Identifier: Apache-2.0
// Collector uptime: uptime_seconds from /proc/uptime. A gauge, although it grows: it starts again
// at every boot, and what one asks of it is its value (or its minimum: was there a boot?), not its
// increase.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#define TEXT_BYTES         128u
#define DEFAULT_INTERVAL_S 60

struct options {
    const char *proc;
};

struct state {
    struct varve_source source;
    int32_t id;
    char text[TEXT_BYTES];
};

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    struct varve_span text;
    double seconds;
    int rc = varve_source_read(self, &s->source, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    if (!varve_proc_uptime(text, &seconds)) {
        varve_instance_fail(self, "%s does not begin with a number", s->source.path);
        return VARVE_E_CORRUPT;
    }
    // A full ring is counted by the host.
    (void)varve_instance_push(self, s->id, seconds);
    return 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    int rc = varve_source_open(self, &s->source, o->proc, "/uptime");
    if (rc != 0)
        return rc;
    s->id = varve_instance_series_label(self, VARVE_GAUGE, "uptime_seconds", NULL, NULL, "s",
                                        "Time since the system was booted.");
    return 0;
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_uptime = {
    VARVE_PLUGIN_HEADER,
    .name = "uptime",
    .summary = "Time since boot",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
    .default_interval_ms = DEFAULT_INTERVAL_S * 1000,
};
VARVE_PLUGIN(varve_collector_uptime);
