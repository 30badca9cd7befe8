// SPDX-License-Identifier: Apache-2.0
// Series texts and selectors; see label.h.
#include "label.h"

#include <string.h>

#include "text.h"
#include "varve/error.h"

// ---- parsing --------------------------------------------------------------------------------

struct parser {
    const char *text;
    const char *at;
    bool selector;
#ifndef VARVE_WITHOUT_TEXTS
    const char *why;
#endif
};

static bool is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

#ifdef VARVE_WITHOUT_TEXTS
static int fail(struct parser *p, const char *why)
{
    (void)p;
    (void)why;
    return VARVE_E_INVALID;
}

static const char *why_of(const struct parser *p)
{
    (void)p;
    return "";
}
#else
static int fail(struct parser *p, const char *why)
{
    p->why = why;
    return VARVE_E_INVALID;
}

static const char *why_of(const struct parser *p)
{
    return p->why;
}
#endif

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t') {
        p->at++;
    }
}

static bool is_name_char(const struct parser *p, char c, bool first)
{
    bool glob = p->selector && (c == '*' || c == '?');
    return is_alpha(c) || c == ':' || glob || (!first && is_digit(c));
}

static int parse_name(struct parser *p, struct varve_span *name)
{
    name->at = p->at;
    while (is_name_char(p, *p->at, p->at == name->at)) {
        p->at++;
    }
    name->len = (size_t)(p->at - name->at);
    if (name->len == 0 && !p->selector) {
        return fail(p, "expected a metric name ([a-zA-Z_:][a-zA-Z0-9_:]*)");
    }
    return 0;
}

static int parse_key(struct parser *p, struct varve_span *key)
{
    key->at = p->at;
    if (!is_alpha(*p->at)) {
        return fail(p, "expected a label name ([a-zA-Z_][a-zA-Z0-9_]*)");
    }
    while (is_alpha(*p->at) || is_digit(*p->at)) {
        p->at++;
    }
    key->len = (size_t)(p->at - key->at);
    return 0;
}

static int parse_operator(struct parser *p, bool *negated)
{
    *negated = *p->at == '!';
    const char *sign = p->at + *negated;
    if (*negated && !p->selector) {
        return fail(p, "a series has label=\"value\" only");
    }
    if (*sign == '~' || (*sign == '=' && sign[1] == '~')) {
        return fail(
            p, "regular expressions (=~ and !~) are not supported; use * in the name, = or !=");
    }
    if (*sign != '=') {
        return fail(p, p->selector ? "expected = or !=" : "expected =");
    }
    p->at = sign + 1;
    return 0;
}

static int parse_value(struct parser *p, struct varve_span *value)
{
    if (*p->at != '"') {
        return fail(p, "expected a label value in double quotes");
    }
    value->at = ++p->at;
    for (; *p->at != '"'; p->at++) {
        if (*p->at == '\0' || *p->at == '\n') {
            return fail(p, "the label value has no closing quote");
        }
        if (*p->at == '\\') {
            p->at++;
            if (*p->at != '\\' && *p->at != '"' && *p->at != 'n') {
                return fail(p, "expected \\\\, \\\" or \\n after a backslash");
            }
        }
    }
    value->len = (size_t)(p->at - value->at);
    p->at++;
    return 0;
}

static int parse_label(struct parser *p, struct varve_label *label)
{
    int rc = parse_key(p, &label->key);
    skip_blanks(p);
    rc = rc == 0 ? parse_operator(p, &label->negated) : rc;
    skip_blanks(p);
    return rc == 0 ? parse_value(p, &label->value) : rc;
}

// Behind the opening brace, up to and including the closing one.
static int parse_labels(struct parser *p, struct varve_labels *out)
{
    skip_blanks(p);
    while (*p->at != '}') {
        if (out->count == VARVE_MAX_LABELS) {
            (void)fail(p, "too many labels");
            return VARVE_E_TOO_BIG;
        }
        int rc = parse_label(p, &out->label[out->count]);
        if (rc != 0) {
            return rc;
        }
        out->count++;
        skip_blanks(p);
        if (*p->at == ',') {
            p->at++;
            skip_blanks(p);
        } else if (*p->at != '}') {
            return fail(p, "expected , or }");
        }
    }
    p->at++;
    return 0;
}

static int parse_all(struct parser *p, struct varve_labels *out)
{
    *out = (struct varve_labels){.count = 0};
    skip_blanks(p);
    int rc = parse_name(p, &out->name);
    skip_blanks(p);
    if (rc == 0 && *p->at == '{') {
        p->at++;
        rc = parse_labels(p, out);
    }
    if (rc != 0) {
        return rc; // p->at is where it went wrong
    }
    skip_blanks(p);
    return *p->at == '\0' ? 0 : fail(p, "unexpected character");
}

static int report(const struct parser *p, int rc, const char **why, size_t *column)
{
    if (rc != 0 && why != NULL) {
        *why = why_of(p);
    }
    if (rc != 0 && column != NULL) {
        *column = (size_t)(p->at - p->text);
    }
    return rc;
}

// ---- order ------------------------------------------------------------------------------------

static int compare_spans(struct varve_span a, struct varve_span b)
{
    int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static void sort_labels(struct varve_labels *labels)
{
    for (size_t i = 1; i < labels->count; i++) {
        struct varve_label label = labels->label[i];
        size_t j = i;
        for (; j > 0 && compare_spans(labels->label[j - 1].key, label.key) > 0; j--) {
            labels->label[j] = labels->label[j - 1];
        }
        labels->label[j] = label;
    }
}

// Labels are sorted. The second of two labels with the same key is where it went wrong.
static int refuse_duplicate_keys(struct parser *p, const struct varve_labels *labels)
{
    for (size_t i = 1; i < labels->count; i++) {
        if (compare_spans(labels->label[i - 1].key, labels->label[i].key) == 0) {
            p->at = labels->label[i].key.at;
            return fail(p, "a label stands there twice");
        }
    }
    return 0;
}

int varve_labels_parse(const char *text, struct varve_labels *out, const char **why, size_t *column)
{
    struct parser p = {.text = text, .at = text};
    int rc = parse_all(&p, out);
    if (rc == 0) {
        sort_labels(out);
        rc = refuse_duplicate_keys(&p, out);
    }
    return report(&p, rc, why, column);
}

int varve_selector_parse(const char *text, struct varve_labels *out, const char **why,
                         size_t *column)
{
    struct parser p = {.text = text, .at = text, .selector = true};
    return report(&p, parse_all(&p, out), why, column);
}

// ---- writing and matching -----------------------------------------------------------------------

int varve_labels_write(const struct varve_labels *labels, char *buf, size_t cap)
{
    struct varve_text out;
    const char *separator = "{";
    varve_text_init(&out, buf, cap);
    varve_text_bytes(&out, labels->name.at, labels->name.len);
    for (size_t i = 0; i < labels->count; i++) {
        const struct varve_label *label = &labels->label[i];
        if (label->value.len == 0) {
            continue;
        }
        varve_text_bytes(&out, separator, 1);
        varve_text_bytes(&out, label->key.at, label->key.len);
        varve_text_bytes(&out, "=\"", 2);
        varve_text_bytes(&out, label->value.at, label->value.len);
        varve_text_bytes(&out, "\"", 1);
        separator = ",";
    }
    if (*separator == ',') {
        varve_text_bytes(&out, "}", 1);
    }
    return out.cut ? VARVE_E_TOO_BIG : (int)out.len;
}

static bool match_name(struct varve_span pattern, struct varve_span name)
{
    char pattern_text[VARVE_SERIES_TEXT];
    char name_text[VARVE_SERIES_TEXT];
    if (pattern.len == 0) {
        return true;
    }
    if (pattern.len >= sizeof pattern_text || name.len >= sizeof name_text) {
        return false;
    }
    memcpy(pattern_text, pattern.at, pattern.len);
    pattern_text[pattern.len] = '\0';
    memcpy(name_text, name.at, name.len);
    name_text[name.len] = '\0';
    return varve_glob(pattern_text, name_text);
}

static struct varve_span value_of(const struct varve_labels *series, struct varve_span key)
{
    for (size_t i = 0; i < series->count; i++) {
        if (compare_spans(series->label[i].key, key) == 0) {
            return series->label[i].value;
        }
    }
    return (struct varve_span){.at = "", .len = 0};
}

bool varve_selector_match(const struct varve_labels *selector, const char *series_text)
{
    struct varve_labels series;
    if (varve_labels_parse(series_text, &series, NULL, NULL) != 0 ||
        !match_name(selector->name, series.name)) {
        return false;
    }
    for (size_t i = 0; i < selector->count; i++) {
        const struct varve_label *want = &selector->label[i];
        bool equal = compare_spans(want->value, value_of(&series, want->key)) == 0;
        if (equal == want->negated) {
            return false;
        }
    }
    return true;
}

int varve_label_escape(const char *raw, char *buf, size_t cap)
{
    size_t n = 0;
    for (; *raw != '\0'; raw++) {
        bool escape = *raw == '\\' || *raw == '"' || *raw == '\n';
        if (n + escape + 2 > cap) {
            return VARVE_E_TOO_BIG;
        }
        if (escape) {
            buf[n++] = '\\';
        }
        buf[n++] = *raw == '\n' ? 'n' : *raw;
    }
    buf[n] = '\0';
    return (int)n;
}
