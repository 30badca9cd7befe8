// SPDX-License-Identifier: Apache-2.0
// Names of backups, and which of them go.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/backup_files.h"
#include "tests/unit/temp_dir.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1795224600000) // 2026-11-21T01:30:00Z

static struct varve_backup_place place;

static int setup(void **state)
{
    int rc = temp_dir_make(state);
    assert_int_equal(varve_backup_place_init(&place, "/nowhere", temp_dir(), "/var/varve.db"), 0);
    return rc;
}

static void touch(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", place.dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
}

static void touch_at(int64_t time_ms, const char *suffix)
{
    char path[VARVE_PATH_TEXT];
    assert_int_equal(varve_backup_path(&place, time_ms, suffix, path, sizeof path), 0);
    touch(strrchr(path, '/') + 1);
}

static bool is_there(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", place.dir, name);
    return access(path, F_OK) == 0;
}

static bool is_there_at(int64_t time_ms)
{
    char path[VARVE_PATH_TEXT];
    assert_int_equal(varve_backup_path(&place, time_ms, "", path, sizeof path), 0);
    return is_there(strrchr(path, '/') + 1);
}

// ---- names --------------------------------------------------------------------------------------

static void a_name_carries_store_and_time(void **state)
{
    char path[VARVE_PATH_TEXT];
    (void)state;
    assert_int_equal(varve_backup_path(&place, NOW, "", path, sizeof path), 0);
    assert_string_equal(strrchr(path, '/'), "/varve-20261121T013000Z.db");
    assert_int_equal(varve_backup_path(&place, NOW, ".tmp", path, sizeof path), 0);
    assert_string_equal(strrchr(path, '/'), "/varve-20261121T013000Z.db.tmp");
    assert_int_equal(varve_backup_path(&place, NOW, "", path, 20), VARVE_E_TOO_BIG);
}

static void every_day_is_read_back(void **state)
{
    (void)state;
    for (int64_t day = 0; day < 366 * 130; day++) { // leap years, and 2100 which is none
        const int64_t time_ms = day * DAY + (day * 7919 % 86400) * 1000;
        char path[VARVE_PATH_TEXT];
        int64_t back_ms = -1;
        assert_int_equal(varve_backup_path(&place, time_ms, "", path, sizeof path), 0);
        assert_int_equal(varve_backup_time(&place, strrchr(path, '/') + 1, "", &back_ms), 0);
        assert_int_equal(back_ms, time_ms);
    }
}

static void days_are_those_of_the_calendar(void **state)
{
    static const struct {
        const char *name;
        int64_t day;
    } cases[] = {{"varve-19700101T000000Z.db", 0},
                 {"varve-20000229T000000Z.db", 11016},
                 {"varve-20260101T000000Z.db", 20454},
                 {"varve-21000301T000000Z.db", 47541}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = -1;
        assert_int_equal(varve_backup_time(&place, cases[i].name, "", &time_ms), 0);
        assert_int_equal(time_ms, cases[i].day * DAY);
    }
}

static void names_of_others_are_refused(void **state)
{
    static const char *const names[] = {
        "",
        "varve.db",
        "varve-20261121T013000Z",
        "varve-20261121T013000Z.db.tmp",
        "varve-20261121T013000Z.dbx",
        "varve-20261121 013000Z.db",
        "varve-20261121T01300xZ.db",
        "varve-20261321T013000Z.db",
        "varve-20261100T013000Z.db",
        "varve-19691231T235959Z.db",
        "other-20261121T013000Z.db",
        "varve2-20261121T013000Z.db",
        "varve-replaced-20261121T013000Z.db",
        "x",
    };
    int64_t time_ms;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(varve_backup_time(&place, names[i], "", &time_ms), VARVE_E_NOT_FOUND);
    }
}

static void a_place_follows_state_and_store(void **state)
{
    struct varve_backup_place p;
    char longer[VARVE_PATH_TEXT + 8];
    (void)state;
    assert_int_equal(varve_backup_place_init(&p, "/state", "backup", "/state/a.b.db"), 0);
    assert_string_equal(p.dir, "/state/backup");
    assert_string_equal(p.prefix, "a.b");
    assert_int_equal(varve_backup_place_init(&p, "/state", "/mnt/usb", "plain"), 0);
    assert_string_equal(p.dir, "/mnt/usb");
    assert_string_equal(p.prefix, "plain");
    memset(longer, 'x', sizeof longer);
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(varve_backup_place_init(&p, "/s", longer, "a.db"), VARVE_E_TOO_BIG);
    assert_int_equal(varve_backup_place_init(&p, "/s", "b", longer), VARVE_E_TOO_BIG);
    assert_int_equal(varve_backup_place_init(&p, "/s", "b", "/dir/"), VARVE_E_TOO_BIG);
}

// ---- what is there ------------------------------------------------------------------------------

static void no_directory_has_no_backups(void **state)
{
    struct varve_backup_place none;
    int64_t time_ms;
    (void)state;
    assert_int_equal(varve_backup_place_init(&none, temp_dir(), "missing", "varve.db"), 0);
    assert_int_equal(varve_backup_newest(&none, INT64_MAX, &time_ms), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_backup_prune(&none, NOW, 1, NOW - DAY), 0);
    assert_int_equal(varve_backup_sweep(&none), 0);
}

static void backups_come_in_the_order_of_time(void **state)
{
    int64_t time_ms = INT64_MIN;
    uint32_t count = 0;
    (void)state;
    touch_at(NOW - 2 * DAY, "");
    touch_at(NOW, "");
    touch_at(NOW - 1 * DAY, "");
    touch_at(NOW + DAY, VARVE_BACKUP_TEMP);
    for (int64_t ago = 2; ago >= 0; ago--) {
        assert_int_equal(varve_backup_next(&place, time_ms, INT64_MAX, &time_ms, &count), 0);
        assert_int_equal(time_ms, NOW - ago * DAY);
        assert_int_equal(count, ago + 1);
    }
    assert_int_equal(varve_backup_next(&place, time_ms, INT64_MAX, &time_ms, NULL),
                     VARVE_E_NOT_FOUND);
    assert_int_equal(varve_backup_newest(&place, NOW - 1, &time_ms), 0);
    assert_int_equal(time_ms, NOW - DAY);
}

// ---- what goes ----------------------------------------------------------------------------------

static void the_newest_n_are_kept(void **state)
{
    (void)state;
    for (int64_t ago = 0; ago < 10; ago++) {
        touch_at(NOW - ago * DAY, "");
    }
    touch("other-20200101T000000Z.db");
    touch("varve.db");
    assert_int_equal(varve_backup_prune(&place, NOW, 3, NOW - 100 * DAY), 7);
    for (int64_t ago = 0; ago < 10; ago++) {
        assert_int_equal(is_there_at(NOW - ago * DAY), ago < 3);
    }
    assert_true(is_there("other-20200101T000000Z.db") && is_there("varve.db"));
}

static void what_is_too_old_goes_but_never_the_newest(void **state)
{
    (void)state;
    for (int64_t ago = 40; ago < 45; ago++) {
        touch_at(NOW - ago * DAY, "");
    }
    assert_int_equal(varve_backup_prune(&place, NOW, 5, NOW - 42 * DAY), 2);
    assert_true(is_there_at(NOW - 42 * DAY) && !is_there_at(NOW - 43 * DAY));
    assert_int_equal(varve_backup_prune(&place, NOW, 5, NOW - DAY), 2);
    assert_true(is_there_at(NOW - 40 * DAY));
    assert_int_equal(varve_backup_prune(&place, NOW, 5, NOW - DAY), 0);
}

static void backups_of_a_future_are_neither_counted_nor_removed(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 4; i++) {
        touch_at(NOW + (i + 1) * 1000 * DAY, "");
        touch_at(NOW - i * DAY, "");
    }
    assert_int_equal(varve_backup_prune(&place, NOW, 2, NOW - 100 * DAY), 2);
    for (int64_t i = 0; i < 4; i++) {
        assert_true(is_there_at(NOW + (i + 1) * 1000 * DAY));
        assert_int_equal(is_there_at(NOW - i * DAY), i < 2);
    }
}

static void only_own_leftovers_are_swept(void **state)
{
    (void)state;
    touch_at(NOW, VARVE_BACKUP_TEMP);
    touch_at(NOW - DAY, VARVE_BACKUP_TEMP);
    touch_at(NOW - DAY, ".tmp-journal");
    touch_at(NOW, "");
    touch("other-20261121T013000Z.db.tmp");
    touch("notes.tmp");
    assert_int_equal(varve_backup_sweep(&place), 3);
    assert_true(is_there_at(NOW) && is_there("other-20261121T013000Z.db.tmp"));
    assert_true(is_there("notes.tmp") && !is_there("varve-20261121T013000Z.db.tmp"));
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, setup, temp_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_DIR(a_name_carries_store_and_time),
        IN_DIR(every_day_is_read_back),
        IN_DIR(days_are_those_of_the_calendar),
        IN_DIR(names_of_others_are_refused),
        IN_DIR(a_place_follows_state_and_store),
        IN_DIR(no_directory_has_no_backups),
        IN_DIR(backups_come_in_the_order_of_time),
        IN_DIR(the_newest_n_are_kept),
        IN_DIR(what_is_too_old_goes_but_never_the_newest),
        IN_DIR(backups_of_a_future_are_neither_counted_nor_removed),
        IN_DIR(only_own_leftovers_are_swept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
