// SPDX-License-Identifier: Apache-2.0
// The outbox: first in, first out; the bytes of what it holds are never overwritten; whatever it
// has to give up is counted against the backends that had not stored it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/outbox.h"
#include "random.h"

#define CAP 1000u

static struct varve_outbox outbox;
static uint8_t *memory;

static int start(void **state)
{
    (void)state;
    memory = malloc(CAP);
    struct varve_arena arena = {.base = memory, .size = CAP};
    return varve_outbox_init(&outbox, &arena, CAP);
}

static int stop(void **state)
{
    (void)state;
    free(memory);
    return 0;
}

// A block of `length` bytes that all depend on `seq`.
static int add(uint32_t seq, uint32_t length, uint32_t wanted)
{
    uint8_t block[2 * CAP];
    struct varve_outbox_entry entry = {
        .info = {.key = {.seq = seq}, .length = length}, .wanted = wanted, .pins = 77};
    memset(block, (uint8_t)(seq * 7 + 1), length);
    return varve_outbox_add(&outbox, &entry, block);
}

static uint32_t seq_at(uint32_t i)
{
    return varve_outbox_at(&outbox, i)->info.key.seq;
}

static void expect_bytes(uint32_t i)
{
    const struct varve_outbox_entry *entry = varve_outbox_at(&outbox, i);
    assert_true(entry->offset + entry->info.length <= CAP);
    for (uint32_t k = 0; k < entry->info.length; k++) {
        assert_int_equal(outbox.buf[entry->offset + k], (uint8_t)(entry->info.key.seq * 7 + 1));
    }
}

static void expect_seqs(uint32_t first, uint32_t count)
{
    assert_int_equal(outbox.count, count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(seq_at(i), first + i);
        expect_bytes(i);
    }
}

static void blocks_stand_in_order_and_wait_for_their_backends(void **state)
{
    (void)state;
    uint32_t bytes;
    assert_int_equal(add(1, 100, 1), 0);
    assert_int_equal(add(2, 200, 3), 0);
    assert_int_equal(add(3, 300, 2), 0);
    expect_seqs(1, 3);
    assert_int_equal(varve_outbox_at(&outbox, 1)->pending, 3);
    assert_int_equal(varve_outbox_at(&outbox, 1)->pins, 0);
    assert_int_equal(varve_outbox_pending(&outbox, 1, &bytes), 2);
    assert_int_equal(bytes, 300);
    assert_int_equal(varve_outbox_pending(&outbox, 2, &bytes), 2);
    assert_int_equal(bytes, 500);
    assert_int_equal(varve_outbox_pending(&outbox, 3, &bytes), 3);
    assert_int_equal(varve_outbox_pending(&outbox, 4, &bytes), 0);
    assert_int_equal(bytes, 0);
}

static void oldest_blocks_give_way_and_are_counted_where_they_were_missing(void **state)
{
    (void)state;
    assert_int_equal(add(1, 400, 1), 0);
    assert_int_equal(add(2, 400, 5), 0);
    varve_outbox_at(&outbox, 1)->pending = 4; // backend 0 has stored the second one
    assert_int_equal(add(3, 400, 1), 0);
    expect_seqs(2, 2);
    assert_int_equal(outbox.given_up[0], 1);
    assert_int_equal(outbox.given_up[2], 0);
    assert_int_equal(add(4, 400, 1), 0);
    expect_seqs(3, 2);
    assert_int_equal(outbox.given_up[0], 1);
    assert_int_equal(outbox.given_up[1], 0);
    assert_int_equal(outbox.given_up[2], 1);
}

static void pinned_block_is_never_overwritten(void **state)
{
    (void)state;
    assert_int_equal(add(1, 400, 1), 0);
    assert_int_equal(add(2, 400, 1), 0);
    varve_outbox_at(&outbox, 0)->pins = 1;
    assert_int_equal(add(3, 400, 3), VARVE_E_FULL);
    expect_seqs(1, 2);
    assert_int_equal(outbox.given_up[0], 1);
    assert_int_equal(outbox.given_up[1], 1);
    varve_outbox_at(&outbox, 0)->pins = 0;
    assert_int_equal(add(4, 400, 1), 0);
    assert_int_equal(outbox.count, 2);
    assert_int_equal(seq_at(1), 4);
    expect_bytes(0);
    expect_bytes(1);
}

static void refused_block_leaves_the_room_behind_the_newest_one(void **state)
{
    (void)state;
    assert_int_equal(add(1, 400, 1), 0);
    assert_int_equal(add(2, 400, 1), 0);
    varve_outbox_at(&outbox, 0)->pins = 1;
    assert_int_equal(add(3, 400, 1), VARVE_E_FULL);
    assert_int_equal(add(3, 200, 1), 0); // there are 200 bytes left
    expect_seqs(1, 3);
}

static void refused_block_costs_no_other_block_its_place(void **state)
{
    (void)state;
    assert_int_equal(add(1, 300, 1), 0);
    assert_int_equal(add(2, 300, 1), 0);
    varve_outbox_at(&outbox, 1)->pins = 1;
    assert_int_equal(add(3, 500, 1), VARVE_E_FULL); // needs the room of both
    expect_seqs(1, 2);
    assert_int_equal(outbox.given_up[0], 1);
}

static void block_larger_than_the_buffer_is_given_up_alone(void **state)
{
    (void)state;
    assert_int_equal(add(1, 400, 1), 0);
    assert_int_equal(add(2, CAP + 1, 3), VARVE_E_FULL);
    expect_seqs(1, 1);
    assert_int_equal(outbox.given_up[0], 1);
    assert_int_equal(outbox.given_up[1], 1);
    assert_int_equal(add(3, CAP, 1), 0);
    expect_seqs(3, 1);
}

static void stored_blocks_are_forgotten_oldest_first(void **state)
{
    (void)state;
    for (uint32_t seq = 1; seq <= 4; seq++) {
        assert_int_equal(add(seq, 100, 1), 0);
    }
    varve_outbox_at(&outbox, 0)->pending = 0;
    varve_outbox_at(&outbox, 2)->pending = 0;
    varve_outbox_release(&outbox);
    expect_seqs(2, 3); // the second one still waits
    varve_outbox_at(&outbox, 0)->pending = 0;
    varve_outbox_at(&outbox, 1)->pins = 1;
    varve_outbox_release(&outbox);
    expect_seqs(3, 2); // and the third one is in use
    varve_outbox_at(&outbox, 0)->pins = 0;
    varve_outbox_at(&outbox, 1)->pending = 0;
    varve_outbox_release(&outbox);
    expect_seqs(5, 0);
    assert_int_equal(add(5, 100, 1), 0);
    assert_int_equal(varve_outbox_at(&outbox, 0)->offset, 0); // it starts at the front again
    assert_int_equal(outbox.given_up[0], 0);
}

static void blocks_that_nobody_wants_stay_until_their_room_is_needed(void **state)
{
    (void)state;
    assert_int_equal(add(1, 300, 0), 0);
    assert_int_equal(add(2, 300, 1), 0);
    varve_outbox_at(&outbox, 1)->pending = 0;
    assert_int_equal(add(3, 300, 0), 0);
    expect_seqs(1, 3);
    assert_int_equal(add(4, 300, 0), 0);
    expect_seqs(2, 3);
    for (unsigned b = 0; b < VARVE_MAX_BACKENDS; b++) {
        assert_int_equal(outbox.given_up[b], 0);
    }
}

static void full_entry_table_drops_the_oldest(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < VARVE_OUTBOX_ENTRIES + 3; i++) {
        assert_int_equal(add(i, 1, 1), 0);
    }
    expect_seqs(3, VARVE_OUTBOX_ENTRIES);
    assert_int_equal(outbox.given_up[0], 3);
}

// ---- long runs ----------------------------------------------------------------------------------

// Backends store and pin at random; every block is stored, waiting or counted as given up.
static void long_run_loses_nothing_that_is_not_counted(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    uint64_t wanted[2] = {0}, stored[2] = {0}, waiting[2] = {0};
    for (uint32_t seq = 0; seq < 20000; seq++) {
        uint32_t mask = random_below(&r, 8) == 0 ? 0 : random_below(&r, 4);
        int rc = add(seq, 1 + random_below(&r, random_below(&r, 20) == 0 ? CAP : 120), mask);
        assert_true(rc == 0 || rc == VARVE_E_FULL);
        wanted[0] += mask & 1;
        wanted[1] += mask >> 1;
        uint32_t before = 0;
        for (uint32_t i = 0; i < outbox.count; i++) {
            struct varve_outbox_entry *entry = varve_outbox_at(&outbox, i);
            assert_true(i == 0 || entry->info.key.seq > before);
            before = entry->info.key.seq;
            expect_bytes(i);
            uint32_t done = entry->pending & (random_below(&r, 4) == 0 ? random_below(&r, 4) : 0);
            entry->pending &= ~done;
            stored[0] += done & 1;
            stored[1] += done >> 1;
            entry->pins = random_below(&r, 60) == 0;
        }
    }
    for (uint32_t i = 0; i < outbox.count; i++) {
        waiting[0] += varve_outbox_at(&outbox, i)->pending & 1;
        waiting[1] += varve_outbox_at(&outbox, i)->pending >> 1;
    }
    for (int b = 0; b < 2; b++) {
        assert_int_equal(stored[b] + waiting[b] + outbox.given_up[b], wanted[b]);
        assert_true(stored[b] > 1000 && outbox.given_up[b] > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(blocks_stand_in_order_and_wait_for_their_backends, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            oldest_blocks_give_way_and_are_counted_where_they_were_missing, start, stop),
        cmocka_unit_test_setup_teardown(pinned_block_is_never_overwritten, start, stop),
        cmocka_unit_test_setup_teardown(refused_block_leaves_the_room_behind_the_newest_one, start,
                                        stop),
        cmocka_unit_test_setup_teardown(refused_block_costs_no_other_block_its_place, start, stop),
        cmocka_unit_test_setup_teardown(block_larger_than_the_buffer_is_given_up_alone, start,
                                        stop),
        cmocka_unit_test_setup_teardown(stored_blocks_are_forgotten_oldest_first, start, stop),
        cmocka_unit_test_setup_teardown(blocks_that_nobody_wants_stay_until_their_room_is_needed,
                                        start, stop),
        cmocka_unit_test_setup_teardown(full_entry_table_drops_the_oldest, start, stop),
        cmocka_unit_test_setup_teardown(long_run_loses_nothing_that_is_not_counted, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
