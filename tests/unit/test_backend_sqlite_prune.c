// SPDX-License-Identifier: Apache-2.0
// Replaced blocks in the sqlite backend: under both journals nothing of the old bytes stays in any
// file, nothing else changes, and the next flush costs what it did before.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "sqlite_bench.h"

#define LENGTH 9000

static void open_with(struct bench *b, const char *journal)
{
    fake_host_set(&b->host, "journal", journal);
    bench_open(b);
}

// Bytes of the i-th block in a file: 32 of its middle are enough to know it.
static bool file_holds(const struct bench *b, const char *suffix, int64_t i)
{
    static uint8_t block[LENGTH];
    const struct varve_block_key key = nth(i);
    struct image image = read_file(b, suffix);
    bool found = false;

    bench_block(block, 0, &key, LENGTH);
    for (size_t at = 0; !found && at + 32 <= image.size; at++) {
        found = memcmp(image.bytes + at, block + 3000, 32) == 0 ||
                memcmp(image.bytes + at, block + LENGTH - 40, 32) == 0;
    }
    free(image.bytes);
    return found;
}

static bool any_file_holds(const struct bench *b, int64_t i)
{
    return file_holds(b, "", i) || file_holds(b, "-wal", i) || file_holds(b, "-journal", i);
}

static void replace(struct bench *b, int64_t i, uint32_t length)
{
    static uint8_t block[VARVE_BLOCK_MAX];
    const struct varve_block_key key = nth(i);

    bench_block(block, 0, &key, length > 0 ? length : VARVE_BLOCK_HEADER);
    assert_int_equal(b->ops->replace(b->self, 0, &key, length > 0 ? block : NULL, length), 0);
}

static void wipe(struct bench *b)
{
    int rc = VARVE_E_AGAIN;

    for (int n = 0; rc == VARVE_E_AGAIN && n < 100; n++) {
        rc = b->ops->maintain(b->self, 1);
    }
    assert_int_equal(rc, 0);
}

static void removed_bytes_are_in_no_file(struct bench *b, const char *journal)
{
    const struct varve_event event = {.time_ms = 1000, .severity = VARVE_INFO, .kind = "start"};

    open_with(b, journal);
    for (int64_t i = 0; i < 60; i++) {
        flush(b, i, LENGTH); // the first twenty have expired, some were overwritten
    }
    assert_true(any_file_holds(b, 30) && any_file_holds(b, 31) && any_file_holds(b, 32));
    replace(b, 30, 0);
    replace(b, 31, 700); // shorter, and the beginning of another block
    assert_int_equal(b->ops->commit(b->self), 0);
    wipe(b);
    assert_false(any_file_holds(b, 30));
    assert_false(any_file_holds(b, 31));
    assert_true(any_file_holds(b, 32));
    assert_int_equal(b->ops->event(b->self, &event), 0); // the journal goes on to work
    flush(b, 60, LENGTH);
    bench_reopen(b);
    for (int64_t i = 30; i <= 60; i++) {
        assert_int_equal(bench_has(b, 0, nth(i), i == 31 ? 700 : LENGTH), i != 30);
    }
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "SELECT count(block) FROM slot"), SQLITE_OK);
}

static void removed_bytes_are_gone_under_a_wal(void **state)
{
    removed_bytes_are_in_no_file(*state, "wal");
}

static void removed_bytes_are_gone_in_place(void **state)
{
    removed_bytes_are_in_no_file(*state, "inplace");
}

static void a_block_larger_than_its_slot_makes_it_larger(struct bench *b, const char *journal)
{
    open_with(b, journal);
    for (int64_t i = 0; i < 3; i++) {
        flush(b, i, LENGTH); // three pages
    }
    replace(b, 1, 4 * OVERFLOW);
    b->ops->abort(b->self);
    assert_true(bench_has(b, 0, nth(1), LENGTH));
    replace(b, 1, 4 * OVERFLOW);
    assert_int_equal(b->ops->commit(b->self), 0);
    wipe(b);
    assert_false(any_file_holds(b, 1));
    bench_reopen(b);
    assert_true(bench_has(b, 0, nth(0), LENGTH));
    assert_true(bench_has(b, 0, nth(1), 4 * OVERFLOW));
    assert_true(bench_has(b, 0, nth(2), LENGTH));
}

static void a_slot_grows_under_a_wal(void **state)
{
    a_block_larger_than_its_slot_makes_it_larger(*state, "wal");
}

static void a_slot_grows_in_place(void **state)
{
    a_block_larger_than_its_slot_makes_it_larger(*state, "inplace");
}

static void a_store_open_for_reading_refuses(void **state)
{
    struct bench *b = *state;
    const struct varve_block_key key = nth(1);

    open_with(b, "wal");
    flush(b, 1, OVERFLOW);
    fake_host_close(&b->host);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(b->ops->replace(b->self, 0, &key, NULL, 0), VARVE_E_READ_ONLY);
    assert_true(bench_has(b, 0, nth(1), OVERFLOW));
}

// A flush after a prune overwrites the slots that became free: the file does not grow.
static void free_slots_are_used_again(void **state)
{
    struct bench *b = *state;
    int64_t i = 0;

    open_with(b, "inplace");
    for (; i < 2 * KEEP; i++) {
        flush(b, i, OVERFLOW);
    }
    struct image before = read_file(b, "");
    for (int64_t k = i - KEEP; k < i; k++) {
        replace(b, k, 0);
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    wipe(b);
    const struct varve_ledger_account account = b->host.account;
    for (int n = 0; n < KEEP; n++, i++) {
        flush(b, i, OVERFLOW);
    }
    assert_int_equal(varve_ledger_flash_bytes(&b->host.account) -
                         varve_ledger_flash_bytes(&account),
                     KEEP * PAGE);
    struct image now = read_file(b, "");
    assert_int_equal(now.size, before.size);
    free(now.bytes);
    free(before.bytes);
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(removed_bytes_are_gone_under_a_wal), BEHAVIOUR(removed_bytes_are_gone_in_place),
        BEHAVIOUR(a_slot_grows_under_a_wal),           BEHAVIOUR(a_slot_grows_in_place),
        BEHAVIOUR(a_store_open_for_reading_refuses),   BEHAVIOUR(free_slots_are_used_again),
    };
#undef BEHAVIOUR
    return cmocka_run_group_tests_name("prune", tests, NULL, NULL);
}
