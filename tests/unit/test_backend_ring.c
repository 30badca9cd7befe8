// SPDX-License-Identifier: Apache-2.0
// The ring backend: the contract, and who goes when there is no room.

#include "backend_contract.h"

extern const struct varve_plugin varve_backend_ring;

static struct varve_block_key nth(int64_t i)
{
    return (struct varve_block_key){i * 1000, i * 1000 + 999, (uint32_t)i};
}

static void a_flood_of_raw_does_not_push_out_coarse_blocks(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b, &varve_backend_ring);
    fake_host_set(&b.host, "size", "64K");
    fake_host_set(&b.host, "blocks", "32");
    bench_open(&b);
    bench_store(&b, 2, nth(0), 20000, 0); // the largest block of all, and the oldest
    bench_store(&b, 1, nth(0), 3000, 0);
    bench_store(&b, 1, nth(1), 3000, 0);
    for (int64_t i = 0; i < 200; i++) {
        bench_store(&b, 0, nth(i), 2000, 0);
    }
    assert_true(bench_has(&b, 2, nth(0), 20000));
    assert_int_equal(bench_count(&b, 1), 2);
    assert_true(bench_count(&b, 0) > 10);
    assert_true(bench_has(&b, 0, nth(199), 2000));
    bench_end(&b);
}

static void expired_blocks_of_any_tier_go_first(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b, &varve_backend_ring);
    fake_host_set(&b.host, "size", "36K");
    fake_host_set(&b.host, "blocks", "8");
    bench_open(&b);
    bench_store(&b, 1, nth(0), 4000, 0);
    bench_store(&b, 1, nth(9), 4000, nth(1).start_ms); // the first one has expired
    for (int64_t i = 0; i < 7; i++) {
        bench_store(&b, 0, nth(i), 4000, 0);
    }
    assert_int_equal(bench_count(&b, 0), 7);
    assert_false(bench_has(&b, 1, nth(0), 4000));
    assert_true(bench_has(&b, 1, nth(9), 4000));
    bench_end(&b);
}

static void a_block_larger_than_the_ring_is_refused(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b, &varve_backend_ring);
    fake_host_set(&b.host, "size", "8K");
    fake_host_set(&b.host, "blocks", "8");
    bench_open(&b);
    bench_store(&b, 0, nth(0), 1000, 0);
    assert_int_equal(bench_put(&b, 0, nth(1), 9000, 0), VARVE_E_TOO_BIG);
    assert_true(bench_has(&b, 0, nth(0), 1000)); // nothing was given up for it
    bench_end(&b);
}

static void an_index_larger_than_the_ring_is_refused(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b, &varve_backend_ring);
    fake_host_set(&b.host, "size", "8K");
    assert_int_equal(fake_host_open(&b.host, 0), VARVE_E_INVALID);
    assert_true(b.host.why[0] != '\0');
    bench_end(&b);
}

static void a_tier_holds_its_cap_and_the_others_keep_theirs(void **state)
{
    struct bench b;

    (void)state;
    bench_init(&b, &varve_backend_ring);
    bench_open(&b);
    for (int64_t i = 0; i < 30; i++) {
        bench_store_capped(&b, 0, nth(i), 1000, 10000);
        bench_store_capped(&b, 1, nth(i), 1000, 0);
    }
    assert_int_equal(bench_count(&b, 0), 10);
    assert_int_equal(bench_count(&b, 1), 30);
    assert_true(bench_has(&b, 0, nth(20), 1000));
    bench_store_capped(&b, 0, nth(30), 1000, 3500); // the cap was lowered
    assert_int_equal(bench_count(&b, 0), 3);
    assert_true(bench_has(&b, 0, nth(28), 1000));
    bench_end(&b);
}

int main(void)
{
    const struct backend_contract contract = {&varve_backend_ring, false, "blocks", NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flood_of_raw_does_not_push_out_coarse_blocks),
        cmocka_unit_test(expired_blocks_of_any_tier_go_first),
        cmocka_unit_test(a_block_larger_than_the_ring_is_refused),
        cmocka_unit_test(a_tier_holds_its_cap_and_the_others_keep_theirs),
        cmocka_unit_test(an_index_larger_than_the_ring_is_refused),
    };

    return backend_contract_run(&contract) + cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
