// SPDX-License-Identifier: Apache-2.0
// Every parser over mangled fixtures: none may read outside the text (the copies are of exact size,
// for a sanitizer), walk more often than there are lines, or give out what it cannot have read.
// VARVE_SEED=n repeats a run. Threading: one task.
#include "fixture_text.h"

#include <math.h>
#include <string.h>

#define ROUNDS_PER_FILE 400u

static const char *const files[] = {
    "pc-linux24/proc/stat",
    "pc-linux24/proc/meminfo",
    "pc-linux24/proc/net/dev",
    "pc-linux24/proc/partitions",
    "server-linux26/proc/stat",
    "server-linux26/proc/diskstats",
    "server-linux26/proc/mounts",
    "router-ar71xx/proc/net/dev",
    "router-ar71xx/proc/mounts",
    "raspberrypi4/proc/stat",
    "raspberrypi4/proc/meminfo",
    "raspberrypi4/proc/diskstats",
    "raspberrypi4/proc/mounts",
    "raspberrypi4/proc/loadavg",
    "raspberrypi4/proc/uptime",
    "container/proc/mounts",
    "beaglebone/proc/meminfo",
    "raspberrypi4/sys/class/thermal/thermal_zone0/temp",
    "raspberrypi4/sys/block/mmcblk0/stat",
    "beaglebone/sys/block/mmcblk1/device/life_time",
};

static uint32_t next_random(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static bool inside(struct varve_span part, struct varve_span text)
{
    return part.at >= text.at && part.len <= text.len && part.at + part.len <= text.at + text.len;
}

static size_t count_lines(struct varve_span text)
{
    struct varve_span line;
    size_t n = 0;
    while (varve_scan_line(&text, &line))
        n++;
    return n;
}

static void walk_cpu(struct varve_span text, size_t lines)
{
    struct varve_span rest = text;
    struct varve_cpu_line cpu;
    for (size_t n = 0; varve_proc_cpu_next(&rest, &cpu); n++) {
        assert_true(n < lines);
        assert_in_range(cpu.modes, 4, VARVE_CPU_MODES);
        assert_true(cpu.core >= VARVE_CPU_ALL && cpu.core <= 65535);
    }
}

static void walk_net(struct varve_span text, size_t lines)
{
    struct varve_span rest = text;
    struct varve_netdev dev;
    for (size_t n = 0; varve_proc_netdev_next(&rest, &dev); n++) {
        assert_true(n < lines);
        assert_true(dev.name.len > 0 && inside(dev.name, text));
    }
}

static void walk_disks(struct varve_span text, size_t lines)
{
    struct varve_span rest = text, before = {"", 0};
    struct varve_disk_line disk;
    for (size_t n = 0; varve_proc_disk_next(&rest, &disk); n++) {
        assert_true(n < lines);
        assert_true(disk.name.len > 0 && inside(disk.name, text));
        if (varve_disk_is_partition(before, disk.name))
            assert_true(disk.name.len > before.len);
        before = disk.name;
    }
}

static void walk_mounts(struct varve_span text, size_t lines)
{
    struct varve_span rest = text, upper;
    struct varve_mount mount;
    char path[64];
    for (size_t n = 0; varve_proc_mount_next(&rest, &mount); n++) {
        assert_true(n < lines);
        assert_true(inside(mount.device, text) && inside(mount.options, text));
        if (varve_mount_decode(mount.point, path, sizeof path))
            assert_true(strlen(path) < sizeof path && strlen(path) <= mount.point.len);
        if (varve_mount_upper(&mount, &upper))
            assert_true(inside(upper, text));
        (void)varve_mount_contains(mount.point, mount.device);
        assert_true(varve_mount_classify(mount.type) <= VARVE_MOUNT_PSEUDO);
        (void)varve_glob_list("loop* ?a*", mount.point);
    }
}

static void read_single_values(struct varve_span text)
{
    struct varve_meminfo mem;
    struct varve_loadavg load;
    double number;
    enum varve_thermal_scale scale = VARVE_THERMAL_AUTO;
    assert_true(varve_proc_meminfo(text, &mem) <= VARVE_MEMORY_COUNT);
    if (varve_meminfo_complete(&mem, 4096) && varve_meminfo_has(&mem, VARVE_MEMORY_TOTAL))
        assert_true(mem.bytes[VARVE_MEMORY_AVAILABLE] <= mem.bytes[VARVE_MEMORY_TOTAL]);
    if (varve_proc_loadavg(text, &load))
        assert_true(isfinite(load.load[0]) && load.load[0] >= 0);
    if (varve_proc_uptime(text, &number))
        assert_true(isfinite(number) && number >= 0);
    if (varve_sys_celsius(text, &scale, &number))
        assert_true(number > -273.15 && number <= 2000.0);
    if (varve_sys_emmc_life(text, 0, &number) || varve_sys_emmc_life(text, 1, &number))
        assert_true(number > 0 && number <= 1.1);
    if (varve_sys_emmc_pre_eol(text, &number))
        assert_true(number >= 1 && number <= 3);
    if (varve_sys_block_written(text, &number) || varve_sys_count(text, &number))
        assert_true(isfinite(number) && number >= 0);
    assert_true(varve_scan_whole_lines(text.at, text.len) <= text.len);
}

static void walk_exposition(struct varve_span text)
{
    struct varve_exposition out;
    struct varve_span line;
    while (varve_scan_line(&text, &line)) {
        struct varve_span rest = line, token;
        double value;
        (void)varve_parse_exposition(line, &out);
        while (varve_scan_token(&rest, &token))
            (void)varve_exposition_number(token, &value);
    }
}

static void feed_all(struct varve_span text)
{
    size_t lines = count_lines(text);
    walk_cpu(text, lines);
    walk_net(text, lines);
    walk_disks(text, lines);
    walk_mounts(text, lines);
    walk_exposition(text);
    read_single_values(text);
}

// One change: a byte flipped, a digit run made absurd, a piece cut out, doubled, or the end cut.
static size_t mutate(char *text, size_t len, uint32_t *seed)
{
    static const char nasty[] = "\0\n\r\t :/\\09-+.,x\377";
    if (len == 0)
        return 0;
    size_t at = next_random(seed) % len;
    size_t n = next_random(seed) % 40 % (len - at) + 1;
    switch (next_random(seed) % 5) {
    case 0:
        text[at] = (char)next_random(seed);
        return len;
    case 1:
        text[at] = nasty[next_random(seed) % (sizeof nasty - 1)];
        return len;
    case 2:
        memset(text + at, '9', n);
        return len;
    case 3:
        memmove(text + at, text + at + n, len - at - n);
        return len - n;
    default:
        return at;
    }
}

static void mangle_file(const char *path, uint32_t *seed)
{
    struct fixture f = fixture_open(path);
    feed_all(f.text);
    for (unsigned round = 0; round < ROUNDS_PER_FILE; round++) {
        char *work = malloc(f.text.len + 1);
        assert_non_null(work);
        memcpy(work, f.text.at, f.text.len);
        size_t len = f.text.len;
        for (unsigned n = next_random(seed) % 6 + 1; n > 0; n--)
            len = mutate(work, len, seed);
        char *exact = malloc(len > 0 ? len : 1);
        assert_non_null(exact);
        memcpy(exact, work, len);
        feed_all((struct varve_span){exact, len});
        free(exact);
        free(work);
    }
    fixture_close(&f);
}

static void mangled_texts_are_survived(void **state)
{
    (void)state;
    const char *given = getenv("VARVE_SEED");
    uint32_t seed = given ? (uint32_t)strtoul(given, NULL, 10) : 0x5eed2020u;
    seed = seed ? seed : 1;
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        mangle_file(files[i], &seed);
}

static void every_cut_of_a_text_is_survived(void **state)
{
    (void)state;
    static const char *const cut[] = {"pc-linux24/proc/partitions", "router-ar71xx/proc/net/dev",
                                      "raspberrypi4/proc/loadavg", "container/proc/mounts"};
    for (size_t i = 0; i < sizeof cut / sizeof cut[0]; i++) {
        struct fixture f = fixture_open(cut[i]);
        for (size_t len = 0; len < f.text.len; len++) {
            char *exact = malloc(len > 0 ? len : 1);
            assert_non_null(exact);
            memcpy(exact, f.text.at, len);
            feed_all((struct varve_span){exact, len});
            free(exact);
        }
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mangled_texts_are_survived),
        cmocka_unit_test(every_cut_of_a_text_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
