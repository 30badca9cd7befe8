// SPDX-License-Identifier: Apache-2.0
// Labels of the series that an expression gives: which selectors match, what aggregations and
// operators keep, and hashes to compare them by. See expr_run.h.
#include "expr_run.h"

// ---- matching -----------------------------------------------------------------------------------

static struct varve_span value_of(const struct varve_labels *labels, struct varve_span key)
{
    if (span_is(key, "__name__")) {
        return labels->name;
    }
    for (size_t i = 0; i < labels->count; i++) {
        const struct varve_span *other = &labels->label[i].key;
        if (other->len == key.len && memcmp(other->at, key.at, key.len) == 0) {
            return labels->label[i].value;
        }
    }
    return (struct varve_span){.at = "", .len = 0};
}

// Series texts keep escapes as written, expressions do not.
static size_t unescape(struct varve_span value, char *out)
{
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '\\' && i + 1 < value.len) {
            c = value.at[++i];
            c = c == 'n' ? '\n' : c;
        }
        out[n++] = c;
    }
    return n;
}

static bool matches(const struct expr_matcher *m, struct varve_span value)
{
    char text[VARVE_SERIES_TEXT];
    if (value.len >= sizeof text) {
        return false;
    }
    size_t length = unescape(value, text);
    bool same = m->how >= EXPR_MATCH_RE
                    ? regex_match(m->regex, text, length)
                    : length == m->length && memcmp(text, m->value, length) == 0;
    return same != (m->how == EXPR_MATCH_NE || m->how == EXPR_MATCH_NRE);
}

bool expr_selector_match(const struct expr_selector *selector, const char *series_text)
{
    size_t length = selector->name.len;
    if (length > 0 && (strncmp(series_text, selector->name.at, length) != 0 ||
                       (series_text[length] != '\0' && series_text[length] != '{'))) {
        return false;
    }
    struct varve_labels labels;
    if (selector->matchers == NULL) {
        return true;
    }
    if (varve_labels_parse(series_text, &labels, NULL, NULL) != 0) {
        return false;
    }
    for (const struct expr_matcher *m = selector->matchers; m != NULL; m = m->next) {
        if (!matches(m, value_of(&labels, m->key))) {
            return false;
        }
    }
    return true;
}

// ---- labels of a slot ---------------------------------------------------------------------------

static bool is_listed(const struct expr_names *names, struct varve_span key)
{
    for (size_t i = 0; i < names->count; i++) {
        if (names->at[i].len == key.len && memcmp(names->at[i].at, key.at, key.len) == 0) {
            return true;
        }
    }
    return false;
}

static const struct varve_span name_key = {.at = "__name__", .len = 8};
static const struct varve_span no_name = {.at = "", .len = 0};

void expr_labels_keep(struct varve_labels *labels, const struct expr_names *names, bool listed)
{
    size_t kept = 0;
    for (size_t i = 0; i < labels->count; i++) {
        if (is_listed(names, labels->label[i].key) == listed) {
            labels->label[kept++] = labels->label[i];
        }
    }
    labels->count = kept;
}

// What an aggregation leaves; the name is a label like the others there.
static void group_labels(struct varve_labels *labels, const struct expr_names *names, bool listed)
{
    expr_labels_keep(labels, names, listed);
    if (!listed || !is_listed(names, name_key)) {
        labels->name = no_name;
    }
}

static void call_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                        struct varve_labels *out)
{
    const struct expr *over = expr_matrix_of(e);
    expr_labels(run, over != NULL ? over : e->a, slot, out);
    if (e->is.function != EXPR_FN_LAST_OVER) {
        out->name = no_name;
    }
}

static void operator_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                            struct varve_labels *out)
{
    bool vectors = e->a->type == EXPR_VECTOR && e->b->type == EXPR_VECTOR;
    if (vectors) {
        expr_match_labels(run, e, slot, out);
        return;
    }
    expr_labels(run, e->a->type == EXPR_VECTOR ? e->a : e->b, slot, out);
    if (!expr_is_comparison(e->is.op) || e->returns_bool) {
        out->name = no_name;
    }
}

void expr_labels(const struct expr_run *run, const struct expr *e, uint32_t slot,
                 struct varve_labels *out)
{
    if (e->type == EXPR_SCALAR) {
        *out = (struct varve_labels){.name = no_name};
        return;
    }
    switch (e->kind) {
    case EXPR_SELECTOR:
        // It is in the series table: it parses.
        (void)varve_labels_parse(run->host->series.series[e->selector->ids[slot]].text, out, NULL,
                                 NULL);
        return;
    case EXPR_CALL:
        call_labels(run, e, slot, out);
        return;
    case EXPR_AGGREGATE:
        expr_labels(run, e->a, expr_group_first(e, slot), out);
        if (e->is.aggregation != EXPR_AGG_TOPK && e->is.aggregation != EXPR_AGG_BOTTOMK) {
            group_labels(out, &e->labels, !e->without);
        }
        return;
    case EXPR_BINARY:
        operator_labels(run, e, slot, out);
        return;
    case EXPR_NEGATE:
    case EXPR_NUMBER:
        break;
    }
    expr_labels(run, e->a, slot, out);
    out->name = no_name;
}

// ---- hashes -------------------------------------------------------------------------------------

// FNV-1a, 64 bits.
static uint64_t mix(uint64_t hash, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hash = (hash ^ (uint8_t)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

#define HASH_START UINT64_C(0xcbf29ce484222325)

uint64_t expr_labels_hash(const struct varve_labels *labels, const struct expr_names *names,
                          bool listed)
{
    uint64_t hash = HASH_START;
    if (listed && labels->name.len > 0 && is_listed(names, name_key)) {
        hash = mix(hash, labels->name.at, labels->name.len);
    }
    for (size_t i = 0; i < labels->count; i++) {
        const struct varve_label *label = &labels->label[i];
        if (label->value.len > 0 && is_listed(names, label->key) == listed) {
            hash = mix(hash, label->key.at, label->key.len);
            hash = mix(hash, label->value.at, label->value.len);
        }
    }
    return hash;
}

uint64_t expr_labels_hash_all(const struct varve_labels *labels)
{
    const struct expr_names none = {.count = 0};
    return mix(expr_labels_hash(labels, &none, false), labels->name.at, labels->name.len);
}

static bool before(const struct expr_signature *a, const struct expr_signature *b)
{
    return a->hash != b->hash ? a->hash < b->hash : a->slot < b->slot;
}

static void sift(struct expr_signature *s, size_t at, size_t n)
{
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= n) {
            return;
        }
        child += child + 1 < n && before(&s[child], &s[child + 1]);
        if (!before(&s[at], &s[child])) {
            return;
        }
        struct expr_signature swap = s[at];
        s[at] = s[child];
        s[child] = swap;
        at = child;
    }
}

void expr_signatures_sort(struct expr_signature *signatures, size_t n)
{
    for (size_t i = n / 2; i > 0; i--) {
        sift(signatures, i - 1, n);
    }
    for (size_t i = n; i > 1; i--) {
        struct expr_signature swap = signatures[0];
        signatures[0] = signatures[i - 1];
        signatures[i - 1] = swap;
        sift(signatures, 0, i - 1);
    }
}

size_t expr_signatures_find(const struct expr_signature *signatures, size_t n, uint64_t hash)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (signatures[middle].hash < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < n && signatures[low].hash == hash ? low : n;
}
