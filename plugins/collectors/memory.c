// SPDX-License-Identifier: Apache-2.0
// Collector memory: gauges memory_*_bytes from /proc/meminfo. A field that the kernel does not have
// gives no series; memory_available_bytes is computed where it is missing (before 3.14), and the
// log says so.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#include "varve/host.h"
#include "varve/port.h"

#define TEXT_BYTES 4096u

struct options {
    const char *proc;
};

struct state {
    struct varve_source source;
    uint64_t low_bytes; // the kernel's low watermark, as far as it can be told
    bool computed_logged;
    int32_t id[VARVE_MEMORY_COUNT];
    char text[TEXT_BYTES];
};

struct field {
    const char *metric;
    const char *help;
};

static const struct field fields[VARVE_MEMORY_COUNT] = {
#define VARVE_MEMORY_METRIC(name, key, metric, help)                                               \
    [VARVE_MEMORY_##name] = {"memory_" metric "_bytes", help},
    VARVE_MEMORY_FIELDS(VARVE_MEMORY_METRIC)
#undef VARVE_MEMORY_METRIC
};

static void push_field(struct varve_instance *self, size_t field, uint64_t bytes)
{
    struct state *s = self->state;
    if (s->id[field] == VARVE_UNREGISTERED)
        s->id[field] = varve_instance_series_label(self, VARVE_GAUGE, fields[field].metric, NULL,
                                                   NULL, "By", fields[field].help);
    // A full ring is counted by the host.
    (void)varve_instance_push(self, s->id[field], (double)bytes);
}

static void complete(struct varve_instance *self, struct varve_meminfo *info)
{
    struct state *s = self->state;
    if (!varve_meminfo_complete(info, s->low_bytes) || s->computed_logged)
        return;
    s->computed_logged = true;
    varve_log(VARVE_INFO, self->name, "this kernel has no MemAvailable: it is computed");
}

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    struct varve_span text;
    struct varve_meminfo info;
    int rc = varve_source_read(self, &s->source, s->text, sizeof s->text, &text);
    if (rc != 0)
        return rc;
    if (varve_proc_meminfo(text, &info) == 0) {
        varve_instance_fail(self, "%s has no field that is known", s->source.path);
        return VARVE_E_CORRUPT;
    }
    complete(self, &info);
    for (size_t i = 0; i < VARVE_MEMORY_COUNT; i++)
        if (varve_meminfo_has(&info, (enum varve_memory_field)i))
            push_field(self, i, info.bytes[i]);
    return 0;
}

// low = min * 5/4: the kernel's own relation while vm.watermark_scale_factor has its default.
static uint64_t read_low_bytes(const char *proc)
{
    char path[VARVE_PATH_TEXT], text[32];
    uint64_t min_kb;
    if (varve_format(path, sizeof path, "%s/sys/vm/min_free_kbytes", proc) >= sizeof path)
        return 0;
    int len = varve_port_read_text(path, text, sizeof text);
    struct varve_span all = {text, len > 0 ? (size_t)len : 0};
    if (!varve_scan_u64(varve_sys_line(all), &min_kb) || min_kb > UINT32_MAX)
        return 0;
    return min_kb * 1024 / 4 * 5;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    struct state *s = self->state;
    for (size_t i = 0; i < VARVE_MEMORY_COUNT; i++)
        s->id[i] = VARVE_UNREGISTERED;
    s->low_bytes = read_low_bytes(o->proc);
    return varve_source_open(self, &s->source, o->proc, "/meminfo");
}

static const struct varve_option options[] = {
    {"proc", VARVE_OPT_STRING, offsetof(struct options, proc), "/proc", 0, 0, NULL,
     "Where procfs is mounted."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_memory = {
    VARVE_PLUGIN_HEADER,
    .name = "memory",
    .summary = "Memory and swap",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
};
VARVE_PLUGIN(varve_collector_memory);
