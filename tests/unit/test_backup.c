// SPDX-License-Identifier: Apache-2.0
// Backups of a real store by a real host: what is in them, and what is left when a step fails. The
// port's calls that change something are wrapped (-Wl,--wrap) and fail when they are told to.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/host_state.h"
#include "core/restore.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/temp_dir.h"

#define POINTS 600u // raw samples of 50 minutes

static struct fixture fixture;

// ---- faults -------------------------------------------------------------------------------------

static struct {
    bool armed;                                  // only while a backup is made
    int write, sync, rename, sync_dir, make_dir; // the n-th call fails, 0: none
    int error;
    uint64_t space; // 0: what the system says
} faults;

int __real_varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf,
                                 size_t len);
int __wrap_varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf,
                                 size_t len);
int __real_varve_port_file_sync(struct varve_port_file *f);
int __wrap_varve_port_file_sync(struct varve_port_file *f);
int __real_varve_port_path_rename(const char *from, const char *to);
int __wrap_varve_port_path_rename(const char *from, const char *to);
int __real_varve_port_path_sync_dir(const char *path);
int __wrap_varve_port_path_sync_dir(const char *path);
int __real_varve_port_path_make_dir(const char *path);
int __wrap_varve_port_path_make_dir(const char *path);
int __real_varve_port_path_space(const char *path, uint64_t *total, uint64_t *available);
int __wrap_varve_port_path_space(const char *path, uint64_t *total, uint64_t *available);

static bool fails(int *countdown)
{
    return faults.armed && *countdown > 0 && --*countdown == 0;
}

int __wrap_varve_port_file_write(struct varve_port_file *f, int64_t offset, const void *buf,
                                 size_t len)
{
    return fails(&faults.write) ? faults.error : __real_varve_port_file_write(f, offset, buf, len);
}

int __wrap_varve_port_file_sync(struct varve_port_file *f)
{
    return fails(&faults.sync) ? faults.error : __real_varve_port_file_sync(f);
}

int __wrap_varve_port_path_rename(const char *from, const char *to)
{
    return fails(&faults.rename) ? faults.error : __real_varve_port_path_rename(from, to);
}

int __wrap_varve_port_path_sync_dir(const char *path)
{
    return fails(&faults.sync_dir) ? faults.error : __real_varve_port_path_sync_dir(path);
}

int __wrap_varve_port_path_make_dir(const char *path)
{
    return fails(&faults.make_dir) ? faults.error : __real_varve_port_path_make_dir(path);
}

int __wrap_varve_port_path_space(const char *path, uint64_t *total, uint64_t *available)
{
    int rc = __real_varve_port_path_space(path, total, available);
    if (faults.space != 0) {
        *available = faults.space;
    }
    return rc;
}

// ---- the bench ----------------------------------------------------------------------------------

static int setup(void **state)
{
    (void)state;
    memset(&faults, 0, sizeof faults);
    fixture_init(&fixture, "all");
    return 0;
}

static int teardown(void **state)
{
    char path[1024];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/backup", temp_dir());
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        (void)snprintf(path, sizeof path, "%s/backup/%s", temp_dir(), e->d_name);
        (void)unlink(path); // but for . and ..
    }
    if (dir != NULL) {
        closedir(dir);
        (void)snprintf(path, sizeof path, "%s/backup", temp_dir());
        assert_int_equal(rmdir(path), 0);
    }
    fixture_end(&fixture);
    return 0;
}

static void set(const char *assignment)
{
    assert_int_equal(varve_conf_set(&fixture.conf, assignment), 0);
}

static void fill(size_t from, size_t to)
{
    const int id = fixture_series(&fixture, "m", VARVE_GAUGE);
    for (size_t i = from; i < to; i++) {
        const struct varve_point p = {fixture_start_ms() + (int64_t)i * 5000, (double)(i % 97)};
        assert_int_equal(varve_host_import(fixture.host, id, &p, 1), 0);
    }
    assert_int_equal(varve_host_flush(fixture.host, 1000), 0);
}

static size_t points_stored(void)
{
    struct answer answer = fixture_query(&fixture, "m", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.rc, 0);
    const size_t n = answer.count;
    answer_free(&answer);
    return n;
}

static int backup_now(char made[VARVE_PATH_TEXT])
{
    faults.armed = true;
    int rc = varve_host_backup(fixture.host, 0, made, VARVE_PATH_TEXT, NULL, NULL);
    faults.armed = false;
    return rc;
}

static struct varve_backend_stats backend_stats(void)
{
    static struct varve_stats stats;
    varve_host_stats(fixture.host, &stats);
    return stats.backends[0];
}

// Files in the directory of backups whose names end so.
static unsigned count(const char *suffix)
{
    char path[512];
    unsigned n = 0;
    (void)snprintf(path, sizeof path, "%s/backup", temp_dir());
    DIR *dir = opendir(path);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        const size_t length = strlen(e->d_name), end = strlen(suffix);
        n += length >= end && strcmp(e->d_name + length - end, suffix) == 0;
    }
    if (dir != NULL) {
        closedir(dir);
    }
    return n;
}

static int find_event(void *arg, const struct varve_event *event)
{
    return strcmp(event->kind, arg) == 0 ? 1 : 0;
}

static bool has_event(const char *kind)
{
    return varve_host_events(fixture.host, INT64_MIN, INT64_MAX, find_event, (void *)kind) == 1;
}

static int64_t long_ago(void)
{
    return varve_port_boot_ms() + INT64_C(1000000000); // later than any pause after a failure
}

static void step_at(int64_t boot_ms)
{
    varve_backup_step(fixture.host, &fixture.host->backends[0], boot_ms);
}

static void corrupt(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    const int c = fgetc(f);
    assert_int_equal(fseek(f, at, SEEK_SET), 0);
    assert_int_not_equal(fputc(c ^ 0x55, f), EOF);
    assert_int_equal(fclose(f), 0);
}

// ---- what a backup is ---------------------------------------------------------------------------

static const char *store_path(void)
{
    static char store[512];
    (void)snprintf(store, sizeof store, "%s/test.db", temp_dir());
    return store;
}

static int restore(struct varve_restore *r, const char *from)
{
    static uint8_t buf[4096];
    *r = (struct varve_restore){.from = from,
                                .store = store_path(),
                                .unix_ms = varve_port_wall_ms(),
                                .buf = buf,
                                .buf_bytes = sizeof buf};
    return varve_restore(r);
}

static void restored_it_has_what_was_stored(const char *journal)
{
    char setting[64], made[VARVE_PATH_TEXT], why[VARVE_MESSAGE_TEXT];
    (void)snprintf(setting, sizeof setting, "backend flash.journal=%s", journal);
    set(setting);
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    assert_int_equal(backup_now(made), 0);
    assert_int_equal(varve_host_verify_backup(fixture.host, 0, made, why, sizeof why), 0);
    fill(POINTS, 2 * POINTS);
    assert_int_equal(points_stored(), 2 * POINTS);
    fixture_close(&fixture);

    struct varve_restore r;
    assert_int_equal(restore(&r, made), 0);
    assert_int_equal(access(r.kept, F_OK), 0);
    fixture_open(&fixture, 0);
    assert_int_equal(points_stored(), POINTS);
    fill(POINTS, POINTS + 100); // and takes more
    assert_int_equal(points_stored(), POINTS + 100);
    fixture_close(&fixture);

    assert_int_equal(varve_restore_undo(&r), 0);
    fixture_open(&fixture, 0);
    assert_int_equal(points_stored(), 2 * POINTS);
    fixture_close(&fixture);
}

static void a_backup_under_a_wal_holds_what_was_stored(void **state)
{
    (void)state;
    restored_it_has_what_was_stored("wal");
}

static void a_backup_in_place_holds_what_was_stored(void **state)
{
    (void)state;
    restored_it_has_what_was_stored("inplace");
}

static void a_backup_that_is_not_there_changes_nothing(void **state)
{
    struct varve_restore r;
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    fixture_close(&fixture);
    assert_int_equal(restore(&r, "/none.db"), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(r.why, "none.db"));
    assert_string_equal(r.kept, "");
    fixture_open(&fixture, 0);
    assert_int_equal(points_stored(), POINTS);
    fixture_close(&fixture);
}

static void a_missing_store_is_made(void **state)
{
    char made[VARVE_PATH_TEXT];
    struct varve_restore r;
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    assert_int_equal(backup_now(made), 0);
    fixture_close(&fixture);
    assert_int_equal(unlink(store_path()), 0);
    assert_int_equal(restore(&r, made), 0);
    assert_string_equal(r.kept, "");
    fixture_open(&fixture, 0);
    assert_int_equal(points_stored(), POINTS);
    fixture_close(&fixture);
}

static void blocks_written_in_place_are_in_the_backup(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    set("backend flash.journal=inplace");
    set("tiers.raw=5s keep 10m");
    fixture_open(&fixture, 0);
    fill(0, POINTS); // expired slots are overwritten many times
    const size_t stored = points_stored();
    assert_int_equal(backup_now(made), 0);
    fixture_close(&fixture);
    char path[512];
    (void)snprintf(path, sizeof path, "backend flash.path=%s", made);
    set(path);
    fixture_open(&fixture, VARVE_HOST_READ_ONLY);
    assert_int_equal(points_stored(), stored);
    fixture_close(&fixture);
}

static void its_bytes_are_in_the_ledger_as_a_backup(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    const struct varve_backend_stats before = backend_stats();
    assert_int_equal(backup_now(made), 0);
    const struct varve_backend_stats after = backend_stats();
    FILE *f = fopen(made, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    assert_int_equal(after.backup_bytes, ftell(f));
    assert_int_equal(fclose(f), 0);
    assert_true(after.flash_bytes_by[VARVE_WRITE_BACKUP] >= after.backup_bytes);
    assert_int_equal(after.flash_bytes_by[VARVE_WRITE_DATA],
                     before.flash_bytes_by[VARVE_WRITE_DATA]);
    assert_int_equal(after.flash_bytes_by[VARVE_WRITE_JOURNAL],
                     before.flash_bytes_by[VARVE_WRITE_JOURNAL]);
    assert_int_equal(count(""), 1 + 2); // nothing is left beside it but . and ..
    assert_int_equal(after.backups, 1);
    assert_int_equal(after.backup_failures, 0);
    assert_in_range(after.backup_ms, varve_port_wall_ms() - 60000, varve_port_wall_ms() + 2000);
    assert_true(has_event("backup_ok"));
    fixture_close(&fixture);
}

static void damage_is_found(void **state)
{
    char made[VARVE_PATH_TEXT], why[VARVE_MESSAGE_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    assert_int_equal(backup_now(made), 0);
    const uint64_t bytes = backend_stats().backup_bytes;
    unsigned found = 0;
    for (uint64_t at = 100; at < bytes; at += 4096 * 3) {
        corrupt(made, (long)at);
        found += varve_host_verify_backup(fixture.host, 0, made, why, sizeof why) < 0;
        corrupt(made, (long)at);
    }
    assert_true(found > 0);
    assert_int_equal(varve_host_verify_backup(fixture.host, 0, made, why, sizeof why), 0);
    assert_int_equal(truncate(made, (off_t)bytes / 2), 0);
    assert_int_equal(varve_host_verify_backup(fixture.host, 0, made, why, sizeof why),
                     VARVE_E_CORRUPT);
    assert_non_null(strstr(why, made));
    fixture_close(&fixture);
}

static void what_is_no_store_is_refused(void **state)
{
    char path[512], why[VARVE_MESSAGE_TEXT];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/notes.txt", temp_dir());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++) {
        assert_true(fputs("these are no metrics\n", f) >= 0);
    }
    assert_int_equal(fclose(f), 0);
    fixture_open(&fixture, 0);
    assert_int_equal(varve_host_verify_backup(fixture.host, 0, path, why, sizeof why),
                     VARVE_E_CORRUPT);
    assert_int_not_equal(
        varve_host_verify_backup(fixture.host, 0, "/nowhere/x.db", why, sizeof why), 0);
    assert_true(why[0] != '\0');
    fixture_close(&fixture);
}

// ---- steps that fail ----------------------------------------------------------------------------

static void expect_failure(int error)
{
    char made[VARVE_PATH_TEXT];
    const unsigned before = count(".db");
    const struct varve_backend_stats stats = backend_stats();
    faults.error = error;
    assert_int_equal(backup_now(made), error);
    assert_true(made[0] != '\0'); // the sentence
    assert_int_equal(count(".db"), before);
    assert_int_equal(count(".tmp"), 0);
    assert_int_equal(backend_stats().backup_failures, stats.backup_failures + 1);
    assert_true(has_event("backup_failed"));
}

static void a_step_that_fails_leaves_the_backups_that_were_there(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    faults.make_dir = 1;
    expect_failure(VARVE_E_DENIED);
    assert_int_equal(backup_now(made), 0);
    faults.write = 1;
    expect_failure(VARVE_E_IO);
    faults.write = 20;
    expect_failure(VARVE_E_NO_SPACE);
    faults.sync = 1;
    expect_failure(VARVE_E_IO);
    faults.rename = 1;
    expect_failure(VARVE_E_IO);
    assert_int_equal(backup_now(made), 0); // and the next one is made
    assert_int_equal(count(".db"), 2);
    assert_int_equal(points_stored(), POINTS);
    fixture_close(&fixture);
}

static void a_directory_that_cannot_be_synced_is_a_failure(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, 500);
    assert_int_equal(backup_now(made), 0);
    faults.sync_dir = 1;
    faults.error = VARVE_E_IO;
    assert_int_equal(backup_now(made), VARVE_E_IO);
    fixture_close(&fixture);
}

static void without_room_nothing_is_begun(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, POINTS);
    faults.space = 100000;
    const uint64_t written = backend_stats().flash_bytes;
    expect_failure(VARVE_E_NO_SPACE);
    assert_int_equal(backup_now(made), VARVE_E_NO_SPACE);
    assert_non_null(strstr(made, "97 KiB free"));
    assert_int_equal(backend_stats().flash_bytes, written);
    fixture_close(&fixture);
}

// ---- when ---------------------------------------------------------------------------------------

// Not with fixture_open(): a host without collectors makes none by itself.
static void open_daemon(void)
{
    fixture_open(&fixture, 0);
    fill(0, 500);
    fixture.host->flags &= ~(unsigned)VARVE_HOST_NO_COLLECTORS;
}

static void the_schedule_follows_the_names_of_the_files(void **state)
{
    (void)state;
    set("backup.every=2h");
    open_daemon();
    const int64_t start_ms = varve_port_boot_ms();
    step_at(start_ms + 59 * 60000);
    assert_int_equal(count(".db"), 0);
    step_at(start_ms + 61 * 60000); // the first comes within the hour
    assert_int_equal(count(".db"), 1);
    step_at(start_ms + 1000 * 60000);
    assert_int_equal(count(".db"), 1); // by the clock it was made just now
    fixture_close(&fixture);
    open_daemon();
    step_at(varve_port_boot_ms() + 1000 * 60000);
    assert_int_equal(count(".db"), 1); // and a restart knows
    fixture.host->backends[0].backup.last_ms -= 3 * INT64_C(3600000);
    step_at(varve_port_boot_ms());
    assert_int_equal(count(".db"), 2);
    fixture_close(&fixture);
}

static void n_are_kept(void **state)
{
    (void)state;
    char made[VARVE_PATH_TEXT];
    set("backup.keep=2");
    fixture_open(&fixture, 0);
    fill(0, 500);
    for (int i = 0; i < 5; i++) {
        fixture.host->timebase.offset_ms += 10000;
        assert_int_equal(backup_now(made), 0);
    }
    assert_int_equal(count(".db"), 2);
    assert_int_equal(access(made, F_OK), 0);
    fixture_close(&fixture);
}

static void start_and_stop_make_one_each(void **state)
{
    (void)state;
    set("backup.at_start=yes");
    set("backup.at_stop=yes");
    open_daemon();
    step_at(varve_port_boot_ms());
    assert_int_equal(count(".db"), 1);
    step_at(long_ago());
    assert_int_equal(count(".db"), 1);
    fixture_close(&fixture);
    assert_int_equal(count(".db"), 2);
}

static void a_clock_that_is_not_plausible_puts_it_off(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    set("backup.at_start=yes");
    set("backup.keep=1");
    open_daemon();
    fixture.host->timebase.trusted = false;
    step_at(varve_port_boot_ms());
    assert_int_equal(count(".db"), 0);
    assert_int_equal(backup_now(made), VARVE_E_CLOCK);
    fixture.host->timebase.trusted = true;
    step_at(long_ago());
    assert_int_equal(count(".db"), 1);
    fixture_close(&fixture);
}

static void a_worn_flash_puts_off_all_but_those_that_are_asked_for(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    set("backup.at_start=yes");
    open_daemon();
    varve_wear_set_level(fixture.host, 3, varve_port_boot_ms());
    step_at(varve_port_boot_ms());
    assert_int_equal(count(".db"), 0);
    assert_true(has_event("backup_postponed"));
    assert_int_equal(backup_now(made), 0);
    varve_wear_set_level(fixture.host, 2, varve_port_boot_ms());
    fixture.host->timebase.offset_ms += 2000;
    step_at(varve_port_boot_ms());
    assert_int_equal(count(".db"), 2 - 1); // the one that was asked for counts as that at start
    fixture_close(&fixture);
}

static void leftovers_go_at_the_start(void **state)
{
    char made[VARVE_PATH_TEXT], temp[VARVE_PATH_TEXT + 8];
    (void)state;
    fixture_open(&fixture, 0);
    fill(0, 500);
    assert_int_equal(backup_now(made), 0);
    fixture_close(&fixture);
    (void)snprintf(temp, sizeof temp, "%s.tmp", made);
    assert_int_equal(link(made, temp), 0);
    fixture_open(&fixture, 0); // a tool beside a daemon takes nothing away
    assert_int_equal(count(".tmp"), 1);
    fixture.host->flags &= ~(unsigned)VARVE_HOST_NO_COLLECTORS;
    assert_int_equal(varve_backups_init(fixture.host), 0);
    assert_int_equal(count(".tmp"), 0);
    assert_int_equal(count(".db"), 1);
    fixture_close(&fixture);
}

static void a_backend_without_backups_says_so(void **state)
{
    char made[VARVE_PATH_TEXT];
    (void)state;
    fixture_open(&fixture, 0);
    assert_int_equal(varve_host_backup(fixture.host, 1, made, sizeof made, NULL, NULL),
                     VARVE_E_NOT_FOUND);
    fixture.host->backends[0].backup.buf = NULL;
    assert_int_equal(backup_now(made), VARVE_E_UNSUPPORTED);
    fixture_close(&fixture);
    fixture_open(&fixture, VARVE_HOST_READ_ONLY);
    assert_int_equal(backup_now(made), VARVE_E_READ_ONLY);
    fixture_close(&fixture);
}

#define BENCH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BENCH(a_backup_under_a_wal_holds_what_was_stored),
        BENCH(a_backup_in_place_holds_what_was_stored),
        BENCH(a_backup_that_is_not_there_changes_nothing),
        BENCH(a_missing_store_is_made),
        BENCH(blocks_written_in_place_are_in_the_backup),
        BENCH(its_bytes_are_in_the_ledger_as_a_backup),
        BENCH(damage_is_found),
        BENCH(what_is_no_store_is_refused),
        BENCH(a_step_that_fails_leaves_the_backups_that_were_there),
        BENCH(a_directory_that_cannot_be_synced_is_a_failure),
        BENCH(without_room_nothing_is_begun),
        BENCH(the_schedule_follows_the_names_of_the_files),
        BENCH(n_are_kept),
        BENCH(start_and_stop_make_one_each),
        BENCH(a_clock_that_is_not_plausible_puts_it_off),
        BENCH(a_worn_flash_puts_off_all_but_those_that_are_asked_for),
        BENCH(leftovers_go_at_the_start),
        BENCH(a_backend_without_backups_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
