// SPDX-License-Identifier: Apache-2.0
// Small scanning helpers for the texts of /proc and /sys: spans, lines, tokens, numbers, globs.
//
// A span is a piece of text that somebody else owns; it need not end in NUL and may hold any byte.
// Nothing here allocates, reads outside a span, or loops longer than the span is.
//
// Threading: pure functions; any context.
#ifndef VARVE_COLLECTORS_SCAN_H
#define VARVE_COLLECTORS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct varve_span {
    const char *at;
    size_t len; // bytes
};

// The span of a NUL-terminated text.
struct varve_span varve_span_of(const char *text);

bool varve_span_equals(struct varve_span span, const char *text);
bool varve_span_starts(struct varve_span span, const char *prefix);

// Copies the span to `buf` and ends it with NUL. False, with buf empty, when it does not fit.
bool varve_span_copy(struct varve_span span, char *buf, size_t cap);

// Takes the next line off the front of *rest, without its "\n" or "\r\n"; the last one need not
// end in a newline. False when nothing is left.
bool varve_scan_line(struct varve_span *rest, struct varve_span *line);

// Takes the next token (separated by spaces and tabs) off the front of *rest. False at the end.
bool varve_scan_token(struct varve_span *rest, struct varve_span *token);

// The whole token as a decimal number. False for anything else: empty, a sign, more than 64 bits.
bool varve_scan_u64(struct varve_span token, uint64_t *value);

// The same with an optional leading '-'.
bool varve_scan_i64(struct varve_span token, int64_t *value);

// Reads up to `cap` numbers off the front of *rest, up to the end or the first token that is none
// (which stays). Returns how many.
size_t varve_scan_u64s(struct varve_span *rest, uint64_t *values, size_t cap);

// The whole token as a decimal fraction: digits, optionally "." and digits, at most 15 significant
// digits and 18 places. The mantissa then is exact in a double and so is the power of ten up to
// 10^22, so the one division is rounded correctly (Clinger 1990, the fast path of every strtod).
// Longer or other numbers (signs, exponents, nan) are refused.
bool varve_scan_decimal(struct varve_span token, double *value);

// How many of `len` bytes are whole lines: what follows the last newline is left out.
size_t varve_scan_whole_lines(const char *text, size_t len);

// Matches a name against patterns separated by spaces or commas; `*` stands for any run of
// characters ('/' included), `?` for one. An empty list matches nothing.
bool varve_glob_list(const char *patterns, struct varve_span name);

#endif
