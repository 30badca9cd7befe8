// SPDX-License-Identifier: Apache-2.0
// Doubles as text, lossless both ways.
//
// Owns the shortest text that reads back as the same double, and reading, fast where it is exact.
// NaNs that carry a payload are written `NaN(0x7ff8000000000123)`: all 64 bits.
//
// Threading: no state. The C library's numeric locale must be "C".
#ifndef VARVE_NUMBER_H
#define VARVE_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Longest text that number_format() writes, with its NUL.
#define NUMBER_TEXT 32u

// Writes the value; returns the length. NaN and infinities are `NaN`, `+Inf`, `-Inf`.
size_t number_format(double value, char buf[NUMBER_TEXT]);

// The same for an integer.
size_t number_format_integer(int64_t value, char buf[NUMBER_TEXT]);

// Reads a number that takes up all `len` bytes: decimal, exponent, nan, inf, infinity, NaN(0x...).
// Returns 0, or VARVE_E_INVALID.
int number_parse(const char *text, size_t len, double *out);

// The value for people, in at most nine characters: four digits, and k, M, G, ... for thousands.
// Returns buf.
const char *number_short(double value, char buf[NUMBER_TEXT]);

#endif
