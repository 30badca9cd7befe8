// SPDX-License-Identifier: Apache-2.0
// The column codec with points: what goes in comes out bit for bit, whatever the times and values;
// what is regular is small; ranges are exact; no buffer is too small to be safe; damage is an error
// and never more. Cells are in test_codec_cells.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "core/codec.h"
#include "random.h"
#include "varve/error.h"
#include "varve/types.h"

#define OUT_BYTES (VARVE_COLUMN_MAX * 32u)

static struct varve_point rows[VARVE_COLUMN_MAX];
static struct varve_point back[VARVE_COLUMN_MAX];

// ---- what series look like ----------------------------------------------------------------------

static const uint64_t odd_doubles[] = {
    0x0000000000000000u, 0x8000000000000000u, // zeros of both signs
    0x7ff0000000000000u, 0xfff0000000000000u, // infinities
    0x7ff8000000000000u, 0xfff8000000000001u, // quiet NaNs
    0x7ff0000000000001u, 0x7ff7ffffffffffffu, // signalling NaNs
    0xffffffffffffffffu, 0x0000000000000001u, // all ones; the smallest subnormal
    0x800fffffffffffffu, 0x7fefffffffffffffu, // largest subnormal, largest number
    0x4340000000000001u, 0x43dfffffffffffffu, // counters beyond 2^53
};

enum shape {
    CONSTANT,
    RAMP,
    DECIMALS,
    WALK,
    COUNTER,
    IDLE_COUNTER,
    RESETS,
    BIG_COUNTER,
    OUTLIERS,
    EXTREMES,
    NEAR_DECIMALS,
    NEARLY_ALL_DECIMALS,
    ODD,
    RANDOM_BITS,
    FEW_BITS,
    SHAPES
};

static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6};

// What a column remembers from row to row.
struct series {
    enum shape shape;
    unsigned digits;
    uint32_t range;
    int64_t state;
    double sum;
};

static double decimal(const struct series *s, int64_t m)
{
    return (double)m / powers[s->digits];
}

// Values that are integers of at most 2^62 at scale 0, up to the very last.
static double extreme(struct test_random *r)
{
    double size = double_of_bits((UINT64_C(1023) + random_below(r, 63)) << 52 |
                                 (random_bits(r) >> 12 & UINT64_MAX << random_below(r, 52)));
    return random_below(r, 2) == 0 ? size : -size;
}

static double next_number(struct test_random *r, struct series *s, size_t i)
{
    switch (s->shape) {
    case CONSTANT:
        return decimal(s, s->range);
    case RAMP:
        return decimal(s, (int64_t)i * s->range);
    case DECIMALS:
        return decimal(s, random_between(r, -(int64_t)s->range, s->range));
    case WALK:
        return decimal(s, s->state += random_between(r, -(int64_t)s->range, s->range));
    case COUNTER:
        return decimal(s, s->state += random_below(r, s->range));
    case IDLE_COUNTER:
        return decimal(s, s->state += random_below(r, 10) == 0 ? random_below(r, s->range) : 0);
    case RESETS:
        s->state = random_below(r, 30) == 0 ? 0 : s->state + random_below(r, s->range);
        return decimal(s, s->state);
    case BIG_COUNTER:
        return 9007199254740992.0 + (double)((int64_t)i * s->range);
    case OUTLIERS:
        return random_below(r, 20) == 0 ? extreme(r) : random_below(r, s->range);
    case EXTREMES:
        return extreme(r);
    case NEAR_DECIMALS:
        s->sum += decimal(s, random_below(r, s->range));
        return s->sum;
    default:
        return random_below(r, 50) == 0 ? NAN : decimal(s, random_below(r, s->range));
    }
}

static uint64_t next_bits(struct test_random *r, struct series *s, size_t i)
{
    switch (s->shape) {
    case ODD:
        return odd_doubles[random_below(r, sizeof odd_doubles / sizeof *odd_doubles)];
    case RANDOM_BITS:
        return random_bits(r);
    case FEW_BITS:
        return UINT64_C(1) << random_below(r, 64);
    default:
        return bits_of_double(next_number(r, s, i));
    }
}

static int64_t gap(struct test_random *r, unsigned kind)
{
    switch (kind) {
    case 0:
        return 5000;
    case 1:
        return 5000 + random_between(r, -20, 20);
    case 2:
        return random_below(r, 10) == 0 ? random_between(r, 0, INT64_C(1) << 40) : 5000;
    case 3:
        return random_below(r, 3) == 0 ? 0 : 5000;
    case 4:
        return 0;
    default:
        return random_between(r, 0, 100000);
    }
}

static void fill(struct test_random *r, size_t n, int64_t base)
{
    struct series series = {.shape = random_below(r, SHAPES),
                            .digits = random_below(r, 7),
                            .range = 1u << random_below(r, 31),
                            .state = random_between(r, 0, INT64_C(1) << random_below(r, 50))};
    unsigned kind = random_below(r, 6);
    int64_t time = base + random_between(r, 0, 100000);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = next_bits(r, &series, i);
        rows[i].time_ms = time;
        memcpy(&rows[i].value, &bits, sizeof bits);
        time += gap(r, kind);
    }
}

// ---- both directions ----------------------------------------------------------------------------

static size_t encode(uint8_t *out, size_t cap, size_t n, int64_t base)
{
    size_t used = varve_codec_put_times(out, cap, &rows->time_ms, sizeof *rows, n, base, 1);
    assert_true(used <= cap);
    size_t more = used > 0 ? varve_codec_put_points(out + used, cap - used, rows, n, NULL) : 0;
    assert_true(used + more <= cap);
    return more > 0 ? used + more : 0;
}

static int decode(const uint8_t *in, size_t len, int64_t base, int64_t from, int64_t to, size_t cap)
{
    struct varve_codec_rows got;
    const uint8_t *end = in + len;
    int rc =
        varve_codec_get_times(&in, end, base, 1, from, to, &back->time_ms, sizeof *back, cap, &got);
    if (rc != 0) {
        return rc;
    }
    rc = varve_codec_get_points(in, end, &got, back);
    return rc != 0 ? rc : (int)got.take;
}

static void columns_are_lossless_and_end_where_they_should(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 1500; round++) {
        size_t n = round < 40 ? (size_t)round + 1 : 1 + random_below(&r, VARVE_COLUMN_MAX);
        n = round % 50 == 49 ? VARVE_COLUMN_MAX : n;
        int64_t base = random_between(&r, -INT64_C(4000000000000), INT64_C(4000000000000));
        fill(&r, n, base);
        size_t used = encode(out, sizeof out, n, base);
        assert_true(used > 0);
        assert_int_equal(decode(out, used, base, INT64_MIN, INT64_MAX, n), n);
        assert_memory_equal(back, rows, n * sizeof *rows);
    }
}

// A NaN makes it a column of bit patterns.
#define NAN_BITS UINT64_C(0x7ff8000000000001)

static void every_xor_window_survives(void **state)
{
    (void)state;
    static uint8_t out[OUT_BYTES];
    for (unsigned high = 0; high < 64; high++) {
        for (unsigned low = 0; low <= high; low++) {
            uint64_t wide = UINT64_MAX >> (63 - high) & UINT64_MAX << low;
            const uint64_t bits[] = {NAN_BITS, 0, wide,       wide ^ UINT64_C(1) << low,
                                     0,        1, UINT64_MAX, wide};
            size_t n = sizeof bits / sizeof *bits;
            for (size_t i = 0; i < n; i++) {
                rows[i].time_ms = (int64_t)i;
                memcpy(&rows[i].value, &bits[i], sizeof bits[i]);
            }
            size_t used = encode(out, sizeof out, n, 0);
            assert_int_equal(decode(out, used, 0, INT64_MIN, INT64_MAX, n), n);
            assert_memory_equal(back, rows, n * sizeof *rows);
        }
    }
}

static void regular_times_cost_a_few_bytes(void **state)
{
    (void)state;
    static uint8_t out[OUT_BYTES];
    for (size_t i = 0; i < VARVE_COLUMN_MAX; i++) {
        rows[i].time_ms = INT64_C(1800000000000) + (int64_t)i * 5000;
    }
    size_t used = varve_codec_put_times(out, sizeof out, &rows->time_ms, sizeof *rows,
                                        VARVE_COLUMN_MAX, INT64_C(1800000000000), 1);
    assert_in_range(used, 1, 8);
    rows[1000].time_ms += 3;
    used = varve_codec_put_times(out, sizeof out, &rows->time_ms, sizeof *rows, VARVE_COLUMN_MAX,
                                 INT64_C(1800000000000), 1);
    assert_in_range(used, 1, 16);
}

// Bytes of the value stream of rows[0 .. n), which must come back.
static size_t stream_bytes(size_t n)
{
    static uint8_t out[OUT_BYTES];
    struct varve_codec_rows all = {.total = n, .take = n};
    size_t used = varve_codec_put_points(out, sizeof out, rows, n, NULL);
    assert_true(used > 0);
    assert_int_equal(varve_codec_get_points(out, out + used, &all, back), 0);
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&back[i].value, &rows[i].value, sizeof rows[i].value);
    }
    return used;
}

static void what_does_not_change_or_changes_evenly_takes_no_room(void **state)
{
    (void)state;
    for (unsigned digits = 0; digits <= 6; digits++) {
        for (size_t i = 0; i < VARVE_COLUMN_MAX; i++) {
            rows[i].value = 215 / powers[digits];
        }
        assert_in_range(stream_bytes(VARVE_COLUMN_MAX), 1, 4);
        for (size_t i = 0; i < VARVE_COLUMN_MAX; i++) {
            rows[i].value = (double)(1000000 + 5 * i) / powers[digits];
        }
        assert_in_range(stream_bytes(VARVE_COLUMN_MAX), 1, 16);
    }
}

static void decimals_take_what_their_digits_take(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (unsigned digits = 0; digits <= 6; digits++) {
        for (size_t i = 0; i < 1000; i++) {
            rows[i].value = (double)random_between(&r, -500, 499) / powers[digits];
        }
        assert_in_range(stream_bytes(1000), 1,
                        1000 * 45 / 32); // 9.97 bits of entropy, 11.25 allowed
        for (size_t i = 0; i < 1000; i++) {
            rows[i].value += 1e-7;
        }
        assert_true(stream_bytes(1000) > 4000); // no decimals any more
    }
}

static void a_common_power_of_two_takes_no_room(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    double memory = 1e9 + 1;
    for (size_t i = 0; i < 1000; i++) {
        rows[i].value = memory += 4096.0 * (double)random_between(&r, -4, 4);
    }
    assert_in_range(stream_bytes(1000), 1, 1000 * 4 / 8);
}

static void an_outlier_costs_a_few_bytes(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (size_t i = 0; i < 500; i++) {
        rows[i].value = random_below(&r, 100);
    }
    size_t without = stream_bytes(500);
    rows[123].value = 9e15;
    assert_in_range(stream_bytes(500), without - 2, without + 16);
}

static void an_idle_counter_costs_what_its_changes_cost(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    double counter = 123456789;
    for (size_t i = 0; i < 2000; i++) {
        rows[i].value = counter += i % 100 == 99 ? random_below(&r, 1000) : 0;
    }
    assert_in_range(stream_bytes(2000), 1, 20 * 3 + 16);
}

// The encoder looks at VARVE_CODEC_ROWS rows at a time.
static void runs_go_on_from_piece_to_piece(void **state)
{
    (void)state;
    for (size_t at = VARVE_CODEC_ROWS - 2; at < 3 * VARVE_CODEC_ROWS; at++) {
        for (size_t i = 0; i < 4 * VARVE_CODEC_ROWS; i++) {
            rows[i].value = i < at ? 7 : 12345;
        }
        assert_in_range(stream_bytes(4 * VARVE_CODEC_ROWS), 1, 16);
        assert_in_range(stream_bytes(at + 1), 1, 16);
    }
}

// Far more than 22 bits from row to row, but nearly as many each time.
static void a_busy_counter_costs_what_its_speed_varies_by(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    double counter = 3e12;
    for (size_t i = 0; i < 600; i++) {
        rows[i].value = counter += 625000000 + random_below(&r, 1024);
    }
    for (size_t n = 10; n <= 600; n = n * 3 / 2) {
        assert_in_range(stream_bytes(n), 1, n * 22 / 16 + 20); // 10 bits of entropy
    }
}

static void a_reset_costs_a_few_bytes(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    double counter = 4e11;
    for (size_t i = 0; i < 300; i++) {
        rows[i].value = counter += random_below(&r, 1000);
    }
    size_t without = stream_bytes(300);
    counter = 0;
    for (size_t i = 123; i < 300; i++) {
        rows[i].value = counter += random_below(&r, 1000);
    }
    assert_in_range(stream_bytes(300), without - 20, without + 30);
}

static void sums_of_decimals_keep_their_last_bits_for_little(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (size_t i = 0; i < 500; i++) {
        rows[i].value = 0;
        for (int k = 0; k < 12; k++) {
            rows[i].value += random_below(&r, 1000) / 10.0;
        }
    }
    assert_in_range(stream_bytes(500), 1, 500 * 20 / 8);
}

static void rows_behind_the_range_need_not_be_there(void **state)
{
    (void)state;
    uint8_t out[512];
    struct varve_codec_rows some = {.total = 100, .skip = 10, .take = 5};
    struct test_random r = random_start(__func__);
    for (size_t i = 0; i < 100; i++) {
        rows[i].value = random_below(&r, 1000);
    }
    size_t used = varve_codec_put_points(out, sizeof out, rows, 100, NULL);
    assert_int_equal(varve_codec_get_points(out, out + used / 2, &some, back), 0);
    assert_true(back[4].value == rows[14].value);
    assert_int_equal(varve_codec_get_points(out, out + 5, &some, back), VARVE_E_CORRUPT);
}

static void ranges_are_exact(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + random_below(&r, 60);
        fill(&r, n, 0);
        size_t used = encode(out, sizeof out, n, 0);
        int64_t from = rows[random_below(&r, (uint32_t)n)].time_ms + random_between(&r, -1, 1);
        int64_t to = rows[random_below(&r, (uint32_t)n)].time_ms + random_between(&r, -1, 1);
        struct varve_point want[60];
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            if (rows[i].time_ms >= from && rows[i].time_ms <= to) {
                want[count++] = rows[i];
            }
        }
        assert_int_equal(decode(out, used, 0, from, to, count), count);
        assert_memory_equal(back, want, count * sizeof *want);
        if (count > 0) {
            assert_int_equal(decode(out, used, 0, from, to, count - 1), VARVE_E_FULL);
        }
    }
}

// The buffer is allocated anew for each size, so that the sanitizer sees a byte too many.
static void every_buffer_size_is_refused_or_enough(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t roomy[OUT_BYTES];
    for (int round = 0; round < 20; round++) {
        size_t n = 1 + random_below(&r, 30);
        fill(&r, n, 0);
        size_t need = encode(roomy, sizeof roomy, n, 0);
        bool fitted = false;
        for (size_t cap = 0; cap <= need + 64; cap++) {
            uint8_t *out = malloc(cap + 1);
            size_t used = encode(out, cap, n, 0);
            assert_true(used == 0 || used == need);
            assert_true(used != 0 || !fitted); // once enough, more is enough too
            fitted = used != 0;
            if (fitted) {
                assert_int_equal(decode(out, used, 0, INT64_MIN, INT64_MAX, n), n);
                assert_memory_equal(back, rows, n * sizeof *rows);
            }
            free(out);
        }
        assert_true(fitted);
    }
}

// Truncation must be noticed by the lengths alone: the CRC is not the codec's.
static void cut_off_columns_are_damage(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 50; round++) {
        size_t n = 1 + random_below(&r, 40);
        fill(&r, n, 0);
        size_t used = encode(out, sizeof out, n, 0);
        for (size_t len = 0; len < used; len++) {
            uint8_t *cut = malloc(len + 1);
            memcpy(cut, out, len);
            assert_int_equal(decode(cut, len, 0, INT64_MIN, INT64_MAX, VARVE_COLUMN_MAX),
                             VARVE_E_CORRUPT);
            free(cut);
        }
    }
}

static void random_bytes_never_pass_the_caps(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 20000; round++) {
        size_t len = random_below(&r, 64), cap = random_below(&r, 40);
        uint8_t *in = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            in[i] =
                random_below(&r, 4) == 0 ? (uint8_t)random_bits(&r) : (uint8_t)random_below(&r, 8);
        }
        memset(back, 0x77, sizeof back);
        int rc = decode(in, len, random_between(&r, 0, 9), INT64_MIN, INT64_MAX, cap);
        assert_true(rc <= (int)cap);
        const uint8_t *beyond = (const uint8_t *)&back[cap];
        for (size_t i = 0; i < sizeof *back; i++) {
            assert_int_equal(beyond[i], 0x77);
        }
        free(in);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_lossless_and_end_where_they_should),
        cmocka_unit_test(every_xor_window_survives),
        cmocka_unit_test(regular_times_cost_a_few_bytes),
        cmocka_unit_test(what_does_not_change_or_changes_evenly_takes_no_room),
        cmocka_unit_test(decimals_take_what_their_digits_take),
        cmocka_unit_test(a_common_power_of_two_takes_no_room),
        cmocka_unit_test(an_outlier_costs_a_few_bytes),
        cmocka_unit_test(an_idle_counter_costs_what_its_changes_cost),
        cmocka_unit_test(runs_go_on_from_piece_to_piece),
        cmocka_unit_test(a_busy_counter_costs_what_its_speed_varies_by),
        cmocka_unit_test(a_reset_costs_a_few_bytes),
        cmocka_unit_test(sums_of_decimals_keep_their_last_bits_for_little),
        cmocka_unit_test(rows_behind_the_range_need_not_be_there),
        cmocka_unit_test(ranges_are_exact),
        cmocka_unit_test(every_buffer_size_is_refused_or_enough),
        cmocka_unit_test(cut_off_columns_are_damage),
        cmocka_unit_test(random_bytes_never_pass_the_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
