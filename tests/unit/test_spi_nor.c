// SPDX-License-Identifier: Apache-2.0
// The driver of serial NOR chips, on a model of one: it ignores what a real chip ignores (all but a
// look at the status while it is busy, writing that was not enabled) and wraps within a page. Time
// is the test's own: each transfer takes some.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ports/common/spi_nor.h"
#include "varve/port.h"

#define PAGE    256u
#define SECTOR  4096u
#define FOREVER UINT64_MAX

static struct {
    uint8_t *bytes;
    uint32_t size;
    uint8_t id[3];
    bool writable;
    bool is_protected;
    uint64_t busy_until_us;
    uint64_t program_us, erase_us;
    unsigned pauses;
    int fails_at; // of transfers, counted down; 0: none does
    uint64_t now_us;
} chip;

uint64_t varve_port_mono_us(void)
{
    return chip.now_us++; // looking takes time, too
}

static bool is_busy(void)
{
    return chip.now_us < chip.busy_until_us;
}

static uint32_t address_in(const uint8_t *head, size_t len)
{
    uint32_t address = 0;
    for (size_t i = 1; i < len; i++) {
        address = address << 8 | head[i];
    }
    return address;
}

static void program(uint32_t address, const uint8_t *out, size_t len)
{
    const uint32_t page = address / PAGE * PAGE;
    for (size_t i = 0; i < len; i++) {
        chip.bytes[page + (address + i) % PAGE] &= out[i];
    }
    chip.busy_until_us = chip.now_us + chip.program_us;
    chip.writable = false;
}

static void erase(uint32_t address)
{
    memset(chip.bytes + address / SECTOR * SECTOR, 0xff, SECTOR);
    chip.busy_until_us = chip.now_us + chip.erase_us;
    chip.writable = false;
}

// Commands with a 32-bit address where the chip needs them, others nowhere.
static void obey(const uint8_t *head, size_t head_len, const void *out, uint8_t *in, size_t len)
{
    const bool is_wide = chip.size > 1u << 24;
    const uint32_t address = address_in(head, head_len);
    const size_t with_address = is_wide ? 5 : 4;
    if (head[0] == 0x9f) {
        memcpy(in, chip.id, len);
    } else if (head[0] == 0x06) {
        chip.writable = !chip.is_protected;
    } else if (head_len != with_address || address >= chip.size) {
        assert_int_equal(head[0], 0xab); // the rest has an address that is on the chip
    } else if (head[0] == (is_wide ? 0x13 : 0x03)) {
        memcpy(in, chip.bytes + address, len);
    } else if (head[0] == (is_wide ? 0x12 : 0x02) && chip.writable) {
        program(address, out, len);
    } else if (head[0] == (is_wide ? 0x21 : 0x20) && chip.writable) {
        erase(address);
    }
}

static int transfer(const struct varve_spi_bus *bus, const uint8_t *head, size_t head_len,
                    const void *out, void *in, size_t len)
{
    assert_ptr_equal(bus->context, &chip);
    chip.now_us += 10;
    if (chip.fails_at > 0 && --chip.fails_at == 0) {
        return VARVE_E_IO;
    }
    if (in != NULL) {
        memset(in, 0xff, len);
    }
    if (chip.bytes != NULL && head[0] == 0x05) {
        *(uint8_t *)in = (uint8_t)((is_busy() ? 1 : 0) | (chip.writable ? 2 : 0));
    } else if (chip.bytes != NULL && !is_busy()) {
        obey(head, head_len, out, in, len);
    }
    return 0;
}

static void pause(const struct varve_spi_bus *bus)
{
    (void)bus;
    chip.pauses++;
    chip.now_us += 1000;
}

static const struct varve_spi_bus bus = {&chip, transfer, pause};
static struct varve_spi_nor nor;

static void insert(uint8_t power)
{
    memset(&chip, 0, sizeof chip);
    chip.size = 1u << power;
    chip.bytes = malloc(chip.size);
    assert_non_null(chip.bytes);
    memset(chip.bytes, 0xff, chip.size);
    memcpy(chip.id, (uint8_t[]){0xef, 0x40, power}, 3);
    chip.program_us = 700;
    chip.erase_us = 45000;
}

static int setup(void **state)
{
    (void)state;
    insert(20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(chip.bytes);
    return 0;
}

static void open_all(void)
{
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 0, 0), 0);
}

static int read_byte(uint32_t address)
{
    uint8_t byte = 0;
    assert_int_equal(nor.flash.read(&nor.flash, address, &byte, 1), 0);
    return byte;
}

static void the_chip_says_how_large_it_is(void **state)
{
    (void)state;
    open_all();
    assert_int_equal(nor.flash.sectors, 256);
    assert_int_equal(nor.flash.sector_bytes, SECTOR);
    assert_int_equal(nor.flash.page_bytes, PAGE);
    assert_string_equal(nor.flash.name, "nor0");
    assert_false(nor.is_wide);
}

static void what_is_programmed_is_read_and_bits_are_only_cleared(void **state)
{
    uint8_t text[100];
    (void)state;
    open_all();
    assert_int_equal(nor.flash.program(&nor.flash, 5 * PAGE + 100, "history", 7), 0);
    assert_int_equal(nor.flash.read(&nor.flash, 5 * PAGE + 100, text, 8), 0);
    assert_memory_equal(text, "history\xff", 8);
    assert_int_equal(nor.flash.program(&nor.flash, 0, "\xf0", 1), 0);
    assert_int_equal(nor.flash.program(&nor.flash, 0, "\x3c", 1), 0);
    assert_int_equal(read_byte(0), 0x30);
}

static void an_erase_sets_one_sector_and_is_waited_for(void **state)
{
    (void)state;
    open_all();
    memset(chip.bytes, 0, 3 * SECTOR);
    assert_int_equal(nor.flash.erase(&nor.flash, 1), 0);
    assert_false(is_busy());
    assert_true(chip.pauses >= 44);
    assert_int_equal(read_byte(SECTOR - 1), 0);
    assert_int_equal(read_byte(SECTOR), 0xff);
    assert_int_equal(read_byte(2 * SECTOR - 1), 0xff);
    assert_int_equal(read_byte(2 * SECTOR), 0);
}

static void a_part_of_a_chip_is_a_flash_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 16, 32), 0);
    assert_int_equal(nor.flash.sectors, 32);
    memset(chip.bytes, 0, chip.size);
    assert_int_equal(nor.flash.erase(&nor.flash, 0), 0);
    assert_int_equal(chip.bytes[16 * SECTOR - 1], 0);
    assert_int_equal(chip.bytes[16 * SECTOR], 0xff);
    assert_int_equal(nor.flash.program(&nor.flash, 3, "x", 1), 0);
    assert_int_equal(chip.bytes[16 * SECTOR + 3], 'x');
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 240, 17), VARVE_E_INVALID);
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 256, 0), VARVE_E_INVALID);
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 249, 0), VARVE_E_INVALID);
}

static void a_large_chip_is_reached_to_its_end(void **state)
{
    const uint32_t last = (1u << 25) - SECTOR;
    (void)state;
    free(chip.bytes);
    insert(25);
    open_all();
    assert_int_equal(nor.flash.sectors, 8192);
    assert_int_equal(nor.flash.program(&nor.flash, last + 9, "end", 3), 0);
    assert_memory_equal(chip.bytes + last + 9, "end", 3);
    assert_int_equal(read_byte(last + 10), 'n');
    assert_int_equal(nor.flash.erase(&nor.flash, 8191), 0);
    assert_int_equal(read_byte(last + 10), 0xff);
}

static void a_chip_that_is_still_busy_after_a_reset_is_waited_for(void **state)
{
    (void)state;
    chip.busy_until_us = chip.now_us + 300000;
    open_all();
    assert_int_equal(nor.flash.sectors, 256);
}

static void a_protected_chip_is_read_only(void **state)
{
    (void)state;
    open_all();
    chip.is_protected = true;
    assert_int_equal(nor.flash.program(&nor.flash, 0, "x", 1), VARVE_E_READ_ONLY);
    assert_int_equal(nor.flash.erase(&nor.flash, 0), VARVE_E_READ_ONLY);
    assert_int_equal(read_byte(0), 0xff);
}

static void a_chip_that_stays_busy_is_given_up(void **state)
{
    (void)state;
    open_all();
    chip.program_us = FOREVER / 2;
    assert_int_equal(nor.flash.program(&nor.flash, 0, "x", 1), VARVE_E_TIMEOUT);
    chip.busy_until_us = 0;
    chip.erase_us = FOREVER / 2;
    const uint64_t began_us = chip.now_us;
    assert_int_equal(nor.flash.erase(&nor.flash, 0), VARVE_E_TIMEOUT);
    assert_true(chip.now_us - began_us < 10000000);
}

static void no_chip_and_a_strange_one_are_refused(void **state)
{
    (void)state;
    chip.id[2] = 9;
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 0, 0), VARVE_E_UNSUPPORTED);
    chip.id[2] = 40;
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 0, 0), VARVE_E_UNSUPPORTED);
    free(chip.bytes);
    chip.bytes = NULL;
    assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 0, 0), VARVE_E_NOT_FOUND);
}

static void an_error_of_the_bus_comes_through_wherever_it_is(void **state)
{
    uint8_t byte;
    (void)state;
    for (int at = 1; at <= 3; at++) {
        chip.fails_at = at;
        assert_int_equal(varve_spi_nor_open(&nor, &bus, "nor0", 0, 0), VARVE_E_IO);
    }
    open_all();
    for (int at = 1; at <= 4; at++) {
        chip.fails_at = at;
        assert_int_equal(nor.flash.program(&nor.flash, 0, "x", 1), VARVE_E_IO);
        chip.fails_at = at;
        chip.busy_until_us = 0;
        assert_int_equal(nor.flash.erase(&nor.flash, 0), VARVE_E_IO);
        chip.busy_until_us = 0;
    }
    chip.fails_at = 1;
    assert_int_equal(nor.flash.read(&nor.flash, 0, &byte, 1), VARVE_E_IO);
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(the_chip_says_how_large_it_is),
        BEHAVIOUR(what_is_programmed_is_read_and_bits_are_only_cleared),
        BEHAVIOUR(an_erase_sets_one_sector_and_is_waited_for),
        BEHAVIOUR(a_part_of_a_chip_is_a_flash_of_its_own),
        BEHAVIOUR(a_large_chip_is_reached_to_its_end),
        BEHAVIOUR(a_chip_that_is_still_busy_after_a_reset_is_waited_for),
        BEHAVIOUR(a_protected_chip_is_read_only),
        BEHAVIOUR(a_chip_that_stays_busy_is_given_up),
        BEHAVIOUR(no_chip_and_a_strange_one_are_refused),
        BEHAVIOUR(an_error_of_the_bus_comes_through_wherever_it_is),
    };
#undef BEHAVIOUR
    return cmocka_run_group_tests_name("serial NOR", tests, NULL, NULL);
}
