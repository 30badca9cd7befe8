// SPDX-License-Identifier: Apache-2.0
// Series texts and selectors: `name{key="value",...}` taken apart, put in canonical order, matched.
//
// Label values stay in their written form: inside the quotes \\, \" and \n are the only escapes and
// a raw newline is not allowed, so each value has exactly one spelling and texts can be compared
// as they are. Stateless; any context.
#ifndef VARVE_CORE_LABEL_H
#define VARVE_CORE_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "varve/limits.h"

// A piece of somebody else's text.
struct varve_span {
    const char *at;
    size_t len;
};

struct varve_label {
    struct varve_span key;
    struct varve_span value; // as written between the quotes
    bool negated;            // selectors: key != "value"
};

struct varve_labels {
    struct varve_span name; // may be empty in a selector
    struct varve_label label[VARVE_MAX_LABELS];
    size_t count;
};

// Takes a series text apart; labels come out sorted by key. Returns 0, VARVE_E_INVALID, or
// VARVE_E_TOO_BIG for too many labels. On failure *why says what is wrong and *column where
// (0-based; both may be NULL).
int varve_labels_parse(const char *text, struct varve_labels *out, const char **why,
                       size_t *column);

// The same for a selector: the name may be missing or hold * and ?, and != is allowed.
int varve_selector_parse(const char *text, struct varve_labels *out, const char **why,
                         size_t *column);

// Writes the canonical text; labels with an empty value are left out. Returns its length, or
// VARVE_E_TOO_BIG when it does not fit in `cap` with its NUL.
int varve_labels_write(const struct varve_labels *labels, char *buf, size_t cap);

// Whether a canonical series text matches a selector. A label that the series does not have counts
// as "".
bool varve_selector_match(const struct varve_labels *selector, const char *series_text);

// Escapes a raw value for use between the quotes. Returns the length, or VARVE_E_TOO_BIG.
int varve_label_escape(const char *raw, char *buf, size_t cap);

#endif
