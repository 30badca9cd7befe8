// SPDX-License-Identifier: Apache-2.0
// Collector load: load1, load5, load15, and the number of tasks, from /proc/loadavg.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#define TEXT_BYTES 128u

enum {
    LOAD1,
    LOAD5,
    LOAD15,
    RUNNING,
    TASKS,
    METRICS
};

struct options {
    const char *proc;
};

struct state {
    struct varve_source source;
    int32_t id[METRICS];
    char text[TEXT_BYTES];
};

struct metric {
    const char *name;
    const char *help;
};

static const struct metric metrics[METRICS] = {
    [LOAD1] = {"load1", "Tasks that run or wait, averaged over a minute."},
    [LOAD5] = {"load5", "Tasks that run or wait, averaged over five minutes."},
    [LOAD15] = {"load15", "Tasks that run or wait, averaged over fifteen minutes."},
    [RUNNING] = {"processes_running", "Tasks that can run now; threads count each."},
    [TASKS] = {"processes", "Tasks that exist; threads count each."},
};

static void push(struct varve_instance *self, size_t metric, double value)
{
    struct state *s = self->state;
    if (s->id[metric] == VARVE_UNREGISTERED)
        s->id[metric] = varve_instance_series_label(self, VARVE_GAUGE, metrics[metric].name, NULL,
                                                    NULL, "1", metrics[metric].help);
    // A full ring is counted by the host.
    (void)varve_instance_push(self, s->id[metric], value);
}

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    struct varve_span text;
    struct varve_loadavg load;
    int rc = varve_source_read(self, &s->source, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    if (!varve_proc_loadavg(text, &load)) {
        varve_instance_fail(self, "%s does not begin with three averages", s->source.path);
        return VARVE_E_CORRUPT;
    }
    for (size_t i = 0; i < 3; i++)
        push(self, LOAD1 + i, load.load[i]);
    if (load.has_tasks) {
        push(self, RUNNING, (double)load.running);
        push(self, TASKS, (double)load.tasks);
    }
    return 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    for (size_t i = 0; i < METRICS; i++)
        s->id[i] = VARVE_UNREGISTERED;
    return varve_source_open(self, &s->source, o->proc, "/loadavg");
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_load = {
    VARVE_PLUGIN_HEADER,
    .name = "load",
    .summary = "Load averages and number of tasks",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_load);
