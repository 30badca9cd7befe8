// SPDX-License-Identifier: Apache-2.0
// Blocks in the order in which they were made, however few keys there is memory for.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include "core/host_state.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/random.h"

#define BLOCKS 40u
#define ROOM   64u

static struct fixture f;
static int64_t start_of[BLOCKS]; // by number

// One block for each row; the rows come in any order of time.
static int setup(void **state)
{
    (void)state;
    struct test_random random = random_start("made");
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    for (uint32_t i = 0; i < BLOCKS; i++) {
        start_of[i] = fixture_start_ms() + (int64_t)i * 5000;
    }
    for (uint32_t i = BLOCKS - 1; i > 0; i--) {
        uint32_t other = random_below(&random, i + 1);
        int64_t swap_ms = start_of[i];
        start_of[i] = start_of[other];
        start_of[other] = swap_ms;
    }
    for (uint32_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(varve_push_at(f.host, id, start_of[i], i), 0);
        assert_int_equal(varve_host_flush(f.host, 1000), 0);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    fixture_end(&f);
    return 0;
}

static struct varve_block_key memory[ROOM];

static void each_block_comes_once_in_the_order_of_numbers(void **state)
{
    (void)state;
    static const size_t rooms[] = {1, 2, 7, BLOCKS - 1, BLOCKS, ROOM};
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        struct varve_made_cursor made = varve_made_start(0, memory, rooms[i] * sizeof *memory);
        struct varve_block_key key;
        for (uint32_t seq = 0; seq < BLOCKS; seq++) {
            assert_int_equal(varve_made_next(f.host, &made, &key), 0);
            assert_int_equal(key.seq, seq);
            assert_int_equal(key.start_ms, start_of[seq]);
        }
        assert_int_equal(varve_made_next(f.host, &made, &key), VARVE_E_NOT_FOUND);
        assert_int_equal(varve_made_next(f.host, &made, &key), VARVE_E_NOT_FOUND);
    }
}

static void numbers_and_time_can_be_bounded(void **state)
{
    (void)state;
    struct varve_made_cursor made = varve_made_start(0, memory, 4 * sizeof *memory);
    struct varve_block_key key;
    made.from_seq = 5;
    made.below_seq = 30;
    made.from_ms = fixture_start_ms() + 20 * 5000;
    for (uint32_t seq = 5; seq < 30; seq++) {
        if (start_of[seq] >= made.from_ms) {
            assert_int_equal(varve_made_next(f.host, &made, &key), 0);
            assert_int_equal(key.seq, seq);
        }
    }
    assert_int_equal(varve_made_next(f.host, &made, &key), VARVE_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_block_comes_once_in_the_order_of_numbers),
        cmocka_unit_test(numbers_and_time_can_be_bounded),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
