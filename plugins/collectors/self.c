// SPDX-License-Identifier: Apache-2.0
// Collector self: what varve does and costs, from the host's own figures and the port's.
//
// Counters ending in _total of samples, flash bytes and the like go on over restarts where the host
// keeps them in its store; those of this process start again with it.
//
// Threading: one worker task at a time.
#include "support/source.h"

#include "varve/host.h"
#include "varve/port.h"

#include <string.h>

#define DEFAULT_INTERVAL_S 60

struct figures {
    uint32_t failing, salvages, blocks_lost, blocks_restored; // of all stores
    struct varve_stats stats;
    struct varve_port_usage usage;
};

// Rounded to `per_unit` steps: digits that nobody reads cost flash.
static double rounded(double value, double per_unit)
{
    return (double)(int64_t)(value * per_unit + 0.5) / per_unit;
}

// What a clock that was ahead has left in all tiers.
static double future_blocks(const struct varve_stats *stats)
{
    double blocks = 0;
    for (uint32_t i = 0; i < stats->tier_count; i++) {
        blocks += stats->tiers[i].future_blocks;
    }
    return blocks;
}

// kind, series, unit, help, value from struct figures *f
#define SELF_METRICS(X)                                                                            \
    X(COUNTER, "varve_samples_total", "1", "Samples accepted.", (double)f->stats.samples)          \
    X(COUNTER, "varve_samples_dropped_total{cause=\"ring\"}", "1",                                 \
      "Samples lost because the ring was full.", (double)f->stats.dropped_ring)                    \
    X(COUNTER, "varve_samples_dropped_total{cause=\"window\"}", "1",                               \
      "Samples lost because the raw window was full.", (double)f->stats.dropped_window)            \
    X(COUNTER, "varve_samples_rejected_total", "1", "Samples refused: unknown id, absurd time.",   \
      (double)f->stats.rejected)                                                                   \
    X(GAUGE, "varve_series", "1", "Series known.", (double)f->stats.series)                        \
    X(COUNTER, "varve_series_refused_total", "1", "Registrations refused by the cap or the name.", \
      (double)f->stats.series_refused)                                                             \
    X(GAUGE, "varve_ring_high_water_samples", "1", "Most samples that waited in the ring.",        \
      (double)f->stats.ring_high_water)                                                            \
    X(GAUGE, "varve_window_samples", "1", "Raw samples in RAM for the next block.",                \
      (double)f->stats.window_samples)                                                             \
    X(GAUGE, "varve_pending_blocks", "1", "Encoded blocks that wait for a backend.",               \
      (double)f->stats.pending_blocks)                                                             \
    X(GAUGE, "varve_pending_bytes", "By", "Size of the blocks that wait for a backend.",           \
      (double)f->stats.pending_bytes)                                                              \
    X(COUNTER, "varve_flash_bytes_total", "By", "Bytes written to flash, in whole pages.",         \
      (double)f->stats.flash_bytes)                                                                \
    X(GAUGE, "varve_flash_bytes_per_sample", "By", "Flash bytes over samples, all time.",          \
      rounded(f->stats.flash_bytes_per_sample, 1e3))                                               \
    X(GAUGE, "varve_wear_level", "1", "Level of the wear governor: 1 normal, 5 RAM only.",         \
      (double)f->stats.wear_level)                                                                 \
    X(GAUGE, "varve_wear_budget_used_ratio", "1", "Flash bytes of the last 7 days over budget.",   \
      (double)f->stats.wear_slow_permille / 1000)                                                  \
    X(GAUGE, "varve_stored_bytes", "By", "Space that the stores take.",                            \
      (double)f->stats.stored_bytes)                                                               \
    X(GAUGE, "varve_stores_failing", "1", "Stores that cannot be opened, or written.",             \
      (double)f->failing)                                                                          \
    X(COUNTER, "varve_salvages_total", "1", "Damaged stores that were salvaged.",                  \
      (double)f->salvages)                                                                         \
    X(COUNTER, "varve_blocks_lost_total", "1", "Blocks that were damaged, and in no backup.",      \
      (double)f->blocks_lost)                                                                      \
    X(COUNTER, "varve_blocks_restored_total", "1", "Damaged blocks that were restored.",           \
      (double)f->blocks_restored)                                                                  \
    X(COUNTER, "varve_events_total", "1", "Events recorded.", (double)f->stats.events)             \
    X(COUNTER, "varve_events_dropped_total", "1", "Events lost before every backend had them.",    \
      (double)f->stats.events_dropped)                                                             \
    X(COUNTER, "varve_collect_failures_total", "1", "Collector runs that failed or were late.",    \
      (double)f->stats.collect_failures)                                                           \
    X(COUNTER, "varve_clock_steps_total", "1", "Steps of the wall clock.",                         \
      (double)f->stats.clock_steps)                                                                \
    X(GAUGE, "varve_future_blocks", "1", "Blocks of history that lie in the future.",              \
      future_blocks(&f->stats))                                                                    \
    X(GAUGE, "varve_memory_used_bytes", "By", "Static memory in use.",                             \
      (double)f->stats.memory_used)                                                                \
    X(GAUGE, "varve_resident_bytes", "By", "Resident memory of the program.",                      \
      (double)f->usage.rss_bytes)                                                                  \
    X(COUNTER, "varve_cpu_seconds_total", "s", "CPU time of the program.",                         \
      rounded((double)f->usage.cpu_us / 1e6, 1e3))                                                 \
    X(GAUGE, "varve_threads", "1", "Threads of the program.", (double)f->usage.threads)

enum {
#define SELF_COUNT(kind, series, unit, help, value) +1
    METRICS = 0 SELF_METRICS(SELF_COUNT)
#undef SELF_COUNT
};

static const struct varve_series_def series[METRICS] = {
#define SELF_DEF(kind, series, unit, help, value) {series, unit, help, VARVE_##kind},
    SELF_METRICS(SELF_DEF)
#undef SELF_DEF
};

struct state {
    int32_t id[METRICS];
    struct figures figures;
    struct varve_instance_stats instance;
    struct varve_slots collectors;
    struct varve_slot slot[VARVE_MAX_INSTANCES];
    struct varve_slots flashes;
    struct varve_slot flash[VARVE_MAX_BACKENDS];
};

static void push_figures(struct varve_instance *self, const struct figures *f)
{
    const struct state *s = self->state;
    const double value[METRICS] = {
#define SELF_VALUE(kind, series, unit, help, value) (value),
        SELF_METRICS(SELF_VALUE)
#undef SELF_VALUE
    };
    for (size_t i = 0; i < METRICS; i++)
        (void)varve_instance_push(self, s->id[i], value[i]); // a full ring is counted by the host
}

static void push_collector(struct varve_instance *self, const struct varve_instance_stats *stats)
{
    struct state *s = self->state;
    struct varve_slot *slot = varve_slots_find(self, &s->collectors, varve_span_of(stats->name));
    if (slot == NULL)
        return;
    if (slot->id[0] == VARVE_UNREGISTERED)
        slot->id[0] = varve_instance_series_label(self, VARVE_GAUGE, "varve_collector_max_seconds",
                                                  "collector", slot->name, "s",
                                                  "Longest run of a collector.");
    (void)varve_instance_push(self, slot->id[0], (double)stats->max_us / 1e6);
}

// Of a store on raw flash, by name.
#define SECTOR_METRICS(X)                                                                          \
    X("varve_sector_erases_min", "Erases of the least worn good sector.", b->sector_erases_min)    \
    X("varve_sector_erases_max", "Erases of the most worn sector.", b->sector_erases_max)          \
    X("varve_sectors_bad", "Sectors given up.", b->sectors_bad)

static void push_sectors(struct varve_instance *self, const struct varve_backend_stats *b)
{
    static const struct {
        const char *metric, *help;
    } def[] = {
#define SECTOR_DEF(metric, help, value) {metric, help},
        SECTOR_METRICS(SECTOR_DEF)
#undef SECTOR_DEF
    };
    const double value[] = {
#define SECTOR_VALUE(metric, help, value) (double)(value),
        SECTOR_METRICS(SECTOR_VALUE)
#undef SECTOR_VALUE
    };
    struct state *s = self->state;
    struct varve_slot *slot = varve_slots_find(self, &s->flashes, varve_span_of(b->name));
    for (size_t i = 0; slot != NULL && i < sizeof value / sizeof *value; i++) {
        if (slot->id[i] == VARVE_UNREGISTERED)
            slot->id[i] = varve_instance_series_label(self, VARVE_GAUGE, def[i].metric, "backend",
                                                      slot->name, "1", def[i].help);
        (void)varve_instance_push(self, slot->id[i], value[i]);
    }
}

static void add_up_stores(struct figures *f)
{
    f->failing = 0;
    f->salvages = 0;
    f->blocks_lost = 0;
    f->blocks_restored = 0;
    for (uint32_t i = 0; i < f->stats.backend_count; i++) {
        f->failing += f->stats.backends[i].state != 0;
        f->salvages += f->stats.backends[i].salvages;
        const struct varve_backend_stats *b = &f->stats.backends[i];
        f->blocks_lost += b->salvage_lost + b->mend_lost;
        f->blocks_restored += b->salvage_restored + b->mend_restored;
    }
}

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    varve_host_stats(self->host, &s->figures.stats);
    varve_port_usage(&s->figures.usage);
    add_up_stores(&s->figures);
    push_figures(self, &s->figures);
    varve_slots_begin(&s->flashes);
    for (uint32_t i = 0; i < s->figures.stats.backend_count; i++) {
        if (s->figures.stats.backends[i].sectors > 0)
            push_sectors(self, &s->figures.stats.backends[i]);
    }
    varve_slots_begin(&s->collectors);
    for (size_t i = 0; varve_host_instance(self->host, i, &s->instance) == 0; i++) {
        bool configured = s->instance.name[0] != '\0';
        if (configured && s->instance.runs > 0 && strcmp(s->instance.kind, "collector") == 0)
            push_collector(self, &s->instance);
    }
    return 0;
}

static int init(struct varve_instance *self)
{
    struct state *s = self->state;
    varve_slots_init(&s->collectors, s->slot, VARVE_MAX_INSTANCES, "collectors");
    varve_slots_init(&s->flashes, s->flash, VARVE_MAX_BACKENDS, "stores");
    for (size_t i = 0; i < METRICS; i++)
        s->id[i] = varve_instance_series(self, &series[i]);
    return 0;
}

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_self = {
    VARVE_PLUGIN_HEADER,
    .name = "self",
    .summary = "What varve itself does and costs",
    .kind = VARVE_COLLECTOR,
    .state_size = sizeof(struct state),
    .collector = &ops,
    .default_interval_ms = DEFAULT_INTERVAL_S * 1000,
};
VARVE_PLUGIN(varve_collector_self);
