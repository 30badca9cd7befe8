// SPDX-License-Identifier: Apache-2.0
// The FreeRTOS port's clocks, locks, tasks and timers, on the kernel of tests/freertos/kernel.
// Waiting times are lower bounds only; an upper one is so generous that only a hang fails it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ports/freertos/freertos.h"
#include "timers.h"

#define HANG_MS 20000
#define WORDS   64u
#define LEAN    3u // places for any task

static StackType_t stacks[LEAN + 1][WORDS];
static struct varve_freertos_place places[] = {
    {.task = "keeper", .priority = 1, .stack = stacks[0], .words = WORDS},
    {.priority = 2, .stack = stacks[1], .words = WORDS},
    {.priority = 2, .stack = stacks[2], .words = WORDS},
    {.priority = 2, .stack = stacks[3], .words = WORDS},
};

// Two ticks more than asked for are in a delay: the one that has begun, and rounding.
static void sleep_ms(TickType_t ms)
{
    vTaskDelay(ms + 1);
}

// ---- time ---------------------------------------------------------------------------------------

static void clocks_go_on_when_the_ticks_begin_anew(void **state)
{
    (void)state;
    fake_set_tick(UINT32_MAX - 19);
    const int64_t boot = varve_port_boot_ms();
    const uint64_t mono = varve_port_mono_us();
    sleep_ms(60);
    assert_true(xTaskGetTickCount() < HANG_MS); // they did
    const int64_t boot_passed = varve_port_boot_ms() - boot;
    const uint64_t mono_passed = varve_port_mono_us() - mono;
    assert_true(boot_passed >= 60 && boot_passed < HANG_MS);
    assert_true(mono_passed >= 60000 && mono_passed < HANG_MS * 1000u);
}

static void wall_time_is_unknown_until_firmware_says_it(void **state)
{
    (void)state;
    const int64_t said = INT64_C(1775001600000);
    assert_int_equal(varve_port_wall_ms(), 0);
    varve_firmware_set_wall(said);
    assert_true(varve_port_wall_ms() >= said && varve_port_wall_ms() < said + HANG_MS);
    varve_firmware_set_wall(said - 1000000); // and again, backwards
    assert_true(varve_port_wall_ms() < said);
}

static void look_at_the_clock(void *arg)
{
    *(int64_t *)arg = varve_port_boot_ms();
}

static void an_interrupt_can_ask_the_time(void **state)
{
    (void)state;
    int64_t seen = -1;
    const int64_t before = varve_port_boot_ms();
    fake_interrupt(look_at_the_clock, &seen);
    assert_true(seen >= before && seen <= varve_port_boot_ms());
}

// ---- locks and signals --------------------------------------------------------------------------

struct counting {
    struct varve_port_mutex mutex;
    bool critical;
    long count;
};

static void count_once(void *arg)
{
    struct counting *c = arg;
    varve_port_critical_enter();
    c->count++;
    varve_port_critical_exit();
}

static void count_up(void *arg)
{
    struct counting *c = arg;
    for (int i = 0; i < 10000; i++) {
        if (c->critical) {
            count_once(c);
        } else {
            varve_port_mutex_lock(&c->mutex);
            c->count++;
            varve_port_mutex_unlock(&c->mutex);
        }
    }
}

// This thread plays the interrupts.
static long count_with_two_tasks(bool critical)
{
    struct counting c = {.critical = critical};
    struct varve_port_task task[2];
    assert_int_equal(varve_port_mutex_init(&c.mutex), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(varve_port_task_start(&task[i], "count", count_up, &c, 0), 0);
    }
    for (int i = 0; critical && i < 10000; i++) {
        fake_interrupt(count_once, &c);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(varve_port_task_join(&task[i], -1), 0);
    }
    varve_port_mutex_destroy(&c.mutex);
    return c.count;
}

static void mutexes_exclude_tasks_and_critical_sections_interrupts_too(void **state)
{
    (void)state;
    assert_int_equal(count_with_two_tasks(false), 20000);
    assert_int_equal(count_with_two_tasks(true), 30000);
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
    varve_port_signal_destroy(&s);
}

static void a_wait_lasts_as_long_as_it_was_told_across_the_end_of_the_ticks(void **state)
{
    (void)state;
    struct varve_port_signal s;
    assert_int_equal(varve_port_signal_init(&s), 0);
    fake_set_tick(UINT32_MAX - 9);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_signal_wait(&s, 30), VARVE_E_TIMEOUT);
    const uint64_t passed = varve_port_mono_us() - start;
    assert_true(passed >= 30000 && passed < HANG_MS * 1000u);
    varve_port_signal_destroy(&s);
}

static void raise_it(void *arg)
{
    varve_port_signal_raise(arg);
}

static void raise_it_in_an_interrupt(void *arg)
{
    sleep_ms(20);
    fake_interrupt(raise_it, arg);
}

static void an_interrupt_wakes_a_task(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct varve_port_task task;
    assert_int_equal(varve_port_signal_init(&s), 0);
    assert_int_equal(varve_port_task_start(&task, "raiser", raise_it_in_an_interrupt, &s, 0), 0);
    assert_int_equal(varve_port_signal_wait(&s, INT64_MAX), 0);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
}

struct waiting {
    struct varve_port_signal *signal;
    int rc;
};

static void wait_for_it(void *arg)
{
    struct waiting *w = arg;
    w->rc = varve_port_signal_wait(w->signal, HANG_MS);
}

static void each_raise_ends_one_of_several_waits(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct waiting waiting[LEAN];
    struct varve_port_task task[LEAN];
    assert_int_equal(varve_port_signal_init(&s), 0);
    for (size_t i = 0; i < LEAN; i++) {
        waiting[i] = (struct waiting){&s, 1};
        assert_int_equal(varve_port_task_start(&task[i], "waiter", wait_for_it, &waiting[i], 0), 0);
    }
    bool ended[LEAN] = {false};
    for (size_t n = 1; n <= LEAN; n++) {
        sleep_ms(20);
        varve_port_signal_raise(&s);
        size_t count = 0;
        for (int64_t end = varve_port_boot_ms() + HANG_MS;
             count < n && varve_port_boot_ms() < end;) {
            count = 0;
            for (size_t i = 0; i < LEAN; i++) {
                ended[i] = ended[i] || varve_port_task_join(&task[i], 1) == 0;
                count += ended[i];
            }
        }
        assert_int_equal(count, n);
    }
    for (size_t i = 0; i < LEAN; i++) {
        assert_int_equal(waiting[i].rc, 0);
    }
}

static void the_first_notification_is_left_to_firmware(void **state)
{
    (void)state;
    struct varve_port_signal s;
    assert_int_equal(varve_port_signal_init(&s), 0);
    (void)xTaskNotifyGiveIndexed(xTaskGetCurrentTaskHandle(), 0);
    assert_int_equal(varve_port_signal_wait(&s, 5), VARVE_E_TIMEOUT);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_signal_wait(&s, 5), 0);
    assert_int_equal(ulTaskNotifyTakeIndexed(0, pdTRUE, 1), 1);
}

// A notification of a signal that was taken already must not end the next wait early.
static void a_late_notification_wakes_in_vain(void **state)
{
    (void)state;
    struct varve_port_signal s;
    assert_int_equal(varve_port_signal_init(&s), 0);
    (void)xTaskNotifyGiveIndexed(xTaskGetCurrentTaskHandle(),
                                 configTASK_NOTIFICATION_ARRAY_ENTRIES - 1);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_signal_wait(&s, 30), VARVE_E_TIMEOUT);
    assert_true(varve_port_mono_us() - start >= 30000);
}

// ---- tasks --------------------------------------------------------------------------------------

struct view {
    char name[16];
    UBaseType_t priority;
    int error;
    struct varve_port_signal go;
};

static void look_around(void *arg)
{
    struct view *view = arg;
    (void)varve_port_signal_wait(&view->go, -1);
    (void)snprintf(view->name, sizeof view->name, "%s", pcTaskGetName(NULL));
    view->priority = uxTaskPriorityGet(NULL);
    view->error = varve_port_native_error(); // none yet
    (void)varve_firmware_fail(VARVE_E_BUSY);
    view->error = view->error == 0 ? varve_port_native_error() : 1;
}

static void a_task_takes_the_place_that_is_meant_for_it(void **state)
{
    (void)state;
    struct view keeper = {.priority = 9}, other = {.priority = 9};
    struct varve_port_task task[2];
    assert_int_equal(varve_port_signal_init(&keeper.go), 0);
    assert_int_equal(varve_port_signal_init(&other.go), 0);
    assert_int_equal(varve_port_task_start(&task[0], "fifteen-letters", look_around, &other, 0), 0);
    assert_int_equal(varve_port_task_start(&task[1], "keeper", look_around, &keeper, 0), 0);
    assert_ptr_equal(places[0].handle, (void *)&places[0].task_memory);
    assert_non_null(places[1].handle);
    varve_port_signal_raise(&keeper.go);
    varve_port_signal_raise(&other.go);
    assert_int_equal(varve_port_task_join(&task[0], -1), 0);
    assert_int_equal(varve_port_task_join(&task[1], -1), 0);
    assert_string_equal(keeper.name, "keeper");
    assert_int_equal(keeper.priority, 1);
    assert_string_equal(other.name, "fifteen-letters");
    assert_int_equal(other.priority, 2);
    assert_int_equal(keeper.error, VARVE_E_BUSY); // each has its own
    assert_int_equal(other.error, VARVE_E_BUSY);
    assert_null(places[0].handle);
}

static void what_has_no_place_is_refused(void **state)
{
    (void)state;
    struct varve_port_signal s[LEAN];
    struct waiting waiting[LEAN];
    struct varve_port_task task[LEAN], more;
    for (size_t i = 0; i < LEAN; i++) {
        assert_int_equal(varve_port_signal_init(&s[i]), 0);
        waiting[i] = (struct waiting){&s[i], 1};
        assert_int_equal(varve_port_task_start(&task[i], "t", wait_for_it, &waiting[i], 0), 0);
    }
    // There is a place left, but it is the keeper's.
    assert_int_equal(varve_port_task_start(&more, "t", raise_it, &s[0], 0), VARVE_E_NO_MEMORY);
    assert_int_equal(varve_port_native_error(), VARVE_E_NO_MEMORY);
    for (size_t i = 0; i < LEAN; i++) {
        varve_port_signal_raise(&s[i]);
        assert_int_equal(varve_port_task_join(&task[i], HANG_MS), 0);
    }
    const size_t too_much = WORDS * sizeof(StackType_t) + 1;
    assert_int_equal(varve_port_task_start(&more, "t", raise_it, &s[0], too_much),
                     VARVE_E_NO_MEMORY);
    assert_int_equal(varve_port_task_start(&more, "sixteen-letters-", raise_it, &s[0], 0),
                     VARVE_E_INVALID);
}

static void a_place_can_be_taken_again_as_soon_as_its_task_is_joined(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct varve_port_task task;
    assert_int_equal(varve_port_signal_init(&s), 0);
    const unsigned before = fake_tasks();
    for (int i = 0; i < 200; i++) {
        assert_int_equal(varve_port_task_start(&task, "keeper", raise_it, &s, 0), 0);
        assert_int_equal(varve_port_signal_wait(&s, HANG_MS), 0);
        assert_int_equal(varve_port_task_join(&task, HANG_MS), 0);
    }
    assert_int_equal(fake_tasks(), before);
}

static void a_join_times_out_while_the_task_runs_and_succeeds_later(void **state)
{
    (void)state;
    struct varve_port_signal s;
    struct waiting waiting = {&s, 1};
    struct varve_port_task task;
    assert_int_equal(varve_port_signal_init(&s), 0);
    assert_int_equal(varve_port_task_start(&task, "waiter", wait_for_it, &waiting, 0), 0);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_task_join(&task, 30), VARVE_E_TIMEOUT);
    assert_true(varve_port_mono_us() - start >= 30000);
    assert_int_equal(varve_port_task_join(&task, 0), VARVE_E_TIMEOUT);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_task_join(&task, HANG_MS), 0);
    assert_int_equal(waiting.rc, 0);
}

static void places_that_cannot_be_are_refused(void **state)
{
    (void)state;
    struct varve_freertos_place bad = {.priority = 1, .words = WORDS};
    assert_int_equal(varve_freertos_start(&bad, 1), VARVE_E_INVALID);
    bad.stack = stacks[0];
    bad.words = 0;
    assert_int_equal(varve_freertos_start(&bad, 1), VARVE_E_INVALID);
    bad.words = WORDS;
    bad.priority = configMAX_PRIORITIES;
    assert_int_equal(varve_freertos_start(&bad, 1), VARVE_E_INVALID);
}

// ---- timers -------------------------------------------------------------------------------------

struct firing {
    struct varve_port_signal fired;
    struct varve_port_timer timer;
    atomic_int count, inside;
    int again; // times that the callback starts its timer again
    bool stops_first;
    TickType_t slow_ms;
};

static void on_timer(void *arg)
{
    struct firing *f = arg;
    atomic_fetch_add(&f->inside, 1);
    if (f->slow_ms > 0) {
        varve_port_signal_raise(&f->fired);
        sleep_ms(f->slow_ms);
    }
    atomic_fetch_add(&f->count, 1);
    if (f->stops_first) {
        varve_port_timer_stop(&f->timer);
    }
    if (f->again > 0) {
        f->again--;
        (void)varve_port_timer_start(&f->timer, 1);
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

static void a_timer_fires_once_after_its_delay_across_the_end_of_the_ticks(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    fake_set_tick(UINT32_MAX - 9);
    const uint64_t start = varve_port_mono_us();
    assert_int_equal(varve_port_timer_start(&f.timer, 30), 0);
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_true(varve_port_mono_us() - start >= 30000);
    assert_int_equal(varve_port_signal_wait(&f.fired, 50), VARVE_E_TIMEOUT);
    assert_int_equal(atomic_load(&f.count), 1);
    varve_port_timer_destroy(&f.timer);
}

static void a_stopped_timer_does_not_fire(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    varve_port_timer_stop(&f.timer); // never started: harmless
    assert_int_equal(varve_port_timer_start(&f.timer, 100), 0);
    varve_port_timer_stop(&f.timer);
    assert_int_equal(varve_port_signal_wait(&f.fired, 150), VARVE_E_TIMEOUT);
    assert_int_equal(varve_port_timer_start(&f.timer, 1), 0); // and can be started again
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    varve_port_timer_destroy(&f.timer);
}

static void starting_a_running_timer_restarts_it(void **state)
{
    (void)state;
    struct firing f;
    firing_init(&f);
    assert_int_equal(varve_port_timer_start(&f.timer, INT64_MAX), 0); // longer than ticks reach
    assert_int_equal(varve_port_timer_start(&f.timer, 20), 0);        // sooner
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_int_equal(varve_port_timer_start(&f.timer, 50), 0);
    const uint64_t again = varve_port_mono_us();
    assert_int_equal(varve_port_timer_start(&f.timer, 100), 0); // later
    assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0);
    assert_true(varve_port_mono_us() - again >= 100000);
    assert_int_equal(atomic_load(&f.count), 2);
    varve_port_timer_destroy(&f.timer);
}

static void stop_waits_for_a_running_callback_and_undoes_what_it_starts(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        struct firing f;
        firing_init(&f);
        f.slow_ms = 20;
        f.again = 1000;
        assert_int_equal(varve_port_timer_start(&f.timer, 0), 0);
        assert_int_equal(varve_port_signal_wait(&f.fired, HANG_MS), 0); // it is inside now
        varve_port_timer_stop(&f.timer);
        assert_int_equal(atomic_load(&f.inside), 0);
        const int count = atomic_load(&f.count);
        assert_true(count >= 1);
        sleep_ms(30);
        assert_int_equal(atomic_load(&f.count), count);
        varve_port_timer_destroy(&f.timer);
    }
}

static void a_callback_can_stop_and_start_its_timer_again(void **state)
{
    (void)state;
    for (int stops = 0; stops < 2; stops++) {
        struct firing f;
        firing_init(&f);
        f.again = 4;
        f.stops_first = stops == 1;
        assert_int_equal(varve_port_timer_start(&f.timer, -5), 0); // at once
        const int64_t limit = varve_port_boot_ms() + HANG_MS;
        while (atomic_load(&f.count) < 5 && varve_port_boot_ms() < limit) {
            (void)varve_port_signal_wait(&f.fired, HANG_MS);
        }
        assert_int_equal(atomic_load(&f.count), 5);
        varve_port_timer_destroy(&f.timer);
    }
}

static void more_timers_than_the_queue_has_room_for_all_fire(void **state)
{
    (void)state;
    struct firing f[4 * configTIMER_QUEUE_LENGTH];
    for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
        firing_init(&f[i]);
        assert_int_equal(varve_port_timer_start(&f[i].timer, (int64_t)i % 3), 0);
    }
    for (size_t i = 0; i < sizeof f / sizeof *f; i++) {
        assert_int_equal(varve_port_signal_wait(&f[i].fired, HANG_MS), 0);
        varve_port_timer_destroy(&f[i].timer);
    }
}

// ---- log ----------------------------------------------------------------------------------------

static char logged[16384];
static size_t logged_len;

static void take_log(const char *text)
{
    const size_t n = strlen(text);
    assert_true(logged_len + n < sizeof logged);
    memcpy(logged + logged_len, text, n);
    logged_len += n;
    vTaskDelay(1); // a slow UART
}

static void log_ten(void *arg)
{
    for (int i = 0; i < 10; i++) {
        varve_port_log(VARVE_WARNING, arg, "all in one line");
        varve_port_log(VARVE_DEBUG, arg, "left out");
    }
}

static void lines_of_several_tasks_are_not_mixed(void **state)
{
    (void)state;
    struct varve_port_task task[2];
    varve_firmware_log_to(take_log, VARVE_INFO);
    assert_int_equal(varve_port_task_start(&task[0], "one", log_ten, "one", 0), 0);
    assert_int_equal(varve_port_task_start(&task[1], "two", log_ten, "two", 0), 0);
    assert_int_equal(varve_port_task_join(&task[0], -1), 0);
    assert_int_equal(varve_port_task_join(&task[1], -1), 0);
    varve_firmware_log_to(NULL, VARVE_INFO);
    int lines = 0;
    for (char *line = logged, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        assert_true(strcmp(line, "warning one: all in one line") == 0 ||
                    strcmp(line, "warning two: all in one line") == 0);
        lines++;
    }
    assert_int_equal(lines, 20);
}

static int start(void **state)
{
    (void)state;
    fake_start_timer_task();
    return varve_freertos_start(places, sizeof places / sizeof *places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clocks_go_on_when_the_ticks_begin_anew),
        cmocka_unit_test(wall_time_is_unknown_until_firmware_says_it),
        cmocka_unit_test(an_interrupt_can_ask_the_time),
        cmocka_unit_test(mutexes_exclude_tasks_and_critical_sections_interrupts_too),
        cmocka_unit_test(a_signal_raised_before_the_wait_is_kept_once),
        cmocka_unit_test(a_wait_lasts_as_long_as_it_was_told_across_the_end_of_the_ticks),
        cmocka_unit_test(an_interrupt_wakes_a_task),
        cmocka_unit_test(each_raise_ends_one_of_several_waits),
        cmocka_unit_test(the_first_notification_is_left_to_firmware),
        cmocka_unit_test(a_late_notification_wakes_in_vain),
        cmocka_unit_test(a_task_takes_the_place_that_is_meant_for_it),
        cmocka_unit_test(what_has_no_place_is_refused),
        cmocka_unit_test(a_place_can_be_taken_again_as_soon_as_its_task_is_joined),
        cmocka_unit_test(a_join_times_out_while_the_task_runs_and_succeeds_later),
        cmocka_unit_test(places_that_cannot_be_are_refused),
        cmocka_unit_test(a_timer_fires_once_after_its_delay_across_the_end_of_the_ticks),
        cmocka_unit_test(a_stopped_timer_does_not_fire),
        cmocka_unit_test(starting_a_running_timer_restarts_it),
        cmocka_unit_test(stop_waits_for_a_running_callback_and_undoes_what_it_starts),
        cmocka_unit_test(a_callback_can_stop_and_start_its_timer_again),
        cmocka_unit_test(more_timers_than_the_queue_has_room_for_all_fire),
        cmocka_unit_test(lines_of_several_tasks_are_not_mixed),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}
