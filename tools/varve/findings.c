// SPDX-License-Identifier: Apache-2.0
// What somebody should look at; see findings.h.
#include "findings.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *wear_level_name(uint32_t level)
{
    static const char *const names[] = {"unknown", "normal",          "longer windows",
                                        "no raw",  "hour cells only", "RAM only"};
    return names[level < sizeof names / sizeof *names ? level : 0];
}

__attribute__((format(printf, 3, 4))) static void
found(struct condition *c, enum varve_severity severity, const char *format, ...)
{
    if (c->findings == FINDINGS_MAX) {
        c->left_out++;
        return;
    }
    struct finding *finding = &c->finding[c->findings++];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(finding->text, sizeof finding->text, format, list); // a sentence stays one
    va_end(list);
    finding->severity = severity;
}

// ---- what there can be to say -------------------------------------------------------------------

static void look_at_plugin(struct condition *c, const struct varve_instance_stats *plugin)
{
    const char *colon = plugin->reason[0] ? ": " : "";
    if (strcmp(plugin->state, "hung") == 0) {
        found(c, VARVE_ERROR, "%s %s hangs%s%s", plugin->kind, plugin->name, colon, plugin->reason);
    } else if (strcmp(plugin->state, "failing") == 0) {
        found(c, VARVE_WARNING, "%s %s fails%s%s", plugin->kind, plugin->name, colon,
              plugin->reason);
    }
    if (plugin->refused_series > 0 || plugin->refused_samples > 0) {
        found(c, VARVE_WARNING,
              "%s %s is over its limits: %" PRIu32 " series and %" PRIu32 " samples refused",
              plugin->kind, plugin->name, plugin->refused_series, plugin->refused_samples);
    }
}

static void look_at_store(struct condition *c, const struct varve_backend_stats *store)
{
    if (store->state != 0) {
        found(c, VARVE_ERROR, "store %s does not work: %s", store->name,
              varve_strerror(store->state));
    }
    if (store->blocks_dropped > 0) {
        found(c, VARVE_ERROR, "store %s: %" PRIu64 " blocks were given up for want of memory",
              store->name, store->blocks_dropped);
    }
    if (store->salvages > 0) {
        found(c, store->salvage_lost > 0 ? VARVE_ERROR : VARVE_WARNING,
              "store %s was damaged and salvaged: %" PRIu32 " blocks lost", store->name,
              store->salvage_lost);
    }
    if (store->mend_restored + store->mend_lost > 0) {
        found(c, store->mend_lost > 0 ? VARVE_ERROR : VARVE_WARNING,
              "store %s had damaged blocks: %" PRIu32 " restored, %" PRIu32 " lost", store->name,
              store->mend_restored, store->mend_lost);
    }
    if (store->backup_failures > 0) {
        found(c, VARVE_WARNING, "store %s: %" PRIu64 " backups failed since start", store->name,
              store->backup_failures);
    }
}

static uint32_t budget_permille(const struct varve_stats *s)
{
    return s->wear_fast_permille > s->wear_slow_permille ? s->wear_fast_permille
                                                         : s->wear_slow_permille;
}

static void look_at_wear(struct condition *c)
{
    const struct varve_stats *s = &c->stats;
    if (s->wear_level > 1) {
        found(c, s->wear_level > 3 ? VARVE_ERROR : VARVE_WARNING,
              "the flash is being saved: level %" PRIu32 " of 5, %s", s->wear_level,
              wear_level_name(s->wear_level));
    } else if (s->wear_budget_bytes > 0 && budget_permille(s) >= FINDINGS_WARN_PERMILLE) {
        found(c, VARVE_WARNING, "%" PRIu32 " %% of the flash budget is used",
              budget_permille(s) / 10);
    }
}

static void look_at_samples(struct condition *c)
{
    const struct varve_stats *s = &c->stats;
    uint64_t permille = s->series_cap > 0 ? UINT64_C(1000) * s->series / s->series_cap : 0;
    if (s->dropped > 0) {
        found(c, VARVE_WARNING, "%" PRIu64 " samples were dropped since start", s->dropped);
    }
    if (s->series_refused > 0) {
        found(c, VARVE_WARNING, "%" PRIu64 " series were refused: at most %" PRIu32,
              s->series_refused, s->series_cap);
    } else if (permille >= FINDINGS_ERROR_PERMILLE) {
        found(c, VARVE_WARNING, "%" PRIu32 " of at most %" PRIu32 " series are taken", s->series,
              s->series_cap);
    }
    if (!s->clock_trusted) {
        found(c, VARVE_WARNING, "the clock is not plausible yet; samples wait in RAM");
    }
    uint32_t future_blocks = 0;
    for (uint32_t i = 0; i < s->tier_count; i++) {
        future_blocks += s->tiers[i].future_blocks;
    }
    if (future_blocks > 0) {
        found(c, VARVE_WARNING,
              "%" PRIu32 " blocks of history lie in the future: the clock was ahead",
              future_blocks);
    }
}

static void look_at_events(struct condition *c)
{
    const struct varve_event *event;
    uint64_t serious = c->events[VARVE_CRITICAL] + c->events[VARVE_ERROR];
    for (uint64_t i = 0; serious > 0 && (event = condition_event(c, i)) != NULL; i++) {
        if (event->severity <= VARVE_ERROR) {
            found(c, VARVE_WARNING, "%" PRIu64 " errors in the period, the last: %s", serious,
                  event->message);
            return;
        }
    }
}

static int by_severity(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    return (int)x->severity - (int)y->severity;
}

// ---- asking -------------------------------------------------------------------------------------

static int note_plugin(void *arg, const struct varve_instance_stats *plugin)
{
    struct condition *c = arg;
    if (plugin->name[0] && c->plugins < FINDINGS_PLUGINS_MAX) {
        c->plugin[c->plugins++] = *plugin;
    }
    return 0;
}

static int note_event(void *arg, const struct varve_event *event)
{
    struct condition *c = arg;
    c->events[event->severity <= VARVE_DEBUG ? event->severity : VARVE_DEBUG]++;
    if (event->severity <= VARVE_WARNING) {
        c->newest[c->noted++ % FINDINGS_EVENTS] = *event;
    }
    return 0;
}

const struct varve_event *condition_event(const struct condition *condition, uint64_t i)
{
    uint64_t kept = condition->noted < FINDINGS_EVENTS ? condition->noted : FINDINGS_EVENTS;
    return i < kept ? &condition->newest[(condition->noted - 1 - i) % FINDINGS_EVENTS] : NULL;
}

int condition_ask(struct varve_source *source, int64_t from_ms, struct condition *condition)
{
    struct condition *c = condition;
    memset(c, 0, sizeof *c);
    int rc = source->ops->stats(source, &c->stats);
    rc = rc == 0 ? source->ops->instances(source, note_plugin, c) : rc;
    rc = rc == 0 ? source->ops->events(source, from_ms, INT64_MAX, note_event, c) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->plugins; i++) {
        look_at_plugin(c, &c->plugin[i]);
    }
    for (uint32_t i = 0; i < c->stats.backend_count; i++) {
        look_at_store(c, &c->stats.backends[i]);
    }
    look_at_wear(c);
    look_at_samples(c);
    look_at_events(c);
    qsort(c->finding, c->findings, sizeof *c->finding, by_severity);
    return 0;
}

const char *condition_status(const struct condition *condition)
{
    if (condition->findings == 0) {
        return "ok";
    }
    return condition->finding[0].severity <= VARVE_ERROR ? "critical" : "warning";
}
