// SPDX-License-Identifier: Apache-2.0
// What a host does with a damaged store beyond the rescue of its blocks, which tests/damage proves:
// what is told, what is kept and for how long, what is left alone, and what happens without room.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include "tests/damage/damage.h"
#include "varve/port.h"

static struct varve_host *host;

static const struct kind *kind_called(const char *name)
{
    const struct kind *kind = kinds;
    while (strcmp(kind->name, name) != 0) {
        kind++;
    }
    return kind;
}

static void open_host(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
    const int rc = kind_open(&host, 0, why, sizeof why);
    if (rc != 0) {
        fail_msg("the host does not start: %d %s", rc, why);
    }
}

static void close_host(void)
{
    assert_int_equal(varve_host_shutdown(host), 0);
}

static struct varve_backend_stats stats_now(void)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    return stats.backends[0];
}

static int64_t size_of(const char *path)
{
    struct varve_port_file file;
    if (varve_port_file_open(&file, path, 0) != 0) {
        return 0;
    }
    const int64_t size = varve_port_file_size(&file);
    varve_port_file_close(&file);
    return size;
}

static void overwrite(const char *path, int64_t at, uint8_t byte, size_t n)
{
    static uint8_t bytes[4096];
    struct varve_port_file file;
    memset(bytes, byte, sizeof bytes);
    assert_int_equal(varve_port_file_open(&file, path, VARVE_OPEN_WRITE | VARVE_OPEN_CREATE), 0);
    for (; n > 0; n -= n < sizeof bytes ? n : sizeof bytes) {
        const size_t part = n < sizeof bytes ? n : sizeof bytes;
        assert_int_equal(varve_port_file_write(&file, at, bytes, part), 0);
        at += (int64_t)part;
    }
    assert_int_equal(varve_port_file_sync(&file), 0);
    varve_port_file_close(&file);
}

// The second page is the root of the first table.
static void damage(void)
{
    overwrite(STORE, 4096, 0xff, 4096);
}

struct kept {
    unsigned count;
    int64_t bytes;
    char last[VARVE_PATH_TEXT];
};

static void on_kept(const char *name, void *arg)
{
    struct kept *kept = arg;
    char path[VARVE_PATH_TEXT];
    if (strncmp(name, "test-damaged-", 13) == 0) {
        (void)snprintf(path, sizeof path, "/state/%s", name);
        kept->count++;
        kept->bytes += size_of(path);
        if (strcmp(path, kept->last) > 0) {
            memcpy(kept->last, path, sizeof path);
        }
    }
}

static struct kept kept_now(void)
{
    struct kept kept = {0};
    assert_int_equal(varve_port_dir_list("/state", ".db", on_kept, &kept), 0);
    return kept;
}

struct wanted {
    const char *kind;
    struct varve_event event;
    unsigned count;
};

static int on_event(void *arg, const struct varve_event *event)
{
    struct wanted *wanted = arg;
    if (strcmp(event->kind, wanted->kind) == 0) {
        wanted->event = *event;
        wanted->count++;
    }
    return 0;
}

static struct wanted events_called(const char *kind)
{
    struct wanted wanted = {.kind = kind};
    assert_int_equal(kind_push(host, 2), 0); // events have a time then
    assert_int_equal(varve_host_events(host, INT64_MIN, INT64_MAX, on_event, &wanted), 0);
    return wanted;
}

// ---- behaviour ----------------------------------------------------------------------------------

static void a_salvage_is_told_with_its_numbers_and_the_file_is_kept(void **state)
{
    (void)state;
    kind_live(kind_called("closed"), 1);
    const int64_t size = size_of(STORE);
    damage();
    open_host();
    const struct varve_backend_stats b = stats_now();
    const struct wanted told = events_called("store_salvaged");
    const struct kept kept = kept_now();
    assert_int_equal(b.salvages, 1);
    assert_true(b.salvage_blocks > 20);
    assert_int_equal(told.count, 1);
    assert_int_equal(told.event.severity, VARVE_ERROR);
    assert_true(told.event.has_value);
    assert_non_null(strstr(told.event.payload, "\"blocks\":"));
    assert_non_null(strstr(told.event.payload, strrchr(kept.last, '/') + 1));
    assert_int_equal(kept.count, 1);
    assert_int_equal(kept.bytes, size);
    assert_int_not_equal(varve_port_path_exists(STORE ".salvage.tmp-journal"), 0);
    close_host();
    open_host();
    assert_int_equal(stats_now().salvages, 0);
    close_host();
}

static void the_quarantine_keeps_its_cap(void **state)
{
    char newest[VARVE_PATH_TEXT] = "";
    (void)state;
    kind_live(kind_called("closed"), 2);
    for (int i = 0; i < 6; i++) {
        damage();
        open_host();
        assert_int_equal(stats_now().salvages, 1);
        close_host();
        const struct kept kept = kept_now();
        assert_true(kept.bytes <= 1 << 20); // [backup] quarantine of the test
        assert_true(kept.count >= 1);
        if (strcmp(kept.last, newest) <= 0) {
            fail_msg("%s is not newer than %s", kept.last, newest);
        }
        (void)snprintf(newest, sizeof newest, "%s", kept.last);
        varve_sim_advance(5000);
    }
    assert_true(kept_now().count < 6);
}

static void without_room_a_damaged_store_is_used_as_it_is(void **state)
{
    struct varve_port_file file;
    uint64_t total, available;
    (void)state;
    kind_live(kind_called("closed"), 3);
    (void)varve_port_path_remove(STORE "-wal"); // copied back at the stop
    overwrite(STORE, 39, 0x55, 1);              // the number of free pages: only a check sees it
    assert_int_equal(varve_port_path_space("/state", &total, &available), 0);
    assert_int_equal(
        varve_port_file_open(&file, "/state/others", VARVE_OPEN_WRITE | VARVE_OPEN_CREATE), 0);
    assert_int_equal(varve_port_file_preallocate(&file, (int64_t)available - (300 << 10)), 0);
    varve_port_file_close(&file);
    open_host();
    assert_int_equal(stats_now().salvages, 0);
    assert_int_equal(kept_now().count, 0);
    assert_int_equal(varve_port_path_remove("/state/others"), 0);
    assert_int_equal(events_called("store_damaged").count, 1);
    (void)varve_host_shutdown(host); // some of it cannot be written
    open_host();                     // there is room now
    assert_int_equal(events_called("store_damaged").count, 1);
    close_host();
}

static void what_is_beyond_salvage_is_set_aside_and_restored(void **state)
{
    (void)state;
    kind_live(kind_called("small"), 4);
    overwrite(STORE, 0, 0, (size_t)size_of(STORE));
    assert_int_equal(varve_port_path_remove(STORE "-wal"), 0);
    open_host();
    assert_int_equal(stats_now().salvage_blocks, 0);
    assert_true(stats_now().salvage_restored > 10);
    assert_int_equal(kept_now().count, 1);
    close_host();
}

static void a_blank_store_without_a_backup_is_begun_anew(void **state)
{
    (void)state;
    kind_live(kind_called("closed"), 5);
    overwrite(STORE, 0, 0, (size_t)size_of(STORE));
    (void)varve_port_path_remove(STORE "-wal"); // it may be gone
    open_host();
    assert_int_equal(kept_now().count, 1);
    assert_int_equal(kind_push(host, 5), 0);
    close_host();
}

static void what_is_not_ours_is_left_alone(void **state)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
    (void)state;
    kind_live(kind_called("closed"), 6);
    overwrite(STORE, 0, 'x', (size_t)size_of(STORE));
    (void)varve_port_path_remove(STORE "-wal"); // it may be gone
    assert_int_equal(kind_open(&host, 0, why, sizeof why), VARVE_E_CORRUPT);
    assert_non_null(strstr(why, "not a SQLite database"));
    assert_int_equal(kept_now().count, 0);
    assert_int_equal(varve_port_path_exists(STORE), 0);
}

// Names with a wrong letter are names, too: only the checksum tells.
static void damage_names(void)
{
    static uint8_t bytes[1 << 20];
    struct varve_port_file file;
    assert_int_equal(varve_port_file_open(&file, STORE, 0), 0);
    const int64_t n = varve_port_file_read(&file, 0, bytes, sizeof bytes);
    varve_port_file_close(&file);
    for (int64_t i = 0; i + 8 < n; i++) {
        if (memcmp(bytes + i, "metric_5", 8) == 0) {
            overwrite(STORE, i, 'x', 1);
        }
    }
}

static unsigned count_names(const char *prefix)
{
    struct varve_series_def def;
    unsigned count = 0;
    for (varve_series_id id = 0; varve_host_series(host, &id, &def) == 0; id++) {
        count += strncmp(def.text, prefix, strlen(prefix)) == 0;
    }
    return count;
}

static void a_name_that_is_damaged_is_lost_but_its_history_is_not(void **state)
{
    (void)state;
    kind_live(kind_called("closed"), 7);
    damage_names();
    open_host();
    const struct wanted told = events_called("store_salvaged");
    assert_int_equal(told.count, 1);
    assert_non_null(strstr(told.event.payload, "\"lost\":0,\"names_lost\":12"));
    assert_int_equal(count_names("varve_lost_series{"), 12);
    assert_int_equal(count_names("xetric"), 0);
    close_host();
    open_host();
    assert_int_equal(stats_now().salvages, 0); // and not again: it is written anew
    assert_int_equal(count_names("varve_lost_series{"), 12);
    close_host();
}

static void a_name_that_is_damaged_comes_from_the_backup(void **state)
{
    static struct kind stopped;
    (void)state;
    stopped = *kind_called("backup");
    stopped.stops = true;
    kind_live(&stopped, 9);
    damage_names();
    open_host();
    assert_int_equal(stats_now().salvages, 1);
    assert_int_equal(count_names("varve_lost_series{"), 0);
    assert_int_equal(count_names("xetric"), 0);
    assert_int_equal(count_names("metric_5"), 12);
    close_host();
}

static void damage_under_an_open_store_is_salvaged_without_a_restart(void **state)
{
    (void)state;
    kind_live(kind_called("small"), 8);
    open_host();
    const uint32_t before = stats_now().salvages;
    overwrite(STORE, 1024, 0xff, (size_t)size_of(STORE) / 2);
    for (int i = 0; i < 400 && stats_now().salvages == before; i++) {
        (void)kind_push(host, 10); // a commit fails before it is opened anew
    }
    assert_int_equal(stats_now().salvages, before + 1);
    for (int i = 0; i < 100 && stats_now().state != 0; i++) {
        (void)kind_push(host, 10);
    }
    assert_int_equal(stats_now().state, 0);
    assert_true(stats_now().salvage_blocks + stats_now().salvage_restored > 0);
    assert_int_equal(stats_now().blocks_dropped, 0);
    assert_int_equal(kept_now().count, 1);
    close_host();
    open_host();
    assert_int_equal(stats_now().salvages, 0);
    close_host();
}

static void cut(const char *path, int64_t size)
{
    struct varve_port_file file;
    assert_int_equal(varve_port_file_open(&file, path, VARVE_OPEN_WRITE), 0);
    assert_int_equal(varve_port_file_truncate(&file, size), 0);
    varve_port_file_close(&file);
}

// A block that begins on the third page of 8 KiB, which is the fifth of 4 KiB, fits both.
static void pages_have_the_likely_size_where_blocks_fit_another_as_well(void **state)
{
    (void)state;
    kind_live(kind_called("wal"), 10);
    overwrite(STORE, 0, 0xff, 4096);
    cut(STORE, 7 * 4096);
    open_host();
    assert_int_equal(stats_now().salvages, 1);
    assert_true(stats_now().salvage_blocks > 10); // of the WAL
    close_host();
}

static void a_header_that_states_another_page_size_is_not_believed(void **state)
{
    (void)state;
    kind_live(kind_called("inplace"), 13);
    overwrite(STORE, 16, 8, 1); // 2 KiB instead of 4
    open_host();
    assert_int_equal(stats_now().salvages, 1);
    assert_int_equal(stats_now().salvage_lost, 0);
    assert_true(stats_now().salvage_blocks > 30);
    close_host();
}

static void pages_have_the_size_that_the_wal_states(void **state)
{
    static struct kind small;
    (void)state;
    small = *kind_called("small");
    small.backup = "";
    kind_live(&small, 11);
    overwrite(STORE, 0, 0xff, (size_t)size_of(STORE));
    kind_configure(kind_called("wal")); // whose pages are of 4 KiB
    open_host();
    assert_int_equal(stats_now().salvages, 1);
    assert_true(stats_now().salvage_blocks > 1);
    close_host();
}

static void open_salvages_all(void)
{
    open_host();
    assert_int_equal(stats_now().salvages, 1);
    assert_int_equal(stats_now().salvage_lost, 0);
    assert_true(stats_now().salvage_blocks > 30);
    close_host();
}

static void a_wal_without_its_beginning_is_read_from_its_first_whole_frame(void **state)
{
    (void)state;
    kind_live(kind_called("wal"), 12);
    overwrite(STORE "-wal", 0, 0xff, 8192); // the first frame, and the header of the second
    open_salvages_all();
}

// No sum covers them: a frame with a wrong one adds up.
static void one_frame_with_damaged_salts_is_not_believed(void **state)
{
    (void)state;
    kind_live(kind_called("wal"), 12);
    overwrite(STORE "-wal", 1, 0x75, 1);          // of the magic
    overwrite(STORE "-wal", 32 + 8 + 4, 0xd1, 1); // of the first frame's salts
    open_salvages_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_salvage_is_told_with_its_numbers_and_the_file_is_kept),
        cmocka_unit_test(the_quarantine_keeps_its_cap),
        cmocka_unit_test(without_room_a_damaged_store_is_used_as_it_is),
        cmocka_unit_test(what_is_beyond_salvage_is_set_aside_and_restored),
        cmocka_unit_test(a_blank_store_without_a_backup_is_begun_anew),
        cmocka_unit_test(what_is_not_ours_is_left_alone),
        cmocka_unit_test(a_name_that_is_damaged_is_lost_but_its_history_is_not),
        cmocka_unit_test(a_name_that_is_damaged_comes_from_the_backup),
        cmocka_unit_test(damage_under_an_open_store_is_salvaged_without_a_restart),
        cmocka_unit_test(pages_have_the_likely_size_where_blocks_fit_another_as_well),
        cmocka_unit_test(a_header_that_states_another_page_size_is_not_believed),
        cmocka_unit_test(pages_have_the_size_that_the_wal_states),
        cmocka_unit_test(a_wal_without_its_beginning_is_read_from_its_first_whole_frame),
        cmocka_unit_test(one_frame_with_damaged_salts_is_not_believed),
    };
    return cmocka_run_group_tests_name("salvage", tests, NULL, NULL);
}
