// SPDX-License-Identifier: Apache-2.0
// The column codec: how one series' rows become bytes inside a block. The only interface between
// blocks and compression. What follows is the format, complete enough to write a decoder from;
// tests/decode_block.py is one that was.
//
// A chunk (varve/block.h says where it stands) is a time column and a value stream.
//
// TIME COLUMN: varint n, the number of rows, >= 1; varint(first - base); varint step; varint
// exceptions; then for each exception varint(row - row of the previous exception, or 0 for the
// first) and varint(zigzag(delta - step)). Times are counted in units - 1 ms for points, the
// block's step for cells - and base is the block's start. Row 0 is at `first`; row i is at row
// i-1's time plus `step`, or plus the exception's delta if row i has an exception. `step` is the
// column's usual delta, so regular sampling costs nothing, a gap or a late sample a few bytes.
//
// VALUE STREAM: bits, most significant bit of each byte first, the last byte filled with zeros. All
// integer arithmetic is modulo 2^64, two's complement. Fields of several bits are unsigned with the
// most significant bit first. These codes are used:
//
//   number    4 bits class; then 0 2 4 6 8 10 12 14 17 20 24 28 33 38 48 64 bits, by class, which
//             are the zigzag of a signed integer.
//   rice(p)   an unsigned integer u: as many ones as u >> p, a zero, then the low p bits of u.
//   Where
//             u >> p is 16 or more: sixteen ones, 6 bits (length - 1), then u in `length` bits.
//
// The stream begins with the headers of all columns and goes on row by row: in each row, one field
// per column, in the order of the columns. Points have one column; cells have count, last, min,
// max, sum.
//
//   points    the header of a free column.
//   cells     a body (the count's); 3 bits scale k. If k <= 6: body (last), 2 bits reference and
//             body (min), 2 bits reference and body (max), then 1 bit: 0 and the sum follows as 2
//             bits reference, correction, body; or 1 and the sum is a free column. If k = 7: last,
//             min, max and sum are four free columns.
//
//   free column   3 bits scale k; if k = 7 the column is an XOR column and has no more header;
//                 otherwise correction and body.
//   correction    1 bit; if 1, another 4 bits q.
//   body          2 bits order: 0 value, 1 difference, 2 difference of differences, 3 constant;
//                 number `first`; then, unless the order is 3:
//                 1 bit; if 1, another 6 bits shift s (otherwise s = 0);
//                 1 bit sparse; 1 bit unsigned;
//                 1 bit; if 1, a number centre c (otherwise c = 0);
//                 6 bits p; if sparse, 4 bits z.
//
// An integer column (k <= 6) holds a signed 64-bit integer m in each row, and the value is the
// double nearest to m / 10^k: m converted to double (round to nearest even; exact unless k is 0),
// divided by 10^k in IEEE 754 double arithmetic. With a correction, the field has behind it
// rice(q) of zigzag(e), and e is added to the value's bit pattern taken as an integer (sums of
// decimals miss the decimal by an ulp or two). The count is m itself, 0 .. 2^32 - 1, k = 0.
//
//   m = x + reference, x = first + (d << s), and d comes from the field:
//     order 0   d = r                                     (every row has a residual)
//     order 1   d = previous d + r + c                    (row 0 has none: d = 0)
//     order 2   step = previous step + r, d = previous d + step   (the same; step was c before)
//     order 3   d = 0                                     (no row has a residual)
//   The residual r is u if unsigned, otherwise the unzigzag of u; u comes
//     dense     as rice(p)
//     sparse    in runs: rice(z) is the number of rows from this one on with u = 0; then a row has
//               rice(p) + 1; then another run begins, if there is another row with a residual.
//   With order 0 the centre is not used: `first` is one already.
//
//   reference, by column and number; i is the row, i-1 is 0 for row 0; others are damage:
//     0         0
//     min 1     last[i]                       min 2   last[i-1]
//     max 1     last[i]                       max 2   min[i]
//     sum 1     (count[i] * (min[i] + max[i])) >> 1, the shift arithmetic
//     sum 2     last[i] - last[i-1], but max[0] - min[0] for row 0
//   They stand for the other columns' m: a gauge's sum is near its midrange times its count, a
//   counter's sum is the growth of its last value.
//
// An XOR column (k = 7) is Facebook's Gorilla (Pelkonen et al., VLDB 2015, section 4.1.2) on the
// bit patterns: row 0 has 64 bits; each other row has `0` if equal to the row before, `10` and the
// significant bits of the XOR with it, where the last `11` put them, or `11`, 5 bits leading zeros,
// 6 bits (length - 1) and the `length` significant bits. Lossless for every bit pattern.
//
// The scaled integers are those of decimal data; the code is Rice's (Golomb, IEEE Trans. IT 1966;
// Rice, JPL 79-22). First values are not predicted from an earlier block, which would save about a
// third of a bit per sample: a block would no longer be readable without its predecessor, which
// retention overwrites and damage takes away.
//
// Encoder and decoder need no memory besides their arguments: integers are computed again in each
// pass. Stateless; any context. Decoders treat their input as hostile.
#ifndef VARVE_CORE_CODEC_H
#define VARVE_CORE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "varve/block.h"
#include "varve/types.h"

// Encoders append at out[0 .. cap) and return the bytes used, or 0 when they do not fit.
// `times` are n (>= 1) ascending int64_t fields, `stride` bytes apart, all >= base.
size_t varve_codec_put_times(uint8_t *out, size_t cap, const int64_t *times, size_t stride,
                             size_t n, int64_t base, int64_t unit);
// Whether the encoder makes anything of hints.
bool varve_codec_uses_hints(void);
// The value streams of n (>= 1) points or cells. `hints` are VARVE_POINT_HINTS or VARVE_CELL_HINTS
// of the series, read and updated, or NULL.
size_t varve_codec_put_points(uint8_t *out, size_t cap, const struct varve_point *points, size_t n,
                              struct varve_code_hint *hints);
size_t varve_codec_put_cells(uint8_t *out, size_t cap, const struct varve_cell *cells, size_t n,
                             struct varve_code_hint *hints);

// The rows of a chunk that lie in a time range.
struct varve_codec_rows {
    size_t total;   // rows in the chunk
    size_t skip;    // rows before the first one in the range
    size_t take;    // rows in the range
    bool only_last; // of cells nothing is wanted but `count` and `last`; the rest becomes 0
};

// Decodes the time column at *in (moved behind it): stores the times in [from, to] into `times`
// (`cap` fields `stride` apart) and says which rows they are. Returns 0, VARVE_E_FULL, or
// VARVE_E_CORRUPT, also for times that do not ascend.
int varve_codec_get_times(const uint8_t **in, const uint8_t *end, int64_t base, int64_t unit,
                          int64_t from, int64_t to, int64_t *times, size_t stride, size_t cap,
                          struct varve_codec_rows *rows);

// Decode the value stream in [in, end), storing everything but the time of the rows in the range.
// Rows behind the range are not read. Return 0 or VARVE_E_CORRUPT.
int varve_codec_get_points(const uint8_t *in, const uint8_t *end,
                           const struct varve_codec_rows *rows, struct varve_point *points);
int varve_codec_get_cells(const uint8_t *in, const uint8_t *end,
                          const struct varve_codec_rows *rows, struct varve_cell *cells);

#endif
