// SPDX-License-Identifier: Apache-2.0
// Parsers of diskstats, 2.4's partitions and mounts. Threading: one task.
#include "fixture_text.h"

#include <string.h>

#define ALL_FIELDS ((1u << VARVE_DISK_FIELDS) - 1u)

static struct varve_disk_line disk_line(const char *path, const char *name)
{
    struct fixture f = fixture_open(path);
    struct varve_span rest = f.text;
    struct varve_disk_line line;
    bool found = false;
    while (!found && varve_proc_disk_next(&rest, &line))
        found = varve_span_equals(line.name, name);
    if (!found)
        fail_msg("%s has no usable line of %s", path, name);
    line.name = (struct varve_span){"", 0};
    fixture_close(&f);
    return line;
}

static void every_generation_of_diskstats_gives_the_same_fields(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name;
        uint64_t value[VARVE_DISK_FIELDS];
    } cases[] = {
        {"pc-linux24/proc/partitions",
         "hda",
         {446216, 9550688, 4382310, 424847, 5922052, 19310380, 0, 3376340}},
        {"server-linux26/proc/diskstats",
         "sda",
         {52101, 1678322, 301211, 91822, 1810024, 812340, 3, 212010}},
        {"router-mvebu/proc/diskstats",
         "sda",
         {81234, 9123456, 412340, 21234, 1812344, 912340, 0, 512340}},
        {"server-64core/proc/diskstats",
         "nvme0n1",
         {8123456, 412345678, 1812345, 91234567, UINT64_C(6123456789), 41234567, 5, 31234567}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct varve_disk_line line = disk_line(cases[i].path, cases[i].name);
        assert_int_equal(line.have, ALL_FIELDS);
        assert_memory_equal(line.value, cases[i].value, sizeof line.value);
    }
}

static void partitions_of_old_kernels_have_four_numbers(void **state)
{
    (void)state;
    struct varve_disk_line line = disk_line("server-linux26/proc/diskstats", "sda2");
    assert_int_equal(line.have, 1u << VARVE_DISK_READS | 1u << VARVE_DISK_READ_SECTORS |
                                    1u << VARVE_DISK_WRITES | 1u << VARVE_DISK_WRITE_SECTORS);
    assert_int_equal(line.value[VARVE_DISK_READS], 52712);
    assert_int_equal(line.value[VARVE_DISK_READ_SECTORS], 1676988);
    assert_int_equal(line.value[VARVE_DISK_WRITES], 226228);
    assert_int_equal(line.value[VARVE_DISK_WRITE_SECTORS], 1809824);
    assert_int_equal(line.value[VARVE_DISK_IO_MS], 0);
}

static void a_partitions_file_without_counters_gives_nothing(void **state)
{
    (void)state;
    struct varve_span rest = varve_span_of("major minor  #blocks  name\n\n"
                                           " 179        0   15558144 mmcblk0\n"
                                           " 179        1     524288 mmcblk0p1\n");
    struct varve_disk_line line;
    assert_false(varve_proc_disk_next(&rest, &line));
}

static void disk_lines_that_make_no_sense_are_passed_over(void **state)
{
    (void)state;
    struct varve_span rest = varve_span_of("8 0 sda\n"
                                           "8 0 sdb 1 2 3 4 5 6 7 8 9 10\n"
                                           "8 0 sdc 1 2 3 x\n"
                                           "8 x sdd 1 2 3 4 5 6 7 8 9 10 11\n"
                                           "8 0 5 6 1 2 3 4 5 6 7 8 9 10 11\n"
                                           "8 0 sde 1 2 3 4 5 6 7 8 9 10 99999999999999999999\n"
                                           "8 0 sdf 1 2 3 4 5 6 7 8 9 10 11 12 13 future");
    struct varve_disk_line line;
    assert_true(varve_proc_disk_next(&rest, &line));
    assert_true(varve_span_equals(line.name, "sdf"));
    assert_int_equal(line.value[VARVE_DISK_IO_MS], 10);
    assert_false(varve_proc_disk_next(&rest, &line));
}

static bool part(const char *disk, const char *name)
{
    return varve_disk_is_partition(varve_span_of(disk), varve_span_of(name));
}

static void partitions_are_known_by_the_name_of_their_disk(void **state)
{
    (void)state;
    assert_true(part("sda", "sda1"));
    assert_true(part("sda", "sda12"));
    assert_true(part("mmcblk0", "mmcblk0p2"));
    assert_true(part("nvme0n1", "nvme0n1p1"));
    assert_false(part("sda", "sda"));
    assert_false(part("sda", "sdaa"));
    assert_false(part("sda", "sdb1"));
    assert_false(part("mmcblk0", "mmcblk0boot0"));
    assert_false(part("mmcblk0", "mmcblk01"));
    assert_false(part("mtdblock1", "mtdblock10"));
    assert_false(part("nvme0n1", "nvme0n1p"));
    assert_false(part("", "sda1"));
}

static void mount_points_are_decoded(void **state)
{
    (void)state;
    char buf[32];
    assert_true(varve_mount_decode(varve_span_of("/mnt/usb\\040disk\\134a"), buf, sizeof buf));
    assert_string_equal(buf, "/mnt/usb disk\\a");
    assert_true(varve_mount_decode(varve_span_of("/a\\04"), buf, sizeof buf));
    assert_string_equal(buf, "/a\\04");
    assert_true(varve_mount_decode(varve_span_of("\\000\\777\\"), buf, sizeof buf));
    assert_string_equal(buf, "\\000\\777\\"); // no characters that a path could have
    assert_true(varve_mount_decode(varve_span_of("\\303\\244"), buf, sizeof buf));
    assert_string_equal(buf, "\303\244");
    assert_true(varve_mount_decode(varve_span_of("1234567"), buf, 8));
    assert_false(varve_mount_decode(varve_span_of("12345678"), buf, 8));
    assert_false(varve_mount_decode((struct varve_span){"/a\0b", 4}, buf, sizeof buf));
}

static void filesystem_types_have_their_class(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        enum varve_mount_class class;
    } cases[] = {
        {"ext4", VARVE_MOUNT_STORAGE},    {"ubifs", VARVE_MOUNT_STORAGE},
        {"jffs2", VARVE_MOUNT_STORAGE},   {"fuseblk", VARVE_MOUNT_STORAGE},
        {"f2fs", VARVE_MOUNT_STORAGE},    {"squashfs", VARVE_MOUNT_IMAGE},
        {"overlay", VARVE_MOUNT_OVERLAY}, {"tmpfs", VARVE_MOUNT_MEMORY},
        {"nfs4", VARVE_MOUNT_REMOTE},     {"fuse.sshfs", VARVE_MOUNT_REMOTE},
        {"fusectl", VARVE_MOUNT_PSEUDO},  {"cgroup2", VARVE_MOUNT_PSEUDO},
        {"rootfs", VARVE_MOUNT_PSEUDO},   {"devtmpfs", VARVE_MOUNT_PSEUDO},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (varve_mount_classify(varve_span_of(cases[i].type)) != cases[i].class)
            fail_msg("%s has the wrong class", cases[i].type);
}

static void the_upper_layer_of_an_overlay_is_found(void **state)
{
    (void)state;
    struct varve_mount m;
    struct varve_span upper,
        rest = varve_span_of(
            "overlay / overlay rw,lowerdir=/l,upperdir=/overlay/upper,workdir=/overlay/work 0 0\n"
            "overlayfs:/overlay / overlayfs rw,noatime 0 0\n"
            "overlay /x overlay ro,lowerdir=/a:/b 0 0\n");
    assert_true(varve_proc_mount_next(&rest, &m));
    assert_true(varve_mount_upper(&m, &upper) && varve_span_equals(upper, "/overlay/upper"));
    assert_true(varve_mount_contains(varve_span_of("/overlay"), upper));
    assert_true(varve_mount_contains(varve_span_of("/"), upper));
    assert_false(varve_mount_contains(varve_span_of("/over"), upper));
    assert_true(varve_proc_mount_next(&rest, &m));
    assert_true(varve_mount_upper(&m, &upper) && varve_span_equals(upper, "/overlay"));
    assert_true(varve_mount_contains(varve_span_of("/overlay"), upper));
    assert_true(varve_proc_mount_next(&rest, &m));
    assert_false(varve_mount_upper(&m, &upper));
    assert_false(varve_proc_mount_next(&rest, &m));
}

static void mount_lines_without_four_words_are_passed_over(void **state)
{
    (void)state;
    struct varve_span rest = varve_span_of("\n/dev/a /a\n/dev/b /b ext4\n/dev/c /c ext4 rw");
    struct varve_mount m;
    assert_true(varve_proc_mount_next(&rest, &m));
    assert_true(varve_span_equals(m.device, "/dev/c"));
    assert_false(varve_proc_mount_next(&rest, &m));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_generation_of_diskstats_gives_the_same_fields),
        cmocka_unit_test(partitions_of_old_kernels_have_four_numbers),
        cmocka_unit_test(a_partitions_file_without_counters_gives_nothing),
        cmocka_unit_test(disk_lines_that_make_no_sense_are_passed_over),
        cmocka_unit_test(partitions_are_known_by_the_name_of_their_disk),
        cmocka_unit_test(mount_points_are_decoded),
        cmocka_unit_test(filesystem_types_have_their_class),
        cmocka_unit_test(the_upper_layer_of_an_overlay_is_found),
        cmocka_unit_test(mount_lines_without_four_words_are_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
