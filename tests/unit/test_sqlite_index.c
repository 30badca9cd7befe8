// SPDX-License-Identifier: Apache-2.0
// The index of the sqlite backend against the plainest search, while entries come and go: that it
// remembers where it looked last must never show.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "plugins/backends/sqlite/index.h"
#include "random.h"

#define CAP 40

static struct varve_sqlite_entry entries[CAP];
static struct varve_sqlite_index sqlite_index;

static bool is_before(const struct varve_sqlite_entry *e, const struct varve_sqlite_entry *key)
{
    if (e->tier != key->tier) {
        return e->tier < key->tier;
    }
    if (e->key.start_ms != key->key.start_ms) {
        return e->key.start_ms < key->key.start_ms;
    }
    return e->key.seq < key->key.seq;
}

static size_t find_plainly(const struct varve_sqlite_entry *key)
{
    size_t at = 0;
    while (at < sqlite_index.count && is_before(&sqlite_index.entries[at], key)) {
        at++;
    }
    return at;
}

// Few different keys, so that many are found.
static struct varve_sqlite_entry random_entry(struct test_random *r)
{
    struct varve_sqlite_entry e = {.length = 100};
    e.tier = (uint8_t)(random_bits(r) % 3);
    e.key.start_ms = (int64_t)(random_bits(r) % 6);
    e.key.end_ms = e.key.start_ms;
    e.key.seq = (uint32_t)(random_bits(r) % 4);
    return e;
}

static void find(const struct varve_sqlite_entry *key)
{
    size_t found =
        varve_sqlite_index_find(&sqlite_index, key->tier, key->key.start_ms, key->key.seq);
    assert_int_equal(found, find_plainly(key));
}

static void a_search_finds_what_a_plain_one_finds(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    sqlite_index = (struct varve_sqlite_index){.entries = entries, .cap = CAP};
    for (int i = 0; i < 200000; i++) {
        const struct varve_sqlite_entry key = random_entry(&r);
        const uint64_t what = random_bits(&r) % 8;
        if (what == 0 && sqlite_index.count < CAP) {
            varve_sqlite_index_insert(&sqlite_index, &key);
        } else if (what == 1 && sqlite_index.count > 0) {
            varve_sqlite_index_remove(&sqlite_index,
                                      (size_t)(random_bits(&r) % sqlite_index.count));
        } else if (what == 2 && sqlite_index.count > 0) { // the one behind the last, as readers do
            find(&entries[(sqlite_index.found + 1) % sqlite_index.count]);
        } else {
            find(&key);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_finds_what_a_plain_one_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
