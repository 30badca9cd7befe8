// SPDX-License-Identifier: Apache-2.0
// Units as OpenMetrics has them: in words that names end in, `seconds`, where varve has UCUM's
// symbols, `s`.
//
// Threading: no state.
#ifndef VARVE_UNIT_WORD_H
#define VARVE_UNIT_WORD_H

#include <stddef.h>

// The word for a unit; the unit itself when there is none.
const char *unit_word(const char *unit);

// The unit for a word of `len` bytes; NULL: none is known.
const char *unit_of_word(const char *word, size_t len);

#endif
