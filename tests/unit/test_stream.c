// SPDX-License-Identifier: Apache-2.0
// Streams as a build without zlib has them: how much was read is told before, meanwhile and behind.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on

#include <stdlib.h>
#include <unistd.h>

#include "tools/varve/args.h"
#include "tools/varve/stream.h"

int complain(int code, const char *format, ...)
{
    (void)format;
    return code;
}

static void position_is_told_while_it_is_open_and_0_behind(void **state)
{
    (void)state;
    char path[] = "/tmp/varve.XXXXXX", bytes[6];
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    assert_int_equal(close(fd), 0);
    struct stream s;
    assert_int_equal(stream_read(&s, path), 0);
    assert_int_equal(s.size, 10);
    assert_int_equal(stream_position(&s), 0);
    assert_int_equal(fread(bytes, 1, sizeof bytes, s.file), sizeof bytes);
    assert_int_equal(stream_position(&s), sizeof bytes);
    assert_int_equal(stream_close(&s), 0);
    assert_int_equal(stream_position(&s), 0); // what is left to sort goes on behind it
    assert_int_equal(unlink(path), 0);
}

static void compressing_is_refused(void **state)
{
    (void)state;
    char path[] = "/tmp/varve.XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0 && close(fd) == 0);
    struct stream s;
    assert_int_equal(stream_write(&s, path, true), -1);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(position_is_told_while_it_is_open_and_0_behind),
        cmocka_unit_test(compressing_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
