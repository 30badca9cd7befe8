// SPDX-License-Identifier: Apache-2.0
// Small texts without libc: a printf subset, an appender, globs and nearest-name suggestions.
//
// varve_format() itself is declared in varve/host.h. Nothing here allocates or keeps state; every
// function may be called from any context.
#ifndef VARVE_CORE_TEXT_H
#define VARVE_CORE_TEXT_H

#include <stdarg.h>

#include "varve/host.h"

// Formats into buf, always NUL-terminated when cap > 0; returns the length without the NUL that the
// whole text has, so a result >= cap means that it was cut. Understands %s %c %d %i %u %x %X %%,
// the lengths l, ll and z, a width (a number or *), the flags - and 0, and a precision for %s. At a
// conversion that it does not know it copies the rest of the format as it stands.
size_t varve_vformat(char *buf, size_t cap, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

// Says why something failed, in `why`; "" in a build without texts.
#ifdef VARVE_WITHOUT_TEXTS
static inline void varve_explain(char *why, size_t cap, const char *format, ...)
{
    (void)format;
    if (cap > 0) {
        why[0] = '\0';
    }
}
#else
void varve_explain(char *why, size_t cap, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#endif

// Builds a text piece by piece in a buffer of the caller's.
struct varve_text {
    char *buf;
    size_t cap; // bytes, > 0
    size_t len; // bytes in buf without the NUL
    bool cut;   // something did not fit
};

void varve_text_init(struct varve_text *t, char *buf, size_t cap);
void varve_text_add(struct varve_text *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
// Appends n bytes as they are.
void varve_text_bytes(struct varve_text *t, const char *bytes, size_t n);

// Whether the whole text matches the pattern: `*` any run, `?` any one byte. Time is at most the
// product of the two lengths.
bool varve_glob(const char *pattern, const char *text);

// Whether it is a name for plugins, instances and tiers: letters, digits, `_` and `-`, a letter or
// digit first, shorter than `cap` bytes.
bool varve_text_is_name(const char *text, size_t cap);

// Edits (insert, delete, replace, swap of neighbours) from one name to the other; UINT_MAX when one
// has VARVE_DISTANCE_MAX bytes or more.
#define VARVE_DISTANCE_MAX 64u
unsigned varve_text_distance(const char *a, const char *b);

// The candidate most like a misspelt name. Start with best = NULL, offer each candidate, then read
// best: NULL when none is near enough to be meant.
struct varve_nearest {
    const char *wanted;
    const char *best;
    unsigned distance; // of best
};
void varve_nearest_offer(struct varve_nearest *nearest, const char *candidate);

// Writes a duration or a size with the largest unit that divides it, as varve_parse_duration() and
// varve_parse_size() read it back: "90s" "2h" "0s", "12" "64K". Returns as varve_format().
size_t varve_format_duration(char *buf, size_t cap, int64_t ms);
size_t varve_format_size(char *buf, size_t cap, int64_t bytes);

#endif
