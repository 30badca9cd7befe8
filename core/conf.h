// SPDX-License-Identifier: Apache-2.0
// Inside the configuration: what its files share. The public side is varve/conf.h.
//
//   conf.c           sections and keys; finish
//   conf_base.c      storage, error reports, values and ${NAME} expansion
//   conf_instances.c plugin instances
//   conf_set.c       settings from the command line
//   conf_reader.c    lines of INI text through inih
//   conf_load.c      files and the include directory
//   conf_tiers.c     [tiers] and the tier lists of backends
//   conf_series.c    [series PATTERN]
//   conf_settings.c  option tables of [varve], [wear], [backup] and of the keys that all instances
//   have conf_print.c     the effective configuration and the manual
//
// Threading: one task, as varve/conf.h says.
#ifndef VARVE_CORE_CONF_H
#define VARVE_CORE_CONF_H

#include "core/option.h"
#include "varve/conf.h"

// Where something stands, for messages. Parts that are NULL, and line 0, are left out.
struct conf_at {
    const char *file;
    unsigned line;
    const char *section; // without brackets
    const char *key;
};

// Kept for [varve], [tiers] and, in front of its options, for each instance.
struct conf_head {
    const char *file; // where the section began
    unsigned line;
    unsigned pass;       // which text (file) it was last seen in; 0: none
    uint64_t given;      // bit per key: set by any text
    uint64_t given_here; // bit per key: set in this pass
};

// The first thing in the configuration's pool.
struct conf_state {
    size_t limit;        // end of the part of the pool that may be used; a file's text is above it
    unsigned passes;     // texts parsed so far
    const char *include; // [varve] include
    struct conf_head varve;
    struct conf_head tiers;
    struct conf_head wear;
    struct conf_head backup;
    uint32_t windows_given; // bit per tier: its window was written, not derived
    struct conf_at tier_at[VARVE_MAX_TIERS];
};

enum conf_section_kind {
    CONF_SECTION_NONE, // before the first one
    CONF_SECTION_BAD,  // reported already; its keys are passed over
    CONF_SECTION_VARVE,
    CONF_SECTION_TIERS,
    CONF_SECTION_WEAR,
    CONF_SECTION_BACKUP,
    CONF_SECTION_SERIES,
    CONF_SECTION_INSTANCE,
};

struct conf_section {
    enum conf_section_kind kind;
    struct varve_instance_conf *instance;
    struct varve_series_rule *rule;
    char title[VARVE_CONF_LINE]; // as in a message: "varve", "backend flash"
};

// One table of a section and the struct that it describes.
struct conf_table {
    const struct varve_option *options;
    void *base;
};
#define CONF_TABLES 2u

struct conf_state *conf_state(const struct varve_conf *conf);
struct conf_head *conf_head(const struct varve_instance_conf *instance);

// Storage in the pool, zeroed and aligned for any option; NULL, reported, when it is used up.
void *conf_take(struct varve_conf *conf, const struct conf_at *at, size_t bytes);
const char *conf_keep(struct varve_conf *conf, const struct conf_at *at, const char *text);

void conf_report(struct varve_conf *conf, const struct conf_at *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

// Replaces ${NAME} and ${NAME:-fallback}; "$${" stands for "${". Trims the result and refuses what
// no line of a file could say. Returns 0 or VARVE_E_INVALID, reported.
int conf_expand(struct varve_conf *conf, const struct conf_at *at, const char *text,
                char out[VARVE_CONF_LINE]);

// Stores one value; a string moves into the pool. Returns 0 or VARVE_E_INVALID, reported.
int conf_set_value(struct varve_conf *conf, const struct conf_at *at,
                   const struct varve_option *option, void *base, const char *text);

// Cuts blanks off both ends, in place.
char *conf_trim(char *text);

// Splits "kind name : plugin" in place; parts that are missing are NULL.
struct conf_title {
    char *kind;
    char *name;
    char *plugin;
};
struct conf_title conf_split_title(char *title);

// NULL when there is none.
struct varve_instance_conf *conf_find_instance(struct varve_conf *conf, enum varve_plugin_kind kind,
                                               const char *name);

// Finds the instance or makes it; `plugin` NULL: the section did not say. NULL on an error,
// reported.
struct varve_instance_conf *conf_open_instance(struct varve_conf *conf, const struct conf_at *at,
                                               enum varve_plugin_kind kind, const char *name,
                                               const char *plugin);

// The rule of a [series PATTERN]; NULL when there is none.
struct varve_series_rule *conf_find_rule(const struct varve_conf *conf, const char *pattern);
// Finds it or makes it. NULL on an error, reported.
struct varve_series_rule *conf_open_rule(struct varve_conf *conf, const struct conf_at *at,
                                         const char *pattern);
struct conf_head *conf_rule_head(const struct varve_series_rule *rule);

// Finds or makes the section of that title; on an error it is BAD.
void conf_section_begin(struct varve_conf *conf, const struct conf_at *at, const char *title,
                        struct conf_section *section);

// Applies one line of a section. `in_text` false: from the command line, where a key may come
// twice.
void conf_apply(struct varve_conf *conf, const struct conf_at *at, struct conf_section *section,
                const char *key, const char *value, bool in_text);

// The tables that describe a section's keys; returns their number. 0 for [tiers].
size_t conf_section_tables(const struct varve_conf *conf, const struct conf_section *section,
                           struct conf_table tables[CONF_TABLES]);
size_t conf_instance_tables(const struct varve_instance_conf *instance,
                            struct conf_table tables[CONF_TABLES]);

// Gives every option of a table its default.
void conf_defaults(struct varve_conf *conf, const struct conf_at *at,
                   const struct conf_table *table);

// Parses a text as the next pass. `name` must stay.
void conf_read_text(struct varve_conf *conf, const char *name, const char *text);

// Forgets the tiers, for a [tiers] section in a later text.
void conf_tiers_clear(struct varve_conf *conf);
void conf_tiers_apply(struct varve_conf *conf, const struct conf_at *at, const char *name,
                      const char *value, bool in_text);
void conf_tiers_finish(struct varve_conf *conf);
// Fills the tier masks of the backends.
void conf_tiers_resolve(struct varve_conf *conf);

const char *conf_kind_name(enum varve_plugin_kind kind);

#define CONF_DEFAULT_TIERS 4u
extern const struct varve_tier conf_default_tiers[CONF_DEFAULT_TIERS];

extern const struct varve_option varve_settings_options[]; // struct varve_settings
extern const struct varve_option varve_wear_options[];     // struct varve_wear_conf
extern const struct varve_option varve_backup_options[];   // struct varve_backup_conf
extern const struct varve_option conf_series_options[];    // struct varve_series_rule
extern const struct varve_option conf_file_options[];      // struct conf_state
extern const struct varve_option conf_collector_options[]; // struct varve_instance_conf
extern const struct varve_option conf_backend_options[];   // struct varve_instance_conf

#endif
