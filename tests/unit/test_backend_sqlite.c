// SPDX-License-Identifier: Apache-2.0
// The sqlite backend: the contract, and what only it promises: few pages per flush, one size, a
// bounded heap, tiers that may change, events that are pruned. Latencies are printed, not asserted.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sqlite_bench.h"
#include "varve/port.h"

#define FLUSHES 50

// ---- what a flush costs -------------------------------------------------------------------------

// Pages per flush in the steady state, WAL only. A commit of n pages is n frames of 24 + PAGE bytes
// without regard to page bounds: it touches n + 1 pages, sometimes n + 2.
static double pages_per_flush(struct bench *b, unsigned block_pages)
{
    const uint32_t length = block_pages * OVERFLOW;
    int64_t i = block_pages * 1000;

    for (int64_t end = i + 2 * KEEP; i < end; i++) {
        flush(b, i, length);
    }
    const struct varve_ledger_account before = b->host.account;
    for (int64_t end = i + FLUSHES; i < end; i++) {
        flush(b, i, length);
    }
    const struct varve_ledger_account *now = &b->host.account;
    assert_int_equal(now->syncs - before.syncs, FLUSHES);
    assert_int_equal(now->bytes[VARVE_WRITE_DATA], before.bytes[VARVE_WRITE_DATA]);
    assert_int_equal(now->bytes[VARVE_WRITE_JOURNAL] - before.bytes[VARVE_WRITE_JOURNAL],
                     (uint64_t)FLUSHES * block_pages * (PAGE + 24));
    return (double)(varve_ledger_flash_bytes(now) - varve_ledger_flash_bytes(&before)) / PAGE /
           FLUSHES;
}

static void a_flush_touches_its_own_pages_and_one_more(void **state)
{
    struct bench *b = *state;

    for (unsigned pages = 1; pages <= 5; pages += 2) {
        bench_open(b);
        const double touched = pages_per_flush(b, pages);
        print_message("block of %u pages: %.2f flash pages per flush\n", pages, touched);
        assert_true(touched <= pages + 1.1);
        fake_host_close(&b->host);
    }
}

static void a_checkpoint_writes_each_page_once(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    for (int64_t i = 0; i < 4 * KEEP; i++) {
        flush(b, i, OVERFLOW);
    }
    assert_int_equal(b->ops->maintain(b->self, 1), 0);
    assert_int_equal(b->host.account.bytes[VARVE_WRITE_CHECKPOINT], 0); // not due
    const int64_t half_a_day = 12 * 3600000;
    assert_int_equal(b->ops->maintain(b->self, 1 + half_a_day), VARVE_E_AGAIN);
    assert_int_equal(b->ops->maintain(b->self, 1 + half_a_day), 0);
    const uint64_t written = b->host.account.bytes[VARVE_WRITE_CHECKPOINT];
    print_message("checkpoint of %d flushes into %d slots: %llu pages\n", 4 * KEEP, KEEP + 1,
                  (unsigned long long)(written / PAGE));
    assert_in_range(written / PAGE, KEEP, KEEP + 25);
    fake_host_close(&b->host);
}

static void the_files_keep_their_size_in_the_steady_state(void **state)
{
    struct bench *b = *state;
    struct varve_backend_stats before = {0};
    struct varve_backend_stats after = {0};
    int64_t boot_ms = 1;
    int64_t i = 0;

    fake_host_set(&b->host, "wal_limit", "512K");
    bench_open(b);
    for (; i < 400; i++) {
        flush(b, i, 9000 + (uint32_t)(i * 37 % 3000));
        (void)b->ops->maintain(b->self, boot_ms++); // 0 or more to do
    }
    b->ops->stats(b->self, &before);
    for (; i < 800; i++) {
        flush(b, i, 9000 + (uint32_t)(i * 37 % 3000));
        (void)b->ops->maintain(b->self, boot_ms++); // 0 or more to do
    }
    b->ops->stats(b->self, &after);
    print_message("%u blocks in %llu bytes\n", after.blocks,
                  (unsigned long long)after.stored_bytes);
    assert_int_equal(after.stored_bytes, before.stored_bytes);
    assert_int_equal(after.blocks, before.blocks);
    assert_true(b->host.account.bytes[VARVE_WRITE_CHECKPOINT] > 0);
    fake_host_close(&b->host);
}

static void a_long_import_bounds_the_wal_without_maintenance(void **state)
{
    struct bench *b = *state;
    char path[128];
    struct stat st;

    fake_host_set(&b->host, "wal_limit", "256K");
    bench_open(b);
    for (int64_t i = 0; i < 300; i++) {
        flush(b, i, 16000);
    }
    path_of(b, "-wal", path);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size <= 1024 * 1024);
    assert_int_equal(st.st_size % (256 * 1024), 0); // allocated ahead
    fake_host_close(&b->host);
}

static void reopening_unchanged_writes_nothing(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    assert_false(exists(b, "-wal"));
    struct image db = read_file(b, "");
    b->host.account = (struct varve_ledger_account){0};
    bench_open(b);
    assert_true(bench_has(b, 0, nth(0), 5000));
    fake_host_close(&b->host);
    assert_int_equal(varve_ledger_flash_bytes(&b->host.account), 0);
    assert_unchanged(b, "", &db);
}

static int compare_us(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a;
    const uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void sqlite_stays_within_its_heap(void **state)
{
    struct bench *b = *state;
    uint64_t us[100];
    static uint8_t buf[VARVE_BLOCK_MAX];

    bench_open(b);
    (void)sqlite3_memory_highwater(1); // start afresh
    for (int64_t i = 0; i < 100; i++) {
        const uint64_t start = varve_port_mono_us();
        flush(b, i, 16384);
        us[i] = varve_port_mono_us() - start;
    }
    qsort(us, 100, sizeof us[0], compare_us);
    bench_store(b, 2, nth(1), VARVE_BLOCK_MAX, INT64_MIN);
    assert_true(bench_has(b, 2, nth(1), VARVE_BLOCK_MAX));
    assert_int_equal(b->ops->maintain(b->self, 1), 0);
    assert_int_equal(b->ops->maintain(b->self, 1 + 12 * 3600000), VARVE_E_AGAIN);
    const uint64_t start = varve_port_mono_us();
    const struct varve_block_key key = nth(99);
    for (int n = 0; n < 1000; n++) {
        assert_int_equal(b->ops->get(b->self, 0, &key, buf, sizeof buf), 16384);
    }
    const uint64_t get_us = varve_port_mono_us() - start;
    print_message("commit of a 16 KiB block: median %llu us, slowest %llu us; get: %.1f us\n",
                  (unsigned long long)us[50], (unsigned long long)us[99], (double)get_us / 1000);
    print_message("heap: %lld bytes used, high water %lld\n", (long long)sqlite3_memory_used(),
                  (long long)sqlite3_memory_highwater(0));
    assert_true(sqlite3_memory_highwater(0) > 0);
    assert_true(sqlite3_memory_highwater(0) < 512 * 1024);
    fake_host_close(&b->host);
}

static void a_heap_too_small_is_an_error_and_no_crash(void **state)
{
    struct bench *b = *state;
    int rc = 0;

    fake_host_set(&b->host, "heap", "128K");
    fake_host_set(&b->host, "page", "64K");
    rc = fake_host_open(&b->host, 0);
    if (rc == 0) {
        rc = bench_put(b, 0, nth(1), 100000, INT64_MIN);
        b->ops->abort(b->self);
        fake_host_close(&b->host);
    }
    assert_int_equal(rc, VARVE_E_NO_MEMORY);
    assert_non_null(strstr(b->host.why, "heap"));
}

static void a_store_of_megabytes_reopens(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    for (int64_t i = 0; i < 80; i++) {
        bench_store(b, (unsigned)(i % 3), nth(i), 40000, INT64_MIN);
    }
    fake_host_close(&b->host);
    struct image db = read_file(b, "");
    assert_true(db.size > 2 * 1024 * 1024);
    free(db.bytes);
    const uint64_t start = varve_port_mono_us();
    bench_open(b);
    print_message("%zu bytes with 80 blocks open in %llu us\n", db.size,
                  (unsigned long long)(varve_port_mono_us() - start));
    for (int64_t i = 0; i < 80; i++) {
        assert_true(bench_has(b, (unsigned)(i % 3), nth(i), 40000));
    }
    fake_host_close(&b->host);
}

static void any_page_size_holds_blocks_of_any_length(void **state)
{
    static const char *const sizes[] = {"512", "1K", "2K", "8K", "16K", "64K"};
    struct bench *b = *state;

    for (size_t p = 0; p < sizeof sizes / sizeof *sizes; p++) {
        char path[128];
        fake_host_set(&b->host, "page", sizes[p]);
        fake_host_set(&b->host, "heap", "4M");
        bench_open(b);
        for (int64_t i = 0; i < 40; i++) {
            bench_store(b, 0, nth(i), (uint32_t)(80 + i * 997), INT64_MIN);
        }
        bench_reopen(b);
        for (int64_t i = 0; i < 40; i++) {
            assert_true(bench_has(b, 0, nth(i), (uint32_t)(80 + i * 997)));
        }
        fake_host_close(&b->host);
        path_of(b, "", path);
        assert_int_equal(unlink(path), 0);
    }
}

// ---- tiers and events ---------------------------------------------------------------------------

static void a_changed_tier_list_keeps_what_is_stored(void **state)
{
    static const struct varve_tier changed[2] = {{"raw", 5000, 3600000, 300000},
                                                 {"hour", 3600000, 604800000, 86400000}};
    struct bench *b = *state;
    struct varve_tier tiers[VARVE_MAX_TIERS];
    uint8_t hour[600];
    const struct varve_put put = {.tier = 1,
                                  .key = nth(9),
                                  .block = hour,
                                  .length = sizeof hour,
                                  .expire_before_ms = INT64_MIN};

    bench_open(b);
    for (unsigned t = 0; t < 3; t++) {
        bench_store(b, t, nth(t), 600, INT64_MIN);
    }
    fake_host_close(&b->host);
    b->host.tiers = changed;
    b->host.tier_count = 2;
    bench_open(b);
    assert_int_equal(b->ops->load_tiers(b->self, tiers, VARVE_MAX_TIERS), 2);
    assert_memory_equal(tiers, changed, sizeof changed);
    assert_int_equal(bench_count(b, 1), 1); // hour is tier 1 now
    bench_block(hour, 2, &put.key, put.length);
    assert_int_equal(b->ops->put(b->self, &put), 0);
    assert_int_equal(b->ops->commit(b->self), 0);
    fake_host_close(&b->host);
    b->host.tiers = bench_tiers;
    b->host.tier_count = 3;
    bench_open(b);
    assert_true(bench_has(b, 1, nth(1), 600)); // minute is back
    assert_int_equal(bench_count(b, 2), 2);
    fake_host_close(&b->host);
}

static void without_tiers_of_its_own_the_host_gets_the_stored_ones(void **state)
{
    struct bench *b = *state;
    struct varve_tier tiers[VARVE_MAX_TIERS];

    bench_open(b);
    bench_store(b, 2, nth(2), 600, INT64_MIN);
    fake_host_close(&b->host);
    b->host.tier_count = 0;
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(b->ops->load_tiers(b->self, tiers, VARVE_MAX_TIERS), 3);
    assert_memory_equal(tiers, bench_tiers, sizeof bench_tiers);
    assert_true(bench_has(b, 2, nth(2), 600));
    fake_host_close(&b->host);
}

static void a_new_store_without_tiers_is_refused(void **state)
{
    struct bench *b = *state;

    b->host.tier_count = 0;
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(b->host.why, "no tiers"));
}

static int count_event(void *arg, const struct varve_event *event)
{
    int64_t *seen = arg; // number, time of the first

    seen[1] = seen[0]++ == 0 ? event->time_ms : seen[1];
    return 0;
}

static void add_events(struct bench *b, int64_t first_ms, int64_t step_ms, int n)
{
    struct varve_event e = {.severity = VARVE_INFO, .source = "test", .kind = "k", .message = "m"};

    for (int i = 0; i < n; i++) {
        e.time_ms = first_ms + i * step_ms;
        assert_int_equal(b->ops->event(b->self, &e), 0);
    }
    assert_int_equal(b->ops->commit(b->self), 0);
}

static void maintain_all(struct bench *b, int64_t boot_ms)
{
    int rounds = 0;

    while (b->ops->maintain(b->self, boot_ms) == VARVE_E_AGAIN) {
        assert_true(++rounds < 100);
    }
}

static void events_beyond_the_limit_are_removed_oldest_first(void **state)
{
    struct bench *b = *state;
    int64_t seen[2] = {0, 0};

    fake_host_set(&b->host, "events_max", "100");
    bench_open(b);
    add_events(b, 1000, 1, 500);
    maintain_all(b, 1);
    assert_int_equal(b->ops->load_events(b->self, INT64_MIN, INT64_MAX, count_event, seen), 0);
    assert_in_range(seen[0], 100, 100 + 63);
    assert_int_equal(seen[1], 1500 - seen[0]); // the newest are left
    fake_host_close(&b->host);
}

static void old_events_are_removed_only_by_a_trusted_clock(void **state)
{
    const int64_t day = 86400000;
    const int64_t now = 20000 * day;
    struct bench *b = *state;
    int64_t seen[2] = {0, 0};

    bench_open(b);
    add_events(b, now - 200 * day, 1000, 200);
    add_events(b, now - 10 * day, 1000, 100);
    bench_store(b, 0, (struct varve_block_key){now, now, 1}, 500, INT64_MIN); // no trust
    maintain_all(b, 1);
    assert_int_equal(b->ops->load_events(b->self, INT64_MIN, INT64_MAX, count_event, seen), 0);
    assert_int_equal(seen[0], 300);
    bench_store(b, 0, (struct varve_block_key){now, now, 2}, 500, now - bench_tiers[0].keep_ms);
    maintain_all(b, 1 + day);
    seen[0] = 0;
    assert_int_equal(b->ops->load_events(b->self, INT64_MIN, INT64_MAX, count_event, seen), 0);
    assert_in_range(seen[0], 100, 100 + 63); // whole steps go
    fake_host_close(&b->host);
}

int main(void)
{
    const struct backend_contract contract = {&varve_backend_sqlite, true, "blocks", NULL};
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_flush_touches_its_own_pages_and_one_more),
        BEHAVIOUR(a_checkpoint_writes_each_page_once),
        BEHAVIOUR(the_files_keep_their_size_in_the_steady_state),
        BEHAVIOUR(a_long_import_bounds_the_wal_without_maintenance),
        BEHAVIOUR(reopening_unchanged_writes_nothing),
        BEHAVIOUR(sqlite_stays_within_its_heap),
        BEHAVIOUR(a_heap_too_small_is_an_error_and_no_crash),
        BEHAVIOUR(a_store_of_megabytes_reopens),
        BEHAVIOUR(any_page_size_holds_blocks_of_any_length),
        BEHAVIOUR(a_changed_tier_list_keeps_what_is_stored),
        BEHAVIOUR(without_tiers_of_its_own_the_host_gets_the_stored_ones),
        BEHAVIOUR(a_new_store_without_tiers_is_refused),
        BEHAVIOUR(events_beyond_the_limit_are_removed_oldest_first),
        BEHAVIOUR(old_events_are_removed_only_by_a_trusted_clock),
    };
#undef BEHAVIOUR

    return backend_contract_run(&contract) +
           cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
