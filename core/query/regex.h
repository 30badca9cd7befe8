// SPDX-License-Identifier: Apache-2.0
// Regular expressions for label values: a subset of RE2's syntax, matched in linear time.
//
// A pattern has to match the whole value. Supported: literals, `.`, classes `[a-z]` `[^...]` with
// \d \w \s inside, \d \D \w \W \s \S, escaped punctuation, \n \t \r, groups `(...)` and `(?:...)`,
// `|`, `*` `+` `?` and their lazy forms, `{n}` `{n,}` `{n,m}`, and `^` and `$`. Characters are
// UTF-8; a byte that is none stands for itself. Not supported, and refused by name: flags such as
// (?i), named groups, \b, \p{...}, [[:alpha:]].
//
// The pattern becomes a program of at most REGEX_CODE_MAX instructions (counted repetitions are
// written out), and matching follows all its threads at once: time is at most the product of
// program and value, whatever both look like.
//
// Threading: a program belongs to one task; it holds the threads of the match that goes on.
#ifndef VARVE_CORE_QUERY_REGEX_H
#define VARVE_CORE_QUERY_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../arena.h"

#define REGEX_CODE_MAX 1024u

struct regex;

// Compiles `length` bytes. Returns 0; VARVE_E_INVALID with the reason and its place in the pattern
// (bytes); VARVE_E_TOO_BIG for a program that is too long (with a reason); VARVE_E_NO_MEMORY.
int regex_compile(const char *pattern, size_t length, struct varve_arena *arena,
                  const struct regex **out, const char **why, size_t *at);

bool regex_match(const struct regex *regex, const char *text, size_t length);

#endif
