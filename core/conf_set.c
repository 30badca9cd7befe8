// SPDX-License-Identifier: Apache-2.0
// Configuration: single settings from the command line, over what files said.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

static void find_section(struct varve_conf *conf, const struct conf_at *at, const char *title,
                         struct conf_section *section)
{
    char text[VARVE_CONF_LINE];
    varve_format(text, sizeof text, "%s", title);
    struct conf_title parts = conf_split_title(text);
    memset(section, 0, sizeof *section);
    section->kind = CONF_SECTION_BAD;
    varve_format(section->title, sizeof section->title, "%s", title);
    if (strcmp(title, "varve") == 0) {
        section->kind = CONF_SECTION_VARVE;
    } else if (strcmp(title, "tiers") == 0) {
        section->kind = CONF_SECTION_TIERS;
    } else if (strcmp(title, "wear") == 0) {
        section->kind = CONF_SECTION_WEAR;
    } else if (strcmp(title, "backup") == 0) {
        section->kind = CONF_SECTION_BACKUP;
    } else if (strcmp(parts.kind, "series") == 0 && parts.name != NULL) {
        section->rule = conf_find_rule(conf, parts.name);
        section->kind = section->rule != NULL ? CONF_SECTION_SERIES : CONF_SECTION_BAD;
    } else if (parts.name != NULL && parts.plugin == NULL) {
        bool backend = strcmp(parts.kind, "backend") == 0;
        bool known = backend || strcmp(parts.kind, "collector") == 0;
        enum varve_plugin_kind kind = backend ? VARVE_BACKEND : VARVE_COLLECTOR;
        section->instance = known ? conf_find_instance(conf, kind, parts.name) : NULL;
        section->kind = section->instance != NULL ? CONF_SECTION_INSTANCE : CONF_SECTION_BAD;
    }
    if (section->kind == CONF_SECTION_BAD) {
        conf_report(conf, at, "there is no section [%s] to set a key in", title);
    }
}

// Copies [start, end) without blanks around; false when it does not fit.
static bool copy_part(char *buf, const char *start, const char *end)
{
    size_t n = (size_t)(end - start);
    if (n >= VARVE_CONF_LINE) {
        return false;
    }
    memcpy(buf, start, n);
    buf[n] = '\0';
    const char *trimmed = conf_trim(buf);
    memmove(buf, trimmed, strlen(trimmed) + 1);
    return true;
}

int varve_conf_set(struct varve_conf *conf, const char *assignment)
{
    static const struct conf_at at = {.file = "command line"};
    unsigned before = conf->error_count;
    char title[VARVE_CONF_LINE], key[VARVE_CONF_LINE];
    const char *equals = strchr(assignment, '=');
    const char *dot = equals;
    while (dot != NULL && dot > assignment && *dot != '.') {
        dot--;
    }
    if (dot == NULL || *dot != '.' || !copy_part(title, assignment, dot) ||
        !copy_part(key, dot + 1, equals)) {
        conf_report(conf, &at, "expected section.key=value, such as varve.flush=1m; got '%s'",
                    assignment);
        return VARVE_E_INVALID;
    }
    struct conf_section section;
    find_section(conf, &at, title, &section);
    if (section.kind == CONF_SECTION_VARVE && strcmp(key, "include") == 0) {
        conf_report(conf, &at, "include can only be set in a file");
        return VARVE_E_INVALID;
    }
    conf_apply(conf, &at, &section, key, equals + 1, false);
    return conf->error_count == before ? 0 : VARVE_E_INVALID;
}
