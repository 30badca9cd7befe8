// SPDX-License-Identifier: Apache-2.0
// Labels of a series as other formats have them: raw values, JSON.
//
// Threading: no state.
#ifndef VARVE_LABELS_H
#define VARVE_LABELS_H

#include <stdio.h>

#include "core/label.h"

// The raw value of a label whose written form is `value`, with a NUL. `raw` has its size and one.
void labels_unescape(const struct varve_span *value, char *raw);

// `"key":"value"` of each, separated by commas, without braces.
void labels_json(FILE *out, const struct varve_labels *labels);

#endif
