// SPDX-License-Identifier: Apache-2.0
// Dotted names and selections; see names.h.
#include "names.h"

#include <stdio.h>
#include <string.h>

#include "varve/error.h"

#define DOTTED_HEAD "dotted{path=\""
#define DOTTED_TAIL "\"}"

static bool is_dotted_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.:/-", c) != NULL);
}

bool varve_name_is_dotted(const char *text)
{
    bool foreign = false;
    for (const char *c = text; *c; c++) {
        if (!is_dotted_char(*c)) {
            return false;
        }
        foreign = foreign || *c == '.' || *c == '/' || *c == '-';
    }
    return foreign;
}

int varve_name_to_series(const char *name, char *out, size_t cap)
{
    bool dotted = varve_name_is_dotted(name);
    int n =
        snprintf(out, cap, "%s%s%s", dotted ? DOTTED_HEAD : "", name, dotted ? DOTTED_TAIL : "");
    return n >= 0 && (size_t)n < cap ? 0 : VARVE_E_TOO_BIG;
}

const char *varve_name_from_series(const char *text, char *out, size_t cap)
{
    size_t head = strlen(DOTTED_HEAD);
    size_t tail = strlen(DOTTED_TAIL);
    size_t len = strlen(text);
    if (len < head + tail || len - head - tail >= cap || memcmp(text, DOTTED_HEAD, head) != 0 ||
        memcmp(text + len - tail, DOTTED_TAIL, tail) != 0) {
        return text;
    }
    size_t name = len - head - tail;
    memcpy(out, text + head, name);
    out[name] = '\0';
    return varve_name_is_dotted(out) ? out : text;
}

const char *varve_severity_name(enum varve_severity severity)
{
    static const char *const names[] = {VARVE_SEVERITY_NAMES};
    return (unsigned)severity <= VARVE_DEBUG ? names[severity] : "?";
}

int varve_selection_init(struct varve_selection *selection, const char *selector, char *why,
                         size_t why_cap)
{
    selection->all = !selector || !selector[0] || strcmp(selector, "*") == 0;
    if (selection->all) {
        return 0;
    }
    int rc = varve_name_to_series(selector, selection->text, sizeof selection->text);
    if (rc < 0) {
        (void)snprintf(why, why_cap, "the selector is longer than %u characters",
                       VARVE_SERIES_TEXT - 1);
        return rc;
    }
    const char *reason = "";
    size_t column = 0;
    rc = varve_selector_parse(selection->text, &selection->labels, &reason, &column);
    if (rc < 0) {
        (void)snprintf(why, why_cap, "selector `%.100s`, column %zu: %s", selector, column + 1,
                       reason);
    }
    return rc;
}

bool varve_selection_match(const struct varve_selection *selection, const char *series_text)
{
    return selection->all || varve_selector_match(&selection->labels, series_text);
}
