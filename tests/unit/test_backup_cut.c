// SPDX-License-Identifier: Apache-2.0
// A backup, and a restore, on the simulated device, the power cut at one flash operation after the
// other: whatever the moment, every backup that has its name is whole, and the store is the old one
// or the new one.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>

#include "core/restore.h"
#include "ports/sim/sim.h"
#include "varve/query.h"

#define WALL_MS INT64_C(1767312000000) // 2026-01-02, a day's beginning
#define STEP_MS 5000
#define N       600
#define STORE   "/state/varve.db"

extern const struct varve_plugin varve_backend_sqlite;

static const struct varve_plugin *const plugins[] = {&varve_backend_sqlite, NULL};
static struct varve_registry registry;
static struct varve_conf conf;
static struct varve_host *host;
static uint8_t memory[24u << 20] __attribute__((aligned(64)));
static uint8_t work[VARVE_QUERY_MEMORY] __attribute__((aligned(64)));

static void make_device(const char *journal)
{
    char why[128], setting[64];
    struct varve_sim_device device;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.capacity_bytes = 32u << 20;
    device.erase_block_bytes = 64u << 10;
    assert_int_equal(varve_sim_make(&device, WALL_MS + 10 * N * STEP_MS, why, sizeof why), 0);
    varve_sim_log_level(VARVE_CRITICAL);
    varve_registry_init(&registry, plugins);
    varve_conf_init(&conf, &registry, NULL);
    varve_conf_default_tiers(&conf);
    assert_int_equal(varve_conf_add(&conf, VARVE_BACKEND, "sqlite", "flash"), 0);
    assert_int_equal(varve_conf_set(&conf, "varve.state=/state"), 0);
    assert_int_equal(varve_conf_set(&conf, "backup.keep=2"), 0);
    (void)snprintf(setting, sizeof setting, "backend flash.journal=%s", journal);
    assert_int_equal(varve_conf_set(&conf, setting), 0);
    assert_int_equal(varve_conf_finish(&conf), 0);
}

static void open_host(unsigned flags)
{
    char why[256] = "";
    int rc = varve_host_init(&host, &conf, memory, sizeof memory, flags, why, sizeof why);
    if (rc != 0) {
        fail_msg("the host does not start: %d %s", rc, why);
    }
}

static void fill(size_t from, size_t to)
{
    const struct varve_series_def def = {"m", "", "", VARVE_GAUGE};
    assert_int_equal(varve_series_add(host, &def), 0);
    for (size_t i = from; i < to; i++) {
        const struct varve_point p = {WALL_MS + (int64_t)i * STEP_MS, (double)(i * 7 % 100)};
        assert_int_equal(varve_host_import(host, 0, &p, 1), 0);
    }
    assert_int_equal(varve_host_flush(host, 1000), 0);
}

static int backup_now(char made[VARVE_PATH_TEXT])
{
    varve_sim_advance(2000);
    return varve_host_backup(host, 0, made, VARVE_PATH_TEXT, NULL, NULL);
}

// ---- what is there ------------------------------------------------------------------------------

static int on_series(void *arg, varve_series_id id, const struct varve_series_def *def)
{
    (void)arg;
    (void)id;
    (void)def;
    return 0;
}

static int on_points(void *arg, varve_series_id id, const struct varve_point *points, size_t n)
{
    (void)id;
    (void)points;
    *(size_t *)arg += n;
    return 0;
}

static int on_info(void *arg, const struct varve_query_info *info)
{
    (void)arg;
    assert_int_equal(info->damaged_blocks, 0);
    return 0;
}

static size_t rows(void)
{
    char why[VARVE_MESSAGE_TEXT];
    size_t n = 0;
    const struct varve_query query = {
        .selector = "m", .from_ms = INT64_MIN, .to_ms = INT64_MAX, .tier = 0};
    const struct varve_query_sink sink = {
        .arg = &n, .begin = on_info, .series = on_series, .points = on_points, .end = on_info};
    assert_int_equal(varve_query_run(host, &query, &sink, work, sizeof work, why, sizeof why), 0);
    return n;
}

struct found {
    unsigned count;
    char last[VARVE_PATH_TEXT];
};

static int on_backup(void *arg, const char *path, int64_t time_ms)
{
    struct found *found = arg;
    char why[VARVE_MESSAGE_TEXT];
    (void)time_ms;
    if (varve_host_verify_backup(host, 0, path, why, sizeof why) != 0) {
        fail_msg("a backup that has its name is not whole: %s", why);
    }
    (void)snprintf(found->last, sizeof found->last, "%s", path);
    found->count++;
    return 0;
}

static struct found backups(void)
{
    struct found found = {0};
    assert_int_equal(varve_host_backups(host, 0, on_backup, &found), 0);
    return found;
}

static void on_temp(const char *name, void *arg)
{
    (void)name;
    (*(unsigned *)arg)++;
}

static unsigned temporaries(void)
{
    unsigned n = 0;
    (void)varve_port_dir_list("/state/backup", ".tmp", on_temp, &n); // there may be no directory
    return n;
}

static void wreck(void)
{
    (void)varve_host_shutdown(host); // it cannot write any more
    varve_sim_boot(1000);
}

// ---- every cut of a backup ----------------------------------------------------------------------

static void cut_backups(const char *journal)
{
    unsigned cuts = 0;
    for (uint64_t operation = 1;; operation++) {
        char made[VARVE_PATH_TEXT];
        make_device(journal);
        open_host(0);
        fill(0, N);
        assert_int_equal(backup_now(made), 0);
        fill(N, 2 * N);
        varve_sim_cut_at(varve_sim_operations() + operation);
        int rc = backup_now(made);
        if (!varve_sim_is_off()) {
            varve_sim_cut_at(0);
            assert_int_equal(rc, 0);
            assert_int_equal(backups().count, 2);
            assert_int_equal(varve_host_shutdown(host), 0);
            varve_sim_destroy();
            break;
        }
        wreck();
        open_host(0);
        assert_int_equal(temporaries(), 0);
        assert_in_range(backups().count, 1, 2);
        assert_int_equal(rows(), 2 * N); // what was flushed before
        assert_int_equal(backup_now(made), 0);
        assert_int_equal(backups().count, 2);
        assert_int_equal(varve_host_shutdown(host), 0);
        varve_sim_destroy();
        cuts++;
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 15);
}

static void every_cut_of_a_backup_leaves_whole_ones_under_a_wal(void **state)
{
    (void)state;
    cut_backups("wal");
}

static void every_cut_of_a_backup_leaves_whole_ones_in_place(void **state)
{
    (void)state;
    cut_backups("inplace");
}

// ---- every cut of a restore ---------------------------------------------------------------------

static int restore(struct varve_restore *r, const char *from)
{
    static uint8_t buf[4096];
    *r = (struct varve_restore){.from = from,
                                .store = STORE,
                                .unix_ms = varve_port_wall_ms(),
                                .buf = buf,
                                .buf_bytes = sizeof buf};
    return varve_restore(r);
}

static void check_store(size_t allowed, size_t or_else)
{
    open_host(0);
    const size_t n = rows();
    assert_true(n == allowed || n == or_else);
    assert_int_equal(varve_host_shutdown(host), 0);
}

static void cut_restores(const char *journal)
{
    unsigned cuts = 0;
    for (uint64_t operation = 1;; operation++) {
        char made[VARVE_PATH_TEXT];
        struct varve_restore r;
        make_device(journal);
        open_host(0);
        fill(0, N);
        assert_int_equal(backup_now(made), 0);
        fill(N, 2 * N);
        assert_int_equal(varve_host_shutdown(host), 0);
        varve_sim_cut_at(varve_sim_operations() + operation);
        int rc = restore(&r, made);
        const bool off = varve_sim_is_off();
        if (off) {
            varve_sim_boot(1000);
            check_store(N, 2 * N);
            rc = restore(&r, made); // what a cut left behind is in nobody's way
        }
        varve_sim_cut_at(0);
        assert_int_equal(rc, 0);
        assert_int_equal(varve_port_path_exists(r.kept), 0);
        check_store(N, N);
        varve_sim_destroy();
        if (!off) {
            break;
        }
        cuts++;
    }
    print_message("%u cuts\n", cuts);
    assert_true(cuts > 5);
}

static void every_cut_of_a_restore_leaves_the_old_store_or_the_new_under_a_wal(void **state)
{
    (void)state;
    cut_restores("wal");
}

static void every_cut_of_a_restore_leaves_the_old_store_or_the_new_in_place(void **state)
{
    (void)state;
    cut_restores("inplace");
}

// ---- faults of a restore ------------------------------------------------------------------------

static void a_backup_that_is_not_there_changes_nothing(void **state)
{
    struct varve_restore r;
    (void)state;
    make_device("wal");
    open_host(0);
    fill(0, N);
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(restore(&r, "/state/backup/none.db"), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(r.why, "none.db"));
    assert_string_equal(r.kept, "");
    check_store(N, N);
    varve_sim_destroy();
}

static void a_missing_store_is_made(void **state)
{
    char made[VARVE_PATH_TEXT];
    struct varve_restore r;
    (void)state;
    make_device("wal");
    open_host(0);
    fill(0, N);
    assert_int_equal(backup_now(made), 0);
    assert_int_equal(varve_host_shutdown(host), 0);
    assert_int_equal(varve_port_path_remove(STORE), 0);
    assert_int_equal(restore(&r, made), 0);
    assert_string_equal(r.kept, "");
    check_store(N, N);
    varve_sim_destroy();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cut_of_a_backup_leaves_whole_ones_under_a_wal),
        cmocka_unit_test(every_cut_of_a_backup_leaves_whole_ones_in_place),
        cmocka_unit_test(every_cut_of_a_restore_leaves_the_old_store_or_the_new_under_a_wal),
        cmocka_unit_test(every_cut_of_a_restore_leaves_the_old_store_or_the_new_in_place),
        cmocka_unit_test(a_backup_that_is_not_there_changes_nothing),
        cmocka_unit_test(a_missing_store_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
