// SPDX-License-Identifier: Apache-2.0
// Configuration: sections and keys into the staged struct, and the checks over the whole.
//
// Within one text a section or key may stand once. A later text (a file of the include directory)
// may open a section again and change keys; its [tiers] replaces all tiers. Lines come from
// conf_reader.c, files from conf_load.c, single values go through option.c.
//
// Threading: one task, as varve/conf.h says.
#include "core/conf.h"

#include <string.h>

#include "core/text.h"

#define KNOWN_SECTIONS                                                                             \
    "[varve], [tiers], [wear], [backup], [series PATTERN], [collector NAME] or [backend NAME]"

_Static_assert(VARVE_OPTIONS_MAX + 4u <= 64u, "a bit of conf_head.given for each key");
_Static_assert(VARVE_MAX_TIERS < 32u, "a bit of tier masks for each tier");

const char *conf_kind_name(enum varve_plugin_kind kind)
{
    return kind == VARVE_COLLECTOR ? "collector" : "backend";
}

// ---- tables -------------------------------------------------------------------------------------

size_t conf_instance_tables(const struct varve_instance_conf *instance,
                            struct conf_table tables[CONF_TABLES])
{
    tables[0].options =
        instance->plugin->kind == VARVE_COLLECTOR ? conf_collector_options : conf_backend_options;
    tables[0].base = (void *)(uintptr_t)instance;
    tables[1].options = instance->plugin->options;
    tables[1].base = instance->options;
    return CONF_TABLES;
}

static size_t settings_tables(const struct varve_conf *conf, struct conf_table tables[CONF_TABLES])
{
    tables[0].options = varve_settings_options;
    tables[0].base = (void *)(uintptr_t)&conf->settings;
    tables[1].options = conf_file_options;
    tables[1].base = conf_state(conf);
    return CONF_TABLES;
}

static size_t wear_tables(const struct varve_conf *conf, struct conf_table tables[CONF_TABLES])
{
    tables[0].options = varve_wear_options;
    tables[0].base = (void *)(uintptr_t)&conf->wear;
    return 1;
}

static size_t backup_tables(const struct varve_conf *conf, struct conf_table tables[CONF_TABLES])
{
    tables[0].options = varve_backup_options;
    tables[0].base = (void *)(uintptr_t)&conf->backup;
    return 1;
}

static size_t series_tables(struct varve_series_rule *rule, struct conf_table tables[CONF_TABLES])
{
    tables[0].options = conf_series_options;
    tables[0].base = rule;
    return 1;
}

size_t conf_section_tables(const struct varve_conf *conf, const struct conf_section *section,
                           struct conf_table tables[CONF_TABLES])
{
    switch (section->kind) {
    case CONF_SECTION_VARVE:
        return settings_tables(conf, tables);
    case CONF_SECTION_WEAR:
        return wear_tables(conf, tables);
    case CONF_SECTION_BACKUP:
        return backup_tables(conf, tables);
    case CONF_SECTION_SERIES:
        return series_tables(section->rule, tables);
    case CONF_SECTION_INSTANCE:
        return conf_instance_tables(section->instance, tables);
    default:
        return 0;
    }
}

void conf_defaults(struct varve_conf *conf, const struct conf_at *at,
                   const struct conf_table *table)
{
    const struct varve_option *option = table->options;
    for (; option != NULL && option->name != NULL; option++) {
        struct conf_at here = *at;
        here.key = option->name;
        if (option->fallback != NULL) {
            (void)conf_set_value(conf, &here, option, table->base, option->fallback); // reported
        }
    }
}

void varve_conf_init(struct varve_conf *conf, const struct varve_registry *registry,
                     const char *(*environment)(const char *name))
{
    static const struct conf_at nowhere = {.section = "varve"};
    struct conf_table tables[CONF_TABLES];
    memset(conf, 0, sizeof *conf);
    conf->registry = registry;
    conf->environment = environment;
    conf->used = sizeof(struct conf_state);
    conf_state(conf)->limit = sizeof conf->pool;
    size_t n = settings_tables(conf, tables);
    for (size_t i = 0; i < n; i++) {
        conf_defaults(conf, &nowhere, &tables[i]);
    }
    (void)wear_tables(conf, tables); // always one
    conf_defaults(conf, &nowhere, &tables[0]);
    (void)backup_tables(conf, tables); // likewise
    conf_defaults(conf, &nowhere, &tables[0]);
}

// ---- sections -----------------------------------------------------------------------------------

static void report_unknown_section(struct varve_conf *conf, const struct conf_at *at,
                                   const char *word)
{
    static const char *const known[] = {"varve",  "tiers",     "wear",   "backup",
                                        "series", "collector", "backend"};
    struct varve_nearest nearest = {.wanted = word};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        varve_nearest_offer(&nearest, known[i]);
    }
    if (nearest.best != NULL) {
        conf_report(conf, at, "unknown section; did you mean '%s'?", nearest.best);
    } else {
        conf_report(conf, at, "unknown section; expected " KNOWN_SECTIONS);
    }
}

static void begin_plain(struct varve_conf *conf, const struct conf_at *at,
                        const struct conf_title *parts, enum conf_section_kind kind,
                        struct conf_section *section)
{
    if (parts->name != NULL || parts->plugin != NULL) {
        conf_report(conf, at, "expected [%s] alone", parts->kind);
        return;
    }
    section->kind = kind;
    varve_format(section->title, sizeof section->title, "%s", parts->kind);
}

static void begin_instance(struct varve_conf *conf, const struct conf_at *at,
                           const struct conf_title *parts, enum varve_plugin_kind kind,
                           struct conf_section *section)
{
    if (parts->name == NULL) {
        conf_report(conf, at, "expected a name: [%s NAME] or [%s NAME : PLUGIN]", parts->kind,
                    parts->kind);
        return;
    }
    section->instance = conf_open_instance(conf, at, kind, parts->name, parts->plugin);
    if (section->instance != NULL) {
        section->kind = CONF_SECTION_INSTANCE;
        varve_format(section->title, sizeof section->title, "%s %s", parts->kind, parts->name);
    }
}

static void begin_series(struct varve_conf *conf, const struct conf_at *at,
                         const struct conf_title *parts, struct conf_section *section)
{
    if (parts->name == NULL || parts->plugin != NULL) {
        conf_report(conf, at, "expected a pattern: [series PATTERN], such as [series latency*]");
        return;
    }
    section->rule = conf_open_rule(conf, at, parts->name);
    if (section->rule != NULL) {
        section->kind = CONF_SECTION_SERIES;
        varve_format(section->title, sizeof section->title, "series %s", parts->name);
    }
}

static struct conf_head *section_head(struct varve_conf *conf, const struct conf_section *section)
{
    switch (section->kind) {
    case CONF_SECTION_VARVE:
        return &conf_state(conf)->varve;
    case CONF_SECTION_TIERS:
        return &conf_state(conf)->tiers;
    case CONF_SECTION_WEAR:
        return &conf_state(conf)->wear;
    case CONF_SECTION_BACKUP:
        return &conf_state(conf)->backup;
    case CONF_SECTION_SERIES:
        return conf_rule_head(section->rule);
    case CONF_SECTION_INSTANCE:
        return conf_head(section->instance);
    default:
        return NULL;
    }
}

// Notes that the section stands in this text; a second time is an error.
static void enter(struct varve_conf *conf, const struct conf_at *at, struct conf_section *section)
{
    struct conf_head *head = section_head(conf, section);
    unsigned pass = conf_state(conf)->passes;
    if (head == NULL) {
        return;
    }
    if (head->pass == pass) {
        conf_report(conf, at, "the section stands twice, first on line %u", head->line);
        section->kind = CONF_SECTION_BAD;
        return;
    }
    head->file = at->file;
    head->line = at->line;
    head->pass = pass;
    head->given_here = 0;
    if (section->kind == CONF_SECTION_TIERS) {
        conf_tiers_clear(conf);
    }
}

void conf_section_begin(struct varve_conf *conf, const struct conf_at *at, const char *title,
                        struct conf_section *section)
{
    char text[VARVE_CONF_LINE];
    struct conf_at here = *at;
    varve_format(text, sizeof text, "%s", title);
    struct conf_title parts = conf_split_title(text);
    memset(section, 0, sizeof *section);
    section->kind = CONF_SECTION_BAD;
    here.section = title;
    if (strcmp(parts.kind, "varve") == 0) {
        begin_plain(conf, &here, &parts, CONF_SECTION_VARVE, section);
    } else if (strcmp(parts.kind, "tiers") == 0) {
        begin_plain(conf, &here, &parts, CONF_SECTION_TIERS, section);
    } else if (strcmp(parts.kind, "wear") == 0) {
        begin_plain(conf, &here, &parts, CONF_SECTION_WEAR, section);
    } else if (strcmp(parts.kind, "backup") == 0) {
        begin_plain(conf, &here, &parts, CONF_SECTION_BACKUP, section);
    } else if (strcmp(parts.kind, "series") == 0) {
        begin_series(conf, &here, &parts, section);
    } else if (strcmp(parts.kind, "collector") == 0) {
        begin_instance(conf, &here, &parts, VARVE_COLLECTOR, section);
    } else if (strcmp(parts.kind, "backend") == 0) {
        begin_instance(conf, &here, &parts, VARVE_BACKEND, section);
    } else {
        report_unknown_section(conf, &here, parts.kind);
    }
    enter(conf, &here, section);
}

// ---- keys ---------------------------------------------------------------------------------------

static void report_unknown_key(struct varve_conf *conf, const struct conf_at *at,
                               const struct conf_section *section, const char *key)
{
    struct conf_table tables[CONF_TABLES];
    struct varve_nearest nearest = {.wanted = key};
    size_t n = conf_section_tables(conf, section, tables);
    for (size_t i = 0; i < n; i++) {
        const struct varve_option *o = tables[i].options;
        for (; o != NULL && o->name != NULL; o++) {
            varve_nearest_offer(&nearest, o->name);
        }
    }
    if (nearest.best != NULL) {
        conf_report(conf, at, "unknown key '%s' in [%s]; did you mean '%s'?", key, section->title,
                    nearest.best);
    } else {
        conf_report(conf, at, "unknown key '%s' in [%s]; 'varve config manual' lists all keys", key,
                    section->title);
    }
}

// Finds the row of a key in the section's tables, and the bit that stands for it.
static const struct varve_option *find_key(const struct varve_conf *conf,
                                           const struct conf_section *section, const char *key,
                                           void **base, uint64_t *bit)
{
    struct conf_table tables[CONF_TABLES];
    size_t first = 0;
    size_t n = conf_section_tables(conf, section, tables);
    for (size_t i = 0; i < n; i++) {
        const struct varve_option *o = varve_option_find(tables[i].options, key);
        if (o != NULL) {
            *base = tables[i].base;
            *bit = UINT64_C(1) << (first + (size_t)(o - tables[i].options));
            return o;
        }
        first += varve_option_count(tables[i].options);
    }
    return NULL;
}

static void apply_option(struct varve_conf *conf, const struct conf_at *at,
                         struct conf_section *section, const char *value, bool in_text)
{
    void *base = NULL;
    uint64_t bit = 0;
    struct conf_head *head = section_head(conf, section);
    const struct varve_option *option = find_key(conf, section, at->key, &base, &bit);
    if (option == NULL) {
        const struct conf_at line = {at->file, at->line, NULL, NULL};
        report_unknown_key(conf, &line, section, at->key);
        return;
    }
    if (in_text && (head->given_here & bit) != 0) {
        conf_report(conf, at, "the key stands twice in this section");
        return;
    }
    head->given |= bit;
    head->given_here |= in_text ? bit : 0;
    (void)conf_set_value(conf, at, option, base, value); // reported
}

static void apply_tier(struct varve_conf *conf, const struct conf_at *at, const char *value,
                       bool in_text)
{
    char expanded[VARVE_CONF_LINE];
    if (conf_expand(conf, at, value, expanded) == 0) {
        conf_tiers_apply(conf, at, at->key, expanded, in_text);
    }
}

void conf_apply(struct varve_conf *conf, const struct conf_at *at, struct conf_section *section,
                const char *key, const char *value, bool in_text)
{
    const struct conf_at here = {at->file, at->line, section->title, key};
    switch (section->kind) {
    case CONF_SECTION_NONE:
        conf_report(conf, at, "'%s' stands before the first section; expected " KNOWN_SECTIONS,
                    key);
        break;
    case CONF_SECTION_BAD:
        break;
    case CONF_SECTION_TIERS:
        apply_tier(conf, &here, value, in_text);
        break;
    case CONF_SECTION_VARVE:
    case CONF_SECTION_WEAR:
    case CONF_SECTION_BACKUP:
    case CONF_SECTION_SERIES:
    case CONF_SECTION_INSTANCE:
        apply_option(conf, &here, section, value, in_text);
        break;
    }
}

int varve_conf_parse(struct varve_conf *conf, const char *name, const char *text)
{
    unsigned before = conf->error_count;
    const struct conf_at at = {.file = name};
    const char *kept = conf_keep(conf, &at, name); // finish() still names it
    if (kept != NULL) {
        conf_read_text(conf, kept, text);
    }
    return conf->error_count == before ? 0 : VARVE_E_INVALID;
}

// ---- the whole ----------------------------------------------------------------------------------

static bool is_empty_text(const struct varve_option *option, const void *base)
{
    char first[2];
    return option->type == VARVE_OPT_STRING &&
           varve_option_print(option, base, first, sizeof first) == 0;
}

static void check_required(struct varve_conf *conf, const struct varve_instance_conf *instance)
{
    const struct conf_head *head = conf_head(instance);
    const struct conf_section section = {.kind = CONF_SECTION_INSTANCE,
                                         .instance = (void *)(uintptr_t)instance};
    const struct varve_option *o = instance->plugin->options;
    char title[VARVE_CONF_LINE];
    varve_format(title, sizeof title, "%s %s", conf_kind_name(instance->plugin->kind),
                 instance->name);
    for (; o != NULL && o->name != NULL; o++) {
        void *base = NULL;
        uint64_t bit = 0;
        (void)find_key(conf, &section, o->name, &base, &bit); // it is in the table
        bool given = (head->given & bit) != 0 && !is_empty_text(o, base);
        if (o->fallback == NULL && !given) {
            char expected[VARVE_MESSAGE_TEXT];
            const struct conf_at at = {head->file, head->line, title, o->name};
            varve_option_expect(o, expected, sizeof expected);
            conf_report(conf, &at, "the key is required; expected %s. %s", expected, o->help);
        }
    }
}

static void check_backends(struct varve_conf *conf)
{
    static const struct conf_at nowhere = {.file = NULL};
    size_t backends = 0;
    for (size_t i = 0; i < conf->instance_count; i++) {
        const struct varve_instance_conf *instance = &conf->instances[i];
        backends += instance->enabled && instance->plugin->kind == VARVE_BACKEND ? 1 : 0;
    }
    if (backends > VARVE_MAX_BACKENDS) {
        conf_report(conf, &nowhere, "%zu backends are switched on, at most %u are possible",
                    backends, VARVE_MAX_BACKENDS);
    }
    if (backends == 0) {
        varve_log(VARVE_WARNING, "config",
                  "no backend is switched on: history is in RAM only and ends with this program");
    }
}

static void check_power_of_two(struct varve_conf *conf, const char *key, int64_t value)
{
    const struct conf_at at = {conf_state(conf)->wear.file, conf_state(conf)->wear.line, "wear",
                               key};
    if ((value & (value - 1)) != 0) {
        conf_report(conf, &at, "expected a power of two; got %lld", (long long)value);
    }
}

static void check_wear(struct varve_conf *conf)
{
    const struct varve_wear_conf *wear = &conf->wear;
    struct conf_at at = {conf_state(conf)->wear.file, conf_state(conf)->wear.line, "wear", NULL};
    check_power_of_two(conf, "page", wear->page);
    check_power_of_two(conf, "erase_block", wear->erase_block);
    if (wear->erase_block < wear->page) {
        at.key = "erase_block";
        conf_report(conf, &at, "expected at least page, which is %lld", (long long)wear->page);
    }
    if (wear->max_loss_ms != 0 && wear->max_loss_ms < conf->settings.flush_ms) {
        at.key = "max_loss";
        conf_report(conf, &at, "expected 0s or at least [varve] flush, which is %lld ms",
                    (long long)conf->settings.flush_ms);
    }
}

static void check_outbox(struct varve_conf *conf)
{
    const struct conf_at at = {conf_state(conf)->varve.file, conf_state(conf)->varve.line, "varve",
                               "outbox"};
    if (!conf->elsewhere && conf->settings.outbox_bytes < (int64_t)VARVE_BLOCK_MAX) {
        char least[24], got[24];
        varve_format_size(least, sizeof least, VARVE_BLOCK_MAX);
        varve_format_size(got, sizeof got, conf->settings.outbox_bytes);
        conf_report(conf, &at, "expected room for a block, %s; got '%s'", least, got);
    }
}

int varve_conf_finish(struct varve_conf *conf)
{
    check_outbox(conf);
    check_wear(conf);
    conf_tiers_finish(conf);
    conf_tiers_resolve(conf);
    for (size_t i = 0; i < conf->instance_count; i++) {
        if (conf->instances[i].enabled) {
            check_required(conf, &conf->instances[i]);
        }
    }
    check_backends(conf);
    return conf->error_count == 0 ? 0 : VARVE_E_INVALID;
}
