// SPDX-License-Identifier: Apache-2.0
// The safety of the sqlite backend: one owner, survival of SIGKILL, reading without writing, clear
// refusals that leave the file as it is.

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sqlite_bench.h"

// ---- other processes ----------------------------------------------------------------------------

// Starts a child that flushes blocks from `first` on, writing each number to the pipe when it is
// committed, until it is killed.
static pid_t start_writer(struct bench *b, int64_t first, int *acknowledged)
{
    int pipes[2];

    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (fake_host_open(&b->host, 0) != 0) {
            _exit(1);
        }
        for (int64_t i = first;; i++) {
            if (bench_put(b, 0, nth(i), 9000, INT64_MIN) != 0 || b->ops->commit(b->self) != 0 ||
                write(pipes[1], &i, sizeof i) != sizeof i) {
                _exit(1);
            }
        }
    }
    close(pipes[1]);
    *acknowledged = pipes[0];
    return pid;
}

// Kills it after `count` acknowledgements; returns the last number that it acknowledged.
static int64_t kill_writer(pid_t pid, int acknowledged, int count)
{
    int64_t last = -1;
    int64_t i;
    int status;

    for (int n = 0; n < count; n++) {
        assert_int_equal(read(acknowledged, &last, sizeof last), sizeof last);
    }
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    while (read(acknowledged, &i, sizeof i) == sizeof i) {
        last = i;
    }
    close(acknowledged);
    return last;
}

static void a_second_process_is_told_that_the_store_is_in_use(void **state)
{
    struct bench *b = *state;
    int pipe_end;
    int64_t i;
    pid_t pid = start_writer(b, 0, &pipe_end);

    assert_int_equal(read(pipe_end, &i, sizeof i), sizeof i); // the child has it open
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_BUSY);
    assert_non_null(strstr(b->host.why, "another process has"));
    assert_non_null(strstr(b->host.why, "varve.db"));
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), VARVE_E_BUSY);
    assert_int_equal(shell(b, "SELECT count(*) FROM slot"), SQLITE_BUSY);
    assert_int_equal(shell(b, "PRAGMA user_version=7"), SQLITE_BUSY);
    kill_writer(pid, pipe_end, 1);
    bench_open(b); // the lock went with the process
    fake_host_close(&b->host);
}

static void a_second_instance_in_one_process_is_refused_too(void **state)
{
    struct bench *b = *state;
    struct varve_host second;

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_init(&second, &varve_backend_sqlite, b->dir, bench_tiers, 3);
    assert_int_equal(fake_host_open(&second, 0), VARVE_E_BUSY);
    fake_host_free(&second);
    flush(b, 1, 5000); // the first is unharmed
    assert_int_equal(shell(b, "SELECT 1 FROM slot"), SQLITE_BUSY);
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "SELECT 1 FROM slot"), SQLITE_OK);
}

static void two_stores_in_one_process_do_not_disturb_each_other(void **state)
{
    struct bench *b = *state;
    struct bench other;

    bench_init(&other, &varve_backend_sqlite);
    bench_open(b);
    bench_open(&other);
    for (int64_t i = 0; i < 20; i++) {
        flush(b, i, 5000);
        flush(&other, i, 7000);
    }
    fake_host_close(&other.host);
    for (int64_t i = 0; i < 20; i++) {
        assert_true(bench_has(b, 0, nth(i), 5000));
    }
    bench_open(&other);
    assert_true(bench_has(&other, 0, nth(19), 7000));
    bench_end(&other);
    fake_host_close(&b->host);
}

static void every_acknowledged_block_survives_sigkill(void **state)
{
    struct bench *b = *state;
    int64_t next = 0;

    for (int round = 0; round < 6; round++) {
        int pipe_end;
        pid_t pid = start_writer(b, next, &pipe_end);
        int64_t last = kill_writer(pid, pipe_end, 5 + 7 * round);
        bench_open(b);
        for (int64_t i = 0; i <= last; i++) {
            assert_true(bench_has(b, 0, nth(i), 9000));
        }
        // One more may be there: committed, but not yet acknowledged.
        assert_in_range(bench_count(b, 0), last + 1, last + 2);
        next = last + 1;
        fake_host_close(&b->host);
    }
    assert_int_equal(shell(b, "PRAGMA integrity_check"), SQLITE_OK);
}

static void reading_a_store_left_by_sigkill_writes_nothing(void **state)
{
    struct bench *b = *state;
    int pipe_end;
    struct varve_tier tiers[VARVE_MAX_TIERS];
    pid_t pid = start_writer(b, 0, &pipe_end);
    int64_t last = kill_writer(pid, pipe_end, 30);
    struct image db = read_file(b, "");
    struct image wal = read_file(b, "-wal");

    assert_true(wal.size > 30 * 9000); // nothing has been checkpointed
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    for (int64_t i = 0; i <= last; i++) {
        assert_true(bench_has(b, 0, nth(i), 9000));
    }
    assert_int_equal(b->ops->load_tiers(b->self, tiers, VARVE_MAX_TIERS), 3);
    assert_int_equal(bench_put(b, 0, nth(last + 2), 9000, INT64_MIN), VARVE_E_READ_ONLY);
    b->ops->abort(b->self);
    assert_int_equal(b->ops->maintain(b->self, INT64_C(1) << 40), 0);
    fake_host_close(&b->host);
    assert_unchanged(b, "", &db);
    assert_unchanged(b, "-wal", &wal);
    assert_false(exists(b, "-shm"));
    assert_false(exists(b, "-journal"));
    assert_int_equal(varve_ledger_flash_bytes(&b->host.account), 0);
}

static void reading_needs_no_write_permission(void **state)
{
    struct bench *b = *state;
    char path[128];

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    path_of(b, "", path);
    assert_int_equal(chmod(path, 0440), 0);
    assert_int_equal(chmod(b->dir, 0550), 0);
    struct image db = read_file(b, "");
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_true(bench_has(b, 0, nth(0), 5000));
    fake_host_close(&b->host);
    assert_int_equal(chmod(b->dir, 0750), 0);
    assert_unchanged(b, "", &db);
    assert_false(exists(b, "-wal"));
}

static void reading_a_missing_store_says_not_found(void **state)
{
    struct bench *b = *state;

    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(b->host.why, "varve.db"));
    assert_false(exists(b, ""));
}

// ---- refusals -----------------------------------------------------------------------------------

static void assert_refused(struct bench *b, int code, const char *sentence)
{
    struct image db = read_file(b, "");

    assert_int_equal(fake_host_open(&b->host, 0), code);
    if (strstr(b->host.why, sentence) == NULL) {
        fail_msg("the reason is: %s", b->host.why);
    }
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), code);
    assert_unchanged(b, "", &db);
    assert_false(exists(b, "-wal"));
    assert_false(exists(b, "-journal"));
}

static void a_file_that_is_no_database_is_refused_and_untouched(void **state)
{
    struct bench *b = *state;
    char text[9000];

    memset(text, 'x', sizeof text);
    write_file(b, "", text, sizeof text);
    assert_refused(b, VARVE_E_CORRUPT, "not a SQLite database");
    write_file(b, "", text, 10);
    assert_refused(b, VARVE_E_CORRUPT, "not a SQLite database");
    memset(text, 0, sizeof text);
    write_file(b, "", text, sizeof text);
    assert_refused(b, VARVE_E_CORRUPT, "not a database");
}

static void a_database_of_somebody_else_is_refused_and_untouched(void **state)
{
    struct bench *b = *state;

    assert_int_equal(shell(b, "CREATE TABLE t(x); INSERT INTO t VALUES(1)"), SQLITE_OK);
    assert_refused(b, VARVE_E_CORRUPT, "not a varve store");
}

static void a_store_of_a_later_varve_is_refused_and_untouched(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "PRAGMA user_version=99"), SQLITE_OK);
    assert_refused(b, VARVE_E_VERSION, "later varve");
}

static void a_later_schema_that_is_still_in_the_wal_is_refused_too(void **state)
{
    struct bench *b = *state;
    int status;

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { // ends without closing, as by SIGKILL
        char path[128];
        sqlite3 *db;
        path_of(b, "", path);
        _exit(sqlite3_open(path, &db) != SQLITE_OK ||
              sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL) != SQLITE_OK);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct image db = read_file(b, "");
    struct image wal = read_file(b, "-wal");
    assert_true(wal.size > PAGE);
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_VERSION);
    assert_unchanged(b, "", &db);
    assert_unchanged(b, "-wal", &wal);
}

// What schema 1 was: no checksums in the dictionary.
static void make_older(struct bench *b)
{
    assert_int_equal(shell(b, "ALTER TABLE series DROP COLUMN crc; PRAGMA user_version=1"),
                     SQLITE_OK);
}

static int count_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)id;
    *(int *)arg += strncmp(def->text, "older", 5) == 0;
    return 0;
}

static void a_store_of_an_earlier_schema_is_read_as_it_is_and_then_brought_up_to_date(void **state)
{
    struct bench *b = *state;
    const struct varve_series_def def = {"older", "By", "Of schema 1.", VARVE_COUNTER};
    int found = 0;

    bench_open(b);
    assert_int_equal(b->ops->define(b->self, 0, &def), 0);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    make_older(b);
    struct image before = read_file(b, "");
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(b->ops->load_series(b->self, count_series, &found), 0);
    fake_host_close(&b->host);
    assert_unchanged(b, "", &before);
    bench_open(b);
    assert_int_equal(b->ops->load_series(b->self, count_series, &found), 0);
    assert_int_equal(found, 2);
    assert_int_equal(b->ops->define(b->self, 1, &def), 0);
    flush(b, 1, 5000);
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "SELECT 1/(SELECT count(crc)=2 FROM series)"), SQLITE_OK);
    assert_int_equal(shell(b, "UPDATE series SET text='oldes' WHERE id=0"), SQLITE_OK);
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_CORRUPT);
    assert_non_null(strstr(b->host.why, "names of 1 series are damaged"));
    found = 0;
    assert_int_equal(fake_host_open(&b->host, VARVE_BACKEND_READ_ONLY), 0);
    assert_int_equal(b->ops->load_series(b->self, count_series, &found), 0);
    assert_int_equal(found, 1); // the other one has no name
    fake_host_close(&b->host);
}

static void an_empty_file_becomes_a_store(void **state)
{
    struct bench *b = *state;

    write_file(b, "", "", 0);
    bench_open(b);
    flush(b, 0, 5000);
    bench_reopen(b);
    assert_true(bench_has(b, 0, nth(0), 5000));
    fake_host_close(&b->host);
}

static void a_store_in_a_directory_that_cannot_be_made_says_why(void **state)
{
    struct bench *b = *state;

    write_file(b, "", "", 0);
    fake_host_set(&b->host, "path", "varve.db/below/it.db");
    assert_true(fake_host_open(&b->host, 0) < 0);
    assert_non_null(strstr(b->host.why, "cannot make the directory"));
}

static void a_page_size_changed_behind_its_back_is_refused(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    flush(b, 0, 5000);
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "PRAGMA journal_mode=DELETE; PRAGMA page_size=8192; VACUUM"),
                     SQLITE_OK);
    assert_int_equal(fake_host_open(&b->host, 0), VARVE_E_INVALID);
    assert_non_null(strstr(b->host.why, "page size was changed"));
}

static void a_damaged_slot_is_passed_over_and_used_again(void **state)
{
    struct bench *b = *state;

    bench_open(b);
    for (int64_t i = 0; i < 3; i++) {
        bench_store(b, 0, nth(i), 5000, INT64_MIN);
    }
    fake_host_close(&b->host);
    // The second block's magic number: behind the part of the row that stays in the leaf.
    assert_int_equal(shell(b, "UPDATE slot SET block=CAST(substr(block,1,485)||x'ff'||"
                              "substr(block,487) AS BLOB) WHERE id=(1<<32)+2"),
                     SQLITE_OK);
    bench_open(b);
    assert_int_equal(bench_count(b, 0), 2);
    assert_true(bench_has(b, 0, nth(0), 5000));
    assert_true(bench_has(b, 0, nth(2), 5000));
    bench_store(b, 0, nth(3), 5000, INT64_MIN);
    fake_host_close(&b->host);
    assert_int_equal(shell(b, "SELECT 1/(count(*)=3) FROM slot"), SQLITE_OK);
    bench_open(b);
    assert_int_equal(bench_count(b, 0), 3);
    fake_host_close(&b->host);
}

static void a_full_index_overwrites_nothing_that_may_not_expire(void **state)
{
    struct bench *b = *state;

    fake_host_set(&b->host, "blocks", "16");
    bench_open(b);
    for (int64_t i = 0; i < 16; i++) {
        bench_store(b, 0, nth(i), 500, INT64_MIN);
    }
    assert_int_equal(bench_put(b, 0, nth(16), 500, INT64_MIN), VARVE_E_FULL);
    assert_non_null(strstr(b->host.why, "option blocks"));
    b->ops->abort(b->self);
    for (int64_t i = 0; i < 16; i++) {
        assert_true(bench_has(b, 0, nth(i), 500));
    }
    bench_reopen(b); // a fuller store gets a larger index
    bench_store(b, 0, nth(16), 500, INT64_MIN);
    fake_host_close(&b->host);
}

int main(void)
{
#define BEHAVIOUR(f) cmocka_unit_test_setup_teardown(f, sqlite_setup, sqlite_teardown)
    const struct CMUnitTest tests[] = {
        BEHAVIOUR(a_second_process_is_told_that_the_store_is_in_use),
        BEHAVIOUR(a_second_instance_in_one_process_is_refused_too),
        BEHAVIOUR(two_stores_in_one_process_do_not_disturb_each_other),
        BEHAVIOUR(every_acknowledged_block_survives_sigkill),
        BEHAVIOUR(reading_a_store_left_by_sigkill_writes_nothing),
        BEHAVIOUR(reading_needs_no_write_permission),
        BEHAVIOUR(reading_a_missing_store_says_not_found),
        BEHAVIOUR(a_file_that_is_no_database_is_refused_and_untouched),
        BEHAVIOUR(a_database_of_somebody_else_is_refused_and_untouched),
        BEHAVIOUR(a_store_of_a_later_varve_is_refused_and_untouched),
        BEHAVIOUR(a_store_of_an_earlier_schema_is_read_as_it_is_and_then_brought_up_to_date),
        BEHAVIOUR(a_later_schema_that_is_still_in_the_wal_is_refused_too),
        BEHAVIOUR(an_empty_file_becomes_a_store),
        BEHAVIOUR(a_store_in_a_directory_that_cannot_be_made_says_why),
        BEHAVIOUR(a_page_size_changed_behind_its_back_is_refused),
        BEHAVIOUR(a_damaged_slot_is_passed_over_and_used_again),
        BEHAVIOUR(a_full_index_overwrites_nothing_that_may_not_expire),
    };
#undef BEHAVIOUR

    return cmocka_run_group_tests_name("safety", tests, NULL, NULL);
}
