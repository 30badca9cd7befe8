// SPDX-License-Identifier: Apache-2.0
// The real collectors against fixture trees, through a fake host, and against the live /proc.
// Threading: one task.
#include "fake_collector_host.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define BOARDS VARVE_SOURCE_DIR "/tests/unit/fixtures/boards/"

extern const struct varve_plugin varve_collector_cpu, varve_collector_memory, varve_collector_load,
    varve_collector_network, varve_collector_disk, varve_collector_thermal, varve_collector_uptime,
    varve_collector_self, varve_collector_flash;

static void expect(const char *text, double value)
{
    if (!fake_pushed(text))
        fail_msg("%s was not pushed", text);
    if (fake_value(text) != value)
        fail_msg("%s is %.17g, not %.17g", text, fake_value(text), value);
}

// Starts a collector on a fixture tree and runs it once.
static void run_on(const struct varve_plugin *plugin, const char *proc)
{
    fake_start(plugin);
    fake_text_option("proc", proc);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
}

// ---- a scratch /proc that changes between runs

static char scratch[64];

static int make_scratch(void **state)
{
    (void)state;
    snprintf(scratch, sizeof scratch, "/tmp/varve-test-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static int remove_scratch(void **state)
{
    static const char *const files[] = {"/stat",    "/net/dev", "/diskstats",
                                        "/meminfo", "/loadavg", "/mounts"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s%s", scratch, files[i]);
        (void)unlink(path); // most are not there
    }
    snprintf(path, sizeof path, "%s/net", scratch);
    (void)rmdir(path);
    return rmdir(scratch);
}

static void write_scratch(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/net", scratch);
    (void)mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/%s", scratch, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

// ---- cpu

static void cpu_gives_machine_and_cores_under_different_names(void **state)
{
    (void)state;
    run_on(&varve_collector_cpu, BOARDS "router-ipq40xx/proc");
    assert_int_equal(fake_series(), 5 * 8); // no guest time yet: no guest series
    expect("cpu_seconds_total{mode=\"user\"}", 401.12);
    expect("cpu_seconds_total{mode=\"softirq\"}", 1012.34);
    expect("cpu_core_seconds_total{cpu=\"3\",mode=\"idle\"}", 32040.0);
    assert_int_equal(fake_kind("cpu_seconds_total{mode=\"user\"}"), VARVE_COUNTER);
}

static void cpu_of_old_kernels_has_fewer_modes(void **state)
{
    (void)state;
    run_on(&varve_collector_cpu, BOARDS "pc-linux24/proc");
    assert_int_equal(fake_count("cpu_seconds_total{"), 4);
    assert_int_equal(fake_count("cpu_core_seconds_total{"), 4);
    assert_false(fake_has("cpu_seconds_total{mode=\"iowait\"}"));
    run_on(&varve_collector_cpu, BOARDS "server-linux26/proc");
    assert_int_equal(fake_count("cpu_seconds_total{"), 7);
    expect("cpu_core_seconds_total{cpu=\"1\",mode=\"softirq\"}", 2.1);
}

static void cpu_guest_time_is_a_metric_of_its_own(void **state)
{
    (void)state;
    run_on(&varve_collector_cpu, BOARDS "container/proc");
    expect("cpu_seconds_total{mode=\"user\"}", 101321.53);
    expect("cpu_guest_seconds_total{mode=\"user\"}", 13932.8);
    expect("cpu_guest_seconds_total{mode=\"nice\"}", 329.66);
    expect("cpu_core_guest_seconds_total{cpu=\"0\",mode=\"user\"}", 13932.8);
}

static void cpu_takes_every_core_of_a_large_server(void **state)
{
    (void)state;
    run_on(&varve_collector_cpu, BOARDS "server-64core/proc"); // its intr line overflows the buffer
    assert_int_equal(fake_count("cpu_core_seconds_total{"), 64 * 8);
    assert_int_equal(fake_warnings(), 0);
    fake_start(&varve_collector_cpu);
    fake_text_option("proc", BOARDS "server-64core/proc");
    fake_bool_option("per_core", false);
    fake_int_option("hz", 1000);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 8 + 1); // and guest
}

static void cpu_holds_a_small_step_back_and_lets_a_restart_through(void **state)
{
    (void)state;
    write_scratch("stat", "cpu  100 0 0 5000 700\n");
    run_on(&varve_collector_cpu, scratch);
    unsigned registered = fake_registered();
    write_scratch("stat", "cpu  101 0 0 5100 699\n");
    assert_int_equal(fake_collect(), 0);
    expect("cpu_seconds_total{mode=\"iowait\"}", 7.0);
    expect("cpu_seconds_total{mode=\"user\"}", 1.01);
    write_scratch("stat", "cpu  102 0 0 5200 12\n");
    assert_int_equal(fake_collect(), 0);
    expect("cpu_seconds_total{mode=\"iowait\"}", 0.12);
    assert_int_equal(fake_registered(), registered); // never again per run
}

static void cpu_counts_cores_beyond_its_table_once(void **state)
{
    (void)state;
    write_scratch("stat", "cpu 1 2 3 4\ncpu127 1 2 3 4\ncpu128 1 2 3 4\ncpu500 1 2 3 4\n");
    run_on(&varve_collector_cpu, scratch);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 8);
    assert_int_equal(fake_warnings(), 1);
}

static void a_source_without_sense_is_a_failure_with_a_reason(void **state)
{
    (void)state;
    write_scratch("stat", "nonsense\n");
    write_scratch("meminfo", "");
    write_scratch("loadavg", "x\n");
    static const struct varve_plugin *const plugins[] = {
        &varve_collector_cpu, &varve_collector_memory, &varve_collector_load};
    for (size_t i = 0; i < 3; i++) {
        fake_start(plugins[i]);
        fake_text_option("proc", scratch);
        assert_int_equal(fake_init(), 0);
        assert_int_equal(fake_collect(), VARVE_E_CORRUPT);
        assert_non_null(strstr(fake_reason(), scratch));
        assert_int_equal(fake_pushes(), 0);
    }
}

// ---- memory, load, uptime

static void memory_is_in_bytes_and_only_what_the_kernel_has(void **state)
{
    (void)state;
    run_on(&varve_collector_memory, BOARDS "router-ar71xx/proc");
    expect("memory_total_bytes", 61452.0 * 1024);
    expect("memory_available_bytes", 33916.0 * 1024);
    expect("memory_swap_total_bytes", 0.0);
    expect("memory_slab_bytes", 12748.0 * 1024);
    assert_int_equal(fake_logs(), 0);
    assert_int_equal(fake_kind("memory_free_bytes"), VARVE_GAUGE);
    run_on(&varve_collector_memory, BOARDS "pc-linux24/proc");
    assert_false(fake_has("memory_slab_bytes"));
}

static void memory_available_is_computed_once_said_so(void **state)
{
    (void)state;
    run_on(&varve_collector_memory, BOARDS "beaglebone/proc");
    expect("memory_available_bytes", 433852.0 * 1024);
    assert_int_equal(fake_logs(), 1);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_logs(), 1);
}

static void load_and_uptime_are_gauges(void **state)
{
    (void)state;
    run_on(&varve_collector_load, BOARDS "server-64core/proc");
    expect("load1", 12.31);
    expect("load5", 10.02);
    expect("load15", 9.77);
    expect("processes_running", 9);
    expect("processes", 2412);
    run_on(&varve_collector_uptime, BOARDS "pc-linux24/proc");
    expect("uptime_seconds", 91093.85);
    assert_int_equal(fake_kind("uptime_seconds"), VARVE_GAUGE);
    assert_int_equal(fake_series(), 1);
}

// ---- network

static void network_leaves_out_what_it_is_told_to(void **state)
{
    (void)state;
    run_on(&varve_collector_network, BOARDS "router-ar71xx/proc");
    assert_int_equal(fake_series(), 4 * 8);
    expect("network_receive_bytes_total{device=\"eth1\"}", 4123456789.0);
    expect("network_receive_drops_total{device=\"eth1\"}", 5);
    expect("network_transmit_drops_total{device=\"wlan0\"}", 31);
    assert_false(fake_has("network_receive_bytes_total{device=\"lo\"}"));
    fake_start(&varve_collector_network);
    fake_text_option("proc", BOARDS "router-ar71xx/proc");
    fake_text_option("ignore", "wlan* br-*");
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 3 * 8);
    assert_true(fake_has("network_receive_bytes_total{device=\"lo\"}"));
}

static void network_keeps_64_interfaces_and_reports_the_rest_once(void **state)
{
    (void)state;
    run_on(&varve_collector_network, BOARDS "server-64core/proc"); // 72 besides lo
    assert_int_equal(fake_series(), 64 * 8);
    assert_int_equal(fake_warnings(), 1);
    unsigned registered = fake_registered();
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_registered(), registered);
    assert_int_equal(fake_warnings(), 1);
    expect("network_receive_bytes_total{device=\"eno1np0\"}", 81234567890123.0);
}

static void write_interfaces(unsigned from, unsigned count)
{
    char text[16384];
    size_t used = 0;
    for (unsigned i = from; i < from + count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "veth%u: %u 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n", i, i);
    write_scratch("net/dev", text);
}

static void interfaces_that_went_give_way_to_those_that_come(void **state)
{
    (void)state;
    write_interfaces(0, 64);
    run_on(&varve_collector_network, scratch);
    assert_int_equal(fake_series(), 64 * 8);
    write_interfaces(1, 64); // veth0 went, veth64 came: its place is free one run later
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_collect(), 0);
    expect("network_receive_bytes_total{device=\"veth64\"}", 64);
    expect("network_receive_bytes_total{device=\"veth1\"}", 1);
    assert_false(fake_pushed("network_receive_bytes_total{device=\"veth0\"}"));
    for (unsigned i = 0; i < 200; i++) { // a container host: the table never fills for good
        write_interfaces(100 + i * 2, 2);
        assert_int_equal(fake_collect(), 0);
        assert_int_equal(fake_pushes(), i == 0 ? 0 : 2 * 8); // the first find the table full
    }
}

static void a_text_larger_than_the_buffer_is_cut_at_a_line(void **state)
{
    (void)state;
    static char text[40000];
    size_t used = 0;
    for (unsigned i = 0; used + 1024 < sizeof text; i++) {
        // Long lines: 16,384 bytes hold 16 of them.
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "eth%u:%*u 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0\n", i, 970, 7000 + i);
    }
    write_scratch("net/dev", text);
    run_on(&varve_collector_network, scratch);
    assert_int_equal(fake_series(), 16 * 8);
    expect("network_receive_bytes_total{device=\"eth15\"}", 7015);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_warnings(), 1);
}

static void refused_series_are_pushed_nowhere_and_not_asked_for_again(void **state)
{
    (void)state;
    fake_start(&varve_collector_network);
    fake_text_option("proc", BOARDS "raspberrypi4/proc");
    fake_series_cap(5);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    unsigned registered = fake_registered();
    assert_int_equal(fake_pushes(), 5);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_pushes(), 5);
    assert_int_equal(fake_registered(), registered);
}

// ---- disk

static void start_disk(const char *proc)
{
    fake_start(&varve_collector_disk);
    fake_text_option("proc", proc);
}

static void disk_counts_whole_disks_with_io_once(void **state)
{
    (void)state;
    start_disk(BOARDS "server-64core/proc");
    fake_bool_option("space", false);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 8); // not loop, dm, sr; not partitions; not the idle sda
    expect("disk_reads_completed_total{device=\"nvme0n1\"}", 8123456);
    expect("disk_read_bytes_total{device=\"nvme0n1\"}", 412345678.0 * 512);
    expect("disk_written_bytes_total{device=\"nvme0n1\"}", 6123456789.0 * 512);
    expect("disk_read_time_seconds_total{device=\"nvme0n1\"}", 1812.345);
    expect("disk_io_in_flight{device=\"nvme0n1\"}", 5);
    assert_int_equal(fake_kind("disk_io_in_flight{device=\"nvme0n1\"}"), VARVE_GAUGE);
    assert_int_equal(fake_kind("disk_io_time_seconds_total{device=\"nvme0n1\"}"), VARVE_COUNTER);
}

static void disk_partitions_come_on_demand(void **state)
{
    (void)state;
    start_disk(BOARDS "server-linux26/proc");
    fake_bool_option("space", false);
    fake_bool_option("partitions", true);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 8 + 4 + 4);
    expect("disk_written_bytes_total{device=\"sda2\"}", 1809824.0 * 512);
    assert_false(fake_has("disk_io_time_seconds_total{device=\"sda2\"}"));
}

static void disk_of_kernel_24_is_read_from_partitions(void **state)
{
    (void)state;
    start_disk(BOARDS "pc-linux24/proc");
    fake_space("/", 1000, 250);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 8 + 3);
    expect("disk_writes_completed_total{device=\"hda\"}", 424847);
    expect("disk_io_time_seconds_total{device=\"hda\"}", 3376.34);
    expect("disk_used_ratio{mountpoint=\"/\"}", 0.75);
}

static void mmc_boot_partitions_are_disks_of_their_own(void **state)
{
    (void)state;
    start_disk(BOARDS "beaglebone/proc");
    fake_bool_option("space", false);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 3 * 8);
    expect("disk_reads_completed_total{device=\"mmcblk0boot0\"}", 11);
    assert_false(fake_has("disk_reads_completed_total{device=\"mmcblk0p1\"}"));
}

static void openwrt_space_is_that_of_the_overlay_partition(void **state)
{
    (void)state;
    static const char *const boards[] = {BOARDS "router-ar71xx/proc", BOARDS "router-ipq40xx/proc"};
    for (size_t i = 0; i < 2; i++) {
        start_disk(boards[i]);
        fake_space("/overlay", 8388608, 3145728);
        fake_space("/", 8388608, 3145728); // the same space under its other name
        fake_space("/rom", 2359296, 0);
        fake_space("/tmp", 31457280, 31000000);
        assert_int_equal(fake_init(), 0);
        assert_int_equal(fake_collect(), 0);
        assert_int_equal(fake_count("disk_size_bytes"), 1);
        expect("disk_size_bytes{mountpoint=\"/overlay\"}", 8388608);
        expect("disk_free_bytes{mountpoint=\"/overlay\"}", 3145728);
        expect("disk_used_ratio{mountpoint=\"/overlay\"}", 0.625);
    }
}

static void each_device_has_its_space_told_once(void **state)
{
    (void)state;
    start_disk(BOARDS "router-mvebu/proc");
    fake_space("/overlay", 100, 50);
    fake_space("/mnt/data", 3, 1);
    fake_space("/srv/bind", 3, 1);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_count("disk_size_bytes"), 2);
    expect("disk_used_ratio{mountpoint=\"/mnt/data\"}", 0.6667);
    start_disk(BOARDS "server-64core/proc");
    fake_space("/", 4, 2);
    fake_space("/boot", 4, 4);
    fake_space("/boot/efi", 4, 8); // more free than there is: no negative ratio
    fake_space("/var/lib/docker/overlay2/8123abc/merged", 4, 2);
    fake_text_option("ignore_mounts", "");
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_count("disk_size_bytes"), 3);
    expect("disk_used_ratio{mountpoint=\"/boot/efi\"}", 0.0);
}

static void a_container_sees_its_own_root_and_its_volumes(void **state)
{
    (void)state;
    start_disk(BOARDS "container/proc");
    fake_space("/", 1000, 400);
    fake_space("/data", 2000, 500);
    fake_space("/etc/hosts", 2000, 500);
    assert_int_equal(fake_init(), 0); // it has no diskstats
    assert_int_equal(fake_logs(), 1);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_series(), 6);
    expect("disk_used_ratio{mountpoint=\"/\"}", 0.6);
    expect("disk_free_bytes{mountpoint=\"/data\"}", 500);
}

static void escaped_mount_points_and_demanded_classes_are_told(void **state)
{
    (void)state;
    start_disk(BOARDS "server-linux26/proc");
    fake_bool_option("io", false);
    fake_bool_option("tmpfs", true);
    fake_bool_option("remote", true);
    fake_text_option("root", "/host");
    fake_space("/host/", 10, 5);
    fake_space("/host/mnt/usb disk\\a", 20, 5);
    fake_space("/host/dev", 30, 30);
    fake_space("/host/dev/shm", 40, 30);
    fake_space("/host/net/nas", 50, 10);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_count("disk_size_bytes"), 5); // /boot cannot be asked
    // The real host escapes the backslash; this fake one does not.
    expect("disk_size_bytes{mountpoint=\"/mnt/usb disk\\a\"}", 20);
    expect("disk_size_bytes{mountpoint=\"/dev/shm\"}", 40);
    expect("disk_size_bytes{mountpoint=\"/net/nas\"}", 50);
}

// ---- flash

static void run_flash(const char *sys)
{
    fake_start(&varve_collector_flash);
    fake_text_option("sys", sys);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
}

static void flash_devices_tell_what_they_know_of_their_wear(void **state)
{
    (void)state;
    run_flash(BOARDS "beaglebone/sys");
    expect("flash_life_used_ratio{device=\"mmcblk1\",type=\"a\"}", 0.2);
    expect("flash_life_used_ratio{device=\"mmcblk1\",type=\"b\"}", 0.1);
    expect("flash_pre_eol{device=\"mmcblk1\"}", 1);
    expect("flash_written_bytes_total{device=\"mmcblk1\"}", 3212808 * 512.0);
    assert_int_equal(fake_kind("flash_written_bytes_total{device=\"mmcblk1\"}"), VARVE_COUNTER);
    assert_int_equal(fake_series(), 4);
    run_flash(BOARDS "router-mvebu/sys");
    expect("flash_erase_cycles_max{device=\"ubi0\"}", 37);
    expect("flash_ubi_bad_blocks{device=\"ubi0\"}", 2);
    expect("flash_spare_blocks{device=\"ubi0\"}", 18);
    expect("flash_free_blocks{device=\"ubi0\"}", 0);
    expect("flash_blocks{device=\"ubi0\"}", 638);
    expect("flash_ecc_corrected_bits_total{device=\"mtd0\"}", 14);
    expect("flash_bad_blocks{device=\"mtd0\"}", 1);
    expect("flash_erase_block_bytes{device=\"mtd1\"}", 65536);
    assert_false(fake_has("flash_erase_block_bytes{device=\"mtd2\"}")); // RAM does not wear
    assert_int_equal(fake_series(), 11);
    unsigned registered = fake_registered();
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_registered(), registered); // looking again finds the same ones
}

static void cards_and_nvme_tell_only_what_was_written(void **state)
{
    (void)state;
    run_flash(BOARDS "raspberrypi4/sys");
    expect("flash_written_bytes_total{device=\"mmcblk0\"}", 5123448 * 512.0);
    assert_int_equal(fake_series(), 1);
    run_flash(BOARDS "server-64core/sys");
    expect("flash_written_bytes_total{device=\"nvme0n1\"}", 700 * 512.0);
    assert_int_equal(fake_series(), 1);
}

// ---- thermal

static void run_thermal(const char *sys)
{
    fake_start(&varve_collector_thermal);
    fake_text_option("sys", sys);
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
}

static void zones_and_chips_have_names_and_no_doubles(void **state)
{
    (void)state;
    run_thermal(BOARDS "server-64core/sys");
    expect("thermal_celsius{zone=\"acpitz\"}", 27.8);
    expect("thermal_celsius{zone=\"acpitz:thermal_zone1\"}", 29.8);
    expect("thermal_celsius{zone=\"x86_pkg_temp\"}", 61);
    expect("thermal_celsius{zone=\"nvme:Composite\"}", 39.85);
    expect("thermal_celsius{zone=\"nvme:Composite:hwmon2:temp1\"}", 40.85);
    expect("thermal_celsius{zone=\"coretemp:Core 4\"}", 57);
    assert_int_equal(fake_series(), 8); // hwmon0 mirrors acpitz
    unsigned registered = fake_registered();
    for (unsigned i = 0; i < 60; i++)
        assert_int_equal(fake_collect(), 0);
    assert_int_equal(fake_registered(), registered); // looking again finds the same ones
}

static void boards_with_plain_degrees_and_sensors_that_are_off(void **state)
{
    (void)state;
    run_thermal(BOARDS "router-ipq40xx/sys");
    assert_int_equal(fake_series(), 5);
    expect("thermal_celsius{zone=\"tsens_tz_sensor1\"}", 58);
    run_thermal(BOARDS "router-mvebu/sys");
    expect("thermal_celsius{zone=\"armada_thermal\"}", 71.478);
    expect("thermal_celsius{zone=\"tmp421:temp2\"}", 54.5);
    assert_true(fake_has("thermal_celsius{zone=\"mwlwifi:temp1\"}"));
    assert_false(fake_pushed("thermal_celsius{zone=\"mwlwifi:temp1\"}")); // -274 degrees: off
    run_thermal(BOARDS "beaglebone/sys");
    expect("thermal_celsius{zone=\"lm75:temp1\"}", -1.5); // hwmon0/device/ of old kernels
    run_thermal(BOARDS "raspberrypi4/sys");
    expect("thermal_celsius{zone=\"cpu-thermal\"}", 48.686);
    assert_int_equal(fake_series(), 1);
}

// ---- all of them

static void a_missing_source_disables_with_its_path_as_reason(void **state)
{
    (void)state;
    static const struct varve_plugin *const plugins[] = {
        &varve_collector_cpu,     &varve_collector_memory, &varve_collector_load,
        &varve_collector_network, &varve_collector_disk,   &varve_collector_uptime};
    for (size_t i = 0; i < sizeof plugins / sizeof plugins[0]; i++) {
        fake_start(plugins[i]);
        fake_text_option("proc", "/nonexistent/proc");
        assert_int_equal(fake_init(), VARVE_E_NOT_FOUND);
        assert_non_null(strstr(fake_reason(), "/nonexistent/proc/"));
        assert_int_equal(fake_series(), 0);
        assert_int_equal(fake_logs(), 0); // the host writes the one line
    }
    static const struct varve_plugin *const sys_plugins[] = {&varve_collector_thermal,
                                                             &varve_collector_flash};
    for (size_t i = 0; i < sizeof sys_plugins / sizeof sys_plugins[0]; i++) {
        fake_start(sys_plugins[i]);
        fake_text_option("sys", BOARDS "container/sys");
        assert_int_equal(fake_init(), VARVE_E_NOT_FOUND);
        assert_non_null(strstr(fake_reason(), "container/sys"));
    }
}

static void a_path_that_is_too_long_is_refused(void **state)
{
    (void)state;
    char path[VARVE_PATH_TEXT];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    fake_start(&varve_collector_cpu);
    fake_text_option("proc", path);
    assert_int_equal(fake_init(), VARVE_E_TOO_BIG);
    fake_start(&varve_collector_thermal);
    fake_text_option("sys", path);
    assert_int_equal(fake_init(), VARVE_E_NOT_FOUND);
}

static void a_source_that_goes_away_is_a_failure_and_comes_back(void **state)
{
    (void)state;
    char path[128];
    write_scratch("loadavg", "1.00 2.00 3.00 1/2 3\n");
    run_on(&varve_collector_load, scratch);
    snprintf(path, sizeof path, "%s/loadavg", scratch);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fake_collect(), VARVE_E_NOT_FOUND);
    assert_non_null(strstr(fake_reason(), path));
    write_scratch("loadavg", "4.00 2.00 3.00 1/2 3\n");
    assert_int_equal(fake_collect(), 0);
    expect("load1", 4.0);
}

static void self_tells_the_hosts_figures(void **state)
{
    (void)state;
    fake_start(&varve_collector_self);
    fake_stats.samples = 123456789;
    fake_stats.dropped_ring = 3;
    fake_stats.dropped_window = 4;
    fake_stats.ring_high_water = 77;
    fake_stats.flash_bytes = 4096;
    fake_stats.flash_bytes_per_sample = 1.23456;
    fake_usage = (struct varve_port_usage){.cpu_us = 1234567, .rss_bytes = 4 << 20, .threads = 4};
    fake_instances[0] =
        (struct varve_instance_stats){.name = "cpu", .kind = "collector", .runs = 1, .max_us = 250};
    fake_instances[1] =
        (struct varve_instance_stats){.name = "flash", .kind = "backend", .runs = 1};
    fake_instances[2] = (struct varve_instance_stats){.name = "", .kind = "collector", .runs = 1};
    fake_instance_count = 3;
    fake_stats.backend_count = 2;
    fake_stats.backends[0] = (struct varve_backend_stats){.name = "files"};
    fake_stats.backends[1] = (struct varve_backend_stats){
        .name = "chip", .sectors = 9, .sectors_bad = 1, .sector_erases_max = 75};
    assert_int_equal(fake_init(), 0);
    assert_int_equal(fake_collect(), 0);
    expect("varve_samples_total", 123456789);
    expect("varve_samples_dropped_total{cause=\"ring\"}", 3);
    expect("varve_samples_dropped_total{cause=\"window\"}", 4);
    expect("varve_ring_high_water_samples", 77);
    expect("varve_flash_bytes_total", 4096);
    expect("varve_flash_bytes_per_sample", 1.235);
    expect("varve_cpu_seconds_total", 1.235);
    expect("varve_resident_bytes", 4 << 20);
    expect("varve_threads", 4);
    expect("varve_collector_max_seconds{collector=\"cpu\"}", 0.00025);
    assert_int_equal(fake_count("varve_collector_max_seconds"), 1);
    expect("varve_sectors_bad{backend=\"chip\"}", 1);
    expect("varve_sector_erases_max{backend=\"chip\"}", 75);
    assert_int_equal(fake_count("varve_sectors_bad"), 1);
    assert_int_equal(fake_pushes(), fake_series());
}

static void the_live_system_is_read(void **state)
{
    (void)state;
    if (access("/proc/stat", R_OK) != 0 || access("/proc/net/dev", R_OK) != 0)
        skip();
    run_on(&varve_collector_cpu, "/proc");
    double idle = fake_value("cpu_seconds_total{mode=\"idle\"}");
    assert_true(idle > 0);
    assert_int_equal(fake_collect(), 0);
    assert_true(fake_value("cpu_seconds_total{mode=\"idle\"}") >= idle);
    run_on(&varve_collector_memory, "/proc");
    assert_true(fake_value("memory_total_bytes") >= fake_value("memory_free_bytes"));
    assert_true(fake_value("memory_free_bytes") > 0);
    run_on(&varve_collector_load, "/proc");
    assert_true(fake_value("load1") >= 0 && fake_value("processes") >= 1);
    run_on(&varve_collector_uptime, "/proc");
    assert_true(fake_value("uptime_seconds") > 0);
    run_on(&varve_collector_network, "/proc");
    run_on(&varve_collector_disk, "/proc");
    assert_true(fake_count("disk_size_bytes") == fake_count("disk_used_ratio"));
}

int main(void)
{
#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, make_scratch, remove_scratch)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_gives_machine_and_cores_under_different_names),
        cmocka_unit_test(cpu_of_old_kernels_has_fewer_modes),
        cmocka_unit_test(cpu_guest_time_is_a_metric_of_its_own),
        cmocka_unit_test(cpu_takes_every_core_of_a_large_server),
        IN_SCRATCH(cpu_holds_a_small_step_back_and_lets_a_restart_through),
        IN_SCRATCH(cpu_counts_cores_beyond_its_table_once),
        IN_SCRATCH(a_source_without_sense_is_a_failure_with_a_reason),
        cmocka_unit_test(memory_is_in_bytes_and_only_what_the_kernel_has),
        cmocka_unit_test(memory_available_is_computed_once_said_so),
        cmocka_unit_test(load_and_uptime_are_gauges),
        cmocka_unit_test(network_leaves_out_what_it_is_told_to),
        cmocka_unit_test(network_keeps_64_interfaces_and_reports_the_rest_once),
        IN_SCRATCH(interfaces_that_went_give_way_to_those_that_come),
        IN_SCRATCH(a_text_larger_than_the_buffer_is_cut_at_a_line),
        cmocka_unit_test(refused_series_are_pushed_nowhere_and_not_asked_for_again),
        cmocka_unit_test(disk_counts_whole_disks_with_io_once),
        cmocka_unit_test(disk_partitions_come_on_demand),
        cmocka_unit_test(disk_of_kernel_24_is_read_from_partitions),
        cmocka_unit_test(mmc_boot_partitions_are_disks_of_their_own),
        cmocka_unit_test(openwrt_space_is_that_of_the_overlay_partition),
        cmocka_unit_test(each_device_has_its_space_told_once),
        cmocka_unit_test(a_container_sees_its_own_root_and_its_volumes),
        cmocka_unit_test(escaped_mount_points_and_demanded_classes_are_told),
        cmocka_unit_test(flash_devices_tell_what_they_know_of_their_wear),
        cmocka_unit_test(cards_and_nvme_tell_only_what_was_written),
        cmocka_unit_test(zones_and_chips_have_names_and_no_doubles),
        cmocka_unit_test(boards_with_plain_degrees_and_sensors_that_are_off),
        cmocka_unit_test(a_missing_source_disables_with_its_path_as_reason),
        cmocka_unit_test(a_path_that_is_too_long_is_refused),
        IN_SCRATCH(a_source_that_goes_away_is_a_failure_and_comes_back),
        cmocka_unit_test(self_tells_the_hosts_figures),
        cmocka_unit_test(the_live_system_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
