// SPDX-License-Identifier: Apache-2.0
// Collector cpu: time per mode from /proc/stat, of the machine and of each core.
//
//   cpu_seconds_total{mode}           all cores together; modes user nice system idle iowait irq
//                                     softirq steal, as many as the kernel tells
//   cpu_guest_seconds_total{mode}     part of user and nice that went to virtual machines
//   cpu_core_seconds_total{cpu,mode}  the same per core, and cpu_core_guest_seconds_total
//
// Summing one metric over its labels never counts a second twice: the machine and the cores are
// different metrics, and so is guest time, which the kernel has already counted as user or nice.
// Guest series appear with the first guest second.
//
// Values are the kernel's, with one exception: idle and iowait are known to step back a little when
// cores sleep or go offline. A step back of less than JUMP_BACK_S is held, because a counter that
// falls would be taken for one that restarted.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#include "varve/host.h"

#define MAX_CORES   128u
#define TEXT_BYTES  16384u // 128 lines of cores; what follows them (intr) is not needed
#define JUMP_BACK_S 3u

struct options {
    const char *proc;
    int64_t hz;
    bool per_core;
};

struct core {
    bool known;
    int32_t id[VARVE_CPU_MODES];
    uint64_t ticks[VARVE_CPU_MODES];
};

struct state {
    struct varve_source source;
    uint64_t refused;
    struct core all;
    struct core core[MAX_CORES];
    char text[TEXT_BYTES];
};

static const char *const mode_names[VARVE_CPU_MODES] = {
    "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "user", "nice",
};

static bool is_guest(unsigned mode)
{
    return mode == VARVE_CPU_GUEST || mode == VARVE_CPU_GUEST_NICE;
}

static int add_series(struct varve_instance *self, int core, unsigned mode)
{
    char text[VARVE_SERIES_TEXT];
    const char *guest = is_guest(mode) ? "guest_" : "";
    if (core == VARVE_CPU_ALL)
        varve_format(text, sizeof text, "cpu_%sseconds_total{mode=\"%s\"}", guest,
                     mode_names[mode]);
    else
        varve_format(text, sizeof text, "cpu_core_%sseconds_total{cpu=\"%d\",mode=\"%s\"}", guest,
                     core, mode_names[mode]);
    const struct varve_series_def def = {
        .text = text,
        .unit = "s",
        .help = core == VARVE_CPU_ALL ? "Time that all cores spent in a mode."
                                      : "Time that one core spent in a mode.",
        .kind = VARVE_COUNTER,
    };
    return varve_instance_series(self, &def);
}

static uint64_t hold_small_steps_back(uint64_t last, uint64_t now, uint64_t limit)
{
    return now < last && last - now < limit ? last : now;
}

static void push_line(struct varve_instance *self, struct core *core,
                      const struct varve_cpu_line *line)
{
    const struct options *o = self->options;
    for (unsigned m = 0; m < VARVE_CPU_MODES && !core->known; m++)
        core->id[m] = VARVE_UNREGISTERED;
    core->known = true;
    for (unsigned m = 0; m < line->modes; m++) {
        if (core->id[m] == VARVE_UNREGISTERED && is_guest(m) && line->ticks[m] == 0)
            continue;
        if (core->id[m] == VARVE_UNREGISTERED)
            core->id[m] = add_series(self, line->core, m);
        core->ticks[m] =
            hold_small_steps_back(core->ticks[m], line->ticks[m], JUMP_BACK_S * (uint64_t)o->hz);
        // A full ring is counted by the host.
        (void)varve_instance_push(self, core->id[m], (double)core->ticks[m] / (double)o->hz);
    }
}

static void refuse(struct varve_instance *self, int core)
{
    struct state *s = self->state;
    if (s->refused++ == 0)
        varve_log(VARVE_WARNING, self->name, "core %d and higher ones are left out: %u are kept",
                  core, MAX_CORES);
}

static int collect(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    struct varve_span text;
    struct varve_cpu_line line;
    unsigned lines = 0;
    int rc = varve_source_read_start(self, &s->source, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    for (; varve_proc_cpu_next(&text, &line); lines++) {
        if (line.core == VARVE_CPU_ALL)
            push_line(self, &s->all, &line);
        else if (o->per_core && (unsigned)line.core < MAX_CORES)
            push_line(self, &s->core[line.core], &line);
        else if (o->per_core)
            refuse(self, line.core);
    }
    if (lines > 0)
        return 0;
    varve_instance_fail(self, "%s has no cpu line", s->source.path);
    return VARVE_E_CORRUPT;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    return varve_source_open(self, &s->source, o->proc, "/stat");
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    {"hz", VARVE_OPT_INT, offsetof(struct options, hz), "100", 1, 10000, NULL,
     "The kernel's USER_HZ: ticks per second in /proc/stat."},
    {"per_core", VARVE_OPT_BOOL, offsetof(struct options, per_core), "yes", 0, 0, NULL,
     "Also keep each core by itself."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_cpu = {
    VARVE_PLUGIN_HEADER,
    .name = "cpu",
    .summary = "CPU time per mode, of the machine and of each core",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_cpu);
