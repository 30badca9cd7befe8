// SPDX-License-Identifier: Apache-2.0
// What the rest of the configuration stands on: storage in its pool, error reports, and values.
//
// Storage only grows: a text that is replaced by a later file stays until the configuration goes.
//
// Threading: one task, as varve/conf.h says.
#include <string.h>

#include "core/conf.h"
#include "core/text.h"

// ---- storage ------------------------------------------------------------------------------------

struct conf_state *conf_state(const struct varve_conf *conf)
{
    return (struct conf_state *)(uintptr_t)conf->pool.text;
}

struct conf_head *conf_head(const struct varve_instance_conf *instance)
{
    return (struct conf_head *)instance->options - 1;
}

void *conf_take(struct varve_conf *conf, const struct conf_at *at, size_t bytes)
{
    size_t limit = conf_state(conf)->limit;
    size_t start = (conf->used + 7u) & ~(size_t)7u;
    if (start > limit || bytes > limit - start) {
        conf_report(conf, at, "the configuration needs more than %u bytes (VARVE_CONF_BYTES)",
                    VARVE_CONF_BYTES);
        return NULL;
    }
    conf->used = start + bytes;
    return memset(conf->pool.text + start, 0, bytes);
}

const char *conf_keep(struct varve_conf *conf, const struct conf_at *at, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = conf_take(conf, at, size);
    if (copy != NULL) {
        memcpy(copy, text, size);
    }
    return copy;
}

// ---- reports ------------------------------------------------------------------------------------

static void add_place(struct varve_text *t, const struct conf_at *at)
{
    if (at->file != NULL) {
        varve_text_add(t, "%s:", at->file);
    }
    if (at->line != 0) {
        varve_text_add(t, "%u:", at->line);
    }
    if (at->section != NULL) {
        varve_text_add(t, "%s[%s]", t->len > 0 ? " " : "", at->section);
    }
    if (at->key != NULL) {
        varve_text_add(t, "%s%s:", t->len > 0 ? " " : "", at->key);
    }
    if (t->len > 0 && at->key == NULL && at->section != NULL) {
        varve_text_add(t, ":");
    }
    if (t->len > 0) {
        varve_text_add(t, " ");
    }
}

void conf_report(struct varve_conf *conf, const struct conf_at *at, const char *format, ...)
{
    unsigned index = conf->error_count++;
    if (index >= VARVE_CONF_ERRORS) {
        return;
    }
    struct varve_text t;
    varve_text_init(&t, conf->errors[index], sizeof conf->errors[index]);
    add_place(&t, at);
    va_list args;
    va_start(args, format);
    size_t room = t.cap - t.len;
    bool cut = varve_vformat(t.buf + t.len, room, format, args) >= room;
    va_end(args);
    if (cut || t.cut) {
        memcpy(t.buf + t.cap - 4, "...", 4);
    }
}

// ---- texts --------------------------------------------------------------------------------------

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

char *conf_trim(char *text)
{
    while (is_blank(*text)) {
        text++;
    }
    size_t n = strlen(text);
    while (n > 0 && is_blank(text[n - 1])) {
        text[--n] = '\0';
    }
    return text;
}

struct conf_title conf_split_title(char *title)
{
    struct conf_title parts = {title, NULL, NULL};
    char *colon = strchr(title, ':');
    if (colon != NULL) {
        *colon = '\0';
        parts.plugin = conf_trim(colon + 1);
    }
    parts.kind = conf_trim(title);
    size_t n = strcspn(parts.kind, " \t");
    if (parts.kind[n] != '\0') {
        parts.kind[n] = '\0';
        parts.name = conf_trim(parts.kind + n + 1);
    }
    return parts;
}

// ---- values -------------------------------------------------------------------------------------

static bool is_variable_char(char c, bool first)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    return letter || (!first && c >= '0' && c <= '9');
}

// Expands the reference that `p` begins with; returns the position behind it, or NULL, reported.
static const char *expand_one(struct varve_conf *conf, const struct conf_at *at, const char *p,
                              struct varve_text *out)
{
    char name[VARVE_CONF_LINE];
    const char *start = p + 2;
    size_t n = 0;
    while (is_variable_char(start[n], n == 0)) {
        n++;
    }
    const char *fallback = start[n] == ':' && start[n + 1] == '-' ? start + n + 2 : NULL;
    const char *end = strchr(start + n, '}');
    if (n == 0 || n >= sizeof name || end == NULL || (fallback == NULL && start[n] != '}')) {
        conf_report(conf, at, "expected ${NAME} or ${NAME:-fallback}; got '%s'", p);
        return NULL;
    }
    varve_format(name, sizeof name, "%.*s", (int)n, start);
    const char *value = conf->environment != NULL ? conf->environment(name) : NULL;
    if (fallback != NULL && (value == NULL || value[0] == '\0')) {
        varve_text_bytes(out, fallback, (size_t)(end - fallback));
        return end + 1;
    }
    if (value == NULL) {
        conf_report(conf, at, "the environment variable %s is not set; set it or write ${%s:-...}",
                    name, name);
        return NULL;
    }
    varve_text_add(out, "%s", value);
    return end + 1;
}

// What a line could not hold would be lost when the configuration is shown and read again.
static const char *value_fault(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (((unsigned char)*p < ' ' && *p != '\t') || *p == 0x7f) {
            return "a value cannot hold control characters";
        }
        if (*p == ';' && (p == text || is_blank(p[-1]))) {
            return "a value cannot hold ';' at its start or behind a blank: it begins a comment";
        }
    }
    return NULL;
}

static size_t shown_length(const char *text)
{
    size_t length = strlen(text);
    for (const char *p = text; (p = strstr(p, "${")) != NULL; p += 2) {
        length++; // written as "$${"
    }
    return length;
}

static int check_value(struct varve_conf *conf, const struct conf_at *at, const char *text,
                       bool cut)
{
    size_t most = VARVE_CONF_LINE - 1 - strlen(" = ") - strlen(at->key);
    if (cut || shown_length(text) > most) {
        conf_report(conf, at, "the value is too long, at most %zu bytes fit on a line", most);
        return VARVE_E_INVALID;
    }
    const char *fault = value_fault(text);
    if (fault != NULL) {
        conf_report(conf, at, "%s", fault);
        return VARVE_E_INVALID;
    }
    return 0;
}

int conf_expand(struct varve_conf *conf, const struct conf_at *at, const char *text,
                char out[VARVE_CONF_LINE])
{
    struct varve_text t;
    varve_text_init(&t, out, VARVE_CONF_LINE);
    for (const char *p = text; *p != '\0';) {
        if (strncmp(p, "$${", 3) == 0) {
            varve_text_bytes(&t, "${", 2);
            p += 3;
        } else if (strncmp(p, "${", 2) == 0) {
            p = expand_one(conf, at, p, &t);
            if (p == NULL) {
                return VARVE_E_INVALID;
            }
        } else {
            varve_text_bytes(&t, p++, 1);
        }
    }
    const char *trimmed = conf_trim(out);
    memmove(out, trimmed, strlen(trimmed) + 1);
    return check_value(conf, at, out, t.cut);
}

int conf_set_value(struct varve_conf *conf, const struct conf_at *at,
                   const struct varve_option *option, void *base, const char *text)
{
    char value[VARVE_CONF_LINE];
    char why[VARVE_MESSAGE_TEXT + VARVE_CONF_LINE];
    if (conf_expand(conf, at, text, value) != 0) {
        return VARVE_E_INVALID;
    }
    const char *kept = value;
    if (option->type == VARVE_OPT_STRING) {
        kept = conf_keep(conf, at, value);
        if (kept == NULL) {
            return VARVE_E_INVALID;
        }
    }
    if (varve_option_set(option, base, kept, why, sizeof why) != 0) {
        conf_report(conf, at, "%s", why);
        return VARVE_E_INVALID;
    }
    return 0;
}
