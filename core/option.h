// SPDX-License-Identifier: Apache-2.0
// Option tables: one value of one option, parsed, range-checked, described and printed back.
//
// Which option a line of the configuration means is core/conf.c's. No state; any context.
#ifndef VARVE_CORE_OPTION_H
#define VARVE_CORE_OPTION_H

#include "varve/plugin.h"

// Rows that one table may have; varve_registry_add() refuses more.
#define VARVE_OPTIONS_MAX 48u

// The row of that name, or NULL. The table may be NULL: no options.
const struct varve_option *varve_option_find(const struct varve_option *table, const char *name);

// Number of rows before the end.
size_t varve_option_count(const struct varve_option *table);

// Parses `text` by the option's type and stores it in its field of `options`. A string is kept by
// address and must stay. Returns 0, or VARVE_E_INVALID with "expected ...; got '...'" in `why`, the
// field untouched.
int varve_option_set(const struct varve_option *option, void *options, const char *text, char *why,
                     size_t why_cap);

// Writes what the option takes: "a duration such as 5s or 2h, between 1s and 1d".
void varve_option_expect(const struct varve_option *option, char *buf, size_t cap);

// Writes the current value as varve_option_set() reads it back; a string that is NULL as "".
// Returns as varve_format().
size_t varve_option_print(const struct varve_option *option, const void *options, char *buf,
                          size_t cap);

// Whether a row is complete and its default is within its own limits. Returns 0, or
// VARVE_E_INVALID with the fault in `why`. `options_size` is that of the struct it points into.
int varve_option_check(const struct varve_option *option, size_t options_size, char *why,
                       size_t why_cap);

#endif
