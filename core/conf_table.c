// SPDX-License-Identifier: Apache-2.0
// A finished configuration as C: a constant that firmware compiles in, in the place of the text and
// of all that reads it.
//
// The structs that option tables describe are written field by field in the order of their offsets:
// those of a plugin as an anonymous struct of the same types, which has the same layout on every
// CPU that aligns each type to its size. That this holds is checked here, on this one.
//
// Threading: any task once the configuration is finished; no state.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

// A string with every byte escaped, and what stands around it.
#define LINE_TEXT (4u * VARVE_CONF_LINE + 64u)

struct output {
    varve_line_fn emit;
    void *arg;
};

static void emit(const struct output *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void emit(const struct output *out, const char *format, ...)
{
    char line[LINE_TEXT];
    va_list args;
    va_start(args, format);
    (void)varve_vformat(line, sizeof line, format, args); // sized for the longest
    va_end(args);
    out->emit(out->arg, line);
}

// ---- fields -------------------------------------------------------------------------------------

static const char *type_name(enum varve_option_type type)
{
    switch (type) {
    case VARVE_OPT_BOOL:
        return "bool ";
    case VARVE_OPT_STRING:
        return "const char *";
    default:
        return "int64_t ";
    }
}

static size_t type_size(enum varve_option_type type)
{
    switch (type) {
    case VARVE_OPT_BOOL:
        return sizeof(bool);
    case VARVE_OPT_STRING:
        return sizeof(const char *);
    default:
        return sizeof(int64_t);
    }
}

// The option whose field comes next behind `offset`, or NULL.
static const struct varve_option *next_field(const struct varve_option *table, size_t offset,
                                             bool first)
{
    const struct varve_option *next = NULL;
    for (const struct varve_option *o = table; o != NULL && o->name != NULL; o++) {
        bool behind = first ? o->offset >= offset : o->offset > offset;
        next = behind && (next == NULL || o->offset < next->offset) ? o : next;
    }
    return next;
}

static size_t align_up(size_t offset, size_t align)
{
    return (offset + align - 1) / align * align;
}

// Whether the fields of the table, and nothing else, make up a struct of that size.
static bool is_whole(const struct varve_option *table, size_t struct_bytes)
{
    size_t end = 0, align = 1;
    const struct varve_option *o = next_field(table, 0, true);
    for (; o != NULL; o = next_field(table, o->offset, false)) {
        size_t size = type_size(o->type);
        if (o->offset != align_up(end, size)) {
            return false;
        }
        end = o->offset + size;
        align = size > align ? size : align;
    }
    return align_up(end, align) == struct_bytes;
}

static void quote(const char *text, char *buf, size_t cap)
{
    struct varve_text t;
    varve_text_init(&t, buf, cap);
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char c = (unsigned char)*p;
        bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\' && c != '?';
        if (plain) {
            varve_text_bytes(&t, p, 1);
        } else {
            varve_text_add(&t, "\\%u%u%u", c >> 6, c >> 3 & 7u, c & 7u);
        }
    }
}

static void emit_value(const struct output *out, const struct varve_option *o, const void *base)
{
    const char *field = (const char *)base + o->offset;
    char quoted[4 * VARVE_CONF_LINE];
    const char *text;
    int64_t number;
    bool flag;
    switch (o->type) {
    case VARVE_OPT_BOOL:
        memcpy(&flag, field, sizeof flag);
        emit(out, "    %s, // %s", flag ? "true" : "false", o->name);
        break;
    case VARVE_OPT_STRING:
        memcpy(&text, field, sizeof text);
        quote(text != NULL ? text : "", quoted, sizeof quoted);
        emit(out, "    \"%s\", // %s", quoted, o->name);
        break;
    default:
        memcpy(&number, field, sizeof number);
        emit(out, "    INT64_C(%lld), // %s", (long long)number, o->name);
    }
}

static void emit_values(const struct output *out, const struct varve_option *table,
                        const void *base)
{
    const struct varve_option *o = next_field(table, 0, true);
    for (; o != NULL; o = next_field(table, o->offset, false)) {
        emit_value(out, o, base);
    }
}

// ---- parts --------------------------------------------------------------------------------------

static void emit_options(const struct output *out, const struct varve_instance_conf *instance,
                         size_t index)
{
    const struct varve_option *table = instance->plugin->options;
    emit(out, "extern const struct varve_plugin varve_%s_%s;",
         conf_kind_name(instance->plugin->kind), instance->plugin->name);
    if (table == NULL || table->name == NULL) {
        return;
    }
    emit(out, "static const struct {");
    const struct varve_option *o = next_field(table, 0, true);
    for (; o != NULL; o = next_field(table, o->offset, false)) {
        emit(out, "    %s%s;", type_name(o->type), o->name);
    }
    emit(out, "} options_%zu = {", index);
    emit_values(out, table, instance->options);
    emit(out, "};");
}

static void emit_caps(const struct output *out, const struct varve_conf *conf)
{
    const struct varve_settings *s = &conf->settings;
    emit(out,
         "_Static_assert(INT64_C(%lld) <= VARVE_MAX_SERIES, \"[varve] series = %lld is more "
         "than the board's VARVE_MAX_SERIES\");",
         (long long)s->series, (long long)s->series);
    emit(out,
         "_Static_assert(INT64_C(%lld) >= VARVE_BLOCK_MAX, \"[varve] outbox = %lld is less "
         "than the board's VARVE_BLOCK_MAX\");",
         (long long)s->outbox_bytes, (long long)s->outbox_bytes);
    emit(out,
         "_Static_assert(INT64_C(%lld) <= VARVE_MAX_WORKERS, \"[varve] workers = %lld is more "
         "than the board's VARVE_MAX_WORKERS\");",
         (long long)s->workers, (long long)s->workers);
    emit(out,
         "_Static_assert(%zu <= VARVE_MAX_TIERS, \"[tiers] has %zu, more than the board's "
         "VARVE_MAX_TIERS\");",
         conf->tier_count, conf->tier_count);
    emit(out,
         "_Static_assert(%zu <= VARVE_MAX_INSTANCES, \"there are %zu plugin instances, more "
         "than the board's VARVE_MAX_INSTANCES\");",
         conf->instance_count, conf->instance_count);
}

static void emit_tiers(const struct output *out, const struct varve_conf *conf)
{
    emit(out, ".tiers = {");
    for (size_t i = 0; i < conf->tier_count; i++) {
        const struct varve_tier *tier = &conf->tiers[i];
        emit(out, "    {\"%s\", INT64_C(%lld), INT64_C(%lld), INT64_C(%lld)},", tier->name,
             (long long)tier->step_ms, (long long)tier->keep_ms, (long long)tier->window_ms);
    }
    emit(out, "},");
    emit(out, ".tier_caps = {");
    for (size_t i = 0; i < conf->tier_count; i++) {
        emit(out, "    INT64_C(%lld),", (long long)conf->tier_caps[i]);
    }
    emit(out, "},");
    emit(out, ".tier_count = %zu,", conf->tier_count);
}

static void emit_instance(const struct output *out, const struct varve_instance_conf *instance,
                          size_t index)
{
    const struct varve_option *table = instance->plugin->options;
    emit(out, "    {.plugin = &varve_%s_%s, .name = \"%s\", .enabled = %s,",
         conf_kind_name(instance->plugin->kind), instance->plugin->name, instance->name,
         instance->enabled ? "true" : "false");
    if (table != NULL && table->name != NULL) {
        emit(out, "     .options = (void *)(uintptr_t)&options_%zu,", index);
    }
    if (instance->needs != NULL && instance->needs[0] != '\0') {
        emit(out, "     .needs = \"%s\",", instance->needs);
    }
    emit(out, "     .interval_ms = INT64_C(%lld), .deadline_ms = INT64_C(%lld),",
         (long long)instance->interval_ms, (long long)instance->deadline_ms);
    emit(out, "     .max_series = INT64_C(%lld), .max_samples = INT64_C(%lld), .tiers = %uu},",
         (long long)instance->max_series, (long long)instance->max_samples,
         (unsigned)instance->tiers);
}

static void emit_rules(const struct output *out, const struct varve_conf *conf)
{
    emit(out, ".rules = {");
    for (size_t i = 0; i < conf->rule_count; i++) {
        const struct varve_series_rule *rule = conf->rules[i];
        emit(out, "    &(const struct varve_series_rule){\"%s\", %s},", rule->pattern,
             rule->percentiles ? "true" : "false");
    }
    emit(out, "},");
    emit(out, ".rule_count = %zu,", conf->rule_count);
}

static void emit_section(const struct output *out, const char *name,
                         const struct varve_option *table, const void *base)
{
    emit(out, ".%s = {", name);
    emit_values(out, table, base);
    emit(out, "},");
}

static bool can_be_written(const struct varve_conf *conf, char *why, size_t why_cap)
{
    for (size_t i = 0; i < conf->instance_count; i++) {
        const struct varve_plugin *plugin = conf->instances[i].plugin;
        if (!is_whole(plugin->options, plugin->options_size)) {
            (void)varve_format(why, why_cap, "the options of plugin %s are not all in its table",
                               plugin->name);
            return false;
        }
    }
    bool whole = is_whole(varve_settings_options, sizeof conf->settings) &&
                 is_whole(varve_wear_options, sizeof conf->wear) &&
                 is_whole(varve_backup_options, sizeof conf->backup);
    (void)varve_format(why, why_cap, "%s", whole ? "" : "a struct has more than its option table");
    return whole;
}

int varve_conf_table(const struct varve_conf *conf, varve_line_fn emit_line, void *arg, char *why,
                     size_t why_cap)
{
    const struct output out = {emit_line, arg};
    if (!can_be_written(conf, why, why_cap)) {
        return VARVE_E_UNSUPPORTED;
    }
    emit(&out, "// Generated by `varve config table`: do not edit.");
    emit(&out, "#include \"varve/conf.h\"");
    emit_caps(&out, conf);
    for (size_t i = 0; i < conf->instance_count; i++) {
        emit_options(&out, &conf->instances[i], i);
    }
    emit(&out, "extern const struct varve_conf varve_conf_built_in;");
    emit(&out, "const struct varve_conf varve_conf_built_in = {");
    emit_section(&out, "settings", varve_settings_options, &conf->settings);
    emit_section(&out, "wear", varve_wear_options, &conf->wear);
    emit_section(&out, "backup", varve_backup_options, &conf->backup);
    emit_tiers(&out, conf);
    emit(&out, ".instances = {");
    for (size_t i = 0; i < conf->instance_count; i++) {
        emit_instance(&out, &conf->instances[i], i);
    }
    emit(&out, "},");
    emit(&out, ".instance_count = %zu,", conf->instance_count);
    if (conf->rule_count > 0) {
        emit_rules(&out, conf);
    }
    emit(&out, "};");
    return 0;
}
