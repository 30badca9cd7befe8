// SPDX-License-Identifier: Apache-2.0
// Programs of the port: started, read, ended; what they leave behind is gone.
// Threading: one task.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "varve/port.h"

#define LONG_MS 60000

static const char *const no_env[] = {NULL};
static struct varve_port_process process;
static char output[65536];

static int start(const char *script)
{
    const char *const argv[] = {"/bin/sh", "-c", script, NULL};
    return varve_port_process_start(&process, argv, no_env);
}

// Everything that it prints until it is silent for good, or for so long; returns what read() said.
static int64_t read_all(int64_t timeout_ms)
{
    size_t len = 0;
    int64_t n;
    while ((n = varve_port_process_read(&process, output + len, sizeof output - 1 - len,
                                        timeout_ms)) > 0)
        len += (size_t)n;
    output[len] = '\0';
    return n;
}

static int end(int64_t patience_ms, int64_t grace_ms)
{
    int code = -1000;
    assert_int_equal(varve_port_process_end(&process, patience_ms, grace_ms, &code), 0);
    assert_int_equal(process.id, 0);
    return code;
}

static void output_errors_and_exit_code_are_told(void **state)
{
    (void)state;
    assert_int_equal(start("echo hello; echo 'it broke' >&2; exit 7"), 0);
    assert_int_equal(read_all(LONG_MS), 0);
    assert_string_equal(output, "hello\n");
    assert_int_equal(end(LONG_MS, 0), 7);
    assert_string_equal(process.said, "it broke\n");
}

static void what_cannot_be_executed_says_why(void **state)
{
    (void)state;
    const char *const missing[] = {"/nonexistent/program", NULL};
    const char *const directory[] = {"/", NULL};
    assert_int_equal(varve_port_process_start(&process, missing, no_env), VARVE_E_NOT_FOUND);
    assert_int_equal(process.id, 0);
    assert_int_equal(varve_port_process_start(&process, directory, no_env), VARVE_E_DENIED);
}

static void nothing_of_this_process_is_in_it(void **state)
{
    (void)state;
    if (VARVE_EMULATED)
        skip();             // an emulator has files and signals of its own
    int inherited = dup(2); // without the flag that closes it
    assert_true(inherited > 2);
    (void)setenv("VARVE_TEST_SECRET", "x", 1);
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(start("echo \"[$VARVE_TEST_SECRET] $(pwd)\"; cat; "
                           "for f in /proc/self/fd/*; do echo ${f##*/}; done; "
                           "grep -E 'SigIgn|SigBlk' /proc/self/status"),
                     0);
    (void)signal(SIGPIPE, SIG_DFL);
    assert_int_equal(read_all(LONG_MS), 0);
    assert_int_equal(end(LONG_MS, 0), 0);
    (void)close(inherited);
    // 3 is the directory that the shell reads.
    assert_string_equal(output,
                        "[] /\n0\n1\n2\n3\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

static void a_silent_program_is_asked_and_then_killed(void **state)
{
    (void)state;
    assert_int_equal(start("exec sleep 1000"), 0);
    assert_int_equal(read_all(50), VARVE_E_TIMEOUT);
    assert_int_equal(end(0, LONG_MS), -SIGTERM);
    assert_int_equal(start("trap '' TERM; echo ready; while :; do sleep 0.1; done"), 0);
    assert_true(varve_port_process_read(&process, output, sizeof output, LONG_MS) > 0);
    assert_int_equal(end(0, 100), -SIGKILL);
}

// The child holds both pipes open and is in the group: it is not waited for, and does not survive.
static void children_that_hold_the_pipe_are_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(start("sleep 1000 & echo $!"), 0);
    assert_int_equal(read_all(LONG_MS), 0);
    assert_int_equal(end(LONG_MS, LONG_MS), 0);
    char path[64], text[512];
    long child = strtol(output, NULL, 10);
    assert_true(child > 1);
    snprintf(path, sizeof path, "/proc/%ld/stat", child);
    int tries = 6000;
    while (varve_port_read_text(path, text, sizeof text) > 0 && strstr(text, ") Z ") == NULL &&
           --tries > 0)
        usleep(10000); // as a zombie it waits for init
    assert_true(tries > 0);
}

static void floods_on_both_pipes_hold_nobody_up(void **state)
{
    (void)state;
    assert_int_equal(start("while :; do echo out; echo err >&2; done"), 0);
    size_t bytes = 0;
    while (bytes < 1000000) {
        int64_t n = varve_port_process_read(&process, output, sizeof output, LONG_MS);
        assert_true(n > 0);
        bytes += (size_t)n;
    }
    assert_int_equal(end(0, LONG_MS), -SIGTERM);
    assert_true(process.said_len < sizeof process.said);
    assert_memory_equal(process.said, "err\nerr\n", 8);
}

static void many_programs_leave_no_files_open(void **state)
{
    (void)state;
    int before = dup(0);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(start("exit 0"), 0);
        assert_int_equal(read_all(LONG_MS), 0);
        assert_int_equal(end(LONG_MS, 0), 0);
        const char *const missing[] = {"/nonexistent/program", NULL};
        assert_true(varve_port_process_start(&process, missing, no_env) < 0);
    }
    int after = dup(0);
    assert_int_equal(after, before + 1);
    (void)close(before);
    (void)close(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_errors_and_exit_code_are_told),
        cmocka_unit_test(what_cannot_be_executed_says_why),
        cmocka_unit_test(nothing_of_this_process_is_in_it),
        cmocka_unit_test(a_silent_program_is_asked_and_then_killed),
        cmocka_unit_test(children_that_hold_the_pipe_are_not_waited_for),
        cmocka_unit_test(floods_on_both_pipes_hold_nobody_up),
        cmocka_unit_test(many_programs_leave_no_files_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
