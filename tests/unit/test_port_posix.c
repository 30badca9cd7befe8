// SPDX-License-Identifier: Apache-2.0
// The POSIX port on the real system: files in a temporary directory, a second process for locks,
// real threads and clocks. Waiting times are lower bounds only; an upper one is so generous that
// only a hang fails it.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/posix/posix.h"
#include "varve/storage.h"

#define HANG_MS 20000

static char dir[64];

static const char *path_of(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/varve-port-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static void remove_one(const char *name, void *arg)
{
    (void)arg;
    (void)remove(path_of(name));
}

static int remove_dir(void **state)
{
    (void)state;
    varve_port_dir_list(dir, "", remove_one, NULL);
    return rmdir(dir);
}

static void open_new(struct varve_port_file *f, const char *name)
{
    assert_int_equal(varve_port_file_open(f, path_of(name), VARVE_OPEN_WRITE | VARVE_OPEN_CREATE),
                     0);
}

static void write_text(const char *name, const char *text)
{
    struct varve_port_file f;
    open_new(&f, name);
    assert_int_equal(varve_port_file_write(&f, 0, text, strlen(text)), 0);
    varve_port_file_close(&f);
}

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

// ---- files --------------------------------------------------------------------------------------

static void written_data_is_read_back_and_reads_end_with_the_file(void **state)
{
    (void)state;
    struct varve_port_file f;
    char buf[16] = "";
    open_new(&f, "data");
    assert_int_equal(varve_port_file_write(&f, 5, "world", 5), 0);
    assert_int_equal(varve_port_file_write(&f, 0, "hello", 5), 0);
    assert_int_equal(varve_port_file_sync(&f), 0);
    assert_int_equal(varve_port_file_size(&f), 10);
    assert_int_equal(varve_port_file_read(&f, 2, buf, sizeof buf), 8);
    assert_memory_equal(buf, "lloworld", 8);
    assert_int_equal(varve_port_file_read(&f, 10, buf, sizeof buf), 0);
    assert_int_equal(varve_port_file_truncate(&f, 3), 0);
    assert_int_equal(varve_port_file_size(&f), 3);
    varve_port_file_close(&f);
    varve_port_file_close(&f); // harmless
}

static void a_file_beyond_four_gib_is_no_problem(void **state)
{
    (void)state;
    struct varve_port_file f;
    char c = 0;
    const int64_t far = INT64_C(5) << 30; // sparse
    open_new(&f, "far");
    assert_int_equal(varve_port_file_write(&f, far, "x", 1), 0);
    assert_int_equal(varve_port_file_size(&f), far + 1);
    assert_int_equal(varve_port_file_read(&f, far, &c, 1), 1);
    assert_int_equal(c, 'x');
    varve_port_file_close(&f);
}

static void open_flags_say_what_may_be_made(void **state)
{
    (void)state;
    struct varve_port_file f;
    struct stat st;
    assert_int_equal(varve_port_file_open(&f, path_of("none"), VARVE_OPEN_WRITE),
                     VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_native_error(), ENOENT);
    assert_non_null(strstr(varve_port_native_text(ENOENT), "No such file"));
    varve_port_file_close(&f); // harmless after a failure
    const unsigned make = VARVE_OPEN_WRITE | VARVE_OPEN_CREATE | VARVE_OPEN_EXCLUSIVE;
    assert_int_equal(varve_port_file_open(&f, path_of("new"), make), 0);
    varve_port_file_close(&f);
    assert_int_equal(stat(path_of("new"), &st), 0);
    assert_int_equal(st.st_mode & 0137, 0); // 0640, less what the umask takes
    assert_int_equal(varve_port_file_open(&f, path_of("new"), make), VARVE_E_EXISTS);
    assert_int_equal(varve_port_file_open(&f, path_of("new"), VARVE_OPEN_EXCLUSIVE),
                     VARVE_E_INVALID);
}

static void a_handle_for_reading_refuses_writes_and_exclusive_locks(void **state)
{
    (void)state;
    struct varve_port_file f;
    write_text("ro", "text");
    assert_int_equal(varve_port_file_open(&f, path_of("ro"), 0), 0);
    assert_int_equal(varve_port_file_write(&f, 0, "x", 1), VARVE_E_READ_ONLY);
    assert_int_equal(varve_port_file_lock(&f, 0, 1, true), VARVE_E_READ_ONLY);
    assert_int_equal(varve_port_file_lock(&f, 0, 1, false), 0);
    varve_port_file_close(&f);
}

static void preallocation_makes_the_file_long_and_keeps_its_data(void **state)
{
    (void)state;
    struct varve_port_file f;
    struct stat st;
    char buf[5] = "";
    open_new(&f, "alloc");
    assert_int_equal(varve_port_file_write(&f, 0, "head", 4), 0);
    const int rc = varve_port_file_preallocate(&f, 100000);
    if (rc == VARVE_E_UNSUPPORTED) {
        varve_port_file_close(&f);
        skip(); // the filesystem of /tmp cannot; core/storage.c stands in
    }
    assert_int_equal(rc, 0);
    assert_int_equal(varve_port_file_size(&f), 100000);
    assert_int_equal(stat(path_of("alloc"), &st), 0);
    assert_true((int64_t)st.st_blocks * 512 >= 100000); // the space is there
    assert_int_equal(varve_port_file_preallocate(&f, 10), 0);
    assert_int_equal(varve_port_file_preallocate(&f, 0), 0);
    assert_int_equal(varve_port_file_size(&f), 100000); // never shorter
    assert_int_equal(varve_port_file_read(&f, 0, buf, 4), 4);
    assert_string_equal(buf, "head");
    varve_port_file_close(&f);
}

static void a_full_device_is_no_space(void **state)
{
    (void)state;
    struct varve_port_file f;
    assert_int_equal(varve_port_file_open(&f, "/dev/full", VARVE_OPEN_WRITE), 0);
    assert_int_equal(varve_port_file_write(&f, 0, "x", 1), VARVE_E_NO_SPACE);
    assert_int_equal(varve_port_native_error(), ENOSPC);
    varve_port_file_close(&f);
}

static void *native_error_here(void *result)
{
    *(int *)result = varve_port_native_error();
    return NULL;
}

static void native_errors_are_kept_per_task(void **state)
{
    (void)state;
    pthread_t thread;
    int there = -1;
    assert_int_equal(varve_port_path_remove(path_of("none")), VARVE_E_NOT_FOUND);
    assert_int_equal(pthread_create(&thread, NULL, native_error_here, &there), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(there, 0);
    assert_int_equal(varve_port_native_error(), ENOENT);
}

// Tries the lock in a child process and returns what it got.
static int lock_in_child(const char *name, bool exclusive)
{
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct varve_port_file f;
        if (varve_port_file_open(&f, path_of(name), VARVE_OPEN_WRITE) != 0)
            _exit(1);
        _exit(-varve_port_file_lock(&f, 100, 10, exclusive));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return -WEXITSTATUS(status);
}

static void a_lock_keeps_other_processes_out_until_it_is_given_back(void **state)
{
    (void)state;
    struct varve_port_file f;
    struct varve_port_file other;
    open_new(&f, "lock");
    assert_int_equal(varve_port_file_lock(&f, 100, 10, true), 0);
    assert_int_equal(lock_in_child("lock", true), VARVE_E_BUSY);
    assert_int_equal(lock_in_child("lock", false), VARVE_E_BUSY);
    // Closing another handle of the same file does not drop it.
    assert_int_equal(varve_port_file_open(&other, path_of("lock"), 0), 0);
    varve_port_file_close(&other);
    assert_int_equal(lock_in_child("lock", true), VARVE_E_BUSY);
    assert_int_equal(varve_port_file_unlock(&f, 100, 10), 0);
    assert_int_equal(lock_in_child("lock", true), 0);
    assert_int_equal(varve_port_file_lock(&f, 100, 10, false), 0);
    assert_int_equal(lock_in_child("lock", false), 0);
    assert_int_equal(lock_in_child("lock", true), VARVE_E_BUSY);
    varve_port_file_close(&f);
    assert_int_equal(lock_in_child("lock", true), 0);
}

static void the_ledger_counts_pages_of_real_files(void **state)
{
    (void)state;
    static const uint8_t block[8192];
    struct varve_ledger_account account = {0};
    struct varve_file f;
    assert_int_equal(
        varve_file_open(&f, &account, path_of("ledger"), VARVE_OPEN_WRITE | VARVE_OPEN_CREATE), 0);
    assert_int_equal(varve_file_preallocate(&f, 65536), 0);
    const uint64_t filled = account.flash_bytes[VARVE_WRITE_META]; // 0 where fallocate works
    assert_int_equal(varve_file_sync(&f), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(varve_file_write(&f, 4096, block, 4096, VARVE_WRITE_DATA), 0);
    assert_int_equal(varve_file_write(&f, 20000, block, 1000, VARVE_WRITE_DATA), 0); // straddles
    assert_int_equal(varve_ledger_flash_bytes(&account) - filled, 3u * 4096u);
    assert_int_equal(varve_file_sync(&f), 0);
    assert_int_equal(varve_file_write(&f, 4096, block, 1, VARVE_WRITE_DATA), 0);
    assert_int_equal(varve_ledger_flash_bytes(&account) - filled, 4u * 4096u);
    varve_file_close(&f);
}

// ---- paths --------------------------------------------------------------------------------------

static void paths_are_renamed_removed_and_looked_up(void **state)
{
    (void)state;
    char from[128];
    write_text("from", "1");
    snprintf(from, sizeof from, "%s", path_of("from"));
    assert_int_equal(varve_port_path_rename(from, path_of("to")), 0);
    assert_int_equal(varve_port_path_exists(from), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_exists(path_of("to")), 0);
    assert_int_equal(varve_port_path_sync_dir(path_of("to")), 0);
    assert_int_equal(varve_port_path_sync_dir("no-slash"), 0); // the working directory
    assert_int_equal(varve_port_path_sync_dir("/tmp"), 0);     // the root directory
    assert_int_equal(varve_port_path_sync_dir(path_of("none/x")), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_remove(path_of("to")), 0);
    assert_int_equal(varve_port_path_remove(path_of("to")), VARVE_E_NOT_FOUND);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    struct stat st;
    char long_path[VARVE_PATH_TEXT + 10];
    assert_int_equal(varve_port_path_make_dir(path_of("a/b//c/")), 0);
    assert_int_equal(varve_port_path_make_dir(path_of("a/b/c")), 0); // there already
    assert_int_equal(stat(path_of("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 027, 0); // 0750, less what the umask takes
    write_text("file", "x");
    assert_int_equal(varve_port_path_make_dir(path_of("file")), VARVE_E_EXISTS);
    assert_int_equal(varve_port_path_make_dir(path_of("file/sub")), VARVE_E_EXISTS);
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(varve_port_path_make_dir(long_path), VARVE_E_TOO_BIG);
    assert_int_equal(varve_port_path_make_dir(""), VARVE_E_INVALID);
    assert_int_equal(rmdir(path_of("a/b/c")), 0);
    assert_int_equal(rmdir(path_of("a/b")), 0);
}

static void space_is_total_and_free(void **state)
{
    (void)state;
    uint64_t total = 0;
    uint64_t available = 0;
    assert_int_equal(varve_port_path_space(dir, &total, &available), 0);
    assert_true(total > 0);
    assert_true(available <= total);
    assert_int_equal(varve_port_path_space(path_of("none"), &total, &available), VARVE_E_NOT_FOUND);
}

struct names {
    int count;
    bool a, b, other;
};

static void note_name(const char *name, void *arg)
{
    struct names *seen = arg;
    seen->count++;
    seen->a = seen->a || strcmp(name, "a.ini") == 0;
    seen->b = seen->b || strcmp(name, "b.ini") == 0;
    seen->other = seen->other || strcmp(name, "ini") == 0;
}

static void a_directory_is_listed_by_suffix(void **state)
{
    (void)state;
    struct names seen = {0};
    write_text("a.ini", "");
    write_text("b.ini", "");
    write_text("ini", "");
    assert_int_equal(varve_port_dir_list(dir, ".ini", note_name, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_true(seen.a && seen.b);
    seen = (struct names){0};
    assert_int_equal(varve_port_dir_list(dir, "", note_name, &seen), 0);
    assert_int_equal(seen.count, 3); // without "." and ".."
    assert_true(seen.other);
    assert_int_equal(varve_port_dir_list(path_of("none"), "", note_name, &seen), VARVE_E_NOT_FOUND);
}

// ---- the rest -----------------------------------------------------------------------------------

static void texts_are_read_whole_or_called_too_big(void **state)
{
    (void)state;
    char buf[9];
    write_text("text", "12345678");
    assert_int_equal(varve_port_read_text(path_of("text"), buf, 9), 8);
    assert_string_equal(buf, "12345678");
    assert_int_equal(varve_port_read_text(path_of("text"), buf, 8), VARVE_E_TOO_BIG);
    assert_string_equal(buf, "1234567");
    assert_int_equal(varve_port_read_text(path_of("text"), buf, 1), VARVE_E_TOO_BIG);
    assert_int_equal(varve_port_read_text(path_of("text"), buf, 0), VARVE_E_INVALID);
    assert_int_equal(varve_port_read_text(path_of("none"), buf, 9), VARVE_E_NOT_FOUND);
    assert_string_equal(buf, "");
    assert_int_equal(varve_port_read_text(dir, buf, 9), VARVE_E_IO);
    assert_int_equal(varve_port_native_error(), EISDIR);
}

static void kernel_texts_of_size_zero_are_read(void **state)
{
    (void)state;
    char buf[4096];
    struct stat st;
    assert_int_equal(stat("/proc/self/status", &st), 0);
    assert_int_equal(st.st_size, 0);
    assert_true(varve_port_read_text("/proc/self/status", buf, sizeof buf) > 100);
    assert_non_null(strstr(buf, "VmRSS"));
}

static void usage_tells_cpu_memory_and_threads(void **state)
{
    (void)state;
    struct varve_port_usage before;
    struct varve_port_usage during;
    struct varve_port_signal s;
    struct varve_port_task task;
    varve_port_usage(&before);
    assert_true(before.threads >= 1);
    assert_true(before.rss_bytes > 256u * 1024u);
    assert_int_equal(varve_port_signal_init(&s), 0);
    assert_int_equal(varve_port_task_start(&task, "idle", wait_for_signal, &s, 0), 0);
    const int64_t limit = varve_port_boot_ms() + HANG_MS;
    do {
        varve_port_usage(&during); // spins, so that CPU time passes
    } while (during.cpu_us <= before.cpu_us && varve_port_boot_ms() < limit);
    assert_true(during.cpu_us > before.cpu_us);
    assert_int_equal(during.threads, before.threads + 1);
    varve_port_signal_raise(&s);
    assert_int_equal(varve_port_task_join(&task, -1), 0);
    varve_port_signal_destroy(&s);
}

static void a_module_that_cannot_be_loaded_says_why(void **state)
{
    (void)state;
    char why[128] = "";
    char tiny[4] = "";
    void *address = &why;
    write_text("bad.so", "this is no module");
    assert_int_equal(varve_port_module_open(path_of("bad.so"), "x", &address, why, sizeof why),
                     VARVE_E_INVALID);
    assert_non_null(strstr(why, "bad.so"));
    assert_null(address);
    assert_int_equal(varve_port_module_open(path_of("none.so"), "x", &address, why, sizeof why),
                     VARVE_E_NOT_FOUND);
    assert_non_null(strstr(why, "none.so"));
    assert_int_equal(varve_port_module_open("libc.so.6", "malloc", &address, why, sizeof why),
                     VARVE_E_INVALID);
    assert_non_null(strstr(why, "directory"));
    assert_int_equal(varve_port_module_open("none", "x", &address, tiny, sizeof tiny),
                     VARVE_E_INVALID);
    assert_int_equal(strlen(tiny), 3);
}

// ---- log ----------------------------------------------------------------------------------------

// Sends stderr to a file while `severity` and `text` are logged, and returns what came out.
static const char *logged(enum varve_severity severity, const char *text, bool as_journal)
{
    static char out[2048];
    char stream[64];
    struct stat st;
    FILE *file = fopen(path_of("log"), "w+");
    assert_non_null(file);
    const int saved = dup(STDERR_FILENO);
    dup2(fileno(file), STDERR_FILENO);
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino + (as_journal ? 0u : 1u));
    setenv("JOURNAL_STREAM", stream, 1);
    varve_posix_log_open(VARVE_NOTICE, false, "varve");
    varve_port_log(severity, "keeper", text);
    dup2(saved, STDERR_FILENO);
    close(saved);
    unsetenv("JOURNAL_STREAM");
    fclose(file);
    assert_true(varve_port_read_text(path_of("log"), out, sizeof out) >= 0);
    return out;
}

static void a_log_line_has_time_severity_and_component(void **state)
{
    (void)state;
    const char *out = logged(VARVE_WARNING, "store is slow", false);
    struct tm utc = {0};
    const char *rest = strptime(out, "%Y-%m-%dT%H:%M:%SZ", &utc);
    assert_non_null(rest);
    assert_string_equal(rest, " warning keeper: store is slow\n");
    assert_true(llabs((long long)timegm(&utc) - (long long)time(NULL)) < HANG_MS / 1000);
}

static void the_journal_gets_its_own_prefix(void **state)
{
    (void)state;
    assert_string_equal(logged(VARVE_CRITICAL, "a", true), "<2>keeper: a\n");
    assert_string_equal(logged(VARVE_WARNING, "b", true), "<4>keeper: b\n");
    assert_string_equal(logged(VARVE_NOTICE, "c", true), "<5>keeper: c\n");
}

static void lines_below_the_threshold_are_left_out(void **state)
{
    (void)state;
    assert_string_equal(logged(VARVE_INFO, "chatter", false), "");
    assert_string_equal(logged(VARVE_DEBUG, "chatter", false), "");
}

static void control_characters_cannot_forge_a_line(void **state)
{
    (void)state;
    assert_string_equal(logged(VARVE_ERROR, "a\n<0>b\x1b[2J", true), "<3>keeper: a?<0>b?[2J\n");
}

static void a_line_that_is_too_long_ends_in_an_ellipsis(void **state)
{
    (void)state;
    char text[1024];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    const char *out = logged(VARVE_ERROR, text, true);
    const size_t len = strlen(out);
    assert_true(len > VARVE_MESSAGE_TEXT + VARVE_PATH_TEXT && len < sizeof text);
    assert_string_equal(out + len - 5, "x...\n");
    assert_memory_equal(out, "<3>keeper: xxx", 14);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, make_dir, remove_dir)

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
        PORT_TEST(written_data_is_read_back_and_reads_end_with_the_file),
        PORT_TEST(a_file_beyond_four_gib_is_no_problem),
        PORT_TEST(open_flags_say_what_may_be_made),
        PORT_TEST(a_handle_for_reading_refuses_writes_and_exclusive_locks),
        PORT_TEST(preallocation_makes_the_file_long_and_keeps_its_data),
        PORT_TEST(a_full_device_is_no_space),
        PORT_TEST(native_errors_are_kept_per_task),
        PORT_TEST(a_lock_keeps_other_processes_out_until_it_is_given_back),
        PORT_TEST(the_ledger_counts_pages_of_real_files),
        PORT_TEST(paths_are_renamed_removed_and_looked_up),
        PORT_TEST(directories_are_made_with_their_parents),
        PORT_TEST(space_is_total_and_free),
        PORT_TEST(a_directory_is_listed_by_suffix),
        PORT_TEST(texts_are_read_whole_or_called_too_big),
        PORT_TEST(kernel_texts_of_size_zero_are_read),
        PORT_TEST(usage_tells_cpu_memory_and_threads),
        PORT_TEST(a_module_that_cannot_be_loaded_says_why),
        PORT_TEST(a_log_line_has_time_severity_and_component),
        PORT_TEST(the_journal_gets_its_own_prefix),
        PORT_TEST(lines_below_the_threshold_are_left_out),
        PORT_TEST(control_characters_cannot_forge_a_line),
        PORT_TEST(a_line_that_is_too_long_ends_in_an_ellipsis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
