// SPDX-License-Identifier: Apache-2.0
// Text in HTML.
//
// Threading: no state.
#ifndef VARVE_HTML_H
#define VARVE_HTML_H

#include <stdio.h>

// Writes a text so that it is nothing but text there, between tags as well as in quotes. Bytes that
// are not UTF-8, and control characters, become U+FFFD; a line break stays.
void html_text(FILE *out, const char *text);

#endif
