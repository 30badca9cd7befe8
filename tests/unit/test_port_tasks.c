// SPDX-License-Identifier: Apache-2.0
// The POSIX port's clocks, locks, tasks and timers, on real threads. Waiting times are lower bounds
// only; an upper one is so generous that only a hang fails it.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "varve/port.h"

#define HANG_MS 20000

static void sleep_ms(long ms)
{
    const struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

// ---- time ---------------------------------------------------------------------------------------

static void clocks_advance_and_agree(void **state)
{
    (void)state;
    const int64_t boot = varve_port_boot_ms();
    const uint64_t mono = varve_port_mono_us();
    sleep_ms(20);
    const uint64_t mono_passed = varve_port_mono_us() - mono;
    const int64_t boot_passed = varve_port_boot_ms() - boot;
    assert_true(mono_passed >= 20000);
    assert_true(boot_passed >= 19);
    assert_true(mono_passed < HANG_MS * 1000u);
    assert_true(boot_passed < HANG_MS);
    assert_true(llabs(varve_port_wall_ms() - (int64_t)time(NULL) * 1000) < HANG_MS);
}

// ---- locks and signals --------------------------------------------------------------------------

struct counting {
    struct varve_port_mutex mutex;
    bool critical;
    long count;
};

static void count_up(void *arg)
{
    struct counting *c = arg;
    for (int i = 0; i < 20000; i++) {
        if (c->critical)
            varve_port_critical_enter();
        else
            varve_port_mutex_lock(&c->mutex);
        c->count++;
        if (c->critical)
            varve_port_critical_exit();
        else
            varve_port_mutex_unlock(&c->mutex);
    }
}

static long count_with_two_tasks(bool critical)
{
    struct counting c = {.critical = critical};
    struct varve_port_task task[2];
    assert_int_equal(varve_port_mutex_init(&c.mutex), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(varve_port_task_start(&task[i], "count", count_up, &c, 0), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(varve_port_task_join(&task[i], -1), 0);
    varve_port_mutex_destroy(&c.mutex);
    return c.count;
}

static void mutex_and_critical_section_exclude_tasks(void **state)
{
    (void)state;
    assert_int_equal(count_with_two_tasks(false), 40000);
    assert_int_equal(count_with_two_tasks(true), 40000);
}

static void a_signal_raised_before_the_wait_is_kept_once(void **state)
{
    (void)state;
    struct varve_port_signal s;
    assert_int_equal(varve_port_signal_init(&s), 0);
    varve_port_signal_raise(&s);
    varve_port_signal_raise(&s); // binary: two are one
    assert_int_equal(varve_port_signal_wait(&s, -1), 0);
    assert_int_equal(varve_port_signal_wait(&s, 0), VARVE_E_TIMEOUT);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_signal_wait(&s, 0), 0);
    varve_port_signal_destroy(&s);
}

static void a_signal_wait_lasts_as_long_as_it_was_told(void **state)
{
    (void)state;
    struct varve_port_signal s;
    assert_int_equal(varve_port_signal_init(&s), 0);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_signal_wait(&s, 30), VARVE_E_TIMEOUT);
    const uint64_t passed = varve_port_mono_us() - start;
    assert_true(passed >= 30000);
    assert_true(passed < HANG_MS * 1000u);
    varve_port_signal_destroy(&s);
}

static void raise_later(void *arg)
{
    sleep_ms(20);
    varve_port_signal_raise(arg);
}

static void a_waiting_task_is_woken_by_a_signal(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct varve_port_task task;
    assert_int_equal(varve_port_signal_init(&s), 0);
    assert_int_equal(varve_port_task_start(&task, "raiser", raise_later, &s, 0), 0);
    assert_int_equal(varve_port_signal_wait(&s, INT64_MAX), 0);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
    varve_port_signal_destroy(&s);
}

// ---- tasks --------------------------------------------------------------------------------------

struct task_view {
    struct varve_port_signal go;
    char name[32];
    size_t stack_bytes;
    bool term_blocked;
    bool segv_blocked;
};

static void look_around(void *arg)
{
    struct task_view *view = arg;
    pthread_attr_t attr;
    sigset_t blocked;
    pthread_getname_np(pthread_self(), view->name, sizeof view->name);
    pthread_getattr_np(pthread_self(), &attr);
    pthread_attr_getstacksize(&attr, &view->stack_bytes);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    view->term_blocked = sigismember(&blocked, SIGTERM) == 1;
    view->segv_blocked = sigismember(&blocked, SIGSEGV) == 1;
}

static void look_around_when_told(void *arg)
{
    struct task_view *view = arg;
    varve_port_signal_wait(&view->go, -1);
    look_around(view);
}

static void a_task_has_its_name_a_small_stack_and_no_signals(void **state)
{
    (void)state;
    struct task_view view = {.segv_blocked = true};
    struct varve_port_task task;
    sigset_t mine;
    assert_int_equal(varve_port_signal_init(&view.go), 0);
    // The name is given by start(), maybe after the task has begun to run.
    assert_int_equal(
        varve_port_task_start(&task, "fifteen-letters", look_around_when_told, &view, 0), 0);
    varve_port_signal_raise(&view.go);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
    assert_string_equal(view.name, "fifteen-letters");
    assert_true(view.stack_bytes >= 128u * 1024u);
    assert_true(view.stack_bytes <= 1024u * 1024u);
    assert_true(view.term_blocked);
    assert_false(view.segv_blocked);
    pthread_sigmask(SIG_BLOCK, NULL, &mine);
    assert_int_equal(sigismember(&mine, SIGTERM), 0);
    varve_port_signal_destroy(&view.go);
}

static void a_tiny_stack_is_raised_to_the_least_possible(void **state)
{
    (void)state;
    struct task_view view = {.stack_bytes = 0};
    struct varve_port_task task;
    assert_int_equal(varve_port_task_start(&task, "tiny", look_around, &view, 1), 0);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
    assert_true(view.stack_bytes >= 16384);
}

static void too_long_a_task_name_is_refused(void **state)
{
    (void)state;
    struct varve_port_task task;
    assert_int_equal(varve_port_task_start(&task, "sixteen-letters-", look_around, NULL, 0),
                     VARVE_E_INVALID);
}

static void wait_for_signal(void *arg)
{
    varve_port_signal_wait(arg, -1);
}

static void a_join_times_out_while_the_task_runs_and_succeeds_later(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct varve_port_task task;
    assert_int_equal(varve_port_signal_init(&s), 0);
    assert_int_equal(varve_port_task_start(&task, "waiter", wait_for_signal, &s, 0), 0);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_task_join(&task, 30), VARVE_E_TIMEOUT);
    assert_true(varve_port_mono_us() - start >= 30000);
    assert_int_equal(varve_port_task_join(&task, 0), VARVE_E_TIMEOUT);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_task_join(&task, HANG_MS), 0);
    // The storage can be used again.
    assert_int_equal(varve_port_task_start(&task, "waiter", wait_for_signal, &s, 0), 0);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
    varve_port_signal_destroy(&s);
}

// ---- timers -------------------------------------------------------------------------------------

struct firing {
    struct varve_port_signal fired;
    struct varve_port_timer timer;
    atomic_int count;
    atomic_int inside;
    int order; // when it fired, among all
    int again; // times that the callback starts its timer again
    long slow_ms;
};

static atomic_int firing_order;

static void on_timer(void *arg)
{
    struct firing *f = arg;
    atomic_fetch_add(&f->inside, 1);
    f->order = atomic_fetch_add(&firing_order, 1) + 1;
    if (f->slow_ms > 0) {
        varve_port_signal_raise(&f->fired);
        sleep_ms(f->slow_ms);
    }
    atomic_fetch_add(&f->count, 1);
    if (f->again > 0) {
        f->again--;
        varve_port_timer_start(&f->timer, 1);
    }
    atomic_fetch_sub(&f->inside, 1);
    varve_port_signal_raise(&f->fired);
}

static void firing_init(struct firing *f)
{
    memset(f, 0, sizeof *f);
    assert_int_equal(varve_port_signal_init(&f->fired), 0);
    assert_int_equal(varve_port_timer_init(&f->timer, on_timer, f), 0);
}

static void firing_done(struct firing *f)
{
    varve_port_timer_destroy(&f->timer);
    varve_port_signal_destroy(&f->fired);
}

static void a_timer_fires_once_after_its_delay(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_timer_start(&f.timer, 30), 0);
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_true(varve_port_mono_us() - start >= 30000);
    assert_int_equal(varve_port_signal_wait(&f.fired, 50), VARVE_E_TIMEOUT);
    assert_int_equal(atomic_load(&f.count), 1);
    firing_done(&f);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    varve_port_timer_stop(&f.timer); // never started: harmless
    assert_int_equal(varve_port_timer_start(&f.timer, 200), 0);
    varve_port_timer_stop(&f.timer);
    assert_int_equal(varve_port_signal_wait(&f.fired, 300), VARVE_E_TIMEOUT);
    assert_int_equal(varve_port_timer_start(&f.timer, 1), 0); // and can be started again
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    firing_done(&f);
}

static void starting_a_running_timer_restarts_it(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    assert_int_equal(varve_port_timer_start(&f.timer, HANG_MS * 10), 0);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_timer_start(&f.timer, 20), 0); // sooner
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_true(varve_port_mono_us() - start >= 20000);
    assert_int_equal(varve_port_timer_start(&f.timer, 200), 0);
    const uint64_t again = varve_port_mono_us();
    assert_int_equal(varve_port_timer_start(&f.timer, 300), 0); // later
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_true(varve_port_mono_us() - again >= 300000);
    assert_int_equal(atomic_load(&f.count), 2);
    firing_done(&f);
}

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    struct firing f[3];
    static const int delay_ms[3] = {600, 50, 300};
    for (int i = 0; i < 3; i++)
        firing_init(&f[i]);
    const int before = atomic_load(&firing_order);
    for (int i = 0; i < 3; i++)
        assert_int_equal(varve_port_timer_start(&f[i].timer, delay_ms[i]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(varve_port_signal_wait(&f[i].fired, HANG_MS), 0);
    assert_int_equal(f[0].order - before, 3);
    assert_int_equal(f[1].order - before, 1);
    assert_int_equal(f[2].order - before, 2);
    for (int i = 0; i < 3; i++)
        firing_done(&f[i]);
}

static void stop_waits_for_a_running_callback(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    f.slow_ms = 50;
    f.again = 1000; // and the callback starts its timer again, which stop() undoes
    assert_int_equal(varve_port_timer_start(&f.timer, 0), 0);
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0); // it is inside now
    varve_port_timer_stop(&f.timer);
    assert_int_equal(atomic_load(&f.inside), 0);
    const int count = atomic_load(&f.count);
    assert_true(count >= 1);
    sleep_ms(60);
    assert_int_equal(atomic_load(&f.count), count);
    firing_done(&f);
}

static void a_callback_can_start_its_timer_again(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    f.again = 4;
    assert_int_equal(varve_port_timer_start(&f.timer, -5), 0); // at once
    const int64_t limit = varve_port_boot_ms() + HANG_MS;
    while (atomic_load(&f.count) < 5 && varve_port_boot_ms() < limit)
        varve_port_signal_wait(&f.fired, HANG_MS);
    assert_int_equal(atomic_load(&f.count), 5);
    firing_done(&f);
}

static void the_service_thread_ends_with_the_last_timer_and_comes_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct firing f;
        firing_init(&f);
        assert_int_equal(varve_port_timer_start(&f.timer, 0), 0);
        assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
        firing_done(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_advance_and_agree),
        cmocka_unit_test(mutex_and_critical_section_exclude_tasks),
        cmocka_unit_test(a_signal_raised_before_the_wait_is_kept_once),
        cmocka_unit_test(a_signal_wait_lasts_as_long_as_it_was_told),
        cmocka_unit_test(a_waiting_task_is_woken_by_a_signal),
        cmocka_unit_test(a_task_has_its_name_a_small_stack_and_no_signals),
        cmocka_unit_test(a_tiny_stack_is_raised_to_the_least_possible),
        cmocka_unit_test(too_long_a_task_name_is_refused),
        cmocka_unit_test(a_join_times_out_while_the_task_runs_and_succeeds_later),
        cmocka_unit_test(a_timer_fires_once_after_its_delay),
        cmocka_unit_test(a_stopped_timer_does_not_fire),
        cmocka_unit_test(starting_a_running_timer_restarts_it),
        cmocka_unit_test(timers_fire_in_the_order_of_their_deadlines),
        cmocka_unit_test(stop_waits_for_a_running_callback),
        cmocka_unit_test(a_callback_can_start_its_timer_again),
        cmocka_unit_test(the_service_thread_ends_with_the_last_timer_and_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
