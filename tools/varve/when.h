// SPDX-License-Identifier: Apache-2.0
// Times as people write and read them.
//
// Owns parsing of `now`, `-2h`, `now-2h`, RFC 3339 and Unix time, and the local-time form of
// tables.
//
// Threading: no state but the C library's time zone.
#ifndef VARVE_WHEN_H
#define VARVE_WHEN_H

#include <stddef.h>
#include <stdint.h>

// Longest text that when_format() writes, with its NUL.
#define WHEN_TEXT 32u
// What when_parse() understands, for messages.
#define WHEN_FORMS                                                                                 \
    "now, -2h, now-30m, 2026-11-20T21:00:00Z, 2026-11-20 or Unix time in seconds or milliseconds"

// Smallest magnitude of a plain number that is taken for milliseconds; smaller ones are seconds.
#define WHEN_MS_FROM 100000000000

// Parses a time to Unix ms. Returns 0 or VARVE_E_INVALID.
int when_parse(const char *text, int64_t now_ms, int64_t *out);

// Only the absolute forms, over `len` bytes that need no NUL: for files. Returns as when_parse().
int when_parse_absolute(const char *text, size_t len, int64_t *out);

// Writes local time, "2026-11-20 21:00:00", with ".123" when there are milliseconds, and "-" for
// INT64_MIN and INT64_MAX. Returns buf.
const char *when_format(int64_t ms, char *buf, size_t cap);

// Name of the local time zone ("UTC", "CET").
const char *when_zone(void);

// Now, Unix ms.
int64_t when_now(void);

// A span in words, the two largest units: "2d 4h", "35s", "120ms".
const char *when_span(int64_t ms, char *buf, size_t cap);

#endif
