// SPDX-License-Identifier: Apache-2.0
// The column codec: how one series' rows become bytes inside a block. The only interface between
// blocks and compression, so that a better codec replaces this file and nothing else.
//
// A chunk is a time column followed by value columns, each a whole number of bytes.
//
//   time column: varint n; varint(first - base); varint step; varint exceptions; then for each
//     exception varint(index - previous index) and varint(zigzag(delta - step)). Times are counted
//     in units: 1 ms for points, the tier's step for cells. Row i's time is row i-1's plus `step`,
//     or plus the exception's delta. `step` is the column's most frequent delta, so regular
//     sampling costs nothing, a gap or a late sample a few bytes.
//   value column: XOR of neighbouring doubles' bit patterns as in Facebook's Gorilla (Pelkonen et
//     al., VLDB 2015, section 4.1.2), most significant bit first: the first value in 64 bits; then
//     `0` for an equal one, `10` + the significant bits in the former window, `11` + 5 bits
//     leading zeros + 6 bits (length - 1) + the significant bits. Lossless for every bit pattern.
//
// Stateless; any context. Decoders treat their input as hostile.
#ifndef VARVE_CORE_CODEC_H
#define VARVE_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A column of n fields inside an array of structs.
struct varve_column {
    void *first;   // the field in the first struct
    size_t stride; // bytes from struct to struct
    bool is_u32;   // uint32_t instead of double
};

// Encoders append at out[0 .. cap) and return the bytes used, or 0 when they do not fit.
// `times` are n (>= 1) ascending int64_t fields, `stride` bytes apart, all >= base.
size_t varve_codec_put_times(uint8_t *out, size_t cap, const int64_t *times, size_t stride,
                             size_t n, int64_t base, int64_t unit);
size_t varve_codec_put_values(uint8_t *out, size_t cap, const struct varve_column *column,
                              size_t n);

// The rows of a chunk that lie in a time range.
struct varve_codec_rows {
    size_t total; // rows in the chunk
    size_t skip;  // rows before the first one in the range
    size_t take;  // rows in the range
};

// Decodes the time column at *in (moved behind it): stores the times in [from, to] into `times`
// (`cap` fields `stride` apart) and says which rows they are. Returns 0, VARVE_E_FULL, or
// VARVE_E_CORRUPT, also for times that do not ascend.
int varve_codec_get_times(const uint8_t **in, const uint8_t *end, int64_t base, int64_t unit,
                          int64_t from, int64_t to, int64_t *times, size_t stride, size_t cap,
                          struct varve_codec_rows *rows);

// Decodes a value column at *in (moved behind it), storing the rows of the range only.
// Returns 0 or VARVE_E_CORRUPT.
int varve_codec_get_values(const uint8_t **in, const uint8_t *end,
                           const struct varve_codec_rows *rows, const struct varve_column *column);

#endif
