// SPDX-License-Identifier: Apache-2.0
// Reading past SQLite: the index remembers where blocks lie, and whatever happens to the files in
// between - checkpoints, a new round of the WAL, blocks that are written again, aborts, larger
// slots, damage - a read gives the block that is stored or none.

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "plugins/backends/sqlite/store.h"
#include "sqlite_bench.h"
#include "varve/crc32c.h"

#define BLOCKS     200
#define LENGTH     9000
#define HALF_A_DAY ((int64_t)12 * 3600000)

static const char *const journals[] = {"wal", "inplace"};

static void open_with(struct bench *b, size_t journal)
{
    fake_host_set(&b->host, "journal", journals[journal]);
    bench_open(b);
}

static struct varve_sqlite_entry *entry_of(const struct bench *b, int64_t i)
{
    struct varve_sqlite_index *index = &varve_sqlite_of(b->self)->index;
    const struct varve_block_key key = nth(i);
    const size_t at = varve_sqlite_index_block(index, 0, &key);

    assert_true(at != VARVE_SQLITE_NONE);
    return &index->entries[at];
}

static bool is_direct(const struct bench *b, int64_t i)
{
    const struct varve_sqlite_entry *e = entry_of(b, i);

    return e->place != 0 && (e->flags & VARVE_SQLITE_SCATTERED) == 0;
}

static void store_all(struct bench *b, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        bench_store(b, 0, nth(i), LENGTH + (uint32_t)i, INT64_MIN);
    }
}

// Twice: the first read may have to ask SQLite, the second knows where to look.
static void read_all(struct bench *b, int64_t count)
{
    for (int round = 0; round < 2; round++) {
        for (int64_t i = 0; i < count; i++) {
            assert_true(bench_has(b, 0, nth(i), LENGTH + (uint32_t)i));
        }
    }
}

static void checkpoint(struct bench *b, int64_t half_days)
{
    (void)b->ops->maintain(b->self, 1); // the first call only notes the time
    while (b->ops->maintain(b->self, 1 + half_days * HALF_A_DAY) == VARVE_E_AGAIN) {
    }
}

static void blocks_are_found_where_they_were_read_last(void **state)
{
    struct bench *b = *state;

    for (size_t j = 0; j < 2; j++) {
        open_with(b, j);
        store_all(b, BLOCKS);
        read_all(b, BLOCKS);
        unsigned direct = 0, in_wal = 0;
        for (int64_t i = 0; i < BLOCKS; i++) {
            direct += is_direct(b, i);
            in_wal += (entry_of(b, i)->flags & VARVE_SQLITE_IN_WAL) != 0;
        }
        print_message("%s: %u of %d blocks in one piece, %u in the WAL\n", journals[j], direct,
                      BLOCKS, in_wal);
        assert_true(direct > BLOCKS * 9 / 10);
        assert_true(j == 0 ? in_wal > 0 : in_wal == 0);
        bench_reopen(b); // the places come with the headers
        for (int64_t i = 0; i < BLOCKS; i++) {
            assert_true(entry_of(b, i)->place != 0);
        }
        read_all(b, BLOCKS);
        bench_end(b);
        bench_init(b, &varve_backend_sqlite);
    }
}

static void a_checkpoint_and_a_new_round_of_the_wal_mislead_nobody(void **state)
{
    struct bench *b = *state;

    open_with(b, 0);
    store_all(b, BLOCKS);
    read_all(b, BLOCKS);
    for (int64_t round = 1; round < 4; round++) {
        checkpoint(b, round);
        store_all(b, BLOCKS / 3 * round); // the same blocks again, over the frames of the others
        read_all(b, BLOCKS);
    }
    fake_host_close(&b->host);
}

// The same key and length, other bytes: the place still holds the block that was.
static void put_other_bytes(struct bench *b, int64_t i, uint8_t *block)
{
    const struct varve_block_key key = nth(i);
    struct varve_put put = {.tier = 0,
                            .key = key,
                            .block = block,
                            .length = LENGTH + (uint32_t)i,
                            .expire_before_ms = INT64_MIN};

    bench_block(block, 0, &key, put.length);
    memset(block + 12, 0, 4);
    memset(block + 4000, (int)i, 300); // in the first page and in the second
    const uint32_t crc = varve_crc32c(0, block, put.length);
    for (size_t k = 0; k < 4; k++) {
        block[12 + k] = (uint8_t)(crc >> (8 * k));
    }
    assert_int_equal(b->ops->put(b->self, &put), 0);
}

static void a_block_that_is_written_again_replaces_the_one_before(void **state)
{
    static uint8_t wanted[VARVE_BLOCK_MAX], found[VARVE_BLOCK_MAX];
    struct bench *b = *state;

    for (size_t j = 0; j < 2; j++) {
        open_with(b, j);
        store_all(b, BLOCKS);
        checkpoint(b, 1);
        read_all(b, BLOCKS);
        for (int64_t i = 0; i < BLOCKS; i += 7) {
            const struct varve_block_key key = nth(i);
            put_other_bytes(b, i, wanted);
            if (i % 2 == 0) {
                assert_int_equal(b->ops->commit(b->self), 0);
                assert_int_equal(b->ops->get(b->self, 0, &key, found, sizeof found), LENGTH + i);
                assert_memory_equal(found, wanted, LENGTH + (size_t)i);
                assert_int_equal(b->ops->get(b->self, 0, &key, found, sizeof found), LENGTH + i);
                assert_memory_equal(found, wanted, LENGTH + (size_t)i);
            } else if (j == 0) { // in place, what expired is gone at once
                b->ops->abort(b->self);
                assert_true(bench_has(b, 0, key, LENGTH + (uint32_t)i));
            } else {
                assert_int_equal(b->ops->commit(b->self), 0);
            }
        }
        bench_end(b);
        bench_init(b, &varve_backend_sqlite);
    }
}

static void blocks_are_read_while_a_transaction_is_open(void **state)
{
    struct bench *b = *state;

    for (size_t j = 0; j < 2; j++) {
        open_with(b, j);
        store_all(b, BLOCKS);
        read_all(b, BLOCKS);
        assert_int_equal(bench_put(b, 0, nth(BLOCKS), LENGTH + BLOCKS, INT64_MIN), 0);
        read_all(b, BLOCKS + 1);
        assert_int_equal(b->ops->commit(b->self), 0);
        read_all(b, BLOCKS + 1);
        bench_end(b);
        bench_init(b, &varve_backend_sqlite);
    }
}

// Slots whose pages came from here and there are read by their chain.
static void larger_slots_are_read_whole(void **state)
{
    struct bench *b = *state;

    for (size_t j = 0; j < 2; j++) {
        open_with(b, j);
        for (int64_t i = 0; i < 3 * KEEP; i++) {
            const uint32_t length = 3000 + (uint32_t)i * 200;
            flush(b, i, length);
            for (int64_t k = i < KEEP / 2 ? 0 : i - KEEP / 2; k <= i; k++) {
                assert_true(bench_has(b, 0, nth(k), 3000 + (uint32_t)k * 200));
            }
        }
        bench_end(b);
        bench_init(b, &varve_backend_sqlite);
    }
}

// Changes a byte of the file in the second page of the block, behind everybody's back.
static void damage(const struct bench *b, int64_t i)
{
    const struct varve_sqlite_entry *e = entry_of(b, i);
    char path[128];
    uint8_t byte;

    path_of(b, (e->flags & VARVE_SQLITE_IN_WAL) != 0 ? "-wal" : "", path);
    const int fd = open(path, O_RDWR);
    const off_t at = (off_t)e->place * 8 + PAGE + 1000;
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void a_damaged_block_is_never_given_out(void **state)
{
    static uint8_t found[VARVE_BLOCK_MAX];
    struct bench *b = *state;

    for (size_t j = 0; j < 2; j++) {
        open_with(b, j);
        store_all(b, BLOCKS);
        checkpoint(b, 1);
        read_all(b, BLOCKS);
        for (int64_t i = 0; i < BLOCKS; i += 20) {
            const struct varve_block_key key = nth(i);
            damage(b, i);
            int rc = b->ops->get(b->self, 0, &key, found, sizeof found);
            // SQLite may still have the page.
            assert_true(rc == VARVE_E_CORRUPT || bench_has(b, 0, key, LENGTH + (uint32_t)i));
            assert_true(bench_has(b, 0, nth(i + 1), LENGTH + (uint32_t)i + 1));
        }
        bench_reopen(b);
        for (int64_t i = 0; i < BLOCKS; i += 20) {
            const struct varve_block_key key = nth(i);
            assert_int_equal(b->ops->get(b->self, 0, &key, found, sizeof found), VARVE_E_CORRUPT);
        }
        bench_end(b);
        bench_init(b, &varve_backend_sqlite);
    }
}

#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(blocks_are_found_where_they_were_read_last),
        BEHAVIOUR(a_checkpoint_and_a_new_round_of_the_wal_mislead_nobody),
        BEHAVIOUR(a_block_that_is_written_again_replaces_the_one_before),
        BEHAVIOUR(blocks_are_read_while_a_transaction_is_open),
        BEHAVIOUR(larger_slots_are_read_whole),
        BEHAVIOUR(a_damaged_block_is_never_given_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
