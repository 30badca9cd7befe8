// SPDX-License-Identifier: Apache-2.0
// The effective configuration as INI that reads back to the same, and the manual.
//
// Threading: any task once the configuration is finished; no state.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

// A line with its comment; values themselves fit on a line of VARVE_CONF_LINE.
#define LINE_TEXT (VARVE_CONF_LINE + VARVE_MESSAGE_TEXT)

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

// ---- the effective configuration ----------------------------------------------------------------

// "${" in a value would be expanded when it is read again.
static void escape(const char *value, char out[VARVE_CONF_LINE])
{
    struct varve_text t;
    varve_text_init(&t, out, VARVE_CONF_LINE);
    for (const char *p = value; *p != '\0'; p++) {
        if (strncmp(p, "${", 2) == 0) {
            varve_text_bytes(&t, "$", 1);
        }
        varve_text_bytes(&t, p, 1);
    }
}

static void show_table(const struct output *out, const struct conf_table *table)
{
    const struct varve_option *o = table->options;
    for (; o != NULL && o->name != NULL; o++) {
        char value[VARVE_CONF_LINE], escaped[VARVE_CONF_LINE];
        varve_option_print(o, table->base, value, sizeof value);
        escape(value, escaped);
        if (o->type == VARVE_OPT_STRING && value[0] == '\0' && o->fallback == NULL) {
            emit(out, "; %s is not set", o->name);
        } else {
            emit(out, "%s =%s%s", o->name, escaped[0] != '\0' ? " " : "", escaped);
        }
    }
}

static void show_settings(const struct varve_conf *conf, const struct output *out)
{
    const struct conf_table settings = {varve_settings_options, (void *)(uintptr_t)&conf->settings};
    emit(out, "[varve]");
    show_table(out, &settings); // without include: what it brought in is shown itself
}

// A window that follows from other settings is a comment, so that it still does after a change.
static void show_tier(const struct varve_conf *conf, const struct output *out, size_t index)
{
    const struct varve_tier *tier = &conf->tiers[index];
    bool given = (conf_state(conf)->windows_given >> index & 1u) != 0;
    char step[24], keep[24], window[24], size[24], cap[32] = "";
    if (conf->tier_caps[index] > 0) {
        varve_format_size(size, sizeof size, conf->tier_caps[index]);
        varve_format(cap, sizeof cap, " cap %s", size);
    }
    varve_format_duration(step, sizeof step, tier->step_ms);
    varve_format_duration(keep, sizeof keep, tier->keep_ms);
    varve_format_duration(window, sizeof window, tier->window_ms);
    if (!given && tier->window_ms == 0) {
        emit(out, "%s = %s keep %s%s", tier->name, step, keep, cap);
    } else {
        emit(out, "%s = %s keep %s%s%s window %s", tier->name, step, keep, cap, given ? "" : " ;",
             window);
    }
}

static void show_wear(const struct varve_conf *conf, const struct output *out)
{
    const struct conf_table wear = {varve_wear_options, (void *)(uintptr_t)&conf->wear};
    emit(out, "%s", "");
    emit(out, "[wear]");
    show_table(out, &wear);
}

static void show_backup(const struct varve_conf *conf, const struct output *out)
{
    const struct conf_table backup = {varve_backup_options, (void *)(uintptr_t)&conf->backup};
    emit(out, "%s", "");
    emit(out, "[backup]");
    show_table(out, &backup);
}

static void show_rule(const struct output *out, const struct varve_series_rule *rule)
{
    const struct conf_table series = {conf_series_options, (void *)(uintptr_t)rule};
    emit(out, "%s", "");
    emit(out, "[series %s]", rule->pattern);
    show_table(out, &series);
}

static void show_instance(const struct output *out, const struct varve_instance_conf *instance)
{
    const char *kind = conf_kind_name(instance->plugin->kind);
    const char *plugin = instance->plugin->name;
    struct conf_table tables[CONF_TABLES];
    emit(out, "%s", "");
    if (strcmp(plugin, instance->name) == 0) {
        emit(out, "[%s %s]", kind, instance->name);
    } else {
        emit(out, "[%s %s : %s]", kind, instance->name, plugin);
    }
    size_t n = conf_instance_tables(instance, tables);
    for (size_t i = 0; i < n; i++) {
        show_table(out, &tables[i]);
    }
}

void varve_conf_show(const struct varve_conf *conf, varve_line_fn emit_line, void *arg)
{
    const struct output out = {emit_line, arg};
    show_settings(conf, &out);
    emit(&out, "%s", "");
    emit(&out, "[tiers]");
    for (size_t i = 0; i < conf->tier_count; i++) {
        show_tier(conf, &out, i);
    }
    show_wear(conf, &out);
    show_backup(conf, &out);
    for (size_t i = 0; i < conf->rule_count; i++) {
        show_rule(&out, conf->rules[i]);
    }
    for (size_t i = 0; i < conf->instance_count; i++) {
        show_instance(&out, &conf->instances[i]);
    }
}

// ---- the manual ---------------------------------------------------------------------------------

static void explain_option(const struct output *out, const struct varve_option *option)
{
    char expected[VARVE_MESSAGE_TEXT];
    varve_option_expect(option, expected, sizeof expected);
    if (option->fallback == NULL) {
        emit(out, "  %s (required)", option->name);
    } else {
        emit(out, "  %s =%s%s", option->name, option->fallback[0] != '\0' ? " " : "",
             option->fallback);
    }
    emit(out, "      Takes %s.", expected);
    emit(out, "      %s", option->help);
}

static void explain_table(const struct output *out, const struct varve_option *option)
{
    for (; option != NULL && option->name != NULL; option++) {
        explain_option(out, option);
    }
}

static void explain_syntax(const struct output *out)
{
    static const char *const lines[] = {
        "varve reads INI text: sections in brackets, a key = value on each line. Comments stand",
        "behind ; and, at the start of a line, behind #. Indentation has no meaning. Durations:",
        "500ms 5s 2m 24h 7d 2w 10y; sizes: 512 64K 8M 1G. A value may use ${NAME} or",
        "${NAME:-fallback} from the environment; $${ stands for ${ itself. Within a file each",
        "section and each key stands once; files of the include directory may change keys, and a",
        "[tiers] in one of them replaces all tiers. Below, what stands behind = is the default.",
        "",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        emit(out, "%s", lines[i]);
    }
}

static void explain_tiers(const struct output *out)
{
    static const char *const lines[] = {
        "",
        "[tiers]",
        "  NAME = STEP keep AGE [cap SIZE] [window SPAN]",
        "      One line for each tier, raw (the samples themselves) first, each coarser than the",
        "      one before; from the third on a step is a multiple of the former. AGE is how long",
        "      history stays, SIZE what it may take in each backend (64K, 4M; the oldest goes "
        "first).",
        "      SPAN is the time that one block covers: for raw [varve] flush, for the others a "
        "quarter",
        "      of what the finer tier keeps, at most a day. The default is:",
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        emit(out, "%s", lines[i]);
    }
    for (size_t i = 0; i < CONF_DEFAULT_TIERS; i++) {
        const struct varve_tier *tier = &conf_default_tiers[i];
        char step[24], keep[24];
        varve_format_duration(step, sizeof step, tier->step_ms);
        varve_format_duration(keep, sizeof keep, tier->keep_ms);
        emit(out, "  %s = %s keep %s", tier->name, step, keep);
    }
}

static void explain_kind(const struct output *out, const struct varve_registry *registry,
                         enum varve_plugin_kind kind)
{
    const struct varve_plugin *plugin;
    emit(out, "%s", "");
    emit(out, "[%s NAME] or [%s NAME : PLUGIN]", conf_kind_name(kind), conf_kind_name(kind));
    explain_table(out, kind == VARVE_COLLECTOR ? conf_collector_options : conf_backend_options);
    for (size_t i = 0; (plugin = varve_registry_at(registry, i)) != NULL; i++) {
        if (plugin->kind == kind) {
            emit(out, "%s", "");
            emit(out, "[%s %s]", conf_kind_name(kind), plugin->name);
            emit(out, "  %s", plugin->summary);
            explain_table(out, plugin->options);
        }
    }
}

void varve_conf_manual(const struct varve_registry *registry, varve_line_fn emit_line, void *arg)
{
    const struct output out = {emit_line, arg};
    explain_syntax(&out);
    emit(&out, "[varve]");
    explain_table(&out, varve_settings_options);
    explain_table(&out, conf_file_options);
    explain_tiers(&out);
    emit(&out, "%s", "");
    emit(&out, "[wear]");
    explain_table(&out, varve_wear_options);
    emit(&out, "%s", "");
    emit(&out, "[backup]");
    explain_table(&out, varve_backup_options);
    emit(&out, "%s", "");
    emit(&out, "[series PATTERN]");
    emit(&out, "  For series whose metric's name matches: * and ? stand for others. The last that "
               "matches holds.");
    explain_table(&out, conf_series_options);
    explain_kind(&out, registry, VARVE_COLLECTOR);
    explain_kind(&out, registry, VARVE_BACKEND);
}
