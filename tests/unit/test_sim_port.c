// SPDX-License-Identifier: Apache-2.0
// The simulated port: clocks, files and names before and after a power cut, and what they cost.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>

#include "ports/sim/sim.h"
#include "tests/unit/random.h"
#include "varve/port.h"

#define WALL_MS  INT64_C(1767225600000)
#define PAGE     4096
#define WRITABLE (VARVE_OPEN_WRITE | VARVE_OPEN_CREATE)

static struct varve_port_file file;

static void make_kind(enum varve_sim_kind kind)
{
    struct varve_sim_device device;
    char why[128];
    varve_sim_device_defaults(&device, kind);
    if (kind == VARVE_SIM_FTL) {
        device.capacity_bytes = 16u << 20;
        device.erase_block_bytes = 64u << 10;
    }
    assert_int_equal(varve_sim_make(&device, WALL_MS, why, sizeof why), 0);
    assert_int_equal(varve_port_path_make_dir("/state"), 0);
}

static int make(void **state)
{
    (void)state;
    make_kind(VARVE_SIM_FTL);
    return 0;
}

static int destroy(void **state)
{
    (void)state;
    varve_sim_destroy();
    return 0;
}

static void open_file(const char *path)
{
    assert_int_equal(varve_port_file_open(&file, path, WRITABLE), 0);
}

static void put(int64_t offset, const char *text)
{
    assert_int_equal(varve_port_file_write(&file, offset, text, strlen(text)), 0);
}

static void check(int64_t offset, const char *text)
{
    char got[64];
    const size_t length = strlen(text);
    assert_int_equal(varve_port_file_read(&file, offset, got, length), length);
    assert_memory_equal(got, text, length);
}

static void make_durable(const char *path)
{
    assert_int_equal(varve_port_file_sync(&file), 0);
    assert_int_equal(varve_port_path_sync_dir(path), 0);
}

static struct varve_sim_counters counters(void)
{
    struct varve_sim_counters c;
    varve_sim_counters(&c);
    return c;
}

// ---- time

static unsigned fired;

static void fire(void *arg)
{
    *(int64_t *)arg = varve_port_boot_ms();
    fired++;
}

static void time_moves_only_when_told(void **state)
{
    (void)state;
    assert_int_equal(varve_port_boot_ms(), 0);
    assert_int_equal(varve_port_wall_ms(), WALL_MS);
    varve_sim_advance(1500);
    assert_int_equal(varve_port_boot_ms(), 1500);
    assert_int_equal(varve_port_mono_us(), 1500000);
    assert_int_equal(varve_port_wall_ms(), WALL_MS + 1500);
    varve_sim_set_wall(0);
    assert_int_equal(varve_port_wall_ms(), 0);
    assert_int_equal(varve_port_boot_ms(), 1500);
    varve_sim_boot(60000);
    assert_int_equal(varve_port_boot_ms(), 0);
    assert_int_equal(varve_port_wall_ms(), 60000);
}

static void a_timer_fires_once_at_its_time(void **state)
{
    struct varve_port_timer a, b;
    int64_t at_a = -1, at_b = -1;
    (void)state;
    fired = 0;
    assert_int_equal(varve_port_timer_init(&a, fire, &at_a), 0);
    assert_int_equal(varve_port_timer_init(&b, fire, &at_b), 0);
    assert_int_equal(varve_port_timer_start(&a, 700), 0);
    assert_int_equal(varve_port_timer_start(&b, 300), 0);
    varve_sim_advance(299);
    assert_int_equal(fired, 0);
    varve_sim_advance(1000);
    assert_int_equal(at_b, 300);
    assert_int_equal(at_a, 700);
    varve_sim_advance(1000);
    assert_int_equal(fired, 2);
    assert_int_equal(varve_port_timer_start(&a, 10), 0);
    varve_port_timer_stop(&a);
    varve_sim_advance(1000);
    assert_int_equal(fired, 2);
    varve_port_timer_destroy(&a);
    varve_port_timer_destroy(&b);
}

static void there_are_no_tasks_and_no_waits(void **state)
{
    struct varve_port_task task;
    struct varve_port_signal signal;
    (void)state;
    assert_int_equal(varve_port_task_start(&task, "t", fire, NULL, 0), VARVE_E_UNSUPPORTED);
    assert_int_equal(varve_port_signal_init(&signal), 0);
    assert_int_equal(varve_port_signal_wait(&signal, -1), VARVE_E_TIMEOUT);
    varve_port_signal_raise(&signal);
    assert_int_equal(varve_port_signal_wait(&signal, 0), 0);
    assert_int_equal(varve_port_signal_wait(&signal, 0), VARVE_E_TIMEOUT);
    varve_port_signal_destroy(&signal);
}

// ---- calls that fail

static void the_nth_call_of_a_kind_fails_as_often_as_told(void **state)
{
    const struct varve_sim_failure full = {
        .calls = VARVE_SIM_WRITE, .at = 2, .count = 2, .error = VARVE_E_NO_SPACE, .halfway = true};
    (void)state;
    open_file("/state/a");
    varve_sim_set_failure(&full);
    put(0, "one.");
    assert_int_equal(varve_port_file_write(&file, 4, "two.", 4), VARVE_E_NO_SPACE);
    assert_int_equal(varve_port_file_sync(&file), 0); // is of another kind
    assert_int_equal(varve_port_file_write(&file, 8, "three.", 6), VARVE_E_NO_SPACE);
    put(16, "four");
    assert_int_equal(varve_sim_failure_calls(), 4);
    check(0, "one.tw"); // half of what failed
    varve_sim_set_failure(NULL);
    varve_port_file_close(&file);
}

static void a_failed_sync_drops_what_it_was_to_write(void **state)
{
    const struct varve_sim_failure broken = {
        .calls = VARVE_SIM_SYNC, .at = 1, .count = 1, .error = VARVE_E_IO, .halfway = true};
    (void)state;
    open_file("/state/a");
    put(0, "old");
    make_durable("/state/a");
    put(0, "new");
    varve_sim_set_failure(&broken);
    assert_int_equal(varve_port_file_sync(&file), VARVE_E_IO);
    check(0, "old");
    assert_int_equal(varve_port_file_sync(&file), 0); // and says nothing
    varve_sim_boot(0);
    open_file("/state/a");
    check(0, "old");
    varve_sim_set_failure(NULL);
    varve_port_file_close(&file);
}

static void a_directory_vanishes_and_comes_back(void **state)
{
    const struct varve_sim_failure gone = {
        .calls = VARVE_SIM_OPEN | VARVE_SIM_NAME, .at = 1, .error = VARVE_E_NOT_FOUND};
    (void)state;
    open_file("/state/a");
    varve_port_file_close(&file);
    varve_sim_set_failure(&gone);
    assert_int_equal(varve_port_file_open(&file, "/state/a", WRITABLE), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_rename("/state/a", "/state/b"), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_remove("/state/a"), VARVE_E_NOT_FOUND);
    varve_sim_set_failure(NULL);
    assert_int_equal(varve_port_path_remove("/state/a"), 0);
}

// ---- files without a cut

static void what_is_written_reads_back_before_and_after_a_sync(void **state)
{
    (void)state;
    open_file("/state/a");
    put(PAGE - 3, "across");
    check(PAGE - 3, "across");
    assert_int_equal(varve_port_file_size(&file), PAGE + 3);
    assert_int_equal(varve_port_file_sync(&file), 0);
    check(PAGE - 3, "across");
    char hole[3] = {1, 1, 1};
    assert_int_equal(varve_port_file_read(&file, 0, hole, 3), 3);
    assert_memory_equal(hole, "\0\0\0", 3);
    assert_int_equal(varve_port_file_read(&file, PAGE, hole, 3), 3);
    assert_int_equal(varve_port_file_read(&file, PAGE + 3, hole, 3), 0);
    varve_port_file_close(&file);
}

static void what_was_cut_off_reads_as_zeros_when_the_file_grows_again(void **state)
{
    (void)state;
    char got[4] = "";
    open_file("/state/a");
    put(0, "head");
    put(PAGE, "tail");
    assert_int_equal(varve_port_file_sync(&file), 0);
    assert_int_equal(varve_port_file_truncate(&file, 2), 0);
    assert_int_equal(varve_port_file_truncate(&file, PAGE + 4), 0);
    assert_int_equal(varve_port_file_read(&file, PAGE, got, 4), 4);
    assert_memory_equal(got, "\0\0\0\0", 4);
    assert_int_equal(varve_port_file_read(&file, 0, got, 4), 4);
    assert_memory_equal(got, "he\0\0", 4);
    assert_int_equal(varve_port_file_sync(&file), 0);
    assert_int_equal(varve_port_file_read(&file, PAGE, got, 4), 4);
    assert_memory_equal(got, "\0\0\0\0", 4);
    varve_port_file_close(&file);
}

static void files_answer_as_the_port_says(void **state)
{
    struct varve_port_file other;
    uint64_t total, left;
    (void)state;
    assert_int_equal(varve_port_file_open(&other, "/state/a", 0), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_file_open(&other, "/nowhere/a", WRITABLE), VARVE_E_NOT_FOUND);
    open_file("/state/a");
    assert_int_equal(varve_port_file_open(&other, "/state/a", WRITABLE | VARVE_OPEN_EXCLUSIVE),
                     VARVE_E_EXISTS);
    assert_int_equal(varve_port_file_open(&other, "/state/a", 0), 0);
    assert_int_equal(varve_port_file_write(&other, 0, "x", 1), VARVE_E_READ_ONLY);
    assert_int_equal(varve_port_file_lock(&file, 0, 1, true), 0);
    assert_int_equal(varve_port_file_lock(&other, 0, 1, false), VARVE_E_BUSY);
    assert_int_equal(varve_port_file_unlock(&file, 0, 1), 0);
    assert_int_equal(varve_port_file_lock(&other, 0, 1, false), 0);
    varve_port_file_close(&other);
    uint32_t before, behind;
    assert_int_equal(varve_port_path_exists("/state"), 0);
    assert_int_equal(varve_port_path_exists("/state/b"), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_identify("/state/a", &before), 0);
    assert_int_equal(varve_port_path_identify("/state/b", &behind), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_rename("/state/a", "/state/b"), 0);
    assert_int_equal(varve_port_path_exists("/state/b"), 0);
    assert_int_equal(varve_port_path_identify("/state/b", &behind), 0);
    assert_int_equal(before, behind);
    assert_int_equal(varve_port_path_identify("/state", &behind), 0);
    assert_true(before != behind);
    assert_int_equal(varve_port_path_space("/state", &total, &left), 0);
    assert_true(left == total && total < 16u << 20 && total > 8u << 20);
    assert_int_equal(varve_port_path_remove("/state/b"), 0);
    put(0, "an open file without a name lives on");
    varve_port_file_close(&file);
    assert_int_equal(varve_port_path_remove("/state/b"), VARVE_E_NOT_FOUND);
}

static void a_full_device_says_so_and_takes_data_again_after_a_removal(void **state)
{
    static char chunk[64 * 1024];
    uint64_t total, left;
    (void)state;
    assert_int_equal(varve_port_path_space("/state", &total, &left), 0);
    open_file("/state/a");
    int rc = 0;
    int64_t at = 0;
    for (; rc == 0 && at <= (int64_t)total; at += (int64_t)sizeof chunk) {
        rc = varve_port_file_write(&file, at, chunk, sizeof chunk);
    }
    assert_int_equal(rc, VARVE_E_NO_SPACE);
    assert_int_equal(varve_port_file_sync(&file), 0);
    varve_port_file_close(&file);
    assert_int_equal(varve_port_path_remove("/state/a"), 0);
    open_file("/state/b");
    put(0, "again");
    make_durable("/state/b");
    varve_port_file_close(&file);
    assert_int_equal(varve_port_path_space("/state", &total, &left), 0);
    assert_int_equal(total - left, PAGE);
}

static void names(const char *name, void *arg)
{
    char *all = arg;
    memcpy(all + strlen(all), name, strlen(name) + 1);
}

static void a_directory_lists_its_own_files_only(void **state)
{
    char all[128] = "";
    (void)state;
    assert_int_equal(varve_port_path_make_dir("/state/deep"), 0);
    open_file("/state/a.seg");
    varve_port_file_close(&file);
    open_file("/state/b.tmp");
    varve_port_file_close(&file);
    open_file("/state/deep/c.seg");
    varve_port_file_close(&file);
    assert_int_equal(varve_port_dir_list("/state", ".seg", names, all), 0);
    assert_string_equal(all, "a.seg");
    assert_int_equal(varve_port_dir_list("/none", ".seg", names, all), VARVE_E_NOT_FOUND);
}

static void a_text_is_read_like_a_small_file(void **state)
{
    char got[8];
    (void)state;
    assert_int_equal(varve_sim_text("/proc/uptime", "12.5 3\n"), 0);
    assert_int_equal(varve_port_read_text("/proc/uptime", got, sizeof got), 7);
    assert_string_equal(got, "12.5 3\n");
    assert_int_equal(varve_port_read_text("/proc/uptime", got, 5), VARVE_E_TOO_BIG);
    assert_string_equal(got, "12.5");
    assert_int_equal(varve_sim_text("/proc/uptime", NULL), 0);
    assert_int_equal(varve_port_read_text("/proc/uptime", got, sizeof got), VARVE_E_NOT_FOUND);
}

// ---- what it costs

static void pages_are_programmed_by_a_sync_and_once_each(void **state)
{
    (void)state;
    open_file("/state/a");
    assert_int_equal(varve_port_file_preallocate(&file, 8 * PAGE), 0);
    make_durable("/state/a");
    const struct varve_sim_counters before = counters();
    put(0, "one");
    put(9, "same page");
    put(3 * PAGE, "another");
    assert_int_equal(counters().device_bytes, before.device_bytes);
    assert_int_equal(varve_port_file_sync(&file), 0);
    assert_int_equal(counters().data_pages - before.data_pages, 2);
    assert_int_equal(varve_port_file_sync(&file), 0); // nothing to do
    assert_int_equal(counters().data_pages - before.data_pages, 2);
    assert_int_equal(counters().file_syncs - before.file_syncs, 2);
    varve_port_file_close(&file);
}

// 100 bytes a sync: 4,196 bytes for each 4 KiB flush, as measured on ext4 in place.
static void a_flush_in_place_costs_its_page_and_a_hundred_bytes(void **state)
{
    (void)state;
    open_file("/state/a");
    assert_int_equal(varve_port_file_preallocate(&file, PAGE), 0);
    make_durable("/state/a");
    const struct varve_sim_counters before = counters();
    for (int i = 0; i < 4096; i++) {
        put(0, "again");
        assert_int_equal(varve_port_file_sync(&file), 0);
    }
    const struct varve_sim_counters after = counters();
    assert_int_equal(after.data_pages - before.data_pages, 4096);
    assert_int_equal(after.meta_pages - before.meta_pages, 100);
    assert_int_equal(after.host_bytes - before.host_bytes, 4096 * 4196);
    varve_port_file_close(&file);
}

static void a_sync_that_grows_the_file_costs_a_journal_commit(void **state)
{
    (void)state;
    open_file("/state/a");
    const struct varve_sim_counters before = counters();
    put(0, "grows");
    assert_int_equal(varve_port_file_sync(&file), 0);
    assert_int_equal(counters().data_pages - before.data_pages, 1);
    assert_int_equal(counters().meta_pages - before.meta_pages, 20978 / PAGE);
    varve_port_file_close(&file);
}

static void raw_flash_cannot_allocate_and_nand_pads_each_sync(void **state)
{
    (void)state;
    make_kind(VARVE_SIM_NAND);
    open_file("/state/a");
    assert_int_equal(varve_port_file_preallocate(&file, PAGE), VARVE_E_UNSUPPORTED);
    put(0, "x");
    make_durable("/state/a");
    const struct varve_sim_counters before = counters();
    for (int i = 0; i < 10; i++) {
        put(0, "y");
        assert_int_equal(varve_port_file_sync(&file), 0);
    }
    assert_int_equal(counters().data_pages - before.data_pages, 10);
    assert_int_equal(counters().meta_pages - before.meta_pages, 10);
    varve_port_file_close(&file);
}

// ---- power cuts

static void a_cut_takes_what_was_not_synced(void **state)
{
    (void)state;
    open_file("/state/a");
    put(0, "old");
    make_durable("/state/a");
    put(0, "new");
    put(2 * PAGE, "longer");
    varve_sim_cut();
    assert_int_equal(varve_port_file_write(&file, 0, "x", 1), VARVE_E_IO);
    assert_int_equal(varve_port_file_sync(&file), VARVE_E_IO);
    assert_int_equal(varve_port_path_exists("/state/a"), VARVE_E_IO);
    varve_sim_boot(0);
    assert_int_equal(varve_port_file_size(&file), VARVE_E_INVALID); // the handle is gone
    open_file("/state/a");
    assert_int_equal(varve_port_file_size(&file), 3);
    check(0, "old");
    varve_port_file_close(&file);
}

static void a_cut_undoes_a_truncation_that_was_not_synced(void **state)
{
    (void)state;
    open_file("/state/a");
    put(0, "head");
    put(PAGE, "tail");
    make_durable("/state/a");
    assert_int_equal(varve_port_file_truncate(&file, 1), 0);
    assert_int_equal(varve_port_file_truncate(&file, 2 * PAGE), 0);
    varve_sim_cut();
    varve_sim_boot(0);
    open_file("/state/a");
    assert_int_equal(varve_port_file_size(&file), PAGE + 4);
    check(0, "head");
    check(PAGE, "tail");
    varve_port_file_close(&file);
}

static void a_name_is_durable_after_a_sync_of_its_directory(void **state)
{
    (void)state;
    open_file("/state/kept");
    put(0, "kept");
    make_durable("/state/kept");
    varve_port_file_close(&file);
    open_file("/state/lost");
    put(0, "lost");
    assert_int_equal(varve_port_file_sync(&file), 0);
    varve_port_file_close(&file);
    assert_int_equal(varve_port_path_rename("/state/kept", "/state/renamed"), 0);
    varve_sim_cut();
    varve_sim_boot(0);
    assert_int_equal(varve_port_path_exists("/state/lost"), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_exists("/state/renamed"), VARVE_E_NOT_FOUND);
    open_file("/state/kept");
    check(0, "kept");
    varve_port_file_close(&file);
    assert_int_equal(varve_port_path_remove("/state/kept"), 0);
    assert_int_equal(varve_port_path_sync_dir("/state/kept"), 0);
    varve_sim_cut();
    varve_sim_boot(0);
    assert_int_equal(varve_port_path_exists("/state/kept"), VARVE_E_NOT_FOUND);
}

// A sync of three pages in place is three programs and a commit: a cut at the k-th leaves k - 1 of
// them, and every later call fails until the next boot.
static void the_power_goes_at_the_given_operation(void **state)
{
    (void)state;
    open_file("/state/a");
    for (int page = 0; page < 3; page++) {
        put(page * PAGE, "old");
    }
    make_durable("/state/a");
    for (int k = 1; k <= 4; k++) {
        for (int page = 0; page < 3; page++) {
            put(page * PAGE, "new");
        }
        varve_sim_cut_at(varve_sim_operations() + (uint64_t)k);
        assert_false(varve_sim_is_off());
        assert_int_equal(varve_port_file_sync(&file), VARVE_E_IO);
        assert_true(varve_sim_is_off());
        varve_sim_boot(0);
        open_file("/state/a");
        for (int page = 0; page < 3; page++) {
            check(page * PAGE, page < k - 1 ? "new" : "old");
        }
        for (int page = 0; page < 3; page++) {
            put(page * PAGE, "old");
        }
        assert_int_equal(varve_port_file_sync(&file), 0);
    }
    varve_port_file_close(&file);
}

// ---- against an oracle: random calls and cuts on one file

#define ORACLE_BYTES (24u * PAGE)

struct oracle {
    uint8_t bytes[ORACLE_BYTES];
    int64_t size;
};

static struct oracle now, durable;

static void random_call(struct test_random *r)
{
    uint8_t data[3 * PAGE];
    const uint32_t what = random_below(r, 10);
    if (what < 7) {
        const size_t len = 1 + random_below(r, sizeof data);
        const uint32_t at = random_below(r, ORACLE_BYTES - (uint32_t)len);
        memset(data, (int)random_below(r, 256), len);
        assert_int_equal(varve_port_file_write(&file, at, data, len), 0);
        memcpy(now.bytes + at, data, len);
        now.size = at + (int64_t)len > now.size ? at + (int64_t)len : now.size;
    } else if (what == 7) {
        const int64_t size = random_below(r, ORACLE_BYTES);
        assert_int_equal(varve_port_file_truncate(&file, size), 0);
        if (size < now.size) {
            memset(now.bytes + size, 0, (size_t)(now.size - size));
        }
        now.size = size;
    } else if (what == 8) {
        assert_int_equal(varve_port_file_sync(&file), 0);
        durable = now;
    } else {
        varve_sim_cut();
        varve_sim_boot(0);
        open_file("/state/a");
        now = durable;
    }
}

static void files_are_what_an_oracle_says_through_random_calls_and_cuts(void **state)
{
    static uint8_t got[ORACLE_BYTES];
    (void)state;
    struct test_random r = random_start("files_are_what_an_oracle_says");
    memset(&now, 0, sizeof now);
    durable = now;
    open_file("/state/a");
    make_durable("/state/a");
    for (int i = 0; i < 6000; i++) {
        random_call(&r);
        assert_int_equal(varve_port_file_size(&file), now.size);
        assert_int_equal(varve_port_file_read(&file, 0, got, sizeof got), now.size);
        assert_memory_equal(got, now.bytes, (size_t)now.size);
    }
    assert_true(counters().erases > 0); // garbage was collected meanwhile
    varve_port_file_close(&file);
}

static void a_geometry_that_cannot_be_is_refused_with_a_reason(void **state)
{
    struct varve_sim_device device;
    char why[128] = "";
    (void)state;
    varve_sim_device_defaults(&device, VARVE_SIM_FTL);
    device.page_bytes = 3000;
    assert_int_equal(varve_sim_make(&device, 0, why, sizeof why), VARVE_E_INVALID);
    assert_non_null(strstr(why, "power of two"));
    varve_sim_device_defaults(&device, VARVE_SIM_NOR);
    device.capacity_bytes = 5 * device.erase_block_bytes;
    assert_int_equal(varve_sim_make(&device, 0, why, sizeof why), VARVE_E_INVALID);
    assert_non_null(strstr(why, "capacity"));
    assert_int_equal(varve_port_path_exists("/state"), 0); // the device from before is still there
}

// Of two unsynced pages each may be there after a cut without the other; what was synced always is.
static void unsynced_pages_may_come_back_in_any_order(void **state)
{
    unsigned seen[4] = {0};
    (void)state;
    for (uint64_t seed = 0; seed < 64; seed++) {
        char first, second;
        make_kind(VARVE_SIM_FTL);
        varve_sim_set_faults(&(struct varve_sim_faults){.seed = seed, .write_back = true});
        open_file("/state/a");
        put(0, "old");
        put(PAGE, "old");
        put((int64_t)2 * PAGE, "synced");
        make_durable("/state/a");
        put(0, "new");
        put(PAGE, "new");
        varve_sim_cut();
        varve_sim_boot(0);
        open_file("/state/a");
        check((int64_t)2 * PAGE, "synced");
        assert_int_equal(varve_port_file_read(&file, 0, &first, 1), 1);
        assert_int_equal(varve_port_file_read(&file, PAGE, &second, 1), 1);
        seen[(first == 'n' ? 1 : 0) + (second == 'n' ? 2 : 0)]++;
    }
    varve_sim_set_faults(NULL);
    for (size_t i = 0; i < 4; i++) {
        assert_true(seen[i] > 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(time_moves_only_when_told),
        TEST(unsynced_pages_may_come_back_in_any_order),
        TEST(a_timer_fires_once_at_its_time),
        TEST(there_are_no_tasks_and_no_waits),
        TEST(the_nth_call_of_a_kind_fails_as_often_as_told),
        TEST(a_failed_sync_drops_what_it_was_to_write),
        TEST(a_directory_vanishes_and_comes_back),
        TEST(what_is_written_reads_back_before_and_after_a_sync),
        TEST(what_was_cut_off_reads_as_zeros_when_the_file_grows_again),
        TEST(files_answer_as_the_port_says),
        TEST(a_full_device_says_so_and_takes_data_again_after_a_removal),
        TEST(a_directory_lists_its_own_files_only),
        TEST(a_text_is_read_like_a_small_file),
        TEST(pages_are_programmed_by_a_sync_and_once_each),
        TEST(a_flush_in_place_costs_its_page_and_a_hundred_bytes),
        TEST(a_sync_that_grows_the_file_costs_a_journal_commit),
        TEST(raw_flash_cannot_allocate_and_nand_pads_each_sync),
        TEST(a_cut_takes_what_was_not_synced),
        TEST(a_cut_undoes_a_truncation_that_was_not_synced),
        TEST(a_name_is_durable_after_a_sync_of_its_directory),
        TEST(the_power_goes_at_the_given_operation),
        TEST(files_are_what_an_oracle_says_through_random_calls_and_cuts),
        TEST(a_geometry_that_cannot_be_is_refused_with_a_reason),
    };
    return cmocka_run_group_tests_name("sim_port", tests, NULL, NULL);
}
