// SPDX-License-Identifier: Apache-2.0
// Time columns; the format is in codec.h. Stateless, no scratch memory; any context.
#include <string.h>

#include "bytes.h"
#include "codec.h"
#include "varve/error.h"
#include "varve/limits.h"

static int64_t time_at(const int64_t *times, size_t stride, size_t i)
{
    int64_t t;
    memcpy(&t, (const uint8_t *)times + i * stride, sizeof t);
    return t;
}

// In ms: all deltas are whole units, and a division of each would be felt.
static int64_t delta_at(const int64_t *times, size_t stride, size_t i)
{
    return time_at(times, stride, i) - time_at(times, stride, i - 1);
}

// Whether all deltas are the first one, as most columns' are.
static bool is_regular(const int64_t *times, size_t stride, size_t n)
{
    const uint8_t *field = (const uint8_t *)times, *end = field + n * stride;
    uint64_t expected = (uint64_t)time_at(times, stride, 0), off = 0;
    uint64_t step = n > 1 ? (uint64_t)delta_at(times, stride, 1) : 0;
    for (; field != end; field += stride, expected += step) {
        uint64_t time;
        memcpy(&time, field, sizeof time);
        off |= time ^ expected;
    }
    return off == 0;
}

// Boyer-Moore majority vote: one pass, no memory; where no delta has a majority any one will do.
static int64_t usual_delta(const int64_t *times, size_t stride, size_t n)
{
    int64_t best = 0;
    size_t votes = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t delta = delta_at(times, stride, i);
        if (votes == 0) {
            best = delta;
        }
        votes = delta == best ? votes + 1 : votes - 1;
    }
    return best;
}

static size_t count_exceptions(const int64_t *times, size_t stride, size_t n, int64_t step)
{
    size_t count = 0;
    for (size_t i = 1; i < n; i++) {
        count += delta_at(times, stride, i) != step;
    }
    return count;
}

size_t varve_codec_put_times(uint8_t *out, size_t cap, const int64_t *times, size_t stride,
                             size_t n, int64_t base, int64_t unit)
{
    if (cap < 4 * VARVE_VARINT_MAX) {
        return 0;
    }
    bool regular = n > 1 && is_regular(times, stride, n);
    int64_t step = regular ? delta_at(times, stride, 1) : usual_delta(times, stride, n);
    size_t used = varve_put_varint(out, n);
    used += varve_put_varint(out + used, (uint64_t)((time_at(times, stride, 0) - base) / unit));
    used += varve_put_varint(out + used, (uint64_t)(step / unit));
    used += varve_put_varint(out + used, regular ? 0 : count_exceptions(times, stride, n, step));
    size_t previous = 0;
    for (size_t i = 1; i < n && !regular; i++) {
        int64_t delta = delta_at(times, stride, i);
        if (delta == step) {
            continue;
        }
        if (cap - used < 2 * VARVE_VARINT_MAX) {
            return 0;
        }
        used += varve_put_varint(out + used, i - previous);
        used += varve_put_varint(out + used, varve_zigzag((delta - step) / unit));
        previous = i;
    }
    return used;
}

// Walks a time column row by row.
struct time_reader {
    const uint8_t *in, *end;
    uint64_t step;
    uint64_t left;     // exceptions not read yet
    uint64_t next;     // row of the pending exception; 0: none
    int64_t deviation; // its delta, less the step
};

static bool next_exception(struct time_reader *r, uint64_t row)
{
    uint64_t gap, raw;
    if (r->left == 0) {
        r->next = 0;
        return true;
    }
    if (!varve_get_varint(&r->in, r->end, &gap) || !varve_get_varint(&r->in, r->end, &raw) ||
        gap == 0 || gap > VARVE_COLUMN_MAX) {
        return false;
    }
    r->left--;
    r->next = row + gap;
    r->deviation = varve_unzigzag(raw);
    return true;
}

// The time of `row` from that of the row before it; arithmetic wraps rather than overflows, since
// damaged input may hold anything.
static bool advance(struct time_reader *r, uint64_t row, uint64_t *time)
{
    *time += r->step;
    if (row != r->next) {
        return true;
    }
    *time += (uint64_t)r->deviation;
    return next_exception(r, row);
}

static bool read_time_header(struct time_reader *r, uint64_t *n, uint64_t *first)
{
    return varve_get_varint(&r->in, r->end, n) && varve_get_varint(&r->in, r->end, first) &&
           varve_get_varint(&r->in, r->end, &r->step) &&
           varve_get_varint(&r->in, r->end, &r->left) && *n > 0 && *n <= VARVE_COLUMN_MAX &&
           r->left < *n && next_exception(r, 0);
}

// Rows that are all a step apart: which of them are in the range follows from the ends. False:
// there are exceptions, or numbers so large that only damage explains them.
static bool find_regular(const struct time_reader *r, uint64_t n, uint64_t units, int64_t base,
                         int64_t unit, int64_t from, int64_t to, int64_t *first, int64_t *delta,
                         struct varve_codec_rows *rows)
{
    const int64_t limit = INT64_C(1) << 60;
    if (r->next != 0 || units >> 31 != 0 || r->step >> 31 != 0 || (uint64_t)unit >> 31 != 0 ||
        base >= limit || base <= -limit) {
        return false;
    }
    const int64_t start = base + (int64_t)units * unit; // both products are below 2^62
    const int64_t step = (int64_t)r->step * unit;
    if (step <= 0 || step >= limit / VARVE_COLUMN_MAX) {
        return false;
    }
    const int64_t last = start + (int64_t)(n - 1) * step;
    uint64_t skip = 0, end = n;
    if (from > start) {
        skip = from > last ? n : ((uint64_t)(from - start) + (uint64_t)step - 1) / (uint64_t)step;
    }
    if (to < last) {
        end = to < start ? 0 : (uint64_t)(to - start) / (uint64_t)step + 1;
    }
    *first = start + (int64_t)skip * step;
    *delta = step;
    *rows = (struct varve_codec_rows){
        .total = (size_t)n, .skip = (size_t)skip, .take = end > skip ? (size_t)(end - skip) : 0};
    return true;
}

static int put_regular(int64_t first, int64_t delta, int64_t *times, size_t stride, size_t cap,
                       const struct varve_codec_rows *rows)
{
    uint8_t *out = (uint8_t *)times;
    if (rows->take > cap) {
        return VARVE_E_FULL;
    }
    for (size_t i = 0; i < rows->take; i++, out += stride, first += delta) {
        memcpy(out, &first, sizeof first);
    }
    return 0;
}

int varve_codec_get_times(const uint8_t **in, const uint8_t *end, int64_t base, int64_t unit,
                          int64_t from, int64_t to, int64_t *times, size_t stride, size_t cap,
                          struct varve_codec_rows *rows)
{
    struct time_reader reader = {.in = *in, .end = end};
    uint64_t n, units;
    if (!read_time_header(&reader, &n, &units)) {
        return VARVE_E_CORRUPT;
    }
    int64_t first, delta;
    if (find_regular(&reader, n, units, base, unit, from, to, &first, &delta, rows)) {
        *in = reader.in;
        return put_regular(first, delta, times, stride, cap, rows);
    }
    *rows = (struct varve_codec_rows){.total = (size_t)n};
    for (uint64_t row = 0; row < n; row++) {
        if (row > 0 && !advance(&reader, row, &units)) {
            return VARVE_E_CORRUPT;
        }
        int64_t time = (int64_t)((uint64_t)base + units * (uint64_t)unit);
        if (time < from) {
            rows->skip = (size_t)row + 1;
        } else if (time <= to && rows->skip + rows->take == row) {
            if (rows->take == cap) {
                return VARVE_E_FULL;
            }
            memcpy((uint8_t *)times + rows->take++ * stride, &time, sizeof time);
        }
    }
    *in = reader.in;
    return reader.left == 0 ? 0 : VARVE_E_CORRUPT;
}
