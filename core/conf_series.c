// SPDX-License-Identifier: Apache-2.0
// Configuration: [series PATTERN], what is to be kept of the series whose metric's name matches.
// Of several sections that match, the last one holds.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

const struct varve_option conf_series_options[] = {
    {"percentiles", VARVE_OPT_BOOL, offsetof(struct varve_series_rule, percentiles), "no", 0, 0,
     NULL, "Rollups keep sketches of these series: quantiles of any range are within 1 %."},
    VARVE_OPTIONS_END,
};

struct conf_head *conf_rule_head(const struct varve_series_rule *rule)
{
    return (struct conf_head *)(uintptr_t)rule - 1;
}

struct varve_series_rule *conf_find_rule(const struct varve_conf *conf, const char *pattern)
{
    for (size_t i = 0; i < conf->rule_count; i++) {
        if (strcmp(conf->rules[i]->pattern, pattern) == 0) {
            return (struct varve_series_rule *)(uintptr_t)conf->rules[i];
        }
    }
    return NULL;
}

static bool is_pattern(const char *text)
{
    size_t n = 0;
    for (; text[n] != '\0'; n++) {
        char c = text[n];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(c >= '0' && c <= '9') && c != '*' && c != '?') {
            return false;
        }
    }
    return n > 0;
}

struct varve_series_rule *conf_open_rule(struct varve_conf *conf, const struct conf_at *at,
                                         const char *pattern)
{
    struct varve_series_rule *rule = conf_find_rule(conf, pattern);
    if (rule != NULL) {
        return rule;
    }
    if (!is_pattern(pattern)) {
        conf_report(conf, at,
                    "expected a metric's name, in which * and ? stand for others; got '%s'",
                    pattern);
        return NULL;
    }
    if (conf->rule_count == VARVE_MAX_SERIES_RULES) {
        conf_report(conf, at, "at most %u sections [series] are possible (VARVE_MAX_SERIES_RULES)",
                    VARVE_MAX_SERIES_RULES);
        return NULL;
    }
    struct conf_head *head = conf_take(conf, at, sizeof *head + sizeof *rule);
    const char *kept = conf_keep(conf, at, pattern);
    if (head == NULL || kept == NULL) {
        return NULL;
    }
    rule = (struct varve_series_rule *)(head + 1);
    rule->pattern = kept;
    conf->rules[conf->rule_count++] = rule;
    return rule;
}
