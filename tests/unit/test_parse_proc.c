// SPDX-License-Identifier: Apache-2.0
// Parsers of /proc/stat, meminfo, loadavg, uptime and net/dev on texts of kernels 2.4 to 6.6.
// Threading: one task.
#include "fixture_text.h"

#include <math.h>

#define KIB 1024u

// ---- cpu

static unsigned cpu_lines(const char *path, struct varve_cpu_line *last)
{
    struct fixture f = fixture_open(path);
    struct varve_span rest = f.text;
    unsigned n = 0;
    while (varve_proc_cpu_next(&rest, last))
        n++;
    fixture_close(&f);
    return n;
}

static void cpu_columns_follow_the_kernel(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned lines, modes;
        uint64_t user, idle;
    } cases[] = {
        {"pc-linux24/proc/stat", 2, 4, 132417, 8912344},
        {"server-linux26/proc/stat", 3, 7, 2293, 8127130},
        {"router-ar71xx/proc/stat", 2, 10, 81234, 7123456},
        {"router-ipq40xx/proc/stat", 5, 10, 10022, 3204000},
        {"raspberrypi4/proc/stat", 5, 10, 37798, 15311100},
        {"container/proc/stat", 2, 10, 1393280, 13343292},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct varve_cpu_line line;
        assert_int_equal(cpu_lines(cases[i].path, &line), cases[i].lines);
        assert_int_equal(line.core, (int)cases[i].lines - 2);
        assert_int_equal(line.modes, cases[i].modes);
        assert_int_equal(line.ticks[VARVE_CPU_USER], cases[i].user);
        assert_int_equal(line.ticks[VARVE_CPU_IDLE], cases[i].idle);
    }
}

static void cpu_sum_line_comes_first_with_every_mode(void **state)
{
    (void)state;
    struct varve_span rest = varve_span_of("cpu  1 2 3 4 5 6 7 8 9 10 11\ncpu3 1 2 3 4");
    struct varve_cpu_line line;
    assert_true(varve_proc_cpu_next(&rest, &line));
    assert_int_equal(line.core, VARVE_CPU_ALL);
    assert_int_equal(line.modes, VARVE_CPU_MODES);
    for (unsigned m = 0; m < VARVE_CPU_MODES; m++)
        assert_int_equal(line.ticks[m], m + 1);
    assert_true(varve_proc_cpu_next(&rest, &line));
    assert_int_equal(line.core, 3);
    assert_int_equal(line.modes, 4);
    assert_false(varve_proc_cpu_next(&rest, &line));
}

static void cpu_lines_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    struct varve_span rest = varve_span_of("cpu 1 2 3\n"
                                           "cpu0 1 2 3 x 5\n"
                                           "cpu1 1 2 3 4 99999999999999999999999 6\n"
                                           "cpux 1 2 3 4\n"
                                           "cpu99999999999 1 2 3 4\n"
                                           "cpufreq 1 2 3 4\n"
                                           "cpu7 1 2 3 4\n"
                                           "intr 1\n"
                                           "cpu8 1 2 3 4\n");
    struct varve_cpu_line line;
    assert_true(varve_proc_cpu_next(&rest, &line));
    assert_int_equal(line.core, 7);
    assert_false(varve_proc_cpu_next(&rest, &line)); // nothing behind the cpu lines counts
}

// ---- meminfo

static struct varve_meminfo meminfo(const char *path)
{
    struct varve_meminfo m;
    struct fixture f = fixture_open(path);
    assert_true(varve_proc_meminfo(f.text, &m) > 0);
    fixture_close(&f);
    return m;
}

static void memory_of_a_new_kernel_is_taken_as_told(void **state)
{
    (void)state;
    struct varve_meminfo m = meminfo("raspberrypi4/proc/meminfo");
    assert_int_equal(m.have, (1u << VARVE_MEMORY_COUNT) - 1u);
    assert_int_equal(m.bytes[VARVE_MEMORY_TOTAL], 3884328u * UINT64_C(1024));
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], 3312404u * UINT64_C(1024));
    assert_int_equal(m.bytes[VARVE_MEMORY_ACTIVE], 412344u * KIB);
    assert_int_equal(m.bytes[VARVE_MEMORY_ACTIVE_FILE], 411056u * KIB);
    assert_int_equal(m.bytes[VARVE_MEMORY_SLAB_RECLAIMABLE], 61236u * KIB);
    assert_int_equal(m.bytes[VARVE_MEMORY_COMMITTED], 1012344u * KIB);
    assert_false(varve_meminfo_complete(&m, 12345)); // the kernel's own value stays
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], 3312404u * UINT64_C(1024));
}

static void available_memory_is_computed_by_the_kernels_formula(void **state)
{
    (void)state;
    struct varve_meminfo m = meminfo("beaglebone/proc/meminfo"); // 3.8: file split, no MemAvailable
    const uint64_t low = 2848 * KIB / 4 * 5;                     // 3560 KiB
    assert_true(varve_meminfo_complete(&m, low));
    // 331240 - 3560 + (31056 + 71000 - 3560) + (11236 - 3560)
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], 433852u * KIB);
}

static void available_memory_of_the_oldest_kernels_uses_the_whole_cache(void **state)
{
    (void)state;
    struct varve_meminfo m = meminfo("pc-linux24/proc/meminfo");
    assert_false(varve_meminfo_has(&m, VARVE_MEMORY_SLAB));
    assert_int_equal(m.bytes[VARVE_MEMORY_TOTAL], 255632u * KIB);
    assert_true(varve_meminfo_complete(&m, 0));
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], (10588u + 18828u + 146912u) * KIB);
}

static void absurd_memory_numbers_give_no_absurd_result(void **state)
{
    (void)state;
    struct varve_meminfo m;
    assert_int_equal(varve_proc_meminfo(varve_span_of("MemTotal: 18446744073709551615 kB\n"
                                                      "MemFree: 99999999999999999999 kB\n"
                                                      "Cached: 12 MB\n"
                                                      "Buffers 4 kB\n"
                                                      "Slab:\n"
                                                      "Dirty: 3 kB"),
                                        &m),
                     1);
    assert_int_equal(m.have, 1u << VARVE_MEMORY_DIRTY);
    assert_int_equal(m.bytes[VARVE_MEMORY_DIRTY], 3 * KIB);
    assert_false(varve_meminfo_complete(&m, 0)); // nothing to compute it from
    assert_int_equal(varve_proc_meminfo(varve_span_of(""), &m), 0);
}

static void available_memory_never_exceeds_what_there_is(void **state)
{
    (void)state;
    struct varve_meminfo m;
    (void)varve_proc_meminfo(varve_span_of("MemTotal: 100 kB\nMemFree: 90 kB\nCached: 80 kB\n"),
                             &m);
    assert_true(varve_meminfo_complete(&m, 0));
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], 100 * KIB);
    (void)varve_proc_meminfo(varve_span_of("MemTotal: 100 kB\nMemFree: 5 kB\n"), &m);
    assert_true(varve_meminfo_complete(&m, 50 * KIB));
    assert_int_equal(m.bytes[VARVE_MEMORY_AVAILABLE], 0);
}

// ---- loadavg, uptime

static void load_averages_and_tasks_are_read(void **state)
{
    (void)state;
    struct varve_loadavg l;
    assert_true(varve_proc_loadavg(varve_span_of("12.31 10.02 9.77 9/2412 3123456\n"), &l));
    assert_true(l.load[0] == 12.31 && l.load[1] == 10.02 && l.load[2] == 9.77);
    assert_true(l.has_tasks);
    assert_int_equal(l.running, 9);
    assert_int_equal(l.tasks, 2412);
}

static void load_without_sensible_tasks_keeps_the_averages(void **state)
{
    (void)state;
    struct varve_loadavg l;
    static const char *const texts[] = {"0.1 0.2 0.3", "0.1 0.2 0.3 x", "0.1 0.2 0.3 1/ 5",
                                        "0.1 0.2 0.3 /5", "0.1 0.2 0.3 1/2/3 5"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(varve_proc_loadavg(varve_span_of(texts[i]), &l));
        assert_true(l.load[2] == 0.3);
        assert_false(l.has_tasks);
    }
    assert_false(varve_proc_loadavg(varve_span_of("0.1 0.2"), &l));
    assert_false(varve_proc_loadavg(varve_span_of("0.1 nan 0.3 1/2"), &l));
    assert_false(varve_proc_loadavg(varve_span_of(""), &l));
}

static void uptime_is_the_first_number(void **state)
{
    (void)state;
    double s;
    assert_true(varve_proc_uptime(varve_span_of("350735.47 234388.90\n"), &s) && s == 350735.47);
    assert_true(varve_proc_uptime(varve_span_of("7"), &s) && s == 7.0);
    assert_false(varve_proc_uptime(varve_span_of("-1.0 2"), &s));
    assert_false(varve_proc_uptime(varve_span_of("\n7"), &s));
}

// ---- net/dev

static bool find_device(const char *path, const char *name, struct varve_netdev *out,
                        unsigned *count)
{
    struct fixture f = fixture_open(path);
    struct varve_span rest = f.text;
    struct varve_netdev dev;
    bool found = false;
    *count = 0;
    while (varve_proc_netdev_next(&rest, &dev)) {
        ++*count;
        if (!varve_span_equals(dev.name, name))
            continue;
        *out = dev;
        found = true;
    }
    out->name = (struct varve_span){"", 0}; // it pointed into the fixture
    fixture_close(&f);
    return found;
}

static void glued_interface_lines_are_split_at_the_colon(void **state)
{
    (void)state;
    struct varve_netdev d;
    unsigned count;
    assert_true(find_device("pc-linux24/proc/net/dev", "eth0", &d, &count));
    assert_int_equal(count, 2);
    assert_int_equal(d.value[VARVE_NET_RX_BYTES], UINT64_C(3294967295));
    assert_int_equal(d.value[VARVE_NET_RX_PACKETS], 2741123);
    assert_int_equal(d.value[VARVE_NET_RX_ERRORS], 12);
    assert_int_equal(d.value[VARVE_NET_RX_DROPS], 3);
    assert_int_equal(d.value[VARVE_NET_TX_BYTES], 918273645);
    assert_int_equal(d.value[VARVE_NET_TX_PACKETS], 1928374);
    assert_int_equal(d.value[VARVE_NET_TX_ERRORS], 1);
    assert_int_equal(d.value[VARVE_NET_TX_DROPS], 0);
}

static void interface_counters_beyond_32_bits_are_kept(void **state)
{
    (void)state;
    struct varve_netdev d;
    unsigned count;
    assert_true(find_device("server-64core/proc/net/dev", "eno1np0", &d, &count));
    assert_int_equal(count, 73);
    assert_int_equal(d.value[VARVE_NET_RX_BYTES], UINT64_C(81234567890123));
    assert_int_equal(d.value[VARVE_NET_RX_DROPS], 123456);
    assert_true(find_device("router-ipq40xx/proc/net/dev", "pppoe-wan", &d, &count));
    assert_int_equal(d.value[VARVE_NET_TX_BYTES], 612345678);
}

static void alias_and_broken_interface_lines_are_told_apart(void **state)
{
    (void)state;
    struct varve_span rest =
        varve_span_of("eth0:1:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n" // 2.0's alias eth0:1
                      "short: 1 2 3\n"
                      ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                      "two names: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                      "huge: 99999999999999999999 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
                      "wlan0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16");
    struct varve_netdev d;
    assert_true(varve_proc_netdev_next(&rest, &d));
    assert_true(varve_span_equals(d.name, "eth0:1"));
    assert_int_equal(d.value[VARVE_NET_RX_BYTES], 5);
    assert_true(varve_proc_netdev_next(&rest, &d));
    assert_true(varve_span_equals(d.name, "wlan0"));
    assert_int_equal(d.value[VARVE_NET_TX_DROPS], 12);
    assert_false(varve_proc_netdev_next(&rest, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_columns_follow_the_kernel),
        cmocka_unit_test(cpu_sum_line_comes_first_with_every_mode),
        cmocka_unit_test(cpu_lines_that_make_no_sense_are_passed_over),
        cmocka_unit_test(memory_of_a_new_kernel_is_taken_as_told),
        cmocka_unit_test(available_memory_is_computed_by_the_kernels_formula),
        cmocka_unit_test(available_memory_of_the_oldest_kernels_uses_the_whole_cache),
        cmocka_unit_test(absurd_memory_numbers_give_no_absurd_result),
        cmocka_unit_test(available_memory_never_exceeds_what_there_is),
        cmocka_unit_test(load_averages_and_tasks_are_read),
        cmocka_unit_test(load_without_sensible_tasks_keeps_the_averages),
        cmocka_unit_test(uptime_is_the_first_number),
        cmocka_unit_test(glued_interface_lines_are_split_at_the_colon),
        cmocka_unit_test(interface_counters_beyond_32_bits_are_kept),
        cmocka_unit_test(alias_and_broken_interface_lines_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
