// SPDX-License-Identifier: Apache-2.0
// The rotate backend: the contract, and what only it promises: a flush costs its own pages and one
// sync, segments go as a whole and by tier, each can be read by itself, one owner.

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rotate_bench.h"

#define FLUSHES 20
#define HOUR    (60 * MINUTE)

static int setup(void **state)
{
    static struct bench b;

    bench_init(&b, &varve_backend_rotate);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    bench_end(*state);
    return 0;
}

// ---- what a flush costs -------------------------------------------------------------------------

static uint64_t data_pages(const struct bench *b)
{
    return b->host.account.flash_bytes[VARVE_WRITE_DATA] / PAGE;
}

static uint64_t meta_pages(const struct bench *b)
{
    return b->host.account.flash_bytes[VARVE_WRITE_META] / PAGE;
}

static void a_flush_touches_its_own_pages_once_with_one_sync(void **state)
{
    static const uint32_t lengths[] = {500, PAGE - FRAME_HEADER, PAGE, 3 * PAGE - FRAME_HEADER,
                                       9999};
    struct bench *b = *state;
    int64_t i = 0;

    fake_host_set(&b->host, "segment", "4M");
    bench_open(b);
    bench_store(b, 0, nth(i++), 500, 0); // makes the segment
    for (size_t n = 0; n < sizeof lengths / sizeof lengths[0]; n++) {
        const struct varve_ledger_account before = b->host.account;
        const uint64_t pages_before = data_pages(b);
        const uint64_t meta_before = meta_pages(b);
        const uint64_t room_before = bench_stored(b);
        for (unsigned k = 0; k < FLUSHES; k++) {
            bench_store(b, 0, nth(i++), lengths[n], 0);
        }
        const uint64_t expected = (lengths[n] + FRAME_HEADER + PAGE - 1) / PAGE;
        assert_int_equal(data_pages(b) - pages_before, FLUSHES * expected);
        assert_int_equal(b->host.account.syncs - before.syncs, FLUSHES);
        // Besides, new room is written once.
        assert_true((meta_pages(b) - meta_before) * PAGE <= bench_stored(b) - room_before);
        print_message("block of %u bytes: %u flash pages, 1 sync\n", lengths[n],
                      (unsigned)expected);
    }
}

static void without_padding_no_byte_is_left_between_frames(void **state)
{
    struct bench *b = *state;
    struct varve_backend_stats stats = {0};

    fake_host_set(&b->host, "pad", "no");
    fake_host_set(&b->host, "segment", "64K");
    bench_open(b);
    for (int64_t i = 0; i < 2000; i++) {
        bench_store(b, 0, nth(i), 200, 0); // 256 with its header
    }
    b->ops->stats(b->self, &stats);
    assert_in_range(stats.stored_bytes, 2000 * 256, 2000 * 256 + 2 * 65536);
    assert_int_equal(stats.blocks, 2000);
    bench_reopen(b);
    assert_int_equal(bench_count(b, 0), 2000);
}

#define KEPT 120 // minutes of the raw tier

static void flush_minute(struct bench *b, int64_t i)
{
    const int64_t before = nth(i - KEPT).start_ms;

    bench_store(b, 0, nth(i), 3000, before > 0 ? before : 0);
    bench_work_through(b);
}

// In the steady state the files neither grow nor shrink, none is made and none removed; so a
// filesystem has no table to write. What is written besides the blocks is the heads of segments.
static void what_has_expired_is_written_over_in_place(void **state)
{
    static struct segment_files before;
    static struct segment_files after;
    struct bench *b = *state;
    int64_t i = 0;

    fake_host_set(&b->host, "segment", "128K"); // 30 blocks
    bench_open(b);
    for (; i < 5 * KEPT; i++) {
        flush_minute(b, i);
    }
    files_read(&before, b);
    const uint64_t meta_before = meta_pages(b);
    const uint64_t syncs = b->host.account.syncs;
    for (; i < 9 * KEPT; i++) {
        flush_minute(b, i);
        assert_true(bench_count(b, 0) <= KEPT + 2 * 32 + 1);
    }
    const unsigned begun = 4 * KEPT / 30;
    assert_in_range(meta_pages(b) - meta_before, begun - 1, begun + 1);
    assert_in_range(b->host.account.syncs - syncs, 4 * KEPT + begun - 1, 4 * KEPT + begun + 1);
    files_read(&after, b);
    assert_int_equal(after.count, before.count);
    for (size_t k = 0; k < after.count; k++) {
        assert_string_equal(after.file[k].path, before.file[k].path);
        assert_int_equal(after.file[k].size, before.file[k].size);
    }
    files_free(&before);
    files_free(&after);
    bench_reopen(b);
    for (int64_t k = i - KEPT; k < i; k++) {
        assert_true(bench_has(b, 0, nth(k), 3000));
    }
    assert_true(bench_count(b, 0) <= KEPT + 2 * 32 + 1);
}

// ---- who goes, and when -------------------------------------------------------------------------

static void a_flood_of_raw_pushes_out_raw_only(void **state)
{
    struct bench *b = *state;
    struct varve_backend_stats stats = {0};

    fake_host_set(&b->host, "size", "2M");
    bench_open(b);
    bench_store(b, 2, nth(0), 20000, 0);
    bench_store(b, 1, nth(0), 3000, 0);
    for (int64_t i = 0; i < 1000; i++) {
        bench_store(b, 0, nth(i), 8000, 0);
        b->ops->stats(b->self, &stats);
        assert_true(stats.stored_bytes <= 2u << 20);
    }
    assert_true(bench_has(b, 2, nth(0), 20000));
    assert_true(bench_has(b, 1, nth(0), 3000));
    assert_true(bench_has(b, 0, nth(999), 8000));
    assert_in_range(bench_count(b, 0), 150, 256); // most of the size is in use
    bench_reopen(b);
    assert_true(bench_has(b, 2, nth(0), 20000));
}

// Bytes of the files whose head names the stream of the tier.
static size_t bytes_of(struct bench *b, unsigned tier)
{
    static struct segment_files files;
    size_t sum = 0;

    files_read(&files, b);
    for (size_t i = 0; i < files.count; i++) {
        sum += files.file[i].bytes[FRAME_HEADER] == tier ? files.file[i].size : 0;
    }
    files_free(&files);
    return sum;
}

static void a_tier_at_its_cap_gives_up_its_oldest_segment(void **state)
{
    static const uint64_t caps[] = {512u << 10, 200u << 10, 1};
    struct bench *b = *state;
    int64_t i = 0;

    bench_open(b);
    bench_store(b, 1, nth(0), 3000, 0);
    for (size_t k = 0; k < sizeof caps / sizeof caps[0]; k++) {
        // Two segments of the least size are what a stream needs in any case.
        const uint64_t most = caps[k] > 2 * 65536 ? caps[k] : 2 * 65536;
        for (const int64_t end = i + 300; i < end; i++) {
            bench_store_capped(b, 0, nth(i), 3000, caps[k]);
            bench_work_through(b);
        }
        assert_true(bytes_of(b, 0) <= most);
        const size_t kept = bench_count(b, 0);
        assert_in_range(kept, 1, most / PAGE);
        assert_true(kept >= (most - 2 * 65536) / PAGE);
        for (int64_t n = i - (int64_t)kept; n < i; n++) { // the newest, without a hole
            assert_true(bench_has(b, 0, nth(n), 3000));
        }
        assert_true(bench_has(b, 1, nth(0), 3000));
        bench_reopen(b);
        assert_true(bench_has(b, 0, nth(i - 1), 3000));
    }
}

static size_t segments_of(struct bench *b)
{
    static struct segment_files files;

    files_read(&files, b);
    const size_t n = files.count;
    files_free(&files);
    return n;
}

static void a_segment_goes_when_all_in_it_has_expired(void **state)
{
    struct bench *b = *state;

    fake_host_set(&b->host, "segment", "4M"); // they end by age
    bench_open(b);
    bench_store(b, 2, nth(0), 700, 0);
    for (int64_t i = 0; i < 1500; i++) { // 25 h of a tier that is kept for 2 h
        const int64_t before = nth(i).start_ms - 2 * HOUR;
        bench_store(b, 0, nth(i), 700, before > 0 ? before : 0);
        bench_work_through(b);
        assert_true(bench_count(b, 0) <= 9 * 60); // 2 h, and a segment of 6 h
    }
    for (int64_t i = 1500 - 120; i < 1500; i++) {
        assert_true(bench_has(b, 0, nth(i), 700));
    }
    assert_true(bench_has(b, 2, nth(0), 700));
    assert_int_equal(segments_of(b), 3); // 18 h to 24 h, 24 h to 30 h, and the hours'
}

static void nothing_goes_when_all_is_to_be_kept(void **state)
{
    struct bench *b = *state;
    int64_t i = 0;
    int rc = 0;

    fake_host_set(&b->host, "size", "1M");
    bench_open(b);
    while (rc == 0) {
        rc = bench_put(b, 0, nth(i), 8000, NEVER);
        rc = rc == 0 ? b->ops->commit(b->self) : rc;
        i += rc == 0;
    }
    assert_int_equal(rc, VARVE_E_FULL);
    assert_non_null(strstr(b->host.why, "size"));
    b->ops->abort(b->self);
    assert_true(i > 80);
    for (int64_t k = 0; k < i; k++) {
        assert_true(bench_has(b, 0, nth(k), 8000));
    }
}

static void a_store_with_more_blocks_than_its_index_gets_a_larger_one(void **state)
{
    struct bench *b = *state;

    fake_host_set(&b->host, "blocks", "100");
    bench_open(b);
    for (int64_t i = 0; i < 90; i++) {
        bench_store(b, 0, nth(i), 300, 0);
    }
    fake_host_close(&b->host);
    fake_host_set(&b->host, "blocks", "16");
    bench_open(b);
    assert_int_equal(bench_count(b, 0), 90);
}

static void what_was_aborted_does_not_come_back(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    bench_store(b, 0, nth(0), 900, 0);
    assert_int_equal(bench_put(b, 0, nth(1), 20000, 0), 0);
    assert_int_equal(bench_put(b, 1, nth(1), 900, 0), 0); // in a new segment
    b->ops->abort(b->self);
    bench_reopen(b);
    assert_int_equal(bench_count(b, 0), 1);
    assert_int_equal(bench_count(b, 1), 0);
    assert_int_equal(segments_of(b), 2);                  // the unit waits to be used
    assert_int_equal(bench_put(b, 0, nth(1), 900, 0), 0); // not committed: as after a kill
    bench_reopen(b);
    assert_int_equal(bench_count(b, 0), 1);
}

// ---- definitions and tiers ----------------------------------------------------------------------

struct seen {
    unsigned count;
    unsigned redefined;
    int last;
};

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    struct seen *seen = arg;

    assert_true((int)id > seen->last);
    seen->last = id;
    seen->count++;
    seen->redefined += strcmp(def->text, "again") == 0;
    return 0;
}

static void define(struct bench *b, unsigned id, const char *text)
{
    const struct varve_series_def def = {text, "", "", VARVE_GAUGE};

    assert_int_equal(b->ops->define(b->self, (varve_series_id)id, &def), 0);
}

static void definitions(struct bench *b, unsigned count, unsigned redefined)
{
    struct seen seen = {.last = -1};

    assert_int_equal(b->ops->load_series(b->self, on_series, &seen), 0);
    assert_int_equal(seen.count, count);
    assert_int_equal(seen.redefined, redefined);
}

static void the_last_definition_counts_however_segments_come_and_go(void **state)
{
    struct bench *b = *state;

    fake_host_set(&b->host, "size", "1M");
    bench_open(b);
    for (unsigned id = 0; id < 50; id++) {
        define(b, id, "first");
    }
    assert_int_equal(b->ops->commit(b->self), 0);
    for (int64_t i = 0; i < 200; i++) { // several segments, each with the definitions
        bench_store(b, 0, nth(i), 8000, 0);
        if (i == 100) {
            define(b, 7, "again");
        }
    }
    definitions(b, 50, 1);
    bench_reopen(b);
    definitions(b, 50, 1);
    define(b, 50, "new");
    b->ops->abort(b->self);
    definitions(b, 50, 1);
}

static void a_help_longer_than_a_record_is_cut_and_the_series_stays(void **state)
{
    static char help[5000];
    const struct varve_series_def def = {"load", "1", help, VARVE_GAUGE};
    struct bench *b = *state;

    memset(help, 'h', sizeof help - 1);
    bench_open(b);
    assert_int_equal(b->ops->define(b->self, 0, &def), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
    bench_reopen(b);
    definitions(b, 1, 0);
}

static void each_segment_can_be_read_by_itself(void **state)
{
    static struct segment_files files;
    struct bench *b = *state;
    struct varve_tier tiers[VARVE_MAX_TIERS];

    bench_open(b);
    for (unsigned id = 0; id < 5; id++) {
        define(b, id, "first");
    }
    for (unsigned t = 0; t < 3; t++) {
        bench_store(b, t, nth(t), 700, 0);
    }
    fake_host_close(&b->host);
    files_read(&files, b);
    assert_int_equal(files.count, 4);
    for (unsigned t = 0; t < 3; t++) {
        for (size_t i = 0; i < files.count; i++) {
            assert_int_equal(i == t + 1 || unlink(files.file[i].path) == 0, true);
        }
        b->host.tier_count = 0; // as the tool opens it
        bench_open(b);
        assert_int_equal(b->ops->load_tiers(b->self, tiers, VARVE_MAX_TIERS), 3);
        assert_memory_equal(tiers, bench_tiers, sizeof bench_tiers);
        definitions(b, 5, 0);
        assert_true(bench_has(b, t, nth(t), 700));
        fake_host_close(&b->host);
        files_restore(&files, b);
    }
    files_free(&files);
}

static void tiers_are_found_again_by_name_and_step(void **state)
{
    static const struct varve_tier fewer[2] = {
        {"raw", 5000, 7200000, 300000},
        {"hour", 3600000, 1209600000, 86400000}, // kept longer than before
    };
    struct bench *b = *state;

    bench_open(b);
    for (unsigned t = 0; t < 3; t++) {
        bench_store(b, t, nth(t), 700 + t, 0);
    }
    fake_host_close(&b->host);
    b->host.tiers = fewer;
    b->host.tier_count = 2;
    bench_open(b);
    assert_true(bench_has(b, 0, nth(0), 700));
    assert_int_equal(bench_count(b, 1), 1);
    bench_store(b, 1, nth(9), 900, 0);
    fake_host_close(&b->host);
    b->host.tiers = bench_tiers;
    b->host.tier_count = 3;
    bench_open(b);
    for (unsigned t = 0; t < 3; t++) {
        assert_true(bench_has(b, t, nth(t), 700 + t));
    }
    assert_int_equal(bench_count(b, 2), 2);
}

// ---- one owner ----------------------------------------------------------------------------------

static void a_second_owner_is_told_who_is_in_the_way(void **state)
{
    struct bench *b = *state;
    struct varve_host second;

    fake_host_init(&second, &varve_backend_rotate, b->dir, bench_tiers, 3);
    bench_open(b);
    assert_int_equal(fake_host_open(&second, 0), VARVE_E_BUSY);
    assert_non_null(strstr(second.why, "another process"));
    assert_int_equal(fake_host_open(&second, VARVE_BACKEND_READ_ONLY), VARVE_E_BUSY);
    fake_host_close(&b->host);
    assert_int_equal(fake_host_open(&second, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0); // readers share
    fake_host_free(&second);
}

static void reading_writes_nothing(void **state)
{
    static struct segment_files before;
    static struct segment_files after;
    struct bench *b = *state;

    bench_open(b);
    define(b, 0, "first");
    bench_store(b, 0, nth(0), 5000, 0);
    bench_store(b, 0, nth(1), 5000, 0);
    fake_host_close(&b->host);
    files_read(&before, b);
    file_truncate(&before.file[1], PAGE * 3 - 10); // a torn end
    files_free(&before);
    files_read(&before, b);
    memset(&b->host.account, 0, sizeof b->host.account);
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_true(bench_has(b, 0, nth(0), 5000));
    assert_int_equal(bench_count(b, 0), 1);
    assert_int_equal(bench_put(b, 0, nth(2), 500, 0), VARVE_E_READ_ONLY);
    b->ops->abort(b->self);
    assert_int_equal(b->ops->maintain(b->self, 1), 0);
    fake_host_close(&b->host);
    assert_int_equal(b->host.account.writes + b->host.account.syncs, 0);
    files_read(&after, b);
    assert_int_equal(after.count, before.count);
    for (size_t i = 0; i < before.count; i++) {
        assert_int_equal(after.file[i].size, before.file[i].size);
        assert_memory_equal(after.file[i].bytes, before.file[i].bytes, before.file[i].size);
    }
    files_free(&before);
    files_free(&after);
}

static void a_store_that_is_missing_is_not_made_by_reading(void **state)
{
    struct bench *b = *state;
    char path[256];

    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(b->host.why, "segments"));
    snprintf(path, sizeof path, "%s/segments", b->dir);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_page_that_is_no_power_of_two_is_refused(void **state)
{
    struct bench *b = *state;

    fake_host_set(&b->host, "page", "5000");
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_INVALID);
    assert_non_null(strstr(b->host.why, "power of two"));
}

int main(void)
{
    const struct backend_contract contract = {&varve_backend_rotate, true, "blocks", NULL};
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_flush_touches_its_own_pages_once_with_one_sync),
        BEHAVIOUR(what_has_expired_is_written_over_in_place),
        BEHAVIOUR(without_padding_no_byte_is_left_between_frames),
        BEHAVIOUR(a_flood_of_raw_pushes_out_raw_only),
        BEHAVIOUR(a_tier_at_its_cap_gives_up_its_oldest_segment),
        BEHAVIOUR(a_segment_goes_when_all_in_it_has_expired),
        BEHAVIOUR(nothing_goes_when_all_is_to_be_kept),
        BEHAVIOUR(a_store_with_more_blocks_than_its_index_gets_a_larger_one),
        BEHAVIOUR(what_was_aborted_does_not_come_back),
        BEHAVIOUR(the_last_definition_counts_however_segments_come_and_go),
        BEHAVIOUR(a_help_longer_than_a_record_is_cut_and_the_series_stays),
        BEHAVIOUR(each_segment_can_be_read_by_itself),
        BEHAVIOUR(tiers_are_found_again_by_name_and_step),
        BEHAVIOUR(a_second_owner_is_told_who_is_in_the_way),
        BEHAVIOUR(reading_writes_nothing),
        BEHAVIOUR(a_store_that_is_missing_is_not_made_by_reading),
        BEHAVIOUR(a_page_that_is_no_power_of_two_is_refused),
    };
#undef BEHAVIOUR

    return backend_contract_run(&contract) +
           cmocka_run_group_tests_name("rotate", tests, NULL, NULL);
}
