// SPDX-License-Identifier: Apache-2.0
// Quantiles of sketches are within 1 % of the exact ones, whatever the values and however they were
// split and merged; their bytes read back to the same, and hostile bytes harm nothing.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sketch.h"
#include "random.h"
#include "varve/error.h"

#define SAMPLES 20000u

static double values[SAMPLES];
static struct varve_sketch whole, parts[4], other;
static uint8_t bytes[8 * VARVE_SKETCH_BUCKETS + 64];

static double uniform(struct test_random *r)
{
    return ((double)(random_bits(r) >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(struct test_random *r)
{
    return sqrt(-2 * log(uniform(r))) * cos(6.283185307179586 * uniform(r));
}

// ---- distributions ------------------------------------------------------------------------------

static double log_normal(struct test_random *r)
{
    return exp(normal(r));
}

static double heavy_tail(struct test_random *r)
{
    return 1 / pow(uniform(r), 1.5);
}

static double bimodal(struct test_random *r)
{
    return random_below(r, 2) == 0 ? 1e-3 + 1e-5 * normal(r) : 1e6 + 1e3 * normal(r);
}

static double with_zeros(struct test_random *r)
{
    return random_below(r, 3) == 0 ? random_below(r, 2) == 0 ? 0.0 : -0.0 : 5 + normal(r);
}

static double around_zero(struct test_random *r)
{
    return 100 * normal(r);
}

static double negative(struct test_random *r)
{
    return -exp(2 * normal(r));
}

static double tiny(struct test_random *r)
{
    return 1e-300 * (1 + uniform(r));
}

static double huge(struct test_random *r)
{
    return 1.7e308 * uniform(r);
}

static double whole_numbers(struct test_random *r)
{
    return (double)random_below(r, 40);
}

static double constant(struct test_random *r)
{
    (void)r;
    return 21.5;
}

static double infinities(struct test_random *r)
{
    uint32_t pick = random_below(r, 20);
    return pick == 0 ? (double)INFINITY : pick == 1 ? -(double)INFINITY : exp(normal(r));
}

static const struct distribution {
    const char *name;
    double (*draw)(struct test_random *r);
} distributions[] = {
    {"log-normal", log_normal},
    {"heavy tail", heavy_tail},
    {"bimodal", bimodal},
    {"zeros", with_zeros},
    {"around zero", around_zero},
    {"negative", negative},
    {"tiny", tiny},
    {"huge", huge},
    {"whole numbers", whole_numbers},
    {"constant", constant},
    {"infinities", infinities},
};

// ---- exact --------------------------------------------------------------------------------------

static int by_value(const void *a, const void *b)
{
    double x, y;
    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

// Of n sorted values, and by how much a sketch may miss it: 1 % of each of the two values that it
// lies between.
static double exact(const double *sorted, size_t n, double q, double *allowed)
{
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)rank;
    double weight = rank - (double)lower, a = sorted[lower];
    double b = weight > 0 ? sorted[lower + 1] : a;
    *allowed = 0.01 * (fabs(a) * (1 - weight) + fabs(b) * weight);
    return weight > 0 ? a * (1 - weight) + b * weight : a;
}

static void expect_close(const struct varve_sketch *sketch, size_t n, const char *name)
{
    static const double qs[] = {0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1};
    for (size_t i = 0; i < sizeof qs / sizeof *qs; i++) {
        double allowed, want = exact(values, n, qs[i], &allowed);
        double got = varve_sketch_quantile(sketch, qs[i]);
        bool same = got == want || (isnan(got) && isnan(want));
        if (!same && !(fabs(got - want) <= allowed)) {
            fail_msg("%s, %zu samples: q %g is %.17g, should be %.17g", name, n, qs[i], got, want);
        }
    }
}

// ---- tests --------------------------------------------------------------------------------------

static void quantiles_are_within_one_percent(void **state)
{
    (void)state;
    struct test_random r = random_start("quantiles");
    for (size_t d = 0; d < sizeof distributions / sizeof *distributions; d++) {
        for (size_t n = 1; n <= SAMPLES; n = n * 3 + 1) {
            varve_sketch_clear(&whole);
            for (size_t i = 0; i < n; i++) {
                values[i] = distributions[d].draw(&r);
                varve_sketch_add(&whole, values[i]);
            }
            qsort(values, n, sizeof *values, by_value);
            assert_int_equal(varve_sketch_count(&whole), n);
            assert_int_equal(whole.collapsed, 0);
            expect_close(&whole, n, distributions[d].name);
        }
    }
}

// Every double that is not NaN and not below 2^-1022 on its own: both ends of all buckets are met.
static void every_magnitude_is_within_one_percent(void **state)
{
    (void)state;
    struct test_random r = random_start("magnitudes");
    for (uint32_t i = 0; i < 400000; i++) {
        double value = double_of_bits(random_bits(&r));
        varve_sketch_clear(&whole);
        if (isnan(value) || isinf(value)) {
            continue;
        }
        varve_sketch_add(&whole, value);
        double error = fabs(varve_sketch_quantile(&whole, 0.5) - value);
        assert_true(error <= (fabs(value) < 0x1p-1022 ? 0x1p-1027 : 0.01 * fabs(value)));
    }
}

static void keys_grow_with_values(void **state)
{
    (void)state;
    struct test_random r = random_start("order");
    for (uint32_t i = 0; i < 200000; i++) {
        double a = double_of_bits(random_bits(&r)), b = nextafter(a, (double)INFINITY);
        if (isnan(a) || isnan(b)) {
            continue;
        }
        varve_sketch_clear(&whole);
        varve_sketch_add(&whole, b);
        varve_sketch_add(&whole, a);
        assert_true(varve_sketch_quantile(&whole, 0) <= varve_sketch_quantile(&whole, 1));
    }
}

static void nan_come_first(void **state)
{
    (void)state;
    varve_sketch_clear(&whole);
    assert_true(isnan(varve_sketch_quantile(&whole, 0.5)));
    varve_sketch_add(&whole, -(double)INFINITY);
    varve_sketch_add(&whole, (double)NAN);
    varve_sketch_add(&whole, 3);
    assert_true(isnan(varve_sketch_quantile(&whole, 0)));
    assert_true(isinf(varve_sketch_quantile(&whole, 0.5)));
    assert_true(fabs(varve_sketch_quantile(&whole, 1) - 3) <= 0.03);
    assert_true(varve_sketch_quantile(&whole, -0.1) == -(double)INFINITY);
    assert_true(varve_sketch_quantile(&whole, 1.1) == (double)INFINITY);
    assert_true(isnan(varve_sketch_quantile(&whole, (double)NAN)));
}

static bool is_same(const struct varve_sketch *a, const struct varve_sketch *b)
{
    return a->used == b->used && memcmp(a->buckets, b->buckets, a->used * sizeof *a->buckets) == 0;
}

static void merging_is_associative(void **state)
{
    (void)state;
    struct test_random r = random_start("merging");
    for (size_t d = 0; d < sizeof distributions / sizeof *distributions; d++) {
        varve_sketch_clear(&whole);
        for (size_t p = 0; p < 4; p++) {
            varve_sketch_clear(&parts[p]);
        }
        for (size_t i = 0; i < SAMPLES; i++) {
            double value = distributions[d].draw(&r);
            varve_sketch_add(&whole, value);
            varve_sketch_add(&parts[random_below(&r, 4)], value);
        }
        other = parts[0]; // ((0 1) 2) 3
        for (size_t p = 1; p < 4; p++) {
            varve_sketch_merge(&other, &parts[p]);
        }
        assert_true(is_same(&other, &whole));
        varve_sketch_merge(&parts[3], &parts[1]); // (3 1) (2 0)
        varve_sketch_merge(&parts[2], &parts[0]);
        varve_sketch_merge(&parts[3], &parts[2]);
        assert_true(is_same(&parts[3], &whole));
    }
}

static void too_many_buckets_cost_the_lowest(void **state)
{
    (void)state;
    struct test_random r = random_start("collapse");
    varve_sketch_clear(&whole);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[i] = exp(200 * (uniform(&r) - 0.5));
        varve_sketch_add(&whole, values[i]);
    }
    qsort(values, SAMPLES, sizeof *values, by_value);
    assert_int_equal(whole.used, VARVE_SKETCH_BUCKETS);
    assert_true(whole.collapsed > 0);
    assert_int_equal(varve_sketch_count(&whole), SAMPLES);
    static const double qs[] = {0.95, 0.99, 1};
    for (size_t i = 0; i < 3; i++) {
        double allowed, want = exact(values, SAMPLES, qs[i], &allowed);
        assert_true(fabs(varve_sketch_quantile(&whole, qs[i]) - want) <= allowed);
    }
}

static void bytes_read_back(void **state)
{
    (void)state;
    struct test_random r = random_start("bytes");
    for (size_t d = 0; d < sizeof distributions / sizeof *distributions; d++) {
        for (size_t n = 1; n <= SAMPLES; n = n * 7 + 1) {
            varve_sketch_clear(&whole);
            for (size_t i = 0; i < n; i++) {
                varve_sketch_add(&whole, distributions[d].draw(&r));
            }
            size_t size = varve_sketch_put(bytes, &whole);
            assert_int_equal(size, varve_sketch_size(&whole));
            assert_true(size <= sizeof bytes);
            varve_sketch_clear(&other);
            assert_int_equal(varve_sketch_get(bytes, size, &other), 0);
            assert_true(is_same(&whole, &other));
            for (size_t cut = 0; cut < size; cut++) {
                assert_int_equal(varve_sketch_get(bytes, cut, &other), VARVE_E_CORRUPT);
            }
        }
    }
}

static void hostile_bytes_are_survived(void **state)
{
    (void)state;
    struct test_random r = random_start("hostile");
    for (uint32_t i = 0; i < 100000; i++) {
        size_t n = random_below(&r, 60);
        for (size_t b = 0; b < n; b++) {
            bytes[b] = (uint8_t)(random_bits(&r) & (random_below(&r, 2) == 0 ? 0xff : 0x7f));
        }
        varve_sketch_clear(&other);
        (void)varve_sketch_get(bytes, n, &other);
        assert_true(other.used <= VARVE_SKETCH_BUCKETS);
        for (uint32_t b = 1; b < other.used; b++) {
            assert_true(other.buckets[b - 1].key < other.buckets[b].key);
        }
        (void)varve_sketch_quantile(&other, 0.5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantiles_are_within_one_percent),
        cmocka_unit_test(every_magnitude_is_within_one_percent),
        cmocka_unit_test(keys_grow_with_values),
        cmocka_unit_test(nan_come_first),
        cmocka_unit_test(merging_is_associative),
        cmocka_unit_test(too_many_buckets_cost_the_lowest),
        cmocka_unit_test(bytes_read_back),
        cmocka_unit_test(hostile_bytes_are_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
