// SPDX-License-Identifier: Apache-2.0
// Names as people and other programs write them: dotted names, severities, and choosing series by a
// selector.
//
// Owns the mapping `web.cpu.load` <-> `dotted{path="web.cpu.load"}` and the selection that the
// SERIES request and `varve series` make. Leaves the grammar of series texts to core/label.h.
//
// Threading: no state.
#ifndef VARVE_NAMES_H
#define VARVE_NAMES_H

#include "core/label.h"
#include "varve/types.h"

// Whether it is a dotted name: only [A-Za-z0-9_.:/-], and one of them in no metric name.
bool varve_name_is_dotted(const char *text);

// Writes the series text of a name: dotted names become `dotted{path="..."}`, all others stay.
// VARVE_E_TOO_BIG when it does not fit.
int varve_name_to_series(const char *name, char *out, size_t cap);

// The way back: the dotted name of such a series text, or the text itself. Returns `out` or `text`.
const char *varve_name_from_series(const char *text, char *out, size_t cap);

// "critical" ... "debug"; "?" for a number that is none.
const char *varve_severity_name(enum varve_severity severity);

// A selector made ready; borrows `text` inside.
struct varve_selection {
    bool all;
    char text[VARVE_SERIES_TEXT];
    struct varve_labels labels;
};

// Returns 0, or an error with a sentence in `why`.
int varve_selection_init(struct varve_selection *selection, const char *selector, char *why,
                         size_t why_cap);
bool varve_selection_match(const struct varve_selection *selection, const char *series_text);

#endif
