// SPDX-License-Identifier: Apache-2.0
// Configuration: INI text into one staged struct that a host is then made from.
//
//   [varve]                    settings of the host: struct varve_settings
//   [wear]                     the flash and what may be written to it: struct varve_wear_conf
//   [backup]                   when stores are copied, and where to: struct varve_backup_conf
//   [tiers]                    NAME = STEP keep AGE [cap SIZE] [window SPAN], finest first
//   [collector NAME]           an instance of the collector plugin NAME
//   [collector NAME : PLUGIN]  the same under another name; [backend NAME : PLUGIN] likewise
//
// A section that stands there is switched on unless it says `enabled = no`. Values may use ${NAME}
// and ${NAME:-fallback} from the environment. Nothing is applied until varve_conf_finish() accepts
// the whole; every error names file, line, key and what was expected.
//
// Threading: one task; the finished struct is read-only and must outlive the host.
#ifndef VARVE_CONF_H
#define VARVE_CONF_H

#include "varve/plugin.h"

#ifdef __cplusplus
extern "C" {
#endif

// [varve]: the option table is varve_settings_options in core/conf_settings.c.
struct varve_settings {
    const char *state;        // directory of this device's state; stores' relative paths start here
    const char *socket;       // UNIX socket of the daemon; relative to `state`
    int64_t socket_mode;      // 0: 0660, 1: 0600, 2: 0666
    const char *socket_group; // "": the daemon's
    int64_t control;        // who may change something through the socket: 0 the daemon's user and
                            // root, 1 the socket's group too, 2 everyone who may connect
    const char *user;       // that a daemon started as root becomes; "": it stays root
    const char *group;      // "": the user's
    int64_t flush_ms;       // loss window: raw samples are made durable at least this often
    int64_t series;         // cap on series
    int64_t ring_samples;   // capacity of the ring between push and keeper; rounded up to 2^n
    int64_t window_samples; // capacity of the raw window in RAM
    int64_t cell_rows;      // capacity of the cell window in RAM, per rollup tier
    int64_t outbox_bytes;   // encoded blocks in RAM that wait for a slow or failed backend
    int64_t query_cache_bytes; // decoded rows of earlier queries; 0: none are kept
    int64_t workers;           // collector tasks
    int64_t stuck_ms;          // keeper or a backend at one step for longer: stuck; 0: never
    int64_t log_level;         // enum varve_severity
    int64_t log_target;        // 0 stderr, 1 syslog
    int64_t clock;             // 0 auto: wait until the wall clock is plausible; 1 trust it always
};

// [wear]: the option table is varve_wear_options in core/conf_settings.c; core/wear.h says how the
// figures are used. 0 means that a figure is not known.
struct varve_wear_conf {
    int64_t capacity;      // bytes over which the device can spread what is written here
    int64_t endurance;     // program/erase cycles of one erase block
    int64_t page;          // bytes that the device programs at once; a power of two
    int64_t erase_block;   // bytes that it erases at once; a power of two
    int64_t lifetime_ms;   // how long the flash has to last
    int64_t budget;        // bytes a day; overrides what follows from the lifetime
    int64_t amplification; // bytes that the device writes for each byte given to it
    int64_t max_loss_ms;   // what a power cut may lose when flash has to be saved; 0: flush
};

// [backup]: the option table is varve_backup_options in core/conf_settings.c.
struct varve_backup_conf {
    int64_t every_ms; // 0: never by itself
    bool at_start;
    bool at_stop;
    const char *dir; // relative to `state`
    int64_t keep;    // backups of each store
    int64_t max_age_ms;
    int64_t quarantine; // bytes of damaged stores that are kept
};

struct varve_instance_conf {
    const struct varve_plugin *plugin;
    char name[VARVE_NAME_TEXT];
    void *options; // plugin->options_size bytes inside the configuration
    bool enabled;
    int64_t interval_ms;   // collectors; 0: the plugin's default
    int64_t deadline_ms;   // collectors; a run that takes longer is reported as hung
    int64_t max_series;    // collectors; 0: three quarters of settings.series
    int64_t max_samples;   // collectors, in one run; 0: settings.ring_samples
    const char *tier_list; // backends: "raw minute" or "all"
    uint32_t tiers;        // backends: bit per tier index, from tier_list
    const char *needs;     // backends: path without which it is not opened; "" or NULL: none
};

// [series PATTERN]
struct varve_series_rule {
    const char *pattern; // of the metric's name: * and ? stand for others
    bool percentiles;    // rollups keep sketches
};

struct varve_conf {
    const struct varve_registry *registry;
    const char *(*environment)(const char *name); // for ${NAME}; NULL: none is defined
    struct varve_settings settings;
    struct varve_wear_conf wear;
    struct varve_backup_conf backup;
    struct varve_tier tiers[VARVE_MAX_TIERS];
    int64_t tier_caps[VARVE_MAX_TIERS]; // bytes that a tier takes in each backend; 0: no cap
    size_t tier_count;
    struct varve_instance_conf instances[VARVE_MAX_INSTANCES];
    size_t instance_count;
    const struct varve_series_rule *rules[VARVE_MAX_SERIES_RULES];
    size_t rule_count;

    // Set behind varve_conf_init(): the configuration is for another device, so that this program's
    // VARVE_BLOCK_MAX does not bound it; see varve_conf_table().
    bool elsewhere;

    // Errors found, in order of the text; the first VARVE_CONF_ERRORS are kept.
    unsigned error_count;
    char errors[VARVE_CONF_ERRORS][VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];

    // Private to core/conf.c: storage for texts and options.
    size_t used;
    union {
        char text[VARVE_CONF_BYTES];
        int64_t align;
    } pool;
};

// Receives a line of output, without newline.
typedef void (*varve_line_fn)(void *arg, const char *line);

// Defaults, no instances.
void varve_conf_init(struct varve_conf *conf, const struct varve_registry *registry,
                     const char *(*environment)(const char *name));

// Parses a NUL-terminated INI text; `name` stands in messages. Returns 0, or VARVE_E_INVALID with
// the errors in conf->errors (parsing goes on behind an error to find them all).
int varve_conf_parse(struct varve_conf *conf, const char *name, const char *text);

// Reads and parses a file and, when it says `include = DIR` in [varve], every *.ini there by name.
int varve_conf_load(struct varve_conf *conf, const char *path);

// One setting from the command line: "section.key=value", for example "varve.flush=1m" or
// "backend flash.path=/tmp/x.db" (the section must exist, [varve] and [tiers] always do).
int varve_conf_set(struct varve_conf *conf, const char *assignment);

// Adds an instance with its default options, as an empty section would; name NULL: the plugin's.
int varve_conf_add(struct varve_conf *conf, enum varve_plugin_kind kind, const char *plugin,
                   const char *name);

// Cross-checks, default tiers when none were given. Returns 0 or VARVE_E_INVALID with the errors.
int varve_conf_finish(struct varve_conf *conf);

// The four default tiers: raw 5s keep 2h, minute keep 24h, hour keep 7d, day keep 90d.
void varve_conf_default_tiers(struct varve_conf *conf);

// Writes the effective configuration as INI, defaults included.
void varve_conf_show(const struct varve_conf *conf, varve_line_fn emit, void *arg);

// Writes the manual of every section and option of the known plugins, from their tables.
void varve_conf_manual(const struct varve_registry *registry, varve_line_fn emit, void *arg);

// Writes the finished configuration as C source: a constant `varve_conf_built_in`, which a host can
// be made from without text and without inih. Plugins are named as CMake names them,
// varve_backend_ring; what it asks of the caps is in static assertions. Returns 0, or
// VARVE_E_UNSUPPORTED with a sentence in `why` for a plugin whose options struct has fields that
// its table does not describe.
int varve_conf_table(const struct varve_conf *conf, varve_line_fn emit, void *arg, char *why,
                     size_t why_cap);

// Parsers of single values, shared with the tool. Return 0 or VARVE_E_INVALID.
int varve_parse_duration(const char *text, int64_t *ms); // 500ms 5s 2m 24h 7d 2w 10y
int varve_parse_size(const char *text, int64_t *bytes);  // 512 64K 8M 1G
int varve_parse_int(const char *text, int64_t *value);

#ifdef __cplusplus
}
#endif
#endif
