// SPDX-License-Identifier: Apache-2.0
// Reading JSON in place: one step at a time over a text with a NUL, without building anything.
//
// For lines of a known shape with long arrays: a library would make a tree of each, or refuse what
// varve writes for bytes that are no UTF-8 (\udc80 to \udcff stand for them, as json.h writes).
//
// Threading: no state.
#ifndef VARVE_JSON_READ_H
#define VARVE_JSON_READ_H

#include <stdbool.h>
#include <stddef.h>

// The next thing that is no blank.
const char *json_blanks(const char *at);

// Behind a value, or NULL: it is not JSON. Arrays and objects nest 16 deep at most. `count`, if not
// NULL, gets the number of an array's elements; 0 for anything else.
const char *json_skip(const char *at, size_t *count);

// Unescapes the string at `at` into `out` of `cap` bytes, with a NUL. Returns behind it, or NULL:
// it is none, it does not fit, or it holds a NUL.
const char *json_string(const char *at, char *out, size_t cap, size_t *len);

// Steps into an array or object, or on to its next element: `*at` is at the bracket, or behind an
// element. False at its end, or when neither follows; the text was skipped before, so it is JSON.
bool json_enter(const char **at);
bool json_more(const char **at);

#endif
