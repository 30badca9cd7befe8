// SPDX-License-Identifier: Apache-2.0
// The column codec by itself: what goes in comes out bit for bit, whatever the times and values;
// ranges are exact; no buffer is too small to be safe; damage is an error and never more.
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
    BIG_COUNTER,
    ODD,
    RANDOM_BITS,
    FEW_BITS,
    SHAPES
};

static uint64_t shaped(struct test_random *r, enum shape shape, size_t i)
{
    switch (shape) {
    case CONSTANT:
        return bits_of_double(42.5);
    case RAMP:
        return bits_of_double((double)i * 3);
    case DECIMALS:
        return bits_of_double((double)random_below(r, 1000) / 10);
    case BIG_COUNTER:
        return bits_of_double(9007199254740992.0 + (double)(i * 1000003));
    case ODD:
        return odd_doubles[random_below(r, sizeof odd_doubles / sizeof *odd_doubles)];
    case RANDOM_BITS:
        return random_bits(r);
    default:
        return UINT64_C(1) << random_below(r, 64);
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
    enum shape shape = random_below(r, SHAPES);
    unsigned kind = random_below(r, 6);
    int64_t time = base + random_between(r, 0, 100000);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = shaped(r, shape, i);
        rows[i].time_ms = time;
        memcpy(&rows[i].value, &bits, sizeof bits);
        time += gap(r, kind);
    }
}

// ---- both directions ----------------------------------------------------------------------------

static size_t encode(uint8_t *out, size_t cap, size_t n, int64_t base)
{
    struct varve_column column = {.first = &rows->value, .stride = sizeof *rows};
    size_t used = varve_codec_put_times(out, cap, &rows->time_ms, sizeof *rows, n, base, 1);
    assert_true(used <= cap);
    size_t more = used > 0 ? varve_codec_put_values(out + used, cap - used, &column, n) : 0;
    assert_true(used + more <= cap);
    return more > 0 ? used + more : 0;
}

static int decode(const uint8_t *in, size_t len, int64_t base, int64_t from, int64_t to, size_t cap,
                  size_t *left)
{
    struct varve_codec_rows got;
    struct varve_column column = {.first = &back->value, .stride = sizeof *back};
    const uint8_t *end = in + len;
    int rc =
        varve_codec_get_times(&in, end, base, 1, from, to, &back->time_ms, sizeof *back, cap, &got);
    if (rc != 0) {
        return rc;
    }
    rc = varve_codec_get_values(&in, end, &got, &column);
    assert_true(in <= end);
    *left = (size_t)(end - in);
    return rc != 0 ? rc : (int)got.take;
}

static void columns_are_lossless_and_end_where_they_should(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 400; round++) {
        size_t n = round < 40 ? (size_t)round + 1 : 1 + random_below(&r, VARVE_COLUMN_MAX);
        n = round % 50 == 49 ? VARVE_COLUMN_MAX : n;
        int64_t base = random_between(&r, -INT64_C(4000000000000), INT64_C(4000000000000));
        fill(&r, n, base);
        size_t left = 0, used = encode(out, sizeof out, n, base);
        assert_true(used > 0);
        assert_int_equal(decode(out, used, base, INT64_MIN, INT64_MAX, n, &left), n);
        assert_int_equal(left, 0);
        assert_memory_equal(back, rows, n * sizeof *rows);
    }
}

static void every_xor_window_survives(void **state)
{
    (void)state;
    static uint8_t out[OUT_BYTES];
    for (unsigned high = 0; high < 64; high++) {
        for (unsigned low = 0; low <= high; low++) {
            uint64_t wide = UINT64_MAX >> (63 - high) & UINT64_MAX << low;
            const uint64_t bits[] = {0, wide, wide ^ UINT64_C(1) << low, 0, 1, UINT64_MAX, wide};
            size_t left, n = sizeof bits / sizeof *bits;
            for (size_t i = 0; i < n; i++) {
                rows[i].time_ms = (int64_t)i;
                memcpy(&rows[i].value, &bits[i], sizeof bits[i]);
            }
            size_t used = encode(out, sizeof out, n, 0);
            assert_int_equal(decode(out, used, 0, INT64_MIN, INT64_MAX, n, &left), n);
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

static void ranges_are_exact(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 500; round++) {
        size_t n = 1 + random_below(&r, 60), left;
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
        assert_int_equal(decode(out, used, 0, from, to, count, &left), count);
        assert_memory_equal(back, want, count * sizeof *want);
        if (count > 0) {
            assert_int_equal(decode(out, used, 0, from, to, count - 1, &left), VARVE_E_FULL);
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
        size_t n = 1 + random_below(&r, 30), left;
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
                assert_int_equal(decode(out, used, 0, INT64_MIN, INT64_MAX, n, &left), n);
                assert_memory_equal(back, rows, n * sizeof *rows);
            }
            free(out);
        }
        assert_true(fitted);
    }
}

static void counts_keep_all_32_bits(void **state)
{
    (void)state;
    const uint32_t counts[] = {0, 1, 720, 720, UINT32_MAX, 65536, UINT32_MAX - 1};
    uint32_t copy[sizeof counts / sizeof *counts];
    size_t n = sizeof counts / sizeof *counts;
    uint8_t out[256];
    memcpy(copy, counts, sizeof counts);
    struct varve_column column = {.first = copy, .stride = sizeof *copy, .is_u32 = true};
    size_t used = varve_codec_put_values(out, sizeof out, &column, n);
    const uint8_t *in = out;
    struct varve_codec_rows all = {.total = n, .take = n};
    memset(copy, 0, sizeof copy);
    assert_int_equal(varve_codec_get_values(&in, out + used, &all, &column), 0);
    assert_memory_equal(copy, counts, sizeof counts);
}

static void what_is_no_count_is_damage(void **state)
{
    (void)state;
    const double damaged[] = {-1, 4294967296.0, 0.5, NAN, INFINITY};
    for (size_t i = 0; i < sizeof damaged / sizeof *damaged; i++) {
        double value = damaged[i];
        uint32_t count;
        uint8_t out[64];
        struct varve_column values = {.first = &value, .stride = sizeof value};
        struct varve_column counts = {.first = &count, .stride = sizeof count, .is_u32 = true};
        struct varve_codec_rows one = {.total = 1, .take = 1};
        size_t used = varve_codec_put_values(out, sizeof out, &values, 1);
        const uint8_t *in = out;
        assert_int_equal(varve_codec_get_values(&in, out + used, &one, &counts), VARVE_E_CORRUPT);
    }
}

// Truncation must be noticed by the lengths alone: the CRC is not the codec's.
static void cut_off_columns_are_damage(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static uint8_t out[OUT_BYTES];
    for (int round = 0; round < 50; round++) {
        size_t n = 1 + random_below(&r, 40), left;
        fill(&r, n, 0);
        size_t used = encode(out, sizeof out, n, 0);
        for (size_t len = 0; len < used; len++) {
            uint8_t *cut = malloc(len + 1);
            memcpy(cut, out, len);
            assert_int_equal(decode(cut, len, 0, INT64_MIN, INT64_MAX, VARVE_COLUMN_MAX, &left),
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
        size_t len = random_below(&r, 64), left, cap = random_below(&r, 40);
        uint8_t *in = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            in[i] =
                random_below(&r, 4) == 0 ? (uint8_t)random_bits(&r) : (uint8_t)random_below(&r, 8);
        }
        memset(back, 0x77, sizeof back);
        int rc = decode(in, len, random_between(&r, 0, 9), INT64_MIN, INT64_MAX, cap, &left);
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
        cmocka_unit_test(ranges_are_exact),
        cmocka_unit_test(every_buffer_size_is_refused_or_enough),
        cmocka_unit_test(counts_keep_all_32_bits),
        cmocka_unit_test(what_is_no_count_is_damage),
        cmocka_unit_test(cut_off_columns_are_damage),
        cmocka_unit_test(random_bytes_never_pass_the_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
