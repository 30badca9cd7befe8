// SPDX-License-Identifier: Apache-2.0
// retain = yes: what is committed is there after a warm reset, a reset at any byte costs no more
// than the transaction that it met, damage costs the block that it met, and memory of another
// layout or store is not taken over. On the simulated port, whose memory can be cut.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend_contract.h"
#include "ports/sim/sim.h"
#include "random.h"

extern const struct varve_plugin varve_backend_ring;

#define NEVER INT64_MIN

static struct bench b;
static uint8_t buf[VARVE_BLOCK_MAX];

static struct varve_block_key nth(int64_t i)
{
    return (struct varve_block_key){i * 1000, i * 1000 + 999, (uint32_t)i};
}

static int setup(void **state)
{
    (void)state;
    memset(&b, 0, sizeof b);
    fake_host_init(&b.host, &varve_backend_ring, "/state", bench_tiers, 3);
    b.self = &b.host.instance;
    b.ops = varve_backend_ring.backend;
    fake_host_set(&b.host, "retain", "yes");
    fake_host_set(&b.host, "size", "8K");
    fake_host_set(&b.host, "blocks", "12");
    varve_sim_log_level(VARVE_CRITICAL);
    bench_open(&b);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_host_free(&b.host);
    varve_sim_destroy();
    return 0;
}

// The program ends where it is; the next one opens the ring.
static void reset(void)
{
    varve_sim_reset();
    b.host.open = false;
    bench_open(&b);
}

// Blocks that were dropped when the memory was taken over.
static void no_say(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static uint32_t dropped(void)
{
    struct varve_check check = {.buf = buf, .say = no_say};
    assert_int_equal(b.ops->check(b.self, &check), 0);
    return check.damaged;
}

static void what_is_committed_survives_a_reset_and_nothing_a_power_cut(void **state)
{
    (void)state;
    bench_store(&b, 0, nth(1), 900, NEVER);
    bench_store(&b, 2, nth(2), 2500, NEVER);
    assert_int_equal(bench_put(&b, 1, nth(3), 500, NEVER), 0); // not committed
    reset();
    assert_true(bench_has(&b, 0, nth(1), 900));
    assert_true(bench_has(&b, 2, nth(2), 2500));
    assert_int_equal(bench_count(&b, 1), 0);
    assert_int_equal(dropped(), 1);
    bench_reopen(&b); // in order
    assert_true(bench_has(&b, 0, nth(1), 900));
    varve_sim_boot(0);
    b.host.open = false;
    bench_open(&b);
    assert_int_equal(bench_count(&b, 0) + bench_count(&b, 2), 0);
}

// ---- a reset at every byte ----------------------------------------------------------------------

static void fill(void)
{
    for (int64_t i = 0; i < 6; i++) {
        bench_store(&b, i % 2 == 0 ? 0 : 1, nth(i), 300 + 50 * (uint32_t)i, NEVER);
    }
}

// Puts two blocks, for which others have to go, and commits.
static void put_two(void)
{
    assert_int_equal(bench_put(&b, 0, nth(10), 2000, NEVER), 0);
    assert_int_equal(bench_put(&b, 2, nth(11), 2000, NEVER), 0);
    assert_int_equal(b.ops->commit(b.self), 0);
}

// Every byte in a long test; else every so many, a number that meets all places in a word.
static uint64_t stride(void)
{
    return getenv("VARVE_TEST_LONG") != NULL ? 1 : 31;
}

// Every block that is there is whole and one of those that were put.
static size_t check_whole(void)
{
    size_t blocks = 0;
    for (unsigned t = 0; t < 3; t++) {
        struct varve_block_key key, last = {0};
        bool more = false;
        while (b.ops->next(b.self, t, more ? &last : NULL, INT64_MIN, &key) == 0) {
            const uint32_t length = key.seq < 6 ? 300 + 50 * key.seq : 2000;
            assert_true(bench_has(&b, t, key, length));
            last = key;
            more = true;
            blocks++;
        }
    }
    return blocks;
}

static void a_reset_at_any_byte_leaves_a_whole_ring(void **state)
{
    (void)state;
    bool over = false;
    size_t committed = 0, cuts = 0;
    for (uint64_t bytes = 0; !over; bytes += stride()) {
        teardown(NULL);
        setup(NULL);
        fill();
        varve_sim_reset_after(bytes);
        put_two();
        reset();
        const size_t blocks = check_whole();
        const bool first = bench_has(&b, 0, nth(10), 2000);
        const bool second = bench_has(&b, 2, nth(11), 2000);
        assert_int_equal(first, second); // one transaction
        assert_true(blocks >= 2);
        over = first && dropped() == 0 && committed++ > 20; // nothing is cut any more
        cuts++;
        bench_store(&b, 1, nth(20), 2000, NEVER); // it goes on to work
        assert_true(bench_has(&b, 1, nth(20), 2000));
    }
    assert_true(cuts * stride() > 4000);
}

static void a_reset_at_any_byte_of_a_replacement_leaves_the_old_or_the_new_block(void **state)
{
    (void)state;
    bool over = false;
    size_t done = 0;
    for (uint64_t bytes = 0; !over; bytes += stride()) {
        teardown(NULL);
        setup(NULL);
        fill();
        const struct varve_block_key key = nth(4);
        bench_block(buf, 0, &key, 300);
        varve_sim_reset_after(bytes);
        assert_int_equal(b.ops->replace(b.self, 0, &key, buf, 300), 0);
        assert_int_equal(b.ops->commit(b.self), 0);
        reset();
        const bool old = bench_has(&b, 0, key, 500);
        const bool new = bench_has(&b, 0, key, 300);
        assert_true(old != new);
        assert_int_equal(bench_count(&b, 0), 3);
        assert_int_equal(bench_count(&b, 1), 3);
        over = new && (done += stride()) > 600; // the old one is wiped behind it
    }
}

static void a_reset_at_any_byte_of_a_definition_leaves_the_ones_before(void **state)
{
    (void)state;
    const struct varve_series_def one = {"a", "", "", VARVE_GAUGE};
    const struct varve_series_def two = {"b{c=\"d\"}", "By", "", VARVE_COUNTER};
    for (uint64_t bytes = 0; bytes < 60; bytes++) {
        teardown(NULL);
        setup(NULL);
        assert_int_equal(b.ops->define(b.self, 0, &one), 0);
        bench_store(&b, 0, nth(1), 500, NEVER);
        varve_sim_reset_after(bytes);
        assert_int_equal(b.ops->define(b.self, 1, &two), 0);
        bench_store(&b, 0, nth(2), 500, NEVER);
        reset();
        assert_true(bench_has(&b, 0, nth(1), 500));
        assert_int_equal(b.ops->define(b.self, 1, &two), 0); // the host does it again
        bench_store(&b, 0, nth(3), 500, NEVER);
        reset();
        assert_true(bench_has(&b, 0, nth(3), 500));
    }
}

// ---- damage -------------------------------------------------------------------------------------

static void any_damage_costs_what_it_met_and_is_counted(void **state)
{
    struct test_random random = random_start(__func__);
    (void)state;
    for (uint64_t round = 0; round < 2000; round += stride()) {
        teardown(NULL);
        setup(NULL);
        fill();
        fake_host_close(&b.host);
        size_t bytes;
        uint8_t *memory = varve_sim_retained(&bytes);
        for (size_t n = 1 + random_below(&random, 4); n > 0; n--) {
            memory[random_below(&random, (uint32_t)bytes)] ^=
                (uint8_t)(1u << random_below(&random, 8));
        }
        bench_open(&b);
        const size_t blocks = check_whole();
        assert_true(blocks == 0 || blocks + dropped() >= 6); // a free slot may be hit, too
        bench_store(&b, 0, nth(10), 2000, NEVER);
        assert_true(bench_has(&b, 0, nth(10), 2000));
    }
}

static void memory_of_another_layout_is_not_taken_over(void **state)
{
    (void)state;
    static const struct varve_tier others[3] = {
        {"raw", 5000, 7200000, 300000},
        {"quarter", 900000, 86200000, 3600000},
        {"hour", 3600000, 604800000, 86200000},
    };
    for (int what = 0; what < 3; what++) {
        teardown(NULL);
        setup(NULL);
        fill();
        fake_host_close(&b.host);
        if (what == 0) {
            b.host.tiers = others;
        } else {
            fake_host_set(&b.host, what == 1 ? "size" : "blocks", what == 1 ? "9K" : "14");
        }
        bench_open(&b);
        assert_int_equal(check_whole(), 0);
        bench_store(&b, 0, nth(10), 2000, NEVER);
        reset();
        assert_true(bench_has(&b, 0, nth(10), 2000));
    }
}

// ---- names --------------------------------------------------------------------------------------

struct names {
    unsigned count;
    char text[4][32];
    enum varve_kind kind[4];
};

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct names *names = arg;
    assert_int_equal(id, names->count);
    (void)snprintf(names->text[id], sizeof names->text[id], "%s", def->text);
    names->kind[id] = def->kind;
    names->count++;
    return 0;
}

static void define_two(void)
{
    const struct varve_series_def one = {"a", "", "", VARVE_GAUGE};
    const struct varve_series_def two = {"b{c=\"d\"}", "By", "help", VARVE_COUNTER};
    assert_int_equal(b.ops->define(b.self, 0, &one), 0);
    assert_int_equal(b.ops->define(b.self, 1, &two), 0);
    bench_store(&b, 0, nth(1), 900, NEVER);
}

static void the_names_of_series_are_kept_with_their_blocks(void **state)
{
    (void)state;
    struct names names = {0};
    define_two();
    reset();
    assert_int_equal(b.ops->load_series(b.self, on_series, &names), 0);
    assert_int_equal(names.count, 2);
    assert_string_equal(names.text[1], "b{c=\"d\"}");
    assert_int_equal(names.kind[1], VARVE_COUNTER);
    assert_true(bench_has(&b, 0, nth(1), 900));
}

static void blocks_of_another_store_are_not_taken_over(void **state)
{
    (void)state;
    static const char *const same[] = {"a"};
    static const char *const other[] = {"a", "x"};
    struct names names = {0};
    define_two();
    b.host.known = same;
    b.host.known_count = 1;
    reset();
    assert_int_equal(b.ops->load_series(b.self, on_series, &names), 0);
    assert_int_equal(names.count, 2);
    b.host.known = other;
    b.host.known_count = 2;
    names.count = 0;
    reset();
    assert_int_equal(b.ops->load_series(b.self, on_series, &names), 0);
    assert_int_equal(names.count, 0);
    assert_int_equal(bench_count(&b, 0), 0);
}

static void series_beyond_the_dictionary_are_not_kept_under_a_wrong_name(void **state)
{
    (void)state;
    char text[VARVE_SERIES_TEXT];
    struct varve_series_def def = {text, "", "", VARVE_GAUGE};
    for (unsigned id = 0; id < 100; id++) {
        (void)snprintf(text, sizeof text, "a_rather_long_name_of_a_series{n=\"%u\"}", id);
        assert_int_equal(b.ops->define(b.self, (varve_series_id)id, &def), 0);
        if (id == 5) {
            bench_store(&b, 0, nth(1), 900, NEVER);
        }
    }
    bench_store(&b, 0, nth(2), 900, NEVER);
    assert_true(bench_has(&b, 0, nth(2), 900)); // as long as the process lives
    reset();
    assert_true(bench_has(&b, 0, nth(1), 900));
    assert_false(bench_has(&b, 0, nth(2), 900));
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(what_is_committed_survives_a_reset_and_nothing_a_power_cut),
        BEHAVIOUR(a_reset_at_any_byte_leaves_a_whole_ring),
        BEHAVIOUR(a_reset_at_any_byte_of_a_replacement_leaves_the_old_or_the_new_block),
        BEHAVIOUR(a_reset_at_any_byte_of_a_definition_leaves_the_ones_before),
        BEHAVIOUR(any_damage_costs_what_it_met_and_is_counted),
        BEHAVIOUR(memory_of_another_layout_is_not_taken_over),
        BEHAVIOUR(the_names_of_series_are_kept_with_their_blocks),
        BEHAVIOUR(blocks_of_another_store_are_not_taken_over),
        BEHAVIOUR(series_beyond_the_dictionary_are_not_kept_under_a_wrong_name),
    };
#undef BEHAVIOUR
    return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
