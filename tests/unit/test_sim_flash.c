// SPDX-License-Identifier: Apache-2.0
// The emulated flash and the page map on it: wear on cases counted by hand, and that garbage
// collection loses nothing, against an oracle.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <string.h>

#include "ports/sim/map.h"
#include "tests/unit/random.h"

#define PAGE      256u
#define PER_BLOCK 4u
#define BLOCKS    12u
#define PAGES     ((BLOCKS - MAP_SPARE_MIN) * PER_BLOCK)

static struct sim_flash flash;
static struct sim_map map;
static uint64_t allowed; // operations until the power goes
static uint64_t operations;

static bool permit(void)
{
    operations++;
    return operations <= allowed;
}

static int make(void **state)
{
    (void)state;
    allowed = UINT64_MAX;
    operations = 0;
    int rc = sim_flash_init(&flash, PAGE, PER_BLOCK, BLOCKS);
    return rc == 0 ? sim_map_init(&map, &flash, PAGES, permit) : rc;
}

static int destroy(void **state)
{
    (void)state;
    sim_map_free(&map);
    sim_flash_free(&flash);
    return 0;
}

static void fill(uint8_t page[PAGE], uint32_t number, uint32_t version)
{
    for (uint32_t i = 0; i < PAGE; i += 8) {
        memcpy(page + i, &number, 4);
        memcpy(page + i + 4, &version, 4);
    }
}

static int put(uint32_t number, uint32_t version)
{
    uint8_t page[PAGE];
    fill(page, number, version);
    return sim_map_write(&map, number, page);
}

static void check(uint32_t number, uint32_t version)
{
    uint8_t want[PAGE], got[PAGE];
    fill(want, number, version);
    assert_int_equal(sim_map_read(&map, number, got), 0);
    assert_memory_equal(got, want, PAGE);
}

// ---- the flash

static void a_page_is_programmed_once_between_erases(void **state)
{
    (void)state;
    uint8_t page[PAGE];
    fill(page, 1, 1);
    assert_int_equal(sim_flash_program(&flash, 5, page), 0);
    assert_int_equal(sim_flash_program(&flash, 5, page), VARVE_E_INVALID);
    sim_flash_erase(&flash, 1);
    assert_int_equal(sim_flash_program(&flash, 5, page), 0);
    assert_int_equal(flash.programs, 2);
}

static void only_programmed_pages_can_be_read(void **state)
{
    (void)state;
    uint8_t page[PAGE], got[PAGE];
    fill(page, 7, 7);
    assert_int_equal(sim_flash_read(&flash, 0, got), VARVE_E_CORRUPT);
    assert_int_equal(sim_flash_program(&flash, 0, page), 0);
    assert_int_equal(sim_flash_read(&flash, 0, got), 0);
    assert_memory_equal(got, page, PAGE);
    sim_flash_stale(&flash, 0);
    assert_int_equal(sim_flash_read(&flash, 0, got), VARVE_E_CORRUPT);
    assert_int_equal(sim_flash_program(&flash, 0, page), VARVE_E_INVALID);
}

static void erases_are_counted_by_block(void **state)
{
    (void)state;
    sim_flash_erase(&flash, 3);
    sim_flash_erase(&flash, 3);
    sim_flash_erase(&flash, 4);
    assert_int_equal(flash.erases[3], 2);
    assert_int_equal(flash.erases[4], 1);
    assert_int_equal(flash.erases[0], 0);
    assert_int_equal(flash.erase_count, 3);
    assert_int_equal(flash.max_erases, 2);
}

// ---- the map: cases counted by hand

static void a_map_without_spare_blocks_is_refused(void **state)
{
    struct sim_map other;
    (void)state;
    assert_int_equal(sim_map_init(&other, &flash, PAGES + 1, permit), VARVE_E_INVALID);
}

static void filling_the_device_once_erases_nothing(void **state)
{
    (void)state;
    for (uint32_t page = 0; page < PAGES; page++) {
        assert_int_equal(put(page, 1), 0);
    }
    assert_int_equal(flash.erase_count, 0);
    assert_int_equal(flash.programs, PAGES);
    assert_int_equal(map.moved, 0);
}

// One logical page over and over: blocks 0 to 9 fill (40 writes) with 2 free ones left. From then
// on each block's worth of writes finds a block with nothing live in it, moves nothing and erases
// one block.
static void overwriting_one_page_costs_one_erase_per_block_and_no_move(void **state)
{
    (void)state;
    const uint32_t before = (BLOCKS - MAP_FREE_MIN) * PER_BLOCK;
    for (uint32_t i = 0; i < before; i++) {
        assert_int_equal(put(0, i), 0);
    }
    assert_int_equal(flash.erase_count, 0);
    for (uint32_t i = 0; i < 30 * PER_BLOCK; i++) {
        assert_int_equal(put(0, before + i), 0);
    }
    assert_int_equal(flash.erase_count, 30);
    assert_int_equal(map.moved, 0);
    assert_int_equal(flash.programs, before + 30 * PER_BLOCK);
    // Dynamic levelling: 30 erases over 12 blocks.
    for (uint32_t block = 0; block < BLOCKS; block++) {
        assert_in_range(flash.erases[block], 2, 3);
    }
    check(0, before + 30 * PER_BLOCK - 1);
}

// Pages 0..3 are written once and lie in block 0; then page 4 is overwritten. Greedy collection
// never picks block 0, whose pages all live, until it is so far behind that levelling does.
static void data_that_never_changes_takes_its_turn_when_others_wear(void **state)
{
    (void)state;
    for (uint32_t page = 0; page < PER_BLOCK; page++) {
        assert_int_equal(put(page, 1), 0);
    }
    for (uint32_t i = 0; flash.max_erases <= MAP_WEAR_SPREAD; i++) {
        assert_int_equal(map.moved, 0);
        assert_int_equal(flash.erases[0], 0);
        assert_int_equal(put(PER_BLOCK, i), 0);
    }
    assert_int_equal(flash.erases[0], 1);
    assert_int_equal(map.moved, PER_BLOCK);
    for (uint32_t page = 0; page < PER_BLOCK; page++) {
        check(page, 1);
    }
}

static void a_discarded_page_reads_as_zeros_and_is_not_moved(void **state)
{
    (void)state;
    uint8_t zeros[PAGE] = {0}, got[PAGE];
    for (uint32_t page = 0; page < PAGES; page++) {
        assert_int_equal(put(page, 1), 0);
    }
    for (uint32_t page = 1; page < PAGES; page++) {
        sim_map_discard(&map, page);
    }
    assert_int_equal(sim_map_read(&map, 1, got), 0);
    assert_memory_equal(got, zeros, PAGE);
    for (uint32_t i = 0; i < 10 * PAGES; i++) {
        assert_int_equal(put(0, i), 0);
    }
    assert_int_equal(map.moved, 0);
}

// ---- the map against an oracle

static void check_all(const uint32_t version[PAGES])
{
    for (uint32_t page = 0; page < PAGES; page++) {
        if (version[page] != 0) {
            check(page, version[page]);
        }
    }
}

static void random_writes_on_a_full_device_lose_nothing(void **state)
{
    (void)state;
    struct test_random r = random_start("random_writes_on_a_full_device_lose_nothing");
    uint32_t version[PAGES] = {0};
    for (uint32_t i = 1; i <= 20000; i++) {
        // A few hot pages, the rest cold.
        const uint32_t page =
            random_below(&r, 4) != 0 ? random_below(&r, 3) : random_below(&r, PAGES);
        assert_int_equal(put(page, i), 0);
        version[page] = i;
        if (i % 97 == 0) {
            check_all(version);
        }
    }
    check_all(version);
    assert_int_equal(flash.programs, 20000 + map.moved);
    uint32_t least = UINT32_MAX;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        least = flash.erases[block] < least ? flash.erases[block] : least;
    }
    assert_true(map.moved > 0);
    assert_in_range(flash.max_erases - least, 0, MAP_WEAR_SPREAD + 2);
}

// The power goes at every operation of a stretch with garbage collection in it; what was written
// before is there, the page being written is the old one, and writing goes on afterwards.
static void a_cut_at_any_operation_loses_no_written_page(void **state)
{
    (void)state;
    struct test_random r = random_start("a_cut_at_any_operation_loses_no_written_page");
    uint32_t version[PAGES] = {0};
    uint32_t next = 1;
    uint32_t cuts = 0;
    for (uint32_t round = 0; round < 4000; round++) {
        allowed = operations + random_below(&r, 12);
        int rc = 0;
        while (rc == 0) {
            const uint32_t page = random_below(&r, PAGES);
            rc = put(page, next);
            version[page] = rc == 0 ? next : version[page];
            next++;
        }
        assert_int_equal(rc, VARVE_E_IO);
        cuts++;
        check_all(version);
    }
    assert_int_equal(cuts, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_page_is_programmed_once_between_erases, make, destroy),
        cmocka_unit_test_setup_teardown(only_programmed_pages_can_be_read, make, destroy),
        cmocka_unit_test_setup_teardown(erases_are_counted_by_block, make, destroy),
        cmocka_unit_test_setup_teardown(a_map_without_spare_blocks_is_refused, make, destroy),
        cmocka_unit_test_setup_teardown(filling_the_device_once_erases_nothing, make, destroy),
        cmocka_unit_test_setup_teardown(overwriting_one_page_costs_one_erase_per_block_and_no_move,
                                        make, destroy),
        cmocka_unit_test_setup_teardown(data_that_never_changes_takes_its_turn_when_others_wear,
                                        make, destroy),
        cmocka_unit_test_setup_teardown(a_discarded_page_reads_as_zeros_and_is_not_moved, make,
                                        destroy),
        cmocka_unit_test_setup_teardown(random_writes_on_a_full_device_lose_nothing, make, destroy),
        cmocka_unit_test_setup_teardown(a_cut_at_any_operation_loses_no_written_page, make,
                                        destroy),
    };
    return cmocka_run_group_tests_name("sim_flash", tests, NULL, NULL);
}
