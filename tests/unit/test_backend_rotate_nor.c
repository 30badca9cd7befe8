// SPDX-License-Identifier: Apache-2.0
// Segments on raw NOR flash: the contract of every backend, sectors worn evenly, bad ones skipped,
// a cut at every program and every erase, and flash that holds something else left alone. On the
// simulated chip, which counts what no chip can do (setting a bit) as a misuse.

#include <stdlib.h>
#include <string.h>

#include "backend_contract.h"
#include "plugins/backends/rotate/nor.h"
#include "ports/sim/sim.h"
#include "varve/crc32c.h"

extern const struct varve_plugin varve_backend_rotate;

#define PAGE    256u
#define SECTOR  4096u
#define SECTORS 32u
#define MINUTE  INT64_C(60000)
#define HOUR    (60 * MINUTE)
#define NEVER   INT64_MIN
#define LENGTH  700u

static struct bench b;

static void power_on(void)
{
    struct varve_sim_device device;
    char why[128];

    varve_sim_device_defaults(&device, VARVE_SIM_NOR);
    device.capacity_bytes = 1u << 20;
    assert_int_equal(varve_sim_make(&device, 0, why, sizeof why), 0);
    varve_sim_log_level(VARVE_CRITICAL);
}

static void add_chip(uint32_t sectors)
{
    const struct varve_sim_nor chip = {PAGE, SECTOR, sectors};

    power_on();
    assert_int_equal(varve_sim_add_nor(&chip), 0);
}

static void add_large_chip(void)
{
    add_chip(1024);
}

static struct varve_sim_nor_counters counters(void)
{
    struct varve_sim_nor_counters c;

    varve_sim_nor_counters(&c);
    return c;
}

// A small chip; the store is not open yet.
static int setup(void **state)
{
    (void)state;
    add_chip(SECTORS);
    memset(&b, 0, sizeof b);
    fake_host_init(&b.host, &varve_backend_rotate, "/state", bench_tiers, 3);
    b.self = &b.host.instance;
    b.ops = varve_backend_rotate.backend;
    fake_host_set(&b.host, "device", "nor0");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(counters().misuses, 0);
    fake_host_free(&b.host);
    varve_sim_destroy();
    return 0;
}

static struct varve_block_key minute(int64_t i)
{
    return (struct varve_block_key){i * MINUTE, i * MINUTE + MINUTE - 1, (uint32_t)i};
}

static struct varve_block_key hour(int64_t i)
{
    return (struct varve_block_key){i * HOUR, i * HOUR + HOUR - 1, (uint32_t)i};
}

static void work_through(void)
{
    for (int rc = VARVE_E_AGAIN; rc != 0;) {
        rc = b.ops->maintain(b.self, 1);
        assert_true(rc == 0 || rc == VARVE_E_AGAIN);
    }
}

// Raw, of which twenty minutes are kept, and now and then an hour, all of which are.
static void live(int64_t from, int64_t to)
{
    for (int64_t i = from; i < to; i++) {
        bench_store(&b, 0, minute(i), LENGTH, (i - 20) * MINUTE);
        if (i % 60 == 59 && i < 40 * 60) {
            bench_store(&b, 2, hour(i / 60), LENGTH, -HOUR);
        }
        work_through();
    }
}

static void assert_history(int64_t minutes)
{
    for (int64_t i = minutes - 20; i < minutes; i++) {
        assert_true(bench_has(&b, 0, minute(i), LENGTH));
    }
    for (int64_t i = 0; i < minutes / 60 && i < 40; i++) {
        assert_true(bench_has(&b, 2, hour(i), LENGTH));
    }
}

// ---- wear ---------------------------------------------------------------------------------------

static void all_sectors_are_worn_alike_whatever_lies_on_them(void **state)
{
    const int64_t minutes = 8000;
    (void)state;

    bench_open(&b);
    live(0, minutes);
    assert_history(minutes);
    const struct varve_ledger_account *ledger = &b.host.account;
    assert_true(ledger->sector_erases_min >= 25);
    assert_true(ledger->sector_erases_max * 10 <= ledger->sector_erases_min * 11);
    bench_reopen(&b);
    assert_history(minutes);
    assert_int_equal(ledger->sector_erases_max, counters().max_sector_erases);
}

// Moving wears, too: while there are free sectors that are worn as little, they are what comes
// next.
static void what_lies_is_not_moved_while_less_worn_sectors_are_free(void **state)
{
    (void)state;
    add_chip(2 * SECTORS);
    bench_open(&b);
    for (int64_t i = 0; i < 3000; i++) {
        bench_store(&b, 0, minute(i), 100, (i - 10) * MINUTE);
        if (i % 5 == 4) {
            bench_store(&b, 1, (struct varve_block_key){(i - 4) * MINUTE, i * MINUTE, 1}, 500,
                        (i - 60) * MINUTE);
        }
        if (i % 30 == 29) {
            bench_store(&b, 2, (struct varve_block_key){(i - 29) * MINUTE, i * MINUTE, 1}, 500,
                        (i - 240) * MINUTE);
        }
        work_through();
    }
    const struct varve_ledger_account *ledger = &b.host.account;
    assert_true(ledger->bytes[VARVE_WRITE_CHECKPOINT] * 3 < ledger->bytes[VARVE_WRITE_DATA]);
    assert_true(ledger->sector_erases_min >= 5);
    assert_true(ledger->sector_erases_max <= ledger->sector_erases_min + 2);
}

static void the_ledger_counts_what_the_chip_does(void **state)
{
    uint64_t bytes = 0;
    (void)state;

    bench_open(&b);
    live(0, 500);
    for (unsigned i = 0; i < VARVE_WRITE_REASON_COUNT; i++) {
        bytes += b.host.account.bytes[i];
    }
    assert_int_equal(bytes, counters().bytes);
    assert_int_equal(b.host.account.erases, counters().erases);
    assert_int_equal(b.host.account.writes, counters().programs);
    assert_true(counters().erases > SECTORS);
}

// ---- bad sectors --------------------------------------------------------------------------------

static void wear_out_two(bool silent)
{
    bench_open(&b);
    live(0, 100);
    varve_sim_nor_wear_out(3, silent);
    varve_sim_nor_wear_out(17, silent);
    live(100, 700);
    assert_history(700);
    assert_int_equal(b.host.account.sectors_bad, 2);
    bench_reopen(&b);
    live(700, 1300);
    assert_history(1300);
    assert_int_equal(b.host.account.sectors_bad, 2);
}

static void sectors_that_fail_are_given_up_and_nothing_is_lost(void **state)
{
    (void)state;
    wear_out_two(false);
}

static void sectors_that_do_not_hold_what_is_programmed_are_given_up(void **state)
{
    (void)state;
    wear_out_two(true);
}

// A chip clears all bits before it sets them.
static void a_sector_whose_erase_was_cut_early_is_not_a_bad_one(void **state)
{
    (void)state;
    bench_open(&b);
    live(0, 100);
    varve_sim_nor_wear_out(3, false);
    live(100, 500);
    assert_int_equal(b.host.account.sectors_bad, 1);
    fake_host_close(&b.host);
    uint8_t *sector = varve_sim_nor_bytes();
    while (sector[0] == 0 || sector[31] != 0xff) { // one that is free
        sector += SECTOR;
        assert_true(sector < varve_sim_nor_bytes() + (size_t)SECTORS * SECTOR);
    }
    memset(sector, 0, SECTOR);
    bench_open(&b);
    live(500, 900);
    assert_history(900);
    assert_int_equal(b.host.account.sectors_bad, 1);
}

static void a_damaged_label_costs_one_sector(void **state)
{
    size_t found = 0;
    (void)state;

    bench_open(&b);
    live(0, 200);
    fake_host_close(&b.host);
    for (uint32_t at = 0; at < SECTORS; at++) { // the second sector of the oldest segment of raw
        uint8_t *label = varve_sim_nor_bytes() + at * SECTOR;
        if (label[20] == 1 && found++ == 0) {
            label[1] ^= 4;
        }
    }
    assert_true(found > 0);
    bench_open(&b);
    live(200, 900);
    assert_history(900);
}

// ---- power cuts ---------------------------------------------------------------------------------

// What is put and committed until the power goes; returns the minutes that were acknowledged.
static int64_t live_until_cut(int64_t from, int64_t to)
{
    int64_t i = from;

    for (; i < to; i++) {
        if (bench_put(&b, 0, minute(i), LENGTH, (i - 20) * MINUTE) < 0 ||
            b.ops->commit(b.self) < 0) {
            break;
        }
        int rc = VARVE_E_AGAIN;
        while (rc == VARVE_E_AGAIN) {
            rc = b.ops->maintain(b.self, 1);
        }
    }
    return i;
}

static void reboot(void)
{
    b.host.open = false; // the program ends where it is
    varve_sim_boot(0);
}

static void assert_acknowledged(int64_t minutes)
{
    for (int64_t i = minutes > 20 ? minutes - 20 : 0; i < minutes; i++) {
        if (!bench_has(&b, 0, minute(i), LENGTH)) {
            fail_msg("minute %d of %d is missing", (int)i, (int)minutes);
        }
    }
}

// A cut at operation `first` of a life, and another at operation `second` of what follows.
static void cut_twice(uint64_t first, uint64_t second)
{
    const struct varve_sim_faults faults = {.seed = first * 1000 + second};

    assert_int_equal(setup(NULL), 0);
    varve_sim_set_faults(&faults);
    bench_open(&b);
    varve_sim_cut_at(varve_sim_operations() + first);
    int64_t minutes = live_until_cut(0, 90);
    reboot();
    if (second > 0) {
        varve_sim_cut_at(varve_sim_operations() + second);
        if (fake_host_open(&b.host, 0) == 0) {
            minutes = live_until_cut(minutes, minutes + 8);
        }
        reboot();
    }
    bench_open(&b);
    assert_acknowledged(minutes);
    live_until_cut(minutes, minutes + 45);
    assert_acknowledged(minutes + 45);
    assert_int_equal(teardown(NULL), 0);
}

static void a_cut_at_any_operation_loses_nothing_that_was_acknowledged(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 800; at++) {
        cut_twice(at, 0);
    }
}

static void a_second_cut_while_recovering_changes_nothing(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 800; at += 31) {
        for (uint64_t second = 1; second < 24; second += 2) {
            cut_twice(at, second);
        }
    }
}

// ---- the flash of a microcontroller -------------------------------------------------------------

static void pages_that_are_smaller_than_a_label_will_do(void **state)
{
    const struct varve_sim_nor chip = {8, 2048, 64};
    (void)state;
    assert_int_equal(varve_sim_add_nor(&chip), 0);
    bench_open(&b);
    live(0, 700);
    assert_history(700);
    bench_reopen(&b);
    assert_history(700);
    assert_true(b.host.account.sector_erases_min >= 2);
}

// ---- what is wiped ------------------------------------------------------------------------------

static bool chip_holds(const uint8_t *bytes, size_t len)
{
    const uint8_t *chip = varve_sim_nor_bytes();

    for (size_t i = 0; i + len <= (size_t)SECTORS * SECTOR; i++) {
        if (memcmp(chip + i, bytes, len) == 0) {
            return true;
        }
    }
    return false;
}

static void a_removed_block_leaves_no_byte(void **state)
{
    static uint8_t block[LENGTH];
    const struct varve_block_key key = minute(5);
    (void)state;

    bench_open(&b);
    for (int64_t i = 0; i < 12; i++) {
        bench_store(&b, 0, minute(i), LENGTH, -HOUR);
    }
    bench_block(block, 0, &key, LENGTH);
    assert_true(chip_holds(block + 100, 32));
    assert_int_equal(b.ops->replace(b.self, 0, &key, NULL, 0), 0);
    assert_int_equal(b.ops->commit(b.self), 0);
    work_through();
    assert_false(chip_holds(block + 100, 32));
    bench_reopen(&b);
    assert_false(bench_has(&b, 0, key, LENGTH));
    assert_true(bench_has(&b, 0, minute(4), LENGTH) && bench_has(&b, 0, minute(6), LENGTH));
}

// ---- what is not ours ---------------------------------------------------------------------------

static void assert_refused_and_untouched(int error)
{
    static uint8_t before[SECTORS * SECTOR];
    const uint64_t operations = varve_sim_operations();

    memcpy(before, varve_sim_nor_bytes(), sizeof before);
    assert_int_equal(fake_host_open(&b.host, 0), error);
    assert_string_not_equal(b.host.why, "");
    assert_memory_equal(before, varve_sim_nor_bytes(), sizeof before);
    assert_int_equal(varve_sim_operations(), operations);
}

static void another_format_version_is_refused_and_not_erased(void **state)
{
    (void)state;
    bench_open(&b);
    live(0, 30);
    fake_host_close(&b.host);
    uint8_t *label = varve_sim_nor_bytes();
    while (memcmp(label, "VRVN", 4) != 0) {
        label += SECTOR;
    }
    label[4] = NOR_VERSION + 1;
    const uint32_t crc = varve_crc32c(0, label, 12);
    for (unsigned i = 0; i < 4; i++) {
        label[12 + i] = (uint8_t)(crc >> (8 * i));
    }
    assert_refused_and_untouched(VARVE_E_VERSION);
}

static void a_flash_with_something_else_on_it_is_not_erased(void **state)
{
    (void)state;
    memset(varve_sim_nor_bytes() + 5 * SECTOR, 0x5a, 3 * SECTOR);
    assert_refused_and_untouched(VARVE_E_CORRUPT);
}

static void reading_makes_no_store_and_writes_nothing(void **state)
{
    (void)state;
    assert_int_equal(fake_host_open(&b.host, VARVE_BACKEND_READ_ONLY), VARVE_E_NOT_FOUND);
    bench_open(&b);
    live(0, 50);
    fake_host_close(&b.host);
    const uint64_t operations = varve_sim_operations();
    assert_int_equal(fake_host_open(&b.host, VARVE_BACKEND_READ_ONLY), 0);
    assert_history(50);
    assert_int_equal(varve_sim_operations(), operations);
}

static void a_device_that_is_not_there_and_compression_are_refused(void **state)
{
    (void)state;
    fake_host_set(&b.host, "device", "nor7");
    assert_int_equal(fake_host_open(&b.host, 0), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(b.host.why, "nor7"));
    fake_host_set(&b.host, "device", "nor0");
    fake_host_set(&b.host, "compress", "gzip");
    assert_int_equal(fake_host_open(&b.host, 0), VARVE_E_INVALID);
}

int main(void)
{
    const struct backend_contract contract = {&varve_backend_rotate, true, "blocks",
                                              add_large_chip};
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(all_sectors_are_worn_alike_whatever_lies_on_them),
        BEHAVIOUR(what_lies_is_not_moved_while_less_worn_sectors_are_free),
        BEHAVIOUR(the_ledger_counts_what_the_chip_does),
        BEHAVIOUR(sectors_that_fail_are_given_up_and_nothing_is_lost),
        BEHAVIOUR(sectors_that_do_not_hold_what_is_programmed_are_given_up),
        BEHAVIOUR(a_sector_whose_erase_was_cut_early_is_not_a_bad_one),
        BEHAVIOUR(a_damaged_label_costs_one_sector),
        BEHAVIOUR(pages_that_are_smaller_than_a_label_will_do),
        cmocka_unit_test(a_cut_at_any_operation_loses_nothing_that_was_acknowledged),
        cmocka_unit_test(a_second_cut_while_recovering_changes_nothing),
        BEHAVIOUR(a_removed_block_leaves_no_byte),
        BEHAVIOUR(another_format_version_is_refused_and_not_erased),
        BEHAVIOUR(a_flash_with_something_else_on_it_is_not_erased),
        BEHAVIOUR(reading_makes_no_store_and_writes_nothing),
        BEHAVIOUR(a_device_that_is_not_there_and_compression_are_refused),
    };
#undef BEHAVIOUR

    return backend_contract_run_with(&contract, "device", "nor0") +
           cmocka_run_group_tests_name("rotate on NOR", tests, NULL, NULL);
}
