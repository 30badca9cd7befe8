// SPDX-License-Identifier: Apache-2.0
// Rows that queries have decoded: what is found is what is stored, and is found when it should be.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "core/query/cache.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/random.h"
#include "varve/prune.h"

#define ROWS    4000u
#define STEP_MS 5000
#define LEFT    1000u // raw rows that are young enough to be kept, and some go

static struct fixture f;
static uint8_t small[3000] __attribute__((aligned(8)));

static int setup(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int ids[2] = {fixture_series(&f, "a", VARVE_GAUGE), fixture_series(&f, "b", VARVE_GAUGE)};
    for (uint32_t i = 0; i < ROWS; i++) {
        for (unsigned s = 0; s < 2; s++) {
            struct varve_point point = {.time_ms = fixture_start_ms() + (int64_t)i * STEP_MS,
                                        .value = s * 10000 + i % 971};
            assert_int_equal(varve_host_import(f.host, (varve_series_id)ids[s], &point, 1), 0);
        }
    }
    assert_int_equal(varve_host_flush(f.host, 0), 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fixture_close(&f);
    fixture_end(&f);
    return 0;
}

// ---- the cache alone ----------------------------------------------------------------------------

// Rows of a key: as many, and such, as the key says.
static uint32_t rows_of(const struct varve_cache_key *key, struct varve_point *rows)
{
    uint32_t count = key->seq % 9;
    for (uint32_t i = 0; i < count; i++) {
        rows[i] = (struct varve_point){.time_ms = key->start_ms + i, .value = key->id + key->seq};
    }
    return count;
}

static struct varve_cache_key random_key(struct test_random *r)
{
    return (struct varve_cache_key){.start_ms = 1000 * (int64_t)random_below(r, 3),
                                    .seq = random_below(r, 10),
                                    .id = (varve_series_id)random_below(r, 2),
                                    .tier = (uint8_t)random_below(r, 2),
                                    .only_last = random_below(r, 2) == 0};
}

static void expect_rows(const struct varve_cache_key *key, int64_t from_ms, int64_t to_ms,
                        const struct varve_point *got, int n)
{
    struct varve_point rows[9];
    uint32_t count = rows_of(key, rows);
    int at = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (rows[i].time_ms >= from_ms && rows[i].time_ms <= to_ms) {
            assert_true(at < n);
            assert_memory_equal(&got[at], &rows[i], sizeof rows[i]);
            at++;
        }
    }
    assert_int_equal(at, n);
}

static void use_ring_of(size_t bytes)
{
    f.host->row_cache = (struct varve_row_cache){.memory = small, .bytes = bytes};
}

static void what_is_found_is_what_was_put(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    unsigned found = 0;
    for (unsigned round = 0; round < 30; round++) {
        use_ring_of(1024 + random_below(&r, sizeof small - 1023));
        for (unsigned i = 0; i < 2000; i++) {
            struct varve_cache_key key = random_key(&r);
            struct varve_point rows[9], got[9];
            int64_t from_ms = key.start_ms + random_below(&r, 9);
            int64_t to_ms = from_ms + random_below(&r, 9);
            int n = varve_cache_get(f.host, &key, from_ms, to_ms, got, sizeof *got, 9);
            if (n != VARVE_E_NOT_FOUND) {
                expect_rows(&key, from_ms, to_ms, got, n);
                found++;
                continue;
            }
            uint32_t count = rows_of(&key, rows);
            assert_true(varve_cache_put(f.host, &key, atomic_load(&f.host->store_changes), rows,
                                        sizeof *rows, count) > 0);
            n = varve_cache_get(f.host, &key, INT64_MIN, INT64_MAX, got, sizeof *got, 9);
            expect_rows(&key, INT64_MIN, INT64_MAX, got, n);
        }
    }
    assert_true(found > 1000);
}

static void what_does_not_fit_is_said(void **state)
{
    (void)state;
    struct varve_cache_key key = {.start_ms = 1, .seq = 8};
    struct varve_point rows[9], got[9];
    static struct varve_point many[400];
    uint32_t changes = atomic_load(&f.host->store_changes);
    use_ring_of(2048);
    uint32_t count = rows_of(&key, rows);
    assert_true(varve_cache_put(f.host, &key, changes, rows, sizeof *rows, count) > 0);
    assert_int_equal(varve_cache_get(f.host, &key, 0, 99, got, sizeof *got, 7), VARVE_E_FULL);
    assert_int_equal(varve_cache_get(f.host, &key, 0, 99, got, sizeof *got, 8), 8);
    key.seq = 9;
    assert_int_equal(varve_cache_put(f.host, &key, changes, many, sizeof *many, 400), 0);
    use_ring_of(0);
    assert_int_equal(varve_cache_put(f.host, &key, changes, rows, sizeof *rows, count), 0);
    assert_int_equal(varve_cache_get(f.host, &key, 0, 99, got, sizeof *got, 8), VARVE_E_NOT_FOUND);
}

static void changed_stores_are_forgotten(void **state)
{
    (void)state;
    struct varve_cache_key key = {.start_ms = 1, .seq = 4};
    struct varve_point rows[9], got[9];
    uint32_t count = rows_of(&key, rows), before = atomic_load(&f.host->store_changes);
    use_ring_of(2048);
    assert_true(varve_cache_put(f.host, &key, before, rows, sizeof *rows, count) > 0);
    varve_store_changed(f.host);
    assert_int_equal(varve_cache_get(f.host, &key, 0, 99, got, sizeof *got, 9), VARVE_E_NOT_FOUND);
    // What was read before the change, too.
    assert_int_equal(varve_cache_put(f.host, &key, before, rows, sizeof *rows, count), 0);
    assert_true(varve_cache_put(f.host, &key, before + 1, rows, sizeof *rows, count) > 0);
}

// ---- under queries ------------------------------------------------------------------------------

static void expect_same(const char *selector, int64_t from_ms, int64_t to_ms, int tier)
{
    struct varve_row_cache cache = f.host->row_cache;
    f.host->row_cache.bytes = 0;
    struct answer without =
        fixture_query_range(&f, selector, from_ms, to_ms, tier, VARVE_AGG_AUTO, 0);
    f.host->row_cache = cache;
    struct answer with = fixture_query_range(&f, selector, from_ms, to_ms, tier, VARVE_AGG_AUTO, 0);
    assert_int_equal(with.rc, without.rc);
    assert_int_equal(with.count, without.count);
    assert_memory_equal(with.points, without.points, with.count * sizeof *with.points);
    answer_free(&with);
    answer_free(&without);
}

static void a_question_asked_again_decodes_nothing(void **state)
{
    (void)state;
    const struct varve_row_cache *cache = &f.host->row_cache;
    int64_t from_ms = fixture_start_ms() + 100 * STEP_MS, to_ms = from_ms + 3500 * STEP_MS;
    for (int tier = 0; tier < 2; tier++) { // of the others all is in RAM
        uint64_t misses = cache->misses;
        expect_same("a", from_ms, to_ms, tier);
        assert_true(cache->misses > misses);
        uint64_t hits = cache->hits;
        misses = cache->misses;
        expect_same("a", from_ms, to_ms, tier);
        expect_same("a", from_ms + 200000, to_ms - 200000, tier);
        assert_int_equal(cache->misses, misses);
        assert_true(cache->hits > hits);
        expect_same("b", from_ms, to_ms, tier);
        assert_true(cache->misses > misses);
    }
}

static void answers_are_the_same_whatever_the_ring(void **state)
{
    struct test_random r = random_start(__func__);
    (void)state;
    for (unsigned i = 0; i < 200; i++) {
        if (i % 20 == 0) {
            use_ring_of(random_below(&r, sizeof small + 1));
        }
        int64_t from_ms = fixture_start_ms() + (int64_t)random_below(&r, ROWS) * STEP_MS;
        expect_same(random_below(&r, 2) == 0 ? "a" : "b", from_ms,
                    from_ms + (int64_t)random_below(&r, 4000000), (int)random_below(&r, 3));
    }
}

static void what_is_pruned_is_gone(void **state)
{
    (void)state;
    static struct varve_prune prune;
    static uint8_t memory[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));
    char why[VARVE_MESSAGE_TEXT];
    const struct varve_prune_request request = {.selector = "a",
                                                .before_ms =
                                                    fixture_start_ms() + (ROWS - LEFT) * STEP_MS,
                                                .tier = -1,
                                                .apply = true,
                                                .by = "me"};
    expect_same("a", fixture_start_ms(), INT64_MAX, 0);
    assert_int_equal(
        varve_prune_begin(f.host, &prune, &request, memory, sizeof memory, why, sizeof why), 0);
    while (!prune.report.done) {
        assert_int_equal(varve_prune_step(f.host, &prune, memory, sizeof memory, why, sizeof why),
                         0);
    }
    expect_same("a", fixture_start_ms(), INT64_MAX, 0);
    struct answer answer = fixture_query(&f, "a", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.count, LEFT);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_found_is_what_was_put, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(changed_stores_are_forgotten, setup, teardown),
        cmocka_unit_test_setup_teardown(a_question_asked_again_decodes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_are_the_same_whatever_the_ring, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_pruned_is_gone, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
