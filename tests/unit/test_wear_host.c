// SPDX-License-Identifier: Apache-2.0
// The governor in the data path, on a real store: levels change back and forth over restarts and
// crashes, and the oracle finds every rollup cell once. Samples carry their own times; levels are
// set by the test where it is not the budget's turn.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/host_state.h"
#include "tests/unit/host_fixture.h"
#include "tests/unit/random.h"

#define STEP_MS  5000
#define HOUR_OF  720u // points
#define SESSIONS 6u
#define MOST     16000u // points: within the 24 h that minutes are kept

static struct fixture f;
static struct varve_point points[MOST];

// Values with few digits, so that sums are exact whatever the order of addition.
static void begin(const char *tiers, const char *budget)
{
    fixture_init(&f, tiers);
    assert_int_equal(varve_conf_set(&f.conf, budget), 0);
    assert_int_equal(varve_conf_finish(&f.conf), 0);
    int64_t start_ms = fixture_start_ms() + 1234;
    uint32_t random = 1;
    for (size_t i = 0; i < MOST; i++) {
        random = random * 1664525u + 1013904223u;
        points[i].time_ms = start_ms + (int64_t)i * STEP_MS;
        points[i].value = (double)(random >> 16) / 8 - 2000;
    }
}

static void set_level(unsigned level)
{
    varve_wear_set_level(f.host, level, varve_port_boot_ms());
}

// Pushes and stores what is due, as a super-loop would.
static void feed(int id, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        assert_int_equal(varve_push_at(f.host, id, points[i].time_ms, points[i].value), 0);
        if (i % 64 == 0 || i + 1 == to) {
            while (varve_host_step(f.host) == 0) {
            }
        }
    }
}

static void check_tiers(int finest, size_t n)
{
    for (int tier = finest; tier < 4; tier++) {
        fixture_check_tier(&f, "a", tier, points, n);
    }
}

// One process: some stretches at random levels, back to normal for more than an hour, flushed.
static size_t run_session(struct test_random *random, unsigned most_level, size_t from)
{
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    size_t at = from;
    for (unsigned stretch = 0; stretch < 3; stretch++) {
        set_level(1 + random_below(random, most_level));
        size_t n = random_below(random, 400);
        feed(id, at, at + n);
        at += n;
        if (random_below(random, 3) == 0) {
            int rc = varve_host_flush(f.host, 1000);
            assert_true(rc == 0 || rc == VARVE_E_BUDGET);
        }
    }
    set_level(VARVE_WEAR_NORMAL);
    feed(id, at, at + HOUR_OF + 20);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    return at + HOUR_OF + 20;
}

// Forks a session that dies without a word, or ends in order; returns the points stored by now.
static size_t fork_session(struct test_random *random, unsigned most_level, size_t from, bool crash)
{
    int pipe_fd[2];
    size_t upto = 0;
    assert_int_equal(pipe(pipe_fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        fixture_open(&f, 0);
        upto = run_session(random, most_level, from);
        if (!crash) {
            set_level(1 + random_below(random, most_level));
            fixture_close(&f);
        }
        _exit(write(pipe_fd[1], &upto, sizeof upto) == sizeof upto ? 0 : 1);
    }
    int status;
    assert_int_equal(read(pipe_fd[0], &upto, sizeof upto), sizeof upto);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return upto;
}

static void levels_back_and_forth(const char *name, unsigned most_level, int finest)
{
    struct test_random random = random_start(name);
    size_t upto = 0;
    begin("all", "wear.budget=1T");
    for (unsigned session = 0; session < SESSIONS; session++) {
        bool crash = random_below(&random, 2) == 0;
        (void)random_bits(&random); // the child goes on from here, the parent from the next
        upto = fork_session(&random, most_level, upto, crash);
        fixture_open(&f, VARVE_HOST_READ_ONLY);
        check_tiers(finest, upto);
        fixture_close(&f);
    }
    fixture_end(&f);
}

static void levels_without_raw_lose_and_double_no_minute(void **state)
{
    (void)state;
    levels_back_and_forth("levels_without_raw_lose_and_double_no_minute", VARVE_WEAR_NO_RAW, 1);
}

static void levels_of_hours_and_ram_lose_and_double_no_hour(void **state)
{
    (void)state;
    levels_back_and_forth("levels_of_hours_and_ram_lose_and_double_no_hour", VARVE_WEAR_RAM_ONLY,
                          2);
}

// The smallest case of "restart" in wear_host.c: a partial minute on flash, raw again, a crash.
static void raw_starts_again_at_a_whole_minute_after_a_stop_without_raw(void **state)
{
    (void)state;
    begin("all", "wear.budget=1T");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    set_level(VARVE_WEAR_NO_RAW);
    feed(id, 0, 100); // ends in the middle of a minute
    fixture_close(&f);
    pid_t pid = fork();
    if (pid == 0) {
        fixture_open(&f, 0);
        feed(fixture_series(&f, "a", VARVE_GAUGE), 100, 130);
        _exit(varve_host_flush(f.host, 1000) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    check_tiers(1, 130);
    struct answer raw = fixture_query(&f, "a", 0, VARVE_AGG_AUTO, 0);
    assert_true(raw.count > 0 && raw.count < 30); // from the next whole minute on
    assert_int_equal(raw.points[0].time_ms % 60000, 1234);
    answer_free(&raw);
    fixture_close(&f);
    fixture_end(&f);
}

static uint64_t flash_bytes(void)
{
    struct varve_stats stats;
    varve_host_stats(f.host, &stats);
    return stats.flash_bytes_session;
}

// So many that blocks are more than the part of a page.
#define LEVEL_SERIES 30u

static void each_level_writes_less_than_the_one_before(void **state)
{
    (void)state;
    uint64_t before = UINT64_MAX;
    for (unsigned level = 1; level <= VARVE_WEAR_LEVELS; level++) {
        begin("all", "wear.budget=1T");
        assert_int_equal(varve_conf_set(&f.conf, "wear.max_loss=20m"), 0);
        assert_int_equal(varve_conf_finish(&f.conf), 0);
        fixture_open(&f, 0);
        int ids[LEVEL_SERIES];
        for (size_t k = 0; k < LEVEL_SERIES; k++) {
            char text[VARVE_NAME_TEXT];
            (void)varve_format(text, sizeof text, "a{n=\"%zu\"}", k);
            ids[k] = fixture_series(&f, text, VARVE_GAUGE);
        }
        set_level(level);
        uint64_t at_start = flash_bytes();
        for (size_t i = 0; i < 8 * HOUR_OF; i++) {
            for (size_t k = 0; k < LEVEL_SERIES; k++) {
                feed(ids[k], i, i + 1);
            }
        }
        uint64_t written = flash_bytes() - at_start;
        assert_true(written < before);
        assert_true(level < VARVE_WEAR_RAM_ONLY || written == 0);
        before = written;
        fixture_close(&f);
        fixture_end(&f);
    }
}

static int count_levels(void *arg, const struct varve_event *event)
{
    unsigned *most = arg;
    if (strcmp(event->kind, "wear_level") == 0 && event->value > *most) {
        *most = (unsigned)event->value;
    }
    return 0;
}

static void a_flood_ends_within_the_budget_and_one_transaction(void **state)
{
    (void)state;
    enum {
        BUDGET = 256 << 10
    };
    begin("all", "wear.budget=256K");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    uint64_t most = 0, last = flash_bytes();
    for (size_t i = 0; i < 12000; i += 8) { // a flush every 40 s: two pages and the journal each
        feed(id, i, i + 8);
        (void)varve_host_flush(f.host, 1000); // refused in the end
        uint64_t now = flash_bytes();
        most = now - last > most ? now - last : most;
        last = now;
    }
    assert_true(last <= BUDGET + most);
    assert_int_equal(varve_host_flush(f.host, 1000), VARVE_E_BUDGET);
    struct varve_stats stats;
    varve_host_stats(f.host, &stats);
    assert_int_equal(stats.wear_level, VARVE_WEAR_RAM_ONLY);
    unsigned said = 0;
    assert_int_equal(varve_host_events(f.host, INT64_MIN, INT64_MAX, count_levels, &said), 0);
    assert_int_equal(said, VARVE_WEAR_RAM_ONLY);
    fixture_close(&f); // an orderly stop still stores what there is
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    check_tiers(2, 12000);
    fixture_close(&f);
    fixture_end(&f);
}

static void a_restart_does_not_forget_what_was_written(void **state)
{
    (void)state;
    struct varve_stats before, after;
    begin("all", "wear.budget=16K");
    fixture_open(&f, 0); // makes the store, which is before the first block that could tell of it
    fixture_close(&f);
    // Times of the last hours, so that the windows reach them.
    int64_t now_ms = varve_port_wall_ms();
    for (size_t i = 0; i < HOUR_OF; i++) {
        points[i].time_ms = now_ms - (int64_t)(HOUR_OF - i) * STEP_MS;
    }
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    feed(id, 0, HOUR_OF);
    varve_host_stats(f.host, &before);
    assert_true(before.wear_level > VARVE_WEAR_NORMAL);
    fixture_close(&f);
    fixture_open(&f, 0);
    varve_host_stats(f.host, &after);
    assert_int_equal(after.flash_bytes_session, 0);
    assert_true(after.flash_bytes >= before.flash_bytes);
    assert_true(after.flash_bytes_month >= before.flash_bytes);
    assert_true(after.wear_fast_permille >= before.wear_fast_permille / 2);
    assert_true(after.wear_level > VARVE_WEAR_NORMAL);
    for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
        assert_true(after.backends[0].flash_bytes_by[r] >= before.backends[0].flash_bytes_by[r]);
    }
    fixture_close(&f);
    fixture_end(&f);
}

static void without_a_budget_everything_is_counted_and_nothing_limited(void **state)
{
    (void)state;
    struct varve_stats stats;
    begin("all", "wear.budget=0");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    for (size_t i = 0; i < 2000; i += 10) {
        feed(id, i, i + 10);
        assert_int_equal(varve_host_flush(f.host, 1000), 0);
    }
    varve_host_stats(f.host, &stats);
    assert_int_equal(stats.wear_level, VARVE_WEAR_NORMAL);
    assert_int_equal(stats.wear_changes, 0);
    assert_true(stats.flash_bytes > 200 * 4096);
    assert_true(stats.payload_bytes > 0 && stats.payload_bytes < stats.flash_bytes);
    uint64_t by_reason = 0;
    for (unsigned r = 0; r < VARVE_WRITE_REASON_COUNT; r++) {
        by_reason += stats.backends[0].flash_bytes_by[r];
    }
    assert_int_equal(by_reason, stats.flash_bytes_session);
    fixture_close(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_without_raw_lose_and_double_no_minute),
        cmocka_unit_test(levels_of_hours_and_ram_lose_and_double_no_hour),
        cmocka_unit_test(raw_starts_again_at_a_whole_minute_after_a_stop_without_raw),
        cmocka_unit_test(each_level_writes_less_than_the_one_before),
        cmocka_unit_test(a_flood_ends_within_the_budget_and_one_transaction),
        cmocka_unit_test(a_restart_does_not_forget_what_was_written),
        cmocka_unit_test(without_a_budget_everything_is_counted_and_nothing_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
