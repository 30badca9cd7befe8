// SPDX-License-Identifier: Apache-2.0
// Memory that is kept, on the POSIX port: content outlives closing, one owner at a time, nothing
// that another user or a link put in the way is taken.
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "varve/port.h"

static char name[64], path[128];

static int setup(void **state)
{
    (void)state;
    struct varve_port_retained r;
    (void)snprintf(name, sizeof name, "test-%ld", (long)getpid());
    (void)snprintf(path, sizeof path, "/dev/shm/varve-%s", name);
    if (varve_port_retained_open(&r, name, 4096) == 0) {
        varve_port_retained_close(&r);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)unlink(path); // it may never have been
    return 0;
}

// On a machine without a filesystem in RAM there is nothing to test but the answer.
static bool there_is_none(struct varve_port_retained *r)
{
    int rc = varve_port_retained_open(r, name, 8192);
    if (rc == 0) {
        return false;
    }
    assert_int_equal(rc, VARVE_E_UNSUPPORTED);
    return true;
}

static void content_outlives_closing(void **state)
{
    (void)state;
    struct varve_port_retained r;
    if (there_is_none(&r)) {
        return;
    }
    varve_port_retained_write((uint8_t *)r.memory + 5000, "here", 5);
    varve_port_retained_close(&r);
    assert_int_equal(varve_port_retained_open(&r, name, 8192), 0);
    assert_string_equal((char *)r.memory + 5000, "here");
    varve_port_retained_write((uint8_t *)r.memory + 5000, NULL, 2);
    assert_memory_equal((uint8_t *)r.memory + 5000, "\0\0re", 5);
    varve_port_retained_close(&r);
    assert_int_equal(varve_port_retained_open(&r, name, 12288), 0); // larger: the rest is zeros
    assert_memory_equal((uint8_t *)r.memory + 5000, "\0\0re", 5);
    assert_int_equal(((uint8_t *)r.memory)[12000], 0);
    varve_port_retained_close(&r);
}

static void it_has_one_owner_at_a_time(void **state)
{
    (void)state;
    struct varve_port_retained r, other;
    if (there_is_none(&r)) {
        return;
    }
    assert_int_equal(varve_port_retained_open(&other, name, 8192), VARVE_E_BUSY);
    varve_port_retained_close(&other); // harmless
    varve_port_retained_close(&r);
    assert_int_equal(varve_port_retained_open(&other, name, 8192), 0);
    varve_port_retained_close(&other);
}

static void a_link_or_a_path_in_its_place_is_refused(void **state)
{
    (void)state;
    struct varve_port_retained r;
    if (there_is_none(&r)) {
        return;
    }
    varve_port_retained_close(&r);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/etc/hostname", path), 0);
    assert_true(varve_port_retained_open(&r, name, 8192) < 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(varve_port_retained_open(&r, "../x", 8192), VARVE_E_INVALID);
    assert_int_equal(varve_port_retained_open(&r, name, 8192), 0);
    char second[160];
    (void)snprintf(second, sizeof second, "%s.2", path);
    varve_port_retained_close(&r);
    assert_int_equal(link(path, second), 0);
    assert_int_equal(varve_port_retained_open(&r, name, 8192), VARVE_E_DENIED);
    assert_int_equal(unlink(second), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(content_outlives_closing, setup, teardown),
        cmocka_unit_test_setup_teardown(it_has_one_owner_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_link_or_a_path_in_its_place_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
