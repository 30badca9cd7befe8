// SPDX-License-Identifier: Apache-2.0
// The ledger's arithmetic, on a port that is faked here: files in RAM whose calls can be made to
// fail. The same layer on real files is in test_port_posix.c.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "varve/storage.h"

// ---- fake: one file of the port -----------------------------------------------------------------

#define FAKE_BYTES (2u * 1024u * 1024u)

static struct {
    uint8_t data[FAKE_BYTES];
    int64_t size;
    unsigned open_flags;
    int open_handles;
    int write_error; // returned instead of writing
    int sync_error;
    int preallocate_error;
    int64_t preallocated;
} fake;

int varve_port_file_open(struct varve_port_file *f, const char *path, unsigned flags)
{
    if (strcmp(path, "missing") == 0)
        return VARVE_E_NOT_FOUND;
    f->handle = 7;
    fake.open_flags = flags;
    fake.open_handles++;
    return VARVE_OK;
}

void varve_port_file_close(struct varve_port_file *f)
{
    if (f->handle == 7)
        fake.open_handles--;
    f->handle = -1;
}

int64_t varve_port_file_read(struct varve_port_file *f, int64_t offset, void *buf, size_t len)
{
    assert_int_equal(f->handle, 7);
    if (offset >= fake.size)
        return 0;
    if ((int64_t)len > fake.size - offset)
        len = (size_t)(fake.size - offset);
    memcpy(buf, fake.data + offset, len);
    return (int64_t)len;
}

// Offsets wrap around in the fake's memory, so that pages far out can be written.
int varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf, size_t len)
{
    assert_int_equal(f->handle, 7);
    if (fake.write_error != 0)
        return fake.write_error;
    const size_t at = (size_t)((uint64_t)offset % FAKE_BYTES);
    assert_true(at + len <= FAKE_BYTES);
    memcpy(fake.data + at, buf, len);
    if (offset + (int64_t)len > fake.size)
        fake.size = offset + (int64_t)len;
    return VARVE_OK;
}

int64_t varve_port_file_size(struct varve_port_file *f)
{
    assert_int_equal(f->handle, 7);
    return fake.size;
}

int varve_port_file_truncate(struct varve_port_file *f, int64_t size)
{
    assert_int_equal(f->handle, 7);
    fake.size = size;
    return VARVE_OK;
}

int varve_port_file_preallocate(struct varve_port_file *f, int64_t size)
{
    assert_int_equal(f->handle, 7);
    if (fake.preallocate_error == 0)
        fake.preallocated = size;
    return fake.preallocate_error;
}

int varve_port_file_sync(struct varve_port_file *f)
{
    assert_int_equal(f->handle, 7);
    return fake.sync_error;
}

int varve_port_file_lock(struct varve_port_file *f, int64_t offset, int64_t len, bool exclusive)
{
    (void)offset;
    (void)len;
    assert_int_equal(f->handle, 7);
    return exclusive ? VARVE_E_BUSY : VARVE_OK;
}

int varve_port_file_unlock(struct varve_port_file *f, int64_t offset, int64_t len)
{
    (void)offset;
    (void)len;
    assert_int_equal(f->handle, 7);
    return VARVE_OK;
}

// ---- helpers ------------------------------------------------------------------------------------

static struct varve_ledger_account account;
static struct varve_file file;
static const uint8_t block[256u * 1024u];

static int open_file(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    memset(&account, 0, sizeof account);
    return varve_file_open(&file, &account, "store", VARVE_OPEN_WRITE | VARVE_OPEN_CREATE);
}

static int close_file(void **state)
{
    (void)state;
    varve_file_close(&file);
    return fake.open_handles;
}

static void put(int64_t offset, size_t len)
{
    assert_int_equal(varve_file_write(&file, offset, block, len, VARVE_WRITE_DATA), 0);
}

static uint64_t pages(void)
{
    return varve_ledger_flash_bytes(&account) / 4096u;
}

// ---- tests --------------------------------------------------------------------------------------

static void a_page_written_twice_before_a_sync_counts_once(void **state)
{
    (void)state;
    put(0, 100);
    put(200, 100);
    put(0, 4096);
    assert_int_equal(pages(), 1);
    assert_int_equal(account.bytes[VARVE_WRITE_DATA], 4296);
    assert_int_equal(account.writes, 3);
}

static void a_write_across_a_page_boundary_counts_two(void **state)
{
    (void)state;
    put(4095, 2);
    assert_int_equal(pages(), 2);
    put(4096 * 4, 4096); // exactly one
    assert_int_equal(pages(), 3);
    put(4096 * 8, 4097); // one and a byte
    assert_int_equal(pages(), 5);
}

static void a_sync_makes_every_page_new_again(void **state)
{
    (void)state;
    put(0, 8192);
    assert_int_equal(varve_file_sync(&file), 0);
    assert_int_equal(account.syncs, 1);
    put(0, 1);
    assert_int_equal(pages(), 3);
    put(1, 1);
    assert_int_equal(pages(), 3);
}

static void a_failed_sync_counts_nothing_and_keeps_pages_dirty(void **state)
{
    (void)state;
    put(0, 1);
    fake.sync_error = VARVE_E_IO;
    assert_int_equal(varve_file_sync(&file), VARVE_E_IO);
    assert_int_equal(account.syncs, 0);
    put(1, 1);
    assert_int_equal(pages(), 1);
}

static void an_empty_write_counts_nothing(void **state)
{
    (void)state;
    put(10, 0);
    assert_int_equal(account.writes, 0);
    assert_int_equal(pages(), 0);
}

static void reasons_are_kept_apart_and_the_first_pays_for_the_page(void **state)
{
    (void)state;
    put(0, 10);
    assert_int_equal(varve_file_write(&file, 20, block, 30, VARVE_WRITE_JOURNAL), 0);
    assert_int_equal(varve_file_write(&file, 4096, block, 5, VARVE_WRITE_JOURNAL), 0);
    assert_int_equal(account.flash_bytes[VARVE_WRITE_DATA], 4096);
    assert_int_equal(account.flash_bytes[VARVE_WRITE_JOURNAL], 4096);
    assert_int_equal(account.bytes[VARVE_WRITE_DATA], 10);
    assert_int_equal(account.bytes[VARVE_WRITE_JOURNAL], 35);
    assert_int_equal(varve_ledger_flash_bytes(&account), 8192);
}

static void page_size_of_the_account_is_used(void **state)
{
    (void)state;
    account.page_bytes = 16384;
    put(16000, 1000);
    assert_int_equal(varve_ledger_flash_bytes(&account), 2u * 16384u);
    put(0, 1);
    assert_int_equal(varve_ledger_flash_bytes(&account), 2u * 16384u);
}

static void erase_blocks_touched_between_syncs_count_once(void **state)
{
    (void)state;
    account.erase_bytes = 16384;
    assert_int_equal(varve_file_write(&file, 0, block, 4096, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(varve_file_write(&file, 8192, block, 4096, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(account.erase_blocks, 1);
    assert_int_equal(varve_file_write(&file, 16380, block, 8, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(account.erase_blocks, 2); // the second half reaches into the next one
    assert_int_equal(varve_file_sync(&file), VARVE_OK);
    assert_int_equal(varve_file_write(&file, 0, block, 1, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(account.erase_blocks, 3);
}

static void an_erase_block_is_128_kib_unless_told(void **state)
{
    (void)state;
    assert_int_equal(varve_file_write(&file, 131071, block, 1, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(account.erase_blocks, 1);
    assert_int_equal(varve_file_write(&file, 131072, block, 1, VARVE_WRITE_DATA), VARVE_OK);
    assert_int_equal(account.erase_blocks, 2);
}

static void sequential_small_writes_count_each_page_once_beyond_the_table(void **state)
{
    (void)state;
    for (int i = 0; i < 8 * 200; i++)
        put(i * 512, 512);
    assert_int_equal(pages(), 200);
}

// The model: every page touched between syncs, on a file of as many pages as the table holds.
static void random_writes_agree_with_an_unlimited_model(void **state)
{
    (void)state;
    const unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    srand(seed);
    uint8_t touched[VARVE_DIRTY_PAGES] = {0};
    uint64_t expected = 0;
    for (int i = 0; i < 5000; i++) {
        if (rand() % 20 == 0) {
            assert_int_equal(varve_file_sync(&file), 0);
            memset(touched, 0, sizeof touched);
        }
        const size_t len = 1u + (size_t)(rand() % 20000);
        const size_t at = (size_t)rand() % (sizeof touched * 4096u - len);
        put((int64_t)at, len);
        for (size_t p = at / 4096u; p <= (at + len - 1u) / 4096u; p++) {
            expected += touched[p] ? 0u : 1u;
            touched[p] = 1;
        }
    }
    assert_int_equal(pages(), expected);
}

static void a_forgotten_page_counts_again_and_never_too_little(void **state)
{
    (void)state;
    put(0, 1);
    for (unsigned i = 1; i <= VARVE_DIRTY_PAGES; i++)
        put((int64_t)i * 4096, 1);
    assert_int_equal(pages(), 1u + VARVE_DIRTY_PAGES);
    put(0, 1); // the oldest, forgotten
    assert_int_equal(pages(), 2u + VARVE_DIRTY_PAGES);
    put((int64_t)VARVE_DIRTY_PAGES * 4096, 1); // still known
    assert_int_equal(pages(), 2u + VARVE_DIRTY_PAGES);
}

static void pages_beyond_32_bits_are_not_mistaken_for_others(void **state)
{
    (void)state;
    put(0, 1);
    put(INT64_C(4096) << 32, 1); // page 2^32: 0 in 32 bits
    assert_int_equal(pages(), 2);
}

static void refused_writes_do_not_count_but_broken_ones_do(void **state)
{
    (void)state;
    fake.write_error = VARVE_E_NO_SPACE;
    assert_int_equal(varve_file_write(&file, 0, block, 10, VARVE_WRITE_DATA), VARVE_E_NO_SPACE);
    assert_int_equal(pages(), 0);
    assert_int_equal(account.bytes[VARVE_WRITE_DATA], 0);
    fake.write_error = VARVE_E_IO;
    assert_int_equal(varve_file_write(&file, 0, block, 10, VARVE_WRITE_DATA), VARVE_E_IO);
    assert_int_equal(pages(), 1);
}

static void a_read_only_file_refuses_every_change(void **state)
{
    (void)state;
    struct varve_file reader;
    assert_int_equal(varve_file_open(&reader, &account, "store", 0), 0);
    assert_int_equal(varve_file_write(&reader, 0, block, 1, VARVE_WRITE_DATA), VARVE_E_READ_ONLY);
    assert_int_equal(varve_file_truncate(&reader, 0), VARVE_E_READ_ONLY);
    assert_int_equal(varve_file_preallocate(&reader, 100), VARVE_E_READ_ONLY);
    assert_int_equal(varve_file_lock(&reader, 0, 1, true), VARVE_E_READ_ONLY);
    assert_int_equal(varve_file_lock(&reader, 0, 1, false), 0);
    assert_int_equal(account.writes, 0);
    assert_int_equal(pages(), 0);
    varve_file_close(&reader);
}

static void allocation_costs_nothing_where_the_filesystem_can(void **state)
{
    (void)state;
    assert_int_equal(varve_file_preallocate(&file, 100000), 0);
    assert_int_equal(fake.preallocated, 100000);
    assert_int_equal(pages(), 0);
}

static void zeros_are_written_and_counted_where_it_cannot(void **state)
{
    (void)state;
    put(0, 5000);
    memset(fake.data + 5000, 0xff, 100000);
    assert_int_equal(varve_file_sync(&file), 0);
    fake.preallocate_error = VARVE_E_UNSUPPORTED;
    assert_int_equal(varve_file_preallocate(&file, 100000), 0);
    assert_int_equal(fake.size, 100000);
    for (int i = 5000; i < 100000; i++)
        assert_int_equal(fake.data[i], 0);
    assert_int_equal(fake.data[100000], 0xff);
    assert_int_equal(account.bytes[VARVE_WRITE_META], 95000);
    assert_int_equal(account.flash_bytes[VARVE_WRITE_META] / 4096u, 24); // pages 1 .. 24
    assert_int_equal(varve_file_preallocate(&file, 50), 0);              // long enough already
    assert_int_equal(fake.size, 100000);
}

static void a_full_disk_while_filling_is_reported(void **state)
{
    (void)state;
    fake.preallocate_error = VARVE_E_UNSUPPORTED;
    fake.write_error = VARVE_E_NO_SPACE;
    assert_int_equal(varve_file_preallocate(&file, 4096), VARVE_E_NO_SPACE);
    fake.preallocate_error = VARVE_E_NO_SPACE;
    assert_int_equal(varve_file_preallocate(&file, 4096), VARVE_E_NO_SPACE);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    struct varve_file f;
    uint8_t byte;
    struct varve_ledger_account odd = {.page_bytes = 4095};
    assert_int_equal(varve_file_open(&f, &odd, "store", 0), VARVE_E_INVALID);
    varve_file_close(&f); // harmless
    assert_int_equal(varve_file_open(&f, NULL, "store", 0), VARVE_E_INVALID);
    assert_int_equal(varve_file_open(&f, &account, "missing", 0), VARVE_E_NOT_FOUND);
    varve_file_close(&f);
    assert_int_equal(varve_file_write(&file, -1, block, 1, VARVE_WRITE_DATA), VARVE_E_INVALID);
    assert_int_equal(varve_file_write(&file, 0, block, 1, VARVE_WRITE_REASON_COUNT),
                     VARVE_E_INVALID);
    assert_int_equal(varve_file_read(&file, -1, &byte, 1), VARVE_E_INVALID);
    assert_int_equal(varve_file_truncate(&file, -1), VARVE_E_INVALID);
    assert_int_equal(varve_file_preallocate(&file, -1), VARVE_E_INVALID);
}

static void reads_and_locks_reach_the_port(void **state)
{
    (void)state;
    char text[8] = "";
    assert_int_equal(varve_file_write(&file, 3, "abc", 3, VARVE_WRITE_META), 0);
    assert_int_equal(varve_file_read(&file, 3, text, sizeof text), 3);
    assert_string_equal(text, "abc");
    assert_int_equal(varve_file_size(&file), 6);
    assert_int_equal(varve_file_truncate(&file, 4), 0);
    assert_int_equal(varve_file_size(&file), 4);
    assert_int_equal(varve_file_lock(&file, 0, 1, true), VARVE_E_BUSY);
    assert_int_equal(varve_file_unlock(&file, 0, 1), 0);
}

static void reason_names_are_stable(void **state)
{
    (void)state;
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_DATA), "data");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_ROLLUP), "rollup");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_JOURNAL), "journal");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_CHECKPOINT), "checkpoint");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_BACKUP), "backup");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_META), "meta");
    assert_string_equal(varve_write_reason_name(VARVE_WRITE_REASON_COUNT), "unknown");
}

#define STORAGE_TEST(name) cmocka_unit_test_setup_teardown(name, open_file, close_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORAGE_TEST(a_page_written_twice_before_a_sync_counts_once),
        STORAGE_TEST(a_write_across_a_page_boundary_counts_two),
        STORAGE_TEST(a_sync_makes_every_page_new_again),
        STORAGE_TEST(a_failed_sync_counts_nothing_and_keeps_pages_dirty),
        STORAGE_TEST(an_empty_write_counts_nothing),
        STORAGE_TEST(reasons_are_kept_apart_and_the_first_pays_for_the_page),
        STORAGE_TEST(page_size_of_the_account_is_used),
        STORAGE_TEST(erase_blocks_touched_between_syncs_count_once),
        STORAGE_TEST(an_erase_block_is_128_kib_unless_told),
        STORAGE_TEST(sequential_small_writes_count_each_page_once_beyond_the_table),
        STORAGE_TEST(random_writes_agree_with_an_unlimited_model),
        STORAGE_TEST(a_forgotten_page_counts_again_and_never_too_little),
        STORAGE_TEST(pages_beyond_32_bits_are_not_mistaken_for_others),
        STORAGE_TEST(refused_writes_do_not_count_but_broken_ones_do),
        STORAGE_TEST(a_read_only_file_refuses_every_change),
        STORAGE_TEST(allocation_costs_nothing_where_the_filesystem_can),
        STORAGE_TEST(zeros_are_written_and_counted_where_it_cannot),
        STORAGE_TEST(a_full_disk_while_filling_is_reported),
        STORAGE_TEST(bad_arguments_are_refused),
        STORAGE_TEST(reads_and_locks_reach_the_port),
        STORAGE_TEST(reason_names_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
