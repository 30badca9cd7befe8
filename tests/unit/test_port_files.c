// SPDX-License-Identifier: Apache-2.0
// The POSIX port's files and paths, in a temporary directory; a second process tries the locks.
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/temp_dir.h"
#include "varve/storage.h"

static void open_new(struct varve_port_file *f, const char *name)
{
    assert_int_equal(varve_port_file_open(f, temp_path(name), VARVE_OPEN_WRITE | VARVE_OPEN_CREATE),
                     0);
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
    assert_int_equal(varve_port_file_open(&f, temp_path("none"), VARVE_OPEN_WRITE),
                     VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_native_error(), ENOENT);
    assert_non_null(strstr(varve_port_native_text(ENOENT), "No such file"));
    varve_port_file_close(&f); // harmless after a failure
    const unsigned make = VARVE_OPEN_WRITE | VARVE_OPEN_CREATE | VARVE_OPEN_EXCLUSIVE;
    assert_int_equal(varve_port_file_open(&f, temp_path("new"), make), 0);
    varve_port_file_close(&f);
    assert_int_equal(stat(temp_path("new"), &st), 0);
    assert_int_equal(st.st_mode & 0137, 0); // 0640, less what the umask takes
    assert_int_equal(varve_port_file_open(&f, temp_path("new"), make), VARVE_E_EXISTS);
    assert_int_equal(varve_port_file_open(&f, temp_path("new"), VARVE_OPEN_EXCLUSIVE),
                     VARVE_E_INVALID);
}

static void a_handle_for_reading_refuses_writes_and_exclusive_locks(void **state)
{
    (void)state;
    struct varve_port_file f;
    temp_file("ro", "text");
    assert_int_equal(varve_port_file_open(&f, temp_path("ro"), 0), 0);
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
    assert_int_equal(stat(temp_path("alloc"), &st), 0);
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
    assert_int_equal(varve_port_path_remove(temp_path("none")), VARVE_E_NOT_FOUND);
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
        if (varve_port_file_open(&f, temp_path(name), VARVE_OPEN_WRITE) != 0)
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
    assert_int_equal(varve_port_file_open(&other, temp_path("lock"), 0), 0);
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
        varve_file_open(&f, &account, temp_path("ledger"), VARVE_OPEN_WRITE | VARVE_OPEN_CREATE),
        0);
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
    temp_file("from", "1");
    snprintf(from, sizeof from, "%s", temp_path("from"));
    assert_int_equal(varve_port_path_rename(from, temp_path("to")), 0);
    assert_int_equal(varve_port_path_exists(from), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_exists(temp_path("to")), 0);
    assert_int_equal(varve_port_path_sync_dir(temp_path("to")), 0);
    assert_int_equal(varve_port_path_sync_dir("no-slash"), 0); // the working directory
    assert_int_equal(varve_port_path_sync_dir("/tmp"), 0);     // the root directory
    assert_int_equal(varve_port_path_sync_dir(temp_path("none/x")), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_remove(temp_path("to")), 0);
    assert_int_equal(varve_port_path_remove(temp_path("to")), VARVE_E_NOT_FOUND);
}

static void paths_tell_what_is_there(void **state)
{
    (void)state;
    char first[128];
    uint32_t a, again, b, directory;
    temp_file("first", "1");
    temp_file("second", "2");
    snprintf(first, sizeof first, "%s", temp_path("first"));
    assert_int_equal(varve_port_path_identify(first, &a), 0);
    assert_int_equal(varve_port_path_identify(temp_path("second"), &b), 0);
    assert_int_equal(varve_port_path_identify("/tmp", &directory), 0);
    assert_true(a != 0 && b != 0 && a != b && directory != a && directory != b);
    assert_int_equal(varve_port_path_link(first, temp_path("link")), 0);
    assert_int_equal(varve_port_path_identify(temp_path("link"), &again), 0);
    assert_int_equal(again, a);
    assert_int_equal(varve_port_path_rename(temp_path("second"), temp_path("link")), 0);
    assert_int_equal(varve_port_path_identify(temp_path("link"), &again), 0);
    assert_int_equal(again, b);
    assert_int_equal(varve_port_path_remove(first), 0);
    assert_int_equal(varve_port_path_identify(first, &a), VARVE_E_NOT_FOUND);
    assert_int_equal(varve_port_path_remove(temp_path("link")), 0);
}

static void directories_are_made_with_their_parents(void **state)
{
    (void)state;
    struct stat st;
    char long_path[VARVE_PATH_TEXT + 10];
    assert_int_equal(varve_port_path_make_dir(temp_path("a/b//c/")), 0);
    assert_int_equal(varve_port_path_make_dir(temp_path("a/b/c")), 0); // there already
    assert_int_equal(stat(temp_path("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 027, 0); // 0750, less what the umask takes
    temp_file("file", "x");
    assert_int_equal(varve_port_path_make_dir(temp_path("file")), VARVE_E_EXISTS);
    assert_int_equal(varve_port_path_make_dir(temp_path("file/sub")), VARVE_E_EXISTS);
    memset(long_path, 'x', sizeof long_path);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(varve_port_path_make_dir(long_path), VARVE_E_TOO_BIG);
    assert_int_equal(varve_port_path_make_dir(""), VARVE_E_INVALID);
    assert_int_equal(rmdir(temp_path("a/b/c")), 0);
    assert_int_equal(rmdir(temp_path("a/b")), 0);
}

static void space_is_total_and_free(void **state)
{
    (void)state;
    uint64_t total = 0;
    uint64_t available = 0;
    assert_int_equal(varve_port_path_space(temp_dir(), &total, &available), 0);
    assert_true(total > 0);
    assert_true(available <= total);
    assert_int_equal(varve_port_path_space(temp_path("none"), &total, &available),
                     VARVE_E_NOT_FOUND);
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
    temp_file("a.ini", "");
    temp_file("b.ini", "");
    temp_file("ini", "");
    assert_int_equal(varve_port_dir_list(temp_dir(), ".ini", note_name, &seen), 0);
    assert_int_equal(seen.count, 2);
    assert_true(seen.a && seen.b);
    seen = (struct names){0};
    assert_int_equal(varve_port_dir_list(temp_dir(), "", note_name, &seen), 0);
    assert_int_equal(seen.count, 3); // without "." and ".."
    assert_true(seen.other);
    assert_int_equal(varve_port_dir_list(temp_path("none"), "", note_name, &seen),
                     VARVE_E_NOT_FOUND);
}

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
        PORT_TEST(paths_tell_what_is_there),
        PORT_TEST(directories_are_made_with_their_parents),
        PORT_TEST(space_is_total_and_free),
        PORT_TEST(a_directory_is_listed_by_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
