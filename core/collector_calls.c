// SPDX-License-Identifier: Apache-2.0
// What a collector may ask of its host (varve/plugin.h): series and samples, up to its limits.
//
// The caller is the collector's own callback.
#include "host_state.h"
#include "label.h"
#include "text.h"

_Static_assert(VARVE_MAX_INSTANCES < UINT8_MAX, "an owner fits its byte");

static struct varve_collector *collector_of(struct varve_instance *self)
{
    return (struct varve_collector *)(void *)self;
}

static int64_t series_limit(const struct varve_collector *collector)
{
    int64_t all = collector->instance.host->conf->settings.series;
    return collector->conf->max_series > 0 ? collector->conf->max_series : (all * 3 + 3) / 4;
}

// Under series_lock. What a store knew at start has no owner until somebody registers it again.
static int claim(struct varve_host *host, struct varve_collector *collector,
                 const struct varve_series_def *def)
{
    uint8_t me = (uint8_t)(collector - host->collectors + 1);
    bool full = collector->series >= series_limit(collector);
    int id = full ? varve_series_table_known(&host->series, def)
                  : varve_series_table_add(&host->series, def);
    if (id == VARVE_E_NOT_FOUND || (id >= 0 && full && host->series_owner[id] == 0)) {
        return VARVE_E_FULL;
    }
    if (id >= 0 && host->series_owner[id] == 0) {
        host->series_owner[id] = me;
        collector->series++;
    }
    return id;
}

int varve_instance_series(struct varve_instance *self, const struct varve_series_def *def)
{
    struct varve_host *host = self->host;
    struct varve_collector *collector = collector_of(self);
    if (self->plugin->kind != VARVE_COLLECTOR) {
        return VARVE_E_INVALID;
    }
    varve_port_mutex_lock(&host->series_lock);
    bool own_limit = collector->series >= series_limit(collector);
    int id = claim(host, collector, def);
    varve_port_mutex_unlock(&host->series_lock);
    if (id != VARVE_E_FULL) {
        return id;
    }
    if (!own_limit) {
        varve_series_note_full(host, def->text);
    } else if (atomic_fetch_add(&collector->refused_series, 1) == 0) {
        varve_event_add(host, VARVE_WARNING, self->name, "collector_limited", true,
                        (double)series_limit(collector), NULL,
                        "no room for series %s: max_series; further ones are counted", def->text);
    }
    return id;
}

int varve_instance_series_label(struct varve_instance *self, enum varve_kind kind, const char *name,
                                const char *key, const char *value, const char *unit,
                                const char *help)
{
    char escaped[VARVE_SERIES_TEXT];
    char text[VARVE_SERIES_TEXT];
    struct varve_series_def def = {.text = name, .unit = unit, .help = help, .kind = kind};
    if (key != NULL) {
        int rc = varve_label_escape(value, escaped, sizeof escaped);
        size_t length =
            rc < 0 ? 0 : varve_format(text, sizeof text, "%s{%s=\"%s\"}", name, key, escaped);
        if (rc < 0 || length >= sizeof text) {
            return VARVE_E_TOO_BIG;
        }
        def.text = text;
    }
    return varve_instance_series(self, &def);
}

// Whether this run may push one more sample.
static bool may_push(struct varve_instance *self)
{
    struct varve_collector *collector = collector_of(self);
    int64_t own = collector->conf->max_samples;
    int64_t limit = own > 0 ? own : self->host->conf->settings.ring_samples;
    if (collector->run_samples < limit) {
        collector->run_samples++;
        return true;
    }
    atomic_fetch_add(&collector->refused_samples, 1);
    if (!collector->limited_samples) {
        collector->limited_samples = true;
        varve_event_add(self->host, VARVE_WARNING, self->name, "collector_limited", true,
                        (double)limit, NULL,
                        "pushes more samples in one run than max_samples; the rest is counted");
    }
    return false;
}

int varve_instance_push(struct varve_instance *self, int id, double value)
{
    if (id < 0 || self->plugin->kind != VARVE_COLLECTOR) {
        return id < 0 ? id : VARVE_E_INVALID;
    }
    return may_push(self) ? varve_push_boot(self->host, id, self->due_boot_ms, value)
                          : VARVE_E_FULL;
}

int varve_instance_push_at(struct varve_instance *self, int id, int64_t unix_ms, double value)
{
    if (id < 0 || self->plugin->kind != VARVE_COLLECTOR) {
        return id < 0 ? id : VARVE_E_INVALID;
    }
    return may_push(self) ? varve_push_at(self->host, id, unix_ms, value) : VARVE_E_FULL;
}
