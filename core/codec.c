// SPDX-License-Identifier: Apache-2.0
// The column codec; the format is in codec.h. Stateless, no scratch memory.
#include "codec.h"

#include <string.h>

#include "bytes.h"
#include "varve/error.h"
#include "varve/limits.h"

// ---- times ------------------------------------------------------------------------------------

static int64_t time_at(const int64_t *times, size_t stride, size_t i)
{
    int64_t t;
    memcpy(&t, (const uint8_t *)times + i * stride, sizeof t);
    return t;
}

static int64_t delta_at(const int64_t *times, size_t stride, size_t i, int64_t unit)
{
    return (time_at(times, stride, i) - time_at(times, stride, i - 1)) / unit;
}

// Boyer-Moore majority vote: one pass, no memory; where no delta has a majority any one will do.
static int64_t usual_delta(const int64_t *times, size_t stride, size_t n, int64_t unit)
{
    int64_t best = 0;
    size_t votes = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t delta = delta_at(times, stride, i, unit);
        if (votes == 0) {
            best = delta;
        }
        votes = delta == best ? votes + 1 : votes - 1;
    }
    return best;
}

static size_t count_exceptions(const int64_t *times, size_t stride, size_t n, int64_t unit,
                               int64_t step)
{
    size_t count = 0;
    for (size_t i = 1; i < n; i++) {
        count += delta_at(times, stride, i, unit) != step;
    }
    return count;
}

size_t varve_codec_put_times(uint8_t *out, size_t cap, const int64_t *times, size_t stride,
                             size_t n, int64_t base, int64_t unit)
{
    if (cap < 4 * VARVE_VARINT_MAX) {
        return 0;
    }
    int64_t step = usual_delta(times, stride, n, unit);
    size_t used = varve_put_varint(out, n);
    used += varve_put_varint(out + used, (uint64_t)((time_at(times, stride, 0) - base) / unit));
    used += varve_put_varint(out + used, (uint64_t)step);
    used += varve_put_varint(out + used, count_exceptions(times, stride, n, unit, step));
    size_t previous = 0;
    for (size_t i = 1; i < n; i++) {
        int64_t delta = delta_at(times, stride, i, unit);
        if (delta == step) {
            continue;
        }
        if (cap - used < 2 * VARVE_VARINT_MAX) {
            return 0;
        }
        used += varve_put_varint(out + used, i - previous);
        used += varve_put_varint(out + used, varve_zigzag(delta - step));
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

int varve_codec_get_times(const uint8_t **in, const uint8_t *end, int64_t base, int64_t unit,
                          int64_t from, int64_t to, int64_t *times, size_t stride, size_t cap,
                          struct varve_codec_rows *rows)
{
    struct time_reader reader = {.in = *in, .end = end};
    uint64_t n, units;
    if (!read_time_header(&reader, &n, &units)) {
        return VARVE_E_CORRUPT;
    }
    *rows = (struct varve_codec_rows){.total = (size_t)n};
    int64_t previous = INT64_MIN;
    for (uint64_t row = 0; row < n; row++) {
        if (row > 0 && !advance(&reader, row, &units)) {
            return VARVE_E_CORRUPT;
        }
        int64_t time = (int64_t)((uint64_t)base + units * (uint64_t)unit);
        // Only ascending times make the rows of a range neighbours, as `rows` says they are.
        if (time < previous) {
            return VARVE_E_CORRUPT;
        }
        previous = time;
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

// ---- values -----------------------------------------------------------------------------------

struct bit_writer {
    uint8_t *out, *end;
    uint64_t acc;  // bits not written yet, at the top
    unsigned used; // how many, < 8 between calls
};

// The caller has checked the room; the check here only keeps a mistake from writing outside.
static void flush_bytes(struct bit_writer *w)
{
    while (w->used >= 8) {
        if (w->out < w->end) {
            *w->out++ = (uint8_t)(w->acc >> 56);
        }
        w->acc <<= 8;
        w->used -= 8;
    }
}

// Appends the low `count` (1 .. 56) bits of v.
static void put_bits(struct bit_writer *w, uint64_t v, unsigned count)
{
    w->acc |= v << (64 - count) >> w->used;
    w->used += count;
    flush_bytes(w);
}

static void put_long_bits(struct bit_writer *w, uint64_t v, unsigned count)
{
    if (count > 32) {
        put_bits(w, v >> 32, count - 32);
        count = 32;
    }
    put_bits(w, v & (UINT64_MAX >> (64 - count)), count);
}

static uint64_t column_bits(const struct varve_column *column, size_t i)
{
    const uint8_t *field = (const uint8_t *)column->first + i * column->stride;
    uint64_t bits;
    if (column->is_u32) {
        uint32_t value;
        memcpy(&value, field, sizeof value);
        double wide = value;
        memcpy(&bits, &wide, sizeof bits);
    } else {
        memcpy(&bits, field, sizeof bits);
    }
    return bits;
}

// The window of significant bits that both sides remember.
struct xor_window {
    unsigned leading;
    unsigned length;
};

static void put_xor(struct bit_writer *w, struct xor_window *window, uint64_t x)
{
    if (x == 0) {
        put_bits(w, 0, 1);
        return;
    }
    unsigned leading = (unsigned)__builtin_clzll(x);
    unsigned trailing = (unsigned)__builtin_ctzll(x);
    leading = leading > 31 ? 31 : leading;
    unsigned former_trailing = 64 - window->leading - window->length;
    if (window->length > 0 && leading >= window->leading && trailing >= former_trailing) {
        put_bits(w, 2, 2);
        put_long_bits(w, x >> former_trailing, window->length);
        return;
    }
    *window = (struct xor_window){.leading = leading, .length = 64 - leading - trailing};
    put_bits(w, 3u << 11 | leading << 6 | (window->length - 1), 13);
    put_long_bits(w, x >> trailing, window->length);
}

size_t varve_codec_put_values(uint8_t *out, size_t cap, const struct varve_column *column, size_t n)
{
    struct bit_writer w = {.out = out, .end = out + cap};
    struct xor_window window = {0};
    // 77 bits is the longest code: check the room once per value, not per bit.
    if (cap < 8) {
        return 0;
    }
    uint64_t previous = column_bits(column, 0);
    put_long_bits(&w, previous, 64);
    for (size_t i = 1; i < n; i++) {
        if (w.end - w.out < 11) {
            return 0;
        }
        uint64_t bits = column_bits(column, i);
        put_xor(&w, &window, bits ^ previous);
        previous = bits;
    }
    if (w.used > 0) {
        if (w.out == w.end) {
            return 0;
        }
        *w.out++ = (uint8_t)(w.acc >> 56);
    }
    return (size_t)(w.out - out);
}

struct bit_reader {
    const uint8_t *in, *end;
    uint64_t acc;  // bits read ahead, at the top
    unsigned have; // how many
    bool broken;   // asked for bits beyond the end
};

static void refill(struct bit_reader *r, unsigned count)
{
    while (r->have < count && r->in < r->end) {
        r->acc |= (uint64_t)*r->in++ << (56 - r->have);
        r->have += 8;
    }
    r->broken |= r->have < count;
}

// Takes the next `count` (1 .. 32) bits; zeros once broken.
static uint64_t get_bits(struct bit_reader *r, unsigned count)
{
    if (r->have < count) {
        refill(r, count);
        if (r->broken) {
            return 0;
        }
    }
    uint64_t v = r->acc >> (64 - count);
    r->acc <<= count;
    r->have -= count;
    return v;
}

static uint64_t get_long_bits(struct bit_reader *r, unsigned count)
{
    uint64_t high = 0;
    if (count > 32) {
        high = get_bits(r, count - 32) << 32;
        count = 32;
    }
    return high | get_bits(r, count);
}

static uint64_t get_xor(struct bit_reader *r, struct xor_window *window)
{
    if (get_bits(r, 1) == 0) {
        return 0;
    }
    if (get_bits(r, 1) == 1) {
        window->leading = (unsigned)get_bits(r, 5);
        window->length = (unsigned)get_bits(r, 6) + 1;
    }
    if (window->length == 0 || window->leading + window->length > 64) {
        r->broken = true;
        return 0;
    }
    return get_long_bits(r, window->length) << (64 - window->leading - window->length);
}

// A count that is no whole number of 32 bits comes from damage only.
static bool store_bits(const struct varve_column *column, size_t i, uint64_t bits)
{
    uint8_t *field = (uint8_t *)column->first + i * column->stride;
    if (!column->is_u32) {
        memcpy(field, &bits, sizeof bits);
        return true;
    }
    double wide;
    memcpy(&wide, &bits, sizeof wide);
    if (!(wide >= 0 && wide <= UINT32_MAX)) {
        return false;
    }
    uint32_t value = (uint32_t)wide;
    memcpy(field, &value, sizeof value);
    return value == wide;
}

int varve_codec_get_values(const uint8_t **in, const uint8_t *end,
                           const struct varve_codec_rows *rows, const struct varve_column *column)
{
    struct bit_reader r = {.in = *in, .end = end};
    struct xor_window window = {0};
    uint64_t bits = get_long_bits(&r, 64);
    for (size_t row = 0; row < rows->total; row++) {
        if (row > 0) {
            bits ^= get_xor(&r, &window);
        }
        if (r.broken) {
            return VARVE_E_CORRUPT;
        }
        if (row >= rows->skip && row - rows->skip < rows->take &&
            !store_bits(column, row - rows->skip, bits)) {
            return VARVE_E_CORRUPT;
        }
    }
    *in = r.in - r.have / 8;
    return 0;
}
