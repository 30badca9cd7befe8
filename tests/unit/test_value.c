// SPDX-License-Identifier: Apache-2.0
// Values that wait as floats (built with VARVE_FLOAT_VALUES): decimal numbers come back as they
// were pushed, and every other float as itself.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "core/value.h"
#include "random.h"

_Static_assert(sizeof(varve_value) == 4, "this test is about floats");

static void assert_same(double got, double want)
{
    assert_memory_equal(&got, &want, sizeof got);
}

static void decimals_come_back_as_they_were_pushed(void **state)
{
    (void)state;
    static const double scales[] = {1, 10, 100, 1000};
    for (int i = -999; i < 1000000; i += 7) {
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++) {
            double pushed = i / scales[s];
            assert_same(varve_value_read((varve_value)pushed), pushed);
        }
    }
}

static void what_is_no_number_stays_what_it_is(void **state)
{
    (void)state;
    assert_true(isnan(varve_value_read(NAN)));
    assert_same(varve_value_read(INFINITY), INFINITY);
    assert_same(varve_value_read(-INFINITY), -INFINITY);
    assert_same(varve_value_read(-0.0f), -0.0);
    assert_same(varve_value_read(0.0f), 0.0);
}

static void every_float_is_read_as_a_double_that_rounds_to_it(void **state)
{
    (void)state;
    struct test_random dice = random_start("value");
    for (int i = 0; i < 200000; i++) {
        uint32_t bits = (uint32_t)random_bits(&dice);
        varve_value value;
        memcpy(&value, &bits, sizeof value);
        varve_value again = (varve_value)varve_value_read(value);
        assert_true(isnan(value) ? isnan(again) : memcmp(&again, &value, sizeof value) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_come_back_as_they_were_pushed),
        cmocka_unit_test(what_is_no_number_stays_what_it_is),
        cmocka_unit_test(every_float_is_read_as_a_double_that_rounds_to_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
