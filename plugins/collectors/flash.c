// SPDX-License-Identifier: Apache-2.0
// Collector flash: what devices say about their own wear, for comparing with varve's ledger.
//
//   eMMC  /sys/block/mmcblkN/device/{life_time,pre_eol_info}, /sys/block/mmcblkN/stat
//   NVMe  /sys/block/nvmeNn1/stat; the percentage used is in the SMART log, which only an ioctl
//         reads: it is not told here
//   UBI   /sys/class/ubi/ubiN/{max_ec,bad_peb_count,...}; the mean erase counter is not in sysfs
//   MTD   /sys/class/mtd/mtdN/{corrected_bits,ecc_failures,...} of NAND and NOR, not of RAM and ROM
//
// SD cards have no such registers; only what was written to them is told. Figures that a device or
// kernel does not have get no series. Devices are found by trying numbers, again every RESCAN_RUNS
// runs: listing a directory allocates.
//
// Threading: one worker task at a time.
#include "parse/parse.h"
#include "support/source.h"

#include "varve/host.h"
#include "varve/port.h"

#include <string.h>

#define MAX_DEVICES        32u
#define MAX_NUMBER         32u // numbers tried: mtd0 ..
#define MAX_FIGURES        5u
#define RESCAN_RUNS        20u
#define DEFAULT_INTERVAL_S 600
#define TEXT_BYTES         256u

struct options {
    const char *sys;
};

struct figure {
    const char *file; // in the device's directory
    bool (*read)(struct varve_span text, double *value);
    const char *name;  // of the metric
    const char *label; // a further label, or ""
    enum varve_kind kind;
    const char *unit, *help;
};

static bool life_a(struct varve_span text, double *ratio)
{
    return varve_sys_emmc_life(text, 0, ratio);
}

static bool life_b(struct varve_span text, double *ratio)
{
    return varve_sys_emmc_life(text, 1, ratio);
}

#define LIFE_HELP    "Life that the device says is used, rounded up to a tenth."
#define WRITTEN      "flash_written_bytes_total"
#define WRITTEN_HELP "Bytes written to the device by all programs."
#define BAD_HELP     "Blocks that are marked bad."

static const struct figure mmc_figures[MAX_FIGURES] = {
    {"device/life_time", life_a, "flash_life_used_ratio", ",type=\"a\"", VARVE_GAUGE, "1",
     LIFE_HELP},
    {"device/life_time", life_b, "flash_life_used_ratio", ",type=\"b\"", VARVE_GAUGE, "1",
     LIFE_HELP},
    {"device/pre_eol_info", varve_sys_emmc_pre_eol, "flash_pre_eol", "", VARVE_GAUGE, "1",
     "Spare blocks: 1 normal, 2 more than 80 % used, 3 more than 90 %."},
    {"stat", varve_sys_block_written, WRITTEN, "", VARVE_COUNTER, "By", WRITTEN_HELP},
};

static const struct figure nvme_figures[MAX_FIGURES] = {
    {"stat", varve_sys_block_written, WRITTEN, "", VARVE_COUNTER, "By", WRITTEN_HELP},
};

static const struct figure ubi_figures[MAX_FIGURES] = {
    {"max_ec", varve_sys_count, "flash_erase_cycles_max", "", VARVE_GAUGE, "1",
     "Erase cycles of the most worn block."},
    {"bad_peb_count", varve_sys_count, "flash_ubi_bad_blocks", "", VARVE_GAUGE, "1", BAD_HELP},
    {"reserved_for_bad", varve_sys_count, "flash_spare_blocks", "", VARVE_GAUGE, "1",
     "Blocks held in reserve for bad ones."},
    {"avail_eraseblocks", varve_sys_count, "flash_free_blocks", "", VARVE_GAUGE, "1",
     "Erase blocks that no volume has."},
    {"total_eraseblocks", varve_sys_count, "flash_blocks", "", VARVE_GAUGE, "1",
     "Good erase blocks."},
};

static const struct figure mtd_figures[MAX_FIGURES] = {
    {"corrected_bits", varve_sys_count, "flash_ecc_corrected_bits_total", "", VARVE_COUNTER, "1",
     "Bits that error correction put right."},
    {"ecc_failures", varve_sys_count, "flash_ecc_failures_total", "", VARVE_COUNTER, "1",
     "Reads that error correction could not put right."},
    {"bad_blocks", varve_sys_count, "flash_bad_blocks", "", VARVE_GAUGE, "1", BAD_HELP},
    {"bbt_blocks", varve_sys_count, "flash_bbt_blocks", "", VARVE_GAUGE, "1",
     "Blocks that hold the table of bad ones."},
    {"erasesize", varve_sys_count, "flash_erase_block_bytes", "", VARVE_GAUGE, "By",
     "Size of an erase block."},
};

static const struct family {
    const char *dir;    // below sys
    const char *before; // of the device's name, in front of its number
    const char *after;
    const struct figure *figures;
} families[] = {
    {"block", "mmcblk", "", mmc_figures},
    {"block", "nvme", "n1", nvme_figures},
    {"class/ubi", "ubi", "", ubi_figures},
    {"class/mtd", "mtd", "", mtd_figures},
};
#define FAMILIES (sizeof families / sizeof *families)

struct device {
    const struct family *family;
    unsigned number;
    int32_t id[MAX_FIGURES];
};

struct state {
    uint32_t runs;
    uint32_t count;
    uint64_t refused;
    struct device device[MAX_DEVICES];
};

// The device's file, or its directory when `file` is "". False when it does not fit.
static bool make_path(const struct varve_instance *self, const struct device *d, const char *file,
                      char path[VARVE_PATH_TEXT])
{
    const struct options *o = self->options;
    const struct family *f = d->family;
    return varve_format(path, VARVE_PATH_TEXT, "%s/%s/%s%u%s%s%s", o->sys, f->dir, f->before,
                        d->number, f->after, file[0] != '\0' ? "/" : "", file) < VARVE_PATH_TEXT;
}

static bool read_file(const struct varve_instance *self, const struct device *d, const char *file,
                      char text[TEXT_BYTES], struct varve_span *out)
{
    char path[VARVE_PATH_TEXT];
    if (!make_path(self, d, file, path))
        return false;
    int len = varve_port_read_text(path, text, TEXT_BYTES);
    *out = (struct varve_span){text, len > 0 ? (size_t)len : 0};
    return len > 0;
}

// ---- finding devices

static bool is_known(const struct state *s, const struct device *like)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (s->device[i].family == like->family && s->device[i].number == like->number)
            return true;
    return false;
}

// MTD also drives memory that does not wear.
static bool wears(const struct varve_instance *self, const struct device *d)
{
    char text[TEXT_BYTES], path[VARVE_PATH_TEXT];
    struct varve_span type;
    if (d->family->figures != mtd_figures)
        return make_path(self, d, "", path) && varve_port_path_exists(path) == 0;
    if (!read_file(self, d, "type", text, &type))
        return false;
    type = varve_sys_line(type);
    return varve_span_equals(type, "nand") || varve_span_equals(type, "mlc-nand") ||
           varve_span_equals(type, "nor") || varve_span_equals(type, "dataflash");
}

static void adopt(struct varve_instance *self, struct device *found)
{
    struct state *s = self->state;
    if (s->count == MAX_DEVICES) {
        if (s->refused++ == 0)
            varve_log(VARVE_WARNING, self->name, "more than %u devices: %s%u is left out",
                      MAX_DEVICES, found->family->before, found->number);
        return;
    }
    for (size_t i = 0; i < MAX_FIGURES; i++)
        found->id[i] = VARVE_UNREGISTERED;
    s->device[s->count++] = *found;
}

static void scan(struct varve_instance *self)
{
    for (size_t f = 0; f < FAMILIES; f++) {
        for (unsigned number = 0; number < MAX_NUMBER; number++) {
            struct device device = {.family = &families[f], .number = number};
            if (!is_known(self->state, &device) && wears(self, &device))
                adopt(self, &device);
        }
    }
}

// ---- the plugin

static int32_t register_figure(struct varve_instance *self, const struct device *d,
                               const struct figure *figure)
{
    char text[VARVE_SERIES_TEXT];
    const struct family *f = d->family;
    varve_format(text, sizeof text, "%s{device=\"%s%u%s\"%s}", figure->name, f->before, d->number,
                 f->after, figure->label); // every part is short
    struct varve_series_def def = {
        .text = text, .unit = figure->unit, .help = figure->help, .kind = figure->kind};
    return varve_instance_series(self, &def);
}

static void push_device(struct varve_instance *self, struct device *d)
{
    for (size_t i = 0; i < MAX_FIGURES && d->family->figures[i].file != NULL; i++) {
        const struct figure *figure = &d->family->figures[i];
        char text[TEXT_BYTES];
        struct varve_span span;
        double value;
        if (!read_file(self, d, figure->file, text, &span) || !figure->read(span, &value))
            continue;
        if (d->id[i] == VARVE_UNREGISTERED)
            d->id[i] = register_figure(self, d, figure);
        (void)varve_instance_push(self, d->id[i], value); // a full ring is counted by the host
    }
}

static int collect(struct varve_instance *self)
{
    struct state *s = self->state;
    if (s->runs++ % RESCAN_RUNS == RESCAN_RUNS - 1)
        scan(self);
    for (uint32_t i = 0; i < s->count; i++)
        push_device(self, &s->device[i]);
    return 0;
}

static int init(struct varve_instance *self)
{
    const struct options *o = self->options;
    const struct state *s = self->state;
    scan(self);
    if (s->count > 0)
        return 0;
    varve_instance_fail(self, "no eMMC, SD, NVMe, UBI or MTD device in %s", o->sys);
    return VARVE_E_NOT_FOUND;
}

static const struct varve_option options[] = {
    {"sys", VARVE_OPT_STRING, offsetof(struct options, sys), "/sys", 0, 0, NULL,
     "Where sysfs is mounted."},
    VARVE_OPTIONS_END,
};

static const struct varve_collector_ops ops = {.init = init, .collect = collect};

const struct varve_plugin varve_collector_flash = {
    VARVE_PLUGIN_HEADER,
    .name = "flash",
    .summary = "What flash devices say about their own wear",
    .kind = VARVE_COLLECTOR,
    .options = options,
    .options_size = sizeof(struct options),
    .state_size = sizeof(struct state),
    .collector = &ops,
    .default_interval_ms = DEFAULT_INTERVAL_S * 1000,
};
VARVE_PLUGIN(varve_collector_flash);
