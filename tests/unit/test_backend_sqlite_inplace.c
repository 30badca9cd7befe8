// SPDX-License-Identifier: Apache-2.0
// journal = inplace: the contract; a flush writes the pages of its block and nothing else, in the
// ledger's count and byte by byte in the file; what a torn write, a kill or a growing number of
// series does to the rest of the history.
//
// The failure model of a cut here: of the pages that a flush wrote, any have reached the file, and
// any in part. No others have been written, which the second test proves, so nothing else is torn.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "random.h"
#include "sqlite_bench.h"

#define FLUSHES 50

static void open_inplace(struct bench *b)
{
    fake_host_set(&b->host, "journal", "inplace");
    bench_open(b);
}

// Fills the ring of slots, so that the next block overwrites the oldest. Returns its number.
static int64_t fill_ring(struct bench *b, int64_t from, uint32_t length)
{
    int64_t i = from;
    for (; i < from + 2 * KEEP; i++) {
        flush(b, i, length);
    }
    return i;
}

static void assert_sound(const struct bench *b)
{
    char path[128];
    sqlite3 *db;
    sqlite3_stmt *stmt;

    path_of(b, "", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "ok");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

// ---- what a flush writes ------------------------------------------------------------------------

static void a_flush_writes_the_pages_of_its_block_and_syncs_once(void **state)
{
    struct bench *b = *state;
    int64_t i = 0;

    open_inplace(b);
    for (unsigned pages = 1; pages <= 5; pages += 2) {
        i = fill_ring(b, i, pages * OVERFLOW);
        i = fill_ring(b, i, pages * OVERFLOW);
        const struct varve_ledger_account before = b->host.account;
        for (int n = 0; n < FLUSHES; n++) {
            flush(b, i++, pages * OVERFLOW);
        }
        const struct varve_ledger_account *now = &b->host.account;
        assert_int_equal(now->syncs - before.syncs, FLUSHES);
        assert_int_equal(now->flash_bytes[VARVE_WRITE_DATA] - before.flash_bytes[VARVE_WRITE_DATA],
                         (uint64_t)FLUSHES * pages * PAGE);
        assert_int_equal(varve_ledger_flash_bytes(now) - varve_ledger_flash_bytes(&before),
                         (uint64_t)FLUSHES * pages * PAGE);
    }
}

// The pages in which the file differs from the image; fails when a pointer does.
static size_t changed_pages(const struct bench *b, struct image *before, uint32_t *changed)
{
    struct image now = read_file(b, "");
    size_t n = 0;

    assert_int_equal(now.size, before->size);
    for (size_t page = 0; page < now.size / PAGE; page++) {
        const uint8_t *was = before->bytes + page * PAGE;
        const uint8_t *is = now.bytes + page * PAGE;
        if (memcmp(was, is, PAGE) != 0) {
            assert_memory_equal(was, is, 4); // the number of the next overflow page
            changed[n++] = (uint32_t)page + 1;
        }
    }
    free(before->bytes);
    *before = now;
    return n;
}

static void no_page_of_a_tree_or_list_changes_between_flushes(void **state)
{
    struct bench *b = *state;
    uint32_t changed[16];
    static uint8_t touched[4096];

    open_inplace(b);
    int64_t i = fill_ring(b, 0, 3 * OVERFLOW);
    struct image image = read_file(b, "");
    assert_true(image.size / PAGE < sizeof touched);
    for (int n = 0; n < KEEP + 1; n++) {
        flush(b, i++, 3 * OVERFLOW - 10);
        assert_int_equal(changed_pages(b, &image, changed), 3);
        for (int k = 0; k < 3; k++) {
            touched[changed[k]] = 1;
        }
    }
    // Over a whole round of the ring only pages of slots were touched: not page 1, which has the
    // freelist and the change counter, and no page that begins like one of a B-tree.
    assert_int_equal(touched[1], 0);
    for (uint32_t page = 2; page <= image.size / PAGE; page++) {
        const uint8_t *p = image.bytes + (size_t)(page - 1) * PAGE;
        if (touched[page] == 0 && (p[0] == 0x0d || p[0] == 0x05 || p[0] == 0x0a || p[0] == 0x02)) {
            continue; // a page of a tree, untouched
        }
        assert_true(touched[page] == 0 || (p[0] == 0 && p[1] == 0));
    }
    free(image.bytes);
    fake_host_close(&b->host);
    assert_sound(b);
}

static void events_and_series_go_through_the_journal(void **state)
{
    struct bench *b = *state;
    const struct varve_series_def def = {.text = "a", .unit = "", .help = ""};
    const struct varve_event event = {.time_ms = 1000, .severity = VARVE_INFO, .kind = "start"};

    open_inplace(b);
    int64_t i = fill_ring(b, 0, OVERFLOW);
    const struct varve_ledger_account before = b->host.account;
    assert_int_equal(b->ops->define(b->self, 0, &def), 0);
    assert_int_equal(b->ops->event(b->self, &event), 0);
    flush(b, i, OVERFLOW);
    assert_true(b->host.account.bytes[VARVE_WRITE_JOURNAL] > before.bytes[VARVE_WRITE_JOURNAL]);
    assert_true(bench_has(b, 0, nth(i), OVERFLOW));
    const struct varve_ledger_account after = b->host.account;
    flush(b, i + 1, OVERFLOW); // and the next one is without again
    assert_int_equal(b->host.account.bytes[VARVE_WRITE_JOURNAL], after.bytes[VARVE_WRITE_JOURNAL]);
    assert_true(bench_has(b, 0, nth(i), OVERFLOW));
    assert_true(bench_has(b, 0, nth(i + 1), OVERFLOW));
    fake_host_close(&b->host);
    assert_sound(b);
}

// ---- what stays ---------------------------------------------------------------------------------

static void sqlite_sees_what_was_written_without_it(void **state)
{
    struct bench *b = *state;

    open_inplace(b);
    int64_t i = fill_ring(b, 0, OVERFLOW);
    for (int64_t k = 0; k < 3 * KEEP; k++) {
        flush(b, i + k, OVERFLOW);
        assert_true(bench_has(b, 0, nth(i + k), OVERFLOW));
        if (k % 7 == 0) { // a larger one: SQLite makes its slot anew and reads what is there
            flush(b, i + k, 3 * OVERFLOW);
            assert_true(bench_has(b, 0, nth(i + k), 3 * OVERFLOW));
            assert_int_equal(bench_put(b, 0, nth(i + k + 1), 5 * OVERFLOW, nth(i).start_ms), 0);
            b->ops->abort(b->self); // SQLite takes its pages back
            assert_true(bench_has(b, 0, nth(i + k), 3 * OVERFLOW));
        }
    }
    for (int64_t k = 3 * KEEP - KEEP; k < 3 * KEEP; k++) {
        assert_true(bench_has(b, 0, nth(i + k), k % 7 == 0 ? 3 * OVERFLOW : OVERFLOW));
    }
    fake_host_close(&b->host);
    assert_sound(b);
}

static void more_series_make_larger_slots_and_lose_no_history(void **state)
{
    struct bench *b = *state;

    open_inplace(b);
    int64_t i = fill_ring(b, 0, OVERFLOW);
    for (int64_t k = 0; k < 2 * KEEP; k++) {
        flush(b, i + k, 3 * OVERFLOW);
        for (int64_t old = k - KEEP; old <= k; old++) {
            assert_true(bench_has(b, 0, nth(i + old), old < 0 ? OVERFLOW : 3 * OVERFLOW));
        }
    }
    const struct varve_ledger_account before = b->host.account;
    flush(b, i + 2 * KEEP, 3 * OVERFLOW);
    assert_int_equal(varve_ledger_flash_bytes(&b->host.account) - varve_ledger_flash_bytes(&before),
                     3 * PAGE);
    fake_host_close(&b->host);
    assert_sound(b);
}

static void a_torn_block_costs_no_other(void **state)
{
    struct bench *b = *state;
    struct test_random r = random_start(__func__);
    uint32_t changed[16];

    open_inplace(b);
    int64_t i = fill_ring(b, 0, 3 * OVERFLOW);
    for (int cut = 0; cut < 60; cut++) {
        struct image before = read_file(b, "");
        struct image torn = {malloc(before.size), before.size};
        memcpy(torn.bytes, before.bytes, before.size);
        flush(b, i, 3 * OVERFLOW);
        size_t n = changed_pages(b, &before, changed);
        for (size_t k = 0; k < n; k++) { // any sectors of 512 bytes have come through
            for (size_t sector = 0; sector < PAGE; sector += 512) {
                const size_t at = (size_t)(changed[k] - 1) * PAGE + sector;
                if (random_below(&r, 2) == 0) {
                    memcpy(torn.bytes + at, before.bytes + at, 512);
                }
            }
        }
        fake_host_close(&b->host);
        write_file(b, "", torn.bytes, torn.size);
        free(torn.bytes);
        free(before.bytes);
        assert_sound(b);
        bench_open(b);
        for (int64_t k = i - KEEP; k < i; k++) {
            assert_true(bench_has(b, 0, nth(k), 3 * OVERFLOW));
        }
        flush(b, i, 3 * OVERFLOW);
        assert_true(bench_has(b, 0, nth(i), 3 * OVERFLOW));
        i++;
    }
}

static void what_is_acknowledged_survives_sigkill(void **state)
{
    struct bench *b = *state;
    int64_t next = 0;

    fake_host_set(&b->host, "journal", "inplace");
    for (int round = 0; round < 8; round++) {
        int pipes[2];
        int64_t last = next - 1, i;
        assert_int_equal(pipe(pipes), 0);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            if (fake_host_open(&b->host, 0) != 0) {
                _exit(1);
            }
            for (i = next;; i++) {
                if (bench_put(b, 0, nth(i), 9000, nth(i - KEEP).start_ms) != 0 ||
                    b->ops->commit(b->self) != 0 || write(pipes[1], &i, sizeof i) != sizeof i) {
                    _exit(1);
                }
            }
        }
        close(pipes[1]);
        for (int n = 0; n < 20 + 13 * round; n++) {
            assert_int_equal(read(pipes[0], &last, sizeof last), sizeof last);
        }
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        while (read(pipes[0], &i, sizeof i) == sizeof i) {
            last = i;
        }
        close(pipes[0]);
        bench_open(b);
        for (i = last - KEEP < 0 ? 0 : last - KEEP + 1; i <= last; i++) {
            assert_true(bench_has(b, 0, nth(i), 9000));
        }
        fake_host_close(&b->host);
        assert_sound(b);
        next = last + 1;
    }
}

// ---- caps ---------------------------------------------------------------------------------------

static void hold_a_cap(struct bench *b, const char *journal)
{
    const uint64_t cap = 40 * PAGE;
    int64_t i = 0;

    fake_host_set(&b->host, "journal", journal);
    bench_open(b);
    for (; i < 200; i++) {
        bench_store_capped(b, 0, nth(i), OVERFLOW, cap);
        bench_store_capped(b, 1, nth(i), OVERFLOW, 0);
    }
    assert_int_equal(bench_count(b, 0), 40);
    assert_int_equal(bench_count(b, 1), 200);
    for (int64_t k = i - 40; k < i; k++) {
        assert_true(bench_has(b, 0, nth(k), OVERFLOW));
    }
    bench_store_capped(b, 0, nth(i), OVERFLOW, cap / 2); // lowered
    int steps = 0;
    while (b->ops->maintain(b->self, 1) == VARVE_E_AGAIN && steps < 100) {
        steps++;
    }
    assert_int_equal(steps, 20);
    assert_int_equal(bench_count(b, 0), 20);
    assert_true(bench_has(b, 0, nth(i), OVERFLOW));
    assert_true(bench_has(b, 0, nth(i - 19), OVERFLOW));
    fake_host_close(&b->host);
    assert_sound(b);
}

static void a_tier_holds_its_cap(void **state)
{
    hold_a_cap(*state, "wal");
}

static void a_tier_holds_its_cap_in_place(void **state)
{
    hold_a_cap(*state, "inplace");
}

// ---- from one journal to the other --------------------------------------------------------------

static void a_store_changes_its_journal_both_ways(void **state)
{
    static const char *const journals[] = {"wal", "inplace", "wal", "inplace"};
    struct bench *b = *state;
    int64_t i = 0;

    for (size_t n = 0; n < 4; n++) {
        fake_host_set(&b->host, "journal", journals[n]);
        bench_open(b);
        for (int64_t k = i - KEEP; k < i; k++) {
            assert_true(k < 0 || bench_has(b, 0, nth(k), 9000));
        }
        i = fill_ring(b, i, 9000);
        fake_host_close(&b->host);
        assert_false(exists(b, "-wal"));
        assert_sound(b);
    }
}

static void reopening_an_unchanged_store_writes_nothing(void **state)
{
    struct bench *b = *state;

    open_inplace(b);
    int64_t i = fill_ring(b, 0, 9000);
    fake_host_close(&b->host);
    struct image db = read_file(b, "");
    b->host.account = (struct varve_ledger_account){0};
    bench_open(b);
    assert_true(bench_has(b, 0, nth(i - 1), 9000));
    fake_host_close(&b->host);
    assert_int_equal(varve_ledger_flash_bytes(&b->host.account), 0);
    assert_unchanged(b, "", &db);
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)
    static const struct backend_contract contract = {&varve_backend_sqlite, true, "blocks", NULL};
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_flush_writes_the_pages_of_its_block_and_syncs_once),
        BEHAVIOUR(no_page_of_a_tree_or_list_changes_between_flushes),
        BEHAVIOUR(events_and_series_go_through_the_journal),
        BEHAVIOUR(sqlite_sees_what_was_written_without_it),
        BEHAVIOUR(more_series_make_larger_slots_and_lose_no_history),
        BEHAVIOUR(a_torn_block_costs_no_other),
        BEHAVIOUR(what_is_acknowledged_survives_sigkill),
        BEHAVIOUR(a_tier_holds_its_cap),
        BEHAVIOUR(a_tier_holds_its_cap_in_place),
        BEHAVIOUR(a_store_changes_its_journal_both_ways),
        BEHAVIOUR(reopening_an_unchanged_store_writes_nothing),
    };
#undef BEHAVIOUR
    int failed = backend_contract_run_with(&contract, "journal", "inplace");
    return failed + cmocka_run_group_tests_name("inplace", tests, NULL, NULL);
}
