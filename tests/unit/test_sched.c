// SPDX-License-Identifier: Apache-2.0
// The scheduler on a clock that the test moves: runs stand on the grid of Unix time, late runs
// belong to the newest grid time, failing jobs back off, a hanging run is reported once.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/sched.h"
#include "random.h"

static struct varve_job started_job(int64_t interval_ms, int64_t now_ms, int64_t offset_ms)
{
    struct varve_job job = {.interval_ms = interval_ms};
    varve_job_start(&job, now_ms, offset_ms);
    return job;
}

static void first_run_is_the_next_grid_time_of_unix_time(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 10000; round++) {
        int64_t interval = 1 + random_below(&r, 100000);
        int64_t now = random_between(&r, 0, INT64_C(1) << 40);
        int64_t offset = random_between(&r, -(INT64_C(1) << 42), INT64_C(1) << 42);
        struct varve_job job = started_job(interval, now, offset);
        assert_true(job.enabled);
        assert_true(job.due_ms >= now && job.due_ms < now + interval);
        assert_int_equal((job.due_ms + offset) % interval, 0);
    }
    assert_int_equal(started_job(5000, 10000, 0).due_ms, 10000); // on the grid: at once
    assert_int_equal(started_job(5000, 10001, 0).due_ms, 15000);
    assert_int_equal(started_job(5000, 10001, 4999).due_ms, 10001);
}

static void punctual_runs_stand_one_interval_apart(void **state)
{
    (void)state;
    struct varve_job job = started_job(5000, 0, 0);
    for (int64_t i = 0; i < 100; i++) {
        assert_int_equal(varve_job_begin(&job, i * 5000 + 3), i * 5000);
        assert_true(job.running);
        varve_job_end(&job, i * 5000 + 10, true);
        assert_false(job.running);
        assert_int_equal(job.due_ms, (i + 1) * 5000);
    }
    assert_int_equal(job.runs, 100);
    assert_int_equal(job.skipped, 0);
    assert_int_equal(job.failures, 0);
}

static void late_run_belongs_to_the_newest_grid_time(void **state)
{
    (void)state;
    struct varve_job job = started_job(1000, 0, 0);
    assert_int_equal(varve_job_begin(&job, 3999), 3000);
    assert_int_equal(job.skipped, 3);
    varve_job_end(&job, 3999, true);
    assert_int_equal(job.due_ms, 4000);
    assert_int_equal(varve_job_begin(&job, 5000), 5000);
    assert_int_equal(job.skipped, 4);
}

static void long_run_skips_the_grid_times_that_it_covers(void **state)
{
    (void)state;
    struct varve_job job = started_job(1000, 0, 0);
    varve_job_begin(&job, 0);
    varve_job_end(&job, 3000, true); // 1000, 2000 and 3000 have passed
    assert_int_equal(job.due_ms, 4000);
    assert_int_equal(job.skipped, 3);
    varve_job_begin(&job, 4000);
    varve_job_end(&job, 4999, true);
    assert_int_equal(job.due_ms, 5000);
    assert_int_equal(job.skipped, 3);
}

// Every grid time is either run or skipped, whatever the delays.
static void runs_and_skips_account_for_every_grid_time(void **state)
{
    (void)state;
    struct test_random r = random_start(__func__);
    for (int round = 0; round < 200; round++) {
        int64_t interval = 1 + random_below(&r, 1000), before = -1;
        struct varve_job job = started_job(interval, 0, 0);
        for (int i = 0; i < 50; i++) {
            int64_t now = job.due_ms + random_below(&r, 3) * random_below(&r, 2000);
            int64_t grid = varve_job_begin(&job, now);
            assert_int_equal(grid % interval, 0);
            assert_true(grid > before && grid <= now && now - grid < interval);
            before = grid;
            now += random_below(&r, 2) * random_below(&r, 3000);
            varve_job_end(&job, now, true);
            assert_true(job.due_ms > now && job.due_ms <= now + interval);
            assert_int_equal(job.runs + job.skipped, (uint64_t)(job.due_ms / interval));
        }
    }
}

static void back_off_doubles_to_the_limit_and_one_success_ends_it(void **state)
{
    (void)state;
    struct varve_job job = started_job(1000, 0, 0);
    int64_t now = 0;
    for (unsigned i = 1; i <= 10; i++) {
        varve_job_begin(&job, now);
        varve_job_end(&job, now + 1, false);
        unsigned doublings = i < VARVE_SCHED_MAX_BACKOFF ? i : VARVE_SCHED_MAX_BACKOFF;
        assert_int_equal(job.due_ms - now, INT64_C(1000) << doublings);
        assert_int_equal(job.due_ms % 1000, 0);
        now = job.due_ms;
    }
    assert_int_equal(job.failures, 10);
    assert_int_equal(job.failures_in_row, 10);
    varve_job_begin(&job, now);
    varve_job_end(&job, now + 1, true);
    assert_int_equal(job.due_ms, now + 1000);
    assert_int_equal(job.failures_in_row, 0);
    assert_int_equal(job.failures, 10);
    varve_job_begin(&job, job.due_ms);
    varve_job_end(&job, job.due_ms, false);
    assert_int_equal(job.due_ms, now + 3000);
}

static void first_due_job_is_enabled_and_idle(void **state)
{
    (void)state;
    struct varve_job jobs[4] = {
        {.enabled = true, .due_ms = 300},
        {.enabled = false, .due_ms = 50},
        {.enabled = true, .due_ms = 100, .running = true},
        {.enabled = true, .due_ms = 200},
    };
    int64_t due;
    assert_ptr_equal(varve_sched_first(jobs, 4, &due), &jobs[3]);
    assert_int_equal(due, 200);
    jobs[3].running = true;
    assert_ptr_equal(varve_sched_first(jobs, 4, &due), &jobs[0]);
    jobs[0].running = true;
    assert_null(varve_sched_first(jobs, 4, &due));
    assert_int_equal(due, INT64_MAX);
    assert_null(varve_sched_first(NULL, 0, &due));
    assert_int_equal(due, INT64_MAX);
}

static void overdue_run_is_reported_once(void **state)
{
    (void)state;
    struct varve_job jobs[2];
    int64_t next;
    for (int i = 0; i < 2; i++) {
        jobs[i] = started_job(1000, 0, 0);
        jobs[i].deadline_ms = 500 + 100 * i;
        varve_job_begin(&jobs[i], 0);
    }
    assert_null(varve_sched_overdue(jobs, 2, 499, &next));
    assert_int_equal(next, 500);
    assert_ptr_equal(varve_sched_overdue(jobs, 2, 500, &next), &jobs[0]);
    assert_true(jobs[0].hung && jobs[0].running);
    assert_null(varve_sched_overdue(jobs, 2, 599, &next));
    assert_int_equal(next, 600);
    assert_ptr_equal(varve_sched_overdue(jobs, 2, 10000, &next), &jobs[1]);
    assert_null(varve_sched_overdue(jobs, 2, 10000, &next));
    assert_int_equal(next, INT64_MAX);
}

static void hung_run_counts_as_one_failure_and_the_next_is_watched_again(void **state)
{
    (void)state;
    struct varve_job job = started_job(1000, 0, 0);
    int64_t next;
    job.deadline_ms = 500;
    varve_job_begin(&job, 0);
    assert_non_null(varve_sched_overdue(&job, 1, 700, &next));
    varve_job_end(&job, 2500, false);
    assert_int_equal(job.failures, 1);
    varve_job_begin(&job, job.due_ms);
    assert_false(job.hung);
    assert_null(varve_sched_overdue(&job, 1, job.started_ms + 499, &next));
    assert_non_null(varve_sched_overdue(&job, 1, job.started_ms + 500, &next));
    varve_job_end(&job, job.started_ms + 501, true); // came back late, but with a result
    assert_int_equal(job.failures, 2);
    assert_int_equal(job.failures_in_row, 2); // and backs off all the same
    assert_int_equal(job.due_ms - job.started_ms, 4000);
    assert_int_equal(varve_sched_hung(&job, 1), 0);
}

static void without_a_deadline_nothing_is_overdue(void **state)
{
    (void)state;
    struct varve_job job = started_job(1000, 0, 0);
    int64_t next;
    varve_job_begin(&job, 0);
    assert_null(varve_sched_overdue(&job, 1, INT64_MAX, &next));
    assert_int_equal(next, INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_run_is_the_next_grid_time_of_unix_time),
        cmocka_unit_test(punctual_runs_stand_one_interval_apart),
        cmocka_unit_test(late_run_belongs_to_the_newest_grid_time),
        cmocka_unit_test(long_run_skips_the_grid_times_that_it_covers),
        cmocka_unit_test(runs_and_skips_account_for_every_grid_time),
        cmocka_unit_test(back_off_doubles_to_the_limit_and_one_success_ends_it),
        cmocka_unit_test(first_due_job_is_enabled_and_idle),
        cmocka_unit_test(overdue_run_is_reported_once),
        cmocka_unit_test(hung_run_counts_as_one_failure_and_the_next_is_watched_again),
        cmocka_unit_test(without_a_deadline_nothing_is_overdue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
