// SPDX-License-Identifier: Apache-2.0
// What somebody should look at: findings from a daemon's own figures, its plugins and its events.
//
// Owns the thresholds and the sentences. Leaves how they look to `varve health` and `varve top`.
//
// Threading: one task.
#ifndef VARVE_FINDINGS_H
#define VARVE_FINDINGS_H

#include "source.h"

#define FINDINGS_MAX         16u
#define FINDINGS_PLUGINS_MAX (2u * VARVE_MAX_INSTANCES)
#define FINDINGS_EVENTS      8u
// Tenths of a percent of a budget or a cap: from here on a warning, from there an error.
#define FINDINGS_WARN_PERMILLE  800u
#define FINDINGS_ERROR_PERMILLE 970u

struct finding {
    enum varve_severity severity;
    char text[2 * VARVE_MESSAGE_TEXT];
};

// How a device's history is doing at one moment.
struct condition {
    struct varve_stats stats;
    struct varve_instance_stats plugin[FINDINGS_PLUGINS_MAX]; // those that are configured
    size_t plugins;
    uint64_t events[VARVE_DEBUG + 1];           // in the period, by severity
    struct varve_event newest[FINDINGS_EVENTS]; // of warnings and worse, a ring
    uint64_t noted;                             // of those
    struct finding finding[FINDINGS_MAX];       // the worst first
    size_t findings;
    size_t left_out; // findings that had no room
};

// Asks for all of it; events since from_ms. Returns 0 or an error with source->why.
int condition_ask(struct varve_source *source, int64_t from_ms, struct condition *condition);

// "ok", "warning" or "critical", after the worst finding.
const char *condition_status(const struct condition *condition);

// The i-th newest event of a warning or worse; NULL after the last that is kept.
const struct varve_event *condition_event(const struct condition *condition, uint64_t i);

// "normal", "longer windows", ...; names as in core/wear.c.
const char *wear_level_name(uint32_t level);

#endif
