// SPDX-License-Identifier: Apache-2.0
// JSON and CSV of values and of whole structs by their field tables.
//
// Owns escaping, null for what JSON has no word for, and the stable field names (those of
// client/fields.c). Leaves the outer shape of a document to the commands.
//
// Threading: no state.
#ifndef VARVE_JSON_H
#define VARVE_JSON_H

#include <stdio.h>

#include "client/fields.h"

// A byte that is not UTF-8 becomes \udcXX, as Python's surrogateescape has it: nothing is lost.
void json_text(FILE *out, const char *text);
// NaN and infinities are null.
void json_number(FILE *out, double value);
// `"name":value` of each field, separated by commas, without braces.
void json_fields(FILE *out, const struct varve_field *table, const void *object);

// The names, or the values, of the fields as one CSV line without its end. Absent times are empty.
void csv_field_names(FILE *out, const struct varve_field *table);
void csv_field_values(FILE *out, const struct varve_field *table, const void *object);
// One line `GROUP.OWNER.NAME,value` for each field; GROUP "": only the name.
void csv_field_pairs(FILE *out, const struct varve_field *table, const void *object,
                     const char *group, const char *owner);

#endif
