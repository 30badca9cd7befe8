// SPDX-License-Identifier: Apache-2.0
// Characters of UTF-8.
//
// Threading: no state.
#ifndef VARVE_UTF8_H
#define VARVE_UTF8_H

#include <stddef.h>

// Bytes of the character at `c`, of a text with a NUL; 0: it is none.
size_t utf8_length(const unsigned char *c);

#endif
