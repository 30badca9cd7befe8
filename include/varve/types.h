// SPDX-License-Identifier: Apache-2.0
// The data model: series, points, cells, tiers, events. Plain structs, no behaviour.
#ifndef VARVE_TYPES_H
#define VARVE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "varve/limits.h"

#ifdef __cplusplus
extern "C" {
#endif

// A gauge goes up and down; a counter only grows, and a smaller value means that it restarted.
enum varve_kind {
    VARVE_GAUGE = 0,
    VARVE_COUNTER = 1
};

// Syslog's order, the most severe first.
enum varve_severity {
    VARVE_CRITICAL = 0,
    VARVE_ERROR = 1,
    VARVE_WARNING = 2,
    VARVE_NOTICE = 3,
    VARVE_INFO = 4,
    VARVE_DEBUG = 5,
};
// Their names, in that order, for a table.
#define VARVE_SEVERITY_NAMES "critical", "error", "warning", "notice", "info", "debug"

// Dense id of a series within one host and the stores it opened; 0 .. VARVE_MAX_SERIES - 1.
typedef uint16_t varve_series_id;

// What is known about a series. Texts are borrowed from whoever made the struct.
struct varve_series_def {
    const char *text; // `name{label="value",...}`, labels sorted by key: the identity
    const char *unit; // "" when unknown; UCUM-like: "%", "By", "Cel", "s"
    const char *help; // "" when unknown; one sentence. Not persisted by every backend
    enum varve_kind kind;
};

// One raw sample of one series.
struct varve_point {
    int64_t time_ms; // Unix time
    double value;    // any double, NaN payloads included
};

// One rollup cell: everything that is kept of one series in one step of a tier. Merging two cells
// is associative, so a coarse tier is made from cells, never from averages.
struct varve_cell {
    int64_t start_ms; // Unix time of the bucket's start, a multiple of the tier's step
    uint32_t count;   // samples
    uint32_t seq;     // number of the block that it is read from; 0 where there is none. Parts of
                      // one cell, in several blocks, are merged in the order of these
    double min;
    double max;
    double sum;  // gauge: sum of the values; counter: increase over the bucket, resets allowed for
    double last; // value of the newest sample
};

// One layer of history. Tier 0 is raw: points; all others hold cells.
struct varve_tier {
    char name[VARVE_TIER_NAME];
    int64_t step_ms;   // raw: nominal sampling interval; others: width of a cell
    int64_t keep_ms;   // age after which a block may be overwritten
    int64_t window_ms; // time that one block covers, at most
};

// Something that happened, for people and for programs.
struct varve_event {
    int64_t time_ms; // Unix time
    enum varve_severity severity;
    bool has_value;
    double value;                     // a duration, a cost; meaningful if has_value
    char source[VARVE_NAME_TEXT];     // who says it: "host", a plugin's instance name
    char kind[VARVE_NAME_TEXT];       // stable identifier: "start", "clock_step", "store_error"
    char message[VARVE_MESSAGE_TEXT]; // one sentence
    char payload[VARVE_PAYLOAD_TEXT]; // JSON object, or ""
};

#ifdef __cplusplus
}
#endif
#endif
