// SPDX-License-Identifier: Apache-2.0
// Windows cut by content fill whole pages soon, and stay full when the data change; the model of a
// block here is a fixed part, a share per row and noise.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cut.h"
#include "random.h"
#include "varve/limits.h"

#define PAGE  4092u
#define SPAN  300000 // ms
#define NEVER UINT32_MAX

struct source {
    double fixed;     // bytes of a block
    double per_row;   // bytes
    double noise;     // share of a block by which it may be larger or smaller
    uint32_t per_s;   // rows
    uint32_t longest; // ms that a window took, so far
};

static uint32_t block_bytes(const struct source *s, struct test_random *r, uint32_t rows)
{
    double swing = ((double)random_below(r, 2001) / 1000 - 1) * s->noise;
    return (uint32_t)((s->fixed + s->per_row * rows) * (1 + swing));
}

// Fills one window row by row and lets the cut learn from it; returns the block's bytes.
static uint32_t fill(struct varve_cut *cut, struct source *s, struct test_random *r)
{
    uint32_t rows = 0;
    int64_t elapsed_ms = 0;
    varve_cut_begin(cut);
    while (elapsed_ms < SPAN &&
           !(rows >= cut->limit && varve_cut_due(cut, rows, elapsed_ms, SPAN))) {
        rows++;
        elapsed_ms = (int64_t)rows * 1000 / s->per_s;
    }
    uint32_t bytes = block_bytes(s, r, rows);
    s->longest = elapsed_ms > s->longest ? (uint32_t)elapsed_ms : s->longest;
    varve_cut_learn(cut, rows, bytes, false);
    return bytes;
}

// Bytes of flash per byte of block, over `blocks` windows.
static double amplification(struct varve_cut *cut, struct source *s, struct test_random *r,
                            unsigned blocks)
{
    uint64_t flash = 0, data = 0;
    for (unsigned i = 0; i < blocks; i++) {
        uint32_t bytes = fill(cut, s, r);
        flash += (bytes + PAGE - 1) / PAGE * PAGE;
        data += bytes;
    }
    return (double)flash / (double)data;
}

static void blocks_fill_whole_pages_after_a_few_windows(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    static const double shares[] = {0, 0.1, 0.25, 0.5}; // of a page, that does not grow
    static const double sizes[] = {0.6, 1.3, 3.1};      // bytes per row
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            struct source s = {.fixed = shares[i] * PAGE, .per_row = sizes[k], .per_s = 51};
            struct varve_cut cut;
            varve_cut_init(&cut, PAGE);
            for (int n = 0; n < 6; n++) {
                (void)fill(&cut, &s, &r);
            }
            assert_true(amplification(&cut, &s, &r, 100) < 1.03);
            assert_in_range(s.longest, SPAN / 2, SPAN);
        }
    }
}

static void noise_costs_a_margin_and_seldom_a_page(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct source s = {.fixed = 900, .per_row = 0.7, .noise = 0.02, .per_s = 51};
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    (void)amplification(&cut, &s, &r, 20);
    assert_true(amplification(&cut, &s, &r, 400) < 1.15);
}

static void a_change_of_the_data_is_followed(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct source s = {.fixed = 900, .per_row = 0.7, .per_s = 51};
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    (void)amplification(&cut, &s, &r, 20);
    s.per_row = 2.5;
    (void)amplification(&cut, &s, &r, 10);
    assert_true(amplification(&cut, &s, &r, 100) < 1.03);
    s.per_s = 20;
    (void)amplification(&cut, &s, &r, 10);
    assert_true(amplification(&cut, &s, &r, 100) < 1.03);
}

static void as_many_pages_are_filled_as_the_span_allows(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct source s = {.fixed = 100, .per_row = 1, .per_s = 51}; // 15,400 bytes in the span
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    for (int n = 0; n < 8; n++) {
        (void)fill(&cut, &s, &r);
    }
    uint32_t bytes = fill(&cut, &s, &r);
    assert_in_range(bytes, 2 * PAGE + PAGE / 2, 3 * PAGE);
}

static void less_than_a_page_waits_for_the_span(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct source s = {.fixed = 100, .per_row = 1, .per_s = 2};
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    for (int n = 0; n < 10; n++) {
        assert_in_range(fill(&cut, &s, &r), 690, 710);
    }
}

static void no_block_is_planned_beyond_the_largest(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    struct source s = {.fixed = 100, .per_row = 2, .per_s = 1000};
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    for (int n = 0; n < 20; n++) {
        uint32_t bytes = fill(&cut, &s, &r);
        assert_true(n < 3 || bytes <= VARVE_BLOCK_MAX);
    }
}

static void nothing_is_cut_without_a_page_or_a_block_to_learn_from(void **state)
{
    (void)state;
    struct varve_cut cut;
    varve_cut_init(&cut, 0);
    varve_cut_learn(&cut, 100, 5000, false);
    varve_cut_begin(&cut);
    assert_int_equal(cut.limit, NEVER);
    varve_cut_init(&cut, PAGE);
    varve_cut_begin(&cut);
    assert_int_equal(cut.limit, NEVER);
}

static void a_window_closed_early_teaches_only_the_ignorant(void **state)
{
    (void)state;
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    varve_cut_learn(&cut, 10, 500, true);
    assert_int_equal(cut.rows, 10);
    varve_cut_learn(&cut, 1000, 5000, false);
    varve_cut_learn(&cut, 3, 200, true);
    assert_int_equal(cut.rows, 1000);
    assert_int_equal(cut.bytes, 5000);
}

// A block that is a little longer than its pages is made again with fewer rows; these rows must be
// enough, and not many more.
static void a_block_that_is_too_long_gives_back_the_rows_that_do_not_fit(void **state)
{
    (void)state;
    struct varve_cut cut;
    varve_cut_init(&cut, PAGE);
    varve_cut_begin(&cut);
    assert_int_equal(varve_cut_excess(&cut, 10000, PAGE), 0);
    for (uint32_t bytes = PAGE + 1; bytes < PAGE + PAGE / 4; bytes += 7) {
        uint32_t excess = varve_cut_excess(&cut, 10000, bytes);
        double fixed = bytes * 0.1, per_row = (bytes - fixed) / 10000; // as far as rows matter
        assert_true(excess > 0 && excess < 10000);
        assert_true(bytes - excess * per_row <= PAGE);
        assert_true(bytes - excess * per_row > PAGE - PAGE / 10.0);
    }
    assert_int_equal(varve_cut_excess(&cut, 10000, PAGE + PAGE / 2), 0); // better two pages
    varve_cut_init(&cut, 0);
    varve_cut_begin(&cut);
    assert_int_equal(varve_cut_excess(&cut, 10000, 5 * PAGE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_fill_whole_pages_after_a_few_windows),
        cmocka_unit_test(noise_costs_a_margin_and_seldom_a_page),
        cmocka_unit_test(a_change_of_the_data_is_followed),
        cmocka_unit_test(as_many_pages_are_filled_as_the_span_allows),
        cmocka_unit_test(less_than_a_page_waits_for_the_span),
        cmocka_unit_test(no_block_is_planned_beyond_the_largest),
        cmocka_unit_test(nothing_is_cut_without_a_page_or_a_block_to_learn_from),
        cmocka_unit_test(a_window_closed_early_teaches_only_the_ignorant),
        cmocka_unit_test(a_block_that_is_too_long_gives_back_the_rows_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
