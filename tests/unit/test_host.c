// SPDX-License-Identifier: Apache-2.0
// The whole data path in one process, stepped by the test: samples with their own times go in, and
// come out of RAM, of the store, after a restart and after a crash.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/host_fixture.h"

#define STEP_MS 5000

static struct fixture f;

// Values with few digits, so that sums are exact whatever the order of addition.
static void make_points(struct varve_point *points, size_t n, int64_t start_ms, unsigned seed)
{
    uint32_t random = seed;
    for (size_t i = 0; i < n; i++) {
        random = random * 1664525u + 1013904223u;
        points[i].time_ms = start_ms + (int64_t)i * STEP_MS;
        points[i].value = (double)(random >> 16) / 8 - 2000;
    }
}

static void import(int id, const struct varve_point *points, size_t n)
{
    assert_int_equal(varve_host_import(f.host, id, points, n), 0);
}

static void check_raw(const char *selector, const struct varve_point *points, size_t n)
{
    struct answer answer = fixture_query(&f, selector, 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.rc, 0);
    assert_int_equal(answer.count, n);
    assert_memory_equal(answer.points, points, n * sizeof *points);
    answer_free(&answer);
}

static void check_all_tiers(const char *selector, const struct varve_point *points, size_t n)
{
    for (int tier = 1; tier < 4; tier++) {
        fixture_check_tier(&f, selector, tier, points, n);
    }
}

static struct varve_point points[60000];

#define MANY 40

// Every series gets the points, plus its number, all in time order as collectors push them.
static void push_many(const int ids[MANY], size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (int s = 0; s < MANY; s++) {
            assert_int_equal(varve_push_at(f.host, ids[s], points[i].time_ms, points[i].value + s),
                             0);
        }
        (void)varve_host_step(f.host);
    }
}

// A cell window that fills up while a raw window is being rolled up is closed in the midst of it.
static void cells_that_close_while_raw_is_rolled_up_disturb_nothing(void **state)
{
    (void)state;
    enum {
        N = 900
    };
    static struct varve_point own[N];
    int ids[MANY];
    fixture_init(&f, "all");
    f.conf.settings.cell_rows = 64; // less than the cells of one raw window
    fixture_open(&f, 0);
    for (int s = 0; s < MANY; s++) {
        char text[32];
        snprintf(text, sizeof text, "many{n=\"%02d\"}", s);
        ids[s] = fixture_series(&f, text, VARVE_GAUGE);
    }
    make_points(points, N, fixture_start_ms(), 5);
    push_many(ids, N);
    for (int round = 0; round < 2; round++) {
        for (int s = 0; s < MANY; s += 13) {
            char text[32];
            snprintf(text, sizeof text, "many{n=\"%02d\"}", s);
            memcpy(own, points, sizeof own);
            for (size_t i = 0; i < N; i++) {
                own[i].value += s;
            }
            check_raw(text, own, N);
            check_all_tiers(text, own, N);
        }
        fixture_close(&f);
        fixture_open(&f, 0);
    }
    fixture_close(&f);
    fixture_end(&f);
}

// What has no room is left to the caller, what has no series is counted.
static void rows_are_taken_as_far_as_the_ring_has_room(void **state)
{
    (void)state;
    double values[MANY];
    struct varve_stats stats;
    int ids[MANY];
    fixture_init(&f, "all");
    f.conf.settings.ring_samples = 64;
    fixture_open(&f, 0);
    for (int s = 0; s < MANY; s++) {
        char text[32];
        snprintf(text, sizeof text, "many{n=\"%02d\"}", s);
        ids[s] = s == 7 ? -1 : s == 8 ? 9999 : fixture_series(&f, text, VARVE_GAUGE);
        values[s] = s + 0.5;
    }
    int64_t boot_ms = varve_port_boot_ms();
    assert_int_equal(varve_push_row(f.host, boot_ms, ids, values, 0), 0);
    assert_int_equal(varve_push_row(f.host, boot_ms, ids, values, MANY), MANY);
    size_t taken = varve_push_row(f.host, boot_ms + 1, ids, values, MANY);
    assert_int_equal(taken, 64 - (MANY - 2) + 2); // with the two of no series
    (void)varve_host_step(f.host);
    assert_int_equal(varve_push_row(f.host, boot_ms + 1, ids + taken, values + taken, MANY - taken),
                     MANY - taken);
    (void)varve_host_step(f.host);
    varve_host_stats(f.host, &stats);
    assert_int_equal(stats.samples, 2 * (MANY - 2));
    assert_int_equal(stats.dropped, 0);
    assert_int_equal(stats.rejected, 4);
    struct answer answer = fixture_query(&f, "many{n=\"39\"}", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(answer.count, 2);
    assert_true(answer.points[1].value == 39.5);
    assert_int_equal(answer.points[1].time_ms - answer.points[0].time_ms, 1);
    answer_free(&answer);
    fixture_close(&f);
    fixture_end(&f);
}

static void samples_read_back_from_ram_and_store_bit_exact(void **state)
{
    (void)state;
    enum {
        N = 1400
    }; // just under two hours: all of it is kept
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a{x=\"1\"}", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms(), 1);
    import(id, points, N);
    check_raw("a", points, N);
    check_all_tiers("a", points, N);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    check_raw("a", points, N);
    check_all_tiers("a", points, N);
    fixture_close(&f);
    fixture_open(&f, 0);
    check_raw("a", points, N);
    check_all_tiers("a", points, N);
    fixture_close(&f);
    fixture_end(&f);
}

static void restarts_neither_lose_nor_repeat_a_sample(void **state)
{
    (void)state;
    enum {
        N = 1400,
        PARTS = 14
    };
    fixture_init(&f, "all");
    make_points(points, N, fixture_start_ms() + 1234, 2);
    for (size_t part = 0; part < PARTS; part++) {
        fixture_open(&f, 0);
        int id = fixture_series(&f, "a", VARVE_GAUGE);
        import(id, points + part * (N / PARTS), N / PARTS);
        check_raw("a", points, (part + 1) * (N / PARTS));
        check_all_tiers("a", points, (part + 1) * (N / PARTS));
        fixture_close(&f);
    }
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    check_raw("a", points, N);
    check_all_tiers("a", points, N);
    fixture_close(&f);
    fixture_end(&f);
}

// A child imports, flushes, imports some more and dies without a word.
static void crash_after(const struct varve_point *from, size_t flushed, size_t lost)
{
    pid_t pid = fork();
    if (pid == 0) {
        fixture_open(&f, 0);
        int id = fixture_series(&f, "a", VARVE_GAUGE);
        import(id, from, flushed);
        if (varve_host_flush(f.host, 1000) != 0) {
            _exit(1);
        }
        import(id, from + flushed, lost);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_crash_loses_the_open_window_only_and_rollups_agree_with_raw(void **state)
{
    (void)state;
    enum {
        FLUSHED = 700,
        LOST = 50,
        ROUNDS = 2
    };
    size_t kept = 0;
    fixture_init(&f, "all");
    make_points(points, ROUNDS * (FLUSHED + LOST), fixture_start_ms(), 3);
    static struct varve_point expected[ROUNDS * FLUSHED];
    for (size_t round = 0; round < ROUNDS; round++) {
        const struct varve_point *from = points + round * (FLUSHED + LOST);
        memcpy(expected + kept, from, FLUSHED * sizeof *from);
        kept += FLUSHED;
        crash_after(from, FLUSHED, LOST);
        fixture_open(&f, VARVE_HOST_READ_ONLY);
        check_raw("a", expected, kept);
        check_all_tiers("a", expected, kept);
        fixture_close(&f);
    }
    fixture_end(&f);
}

static void rollups_survive_where_raw_is_not_stored(void **state)
{
    (void)state;
    enum {
        N = 3001
    }; // ends in the middle of a minute
    fixture_init(&f, "minute hour day");
    make_points(points, N, fixture_start_ms(), 4);
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    import(id, points, 1503);
    fixture_close(&f);
    fixture_open(&f, 0);
    check_all_tiers("a", points, 1503);
    import(id, points + 1503, N - 1503);
    fixture_close(&f);
    fixture_open(&f, 0);
    check_all_tiers("a", points, N);
    fixture_close(&f);
    fixture_end(&f);
}

// A late row of one series lets the block of the later part begin first.
static void the_later_part_of_a_minute_has_its_last_value(void **state)
{
    (void)state;
    enum {
        N = 126, // ten minutes and a half
        REST = 18
    };
    fixture_init(&f, "minute hour day");
    make_points(points, N + REST, fixture_start_ms(), 5);
    fixture_open(&f, 0);
    import(fixture_series(&f, "a", VARVE_GAUGE), points, N);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    fixture_close(&f);
    fixture_open(&f, 0);
    import(fixture_series(&f, "a", VARVE_GAUGE), points + N, REST);
    import(fixture_series(&f, "b", VARVE_GAUGE), points + N / 2, 1);
    fixture_check_tier(&f, "a", 1, points, N + REST);
    fixture_close(&f);
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    fixture_check_tier(&f, "a", 1, points, N + REST);
    fixture_close(&f);
    fixture_end(&f);
}

static void retention_follows_the_time_of_the_data(void **state)
{
    (void)state;
    enum {
        N = 50000
    }; // 2.9 days
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms(), 5);
    import(id, points, N);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    struct varve_stats stats;
    varve_host_stats(f.host, &stats);
    int64_t last_ms = points[N - 1].time_ms;
    int64_t slack_ms = 6 * 3600 * 1000; // a few windows
    for (unsigned tier = 0; tier < 2; tier++) {
        const struct varve_tier_stats *t = &stats.tiers[tier];
        assert_true(t->oldest_ms <= last_ms - t->tier.keep_ms + t->tier.step_ms);
        assert_true(t->oldest_ms >= last_ms - t->tier.keep_ms - slack_ms);
    }
    fixture_check_tier(&f, "a", 2, points, N);
    fixture_check_tier(&f, "a", 3, points, N);
    assert_int_equal(stats.samples, N);
    assert_int_equal(stats.dropped, 0);
    fixture_close(&f);
    fixture_end(&f);
}

static void keep_all_keeps_all(void **state)
{
    (void)state;
    enum {
        N = 50000
    };
    fixture_init(&f, "all");
    fixture_open(&f, VARVE_HOST_KEEP_ALL);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms(), 6);
    import(id, points, N);
    fixture_close(&f);
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    check_raw("a", points, N);
    check_all_tiers("a", points, N);
    fixture_close(&f);
    fixture_end(&f);
}

// A sample in each window: the ring holds far more samples than the outbox blocks.
static void sparse_history_loses_no_block_between_ring_and_store(void **state)
{
    (void)state;
    enum {
        N = 1500,
        SPARSE_MS = 310000
    };
    fixture_init(&f, "all");
    make_points(points, N, fixture_start_ms() - (int64_t)N * SPARSE_MS, 14);
    for (size_t i = 0; i < N; i++) {
        points[i].time_ms += (int64_t)i * (SPARSE_MS - STEP_MS);
    }
    for (int tasks = 0; tasks < 2; tasks++) {
        const char *name = tasks ? "with_tasks" : "stepped";
        fixture_open(&f, VARVE_HOST_KEEP_ALL);
        assert_int_equal(tasks ? varve_host_start(f.host) : 0, 0);
        import(fixture_series(&f, name, VARVE_GAUGE), points, N);
        assert_int_equal(varve_host_flush(f.host, 30000), 0);
        check_raw(name, points, N);
        check_all_tiers(name, points, N);
        fixture_close(&f);
    }
    fixture_end(&f);
}

static void counters_keep_their_increase_over_resets_and_restarts(void **state)
{
    (void)state;
    enum {
        N = 1200
    };
    fixture_init(&f, "all");
    int64_t start_ms = fixture_start_ms();
    double value = 1e15, increase = 0;
    for (size_t i = 0; i < N; i++) {
        double before = value;
        value = i % 400 == 399 ? 5 : value + (double)(i % 7);
        increase += i == 0 ? 0 : value >= before ? value - before : value;
        points[i] =
            (struct varve_point){.time_ms = start_ms + (int64_t)i * STEP_MS, .value = value};
    }
    for (size_t part = 0; part < 4; part++) {
        fixture_open(&f, 0);
        int id = fixture_series(&f, "c_total", VARVE_COUNTER);
        import(id, points + part * (N / 4), N / 4);
        fixture_close(&f);
    }
    fixture_open(&f, VARVE_HOST_READ_ONLY);
    for (int tier = 1; tier < 4; tier++) {
        struct answer answer = fixture_query(&f, "c_total", tier, VARVE_AGG_SUM, 0);
        double sum = 0;
        for (size_t i = 0; i < answer.count; i++) {
            sum += answer.points[i].value;
        }
        assert_true(sum == increase);
        answer_free(&answer);
    }
    struct answer avg = fixture_query(&f, "c_total", 1, VARVE_AGG_AVG, 0);
    assert_int_equal(avg.count, 0);
    assert_int_equal(avg.info.skipped_series, 1);
    answer_free(&avg);
    fixture_close(&f);
    fixture_end(&f);
}

static void late_rows_are_kept_and_rolled_up_once(void **state)
{
    (void)state;
    enum {
        N = 1200
    };
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms(), 7);
    // Every third row comes twenty minutes late.
    for (size_t i = 0; i < N + 240; i++) {
        if (i < N && i % 3 != 0) {
            import(id, &points[i], 1);
        }
        if (i >= 240 && (i - 240) % 3 == 0) {
            import(id, &points[i - 240], 1);
        }
    }
    check_raw("a", points, N);
    struct answer count = fixture_query(&f, "a", 1, VARVE_AGG_COUNT, 0);
    double total = 0;
    for (size_t i = 0; i < count.count; i++) {
        total += count.points[i].value;
    }
    assert_true(total == N);
    answer_free(&count);
    fixture_close(&f);
    fixture_open(&f, 0);
    check_raw("a", points, N);
    fixture_close(&f);
    fixture_end(&f);
}

static void absurd_times_are_refused_and_counted(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    assert_int_equal(varve_push_at(f.host, id, varve_port_wall_ms() + INT64_C(172800000), 1), 0);
    assert_int_equal(varve_push_at(f.host, id, -1, 1), 0);
    assert_int_equal(varve_push(f.host, 77, 1), VARVE_E_INVALID);
    (void)varve_host_step(f.host);
    struct varve_stats stats;
    varve_host_stats(f.host, &stats);
    assert_int_equal(stats.rejected, 3);
    assert_int_equal(stats.samples, 0);
    fixture_close(&f);
    fixture_end(&f);
}

static void a_row_from_the_future_costs_no_other_row(void **state)
{
    (void)state;
    enum {
        N = 100
    };
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    int64_t now_ms = varve_port_wall_ms();
    points[N] = (struct varve_point){.time_ms = now_ms + INT64_C(82800000), .value = 1};
    import(id, &points[N], 1);
    assert_int_equal(varve_host_flush(f.host, 1000), 0);
    make_points(points, N, now_ms - (int64_t)N * STEP_MS, 9);
    import(id, points, N);
    fixture_close(&f);
    fixture_open(&f, 0);
    check_raw("a", points, N + 1);
    struct answer count = fixture_query(&f, "a", 1, VARVE_AGG_COUNT, 0);
    double total = 0;
    for (size_t i = 0; i < count.count; i++) {
        total += count.points[i].value;
    }
    assert_true(total == N + 1);
    answer_free(&count);
    fixture_close(&f);
    fixture_end(&f);
}

static void steps_and_tiers_agree_with_raw(void **state)
{
    (void)state;
    enum {
        N = 1400
    };
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms(), 8);
    import(id, points, N);
    const enum varve_agg aggs[] = {VARVE_AGG_AVG, VARVE_AGG_MIN, VARVE_AGG_SUM, VARVE_AGG_COUNT,
                                   VARVE_AGG_LAST};
    for (size_t i = 0; i < sizeof aggs / sizeof *aggs; i++) {
        struct answer raw = fixture_query(&f, "a", 0, aggs[i], 600000);
        struct answer minute = fixture_query(&f, "a", 1, aggs[i], 600000);
        struct answer any = fixture_query(&f, "a", VARVE_TIER_AUTO, aggs[i], 600000);
        assert_int_equal(raw.count, 12);
        assert_int_equal(minute.count, raw.count);
        assert_memory_equal(minute.points, raw.points, raw.count * sizeof *raw.points);
        assert_int_equal(any.info.tier, 1); // coarser than raw, and as good
        answer_free(&raw);
        answer_free(&minute);
        answer_free(&any);
    }
    fixture_close(&f);
    fixture_end(&f);
}

static struct answer query_from(int64_t from_ms, enum varve_agg agg, int64_t step_ms)
{
    return fixture_query_range(&f, "a", from_ms, INT64_MAX, VARVE_TIER_AUTO, agg, step_ms);
}

// Whatever tier serves it, an answer counts every sample of the range.
static void ranges_that_begin_between_cells_lose_no_sample(void **state)
{
    (void)state;
    enum {
        N = 1400,
        LATE = 100
    };
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    int id = fixture_series(&f, "a", VARVE_GAUGE);
    make_points(points, N, fixture_start_ms() + 1234567, 10);
    import(id, points, N);
    const int64_t steps_ms[] = {60000, 600000, 3600000, 86400000};
    for (size_t i = 0; i < sizeof steps_ms / sizeof *steps_ms; i++) {
        const size_t firsts[] = {0, LATE};
        for (size_t k = 0; k < 2; k++) {
            struct answer answer =
                query_from(points[firsts[k]].time_ms, VARVE_AGG_COUNT, steps_ms[i]);
            double total = 0;
            for (size_t p = 0; p < answer.count; p++) {
                total += answer.points[p].value;
            }
            assert_true(total == (double)(N - firsts[k]));
            answer_free(&answer);
        }
    }
    fixture_close(&f);
    fixture_end(&f);
}

static void bad_selectors_say_what_and_where(void **state)
{
    (void)state;
    fixture_init(&f, "all");
    fixture_open(&f, 0);
    (void)fixture_series(&f, "a{x=\"1\"}", VARVE_GAUGE);
    struct answer bad = fixture_query(&f, "a{x=~\"1\"}", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(bad.rc, VARVE_E_INVALID);
    assert_non_null(strstr(bad.why, "regular expressions"));
    assert_non_null(strstr(bad.why, "column 4"));
    answer_free(&bad);
    struct answer none = fixture_query(&f, "nosuch", 0, VARVE_AGG_AUTO, 0);
    assert_int_equal(none.rc, VARVE_E_NOT_FOUND);
    assert_non_null(strstr(none.why, "nosuch"));
    answer_free(&none);
    fixture_close(&f);
    fixture_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_read_back_from_ram_and_store_bit_exact),
        cmocka_unit_test(rows_are_taken_as_far_as_the_ring_has_room),
        cmocka_unit_test(cells_that_close_while_raw_is_rolled_up_disturb_nothing),
        cmocka_unit_test(restarts_neither_lose_nor_repeat_a_sample),
        cmocka_unit_test(a_crash_loses_the_open_window_only_and_rollups_agree_with_raw),
        cmocka_unit_test(rollups_survive_where_raw_is_not_stored),
        cmocka_unit_test(the_later_part_of_a_minute_has_its_last_value),
        cmocka_unit_test(retention_follows_the_time_of_the_data),
        cmocka_unit_test(keep_all_keeps_all),
        cmocka_unit_test(sparse_history_loses_no_block_between_ring_and_store),
        cmocka_unit_test(counters_keep_their_increase_over_resets_and_restarts),
        cmocka_unit_test(late_rows_are_kept_and_rolled_up_once),
        cmocka_unit_test(absurd_times_are_refused_and_counted),
        cmocka_unit_test(a_row_from_the_future_costs_no_other_row),
        cmocka_unit_test(steps_and_tiers_agree_with_raw),
        cmocka_unit_test(ranges_that_begin_between_cells_lose_no_sample),
        cmocka_unit_test(bad_selectors_say_what_and_where),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
