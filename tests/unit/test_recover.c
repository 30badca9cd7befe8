// SPDX-License-Identifier: Apache-2.0
// Crashes and restarts while rows come late: what was flushed is in every tier once, whichever of
// its blocks were written before and after.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_fixture.h"
#include "tests/unit/random.h"

#define STEP_MS  5000
#define POINTS   1600 // more than two hours
#define SESSIONS 8

static struct fixture f;
static struct varve_point points[POINTS];
static size_t due[POINTS]; // with which point each comes

static void make_points(void)
{
    int64_t start_ms = fixture_start_ms() + 1234;
    for (size_t i = 0; i < POINTS; i++) {
        points[i].time_ms = start_ms + (int64_t)i * STEP_MS;
        points[i].value = (double)(i * 7919 % 4001) / 8 - 200;
    }
}

// Every third point comes with one that is up to `most` places later.
static void delay(struct test_random *random, uint32_t most)
{
    for (size_t i = 0; i < POINTS; i++) {
        bool late = random_below(random, 3) == 0;
        due[i] = i + (late ? random_below(random, most) : 0);
    }
}

// Another series is always in time.
static void push(size_t now, int late, int other)
{
    for (size_t i = 0; i <= now; i++) {
        if (due[i] == now) {
            assert_int_equal(varve_push_at(f.host, late, points[i].time_ms, points[i].value), 0);
        }
    }
    assert_int_equal(varve_push_at(f.host, other, points[now].time_ms, points[now].value), 0);
}

// Pushes and stores what is due, as a super-loop would.
static void feed(size_t from, size_t to, size_t behind)
{
    int late = fixture_series(&f, "late", VARVE_GAUGE);
    int other = fixture_series(&f, "in_time", VARVE_GAUGE);
    for (size_t i = from; i < to; i++) {
        push(i, late, other);
        if (i % 16 == 0 || i + 1 == to) {
            while (varve_host_step(f.host) == 0) {
            }
        }
    }
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    for (size_t i = to; i < to + behind && i < POINTS; i++) {
        push(i, late, other); // lost with the process
    }
}

// A process that stores some points and ends in order, or dies with a few more in RAM.
static void run_process(struct test_random *random, size_t from, size_t to)
{
    bool crash = random_below(random, 3) != 0;
    size_t behind = random_below(random, 20);
    pid_t pid = fork();
    if (pid == 0) {
        fixture_open(&f, 0);
        feed(from, to, crash ? behind : 0);
        if (!crash) {
            fixture_close(&f);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

// Checks the tiers against what came, in order of time.
static void check(size_t came)
{
    static struct varve_point there[POINTS];
    size_t n = 0;
    for (size_t i = 0; i < POINTS; i++) {
        if (due[i] < came) {
            there[n++] = points[i];
        }
    }
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    for (int tier = 1; tier < 4; tier++) {
        fixture_check_late_tier(&f, "late", tier, there, n);
        fixture_check_tier(&f, "in_time", tier, points, came);
    }
    fixture_close(&f);
}

static void run_sessions(const char *name, const char *minute, uint32_t most_late)
{
    struct test_random random = random_start(name);
    size_t came = 0;
    fixture_init(&f, "all");
    assert_int_equal(varve_conf_set(&f.conf, minute), 0);
    assert_int_equal(varve_conf_finish(&f.conf), 0);
    make_points();
    delay(&random, most_late);
    for (unsigned session = 0; session < SESSIONS && came < POINTS; session++) {
        size_t to = came + 1 + random_below(&random, 2 * POINTS / SESSIONS);
        to = to < POINTS ? to : POINTS;
        run_process(&random, came, to);
        came = to;
        check(came);
    }
    fixture_end(&f);
}

static void late_rows_survive_crashes_between_hourly_blocks(void **state)
{
    (void)state;
    run_sessions("late_rows_survive_crashes_between_hourly_blocks", "tiers.minute=1m keep 1d", 600);
}

static void late_rows_survive_crashes_with_short_windows(void **state)
{
    (void)state;
    run_sessions("late_rows_survive_crashes_with_short_windows",
                 "tiers.minute=1m keep 1d window 7m", 600);
}

// Later than raw samples are kept: only the rollups can hold them.
static void rows_older_than_raw_keeps_survive_in_the_rollups(void **state)
{
    (void)state;
    run_sessions("rows_older_than_raw_keeps_survive_in_the_rollups", "tiers.raw=5s keep 30m", 1500);
}

// ---- counters

#define COUNTER_ROWS 10 // less than a minute of them
#define OFF_MS       INT64_C(3960000)

// Pushes rows of a counter that grows by 7, from this time on, and stores them.
static void count_on(int64_t from_ms, double from)
{
    int id = fixture_series(&f, "counted", VARVE_COUNTER);
    for (int i = 0; i < COUNTER_ROWS; i++) {
        assert_int_equal(varve_push_at(f.host, id, from_ms + (int64_t)i * STEP_MS, from + 7 * i),
                         0);
    }
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
}

static double total_increase(int tier)
{
    struct answer answer = fixture_query(&f, "counted", tier, VARVE_AGG_SUM, 0);
    double total = 0;
    assert_int_equal(answer.rc, 0);
    for (size_t i = 0; i < answer.count; i++) {
        total += answer.points[i].value;
    }
    answer_free(&answer);
    return total;
}

// The device is off for longer than minutes wait, and counts on in the meantime: the block of
// minutes ends where the power came back, and what the open minute is rebuilt from begins there,
// too. (Found by tests/powercut: wal, steady, lost, seed 1, cut 37.)
static void counters_grow_over_the_time_without_power(void **state)
{
    (void)state;
    int64_t start_ms = fixture_start_ms();
    fixture_init(&f, "all");
    for (int life = 0; life < 3; life++) {
        fixture_open(&f, 0);
        count_on(start_ms + life * OFF_MS, life * 1000);
        fixture_close(&f);
    }
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    for (int tier = 1; tier < 4; tier++) {
        assert_true(total_increase(tier) == 2000 + 7 * (COUNTER_ROWS - 1));
    }
    fixture_close(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_rows_survive_crashes_between_hourly_blocks),
        cmocka_unit_test(late_rows_survive_crashes_with_short_windows),
        cmocka_unit_test(rows_older_than_raw_keeps_survive_in_the_rollups),
        cmocka_unit_test(counters_grow_over_the_time_without_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
