// SPDX-License-Identifier: Apache-2.0
// A damaged block in a store that is sound otherwise: what a read that meets it starts, and what a
// backup does that cannot be made because of it.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include "core/host_state.h"
#include "tests/damage/damage.h"
#include "varve/block.h"
#include "varve/port.h"

#define PROBE 24u // bytes of a block that are found again in a file

static struct varve_host *host;
static uint8_t before[VARVE_BLOCK_MAX], now[VARVE_BLOCK_MAX], file_bytes[4u << 20];

#define SQLITE "[backend flash : sqlite]\npath = test.db\nheap = 512K\ncheckpoint = 10m\njournal = "
#define ROTATE "[backend second : rotate]\npath = segments\nsegment = 64K\nsize = 2M\n"

static const struct kind wal = {"wal", SQLITE "wal\n", "half", true};
static const struct kind inplace = {"inplace", SQLITE "inplace\n", "half", true};
static const struct kind alone = {"alone", SQLITE "wal\n", "", true};
static const struct kind two = {"two", SQLITE "wal\n" ROTATE, "", true};
static const struct kind segments = {"segments", ROTATE, "", true};

static void open_host(void)
{
    char why[VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT];
    if (kind_open(&host, 0, why, sizeof why) != 0) {
        fail_msg("the host does not start: %s", why);
    }
}

static void close_host(void)
{
    assert_int_equal(varve_host_shutdown(host), 0);
}

static const struct varve_backend_stats *stats_of(size_t backend)
{
    static struct varve_stats stats;
    varve_host_stats(host, &stats);
    return &stats.backends[backend];
}

static int count_event(void *arg, const struct varve_event *event)
{
    struct {
        const char *kind;
        int count;
    } *wanted = arg;
    wanted->count += strcmp(event->kind, wanted->kind) == 0;
    return 0;
}

static int events_called(const char *kind)
{
    struct {
        const char *kind;
        int count;
    } wanted = {kind, 0};
    assert_int_equal(varve_host_events(host, INT64_MIN, INT64_MAX, count_event, &wanted), 0);
    return wanted.count;
}

// The newest block of a tier that a backup half way has, and that has not expired.
static struct varve_block_key old_block(unsigned tier)
{
    const int64_t upto_ms = varve_port_wall_ms() - 12 * INT64_C(60000);
    struct varve_block_cursor cursor = {
        .tier = tier, .from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    struct varve_block_key key = {.seq = UINT32_MAX};
    while (varve_store_next(host, &cursor) == 0) {
        key = cursor.key.end_ms < upto_ms ? cursor.key : key;
    }
    assert_true(key.seq != UINT32_MAX);
    return key;
}

static int read_block(unsigned tier, const struct varve_block_key *key, void *buf,
                      struct varve_block_info *info)
{
    return varve_store_get(host, tier, key, buf, VARVE_BLOCK_MAX, info);
}

// Overwrites some bytes in the midst of the block wherever it is in the file.
static void damage(const char *path, const uint8_t *block, uint32_t length)
{
    static const uint8_t wound[PROBE];
    struct varve_port_file file;
    unsigned wounds = 0;
    assert_int_equal(varve_port_file_open(&file, path, VARVE_OPEN_WRITE), 0);
    const int64_t n = varve_port_file_read(&file, 0, file_bytes, sizeof file_bytes);
    const uint8_t *probe = block + length / 2;
    for (int64_t i = 0; i + (int64_t)PROBE < n; i++) {
        if (memcmp(file_bytes + i, probe, PROBE) == 0) {
            assert_int_equal(varve_port_file_write(&file, i, wound, sizeof wound), 0);
            wounds++;
        }
    }
    assert_int_equal(varve_port_file_sync(&file), 0);
    varve_port_file_close(&file);
    assert_true(wounds > 0);
}

static const char *segment_with(const uint8_t *block, uint32_t length)
{
    static char path[VARVE_PATH_TEXT];
    for (unsigned unit = 1; unit < 64; unit++) {
        struct varve_port_file file;
        (void)snprintf(path, sizeof path, SEGMENTS "/%08x.seg", unit);
        if (varve_port_file_open(&file, path, 0) != 0) {
            continue;
        }
        const int64_t n = varve_port_file_read(&file, 0, file_bytes, sizeof file_bytes);
        varve_port_file_close(&file);
        for (int64_t i = 0; i + (int64_t)length <= n; i++) {
            if (memcmp(file_bytes + i, block, length) == 0) {
                return path;
            }
        }
    }
    fail_msg("the block is in no segment");
    return NULL;
}

// A life, one block of which is damaged while the host is down. It is in `before`.
static struct varve_block_key live_with_a_wound(const struct kind *kind, unsigned tier,
                                                struct varve_block_info *info)
{
    kind_live(kind, 11);
    open_host();
    const struct varve_block_key key = old_block(tier);
    assert_int_equal(read_block(tier, &key, before, info), 0);
    close_host();
    damage(STORE, before, info->length);
    open_host();
    return key;
}

static void expect_restored(unsigned tier, const struct varve_block_key *key, uint32_t length)
{
    struct varve_block_info info;
    assert_int_equal(read_block(tier, key, now, &info), 0);
    assert_int_equal(info.length, length);
    assert_memory_equal(now, before, length);
}

// ---- behaviour ----------------------------------------------------------------------------------

static void a_read_restores(const struct kind *kind, unsigned tier)
{
    struct varve_block_info info;
    const struct varve_block_key key = live_with_a_wound(kind, tier, &info);
    const uint32_t length = info.length;
    assert_int_equal(stats_of(0)->salvages, 0); // the start has not seen it
    assert_int_equal(read_block(tier, &key, now, &info), VARVE_E_CORRUPT);
    assert_int_equal(kind_push(host, 2), 0);
    expect_restored(tier, &key, length);
    assert_int_equal(stats_of(0)->mend_restored, 1);
    assert_int_equal(stats_of(0)->mend_lost, 0);
    assert_int_equal(events_called("block_restored"), 1);
    close_host();
    open_host();
    expect_restored(tier, &key, length);
    close_host();
}

static void a_read_that_meets_a_damaged_block_restores_it_from_a_backup(void **state)
{
    (void)state;
    a_read_restores(&wal, 0);
    a_read_restores(&inplace, 0);
    a_read_restores(&wal, 1);
}

// The newest block of the backup is rolled up again by the next start, and its cells are right.
static void recovery_restores_what_it_needs(void **state)
{
    struct varve_block_info info;
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    (void)state;
    kind_live(&alone, 14);
    open_host();
    assert_int_equal(kind_push(host, 3), 0);
    assert_int_equal(varve_host_backup(host, 0, made, sizeof made, NULL, NULL), 0);
    struct varve_block_cursor cursor = {.from_ms = INT64_MIN, .seq_limit = UINT32_MAX};
    while (varve_store_next(host, &cursor) == 0) {
    }
    const struct varve_block_key key = cursor.key;
    assert_int_equal(read_block(0, &key, before, &info), 0);
    const uint32_t length = info.length;
    close_host();
    damage(STORE, before, length);
    open_host();
    assert_int_equal(stats_of(0)->mend_restored, 1); // nobody has read it but recovery
    expect_restored(0, &key, length);
    close_host();
}

static void a_block_that_is_in_no_backup_is_told_once_and_left(void **state)
{
    struct varve_block_info info;
    (void)state;
    const struct varve_block_key key = live_with_a_wound(&alone, 0, &info);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(read_block(0, &key, now, &info), VARVE_E_CORRUPT);
        assert_int_equal(kind_push(host, 1), 0);
    }
    assert_int_equal(stats_of(0)->mend_restored, 0);
    assert_int_equal(stats_of(0)->mend_lost, 1);
    assert_int_equal(events_called("block_lost"), 1);
    close_host();
}

static void a_store_beside_it_is_as_good_as_a_backup(void **state)
{
    struct varve_block_info info;
    (void)state;
    const struct varve_block_key key = live_with_a_wound(&two, 0, &info);
    const uint32_t length = info.length;
    assert_int_equal(varve_backend_get(&host->backends[0], 0, &key, now, sizeof now),
                     VARVE_E_CORRUPT);
    expect_restored(0, &key, length); // from the second store, and the first is mended
    assert_int_equal(kind_push(host, 2), 0);
    assert_int_equal(stats_of(0)->mend_restored, 1);
    assert_int_equal(varve_backend_get(&host->backends[0], 0, &key, now, sizeof now), length);
    assert_memory_equal(now, before, length);
    close_host();
}

static void a_segment_is_mended_from_the_store_beside_it(void **state)
{
    struct varve_block_info info;
    (void)state;
    kind_live(&two, 12);
    open_host();
    const struct varve_block_key key = old_block(0);
    assert_int_equal(read_block(0, &key, before, &info), 0);
    close_host();
    const uint32_t length = info.length;
    damage(segment_with(before, length), before, length);
    open_host();
    assert_true(varve_backend_get(&host->backends[1], 0, &key, now, sizeof now) < 0 ||
                varve_block_open(now, length, &info) != 0);
    assert_true(varve_mend_all(host, &host->backends[1], false) == 1);
    assert_int_equal(stats_of(1)->mend_restored, 1);
    assert_int_equal(varve_backend_get(&host->backends[1], 0, &key, now, sizeof now), length);
    assert_memory_equal(now, before, length);
    close_host();
}

static void segments_alone_tell_what_is_lost(void **state)
{
    struct varve_block_info info;
    (void)state;
    kind_live(&segments, 13);
    open_host();
    const struct varve_block_key key = old_block(0);
    assert_int_equal(read_block(0, &key, before, &info), 0);
    close_host();
    damage(segment_with(before, info.length), before, info.length);
    open_host();
    assert_int_equal(read_block(0, &key, now, &info), VARVE_E_CORRUPT);
    assert_int_equal(kind_push(host, 2), 0);
    assert_int_equal(stats_of(0)->mend_lost, 1);
    assert_int_equal(events_called("block_lost"), 1);
    close_host();
}

static void a_backup_mends_what_keeps_it_from_being_made(void **state)
{
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    struct varve_block_info info;
    (void)state;
    const struct varve_block_key key = live_with_a_wound(&wal, 0, &info);
    if (varve_host_backup(host, 0, made, sizeof made, NULL, NULL) != 0) {
        fail_msg("%s", made);
    }
    assert_int_equal(stats_of(0)->mend_restored, 1);
    assert_int_equal(stats_of(0)->backup_failures, 0);
    expect_restored(0, &key, info.length);
    close_host();
}

static void a_backup_is_made_without_what_is_lost(void **state)
{
    char made[VARVE_PATH_TEXT + VARVE_MESSAGE_TEXT];
    struct varve_block_info info;
    (void)state;
    const struct varve_block_key key = live_with_a_wound(&alone, 0, &info);
    if (varve_host_backup(host, 0, made, sizeof made, NULL, NULL) != 0) {
        fail_msg("%s", made);
    }
    assert_int_equal(stats_of(0)->mend_lost, 1);
    assert_int_equal(read_block(0, &key, now, &info), VARVE_E_NOT_FOUND);
    close_host();
    open_host();
    assert_int_equal(kind_push(host, 2), 0);
    close_host();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_read_that_meets_a_damaged_block_restores_it_from_a_backup),
        cmocka_unit_test(recovery_restores_what_it_needs),
        cmocka_unit_test(a_block_that_is_in_no_backup_is_told_once_and_left),
        cmocka_unit_test(a_store_beside_it_is_as_good_as_a_backup),
        cmocka_unit_test(a_segment_is_mended_from_the_store_beside_it),
        cmocka_unit_test(segments_alone_tell_what_is_lost),
        cmocka_unit_test(a_backup_mends_what_keeps_it_from_being_made),
        cmocka_unit_test(a_backup_is_made_without_what_is_lost),
    };
    return cmocka_run_group_tests_name("mend", tests, NULL, NULL);
}
