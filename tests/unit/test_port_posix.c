// SPDX-License-Identifier: Apache-2.0
// The rest of the POSIX port: small texts, usage, modules, log. Its tasks and files have tests of
// their own, test_port_tasks.c and test_port_files.c.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "ports/posix/posix.h"
#include "tests/unit/temp_dir.h"
#include "varve/port.h"

#define HANG_MS 20000

// ---- the rest -----------------------------------------------------------------------------------

static void texts_are_read_whole_or_called_too_big(void **state)
{
    (void)state;
    char buf[9];
    temp_file("text", "12345678");
    assert_int_equal(varve_port_read_text(temp_path("text"), buf, 9), 8);
    assert_string_equal(buf, "12345678");
    assert_int_equal(varve_port_read_text(temp_path("text"), buf, 8), VARVE_E_TOO_BIG);
    assert_string_equal(buf, "1234567");
    assert_int_equal(varve_port_read_text(temp_path("text"), buf, 1), VARVE_E_TOO_BIG);
    assert_int_equal(varve_port_read_text(temp_path("text"), buf, 0), VARVE_E_INVALID);
    assert_int_equal(varve_port_read_text(temp_path("none"), buf, 9), VARVE_E_NOT_FOUND);
    assert_string_equal(buf, "");
    assert_int_equal(varve_port_read_text(temp_dir(), buf, 9), VARVE_E_IO);
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

static void wait_for_signal(void *arg)
{
    varve_port_signal_wait(arg, -1);
}

// qemu-user's /proc/self/stat has neither threads nor memory.
#define HAS_STAT (!VARVE_EMULATED)

// A task of its own runs all along: with the first one a sanitizer starts a thread for itself.
static void usage_tells_cpu_memory_and_threads(void **state)
{
    (void)state;
    struct varve_port_usage before;
    struct varve_port_usage during;
    struct varve_port_signal s[2];
    struct varve_port_task task[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(varve_port_signal_init(&s[i]), 0);
    assert_int_equal(varve_port_task_start(&task[0], "first", wait_for_signal, &s[0], 0), 0);
    varve_port_usage(&before);
    assert_true(before.threads >= 2 || !HAS_STAT);
    assert_true(before.rss_bytes > 256u * 1024u || !HAS_STAT);
    assert_int_equal(varve_port_task_start(&task[1], "second", wait_for_signal, &s[1], 0), 0);
    const int64_t limit = varve_port_boot_ms() + HANG_MS;
    do {
        varve_port_usage(&during); // spins, so that CPU time passes
    } while (during.cpu_us <= before.cpu_us && varve_port_boot_ms() < limit);
    const bool cpu_passed = during.cpu_us > before.cpu_us;
    for (int i = 0; i < 2; i++) {
        varve_port_signal_raise(&s[i]);
        assert_int_equal(varve_port_task_join(&task[i], -1), 0);
        varve_port_signal_destroy(&s[i]);
    }
    assert_true(cpu_passed);
    assert_true(during.threads == before.threads + 1 || !HAS_STAT);
}

static void a_module_that_cannot_be_loaded_says_why(void **state)
{
    (void)state;
    char why[128] = "";
    char tiny[4] = "";
    void *address = &why;
    temp_file("bad.so", "this is no module");
    assert_int_equal(varve_port_module_open(temp_path("bad.so"), "x", &address, why, sizeof why),
                     VARVE_E_INVALID);
    assert_non_null(strstr(why, "bad.so"));
    assert_null(address);
    assert_int_equal(varve_port_module_open(temp_path("none.so"), "x", &address, why, sizeof why),
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
    FILE *file = fopen(temp_path("log"), "w+");
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
    assert_true(varve_port_read_text(temp_path("log"), out, sizeof out) >= 0);
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

#define PORT_TEST(name) cmocka_unit_test_setup_teardown(name, temp_dir_make, temp_dir_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
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
